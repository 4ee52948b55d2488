use super::{Arg, Args, Element, Field, Path, View, stamp_branch};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::units::{Ampere, Dimension, Range, Volt};

/// Holds `p` at `dc` above `n`. Its branch current flows from `p` through the source to `n`.
#[derive(Debug, Clone, PartialEq)]
pub struct VoltageSource {
    pub p: Node,
    pub n: Node,
    pub dc: Volt,
}

impl Element for VoltageSource {
    const SUMMARY: &'static str = "holds p at dc volts above n";
    const FIELDS: &'static [Field] =
        &[Field::node("p"), Field::node("n"), Field::number("dc", Dimension::Volt, Range::Any)];

    fn build(args: &mut Args) -> Self {
        VoltageSource { p: args.node(), n: args.node(), dc: args.number() }
    }

    fn args(&self) -> Vec<Arg> {
        vec![Arg::Node(self.p), Arg::Node(self.n), Arg::Number(self.dc)]
    }

    fn branches(&self) -> usize {
        1
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: true }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        stamp_branch(at, out, self.p, self.n, 0);
        let row = at.branch(0);
        out.i(row, at.v(self.p) - at.v(self.n) - self.dc);
        out.di(row, at.node(self.p), 1.0);
        out.di(row, at.node(self.n), -1.0);
    }
}

/// A current of `dc` from `p` through the source to `n`, as in SPICE: it is drawn from the
/// circuit at `p` and pushed into it at `n`.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentSource {
    pub p: Node,
    pub n: Node,
    pub dc: Ampere,
}

impl Element for CurrentSource {
    const SUMMARY: &'static str = "draws dc amperes from p and pushes them into n";
    const FIELDS: &'static [Field] =
        &[Field::node("p"), Field::node("n"), Field::number("dc", Dimension::Ampere, Range::Any)];

    fn build(args: &mut Args) -> Self {
        CurrentSource { p: args.node(), n: args.node(), dc: args.number() }
    }

    fn args(&self) -> Vec<Arg> {
        vec![Arg::Node(self.p), Arg::Node(self.n), Arg::Number(self.dc)]
    }

    fn paths(&self) -> Vec<Path> {
        Vec::new()
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        out.i(at.node(self.p), self.dc);
        out.i(at.node(self.n), -self.dc);
    }
}
