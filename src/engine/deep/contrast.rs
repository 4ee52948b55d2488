//! How `Phi` changes with its parameters, between two states.

use std::ops::Range;

use rayon::prelude::*;

use super::products::{Work, layers_in_lanes};
use super::{Deep, Layers};
use crate::numerics::kernels::Real;

/// A gradient: a weight and a bias a synapse, in the order of
/// [`crate::model::DeepHopfield::tensors`].
pub type Gradient<T> = Vec<Vec<T>>;

impl<T: Real> Deep<T> {
    /// `factor (dPhi/dparameter of low - dPhi/dparameter of high)`, summed over the batch; with windows
    /// that choose what they choose in the states `held`, if there are such.
    pub fn contrast(
        &self,
        held: Option<&Layers<T>>,
        [low, high]: [&Layers<T>; 2],
        factor: f64,
    ) -> Gradient<T> {
        self.over_parts(low[0].rows(), |samples, grad, work| {
            let held = held.map(|held| layers_in_lanes(held, &samples).0);
            for (state, factor) in [(low, factor), (high, -factor)] {
                let (s, lanes) = layers_in_lanes(state, &samples);
                let factor = T::of(factor);
                for (l, grad) in grad.chunks_exact_mut(2).enumerate() {
                    let at = self.windows(l, lanes, &held.as_ref().unwrap_or(&s)[l], work);
                    let post: Vec<T> = s[l + 1].iter().map(|v| factor * *v).collect();
                    let [weight, bias] = grad else { unreachable!("a weight and a bias") };
                    self.add_products(l, lanes, &post, &s[l], &at, weight, Some(bias), work);
                }
            }
        })
    }

    /// `dL/dparameter` from the sums of an adjoint iteration at the state of rest.
    pub(super) fn of_adjoint(&self, rest: &Layers<T>, sums: &Layers<T>) -> Gradient<T> {
        self.over_parts(rest[0].rows(), |samples, grad, work| {
            let (s, lanes) = layers_in_lanes(rest, &samples);
            let (errors, _) = layers_in_lanes(sums, &samples);
            for (l, grad) in grad.chunks_exact_mut(2).enumerate() {
                let at = self.windows(l, lanes, &s[l], work);
                let [weight, bias] = grad else { unreachable!("a weight and a bias") };
                self.add_products(l, lanes, &errors[l + 1], &s[l], &at, weight, Some(bias), work);
                self.add_products(l, lanes, &s[l + 1], &errors[l], &at, weight, None, work);
            }
        })
    }

    /// Adds up what parts of the batch give, in their order whatever the threads.
    fn over_parts(
        &self,
        batch: usize,
        each: impl Fn(Range<usize>, &mut Gradient<T>, &mut Work<T>) + Sync,
    ) -> Gradient<T> {
        let tensors = self.model.tensors();
        let zeros = || -> Gradient<T> {
            let sizes = tensors.iter().map(|(_, shape)| shape.iter().product());
            sizes.map(|size| vec![T::default(); size]).collect()
        };
        let parts: Vec<Gradient<T>> = self
            .parts(batch)
            .into_par_iter()
            .map(|samples| {
                let mut grad = zeros();
                each(samples, &mut grad, &mut Work::default());
                grad
            })
            .collect();
        let mut all = parts.into_iter();
        let mut sum = all.next().unwrap_or_else(zeros);
        for part in all {
            for (sum, part) in sum.iter_mut().zip(part) {
                sum.iter_mut().zip(part).for_each(|(sum, v)| *sum = *sum + v);
            }
        }
        sum
    }
}
