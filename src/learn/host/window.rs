//! Pooling, a sample a row.

use rayon::prelude::*;

use crate::model::Shape;
use crate::numerics::Mat;
use crate::numerics::conv::{Pool, add_at};
use crate::numerics::kernels::Real;

/// The largest of each window, and where it is in its sample.
pub fn max<T: Real>(pool: &Pool, x: &Mat<T>) -> (Mat<T>, Vec<u32>) {
    let size = pool.output().size();
    let (mut y, mut at) = (Mat::zeros(x.rows(), size), vec![0; x.rows() * size]);
    let rows = y.as_mut_slice().par_chunks_mut(size).zip(at.par_chunks_mut(size));
    let rows = rows.zip(x.as_slice().par_chunks(x.cols()));
    rows.for_each(|((y, at), x)| pool.max(x, y, at));
    (y, at)
}

/// The gradient of the input of [`max`].
pub fn max_back<T: Real>(input: Shape, at: &[u32], dy: &Mat<T>) -> Mat<T> {
    let mut dx = Mat::zeros(dy.rows(), input.size());
    let rows = dx.as_mut_slice().par_chunks_mut(input.size());
    let rows = rows.zip(dy.as_slice().par_chunks(dy.cols())).zip(at.par_chunks(dy.cols()));
    rows.for_each(|((dx, dy), at)| add_at(dy, at, dx));
    dx
}

/// The mean of each window.
pub fn mean<T: Real>(pool: &Pool, x: &Mat<T>) -> Mat<T> {
    let size = pool.output().size();
    let mut y = Mat::zeros(x.rows(), size);
    let rows = y.as_mut_slice().par_chunks_mut(size).zip(x.as_slice().par_chunks(x.cols()));
    rows.for_each(|(y, x)| pool.mean(x, y));
    y
}

/// The gradient of the input of [`mean`].
pub fn mean_back<T: Real>(pool: &Pool, dy: &Mat<T>) -> Mat<T> {
    let size = pool.input.size();
    let mut dx = Mat::zeros(dy.rows(), size);
    let rows = dx.as_mut_slice().par_chunks_mut(size).zip(dy.as_slice().par_chunks(dy.cols()));
    rows.for_each(|(dx, dy)| pool.add_spread(dy, dx));
    dx
}
