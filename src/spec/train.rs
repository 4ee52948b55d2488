//! `[train]`: the learning rule, its data and its optimiser; `[gradcheck]`: how its gradient is
//! checked.

use super::inputs;
use super::reader::TableReader;
use super::simulate::Subject;
use super::{
    Backward, EquilibriumPropagation, ErrorOf, Fidelity, GradCheck, ImplicitGradient,
    OptimiserRule, Phases, Precision, Rule, Schedule, Simulate, Train,
};
use crate::data::{DataSet, Split};
use crate::diag::Diagnostic;
use crate::model::{Activation, EnergyModel, Family, LayerId};
use crate::units::{Dimension, Range};

const RULES: [&str; 2] = ["equilibrium-propagation", "implicit-gradient"];
const RULE: &str = "rule = { equilibrium-propagation = { beta = 0.2 } }";

/// Reads `[train]`; `None` if something that has no default is wrong or missing.
pub(super) fn read(t: &TableReader, subject: &Subject, simulate: &Simulate) -> Option<Train> {
    let rule = rule(t);
    let epochs = t.count("epochs", 1..=1 << 32).or(10) as usize;
    let batch = t.count("batch", 1..=1 << 32).or(32) as usize;
    let (optimiser, rate) = optimiser(&t.table("optimiser"));
    let schedule = t.choice("schedule", &Schedule::ALL.map(|s| (s.name(), s))).or_default();
    let implicit = matches!(rule, Some(Rule::ImplicitGradient(_)));
    if implicit && simulate.engine != Fidelity::Ideal {
        t.report(
            Diagnostic::at(t.span("rule"), "an implicit gradient is of the model itself")
                .label("a chip has no adjoint equation")
                .help(
                    "write `engine = \"ideal\"` in [simulate], or learn by equilibrium propagation",
                ),
        );
    }
    let bent = |model: &EnergyModel| {
        let softmax = |l: LayerId| model.layer(l).activation == Activation::Softmax;
        model.family == Family::Chn && model.free_layers().any(softmax)
    };
    if implicit && matches!(subject, Subject::Network { model: Some(model), .. } if bent(model)) {
        t.report(
            Diagnostic::at(
                t.span("rule"),
                "no implicit gradients through a softmax layer of a CHN",
            )
            .label("its second derivative is not known here")
            .help("write `family = \"ham\"` in [model], or learn by equilibrium propagation"),
        );
    }
    let single = simulate.engine == Fidelity::Behavioural || implicit;
    let precisions = [("f32", Precision::F32), ("f64", Precision::F64)];
    let asked = t.choice("precision", &precisions);
    let precision = asked.or(if single { Precision::F32 } else { Precision::F64 });
    if !single && precision == Precision::F32 {
        t.report(
            Diagnostic::at(t.span("precision"), "only the behavioural engine works in f32")
                .label("the engine works in f64")
                .help("leave `precision` out, or write `engine = \"behavioural\"` in [simulate]"),
        );
    }
    let until = t.table("until");
    let settled = until.number("settled", Range::Positive).or(1e-4);
    if precision == Precision::F32 && settled < 1e-6 {
        let which = if t.has("precision") { "f32" } else { "f32, which [train] works in here," };
        t.report(
            Diagnostic::at(until.span("settled"), format!("{which} cannot settle this closely"))
                .label("below the rounding of f32")
                .help("write 1e-4, or `precision = \"f64\"` in [train]"),
        );
    }
    let at_most = until.quantity("at-most", Dimension::Second, Range::Positive);
    let at_most = at_most.or(simulate.at_most);
    let iterations = until.count("iterations", 1..=i64::MAX as u64);
    let at_most_iterations = iterations.or(simulate.at_most_iterations as u64) as usize;
    // Last, so that a lone key of those above is not taken for a misspelt one.
    let [data, test] = data(t, subject)?;
    Some(Train {
        rule: rule?,
        data,
        test,
        epochs,
        batch,
        optimiser,
        rate,
        schedule,
        precision,
        settled,
        at_most,
        at_most_iterations,
    })
}

fn rule(t: &TableReader) -> Option<Rule> {
    if !t.has("rule") {
        t.report(
            Diagnostic::at(t.own_span(), "[train] needs `rule`")
                .label("`rule` is missing")
                .help(format!("add for example `{RULE}`")),
        );
        return None;
    }
    let rules = t.table("rule");
    if rules.one_of(&RULES, None, RULE)? == "implicit-gradient" {
        return Some(Rule::ImplicitGradient(implicit_gradient(&rules.table("implicit-gradient"))));
    }
    let (beta, phases) = propagation(&rules.table("equilibrium-propagation"));
    Some(Rule::EquilibriumPropagation(EquilibriumPropagation { beta, phases }))
}

/// Strength and phases of the nudge.
pub(super) fn propagation(t: &TableReader) -> (f64, Phases) {
    let beta = t.number("beta", Range::Any).or(0.2);
    if beta <= 0.0 {
        let cure = match beta {
            0.0 => "write for example 0.2: what is learned is the difference that a nudge makes",
            _ => {
                "write it without the sign, and `phases = \"negative\"` to nudge away from the labels"
            }
        };
        t.report(
            Diagnostic::at(t.span("beta"), format!("`beta` is {beta}, must be above zero"))
                .label("out of range")
                .help(cure),
        );
    }
    (beta, t.choice("phases", &Phases::ALL.map(|p| (p.name(), p))).or_default())
}

fn implicit_gradient(t: &TableReader) -> ImplicitGradient {
    ImplicitGradient {
        backward: t.choice("backward", &Backward::ALL.map(|b| (b.name(), b))).or_default(),
        iterations: t.count("iterations", 1..=1 << 20).or(8) as usize,
        tolerance: t.number("tolerance", Range::Positive).optional(),
        error: t.choice("error", &ErrorOf::ALL.map(|e| (e.name(), e))).or_default(),
    }
}

pub(super) fn optimiser(t: &TableReader) -> (OptimiserRule, f64) {
    let rate = |t: &TableReader, default| t.number("rate", Range::Positive).or(default);
    let example = "optimiser = { adam = { rate = 1e-3 } }";
    match t.one_of(&["adam", "sgd", "madam"], Some("adam"), example) {
        Some("madam") => {
            let t = t.table("madam");
            let rate = rate(&t, 0.01);
            let scale = t.number("scale", Range::Positive).or(1024.0);
            (
                OptimiserRule::Madam { scale, bound: t.number("bound", Range::Positive).or(3.0) },
                rate,
            )
        }
        Some("sgd") => {
            let t = t.table("sgd");
            let rate = rate(&t, 0.1);
            (OptimiserRule::Sgd { momentum: t.number("momentum", BELOW_ONE).or(0.0) }, rate)
        }
        _ => {
            let t = t.table("adam");
            let rate = rate(&t, 1e-3);
            let beta1 = t.number("beta1", BELOW_ONE).or(0.9);
            let beta2 = t.number("beta2", BELOW_ONE).or(0.999);
            let epsilon = t.number("epsilon", Range::Positive).or(1e-8);
            (OptimiserRule::Adam { beta1, beta2, epsilon }, rate)
        }
    }
}

const BELOW_ONE: Range = Range::FractionBelowOne;

/// What is learned from, and what accuracy is measured on.
fn data(t: &TableReader, subject: &Subject) -> Option<[DataSet; 2]> {
    let key = t.one_of(&["data", "train"], None, "data = \"digits\"")?;
    let sets = match key {
        "data" => {
            t.exclude("data", &["test"]);
            inputs::both(t, subject)
        }
        _ => {
            let part = |key, split| {
                let t = t.optional_table(key)?;
                inputs::read(&t, subject, split)
            };
            let train = part("train", Split::Train);
            if !t.has("test") {
                t.report(
                    Diagnostic::at(t.span("train"), "[train] needs `test` beside `train`")
                        .label("nothing to measure accuracy on")
                        .help("add for example `test = { csv = \"test.csv\" }`"),
                );
            }
            let test = part("test", Split::Test);
            Some([train?, test?])
        }
    };
    let sets = sets?;
    for (set, key) in sets.iter().zip([key, if key == "data" { key } else { "test" }]) {
        check_labels(t, set, key, key != "test");
    }
    Some(sets)
}

fn check_labels(t: &TableReader, set: &DataSet, key: &str, learns: bool) {
    let at = |message: String| Diagnostic::at(t.span(key), message);
    let Some(labels) = &set.labels else {
        t.report(
            at(format!("`{}` has no labels", set.name))
                .label("nothing to learn toward")
                .help("add a `label` column, counted from 0"),
        );
        return;
    };
    let Some(first) = labels.first() else { return };
    if learns && labels.iter().all(|label| label == first) {
        t.report(
            at(format!("all {} samples of `{}` have the label {first}", labels.len(), set.name))
                .label("a single class")
                .help("there is nothing to tell apart: take samples of two classes or more"),
        );
    }
}

/// Reads `[gradcheck]`, which has a default for everything.
pub(super) fn gradcheck(t: &TableReader) -> GradCheck {
    let default = GradCheck::default();
    let count = |key, default| t.count(key, 1..=1 << 20).or(default as u64) as usize;
    GradCheck {
        samples: count("samples", default.samples),
        entries: count("entries", default.entries),
        settled: t.number("settled", Range::Positive).or(default.settled),
        beta: t.number("beta", Range::Positive).optional(),
    }
}
