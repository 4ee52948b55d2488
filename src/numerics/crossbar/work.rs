//! Room for solves, and how their jobs are shared out.

use rayon::prelude::*;

use super::tiles::{Row, ZERO};

/// What the tridiagonal systems of both kinds of lines are solved with.
#[derive(Debug, Clone)]
pub struct Pivots {
    pub word: Vec<Row>,
    pub bit: Vec<Row>,
}

/// Everything a solve writes to.
#[derive(Debug)]
pub struct Work {
    /// Voltages of the word lines and the bit lines.
    pub word: Vec<Row>,
    pub bit: Vec<Row>,
    /// Kirchhoff errors of the word lines.
    pub f: Vec<Row>,
    /// The step of the word lines.
    pub step: Vec<Row>,
    /// The step of the bit lines, its residual (first the Kirchhoff errors of the bit lines), what
    /// the preconditioner makes of that, and the direction.
    pub x: Vec<Row>,
    pub r: Vec<Row>,
    pub z: Vec<Row>,
    pub p: Vec<Row>,
    /// Currents of cells, in tiles.
    pub cells: Vec<Row>,
    /// Of cells that are not linear.
    pub slopes: Vec<Row>,
    pub pivots: Option<Pivots>,
}

/// Port voltages in rows.
pub struct Ports {
    pub word: [Vec<Row>; 2],
    pub bit: [Vec<Row>; 2],
}

/// Does jobs in order, or at the same time where they are many; the results are in order.
pub fn over<T: Send, U: Send>(
    shared: bool,
    jobs: impl Iterator<Item = T>,
    f: impl Fn(T) -> U + Sync + Send,
) -> Vec<U> {
    over_with(shared, 0, jobs, |_, job| f(job))
}

/// As [`over`], with a scratch of some rows.
pub fn over_with<T: Send, U: Send>(
    shared: bool,
    scratch: usize,
    jobs: impl Iterator<Item = T>,
    f: impl Fn(&mut Vec<Row>, T) -> U + Sync + Send,
) -> Vec<U> {
    let scratch = || vec![ZERO; scratch];
    if shared {
        let jobs: Vec<T> = jobs.collect();
        return jobs.into_par_iter().map_init(scratch, f).collect();
    }
    let mut scratch = scratch();
    jobs.map(|job| f(&mut scratch, job)).collect()
}
