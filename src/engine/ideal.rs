use std::ops::Range;

use rayon::prelude::*;

use super::layout;
use super::network::{Batch, Network};
use super::{Clock, Drive, Engine, Outcome, Save, Settled, Stats, Trace, Until, Written};
use crate::compile::Chip;
use crate::model::{EnergyModel, State};
use crate::numerics::ode::{Ode, padded};
use crate::numerics::{Mat, lanes};

/// The energy's own fixed point, in `x`, by damped iteration of all layers at once:
/// `x <- x + (1 - damping) force(x)`.
///
/// Synchronous updates of a symmetric network may end in a cycle of period 2 instead of an
/// equilibrium. A sample whose residual has stopped falling is therefore damped more, by itself,
/// until it falls again. (A CHN whose activation has a kink may come to rest on the kink, where
/// its force jumps over zero; such a sample stays unsettled.)
///
/// Its clock counts iterations: [`Save::At`] is read as iterations, rounded, and moments that
/// coincide are kept once.
pub struct Ideal {
    model: EnergyModel,
    net: Network<f64>,
    damping: f64,
}

/// A residual that has not fallen by [`PROGRESS`] over so many iterations has stopped falling.
const PATIENCE: usize = 32;
const PROGRESS: f64 = 0.95;
/// A residual that has grown by this has stopped falling at once.
const GROWTH: f64 = 4.0;
/// The step of a damped iteration is not made shorter than this.
const LEAST_STEP: f64 = 1.0 / 256.0;
/// A state that moves faster than this has diverged.
const HUGE: f64 = 1e9;

impl Ideal {
    /// `damping` from 0 (plain iteration) to below 1: `x <- damping x + (1 - damping) F(x)`.
    ///
    /// # Panics
    /// If `damping` is outside that range.
    pub fn new(model: EnergyModel, damping: f64) -> Ideal {
        assert!((0.0..1.0).contains(&damping), "damping must be from 0 to below 1");
        Ideal { net: Network::of_model(&model), model, damping }
    }

    fn iterate(&self, drive: &Drive, start: &State, plan: &Plan) -> Vec<Chunk<'_>> {
        layout::chunks::<f64>(drive.clamp.rows(), 5 * self.net.states())
            .into_par_iter()
            .map(|samples| {
                let mut chunk = Chunk::new(&self.net, drive, start, samples, plan);
                chunk.run(1.0 - self.damping, plan);
                chunk
            })
            .collect()
    }

    /// The way through the iterations `moments`, ascending.
    fn trace(&self, drive: &Drive, start: &State, moments: Vec<usize>) -> Trace {
        let plan = Plan { settled: None, most: moments.last().copied().unwrap_or(0), moments };
        let mut states = vec![start.clone(); plan.moments.len()];
        let mut residual = Mat::zeros(plan.moments.len(), drive.clamp.rows());
        for chunk in self.iterate(drive, start, &plan) {
            for (m, state) in states.iter_mut().enumerate() {
                self.net.scatter(&chunk.kept[m].0, chunk.samples.clone(), state);
                residual.row_mut(m)[chunk.samples.clone()].copy_from_slice(&chunk.kept[m].1);
            }
        }
        let mut energy = Mat::zeros(residual.rows(), residual.cols());
        for (m, state) in states.iter().enumerate() {
            for part in self.model.energy(state) {
                for (e, part) in energy.row_mut(m).iter_mut().zip(part.value) {
                    *e += part;
                }
            }
        }
        Trace {
            clock: Clock::Iterations,
            times: plan.moments.iter().map(|&m| m as f64).collect(),
            states,
            residual,
            energy: Some(energy),
        }
    }
}

impl Engine for Ideal {
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        let start = layout::starting(&self.model, drive, start);
        let plan = Plan {
            settled: Some(until.settled),
            most: until.at_most_iterations,
            moments: Vec::new(),
        };
        let chunks = self.iterate(drive, &start, &plan);
        let mut state = start.clone();
        for chunk in &chunks {
            self.net.scatter(&chunk.end, chunk.samples.clone(), &mut state);
        }
        let ends: Vec<End> = chunks.into_iter().flat_map(|chunk| chunk.ends).collect();
        let last = ends.iter().map(|end| end.iterations).max().unwrap_or(0);
        let mut moments: Vec<usize> = match save {
            Save::End => Vec::new(),
            Save::Points(n) => (0..*n)
                .map(|k| (last as f64 * k as f64 / (n - 1) as f64).round() as usize)
                .collect(),
            Save::At(times) => times.iter().map(|t| t.round() as usize).collect(),
        };
        moments.dedup();
        let steps = ends.iter().map(|end| end.iterations).sum();
        Settled {
            state,
            residual: ends.iter().map(|end| end.residual).collect(),
            stats: Stats { steps, evaluations: steps + ends.len(), ..Stats::default() },
            outcome: ends.into_iter().map(|end| end.outcome).collect(),
            trace: (*save != Save::End).then(|| self.trace(drive, &start, moments)),
            notes: Vec::new(),
        }
    }

    fn write(&mut self, model: &EnergyModel) -> Written {
        *self = Ideal::new(model.clone(), self.damping);
        Written::default()
    }

    fn chip(&self) -> Option<&Chip> {
        None
    }
}

/// How far to go and what to keep.
struct Plan {
    settled: Option<f64>,
    most: usize,
    /// Iterations whose states are kept, ascending.
    moments: Vec<usize>,
}

#[derive(Clone)]
struct End {
    outcome: Outcome,
    residual: f64,
    iterations: usize,
}

/// Some samples that are iterated together.
struct Chunk<'a> {
    samples: Range<usize>,
    batch: Batch<'a, f64>,
    /// `[dim, lanes]`, as are the next two.
    x: Vec<f64>,
    next: Vec<f64>,
    force: Vec<f64>,
    lanes: Vec<Lane>,
    /// `[dim, samples]`
    end: Vec<f64>,
    ends: Vec<End>,
    /// State `[dim, samples]` and residual `[samples]` at every moment.
    kept: Vec<(Vec<f64>, Vec<f64>)>,
}

/// A sample under way.
#[derive(Clone)]
struct Lane {
    sample: usize,
    alive: bool,
    step: f64,
    /// The next moment to keep.
    moment: usize,
    /// The residual that the present one is held against, and its iteration.
    mark: (f64, usize),
}

impl<'a> Chunk<'a> {
    fn new(
        net: &'a Network<f64>,
        drive: &Drive,
        start: &State,
        samples: Range<usize>,
        plan: &Plan,
    ) -> Chunk<'a> {
        let end = net.gather(start, false, samples.clone());
        let width = padded::<f64>(samples.len());
        let mut x = vec![0.0; net.states() * width];
        for (to, from) in x.chunks_exact_mut(width).zip(end.chunks_exact(samples.len())) {
            to[..samples.len()].copy_from_slice(from);
        }
        let none =
            End { outcome: Outcome::Unsettled { residual: 0.0 }, residual: 0.0, iterations: 0 };
        Chunk {
            batch: Batch::new(net, drive, samples.clone()),
            next: x.clone(),
            force: x.clone(),
            x,
            lanes: Vec::new(),
            ends: vec![none; samples.len()],
            kept: vec![(end.clone(), vec![0.0; samples.len()]); plan.moments.len()],
            end,
            samples,
        }
    }

    fn run(&mut self, step: f64, plan: &Plan) {
        let samples = self.samples.len();
        self.lanes = (0..padded::<f64>(samples))
            .map(|sample| Lane {
                sample,
                alive: sample < samples,
                step,
                moment: 0,
                mark: (f64::INFINITY, 0),
            })
            .collect();
        let mut residual = vec![0.0; self.lanes.len()];
        let mut steps = residual.clone();
        let one = vec![1.0; self.batch.dim()];
        for iteration in 0.. {
            let width = self.lanes.len();
            self.batch.rhs(&self.x, &mut self.force, width);
            lanes::largest(&mut residual, &self.force, &one);
            for (b, &residual) in residual.iter().enumerate() {
                if self.lanes[b].alive {
                    self.keep_moments(b, iteration, residual, plan);
                    self.judge(b, iteration, residual, plan);
                }
            }
            if !self.lanes.iter().any(|lane| lane.alive) {
                return;
            }
            for (step, lane) in steps.iter_mut().zip(&self.lanes) {
                *step = lane.step;
            }
            lanes::combine(&mut self.next, &self.x, &steps, &[(1.0, &self.force)]);
            std::mem::swap(&mut self.x, &mut self.next);
            self.close_ranks();
            residual.truncate(self.lanes.len());
            steps.truncate(self.lanes.len());
        }
    }

    /// Whether lane `b` ends here, and how much it is damped if not.
    fn judge(&mut self, b: usize, iteration: usize, residual: f64, plan: &Plan) {
        let outcome = if plan.settled.is_some_and(|tolerance| residual <= tolerance) {
            Outcome::Equilibrium { iterations: iteration }
        } else if !residual.is_finite() || residual > HUGE {
            Outcome::Diverged { at: iteration as f64 }
        } else if iteration >= plan.most {
            Outcome::Unsettled { residual }
        } else {
            self.lanes[b].damp(residual, iteration);
            return;
        };
        self.keep_moments(b, usize::MAX, residual, plan);
        let (width, samples) = (self.lanes.len(), self.samples.len());
        let lane = &mut self.lanes[b];
        lane.alive = false;
        lane.step = 0.0;
        self.ends[lane.sample] = End { outcome, residual, iterations: iteration };
        for (row, x) in self.x.chunks_exact(width).enumerate() {
            self.end[row * samples + lane.sample] = x[b];
        }
    }

    /// Keeps lane `b` at the moments from its last kept one up to `iteration`.
    fn keep_moments(&mut self, b: usize, iteration: usize, residual: f64, plan: &Plan) {
        let (width, samples) = (self.lanes.len(), self.samples.len());
        let lane = &mut self.lanes[b];
        while plan.moments.get(lane.moment).is_some_and(|&m| m <= iteration) {
            let (state, residuals) = &mut self.kept[lane.moment];
            for (row, x) in self.x.chunks_exact(width).enumerate() {
                state[row * samples + lane.sample] = x[b];
            }
            residuals[lane.sample] = residual;
            lane.moment += 1;
        }
    }

    /// Drops lanes that have ended, once that frees a vector register.
    fn close_ranks(&mut self) {
        let width = self.lanes.len();
        let mut keep: Vec<usize> = (0..width).filter(|&b| self.lanes[b].alive).collect();
        let alive = keep.len();
        let to = padded::<f64>(alive);
        if to == width {
            return;
        }
        keep.resize(to, keep[alive - 1]);
        lanes::keep_lanes(&mut self.x, width, &keep);
        let size = self.x.len() / width * to;
        for v in [&mut self.x, &mut self.next, &mut self.force] {
            v.truncate(size);
        }
        self.batch.keep(width, &keep);
        self.lanes = keep.iter().map(|&b| self.lanes[b].clone()).collect();
        for lane in &mut self.lanes[alive..] {
            lane.alive = false;
        }
    }
}

impl Lane {
    /// Halves the step of a sample whose residual has stopped falling.
    fn damp(&mut self, residual: f64, iteration: usize) {
        let (mark, since) = self.mark;
        if mark.is_infinite() {
            self.mark = (residual, iteration);
            return;
        }
        if residual > GROWTH * mark || (iteration - since >= PATIENCE && residual > PROGRESS * mark)
        {
            self.step = (0.5 * self.step).max(LEAST_STEP);
        } else if iteration - since < PATIENCE {
            return;
        }
        self.mark = (residual, iteration);
    }
}
