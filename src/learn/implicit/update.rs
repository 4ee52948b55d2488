//! Gradients of the parameters from the adjoint states, and the step down them.

use std::ops::Range;

use rayon::prelude::*;

use super::super::optim::{Descent, OptimiserRule, OptimiserState};
use super::{Both, Implicit};
use crate::model::{EnergyModel, Params};
use crate::numerics::Mat;
use crate::numerics::gemm::{Into, Part, PartMut};
use crate::numerics::kernels::Real;
use crate::numerics::panels::{Block, Panels};

/// Numbers of a weight that one thread takes at a time.
const BLOCK: usize = 16 * 1024;

impl<T: Real> Implicit<T> {
    /// The gradient of the mean cost, in the shapes of the model's couplings.
    pub fn gradient(&self, model: &EnergyModel, clamp: &Mat, target: &Mat) -> Params {
        let parts = self.batch(clamp, target);
        let mut grad: Vec<Mat> = super::super::shapes(model);
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
    pub(super) fn descend(
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
        let mut moments = std::mem::replace(&mut self.moments, OptimiserState::empty());
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
}

/// The next `n` numbers, or none where there are none.
fn take<'a, T>(rest: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    let all = std::mem::take(rest);
    let (head, tail) = all.split_at_mut(n.min(all.len()));
    *rest = tail;
    head
}
