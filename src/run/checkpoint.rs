//! The state of a training run on the disk.

use std::collections::BTreeMap;
use std::path::Path;

use super::RunError;
use super::tensors::{self, Tensor};
use crate::compile::{Cells, Chip, Learning};
use crate::learn::{Optimiser, OptimiserState, Tally};
use crate::model::EnergyModel;
use crate::numerics::Mat;

/// Where a run stands. Counted from 0: the epoch that is being learned, and how many of its
/// batches are done.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Progress {
    pub epoch: usize,
    pub batch: usize,
    /// Of this epoch so far.
    pub tally: Tally,
}

/// Everything that the rest of a run depends on.
pub(super) struct Checkpoint {
    pub progress: Progress,
    pub model: EnergyModel,
    pub optimiser: OptimiserState,
    /// Cells as made, how often they were written, and what was kept of the updates.
    pub chip: Option<(Vec<Cells>, usize, Learning)>,
    /// How many samples the chip was read for.
    pub reads: usize,
}

const PROGRESS: &str = "progress";
const LIMITS: &str = "weight-limits";
const SOLVER: &str = "solver";
const LEARNED: &str = "learned-samples";
const SIGNS: [&str; 2] = ["plus", "minus"];

impl Checkpoint {
    /// What is to be written.
    pub fn tensors(
        progress: &Progress,
        model: &EnergyModel,
        optimiser: &Optimiser,
        chip: Option<&Chip>,
    ) -> Vec<Tensor> {
        let state = optimiser.state();
        let Tally {
            samples,
            cost,
            right,
            settled,
            free_time,
            free_time_largest,
            nudged_time,
            writes,
            pulses,
            ..
        } = progress.tally;
        let counts = [
            progress.epoch,
            progress.batch,
            state.steps as usize,
            chip.map_or(0, Chip::writes),
            samples,
            right,
            settled,
            writes,
        ];
        let counts = counts.map(|n| n as f64).into_iter();
        let sums = [cost, free_time, free_time_largest, nudged_time, pulses as f64];
        // Only of a chip that moves while it is read.
        let reads = chip.map(Chip::reads).filter(|reads| *reads > 0).map(|reads| reads as f64);
        let progress = counts.chain(sums).chain(reads).collect();
        let mut all = vec![Tensor::vector(PROGRESS, progress)];
        for (c, coupling) in model.couplings.iter().enumerate() {
            let name = model.tensor_name(coupling);
            all.push(Tensor::parameter(model, coupling));
            let mut put = |moment: &str, values: Option<&Vec<f64>>| {
                let tensor = |v: &Vec<f64>| Tensor::vector(format!("{moment}.{name}"), v.clone());
                all.extend(values.map(tensor));
            };
            put("first", state.first.get(c));
            put("second", state.second.get(c));
        }
        if !state.limits.is_empty() {
            all.push(Tensor::vector(LIMITS, state.limits.clone()));
        }
        if !state.solver.is_empty() {
            all.push(Tensor::vector(SOLVER, state.solver.clone()));
        }
        for (array, cells) in chip.iter().flat_map(|c| c.fabric.arrays.iter().zip(&c.cells)) {
            all.push(Tensor::matrix(format!("{}.plus", array.name), &cells.plus));
            all.push(Tensor::matrix(format!("{}.minus", array.name), &cells.minus));
        }
        all.extend(chip.into_iter().flat_map(kept_of));
        all
    }

    /// Reads a checkpoint of a run of this model; `chip` as fabricated, if the run has one.
    ///
    /// # Errors
    /// A file that cannot be read, is cut short, or is of another network or chip.
    pub fn read(
        path: &Path,
        model: &EnergyModel,
        chip: Option<&Chip>,
    ) -> Result<Checkpoint, RunError> {
        let bytes = std::fs::read(path)
            .map_err(|source| RunError::Read { path: path.to_path_buf(), source })?;
        Checkpoint::of_bytes(&bytes, path, model, chip)
    }

    /// As [`Checkpoint::read`], of a file that was read; `path` is for the error.
    pub fn of_bytes(
        bytes: &[u8],
        path: &Path,
        model: &EnergyModel,
        chip: Option<&Chip>,
    ) -> Result<Checkpoint, RunError> {
        let wrong = |message| RunError::Damaged { path: path.to_path_buf(), message };
        let found = tensors::from_bytes(bytes)
            .map_err(|e| wrong(format!("not a whole checkpoint of {} bytes: {e}", bytes.len())))?;
        let file = Found(found.into_iter().map(|t| (t.name.clone(), t)).collect());
        file.checkpoint(model, chip).map_err(wrong)
    }
}

/// What a chip remembers of its updates; nothing of one that remembers nothing.
fn kept_of(chip: &Chip) -> Vec<Tensor> {
    let Learning { owed, fast, samples } = chip.learning();
    let mut all = Vec::new();
    for (a, array) in chip.fabric.arrays.iter().enumerate().filter(|(_, a)| a.shares.is_none()) {
        let name = &array.name;
        for (sign, owed) in SIGNS.iter().zip(owed.get(a).into_iter().flatten()) {
            if !owed.is_empty() {
                all.push(Tensor::vector(format!("{name}.{sign}.owed"), owed.clone()));
            }
        }
        all.extend(fast.get(a).map(|fast| Tensor::matrix(format!("{name}.fast"), fast)));
    }
    if *samples > 0 {
        all.push(Tensor::vector(LEARNED, vec![*samples as f64]));
    }
    all
}

/// The tensors of a file by name.
struct Found(BTreeMap<String, Tensor>);

impl Found {
    fn checkpoint(&self, model: &EnergyModel, chip: Option<&Chip>) -> Result<Checkpoint, String> {
        // Checkpoints from before pulses were counted have one number less.
        let progress = (self.take(PROGRESS, &[13]))
            .or_else(|_| self.take(PROGRESS, &[14]))
            .or_else(|_| self.take(PROGRESS, &[12]))?;
        let reads = progress.get(13).map_or(0, |reads| *reads as usize);
        let count = |i: usize| progress[i] as usize;
        let tally = Tally {
            samples: count(4),
            right: count(5),
            settled: count(6),
            writes: count(7),
            cost: progress[8],
            free_time: progress[9],
            free_time_largest: progress[10],
            nudged_time: progress[11],
            pulses: progress.get(12).map_or(count(7), |n| *n as usize),
            ..Tally::default()
        };
        let mut model = model.clone();
        let names: Vec<(String, Vec<usize>)> = model
            .couplings
            .iter()
            .map(|c| Tensor::parameter(&model, c))
            .map(|t| (t.name, t.shape))
            .collect();
        for (coupling, (name, shape)) in model.couplings.iter_mut().zip(&names) {
            coupling.values_mut().copy_from_slice(self.take(name, shape)?);
        }
        let moments = |moment: &str| -> Result<Vec<Vec<f64>>, String> {
            let has = |(name, _): &&(String, Vec<usize>)| {
                self.0.contains_key(&format!("{moment}.{name}"))
            };
            names
                .iter()
                .filter(has)
                .map(|(name, shape)| {
                    let size = shape.iter().product();
                    Ok(self.take(&format!("{moment}.{name}"), &[size])?.to_vec())
                })
                .collect()
        };
        let optimiser = OptimiserState {
            first: moments("first")?,
            second: moments("second")?,
            steps: count(2) as u32,
            solver: self.0.get(SOLVER).map_or(Vec::new(), |t| t.data.clone()),
            limits: match self.0.contains_key(LIMITS) {
                true => self.take(LIMITS, &[names.len()])?.to_vec(),
                false => Vec::new(),
            },
        };
        if optimiser.first.len().max(optimiser.second.len()) != names.len() {
            return Err("the moments of the optimiser are missing".to_string());
        }
        let chip = match chip {
            Some(chip) => Some((self.cells(chip)?, count(3), self.learning(chip)?)),
            None => None,
        };
        let progress = Progress { epoch: count(0), batch: count(1), tally };
        Ok(Checkpoint { progress, model, optimiser, chip, reads })
    }

    fn cells(&self, chip: &Chip) -> Result<Vec<Cells>, String> {
        let arrays = chip.fabric.arrays.iter();
        arrays
            .map(|array| {
                let made = |sign: &str| {
                    let shape = [array.plus.rows(), array.plus.cols()];
                    let values = self.take(&format!("{}.{sign}", array.name), &shape)?;
                    Ok::<Mat, String>(Mat::from_vec(shape[0], shape[1], values.to_vec()))
                };
                Ok(Cells { plus: made("plus")?, minus: made("minus")? })
            })
            .collect()
    }

    /// In the shapes of the chip as fabricated.
    fn learning(&self, chip: &Chip) -> Result<Learning, String> {
        let mut learning = chip.learning().clone();
        for (a, array) in chip.fabric.arrays.iter().enumerate() {
            for (sign, owed) in SIGNS.iter().zip(learning.owed.get_mut(a).into_iter().flatten()) {
                if !owed.is_empty() {
                    let name = format!("{}.{sign}.owed", array.name);
                    let cells = owed.len();
                    owed.copy_from_slice(self.take(&name, &[cells])?);
                }
            }
            if let Some(fast) = learning.fast.get_mut(a).filter(|_| array.shares.is_none()) {
                let shape = [fast.rows(), fast.cols()];
                let found = self.take(&format!("{}.fast", array.name), &shape)?;
                fast.as_mut_slice().copy_from_slice(found);
            }
        }
        if self.0.contains_key(LEARNED) {
            learning.samples = self.take(LEARNED, &[1])?[0] as usize;
        }
        Ok(learning)
    }

    fn take(&self, name: &str, shape: &[usize]) -> Result<&[f64], String> {
        let tensor = self.0.get(name).ok_or_else(|| {
            format!("tensor `{name}` is missing: the checkpoint is of another network or engine")
        })?;
        if tensor.shape != shape {
            return Err(format!(
                "tensor `{name}` has shape {:?}, but the file makes it {shape:?}: the checkpoint \
                 is of another network",
                tensor.shape
            ));
        }
        if tensor.data.iter().any(|v| !v.is_finite()) {
            return Err(format!("tensor `{name}` holds numbers that are not finite"));
        }
        Ok(&tensor.data)
    }
}
