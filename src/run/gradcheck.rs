//! `gradcheck`: the gradient of `[train] rule`, held against the truth.

mod chain;
mod records;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use records::*;

use super::output::Staging;
use super::record::{ExpectRecord, Head};
use super::started::Started;
use super::{Options, RunError, chip, expect, head, in_pool, spinner};
use crate::engine::Until;
use crate::learn::{self, Bench, Checked, Question};
use crate::numerics::seed::Seed;
use crate::spec::{Fidelity, Precision, Rule, Spec, Subject, Train, Verb};

/// Most samples of the series over beta on the circuit engine, which takes its time.
const CIRCUIT_SAMPLES: usize = 2;

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
    if let Subject::Chain(chain) = &spec.subject {
        return chain::gradcheck(spec, chain, options);
    }
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
    record.head.expect = judged(spec, &record.tensors);
    record.head.notes = asked.notes().into_iter().chain(record.trouble()).collect();
    records::write(spec, &record, &[], &staging)?;
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
    let tensors = match &spec.subject {
        Subject::Chain(chain) => chain::tensors(spec, chain, threads)?,
        _ => {
            let asked = Asked::of(spec)?;
            let checked = in_pool(threads, || learn::check(&asked.bench, &asked.question))?;
            checked.tensors.iter().map(TensorRecord::of).collect::<Vec<_>>()
        }
    };
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

/// What a file promises of its gradient.
fn judged(spec: &Spec, tensors: &[TensorRecord]) -> Vec<ExpectRecord> {
    let judged = Figures::of(tensors);
    let wanted = spec.expect.iter().filter(|e| e.is_of(Verb::Gradcheck));
    wanted.map(|e| expect::judge(e, judged.get(&e.figure))).collect()
}

/// That the check nudges otherwise than training does.
fn other_beta(trains: f64, checked: f64) -> Option<String> {
    (trains != checked)
        .then(|| format!("checked at beta = {checked}, but [train] nudges with beta = {trains}"))
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
        // One place says no more than a sign; it counts where nothing else is known.
        let telling = |t: &TensorRecord| t.entries > 1 || t.implicit.is_none();
        let differences = |t: &TensorRecord| t.finite_differences.filter(|_| telling(t));
        let all = || tensors.iter().flat_map(|t| [t.implicit, differences(t)]).flatten();
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
        let Rule::EquilibriumPropagation(mut rule) = train.rule else {
            return Err(RunError::NoNudge { file: spec.path.display().to_string() });
        };
        rule.beta = spec.gradcheck.beta.unwrap_or(rule.beta);
        let labels = train.data.labels.as_ref().ok_or(RunError::NoLabels)?;
        let simulate = &spec.simulate;
        let chip = || chip(model, hardware, nonideal, spec.chip_seed);
        let bench = match simulate.engine {
            Fidelity::Ideal => Bench::Ideal { model: model.clone(), solver: simulate.solver },
            Fidelity::Behavioural => Bench::Behavioural { chip: chip() },
            Fidelity::Circuit => Bench::Circuit { chip: chip(), analysis: simulate.analysis },
        };
        let samples = spec.gradcheck.samples.min(train.data.inputs.rows());
        let first: Vec<usize> = (0..samples).collect();
        let question = Question {
            rule,
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
            beta: self.question.rule.beta,
            phases: self.question.rule.phases.name().to_string(),
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
            chain: None,
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
        if let Rule::EquilibriumPropagation(rule) = self.train.rule {
            notes.extend(other_beta(rule.beta, self.question.rule.beta));
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
