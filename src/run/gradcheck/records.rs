//! What a check leaves on the disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::learn::{Agreement, StepAgreement, TensorCheck};
use crate::run::RunError;
use crate::run::output::Staging;
use crate::run::record::{self, Head, finite};
use crate::run::write::{cell, number};
use crate::spec::Spec;

/// [`record::RUN`] of `gradcheck`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradcheckRecord {
    #[serde(flatten)]
    pub head: Head,
    /// `equilibrium-propagation`
    pub rule: String,
    /// Strength of the nudge.
    pub beta: f64,
    /// `centred`, `positive` or `negative`.
    pub phases: String,
    /// The data set.
    pub data: String,
    /// The first of the data, so many.
    pub samples: usize,
    /// How many of them settled in every phase.
    pub settled: usize,
    /// How the free phases ended: a word, and how many.
    pub outcomes: BTreeMap<String, usize>,
    /// Tolerance of the residual, in units of `x`.
    pub tolerance: f64,
    /// Step of the finite differences, in units of the parameters.
    pub step: f64,
    /// The least cosine over the tensors and both truths; `None` where nothing settled.
    pub cosine: Option<f64>,
    /// The norm ratio farthest from 1, likewise.
    pub norm_ratio: Option<f64>,
    pub tensors: Vec<TensorRecord>,
    /// What `betas` are held against: [`IMPLICIT`] or [`DIFFERENCES`].
    pub truth: String,
    /// Samples of the series over beta, the first of those that settled.
    pub beta_samples: usize,
    pub betas: Vec<BetaRecord>,
    /// Of a chain alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainRecord>,
}

/// What is known of a chain only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainRecord {
    /// Each analog block in order, with the most iterations that the free phase of a sample took.
    pub blocks: Vec<BlockRecord>,
    /// Entries that were drawn for finite differences and have none: two steps gave different
    /// ones, or a sample did not settle.
    pub unknown: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRecord {
    pub block: String,
    pub iterations: usize,
}

/// One line of [`STEPS`]: a tensor of an analog block after so many steps of the nudged phase,
/// against the adjoint of as many iterations (the "GDU" property of arXiv:2409.03306).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub block: String,
    pub tensor: String,
    /// From 1 on.
    pub step: usize,
    /// 1 minus the cosine; null where one of the two is still zero.
    pub cosine_distance: Option<f64>,
    /// `|estimate - adjoint| / |adjoint|`, likewise.
    pub relative_distance: Option<f64>,
}

/// Chains alone: one [`StepRecord`] a line.
pub const STEPS: &str = "steps.jsonl";

/// [`GradcheckRecord::truth`]: implicit differentiation of the network as made.
pub const IMPLICIT: &str = "implicit differentiation";
/// [`GradcheckRecord::truth`]: central differences of the mean cost, at the places drawn.
pub const DIFFERENCES: &str = "finite differences";

/// One line of [`record::RESULTS`] of `gradcheck`. Numbers that are not finite are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorRecord {
    /// `<coupling>.weight` or `<coupling>.bias`; of a chain `<block>.<place>.weight` or `.bias`.
    pub tensor: String,
    /// `[post, pre]`, or `[1, size]` for a bias; of a convolution `[channels, inputs x kernel^2]`.
    pub shape: [usize; 2],
    /// Length of the estimate.
    pub norm: Option<f64>,
    /// The estimate against implicit differentiation, over the whole tensor; null where that
    /// does not apply.
    pub implicit: Option<AgreementRecord>,
    /// The estimate against finite differences, over `entries` places.
    pub finite_differences: Option<AgreementRecord>,
    /// Implicit differentiation against finite differences, over the same places.
    pub judges: Option<AgreementRecord>,
    pub entries: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AgreementRecord {
    pub cosine: Option<f64>,
    /// Length of the first over that of the second.
    pub norm_ratio: Option<f64>,
}

/// Relative distance `|estimate - truth| / |truth|` over all parameters together, at one beta;
/// null where a sample did not settle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BetaRecord {
    pub beta: f64,
    pub centred: Option<f64>,
    pub positive: Option<f64>,
    pub negative: Option<f64>,
}

impl GradcheckRecord {
    /// What went wrong on the way, in words.
    pub(super) fn trouble(&self) -> Option<String> {
        let free: usize =
            self.outcomes.iter().filter(|(word, _)| *word != "settled").map(|(_, n)| n).sum();
        if self.settled == self.samples {
            return None;
        }
        let words: Vec<String> =
            self.outcomes.iter().map(|(word, n)| format!("{n} {word}")).collect();
        let nudged = self.samples - free - self.settled;
        let left = match self.samples - free {
            0 => "so nothing could be checked".to_string(),
            n => format!("so the check is of {n} samples, {nudged} of them unsettled when nudged"),
        };
        Some(format!(
            "of {} samples {} settled in every phase (free phase: {}), {left}: raise [train] \
             until.at-most or until.iterations, loosen [gradcheck] settled, or lower beta",
            self.samples,
            self.settled,
            words.join(", ")
        ))
    }
}

impl TensorRecord {
    pub(super) fn of(check: &TensorCheck) -> TensorRecord {
        let record = |agreement: Option<Agreement>| {
            agreement.map(|Agreement { cosine, norm_ratio }| AgreementRecord {
                cosine: finite(cosine),
                norm_ratio: finite(norm_ratio),
            })
        };
        TensorRecord {
            tensor: check.name.clone(),
            shape: check.shape,
            norm: finite(check.norm),
            implicit: record(check.implicit),
            finite_differences: record(check.differences),
            judges: record(check.judges),
            entries: check.entries,
        }
    }
}

impl StepRecord {
    pub(super) fn of(step: StepAgreement) -> StepRecord {
        StepRecord {
            block: step.block,
            tensor: step.tensor,
            step: step.step,
            cosine_distance: step.turned.and_then(finite),
            relative_distance: step.distance.and_then(finite),
        }
    }
}

fn lines<T: Serialize>(out: &mut dyn std::io::Write, all: &[T]) -> std::io::Result<()> {
    for one in all {
        serde_json::to_writer(&mut *out, one)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// All records; the marker of a run folder comes last.
pub(super) fn write(
    spec: &Spec,
    run: &GradcheckRecord,
    steps: &[StepRecord],
    staging: &Staging,
) -> Result<(), RunError> {
    let resolved = spec.resolved_for(staging.target());
    staging.write(record::RESOLVED, |out| out.write_all(resolved.as_bytes()))?;
    staging.write(record::RESULTS, |out| lines(out, &run.tensors))?;
    if run.chain.is_some() {
        staging.write(STEPS, |out| lines(out, steps))?;
    }
    staging.write(record::RESULTS_CSV, |out| {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record([
            "tensor",
            "rows",
            "columns",
            "norm",
            "cosine_implicit",
            "norm_ratio_implicit",
            "cosine_differences",
            "norm_ratio_differences",
            "cosine_judges",
            "norm_ratio_judges",
            "entries",
        ])?;
        for t in &run.tensors {
            let pair = |a: Option<AgreementRecord>| {
                let value = |v: Option<f64>| cell(v.map(number));
                [value(a.and_then(|a| a.cosine)), value(a.and_then(|a| a.norm_ratio))]
            };
            let [rows, columns] = t.shape.map(|n| n.to_string());
            let numbers = [t.implicit, t.finite_differences, t.judges].map(pair);
            let first = [t.tensor.clone(), rows, columns, cell(t.norm.map(number))];
            let last = t.entries.to_string();
            csv.write_record(first.iter().chain(numbers.as_flattened()).chain([&last]))?;
        }
        csv.flush()
    })?;
    staging.write(record::RUN, |out| {
        serde_json::to_writer_pretty(&mut *out, run)?;
        out.write_all(b"\n")
    })
}
