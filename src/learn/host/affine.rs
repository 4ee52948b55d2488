//! Layers with weights: convolutions and dense products.

use rayon::prelude::*;

use super::{Parameter, kernels};
use crate::model::{HostLayer, Shape};
use crate::numerics::Mat;
use crate::numerics::conv::Conv;
use crate::numerics::draws::Words;
use crate::numerics::gemm::{Into, Part, PartMut};
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;

/// Samples whose share of a weight's gradient is summed before the others': fixed, so that bits do
/// not depend on the number of threads.
const CHUNK: usize = 16;
/// Rows of a block of a dense product: fixed for the same reason.
const ROWS: usize = 32;
/// Numbers of a block of a sum over chunks.
const BLOCK: usize = 1 << 12;

/// The weight and the bias of a convolution or a linear layer; none of other layers.
pub fn parameters<T: Real>(
    index: usize,
    layer: HostLayer,
    input: Shape,
    seed: Seed,
) -> Vec<Parameter<T>> {
    let (shape, bias) = match layer {
        HostLayer::Conv { channels, kernel, bias, .. } => {
            (vec![channels, input.channels, kernel, kernel], bias)
        }
        HostLayer::Linear { size, bias } => (vec![size, input.size()], bias),
        _ => return Vec::new(),
    };
    let fan_in: usize = shape[1..].iter().product();
    let bound = 1.0 / (fan_in as f64).sqrt();
    let draw = |name: String, shape: Vec<usize>| {
        let mut words = Words::new(seed.child(&name));
        let n = shape.iter().product();
        let value = (0..n).map(|_| T::of(bound * (2.0 * words.uniform() - 1.0))).collect();
        Parameter::learned(name, shape, value)
    };
    let outputs = vec![shape[0]];
    let weight = draw(format!("{index}.weight"), shape);
    let bias = bias.then(|| draw(format!("{index}.bias"), outputs));
    [weight].into_iter().chain(bias).collect()
}

/// `y = w * x + b`, a sample a row.
pub fn convolve<T: Real>(conv: &Conv, of: &[Parameter<T>], x: &Mat<T>) -> Mat<T> {
    let out = conv.output();
    let mut y = Mat::zeros(x.rows(), out.size());
    let rows = y.as_mut_slice().par_chunks_mut(out.size());
    let rows = rows.zip(x.as_slice().par_chunks(x.cols()));
    rows.for_each_init(Vec::new, |work, (y, x)| {
        conv.lanes(1).forward(&of[0].value, x, y, work);
        if let Some(bias) = of.get(1) {
            for (y, &b) in y.chunks_exact_mut(out.pixels()).zip(&bias.value) {
                y.iter_mut().for_each(|y| *y = *y + b);
            }
        }
    });
    y
}

/// The gradients of the parameters of [`convolve`], and of its input if `inputs`.
pub fn convolve_back<T: Real>(
    conv: &Conv,
    of: &mut [Parameter<T>],
    x: &Mat<T>,
    dy: &Mat<T>,
    inputs: bool,
) -> Option<Mat<T>> {
    let (size, out) = (conv.input.size(), conv.output());
    let chunks = x.as_slice().par_chunks(CHUNK * size);
    let chunks = chunks.zip(dy.as_slice().par_chunks(CHUNK * out.size()));
    let shares: Vec<Vec<T>> = chunks
        .map(|(x, dy)| {
            let (mut grad, mut work) = (vec![T::default(); conv.weights()], Vec::new());
            for (x, dy) in x.chunks_exact(size).zip(dy.chunks_exact(out.size())) {
                conv.lanes(1).add_gradient(dy, x, &mut grad, &mut work);
            }
            grad
        })
        .collect();
    sum_in_order(&shares, &mut of[0].grad);
    if let Some(bias) = of.get_mut(1) {
        bias.grad = kernels::per_channel(out, |c| {
            dy.iter_rows().map(|dy| kernels::sum(kernels::channel(dy, out, c))).sum()
        })
        .map(T::of)
        .collect();
    }
    inputs.then(|| {
        let mut dx = Mat::zeros(x.rows(), size);
        let rows = dx.as_mut_slice().par_chunks_mut(size);
        let rows = rows.zip(dy.as_slice().par_chunks(out.size()));
        rows.for_each_init(Vec::new, |work, (dx, dy)| {
            conv.lanes(1).add_transposed(&of[0].value, dy, dx, work);
        });
        dx
    })
}

fn sum_in_order<T: Real>(shares: &[Vec<T>], sum: &mut [T]) {
    sum.par_chunks_mut(BLOCK).enumerate().for_each(|(block, sum)| {
        sum.fill(T::default());
        for share in shares {
            for (sum, v) in sum.iter_mut().zip(&share[block * BLOCK..]) {
                *sum = *sum + *v;
            }
        }
    });
}

/// `y = x W^T + b`, a sample a row.
pub fn linear<T: Real>(of: &[Parameter<T>], x: &Mat<T>) -> Mat<T> {
    let (size, inputs) = (of[0].shape[0], x.cols());
    let mut y = Mat::zeros(x.rows(), size);
    let blocks = y.as_mut_slice().par_chunks_mut(ROWS * size);
    blocks.zip(x.as_slice().par_chunks(ROWS * inputs)).for_each(|(y, x)| {
        if let Some(bias) = of.get(1) {
            y.chunks_exact_mut(size).for_each(|y| y.copy_from_slice(&bias.value));
        }
        let weight = Part::whole(&of[0].value, inputs).transposed();
        let to = PartMut { data: y, cols: size, range: 0..size };
        T::product(to, Part::whole(x, inputs), weight, Into::Add);
    });
    y
}

/// The gradients of the parameters of [`linear`], and of its input if `inputs`.
pub fn linear_back<T: Real>(
    of: &mut [Parameter<T>],
    x: &Mat<T>,
    dy: &Mat<T>,
    inputs: bool,
) -> Option<Mat<T>> {
    let (size, fan_in) = (dy.cols(), x.cols());
    // Rows of the weight over the threads: each is summed over the whole batch.
    of[0].grad.par_chunks_mut(ROWS * fan_in).enumerate().for_each(|(block, grad)| {
        let rows = block * ROWS..block * ROWS + grad.len() / fan_in;
        let to = PartMut { data: grad, cols: fan_in, range: 0..fan_in };
        let dy = Part::columns(dy.as_slice(), size, rows).transposed();
        T::product(to, dy, Part::whole(x.as_slice(), fan_in), Into::Replace);
    });
    if let Some(bias) = of.get_mut(1) {
        let mut sums = vec![0.0; size];
        for row in dy.iter_rows() {
            sums.iter_mut().zip(row).for_each(|(sum, dy)| *sum += dy.to_f64());
        }
        bias.grad = sums.into_iter().map(T::of).collect();
    }
    inputs.then(|| {
        let mut dx = Mat::zeros(x.rows(), fan_in);
        let blocks = dx.as_mut_slice().par_chunks_mut(ROWS * fan_in);
        blocks.zip(dy.as_slice().par_chunks(ROWS * size)).for_each(|(dx, dy)| {
            let to = PartMut { data: dx, cols: fan_in, range: 0..fan_in };
            let weight = Part::whole(&of[0].value, fan_in);
            T::product(to, Part::whole(dy, size), weight, Into::Replace);
        });
        dx
    })
}
