//! A network that learns in place: settle, nudge, contrast, write, batch by batch.

use super::implicit::Implicit;
use super::optim::OptimiserState;
use super::{EquilibriumPropagation, Optimiser, one_hot, outputs, prediction};
use crate::compile::{Chip, Reading};
use crate::data::DataSet;
use crate::engine::{Drive, Engine, Ideal, Nudge, Outcome, Save, Until};
use crate::model::{Cost, Coupling, EnergyModel};
use crate::numerics::Mat;
use crate::numerics::fixed_point::{End, Fate};
use crate::numerics::kernels::Real;
use crate::spec::{ImplicitGradient, Precision, Solver};

/// Everything that changes while a network learns, and how it is to change.
pub struct Trainer {
    /// The parameters asked for; on a chip what is made of them is the chip's affair.
    pub model: EnergyModel,
    pub engine: Box<dyn Engine>,
    pub optimiser: Optimiser,
    how: How,
    pub until: Until,
    /// The largest weight each coupling's cells can stand for; infinite without a chip.
    limits: Vec<f64>,
}

/// Where its gradients come from.
enum How {
    InPlace(EquilibriumPropagation),
    /// Has parameters and moments of its own, in its own precision.
    Implicit(Box<dyn Learns + Send>),
}

/// [`Implicit`] in either precision.
trait Learns {
    fn step(
        &mut self,
        batch: [&Mat; 2],
        labels: &[usize],
        optimiser: &Optimiser,
        couplings: usize,
    ) -> Tally;
    fn measure(&self, clamp: &Mat, labels: &[usize], classes: usize) -> Tally;
    fn put(&self, model: &mut EnergyModel);
    fn state(&self) -> OptimiserState;
    fn restore(&mut self, state: &OptimiserState);
}

impl<T: Real> Learns for Implicit<T> {
    fn step(
        &mut self,
        batch: [&Mat; 2],
        labels: &[usize],
        optimiser: &Optimiser,
        couplings: usize,
    ) -> Tally {
        Implicit::step(self, batch, labels, optimiser.rule, optimiser.rate, couplings)
    }

    fn measure(&self, clamp: &Mat, labels: &[usize], classes: usize) -> Tally {
        Implicit::measure(self, clamp, labels, classes)
    }

    fn put(&self, model: &mut EnergyModel) {
        self.field.put(model);
    }

    fn state(&self) -> OptimiserState {
        Implicit::state(self)
    }

    fn restore(&mut self, state: &OptimiserState) {
        Implicit::restore(self, state);
    }
}

/// What came of some samples, as sums, so that batches add up to an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    pub samples: usize,
    /// Sum of the costs of the free phase, over the samples whose cost is finite.
    pub cost: f64,
    /// Predictions of the free phase that were right.
    pub right: usize,
    /// Samples that settled, in every phase.
    pub settled: usize,
    /// Sum and largest of the settling times of the free phase \[s\], over those that settled; of
    /// an implicit gradient, of its iterations.
    pub free_time: f64,
    pub free_time_largest: f64,
    /// Sum of the settling times of all nudged phases \[s\].
    pub nudged_time: f64,
    /// Cells that were written, and pulses that took.
    pub writes: usize,
    pub pulses: usize,
    /// Samples that diverged, and the largest estimate of the spectral radius of theirs; told as
    /// they come, and not kept.
    pub diverged: usize,
    pub growth: f64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.samples += other.samples;
        self.cost += other.cost;
        self.right += other.right;
        self.settled += other.settled;
        self.free_time += other.free_time;
        self.free_time_largest = self.free_time_largest.max(other.free_time_largest);
        self.nudged_time += other.nudged_time;
        self.writes += other.writes;
        self.pulses += other.pulses;
        self.diverged += other.diverged;
        self.growth = self.growth.max(other.growth);
    }
}

impl Trainer {
    /// `engine` must run `model`'s parameters.
    pub fn new(
        model: EnergyModel,
        engine: Box<dyn Engine>,
        optimiser: Optimiser,
        rule: EquilibriumPropagation,
        until: Until,
    ) -> Trainer {
        let limits = model.couplings.iter().enumerate().map(|(c, coupling)| {
            let weights = matches!(coupling, Coupling::Dense { .. });
            let chip = engine.chip().filter(|_| weights);
            chip.map_or(f64::INFINITY, |chip| chip.fabric.largest_weight(c))
        });
        let limits = limits.collect();
        Trainer { model, engine, optimiser, how: How::InPlace(rule), until, limits }
    }

    /// One that takes gradients at the model's own fixed points.
    pub fn implicit(
        model: EnergyModel,
        solver: Solver,
        optimiser: Optimiser,
        rule: ImplicitGradient,
        until: Until,
        precision: Precision,
    ) -> Trainer {
        let (of, most) = (optimiser.rule, until.at_most_iterations);
        let how: Box<dyn Learns + Send> = match precision {
            Precision::F32 => {
                Box::new(Implicit::<f32>::new(&model, solver, rule, of, until.settled, most))
            }
            Precision::F64 => {
                Box::new(Implicit::<f64>::new(&model, solver, rule, of, until.settled, most))
            }
        };
        let engine = Box::new(Ideal::new(model.clone(), solver));
        let limits = vec![f64::INFINITY; model.couplings.len()];
        let mut trainer =
            Trainer { model, engine, optimiser, how: How::Implicit(how), until, limits };
        trainer.sync();
        trainer
    }

    /// Brings `model` and the optimiser's state up to date where learning has its own.
    pub fn sync(&mut self) {
        if let How::Implicit(how) = &self.how {
            how.put(&mut self.model);
            self.optimiser.restore(how.state());
        }
    }

    /// Goes on from a state of the optimiser; parameters are those the trainer was made with.
    pub fn restore(&mut self, state: OptimiserState) {
        if let How::Implicit(how) = &mut self.how {
            how.restore(&state);
        }
        self.optimiser.restore(state);
    }

    /// The same with what `wrap` makes of its engine, which must run the same parameters.
    pub fn on(mut self, wrap: impl FnOnce(Box<dyn Engine>) -> Box<dyn Engine>) -> Trainer {
        self.engine = wrap(self.engine);
        self
    }

    /// One update from these samples of a labelled set.
    ///
    /// # Panics
    /// If the set has no labels, or there is no such sample.
    pub fn step(&mut self, set: &DataSet, samples: &[usize]) -> Tally {
        let classes = self.model.layer(self.model.read).size;
        let (clamp, target, labels) = batch_of(set, samples, classes);
        let rule = match &mut self.how {
            How::InPlace(rule) => *rule,
            How::Implicit(how) => {
                let couplings = self.model.couplings.len();
                return how.step([&clamp, &target], &labels, &self.optimiser, couplings);
            }
        };
        let estimate = rule.estimate(&mut *self.engine, &self.model, &clamp, &target, &self.until);
        let mut tally = tally(&estimate.outputs, &estimate.free.outcome, &labels);
        tally.cost = estimate.cost.iter().filter(|c| c.is_finite()).sum();
        tally.settled = estimate.settled;
        let nudged = estimate.nudged.iter().flat_map(|phase| &phase.outcome);
        tally.nudged_time = nudged.filter_map(Outcome::time).sum();
        self.optimiser.step(&mut self.model, &estimate.grad);
        for (coupling, &limit) in self.model.couplings.iter_mut().zip(&self.limits) {
            if limit.is_finite() {
                coupling.values_mut().iter_mut().for_each(|w| *w = w.clamp(-limit, limit));
            }
        }
        let written = match self.engine.chip().is_some_and(Chip::learns_by_trains) {
            true => {
                let by = rule.contrast(&estimate, &self.model, self.optimiser.rate);
                self.engine.teach(&self.model, &by)
            }
            false => self.engine.write(&self.model),
        };
        tally.writes = written.cells;
        tally.pulses = written.pulses;
        tally
    }

    /// Settles a labelled set, a few thousand samples at a time, and learns nothing.
    ///
    /// # Panics
    /// If the set has no labels.
    pub fn measure(&mut self, set: &DataSet) -> Tally {
        let all = set.labels.as_ref().expect("what is measured on has labels");
        let places: Vec<usize> = (0..all.len()).collect();
        let mut total = Tally::default();
        for samples in places.chunks(AT_ONCE) {
            let clamp = set.inputs.select_rows(samples);
            let labels: Vec<usize> = samples.iter().map(|&s| all[s]).collect();
            if let How::Implicit(how) = &self.how {
                let classes = self.model.layer(self.model.read).size;
                total.add(&how.measure(&clamp, &labels, classes));
                continue;
            }
            let drive = Drive { clamp, nudge: Nudge::None };
            let settled = self.engine.settle(&drive, None, &self.until, &Save::End);
            let reading = Reading { phase: "test", first: samples[0] };
            let outputs = outputs(&*self.engine, &self.model, &settled.state, reading);
            let mut tally = tally(&outputs, &settled.outcome, &labels);
            let target = one_hot(&labels, outputs.cols());
            let cost = Cost::SquaredError.value(&outputs, &target);
            tally.cost = cost.iter().filter(|c| c.is_finite()).sum();
            total.add(&tally);
        }
        total
    }

    /// How many weights stand at the edge of what their cells can hold.
    pub fn at_limit(&self) -> usize {
        let couplings = self.model.couplings.iter().zip(&self.limits);
        couplings.map(|(c, limit)| c.values().iter().filter(|w| w.abs() >= *limit).count()).sum()
    }
}

fn tally(outputs: &Mat, outcome: &[Outcome], labels: &[usize]) -> Tally {
    let right = |(row, label): &(&[f64], &usize)| {
        row.iter().all(|v| v.is_finite()) && prediction(row) == **label
    };
    let times = || outcome.iter().filter_map(Outcome::time);
    Tally {
        samples: labels.len(),
        right: outputs.iter_rows().zip(labels).filter(right).count(),
        settled: outcome.iter().filter(|o| o.is_settled()).count(),
        free_time: times().sum(),
        free_time_largest: times().fold(0.0, f64::max),
        ..Tally::default()
    }
}

/// Samples that [`Trainer::measure`] settles together, to bound memory.
const AT_ONCE: usize = 2048;

/// The mean iterations of a fixed point stand where a chip has settling times.
pub(super) fn tally_of(ends: &[End], cost: &[f64], predicted: &[usize], labels: &[usize]) -> Tally {
    let settled = || ends.iter().filter(|end| end.fate == Fate::Converged);
    let diverged = ends.iter().filter(|end| end.fate == Fate::Diverged);
    let sound = |(end, _): &(&End, bool)| end.fate != Fate::Diverged;
    let hits = predicted.iter().zip(labels).map(|(p, l)| p == l);
    Tally {
        samples: labels.len(),
        cost: cost.iter().filter(|c| c.is_finite()).sum(),
        right: ends.iter().zip(hits).filter(sound).filter(|(_, hit)| *hit).count(),
        settled: settled().count(),
        free_time: settled().map(|end| end.iterations as f64).sum(),
        free_time_largest: settled().map(|end| end.iterations as f64).fold(0.0, f64::max),
        diverged: diverged.clone().count(),
        growth: diverged.map(|end| end.growth).fold(0.0, f64::max),
        ..Tally::default()
    }
}

/// Samples of a set as a batch.
fn batch_of(set: &DataSet, samples: &[usize], classes: usize) -> (Mat, Mat, Vec<usize>) {
    let all = set.labels.as_ref().expect("what is learned from has labels");
    let labels: Vec<usize> = samples.iter().map(|&s| all[s]).collect();
    (set.inputs.select_rows(samples), one_hot(&labels, classes), labels)
}
