//! Training runs: what they leave, that they go on to the same bits, and that a chip learns
//! through its own defects.

mod common;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use common::runs::{self, expect_same_bits, options, trained};
use eqcircuit::data::{Split, digits};
use eqcircuit::report;
use eqcircuit::run::record::{self, EpochRecord, TrainRecord};
use eqcircuit::run::{Evaluation, Interrupt, Manner, Options, RunError, evaluate, train};
use eqcircuit::spec::Spec;

/// A small network on a chip with every non-ideality that has randomness in it.
const FILE: &str = r#"
title = "small"
seed = 3

[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 64, activation = "identity" },
  { name = "hidden", size = 12, activation = "tanh" },
  { name = "output", size = 10, activation = "identity" },
]
couplings = [
  { dense = { between = ["input", "hidden"] } },
  { dense = { between = ["hidden", "output"] } },
  { bias = { on = "hidden" } },
]
init = { scale = 0.5 }

[nonideal]
fabrication = { spread = 0.1, stuck-off = 0.01 }
programming = { sigma = 0.005, levels = 64 }

[train]
rule = { equilibrium-propagation = { beta = 0.3 } }
train = { data = "digits", split = "train", first = 300 }
test = { data = "digits", first = 100 }
epochs = 4
batch = 32
optimiser = { adam = { rate = 1e-2 } }
schedule = "cosine"

[expect]
test-accuracy = { at-least = 0.5 }
settled = { at-least = 1.0 }
"#;

fn load(folder: &Path, edits: &[&str]) -> Spec {
    let path = folder.join("small.toml");
    fs::write(&path, FILE).unwrap();
    runs::load(&path, edits)
}

#[test]
fn a_run_leaves_its_records_and_learns() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let run = trained(&load(dir.path(), &[]), &out);
    assert_eq!(run.epochs.len(), 5, "four epochs and the network before them");
    assert_eq!(run.epochs[0].train_loss, None);
    let [first, last] = [&run.epochs[1], &run.epochs[4]];
    assert!(last.train_loss < first.train_loss, "{first:?} {last:?}");
    assert!(last.test_accuracy > run.epochs[0].test_accuracy + 0.3, "{last:?}");
    assert_eq!(last.steps, 4 * 300usize.div_ceil(32));
    assert!(last.settling_time.unwrap() > 0.0 && last.nudged_time.unwrap() > 0.0);
    assert!(run.failed().next().is_none(), "{:?}", run.record.head.expect);

    let text = fs::read_to_string(out.join(record::RESULTS)).unwrap();
    let lines: Vec<EpochRecord> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, run.epochs);
    let json = fs::read_to_string(out.join(record::RUN)).unwrap();
    let order = ["test_accuracy", "train_loss", "\"epochs\"", "\"seconds\""].map(|k| json.find(k));
    assert!(order.is_sorted() && order[0].is_some(), "{json}");
    let written: TrainRecord = serde_json::from_str(&json).unwrap();
    assert_eq!(written, run.record);

    let figures = report::write(&out).unwrap();
    for name in ["accuracy.png", "loss.svg", "settling.svg", "weights.svg", "conductances.svg"] {
        assert!(figures.iter().any(|path| path.ends_with(name)), "{name} of {figures:?}");
    }
    let page = fs::read_to_string(out.join(report::INDEX)).unwrap();
    let accuracy = format!("{:.2} %", 100.0 * last.test_accuracy);
    assert!(page.contains(&accuracy) && page.contains("| epochs | 4 of 4 |"), "{page}");
}

#[test]
fn same_seed_same_bits_over_1_2_4_and_8_threads() {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(dir.path(), &[]);
    let run = |threads: usize| {
        let out = dir.path().join(threads.to_string());
        let options = Options { threads: Some(threads), ..options(&out, Manner::Fresh) };
        train(&spec, &options).unwrap();
        out
    };
    let one = run(1);
    for threads in [2, 4, 8] {
        expect_same_bits(&one, &run(threads));
    }
    let other = dir.path().join("seed");
    trained(&load(dir.path(), &["seed=4"]), &other);
    let weights = |folder: &Path| fs::read(folder.join(record::WEIGHTS)).unwrap();
    assert_ne!(weights(&one), weights(&other), "another seed is another run");
}

/// Stops a run some time after its records have this many lines, and goes on with it.
fn stopped_and_resumed(spec: &Spec, out: &Path, lines: usize, delay: Duration) {
    let interrupt = Interrupt::default();
    let handler = interrupt.clone();
    let results = out.join(record::RESULTS);
    let tripping = thread::spawn(move || {
        let so_far = || fs::read_to_string(&results).map_or(0, |text| text.lines().count());
        while so_far() < lines {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(delay);
        handler.trip()
    });
    let stopped = train(spec, &Options { interrupt, ..options(out, Manner::Fresh) });
    let left_to_itself = tripping.join().unwrap();
    match stopped {
        Err(error @ RunError::Stopped { .. }) => {
            assert!(left_to_itself, "the handler must not exit");
            assert_eq!(error.exit_code(), 130);
            assert!(out.join(record::CHECKPOINT).exists());
        }
        Ok(_) => eprintln!("the run was over before it could be stopped"),
        Err(error) => panic!("{error}"),
    }
    train(spec, &options(out, Manner::Resume)).unwrap();
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    // Momentum and moments alike must survive, and a batch that is not the last of its epoch.
    for rule in ["{ adam = { rate = 1e-2 } }", "{ sgd = { rate = 0.1, momentum = 0.9 } }"] {
        let spec = load(dir.path(), &[&format!("train.optimiser={rule}"), "train.batch=8"]);
        let whole = dir.path().join(format!("whole {}", rule.len()));
        trained(&spec, &whole);
        for (i, (lines, delay)) in [(1, 0), (2, 3), (3, 9)].into_iter().enumerate() {
            let out = dir.path().join(format!("stopped {} {i}", rule.len()));
            stopped_and_resumed(&spec, &out, lines, Duration::from_millis(delay));
            expect_same_bits(&whole, &out);
        }
    }
}

/// Parameters and moments in single precision, laid as products want them.
#[test]
fn a_stopped_run_of_implicit_gradients_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    for (solver, optimiser) in [
        ("picard", "{ madam = { rate = 1e-2 } }"),
        ("anderson", "{ adam = { rate = 1e-3 } }"),
        // Its Jacobian is some steps old.
        ("chord", "{ madam = { rate = 2e-2 } }"),
    ] {
        let optimiser = format!("train.optimiser={optimiser}");
        let solver = format!("simulate.solver={{ {solver} = {{}} }}");
        let spec = load(
            dir.path(),
            &[
                "simulate.engine=ideal",
                "simulate.order=even-odd",
                "model.init={ scale = 0.5, bias = 0.01 }",
                "train.rule={ implicit-gradient = {} }",
                "train.batch=8",
                &optimiser,
                &solver,
            ],
        );
        let whole = dir.path().join(format!("whole {}", solver.len()));
        trained(&spec, &whole);
        for (i, (lines, delay)) in [(1, 0), (2, 2), (3, 5)].into_iter().enumerate() {
            let out = dir.path().join(format!("stopped {} {i}", solver.len()));
            stopped_and_resumed(&spec, &out, lines, Duration::from_millis(delay));
            expect_same_bits(&whole, &out);
        }
    }
}

#[test]
fn a_run_that_is_there_is_left_alone_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let spec = load(dir.path(), &["train.epochs=1"]);
    trained(&spec, &out);
    let before = fs::read(out.join(record::CHECKPOINT)).unwrap();

    let again = train(&spec, &options(&out, Manner::Fresh)).unwrap_err();
    assert!(again.to_string().contains("--resume"), "{again}");
    let longer = load(dir.path(), &["train.epochs=2"]);
    let other = train(&longer, &options(&out, Manner::Resume)).unwrap_err().to_string();
    assert!(other.contains("`epochs = 1`") && other.contains("`epochs = 2`"), "{other}");
    let settled = evaluate(&spec, &options(&out, Manner::Fresh), &Evaluation::default());
    assert!(settled.is_err(), "evaluate must not write over a training run");
    assert_eq!(fs::read(out.join(record::CHECKPOINT)).unwrap(), before);

    train(&longer, &options(&out, Manner::Force)).unwrap();
    let run: TrainRecord =
        serde_json::from_slice(&fs::read(out.join(record::RUN)).unwrap()).unwrap();
    assert_eq!((run.epochs, run.of_epochs), (2, 2));
}

#[test]
fn a_damaged_or_foreign_checkpoint_is_refused_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let spec = load(dir.path(), &["train.epochs=1"]);
    trained(&spec, &out);
    let path = out.join(record::CHECKPOINT);
    let whole = fs::read(&path).unwrap();

    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let resumed = train(&spec, &options(&out, Manner::Resume)).unwrap_err();
    assert_eq!(resumed.exit_code(), 2);
    let text = resumed.to_string();
    assert!(text.contains("checkpoint.safetensors") && text.contains("not a whole"), "{text}");
    fs::write(&path, &whole).unwrap();

    // The same file, but for a layer of another size.
    let text = FILE.replace("size = 12", "size = 13");
    let (folder, file) = (dir.path().join("bare"), dir.path().join("wider.toml"));
    fs::create_dir(&folder).unwrap();
    fs::write(&file, text).unwrap();
    fs::write(folder.join(record::CHECKPOINT), &whole).unwrap();
    let evaluation = Evaluation { checkpoint: Some(folder), ..Evaluation::default() };
    let wider = runs::load(&file, &[]);
    let scratch = options(&dir.path().join("scratch"), Manner::Fresh);
    let text = evaluate(&wider, &scratch, &evaluation).unwrap_err().to_string();
    assert!(text.contains("input-hidden.weight") && text.contains("[13, 64]"), "{text}");

    // The same network on other cells.
    let evaluation = Evaluation { checkpoint: Some(out), ..Evaluation::default() };
    let noisier = load(dir.path(), &["train.epochs=1", "nonideal.fabrication.spread=0.2"]);
    let text = evaluate(&noisier, &scratch, &evaluation).unwrap_err().to_string();
    assert!(text.contains("spread = 0.1") && text.contains("weights.safetensors"), "{text}");
}

#[test]
fn evaluate_finds_the_accuracy_that_training_left() {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(dir.path(), &["train.precision=f64", "train.until.settled=1e-7"]);
    let out = dir.path().join("out");
    let run = trained(&spec, &out);
    let evaluation = Evaluation { checkpoint: Some(out), ..Evaluation::default() };
    let folder = dir.path().join("evaluated");
    let found = evaluate(&spec, &options(&folder, Manner::Fresh), &evaluation).unwrap();
    let totals = &found.summary.run.totals;
    assert_eq!(totals.accuracy, run.record.test_accuracy);
    assert_eq!(totals.samples, 100);
    assert_eq!(found.summary.run.head.expect.len(), 2, "test-accuracy and settled are judged");
    report::write(&folder).unwrap();
    let page = fs::read_to_string(folder.join(report::INDEX)).unwrap();
    assert!(page.contains("## Confusion"), "{page}");

    let missing = Evaluation::default();
    let text = evaluate(&spec, &options(&folder, Manner::Fresh), &missing).unwrap_err().to_string();
    assert!(text.contains("not trained yet") && text.contains("--untrained"), "{text}");
    let untrained = Evaluation { untrained: true, ..Evaluation::default() };
    let found = evaluate(&spec, &options(&folder, Manner::Fresh), &untrained).unwrap();
    assert_eq!(found.summary.run.totals.accuracy, Some(run.epochs[0].test_accuracy));
}

#[test]
fn a_batch_of_more_than_all_samples_is_one_update_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(dir.path(), &["train.batch=1000", "train.epochs=2"]);
    let run = trained(&spec, &dir.path().join("out"));
    assert_eq!(run.epochs[2].steps, 2);
    let notes = &run.record.head.notes;
    assert!(notes.iter().any(|n| n.contains("1000") && n.contains("300")), "{notes:?}");
}

#[test]
fn every_engine_learns() {
    let dir = tempfile::tempdir().unwrap();
    let few = ["train.train.first=32", "train.test.first=32", "train.epochs=2", "train.batch=16"];
    for engine in ["ideal", "behavioural", "circuit"] {
        let engine_edit = format!("simulate.engine={engine}");
        let edits: Vec<&str> = few.into_iter().chain([engine_edit.as_str()]).collect();
        let run = trained(&load(dir.path(), &edits), &dir.path().join(engine));
        let [first, last] = [&run.epochs[1], &run.epochs[2]];
        assert!(last.train_loss < first.train_loss, "{engine}: {first:?} {last:?}");
        assert_eq!(last.settled, Some(1.0), "{engine}");
    }
}

/// Bundled digits as a pair of IDX files, `pictures` and `labels`.
fn write_idx(folder: &Path, name: &str, split: Split, samples: usize) {
    let set = digits(split);
    let count = (samples as u32).to_be_bytes();
    let mut pictures = [&[0, 0, 8, 3][..], &count, &[0, 0, 0, 8], &[0, 0, 0, 8]].concat();
    let mut labels = [&[0, 0, 8, 1][..], &count].concat();
    for (row, label) in set.inputs.iter_rows().zip(set.labels.as_ref().unwrap()).take(samples) {
        pictures.extend(row.iter().map(|pixel| (255.0 * pixel).round() as u8));
        labels.push(*label as u8);
    }
    fs::write(folder.join(format!("{name}-pictures")), pictures).unwrap();
    fs::write(folder.join(format!("{name}-labels")), labels).unwrap();
}

#[test]
fn files_of_the_mnist_family_are_learned_from() {
    let dir = tempfile::tempdir().unwrap();
    write_idx(dir.path(), "train", Split::Train, 300);
    write_idx(dir.path(), "test", Split::Test, 100);
    let file = dir.path().join("idx.toml");
    let part = |name: &str| {
        format!("idx = {{ pictures = \"{name}-pictures\", labels = \"{name}-labels\" }}")
    };
    let text = FILE
        .replace("data = \"digits\", split = \"train\", first = 300", &part("train"))
        .replace("data = \"digits\", first = 100", &part("test"));
    fs::write(&file, text).unwrap();
    let run = trained(&runs::load(&file, &[]), &dir.path().join("out"));
    assert_eq!((run.record.samples, run.record.test_samples), (300, 100));
    assert!(run.failed().next().is_none(), "{:?}", run.record.head.expect);
}

#[test]
fn learning_in_place_recovers_what_programming_ideal_weights_loses() {
    let dir = tempfile::tempdir().unwrap();
    let all = "train.train={ data = \"digits\", split = \"train\" }";
    let test = "train.test={ data = \"digits\" }";
    let larger = FILE.replace("size = 12", "size = 48");
    let learned = "weights = \"ideal/weights.safetensors\"";
    let [file, bad_file] = ["large.toml", "bad.toml"].map(|name| dir.path().join(name));
    fs::write(&file, &larger).unwrap();
    fs::write(&bad_file, larger.replace("init = { scale = 0.5 }", learned)).unwrap();

    let perfect = ["nonideal.fabrication={}", "nonideal.programming={}", "train.epochs=12"];
    let edits: Vec<&str> = [all, test].into_iter().chain(perfect).collect();
    let ideal = trained(&runs::load(&file, &edits), &dir.path().join("ideal"));
    let goal = ideal.record.test_accuracy.unwrap();

    let (mut lost, mut recovered) = (0.0, 0.0);
    for seed in 1..=5 {
        let chip = format!("seed={seed}");
        let bad = [
            "nonideal.fabrication={ spread = 0.2, stuck-on = 0.025, stuck-off = 0.025 }",
            "nonideal.programming={}",
            "train.epochs=20",
            "train.optimiser.adam.rate=2e-2",
            &chip,
        ];
        let edits: Vec<&str> = [all, test].into_iter().chain(bad).collect();
        let run = trained(&runs::load(&bad_file, &edits), &dir.path().join(seed.to_string()));
        let [before, after] = [run.epochs[0].test_accuracy, run.record.test_accuracy.unwrap()];
        println!("chip {seed}: ideal {goal:.4}, programmed {before:.4}, learned {after:.4}");
        lost += goal - before;
        recovered += after - before;
    }
    assert!(lost > 0.5, "the defects must hurt: {lost}");
    assert!(recovered >= 0.9 * lost, "{recovered} of {lost}");
}

#[test]
fn a_run_that_lost_its_checkpoint_is_not_begun_again_over_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let spec = load(folder.path(), &["train.epochs=2"]);
    let out = folder.path().join("out");
    trained(&spec, &out);
    let results = fs::read(out.join(record::RESULTS)).unwrap();
    fs::remove_file(out.join(record::CHECKPOINT)).unwrap();
    let again = train(&spec, &options(&out, Manner::Resume));
    let Err(RunError::Damaged { path, message }) = again else { panic!("{again:?}") };
    assert!(path.ends_with(record::CHECKPOINT) && message.contains("--force"), "{message}");
    assert_eq!(fs::read(out.join(record::RESULTS)).unwrap(), results);
}

#[test]
fn a_killed_run_has_a_report_of_its_whole_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let spec = load(folder.path(), &["train.epochs=2"]);
    let out = folder.path().join("out");
    trained(&spec, &out);
    let results = fs::read_to_string(out.join(record::RESULTS)).unwrap();
    fs::write(out.join(record::RESULTS), &results[..results.len() - 9]).unwrap();
    assert!(report::write(&out).is_err(), "a finished run with half a line is damaged");
    let run = fs::read_to_string(out.join(record::RUN)).unwrap();
    assert!(run.contains("\"finished\": true"), "{run}");
    fs::write(out.join(record::RUN), run.replace("\"finished\": true", "\"finished\": false"))
        .unwrap();
    report::write(&out).unwrap();
}
