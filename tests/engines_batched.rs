//! The two batched engines: they agree with each other and with the model, whatever the batch.

mod common;

use common::{hardware, layered, normal, random_network, random_state};
use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{
    Behavioural, Clock, Drive, Engine, Ideal, Nudge, Outcome, Save, Settled, Until,
};
use eqcircuit::model::{Activation, Coupling, EnergyModel, Family};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::{Mat, max_abs};
use eqcircuit::spec::{ArrayStyle, NonIdeal, Precision, Solver};

const SMOOTH: [Activation; 4] =
    [Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::Softmax];
const STYLES: [ArrayStyle; 2] = [ArrayStyle::Twin, ArrayStyle::Shared];

fn until() -> Until {
    Until { settled: 1e-11, at_most: 1e-3, at_most_iterations: 100_000 }
}

fn chip_of(model: &EnergyModel, style: ArrayStyle, spread: f64) -> Chip {
    let mut nonideal = NonIdeal::default();
    nonideal.fabrication.spread = spread;
    fabricate(&compile(model, &hardware(model, style)), &nonideal, Seed::new(9))
}

fn inputs(model: &EnergyModel, batch: usize, seed: Seed) -> Mat {
    normal(seed.child("input"), batch, model.layer(model.clamp).size, 1.0)
}

fn drives(model: &EnergyModel, batch: usize, seed: Seed) -> Vec<Drive> {
    let read = model.layer(model.read).size;
    let target = normal(seed.child("target"), batch, read, 0.7);
    let nudges = [
        Nudge::None,
        Nudge::Toward { target: target.clone(), beta: 0.3 },
        Nudge::Toward { target: target.clone(), beta: -0.2 },
        Nudge::Force(target),
    ];
    nudges.map(|nudge| Drive { clamp: inputs(model, batch, seed), nudge }).into()
}

fn settle(engine: &mut dyn Engine, drive: &Drive) -> Settled {
    let settled = engine.settle(drive, None, &until(), &Save::End);
    assert!(settled.outcome.iter().all(Outcome::is_settled), "{:?}", settled.outcome);
    settled
}

fn difference(model: &EnergyModel, a: &Settled, b: &Settled) -> f64 {
    let pairs = model.free_layers().flat_map(|l| {
        let (a, b) = (a.state[l.0].as_slice(), b.state[l.0].as_slice());
        a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>()
    });
    max_abs(&pairs.collect::<Vec<_>>())
}

/// The force on every free unit, the nudge included, by the model's own loops.
fn force(model: &EnergyModel, settled: &Settled, nudge: &Nudge) -> Vec<f64> {
    let mut force = model.force(&settled.state);
    let xhat = model.activations(&settled.state);
    let read = model.read.0;
    for s in 0..force[read].rows() {
        let x = settled.state[read].row(s).to_vec();
        let mut extra: Vec<f64> = match nudge {
            Nudge::None => vec![0.0; x.len()],
            Nudge::Toward { target, beta } => {
                target.row(s).iter().zip(xhat[read].row(s)).map(|(t, v)| beta * (t - v)).collect()
            }
            Nudge::Force(force) => force.row(s).to_vec(),
        };
        if model.family == Family::Chn {
            model.layer(model.read).activation.times_slope(&x, &mut extra);
        }
        for (f, e) in force[read].row_mut(s).iter_mut().zip(extra) {
            *f += e;
        }
    }
    force.iter().flat_map(|f| f.as_slice().to_vec()).collect()
}

#[test]
fn ideal_ends_where_the_models_own_force_vanishes() {
    for family in Family::ALL {
        for trial in 0..24 {
            let seed = Seed::new(11).index(trial);
            // The force of a CHN jumps at a kink, and may then vanish nowhere.
            let choices = if family == Family::Ham { &Activation::ALL[..] } else { &SMOOTH };
            let mut model = random_network(choices, 0.4, seed);
            model.family = family;
            for drive in drives(&model, 5, seed) {
                let settled = settle(&mut Ideal::new(model.clone(), Solver::picard(0.0)), &drive);
                let largest = max_abs(&force(&model, &settled, &drive.nudge));
                assert!(largest < 2e-11, "{family:?} {trial}: {largest:e}");
                for (s, outcome) in settled.outcome.iter().enumerate() {
                    assert!(matches!(outcome, Outcome::Equilibrium { .. }), "{s}: {outcome:?}");
                }
            }
        }
    }
}

#[test]
fn a_first_iteration_is_the_models_force() {
    for family in Family::ALL {
        for trial in 0..12 {
            let seed = Seed::new(12).index(trial);
            let mut model = random_network(&Activation::ALL, 0.9, seed);
            model.family = family;
            let mut state = random_state(&model, 4, seed);
            let drive = Drive { clamp: inputs(&model, 4, seed), nudge: Nudge::None };
            state[0] = drive.clamp.clone();
            let damping = 0.25;
            let one = Until { at_most_iterations: 1, ..until() };
            let mut ideal = Ideal::new(model.clone(), Solver::picard(damping));
            let after = ideal.settle(&drive, Some(&state), &one, &Save::End);
            let force = model.force(&state);
            for l in model.free_layers() {
                let now = after.state[l.0].as_slice();
                for ((x, f), now) in
                    state[l.0].as_slice().iter().zip(force[l.0].as_slice()).zip(now)
                {
                    let want = x + (1.0 - damping) * f;
                    assert!((now - want).abs() < 1e-13, "{family:?} {trial}: {now} {want}");
                }
            }
        }
    }
}

#[test]
fn behavioural_agrees_with_ideal_on_a_perfect_chip() {
    for style in STYLES {
        for trial in 0..24 {
            let seed = Seed::new(13).index(trial);
            let model = random_network(&Activation::ALL, 0.4, seed);
            let chip = chip_of(&model, style, 0.0);
            for drive in drives(&model, 3, seed) {
                let ideal = settle(&mut Ideal::new(model.clone(), Solver::picard(0.0)), &drive);
                let ode = settle(&mut Behavioural::new(chip.clone(), Precision::F64), &drive);
                let apart = difference(&model, &ideal, &ode);
                assert!(apart < 1e-8, "{style:?} {trial}: {apart:e}");
            }
        }
    }
}

#[test]
fn a_bad_chip_ends_where_its_currents_balance() {
    for trial in 0..8 {
        let seed = Seed::new(14).index(trial);
        let model = random_network(&Activation::ALL, 0.4, seed);
        let chip = chip_of(&model, ArrayStyle::Twin, 0.2);
        let drive = &drives(&model, 3, seed)[1];
        let Nudge::Toward { target, beta } = &drive.nudge else { unreachable!() };
        let settled = settle(&mut Behavioural::new(chip.clone(), Precision::F64), drive);
        let (fabric, xhat) = (&chip.fabric, model.activations(&settled.state));
        let v_unit = fabric.hardware.v_unit;
        for l in model.free_layers() {
            let plan = &fabric.layers[l.0];
            for s in 0..3 {
                for i in 0..model.layer(l).size {
                    let u = settled.state[l.0][(s, i)] * v_unit / plan.gain;
                    let mut current = plan.bias[i] - plan.leak[i] * u;
                    for (a, array) in fabric.arrays_into(l) {
                        for j in 0..array.plus.cols() {
                            let v = v_unit * xhat[array.pre.0][(s, j)];
                            current += chip.cells[a].plus[(i, j)] * (v - u);
                            current += chip.cells[a].minus[(i, j)] * (-v - u);
                        }
                    }
                    if l == model.read {
                        let pull = target[(s, i)] - xhat[l.0][(s, i)];
                        current += plan.scale * v_unit * beta * pull;
                    }
                    let scale = plan.total * v_unit / plan.gain;
                    assert!((current / scale).abs() < 1e-10, "trial {trial}: {current:e}");
                }
            }
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for trial in 0..12 {
        let seed = Seed::new(15).index(trial);
        let model = random_network(&Activation::ALL, 0.4, seed);
        let chip = chip_of(&model, ArrayStyle::Twin, 0.1);
        let until = Until { settled: 2e-6, ..until() };
        for drive in drives(&model, 3, seed) {
            let double = settle(&mut Behavioural::new(chip.clone(), Precision::F64), &drive);
            let mut single = Behavioural::new(chip.clone(), Precision::F32);
            let single = single.settle(&drive, None, &until, &Save::End);
            assert!(single.outcome.iter().all(Outcome::is_settled), "{:?}", single.outcome);
            let size = model.free_layers().map(|l| max_abs(double.state[l.0].as_slice()));
            let size = size.fold(1.0, f64::max);
            let apart = difference(&model, &double, &single) / size;
            assert!(apart < 1e-5, "trial {trial}: {apart:e}");
        }
    }
}

/// The biggest rise from one moment to the next, as a fraction of the whole fall.
fn largest_rise(energy: &Mat, sample: usize) -> f64 {
    let way: Vec<f64> = (0..energy.rows()).map(|m| energy[(m, sample)]).collect();
    let fall = way[0] - way[way.len() - 1];
    assert!(fall > 0.0, "the energy does not fall: {way:?}");
    way.windows(2).map(|w| (w[1] - w[0]) / fall).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn the_energy_of_a_symmetric_chip_never_rises() {
    // Softmax is left out where cells spread: its energy is then known in the mean only.
    let elementwise: Vec<Activation> =
        Activation::ALL.into_iter().filter(|a| a.is_elementwise()).collect();
    for (spread, choices) in [(0.0, &Activation::ALL[..]), (0.2, &elementwise[..])] {
        for trial in 0..12 {
            let seed = Seed::new(16).index(trial);
            let model = random_network(choices, 0.8, seed);
            let chip = chip_of(&model, ArrayStyle::Shared, spread);
            let mut engine = Behavioural::new(chip, Precision::F64).with_tolerance(1e-8, 1e-9);
            let drive = Drive { clamp: inputs(&model, 4, seed), nudge: Nudge::None };
            let until = Until { settled: 1e-6, ..until() };
            let mut start = random_state(&model, 4, seed);
            start[0] = drive.clamp.clone();
            let trace = engine.settle(&drive, Some(&start), &until, &Save::Points(100)).trace;
            let trace = trace.expect("a trace");
            let energy = trace.energy.expect("a chip has an energy");
            for sample in 0..4 {
                let rise = largest_rise(&energy, sample);
                assert!(rise < 1e-9, "spread {spread}, trial {trial}: rises by {rise:e}");
            }
        }
    }
}

#[test]
fn a_trace_ends_at_the_equilibrium_and_starts_at_the_start() {
    let seed = Seed::new(17);
    let model = layered(&[5, 7, 3], &[Activation::Tanh; 3], 0.6, seed);
    let drive = &drives(&model, 70, seed)[1];
    let chip = chip_of(&model, ArrayStyle::Twin, 0.1);
    let mut behavioural = Behavioural::new(chip, Precision::F64);
    let mut ideal = Ideal::new(model.clone(), Solver::picard(0.3));
    let engines: [(&mut dyn Engine, Clock); 2] =
        [(&mut behavioural, Clock::Seconds), (&mut ideal, Clock::Iterations)];
    for (engine, clock) in engines {
        let settled = engine.settle(drive, None, &until(), &Save::Points(20));
        let trace = settled.trace.expect("a trace");
        assert_eq!((trace.clock, trace.times[0], trace.states.len()), (clock, 0.0, 20));
        assert_eq!(trace.states[0], model.rest(&drive.clamp));
        let end = trace.states.last().expect("an end");
        for l in model.free_layers() {
            let apart: Vec<f64> = end[l.0]
                .as_slice()
                .iter()
                .zip(settled.state[l.0].as_slice())
                .map(|(a, b)| a - b)
                .collect();
            assert!(max_abs(&apart) < 1e-9, "{clock:?}: {:e}", max_abs(&apart));
        }
        for s in 0..70 {
            assert!(trace.residual[(0, s)] > 1e-3);
            assert!(trace.residual[(19, s)] < 2e-11, "{clock:?}: {}", trace.residual[(19, s)]);
        }
        let last = *trace.times.last().expect("an end");
        if clock == Clock::Seconds {
            let latest = settled.outcome.iter().filter_map(Outcome::time).fold(0.0, f64::max);
            assert_eq!(last, latest);
        }
    }
}

#[test]
fn a_cycle_of_two_is_damped_away() {
    // Two units that inhibit each other strongly: plain updates flip both for ever.
    let seed = Seed::new(18);
    let mut model = layered(&[1, 1, 1], &[Activation::Tanh; 3], 0.0, seed);
    for coupling in &mut model.couplings {
        match coupling {
            Coupling::Dense { post, weight, .. } if post.0 == 2 => {
                weight.as_mut_slice().fill(-3.0);
            }
            Coupling::Bias { value, .. } => value.fill(0.4),
            Coupling::Dense { .. } => {}
        }
    }
    let drive = Drive { clamp: Mat::zeros(1, 1), nudge: Nudge::None };
    let settled = settle(&mut Ideal::new(model.clone(), Solver::picard(0.0)), &drive);
    assert!(max_abs(&force(&model, &settled, &Nudge::None)) < 2e-11);
    // It starts in the cycle: the first iterations go nowhere.
    let Outcome::Equilibrium { iterations } = settled.outcome[0] else { panic!() };
    assert!(iterations > 32, "settled in {iterations}: no cycle to damp");
}

#[test]
fn what_has_no_equilibrium_in_reach_is_told_apart() {
    let seed = Seed::new(19);
    let mut model = layered(&[1, 1, 1], &[Activation::Identity; 3], 0.0, seed);
    for coupling in &mut model.couplings {
        if let Coupling::Dense { post, weight, .. } = coupling
            && post.0 == 2
        {
            weight.as_mut_slice().fill(1.5);
        }
    }
    let drive = Drive { clamp: Mat::zeros(1, 1), nudge: Nudge::None };
    let chip = chip_of(&model, ArrayStyle::Twin, 0.0);
    let mut behavioural = Behavioural::new(chip, Precision::F64);
    let mut ideal = Ideal::new(model, Solver::picard(0.0));
    for engine in [&mut behavioural as &mut dyn Engine, &mut ideal] {
        let settled = engine.settle(&drive, None, &until(), &Save::End);
        assert!(matches!(settled.outcome[0], Outcome::Diverged { .. }), "{:?}", settled.outcome);
        let short = Until { at_most: 1e-10, at_most_iterations: 3, ..until() };
        let settled = engine.settle(&drive, None, &short, &Save::End);
        assert!(matches!(settled.outcome[0], Outcome::Unsettled { .. }), "{:?}", settled.outcome);
    }
}

#[test]
fn neighbours_do_not_matter() {
    let seed = Seed::new(20);
    let model = layered(&[20, 30, 10], &[Activation::Tanh; 3], 0.6, seed);
    let chip = chip_of(&model, ArrayStyle::Twin, 0.1);
    let all = &drives(&model, 150, seed)[2];
    let Nudge::Toward { target, beta } = &all.nudge else { unreachable!() };
    for precision in [Precision::F64, Precision::F32] {
        let until = Until { settled: 1e-5, ..until() };
        let mut engines: [Box<dyn Engine>; 2] = [
            Box::new(Behavioural::new(chip.clone(), precision)),
            Box::new(Ideal::new(model.clone(), Solver::picard(0.0))),
        ];
        for engine in &mut engines {
            let batch = engine.settle(all, None, &until, &Save::End);
            for sample in [0, 63, 64, 149] {
                let alone = Drive {
                    clamp: all.clamp.select_rows(&[sample]),
                    nudge: Nudge::Toward { target: target.select_rows(&[sample]), beta: *beta },
                };
                let alone = engine.settle(&alone, None, &until, &Save::End);
                assert_eq!(alone.outcome[0], batch.outcome[sample]);
                for l in model.free_layers() {
                    assert_eq!(alone.state[l.0].row(0), batch.state[l.0].row(sample));
                }
            }
        }
    }
}
