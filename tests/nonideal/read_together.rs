//! Noise of reads together with what bends or delays it: cells that are not linear, amplifiers that
//! lag, a supply that gives way.

use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{Behavioural, Circuit};
use eqcircuit::model::Activation;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    Amplifier, Analysis, ArrayStyle, Conduction, Flicker, NeuronSpread, NonIdeal, Precision,
    ReadNoise, Supply, Telegraph, Transistor, Trend,
};
use eqcircuit::units::BOLTZMANN;

use super::common::{hardware, layered};
use super::read::{INPUT, cells, deviations, drive, nodes, settle};
use super::read_engines::{self, INPUT as PAIR, check_small_signals, spreads, tau};
use super::{LIMIT, check_moments};

const KT: f64 = BOLTZMANN * 300.0;
/// Where inputs are, a cell's slope is several times that at 0 V.
const V0: f64 = 0.06;

fn bent() -> Conduction {
    Conduction { v0: Some(V0), ..Conduction::default() }
}

fn in_series(r_on: f64) -> Conduction {
    let transistor = Some(Transistor { r_on, saturation: None });
    Conduction { transistor, ..Conduction::default() }
}

fn lagging(tau: f64) -> Amplifier {
    let bandwidth = Some(1.0 / (2.0 * std::f64::consts::PI * tau));
    Amplifier { bandwidth, gain: Some(20.0), ..Amplifier::default() }
}

/// Ten linear nodes that see inputs only.
fn alone(bad: NonIdeal) -> Chip {
    let model = nodes(10);
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    fabricate(&fabric, &bad, Seed::new(4))
}

fn per_volt(chip: &Chip) -> f64 {
    chip.fabric.layers[1].gain / chip.fabric.hardware.v_unit
}

/// Of bent cells the density `4 k T g cosh(v / v0)` meets the conductance `g cosh(v / v0)`, so that a
/// node has `k T / C` wherever it rests.
#[test]
fn a_node_of_bent_cells_has_kt_over_c_wherever_it_rests() {
    let read = ReadNoise { thermal: 300.0, step: 0.02, ..ReadNoise::default() };
    let chip = alone(NonIdeal { read, cell: bent(), ..NonIdeal::default() });
    let sigma = (KT / chip.fabric.hardware.c_node).sqrt();
    let values = deviations(&chip, 4000, |_, _| 1.0 / (sigma * per_volt(&chip)));
    check_moments(&values, 0.0, 1.0, "thermal noise of bent cells");
}

/// What outputs do is nothing to nodes that no output feeds.
#[test]
fn a_node_has_kt_over_c_before_an_amplifier_that_lags() {
    let plain = alone(NonIdeal::default());
    let tau = plain.fabric.layers[1].tau;
    for lag in [0.3, 3.0] {
        let read = ReadNoise { thermal: 300.0, step: 0.05, ..ReadNoise::default() };
        let mut bad = NonIdeal { read, ..NonIdeal::default() };
        bad.periphery.amplifier = lagging(lag * tau);
        let chip = alone(bad);
        let window = chip.read_window().unwrap();
        assert!(window.step <= 0.05 * tau * lag.min(1.0) && window.steps > 100);
        let sigma = (KT / chip.fabric.hardware.c_node).sqrt();
        let values = deviations(&chip, 4000, |_, _| 1.0 / (sigma * per_volt(&chip)));
        check_moments(&values, 0.0, 1.0, "thermal noise before a lag");
    }
}

/// A deviation of conductance lets a bent cell's current deviate by as much, and its node's slope
/// is that of all its cells.
#[test]
fn a_deviation_multiplies_the_current_of_a_bent_cell() {
    let plain = alone(NonIdeal::default());
    let hold = Some(12.0 * plain.fabric.layers[1].tau);
    let read = ReadNoise { proportional: 0.01, hold, ..ReadNoise::default() };
    let chip = alone(NonIdeal { read, cell: bent(), ..NonIdeal::default() });
    let sigma = |i: usize, x: f64| {
        let cells = cells(&chip, i, x);
        let current = |(g, v): &(f64, f64)| 0.01 * g * V0 * (v / V0).sinh();
        let sum: f64 = cells.iter().map(|cell| current(cell).powi(2)).sum();
        let slope: f64 = cells.iter().map(|(g, v)| g * (v / V0).cosh()).sum();
        per_volt(&chip) * sum.sqrt() / (slope + chip.fabric.layers[1].leak[i])
    };
    let values = deviations(&chip, 2000, |i, x| 1.0 / sigma(i, x));
    check_moments(&values, 0.0, 1.0, "proportional noise of bent cells");
}

/// Behind a transistor that is on, what stores is only part of the resistance of its cell.
#[test]
fn a_resistance_in_series_hides_part_of_a_deviation() {
    const R_ON: f64 = 20e3;
    let plain = alone(NonIdeal::default());
    let hold = Some(12.0 * plain.fabric.layers[1].tau);
    let read = ReadNoise { proportional: 0.03, hold, ..ReadNoise::default() };
    let chip = alone(NonIdeal { read, cell: in_series(R_ON), ..NonIdeal::default() });
    let conducts = |g: f64| g / (1.0 + g * R_ON);
    let sigma = |i: usize, x: f64| {
        let cells = cells(&chip, i, x);
        let slope = |g: f64| (conducts(1.001 * g) - conducts(0.999 * g)) / (0.002 * g);
        let sum: f64 = cells.iter().map(|(g, v)| (0.03 * g * slope(*g) * v).powi(2)).sum();
        let total: f64 = cells.iter().map(|(g, _)| conducts(*g)).sum();
        per_volt(&chip) * sum.sqrt() / (total + chip.fabric.layers[1].leak[i])
    };
    let values = deviations(&chip, 2000, |i, x| 1.0 / sigma(i, x));
    check_moments(&values, 0.0, 1.0, "proportional noise behind a resistance");
}

/// Two nodes that drive each other, so that what happens between them shows.
fn looped(bad: &NonIdeal) -> Chip {
    let activations = [Activation::Tanh, Activation::Identity, Activation::Identity];
    let mut model = layered(&[2, 1, 1], &activations, 0.5, Seed::new(3));
    model.couplings[2].values_mut().fill(0.75);
    let mut bad = bad.clone();
    bad.fabrication.neuron = NeuronSpread { offset: 1e-3, gain: 0.02, time_constant: 0.1 };
    fabricate(&compile(&model, &hardware(&model, ArrayStyle::Twin)), &bad, Seed::new(6))
}

type Made = fn(&NonIdeal) -> Chip;

fn others() -> Vec<(&'static str, NonIdeal, Made)> {
    let base = NonIdeal::default();
    let mut lag = base.clone();
    lag.periphery.amplifier = lagging(tau());
    let mut droop = base.clone();
    droop.periphery.supply = Some(Supply { droop: 100e3, voltage: 0.2 });
    let network: Made = |bad| read_engines::made(bad.clone());
    vec![
        ("a lag", lag, looped),
        ("a supply that gives way", droop, looped),
        ("bent cells", NonIdeal { cell: bent(), ..base.clone() }, network),
        ("a resistance in series", NonIdeal { cell: in_series(20e3), ..base }, network),
    ]
}

#[test]
fn cell_by_cell_is_as_noisy_as_node_by_node_beside_other_effects() {
    const FEW: usize = 250;
    const MANY: usize = 2000;
    let hold = Some(20.0 * tau());
    let quiet = ReadNoise { hold, ..ReadNoise::default() };
    let band = [1e-3 / tau(), 30.0 / tau()];
    let flicker = Some(Flicker { amplitude: Trend::Constant(0.01), exponent: 1.0, band });
    let telegraph = Some(Telegraph {
        share: 0.7,
        amplitude: Trend::Constant(0.1),
        amplitude_spread: 0.3,
        up: 3.0,
        down: 1.0,
        dwell_spread: 0.5,
    });
    let noises = [
        ("thermal", ReadNoise { thermal: 300.0, ..quiet.clone() }),
        ("slow noise", ReadNoise { proportional: 0.02, flicker, telegraph, ..quiet }),
    ];
    for (beside, bad, made) in others() {
        for (what, read) in &noises {
            let chip = made(&NonIdeal { read: read.clone(), ..bad.clone() });
            let mut mna = Circuit::from_chip(chip.clone(), Analysis::Op);
            let few = spreads(&settle(&mut mna, &drive(FEW, &PAIR)));
            let mut ode = Behavioural::new(chip, Precision::F64);
            let many = spreads(&settle(&mut ode, &drive(MANY, &PAIR)));
            let error = LIMIT * (0.5 / FEW as f64 + 0.5 / MANY as f64).sqrt();
            for (a, b) in few.iter().zip(&many) {
                assert!(*b > 1e-5, "{what} beside {beside} does nothing: {many:?}");
                let words = format!("{what} beside {beside}: {few:?} cell by cell, {many:?}");
                assert!((a / b - 1.0).abs() < error, "{words}");
            }
        }
    }
}

/// A lag in the feedback changes the variance of nodes, and so does a supply that weakens it: small
/// signals of the circuit, amplifiers and supply with it, know by how much.
#[test]
fn thermal_noise_beside_other_effects_is_that_of_small_signals() {
    for (_, bad, made) in others().into_iter().take(2) {
        let hold = Some(30.0 * tau());
        let read = ReadNoise { thermal: 300.15, step: 0.05, hold, ..ReadNoise::default() };
        check_small_signals(&made(&NonIdeal { read, ..bad }));
    }
}

#[test]
fn inputs_reach_where_cells_are_bent() {
    assert!((hardware(&nodes(1), ArrayStyle::Twin).v_unit * INPUT[2] / V0).cosh() > 3.0);
}
