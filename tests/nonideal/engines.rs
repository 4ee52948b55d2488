//! One chip, two engines: what strikes at rest strikes both alike.

use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::model::{Activation, EnergyModel};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{Analysis, ArrayStyle, Converter, MirrorSpread, NeuronSpread, NonIdeal};
use eqcircuit::spec::{NudgeSource, Precision};

use crate::common::{hardware, normal, random_network};

const TOLERANCE: f64 = 1e-8;
const SMOOTH: [Activation; 4] =
    [Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::Softmax];
const UNTIL: Until = Until { settled: 1e-11, at_most: 1e-3, at_most_iterations: 100_000 };

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
    cases.push(("all together".into(), all));
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
    for style in [ArrayStyle::Twin, ArrayStyle::Shared] {
        for (name, nonideal) in cases() {
            let mut moved = 0.0_f64;
            for trial in 0..4 {
                let seed = Seed::new(61).index(trial);
                let model = random_network(&SMOOTH, 0.4, seed);
                let fabric = compile(&model, &hardware(&model, style));
                let chip = fabricate(&fabric, &nonideal, seed);
                let perfect = fabricate(&fabric, &NonIdeal::default(), seed);
                for drive in drives(&model, seed) {
                    let ode = behavioural(&chip, &drive);
                    let difference = largest_difference(&model, &ode, &circuit(&chip, &drive));
                    assert!(difference < TOLERANCE, "{name}, {trial}: {difference:e} apart");
                    let plain = behavioural(&perfect, &drive);
                    moved = moved.max(largest_difference(&model, &ode, &plain));
                }
            }
            assert!(moved > 1e-4, "{name} moves nothing: {moved:e}");
        }
    }
}
