//! `gradcheck`: the gradient of `[train] rule`, held against the truth.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::output::Staging;
use super::record::{self, ExpectRecord, Head, finite};
use super::started::Started;
use super::write::{cell, number};
use super::{Options, RunError, chip, expect, head, in_pool, spinner};
use crate::engine::Until;
use crate::learn::{self, Agreement, Bench, Checked, Question, TensorCheck};
use crate::numerics::seed::Seed;
use crate::spec::{Fidelity, Precision, Spec, Subject, Train, Verb};

/// Most samples of the series over beta on the circuit engine, which takes its time.
const CIRCUIT_SAMPLES: usize = 2;

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
}

/// [`GradcheckRecord::truth`]: implicit differentiation of the network as made.
pub const IMPLICIT: &str = "implicit differentiation";
/// [`GradcheckRecord::truth`]: central differences of the mean cost, at the places drawn.
pub const DIFFERENCES: &str = "finite differences";

/// One line of [`record::RESULTS`] of `gradcheck`. Numbers that are not finite are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorRecord {
    /// `<coupling>.weight` or `<coupling>.bias`
    pub tensor: String,
    /// `[post, pre]`, or `[1, size]` for a bias.
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

/// A finished check, on the disk.
#[derive(Debug, Clone)]
pub struct Gradchecked {
    pub folder: PathBuf,
    pub record: GradcheckRecord,
}

impl Gradchecked {
    /// The expectations that failed.
    pub fn failed(&self) -> impl Iterator<Item = &ExpectRecord> {
        self.record.head.expect.iter().filter(|e| !e.passed)
    }
}

/// Checks the gradient of a file's rule on the file's engine, and writes the records. The folder
/// is treated as [`super::simulate`] treats it.
///
/// # Errors
/// Without `[train]`, and whatever [`super::simulate`] fails of.
pub fn gradcheck(spec: &Spec, options: &Options) -> Result<Gradchecked, RunError> {
    let started = Started::now();
    let asked = Asked::of(spec)?;
    let folder = options.folder(spec, Verb::Gradcheck);
    let staging = Staging::prepare(Verb::Gradcheck, &folder, &options.interrupt)?;
    let progress = spinner(options.quiet);
    let (checked, series) = in_pool(options.threads, || {
        progress.set_message("checking");
        let checked = learn::check(&asked.bench, &asked.question);
        progress.set_message("varying beta");
        let series = asked.series(&checked);
        (checked, series)
    })?;
    progress.set_message("recording");
    let head = head(spec, options, Verb::Gradcheck, &started);
    let mut record = asked.record(head, checked, series);
    let judged = Figures::of(&record.tensors);
    let wanted = spec.expect.iter().filter(|e| e.is_of(Verb::Gradcheck));
    record.head.expect = wanted.map(|e| expect::judge(e, judged.get(&e.figure))).collect();
    record.head.notes = asked.notes().into_iter().chain(record.trouble()).collect();
    write(spec, &record, &staging)?;
    let folder = staging.publish()?;
    progress.finish_and_clear();
    Ok(Gradchecked { folder, record })
}

/// The figures of a check, for a sweep: `gradient-cosine`, `gradient-norm-ratio`, and
/// `gradient-cosine.<tensor>`, the lesser of a tensor's two. One that is not known is left out.
///
/// # Errors
/// Without `[train]`.
pub fn figures(spec: &Spec, threads: Option<usize>) -> Result<BTreeMap<String, f64>, RunError> {
    let asked = Asked::of(spec)?;
    let checked = in_pool(threads, || learn::check(&asked.bench, &asked.question))?;
    let tensors: Vec<TensorRecord> = checked.tensors.iter().map(TensorRecord::of).collect();
    let mut figures = BTreeMap::new();
    let judged = Figures::of(&tensors);
    for name in [COSINE, NORM_RATIO] {
        figures.extend(judged.get(name).map(|v| (name.to_string(), v)));
    }
    for tensor in &tensors {
        let own = Figures::of(std::slice::from_ref(tensor)).cosine;
        figures.extend(own.map(|v| (format!("{COSINE}.{}", tensor.tensor), v)));
    }
    Ok(figures)
}

const COSINE: &str = "gradient-cosine";
const NORM_RATIO: &str = "gradient-norm-ratio";

/// The worst over some tensors; `None` if nothing is known of one, or it is not finite.
struct Figures {
    cosine: Option<f64>,
    norm_ratio: Option<f64>,
}

impl Figures {
    fn of(tensors: &[TensorRecord]) -> Figures {
        let all = || tensors.iter().flat_map(|t| [t.implicit, t.finite_differences]).flatten();
        let known = |t: &TensorRecord| t.implicit.or(t.finite_differences).is_some();
        if tensors.is_empty() || !tensors.iter().all(known) {
            return Figures { cosine: None, norm_ratio: None };
        }
        let cosines: Option<Vec<f64>> = all().map(|a| a.cosine).collect();
        let ratios: Option<Vec<f64>> = all().map(|a| a.norm_ratio).collect();
        let farther = |a: f64, b: f64| if (b - 1.0).abs() > (a - 1.0).abs() { b } else { a };
        Figures {
            cosine: cosines.and_then(|c| c.into_iter().reduce(f64::min)),
            norm_ratio: ratios.and_then(|r| r.into_iter().reduce(farther)),
        }
    }

    fn get(&self, name: &str) -> Option<f64> {
        match name {
            COSINE => self.cosine,
            NORM_RATIO => self.norm_ratio,
            _ => None,
        }
    }
}

/// A file's check, ready to run.
struct Asked<'a> {
    train: &'a Train,
    bench: Bench,
    question: Question,
}

impl Asked<'_> {
    fn of(spec: &Spec) -> Result<Asked<'_>, RunError> {
        let none = || RunError::NoTraining { file: spec.path.display().to_string() };
        let (Some(train), Subject::Network { model, hardware, nonideal }) =
            (&spec.train, &spec.subject)
        else {
            return Err(none());
        };
        let labels = train.data.labels.as_ref().ok_or(RunError::NoLabels)?;
        let simulate = &spec.simulate;
        let chip = || chip(model, hardware, nonideal, spec.seed);
        let bench = match simulate.engine {
            Fidelity::Ideal => Bench::Ideal { model: model.clone(), damping: simulate.damping },
            Fidelity::Behavioural => Bench::Behavioural { chip: chip() },
            Fidelity::Circuit => Bench::Circuit { chip: chip(), analysis: simulate.analysis },
        };
        let samples = spec.gradcheck.samples.min(train.data.inputs.rows());
        let first: Vec<usize> = (0..samples).collect();
        let question = Question {
            rule: train.rule,
            clamp: train.data.inputs.select_rows(&first),
            target: learn::one_hot(&labels[..samples], model.layer(model.read).size),
            until: Until {
                settled: spec.gradcheck.settled,
                at_most: train.at_most,
                at_most_iterations: train.at_most_iterations,
            },
            entries: spec.gradcheck.entries,
            seed: Seed::new(spec.seed).child("gradcheck"),
        };
        Ok(Asked { train, bench, question })
    }

    /// The series over beta, with how many samples it is of.
    fn series(&self, checked: &Checked) -> (usize, Vec<BetaRecord>) {
        let outcomes = checked.outcomes.iter().enumerate();
        let mut kept: Vec<usize> =
            outcomes.filter(|(_, o)| o.is_settled()).map(|(s, _)| s).collect();
        // Finite differences are of all samples, so the estimates must be too.
        if matches!(self.bench, Bench::Circuit { .. }) && self.bench.network().is_some() {
            kept.truncate(CIRCUIT_SAMPLES);
        }
        if kept.is_empty() {
            return (0, Vec::new());
        }
        let series = learn::orders(&self.bench, &self.question.of(&kept), &checked.differences);
        let of = |at: learn::AtBeta| {
            let [centred, positive, negative] = at.distance;
            BetaRecord { beta: at.beta, centred, positive, negative }
        };
        (kept.len(), series.into_iter().map(of).collect())
    }

    fn record(
        &self,
        head: Head,
        checked: Checked,
        (beta_samples, betas): (usize, Vec<BetaRecord>),
    ) -> GradcheckRecord {
        let mut outcomes = BTreeMap::new();
        for outcome in &checked.outcomes {
            *outcomes.entry(outcome.word().to_string()).or_insert(0) += 1;
        }
        let tensors: Vec<TensorRecord> = checked.tensors.iter().map(TensorRecord::of).collect();
        let figures = Figures::of(&tensors);
        GradcheckRecord {
            head,
            rule: "equilibrium-propagation".to_string(),
            beta: self.train.rule.beta,
            phases: self.train.rule.phases.name().to_string(),
            data: self.train.data.name.clone(),
            samples: checked.outcomes.len(),
            settled: checked.settled,
            outcomes,
            tolerance: self.question.until.settled,
            step: checked.step,
            cosine: figures.cosine,
            norm_ratio: figures.norm_ratio,
            tensors,
            truth: match self.bench.network() {
                Some(_) => IMPLICIT,
                None => DIFFERENCES,
            }
            .to_string(),
            beta_samples,
            betas,
        }
    }

    /// What a reader should know, whatever came of it.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.bench.network().is_none() {
            let why = match self.bench {
                Bench::Ideal { .. } => "a chn network has another form of force",
                _ => "the chip has wires, which the implicit gradient leaves out",
            };
            notes.push(format!("{why}: finite differences alone are the truth here"));
        }
        if self.train.precision == Precision::F32 {
            notes.push("[train] works in f32, but its gradient was checked in f64".to_string());
        }
        let wanted = self.question.clamp.rows();
        if matches!(self.bench, Bench::Circuit { .. })
            && self.bench.network().is_some()
            && wanted > CIRCUIT_SAMPLES
        {
            notes.push(format!(
                "the series over beta is of the first {CIRCUIT_SAMPLES} samples only, for the \
                 circuit engine takes its time"
            ));
        }
        notes
    }
}

impl GradcheckRecord {
    /// What went wrong on the way, in words.
    fn trouble(&self) -> Option<String> {
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
    fn of(check: &TensorCheck) -> TensorRecord {
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

/// All records; the marker of a run folder comes last.
fn write(spec: &Spec, run: &GradcheckRecord, staging: &Staging) -> Result<(), RunError> {
    let resolved = spec.resolved_for(staging.target());
    staging.write(record::RESOLVED, |out| out.write_all(resolved.as_bytes()))?;
    staging.write(record::RESULTS, |out| {
        for tensor in &run.tensors {
            serde_json::to_writer(&mut *out, tensor)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
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
