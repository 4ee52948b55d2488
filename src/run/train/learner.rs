//! What a training run drives, be it one network or a chain of blocks.

use std::path::Path;

use super::super::checkpoint::{Checkpoint, Progress};
use super::super::record::{EpochRecord, TrainRecord};
use super::super::started::Started;
use super::super::tensors::Tensor;
use super::super::{Crew, Options, RunError, network};
use super::chain::ChainRun;
use super::lines;
use super::made::{restore, trainer};
use super::shared::Shared;
use crate::learn::{ChainFault, Tally, Trainer};
use crate::spec::{Rule, Schedule, Spec, Subject, Train};
use crate::units::{Dimension, format_short};

pub(super) enum Learner<'a> {
    Network(Box<Trainer>, &'a Train),
    Chain(ChainRun<'a>),
}

/// How long it learns, and how fast.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub samples: usize,
    pub batch: usize,
    pub epochs: usize,
    pub rate: f64,
    pub schedule: Schedule,
    /// Whether a last batch that is not full is left out.
    pub whole: bool,
}

impl Course {
    /// Updates of an epoch.
    pub fn batches(&self) -> usize {
        match self.whole {
            true => (self.samples / self.batch).max(1),
            false => self.samples.div_ceil(self.batch),
        }
    }

    /// The learning rate after `done` of `updates` updates.
    pub fn rate_at(&self, done: usize, updates: usize) -> f64 {
        self.rate * self.schedule.factor(done, updates, self.epochs)
    }
}

impl<'a> Learner<'a> {
    /// Whether the file can be learned from like this.
    pub fn check(spec: &Spec, options: &Options) -> Result<(), RunError> {
        let file = || spec.path.display().to_string();
        match &spec.subject {
            Subject::Chain(chain) if chain.train.is_none() => {
                Err(RunError::NoTraining { file: file() })
            }
            Subject::Chain(_) if !options.crew.is_alone() => Err(RunError::OfChain {
                file: file(),
                what: "training by several processes".to_string(),
                instead: "run it in one process, with --threads".to_string(),
            }),
            Subject::Chain(_) => Ok(()),
            _ if spec.train.is_none() => Err(RunError::NoTraining { file: file() }),
            _ => Ok(()),
        }
    }

    pub fn of(spec: &'a Spec) -> Result<Learner<'a>, RunError> {
        if let Subject::Chain(chain) = &spec.subject {
            return Ok(Learner::Chain(ChainRun::new(spec, chain)));
        }
        let none = || RunError::NoTraining { file: spec.path.display().to_string() };
        let train = spec.train.as_ref().ok_or_else(none)?;
        Ok(Learner::Network(Box::new(trainer(spec, train)), train))
    }

    pub fn course(&self) -> Course {
        match self {
            Learner::Network(_, train) => Course {
                samples: train.data.inputs.rows(),
                batch: train.batch,
                epochs: train.epochs,
                rate: train.rate,
                schedule: train.schedule,
                whole: false,
            },
            Learner::Chain(run) => run.course(),
        }
    }

    /// Puts a checkpoint in; says where the run stands.
    pub fn restore(
        &mut self,
        spec: &Spec,
        bytes: &[u8],
        path: &Path,
    ) -> Result<Progress, RunError> {
        let damaged = |message| RunError::Damaged { path: path.to_path_buf(), message };
        match self {
            Learner::Network(trainer, train) => {
                let chip = trainer.engine.chip();
                let checkpoint = Checkpoint::of_bytes(bytes, path, &trainer.model, chip)?;
                restore(spec, train, trainer, checkpoint).map_err(damaged)
            }
            Learner::Chain(run) => run.restore(bytes).map_err(damaged),
        }
    }

    /// Settling shared with other processes.
    pub fn shared(self, crew: &Crew) -> Learner<'a> {
        match self {
            Learner::Network(trainer, train) => {
                let crew = crew.clone();
                let shared = trainer.on(|engine| Box::new(Shared::new(engine, crew)));
                Learner::Network(Box::new(shared), train)
            }
            chain => chain,
        }
    }

    pub fn step(
        &mut self,
        samples: &[usize],
        epoch: usize,
        rate: f64,
    ) -> Result<Tally, ChainFault> {
        match self {
            Learner::Network(trainer, train) => {
                trainer.optimiser.rate = rate;
                Ok(trainer.step(&train.data, samples))
            }
            Learner::Chain(run) => run.learner.step(samples, epoch, rate),
        }
    }

    /// On the test data.
    pub fn measure(&mut self) -> Result<Tally, ChainFault> {
        match self {
            Learner::Network(trainer, train) => Ok(trainer.measure(&train.test)),
            Learner::Chain(run) => run.learner.measure(),
        }
    }

    pub fn sync(&mut self) {
        if let Learner::Network(trainer, _) = self {
            trainer.sync();
        }
    }

    pub fn state(&self, progress: &Progress) -> Vec<Tensor> {
        match self {
            Learner::Network(trainer, _) => {
                let Trainer { model, optimiser, engine, .. } = &**trainer;
                Checkpoint::tensors(progress, model, optimiser, engine.chip())
            }
            Learner::Chain(run) => run.state(progress),
        }
    }

    pub fn weights(&self) -> Vec<Tensor> {
        match self {
            Learner::Network(trainer, _) => {
                let model = &trainer.model;
                model.couplings.iter().map(|c| Tensor::parameter(model, c)).collect()
            }
            Learner::Chain(run) => run.weights(),
        }
    }

    pub fn chip(&self) -> Vec<Tensor> {
        match self {
            Learner::Network(trainer, _) => {
                network::chip_tensors(&trainer.model, trainer.engine.chip())
            }
            Learner::Chain(run) => [run.weights(), run.chips()].concat(),
        }
    }

    pub fn describe(&self, spec: &Spec, options: &Options, started: &Started) -> TrainRecord {
        match self {
            Learner::Network(trainer, train) => {
                lines::describe(spec, train, options, started, trainer)
            }
            Learner::Chain(run) => run.describe(spec, options, started),
        }
    }

    pub fn epoch_record(
        &self,
        progress: &Progress,
        rate: Option<f64>,
        tally: &Tally,
        test: &Tally,
    ) -> EpochRecord {
        match self {
            Learner::Network(trainer, train) => {
                lines::epoch_record(progress, rate, tally, test, trainer, train)
            }
            Learner::Chain(run) => run.epoch_record(progress, rate, tally, test),
        }
    }

    /// A mean settling time, for the progress bar.
    pub fn settles_in(&self, mean: f64) -> String {
        match self {
            Learner::Network(_, train) if !matches!(train.rule, Rule::ImplicitGradient(_)) => {
                format!("  settles in {}", format_short(mean, Dimension::Second))
            }
            _ => format!("  settles in {mean:.1} iterations"),
        }
    }
}
