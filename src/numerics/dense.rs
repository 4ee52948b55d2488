//! Dense systems: small ones by nalgebra, large definite ones by faer.

use faer::linalg::solvers::Solve;
use nalgebra::{DMatrix, DVector};

use super::Mat;

/// Solves `A x = b` by LU with partial pivoting; `None` when `A` is singular.
pub fn solve(a: &Mat, b: &[f64]) -> Option<Vec<f64>> {
    let a = DMatrix::from_row_slice(a.rows(), a.cols(), a.as_slice());
    let x = a.lu().solve(&DVector::from_column_slice(b))?;
    Some(x.as_slice().to_vec())
}

/// Solves `A X = B` for a symmetric positive definite `A`, of which the lower half is read; `None`
/// when it is not.
pub fn solve_spd(a: &Mat, b: &Mat) -> Option<Mat> {
    let a = faer::MatRef::from_row_major_slice(a.as_slice(), a.rows(), a.cols());
    let factor = a.llt(faer::Side::Lower).ok()?;
    let mut x = Mat::zeros(b.rows(), b.cols());
    x.as_mut_slice().copy_from_slice(b.as_slice());
    let columns = b.cols();
    factor.solve_in_place(faer::MatMut::from_row_major_slice_mut(
        x.as_mut_slice(),
        b.rows(),
        columns,
    ));
    Some(x)
}

/// The inverse; `None` when there is none.
pub fn inverse(a: &Mat) -> Option<Mat> {
    let n = a.rows();
    let inverse = DMatrix::from_row_slice(n, n, a.as_slice()).try_inverse()?;
    Some(Mat::from_vec(n, n, inverse.transpose().as_slice().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_solve() {
        let a = Mat::from_fn(5, 5, |i, j| if i == j { 4.0 } else { 1.0 / (1.0 + (i + j) as f64) });
        let b = Mat::from_fn(5, 2, |i, j| (i * 2 + j) as f64);
        let x = solve_spd(&a, &b).unwrap();
        let inverse = inverse(&a).unwrap();
        for i in 0..5 {
            for j in 0..2 {
                let product: f64 = (0..5).map(|k| a[(i, k)] * x[(k, j)]).sum();
                assert!((product - b[(i, j)]).abs() < 1e-12);
                let by_inverse: f64 = (0..5).map(|k| inverse[(i, k)] * b[(k, j)]).sum();
                assert!((by_inverse - x[(i, j)]).abs() < 1e-12);
            }
        }
        let indefinite = Mat::from_fn(2, 2, |i, j| if i == j { 0.0 } else { 1.0 });
        assert!(solve_spd(&indefinite, &Mat::zeros(2, 1)).is_none());
    }
}
