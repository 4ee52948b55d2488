use super::parameters::parameters;
use super::{Arg, Args, Element, Field, Kind, Noise, Path, View, stamp_transfer};
use crate::netlist::{Node, ROOM_TEMPERATURE};
use crate::numerics::dae::Stamps;
use crate::units::{Dimension, Kelvin, Range, Siemens};

parameters! {
    /// An ohmic conductance. Its resistance at a temperature `T` is
    /// `(1 + tc1 (T - 27 degrees) + tc2 (T - 27 degrees)^2) / g`.
    pub struct Resistor {
        /// one end
        p: Node = "p", Kind::Node;
        /// the other end
        n: Node = "n", Kind::Node;
        /// conductance, or `r`, its resistance
        g: Siemens = "g", Kind::Conductance;
        /// linear temperature coefficient of the resistance; 0 where left out
        tc1: Option<f64> = "tc1", Kind::optional(Dimension::PerKelvin, Range::Any);
        /// quadratic temperature coefficient of the resistance; 0 where left out
        tc2: Option<f64> = "tc2", Kind::optional(Dimension::PerSquareKelvin, Range::Any);
    }
}

impl Resistor {
    fn conductance(&self, temperature: Kelvin) -> Siemens {
        if self.tc1.is_none() && self.tc2.is_none() {
            return self.g;
        }
        let above = temperature - ROOM_TEMPERATURE;
        let factor = 1.0 + above * (self.tc1.unwrap_or(0.0) + above * self.tc2.unwrap_or(0.0));
        self.g / factor
    }
}

impl Element for Resistor {
    const SUMMARY: &'static str = "ohmic conductance between p and n";
    const FIELDS: &'static [Field] = Resistor::FIELDS;

    fn build(args: &mut Args) -> Self {
        Resistor::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: false }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        // From a node to itself: its slopes would cancel, and take digits of others with them.
        if self.p == self.n {
            return;
        }
        let (pins, g) = ([self.p, self.n], self.conductance(at.temperature));
        stamp_transfer(at, out, pins, pins, (g * (at.v(self.p) - at.v(self.n)), g));
    }

    /// Thermal: `4 k T g` (Nyquist 1928).
    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        let g = self.conductance(at.temperature);
        out.push(at.thermal([at.node(self.p), at.node(self.n)], g));
    }
}
