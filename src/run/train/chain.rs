//! A chain of blocks as a training run knows it.

use std::collections::BTreeMap;

use super::super::checkpoint::Progress;
use super::super::record::{EpochRecord, Head, LayerRecord, TrainRecord, finite};
use super::super::started::Started;
use super::super::tensors::{self, Tensor};
use super::super::{Options, head};
use super::learner::Course;
use super::lines::optimiser_words;
use crate::learn::{ChainLearns, ChainTrainer, OptimiserState, Tally};
use crate::numerics::seed::Seed;
use crate::spec::{BlockKind, Chain, ChainTrain, Precision, Spec, Verb};

pub(super) struct ChainRun<'a> {
    pub learner: Box<dyn ChainLearns + Send>,
    chain: &'a Chain,
    train: &'a ChainTrain,
}

const PROGRESS: &str = "progress";
const LIMITS: &str = "weight-limits";

impl<'a> ChainRun<'a> {
    /// # Panics
    /// If the chain has no `[train]`.
    pub fn new(spec: &Spec, chain: &'a Chain) -> ChainRun<'a> {
        let train = chain.train.as_ref().expect("a chain that trains");
        let (seed, chip) = (Seed::new(spec.seed), Seed::new(spec.chip_seed).child("chip"));
        let learner: Box<dyn ChainLearns + Send> = match chain.precision {
            Precision::F32 => Box::new(ChainTrainer::<f32>::new(chain, seed, chip)),
            Precision::F64 => Box::new(ChainTrainer::<f64>::new(chain, seed, chip)),
        };
        ChainRun { learner, chain, train }
    }

    pub fn course(&self) -> Course {
        let ChainTrain { batch, epochs, rate, schedule, .. } = *self.train;
        Course { samples: self.train.data.len(), batch, epochs, rate, schedule, whole: true }
    }

    pub fn weights(&self) -> Vec<Tensor> {
        let all = self.learner.parameters().into_iter();
        all.map(|(name, shape, data)| Tensor { name, shape, data }).collect()
    }

    /// Conductances of the chips' arrays \[S\] and how often they were written and read.
    pub fn chips(&self) -> Vec<Tensor> {
        let all = self.learner.chips().into_iter();
        all.map(|(name, shape, data)| Tensor { name, shape, data }).collect()
    }

    pub fn state(&self, progress: &Progress) -> Vec<Tensor> {
        let OptimiserState { first, second, steps, limits, .. } = self.learner.optimiser();
        let Tally { samples, cost, right, settled, free_time, free_time_largest, writes, .. } =
            progress.tally;
        let counts = [progress.epoch, progress.batch, steps as usize, samples, right, settled];
        let mut numbers: Vec<f64> = counts.map(|n| n as f64).to_vec();
        numbers.extend([writes as f64, cost, free_time, free_time_largest]);
        let mut all = vec![Tensor::vector(PROGRESS, numbers)];
        let weights = self.weights();
        for (moment, of) in [("first", first), ("second", second)] {
            let named = weights.iter().zip(of).filter(|(_, values)| !values.is_empty());
            all.extend(named.map(|(w, v)| Tensor::vector(format!("{moment}.{}", w.name), v)));
        }
        if !limits.is_empty() {
            all.push(Tensor::vector(LIMITS, limits));
        }
        all.extend(weights);
        all.extend(self.chips());
        all
    }

    /// Goes on from what [`ChainRun::state`] gave.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<Progress, String> {
        let found = tensors::from_bytes(bytes)
            .map_err(|e| format!("not a whole checkpoint of {} bytes: {e}", bytes.len()))?;
        let mut found: BTreeMap<String, Tensor> =
            found.into_iter().map(|t| (t.name.clone(), t)).collect();
        let mut take = |name: &str, shape: &[usize]| {
            let tensor = found.remove(name).ok_or_else(|| {
                format!("tensor `{name}` is missing: the checkpoint is of another chain")
            })?;
            if tensor.shape != shape {
                return Err(format!(
                    "tensor `{name}` has shape {:?}, but the file makes it {shape:?}",
                    tensor.shape
                ));
            }
            match tensor.data.iter().all(|v| v.is_finite()) {
                true => Ok(tensor.data),
                false => Err(format!("tensor `{name}` holds numbers that are not finite")),
            }
        };
        let numbers = take(PROGRESS, &[10])?;
        let count = |place: usize| numbers[place] as usize;
        let state = self.learner.optimiser();
        let own = self.learner.parameters();
        let values: Result<Vec<Vec<f64>>, String> =
            own.iter().map(|(name, shape, _)| take(name, shape)).collect();
        let mut moments = |moment: &str, of: &[Vec<f64>]| -> Result<Vec<Vec<f64>>, String> {
            let pairs = own.iter().zip(of);
            let each = pairs.map(|((name, ..), is)| match is.len() {
                0 => Ok(Vec::new()),
                len => take(&format!("{moment}.{name}"), &[len]),
            });
            each.collect()
        };
        let (first, second) = (moments("first", &state.first)?, moments("second", &state.second)?);
        let chips: Result<Vec<Vec<f64>>, String> =
            self.learner.chips().iter().map(|(name, shape, _)| take(name, shape)).collect();
        let chips = chips?;
        let limits = take(LIMITS, &[own.len()]).unwrap_or_default();
        self.learner.take(values?);
        self.learner.take_chips(&chips);
        let steps = count(2) as u32;
        self.learner.restore(&OptimiserState { first, second, steps, limits, solver: Vec::new() });
        let tally = Tally {
            samples: count(3),
            right: count(4),
            settled: count(5),
            writes: count(6),
            cost: numbers[7],
            free_time: numbers[8],
            free_time_largest: numbers[9],
            ..Tally::default()
        };
        Ok(Progress { epoch: count(0), batch: count(1), tally })
    }

    pub fn describe(&self, spec: &Spec, options: &Options, started: &Started) -> TrainRecord {
        let ChainTrain { beta, phases, data, test, batch, epochs, .. } = self.train;
        let layers = self.chain.blocks.iter().map(|block| {
            let (size, words) = match &block.kind {
                BlockKind::Digital(layers) => {
                    let words: Vec<&str> = layers.iter().map(|layer| layer.name()).collect();
                    (block.input.size(), words.join(", "))
                }
                BlockKind::Analog(analog) => {
                    let shapes: Vec<String> =
                        analog.model.layers.iter().map(ToString::to_string).collect();
                    (block.input.size(), format!("analog: {}", shapes.join(" | ")))
                }
            };
            LayerRecord { name: block.name.clone(), size, activation: words }
        });
        let decay = match self.train.weight_decay {
            0.0 => String::new(),
            decay => format!(", weight decay {decay}"),
        };
        let rule = self.train.optimiser;
        let words = optimiser_words(rule, self.train.rate, self.train.schedule);
        let unused = data.len() % batch;
        let mut notes = Vec::new();
        if unused > 0 && data.len() > *batch {
            notes.push(format!(
                "the last {unused} samples of each epoch's order do not fill a batch and are left out"
            ));
        }
        TrainRecord {
            head: Head { notes, ..head(spec, options, Verb::Train, started) },
            rule: format!(
                "backpropagation and equilibrium propagation, beta {beta}, {} phases",
                phases.name()
            ),
            optimiser: words + &decay,
            layers: layers.collect(),
            data: data.name.clone(),
            samples: data.len(),
            test: test.name.clone(),
            test_samples: test.len(),
            batch: *batch,
            of_epochs: *epochs,
            cells: self.learner.cells(),
            finished: false,
            test_accuracy: None,
            train_loss: None,
            epochs: 0,
            seconds: 0.0,
        }
    }

    pub fn epoch_record(
        &self,
        progress: &Progress,
        rate: Option<f64>,
        tally: &Tally,
        test: &Tally,
    ) -> EpochRecord {
        let mean = |sum: f64| {
            let known = rate.is_some() && tally.samples > 0;
            known.then(|| sum / tally.samples as f64).and_then(finite)
        };
        EpochRecord {
            epoch: progress.epoch,
            steps: self.learner.optimiser().steps as usize,
            rate,
            train_loss: mean(tally.cost),
            train_accuracy: mean(tally.right as f64),
            test_loss: finite(test.cost / test.samples as f64),
            test_accuracy: test.right as f64 / test.samples as f64,
            settled: mean(tally.settled as f64),
            settling_time: None,
            settling_time_largest: None,
            iterations: Some(test.free_time / test.samples as f64),
            nudged_time: None,
            writes: tally.writes,
            pulses: None,
            at_limit: 0,
        }
    }
}
