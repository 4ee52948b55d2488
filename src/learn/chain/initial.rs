//! What the weights of an analog block begin with.

use rand_distr::{Distribution, StandardNormal};

use crate::learn::Parameter;
use crate::model::{DeepHopfield, Synapse};
use crate::numerics::kernels::Real;
use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::spec::Init;

/// Weights and biases, each tensor from the child of `seed` by its name.
pub(super) fn initial<T: Real>(model: &DeepHopfield, init: Init, seed: Seed) -> Vec<Parameter<T>> {
    let mut parameters = Vec::new();
    for ((name, shape), place) in model.tensors().into_iter().zip(0..) {
        let synapse = &model.synapses[place / 2];
        let mut rng = seed.child(&name).rng();
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let size = shape.iter().product();
        let value: Vec<f64> = match (init, synapse) {
            (Init::Goe { variance }, Synapse::Conv { conv, .. }) => match place % 2 {
                1 => vec![0.0; size],
                _ => goe(conv.kernel, size, math::sqrt(variance / 3.0), &mut normal),
            },
            (init, _) => {
                let scale = if let Init::Uniform { scale } = init { scale } else { 1.0 };
                let reach = scale / math::sqrt(synapse.matrix()[1] as f64);
                let mut rng = seed.child(&name).rng();
                let unit = |bits: u64| (bits >> 11) as f64 / (1u64 << 53) as f64;
                (0..size).map(|_| reach * (2.0 * unit(rng.next_u64()) - 1.0)).collect()
            }
        };
        let value = value.into_iter().map(T::of).collect();
        parameters.push(Parameter::learned(name, shape, value));
    }
    parameters
}

/// Symmetric kernels: normal numbers below the diagonal, their mirror image above it, and
/// `2 sqrt 2` times normal ones on it.
fn goe(side: usize, size: usize, deviation: f64, normal: &mut impl FnMut() -> f64) -> Vec<f64> {
    let mut all = Vec::with_capacity(size);
    for _ in 0..size / (side * side) {
        let first = all.len();
        all.resize(first + side * side, 0.0);
        let kernel = &mut all[first..];
        for i in 0..side {
            for j in 0..=i {
                let v = deviation * normal();
                let v = if i == j { 2.0 * std::f64::consts::SQRT_2 * v } else { v };
                (kernel[i * side + j], kernel[j * side + i]) = (v, v);
            }
        }
    }
    all
}
