//! Whole training steps give the same bits whatever the number of threads.

mod common;

use common::{hardware, layered};
use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{Behavioural, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::learn::{EquilibriumPropagation, Optimiser, OptimiserRule, Phases, one_hot};
use eqcircuit::model::{Activation, EnergyModel, Params};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{ArrayStyle, NonIdeal, Precision};

const UNTIL: Until = Until { settled: 1e-3, at_most: 1e-5, at_most_iterations: 0 };

fn network() -> EnergyModel {
    let activations = [Activation::Identity, Activation::Tanh, Activation::Identity];
    layered(&[150, 130, 10], &activations, 0.4, Seed::new(61))
}

fn chip(model: &EnergyModel, sigma: f64) -> Chip {
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = sigma;
    bad.programming.sigma = 0.1 * sigma;
    let mut hardware = hardware(model, ArrayStyle::Twin);
    hardware.w_max = Some(0.6);
    fabricate(&compile(model, &hardware), &bad, Seed::new(62))
}

fn train(threads: usize, sigma: f64) -> (EnergyModel, Chip, Vec<Settled>) {
    let mut model = network();
    let mut engine = Behavioural::new(chip(&model, sigma), Precision::F32);
    let rule = OptimiserRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let mut optimiser = Optimiser::new(rule, 1e-2, &model);
    let ep = EquilibriumPropagation { beta: 0.2, phases: Phases::Centred };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let mut free = Vec::new();
    pool.install(|| {
        for step in 0..4 {
            let clamp = common::normal(Seed::new(63).index(step), 100, 150, 1.0);
            let labels: Vec<usize> = (0..100).map(|s| (s * 7 + step) % 10).collect();
            let target = one_hot(&labels, 10);
            let estimate = ep.estimate(&mut engine, &model, &clamp, &target, &UNTIL);
            assert_eq!(estimate.settled, 100);
            optimiser.step(&mut model, &estimate.grad);
            engine.write(&model);
            free.push(estimate.free);
        }
    });
    (model, engine.chip().expect("a chip").clone(), free)
}

#[test]
fn training_gives_the_same_bits_on_any_number_of_threads() {
    for sigma in [0.0, 0.1] {
        let alone = train(1, sigma);
        assert_ne!(alone.0, network());
        for threads in [2, 4, 8] {
            assert!(train(threads, sigma) == alone, "{threads} threads, sigma {sigma}");
        }
    }
}

/// A write in between and a change of one bit of the inputs both drop the held inputs.
#[test]
fn inputs_held_between_phases_change_no_bit() {
    let model = network();
    let made = chip(&model, 0.0);
    let mut drive =
        Drive { clamp: common::normal(Seed::new(64), 70, 150, 1.0), nudge: Nudge::None };
    let settle =
        |engine: &mut Behavioural, drive: &Drive| engine.settle(drive, None, &UNTIL, &Save::End);
    let fresh = |chip: &Chip, drive: &Drive| {
        settle(&mut Behavioural::new(chip.clone(), Precision::F32), drive)
    };
    let mut engine = Behavioural::new(made.clone(), Precision::F32);
    assert_eq!(settle(&mut engine, &drive), fresh(&made, &drive));
    drive.nudge = Nudge::Toward { target: common::normal(Seed::new(65), 70, 10, 1.0), beta: 0.2 };
    assert_eq!(settle(&mut engine, &drive), fresh(&made, &drive));
    drive.clamp[(69, 149)] += 0.1;
    assert_eq!(settle(&mut engine, &drive), fresh(&made, &drive));
    let mut other = model.clone();
    for c in &mut other.couplings {
        c.values_mut().iter_mut().for_each(|w| *w *= 0.9);
    }
    engine.write(&other);
    let written = engine.chip().expect("a chip").clone();
    assert_eq!(settle(&mut engine, &drive), fresh(&written, &drive));
}

/// The closed form for two states with the same inputs is the difference of the gradients.
#[test]
fn the_gradient_between_two_states_is_the_difference_of_theirs() {
    let mut model = layered(&[20, 9, 7, 5], &[Activation::Tanh; 4], 0.4, Seed::new(66));
    for clamp in [0, 3] {
        model.clamp.0 = clamp;
        let low = common::random_state(&model, 6, Seed::new(67));
        let mut high = common::random_state(&model, 6, Seed::new(68));
        high[clamp] = low[clamp].clone();
        let Params(got) = model.grad_between(&low, &high, 0.4);
        let (of_low, of_high) = (model.grad(&low), model.grad(&high));
        for (c, got) in got.iter().enumerate() {
            let pairs = of_low.0[c].as_slice().iter().zip(of_high.0[c].as_slice());
            for (got, (low, high)) in got.as_slice().iter().zip(pairs) {
                assert!((got - (high - low) / 0.4).abs() < 1e-12, "clamp {clamp}, coupling {c}");
            }
        }
    }
}
