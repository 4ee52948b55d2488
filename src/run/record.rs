//! What a run leaves on the disk: the names of its files and the shapes of their lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::contents::{FILES, TRAINING_FILES};
use crate::spec::Verb;

/// The marker of a run folder, and the run in one object: a [`RunRecord`].
pub const RUN: &str = "run.json";
/// The file as understood, every default filled in.
pub const RESOLVED: &str = "resolved.toml";
/// One [`SampleRecord`] a line.
pub const RESULTS: &str = "results.jsonl";
/// The samples again, one a row.
pub const RESULTS_CSV: &str = "results.csv";
/// The page of a report.
pub const INDEX: &str = "index.md";
/// The way to the equilibrium.
pub const TRACE: &str = "trace.safetensors";
/// Weights, and conductances asked for and made.
pub const CHIP: &str = "chip.safetensors";
/// The operating point: name, value, unit.
pub const OPERATING_POINT: &str = "op.csv";
/// Waveforms against time, one column each.
pub const WAVEFORMS: &str = "waveforms.csv";
/// What was measured of a circuit, by name, in SI units; null where it could not be.
pub const MEASURES: &str = "measures.json";
/// The state of a training run, to go on from.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The weights learned, as `[model] weights` reads them.
pub const WEIGHTS: &str = "weights.safetensors";
/// Wall times, one [`TimingRecord`] a line: apart from the results, which are the same bits in
/// every run.
pub const TIMING: &str = "timing.jsonl";

/// [`RunRecord::clock`] of a transient.
pub const SECONDS: &str = "s";
/// [`RunRecord::clock`] of an iteration.
pub const ITERATIONS: &str = "iterations";

/// How many samples keep their inputs in [`TRACE`], for pictures.
pub const KEPT_INPUTS: usize = 20;
/// How many samples keep the states of all layers in [`TRACE`].
pub const KEPT_STATES: usize = 4;

/// What the runs of all verbs tell of themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The name of a [`Verb`].
    pub verb: String,
    pub title: String,
    /// `ideal`, `behavioural` or `circuit`.
    pub engine: String,
    pub seed: u64,
    /// Of the program.
    pub version: String,
    pub command: String,
    /// The file that was run.
    pub file: String,
    /// UTC, as `2026-01-31T12:00:00Z`.
    pub started: String,
    /// Wall time \[s\], over all parts of a run that was taken up again.
    pub duration: f64,
    pub expect: Vec<ExpectRecord>,
    /// What a reader should know about these numbers.
    pub notes: Vec<String>,
}

/// What every [`RUN`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The name of a [`Verb`]; early runs, all of them settled, did not say.
    pub verb: Option<String>,
}

impl Marker {
    /// The name of the verb that left the run.
    pub fn verb(&self) -> &str {
        self.verb.as_deref().unwrap_or(Verb::Simulate.name())
    }
}

/// [`RUN`] of `simulate` and `evaluate`: everything about a run but its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    #[serde(flatten)]
    pub head: Head,
    /// `op` or `tran`.
    pub analysis: String,
    /// What the time axis counts: [`SECONDS`] or [`ITERATIONS`]; `None` where there is no way to
    /// follow.
    pub clock: Option<String>,
    /// The tolerance of the residual.
    pub settled: f64,
    /// Pull toward the labels, if nudged.
    pub nudge: Option<f64>,
    pub subject: SubjectRecord,
    pub totals: Totals,
    /// What was asked of a circuit and what came of it; `None` for a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyRecord>,
}

/// What was simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectRecord {
    /// Layers, from a model or from the ports of a compiled netlist.
    Network(NetworkRecord),
    /// Devices on nodes.
    Devices { nodes: usize, devices: usize },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkRecord {
    pub layers: Vec<LayerRecord>,
    /// Places in `layers`.
    pub clamp: usize,
    pub read: usize,
    /// The data set.
    pub data: String,
    /// Height and width, when a sample is a picture.
    pub picture: Option<(usize, usize)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    pub name: String,
    pub size: usize,
    pub activation: String,
}

/// The analyses of a circuit and what was measured of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
    /// In the order they were run.
    pub analyses: Vec<AnalysisRecord>,
    pub measures: Vec<MeasureRecord>,
}

/// One analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalysisRecord {
    /// `op`, `dc`, `tran`, `ac` or `noise`.
    pub analysis: String,
    /// The same in ngspice's words.
    pub plot: String,
    /// Its waveforms, an ngspice raw file; `None` if there are none.
    pub file: Option<String>,
    pub points: usize,
    /// A word: `settled`, `finished`, `singular`, ...
    pub outcome: String,
    /// Whether it came to its end.
    pub done: bool,
    /// The same as a sentence that says what to try.
    pub message: String,
    /// How it was found, and how exactly.
    pub notes: Vec<String>,
    pub work: Work,
}

/// One measured figure, in SI units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureRecord {
    pub name: String,
    pub analysis: String,
    /// `None` if it could not be taken.
    pub value: Option<f64>,
    /// Why not.
    pub message: Option<String>,
}

/// Figures over all samples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Totals {
    pub samples: usize,
    pub settled: usize,
    /// Fraction of the labelled samples whose prediction is right.
    pub accuracy: Option<f64>,
    /// Largest and median over the samples that settled \[s\].
    pub settling_time_largest: Option<f64>,
    pub settling_time_median: Option<f64>,
    /// `None` if any is not a number.
    pub residual_largest: Option<f64>,
    /// Mean of each part of the energy at the end, in units of the model.
    pub energy: BTreeMap<String, Option<f64>>,
    /// Cells of the chip, two a differential pair.
    pub cells: usize,
    /// Weights that did not fit the conductance window.
    pub clipped: usize,
    /// Mean number of pulses that programming a cell took, where cells are verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulses: Option<f64>,
    pub work: Work,
    /// Wall time of the whole run \[s\].
    pub wall_time: f64,
}

/// What it took, summed over the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    pub steps: usize,
    pub rejected: usize,
    pub evaluations: usize,
    pub newton: usize,
    pub factorisations: usize,
}

/// One line of `[expect]`, and what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectRecord {
    pub figure: String,
    /// `None` when the run has no such figure, which fails.
    pub value: Option<f64>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    pub passed: bool,
    /// Of a promise about some points of a sweep, the value of each axis that names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<String, String>,
}

impl ExpectRecord {
    /// `spread = 0.5, levels = 4`; empty for a promise about every run.
    pub fn place(&self) -> String {
        let settings = self.at.iter().map(|(key, value)| format!("{key} = {value}"));
        settings.collect::<Vec<_>>().join(", ")
    }
}

/// One line of [`RESULTS`]. Numbers that are not finite are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    pub sample: usize,
    pub label: Option<usize>,
    /// The read unit of the largest activation.
    pub prediction: Option<usize>,
    /// A word: `settled`, `unsettled`, ...
    pub outcome: String,
    /// The same as a sentence that says what to try.
    pub message: String,
    /// \[s\]
    pub settling_time: Option<f64>,
    /// Of a solver without a clock.
    pub iterations: Option<usize>,
    /// Largest magnitude of the force, in units of `x`; of a bare netlist in volts.
    pub residual: Option<f64>,
    /// Activations of the read layer.
    pub outputs: Vec<Option<f64>>,
    /// The model's energy at the end, by named part.
    pub energy: BTreeMap<String, Option<f64>>,
}

/// What `--json` prints: the run and, in short, its samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub run: RunRecord,
    pub samples: Vec<SampleSummary>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleSummary {
    pub sample: usize,
    pub outcome: String,
    pub settling_time: Option<f64>,
    pub iterations: Option<usize>,
    pub residual: Option<f64>,
    pub prediction: Option<usize>,
    pub label: Option<usize>,
}

impl From<&SampleRecord> for SampleSummary {
    fn from(s: &SampleRecord) -> SampleSummary {
        SampleSummary {
            sample: s.sample,
            outcome: s.outcome.clone(),
            settling_time: s.settling_time,
            iterations: s.iterations,
            residual: s.residual,
            prediction: s.prediction,
            label: s.label,
        }
    }
}

/// [`RUN`] of `train`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainRecord {
    #[serde(flatten)]
    pub head: Head,
    /// The learning rule in words.
    pub rule: String,
    pub optimiser: String,
    pub layers: Vec<LayerRecord>,
    /// Names and sizes of the data learned from and measured on.
    pub data: String,
    pub samples: usize,
    pub test: String,
    pub test_samples: usize,
    pub batch: usize,
    /// Epochs asked for.
    pub of_epochs: usize,
    /// Cells of the chip, each of a differential pair counted; 0 where there is none.
    pub cells: usize,
    /// Whether all epochs are done.
    pub finished: bool,
    /// On the test data, after the last whole epoch.
    pub test_accuracy: Option<f64>,
    /// Mean cost of the last whole epoch.
    pub train_loss: Option<f64>,
    /// Whole epochs done.
    pub epochs: usize,
    /// Wall time of training and measuring \[s\].
    pub seconds: f64,
}

/// A line of [`RESULTS`] of `train`: an epoch, or with `epoch` 0 the network before learning,
/// whose training figures are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    pub epoch: usize,
    /// Updates made so far.
    pub steps: usize,
    /// Learning rate at the end of the epoch.
    pub rate: Option<f64>,
    /// Means over the training samples as they were learned from, in the free phase.
    pub train_loss: Option<f64>,
    pub train_accuracy: Option<f64>,
    /// On the test data at the end of the epoch.
    pub test_loss: Option<f64>,
    pub test_accuracy: f64,
    /// Fraction of the training samples that settled in every phase.
    pub settled: Option<f64>,
    /// Mean and largest settling time of the free phase in training \[s\].
    pub settling_time: Option<f64>,
    pub settling_time_largest: Option<f64>,
    /// Mean iterations to the fixed points of the test data, of an implicit gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iterations: Option<f64>,
    /// Mean settling time of all nudged phases together \[s\].
    pub nudged_time: Option<f64>,
    /// Cells written, over all updates of the epoch.
    pub writes: usize,
    /// Pulses that took, where cells are verified or moved by pulses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulses: Option<usize>,
    /// Weights at the edge of what their cells can hold.
    pub at_limit: usize,
}

/// A line of [`TIMING`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    pub epoch: usize,
    /// Wall time \[s\].
    pub seconds: f64,
    /// Training samples a second, measuring left out.
    pub samples_per_second: f64,
}

/// One line of JSON.
pub(super) fn line(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("records are maps of plain values")
}

/// A record as a document of its own.
pub(super) fn document(record: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_vec_pretty(record).expect("records are maps of plain values");
    [text, b"\n".to_vec()].concat()
}

/// `None` for a number that JSON cannot hold.
pub fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
