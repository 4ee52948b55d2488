use super::{Arg, Args, Element, Field, Own, Path, View, stamp_branch, stamp_transfer};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::units::{Dimension, Range, Siemens};

/// Holds `p` at `gain` times the voltage of `cp` over `cn`, above `n` (SPICE E).
#[derive(Debug, Clone, PartialEq)]
pub struct Vcvs {
    pub p: Node,
    pub n: Node,
    pub cp: Node,
    pub cn: Node,
    pub gain: f64,
}

impl Element for Vcvs {
    const SUMMARY: &'static str = "holds p at gain (v(cp) - v(cn)) above n";
    const FIELDS: &'static [Field] = &[
        Field::node("p"),
        Field::node("n"),
        Field::node("cp"),
        Field::node("cn"),
        Field::number("gain", Dimension::One, Range::Any),
    ];

    fn build(args: &mut Args) -> Self {
        let [p, n, cp, cn] = std::array::from_fn(|_| args.node());
        Vcvs { p, n, cp, cn, gain: args.number() }
    }

    fn args(&self) -> Vec<Arg> {
        let nodes = [self.p, self.n, self.cp, self.cn].map(Arg::Node);
        nodes.into_iter().chain([Arg::Number(self.gain)]).collect()
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::Current]
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: true }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        stamp_branch(at, out, self.p, self.n, 0);
        let row = at.own(0);
        let control = at.v(self.cp) - at.v(self.cn);
        out.i(row, at.v(self.p) - at.v(self.n) - self.gain * control);
        out.di(row, at.node(self.p), 1.0);
        out.di(row, at.node(self.n), -1.0);
        out.di(row, at.node(self.cp), -self.gain);
        out.di(row, at.node(self.cn), self.gain);
    }
}

/// A current of `gm` times the voltage of `cp` over `cn`, from `p` through the source to `n`
/// (SPICE G).
#[derive(Debug, Clone, PartialEq)]
pub struct Vccs {
    pub p: Node,
    pub n: Node,
    pub cp: Node,
    pub cn: Node,
    pub gm: Siemens,
}

impl Element for Vccs {
    const SUMMARY: &'static str = "draws gm (v(cp) - v(cn)) from p and pushes it into n";
    const FIELDS: &'static [Field] = &[
        Field::node("p"),
        Field::node("n"),
        Field::node("cp"),
        Field::node("cn"),
        Field::number("gm", Dimension::Siemens, Range::Any),
    ];

    fn build(args: &mut Args) -> Self {
        let [p, n, cp, cn] = std::array::from_fn(|_| args.node());
        Vccs { p, n, cp, cn, gm: args.number() }
    }

    fn args(&self) -> Vec<Arg> {
        let nodes = [self.p, self.n, self.cp, self.cn].map(Arg::Node);
        nodes.into_iter().chain([Arg::Number(self.gm)]).collect()
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn paths(&self) -> Vec<Path> {
        Vec::new()
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let i = self.gm * (at.v(self.cp) - at.v(self.cn));
        stamp_transfer(at, out, [self.p, self.n], [self.cp, self.cn], (i, self.gm));
    }
}
