//! LU factors with partial pivoting, column by column (Gilbert and Peierls 1988), and their
//! renewal with other values along the same pivots.

use std::ops::{Add, Mul, Sub};

use super::order::Order;
use crate::numerics::dae::Pattern;

/// A number to factorise with.
pub trait Entry:
    Copy + Default + Send + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    const ONE: Self;
    /// A measure of its magnitude.
    fn size(self) -> f64;
    fn inverse(self) -> Self;
}

impl Entry for f64 {
    const ONE: f64 = 1.0;

    fn size(self) -> f64 {
        self.abs()
    }

    fn inverse(self) -> f64 {
        1.0 / self
    }
}

/// A complex number.
pub use faer::c64 as Complex;

impl Entry for Complex {
    const ONE: Complex = Complex { re: 1.0, im: 0.0 };

    fn size(self) -> f64 {
        self.re.abs() + self.im.abs()
    }

    fn inverse(self) -> Complex {
        // Scaled, so that squares of small numbers do not vanish.
        let scale = 1.0 / self.size();
        let (re, im) = (self.re * scale, self.im * scale);
        let square = scale / (re * re + im * im);
        Complex { re: re * square, im: -im * square }
    }
}

const NONE: u32 = u32::MAX;
/// The row meant for a column is its pivot unless it is this much smaller than the largest.
const THRESHOLD: f64 = 1e-3;
/// A pivot that becomes this much smaller than its column is sought anew.
const DECAYED: f64 = 1e-6;

/// `L`, with ones on its diagonal left out, and `U`, with the inverses of its diagonal apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Factors<T> {
    /// The row of the matrix that is the pivot of each step.
    rows: Vec<u32>,
    /// The step at which each row is the pivot.
    step_of: Vec<u32>,
    l_starts: Vec<usize>,
    /// Steps.
    l_rows: Vec<u32>,
    l: Vec<T>,
    u_starts: Vec<usize>,
    /// Steps, ascending in each column.
    u_rows: Vec<u32>,
    u: Vec<T>,
    pivots: Vec<T>,
    /// Zero between calls.
    work: Vec<T>,
}

impl<T: Entry> Factors<T> {
    /// Factorises with pivots sought anew.
    ///
    /// # Errors
    /// The step without a pivot.
    pub fn seek(&mut self, pattern: &Pattern, order: &Order, values: &[T]) -> Result<(), usize> {
        let dim = pattern.dim();
        self.clear(dim);
        let mut reach = Reach::new(dim);
        let mut entries: Vec<(u32, T)> = Vec::new();
        for (step, &col) in order.columns.iter().enumerate() {
            let slots = pattern.col_starts()[col]..pattern.col_starts()[col + 1];
            let rows = &pattern.row_indices()[slots.clone()];
            reach.find(step, rows, self);
            for (&row, value) in rows.iter().zip(&values[slots]) {
                self.work[row] = *value;
            }
            // Later columns of L depend on earlier ones only: in order of the steps.
            entries.clear();
            for &row in reach.pivoted.iter().rev() {
                let above = self.step_of[row as usize];
                let value = self.work[row as usize];
                entries.push((above, value));
                let column = self.l_starts[above as usize]..self.l_starts[above as usize + 1];
                for (&below, l) in self.l_rows[column.clone()].iter().zip(&self.l[column]) {
                    self.work[below as usize] = self.work[below as usize] - *l * value;
                }
            }
            entries.sort_unstable_by_key(|entry| entry.0);
            self.u_rows.extend(entries.iter().map(|entry| entry.0));
            self.u.extend(entries.iter().map(|entry| entry.1));
            self.u_starts.push(self.u.len());
            let pivot = self.choose(&reach.free, order.rows[col]).ok_or(step);
            let pivot = match pivot {
                Ok(pivot) => pivot,
                Err(step) => {
                    self.clear(0);
                    return Err(step);
                }
            };
            let inverse = self.work[pivot].inverse();
            self.pivots.push(inverse);
            self.rows.push(pivot as u32);
            self.step_of[pivot] = step as u32;
            for &row in reach.free.iter().filter(|row| **row as usize != pivot) {
                self.l_rows.push(row);
                self.l.push(self.work[row as usize] * inverse);
            }
            self.l_starts.push(self.l.len());
            for &row in reach.free.iter().chain(&reach.pivoted) {
                self.work[row as usize] = T::default();
            }
        }
        self.l_rows.iter_mut().for_each(|row| *row = self.step_of[*row as usize]);
        Ok(())
    }

    fn clear(&mut self, dim: usize) {
        *self = Factors {
            step_of: vec![NONE; dim],
            work: vec![T::default(); dim],
            l_starts: vec![0],
            u_starts: vec![0],
            ..Factors::default()
        };
    }

    /// The pivot among the rows not yet used.
    fn choose(&self, free: &[u32], meant: usize) -> Option<usize> {
        let size = |row: usize| self.work[row].size();
        let mut best = (0.0, None);
        for &row in free {
            let found = size(row as usize);
            if found > best.0 || found.is_nan() {
                best = (found, Some(row as usize));
            }
        }
        let serves = self.step_of[meant] == NONE && size(meant) >= THRESHOLD * best.0;
        if best.1.is_some() && serves { Some(meant) } else { best.1 }
    }

    /// Factorises with the pivots of the last time; says whether these still serve.
    pub fn renew(&mut self, pattern: &Pattern, order: &Order, values: &[T]) -> bool {
        if self.pivots.len() != pattern.dim() {
            return false;
        }
        for (step, &col) in order.columns.iter().enumerate() {
            let slots = pattern.col_starts()[col]..pattern.col_starts()[col + 1];
            for (&row, value) in pattern.row_indices()[slots.clone()].iter().zip(&values[slots]) {
                self.work[self.step_of[row] as usize] = *value;
            }
            for slot in self.u_starts[step]..self.u_starts[step + 1] {
                let above = self.u_rows[slot] as usize;
                let value = std::mem::take(&mut self.work[above]);
                self.u[slot] = value;
                let column = self.l_starts[above]..self.l_starts[above + 1];
                for (&below, l) in self.l_rows[column.clone()].iter().zip(&self.l[column]) {
                    self.work[below as usize] = self.work[below as usize] - *l * value;
                }
            }
            let pivot = std::mem::take(&mut self.work[step]);
            let inverse = pivot.inverse();
            let mut largest = 0.0_f64;
            let column = self.l_starts[step]..self.l_starts[step + 1];
            for (&below, l) in self.l_rows[column.clone()].iter().zip(&mut self.l[column]) {
                let value = std::mem::take(&mut self.work[below as usize]);
                largest = largest.max(value.size());
                *l = value * inverse;
            }
            self.pivots[step] = inverse;
            let size = pivot.size();
            // Also where the pivot is no number.
            if !(size > DECAYED * largest && size.is_finite()) {
                return false;
            }
        }
        true
    }

    /// Replaces the right-hand side, in rows of the matrix, by the solution, in its columns.
    pub fn solve(&mut self, order: &Order, rhs: &mut [T]) {
        let work = &mut self.work;
        for (work, &row) in work.iter_mut().zip(&self.rows) {
            *work = rhs[row as usize];
        }
        for step in 0..work.len() {
            let value = work[step];
            // Most of what is held by sources no longer moves.
            if value.size() == 0.0 {
                continue;
            }
            let column = self.l_starts[step]..self.l_starts[step + 1];
            for (&below, l) in self.l_rows[column.clone()].iter().zip(&self.l[column]) {
                work[below as usize] = work[below as usize] - *l * value;
            }
        }
        for step in (0..work.len()).rev() {
            let value = std::mem::take(&mut work[step]) * self.pivots[step];
            rhs[order.columns[step]] = value;
            let column = self.u_starts[step]..self.u_starts[step + 1];
            for (&above, u) in self.u_rows[column.clone()].iter().zip(&self.u[column]) {
                work[above as usize] = work[above as usize] - *u * value;
            }
        }
    }

    /// As [`Factors::solve`] with the transposed matrix: from its columns to its rows.
    pub fn solve_transposed(&mut self, order: &Order, rhs: &mut [T]) {
        let work = &mut self.work;
        for step in 0..work.len() {
            let mut value = rhs[order.columns[step]];
            let column = self.u_starts[step]..self.u_starts[step + 1];
            for (&above, u) in self.u_rows[column.clone()].iter().zip(&self.u[column]) {
                value = value - *u * work[above as usize];
            }
            work[step] = value * self.pivots[step];
        }
        for step in (0..work.len()).rev() {
            let mut value = work[step];
            let column = self.l_starts[step]..self.l_starts[step + 1];
            for (&below, l) in self.l_rows[column.clone()].iter().zip(&self.l[column]) {
                value = value - *l * work[below as usize];
            }
            work[step] = value;
        }
        for (work, &row) in work.iter_mut().zip(&self.rows) {
            rhs[row as usize] = std::mem::take(work);
        }
    }

    /// How many numbers the factors hold.
    pub fn len(&self) -> usize {
        self.l.len() + self.u.len() + self.pivots.len()
    }
}

/// Which rows a column of the matrix reaches through the columns of `L` so far.
struct Reach {
    /// The step at which each row was last seen.
    seen: Vec<u32>,
    /// Rows that are pivots already, each after all that it leads to.
    pivoted: Vec<u32>,
    /// Rows that are none.
    free: Vec<u32>,
    /// Rows on the way, each with the place in its column of `L`.
    way: Vec<(u32, usize)>,
}

impl Reach {
    fn new(dim: usize) -> Reach {
        Reach { seen: vec![NONE; dim], pivoted: Vec::new(), free: Vec::new(), way: Vec::new() }
    }

    fn find<T>(&mut self, step: usize, rows: &[usize], factors: &Factors<T>) {
        self.pivoted.clear();
        self.free.clear();
        for &row in rows {
            self.enter(step, row as u32, factors);
            while let Some((row, place)) = self.way.last_mut() {
                let above = factors.step_of[*row as usize] as usize;
                if *place == factors.l_starts[above + 1] {
                    self.pivoted.push(*row);
                    self.way.pop();
                } else {
                    let below = factors.l_rows[*place];
                    *place += 1;
                    self.enter(step, below, factors);
                }
            }
        }
    }

    /// Takes note of a row, if it is a new one.
    fn enter<T>(&mut self, step: usize, row: u32, factors: &Factors<T>) {
        if self.seen[row as usize] == step as u32 {
            return;
        }
        self.seen[row as usize] = step as u32;
        match factors.step_of[row as usize] {
            NONE => self.free.push(row),
            above => self.way.push((row, factors.l_starts[above as usize])),
        }
    }
}
