//! Sparse linear systems by LU factorisation, the symbolic part found once for a pattern; the
//! only file that names faer's sparse part.

use std::fmt;
use std::sync::Arc;

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::sparse::linalg::lu::{
    LuRef, LuSymbolicParams, NumericLu, SymbolicLu, factorize_symbolic_lu,
};
use faer::sparse::linalg::{LuError, SupernodalThreshold};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par};

use super::dae::Pattern;
use super::max_abs;

/// The matrix determines no value for this unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Singular {
    pub unknown: usize,
}

/// The order of elimination of a pattern, shared by all factorisations with it.
pub struct Elimination {
    pattern: Arc<Pattern>,
    symbolic: SymbolicLu<usize>,
}

impl fmt::Debug for Elimination {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Elimination").field("dim", &self.pattern.dim()).finish_non_exhaustive()
    }
}

impl Elimination {
    /// Orders the columns of a pattern (COLAMD).
    pub fn of(pattern: &Arc<Pattern>) -> Arc<Elimination> {
        // Supernodes make the factorisation no faster at circuit fill, and solving several times
        // slower.
        let parameters = LuSymbolicParams {
            supernodal_flop_ratio_threshold: SupernodalThreshold::FORCE_SIMPLICIAL,
            ..Default::default()
        };
        let symbolic = factorize_symbolic_lu(structure(pattern), parameters)
            .expect("the pattern fits into memory");
        Arc::new(Elimination { pattern: pattern.clone(), symbolic })
    }

    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }
}

fn structure(pattern: &Pattern) -> SymbolicSparseColMatRef<'_, usize> {
    let dim = pattern.dim();
    SymbolicSparseColMatRef::new_checked(
        dim,
        dim,
        pattern.col_starts(),
        None,
        pattern.row_indices(),
    )
}

/// A factorisation whose values are replaced again and again.
pub struct SparseLu {
    elimination: Arc<Elimination>,
    numeric: NumericLu<usize, f64>,
    scratch: MemBuffer,
}

impl fmt::Debug for SparseLu {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("SparseLu").field("elimination", &self.elimination).finish_non_exhaustive()
    }
}

impl SparseLu {
    pub fn new(elimination: &Arc<Elimination>) -> SparseLu {
        let symbolic = &elimination.symbolic;
        let scratch = StackReq::any_of(&[
            symbolic.factorize_numeric_lu_scratch::<f64>(Par::Seq, Default::default()),
            symbolic.solve_in_place_scratch::<f64>(1, Par::Seq),
        ]);
        SparseLu {
            elimination: elimination.clone(),
            numeric: NumericLu::new(),
            scratch: MemBuffer::new(scratch),
        }
    }

    /// Factorises the matrix with these values, in the order of the pattern.
    ///
    /// # Errors
    /// When no pivot is left in a column. A pivot that is only rounding shows in the solution:
    /// see [`SparseLu::check`].
    pub fn factor(&mut self, values: &[f64]) -> Result<(), Singular> {
        let symbolic = &self.elimination.symbolic;
        let matrix = SparseColMatRef::new(structure(&self.elimination.pattern), values);
        let made = symbolic.factorize_numeric_lu(
            &mut self.numeric,
            matrix,
            Par::Seq,
            MemStack::new(&mut self.scratch),
            Default::default(),
        );
        match made {
            Ok(_) => Ok(()),
            Err(LuError::SymbolicSingular { index }) => {
                let order = symbolic.col_perm().arrays().0;
                Err(Singular { unknown: order[index.min(order.len() - 1)] })
            }
            Err(LuError::Generic(error)) => panic!("sparse LU: {error}"),
        }
    }

    /// Replaces the right-hand side by the solution with the last factors.
    pub fn solve(&mut self, rhs: &mut [f64]) {
        let dim = rhs.len();
        LuRef::new_unchecked(&self.elimination.symbolic, &self.numeric).solve_in_place_with_conj(
            Conj::No,
            MatMut::from_column_major_slice_mut(rhs, dim, 1),
            Par::Seq,
            MemStack::new(&mut self.scratch),
        );
    }

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
