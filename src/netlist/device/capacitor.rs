use super::{Arg, Args, Element, Field, Path, View};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::units::{Dimension, Farad, Range};

/// A linear capacitance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Capacitor {
    pub p: Node,
    pub n: Node,
    pub c: Farad,
}

impl Element for Capacitor {
    const SUMMARY: &'static str = "linear capacitance between p and n";
    const FIELDS: &'static [Field] = &[
        Field::node("p"),
        Field::node("n"),
        Field::number("c", Dimension::Farad, Range::Positive),
    ];

    fn build(args: &mut Args) -> Self {
        Capacitor { p: args.node(), n: args.node(), c: args.number() }
    }

    fn args(&self) -> Vec<Arg> {
        vec![Arg::Node(self.p), Arg::Node(self.n), Arg::Number(self.c)]
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn paths(&self) -> Vec<Path> {
        Vec::new()
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let q = self.c * (at.v(self.p) - at.v(self.n));
        let (p, n) = (at.node(self.p), at.node(self.n));
        out.q(p, q);
        out.q(n, -q);
        out.dq(p, p, self.c);
        out.dq(p, n, -self.c);
        out.dq(n, p, -self.c);
        out.dq(n, n, self.c);
    }
}
