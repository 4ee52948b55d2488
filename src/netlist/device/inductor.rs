use super::parameters::parameters;
use super::{Arg, Args, Device, Element, Field, Kind, Own, Path, View, stamp_branch};
use crate::netlist::{DeviceId, Node};
use crate::numerics::dae::{Instant, Stamps};
use crate::numerics::math::sqrt;
use crate::units::{Dimension, Henry, Range};

parameters! {
    /// A linear inductance: `v(p) - v(n) = d(l i)/dt`, with the current `i` from `p` through it
    /// to `n` as an unknown. At rest it is a short circuit.
    pub struct Inductor {
        /// where its current enters
        p: Node = "p", Kind::Node;
        /// where its current leaves
        n: Node = "n", Kind::Node;
        /// inductance
        l: Henry = "l", Kind::required(Dimension::Henry, Range::NonNegative);
        /// current from p to n where a motion starts without an operating point
        initial: Option<f64> = "initial", Kind::optional(Dimension::Ampere, Range::Any);
    }
}

impl Inductor {
    /// The current that its flux is that of.
    fn current(&self, at: &View, row: usize) -> f64 {
        match (at.at, self.initial) {
            (Instant::Start, Some(initial)) => initial,
            _ => at.x[row],
        }
    }
}

impl Element for Inductor {
    const SUMMARY: &'static str = "linear inductance between p and n";
    const FIELDS: &'static [Field] = Inductor::FIELDS;

    fn build(args: &mut Args) -> Self {
        Inductor::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::Inertia]
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
        out.i(row, at.v(self.n) - at.v(self.p));
        out.di(row, at.node(self.p), -1.0);
        out.di(row, at.node(self.n), 1.0);
        out.q(row, self.l * self.current(at, row));
        out.dq(row, row, self.l);
    }
}

parameters! {
    /// The mutual inductance `m = k sqrt(l1 l2)` of two inductors (SPICE K): each has `m` times
    /// the current of the other in its flux. Currents that enter both at `p` add up where `k` is
    /// above zero.
    pub struct Coupling {
        /// name of an inductor
        l1: DeviceId = "l1", Kind::Branch;
        /// name of another
        l2: DeviceId = "l2", Kind::Branch;
        /// coupling coefficient, from -1 to 1
        k: f64 = "k", Kind::required(Dimension::One, Range::WithinOne);
    }
}

impl Coupling {
    /// The two inductors; `None` where either device is something else or they are one.
    pub(in crate::netlist) fn pair<'a>(
        &self,
        devices: &'a [(String, Device)],
    ) -> Option<[&'a Inductor; 2]> {
        let inductor = |id: DeviceId| match devices.get(id.0) {
            Some((_, Device::Inductor(inductor))) => Some(inductor),
            _ => None,
        };
        let pair = [inductor(self.l1)?, inductor(self.l2)?];
        (self.l1 != self.l2).then_some(pair)
    }
}

impl Element for Coupling {
    const SUMMARY: &'static str = "mutual inductance k sqrt(l1 l2) of two inductors";
    const FIELDS: &'static [Field] = Coupling::FIELDS;

    fn build(args: &mut Args) -> Self {
        Coupling::take(args)
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
        let Some([l1, l2]) = self.pair(at.devices) else { return };
        let m = self.k * sqrt(l1.l * l2.l);
        let [one, two] = [at.branch_of(self.l1), at.branch_of(self.l2)];
        out.q(one, m * l2.current(at, two));
        out.q(two, m * l1.current(at, one));
        out.dq(one, two, m);
        out.dq(two, one, m);
    }
}
