//! Layers that take each number by itself.

use rayon::prelude::*;

use super::kernels;
use crate::model::HostActivation;
use crate::numerics::Mat;
use crate::numerics::draws::Words;
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;

/// Numbers that a thread takes at a time. The draws of dropout depend on it.
const BLOCK: usize = 1 << 14;

/// `f(x)`
pub fn activate<T: Real>(of: HostActivation, x: &Mat<T>) -> Mat<T> {
    let mut y = Mat::zeros(x.rows(), x.cols());
    let blocks = y.as_mut_slice().par_chunks_mut(BLOCK).zip(x.as_slice().par_chunks(BLOCK));
    blocks.for_each(|(y, x)| kernels::activate(of, x, y));
    y
}

/// `f'(x) dy`
pub fn times_slope<T: Real>(of: HostActivation, x: &Mat<T>, mut dy: Mat<T>) -> Mat<T> {
    let blocks = dy.as_mut_slice().par_chunks_mut(BLOCK).zip(x.as_slice().par_chunks(BLOCK));
    blocks.for_each(|(dy, x)| kernels::times_slope(of, x, dy));
    dy
}

/// Each number is 0 with probability `rate` and divided by `1 - rate` otherwise (Srivastava et al.
/// 2014): linear in `x`, so that the same draw takes a gradient back.
pub fn dropout<T: Real>(mut x: Mat<T>, rate: f64, draw: Seed) -> Mat<T> {
    let scale = T::of(1.0 / (1.0 - rate));
    x.as_mut_slice().par_chunks_mut(BLOCK).enumerate().for_each(|(block, x)| {
        let mut words = Words::new(draw.index(block));
        for x in x {
            *x = if words.uniform() < rate { T::default() } else { scale * *x };
        }
    });
    x
}

/// Whether all numbers are finite.
pub fn is_finite<T: Real>(x: &Mat<T>) -> bool {
    x.as_slice().par_chunks(BLOCK).all(kernels::is_finite)
}
