//! Explicit adaptive integration of a batch. Every sample has its own time, step and error
//! control, and leaves the batch when it has settled, so that its trajectory does not depend on
//! its neighbours and no work is done for it afterwards.
//!
//! A batch is in *lanes*, `[dim, lanes]` row-major, one sample a column: products with a weight
//! `[post, pre]` then need no transposition, and what differs from sample to sample is a vector
//! along the contiguous direction.

mod roam;
mod stepper;

pub use roam::{Noise, roam};
pub use stepper::{Sink, Stepper};

use std::ops::Range;

use super::kernels::Real;

/// An autonomous equation `dx/dt = f(x)` for a batch in lanes.
pub trait Ode<T> {
    /// Numbers a sample.
    fn dim(&self) -> usize;

    /// What `|dx/dt|` is multiplied with in the residual, `[dim]`.
    fn weight(&self) -> &[T];

    /// Number of blocks of rows that can begin by themselves, while they are in the cache.
    fn blocks(&self) -> usize;

    /// The rows of a block; in order, the blocks make up the state.
    fn rows(&self, block: usize) -> Range<usize>;

    /// Begins `dx/dt` of the rows of a block, both `[rows, lanes]`, with what needs no other rows.
    fn begin(&mut self, block: usize, x: &[T], dx: &mut [T], lanes: usize);

    /// Completes `dx/dt` with what couples the blocks; both are `[dim, lanes]`.
    fn complete(&mut self, x: &[T], dx: &mut [T], lanes: usize);

    /// Writes `dx/dt`; both are `[dim, lanes]`.
    fn rhs(&mut self, x: &[T], dx: &mut [T], lanes: usize) {
        for block in 0..self.blocks() {
            let at = in_lanes(self.rows(block), lanes);
            self.begin(block, &x[at.clone()], &mut dx[at], lanes);
        }
        self.complete(x, dx, lanes);
    }

    /// From now on lane `j` is what was lane `keep[j]` of `from`; the last may be repeated.
    fn keep(&mut self, from: usize, keep: &[usize]);
}

/// The error allowed in a step: `min(absolute + relative |x|, remaining * residual)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    pub relative: f64,
    pub absolute: f64,
    /// As a fraction of the largest slope: keeps an approach to equilibrium an approach, down to
    /// any residual, where the other two alone would let it hover. Infinite for none.
    pub remaining: f64,
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Stop a sample whose residual, its largest weighted slope, is at most this.
    pub settled: Option<f64>,
    /// The end of time; time starts at 0.
    pub until: f64,
    /// The first step tried.
    pub first_step: f64,
}

/// How a sample came to an end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// The residual crossed the tolerance at this time (interpolated in the logarithm of the
    /// residual within the step that crossed).
    Settled { at: f64 },
    /// Ran to the end of time.
    TimeUp,
    /// Left all bounds at this time.
    Diverged { at: f64 },
}

/// What came of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    pub end: End,
    /// At the final state.
    pub residual: f64,
    pub steps: usize,
    pub rejected: usize,
    pub evaluations: usize,
}

/// The lanes that hold this many samples: whole vector registers.
pub fn padded<T: Real>(samples: usize) -> usize {
    samples.next_multiple_of(T::VECTOR)
}

/// Where rows are in a batch.
pub fn in_lanes(rows: Range<usize>, lanes: usize) -> Range<usize> {
    rows.start * lanes..rows.end * lanes
}
