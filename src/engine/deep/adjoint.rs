//! The way to rest, differentiated backwards in time: backpropagation through iterations that all
//! stand at the state of rest, which is implicit differentiation by a Neumann series.

use rayon::prelude::*;

use super::contrast::Gradient;
use super::products::{FEWEST, Work, in_lanes};
use super::{Deep, Layers, Weights};
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::spec::Order;

/// An adjoint iteration on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepAdjoint<T> {
    /// `dL/ds` of each layer, before the iterations that were gone back through.
    error: Layers<T>,
    /// `dL/d(dPhi/ds)` of each layer, summed over the iterations; of the first layer it is `dL/dx`.
    pub sums: Layers<T>,
}

impl<T: Real> DeepAdjoint<T> {
    /// The largest error that has not been gone back through yet.
    pub fn left(&self) -> f64 {
        let all = self.error.iter().flat_map(|layer| layer.as_slice());
        all.fold(0.0, |most, v| v.to_f64().abs().max(most))
    }
}

impl<T: Real> Deep<T> {
    /// Before the first iteration back, from `dL/ds` of the last layer.
    pub fn adjoint(&self, error: &Mat<T>) -> DeepAdjoint<T> {
        let zeros = || -> Layers<T> {
            let shapes = self.model.layers.iter();
            shapes.map(|shape| Mat::zeros(error.rows(), shape.size())).collect()
        };
        let mut first = zeros();
        *first.last_mut().expect("a block has layers") = error.clone();
        DeepAdjoint { error: first, sums: zeros() }
    }

    /// Goes back through one iteration at rest.
    pub fn go_back(&self, rest: &Layers<T>, adjoint: &mut DeepAdjoint<T>) {
        let layers = self.model.layers.len();
        let halves: Vec<Vec<usize>> = match self.order {
            Order::Synchronous => vec![(0..layers).collect()],
            // The other way round than to rest.
            Order::EvenOdd => [1, 0].map(|p| (p..layers).step_by(2).collect()).into(),
        };
        for half in halves {
            let through: Vec<(usize, Mat<T>)> = half
                .iter()
                .map(|&l| (l, self.through_activation(l, &rest[l], &adjoint.error[l])))
                .collect();
            for (l, passed) in &through {
                let sum = adjoint.sums[*l].as_mut_slice().iter_mut();
                sum.zip(passed.as_slice()).for_each(|(sum, v)| *sum = *sum + *v);
                adjoint.error[*l].as_mut_slice().fill(T::default());
            }
            for (l, passed) in &through {
                if *l > 0 {
                    self.add(*l - 1, Way::Down, rest, passed, &mut adjoint.error[*l - 1]);
                }
                if *l + 1 < layers {
                    self.add(*l, Way::Up, rest, passed, &mut adjoint.error[*l + 1]);
                }
            }
        }
    }

    /// `dL/dparameter` so far.
    pub fn gradient(&self, rest: &Layers<T>, adjoint: &DeepAdjoint<T>) -> Gradient<T> {
        self.of_adjoint(rest, &adjoint.sums)
    }

    /// `dL/d(dPhi/ds)` of `dL/ds`; a clamped activation that stands at its end passes nothing.
    fn through_activation(&self, l: usize, s: &Mat<T>, error: &Mat<T>) -> Mat<T> {
        if !self.model.is_clamped(l) {
            return error.clone();
        }
        let (zero, one, slope) = (T::default(), T::of(1.0), T::of(self.model.slope));
        let each = s.as_slice().iter().zip(error.as_slice());
        let passed = each.map(|(&s, &e)| if s > zero && s < one { slope * e } else { zero });
        Mat::from_vec(s.rows(), s.cols(), passed.collect())
    }

    /// Adds what an error at one end of synapse `l` is at the other: the transposes of what drives
    /// the next layer, and the one before.
    fn add(&self, l: usize, way: Way, rest: &Layers<T>, error: &Mat<T>, to: &mut Mat<T>) {
        let size = to.cols();
        let parts = self.parts(error.rows());
        let rows = parts.first().map_or(1, |p| p.len());
        let all = to.as_mut_slice().par_chunks_mut(rows * size).zip(parts);
        all.for_each(|(to, samples)| {
            let mut work = Work::default();
            let lanes = samples.len().max(FEWEST);
            let at = self.windows(l, lanes, &in_lanes(&rest[l], &samples, lanes), &mut work);
            let error = in_lanes(error, &samples, lanes);
            let mut sum = vec![T::default(); size * lanes];
            let Weights { forward, .. } = &self.weights[l];
            match way {
                Way::Down => self.add_down(l, forward, lanes, &error, &at, &mut sum, &mut work),
                Way::Up => {
                    let back = self.weights[l].back();
                    self.add_up(l, back, lanes, &error, &at, &mut sum, &mut work);
                }
            }
            for (lane, to) in to.chunks_exact_mut(size).enumerate() {
                let sum = sum.iter().skip(lane).step_by(lanes);
                to.iter_mut().zip(sum).for_each(|(to, v)| *to = *to + *v);
            }
        });
    }
}

/// Which end of a synapse an error goes to.
#[derive(Debug, Clone, Copy)]
enum Way {
    Down,
    Up,
}
