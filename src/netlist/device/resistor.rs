use super::{Arg, Args, Element, Field, Kind, Noise, Path, View, stamp_transfer};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::units::{BOLTZMANN, Siemens};

/// An ohmic conductance.
#[derive(Debug, Clone, PartialEq)]
pub struct Resistor {
    pub p: Node,
    pub n: Node,
    pub g: Siemens,
}

impl Element for Resistor {
    const SUMMARY: &'static str = "ohmic conductance between p and n";
    const FIELDS: &'static [Field] =
        &[Field::node("p"), Field::node("n"), Field { key: "g", kind: Kind::Conductance }];

    fn build(args: &mut Args) -> Self {
        Resistor { p: args.node(), n: args.node(), g: args.number() }
    }

    fn args(&self) -> Vec<Arg> {
        vec![Arg::Node(self.p), Arg::Node(self.n), Arg::Number(self.g)]
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: false }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let pins = [self.p, self.n];
        stamp_transfer(at, out, pins, pins, (self.g * (at.v(self.p) - at.v(self.n)), self.g));
    }

    /// Thermal: `4 k T g` (Nyquist 1928).
    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        out.push(Noise {
            name: "thermal",
            from: at.node(self.p),
            to: at.node(self.n),
            white: 4.0 * BOLTZMANN * at.temperature * self.g,
            flicker: 0.0,
            exponent: 1.0,
        });
    }
}
