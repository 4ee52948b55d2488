//! Devices that learn by pulses: a layer of 784 inputs and 512 outputs with a batch of 128, on one
//! thread. Forward: a product with noise on each output; update: pulse trains on all lines; two
//! arrays: the same on the fast one, a column carried over every sample. With `EQCIRCUIT_AIHWKIT`
//! the path of a Python that has aihwkit, it does the same beside, in turn.
//! `cargo bench --bench devices [-- WORDS OF A ROW]`

mod common;

use std::hint::black_box;
use std::process::Command;

use common::{normal, pictures, pool, shortest};
use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::model::{Activation, Coupling, EnergyModel, Family, Layer, LayerId, Outer};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::draws::Normals;
use eqcircuit::numerics::gemm::{Gemm, Into};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{NonIdeal, PairStyle, StepLaw, TrainKind, Trains, Transfer, Update};

const BATCH: usize = 128;
const INPUTS: usize = 784;
const OUTPUTS: usize = 512;
/// Learning rates of the update: from hardly a pulse a cell and batch to 50.
const RATES: [f64; 5] = [1e-5, 1e-4, 5e-4, 1e-3, 1e-2];
/// The fast array of the rival's preset learns at this rate, whatever the layer's.
const FAST_RATE: f64 = 1.0;
/// Of the output noise of the rival's converters.
const NOISE: f64 = 0.1;

/// The steps of the rival's `ReRamES` preset.
fn re_ram() -> Update {
    Update {
        law: StepLaw::Exponential {
            gamma: [5.0, 5.0],
            amplitude: [-1.18445, -0.081404],
            a: -0.5,
            b: -0.5,
        },
        step: 0.00135,
        step_spread: 0.2,
        noise: 5.0,
        asymmetry: 0.259359,
        asymmetry_spread: 0.05,
        bound_spread: 0.3,
        trains: Some(Trains { length: 31, kind: TrainKind::Stochastic }),
        ..Update::default()
    }
}

/// Of its `TikiTakaEcRam`.
fn two_ec_rams() -> Update {
    Update {
        law: StepLaw::Linear { gamma: [0.1, 0.5556] },
        step: 0.002,
        step_spread: 0.1,
        noise: 0.3,
        asymmetry: -0.0588,
        asymmetry_spread: 0.01,
        bound_spread: 0.05,
        transfer: Some(Transfer { every: 1, rate: 1.0, gain: 1.0 }),
        ..re_ram()
    }
}

/// One layer whose cells go from -1 to 1 for weights from -1 to 1, as the rival's do.
fn layer(update: Update) -> Chip {
    let layers = [("in", INPUTS), ("out", OUTPUTS)].map(|(name, size)| Layer {
        name: name.into(),
        size,
        activation: Activation::Identity,
    });
    let weight = normal(OUTPUTS, INPUTS, 0.1, Seed::new(3));
    let model = EnergyModel {
        family: Family::Ham,
        layers: layers.into(),
        couplings: vec![Coupling::Dense { pre: LayerId(0), post: LayerId(1), weight }],
        clamp: LayerId(0),
        read: LayerId(1),
    };
    let mut hardware =
        common::chip(&common::network(&[2, 2], Activation::Tanh, 1.0), None).fabric.hardware;
    (hardware.g_min, hardware.g_max, hardware.pair) = (0.0, 2.0, PairStyle::Reference);
    (hardware.w_max, hardware.clip) = (Some(1.0), true);
    let bad = NonIdeal { update: Some(update), ..NonIdeal::default() };
    fabricate(&compile(&model, &hardware), &bad, Seed::new(1))
}

/// What the outputs are asked to change by: from -0.6 to 1.4 times the rate.
fn errors(rate: f64) -> Mat {
    use rand::RngExt;
    let mut rng = Seed::new(5).rng();
    Mat::from_fn(BATCH, OUTPUTS, |_, _| {
        let u: f64 = rng.random();
        2.0 * rate * (u - 0.3)
    })
}

/// Seconds of the shortest update, and its pulses.
fn update(update: Update, rate: f64, runs: usize) -> (f64, usize) {
    let mut chip = layer(update);
    let model = chip.fabric.model.clone();
    let by = [Some(Outer { post: errors(rate), pre: pictures(BATCH, INPUTS), per_sample: 1 })];
    let mut pulses = 0;
    let seconds = shortest(runs, || pulses = chip.teach(&model, &by).pulses);
    (seconds, pulses)
}

/// Seconds of the shortest product with noise on each output, in single precision.
fn forward() -> f64 {
    let weight = normal(INPUTS, OUTPUTS, 0.1, Seed::new(3)).map(|w| w as f32);
    let x = pictures(BATCH, INPUTS).map(|x| x as f32);
    let mut y = vec![0.0_f32; BATCH * OUTPUTS];
    let mut z = vec![0.0; BATCH * OUTPUTS];
    let mut normals = Normals::new(Seed::new(6));
    shortest(30, || {
        let shape = [BATCH, OUTPUTS, INPUTS];
        f32::gemm(&mut y, x.as_slice(), weight.as_slice(), shape, Into::Replace);
        normals.fill(&mut z);
        y.iter_mut().zip(&z).for_each(|(y, z)| *y += (NOISE * z) as f32);
        black_box(&mut y);
    })
}

/// The rival's numbers, one a line: what, rate, ms.
fn rival() -> Vec<(String, f64)> {
    let Ok(python) = std::env::var("EQCIRCUIT_AIHWKIT") else { return Vec::new() };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rivals/aihwkit.py");
    let run = Command::new(&python).arg(script).output();
    let out = match run {
        Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).into_owned(),
        Ok(out) => {
            eprintln!("{python} failed:\n{}", String::from_utf8_lossy(&out.stderr));
            return Vec::new();
        }
        Err(error) => {
            eprintln!("{python} cannot be run: {error}");
            return Vec::new();
        }
    };
    let line = |line: &str| {
        let (what, ms) = line.rsplit_once(' ')?;
        Some((what.to_string(), ms.parse().ok()?))
    };
    out.lines().filter_map(line).collect()
}

fn main() {
    let theirs = rival();
    let row = |what: String, seconds: f64, pulses: Option<usize>| {
        let ms = 1e3 * seconds;
        let pulses = pulses.map_or(String::new(), |n| n.to_string());
        let rival = theirs.iter().find(|(name, _)| *name == what);
        let rival = rival.map_or(String::new(), |(_, t)| format!("{t:9.2} {:6.1}", t / ms));
        println!("{what:24} {pulses:>10} {ms:9.2} {rival}");
    };
    println!(
        "{:24} {:>10} {:>9} {:>9} {:>6}",
        "ms, one thread", "pulses", "eqcircuit", "aihwkit", "times"
    );
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let only = only.join(" ");
    let gain = FAST_RATE / RATES[3];
    let mut two = two_ec_rams();
    two.transfer = Some(Transfer { every: 1, rate: 1.0, gain });
    let single = RATES.map(|rate| (format!("ReRamES {rate:e}"), re_ram(), rate, 9));
    let double = [
        ("TikiTakaEcRam".into(), two, RATES[3], 3),
        (format!("TikiTakaEcRam {:e}", RATES[3]), two_ec_rams(), RATES[3], 9),
    ];
    pool(1).install(|| {
        if "forward".contains(&only) {
            row("forward".into(), forward(), None);
        }
        for (what, law, rate, runs) in single.into_iter().chain(double) {
            if what.contains(&only) {
                let (seconds, pulses) = update(law, rate, runs);
                row(what, seconds, Some(pulses));
            }
        }
    });
}
