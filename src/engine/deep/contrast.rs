//! How `Phi` changes with its parameters, between two states.

use std::ops::Range;

use rayon::prelude::*;

use super::rows::Work;
use super::{Deep, Layers};
use crate::model::Synapse;
use crate::numerics::conv::add_at;
use crate::numerics::gemm::{Into, Part, PartMut};
use crate::numerics::kernels::Real;

/// A gradient: a weight and a bias a synapse, in the order of
/// [`crate::model::DeepHopfield::tensors`].
pub type Gradient<T> = Vec<Vec<T>>;

impl<T: Real> Deep<T> {
    /// `factor (dPhi/dparameter of low - dPhi/dparameter of high)`, summed over the batch.
    pub fn contrast(&self, low: &Layers<T>, high: &Layers<T>, factor: f64) -> Gradient<T> {
        self.over_parts(low[0].rows(), |samples, grad, work| {
            for (state, factor) in [(low, factor), (high, -factor)] {
                for l in 0..self.model.synapses.len() {
                    let at = self.windows(l, &samples, state, work);
                    let post = scaled(part(state, l + 1, &samples), factor);
                    let bias = Some(2 * l + 1);
                    self.add_products(l, &post, part(state, l, &samples), &at, bias, grad, work);
                }
            }
        })
    }

    /// `dL/dparameter` from the sums of an adjoint iteration at the state of rest.
    pub(super) fn of_adjoint(&self, rest: &Layers<T>, sums: &Layers<T>) -> Gradient<T> {
        self.over_parts(rest[0].rows(), |samples, grad, work| {
            for l in 0..self.model.synapses.len() {
                let at = self.windows(l, &samples, rest, work);
                let [low, high] = [l, l + 1].map(|l| part(rest, l, &samples));
                let [of_low, of_high] = [l, l + 1].map(|l| part(sums, l, &samples));
                self.add_products(l, of_high, low, &at, Some(2 * l + 1), grad, work);
                self.add_products(l, high, of_low, &at, None, grad, work);
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

    /// Where the largest of each window of synapse `l` is.
    pub(super) fn windows(
        &self,
        l: usize,
        samples: &Range<usize>,
        state: &Layers<T>,
        work: &mut Work<T>,
    ) -> Vec<u32> {
        let synapse = &self.model.synapses[l];
        let Synapse::Conv { pool: Some(_), .. } = synapse else { return Vec::new() };
        let mut at = vec![0; samples.len() * synapse.output().size()];
        let (s, mut out) = (part(state, l, samples), Vec::new());
        self.up(l, samples.len(), s, &mut out, &mut at, work);
        at
    }

    /// Adds `post pre^T`, of the synapse's own kind, to the gradient of its weight, and `post` to
    /// that of a bias.
    #[allow(clippy::too_many_arguments)]
    fn add_products(
        &self,
        l: usize,
        post: &[T],
        pre: &[T],
        at: &[u32],
        bias: Option<usize>,
        grad: &mut Gradient<T>,
        work: &mut Work<T>,
    ) {
        match &self.model.synapses[l] {
            Synapse::Conv { conv, pool } => {
                let (size, from) = (conv.input.size(), self.model.synapses[l].output().size());
                let whole = conv.output();
                for (row, pre) in pre.chunks_exact(size).enumerate() {
                    let post = &post[row * from..(row + 1) * from];
                    let unpooled;
                    let post = match pool {
                        None => post,
                        Some(_) => {
                            let mut spread = vec![T::default(); whole.size()];
                            add_at(post, &at[row * from..(row + 1) * from], &mut spread);
                            unpooled = spread;
                            &unpooled
                        }
                    };
                    conv.add_gradient(post, pre, &mut grad[2 * l], &mut work.patches);
                    if let Some(b) = bias {
                        for (g, channel) in
                            grad[b].iter_mut().zip(post.chunks_exact(whole.pixels()))
                        {
                            *g = channel.iter().fold(*g, |sum, v| sum + *v);
                        }
                    }
                }
            }
            Synapse::Dense { pre: inputs, post: outputs } => {
                let to = PartMut { data: &mut grad[2 * l], cols: *inputs, range: 0..*inputs };
                let rows = Part::whole(post, *outputs).transposed();
                T::product(to, rows, Part::whole(pre, *inputs), Into::Add);
                if let Some(b) = bias {
                    for row in post.chunks_exact(*outputs) {
                        grad[b].iter_mut().zip(row).for_each(|(g, v)| *g = *g + *v);
                    }
                }
            }
        }
    }
}

/// Some samples of a layer, `[rows, size]`.
pub(super) fn part<'a, T: Real>(state: &'a Layers<T>, l: usize, samples: &Range<usize>) -> &'a [T] {
    let size = state[l].cols();
    &state[l].as_slice()[samples.start * size..samples.end * size]
}

fn scaled<T: Real>(v: &[T], factor: f64) -> Vec<T> {
    let factor = T::of(factor);
    v.iter().map(|v| factor * *v).collect()
}
