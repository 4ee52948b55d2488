//! Small dense systems, by nalgebra.

use nalgebra::{DMatrix, DVector};

use super::Mat;

/// Solves `A x = b` by LU with partial pivoting; `None` when `A` is singular.
pub fn solve(a: &Mat, b: &[f64]) -> Option<Vec<f64>> {
    let a = DMatrix::from_row_slice(a.rows(), a.cols(), a.as_slice());
    let x = a.lu().solve(&DVector::from_column_slice(b))?;
    Some(x.as_slice().to_vec())
}
