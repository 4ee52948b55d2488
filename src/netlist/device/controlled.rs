use super::parameters::parameters;
use super::{Arg, Args, Element, Field, Kind, Own, Path, View, flow, stamp_branch, stamp_transfer};
use crate::netlist::{DeviceId, Node};
use crate::numerics::dae::Stamps;
use crate::units::{Dimension, Ohm, Range, Siemens};

parameters! {
    /// Holds `p` at `gain` times the voltage of `cp` over `cn`, above `n` (SPICE E).
    pub struct Vcvs {
        /// the node held
        p: Node = "p", Kind::Node;
        /// what it is held above
        n: Node = "n", Kind::Node;
        /// where the controlling voltage is taken
        cp: Node = "cp", Kind::Node;
        /// what it is taken against
        cn: Node = "cn", Kind::Node;
        /// voltage gain
        gain: f64 = "gain", Kind::required(Dimension::One, Range::Any);
    }
}

impl Element for Vcvs {
    const SUMMARY: &'static str = "holds p at gain (v(cp) - v(cn)) above n";
    const FIELDS: &'static [Field] = Vcvs::FIELDS;

    fn build(args: &mut Args) -> Self {
        Vcvs::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
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

parameters! {
    /// A current of `gm` times the voltage of `cp` over `cn`, from `p` through the source to `n`
    /// (SPICE G).
    pub struct Vccs {
        /// where the current is drawn
        p: Node = "p", Kind::Node;
        /// where it is pushed in
        n: Node = "n", Kind::Node;
        /// where the controlling voltage is taken
        cp: Node = "cp", Kind::Node;
        /// what it is taken against
        cn: Node = "cn", Kind::Node;
        /// transconductance
        gm: Siemens = "gm", Kind::required(Dimension::Siemens, Range::Any);
    }
}

impl Element for Vccs {
    const SUMMARY: &'static str = "draws gm (v(cp) - v(cn)) from p and pushes it into n";
    const FIELDS: &'static [Field] = Vccs::FIELDS;

    fn build(args: &mut Args) -> Self {
        Vccs::take(args)
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
        let i = self.gm * (at.v(self.cp) - at.v(self.cn));
        stamp_transfer(at, out, [self.p, self.n], [self.cp, self.cn], (i, self.gm));
    }
}

parameters! {
    /// A current of `gain` times the branch current of another device, from `p` through the
    /// source to `n` (SPICE F).
    pub struct Cccs {
        /// where the current is drawn
        p: Node = "p", Kind::Node;
        /// where it is pushed in
        n: Node = "n", Kind::Node;
        /// name of the device whose branch current controls it, such as a voltage source
        control: DeviceId = "control", Kind::Branch;
        /// current gain
        gain: f64 = "gain", Kind::required(Dimension::One, Range::Any);
    }
}

impl Element for Cccs {
    const SUMMARY: &'static str = "draws gain i(control) from p and pushes it into n";
    const FIELDS: &'static [Field] = Cccs::FIELDS;

    fn build(args: &mut Args) -> Self {
        Cccs::take(args)
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
        let control = at.branch_of(self.control);
        let pins = [at.node(self.p), at.node(self.n)];
        flow(out, pins, self.gain * at.x[control], &[(control, self.gain)]);
    }
}

parameters! {
    /// Holds `p` at `rm` times the branch current of another device, above `n` (SPICE H).
    pub struct Ccvs {
        /// the node held
        p: Node = "p", Kind::Node;
        /// what it is held above
        n: Node = "n", Kind::Node;
        /// name of the device whose branch current controls it, such as a voltage source
        control: DeviceId = "control", Kind::Branch;
        /// transresistance
        rm: Ohm = "rm", Kind::required(Dimension::Ohm, Range::Any);
    }
}

impl Element for Ccvs {
    const SUMMARY: &'static str = "holds p at rm i(control) above n";
    const FIELDS: &'static [Field] = Ccvs::FIELDS;

    fn build(args: &mut Args) -> Self {
        Ccvs::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
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
        let (row, control) = (at.own(0), at.branch_of(self.control));
        out.i(row, at.v(self.p) - at.v(self.n) - self.rm * at.x[control]);
        out.di(row, at.node(self.p), 1.0);
        out.di(row, at.node(self.n), -1.0);
        out.di(row, control, -self.rm);
    }
}
