//! Reports from records whose numbers are known in closed form: sample `s` relaxes with the time
//! constant `tau(s)`, so every number that a figure draws can be said beforehand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use eqcircuit::report::figure::{Body, Chart, Figure, Label, Role, Shape};
use eqcircuit::report::records::Records;
use eqcircuit::report::{self, ReportError};
use eqcircuit::run::record::{
    self, ExpectRecord, LayerRecord, NetworkRecord, RunRecord, SampleRecord, SubjectRecord, Totals,
    Work,
};
use eqcircuit::run::tensors::{Tensor, to_bytes};

const BATCH: usize = 60;
const MOMENTS: usize = 101;
const OUTPUTS: usize = 10;
const HIDDEN: usize = 6;

/// Time constant of a sample \[s\]: 5 ns to 10.9 ns, in an order of its own.
fn tau(s: usize) -> f64 {
    5e-9 + 0.1e-9 * ((7 * s) % BATCH) as f64
}

fn time(moment: usize) -> f64 {
    200e-9 * moment as f64 / (MOMENTS - 1) as f64
}

/// What output unit `unit` of a sample settles to: its own class wins, but class 3 is taken for 5.
fn output(s: usize, unit: usize) -> f64 {
    let class = if s % OUTPUTS == 3 { 5 } else { s % OUTPUTS };
    let own = if unit == class { 0.9 } else { 0.05 * ((unit + s) % 5) as f64 - 0.1 };
    own + 0.002 * s as f64
}

/// A disc that moves with the sample, 8 x 8.
fn pixel(s: usize, i: usize) -> f64 {
    let (x, y) = ((i % 8) as f64 - 3.5, (i / 8) as f64 - 3.5);
    let (cx, cy) = ((s % 3) as f64 - 1.0, (s % 4) as f64 - 1.5);
    (1.0 - ((x - cx).powi(2) + (y - cy).powi(2)) / 9.0).max(0.0)
}

fn sample(s: usize) -> SampleRecord {
    let outputs: Vec<f64> = (0..OUTPUTS).map(|unit| output(s, unit)).collect();
    let best = (0..OUTPUTS).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b]));
    let settled = s != 7;
    SampleRecord {
        sample: s,
        label: Some(s % OUTPUTS),
        prediction: best,
        outcome: if settled { "settled" } else { "unsettled" }.into(),
        message: if settled { "settled" } else { "still moving at the end" }.into(),
        settling_time: settled.then(|| tau(s) * 1e9f64.ln()),
        iterations: None,
        residual: Some(1e-9),
        outputs: outputs.into_iter().map(Some).collect(),
        energy: BTreeMap::from([
            ("coupling input-hidden".into(), Some(-2.0)),
            ("layer hidden".into(), Some(0.5)),
        ]),
    }
}

fn run() -> RunRecord {
    let layer = |name: &str, size, activation: &str| LayerRecord {
        name: name.into(),
        size,
        activation: activation.into(),
    };
    RunRecord {
        title: "relaxing".into(),
        engine: "behavioural".into(),
        analysis: "tran".into(),
        seed: 7,
        version: "0.0.0".into(),
        command: "eqcircuit simulate relaxing.toml".into(),
        file: "relaxing.toml".into(),
        started: "2026-01-31T12:00:00Z".into(),
        duration: 0.25,
        clock: Some("s".into()),
        settled: 1e-9,
        nudge: None,
        subject: SubjectRecord::Network(NetworkRecord {
            layers: vec![
                layer("input", 64, "identity"),
                layer("hidden", HIDDEN, "tanh"),
                layer("output", OUTPUTS, "identity"),
            ],
            clamp: 0,
            read: 2,
            data: "discs".into(),
            picture: Some((8, 8)),
        }),
        totals: Totals {
            samples: BATCH,
            settled: BATCH - 1,
            accuracy: Some(0.9),
            settling_time_largest: Some(2.2e-7),
            settling_time_median: Some(1.6e-7),
            residual_largest: Some(1e-9),
            energy: BTreeMap::from([("layer hidden".into(), Some(0.5))]),
            cells: 128,
            clipped: 0,
            work: Work { steps: 1200, ..Work::default() },
            wall_time: 0.25,
        },
        expect: vec![ExpectRecord {
            figure: "accuracy".into(),
            value: Some(0.9),
            at_least: Some(0.93),
            at_most: None,
            passed: false,
        }],
        notes: Vec::new(),
    }
}

fn trace() -> Vec<Tensor> {
    let moments = || (0..MOMENTS).map(time);
    let states = |size: usize, end: &dyn Fn(usize, usize) -> f64| Tensor {
        name: String::new(),
        shape: vec![4, MOMENTS, size],
        data: (0..4)
            .flat_map(|s| moments().flat_map(move |t| (0..size).map(move |unit| (s, t, unit))))
            .map(|(s, t, unit)| end(s, unit) * (1.0 - (-t / tau(s)).exp()))
            .collect(),
    };
    let per_sample = |name: &str, f: &dyn Fn(f64, usize) -> f64| Tensor {
        name: name.into(),
        shape: vec![MOMENTS, BATCH],
        data: moments()
            .flat_map(|t| (0..BATCH).map(move |s| (t, s)))
            .map(|(t, s)| f(t, s))
            .collect(),
    };
    vec![
        Tensor::vector("times", moments().collect()),
        per_sample("residual", &|t, s| (-t / tau(s)).exp()),
        per_sample("energy", &|t, s| -1.5 - 0.02 * s as f64 + 2.0 * (-2.0 * t / tau(s)).exp()),
        Tensor {
            name: "inputs".into(),
            shape: vec![20, 64],
            data: (0..20).flat_map(|s| (0..64).map(move |i| pixel(s, i))).collect(),
        },
        Tensor { name: "states.output".into(), ..states(OUTPUTS, &output) },
        Tensor {
            name: "states.hidden".into(),
            ..states(HIDDEN, &|s, unit| unit as f64 - 2.5 + 0.1 * s as f64)
        },
    ]
}

fn chip() -> Vec<Tensor> {
    let cells = |name: &str, f: &dyn Fn(usize) -> f64| Tensor {
        name: name.into(),
        shape: vec![HIDDEN, 64],
        data: (0..HIDDEN * 64).map(f).collect(),
    };
    let wave = |i: usize| (i as f64 * 0.7).sin();
    let asked = |i: usize| 1e-7 + 25e-6 * wave(i).max(0.0);
    vec![
        cells("input-hidden.weight", &wave),
        cells("hidden-output.weight", &|i| 0.5 * wave(3 * i) + 0.3 * wave(i)),
        cells("input-hidden.plus.asked", &asked),
        cells("input-hidden.plus.made", &|i| asked(i) * (1.0 + 0.1 * wave(5 * i + 1))),
    ]
}

/// The folder of such a run.
fn write_run(dir: &Path) {
    fs::write(dir.join(record::RUN), serde_json::to_vec_pretty(&run()).unwrap()).unwrap();
    let lines: Vec<String> =
        (0..BATCH).map(|s| serde_json::to_string(&sample(s)).unwrap() + "\n").collect();
    fs::write(dir.join(record::RESULTS), lines.concat()).unwrap();
    fs::write(dir.join(record::TRACE), to_bytes(&trace()).unwrap()).unwrap();
    fs::write(dir.join(record::CHIP), to_bytes(&chip()).unwrap()).unwrap();
}

fn run_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    dir
}

fn figure(figures: &[Figure], name: &str) -> Figure {
    figures.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name}")).clone()
}

fn chart(figures: &[Figure], name: &str) -> Chart {
    match figure(figures, name).body {
        Body::Chart(chart) => chart,
        Body::Gallery(_) => panic!("{name} is no chart"),
    }
}

fn figures() -> Vec<Figure> {
    report::figures(&Records::load(run_folder().path()).unwrap())
}

#[test]
#[ignore = "writes a report for people to look at, where SHOW says"]
fn show() {
    let dir = std::env::var("SHOW").expect("SHOW");
    fs::create_dir_all(&dir).unwrap();
    write_run(Path::new(&dir));
    report::write(Path::new(&dir)).unwrap();
}
