//! A chain that learns from pictures.

use super::{Back, Chain, ChainDescent, NonFinite};
use crate::data::pictures::{Normalise, Pictures};
use crate::learn::{Mode, OptimiserState, Tally, loss, prediction};
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;
use crate::spec::{self, ChainTrain};

/// A chain, its data and its optimiser.
#[derive(Debug, Clone)]
pub struct ChainTrainer<T> {
    pub chain: Chain<T>,
    pub descent: ChainDescent<T>,
    train: ChainTrain,
    normalise: Normalise,
    seed: Seed,
}

/// Why a step was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainFault {
    NonFinite(NonFinite),
    /// In a file that says `unsettled = "stop"`.
    Unsettled {
        block: String,
        samples: usize,
        of: usize,
    },
}

impl From<NonFinite> for ChainFault {
    fn from(fault: NonFinite) -> ChainFault {
        ChainFault::NonFinite(fault)
    }
}

/// A chain that learns, whatever it is computed in.
pub trait ChainLearns {
    /// One update from these training samples; `epoch` names the draws of augmentation.
    ///
    /// # Errors
    /// Where numbers were not finite, or samples did not settle; parameters are as before.
    fn step(&mut self, samples: &[usize], epoch: usize, rate: f64) -> Result<Tally, ChainFault>;

    /// Costs and predictions of the test data.
    ///
    /// # Errors
    /// As [`ChainLearns::step`].
    fn measure(&mut self) -> Result<Tally, ChainFault>;

    /// Names, shapes and numbers of all parameters.
    fn parameters(&self) -> Vec<(String, Vec<usize>, Vec<f64>)>;

    /// Takes numbers in the order and shapes of [`ChainLearns::parameters`].
    fn take(&mut self, values: Vec<Vec<f64>>);

    /// Of the chips of its blocks, as [`Chain::chips`].
    fn chips(&self) -> Vec<(String, Vec<usize>, Vec<f64>)>;

    /// Puts back what [`ChainLearns::chips`] gave, after [`ChainLearns::take`].
    fn take_chips(&mut self, values: &[Vec<f64>]);

    /// Cells of all arrays.
    fn cells(&self) -> usize;

    fn optimiser(&self) -> OptimiserState;

    fn restore(&mut self, state: &OptimiserState);
}

impl<T: Real> ChainTrainer<T> {
    /// # Panics
    /// If the chain has no `[train]`.
    pub fn new(chain: &spec::Chain, seed: Seed, chip_seed: Seed) -> ChainTrainer<T> {
        let train = chain.train.clone().expect("a chain that trains");
        let normalise = chain.normalise.clone();
        let chain = Chain::new(chain, seed.child("init"), chip_seed);
        let descent = ChainDescent::new(train.optimiser, train.rate, train.weight_decay, &chain);
        ChainTrainer { chain, descent, train, normalise, seed }
    }

    /// Some training samples and their labels, as they are.
    pub fn batch(&self, samples: &[usize]) -> (Mat<T>, Vec<usize>) {
        let data = &self.train.data;
        let labels = samples.iter().map(|&s| data.labels[s]).collect();
        (data.batch(samples, &self.normalise, None), labels)
    }

    fn tally(&self, outputs: &Mat<T>, labels: &[usize], costs: &[f64]) -> Tally {
        let right = |(row, label): &(&[T], &usize)| {
            let row: Vec<f64> = row.iter().map(|v| v.to_f64()).collect();
            prediction(&row) == **label
        };
        let samples = labels.len();
        let mut settled = vec![true; samples];
        let mut iterations = vec![0; samples];
        for (_, ends) in self.chain.endings() {
            for (s, end) in ends.iter().enumerate() {
                settled[s] &= end.settled;
                iterations[s] += end.iterations;
            }
        }
        Tally {
            samples,
            cost: costs.iter().sum(),
            right: outputs.iter_rows().zip(labels).filter(right).count(),
            settled: settled.iter().filter(|s| **s).count(),
            free_time: iterations.iter().sum::<usize>() as f64,
            free_time_largest: iterations.iter().copied().max().unwrap_or(0) as f64,
            ..Tally::default()
        }
    }

    fn unsettled(&self) -> Option<ChainFault> {
        let missing = |ends: &[crate::engine::Ending]| ends.iter().filter(|e| !e.settled).count();
        let mut blocks = self.chain.endings();
        let (block, ends) = blocks.find(|(_, ends)| missing(ends) > 0)?;
        let (samples, of) = (missing(ends), ends.len());
        Some(ChainFault::Unsettled { block: block.to_string(), samples, of })
    }
}

/// Test samples that go through the chain together.
const AT_ONCE: usize = 256;

impl<T: Real> ChainLearns for ChainTrainer<T> {
    fn step(&mut self, samples: &[usize], epoch: usize, rate: f64) -> Result<Tally, ChainFault> {
        let data: &Pictures = &self.train.data;
        let labels: Vec<usize> = samples.iter().map(|&s| data.labels[s]).collect();
        let draws = self.seed.child("augment").index(epoch);
        let augment = self.train.augment.as_ref().map(|augment| (augment, draws));
        let x = data.batch(samples, &self.normalise, augment);
        let draw = self.seed.child("dropout").index(self.descent.state().steps as usize);
        let outputs = self.chain.forward(&x, Mode::Train { draw })?;
        let (costs, dy) = loss(self.train.cost, &outputs, &labels);
        let mut tally = self.tally(&outputs, &labels, &costs);
        if let Some(fault) = self.unsettled().filter(|_| self.train.stop_unsettled) {
            return Err(fault);
        }
        let ChainTrain { beta, phases, .. } = self.train;
        self.chain.backward(dy, Back::Propagation { beta, phases })?;
        self.descent.rate = rate;
        tally.writes = self.descent.step(&mut self.chain);
        Ok(tally)
    }

    fn measure(&mut self) -> Result<Tally, ChainFault> {
        let test = self.train.test.clone();
        let all: Vec<usize> = (0..test.len()).collect();
        let mut total = Tally::default();
        for samples in all.chunks(AT_ONCE) {
            let labels: Vec<usize> = samples.iter().map(|&s| test.labels[s]).collect();
            let outputs =
                self.chain.forward(&test.batch(samples, &self.normalise, None), Mode::Test)?;
            let (costs, _) = loss(self.train.cost, &outputs, &labels);
            total.add(&self.tally(&outputs, &labels, &costs));
        }
        Ok(total)
    }

    fn parameters(&self) -> Vec<(String, Vec<usize>, Vec<f64>)> {
        let numbers = |v: &[T]| v.iter().map(|v| v.to_f64()).collect();
        let all = self.chain.parameters().into_iter();
        all.map(|(name, p)| (name, p.shape.clone(), numbers(&p.value))).collect()
    }

    fn take(&mut self, values: Vec<Vec<f64>>) {
        for (parameter, values) in self.chain.parameters_mut().into_iter().zip(values) {
            parameter.value.iter_mut().zip(values).for_each(|(to, from)| *to = T::of(from));
        }
        self.chain.apply();
    }

    fn chips(&self) -> Vec<(String, Vec<usize>, Vec<f64>)> {
        self.chain.chips()
    }

    fn take_chips(&mut self, values: &[Vec<f64>]) {
        self.chain.restore_chips(values);
    }

    fn cells(&self) -> usize {
        self.chain.analog().map(|(_, block)| block.cells()).sum()
    }

    fn optimiser(&self) -> OptimiserState {
        self.descent.state().cast()
    }

    fn restore(&mut self, state: &OptimiserState) {
        *self.descent.state_mut() = state.cast();
    }
}
