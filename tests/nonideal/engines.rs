//! One chip, two engines: what strikes at rest strikes both alike.

use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::model::{Activation, EnergyModel};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    Amplifier, Analysis, ArrayStyle, Conduction, Converter, MirrorSpread, NeuronSpread, NonIdeal,
    Precision, Selector, Supply, Transistor,
};

use crate::common::{hardware, layered, normal, random_network};

const TOLERANCE: f64 = 1e-8;
const SMOOTH: [Activation; 4] =
    [Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::Softmax];
/// Long enough for the slowest amplifier here, and short for what never settles.
const UNTIL: Until = Until { settled: 1e-11, at_most: 1e-5, at_most_iterations: 100_000 };

type Effect = (&'static str, fn(&mut NonIdeal));

/// What moves the equilibrium.
const EFFECTS: &[Effect] = &[
    ("dac", |bad| {
        bad.periphery.dac = Converter {
            bits: Some(5),
            range: Some(0.4),
            dnl: 0.2,
            inl: 0.5,
            offset: 3e-3,
            gain: 0.02,
            shared: 2,
            ..Converter::default()
        };
    }),
    ("nudge codes", |bad| bad.periphery.nudge.codes = Some((4, 5e-7))),
    ("nudge compliance", |bad| bad.periphery.nudge.compliance = Some((20e-3, 30e-3))),
    ("amplifier gain", |bad| bad.periphery.amplifier.gain = Some(30.0)),
    ("amplifier swing", |bad| bad.periphery.amplifier.swing = Some(0.12)),
    ("amplifier output", |bad| bad.periphery.amplifier.resistance = 5e3),
    ("supply", |bad| bad.periphery.supply = Some(Supply { droop: 2e3, voltage: 0.5 })),
    ("access transistor", |bad| {
        bad.cell.transistor = Some(Transistor { r_on: 15e3, saturation: None });
    }),
    ("cells of sinh", |bad| bad.cell.v0 = Some(0.15)),
];

/// Every effect alone, then all of them on neurons that are off.
fn cases() -> Vec<(String, NonIdeal)> {
    let mut all = NonIdeal::default();
    all.fabrication.neuron = NeuronSpread { offset: 3e-3, gain: 0.05, time_constant: 0.1 };
    all.fabrication.mirror = MirrorSpread { bias: 0.1, nudge: 0.1 };
    all.fabrication.spread = 0.1;
    let mut cases = Vec::new();
    for (name, on) in EFFECTS {
        let mut alone = NonIdeal::default();
        on(&mut alone);
        on(&mut all);
        cases.push((name.to_string(), alone));
    }
    // What the behavioural engine can have together.
    let mut linear = all.clone();
    linear.cell.v0 = None;
    all.cell.transistor = None;
    all.periphery.amplifier.resistance = 0.0;
    cases.push(("all of linear cells".into(), linear));
    cases.push(("all of other cells".into(), all));
    cases
}

fn drives(model: &EnergyModel, seed: Seed) -> Vec<Drive> {
    let clamp = normal(seed.child("input"), 2, model.layer(model.clamp).size, 1.0);
    let read = model.layer(model.read).size;
    let target = normal(seed.child("target"), 2, read, 0.7);
    let force = normal(seed.child("force"), 2, read, 0.2);
    let nudges = [
        Nudge::None,
        Nudge::Toward { target: target.clone(), beta: 0.3 },
        Nudge::Toward { target, beta: -0.1 },
        Nudge::Force(force),
    ];
    nudges.into_iter().map(|nudge| Drive { clamp: clamp.clone(), nudge }).collect()
}

fn largest_difference(model: &EnergyModel, a: &Settled, b: &Settled) -> f64 {
    assert!(a.outcome.iter().all(|o| o.is_settled()), "{:?}", a.outcome);
    assert!(b.outcome.iter().all(|o| o.is_settled()), "{:?}", b.outcome);
    model
        .free_layers()
        .flat_map(|l| a.state[l.0].as_slice().iter().zip(b.state[l.0].as_slice()))
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |m, d| if d.is_nan() || d > m { d } else { m })
}

fn behavioural(chip: &Chip, drive: &Drive) -> Settled {
    Behavioural::new(chip.clone(), Precision::F64).settle(drive, None, &UNTIL, &Save::End)
}

fn circuit(chip: &Chip, drive: &Drive) -> Settled {
    Circuit::from_chip(chip.clone(), Analysis::Op).settle(drive, None, &UNTIL, &Save::End)
}

#[test]
fn both_engines_rest_at_the_same_state() {
    let mut wrong = Vec::new();
    for style in [ArrayStyle::Twin, ArrayStyle::Shared] {
        for (name, nonideal) in cases() {
            let (mut apart, mut moved) = (0.0_f64, 0.0_f64);
            for trial in 0..4 {
                let seed = Seed::new(61).index(trial);
                let model = random_network(&SMOOTH, 0.4, seed);
                let fabric = compile(&model, &hardware(&model, style));
                let chip = fabricate(&fabric, &nonideal, seed);
                let perfect = fabricate(&fabric, &NonIdeal::default(), seed);
                for drive in drives(&model, seed) {
                    let ode = behavioural(&chip, &drive);
                    apart = apart.max(largest_difference(&model, &ode, &circuit(&chip, &drive)));
                    let plain = behavioural(&perfect, &drive);
                    moved = moved.max(largest_difference(&model, &ode, &plain));
                }
            }
            // NaN is wrong.
            let right = apart < TOLERANCE && moved > 1e-4;
            if !right {
                wrong.push(format!("{name}: {apart:e} apart, {moved:e} from a perfect chip"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All that can be together, with amplifiers that lag.
fn lagging() -> Vec<NonIdeal> {
    let all = cases().into_iter().rev().take(2).map(|(_, nonideal)| nonideal);
    let lag = |mut nonideal: NonIdeal| {
        let amplifier = &mut nonideal.periphery.amplifier;
        (amplifier.bandwidth, amplifier.slew) = (Some(100e6), Some(20e6));
        nonideal
    };
    all.map(lag).collect()
}

#[test]
fn no_effect_hangs_on_threads_or_on_the_batch() {
    for nonideal in lagging() {
        let (model, chip) = moving(&nonideal);
        let clamp = normal(Seed::new(7), 21, model.layer(model.clamp).size, 1.0);
        let target = normal(Seed::new(8), 21, model.layer(model.read).size, 0.7);
        let run = |samples: std::ops::Range<usize>, threads: usize| {
            let rows: Vec<usize> = samples.collect();
            let nudge = Nudge::Toward { target: target.select_rows(&rows), beta: 0.2 };
            let drive = Drive { clamp: clamp.select_rows(&rows), nudge };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| behavioural(&chip, &drive))
        };
        let all = run(0..21, 1);
        assert!(all.outcome.iter().all(|o| o.is_settled()), "{:?}", all.outcome);
        assert_eq!(run(0..21, 3), all);
        let last = run(13..21, 2);
        for (all, last) in all.state.iter().zip(&last.state) {
            assert_eq!(last.as_slice(), &all.as_slice()[13 * all.cols()..]);
        }
    }
}

#[test]
fn single_precision_rests_nearby() {
    let until = Until { settled: 1e-5, ..UNTIL };
    for nonideal in lagging() {
        let (model, chip) = moving(&nonideal);
        for drive in drives(&model, Seed::new(45)) {
            let double = behavioural(&chip, &drive);
            let mut single = Behavioural::new(chip.clone(), Precision::F32);
            let single = single.settle(&drive, None, &until, &Save::End);
            let apart = largest_difference(&model, &double, &single);
            assert!(apart < 1e-4, "{apart:e}");
        }
    }
}

/// A write brings all of it up to date, in both engines.
#[test]
fn both_engines_follow_a_write() {
    for (_, nonideal) in cases().into_iter().rev().take(2) {
        let (model, chip) = moving(&nonideal);
        let mut other = model.clone();
        other.couplings.iter_mut().flat_map(|c| c.values_mut()).for_each(|w| *w *= 0.8);
        let drive = &drives(&model, Seed::new(45))[1];
        let mut ode = Behavioural::new(chip.clone(), Precision::F64);
        let mut mna = Circuit::from_chip(chip, Analysis::Op);
        let before = ode.settle(drive, None, &UNTIL, &Save::End);
        ode.write(&other);
        mna.write(&other);
        let after = ode.settle(drive, None, &UNTIL, &Save::End);
        assert!(largest_difference(&model, &before, &after) > 1e-3);
        let found = mna.settle(drive, None, &UNTIL, &Save::End);
        assert!(largest_difference(&model, &found, &after) < TOLERANCE);
    }
}

/// A network of two layers whose waveforms are looked at, on a chip of its own neurons.
fn moving(nonideal: &NonIdeal) -> (EnergyModel, Chip) {
    let seed = Seed::new(45);
    let model = layered(&[4, 5, 3], &[Activation::Tanh; 3], 0.6, seed);
    let chip = fabricate(&compile(&model, &hardware(&model, ArrayStyle::Twin)), nonideal, seed);
    (model, chip)
}

/// Waveforms of both engines at 40 moments of a free phase, and of one that is nudged from there.
fn waveforms(nonideal: &NonIdeal, span: f64) -> [Vec<f64>; 2] {
    let (model, chip) = moving(nonideal);
    let times: Vec<f64> = (0..=40).map(|k| span * k as f64 / 40.0).collect();
    let save = Save::At(times);
    let all = drives(&model, Seed::new(45));
    let mut engines: [Box<dyn Engine>; 2] = [
        Box::new(Behavioural::new(chip.clone(), Precision::F64)),
        Box::new(Circuit::from_chip(chip.clone(), Analysis::Tran)),
    ];
    let rest = circuit(&chip, &all[0]).state;
    engines.each_mut().map(|engine| {
        let free = engine.settle(&all[0], None, &UNTIL, &save).trace.expect("a trace");
        let nudged = engine.settle(&all[1], Some(&rest), &UNTIL, &save).trace.expect("a trace");
        let states = free.states.into_iter().chain(nudged.states);
        states
            .flat_map(|s| s[1..].iter().flat_map(|m| m.as_slice().to_vec()).collect::<Vec<_>>())
            .collect()
    })
}

#[test]
fn both_engines_move_alike_however_slow_amplifiers_are() {
    let tau = moving(&NonIdeal::default()).1.fabric.layers[1].tau;
    // Of a signal of 0.2 V, over the time constant of an amplifier.
    let slow = 1.0 / (6.3 * tau);
    let slope = 0.05 / tau;
    // The limits of the two act otherwise for a hundredth of an amplifier's time constant.
    let cases = [
        (0.3, None, None, None, 2e-4),
        (2.0, Some(20.0), None, None, 2e-4),
        (1.0, None, Some(slope), None, 2e-4),
        (0.5, Some(50.0), Some(2.0 * slope), None, 2e-4),
        (1.0, None, None, Some(0.05), 1e-2),
        (0.5, Some(50.0), Some(2.0 * slope), Some(0.03), 1e-2),
    ];
    let mut last = Vec::new();
    for (bandwidth, gain, slew, swing, limit) in cases {
        let bandwidth = Some(bandwidth * slow);
        let mut nonideal = NonIdeal::default();
        nonideal.periphery.amplifier = Amplifier { bandwidth, gain, slew, swing, resistance: 0.0 };
        nonideal.periphery.supply = gain.map(|_| Supply { droop: 2e3, voltage: 0.5 });
        let [ode, mna] = waveforms(&nonideal, 10.0 * tau);
        let apart = ode.iter().zip(&mna).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < limit, "{bandwidth:?} {gain:?} {slew:?} {swing:?}: {apart:e}");
        assert_ne!(ode, last);
        last = ode;
    }
}

/// With a tenth of a node's capacitance on every segment, nodes are several times as slow. Of wires
/// with resistance the behavioural engine leaves out the delay.
#[test]
fn both_engines_move_alike_with_the_capacitance_of_lines() {
    let (_, plain) = moving(&NonIdeal::default());
    let (tau, c_node) = (plain.fabric.layers[1].tau, plain.fabric.hardware.c_node);
    let slow = |r: f64, c: f64| {
        let mut nonideal = NonIdeal::default();
        (nonideal.wire.r_segment, nonideal.wire.c_segment) = (r, c);
        let [ode, mna] = waveforms(&nonideal, 10.0 * tau);
        let apart = ode.iter().zip(&mna).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        (apart, ode)
    };
    let (with, without) = (slow(0.0, 0.1 * c_node), slow(0.0, 0.0));
    assert!(with.0 < 2e-4 && without.0 < 2e-4, "{} {}", with.0, without.0);
    let moved = with.1.iter().zip(&without.1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(moved > 0.01, "{moved}");
    let [near, far] = [1.0, 30.0].map(|r| slow(r, 0.1 * c_node).0);
    assert!(near < 1e-3 && far > near, "{near} {far}");
}

/// An amplifier that lags moves no equilibrium, only the time to it.
#[test]
fn bandwidth_moves_the_way_and_not_its_end() {
    let (model, plain) = moving(&NonIdeal::default());
    let tau = plain.fabric.layers[1].tau;
    let drive = &drives(&model, Seed::new(45))[0];
    let until = Until { settled: 1e-9, ..UNTIL };
    let settle = |bandwidth: Option<f64>, slew: Option<f64>| {
        let mut nonideal = NonIdeal::default();
        nonideal.periphery.amplifier = Amplifier { bandwidth, slew, ..Amplifier::default() };
        let (_, chip) = moving(&nonideal);
        Behavioural::new(chip, Precision::F64).settle(drive, None, &until, &Save::End)
    };
    let time = |s: &Settled| s.outcome[0].time().expect("it settles");
    let (fast, slow) = (settle(None, None), settle(Some(0.05 / tau), None));
    assert!(largest_difference(&model, &fast, &slow) < 1e-7);
    assert!(time(&slow) > 1.5 * time(&fast), "{} {}", time(&slow), time(&fast));
    let slewing = settle(Some(0.05 / tau), Some(5e-3 / tau));
    assert!(largest_difference(&model, &fast, &slewing) < 1e-7);
    assert!(time(&slewing) > time(&slow));
}

/// Two units with a weight between them, each with an amplifier of one pole: four linear
/// equations, solved by the series of the exponential of their matrix.
#[test]
fn a_pole_is_a_linear_equation_more() {
    let model = {
        let mut model = layered(&[1, 1, 1], &[Activation::Identity; 3], 0.0, Seed::new(3));
        model.couplings[2].values_mut()[0] = 0.7;
        model
    };
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let (tau, gain) = (fabric.layers[1].tau, 40.0);
    let mut nonideal = NonIdeal::default();
    let rate = 1.5 / tau;
    nonideal.periphery.amplifier = Amplifier {
        gain: Some(gain),
        bandwidth: Some(rate / std::f64::consts::TAU),
        ..Amplifier::default()
    };
    let chip = fabricate(&fabric, &nonideal, Seed::new(1));
    let bias = |c: usize| model.couplings[c].values()[0];
    let (b1, b2) = (bias(1), bias(3));
    let (k1, k2) = (1.0 / tau, 1.0 / fabric.layers[2].tau);
    // Of x1, x2, w1, w2.
    let back = rate * (1.0 + 1.0 / gain);
    let a = [
        [-k1, 0.0, 0.0, 0.7 * k1],
        [0.0, -k2, 0.7 * k2, 0.0],
        [rate, 0.0, -back, 0.0],
        [0.0, rate, 0.0, -back],
    ];
    let push = [b1 * k1, b2 * k2, 0.0, 0.0];
    let at = |t: f64| {
        // The sum of t^(n + 1) / (n + 1)! a^n push.
        let (mut sum, mut term) = ([0.0; 4], push.map(|p| p * t));
        for n in 2..200 {
            (0..4).for_each(|i| sum[i] += term[i]);
            let by = |i: usize| (0..4).map(|j| a[i][j] * term[j]).sum::<f64>() * t / n as f64;
            term = [by(0), by(1), by(2), by(3)];
        }
        sum
    };
    let times: Vec<f64> = (0..=20).map(|k| 0.4 * k as f64 * tau).collect();
    let drive = Drive { clamp: eqcircuit::numerics::Mat::zeros(1, 1), nudge: Nudge::None };
    let mut engine = Behavioural::new(chip, Precision::F64).with_tolerance(1e-8, 1e-10);
    let trace = engine.settle(&drive, None, &UNTIL, &Save::At(times.clone())).trace.unwrap();
    for (t, state) in times.iter().zip(&trace.states) {
        let wanted = at(*t);
        for (l, wanted) in wanted[..2].iter().enumerate() {
            let found = state[l + 1][(0, 0)];
            assert!((found - wanted).abs() < 1e-6, "{t:e}: {found} {wanted}");
        }
    }
}

/// The current through a cell of `g` at `v`, by bisection of the voltage on what stores.
fn series(g: f64, v: f64, law: &Conduction) -> f64 {
    let stored = |v: f64| law.v0.map_or(g * v, |v0| g * v0 * (v / v0).sinh());
    let rest = |i: f64| {
        let on = law.transistor.map_or(0.0, |t| match t.saturation {
            // i = i_s y (2 - y) of y = v / (2 i_s r)
            Some(top) => {
                2.0 * top * t.r_on * (1.0 - (1.0 - (i / top).abs().min(1.0)).sqrt()) * i.signum()
            }
            None => i * t.r_on,
        });
        on + law.selector.map_or(0.0, |s| s.v0 * (i / s.current).asinh())
    };
    let most = law.transistor.and_then(|t| t.saturation).unwrap_or(f64::INFINITY);
    let (mut low, mut high) = (-v.abs(), v.abs());
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        let i = stored(middle);
        let over = if i.abs() > most { i > 0.0 } else { middle + rest(i) > v };
        if over { high = middle } else { low = middle }
    }
    stored(0.5 * (low + high))
}

/// Cells with something in series are the circuit engine's alone: its state must balance the
/// currents of their laws, solved one by one.
#[test]
fn what_is_in_series_with_a_cell_balances_by_hand() {
    let transistor = |saturation| Some(Transistor { r_on: 20e3, saturation });
    let selector = Some(Selector { current: 50e-9, v0: 30e-3 });
    let laws = [
        (None, transistor(None), None),
        (None, transistor(Some(0.4e-6)), None),
        (None, None, selector),
        (Some(0.15), transistor(None), None),
        (Some(0.15), transistor(Some(0.8e-6)), selector),
    ];
    for (k, (v0, transistor, selector)) in laws.into_iter().enumerate() {
        let cell = Conduction { v0, transistor, selector };
        let nonideal = NonIdeal { cell, ..NonIdeal::default() };
        let (model, chip) = moving(&nonideal);
        assert_eq!(chip.nonideal.needs_cells().is_some(), k > 0);
        let drive = &drives(&model, Seed::new(45))[0];
        let found = circuit(&chip, drive);
        assert!(found.outcome.iter().all(|o| o.is_settled()), "{:?}", found.outcome);
        let fabric = &chip.fabric;
        let v_unit = fabric.hardware.v_unit;
        let xhat = model.activations(&found.state);
        let mut unlike = 0.0_f64;
        for l in [1, 2] {
            let plan = &fabric.layers[l];
            for i in 0..model.layers[l].size {
                let u = found.state[l][(0, i)] * v_unit / plan.gain;
                let (mut net, mut all) = (plan.bias[i] - plan.leak[i] * u, 0.0_f64);
                for (a, array) in fabric.arrays.iter().enumerate() {
                    if array.post.0 != l {
                        continue;
                    }
                    for j in 0..array.plus.cols() {
                        let v = xhat[array.pre.0][(0, j)] * v_unit;
                        let cells = &chip.cells[a];
                        for (g, v) in [(cells.plus[(i, j)], v), (cells.minus[(i, j)], -v)] {
                            let current = series(g, v - u, &nonideal.cell);
                            net += current;
                            all += current.abs();
                            unlike = unlike.max((current - g * (v - u)).abs() / all);
                        }
                    }
                }
                assert!(net.abs() < 1e-7 * all, "{k}: {net:e} of {all:e}");
            }
        }
        assert!(unlike > 0.05, "{k}: the cells are as good as linear ({unlike})");
    }
}
