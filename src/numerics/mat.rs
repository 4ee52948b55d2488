/// A dense row-major matrix. By convention a batch of samples is `[batch, size]`, one sample a
/// row, and a weight is `[post, pre]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mat<T = f64> {
    rows: usize,
    cols: usize,
    data: Vec<T>,
}

impl<T: Copy + Default> Mat<T> {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Mat { rows, cols, data: vec![T::default(); rows * cols] }
    }

    /// Takes over a row-major vector.
    ///
    /// # Panics
    /// If `data` does not hold `rows * cols` numbers.
    pub fn from_vec(rows: usize, cols: usize, data: Vec<T>) -> Self {
        assert_eq!(data.len(), rows * cols, "matrix data does not fit {rows} x {cols}");
        Mat { rows, cols, data }
    }

    /// Fills entry `(i, j)` with `f(i, j)`, row by row.
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut data = Vec::with_capacity(rows * cols);
        for i in 0..rows {
            for j in 0..cols {
                data.push(f(i, j));
            }
        }
        Mat { rows, cols, data }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn cols(&self) -> usize {
        self.cols
    }

    pub fn row(&self, i: usize) -> &[T] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        &mut self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// All rows in order, also when `cols` is zero.
    pub fn iter_rows(&self) -> impl Iterator<Item = &[T]> {
        (0..self.rows).map(|i| self.row(i))
    }

    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    pub fn into_vec(self) -> Vec<T> {
        self.data
    }

    pub fn transposed(&self) -> Self {
        let mut out = Mat::zeros(self.cols, self.rows);
        // Tiles that fit the cache, or every number written would fetch a line of its own.
        const TILE: usize = 16;
        for i in (0..self.rows).step_by(TILE) {
            let rows = i..(i + TILE).min(self.rows);
            for j in (0..self.cols).step_by(TILE) {
                for j in j..(j + TILE).min(self.cols) {
                    for i in rows.clone() {
                        out.data[j * self.rows + i] = self.data[i * self.cols + j];
                    }
                }
            }
        }
        out
    }

    /// The rows named, in the order named.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let mut data = Vec::with_capacity(rows.len() * self.cols);
        for &i in rows {
            data.extend_from_slice(self.row(i));
        }
        Mat { rows: rows.len(), cols: self.cols, data }
    }

    pub fn map<U: Copy + Default>(&self, mut f: impl FnMut(T) -> U) -> Mat<U> {
        Mat { rows: self.rows, cols: self.cols, data: self.data.iter().map(|&x| f(x)).collect() }
    }
}

impl<T> std::ops::Index<(usize, usize)> for Mat<T> {
    type Output = T;
    fn index(&self, (i, j): (usize, usize)) -> &T {
        &self.data[i * self.cols + j]
    }
}

impl<T> std::ops::IndexMut<(usize, usize)> for Mat<T> {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut T {
        &mut self.data[i * self.cols + j]
    }
}

/// The inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The largest magnitude; NaN if any entry is NaN, 0 for nothing.
pub fn max_abs(xs: &[f64]) -> f64 {
    xs.iter().fold(0.0, |m: f64, x| if m.is_nan() || x.abs() <= m { m } else { x.abs() })
}

/// `|a - b| / max(|a|, |b|, floor)`; NaN when either is NaN, so that `diff < tol` fails.
pub fn relative_difference(a: f64, b: f64, floor: f64) -> f64 {
    if a == b {
        return 0.0;
    }
    (a - b).abs() / a.abs().max(b.abs()).max(floor)
}
