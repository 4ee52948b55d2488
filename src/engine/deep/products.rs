//! What a synapse does to samples in lanes, `[size, lanes]`: there, back, and the products of both
//! ends. Where a synapse pools, `at` is the place of the largest of each window, `[size, lanes]`.

use super::{Deep, Layers, Weights};
use crate::model::Synapse;
use crate::numerics::Mat;
use crate::numerics::conv::{Conv, Pool};
use crate::numerics::fixed_point::add_scaled;
use crate::numerics::gemm::{Into, Part, PartMut};
use crate::numerics::kernels::Real;
use crate::numerics::lanes::keep_lanes;
use std::ops::Range;

/// Buffers of products.
#[derive(Default)]
pub(super) struct Work<T> {
    pub patches: Vec<T>,
    /// What a convolution gives before it is pooled.
    pub whole: Vec<T>,
}

/// A product of one lane alone would be summed in another order than one of several.
pub(super) const FEWEST: usize = 2;

impl<T: Real> Deep<T> {
    /// What synapse `l` makes of the activations `s` of its layer.
    pub(super) fn up(
        &self,
        l: usize,
        lanes: usize,
        s: &[T],
        out: &mut Vec<T>,
        at: &mut [u32],
        work: &mut Work<T>,
    ) {
        let Weights { forward, bias, .. } = &self.weights[l];
        let synapse = &self.model.synapses[l];
        out.resize(synapse.output().size() * lanes, T::default());
        match synapse {
            Synapse::Conv { conv, pool } => {
                let size = conv.output().size() * lanes;
                let whole = match pool {
                    Some(_) => {
                        work.whole.resize(size, T::default());
                        &mut work.whole
                    }
                    None => &mut *out,
                };
                let s = &s[..conv.input.size() * lanes];
                conv.lanes(lanes).forward(forward, s, whole, &mut work.patches);
                let channels = whole.chunks_exact_mut(conv.output().pixels() * lanes);
                for (channel, b) in channels.zip(bias) {
                    channel.iter_mut().for_each(|v| *v = *v + *b);
                }
                if let Some(pool) = pool {
                    let at = &mut at[..out.len()];
                    pool.max_in_lanes(lanes, &work.whole, out, at);
                }
            }
            Synapse::Dense { pre, .. } => {
                for (unit, b) in out.chunks_exact_mut(lanes).zip(bias) {
                    unit.fill(*b);
                }
                let to = PartMut { data: out, cols: lanes, range: 0..lanes };
                let s = Part::whole(&s[..pre * lanes], lanes);
                T::product(to, Part::whole(forward, *pre), s, Into::Add);
            }
        }
    }

    /// As [`Deep::up`], with the windows as they are.
    pub(super) fn up_holding(
        &self,
        l: usize,
        lanes: usize,
        s: &[T],
        out: &mut Vec<T>,
        at: &[u32],
        work: &mut Work<T>,
    ) {
        let Weights { forward, bias, .. } = &self.weights[l];
        let output = self.model.synapses[l].output();
        out.resize(output.size() * lanes, T::default());
        let each = out.len() / bias.len();
        for (channel, b) in out.chunks_exact_mut(each).zip(bias) {
            channel.fill(*b);
        }
        self.add_up(l, forward, lanes, s, at, out, work);
    }

    /// Adds to `out` what `weight` makes of `s`, a current of the layer after synapse `l`, in the
    /// layer before it.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn add_down(
        &self,
        l: usize,
        weight: &[T],
        lanes: usize,
        s: &[T],
        at: &[u32],
        out: &mut [T],
        work: &mut Work<T>,
    ) {
        let synapse = &self.model.synapses[l];
        let s = &s[..synapse.output().size() * lanes];
        match synapse {
            Synapse::Conv { conv, pool } => {
                let whole = unpooled(conv, *pool, lanes, s, at, &mut work.whole);
                conv.lanes(lanes).add_transposed(weight, whole, out, &mut work.patches);
            }
            Synapse::Dense { pre, .. } => {
                let to = PartMut { data: out, cols: lanes, range: 0..lanes };
                let weight = Part::whole(weight, *pre).transposed();
                T::product(to, weight, Part::whole(s, lanes), Into::Add);
            }
        }
    }

    /// Adds to `out` what `weight` makes of `s`, without bias and with the windows as they are.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn add_up(
        &self,
        l: usize,
        weight: &[T],
        lanes: usize,
        s: &[T],
        at: &[u32],
        out: &mut [T],
        work: &mut Work<T>,
    ) {
        match &self.model.synapses[l] {
            Synapse::Conv { conv, pool } => {
                work.whole.resize(conv.output().size() * lanes, T::default());
                conv.lanes(lanes).forward(weight, s, &mut work.whole, &mut work.patches);
                if pool.is_none() {
                    return add_scaled(out, T::of(1.0), &work.whole);
                }
                for (out, at) in out.chunks_exact_mut(lanes).zip(at.chunks_exact(lanes)) {
                    for (lane, (out, at)) in out.iter_mut().zip(at).enumerate() {
                        *out = *out + work.whole[*at as usize * lanes + lane];
                    }
                }
            }
            Synapse::Dense { pre, .. } => {
                let to = PartMut { data: out, cols: lanes, range: 0..lanes };
                T::product(to, Part::whole(weight, *pre), Part::whole(s, lanes), Into::Add);
            }
        }
    }

    /// Adds `post pre^T`, of the synapse's own kind and over all lanes, to the gradient of its
    /// weight, and `post` to that of its bias.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn add_products(
        &self,
        l: usize,
        lanes: usize,
        post: &[T],
        pre: &[T],
        at: &[u32],
        weight: &mut [T],
        bias: Option<&mut [T]>,
        work: &mut Work<T>,
    ) {
        let whole = match &self.model.synapses[l] {
            Synapse::Conv { conv, pool } => {
                let post = unpooled(conv, *pool, lanes, post, at, &mut work.whole);
                conv.lanes(lanes).add_gradient(post, pre, weight, &mut work.patches);
                post
            }
            Synapse::Dense { pre: inputs, .. } => {
                let to = PartMut { data: weight, cols: *inputs, range: 0..*inputs };
                let pre = Part::whole(pre, lanes).transposed();
                T::product(to, Part::whole(post, lanes), pre, Into::Add);
                post
            }
        };
        if let Some(bias) = bias {
            let each = whole.len() / bias.len();
            for (g, channel) in bias.iter_mut().zip(whole.chunks_exact(each)) {
                *g = channel.iter().fold(*g, |sum, v| sum + *v);
            }
        }
    }

    /// Where the largest of each window of each synapse is in the states `held(layer)`, in lanes; room
    /// for it if there are none.
    pub(super) fn places(
        &self,
        lanes: usize,
        held: impl Fn(usize) -> Option<Vec<T>>,
        work: &mut Work<T>,
    ) -> Vec<Vec<u32>> {
        let synapses = self.model.synapses.iter().enumerate();
        let of = |(l, synapse): (usize, &Synapse)| match (synapse, held(l)) {
            (Synapse::Conv { pool: Some(pool), .. }, None) => {
                vec![0; lanes * pool.output().size()]
            }
            (_, Some(held)) => self.windows(l, lanes, &held, work),
            _ => Vec::new(),
        };
        synapses.map(of).collect()
    }

    /// Where the largest of each window of synapse `l` is.
    pub(super) fn windows(&self, l: usize, lanes: usize, s: &[T], work: &mut Work<T>) -> Vec<u32> {
        let synapse = &self.model.synapses[l];
        let Synapse::Conv { pool: Some(_), .. } = synapse else { return Vec::new() };
        let (mut at, mut out) = (vec![0; lanes * synapse.output().size()], Vec::new());
        self.up(l, lanes, s, &mut out, &mut at, work);
        at
    }
}

/// `s` at the places of the windows and zero elsewhere, in `whole`; `s` itself without windows.
fn unpooled<'a, T: Real>(
    conv: &Conv,
    pool: Option<Pool>,
    lanes: usize,
    s: &'a [T],
    at: &[u32],
    whole: &'a mut Vec<T>,
) -> &'a [T] {
    if pool.is_none() {
        return s;
    }
    whole.clear();
    whole.resize(conv.output().size() * lanes, T::default());
    for (s, at) in s.chunks_exact(lanes).zip(at.chunks_exact(lanes)) {
        for (lane, (s, at)) in s.iter().zip(at).enumerate() {
            let place = *at as usize * lanes + lane;
            whole[place] = whole[place] + *s;
        }
    }
    whole
}

/// The lanes `keep` of a list in lanes.
pub(super) fn fewer<T: Copy>(list: &mut Vec<T>, lanes: usize, keep: &[usize]) {
    let size = list.len() / lanes;
    keep_lanes(list, lanes, keep);
    list.truncate(size * keep.len());
}

/// Some samples of a batch `[batch, size]` in lanes; lanes beyond them are zero.
pub(super) fn in_lanes<T: Real>(of: &Mat<T>, samples: &Range<usize>, lanes: usize) -> Vec<T> {
    let mut all = vec![T::default(); of.cols() * lanes];
    for (lane, s) in samples.clone().enumerate() {
        all.iter_mut().skip(lane).step_by(lanes).zip(of.row(s)).for_each(|(to, v)| *to = *v);
    }
    all
}

/// Some samples of every layer in lanes.
pub(super) fn layers_in_lanes<T: Real>(
    layers: &Layers<T>,
    samples: &Range<usize>,
) -> (Vec<Vec<T>>, usize) {
    let lanes = samples.len().max(FEWEST);
    (layers.iter().map(|layer| in_lanes(layer, samples, lanes)).collect(), lanes)
}
