//! Implicit gradients: the model's fixed points by any solver, their adjoint equation, and the
//! update, in batches of rows.

use std::ops::Range;

use rayon::prelude::*;

use super::optim::{Descent, OptimiserRule, OptimiserState};
use super::trainer::{Tally, tally_of};
use super::{one_hot, prediction};
use crate::engine::{Adjoint, Field, Iteration, Nudge, Prepared, chunks};
use crate::model::{EnergyModel, Params};
use crate::numerics::Mat;
use crate::numerics::fixed_point::{End, Fate, Measure, Method, Scheme, Stop, solve};
use crate::numerics::gemm::{Into, Part, PartMut};
use crate::numerics::kernels::Real;
use crate::numerics::panels::{Block, Panels};
use crate::spec::{Backward, ErrorOf, ImplicitGradient, Solver};

/// The parameters of a model in `T`, and all that their learning needs.
pub struct Implicit<T> {
    pub field: Field<T>,
    pub solver: Solver,
    pub rule: ImplicitGradient,
    /// Of the forward pass: the relative residual of the layers that the iteration carries.
    pub stop: Stop,
    /// Where to start and how far to go, of an even-odd HAM; without, states start from zero.
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

/// Numbers of a weight that one thread takes at a time.
const BLOCK: usize = 64 * 1024;

/// The next `n` numbers, or none where there are none.
fn take<'a, T>(rest: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    let all = std::mem::take(rest);
    let (head, tail) = all.split_at_mut(n.min(all.len()));
    *rest = tail;
    head
}

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
        let rows = samples.len().max(2);
        let mut clamped = field.clamped(clamp, samples.clone(), rows);
        let mut base = vec![T::default(); rows * field.units];
        field.inputs(&clamped, &mut base);
        let start = vec![T::default(); rows * field.units];
        let (z, prepared) = match &self.prepared {
            Some(prepared) => {
                let (z, cluster) = prepared.begin(field, &base);
                (z, Some((prepared, cluster)))
            }
            None => (vec![T::default(); rows * field.carried], None),
        };
        let scheme = Scheme { corrected: prepared.is_some(), ..self.solver.scheme() };
        let local = self.solver.local;
        let mut map =
            Iteration::new(field, local, prepared, base, &Nudge::None, samples.clone(), start);
        let ends = solve(&mut map, z, samples.len(), scheme, self.stop, |_, _| {});
        clamped.truncate(samples.len() * field.clamp_size);
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
        let filled = |of: &Vec<T>| {
            let mut all = of.clone();
            all.resize(rows * units, T::default());
            all
        };
        let (x, xhat) = (filled(&forward.x), filled(&forward.xhat));
        let mut map = Adjoint::new(&self.field, x, xhat, right.clone(), count);
        let plain = Method::Picard { adapt: false };
        let scheme = match self.rule.backward {
            Backward::Recurrent => Scheme { method: plain, ..self.solver.scheme() },
            Backward::Adjoint => self.solver.scheme(),
        };
        let most = self.rule.iterations.saturating_sub(1);
        let stop = Stop { measure: Measure::Relative, tolerance: None, most };
        solve(&mut map, right, count, scheme, stop, |_, _| {});
        map.ended
    }

    fn batch(&self, clamp: &Mat, target: &Mat) -> Vec<Both<T>> {
        let parts = chunks(clamp.rows()).into_par_iter();
        parts.map(|samples| self.both(clamp, target, samples)).collect()
    }

    /// The gradient of the mean cost, in the shapes of the model's couplings.
    pub fn gradient(&self, model: &EnergyModel, clamp: &Mat, target: &Mat) -> Params {
        let parts = self.batch(clamp, target);
        let mut grad: Vec<Mat> = super::shapes(model);
        for (a, arc) in self.field.arcs.iter().enumerate() {
            let mut all = Vec::with_capacity(arc.weight.as_slice().len());
            for block in arc.weight.blocks(BLOCK) {
                all.extend(self.tile(a, &block, &parts));
            }
            let to = grad[arc.coupling].as_mut_slice();
            to.iter_mut().zip(arc.unlaid(all)).for_each(|(to, g)| *to = g.to_f64());
        }
        for (coupling, at) in &self.field.biases {
            let to = grad[*coupling].as_mut_slice();
            let sum = self.bias_gradient(at.clone(), &parts);
            to.iter_mut().zip(sum).for_each(|(to, g)| *to = g.to_f64());
        }
        Params(grad)
    }

    /// The gradient of a block of a weight as it is laid here.
    fn tile(&self, arc: usize, block: &Block, parts: &[Both<T>]) -> Vec<T> {
        let field = &self.field;
        let arc = &field.arcs[arc];
        let mut tile = vec![T::default(); block.len()];
        let of = |layer: usize, some: &Range<usize>| {
            let first = field.layers[layer].units.start;
            first + some.start..first + some.end
        };
        let target = of(arc.target, &block.cols);
        for Both { forward, adjoint, .. } in parts {
            let (xhat, clamped) = (&forward.xhat, &forward.clamped);
            let mut add = |source: Part<T>, target: Part<T>| {
                let cols = block.cols.len();
                let c = PartMut { data: &mut tile, cols, range: 0..cols };
                T::product(c, source.transposed(), target, Into::Add);
            };
            let columns =
                |data, range: &Range<usize>| Part::columns(data, field.units, range.clone());
            match arc.source {
                None => {
                    let source = Part::columns(clamped, field.clamp_size, block.rows.clone());
                    add(source, columns(adjoint, &target));
                }
                Some(source) => {
                    let source = of(source, &block.rows);
                    add(columns(xhat, &source), columns(adjoint, &target));
                    add(columns(adjoint, &source), columns(xhat, &target));
                }
            }
        }
        tile
    }

    fn bias_gradient(&self, at: Range<usize>, parts: &[Both<T>]) -> Vec<T> {
        let mut sum = vec![T::default(); at.len()];
        for row in parts.iter().flat_map(|part| part.adjoint.chunks_exact(self.field.units)) {
            for (sum, &g) in sum.iter_mut().zip(&row[at.clone()]) {
                *sum = *sum + g;
            }
        }
        sum
    }

    /// Moves the parameters one step down their gradients, which are used as they are made.
    fn descend(
        &mut self,
        optimiser: OptimiserRule,
        rate: f64,
        parts: &[Both<T>],
        couplings: usize,
    ) {
        let values = {
            let mut of: Vec<&[T]> = vec![&[]; couplings];
            for arc in &self.field.arcs {
                of[arc.coupling] = arc.weight.as_slice();
            }
            for (coupling, at) in &self.field.biases {
                of[*coupling] = &self.field.bias[at.clone()];
            }
            of
        };
        let descent = self.moments.begin(optimiser, rate, values.into_iter());
        let mut moments = std::mem::replace(
            &mut self.moments,
            OptimiserState { first: Vec::new(), second: Vec::new(), steps: 0, limits: Vec::new() },
        );
        for a in 0..self.field.arcs.len() {
            let mut weight = std::mem::take(&mut self.field.arcs[a].weight);
            self.descend_weight(a, &mut weight, &mut moments, descent, parts);
            self.field.arcs[a].weight = weight;
            self.field.arcs[a].mirror();
        }
        for (coupling, at) in self.field.biases.clone() {
            let grad = self.bias_gradient(at.clone(), parts);
            let first = moments.first.get_mut(coupling).map_or(&mut [][..], |m| &mut m[..]);
            let second = moments.second.get_mut(coupling).map_or(&mut [][..], |m| &mut m[..]);
            let limit = moments.limits.get(coupling).copied().unwrap_or(f64::INFINITY);
            descent.apply(&mut self.field.bias[at], &grad, first, second, limit);
        }
        self.moments = moments;
    }

    fn descend_weight(
        &self,
        a: usize,
        weight: &mut Panels<T>,
        moments: &mut OptimiserState<T>,
        descent: Descent,
        parts: &[Both<T>],
    ) {
        let c = self.field.arcs[a].coupling;
        let limit = moments.limits.get(c).copied().unwrap_or(f64::INFINITY);
        let blocks = weight.blocks(BLOCK);
        let mut first = moments.first.get_mut(c).map_or(&mut [][..], |m| &mut m[..]);
        let mut second = moments.second.get_mut(c).map_or(&mut [][..], |m| &mut m[..]);
        let mut rest = weight.as_mut_slice();
        let mut work = Vec::with_capacity(blocks.len());
        for block in blocks {
            let n = block.len();
            work.push((take(&mut rest, n), take(&mut first, n), take(&mut second, n), block));
        }
        work.into_par_iter().for_each(|(w, first, second, block)| {
            descent.apply(w, &self.tile(a, &block, parts), first, second, limit);
        });
    }

    /// The state of the optimiser, laid as the model is.
    pub fn state(&self) -> OptimiserState {
        let mut state: OptimiserState = self.moments.cast();
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
        let mut tally = Tally::default();
        for part in &parts {
            let labels = &labels[part.forward.samples.clone()];
            tally.add(&tally_of(&part.forward.ends, &part.cost, &part.predicted, labels));
        }
        tally
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
