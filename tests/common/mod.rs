//! Random networks, drives and hardware for the laws.
#![allow(dead_code)]

use eqcircuit::model::{Activation, Coupling, EnergyModel, Family, Layer, LayerId, State};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    ArrayStyle, Hardware, NeuronCircuit, PairStyle, Rows, Summing, TemplateArg, TemplateDevice,
};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

pub mod compiled;
pub mod ngspice;
pub mod runs;

pub fn normal(seed: Seed, rows: usize, cols: usize, sigma: f64) -> Mat {
    let mut rng = seed.rng();
    Mat::from_fn(rows, cols, |_, _| {
        let z: f64 = StandardNormal.sample(&mut rng);
        sigma * z
    })
}

/// A layered network with biases: `sizes[0]` is clamped, the last layer is read. `strength` is
/// the standard deviation of a weight times the square root of its fan-in; well below 1 gives a
/// single equilibrium.
pub fn layered(
    sizes: &[usize],
    activations: &[Activation],
    strength: f64,
    seed: Seed,
) -> EnergyModel {
    let layers: Vec<Layer> = sizes
        .iter()
        .zip(activations)
        .enumerate()
        .map(|(l, (&size, &activation))| Layer { name: format!("l{l}"), size, activation })
        .collect();
    let mut couplings = Vec::new();
    for l in 1..sizes.len() {
        let sigma = strength / (sizes[l - 1] as f64).sqrt().max((sizes[l] as f64).sqrt());
        couplings.push(Coupling::Dense {
            pre: LayerId(l - 1),
            post: LayerId(l),
            weight: normal(seed.child("w").index(l), sizes[l], sizes[l - 1], sigma),
        });
        couplings.push(Coupling::Bias {
            on: LayerId(l),
            value: normal(seed.child("b").index(l), 1, sizes[l], 0.3).into_vec(),
        });
    }
    EnergyModel {
        family: Family::Ham,
        layers,
        couplings,
        clamp: LayerId(0),
        read: LayerId(sizes.len() - 1),
    }
}

/// A network of 2 to 5 layers of 1 to 9 units with activations of the given set.
pub fn random_network(choices: &[Activation], strength: f64, seed: Seed) -> EnergyModel {
    let mut rng = seed.child("shape").rng();
    let depth = rng.random_range(2..=5);
    let sizes: Vec<usize> = (0..depth).map(|_| rng.random_range(1..=9)).collect();
    let activations: Vec<Activation> =
        (0..depth).map(|_| choices[rng.random_range(0..choices.len())]).collect();
    layered(&sizes, &activations, strength, seed)
}

pub fn random_state(model: &EnergyModel, batch: usize, seed: Seed) -> State {
    (0..model.layers.len())
        .map(|l| normal(seed.index(l), batch, model.layers[l].size, 1.0))
        .collect()
}

/// Hardware with the stock neuron circuits, built by hand.
pub fn hardware(model: &EnergyModel, array: ArrayStyle) -> Hardware {
    Hardware {
        neurons: model.layers.iter().map(|l| neuron(l.activation)).collect(),
        array,
        pair: PairStyle::OneSided,
        summing: Summing::Passive,
        tile: [4, 3],
        rows: Rows::Interleaved,
        g_min: 1e-6,
        g_max: 25e-6,
        g_leak: 1e-6,
        c_node: 100e-15,
        v_unit: 0.2,
        w_max: None,
        headroom: 1.0,
        clip: false,
    }
}

/// An amplifier with its inverter and node capacitor, as in `circuits/neuron/`.
pub fn neuron(activation: Activation) -> NeuronCircuit {
    let device = |name: &str, kind: &str, args: Vec<(&str, TemplateArg)>| TemplateDevice {
        name: name.into(),
        kind: kind.into(),
        args: args.into_iter().map(|(k, v)| (k.to_string(), v)).collect(),
    };
    let p = |s: &str| TemplateArg::Parameter(s.into());
    let w = |s: &str| TemplateArg::Word(s.into());
    let amplifier = |kind: &str, mut args: Vec<(&'static str, TemplateArg)>| {
        args.extend([
            ("in", p("sense")),
            ("out", p("out")),
            ("gain", p("gain")),
            ("v-unit", p("v-unit")),
        ]);
        device("amp", kind, args)
    };
    let inverter = device(
        "inv",
        "vcvs",
        vec![
            ("p", p("inv")),
            ("n", w("0")),
            ("cp", p("out")),
            ("cn", w("0")),
            ("gain", TemplateArg::Number(-1.0)),
        ],
    );
    let capacitor =
        device("c", "capacitor", vec![("p", p("in")), ("n", w("0")), ("c", p("c-node"))]);
    let mut per_unit = vec![inverter, capacitor];
    let mut per_layer = Vec::new();
    if activation == Activation::Softmax {
        per_layer.push(amplifier("softmax-amplifier", vec![]));
    } else {
        per_unit.insert(0, amplifier("amplifier", vec![("activation", w(activation.name()))]));
    }
    NeuronCircuit { name: format!("neuron/{}", activation.name()), activation, per_unit, per_layer }
}
