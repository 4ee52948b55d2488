//! Random circuits of known elements, their text, and the currents that a solution implies.

use std::collections::HashMap;
use std::fmt::Write;

use eqcircuit::numerics::math;
use proptest::prelude::*;

/// k 300.15 K / q
const VT: f64 = 1.380649e-23 / 1.602176634e-19 * 300.15;

/// What every junction has in parallel.
const GMIN: f64 = 1e-12;

/// One of several, by its share of the way from the first to the last.
#[derive(Debug, Clone, Copy)]
pub struct Pick(u16);

impl Pick {
    pub fn of(self, count: usize) -> usize {
        usize::from(self.0) * count / (1 << 16)
    }
}

pub fn pick() -> impl Strategy<Value = Pick> {
    any::<u16>().prop_map(Pick)
}

/// An element between two nodes; the controlled ones look at two more.
#[derive(Debug, Clone)]
pub enum Part {
    Resistor(f64),
    Capacitor(f64),
    Inductor,
    Diode(f64),
    Current(f64),
    /// In series with a resistor, so that sources never make a loop.
    Voltage(f64, f64),
    /// A cubic conductance.
    Cubic(f64),
    Sinh(f64),
    Vccs(f64, Pick, Pick),
    /// In series with a resistor.
    Vcvs(f64, f64, Pick, Pick),
}

/// A connected circuit: every node but ground (0) hangs on an earlier one by a resistor.
#[derive(Debug, Clone)]
pub struct Circuit {
    tree: Vec<(Pick, f64)>,
    parts: Vec<(Part, Pick, Pick)>,
}

fn ohms() -> impl Strategy<Value = f64> {
    (0.0..6.0f64).prop_map(|p| eqcircuit::numerics::math::pow(10.0, p))
}

pub fn passive() -> impl Strategy<Value = Part> {
    prop_oneof![
        ohms().prop_map(Part::Resistor),
        (-12.0..-6.0f64).prop_map(|p| Part::Capacitor(eqcircuit::numerics::math::pow(10.0, p))),
        Just(Part::Inductor),
        (-16.0..-10.0f64).prop_map(|p| Part::Diode(eqcircuit::numerics::math::pow(10.0, p))),
        (-0.01..0.01f64).prop_map(Part::Current),
        (-10.0..10.0f64, ohms()).prop_map(|(v, r)| Part::Voltage(v, r)),
        (1e-6..1e-3f64).prop_map(Part::Cubic),
        (1e-6..1e-4f64).prop_map(Part::Sinh),
    ]
}

pub fn active() -> impl Strategy<Value = Part> {
    let look = || (pick(), pick());
    prop_oneof![
        4 => passive(),
        1 => (-1e-3..1e-3f64, look()).prop_map(|(g, (p, n))| Part::Vccs(g, p, n)),
        1 => (-5.0..5.0f64, ohms(), look()).prop_map(|(g, r, (p, n))| Part::Vcvs(g, r, p, n)),
    ]
}

pub fn circuits<S: Strategy<Value = Part>>(part: S) -> impl Strategy<Value = Circuit> {
    let place = (part, pick(), pick());
    let tree = prop::collection::vec((pick(), ohms()), 1..6);
    (tree, prop::collection::vec(place, 1..12)).prop_map(|(tree, parts)| Circuit { tree, parts })
}

impl Circuit {
    /// Nodes 1 to this, beside ground.
    fn nodes(&self) -> usize {
        self.tree.len()
    }

    fn node(&self, pick: Pick) -> usize {
        pick.of(self.nodes() + 1)
    }

    /// The element lines.
    pub fn elements(&self) -> String {
        let mut text = String::new();
        for (k, (parent, r)) in self.tree.iter().enumerate() {
            let _ = writeln!(text, "rt{k} {} {} {r:e}", k + 1, parent.of(k + 1));
        }
        for (k, (part, a, b)) in self.parts.iter().enumerate() {
            let (a, b) = (self.node(*a), self.node(*b));
            let _ = match part {
                Part::Resistor(r) => writeln!(text, "r{k} {a} {b} {r:e}"),
                Part::Capacitor(c) => writeln!(text, "c{k} {a} {b} {c:e}"),
                Part::Inductor => writeln!(text, "rl{k} {a} y{k} 10\nl{k} y{k} {b} 1m"),
                Part::Diode(is) => writeln!(text, "d{k} {a} {b} m{k}\n.model m{k} d(is={is:e})"),
                Part::Current(i) => writeln!(text, "i{k} {a} {b} {i:e}"),
                Part::Voltage(v, r) => writeln!(text, "v{k} x{k} {b} {v:e}\nrv{k} {a} x{k} {r:e}"),
                Part::Cubic(g) => {
                    let v = format!("v({a},{b})");
                    writeln!(text, "b{k} {a} {b} i={g:e}*{v}*{v}*{v}")
                }
                Part::Sinh(g) => writeln!(text, "b{k} {a} {b} i={g:e}*sinh(v({a},{b})/2)"),
                Part::Vccs(g, p, n) => {
                    writeln!(text, "g{k} {a} {b} {} {} {g:e}", self.node(*p), self.node(*n))
                }
                Part::Vcvs(g, r, p, n) => {
                    let (p, n) = (self.node(*p), self.node(*n));
                    writeln!(text, "e{k} x{k} {b} {p} {n} {g:e}\nre{k} {a} x{k} {r:e}")
                }
            };
        }
        text
    }

    pub fn deck(&self, analyses: &str) -> String {
        format!("random\n{}{analyses}\n.end\n", self.elements())
    }

    /// The largest violation of Kirchhoff's current law over the numbered nodes \[A\], and the
    /// largest current of any element.
    pub fn kirchhoff(&self, op: &HashMap<String, f64>) -> (f64, f64) {
        let volt = |node: usize| match node {
            0 => 0.0,
            k => op[&format!("v({k})")],
        };
        let inner = |k: usize| op[&format!("v(x{k})")];
        let mut into = vec![0.0; self.nodes() + 1];
        let mut largest = 0.0f64;
        let mut flow = |a: usize, b: usize, i: f64| {
            into[a] -= i;
            into[b] += i;
            largest = largest.max(i.abs());
        };
        for (k, (parent, r)) in self.tree.iter().enumerate() {
            let (a, b) = (k + 1, parent.of(k + 1));
            flow(a, b, (volt(a) - volt(b)) / r);
        }
        for (k, (part, a, b)) in self.parts.iter().enumerate() {
            let (a, b) = (self.node(*a), self.node(*b));
            let v = volt(a) - volt(b);
            let i = match part {
                Part::Resistor(r) => v / r,
                Part::Capacitor(_) => 0.0,
                Part::Inductor => op[&format!("i(l{k})")],
                Part::Diode(is) => diode(v, *is),
                Part::Current(i) => *i,
                Part::Voltage(_, r) | Part::Vcvs(_, r, ..) => (volt(a) - inner(k)) / r,
                Part::Cubic(g) => g * v * v * v,
                Part::Sinh(g) => g * math::sinh(v / 2.0),
                Part::Vccs(g, p, n) => g * (volt(self.node(*p)) - volt(self.node(*n))),
            };
            flow(a, b, i);
        }
        (into[1..].iter().fold(0.0, |m, i| i.abs().max(m)), largest)
    }
}

/// Shockley's law, with SPICE's cubic tail in reverse.
fn diode(v: f64, is: f64) -> f64 {
    let cube = 3.0 * VT / (v * std::f64::consts::E);
    let i = match v >= -3.0 * VT {
        true => is * math::expm1(v / VT),
        false => -is * (1.0 + cube * cube * cube),
    };
    i + GMIN * v
}

/// What the properties rest on: a divider of 2 V is balanced at 1 V and nowhere else.
#[test]
fn a_wrong_voltage_violates_kirchhoffs_law() {
    let source = (Part::Voltage(2.0, 1e3), Pick(u16::MAX), Pick(0));
    let circuit = Circuit { tree: vec![(Pick(0), 1e3)], parts: vec![source] };
    assert!(circuit.elements().contains("v0 x0 0 2e0\nrv0 1 x0 1e3"), "{}", circuit.elements());
    let violation = |v: f64| {
        let op = HashMap::from([("v(1)".to_owned(), v), ("v(x0)".to_owned(), 2.0)]);
        circuit.kirchhoff(&op).0
    };
    assert_eq!(violation(1.0), 0.0);
    assert!((violation(1.001) - 2e-6).abs() < 1e-15);
}
