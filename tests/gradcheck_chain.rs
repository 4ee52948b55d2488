//! The laws of a gradient check of a chain: what equilibrium propagation and backpropagation measure
//! together is the gradient, and each step of a nudged phase is a step of the adjoint.

mod common;

use std::fs;
use std::path::Path;

use common::runs;
use eqcircuit::report;
use eqcircuit::run::gradcheck::{AgreementRecord, STEPS, StepRecord, figures};
use eqcircuit::run::{Gradchecked, Options, RunError, gradcheck};
use eqcircuit::spec::Spec;

const CHAIN: &str = r#"
title = "small"

[input]
shape = [1, 8, 8]

[[chain]]
name = "stem"
digital = { layers = [
  { conv = { channels = 3, kernel = 3, padding = 1, bias = false } },
  { batch-norm = {} },
] }

[[chain]]
name = "first"
[chain.analog]
slope = 0.5
clamp-last = true
free = { iterations = 60 }
nudged = { iterations = 12 }
layers = [{ conv = { channels = 4, pool = 2 } }]

[[chain]]
name = "between"
digital = { layers = [
  { conv = { channels = 4, kernel = 3, padding = 1 } },
  { max-pool = {} },
  { activation = "tanh" },
] }

[[chain]]
name = "second"
[chain.analog]
slope = 0.5
free = { iterations = 60 }
nudged = { iterations = 12 }
layers = [{ dense = { size = 8 } }, { dense = { size = 6 } }]

[[chain]]
name = "readout"
digital = { layers = [{ linear = { size = 10 } }] }

[train]
data = "digits"
first = 32
test-first = 32

[gradcheck]
samples = 4
entries = 6
settled = 1e-13
beta = 1e-4

[expect]
gradient-cosine = { at-least = 0.9999 }
gradient-norm-ratio = { at-least = 0.999, at-most = 1.001 }
"#;

const TENSORS: [&str; 13] = [
    "stem.0.weight",
    "stem.1.weight",
    "stem.1.bias",
    "first.0.weight",
    "first.0.bias",
    "between.0.weight",
    "between.0.bias",
    "second.0.weight",
    "second.0.bias",
    "second.1.weight",
    "second.1.bias",
    "readout.0.weight",
    "readout.0.bias",
];

fn small(folder: &Path, edits: &[&str]) -> Spec {
    let path = folder.join("small.toml");
    fs::write(&path, CHAIN).unwrap();
    runs::load(&path, edits)
}

fn run(folder: &Path, edits: &[&str], threads: usize) -> Gradchecked {
    let out = Some(folder.join("out"));
    let options = Options { out, quiet: true, threads: Some(threads), ..Options::default() };
    gradcheck(&small(folder, edits), &options).unwrap()
}

fn steps(folder: &Path) -> Vec<StepRecord> {
    let lines = fs::read_to_string(folder.join(STEPS)).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn near(what: &str, found: Option<AgreementRecord>, gap: f64) {
    let found = found.unwrap_or_else(|| panic!("{what} is not known"));
    assert!(found.cosine.unwrap() > 1.0 - gap, "{what}: {found:?}");
    assert!((found.norm_ratio.unwrap() - 1.0).abs() < gap.sqrt(), "{what}: {found:?}");
}

#[test]
fn the_estimate_is_the_gradient_of_every_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let checked = run(folder.path(), &[], 2);
    let run = &checked.record;
    assert_eq!((run.samples, run.settled, run.outcomes["settled"]), (4, 4, 4));
    assert_eq!((run.beta, run.tolerance), (1e-4, 1e-13));
    let names: Vec<&str> = run.tensors.iter().map(|t| t.tensor.as_str()).collect();
    assert_eq!(names, TENSORS);
    for t in &run.tensors {
        assert_eq!(t.entries, 6.min(t.shape[0] * t.shape[1]), "{}", t.tensor);
        near(&t.tensor, t.implicit, 1e-6);
        near(&t.tensor, t.finite_differences, 1e-6);
        near(&t.tensor, t.judges, 1e-9);
    }
    assert_eq!(run.tensors[3].shape, [4, 27]);
    let chain = run.chain.as_ref().unwrap();
    assert_eq!(chain.unknown, 0);
    let blocks: Vec<&str> = chain.blocks.iter().map(|b| b.block.as_str()).collect();
    assert_eq!(blocks, ["first", "second"]);
    assert!(chain.blocks.iter().all(|b| (2..2000).contains(&b.iterations)), "{chain:?}");
    assert!(run.head.expect.len() == 2 && run.head.expect.iter().all(|e| e.passed));
    for words in ["f64", "checked at beta = 0.0001, but [train] nudges with beta = 0.2"] {
        assert!(run.head.notes.iter().any(|n| n.contains(words)), "{:?}", run.head.notes);
    }

    let figures = figures(&small(folder.path(), &[]), None).unwrap();
    assert_eq!(figures["gradient-cosine"], run.cosine.unwrap());
    assert_eq!(figures["gradient-norm-ratio"], run.norm_ratio.unwrap());
    assert_eq!(figures.len(), 2 + TENSORS.len());
}

#[test]
fn every_step_of_a_nudged_phase_is_one_of_the_adjoint() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps(&run(folder.path(), &[], 2).folder);
    // Six tensors of analog blocks, as many steps as the file has.
    assert_eq!(steps.len(), 6 * 12);
    let mut moved = 0;
    for at in &steps {
        let Some(cosine) = at.cosine_distance else { continue };
        assert!(cosine < 1e-6 && at.relative_distance.unwrap() < 1e-3, "{at:?}");
        moved += 1;
    }
    assert!(moved > 60, "{moved} steps have a gradient");
    // A nudge of the last layer takes a step to reach the first of three.
    let first = |tensor: &str, step: usize| {
        let found = steps.iter().find(|s| s.tensor == tensor && s.step == step);
        found.unwrap().cosine_distance.is_some()
    };
    assert!(!first("second.0.weight", 1) && first("second.0.weight", 2));
    assert!(first("second.1.weight", 1));
}

#[test]
fn a_strong_nudge_meets_kinks_and_fails_its_expectation() {
    let folder = tempfile::tempdir().unwrap();
    let strong = run(folder.path(), &["gradcheck.beta=0.5"], 2);
    let failed: Vec<&str> = strong.failed().map(|e| e.figure.as_str()).collect();
    assert!(failed.contains(&"gradient-cosine"), "{:?}", strong.record.head.expect);
    for t in &strong.record.tensors {
        near(&t.tensor, t.judges, 1e-9);
    }
}

#[test]
fn threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let results = |threads| {
        let checked = run(folder.path(), &["gradcheck.entries=2"], threads);
        (checked.record.tensors, steps(&checked.folder))
    };
    assert_eq!(results(1), results(3));
}

/// All layers at once, with strong weights, swing.
const UNSETTLED: [&str; 2] =
    ["chain.1.analog.init={ uniform = { scale = 30 } }", "chain.1.analog.order=synchronous"];

#[test]
fn samples_that_do_not_settle_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let stuck = run(folder.path(), &UNSETTLED, 2);
    let run = &stuck.record;
    let unsettled = run.outcomes["unsettled"];
    assert!(unsettled > 0 && run.settled <= 4 - unsettled, "{:?}", run.outcomes);
    let notes = &run.head.notes;
    assert!(notes.iter().any(|n| n.contains("did not settle in the free phases")), "{notes:?}");
    assert_eq!(run.tensors.is_empty(), unsettled == 4);
}

#[test]
fn the_report_draws_the_steps() {
    let folder = tempfile::tempdir().unwrap();
    let dir = run(folder.path(), &["gradcheck.entries=1"], 2).folder;
    report::write(&dir).unwrap();
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let (page, figure) = (read("index.md"), read("gradient-steps.svg"));
    for words in ["| `first.0.weight` | 4 × 27 |", "gradient-steps", "steps.jsonl", "`second` "] {
        assert!(page.contains(words), "{words}:\n{page}");
    }
    for words in ["first", "second", "step of the nudged phase", "relative distance", "cosine"] {
        assert!(figure.contains(words), "{words} is not drawn");
    }
}

#[test]
fn without_training_there_is_no_gradient() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.toml");
    let [chain, _] = CHAIN.split("[train]").collect::<Vec<_>>()[..] else { panic!("two parts") };
    fs::write(&path, chain).unwrap();
    let spec = runs::load(&path, &[]);
    let error = gradcheck(&spec, &Options::default()).unwrap_err();
    assert!(matches!(error, RunError::NoTraining { .. }), "{error}");
}
