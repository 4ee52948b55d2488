//! A network built in code learns on a defective chip, through its own defects:
//!
//! ```sh
//! cargo run --release --example learn_in_place
//! ```

use eqcircuit::compile::{compile, fabricate};
use eqcircuit::data::{Split, digits};
use eqcircuit::engine::{Behavioural, Until};
use eqcircuit::learn::{EquilibriumPropagation, Optimiser, OptimiserRule, Phases, Trainer};
use eqcircuit::model::{Activation, Coupling, EnergyModel, Family, Layer, LayerId};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    ArrayStyle, Fabrication, Hardware, NonIdeal, PairStyle, Precision, Rows, Summing,
};
use rand::RngExt;
use rand::seq::SliceRandom;

const EPOCHS: usize = 10;
const BATCH: usize = 32;

fn network(seed: Seed) -> EnergyModel {
    let layer = |name: &str, size, activation| Layer { name: name.into(), size, activation };
    let layers = vec![
        layer("input", 64, Activation::Identity),
        layer("hidden", 64, Activation::Tanh),
        layer("output", 10, Activation::Identity),
    ];
    // Couplings between free layers feed back: a small start keeps one equilibrium.
    let uniform = |pre: usize, post: usize, reach: f64| {
        let mut rng = seed.index(post).rng();
        let (rows, cols) = (layers[post].size, layers[pre].size);
        let weight = Mat::from_fn(rows, cols, |_, _| rng.random_range(-reach..reach));
        Coupling::Dense { pre: LayerId(pre), post: LayerId(post), weight }
    };
    let bias = Coupling::Bias { on: LayerId(1), value: vec![0.0; 64] };
    let couplings = vec![uniform(0, 1, 0.6), uniform(1, 2, 0.1), bias];
    EnergyModel { family: Family::Ham, layers, couplings, clamp: LayerId(0), read: LayerId(2) }
}

fn main() {
    let seed = Seed::new(1);
    let model = network(seed.child("weights"));
    let hardware = Hardware {
        neurons: Vec::new(), // only the circuit engine lays them
        array: ArrayStyle::Twin,
        summing: Summing::Passive,
        pair: PairStyle::OneSided,
        tile: [64, 64],
        rows: Rows::Interleaved,
        g_min: 1e-6,
        g_max: 25e-6,
        g_leak: 1e-6,
        c_node: 100e-15,
        v_unit: 0.2,
        w_max: Some(1.0),
        headroom: 4.0,
        clip: true,
    };
    let fabrication =
        Fabrication { spread: 0.2, stuck_on: 0.025, stuck_off: 0.025, ..Fabrication::default() };
    let nonideal = NonIdeal { fabrication, ..NonIdeal::default() };
    let chip = fabricate(&compile(&model, &hardware), &nonideal, seed.child("chip"));

    let adam = OptimiserRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let optimiser = Optimiser::new(adam, 5e-3, &model);
    let engine = Box::new(Behavioural::new(chip, Precision::F32));
    let rule = EquilibriumPropagation { beta: 0.2, phases: Phases::Centred };
    let until = Until { settled: 1e-4, at_most: 5e-6, at_most_iterations: 0 };
    let mut trainer = Trainer::new(model, engine, optimiser, rule, until);

    let (train, test) = (digits(Split::Train), digits(Split::Test));
    let mut order: Vec<usize> = (0..train.inputs.rows()).collect();
    for epoch in 0..EPOCHS {
        order.shuffle(&mut seed.child("shuffle").index(epoch).rng());
        let mut cost = 0.0;
        for batch in order.chunks(BATCH) {
            cost += trainer.step(&train, batch).cost;
        }
        let tested = trainer.measure(&test);
        println!(
            "epoch {:>2}: loss {:.4}, test accuracy {:.1} %",
            epoch + 1,
            cost / order.len() as f64,
            100.0 * tested.right as f64 / tested.samples as f64
        );
    }
}
