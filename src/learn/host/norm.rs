//! Batch normalisation (Ioffe and Szegedy 2015): each channel to mean 0 and variance 1 over samples
//! and pixels.

use rayon::prelude::*;

use super::{Parameter, kernels};
use crate::model::Shape;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;

/// Which mean and variance a batch is normalised by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistics {
    /// Its own, towards which the running ones move by this share.
    Moving { momentum: f64 },
    /// Its own.
    Batch,
    /// Those of earlier batches.
    Running,
}

/// What the backward pass needs; one number a channel.
#[derive(Debug, Clone)]
pub struct Normalised<T> {
    x: Mat<T>,
    mean: Vec<f64>,
    /// `1 / sqrt(variance + epsilon)`
    inverse: Vec<f64>,
}

/// Weight, bias, running mean and running variance.
pub fn parameters<T: Real>(index: usize, input: Shape, affine: bool) -> Vec<Parameter<T>> {
    let fill = |value: f64| vec![T::of(value); input.channels];
    let scale = |name: String, value: f64| match affine {
        true => Parameter::learned(name, vec![input.channels], fill(value)),
        false => Parameter::kept(name, fill(value)),
    };
    vec![
        scale(format!("{index}.weight"), 1.0),
        scale(format!("{index}.bias"), 0.0),
        Parameter::kept(format!("{index}.running_mean"), fill(0.0)),
        Parameter::kept(format!("{index}.running_var"), fill(1.0)),
    ]
}

/// `y = weight (x - mean) / sqrt(variance + epsilon) + bias`
pub fn forward<T: Real>(
    shape: Shape,
    of: &mut [Parameter<T>],
    x: Mat<T>,
    statistics: Statistics,
    epsilon: f64,
) -> (Mat<T>, Normalised<T>) {
    let (mean, variance) = match statistics {
        Statistics::Running => (in_f64(&of[2].value), in_f64(&of[3].value)),
        Statistics::Batch | Statistics::Moving { .. } => moments(shape, &x),
    };
    if let Statistics::Moving { momentum } = statistics {
        let n = (x.rows() * shape.pixels()) as f64;
        let unbiased = n / (n - 1.0).max(1.0);
        let shift = |running: &mut [T], new: &[f64], factor: f64| {
            for (running, new) in running.iter_mut().zip(new) {
                *running = T::of((1.0 - momentum) * running.to_f64() + momentum * factor * new);
            }
        };
        shift(&mut of[2].value, &mean, 1.0);
        shift(&mut of[3].value, &variance, unbiased);
    }
    let inverse: Vec<f64> = variance.iter().map(|v| 1.0 / (v + epsilon).sqrt()).collect();
    let mut y = Mat::zeros(x.rows(), x.cols());
    let rows = y.as_mut_slice().par_chunks_mut(x.cols().max(1));
    rows.zip(x.as_slice().par_chunks(x.cols().max(1))).for_each(|(y, x)| {
        for (c, y) in y.chunks_exact_mut(shape.pixels()).enumerate() {
            let (weight, bias) = (of[0].value[c], of[1].value[c]);
            let (mean, inverse) = (T::of(mean[c]), T::of(inverse[c]));
            for (y, x) in y.iter_mut().zip(kernels::channel(x, shape, c)) {
                *y = weight * ((*x - mean) * inverse) + bias;
            }
        }
    });
    (y, Normalised { x, mean, inverse })
}

fn in_f64<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// Mean and variance of each channel, the variance around that mean in a second pass.
fn moments<T: Real>(shape: Shape, x: &Mat<T>) -> (Vec<f64>, Vec<f64>) {
    let n = (x.rows() * shape.pixels()) as f64;
    let of = |f: &(dyn Fn(&[T], usize) -> f64 + Sync)| -> Vec<f64> {
        kernels::per_channel(shape, |c| {
            x.iter_rows().map(|x| f(kernels::channel(x, shape, c), c)).sum::<f64>() / n
        })
        .collect()
    };
    let mean = of(&|x, _| kernels::sum(x));
    let variance = of(&|x, c| kernels::sum_squares(x, mean[c]));
    (mean, variance)
}

/// The gradients of weight and bias where they are learned, and of the input if `inputs`: with
/// `n` numbers in a channel and `z` the normalised input,
///
/// ```text
/// dx = weight / sqrt(variance + epsilon) (dy - sum dy / n - z sum(dy z) / n)
/// ```
pub fn backward<T: Real>(
    shape: Shape,
    of: &mut [Parameter<T>],
    Normalised { x, mean, inverse }: &Normalised<T>,
    mut dy: Mat<T>,
    inputs: bool,
) -> Option<Mat<T>> {
    let pairs = || x.iter_rows().zip(dy.iter_rows());
    let bias: Vec<f64> = kernels::per_channel(shape, |c| {
        pairs().map(|(_, dy)| kernels::sum(kernels::channel(dy, shape, c))).sum()
    })
    .collect();
    let weight: Vec<f64> = kernels::per_channel(shape, |c| {
        let of = |v| kernels::channel(v, shape, c);
        let sums = pairs().map(|(x, dy)| kernels::sum_centred(of(dy), of(x), mean[c]));
        inverse[c] * sums.sum::<f64>()
    })
    .collect();
    for (of, sums) in of.iter_mut().zip([&weight, &bias]) {
        if of.is_learned() {
            of.grad = sums.iter().map(|v| T::of(*v)).collect();
        }
    }
    if !inputs {
        return None;
    }
    let n = (x.rows() * shape.pixels()) as f64;
    let cols = x.cols().max(1);
    let rows = dy.as_mut_slice().par_chunks_mut(cols).zip(x.as_slice().par_chunks(cols));
    rows.for_each(|(dy, x)| {
        for (c, dy) in dy.chunks_exact_mut(shape.pixels()).enumerate() {
            let scale = T::of(of[0].value[c].to_f64() * inverse[c]);
            let (along_one, mean) = (T::of(bias[c] / n), T::of(mean[c]));
            let along_x = T::of(inverse[c] * weight[c] / n);
            for (dy, x) in dy.iter_mut().zip(kernels::channel(x, shape, c)) {
                *dy = scale * (*dy - along_one - (*x - mean) * along_x);
            }
        }
    });
    Some(dy)
}
