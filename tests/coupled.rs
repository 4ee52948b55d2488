//! Crossbars between steep amplifiers: what they settle to balances.

use eqcircuit::numerics::coupled::{Attached, Attachments, Coupled};
use eqcircuit::numerics::crossbar::{Crossbar, Law, Lines, PortVoltages, Settings, Solver};
use eqcircuit::numerics::dae::{Dae, Instant, Stamps};
use eqcircuit::numerics::math::tanh;
use eqcircuit::numerics::seed::Seed;
use rand::RngExt;

const INPUTS: usize = 60;
const HIDDEN: usize = 24;
const OUTPUTS: usize = 4;
/// What leaks from a summing node \[S\].
const LEAK: f64 = 1e-6;
const SWING: f64 = 0.2;

/// Held inputs `+v`, `-v`; units of a summing node and two amplifier outputs `+v`, `-v`.
struct Network {
    inputs: Vec<f64>,
    gain: f64,
}

impl Network {
    fn summing(unit: usize) -> usize {
        2 * INPUTS + 3 * unit
    }

    /// Output of the amplifier of a unit, and its slope.
    fn output(&self, unit: usize, u: f64) -> (f64, f64) {
        if unit >= HIDDEN {
            return (self.gain / 8.0 * u, self.gain / 8.0);
        }
        let y = tanh(self.gain * u / SWING);
        (SWING * y, self.gain * (1.0 - y * y))
    }
}

impl Dae for Network {
    fn dim(&self) -> usize {
        2 * INPUTS + 3 * (HIDDEN + OUTPUTS)
    }

    /// Outputs are held by equations of their own: what they supply is no unknown here.
    fn eval(&self, _: Instant, x: &[f64], out: &mut Stamps) {
        for (k, x) in x.iter().enumerate().take(2 * INPUTS) {
            let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
            out.i(k, STIFF * (x - sign * self.inputs[k / 2]));
            out.di(k, k, STIFF);
        }
        for unit in 0..HIDDEN + OUTPUTS {
            let u = Network::summing(unit);
            out.i(u, LEAK * x[u]);
            out.di(u, u, LEAK);
            let (v, slope) = self.output(unit, x[u]);
            for (at, sign) in [(u + 1, 1.0), (u + 2, -1.0)] {
                out.i(at, STIFF * (x[at] - sign * v));
                out.di(at, at, STIFF);
                out.di(at, u, -STIFF * sign * slope);
            }
        }
    }

    fn name(&self, unknown: usize) -> String {
        unknown.to_string()
    }
}

/// Output conductance of sources and amplifiers \[S\].
const STIFF: f64 = 1e3;

/// Word lines of `from` units' outputs over bit lines of `to` units' summing nodes.
fn array(from: Vec<usize>, to: Vec<usize>, seed: u64) -> Attached {
    let (rows, cols) = (from.len(), to.len());
    let mut rng = Seed::new(seed).rng();
    let mut conductance = vec![1e-6; rows * cols];
    for pair in 0..rows / 2 {
        for col in 0..cols {
            let weight = rng.random_range(-60e-6..60e-6_f64);
            let row = 2 * pair + usize::from(weight < 0.0);
            conductance[row * cols + col] += weight.abs();
        }
    }
    let (word, bit) = (Lines::from_first(1.0, 1.0), Lines::from_last(1.0, 1.0));
    let crossbar = Crossbar { rows, cols, conductance, law: Law::Linear, word, bit };
    let solver = Solver::new(crossbar).expect("a sound crossbar");
    Attached { solver, word: [from, vec![]], bit: [vec![], to] }
}

fn arrays() -> Vec<Attached> {
    let outputs = |units: std::ops::Range<usize>| -> Vec<usize> {
        units.flat_map(|k| [Network::summing(k) + 1, Network::summing(k) + 2]).collect()
    };
    let sums = |units: std::ops::Range<usize>| units.map(Network::summing).collect::<Vec<_>>();
    let (hidden, last) = (0..HIDDEN, HIDDEN..HIDDEN + OUTPUTS);
    vec![
        array((0..2 * INPUTS).collect(), sums(hidden.clone()), 5),
        array(outputs(hidden.clone()), sums(last.clone()), 6),
        array(outputs(last), sums(hidden), 7),
    ]
}

#[test]
fn steep_amplifiers_come_to_rest() {
    let mut rng = Seed::new(3).rng();
    let inputs = (0..INPUTS).map(|_| rng.random_range(0.0..0.1)).collect();
    let network = Network { inputs, gain: 60.0 };
    let held: Vec<bool> = (0..network.dim()).map(|k| k < 2 * INPUTS).collect();
    let attachments = Attachments::new(&network, arrays(), &held);
    let mut coupled = Coupled::new(&network, &attachments);
    let mut x = vec![0.0; network.dim()];
    assert!(coupled.currents().is_empty());
    let balance = coupled.equilibrium(&mut x).expect("an equilibrium");
    assert!(balance.rounds <= 30, "{balance:?}");
    // The currents into every summing node, each crossbar solved anew.
    let mut sums = vec![0.0; network.dim()];
    let mut largest = 0.0_f64;
    for array in arrays() {
        let of = |at: &[usize]| at.iter().map(|&k| x[k]).collect::<Vec<f64>>();
        let ports =
            PortVoltages { word: [of(&array.word[0]), vec![]], bit: [vec![], of(&array.bit[1])] };
        let tight = Settings { tolerance: 1e-14, ..Settings::default() };
        let found = array.solver.solve(&ports, None, &tight).expect("sound voltages");
        for (&at, i) in array.bit[1].iter().zip(&found.bit_current[1]) {
            sums[at] -= i;
            largest = largest.max(i.abs());
        }
    }
    for u in (0..HIDDEN + OUTPUTS).map(Network::summing) {
        let left = LEAK * x[u] + sums[u];
        assert!(left.abs() <= 1e-10 * largest, "{left} of {largest} at {u}");
        assert!((coupled.currents()[u] - left).abs() <= 1e-10 * largest);
    }
}
