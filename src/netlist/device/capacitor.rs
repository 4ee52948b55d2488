use super::parameters::parameters;
use super::{Arg, Args, Element, Field, Kind, Path, View, charge};
use crate::netlist::Node;
use crate::numerics::dae::{Instant, Stamps};
use crate::units::{Dimension, Farad, Range};

parameters! {
    /// A linear capacitance.
    pub struct Capacitor {
        /// one plate
        p: Node = "p", Kind::Node;
        /// the other plate
        n: Node = "n", Kind::Node;
        /// capacitance
        c: Farad = "c", Kind::required(Dimension::Farad, Range::NonNegative);
        /// voltage of p over n where a motion starts without an operating point
        initial: Option<f64> = "initial", Kind::optional(Dimension::Volt, Range::Any);
    }
}

impl Element for Capacitor {
    const SUMMARY: &'static str = "linear capacitance between p and n";
    const FIELDS: &'static [Field] = Capacitor::FIELDS;

    fn build(args: &mut Args) -> Self {
        Capacitor::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn paths(&self) -> Vec<Path> {
        Vec::new()
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let pins = [at.node(self.p), at.node(self.n)];
        let v = match (at.at, self.initial) {
            (Instant::Start, Some(initial)) => initial,
            _ => at.v(self.p) - at.v(self.n),
        };
        charge(out, pins, self.c * v, &[(pins[0], self.c), (pins[1], -self.c)]);
    }
}
