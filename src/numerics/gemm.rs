//! Dense products of row-major matrices: the only file that names faer's dense part.

use std::cell::RefCell;
use std::ops::Range;
use std::time::{Duration, Instant};

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::Mat;

/// What a product does with the numbers that are already in its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    Replace,
    Add,
}

/// Numbers with a dense product.
pub trait Gemm: Copy {
    /// `c <- a b` or `c <- c + a b`, all row-major: `c` is `[m, n]`, `a` is `[m, k]`, `b` is
    /// `[k, n]`.
    ///
    /// An entry of `c` is summed over `k` in an order that depends on `k` alone as long as `m`
    /// and `n` are at least 2, so a column's bits do not depend on its neighbours.
    ///
    /// # Panics
    /// If the slices do not fit `[m, n, k]`.
    fn gemm(c: &mut [Self], a: &[Self], b: &[Self], shape: [usize; 3], into: Into);

    /// `c <- a b` or `c <- c + a b` of parts of row-major matrices, as they are or transposed.
    ///
    /// An entry of `c` is summed over the inner size in an order that depends on that size alone as
    /// long as `c` has at least 2 rows and 2 columns.
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    fn product(c: PartMut<Self>, a: Part<Self>, b: Part<Self>, into: Into);

    /// The same with a `b` of `k` rows that is cut into panels of `width` columns, each row-major and
    /// one after the other; a large one is shared by the threads.
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    fn panels(c: PartMut<Self>, a: Part<Self>, b: &[Self], k: usize, width: usize, into: Into);
}

/// Some columns of a row-major matrix, or their transpose.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a, T> {
    data: &'a [T],
    /// Of the matrix.
    cols: usize,
    first: usize,
    width: usize,
    transposed: bool,
}

impl<'a, T> Part<'a, T> {
    /// A whole matrix of `cols` columns.
    pub fn whole(data: &'a [T], cols: usize) -> Self {
        Part { data, cols, first: 0, width: cols, transposed: false }
    }

    /// The columns `range` of a matrix of `cols` columns.
    pub fn columns(data: &'a [T], cols: usize, range: Range<usize>) -> Self {
        Part { data, cols, first: range.start, width: range.len(), transposed: false }
    }

    pub fn transposed(self) -> Self {
        Part { transposed: !self.transposed, ..self }
    }
}

/// Some columns of a row-major matrix, to be written.
#[derive(Debug)]
pub struct PartMut<'a, T> {
    pub data: &'a mut [T],
    /// Of the matrix.
    pub cols: usize,
    pub range: Range<usize>,
}

/// The products of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Metered {
    /// `[m, n, k]`
    pub shape: [usize; 3],
    pub into: Into,
    pub calls: usize,
    pub time: Duration,
    /// The shortest call.
    pub shortest: Duration,
}

/// Multiplications from which on a product by panels is shared.
const SHARED: usize = 1 << 21;
/// Rows of a block of [`spread`]: fixed, so that bits do not depend on the number of threads.
const BLOCK: usize = 64;

/// `a b`, `[m, n]`, of `a` `[m, k]` and `b` `[k, n]`, blocks of rows over the threads.
///
/// # Panics
/// If the inner sizes differ.
pub fn spread(a: &Mat, b: &Mat) -> Mat {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    assert_eq!(k, b.rows(), "a product of {m} x {k} and {} x {n}", b.rows());
    let mut c = Mat::zeros(m, n);
    if m * n * k > 0 {
        let blocks = c.as_mut_slice().par_chunks_mut(BLOCK * n);
        blocks.zip(a.as_slice().par_chunks(BLOCK * k)).for_each(|(c, a)| {
            f64::gemm(c, a, b.as_slice(), [a.len() / k, n, k], Into::Replace);
        });
    }
    c
}

thread_local! {
    static METER: RefCell<Option<Vec<Metered>>> = const { RefCell::new(None) };
}

/// Counts and times the products of this thread from here on, until [`read_meter`].
pub fn start_meter() {
    METER.set(Some(Vec::new()));
}

/// Ends [`start_meter`]; one entry a shape, nothing if it was not called.
pub fn read_meter() -> Vec<Metered> {
    METER.take().unwrap_or_default()
}

fn metered(shape: [usize; 3], into: Into, product: impl FnOnce()) {
    METER.with_borrow_mut(|meter| {
        let Some(meter) = meter else { return product() };
        let start = Instant::now();
        product();
        let time = start.elapsed();
        match meter.iter_mut().find(|m| m.shape == shape && m.into == into) {
            Some(m) => {
                m.calls += 1;
                m.time += time;
                m.shortest = m.shortest.min(time);
            }
            None => meter.push(Metered { shape, into, calls: 1, time, shortest: time }),
        }
    });
}

fn view<'a, T>(part: &Part<'a, T>) -> MatRef<'a, T> {
    let rows = part.data.len() / part.cols.max(1);
    let whole = MatRef::from_row_major_slice(part.data, rows, part.cols);
    let some = whole.subcols(part.first, part.width);
    if part.transposed { some.transpose() } else { some }
}

fn accum(into: Into) -> Accum {
    match into {
        Into::Replace => Accum::Replace,
        Into::Add => Accum::Add,
    }
}

macro_rules! gemm {
    ($($real:ty),*) => {$(
        impl Gemm for $real {
            fn gemm(c: &mut [$real], a: &[$real], b: &[$real], [m, n, k]: [usize; 3], into: Into) {
                metered([m, n, k], into, || matmul(
                    MatMut::from_row_major_slice_mut(c, m, n),
                    accum(into),
                    MatRef::from_row_major_slice(a, m, k),
                    MatRef::from_row_major_slice(b, k, n),
                    1.0,
                    Par::Seq,
                ));
            }

            fn product(c: PartMut<$real>, a: Part<$real>, b: Part<$real>, into: Into) {
                let (a, b) = (view(&a), view(&b));
                let rows = c.data.len() / c.cols.max(1);
                let whole = MatMut::from_row_major_slice_mut(c.data, rows, c.cols);
                let some = whole.subcols_mut(c.range.start, c.range.len());
                metered([a.nrows(), b.ncols(), a.ncols()], into, || matmul(
                    some,
                    accum(into),
                    a,
                    b,
                    1.0,
                    Par::Seq,
                ));
            }

            fn panels(
                c: PartMut<$real>,
                a: Part<$real>,
                b: &[$real],
                k: usize,
                width: usize,
                into: Into,
            ) {
                fn go(
                    c: MatMut<$real>,
                    a: MatRef<$real>,
                    b: &[$real],
                    width: usize,
                    accum: Accum,
                ) {
                    let (m, n, k) = (c.nrows(), c.ncols(), a.ncols());
                    if n <= width {
                        let b = MatRef::from_row_major_slice(b, k, n);
                        return matmul(c, accum, a, b, 1.0, Par::Seq);
                    }
                    let half = n.div_ceil(width) / 2 * width;
                    let (left, right) = c.split_at_col_mut(half);
                    let (b_left, b_right) = b.split_at(half * k);
                    let left = || go(left, a, b_left, width, accum);
                    let right = || go(right, a, b_right, width, accum);
                    if m * n * k >= SHARED {
                        rayon::join(left, right);
                    } else {
                        left();
                        right();
                    }
                }
                let a = view(&a);
                let rows = c.data.len() / c.cols.max(1);
                let whole = MatMut::from_row_major_slice_mut(c.data, rows, c.cols);
                let some = whole.subcols_mut(c.range.start, c.range.len());
                assert_eq!((a.ncols(), k * some.ncols()), (k, b.len()), "the shapes of a product");
                let shape = [a.nrows(), some.ncols(), k];
                metered(shape, into, || go(some, a, b, width, accum(into)));
            }
        }
    )*};
}

gemm!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f64> {
        let mut s = seed;
        (0..n)
            .map(|_| {
                s = s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
                (s >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            })
            .collect()
    }

    #[test]
    fn product_is_the_sum_of_products() {
        for [m, n, k] in [[1, 1, 1], [3, 8, 5], [10, 48, 512], [512, 16, 10], [7, 33, 700]] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let mut c = numbers(m * n, 3);
            let before = c.clone();
            f64::gemm(&mut c, &a, &b, [m, n, k], Into::Add);
            for i in 0..m {
                for j in 0..n {
                    let sum: f64 = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
                    let got = c[i * n + j];
                    assert!((got - before[i * n + j] - sum).abs() < 1e-12, "{m} {n} {k}: {got}");
                }
            }
        }
    }

    #[test]
    fn a_spread_product_is_the_product() {
        for [m, n, k] in [[1, 1, 1], [130, 9, 33], [64, 5, 1], [0, 3, 2], [3, 2, 0]] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let got = spread(&Mat::from_vec(m, k, a.clone()), &Mat::from_vec(k, n, b.clone()));
            for i in 0..m {
                for j in 0..n {
                    let sum: f64 = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
                    assert!((got[(i, j)] - sum).abs() < 1e-12, "{m} {n} {k}");
                }
            }
        }
    }

    /// The first `narrow` columns of `b` give the same bits alone and among `wide` columns.
    fn columns_are_independent<T: Gemm + Default + PartialEq + std::fmt::Debug>(of: fn(f64) -> T) {
        for (m, k) in [(2, 3), (10, 512), (512, 10), (512, 784), (30, 1300)] {
            let (narrow, wide) = (8, 72);
            let a: Vec<T> = numbers(m * k, 1).into_iter().map(of).collect();
            let b: Vec<T> = numbers(k * wide, 2).into_iter().map(of).collect();
            let all = product(&a, &b, [m, wide, k]);
            for narrow in [narrow, 16, 24, 48, 64] {
                let some: Vec<T> =
                    (0..k).flat_map(|l| b[l * wide..][..narrow].iter().copied()).collect();
                let alone = product(&a, &some, [m, narrow, k]);
                for i in 0..m {
                    assert_eq!(
                        alone[i * narrow..][..narrow],
                        all[i * wide..][..narrow],
                        "{m} x {k}, {narrow} columns"
                    );
                }
            }
        }
    }

    fn product<T: Gemm + Default>(a: &[T], b: &[T], [m, n, k]: [usize; 3]) -> Vec<T> {
        let mut c = vec![T::default(); m * n];
        T::gemm(&mut c, a, b, [m, n, k], Into::Replace);
        c
    }

    /// Rows give the same bits alone and among others, from 2 rows on.
    fn rows_are_independent<T: Gemm + Default + PartialEq + std::fmt::Debug>(of: fn(f64) -> T) {
        for (n, k) in [(2, 3), (10, 512), (512, 10), (512, 784), (30, 1300)] {
            let a: Vec<T> = numbers(64 * k, 1).into_iter().map(of).collect();
            let b: Vec<T> = numbers(k * n, 2).into_iter().map(of).collect();
            for transposed in [false, true] {
                let right = match transposed {
                    false => Part::whole(&b, n),
                    true => Part::whole(&b, k).transposed(),
                };
                let product = |rows: usize| {
                    let mut c = vec![T::default(); rows * n];
                    let to = PartMut { data: &mut c, cols: n, range: 0..n };
                    T::product(to, Part::whole(&a[..rows * k], k), right, Into::Replace);
                    c
                };
                let all = product(64);
                for rows in (2..20).chain([31, 32, 33, 47, 63]) {
                    let some = product(rows);
                    assert_eq!(some[..], all[..rows * n], "{rows} rows, {n} x {k}, {transposed}");
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        rows_are_independent::<f64>(|x| x);
        rows_are_independent::<f32>(|x| x as f32);
    }

    #[test]
    fn a_product_of_parts_is_the_sum_of_products() {
        let (a, b) = (numbers(5 * 9, 1), numbers(7 * 4, 2));
        let mut c = numbers(5 * 8, 3);
        let before = c.clone();
        let to = PartMut { data: &mut c, cols: 8, range: 1..8 };
        f64::product(to, Part::columns(&a, 9, 3..7), Part::whole(&b, 4).transposed(), Into::Add);
        for i in 0..5 {
            assert_eq!(c[i * 8], before[i * 8], "outside the part");
            for j in 0..7 {
                let sum: f64 = (0..4).map(|l| a[i * 9 + 3 + l] * b[j * 4 + l]).sum();
                assert!((c[i * 8 + 1 + j] - before[i * 8 + 1 + j] - sum).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_column_does_not_depend_on_its_neighbours() {
        columns_are_independent::<f64>(|x| x);
        columns_are_independent::<f32>(|x| x as f32);
    }
}
