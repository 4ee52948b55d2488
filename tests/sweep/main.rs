//! Sweeps: the same bytes whoever does the work and however often it is broken off.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

mod charts;
mod claims;
mod designs;
mod reports;
mod resumed;
mod shards;

use std::fs;
use std::path::{Path, PathBuf};

use eqcircuit::report::sweep as report;
use eqcircuit::run::sweep_record::{PointRecord, SweepRecord};
use eqcircuit::run::{Interrupt, Manner, Options, RunError, Swept, simulate, sweep};
use eqcircuit::spec::{Edit, Library, Spec, load};

const NETWORK: &str = r#"
title = "small"
seed = 3
[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 3, activation = "identity" },
  { name = "hidden", size = 4, activation = "tanh" },
  { name = "output", size = 2, activation = "identity" },
]
couplings = [
  { dense = { between = ["input", "hidden"] } },
  { dense = { between = ["hidden", "output"] } },
]
init = { scale = 0.5 }
[simulate]
inputs = { csv = "inputs.csv" }
[expect]
settled = { at-least = 1.0 }
"#;

const NOISE: &str =
    "[sweep]\nchips = 3\n[sweep.axes]\n\"nonideal.programming.sigma\" = [0.0, 0.05, 0.1]\n";

/// Points drawn from three axes: evenly, by ratio, and whole numbers.
const CUBE: &str = "[sweep]\ndesign = \"latin-hypercube\"\npoints = 12\n[sweep.axes]\n\
    \"nonideal.fabrication.spread\" = { from = 0.0, to = 0.3 }\n\
    \"hardware.g-max\" = { from = \"25 uS\", to = \"2500 uS\", scale = \"log\" }\n\
    \"model.layers.1.size\" = { from = 3, to = 6 }\n";

/// A network with this sweep, in a folder of its own.
fn workplace(sweep: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.toml");
    fs::write(&path, format!("{NETWORK}{sweep}")).unwrap();
    let mut inputs = String::from("label,a,b,c\n");
    for i in 0..20 {
        let x = f64::from(i);
        inputs += &format!("{},{},{},{}\n", i % 2, 0.1 * x - 1.0, 0.5 - 0.03 * x, (0.2 * x) % 1.0);
    }
    fs::write(folder.path().join("inputs.csv"), inputs).unwrap();
    (folder, path)
}

fn read(path: &Path, edits: &[&str]) -> Spec {
    let edits: Vec<Edit> = edits.iter().map(|e| Edit::new(*e)).collect();
    load(path, &edits, &Library::built_in()).unwrap_or_else(|report| panic!("{report}"))
}

fn options(out: &Path, jobs: usize, manner: Manner) -> Options {
    Options {
        out: Some(out.to_path_buf()),
        quiet: true,
        threads: Some(jobs),
        manner,
        ..Options::default()
    }
}

fn run(path: &Path, out: &Path, jobs: usize, manner: Manner) -> Swept {
    sweep(&read(path, &[]), &options(out, jobs, manner)).unwrap()
}

fn results(out: &Path) -> [String; 2] {
    ["results.jsonl", "results.csv"].map(|name| fs::read_to_string(out.join(name)).unwrap())
}

fn record(out: &Path) -> SweepRecord {
    serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap()
}

#[test]
fn results_do_not_depend_on_the_number_of_jobs() {
    let (folder, path) = workplace(NOISE);
    let out = |jobs: usize| folder.path().join(format!("out-{jobs}"));
    for jobs in [1, 2, 4] {
        let swept = run(&path, &out(jobs), jobs, Manner::Fresh);
        assert_eq!(swept.record.jobs, jobs);
        assert!(swept.record.finished && swept.record.busy > 0.0 && swept.record.busy <= 1.0);
        assert_eq!((swept.record.done, swept.record.failed), (9, 0));
        assert_eq!(record(&out(jobs)), swept.record);
        assert_eq!(results(&out(jobs)), results(&out(1)), "{jobs} jobs");
    }
    let [lines, csv] = results(&out(1));
    assert_eq!(lines.lines().count(), 9);
    assert!(
        csv.starts_with("point,chip,chip-seed,nonideal.programming.sigma,outcome,accuracy,"),
        "{csv}"
    );
    for (i, line) in lines.lines().enumerate() {
        let point: PointRecord = serde_json::from_str(line).unwrap();
        assert_eq!((point.point, point.chip, point.chip_seed), (i / 3, i % 3, 3 + i as u64 % 3));
        assert_eq!(point.edits.len(), 1);
    }
}

#[test]
fn a_point_has_the_figures_of_its_own_simulation() {
    let (folder, path) = workplace(NOISE);
    let swept = run(&path, &folder.path().join("out"), 2, Manner::Fresh);
    for point in &swept.points {
        let edits = point.edits.iter().map(|(k, v)| format!("{k}={v}"));
        let edits: Vec<String> = edits.chain([format!("chip-seed={}", point.chip_seed)]).collect();
        let edits: Vec<&str> = edits.iter().map(String::as_str).collect();
        let alone = folder.path().join("alone");
        let totals = simulate(&read(&path, &edits), &options(&alone, 1, Manner::Fresh))
            .unwrap()
            .summary
            .run
            .totals;
        let figure = |name: &str| point.figures.get(name).copied();
        assert_eq!(figure("accuracy"), totals.accuracy);
        assert_eq!(figure("settling-time"), totals.settling_time_largest);
        assert_eq!(figure("settling-time-median"), totals.settling_time_median);
        assert_eq!(figure("residual"), totals.residual_largest);
        assert_eq!(figure("samples"), Some(20.0));
    }
    let distinct = |name: &str| {
        let mut values: Vec<u64> = swept.points.iter().map(|p| p.figures[name].to_bits()).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    assert!(distinct("residual") > 6, "the points are all the same");
}

#[test]
fn what_was_broken_off_goes_on_to_the_same_bytes() {
    let (folder, path) = workplace(NOISE);
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    run(&path, &whole, 2, Manner::Fresh);
    run(&path, &broken, 2, Manner::Fresh);
    // As a kill leaves it: in the order of chance, one line cut short, no table, not finished.
    let lines: Vec<String> = results(&broken)[0].lines().map(String::from).collect();
    let kept = format!("{}\n{}\n{}", lines[6], lines[1], &lines[4][..lines[4].len() / 2]);
    fs::write(broken.join("results.jsonl"), kept).unwrap();
    fs::remove_file(broken.join("results.csv")).unwrap();
    let unfinished = SweepRecord { finished: false, ..record(&broken) };
    fs::write(broken.join("run.json"), serde_json::to_vec(&unfinished).unwrap()).unwrap();
    fs::write(broken.join("timing.jsonl"), "").unwrap();

    let again = run(&path, &broken, 1, Manner::Resume);
    assert_eq!(results(&broken), results(&whole));
    assert_eq!(again.points.len(), 9);
    let timing = fs::read_to_string(broken.join("timing.jsonl")).unwrap();
    assert_eq!(timing.lines().count(), 7, "finished points were run again");
    // A finished sweep has nothing left to do.
    run(&path, &broken, 1, Manner::Resume);
    assert_eq!(results(&broken), results(&whole));
    assert_eq!(fs::read_to_string(broken.join("timing.jsonl")).unwrap(), timing);
}

#[test]
fn an_earlier_sweep_is_neither_overwritten_nor_mixed_with_another() {
    let (folder, path) = workplace(NOISE);
    let out = folder.path().join("out");
    run(&path, &out, 2, Manner::Fresh);
    let before = results(&out);
    let refused = sweep(&read(&path, &[]), &options(&out, 2, Manner::Fresh)).unwrap_err();
    assert!(matches!(refused, RunError::Exists { .. }), "{refused}");
    let other = read(&path, &["simulate.until.settled=1e-6"]);
    let refused = sweep(&other, &options(&out, 2, Manner::Resume)).unwrap_err();
    assert!(matches!(refused, RunError::AnotherRun { .. }), "{refused}");
    assert_eq!(results(&out), before);
    sweep(&other, &options(&out, 2, Manner::Force)).unwrap();
    assert_ne!(results(&out), before);
}

#[test]
fn a_sweep_that_was_killed_at_its_first_breath_is_begun_again() {
    let (folder, path) = workplace(NOISE);
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join(".tmpAb3x9Z"), "{\"verb\": \"swe").unwrap();
    let foreign = sweep(&read(&path, &[]), &options(&out, 1, Manner::Resume)).unwrap_err();
    assert!(matches!(foreign, RunError::NotOurs { .. }), "{foreign}");
    fs::write(out.join(".lock"), "").unwrap();
    fs::write(out.join("thesis.tex"), "years").unwrap();
    let foreign = sweep(&read(&path, &[]), &options(&out, 1, Manner::Resume)).unwrap_err();
    assert!(matches!(foreign, RunError::NotOurs { .. }), "{foreign}");
    fs::remove_file(out.join("thesis.tex")).unwrap();
    assert_eq!(run(&path, &out, 2, Manner::Resume).record.done, 9);
}

#[test]
fn an_interrupted_sweep_keeps_what_it_has() {
    let (folder, path) = workplace(NOISE);
    let out = folder.path().join("out");
    let interrupt = Interrupt::default();
    interrupt.trip();
    let stopped = Options { interrupt, ..options(&out, 2, Manner::Fresh) };
    let error = sweep(&read(&path, &[]), &stopped).unwrap_err();
    assert!(matches!(error, RunError::Stopped { .. }), "{error}");
    assert_eq!(error.exit_code(), 130);
    assert!(!record(&out).finished);
    report::Records::load(&out).unwrap();
    let whole = folder.path().join("whole");
    run(&path, &whole, 2, Manner::Fresh);
    run(&path, &out, 2, Manner::Resume);
    assert_eq!(results(&out), results(&whole));
}

/// Two axes that are each right and together wrong: g-min above g-max.
const CLASH: &str = "[sweep.axes]\n\"hardware.g-min\" = [\"1 uS\", \"20 uS\"]\n\
    \"hardware.g-max\" = [\"10 uS\", \"40 uS\"]\n[hardware]\ng-max = \"50 uS\"\n";

#[test]
fn a_point_that_fails_is_recorded_and_the_rest_go_on() {
    let (folder, path) = workplace(CLASH);
    let out = folder.path().join("out");
    let swept = run(&path, &out, 2, Manner::Fresh);
    let outcomes: Vec<&str> = swept.points.iter().map(|p| p.outcome.as_str()).collect();
    assert_eq!(outcomes, ["done", "done", "failed", "done"]);
    assert_eq!((swept.record.done, swept.record.failed, swept.failed().count()), (3, 1, 1));
    let message = swept.points[2].message.clone().unwrap();
    for words in ["`g-min` (20 uS) must be below `g-max` (10 uS)", "small.toml:22:29"] {
        assert!(message.contains(words), "{message}");
    }
    let page = report::page(&report::Records::load(&out).unwrap(), &[], &out);
    assert!(page.contains("## Failed points") && page.contains("must be below"), "{page}");
    // Failed points are tried again.
    let lines = results(&out);
    run(&path, &out, 2, Manner::Resume);
    assert_eq!(results(&out), lines);
    let timing = fs::read_to_string(out.join("timing.jsonl")).unwrap();
    assert_eq!(timing.lines().count(), 5);
}

#[test]
fn an_expectation_is_judged_at_every_point() {
    let (folder, path) = workplace(NOISE);
    let out = folder.path().join("out");
    let exact = run(&path, &out, 2, Manner::Fresh);
    assert_eq!(exact.broken().count(), 0);
    let times: Vec<f64> = exact.points.iter().map(|p| p.figures["settling-time"]).collect();
    let slowest = (0..9).max_by(|&a, &b| times[a].total_cmp(&times[b])).unwrap();
    let bound = format!("expect.settling-time.at-most=\"{} s\"", times[slowest] * (1.0 - 1e-9));
    let spec = read(&path, &[&bound]);
    let swept = sweep(&spec, &options(&out, 2, Manner::Force)).unwrap();
    let broken: Vec<usize> =
        swept.broken().map(|(point, _)| 3 * point.point + point.chip).collect();
    assert_eq!(broken, [slowest]);
    let worst = swept.record.head.expect.iter().find(|e| e.figure == "settling-time").unwrap();
    assert_eq!((worst.value, worst.passed), (Some(times[slowest]), false));
}
