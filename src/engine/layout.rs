//! Batches in chunks, and between a state's samples in rows and an engine's in lanes.

use std::ops::Range;

use super::Drive;
use crate::model::{EnergyModel, State};
use crate::numerics::Mat;
use crate::numerics::kernels::Real;

/// Lanes copied together: they fill whole lines of the cache.
const TOGETHER: usize = 16;

/// Some samples of `[batch, size]` as `[size, lanes]`; lanes beyond them repeat the last.
pub fn to_lanes<T: Real>(from: &Mat, samples: Range<usize>, to: &mut [T], lanes: usize) {
    for first in (0..lanes).step_by(TOGETHER) {
        let lanes_here = first..(first + TOGETHER).min(lanes);
        let mut rows = [&[][..]; TOGETHER];
        for (row, b) in rows.iter_mut().zip(lanes_here.clone()) {
            *row = from.row((samples.start + b).min(samples.end - 1));
        }
        let rows = &rows[..lanes_here.len()];
        for (i, to) in to.chunks_exact_mut(lanes).enumerate() {
            for (to, row) in to[lanes_here.clone()].iter_mut().zip(rows) {
                *to = T::of(row[i]);
            }
        }
    }
}

/// Writes `[size, lanes]` into these samples of `[batch, size]`.
pub fn from_lanes<T: Real>(from: &[T], lanes: usize, samples: Range<usize>, to: &mut Mat) {
    for first in (0..lanes).step_by(TOGETHER) {
        for (i, row) in from.chunks_exact(lanes).enumerate() {
            for (b, x) in row.iter().enumerate().skip(first).take(TOGETHER) {
                to[(samples.start + b, i)] = x.to_f64();
            }
        }
    }
}

/// The state to start from: `start`, or rest, with the drive's inputs in place.
pub fn starting(model: &EnergyModel, drive: &Drive, start: Option<&State>) -> State {
    let mut from = model.rest(&drive.clamp);
    if let Some(start) = start {
        for layer in model.free_layers() {
            from[layer.0].clone_from(&start[layer.0]);
        }
    }
    from
}

/// A batch cut into chunks of lanes whose buffers (this many numbers a sample) fit the
/// second-level cache, all about as large: by the sizes of network and batch alone, whatever the
/// number of threads.
pub fn chunks<T: Real>(batch: usize, numbers: usize) -> Vec<Range<usize>> {
    const BYTES: usize = 1 << 20;
    const MOST: usize = 64;
    let lanes = BYTES / (numbers * size_of::<T>());
    let most = (lanes / T::VECTOR * T::VECTOR).clamp(T::VECTOR, MOST);
    let lanes = batch.div_ceil(batch.div_ceil(most).max(1)).max(1).next_multiple_of(T::VECTOR);
    (0..batch).step_by(lanes).map(|s| s..(s + lanes).min(batch)).collect()
}
