//! Matrices cut into panels of columns, for products with few rows on the left.

use std::ops::Range;

use super::aligned::Aligned;
use super::gemm::{Gemm, Into, Part, PartMut};
use super::kernels::Real;

/// A matrix in panels of [`WIDTH`] columns (the last may be narrower), each row-major and one after the
/// other.
///
/// A product of `m` rows with a row-major matrix walks down its columns a page at a time; a panel is
/// walked through as it lies. For `m` from 8 to 64 that is 1.2 to 2.9 times as fast.
#[derive(Debug, Clone, Default)]
pub struct Panels<T> {
    rows: usize,
    cols: usize,
    data: Aligned<T>,
}

/// Columns of a panel: the height of the product kernel's tile in f32.
pub const WIDTH: usize = 96;

/// Some rows of a panel: a contiguous part of the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub rows: Range<usize>,
    pub cols: Range<usize>,
}

impl Block {
    /// Numbers in it.
    pub fn len(&self) -> usize {
        self.rows.len() * self.cols.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Copy + Default> Panels<T> {
    /// A row-major matrix of `cols` columns.
    ///
    /// # Panics
    /// If its numbers do not make whole rows.
    pub fn of_rows(values: &[T], cols: usize) -> Panels<T> {
        let rows = values.len().checked_div(cols).unwrap_or(0);
        assert_eq!(rows * cols, values.len(), "the numbers make whole rows");
        let mut data = Aligned::of(T::default(), values.len());
        for panel in panels(cols) {
            let to = data[panel.start * rows..].chunks_exact_mut(panel.len());
            for (to, row) in to.zip(values.chunks_exact(cols.max(1))) {
                to.copy_from_slice(&row[panel.clone()]);
            }
        }
        Panels { rows, cols, data }
    }

    /// Numbers as [`Panels::as_slice`] gives them.
    ///
    /// # Panics
    /// If they are not `rows * cols`.
    pub fn of_panels(data: &[T], rows: usize, cols: usize) -> Panels<T> {
        assert_eq!(rows * cols, data.len(), "the numbers fill the matrix");
        Panels { rows, cols, data: Aligned::of_slice(data) }
    }

    /// Numbers as [`Panels::of_panels`] takes them.
    pub fn into_vec(self) -> Vec<T> {
        self.data.to_vec()
    }

    /// The same, row-major.
    pub fn to_rows(&self) -> Vec<T> {
        let mut values = vec![T::default(); self.data.len()];
        for panel in panels(self.cols) {
            let from = self.data[panel.start * self.rows..].chunks_exact(panel.len());
            for (row, from) in values.chunks_exact_mut(self.cols).zip(from) {
                row[panel.clone()].copy_from_slice(from);
            }
        }
        values
    }

    pub fn transposed(&self) -> Panels<T> {
        let mut data = Aligned::of(T::default(), self.data.len());
        for down in panels(self.rows) {
            for across in panels(self.cols) {
                // Both tiles are contiguous.
                let from = &self.data[across.start * self.rows + down.start * across.len()..]
                    [..down.len() * across.len()];
                let to = &mut data[down.start * self.cols + across.start * down.len()..]
                    [..down.len() * across.len()];
                for (j, to) in to.chunks_exact_mut(down.len()).enumerate() {
                    for (to, from) in to.iter_mut().zip(from.chunks_exact(across.len())) {
                        *to = from[j];
                    }
                }
            }
        }
        Panels { rows: self.cols, cols: self.rows, data }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All numbers, panel by panel.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Blocks of at most so many numbers (or one row), in the order of the numbers.
    pub fn blocks(&self, most: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        for cols in panels(self.cols) {
            let step = (most / cols.len()).max(1);
            for first in (0..self.rows).step_by(step) {
                let rows = first..(first + step).min(self.rows);
                blocks.push(Block { rows, cols: cols.clone() });
            }
        }
        blocks
    }
}

impl<T: Real> Panels<T> {
    /// The same in other numbers.
    pub fn cast<U: Real>(&self) -> Panels<U> {
        let mut data = Aligned::of(U::default(), self.data.len());
        data.iter_mut().zip(&*self.data).for_each(|(to, v)| *to = U::of(v.to_f64()));
        Panels { rows: self.rows, cols: self.cols, data }
    }
}

impl<T: Gemm + Copy + Default> Panels<T> {
    /// `c <- a self` or `c <- c + a self`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn multiply(&self, c: PartMut<T>, a: Part<T>, into: Into) {
        T::panels(c, a, &self.data, self.rows, WIDTH, into);
    }
}

/// The columns of each panel.
fn panels(cols: usize) -> impl Iterator<Item = Range<usize>> {
    (0..cols).step_by(WIDTH).map(move |first| first..(first + WIDTH).min(cols))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Mat;

    const SHAPES: [[usize; 2]; 6] = [[1, 1], [3, 96], [97, 5], [200, 193], [96, 192], [7, 0]];

    fn numbers(n: usize, of: f64) -> Vec<f64> {
        (0..n).map(|i| crate::numerics::math::sin(of * (i + 1) as f64)).collect()
    }

    #[test]
    fn panels_hold_the_matrix() {
        for [rows, cols] in SHAPES {
            let values = numbers(rows * cols, 0.7);
            let laid = Panels::of_rows(&values, cols);
            assert_eq!(laid.to_rows(), values, "{rows} x {cols}");
            if cols == 0 {
                continue;
            }
            let turned = Mat::from_vec(rows, cols, values.clone()).transposed();
            assert_eq!(laid.transposed().to_rows(), turned.as_slice(), "{rows} x {cols}");
            let mut from = 0;
            for block in laid.blocks(1000) {
                for (i, row) in block.rows.clone().enumerate() {
                    let here = &laid.as_slice()[from + i * block.cols.len()..][..block.cols.len()];
                    assert_eq!(here, &values[row * cols..(row + 1) * cols][block.cols.clone()]);
                }
                from += block.len();
                assert!(block.len() <= 1000 && !block.is_empty());
            }
            assert_eq!(from, values.len());
        }
    }

    #[test]
    fn a_product_with_panels_is_the_sum_of_products() {
        // The second is large enough to be shared.
        for [m, k, n] in [[5, 40, 230], [60, 200, 230]] {
            let (a, b) = (numbers(m * (k + 3), 0.3), numbers(k * n, 1.1));
            let mut c = numbers(m * (n + 2), 0.9);
            let before = c.clone();
            let to = PartMut { data: &mut c, cols: n + 2, range: 1..n + 1 };
            let left = Part::columns(&a, k + 3, 2..k + 2);
            Panels::of_rows(&b, n).multiply(to, left, Into::Add);
            for i in 0..m {
                for j in 0..n {
                    let sum: f64 = (0..k).map(|l| a[i * (k + 3) + 2 + l] * b[l * n + j]).sum();
                    let at = i * (n + 2) + 1 + j;
                    assert!((c[at] - before[at] - sum).abs() < 1e-13, "{i} {j}");
                }
                assert_eq!(c[i * (n + 2)], before[i * (n + 2)], "outside the part");
            }
        }
    }
}
