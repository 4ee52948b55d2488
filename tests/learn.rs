//! The laws of learning: equilibrium propagation's gradient goes to the true one as beta goes to
//! zero, at its order, on every engine, and the true one is what finite differences say.

mod common;

use common::{hardware, layered};
use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Ideal, Nudge, Save, Settled, Until};
use eqcircuit::learn::{
    EquilibriumPropagation, Network, Optimiser, OptimiserRule, Phases, compare,
};
use eqcircuit::model::{Activation, Cost, EnergyModel, Params};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::{Mat, relative_difference};
use eqcircuit::spec::{Analysis, ArrayStyle, NeuronSpread, NonIdeal, Precision, Solver};

const UNTIL: Until = Until { settled: 1e-12, at_most: 1e-3, at_most_iterations: 100_000 };

struct Problem {
    model: EnergyModel,
    clamp: Mat,
    target: Mat,
}

fn problem(activation: Activation) -> Problem {
    let seed = Seed::new(51).child(activation.name());
    let model =
        layered(&[5, 6, 4], &[Activation::Identity, activation, Activation::Identity], 0.4, seed);
    let clamp = common::normal(seed.child("x"), 3, 5, 1.0);
    let target = common::normal(seed.child("y"), 3, 4, 1.0);
    Problem { model, clamp, target }
}

fn free(engine: &mut dyn Engine, p: &Problem) -> Settled {
    let drive = Drive { clamp: p.clamp.clone(), nudge: Nudge::None };
    let settled = engine.settle(&drive, None, &UNTIL, &Save::End);
    assert!(settled.outcome.iter().all(|o| o.is_settled()), "{:?}", settled.outcome);
    settled
}

fn mean_cost(engine: &mut dyn Engine, p: &Problem) -> f64 {
    let state = free(engine, p).state;
    let outputs = p.model.layer(p.model.read).activation.values(&state[p.model.read.0]);
    let cost = Cost::SquaredError.value(&outputs, &p.target);
    cost.iter().sum::<f64>() / cost.len() as f64
}

fn spread_chip(p: &Problem, style: ArrayStyle, spread: f64) -> Chip {
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = spread;
    fabricate(&compile(&p.model, &hardware(&p.model, style)), &bad, Seed::new(8))
}

fn behavioural(chip: &Chip) -> Behavioural {
    Behavioural::new(chip.clone(), Precision::F64).with_tolerance(1e-10, 1e-12)
}

fn distance(a: &Params, b: &Params) -> f64 {
    let pairs = a.0.iter().zip(&b.0).flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice()));
    pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn implicit_gradients_are_finite_differences_on_the_model() {
    for activation in Activation::ALL {
        let p = problem(activation);
        let state = free(&mut Ideal::new(p.model.clone(), Solver::picard(0.0)), &p).state;
        let truth = Network::of_model(&p.model).gradient(&state, &p.target).expect("regular");
        let mut engine = Ideal::new(p.model.clone(), Solver::picard(0.0));
        for c in 0..p.model.couplings.len() {
            for k in 0..p.model.couplings[c].values().len() {
                let mut at = |h: f64| {
                    let mut moved = p.model.clone();
                    moved.couplings[c].values_mut()[k] += h;
                    engine.write(&moved);
                    mean_cost(&mut engine, &p)
                };
                let found = (at(1e-5) - at(-1e-5)) / 2e-5;
                let wanted = truth.0[c].as_slice()[k];
                assert!(
                    relative_difference(found, wanted, 0.1) < 1e-6,
                    "{activation:?}: coupling {c}, entry {k}: {found} {wanted}"
                );
            }
        }
    }
}

#[test]
fn implicit_gradients_are_finite_differences_on_a_defective_chip() {
    for style in [ArrayStyle::Shared, ArrayStyle::Twin] {
        let p = problem(Activation::Tanh);
        let mut bad = NonIdeal::default();
        bad.fabrication.spread = 0.2;
        bad.fabrication.neuron = NeuronSpread { offset: 20e-3, gain: 0.2, time_constant: 0.2 };
        bad.fabrication.mirror.bias = 0.3;
        let fabric = compile(&p.model, &hardware(&p.model, style));
        let chip = fabricate(&fabric, &bad, Seed::new(8));
        let state = free(&mut behavioural(&chip), &p).state;
        let truth = Network::of_chip(&chip).gradient(&state, &p.target).expect("regular");
        for c in 0..p.model.couplings.len() {
            for k in 0..p.model.couplings[c].values().len() {
                let at = |h: f64| {
                    let mut moved = chip.clone();
                    moved.shift(c, k, h);
                    mean_cost(&mut behavioural(&moved), &p)
                };
                let found = (at(1e-4) - at(-1e-4)) / 2e-4;
                let wanted = truth.0[c].as_slice()[k];
                assert!(
                    relative_difference(found, wanted, 0.1) < 1e-5,
                    "{style:?}: coupling {c}, entry {k}: {found} {wanted}"
                );
            }
        }
    }
}

/// The measured order in beta of the error against `truth`.
fn order(
    engine: &mut dyn Engine,
    p: &Problem,
    truth: &Params,
    phases: Phases,
    betas: [f64; 2],
) -> f64 {
    let errors = betas.map(|beta| {
        let rule = EquilibriumPropagation { beta, phases };
        distance(&rule.estimate(engine, &p.model, &p.clamp, &p.target, &UNTIL).grad, truth)
    });
    (errors[0] / errors[1]).log2() / (betas[0] / betas[1]).log2()
}

fn engines(p: &Problem, chip: &Chip) -> [Box<dyn Engine>; 3] {
    [
        Box::new(Ideal::new(p.model.clone(), Solver::picard(0.0))),
        Box::new(behavioural(chip)),
        Box::new(Circuit::from_chip(chip.clone(), Analysis::Op)),
    ]
}

#[test]
fn the_estimate_goes_to_the_truth_at_its_order_on_every_engine() {
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Softmax] {
        let p = problem(activation);
        let state = free(&mut Ideal::new(p.model.clone(), Solver::picard(0.0)), &p).state;
        let truth = Network::of_model(&p.model).gradient(&state, &p.target).expect("regular");
        let chip = spread_chip(&p, ArrayStyle::Twin, 0.0);
        for mut engine in engines(&p, &chip) {
            for (phases, expected) in
                [(Phases::Centred, 2.0), (Phases::Positive, 1.0), (Phases::Negative, 1.0)]
            {
                let order = order(engine.as_mut(), &p, &truth, phases, [0.01, 0.005]);
                assert!((order - expected).abs() < 0.1, "{activation:?} {phases:?}: order {order}");
            }
        }
    }
}

#[test]
fn on_a_symmetric_chip_the_truth_is_the_chips_own() {
    let p = problem(Activation::Tanh);
    let chip = spread_chip(&p, ArrayStyle::Shared, 0.2);
    let state = free(&mut behavioural(&chip), &p).state;
    let truth = Network::of_chip(&chip).gradient(&state, &p.target).expect("regular");
    let ideal_state = free(&mut Ideal::new(p.model.clone(), Solver::picard(0.0)), &p).state;
    let of_model = Network::of_model(&p.model).gradient(&ideal_state, &p.target).expect("regular");
    assert!(distance(&truth, &of_model) > 1e-2, "the spread does nothing");
    let [_, behavioural, circuit] = engines(&p, &chip);
    for mut engine in [behavioural, circuit] {
        for (phases, expected) in [(Phases::Centred, 2.0), (Phases::Positive, 1.0)] {
            let order = order(engine.as_mut(), &p, &truth, phases, [0.01, 0.005]);
            assert!((order - expected).abs() < 0.1, "{phases:?}: order {order}");
        }
    }
}

#[test]
fn on_twin_arrays_spread_biases_the_estimate() {
    let p = problem(Activation::Tanh);
    let rule = EquilibriumPropagation { beta: 0.01, phases: Phases::Centred };
    let cosines: Vec<f64> = [0.0, 0.1, 0.3]
        .into_iter()
        .map(|spread| {
            let chip = spread_chip(&p, ArrayStyle::Twin, spread);
            let state = free(&mut behavioural(&chip), &p).state;
            let truth = Network::of_chip(&chip).gradient(&state, &p.target).expect("regular");
            let estimate =
                rule.estimate(&mut behavioural(&chip), &p.model, &p.clamp, &p.target, &UNTIL);
            compare(&estimate.grad, &truth).iter().map(|a| a.cosine).fold(1.0, f64::min)
        })
        .collect();
    assert!(cosines[0] > 0.99999, "{cosines:?}");
    assert!(cosines[1] < cosines[0] && cosines[2] < cosines[1] - 1e-5, "{cosines:?}");
}

#[test]
fn a_restored_optimiser_goes_on_as_the_one_it_was() {
    let p = problem(Activation::Tanh);
    let state = free(&mut Ideal::new(p.model.clone(), Solver::picard(0.0)), &p).state;
    let grad = p.model.grad(&state);
    for rule in [
        OptimiserRule::Sgd { momentum: 0.9 },
        OptimiserRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        OptimiserRule::Madam { scale: 2.0, bound: 3.0 },
    ] {
        let mut old = Optimiser::new(rule, 0.1, &p.model);
        let mut model = p.model.clone();
        old.step(&mut model, &grad);
        let mut new = Optimiser::new(rule, 0.1, &p.model);
        new.restore(old.state().clone());
        let mut other = model.clone();
        for _ in 0..2 {
            old.step(&mut model, &grad);
            new.step(&mut other, &grad);
        }
        assert_eq!(model, other);
        assert_eq!(new, old);
        assert_eq!(new.state().steps, 3);
    }
}

/// Madam by its formula (Bernstein et al. 2020), a parameter at a time.
#[test]
fn madam_multiplies_within_its_bounds() {
    let mut p = problem(Activation::Tanh);
    p.model.couplings[0].values_mut()[3] = 0.0;
    let (scale, bound, rate) = (1.4, 0.9, 0.2);
    let mut optimiser = Optimiser::new(OptimiserRule::Madam { scale, bound }, rate, &p.model);
    let mut model = p.model.clone();
    let shape = |c: &eqcircuit::model::Coupling| c.values().len();
    let mut mean_square: Vec<Vec<f64>> =
        p.model.couplings.iter().map(|c| vec![0.0; shape(c)]).collect();
    let mut want: Vec<Vec<f64>> = p.model.couplings.iter().map(|c| c.values().to_vec()).collect();
    let most: Vec<f64> = want
        .iter()
        .map(|w| scale * (w.iter().map(|w| w * w).sum::<f64>() / w.len() as f64).sqrt())
        .collect();
    for step in 1..=5 {
        let grads: Vec<Mat> = p
            .model
            .couplings
            .iter()
            .enumerate()
            .map(|(c, coupling)| {
                let mut g = common::normal(Seed::new(90 + step).index(c), 1, shape(coupling), 1.0);
                g.as_mut_slice()[0] = 0.0; // never a gradient: never moved
                g
            })
            .collect();
        for (c, g) in grads.iter().enumerate() {
            for (k, g) in g.as_slice().iter().enumerate() {
                let v = &mut mean_square[c][k];
                *v = 0.999 * *v + 0.001 * g * g;
                let corrected = *v / (1.0 - 0.999f64.powi(step as i32));
                let by = if *v == 0.0 { 0.0 } else { (g / corrected.sqrt()).clamp(-bound, bound) };
                let w = &mut want[c][k];
                let moved = *w * eqcircuit::numerics::math::exp(-rate * by * w.signum());
                *w = moved.clamp(-most[c], most[c]);
            }
        }
        optimiser.step(&mut model, &Params(grads));
    }
    for (coupling, want) in model.couplings.iter().zip(&want) {
        for (got, want) in coupling.values().iter().zip(want) {
            assert!((got - want).abs() < 1e-13, "{got} for {want}");
        }
    }
    assert_eq!(model.couplings[0].values()[3], 0.0);
    assert_eq!(
        model.couplings[0].values()[0],
        p.model.couplings[0].values()[0].clamp(-most[0], most[0])
    );
}

#[test]
fn an_estimate_keeps_its_phases_in_the_order_run() {
    let p = problem(Activation::Tanh);
    for (phases, betas) in [
        (Phases::Centred, vec![-0.1, 0.1]),
        (Phases::Positive, vec![0.1]),
        (Phases::Negative, vec![-0.1]),
    ] {
        let mut engine = Ideal::new(p.model.clone(), Solver::picard(0.0));
        let rule = EquilibriumPropagation { beta: 0.1, phases };
        let got = rule.estimate(&mut engine, &p.model, &p.clamp, &p.target, &UNTIL);
        let want: Vec<Settled> = betas
            .into_iter()
            .map(|beta| {
                let nudge = Nudge::Toward { target: p.target.clone(), beta };
                let drive = Drive { clamp: p.clamp.clone(), nudge };
                engine.settle(&drive, Some(&got.free.state), &UNTIL, &Save::End)
            })
            .collect();
        assert_eq!(got.nudged, want);
        assert!(engine.chip().is_none());
    }
    let chip = spread_chip(&p, ArrayStyle::Twin, 0.1);
    assert_eq!(behavioural(&chip).chip(), Some(&chip));
    assert_eq!(Circuit::from_chip(chip.clone(), Analysis::Op).chip(), Some(&chip));
}
