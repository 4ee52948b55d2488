//! What a trained network is worth: its chip as training left it, on samples it has not seen.

use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::lasting::difference;
use super::output::Staging;
use super::record::{CHECKPOINT, RESOLVED};
use super::started::Started;
use super::{Finished, Found, Options, RunError, chip, in_pool, on_engine, record_all, spinner};
use crate::data::{DataSet, Split};
use crate::model::EnergyModel;
use crate::spec::{Analysis, Fidelity, Simulate, Spec, Subject, Verb};

/// What to evaluate.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// A checkpoint, or the folder of a training run; `None` takes the run of the file where
    /// `train` writes it, if there is one.
    pub checkpoint: Option<PathBuf>,
    /// The file's own weights, whatever training there was.
    pub untrained: bool,
    /// Which part of the data of `[train]`.
    pub split: Option<Split>,
}

/// Settles the test data of a file, by default `[train]`'s and else `[simulate]`'s, on the engine
/// of `[simulate]`, and writes the records of a settled run.
///
/// # Errors
/// As [`super::simulate`]; also when there are no labelled samples, nothing was learned yet, or
/// the checkpoint is damaged or of another network or chip.
pub fn evaluate(
    spec: &Spec,
    options: &Options,
    evaluation: &Evaluation,
) -> Result<Finished, RunError> {
    let Subject::Network { model, .. } = &spec.subject else {
        return Err(RunError::NoTraining { file: spec.path.display().to_string() });
    };
    let started = Started::now();
    let data = data(spec, evaluation.split.unwrap_or(Split::Test))?;
    let checkpoint = find(spec, evaluation)?;
    let folder = options.folder(spec, Verb::Evaluate);
    let staging = Staging::prepare(Verb::Evaluate, &folder, &options.interrupt)?;
    let progress = spinner(options.quiet);
    progress.set_message("settling");
    let found = in_pool(options.threads, || {
        let simulate = Simulate { inputs: Some(data), nudge: None, ..spec.simulate.clone() };
        settle(spec, model, &simulate, checkpoint.as_deref())
    })??;
    let summary = record_all(spec, Verb::Evaluate, options, &started, found, &staging)?;
    let folder = staging.publish()?;
    progress.finish_and_clear();
    Ok(Finished { folder, summary })
}

fn settle(
    spec: &Spec,
    model: &EnergyModel,
    simulate: &Simulate,
    checkpoint: Option<&Path>,
) -> Result<Found, RunError> {
    let Subject::Network { hardware, nonideal, .. } = &spec.subject else {
        unreachable!("only networks are evaluated");
    };
    let mut model = model.clone();
    let on_chip = simulate.engine != Fidelity::Ideal;
    let mut made = on_chip.then(|| chip(&model, hardware, nonideal, spec.chip_seed));
    let mut notes = Vec::new();
    if let Some(path) = checkpoint {
        let Checkpoint { model: learned, chip: cells, progress, reads, .. } =
            Checkpoint::read(path, &model, made.as_ref())?;
        if let (Some(chip), Some((cells, writes, learning))) = (&mut made, cells) {
            chip.restore(&learned, cells, writes, learning);
            chip.restore_reads(reads);
        }
        model = learned;
        notes.push(format!("the network of {} after epoch {}", path.display(), progress.epoch));
    }
    // An operating point keeps no moments, which would be many for a whole test set.
    let simulate = Simulate { points: 2, ..simulate.clone() };
    let found = on_engine(&model, made, &simulate)?;
    notes.extend(found.notes);
    let op = found.op.filter(|_| simulate.analysis == Analysis::Op && found.samples.len() <= 100);
    Ok(Found { notes, op, waveforms: None, ..found })
}

fn data(spec: &Spec, split: Split) -> Result<DataSet, RunError> {
    let set = match (&spec.train, split) {
        (Some(train), Split::Test) => Some(&train.test),
        (Some(train), Split::Train) => Some(&train.data),
        (None, _) => spec.simulate.inputs.as_ref(),
    };
    let set = set.ok_or(RunError::NoInputs)?;
    if set.labels.is_none() {
        return Err(RunError::NoLabels);
    }
    Ok(set.clone())
}

/// The checkpoint to take, if any.
fn find(spec: &Spec, evaluation: &Evaluation) -> Result<Option<PathBuf>, RunError> {
    if evaluation.untrained {
        return Ok(None);
    }
    let usual = Options::default().folder(spec, Verb::Train);
    let named = evaluation.checkpoint.clone();
    let path = match &named {
        Some(path) if path.is_dir() => path.join(CHECKPOINT),
        Some(path) => path.clone(),
        None => usual.join(CHECKPOINT),
    };
    if named.is_none() && !path.exists() {
        return match spec.train {
            Some(_) => Err(RunError::Untrained { file: spec.path.display().to_string(), usual }),
            None => Ok(None),
        };
    }
    check_same_chip(spec, &path)?;
    Ok(Some(path))
}

/// Refuses a checkpoint whose cells belong to another chip than the file's.
fn check_same_chip(spec: &Spec, checkpoint: &Path) -> Result<(), RunError> {
    let folder = checkpoint.parent().unwrap_or(Path::new("."));
    let Ok(there) = std::fs::read_to_string(folder.join(RESOLVED)) else { return Ok(()) };
    let here = spec.resolved_for(folder);
    match difference(&of_chip(&there), &of_chip(&here)) {
        None => Ok(()),
        Some(difference) => {
            Err(RunError::AnotherChip { path: checkpoint.to_path_buf(), difference })
        }
    }
}

/// What of a resolved file makes the chip: its seed, model, hardware and non-idealities.
fn of_chip(resolved: &str) -> String {
    let mut within = true;
    let mut kept = String::new();
    for line in resolved.lines() {
        if line.starts_with('[') {
            within = ["[model", "[hardware", "[nonideal"].iter().any(|t| line.starts_with(t));
        }
        if within && !line.starts_with("title") && !line.trim().is_empty() {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}
