//! Rows that mostly hold one value, and their products with panels.

use multiversion::multiversion;
use rayon::prelude::*;

use super::gemm::PartMut;
use super::kernels::Real;
use super::panels::{Panels, WIDTH};

/// Rows of numbers as one value and the places where they differ from it.
///
/// A picture of MNIST is a fifth of ink, and a product is made of that fifth alone.
#[derive(Debug, Clone)]
pub struct Mostly<T> {
    value: T,
    rows: usize,
    cols: usize,
    /// Where the places of each row in each block of [`DEEP`] begin, `[rows, blocks]`, and the end.
    starts: Vec<u32>,
    /// Within their block.
    places: Vec<u32>,
    /// How much more than the value is there.
    more: Vec<T>,
}

/// Rows of a panel that stay in the first cache while all rows of the other side meet them.
const DEEP: usize = 64;
/// Rows of the left side that a thread takes at once, and the multiplications from which on it does.
const SHARE: usize = 32;
const SHARED: usize = 1 << 20;
/// Numbers of a vector register, or a few: sums of a panel's row are kept in so many.
const GROUP: usize = 16;
const GROUPS: usize = WIDTH / GROUP;

impl<T: Real> Mostly<T> {
    /// Of `[rows, cols]`.
    ///
    /// # Panics
    /// If the numbers do not make whole rows.
    pub fn of_rows(numbers: &[T], cols: usize, value: T) -> Mostly<T> {
        let rows = numbers.len().checked_div(cols).unwrap_or(0);
        assert_eq!(rows * cols, numbers.len(), "the numbers make whole rows");
        let blocks = cols.div_ceil(DEEP);
        let mut starts = Vec::with_capacity(rows * blocks + 1);
        let (mut places, mut more) = (Vec::new(), Vec::new());
        for row in numbers.chunks_exact(cols.max(1)) {
            for block in row.chunks(DEEP) {
                starts.push(places.len() as u32);
                let (mut place, mut far, mut found) = ([0; DEEP], [T::default(); DEEP], 0);
                // Written in any case: which numbers differ cannot be foretold.
                for (i, &v) in block.iter().enumerate() {
                    (place[found], far[found]) = (i as u32, v - value);
                    found += usize::from(v != value);
                }
                places.extend_from_slice(&place[..found]);
                more.extend_from_slice(&far[..found]);
            }
        }
        starts.push(places.len() as u32);
        Mostly { value, rows, cols, starts, places, more }
    }

    /// `c <- c + self b`. The bits of a row depend on that row and `b` alone.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_product(&self, c: PartMut<T>, b: &Panels<T>) {
        assert_eq!((self.cols, c.range.len()), (b.rows(), b.cols()), "the shapes of a product");
        assert_eq!(c.data.len(), self.rows * c.cols, "the shapes of a product");
        if self.rows == 0 || b.cols() == 0 {
            return;
        }
        let (cols, first) = (c.cols, c.range.start);
        let whole = self.places.len() + self.cols;
        if whole * b.cols() >= SHARED && self.rows > SHARE {
            let parts = c.data.par_chunks_mut(SHARE * cols).enumerate();
            parts.for_each(|(part, c)| add(self, part * SHARE, c, cols, first, b.as_slice()));
        } else {
            add(self, 0, c.data, cols, first, b.as_slice());
        }
    }
}

/// The rows from `from` on, as many as `c` has; `b` are panels, of `c`'s columns from `first` on.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn add<T: Real>(a: &Mostly<T>, from: usize, c: &mut [T], cols: usize, first: usize, b: &[T]) {
    let blocks = a.cols.div_ceil(DEEP);
    let width = b.len() / a.cols;
    for left in (0..width).step_by(WIDTH) {
        let wide = WIDTH.min(width - left);
        let panel = &b[left * a.cols..(left + wide) * a.cols];
        let mut everywhere = [T::default(); WIDTH];
        if a.value != T::default() {
            let rows = panel.chunks_exact(wide).map(|row| (a.value, row));
            add_rows(&mut everywhere[..wide], rows);
        }
        for (block, deep) in panel.chunks(DEEP * wide).enumerate() {
            for (row, c) in c.chunks_exact_mut(cols).enumerate() {
                let at = (from + row) * blocks + block;
                let some = a.starts[at] as usize..a.starts[at + 1] as usize;
                let (places, more) = (&a.places[some.clone()], &a.more[some]);
                let c = &mut c[first + left..first + left + wide];
                if block == 0 {
                    c.iter_mut().zip(&everywhere).for_each(|(c, &s)| *c = *c + s);
                }
                let rows = places.iter().zip(more);
                let row = |place: u32| &deep[place as usize * wide..][..wide];
                add_rows(c, rows.map(|(&place, &more)| (more, row(place))));
            }
        }
    }
}

/// Adds multiples of rows of one panel; the sums of a whole one stay in registers.
#[inline(always)]
fn add_rows<'a, T: Real>(c: &mut [T], rows: impl Iterator<Item = (T, &'a [T])>) {
    if c.len() < WIDTH {
        return rows
            .for_each(|(by, row)| c.iter_mut().zip(row).for_each(|(c, &w)| *c = *c + by * w));
    }
    let mut sums = [[T::default(); GROUP]; GROUPS];
    for (sums, c) in sums.iter_mut().zip(c.chunks_exact(GROUP)) {
        sums.copy_from_slice(c);
    }
    for (by, row) in rows {
        let row = &row[..WIDTH];
        for (g, sums) in sums.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = *sum + by * row[g * GROUP + j];
            }
        }
    }
    for (sums, c) in sums.iter().zip(c.chunks_exact_mut(GROUP)) {
        c.copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::gemm::{Into, Part};
    use crate::numerics::math::sin;

    fn numbers(n: usize, of: f64) -> Vec<f64> {
        (0..n).map(|i| sin(of * (i + 1) as f64)).collect()
    }

    /// `rows` of `cols` numbers, one in `every` not `value`.
    fn rows(rows: usize, cols: usize, every: usize, value: f64) -> Vec<f64> {
        let mut a = numbers(rows * cols, 0.3);
        a.iter_mut().enumerate().filter(|(i, _)| i % every > 0).for_each(|(_, a)| *a = value);
        a
    }

    #[test]
    fn a_product_is_the_dense_one() {
        // The third is large enough to be shared.
        let shapes =
            [[5, 40, 230, 3], [1, 64, 96, 1], [70, 300, 200, 4], [3, 65, 97, 500], [0, 3, 4, 1]];
        for [m, k, n, every] in shapes {
            for value in [0.0, 0.119] {
                let (a, b) = (rows(m, k, every, value), numbers(k * n, 1.1));
                let b = Panels::of_rows(&b, n);
                let mut c = numbers(m * (n + 2), 0.9);
                let mut dense = c.clone();
                let part = |data| PartMut { data, cols: n + 2, range: 1..n + 1 };
                Mostly::of_rows(&a, k, value).add_product(part(&mut c), &b);
                if m > 0 {
                    b.multiply(part(&mut dense), Part::whole(&a, k), Into::Add);
                }
                let far = c.iter().zip(&dense).map(|(c, d)| (c - d).abs()).fold(0.0, f64::max);
                assert!(far < 1e-12, "{m} {k} {n}: {far:e}");
            }
        }
    }

    #[test]
    fn a_row_is_the_same_in_any_company() {
        let (m, k, n) = (70, 300, 200);
        let (a, b) = (rows(m, k, 4, 0.5), Panels::of_rows(&numbers(k * n, 1.1), n));
        let product = |a: &[f64]| {
            let mut c = vec![0.0; a.len() / k * n];
            let part = PartMut { data: &mut c, cols: n, range: 0..n };
            Mostly::of_rows(a, k, 0.5).add_product(part, &b);
            c
        };
        let together = product(&a);
        for row in [0, 33, 69] {
            assert_eq!(together[row * n..(row + 1) * n], product(&a[row * k..(row + 1) * k]));
        }
    }

    #[test]
    fn numbers_that_are_none_stay_so() {
        let mut c = [0.0; 2];
        let a = Mostly::of_rows(&[1.0, f64::NAN, 1.0, 1.0], 2, 1.0);
        a.add_product(
            PartMut { data: &mut c, cols: 1, range: 0..1 },
            &Panels::of_rows(&[1.0, 2.0], 1),
        );
        assert!(c[0].is_nan() && c[1] == 3.0);
    }
}
