//! The lines that a training run writes.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::checkpoint::Progress;
use super::super::lasting::Lasting;
use super::super::record::{EpochRecord, Head, LayerRecord, TrainRecord, finite};
use super::super::started::Started;
use super::super::{Options, RunError, head, network};
use super::learner::Course;
use crate::compile::Chip;
use crate::learn::{Tally, Trainer};
use crate::spec::{OptimiserRule, Rule, Schedule, Spec, Train, Verb};

pub(super) fn epoch_record(
    progress: &Progress,
    rate: Option<f64>,
    tally: &Tally,
    test: &Tally,
    trainer: &Trainer,
    train: &Train,
) -> EpochRecord {
    let mean = |sum: f64, of: usize| rate.and((of > 0).then(|| sum / of as f64)).and_then(finite);
    let counts =
        |chip: &Chip| chip.nonideal.programming.verify.is_some() || chip.nonideal.update.is_some();
    let counted = trainer.engine.chip().is_some_and(counts);
    let counts_iterations = matches!(train.rule, Rule::ImplicitGradient(_));
    let time = |t: Option<f64>| t.filter(|t| *t > 0.0 && !counts_iterations);
    EpochRecord {
        epoch: progress.epoch,
        steps: trainer.optimiser.state().steps as usize,
        rate,
        train_loss: mean(tally.cost, tally.samples),
        train_accuracy: mean(tally.right as f64, tally.samples),
        test_loss: finite(test.cost / test.samples as f64),
        test_accuracy: test.right as f64 / test.samples as f64,
        settled: mean(tally.settled as f64, tally.samples),
        settling_time: time(mean(tally.free_time, tally.settled)),
        settling_time_largest: time(Some(tally.free_time_largest)),
        iterations: counts_iterations.then(|| test.free_time / test.settled.max(1) as f64),
        nudged_time: mean(tally.nudged_time, tally.settled).filter(|t| *t > 0.0),
        writes: tally.writes,
        pulses: counted.then_some(tally.pulses),
        at_limit: trainer.at_limit(),
    }
}

pub(super) fn describe(
    spec: &Spec,
    train: &Train,
    options: &Options,
    started: &Started,
    trainer: &Trainer,
) -> TrainRecord {
    let samples = train.data.inputs.rows();
    let mut notes = Vec::new();
    if train.batch > samples {
        notes.push(format!(
            "a batch of {} is more than the {samples} samples there are: every update takes them \
             all",
            train.batch
        ));
    }
    let layers = trainer.model.layers.iter().map(|l| LayerRecord {
        name: l.name.clone(),
        size: l.size,
        activation: l.activation.name().to_string(),
    });
    TrainRecord {
        head: Head { notes, ..head(spec, options, Verb::Train, started) },
        rule: match train.rule {
            Rule::EquilibriumPropagation(rule) => format!(
                "equilibrium propagation, beta {}, {} phases",
                rule.beta,
                rule.phases.name()
            ),
            Rule::ImplicitGradient(rule) => format!(
                "implicit gradient by {}, {} evaluations; forward {}, damping {}, in {} order",
                rule.backward.name(),
                rule.iterations,
                spec.simulate.solver.method,
                spec.simulate.solver.damping,
                spec.simulate.solver.order.name()
            ),
        },
        optimiser: optimiser_words(train.optimiser, train.rate, train.schedule),
        layers: layers.collect(),
        data: train.data.name.clone(),
        samples,
        test: train.test.name.clone(),
        test_samples: train.test.inputs.rows(),
        batch: train.batch,
        of_epochs: train.epochs,
        cells: trainer.engine.chip().map_or(0, network::cell_count),
        finished: false,
        test_accuracy: None,
        train_loss: None,
        epochs: 0,
        seconds: 0.0,
    }
}

/// An optimiser in words.
pub(super) fn optimiser_words(rule: OptimiserRule, rate: f64, schedule: Schedule) -> String {
    let rate = format!("rate {rate}, {}", schedule.name());
    match rule {
        OptimiserRule::Sgd { momentum } => format!("SGD, momentum {momentum}, {rate}"),
        OptimiserRule::Adam { beta1, beta2, .. } => {
            format!("Adam, beta1 {beta1}, beta2 {beta2}, {rate}")
        }
        OptimiserRule::Madam { scale, bound } => {
            format!("Madam, scale {scale}, bound {bound}, {rate}")
        }
    }
}

pub(super) fn parsed<T: serde::de::DeserializeOwned>(
    lasting: &Lasting,
    name: &str,
    lines: &[String],
) -> Result<Vec<T>, RunError> {
    let wrong = |line: usize, e: serde_json::Error| RunError::Damaged {
        path: lasting.path(name),
        message: format!("line {}: {e}", line + 1),
    };
    let parse = |(i, line): (usize, &String)| serde_json::from_str(line).map_err(|e| wrong(i, e));
    lines.iter().enumerate().map(parse).collect()
}

/// The epochs as CSV.
pub(super) fn table(epochs: &[EpochRecord]) -> Vec<u8> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    for epoch in epochs {
        csv.serialize(epoch).expect("a record of plain values is a row");
    }
    csv.into_inner().expect("a vector takes everything")
}

pub(super) fn bar(course: &Course, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new((course.epochs * course.batches()) as u64);
    let style = ProgressStyle::with_template("{bar:24} {msg}  {eta} left");
    bar.set_style(style.expect("the template is well formed"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// On the test data, before anything was learned.
pub fn initial_accuracy(epochs: &[EpochRecord]) -> Option<f64> {
    epochs.first().map(|e| e.test_accuracy)
}

/// How much of it was gained since.
pub fn accuracy_gain(epochs: &[EpochRecord]) -> Option<f64> {
    Some(epochs.last()?.test_accuracy - initial_accuracy(epochs)?)
}
