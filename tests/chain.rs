//! Chains of digital and analog blocks: that they learn, go on to the same bits, take weights, stop
//! where they must, and that a chip's defects show.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use common::runs::{self, expect_same_bits, options, trained};
use eqcircuit::learn::{Back, Chain, Link};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::{Mat, math};
use eqcircuit::run::record;
use eqcircuit::run::{Interrupt, Manner, Options, RunError, train};
use eqcircuit::spec::{Phases, Spec, Subject};

const FILE: &str = r#"
title = "small-chain"
seed = 5

[input]
shape = [1, 8, 8]

[[chain]]
name = "stem"
digital = { layers = [
  { conv = { channels = 6, kernel = 3, padding = 1, bias = false } },
  { batch-norm = { affine = false } },
] }

[[chain]]
name = "first"
[chain.analog]
slope = 0.5
clamp-last = true
free = { iterations = 60, settled = 1e-4 }
nudged = { iterations = 10 }
layers = [{ conv = { channels = 8, pool = 2 } }]

[[chain]]
name = "rest"
digital = { layers = [{ flatten = {} }, { dropout = { rate = 0.05 } }, { linear = { size = 24 } }, { batch-norm = {} }] }

[[chain]]
name = "second"
[chain.analog]
slope = 0.5
free = { iterations = 60, settled = 1e-4 }
nudged = { iterations = 10 }
layers = [{ dense = { size = 16 } }]

[[chain]]
name = "readout"
digital = { layers = [{ linear = { size = 10 } }] }

[train]
data = "digits"
first = 300
test-first = 100
rule = { equilibrium-propagation = { beta = 0.2 } }
augment = { crop = 1 }
epochs = 3
batch = 32
optimiser = { adam = { rate = 1e-2 } }
weight-decay = 1e-4
schedule = "cosine"

[expect]
test-accuracy = { at-least = 0.5 }
"#;

const CHIP: &str = r#"
[analog]
engine = "behavioural"

[analog.nonideal]
fabrication = { spread = 0.1, stuck-off = 0.01 }
programming = { sigma = 0.005 }
periphery = { dac = { bits = 8, range = "1 V" }, adc = { bits = 8, range = "1 V", noise = "1 mV" } }
read = { proportional = 0.02 }
"#;

fn load(folder: &Path, text: &str, edits: &[&str]) -> Spec {
    let path = folder.join("small.toml");
    fs::write(&path, text).unwrap();
    runs::load(&path, edits)
}

#[test]
fn a_chain_learns() {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(dir.path(), FILE, &["train.epochs=12"]);
    let run = trained(&spec, &dir.path().join("out"));
    let [first, last] = [&run.epochs[1], &run.epochs[12]];
    assert!(last.train_loss < first.train_loss, "{first:?} {last:?}");
    assert!(last.test_accuracy > run.epochs[0].test_accuracy + 0.4, "{last:?}");
    assert!(last.settled.unwrap() > 0.9 && last.iterations.unwrap() > 4.0, "{last:?}");
    assert_eq!(last.steps, 12 * (300 / 32), "whole batches only");
    assert!(run.failed().next().is_none());
    eqcircuit::report::write(&dir.path().join("out")).unwrap();
}

#[test]
fn same_bits_over_threads_ideal_and_on_chips() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("ideal", FILE.to_string()), ("chip", FILE.to_string() + CHIP)] {
        let spec = load(dir.path(), &text, &["train.epochs=1"]);
        let run = |threads: usize| -> PathBuf {
            let out = dir.path().join(format!("{name}-{threads}"));
            let options = Options { threads: Some(threads), ..options(&out, Manner::Fresh) };
            train(&spec, &options).unwrap();
            out
        };
        let one = run(1);
        for threads in [2, 3] {
            expect_same_bits(&one, &run(threads));
        }
    }
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("ideal", FILE.to_string()), ("chip", FILE.to_string() + CHIP)] {
        let spec = load(dir.path(), &text, &["train.epochs=2"]);
        let whole = dir.path().join(format!("{name}-whole"));
        trained(&spec, &whole);
        let out = dir.path().join(format!("{name}-parts"));
        let interrupt = Interrupt::default();
        let handler = interrupt.clone();
        let records = out.join(record::RESULTS);
        let waiting = thread::spawn(move || {
            let lines = || fs::read_to_string(&records).map_or(0, |text| text.lines().count());
            while lines() < 2 {
                thread::sleep(Duration::from_millis(1));
            }
            handler.trip();
        });
        let stopped = train(&spec, &Options { interrupt, ..options(&out, Manner::Fresh) });
        waiting.join().unwrap();
        assert!(matches!(stopped, Err(RunError::Stopped { .. })), "{stopped:?}");
        train(&spec, &options(&out, Manner::Resume)).unwrap();
        expect_same_bits(&whole, &out);
    }
}

#[test]
fn weights_go_out_and_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let run = trained(&load(dir.path(), FILE, &[]), &out);
    fs::copy(out.join(record::WEIGHTS), dir.path().join("learned.safetensors")).unwrap();
    let named = format!("weights = \"learned.safetensors\"\n{FILE}");
    let again = trained(&load(dir.path(), &named, &["train.epochs=0"]), &dir.path().join("again"));
    let (there, here) = (&run.epochs[3], &again.epochs[0]);
    assert_eq!((there.test_accuracy, there.test_loss), (here.test_accuracy, here.test_loss));
    // Put on chips that are far from perfect, and then learned again there.
    let poor = CHIP.replace("spread = 0.1, stuck-off = 0.01", "spread = 0.8, stuck-off = 0.2");
    let on_chip = |epochs: &str, out: &str| {
        let spec = load(dir.path(), &(named.clone() + &poor), &[epochs]);
        trained(&spec, &dir.path().join(out)).epochs.last().unwrap().test_accuracy
    };
    let (before, after) = (on_chip("train.epochs=0", "ex"), on_chip("train.epochs=2", "in"));
    assert!(before < there.test_accuracy - 0.03, "{before} of {}", there.test_accuracy);
    assert!(after > before, "{after} after learning, {before} before");
}

#[test]
fn what_cannot_go_on_says_where_and_keeps_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(dir.path(), FILE, &["train.optimiser.adam.rate=1e30", "train.epochs=2"]);
    let out = dir.path().join("infinite");
    let error = train(&spec, &options(&out, Manner::Fresh)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no longer finite, first in layer"), "{text}");
    assert!(text.contains("epoch 1, batch") && text.contains("learning rate"), "{text}");
    assert_eq!(error.exit_code(), 2);
    assert!(out.join(record::CHECKPOINT).exists());

    let strict = "train.unsettled=\"stop\"";
    let spec = load(dir.path(), &FILE.replace("iterations = 60", "iterations = 2"), &[strict]);
    let text = train(&spec, &options(&dir.path().join("unsettled"), Manner::Fresh)).unwrap_err();
    let text = text.to_string();
    assert!(text.contains("32 of 32 samples did not settle in block `first`"), "{text}");
    let spec = load(dir.path(), &FILE.replace("iterations = 60", "iterations = 2"), &[]);
    let run = trained(&spec, &dir.path().join("unsettled-on"));
    assert!(run.epochs[3].settled.unwrap() < 0.5, "an outcome with its number");
}

/// On a chip that is as it should be it is all the same how cells serve positions, and the same as
/// iterating to rest; on one that is not, a device of each position has defects of its own.
#[test]
fn positions_in_turn_and_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("precision = \"f64\"\n{FILE}")
        .replace("pool = 2", "padding = 1")
        .replace("settled = 1e-4", "settled = 1e-9")
        .replace("iterations = 60", "iterations = 300")
        .replace("iterations = 10", "iterations = 200")
        .replace("first = 300", "first = 96")
        .replace("test-first = 100", "test-first = 40");
    let loss = |name: &str, board: &str| {
        let spec = load(dir.path(), &format!("{text}\n{board}"), &["train.epochs=1"]);
        trained(&spec, &dir.path().join(name)).epochs[1].test_loss.unwrap()
    };
    let on = |positions: &str| {
        format!(
            "[analog]\nengine = \"behavioural\"\npositions = \"{positions}\"\n\
             hardware = {{ w-max = 4.0 }}\n"
        )
    };
    let ideal = loss("ideal", "");
    for positions in ["in-turn", "side-by-side"] {
        let chip = loss(positions, &on(positions));
        assert!((chip / ideal - 1.0).abs() < 1e-6, "{positions}: {chip} is not {ideal}");
    }
    let bad = "nonideal = { fabrication = { spread = 0.3 } }\n";
    let [turn, side] =
        ["in-turn", "side-by-side"].map(|p| loss(&format!("bad-{p}"), &(on(p) + bad)));
    assert!((turn / ideal - 1.0).abs() > 1e-4 && (side / turn - 1.0).abs() > 1e-4);
}

/// The large configurations, on pictures of their shape: a step of two pictures of the first blocks.
#[test]
fn published_configurations_run_on_synthetic_pictures() {
    let dir = tempfile::tempdir().unwrap();
    for (name, data, classes) in [
        ("cifar100-scaling-small", "cifar100", 100),
        ("cifar100-scaling-large", "cifar100", 100),
        ("imagenet32-scaling-small", "imagenet32", 1000),
        ("imagenet32-scaling-large", "imagenet32", 1000),
    ] {
        let text = fs::read_to_string(format!("netlists/{name}.toml")).unwrap();
        let synthetic = format!("synthetic = {{ classes = {classes}, samples = 4 }}");
        let text = text.replace(&format!("data = \"{data}\""), &synthetic);
        let edits = ["train.epochs=1", "train.batch=2", "train.first=2", "train.test-first=1"];
        // One of each is a minute in all; the others are read and laid out.
        let spec = load(dir.path(), &text, &edits);
        if name.ends_with("small") && data == "cifar100" {
            let run = trained(&spec, &dir.path().join(name));
            assert!(run.epochs[1].train_loss.unwrap().is_finite());
        }
    }
}

/// What goes back to the digital side of a chip is the difference of two readings.
#[test]
fn errors_come_back_through_converters() {
    let dir = tempfile::tempdir().unwrap();
    let chip = "[analog]\nengine = \"behavioural\"\n\
                [analog.nonideal]\nperiphery = { adc = { bits = 6, range = \"1 V\" } }\n";
    let spec = load(dir.path(), &(FILE.to_string() + chip), &[]);
    let Subject::Chain(chain) = &spec.subject else { panic!("a chain") };
    let (beta, batch) = (0.2, 4);
    let step = 1.0 / 31.0;
    let mut chain: Chain<f64> = Chain::new(chain, Seed::new(1), Seed::new(2));
    let (_, link) = chain.links_mut().nth(1).unwrap();
    let Link::Analog(block) = link else { panic!("an analog block") };
    let input = Mat::from_fn(batch, 6 * 64, |s, i| math::sin((s + 7 * i) as f64));
    let output = block.forward(input, true);
    let error = Mat::from_fn(batch, output.cols(), |s, i| math::sin((5 * s + i) as f64));
    let phases = Phases::Centred;
    let dx = block.backward(&error, Back::Propagation { beta, phases });
    let steps = dx.map(|v| v * 2.0 * beta * batch as f64 / step);
    assert!(steps.as_slice().iter().all(|v| (v - v.round()).abs() < 1e-9), "{steps:?}");
    assert!(steps.as_slice().iter().any(|v| *v != 0.0), "nothing came back");
}
