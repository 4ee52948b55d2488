//! Sparse linear systems by LU factorisation, the symbolic part found once for a pattern.

mod factors;
mod order;
mod reduction;

use std::sync::{Arc, OnceLock};

use super::dae::Pattern;
use super::max_abs;
use factors::Factors;
pub use factors::{Complex, Entry};
use order::Order;
pub use reduction::Reduction;

/// The matrix determines no value for this unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Singular {
    pub unknown: usize,
}

/// The order of elimination of a pattern, shared by all factorisations with it and found when
/// the first of them asks.
#[derive(Debug)]
pub struct Elimination {
    pattern: Arc<Pattern>,
    order: OnceLock<Order>,
    reduction: OnceLock<Reduction>,
}

impl Elimination {
    pub fn of(pattern: &Arc<Pattern>) -> Arc<Elimination> {
        Arc::new(Elimination::whole(pattern))
    }

    fn whole(pattern: &Arc<Pattern>) -> Elimination {
        let (order, reduction) = (OnceLock::new(), OnceLock::new());
        Elimination { pattern: pattern.clone(), order, reduction }
    }

    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    /// The system without what sources force.
    pub fn reduction(&self) -> &Reduction {
        self.reduction.get_or_init(|| Reduction::of(&self.pattern))
    }

    fn order(&self) -> &Order {
        self.order.get_or_init(|| Order::of(&self.pattern))
    }
}

/// A factorisation whose values are replaced again and again.
#[derive(Debug, Clone)]
pub struct SparseLu<T = f64> {
    elimination: Arc<Elimination>,
    factors: Factors<T>,
}

impl<T: Entry> SparseLu<T> {
    pub fn new(elimination: &Arc<Elimination>) -> SparseLu<T> {
        SparseLu { elimination: elimination.clone(), factors: Factors::default() }
    }

    /// Factorises the matrix with these values, in the order of the pattern: along the pivots of
    /// the last time, or new ones where these do not serve.
    ///
    /// # Errors
    /// When no pivot is left in a column. A pivot that is only rounding shows in the solution:
    /// see [`SparseLu::check`].
    pub fn factor(&mut self, values: &[T]) -> Result<(), Singular> {
        let (pattern, order) = (self.elimination.pattern(), self.elimination.order());
        if self.factors.renew(pattern, order, values) {
            return Ok(());
        }
        let sought = self.factors.seek(pattern, order, values);
        sought.map_err(|step| Singular { unknown: order.columns[step] })
    }

    /// Replaces the right-hand side by the solution with the last factors.
    pub fn solve(&mut self, rhs: &mut [T]) {
        self.factors.solve(self.elimination.order(), rhs);
    }

    /// Replaces the right-hand side by the solution with the transposed matrix.
    pub fn solve_transposed(&mut self, rhs: &mut [T]) {
        self.factors.solve_transposed(self.elimination.order(), rhs);
    }

    /// As [`SparseLu::solve`] with the factors of these values, and once again for what is left:
    /// pivots may be a thousandth of the largest, which costs digits.
    pub fn solve_refined(&mut self, values: &[T], rhs: &mut [T]) {
        let mut rest = rhs.to_vec();
        self.solve(rhs);
        self.elimination.pattern.each(|slot, row, col| {
            rest[row] = rest[row] - values[slot] * rhs[col];
        });
        self.solve(&mut rest);
        rhs.iter_mut().zip(rest).for_each(|(x, by)| *x = *x + by);
    }

    /// As [`SparseLu::solve_refined`] with the transposed matrix.
    pub fn solve_transposed_refined(&mut self, values: &[T], rhs: &mut [T]) {
        let mut rest = rhs.to_vec();
        self.solve_transposed(rhs);
        self.elimination.pattern.each(|slot, row, col| {
            rest[col] = rest[col] - values[slot] * rhs[row];
        });
        self.solve_transposed(&mut rest);
        rhs.iter_mut().zip(rest).for_each(|(x, by)| *x = *x + by);
    }

    /// The pattern of the matrix.
    pub fn pattern(&self) -> &Arc<Pattern> {
        self.elimination.pattern()
    }

    /// How many numbers the factors hold.
    pub fn fill(&self) -> usize {
        self.factors.len()
    }
}

impl SparseLu {
    /// Whether the matrix just factorised, given again, is regular in `f64`. If not, its factors
    /// are spoiled and the unknown that it determines least is named.
    ///
    /// # Errors
    /// When a right-hand side of the size of the rows has a solution larger than 1e14, or none.
    pub fn check(&mut self, values: &[f64]) -> Result<(), Singular> {
        const LARGEST: f64 = 1e14;
        let rows = self.row_scales(values);
        let mut x = probe(&rows);
        self.solve(&mut x);
        if max_abs(&x) <= LARGEST {
            return Ok(());
        }
        // A trace of every row's own scale on the diagonal makes the matrix regular; what it
        // then magnifies most is the direction it did not determine.
        let mut shifted = values.to_vec();
        for (&slot, scale) in self.elimination.pattern.diagonal().iter().zip(&rows) {
            shifted[slot as usize] += 1e-10 * scale;
        }
        self.factor(&shifted)?;
        x = probe(&rows);
        for _ in 0..3 {
            self.solve(&mut x);
            let top = max_abs(&x);
            x.iter_mut().zip(&rows).for_each(|(x, scale)| *x *= scale / top);
        }
        x.iter_mut().zip(&rows).for_each(|(x, scale)| *x /= scale);
        let worst = (0..x.len()).max_by(|&a, &b| x[a].abs().total_cmp(&x[b].abs()));
        Err(Singular { unknown: worst.unwrap_or(0) })
    }

    /// The largest magnitude in each row, 1 for an empty one.
    fn row_scales(&self, values: &[f64]) -> Vec<f64> {
        let mut scales = vec![0.0_f64; self.elimination.pattern.dim()];
        for (&row, value) in self.elimination.pattern.row_indices().iter().zip(values) {
            scales[row] = scales[row].max(value.abs());
        }
        scales.iter_mut().filter(|s| **s == 0.0).for_each(|s| *s = 1.0);
        scales
    }
}

/// A right-hand side of the size of the rows, that no null space is likely to miss.
fn probe(rows: &[f64]) -> Vec<f64> {
    let part = |k: usize| 0.5 + ((k as f64 + 1.0) * 0.618_033_988_749_894_9).fract();
    rows.iter().enumerate().map(|(k, scale)| scale * part(k)).collect()
}
