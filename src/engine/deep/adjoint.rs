//! The way to rest, differentiated backwards in time: backpropagation through iterations that all
//! stand at the state of rest, which is implicit differentiation by a Neumann series.

use rayon::prelude::*;

use super::contrast::Gradient;
use super::rows::Work;
use super::{Deep, Layers};
use crate::model::Synapse;
use crate::numerics::Mat;
use crate::numerics::conv::add_at;
use crate::numerics::gemm::{Into, Part, PartMut};
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

    /// Adds what an error at one end of synapse `l` is at the other.
    fn add(&self, l: usize, way: Way, rest: &Layers<T>, error: &Mat<T>, to: &mut Mat<T>) {
        let (from, size) = (error.cols(), to.cols());
        let parts = self.parts(error.rows());
        let rows = parts.first().map_or(1, |p| p.len());
        let all = to.as_mut_slice().par_chunks_mut(rows * size).zip(parts);
        all.for_each(|(to, samples)| {
            let mut work = Work::default();
            let error = &error.as_slice()[samples.start * from..samples.end * from];
            let at = self.windows(l, &samples, rest, &mut work);
            match way {
                Way::Down => self.add_back(l, &self.weights[l].forward, error, &at, to),
                Way::Up => self.add_forth(l, error, &at, to),
            }
        });
    }

    /// The transpose of what drives the next layer.
    fn add_back(&self, l: usize, weight: &[T], error: &[T], at: &[u32], to: &mut [T]) {
        let mut patches = Vec::new();
        match &self.model.synapses[l] {
            Synapse::Conv { conv, pool } => {
                let from = self.model.synapses[l].output().size();
                for (row, to) in to.chunks_exact_mut(conv.input.size()).enumerate() {
                    let places = row * from..(row + 1) * from;
                    let mut whole = vec![T::default(); conv.output().size()];
                    match pool {
                        Some(_) => add_at(&error[places.clone()], &at[places], &mut whole),
                        None => whole.copy_from_slice(&error[places]),
                    }
                    conv.add_transposed(weight, &whole, to, &mut patches);
                }
            }
            Synapse::Dense { pre, post } => {
                let to = PartMut { data: to, cols: *pre, range: 0..*pre };
                T::product(to, Part::whole(error, *post), Part::whole(weight, *pre), Into::Add);
            }
        }
    }

    /// The transpose of what drives the layer before.
    fn add_forth(&self, l: usize, error: &[T], at: &[u32], to: &mut [T]) {
        let weight = self.weights[l].back();
        let mut patches = Vec::new();
        match &self.model.synapses[l] {
            Synapse::Conv { conv, pool } => {
                let (from, size) = (conv.input.size(), self.model.synapses[l].output().size());
                let mut whole = vec![T::default(); conv.output().size()];
                for (row, to) in to.chunks_exact_mut(size).enumerate() {
                    conv.forward(
                        weight,
                        &error[row * from..(row + 1) * from],
                        &mut whole,
                        &mut patches,
                    );
                    match pool {
                        Some(_) => {
                            let at = &at[row * size..(row + 1) * size];
                            to.iter_mut()
                                .zip(at)
                                .for_each(|(to, at)| *to = *to + whole[*at as usize]);
                        }
                        None => to.iter_mut().zip(&whole).for_each(|(to, v)| *to = *to + *v),
                    }
                }
            }
            Synapse::Dense { pre, post } => {
                let to = PartMut { data: to, cols: *post, range: 0..*post };
                let weight = Part::whole(weight, *pre).transposed();
                T::product(to, Part::whole(error, *pre), weight, Into::Add);
            }
        }
    }
}

/// Which end of a synapse an error goes to.
#[derive(Debug, Clone, Copy)]
enum Way {
    Down,
    Up,
}
