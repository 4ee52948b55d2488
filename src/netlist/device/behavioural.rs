use super::parameters::parameters;
use super::{Arg, Args, Element, Field, Kind, Own, Path, View, flow, stamp_branch};
use crate::netlist::Node;
use crate::netlist::expression::{self, Dialect, Expression, Probe};
use crate::numerics::dae::Stamps;
use crate::units::{Ampere, Dimension, Kelvin, Ohm, Volt};

/// 0 degrees Celsius \[K\].
const CELSIUS: Kelvin = 273.15;

/// The value of an expression, and its slope in the unknown of each column. At rest the time is
/// 0.
fn value(expression: &Expression<Probe>, at: &View) -> (f64, Vec<(usize, f64)>) {
    let leaves = expression.leaves();
    let values: Vec<f64> = leaves
        .iter()
        .map(|leaf| match *leaf {
            Probe::Voltage(a, b) => at.v(a) - at.v(b),
            Probe::Current(device) => at.x[at.branch_of(device)],
            Probe::Time => at.at.time(),
            Probe::Temperature => at.temperature - CELSIUS,
        })
        .collect();
    let mut slopes = vec![0.0; leaves.len()];
    let value = expression.gradient(&values, &mut slopes);
    let mut columns = Vec::with_capacity(2 * leaves.len());
    for (leaf, slope) in leaves.iter().zip(slopes) {
        match *leaf {
            Probe::Voltage(a, b) => columns.extend([(at.node(a), slope), (at.node(b), -slope)]),
            Probe::Current(device) => columns.push((at.branch_of(device), slope)),
            Probe::Time | Probe::Temperature => {}
        }
    }
    (value, columns)
}

parameters! {
    /// Holds `p` above `n` by an expression of node voltages, branch currents and time (SPICE B
    /// with `v=`).
    pub struct BehaviouralVoltage {
        /// the node held
        p: Node = "p", Kind::Node;
        /// what it is held above
        n: Node = "n", Kind::Node;
        /// voltage of p over n, such as `2 * v(a, b) + 1k * i(v1)`
        v: Expression<Probe> = "v", Kind::Expression { dimension: Dimension::Volt };
    }
}

impl Element for BehaviouralVoltage {
    const SUMMARY: &'static str = "holds p above n by an expression of voltages, currents, time";
    const FIELDS: &'static [Field] = BehaviouralVoltage::FIELDS;

    fn build(args: &mut Args) -> Self {
        BehaviouralVoltage::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::Current]
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: true }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        stamp_branch(at, out, self.p, self.n, 0);
        let (row, (value, slopes)) = (at.own(0), value(&self.v, at));
        out.i(row, at.v(self.p) - at.v(self.n) - value);
        out.di(row, at.node(self.p), 1.0);
        out.di(row, at.node(self.n), -1.0);
        for (column, slope) in slopes {
            out.di(row, column, -slope);
        }
    }
}

parameters! {
    /// A current by an expression of node voltages, branch currents and time, from `p` through the
    /// source to `n` (SPICE B with `i=`).
    pub struct BehaviouralCurrent {
        /// where the current is drawn
        p: Node = "p", Kind::Node;
        /// where it is pushed in
        n: Node = "n", Kind::Node;
        /// current, such as `1m * tanh(v(a))`
        i: Expression<Probe> = "i", Kind::Expression { dimension: Dimension::Ampere };
    }
}

impl Element for BehaviouralCurrent {
    const SUMMARY: &'static str = "draws a current from p and pushes it into n by an expression";
    const FIELDS: &'static [Field] = BehaviouralCurrent::FIELDS;

    fn build(args: &mut Args) -> Self {
        BehaviouralCurrent::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    /// A direct current can flow where the expression knows the voltage of one of its pins.
    fn paths(&self) -> Vec<Path> {
        let own = |node: Node| node != Node::GROUND && (node == self.p || node == self.n);
        let conducts = self.i.leaves().iter().any(|leaf| match *leaf {
            Probe::Voltage(a, b) => own(a) || own(b),
            _ => false,
        });
        let path = Path { from: self.p, to: self.n, forces: false };
        if conducts { vec![path] } else { Vec::new() }
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let (i, slopes) = value(&self.i, at);
        flow(out, [at.node(self.p), at.node(self.n)], i, &slopes);
    }
}

impl BehaviouralCurrent {
    /// `i = current sinh(v / v0)` from `p` to `n`.
    pub fn sinh(p: Node, n: Node, current: Ampere, v0: Volt) -> BehaviouralCurrent {
        let law = format!("{current:?} * sinh(v(p, n) / {v0:?})");
        BehaviouralCurrent::of(p, n, &law)
    }

    /// A transistor that is on, by the square law: `r_on` at 0 V, up to `saturation` either way.
    pub fn channel(p: Node, n: Node, r_on: Ohm, saturation: Ampere) -> BehaviouralCurrent {
        let share = format!("limit(abs(v(p, n)) / {:?}, 0, 1)", 2.0 * saturation * r_on);
        let law = format!("{saturation:?} * sgn(v(p, n)) * {share} * (2 - {share})");
        BehaviouralCurrent::of(p, n, &law)
    }

    /// A law of `v(p, n)`.
    fn of(p: Node, n: Node, law: &str) -> BehaviouralCurrent {
        let law = expression::parse(law, Dialect::Home).expect("an expression");
        BehaviouralCurrent { p, n, i: law.map(|_| Probe::Voltage(p, n)) }
    }
}
