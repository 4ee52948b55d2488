//! Trains a 64-32-10 network on the bundled digits with equilibrium propagation on the ideal
//! engine, and writes its weights:
//!
//! ```sh
//! cargo run --release --example train_digits -- netlists/ham3.safetensors
//! ```

use std::path::Path;

use eqcircuit::data;
use eqcircuit::engine::{Drive, Engine, Ideal, Nudge, Save, Until};
use eqcircuit::learn::{
    EquilibriumPropagation, Optimiser, Phases, Rule, one_hot, prediction, write_weights,
};
use eqcircuit::model::{Activation, Coupling, EnergyModel, Family, Layer, LayerId};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use rand::RngExt;
use rand::seq::SliceRandom;

const EPOCHS: usize = 60;
const BATCH: usize = 32;

fn network(seed: Seed) -> EnergyModel {
    let layer = |name: &str, size, activation| Layer { name: name.into(), size, activation };
    let layers = vec![
        layer("input", 64, Activation::Identity),
        layer("hidden", 32, Activation::Tanh),
        layer("output", 10, Activation::Identity),
    ];
    let xavier = |pre: usize, post: usize| {
        let (cols, rows) = (layers[pre].size, layers[post].size);
        let bound = (6.0 / (rows + cols) as f64).sqrt();
        let mut rng = seed.child("weights").index(post).rng();
        let weight = Mat::from_fn(rows, cols, |_, _| rng.random_range(-bound..bound));
        Coupling::Dense { pre: LayerId(pre), post: LayerId(post), weight }
    };
    let bias = |on: usize| Coupling::Bias { on: LayerId(on), value: vec![0.0; layers[on].size] };
    let couplings = vec![xavier(0, 1), xavier(1, 2), bias(1), bias(2)];
    EnergyModel { family: Family::Ham, layers, couplings, clamp: LayerId(0), read: LayerId(2) }
}

fn accuracy(model: &EnergyModel, set: &data::DataSet, until: &Until) -> f64 {
    let drive = Drive { clamp: set.inputs.clone(), nudge: Nudge::None };
    let settled = Ideal::new(model.clone(), 0.0).settle(&drive, None, until, &Save::End);
    let labels = set.labels.as_ref().expect("digits are labelled");
    let outputs = &settled.state[model.read.0];
    let right =
        labels.iter().zip(outputs.iter_rows()).filter(|(l, o)| **l == prediction(o)).count();
    right as f64 / labels.len() as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: train_digits OUT.safetensors")?;
    let (train, test) = (data::digits(data::Split::Train), data::digits(data::Split::Test));
    let labels = train.labels.as_ref().expect("digits are labelled");
    let target = one_hot(labels, 10);
    let until = Until { settled: 1e-6, at_most: 1.0, at_most_iterations: 1000 };
    let rule = EquilibriumPropagation { beta: 0.2, phases: Phases::Centred };

    let seed = Seed::new(1);
    let mut model = network(seed);
    let mut engine = Ideal::new(model.clone(), 0.0);
    let adam = Rule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let mut optimiser = Optimiser::new(adam, 3e-3, &model);
    let mut order: Vec<usize> = (0..labels.len()).collect();
    for epoch in 0..EPOCHS {
        order.shuffle(&mut seed.child("shuffle").index(epoch).rng());
        optimiser.rate = 3e-3 * (1.0 - epoch as f64 / EPOCHS as f64);
        let mut cost = 0.0;
        for batch in order.chunks(BATCH) {
            let (x, y) = (train.inputs.select_rows(batch), target.select_rows(batch));
            let estimate = rule.estimate(&mut engine, &model, &x, &y, &until);
            cost += estimate.cost.iter().sum::<f64>();
            optimiser.step(&mut model, &estimate.grad);
            engine.write(&model);
        }
        if (epoch + 1) % 10 == 0 {
            println!(
                "epoch {:>3}: loss {:.4}, train {:.4}, test {:.4}",
                epoch + 1,
                cost / labels.len() as f64,
                accuracy(&model, &train, &until),
                accuracy(&model, &test, &until)
            );
        }
    }
    write_weights(&model, Path::new(&path))?;
    println!("wrote {path}");
    Ok(())
}
