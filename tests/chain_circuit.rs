//! Analog blocks of a chain as circuits: the same rest, the same gradient and the same training as
//! on the other engines.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use eqcircuit::learn::{AnalogBlock, Back, Chain, Link};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::{Mat, math};
use eqcircuit::run::{Interrupt, Manner, Options, RunError, record, train};
use eqcircuit::spec::{self, Edit, Library, Phases, Spec, Subject};

/// A convolution and a dense product, without pooling.
const BLOCK: &str = r#"
title = "block"
seed = 5

[input]
shape = [2, 4, 4]

[[chain]]
name = "block"
[chain.analog]
slope = 0.7
free = { iterations = 400, settled = 1e-11 }
nudged = { iterations = 400, settled = 1e-11 }
init = { uniform = { scale = 0.7 } }
layers = [{ conv = { channels = 3 } }, { dense = { size = 5 } }]
"#;

const BAD: &str = "nonideal = { fabrication = { spread = 0.1 }, programming = { sigma = 0.05 } }\n";

fn load(dir: &Path, text: &str, edits: &[&str]) -> Spec {
    let path = dir.join("file.toml");
    fs::write(&path, text).unwrap();
    let edits: Vec<Edit> = edits.iter().map(|edit| Edit::new(*edit)).collect();
    match spec::load(&path, &edits, &Library::beside(&path)) {
        Ok(spec) => spec,
        Err(mistakes) => panic!("{}", mistakes.render(false)),
    }
}

/// The block on an engine, side by side where it is on a chip.
fn on(engine: &str, nonideal: &str) -> String {
    let place = match engine {
        "ideal" => String::new(),
        "behavioural" => format!("positions = \"side-by-side\"\n{nonideal}"),
        _ => nonideal.to_string(),
    };
    let hardware = if engine == "ideal" { "" } else { "hardware = { w-max = 1.0 }\n" };
    format!("{BLOCK}\n[analog]\nengine = \"{engine}\"\n{hardware}{place}")
}

fn chain(text: &str) -> Chain<f64> {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(dir.path(), text, &[]);
    let Subject::Chain(chain) = &spec.subject else { panic!("a chain") };
    Chain::new(chain, Seed::new(1), Seed::new(2))
}

fn block(chain: &mut Chain<f64>) -> &mut AnalogBlock<f64> {
    let (_, link) = chain.links_mut().next().unwrap();
    let Link::Analog(block) = link else { panic!("an analog block") };
    block
}

fn waves(rows: usize, cols: usize, step: usize) -> Mat {
    Mat::from_fn(rows, cols, |s, i| 0.8 * math::sin((3 * s + step * i) as f64))
}

/// What a block gives, its gradients, and what it sends back.
struct Passed {
    output: Mat,
    grad: Vec<Vec<f64>>,
    dx: Mat,
}

fn pass(text: &str) -> Passed {
    let mut chain = chain(text);
    let block = block(&mut chain);
    let output = block.forward(waves(3, 32, 7), true);
    assert!(block.endings().iter().all(|end| end.settled), "{:?}", block.endings());
    let phases = Phases::Centred;
    let dx = block.backward(&waves(3, 5, 5), Back::Propagation { beta: 0.05, phases });
    let grad = block.parameters().iter().map(|p| p.grad.clone()).collect();
    Passed { output, grad, dx }
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn a_perfect_circuit_rests_where_the_other_engines_rest() {
    let circuit = pass(&on("circuit", ""));
    assert!(circuit.output.as_slice().iter().any(|v| v.abs() > 0.02), "{:?}", circuit.output);
    for engine in ["ideal", "behavioural"] {
        let other = pass(&on(engine, ""));
        let apart = apart(circuit.output.as_slice(), other.output.as_slice());
        assert!(apart < 1e-9, "{engine}: {apart:e}");
        let back = cosine(circuit.dx.as_slice(), other.dx.as_slice());
        assert!(back > 1.0 - 1e-9, "{engine}: dL/dinput at {back}");
    }
}

#[test]
fn a_circuit_of_the_same_bad_chip_rests_there_too_and_gives_its_gradient() {
    let [circuit, weights] = ["circuit", "behavioural"].map(|engine| pass(&on(engine, BAD)));
    let moved = apart(circuit.output.as_slice(), pass(&on("circuit", "")).output.as_slice());
    assert!(moved > 1e-3, "the chip is not bad: {moved:e}");
    let rest = apart(circuit.output.as_slice(), weights.output.as_slice());
    assert!(rest < 1e-9, "{rest:e}");
    for (k, (a, b)) in circuit.grad.iter().zip(&weights.grad).enumerate() {
        assert!(cosine(a, b) > 1.0 - 1e-9, "tensor {k}: {}", cosine(a, b));
        assert!(apart(a, b) < 1e-7, "tensor {k}: {:e}", apart(a, b));
    }
    let (a, b) = (circuit.dx.as_slice(), weights.dx.as_slice());
    assert!(cosine(a, b) > 1.0 - 1e-9 && apart(a, b) < 1e-7, "{} {:e}", cosine(a, b), apart(a, b));
}

/// Noise of reads is a current into every node, in a circuit as elsewhere.
#[test]
fn reads_of_a_circuit_are_as_noisy() {
    let noise = "nonideal = { read = { proportional = 0.05 } }\n";
    let [circuit, weights] = ["circuit", "behavioural"].map(|engine| pass(&on(engine, noise)));
    let moved = apart(circuit.output.as_slice(), pass(&on("circuit", "")).output.as_slice());
    assert!(moved > 1e-4, "no noise: {moved:e}");
    let rest = apart(circuit.output.as_slice(), weights.output.as_slice());
    assert!(rest < 1e-8, "{rest:e}");
}

#[test]
fn writes_reach_the_circuit() {
    let after = |engine: &str| {
        let mut chain = chain(&on(engine, BAD));
        let block = block(&mut chain);
        for parameter in block.parameters_mut() {
            parameter.value.iter_mut().enumerate().for_each(|(k, w)| *w += 0.02 * (k % 3) as f64);
        }
        assert!(block.apply() > 0);
        block.forward(waves(3, 32, 7), false)
    };
    let [circuit, weights] = ["circuit", "behavioural"].map(after);
    let apart = apart(circuit.as_slice(), weights.as_slice());
    assert!(apart < 1e-9, "{apart:e}");
}

/// A block of one layer has its input and its nudge in the same nodes, and no cells at all.
#[test]
fn a_block_of_one_layer_is_a_row_of_neurons() {
    let alone = |engine: &str| {
        let text = on(engine, "").replace(
            "layers = [{ conv = { channels = 3 } }, { dense = { size = 5 } }]",
            "clamp-last = true",
        );
        let mut chain = chain(&text);
        let block = block(&mut chain);
        let output = block.forward(waves(3, 32, 7), true);
        let phases = Phases::Centred;
        let dx = block.backward(&waves(3, 32, 5), Back::Propagation { beta: 0.05, phases });
        [output, dx]
    };
    let [circuit, weights] = ["circuit", "behavioural"].map(alone);
    for (a, b) in circuit.iter().zip(&weights) {
        assert!(apart(a.as_slice(), b.as_slice()) < 1e-9, "{a:?} {b:?}");
    }
}

const FILE: &str = r#"
title = "small-circuit"
seed = 5

[input]
shape = [1, 8, 8]

[[chain]]
name = "stem"
digital = { layers = [{ average-pool = {} }, { conv = { channels = 2, bias = false, padding = 1 } }, { batch-norm = {} }] }

[[chain]]
name = "block"
[chain.analog]
engine = "circuit"
slope = 0.5
nonideal = { fabrication = { spread = 0.1 }, programming = { sigma = 0.02 }, read = { proportional = 0.01 } }
layers = [{ conv = { channels = 2 } }, { dense = { size = 8 } }]

[[chain]]
name = "readout"
digital = { layers = [{ linear = { size = 10 } }] }

[train]
data = "digits"
first = 24
test-first = 8
rule = { equilibrium-propagation = { beta = 0.2 } }
epochs = 2
batch = 8
optimiser = { adam = { rate = 1e-2 } }
"#;

/// What must be the same bits in every run of the same file.
const RESULTS: [&str; 5] =
    [record::RESULTS, record::RESULTS_CSV, record::CHECKPOINT, record::WEIGHTS, record::CHIP];

fn options(out: &Path, threads: usize, manner: Manner) -> Options {
    let threads = Some(threads);
    Options { out: Some(out.to_path_buf()), quiet: true, manner, threads, ..Options::default() }
}

#[track_caller]
fn expect_same_bits(one: &Path, other: &Path) {
    for name in RESULTS {
        let [a, b] = [one, other].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(a == b, "{name} of {} and {}", one.display(), other.display());
    }
}

/// Learning in place on a circuit with defects and noise: whatever the threads, and from a stop on.
#[test]
fn training_gives_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(dir.path(), FILE, &[]);
    let whole = dir.path().join("whole");
    let run = train(&spec, &options(&whole, 1, Manner::Fresh)).unwrap();
    let losses: Vec<f64> = run.epochs.iter().filter_map(|epoch| epoch.train_loss).collect();
    assert!(losses.last() < losses.first(), "{losses:?}");
    assert_eq!(run.epochs[2].settled, Some(1.0));

    let threads = dir.path().join("threads");
    train(&spec, &options(&threads, 3, Manner::Fresh)).unwrap();
    expect_same_bits(&whole, &threads);

    let parts = dir.path().join("parts");
    let interrupt = Interrupt::default();
    let (handler, records) = (interrupt.clone(), parts.join(record::RESULTS));
    let waiting = thread::spawn(move || {
        let lines = || fs::read_to_string(&records).map_or(0, |text| text.lines().count());
        while lines() < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        handler.trip();
    });
    let stopped = train(&spec, &Options { interrupt, ..options(&parts, 2, Manner::Fresh) });
    waiting.join().unwrap();
    assert!(matches!(stopped, Err(RunError::Stopped { .. })), "{stopped:?}");
    train(&spec, &options(&parts, 2, Manner::Resume)).unwrap();
    expect_same_bits(&whole, &parts);
}
