//! Loops of the digital layers, compiled for each instruction set; every one gives the same bits.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::model::{HostActivation, Shape};
use crate::numerics::kernels::{Real, exp_of, tanh_of};

/// Sums that run beside each other: fixed, so that the order is.
const LANES: usize = 16;

/// Of each channel, over the threads.
pub fn per_channel(
    shape: Shape,
    of: impl Fn(usize) -> f64 + Send + Sync,
) -> impl Iterator<Item = f64> {
    let all: Vec<f64> = (0..shape.channels).into_par_iter().map(of).collect();
    all.into_iter()
}

/// The numbers of channel `c` of a sample.
pub fn channel<T>(sample: &[T], shape: Shape, c: usize) -> &[T] {
    &sample[c * shape.pixels()..(c + 1) * shape.pixels()]
}

/// `sum x`
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn sum<T: Real>(x: &[T]) -> f64 {
    let (whole, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for x in whole {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane += x.to_f64();
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|x| x.to_f64()).sum::<f64>()
}

/// `sum y (x - mean)`
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn sum_centred<T: Real>(y: &[T], x: &[T], mean: f64) -> f64 {
    let ((ys, y), (xs, x)) = (y.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (y, x) in ys.iter().zip(xs) {
        for ((lane, y), x) in lanes.iter_mut().zip(y).zip(x) {
            *lane += y.to_f64() * (x.to_f64() - mean);
        }
    }
    let rest = y.iter().zip(x).map(|(y, x)| y.to_f64() * (x.to_f64() - mean));
    lanes.iter().sum::<f64>() + rest.sum::<f64>()
}

/// `sum (x - mean)^2`
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn sum_squares<T: Real>(x: &[T], mean: f64) -> f64 {
    let (whole, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for x in whole {
        for (lane, x) in lanes.iter_mut().zip(x) {
            let off = x.to_f64() - mean;
            *lane += off * off;
        }
    }
    let rest = rest.iter().map(|x| (x.to_f64() - mean) * (x.to_f64() - mean));
    lanes.iter().sum::<f64>() + rest.sum::<f64>()
}

/// Whether all numbers are finite.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn is_finite<T: Real>(x: &[T]) -> bool {
    let (whole, rest) = x.as_chunks::<LANES>();
    // Zero times what is not finite is NaN, and stays in the sum.
    let mut lanes = [T::default(); LANES];
    for x in whole {
        for (lane, &x) in lanes.iter_mut().zip(x) {
            *lane = *lane + x * T::default();
        }
    }
    lanes.iter().chain(rest).all(|&v| v * T::default() == T::default())
}

#[inline(always)]
fn logistic_of<T: Real>(x: T) -> T {
    T::of(1.0) / (T::of(1.0) + exp_of(-x))
}

#[inline(always)]
fn each<T: Real>(x: &[T], y: &mut [T], f: impl Fn(T, T) -> T) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x, *y);
    }
}

/// `y <- f(x)`
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn activate<T: Real>(of: HostActivation, x: &[T], y: &mut [T]) {
    let (zero, one, leak) = (T::default(), T::of(1.0), T::of(0.01));
    match of {
        HostActivation::Relu => each(x, y, |x, _| if x < zero { zero } else { x }),
        HostActivation::LeakyRelu => each(x, y, |x, _| if x < zero { leak * x } else { x }),
        HostActivation::Silu => each(x, y, |x, _| x * logistic_of(x)),
        HostActivation::Tanh => each(x, y, |x, _| tanh_of(x)),
        HostActivation::Logistic => each(x, y, |x, _| logistic_of(x)),
        HostActivation::HardSigmoid => each(x, y, |x, _| {
            let x = if x < zero { zero } else { x };
            if x > one { one } else { x }
        }),
    }
}

/// `y <- f'(x) y`; at a kink the slope is that of the side towards minus infinity, and 0 at both
/// kinks of the hard sigmoid, as PyTorch has them.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn times_slope<T: Real>(of: HostActivation, x: &[T], y: &mut [T]) {
    let (zero, one, leak) = (T::default(), T::of(1.0), T::of(0.01));
    match of {
        HostActivation::Relu => each(x, y, |x, y| if x > zero { y } else { zero }),
        HostActivation::LeakyRelu => each(x, y, |x, y| if x > zero { y } else { leak * y }),
        HostActivation::Silu => each(x, y, |x, y| {
            let v = logistic_of(x);
            y * v * (one + x * (one - v))
        }),
        HostActivation::Tanh => each(x, y, |x, y| {
            let v = tanh_of(x);
            y * (one - v * v)
        }),
        HostActivation::Logistic => each(x, y, |x, y| {
            let v = logistic_of(x);
            y * v * (one - v)
        }),
        HostActivation::HardSigmoid => {
            each(x, y, |x, y| if x > zero && x < one { y } else { zero });
        }
    }
}
