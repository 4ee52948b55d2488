//! The parameters of a block as they act.

use std::borrow::Cow;

use crate::engine::Weights;
use crate::learn::Parameter;
use crate::model::{DeepHopfield, Synapse};
use crate::numerics::kernels::Real;

/// The parameters in the shapes of the model that acts: where that is unrolled, a matrix in place of
/// a kernel, and a bias for every position.
pub(super) fn acting<'a, T: Real>(
    own: &DeepHopfield,
    model: &DeepHopfield,
    parameters: &'a [Parameter<T>],
) -> Cow<'a, [Parameter<T>]> {
    if own == model {
        return Cow::Borrowed(parameters);
    }
    let mut all = Vec::new();
    for ((own, synapse), pair) in
        own.synapses.iter().zip(&model.synapses).zip(parameters.chunks_exact(2))
    {
        match (own, synapse) {
            (Synapse::Conv { conv, .. }, Synapse::Dense { pre, post }) => {
                let weight = conv.unrolled(&pair[0].value);
                all.push(Parameter::learned(&*pair[0].name, vec![*post, *pre], weight));
                let pixels = conv.output().pixels();
                let biases = pair[1].value.iter().flat_map(|b| vec![*b; pixels]).collect();
                all.push(Parameter::learned(&*pair[1].name, vec![*post], biases));
            }
            _ => all.extend_from_slice(pair),
        }
    }
    Cow::Owned(all)
}

/// Those of an ideal block.
pub(super) fn weights<T: Real>(
    model: &DeepHopfield,
    parameters: &[Parameter<T>],
) -> Vec<Weights<T>> {
    let pairs = parameters.chunks_exact(2).zip(&model.synapses);
    let of = |(pair, _): (&[Parameter<T>], &Synapse)| Weights {
        forward: pair[0].value.clone(),
        backward: None,
        bias: pair[1].value.clone(),
    };
    pairs.map(of).collect()
}
