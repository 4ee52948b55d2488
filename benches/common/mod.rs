//! What the benches share: networks of MNIST's shape, pictures, and the roof of bare products.
#![allow(dead_code)]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::model::{Activation, Coupling, EnergyModel, Family, Layer, LayerId};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::gemm::{Into, Metered};
use eqcircuit::numerics::kernels::Real;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    ArrayStyle, Hardware, NeuronCircuit, NonIdeal, PairStyle, Rows, Summing, TemplateArg,
    TemplateDevice,
};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

pub fn normal(rows: usize, cols: usize, sigma: f64, seed: Seed) -> Mat {
    let mut rng = seed.rng();
    Mat::from_fn(rows, cols, |_, _| {
        let z: f64 = StandardNormal.sample(&mut rng);
        sigma * z
    })
}

/// A network with an identity output and Xavier weights times `gain`, without biases.
pub fn network(sizes: &[usize], hidden: Activation, gain: f64) -> EnergyModel {
    let seed = Seed::new(1);
    let last = sizes.len() - 1;
    let layers = sizes.iter().enumerate().map(|(l, &size)| {
        let activation = if l == 0 || l == last { Activation::Identity } else { hidden };
        Layer { name: format!("l{l}"), size, activation }
    });
    let couplings = (0..last).map(|l| {
        let sigma = gain * (2.0 / (sizes[l] + sizes[l + 1]) as f64).sqrt();
        let weight = normal(sizes[l + 1], sizes[l], sigma, seed.index(l));
        Coupling::Dense { pre: LayerId(l), post: LayerId(l + 1), weight }
    });
    EnergyModel {
        family: Family::Ham,
        layers: layers.collect(),
        couplings: couplings.collect(),
        clamp: LayerId(0),
        read: LayerId(last),
    }
}

/// A perfect chip for a network.
pub fn chip(model: &EnergyModel, w_max: Option<f64>) -> Chip {
    let hardware = Hardware {
        neurons: Vec::new(),
        array: ArrayStyle::Twin,
        summing: Summing::Passive,
        pair: PairStyle::OneSided,
        tile: [128, 128],
        rows: Rows::Interleaved,
        g_min: 1e-6,
        g_max: 25e-6,
        g_leak: 1e-6,
        c_node: 100e-15,
        v_unit: 0.2,
        w_max,
        headroom: 1.0,
        clip: false,
    };
    fabricate(&compile(model, &hardware), &NonIdeal::default(), Seed::new(1))
}

/// `[samples, pixels]`: a fifth of the pixels lit.
pub fn pictures(samples: usize, pixels: usize) -> Mat {
    let mut rng = Seed::new(2).rng();
    Mat::from_fn(samples, pixels, |_, _| {
        let lit: f64 = rng.random();
        let value: f64 = rng.random();
        if lit < 0.2 { value } else { 0.0 }
    })
}

/// The shortest of some runs \[s\].
pub fn shortest(runs: usize, mut f: impl FnMut()) -> f64 {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

/// The most memory this process ever held \[MB\], where the system tells.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1e3 * 1.024)
}

/// Seconds that the very products of a run take by themselves, over and over on the same operands.
pub fn bare<T: Real>(products: &[Metered]) -> f64 {
    let one = |p: &Metered| {
        let [m, n, k] = p.shape;
        let numbers = |count: usize| -> Vec<T> {
            (0..count).map(|i| T::of(1.0 / (1.0 + i as f64))).collect()
        };
        let (a, b, mut c) = (numbers(m * k), numbers(k * n), numbers(m * n));
        let repeats = (2_000_000 / (m * n * k)).max(1);
        let time = shortest(30, || {
            for _ in 0..repeats {
                T::gemm(black_box(&mut c), black_box(&a), black_box(&b), p.shape, Into::Replace);
            }
        });
        p.calls as f64 * time / repeats as f64
    };
    products.iter().map(one).sum()
}

pub fn gigaflop(products: &[Metered]) -> f64 {
    products.iter().map(|p| 2e-9 * (p.calls * p.shape.iter().product::<usize>()) as f64).sum()
}

pub fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool")
}

/// The stock circuits `circuits/neuron/`.
pub fn neurons(model: &EnergyModel) -> Vec<NeuronCircuit> {
    let parameter = |name: &str| TemplateArg::Parameter(name.into());
    let word = |word: &str| TemplateArg::Word(word.into());
    let device = |name: &str, kind: &str, args: Vec<(&str, TemplateArg)>| TemplateDevice {
        name: name.into(),
        kind: kind.into(),
        args: args.into_iter().map(|(k, v)| (k.to_string(), v)).collect(),
    };
    let each = |activation: Activation| {
        let amplifier = vec![
            ("activation", word(activation.name())),
            ("in", parameter("in")),
            ("out", parameter("out")),
            ("gain", parameter("gain")),
            ("v-unit", parameter("v-unit")),
        ];
        let inverter = vec![
            ("p", parameter("inv")),
            ("n", word("0")),
            ("cp", parameter("out")),
            ("cn", word("0")),
            ("gain", TemplateArg::Number(-1.0)),
        ];
        let capacitor = vec![("p", parameter("in")), ("n", word("0")), ("c", parameter("c-node"))];
        NeuronCircuit {
            name: format!("neuron/{}", activation.name()),
            activation,
            per_unit: vec![
                device("amp", "amplifier", amplifier),
                device("inv", "vcvs", inverter),
                device("c", "capacitor", capacitor),
            ],
            per_layer: Vec::new(),
        }
    };
    model.layers.iter().map(|l| each(l.activation)).collect()
}

/// Writes f32 tensors, `(name, shape, numbers)`.
pub fn save_tensors(path: &Path, tensors: &[(String, Vec<usize>, Vec<f32>)]) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, numbers)| numbers.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name.as_str(), view.expect("numbers that fill their shape"))
    });
    let bytes = safetensors::serialize(views, None).expect("tensors");
    std::fs::write(path, bytes).expect("a file in a temporary folder");
}

/// Whether `python3` finds torch and numpy.
pub fn has_torch() -> bool {
    let out = Command::new("python3").args(["-c", "import torch, numpy"]).output();
    out.is_ok_and(|out| out.status.success())
}

/// What a script of `benches/reference/` prints.
pub fn reference(script: &str, folder: &Path, args: &[&str]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reference").join(script);
    let out = Command::new("python3")
        .arg("-B")
        .arg(script)
        .arg(folder)
        .args(args)
        // On a machine that others use, threads that spin cost it several times as much.
        .env("OMP_WAIT_POLICY", "PASSIVE")
        .output()
        .ok()?;
    if !out.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&out.stderr));
        return None;
    }
    String::from_utf8(out.stdout).ok()
}
