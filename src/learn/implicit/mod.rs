//! Implicit gradients: the model's fixed points by any solver, their adjoint equation, and the
//! update, in batches of rows.

mod update;

use std::ops::Range;

use rayon::prelude::*;

use super::optim::{OptimiserRule, OptimiserState};
use super::trainer::{Tally, tally_of};
use super::{one_hot, prediction};
use crate::engine::{Adjoint, Field, Iteration, Prepared, chunks};
use crate::model::EnergyModel;
use crate::numerics::Mat;
use crate::numerics::fixed_point::{End, Fate, Map, Measure, Method, Scheme, Stop, solve};
use crate::numerics::kernels::Real;
use crate::spec::{Backward, ErrorOf, ImplicitGradient, Solver};

/// The parameters of a model in `T`, and all that their learning needs.
pub struct Implicit<T> {
    pub field: Field<T>,
    pub solver: Solver,
    pub rule: ImplicitGradient,
    /// Of the forward pass: the relative residual of the layers that the iteration carries.
    pub stop: Stop,
    /// Where to start and how far to go, of an even-odd HAM; without, states start from zero.
    /// [`Method::Chord`] learns it anew at every 32nd step.
    pub prepared: Option<Prepared<T>>,
    /// Laid as `field` is.
    moments: OptimiserState<T>,
}

/// What a batch came to.
#[derive(Debug, Clone)]
pub struct Forward<T> {
    pub samples: Range<usize>,
    /// Activations of the clamped layer, `[samples, size]`.
    clamped: Vec<T>,
    /// `[samples, units]` each.
    pub x: Vec<T>,
    pub xhat: Vec<T>,
    pub ends: Vec<End>,
}

/// A batch with what the cost says of it.
struct Both<T> {
    forward: Forward<T>,
    /// `dC/dI` of every unit, of the mean cost over the whole batch, `[samples, units]`.
    adjoint: Vec<T>,
    /// Of each sample.
    cost: Vec<f64>,
    predicted: Vec<usize>,
}

/// Steps between two Jacobians of [`Method::Chord`].
const REFRESH: u32 = 32;

impl<T: Real> Implicit<T> {
    /// # Panics
    /// In even-odd order, if couplings join free layers in an odd ring.
    pub fn new(
        model: &EnergyModel,
        solver: Solver,
        rule: ImplicitGradient,
        optimiser: OptimiserRule,
        settled: f64,
        most: usize,
    ) -> Implicit<T> {
        Implicit {
            field: Field::of_model(model, solver.order),
            solver,
            rule,
            stop: Stop { measure: Measure::Relative, tolerance: Some(settled), most },
            prepared: None,
            moments: OptimiserState::new(optimiser, model),
        }
    }

    /// Learns from the fixed points of some inputs how to find those of others sooner; nothing where
    /// they have none.
    ///
    /// # Panics
    /// Unless the model is a HAM, in even-odd order.
    pub fn prepare(&mut self, model: &EnergyModel, inputs: &Mat) {
        let field = Field::<f64>::of_model(model, self.solver.order);
        self.prepared = Prepared::fit(&field, inputs).map(|prepared| prepared.cast());
    }

    /// The fixed points from states of zero, in the parts that the batch is cut into.
    pub fn settle(&self, clamp: &Mat) -> Vec<Forward<T>> {
        let parts = chunks(clamp.rows()).into_par_iter();
        parts.map(|samples| self.forward(clamp, samples)).collect()
    }

    fn forward(&self, clamp: &Mat, samples: Range<usize>) -> Forward<T> {
        let field = &self.field;
        let prepared = self.prepared.as_ref();
        let (mut map, z, clamped) =
            Iteration::free(field, self.solver.local, prepared, clamp, samples.clone());
        let ends = solve(&mut map, z, samples.len(), self.solver.scheme(), self.stop, |_, _| {});
        Forward { samples, clamped, x: map.ended, xhat: map.ended_xhat, ends }
    }

    /// The outputs of a sample, as the error takes them.
    fn outputs<'a>(&self, forward: &'a Forward<T>, sample: usize) -> &'a [T] {
        let units = self.field.units;
        let of = match self.rule.error {
            ErrorOf::Activations => &forward.xhat,
            ErrorOf::States => &forward.x,
        };
        &of[sample * units..(sample + 1) * units][self.field.layers[self.field.read].units.clone()]
    }

    /// `samples` of the whole batch of `batch`.
    fn both(&self, clamp: &Mat, target: &Mat, samples: Range<usize>) -> Both<T> {
        let mut forward = self.forward(clamp, samples.clone());
        let field = &self.field;
        let (units, carried) = (field.units, field.carried);
        let (count, rows) = (samples.len(), samples.len().max(2));
        let read = &field.layers[field.read];
        let share = T::of(1.0 / clamp.rows() as f64);
        let mut right = vec![T::default(); rows * carried];
        let (mut cost, mut predicted) = (Vec::new(), Vec::new());
        for s in 0..count {
            let outputs = self.outputs(&forward, s);
            let target = target.row(samples.start + s);
            let to = &mut right[s * carried..(s + 1) * carried][read.units.clone()];
            let mut sum = 0.0;
            for ((to, &v), &t) in to.iter_mut().zip(outputs).zip(target) {
                let error = v - T::of(t);
                sum += 0.5 * error.to_f64() * error.to_f64();
                *to = share * error;
            }
            if self.rule.error == ErrorOf::Activations {
                let at = s * units + read.units.start..s * units + read.units.end;
                let (x, xhat) = (&forward.x[at.clone()], &forward.xhat[at]);
                crate::engine::times_slope(read.activation, x, xhat, to);
            }
            predicted.push(prediction(&outputs.iter().map(|v| v.to_f64()).collect::<Vec<_>>()));
            // What has diverged teaches nothing: not a number times zero would still be none.
            if forward.ends[s].fate == Fate::Diverged || !sum.is_finite() {
                sum = f64::NAN;
                to.fill(T::default());
                let at = s * units..(s + 1) * units;
                forward.x[at.clone()].fill(T::default());
                forward.xhat[at].fill(T::default());
            }
            cost.push(sum);
        }
        let adjoint = self.adjoint(&forward, right, rows);
        Both { forward, adjoint, cost, predicted }
    }

    fn adjoint(&self, forward: &Forward<T>, right: Vec<T>, rows: usize) -> Vec<T> {
        let count = forward.ends.len();
        let units = self.field.units;
        let (mut x, mut xhat) = (forward.x.clone(), forward.xhat.clone());
        x.resize(rows * units, T::default());
        xhat.resize(rows * units, T::default());
        let prepared = self.prepared.as_ref();
        let mut map = Adjoint::new(&self.field, prepared, x, xhat, right.clone(), count);
        let plain = Method::Picard { adapt: false };
        let scheme = match self.rule.backward {
            Backward::Recurrent => Scheme { method: plain, ..self.solver.scheme() },
            Backward::Adjoint => self.solver.scheme(),
        };
        let most = self.rule.iterations.saturating_sub(1);
        let stop = Stop { measure: Measure::Relative, tolerance: self.rule.tolerance, most };
        let mut start = right;
        if let (Backward::Adjoint, Method::Chord { .. }) = (self.rule.backward, scheme.method) {
            map.correct(&mut start);
        }
        solve(&mut map, start, count, scheme, stop, |_, _| {});
        map.ended
    }

    fn batch(&self, clamp: &Mat, target: &Mat) -> Vec<Both<T>> {
        let parts = chunks(clamp.rows()).into_par_iter();
        parts.map(|samples| self.both(clamp, target, samples)).collect()
    }

    /// The state of the optimiser, laid as the model is.
    pub fn state(&self) -> OptimiserState {
        let mut state: OptimiserState = self.moments.cast();
        if self.learns_on_the_way() {
            state.solver = self.prepared.as_ref().map_or(Vec::new(), Prepared::to_numbers);
        }
        for moments in [&mut state.first, &mut state.second] {
            for arc in &self.field.arcs {
                let Some(of) = moments.get_mut(arc.coupling) else { continue };
                *of = arc.unlaid(std::mem::take(of));
            }
        }
        state
    }

    /// Goes on from what [`Implicit::state`] gave.
    pub fn restore(&mut self, state: &OptimiserState) {
        let mut state: OptimiserState<T> = state.cast();
        self.prepared = Prepared::of_numbers(&state.solver, self.field.carried);
        for moments in [&mut state.first, &mut state.second] {
            for arc in &self.field.arcs {
                let Some(of) = moments.get_mut(arc.coupling) else { continue };
                *of = arc.laid(of);
            }
        }
        self.moments = state;
    }

    /// One update from these samples.
    pub fn step(
        &mut self,
        [clamp, target]: [&Mat; 2],
        labels: &[usize],
        optimiser: OptimiserRule,
        rate: f64,
        couplings: usize,
    ) -> Tally {
        let parts = self.batch(clamp, target);
        self.descend(optimiser, rate, &parts, couplings);
        if self.learns_on_the_way() && self.moments.steps % REFRESH == 1 {
            self.refresh(&parts);
        }
        let mut tally = Tally::default();
        for part in &parts {
            let labels = &labels[part.forward.samples.clone()];
            tally.add(&tally_of(&part.forward.ends, &part.cost, &part.predicted, labels));
        }
        tally
    }

    /// Whether steps go by a Jacobian that is refreshed while weights move.
    fn learns_on_the_way(&self) -> bool {
        matches!(self.solver.method, Method::Chord { .. })
    }

    /// Start and Jacobian for the next steps, from states of this one.
    fn refresh(&mut self, parts: &[Both<T>]) {
        let units = self.field.units;
        let settled = |of: fn(&Forward<T>) -> &Vec<T>| -> Vec<T> {
            let rows = parts.iter().flat_map(|p| {
                let rows = of(&p.forward).chunks_exact(units).zip(&p.forward.ends);
                rows.filter(|(_, end)| end.fate == Fate::Converged).map(|(row, _)| row)
            });
            rows.flatten().copied().collect()
        };
        let (x, xhat) = (settled(|f| &f.x), settled(|f| &f.xhat));
        self.prepared = Prepared::of_states(&self.field, &x, &xhat);
    }

    /// Settles a batch and learns nothing.
    pub fn measure(&self, clamp: &Mat, labels: &[usize], classes: usize) -> Tally {
        let mut tally = Tally::default();
        let target = one_hot(labels, classes);
        for forward in self.settle(clamp) {
            let outputs = |s: usize| -> Vec<f64> {
                self.outputs(&forward, s).iter().map(|v| v.to_f64()).collect()
            };
            let count = forward.ends.len();
            let predicted: Vec<usize> = (0..count).map(|s| prediction(&outputs(s))).collect();
            let cost: Vec<f64> = (0..count)
                .map(|s| {
                    let pairs = outputs(s);
                    let target = target.row(forward.samples.start + s);
                    pairs.iter().zip(target).map(|(v, t)| 0.5 * (v - t) * (v - t)).sum()
                })
                .collect();
            let labels = &labels[forward.samples.clone()];
            tally.add(&tally_of(&forward.ends, &cost, &predicted, labels));
        }
        tally
    }
}
