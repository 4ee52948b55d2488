//! The laws of a gradient check: where the physics is that of an energy, equilibrium propagation
//! measures the gradient of the machine at hand, on every engine and with every defect; where it
//! is not, the check says by how much it falls short.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{hardware, layered};
use eqcircuit::compile::{Chip, Written, compile, fabricate};
use eqcircuit::engine::{Drive, Engine, Ideal, Nudge, Outcome, Save, Settled, Until};
use eqcircuit::learn::{
    Bench, Checked, EquilibriumPropagation, Phases, Question, check, difference_step, orders,
};
use eqcircuit::model::{Activation, EnergyModel, Family, State};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::report;
use eqcircuit::run::gradcheck::{DIFFERENCES, IMPLICIT, figures};
use eqcircuit::run::{Gradchecked, Options, RunError, gradcheck, record};
use eqcircuit::spec::{self, Analysis, ArrayStyle, Edit, Library, NonIdeal, Solver, Spec};

const UNTIL: Until = Until { settled: 1e-10, at_most: 1e-3, at_most_iterations: 100_000 };

fn model() -> EnergyModel {
    let activations = [Activation::Identity, Activation::Tanh, Activation::Identity];
    layered(&[5, 6, 4], &activations, 0.4, Seed::new(52))
}

fn question(beta: f64) -> Question {
    Question {
        rule: EquilibriumPropagation { beta, phases: Phases::Centred },
        clamp: common::normal(Seed::new(53).child("x"), 3, 5, 1.0),
        target: common::normal(Seed::new(53).child("y"), 3, 4, 1.0),
        until: UNTIL,
        entries: 6,
        seed: Seed::new(54),
    }
}

fn chip(array: ArrayStyle, nonideal: &NonIdeal) -> Chip {
    fabricate(&compile(&model(), &hardware(&model(), array)), nonideal, Seed::new(8))
}

fn spread(sigma: f64) -> NonIdeal {
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = sigma;
    bad
}

fn ideal() -> Bench {
    Bench::Ideal { model: model(), solver: Solver::picard(0.0) }
}

fn behavioural(array: ArrayStyle, nonideal: &NonIdeal) -> Bench {
    Bench::Behavioural { chip: chip(array, nonideal) }
}

fn circuit(array: ArrayStyle, nonideal: &NonIdeal) -> Bench {
    Bench::Circuit { chip: chip(array, nonideal), analysis: Analysis::Op }
}

/// The least cosine against implicit differentiation and against finite differences.
fn least(checked: &Checked) -> [f64; 2] {
    let over = |f: &dyn Fn(&eqcircuit::learn::TensorCheck) -> f64| {
        checked.tensors.iter().map(f).fold(f64::INFINITY, f64::min)
    };
    [
        over(&|t| t.implicit.expect("no implicit gradient").cosine),
        over(&|t| t.differences.expect("no differences").cosine),
    ]
}

#[track_caller]
fn judges_agree(checked: &Checked) {
    assert_eq!(checked.settled, checked.outcomes.len());
    for t in &checked.tensors {
        let judges = t.judges.expect("two judges");
        assert!(judges.cosine > 1.0 - 1e-9, "{}: {judges:?}", t.name);
        assert!((judges.norm_ratio - 1.0).abs() < 1e-4, "{}: {judges:?}", t.name);
        assert_eq!(t.entries, 6.min(t.shape[0] * t.shape[1]), "{}", t.name);
    }
}

#[test]
fn where_there_is_an_energy_the_estimate_is_the_gradient() {
    let perfect = NonIdeal::default();
    let mut defective = spread(0.2);
    defective.fabrication.stuck_on = 0.02;
    defective.fabrication.stuck_off = 0.05;
    let benches = [
        ("ideal", ideal()),
        ("behavioural, perfect", behavioural(ArrayStyle::Twin, &perfect)),
        ("circuit, perfect", circuit(ArrayStyle::Twin, &perfect)),
        ("behavioural, shared, spread", behavioural(ArrayStyle::Shared, &spread(0.2))),
        ("circuit, shared, spread", circuit(ArrayStyle::Shared, &spread(0.2))),
        ("behavioural, shared, stuck", behavioural(ArrayStyle::Shared, &defective)),
        ("circuit, shared, stuck", circuit(ArrayStyle::Shared, &defective)),
    ];
    for (name, bench) in benches {
        let checked = check(&bench, &question(0.01));
        judges_agree(&checked);
        for cosine in least(&checked) {
            assert!(cosine > 0.999_99, "{name}: {:#?}", checked.tensors);
        }
        for t in &checked.tensors {
            for found in [t.implicit, t.differences].into_iter().flatten() {
                assert!((found.norm_ratio - 1.0).abs() < 1e-3, "{name}, {}: {found:?}", t.name);
            }
        }
    }
}

#[test]
fn the_gradient_of_a_defective_chip_is_not_that_of_its_model() {
    let q = question(0.01);
    let length = |bench: &Bench| check(bench, &q).tensors[0].norm;
    let chip = length(&behavioural(ArrayStyle::Shared, &spread(0.2)));
    assert!((chip / length(&ideal()) - 1.0).abs() > 1e-3, "the spread does nothing");
    assert!(
        (length(&behavioural(ArrayStyle::Shared, &NonIdeal::default())) / length(&ideal()) - 1.0)
            .abs()
            < 1e-6
    );
}

#[test]
fn on_twin_arrays_the_cosine_falls_with_the_spread() {
    let cosines: Vec<f64> = [0.0, 0.1, 0.2, 0.4]
        .into_iter()
        .map(|sigma| {
            let checked = check(&behavioural(ArrayStyle::Twin, &spread(sigma)), &question(0.01));
            judges_agree(&checked);
            let [implicit, differences] = least(&checked);
            assert!((implicit - differences).abs() < 0.1, "{sigma}: {implicit} {differences}");
            implicit
        })
        .collect();
    assert!(cosines[0] > 0.999_99, "{cosines:?}");
    assert!(cosines[2] < 0.9999, "{cosines:?}");
    assert!(cosines.windows(2).all(|pair| pair[1] < pair[0]), "{cosines:?}");
    // The same chip in the circuit is biased alike.
    let other = least(&check(&circuit(ArrayStyle::Twin, &spread(0.2)), &question(0.01)))[0];
    assert!((other - cosines[2]).abs() < 1e-6, "{other} {cosines:?}");
}

#[test]
fn on_wires_finite_differences_are_the_only_truth() {
    let mut wired = spread(0.1);
    wired.wire.r_segment = 20.0;
    let bench = circuit(ArrayStyle::Shared, &wired);
    let checked = check(&bench, &question(0.01));
    for t in &checked.tensors {
        assert_eq!((t.implicit, t.judges), (None, None));
        let found = t.differences.expect("differences");
        assert!(found.cosine > 0.99, "{}: {found:?}", t.name);
    }
    let series = orders(&bench, &question(0.01), &checked.differences);
    assert!(series.iter().all(|at| at.distance.iter().all(|d| d.is_some_and(|d| d < 0.2))));
}

#[test]
fn a_chn_is_judged_by_finite_differences() {
    let model = EnergyModel { family: Family::Chn, ..model() };
    let checked = check(&Bench::Ideal { model, solver: Solver::picard(0.5) }, &question(0.01));
    for t in &checked.tensors {
        assert_eq!(t.implicit, None);
        let found = t.differences.expect("differences");
        assert!(found.cosine > 0.9999, "{}: {found:?}", t.name);
    }
}

#[test]
fn the_series_over_beta_has_its_orders_on_every_engine() {
    for bench in [
        ideal(),
        behavioural(ArrayStyle::Shared, &spread(0.2)),
        circuit(ArrayStyle::Shared, &spread(0.2)),
    ] {
        let series = orders(&bench, &question(0.05), &[]);
        for (phase, expected) in Phases::ALL.iter().zip([2.0, 1.0, 1.0]) {
            let at = |i: usize| {
                let place = Phases::ALL.iter().position(|p| p == phase).unwrap();
                series[i].distance[place].expect("settled")
            };
            let slope = (at(4) / at(1)).log2() / 3.0;
            assert!((slope - expected).abs() < 0.1, "{phase:?}: {slope}");
        }
        // The centred distance is that of the centred rule.
        let implicit = check(&bench, &question(0.05));
        let angle = implicit.tensors.iter().map(|t| 1.0 - t.implicit.unwrap().cosine);
        let centred = series[4].distance[0].unwrap();
        assert!(angle.fold(0.0, f64::max) < centred.powi(2) * 10.0, "{centred}");
    }
}

#[test]
fn on_twin_arrays_the_series_levels_off() {
    let series = orders(&behavioural(ArrayStyle::Twin, &spread(0.2)), &question(0.01), &[]);
    let centred = |i: usize| series[i].distance[0].unwrap();
    assert!(centred(0) > 1e-3 && (centred(0) / centred(4) - 1.0).abs() < 0.05, "{series:?}");
}

#[test]
fn samples_that_do_not_settle_are_counted_and_left_out() {
    let q = question(0.01);
    let outcomes = check(&ideal(), &q).outcomes;
    let iterations: Vec<usize> = outcomes
        .iter()
        .map(|o| match o {
            Outcome::Equilibrium { iterations } => *iterations,
            other => panic!("{other}"),
        })
        .collect();
    let slowest = *iterations.iter().max().unwrap();
    let most = |n: usize| Question { until: Until { at_most_iterations: n, ..UNTIL }, ..q.clone() };
    let some = check(&ideal(), &most(slowest - 1));
    let kept: Vec<usize> = (0..3).filter(|&s| iterations[s] < slowest).collect();
    assert!(!kept.is_empty() && some.settled <= kept.len(), "{iterations:?}");
    assert_eq!(some.outcomes.iter().filter(|o| o.is_settled()).count(), kept.len());
    assert_eq!(some.tensors, check(&ideal(), &most(slowest - 1).of(&kept)).tensors);

    let none = check(&ideal(), &most(1));
    assert_eq!((none.settled, none.tensors.len()), (0, 0));
}

/// Writes down what it is asked.
struct Recording {
    inner: Ideal,
    asked: Vec<(Nudge, Option<State>)>,
    found: Vec<State>,
}

impl Engine for Recording {
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        let settled = self.inner.settle(drive, start, until, save);
        self.asked.push((drive.nudge.clone(), start.cloned()));
        self.found.push(settled.state.clone());
        settled
    }

    fn write(&mut self, model: &EnergyModel) -> Written {
        self.inner.write(model)
    }

    fn chip(&self) -> Option<&Chip> {
        self.inner.chip()
    }
}

#[test]
fn nudged_phases_start_from_the_free_state_to_the_bit() {
    let q = question(0.3);
    for (phases, betas) in [
        (Phases::Centred, &[-0.3, 0.3][..]),
        (Phases::Positive, &[0.3]),
        (Phases::Negative, &[-0.3]),
    ] {
        let inner = Ideal::new(model(), Solver::picard(0.0));
        let mut engine = Recording { inner, asked: Vec::new(), found: Vec::new() };
        let rule = EquilibriumPropagation { beta: 0.3, phases };
        rule.estimate(&mut engine, &model(), &q.clamp, &q.target, &UNTIL);
        assert_eq!(engine.asked[0], (Nudge::None, None));
        assert_eq!(engine.asked.len(), 1 + betas.len());
        for ((nudge, start), &beta) in engine.asked[1..].iter().zip(betas) {
            assert_eq!(nudge, &Nudge::Toward { target: q.target.clone(), beta });
            assert_eq!(start.as_ref(), Some(&engine.found[0]), "{phases:?}");
        }
    }
}

#[test]
fn the_step_balances_its_errors() {
    for settled in [1e-12, 1e-10, 1e-8] {
        let step = difference_step(settled);
        assert!((step * step / (settled / step) - 1.0).abs() < 1e-6, "{settled}: {step}");
    }
}

const NETWORK: &str = r#"
title = "small"

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
  { bias = { on = "hidden" } },
]
init = { scale = 0.5 }

[hardware]
cell = "cell/rram-1t1r"
array = "array/differential"
tile = [4, 4]

[train]
rule = { equilibrium-propagation = { beta = 0.01 } }
train = { csv = "samples.csv" }
test = { csv = "samples.csv" }

[gradcheck]
samples = 4
entries = 5

[expect]
gradient-cosine = { at-least = 0.9999 }
gradient-norm-ratio = { at-least = 0.99, at-most = 1.01 }
"#;

const SAMPLES: &str = "label,a,b,c\n0,0.1,0.2,0.3\n1,-0.5,0.25,1\n0,0.7,-0.4,0.2\n";

fn small(folder: &Path, edits: &[&str]) -> Spec {
    let path = folder.join("small.toml");
    fs::write(&path, NETWORK).unwrap();
    fs::write(folder.join("samples.csv"), SAMPLES).unwrap();
    let edits: Vec<Edit> = edits.iter().map(|e| Edit::new(*e)).collect();
    spec::load(&path, &edits, &Library::built_in()).unwrap_or_else(|report| panic!("{report}"))
}

fn run(folder: &Path, edits: &[&str], threads: usize) -> Gradchecked {
    let out = Some(folder.join("out"));
    let options = Options { out, quiet: true, threads: Some(threads), ..Options::default() };
    gradcheck(&small(folder, edits), &options).unwrap()
}

#[test]
fn the_records_say_what_was_held_against_what() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &[], 1).record;
    assert_eq!((run.head.verb.as_str(), run.head.engine.as_str()), ("gradcheck", "behavioural"));
    // The file has 3 samples, fewer than asked for.
    assert_eq!((run.samples, run.settled, run.outcomes["settled"]), (3, 3, 3));
    assert_eq!((run.beta, run.phases.as_str(), run.truth.as_str()), (0.01, "centred", IMPLICIT));
    assert_eq!((run.tolerance, run.beta_samples, run.betas.len()), (1e-10, 3, 7));
    assert_eq!(run.step, difference_step(1e-10));
    let names: Vec<&str> = run.tensors.iter().map(|t| t.tensor.as_str()).collect();
    assert_eq!(names, ["input-hidden.weight", "hidden-output.weight", "hidden.bias"]);
    assert_eq!(run.tensors.iter().map(|t| t.entries).collect::<Vec<_>>(), [5, 5, 4]);
    assert!(run.cosine.unwrap() > 0.9999, "{run:#?}");
    // [train] works in f32 on this engine; the check does not.
    assert!(run.head.notes.iter().any(|n| n.contains("f64")), "{:?}", run.head.notes);
    assert!(run.head.expect.len() == 2 && run.head.expect.iter().all(|e| e.passed));
    let lines = fs::read_to_string(folder.path().join("out").join(record::RESULTS)).unwrap();
    assert_eq!(lines.lines().count(), 3);
    let table = fs::read_to_string(folder.path().join("out").join(record::RESULTS_CSV)).unwrap();
    assert_eq!(table.lines().count(), 4);

    let figures = figures(&small(folder.path(), &[]), None).unwrap();
    assert_eq!(figures["gradient-cosine"], run.cosine.unwrap());
    assert_eq!(figures["gradient-norm-ratio"], run.norm_ratio.unwrap());
    let each = names.iter().map(|name| figures[&format!("gradient-cosine.{name}")]);
    assert_eq!(each.fold(f64::INFINITY, f64::min), run.cosine.unwrap());
    assert_eq!(figures.len(), 5);
}

#[test]
fn the_report_draws_the_orders_and_the_bias() {
    let folder = tempfile::tempdir().unwrap();
    let report = |edits: &[&str]| {
        let dir = run(folder.path(), edits, 2).folder;
        let written = report::write(&dir).unwrap();
        let bytes = |written: &[PathBuf]| -> Vec<Vec<u8>> {
            written.iter().map(|path| fs::read(path).unwrap()).collect()
        };
        let first = bytes(&written);
        assert!(first == bytes(&report::write(&dir).unwrap()), "the same records, other bytes");
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        (read("index.md"), read("gradient-order.svg"))
    };
    let (page, figure) =
        report(&["nonideal.fabrication.spread=0.2", "hardware.array=array/shared"]);
    for words in
        ["beta = 0.01, centred", "| `hidden.bias` | 1 × 4 |", "4.64e-4", "1 − ", "**", "passed"]
    {
        let bold = words == "**";
        assert!(page.contains(words) != bold, "{words}:\n{page}");
    }
    for words in ["centred", "positive phase", "negative phase", "slope 1", "slope 2", "beta ("] {
        assert!(figure.contains(words), "{words} is not drawn");
    }
    let (page, figure) = report(&["nonideal.fabrication.spread=0.5"]);
    assert!(page.contains("**failed**"), "{page}");
    assert!(!figure.contains("slope"), "a line that levels off has no slope");

    let (page, _) = {
        let dir = run(folder.path(), &["train.until.at-most=1 ps"], 1).folder;
        let written = report::write(&dir).unwrap();
        (fs::read_to_string(dir.join("index.md")).unwrap(), written)
    };
    assert!(page.contains("nothing to compare") && page.contains("3 unsettled"), "{page}");
}

#[test]
fn a_biased_gradient_fails_its_expectation() {
    let folder = tempfile::tempdir().unwrap();
    let failed: Vec<String> = run(folder.path(), &["nonideal.fabrication.spread=0.5"], 1)
        .failed()
        .map(|e| e.figure.clone())
        .collect();
    assert!(failed.contains(&"gradient-cosine".to_string()), "{failed:?}");
}

#[test]
fn threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let results = |threads| {
        let record = run(folder.path(), &["nonideal.fabrication.spread=0.2"], threads).record;
        (record.tensors, record.betas)
    };
    assert_eq!(results(1), results(3));
}

#[test]
fn wires_and_failures_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let edits = ["simulate.engine=circuit", "nonideal.wire.r-segment=5 ohm"];
    let wired = run(folder.path(), &edits, 2).record;
    assert_eq!(wired.truth, DIFFERENCES);
    assert!(wired.head.notes.iter().any(|n| n.contains("wires")), "{:?}", wired.head.notes);
    assert!(wired.cosine.unwrap() > 0.99 && wired.tensors.iter().all(|t| t.implicit.is_none()));
    assert_eq!(wired.beta_samples, 3);

    let edits = ["train.until.at-most=1 ps"];
    let stuck = run(folder.path(), &edits, 2);
    assert_eq!(stuck.record.outcomes["unsettled"], 3);
    assert_eq!((stuck.record.cosine, stuck.record.tensors.len()), (None, 0));
    let notes = &stuck.record.head.notes;
    assert!(notes.iter().any(|n| n.contains("3 unsettled") && n.contains("at-most")), "{notes:?}");
    assert_eq!(stuck.failed().count(), 2);
}

#[test]
fn without_training_there_is_no_gradient() {
    for file in ["netlists/hopfield-8-6-4.toml", "netlists/rc-ladder.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let spec = spec::load(&path, &[], &Library::beside(&path)).unwrap();
        let error = gradcheck(&spec, &Options::default()).unwrap_err();
        assert!(matches!(error, RunError::NoTraining { .. }), "{error}");
        assert!(error.to_string().contains("[train]"), "{error}");
    }
}
