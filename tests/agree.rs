//! The laws that make cross-fidelity results mean anything: three engines agree on a perfect
//! chip, two on any chip, and what only the circuit rung adds vanishes as it should.

mod common;

use common::{hardware, layered, random_network};
use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Ideal, Nudge, Save, Settled, Until};
use eqcircuit::model::{Activation, EnergyModel};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    Along, Analysis, ArrayStyle, Cluster, Hardware, Law, MirrorSpread, NeuronSpread, NonIdeal,
    PairStyle, Precision, Reference, Rows, Solver, Spread, StuckAt, TrainKind, Trains, Update,
    Wire,
};

const TOLERANCE: f64 = 1e-8;
const STYLES: [ArrayStyle; 2] = [ArrayStyle::Twin, ArrayStyle::Shared];
/// Without the two kinked activations, whose equilibria Newton reaches in one of two ways.
const SMOOTH: [Activation; 4] =
    [Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::Softmax];

fn until() -> Until {
    Until { settled: 1e-11, at_most: 1e-3, at_most_iterations: 100_000 }
}

/// The free phase and both signs of an elastic nudge, and a constant force.
fn drives(model: &EnergyModel, batch: usize, seed: Seed) -> Vec<Drive> {
    let clamp = common::normal(seed.child("input"), batch, model.layer(model.clamp).size, 1.0);
    let read = model.layer(model.read).size;
    let target = common::normal(seed.child("target"), batch, read, 0.7);
    let force = common::normal(seed.child("force"), batch, read, 0.2);
    [
        Nudge::None,
        Nudge::Toward { target: target.clone(), beta: 0.3 },
        Nudge::Toward { target, beta: -0.1 },
        Nudge::Force(force),
    ]
    .into_iter()
    .map(|nudge| Drive { clamp: clamp.clone(), nudge })
    .collect()
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

fn behavioural(chip: &Chip) -> Behavioural {
    Behavioural::new(chip.clone(), Precision::F64)
}

fn circuit(chip: &Chip) -> Circuit {
    Circuit::from_chip(chip.clone(), Analysis::Op)
}

fn settle(engine: &mut dyn Engine, drive: &Drive) -> Settled {
    engine.settle(drive, None, &until(), &Save::End)
}

/// Hardware with either kind of pairs, by turns.
fn paired(model: &EnergyModel, style: ArrayStyle, trial: usize) -> Hardware {
    let pair = [PairStyle::OneSided, PairStyle::Reference][trial / 2 % 2];
    Hardware { pair, ..hardware(model, style) }
}

#[test]
fn three_engines_agree_on_a_perfect_chip() {
    for style in STYLES {
        for trial in 0..12 {
            let seed = Seed::new(41).index(trial);
            let choices = if trial % 2 == 0 { &SMOOTH[..] } else { &Activation::ALL[..] };
            let model = random_network(choices, 0.4, seed);
            let fabric = compile(&model, &paired(&model, style, trial));
            let chip = fabricate(&fabric, &NonIdeal::default(), seed);
            for drive in drives(&model, 3, seed) {
                let ideal = settle(&mut Ideal::new(model.clone(), Solver::picard(0.0)), &drive);
                let ode = settle(&mut behavioural(&chip), &drive);
                let mna = settle(&mut circuit(&chip), &drive);
                let [a, b] = [&ode, &mna].map(|s| largest_difference(&model, &ideal, s));
                assert!(a < TOLERANCE, "trial {trial}: behavioural is {a:e} from ideal");
                assert!(b < TOLERANCE, "trial {trial}: circuit is {b:e} from ideal");
            }
        }
    }
}

fn bad() -> NonIdeal {
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = 0.2;
    bad.fabrication.stuck_on = 0.02;
    bad.fabrication.stuck_off = 0.02;
    bad.programming.sigma = 0.03;
    bad.programming.levels = Some(16);
    bad.fabrication.g_min.sigma = 0.1;
    bad.fabrication.g_max = Spread { sigma: 0.05, law: Law::Normal };
    bad.fabrication.stuck_at = vec![StuckAt { rate: 0.02, between: [2e-6, 9e-6] }];
    bad.fabrication.cluster = Some(Cluster { mean: 3.0, along: Along::Patch });
    bad.fabrication.neuron = NeuronSpread { offset: 3e-3, gain: 0.05, time_constant: 0.1 };
    bad.fabrication.mirror = MirrorSpread { bias: 0.1, nudge: 0.1 };
    bad
}

#[test]
fn behavioural_and_circuit_agree_on_any_chip_without_wires() {
    for style in STYLES {
        for trial in 0..12 {
            let seed = Seed::new(42).index(trial);
            let model = random_network(&SMOOTH, 0.4, seed);
            let fabric = compile(&model, &paired(&model, style, trial));
            let chip = fabricate(&fabric, &bad(), seed);
            let mut from_ideal = 0.0_f64;
            for drive in drives(&model, 3, seed) {
                let ideal = settle(&mut Ideal::new(model.clone(), Solver::picard(0.0)), &drive);
                let ode = settle(&mut behavioural(&chip), &drive);
                let mna = settle(&mut circuit(&chip), &drive);
                let difference = largest_difference(&model, &ode, &mna);
                assert!(difference < TOLERANCE, "trial {trial}: {difference:e} apart");
                from_ideal = from_ideal.max(largest_difference(&model, &ode, &ideal));
            }
            assert!(from_ideal > 1e-4, "trial {trial}: the chip's defects do nothing");
        }
    }
}

#[test]
fn both_engines_learn_the_same_by_pulse_trains() {
    let update = Update {
        step: 0.2e-6,
        step_spread: 0.2,
        noise: 0.5,
        asymmetry_spread: 0.1,
        reference: Some(Reference { pulses: 200, error: 0.0 }),
        trains: Some(Trains { length: 31, kind: TrainKind::Stochastic }),
        ..Update::default()
    };
    for style in STYLES {
        let seed = Seed::new(44);
        let model = random_network(&SMOOTH, 0.4, seed);
        let fabric = compile(&model, &paired(&model, style, 2));
        let taught = NonIdeal { update: Some(update.clone()), ..bad() };
        let chip = fabricate(&fabric, &taught, seed);
        let (mut ode, mut mna) = (behavioural(&chip), circuit(&chip));
        let drive = &drives(&model, 3, seed)[0];
        let before = settle(&mut ode, drive);
        for step in 0..3 {
            let [low, high] =
                [1, 2].map(|k| common::random_state(&model, 3, seed.index(10 * step + k)));
            // The clamped layer is the same in both.
            let high = high.into_iter().enumerate().map(|(l, x)| match l == model.clamp.0 {
                true => low[l].clone(),
                false => x,
            });
            let by = model.contrast(&low, &high.collect(), 1.0, 0.05);
            let written = [ode.teach(&model, &by), mna.teach(&model, &by)];
            assert!(written[0].pulses > 0 && written[0] == written[1], "{written:?}");
            assert_eq!(ode.chip(), mna.chip());
        }
        let [a, b] = [settle(&mut ode, drive), settle(&mut mna, drive)];
        let difference = largest_difference(&model, &a, &b);
        assert!(difference < TOLERANCE, "{difference:e} apart");
        assert!(largest_difference(&model, &a, &before) > 1e-4, "nothing was learned");
    }
}

#[test]
fn a_contrast_is_the_gradient_between_two_states() {
    for trial in 0..6 {
        let seed = Seed::new(45).index(trial);
        let model = random_network(&Activation::ALL, 0.4, seed);
        let [low, high] = [1, 2].map(|k| common::random_state(&model, 4, seed.index(k)));
        let high = high.into_iter().enumerate().map(|(l, x)| match l == model.clamp.0 {
            true => low[l].clone(),
            false => x,
        });
        let high: Vec<_> = high.collect();
        let gradient = model.grad_between(&low, &high, 0.4);
        let [low, high] = [&low, &high].map(|state| model.activations(state));
        for (outer, grad) in model.contrast(&low, &high, 0.4, 0.1).iter().zip(&gradient.0) {
            let Some(outer) = outer else { continue };
            assert_eq!(outer.post.rows(), 4 * outer.per_sample);
            for (sum, grad) in outer.sum().as_slice().iter().zip(grad.as_slice()) {
                assert!((sum + 0.1 * grad).abs() < 1e-12, "{sum} is not -0.1 times {grad}");
            }
        }
    }
}

#[test]
fn the_effect_of_wires_vanishes_at_first_order() {
    let seed = Seed::new(43);
    let model = layered(&[6, 8, 4], &[Activation::Tanh; 3], 0.6, seed);
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let drive = &drives(&model, 2, seed)[0];
    let perfect = settle(&mut circuit(&fabricate(&fabric, &NonIdeal::default(), seed)), drive);
    let effect = |ohms: f64| {
        let mut wired = NonIdeal::default();
        wired.wire.r_segment = ohms;
        let wired = settle(&mut circuit(&fabricate(&fabric, &wired, seed)), drive);
        largest_difference(&model, &perfect, &wired)
    };
    let effects = [100.0, 10.0, 1.0, 0.1].map(effect);
    assert!(effects[0] > 1e-4, "wires do nothing: {effects:?}");
    for pair in effects.windows(2) {
        let order = (pair[0] / pair[1]).log10();
        assert!((order - 1.0).abs() < 0.05, "order {order} in {effects:?}");
    }
}

/// Networks on tiles that cut their layers, wires strong enough to matter.
fn wired(trial: usize, style: ArrayStyle) -> Chip {
    let seed = Seed::new(47).index(trial);
    let model = random_network(&SMOOTH, 0.4, seed);
    let mut hardware = hardware(&model, style);
    (hardware.tile, hardware.rows) = match trial % 3 {
        0 => ([64, 64], Rows::Interleaved),
        1 => ([3, 4], Rows::Block),
        _ => ([2, 5], Rows::Interleaved),
    };
    let mut nonideal = bad();
    // A linear network would leave all bounds.
    nonideal.fabrication.stuck_on = 0.0;
    nonideal.wire.r_segment = [0.5, 20.0, 200.0][trial % 3];
    match trial / 3 {
        0 => nonideal.wire.spread = 0.5,
        1 => (nonideal.wire.r_driver, nonideal.wire.r_sense) = (50.0, 300.0),
        // What is at the ends of lines without resistance of their own.
        _ => {
            let ends = [[500.0, 0.0], [0.0, 500.0], [500.0, 2000.0]][trial % 3];
            nonideal.wire.r_segment = 0.0;
            [nonideal.wire.r_driver, nonideal.wire.r_sense] = ends;
        }
    }
    fabricate(&compile(&model, &hardware), &nonideal, seed)
}

#[test]
fn port_matrices_of_wired_tiles_are_the_circuit_at_rest() {
    for style in STYLES {
        for trial in 0..9 {
            let chip = wired(trial, style);
            let mut bare = chip.clone();
            bare.nonideal.wire = Wire::default();
            let model = &chip.fabric.model;
            let mut from_bare = 0.0_f64;
            for drive in drives(model, 3, chip.seed) {
                let ode = settle(&mut behavioural(&chip), &drive);
                let mna = settle(&mut circuit(&chip), &drive);
                let difference = largest_difference(model, &ode, &mna);
                assert!(difference < TOLERANCE, "trial {trial}: {difference:e} apart");
                let bare = settle(&mut behavioural(&bare), &drive);
                from_bare = from_bare.max(largest_difference(model, &ode, &bare));
            }
            assert!(from_bare > 1e-5, "trial {trial}: wires do nothing ({from_bare:e})");
        }
    }
}

#[test]
fn port_matrices_follow_the_weights() {
    for trial in 0..6 {
        let chip = wired(trial, ArrayStyle::Twin);
        let model = chip.fabric.model.clone();
        let drive = &drives(&model, 2, chip.seed)[0];
        let (mut ode, mut mna) = (behavioural(&chip), circuit(&chip));
        let mut single = Behavioural::new(chip.clone(), Precision::F32);
        let before = settle(&mut mna, drive);
        let mut moved = model.clone();
        for share in [1e-3, 0.1] {
            for coupling in &mut moved.couplings {
                let values = coupling.values_mut().iter_mut().enumerate();
                values.for_each(|(k, w)| *w *= 1.0 - share * (k % 3) as f64);
            }
            let engines: [&mut dyn Engine; 3] = [&mut ode, &mut mna, &mut single];
            engines.into_iter().for_each(|engine| _ = engine.write(&moved));
            let after = settle(&mut mna, drive);
            assert!(largest_difference(&model, &before, &after) > 0.1 * share);
            let difference = largest_difference(&model, &settle(&mut ode, drive), &after);
            assert!(difference < TOLERANCE, "trial {trial}: {difference:e} apart in f64");
            let until = Until { settled: 1e-5, ..until() };
            let found = single.settle(drive, None, &until, &Save::End);
            let difference = largest_difference(&model, &found, &after);
            assert!(difference < 2e-3, "trial {trial}: {difference:e} apart in f32");
        }
    }
}

#[test]
fn the_circuit_settles_where_it_rests() {
    let seed = Seed::new(44);
    let model = layered(&[4, 5, 3], &[Activation::Tanh; 3], 0.6, seed);
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let chip = fabricate(&fabric, &bad(), seed);
    for drive in drives(&model, 2, seed) {
        let op = settle(&mut circuit(&chip), &drive);
        let until = Until { settled: 1e-9, ..until() };
        let mut tran = Circuit::from_chip(chip.clone(), Analysis::Tran);
        let tran = tran.settle(&drive, None, &until, &Save::End);
        assert!(largest_difference(&model, &op, &tran) < 1e-7);
        assert!(tran.outcome.iter().all(|o| o.time().is_some_and(|t| t > 0.0)));
    }
}

#[test]
fn waveforms_of_the_two_chip_engines_agree() {
    let seed = Seed::new(45);
    let model = layered(&[4, 5, 3], &[Activation::Tanh; 3], 0.6, seed);
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let chip = fabricate(&fabric, &bad(), seed);
    let tau = fabric.layers[1].tau;
    let times: Vec<f64> = (0..=40).map(|k| 0.25 * k as f64 * tau).collect();
    for drive in drives(&model, 2, seed) {
        let save = Save::At(times.clone());
        let ode = behavioural(&chip).settle(&drive, None, &until(), &save);
        let mut mna = Circuit::from_chip(chip.clone(), Analysis::Tran);
        let mna = mna.settle(&drive, None, &until(), &save);
        let (ode, mna) = (ode.trace.expect("a trace"), mna.trace.expect("a trace"));
        assert_eq!((&ode.times, &mna.times), (&times, &times));
        for (a, b) in ode.states.iter().zip(&mna.states) {
            for l in model.free_layers() {
                for (a, b) in a[l.0].as_slice().iter().zip(b[l.0].as_slice()) {
                    assert!((a - b).abs() < 1e-4, "{a} {b}");
                }
            }
        }
    }
}

#[test]
fn engines_can_be_rewritten() {
    let seed = Seed::new(46);
    let model = layered(&[4, 5, 3], &[Activation::Tanh; 3], 0.6, seed);
    let mut other = layered(&[4, 5, 3], &[Activation::Tanh; 3], 0.4, seed.child("other"));
    // The window of the first model bounds what the chip can hold.
    for coupling in &mut other.couplings {
        coupling.values_mut().iter_mut().for_each(|w| *w = w.clamp(-0.2, 0.2));
    }
    let mut hardware = hardware(&model, ArrayStyle::Twin);
    hardware.w_max = Some(1.0);
    let fabric = compile(&model, &hardware);
    let chip = fabricate(&fabric, &NonIdeal::default(), seed);
    let drive = &drives(&model, 2, seed)[1];
    let expected = settle(&mut Ideal::new(other.clone(), Solver::picard(0.0)), drive);
    let mut engines: [Box<dyn Engine>; 3] = [
        Box::new(Ideal::new(model.clone(), Solver::picard(0.0))),
        Box::new(behavioural(&chip)),
        Box::new(circuit(&chip)),
    ];
    for (e, engine) in engines.iter_mut().enumerate() {
        let before = settle(engine.as_mut(), drive);
        engine.write(&other);
        let after = settle(engine.as_mut(), drive);
        assert!(largest_difference(&model, &before, &after) > 1e-3, "engine {e} ignores the write");
        let difference = largest_difference(&model, &expected, &after);
        assert!(difference < TOLERANCE, "engine {e} after a write: {difference:e}");
    }
}

#[test]
fn same_bits_over_one_two_and_seven_threads() {
    let seed = Seed::new(47);
    let model = layered(&[20, 30, 10], &[Activation::Tanh; 3], 0.6, seed);
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let chip = fabricate(&fabric, &bad(), seed);
    let drive = &drives(&model, 150, seed)[1];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let ideal = settle(&mut Ideal::new(model.clone(), Solver::picard(0.0)), drive);
            let ode = settle(&mut behavioural(&chip), drive);
            let few = Drive {
                clamp: Mat::from_fn(9, 20, |i, j| drive.clamp[(i, j)]),
                nudge: Nudge::None,
            };
            (ideal, ode, settle(&mut circuit(&chip), &few))
        })
    };
    let one = run(1);
    for threads in [2, 7] {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}
