//! Runs and the folders they leave.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

use eqcircuit::engine::{Drive, Engine, Ideal, Nudge, Save, Until};
use eqcircuit::model::EnergyModel;
use eqcircuit::report::records::Records;
use eqcircuit::run::record::{self, SampleRecord, SubjectRecord};
use eqcircuit::run::{Finished, Interrupt, Options, RunError, simulate};
use eqcircuit::spec::{self, Edit, Fidelity, Library, Spec, Subject};

/// The random 8-6-4 network among the netlists.
fn hopfield(engine: &str) -> Spec {
    load("netlists/hopfield-8-6-4.toml", &[&format!("simulate.engine={engine}")])
}

fn load(file: &str, edits: &[&str]) -> Spec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let edits: Vec<Edit> = edits.iter().map(|e| Edit::new(*e)).collect();
    match spec::load(&path, &edits, &Library::beside(&path)) {
        Ok(spec) => spec,
        Err(_) => panic!("{file} does not load"),
    }
}

fn options(out: &Path) -> Options {
    Options { out: Some(out.to_path_buf()), quiet: true, ..Options::default() }
}

fn run(spec: &Spec, out: &Path) -> Finished {
    simulate(spec, &options(out)).unwrap()
}

fn model(spec: &Spec) -> &EnergyModel {
    match &spec.subject {
        Subject::Network { model, .. } => model,
        Subject::Chain(_) | Subject::Devices { .. } => panic!("no network"),
    }
}

/// Every file of a folder with its bytes.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_records_hold_what_the_engine_found() {
    let spec = hopfield("ideal");
    let dir = tempfile::tempdir().unwrap();
    let finished = run(&spec, &dir.path().join("out"));
    let records = Records::load(&finished.folder).unwrap();

    let data = spec.simulate.inputs.as_ref().unwrap();
    let settled = Ideal::new(model(&spec).clone(), spec.simulate.solver).settle(
        &Drive { clamp: data.inputs.clone(), nudge: Nudge::None },
        None,
        &Until {
            settled: spec.simulate.settled,
            at_most: spec.simulate.at_most,
            at_most_iterations: spec.simulate.at_most_iterations,
        },
        &Save::Points(spec.simulate.points),
    );
    let energy = model(&spec).energy(&settled.state);
    let read = &settled.state[2];
    assert_eq!(records.samples.len(), data.inputs.rows());
    for (s, sample) in records.samples.iter().enumerate() {
        let outputs: Vec<f64> = sample.outputs.iter().map(|v| v.unwrap()).collect();
        for (a, b) in outputs.iter().zip(read.row(s)) {
            assert!((a - b).abs() <= 1e-15 * b.abs().max(1.0), "{a} {b}");
        }
        let best = (0..4).max_by(|&a, &b| read[(s, a)].total_cmp(&read[(s, b)]));
        assert_eq!(sample.prediction, best);
        assert_eq!(sample.outcome, "settled");
        assert_eq!(sample.energy.len(), energy.len());
        for part in &energy {
            let recorded = sample.energy[&part.name].unwrap();
            assert!((recorded - part.value[s]).abs() <= 1e-14 * recorded.abs().max(1.0));
        }
    }
    let trace = settled.trace.unwrap();
    assert_eq!(records.trace["times"].data, trace.times);
    assert_eq!(records.trace["residual"].data, trace.residual.as_slice());
    let hidden = &records.trace["states.hidden"];
    assert_eq!(hidden.shape[1..], [trace.times.len(), 6]);
    let last = trace.times.len() - 1;
    let second = &hidden.data[(2 * last + 1) * 6..][..6];
    assert_eq!(second, trace.states[last][1].row(1));
    assert_eq!(records.run.clock.as_deref(), Some("iterations"));
    assert_eq!(records.run.head.seed, 3);
    let resolved = fs::read_to_string(finished.folder.join(record::RESOLVED)).unwrap();
    assert_eq!(resolved, spec.resolved_for(&finished.folder));
    assert!(finished.failed().next().is_none());

    let header = fs::read_to_string(finished.folder.join(record::RESULTS_CSV)).unwrap();
    assert!(header.starts_with("sample,label,prediction,outcome,settling_time_s,"), "{header}");
    assert_eq!(header.lines().count(), 1 + records.samples.len());
}

#[test]
fn a_chip_is_recorded_as_asked_and_as_made() {
    let dir = tempfile::tempdir().unwrap();
    let perfect = run(&hopfield("behavioural"), &dir.path().join("perfect"));
    let chip = Records::load(&perfect.folder).unwrap().chip;
    assert_eq!(chip["input-hidden.weight"].shape, [6, 8]);
    assert_eq!(
        chip["input-hidden.plus.asked"],
        with_name(&chip["input-hidden.plus.made"], "asked")
    );

    let edits = ["simulate.engine=behavioural", "nonideal.fabrication.spread=0.1"];
    let noisy = run(&load("netlists/hopfield-8-6-4.toml", &edits), &dir.path().join("noisy"));
    let chip = Records::load(&noisy.folder).unwrap().chip;
    let (asked, made) = (&chip["input-hidden.plus.asked"], &chip["input-hidden.plus.made"]);
    let spread: Vec<f64> =
        asked.data.iter().zip(&made.data).map(|(a, m)| (m / a - 1.0).abs()).collect();
    assert!(spread.iter().all(|&d| d > 0.0 && d < 1.0), "{spread:?}");
    // Two cells a weight; the clamped input needs no array back to it.
    assert_eq!(noisy.summary.run.totals.cells, 2 * (8 * 6 + 2 * 6 * 4));
}

fn with_name(
    tensor: &eqcircuit::run::tensors::Tensor,
    last: &str,
) -> eqcircuit::run::tensors::Tensor {
    let stem = tensor.name.rsplit_once('.').unwrap().0;
    eqcircuit::run::tensors::Tensor { name: format!("{stem}.{last}"), ..tensor.clone() }
}

#[test]
fn verified_cells_are_recorded_with_their_pulses() {
    let dir = tempfile::tempdir().unwrap();
    let pulses = |name: &str, edits: &[&str]| {
        let spec = load("netlists/hopfield-8-6-4.toml", edits);
        let finished = run(&spec, &dir.path().join(name));
        eqcircuit::report::write(&finished.folder).unwrap();
        let page = fs::read_to_string(finished.folder.join("index.md")).unwrap();
        let pulses = finished.summary.run.totals.pulses;
        assert_eq!(page.contains("pulses a cell"), pulses.is_some());
        pulses
    };
    let noise = "nonideal.programming.absolute=1 uS";
    let chip = "simulate.engine=behavioural";
    assert_eq!(pulses("shot", &[chip, noise]), None);
    let verified = pulses(
        "verified",
        &[chip, noise, "nonideal.programming.verify={ tolerance = \"0.5 uS\", at-most = 100 }"],
    );
    // 1 / erf(0.5 / sqrt(2)) = 2.61, of some 150 cells.
    assert!(verified.is_some_and(|n| (n - 2.61).abs() < 1.0), "{verified:?}");
}

#[test]
fn threads_do_not_change_the_records() {
    let dir = tempfile::tempdir().unwrap();
    let spec = hopfield("behavioural");
    let with = |threads: usize| {
        let out = dir.path().join(threads.to_string());
        let finished =
            simulate(&spec, &Options { threads: Some(threads), ..options(&out) }).unwrap();
        let mut files = contents(&finished.folder);
        files.retain(|(name, _)| name != record::RUN);
        files
    };
    assert!(with(1) == with(3));
}

#[test]
fn an_earlier_run_is_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    run(&hopfield("behavioural"), &out);
    // A figure that only the earlier run has, and a file of somebody else.
    fs::write(out.join("index.md"), "![stale](stale.svg)\n").unwrap();
    for name in ["stale.svg", "notes.txt"] {
        fs::write(out.join(name), "old").unwrap();
    }
    run(&hopfield("ideal"), &out);
    assert!(!out.join("stale.svg").exists() && out.join("notes.txt").exists());
    assert_eq!(Records::load(&out).unwrap().run.head.engine, "ideal");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left beside it");
}

#[test]
fn a_folder_that_is_no_run_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "years").unwrap();
    let error = simulate(&hopfield("ideal"), &options(dir.path())).unwrap_err();
    assert!(matches!(error, RunError::NotOurs { .. }), "{error}");
    assert_eq!(error.exit_code(), 2);
    assert_eq!(contents(dir.path()), [("thesis.tex".to_string(), b"years".to_vec())]);

    let empty = tempfile::tempdir().unwrap();
    run(&hopfield("ideal"), empty.path());
}

#[test]
fn a_folder_that_cannot_be_made_is_named_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for out in [file.clone(), file.join("below")] {
        let error = simulate(&hopfield("ideal"), &options(&out)).unwrap_err();
        assert!(matches!(error, RunError::Folder { .. }), "{error}");
        assert!(error.to_string().contains(&out.display().to_string()), "{error}");
    }
}

#[test]
fn an_interrupted_run_leaves_the_earlier_one() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    run(&hopfield("ideal"), &out);
    let before = contents(&out);
    let interrupt = Interrupt::default();
    interrupt.trip();
    let error =
        simulate(&hopfield("behavioural"), &Options { interrupt, ..options(&out) }).unwrap_err();
    assert!(matches!(error, RunError::Interrupted), "{error}");
    assert_eq!(error.exit_code(), 130);
    assert!(contents(&out) == before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left beside it");
}

#[test]
fn expectations_are_held_against_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let spec = load(
        "netlists/hopfield-8-6-4.toml",
        &["simulate.engine=ideal", "expect.residual.at-most=1e-300"],
    );
    let finished = run(&spec, &dir.path().join("out"));
    let failed: Vec<&str> = finished.failed().map(|e| e.figure.as_str()).collect();
    assert_eq!(failed, ["residual"]);
    assert_eq!(finished.summary.run.head.expect.len(), 2);
}

#[test]
fn a_settling_time_is_judged_only_where_there_is_time() {
    let dir = tempfile::tempdir().unwrap();
    let with = |engine: &str| {
        let edits = [&format!("simulate.engine={engine}"), "expect.settling-time.at-most=1 fs"];
        run(&load("netlists/hopfield-8-6-4.toml", &edits), &dir.path().join(engine))
    };
    let failed: Vec<String> = with("behavioural").failed().map(|e| e.figure.clone()).collect();
    assert_eq!(failed, ["settling-time"]);
    let ideal = with("ideal");
    assert!(ideal.failed().next().is_none());
    assert!(
        ideal.summary.run.head.notes.iter().any(|n| n.contains("settling-time was not judged"))
    );
}

#[test]
fn the_summary_says_what_scripts_need() {
    let dir = tempfile::tempdir().unwrap();
    let finished = run(&hopfield("behavioural"), &dir.path().join("out"));
    let json = serde_json::to_value(&finished.summary).unwrap();
    assert_eq!(json["title"], "hopfield-8-6-4");
    assert_eq!(json["engine"], "behavioural");
    assert!(json["totals"]["wall_time"].as_f64().unwrap() > 0.0);
    let parts = json["totals"]["energy"].as_object().unwrap();
    assert_eq!(parts.len(), model(&hopfield("ideal")).couplings.len() + 2);
    for sample in json["samples"].as_array().unwrap() {
        assert_eq!(sample["outcome"], "settled");
        assert!(sample["settling_time"].as_f64().unwrap() > 0.0);
        assert!(sample["residual"].as_f64().unwrap() <= 1e-9);
        assert!(sample["prediction"].as_u64().unwrap() < 4);
    }
}

#[test]
fn a_bare_netlist_leaves_waveforms_or_an_operating_point() {
    let dir = tempfile::tempdir().unwrap();
    let tran = run(&load("netlists/rc-ladder.toml", &[]), &dir.path().join("tran"));
    assert!(tran.failed().next().is_none(), "{:?}", tran.summary.run.head.expect);
    let records = Records::load(&tran.folder).unwrap();
    let waveforms = records.waveforms.unwrap();
    let out = waveforms.header.iter().position(|h| h == "v(out)_V").unwrap();
    let at_end = waveforms.rows.last().unwrap();
    // The closed form in the file's head, at t = R C.
    let (p1, p2) = ((3.0 - 5f64.sqrt()) / 2.0, (3.0 + 5f64.sqrt()) / 2.0);
    let exact = 1.0 - (p2 * (-p1).exp() - p1 * (-p2).exp()) / (p2 - p1);
    assert!((at_end[0] - 1e-6).abs() < 1e-18 && (at_end[out] - exact).abs() < 1e-5);

    let op = run(
        &load("netlists/rc-ladder.toml", &["simulate.analysis=op", "expect={}"]),
        &dir.path().join("op"),
    );
    let records = Records::load(&op.folder).unwrap();
    assert!(matches!(records.run.subject, SubjectRecord::Devices { .. }));
    let (_, value, unit) =
        records.operating_point.iter().find(|(name, ..)| name == "v(out)").unwrap();
    assert!((value - 1.0).abs() < 1e-9 && unit == "V");
}

#[test]
fn every_engine_leaves_the_same_outputs() {
    let dir = tempfile::tempdir().unwrap();
    let outputs = |engine: &str| -> Vec<SampleRecord> {
        let finished = run(&hopfield(engine), &dir.path().join(engine));
        Records::load(&finished.folder).unwrap().samples
    };
    let ideal = outputs("ideal");
    for engine in ["behavioural", "circuit"] {
        for (a, b) in ideal.iter().zip(outputs(engine)) {
            for (a, b) in a.outputs.iter().zip(&b.outputs) {
                assert!((a.unwrap() - b.unwrap()).abs() < 1e-7, "{engine}: {a:?} {b:?}");
            }
        }
    }
}

#[test]
fn engines_are_chosen_by_the_file() {
    assert_eq!(hopfield("circuit").simulate.engine, Fidelity::Circuit);
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        run(&hopfield("circuit"), &dir.path().join("out")).summary.run.head.engine,
        "circuit"
    );
}
