//! Deep Hopfield blocks with convolutions: their fixed point, the contrast of two of their states,
//! and the adjoint of the way to rest.
//!
//! Equations: [`DeepHopfield`] and arXiv:2409.03306, section 2; `docs/hybrid.md`.

mod adjoint;
mod batch;
mod contrast;
mod motion;
mod products;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

pub use self::adjoint::DeepAdjoint;
pub use self::motion::Course;

use self::batch::Batch;
use crate::model::{DeepHopfield, Synapse};
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::spec::Order;

/// A deep Hopfield block in numbers: the ideal engine of such a block.
///
/// Samples are independent of each other, so that their bits depend neither on their neighbours nor
/// on threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Deep<T> {
    pub model: DeepHopfield,
    /// One a synapse.
    pub weights: Vec<Weights<T>>,
    pub order: Order,
}

/// The parameters of a synapse as they act.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights<T> {
    /// Into the next layer, as [`Synapse::weight`].
    pub forward: Vec<T>,
    /// Into the layer before, in the same layout; `None` where it is the transpose of `forward`, as
    /// on all but a chip with an array for each direction.
    pub backward: Option<Vec<T>>,
    /// One a channel of the convolution, or a unit of the next layer.
    pub bias: Vec<T>,
}

impl<T> Weights<T> {
    fn back(&self) -> &[T] {
        self.backward.as_ref().unwrap_or(&self.forward)
    }
}

/// How a block is iterated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phase {
    /// Most iterations.
    pub iterations: usize,
    /// A sample leaves when the mean over the layers of `|s_new - s| / max(|s|, 1e-6)` is below this;
    /// `None` for as many iterations as there are.
    pub settled: Option<f64>,
    /// In even-odd order, whether the odd layers (the second, fourth, ...) go first: as in nudged
    /// phases, where the disturbance comes from the end.
    pub odd_first: bool,
}

/// States of a block, one matrix `[batch, size]` a layer.
pub type Layers<T> = Vec<Mat<T>>;

/// What came of a phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Rested<T> {
    pub layers: Layers<T>,
    /// One a sample.
    pub ends: Vec<Ending>,
}

/// How a sample's phase ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ending {
    pub iterations: usize,
    /// Of the last iteration, as [`Phase::settled`] has it; NaN or infinite for what diverged.
    pub residual: f64,
    /// In time constants; iterations, where there is no time.
    pub time: f64,
    /// Whether it came below the tolerance; of a phase without one, whether it stayed finite.
    pub settled: bool,
}

impl<T: Real> Deep<T> {
    /// Iterates every sample from `start`, or from zero. `input` is the current into the first layer,
    /// `[batch, size]`; `force` is one into the last, `[batch, size]`.
    ///
    /// # Panics
    /// If shapes do not fit.
    pub fn settle(
        &self,
        input: &Mat<T>,
        start: Option<&Layers<T>>,
        force: Option<&Mat<T>>,
        phase: &Phase,
    ) -> Rested<T> {
        self.settle_holding(None, input, start, force, phase)
    }

    /// As [`Deep::settle`], with windows that choose what they choose in the states `held`.
    pub fn settle_holding(
        &self,
        held: Option<&Layers<T>>,
        input: &Mat<T>,
        start: Option<&Layers<T>>,
        force: Option<&Mat<T>>,
        phase: &Phase,
    ) -> Rested<T> {
        let parts: Vec<Batch<T>> = self
            .parts(input.rows())
            .into_par_iter()
            .map(|samples| {
                let mut batch = Batch::new(self, held, input, start, force, samples);
                batch.run(phase);
                batch
            })
            .collect();
        let layers = self.model.layers.iter().enumerate().map(|(l, shape)| {
            let mut all = Vec::with_capacity(input.rows() * shape.size());
            parts.iter().for_each(|part| all.extend_from_slice(part.ended(l)));
            Mat::from_vec(input.rows(), shape.size(), all)
        });
        let ends = parts.iter().flat_map(|part| part.ends()).copied().collect();
        Rested { layers: layers.collect(), ends }
    }

    /// Activations of a layer's states, in place.
    fn activate(&self, l: usize, x: &mut [T]) {
        if self.model.is_clamped(l) {
            batch::clamp(T::of(self.model.slope), x);
        }
    }

    /// Samples that are computed together: few pictures, so that they stay in the cache; many rows, so
    /// that products are large.
    fn parts(&self, batch: usize) -> Vec<std::ops::Range<usize>> {
        let pictures = self.model.synapses.iter().any(|s| matches!(s, Synapse::Conv { .. }));
        let size = if pictures { 16 } else { 64 };
        (0..batch).step_by(size).map(|first| first..(first + size).min(batch)).collect()
    }

    /// The same in other numbers.
    pub fn cast<U: Real>(&self) -> Deep<U> {
        let cast = |v: &[T]| -> Vec<U> { v.iter().map(|v| U::of(v.to_f64())).collect() };
        let weights = self.weights.iter().map(|w| Weights {
            forward: cast(&w.forward),
            backward: w.backward.as_deref().map(cast),
            bias: cast(&w.bias),
        });
        Deep { model: self.model.clone(), weights: weights.collect(), order: self.order }
    }
}
