use super::rows::add_scaled;
use super::{Map, Memory, dot_rows, keep_rows, norms};
use crate::numerics::kernels::Real;
use crate::numerics::{Mat, dense};

/// The last images and residuals of every row.
pub struct Anderson<T> {
    window: usize,
    ridge: f64,
    relative: bool,
    /// The iteration from which on mixtures are guarded.
    careful: Option<usize>,
    dim: usize,
    /// How many pairs there are, and where the next goes.
    filled: usize,
    place: usize,
    /// `[rows, dim]` each, `window` of them.
    images: Vec<Vec<T>>,
    residuals: Vec<Vec<T>>,
    /// `residual . residual`, `[rows, window, window]`
    gram: Vec<f64>,
    mixed: Vec<T>,
}

impl<T: Real> Anderson<T> {
    pub fn new(
        window: usize,
        ridge: f64,
        relative: bool,
        careful: Option<usize>,
        rows: usize,
        dim: usize,
    ) -> Anderson<T> {
        let empty = vec![vec![T::default(); rows * dim]; window];
        Anderson {
            window,
            ridge,
            relative,
            careful,
            dim,
            filled: 0,
            place: 0,
            images: empty.clone(),
            residuals: empty,
            gram: vec![0.0; rows * window * window],
            mixed: vec![T::default(); dim],
        }
    }

    /// Takes in the newest pair.
    fn push(&mut self, z: &[T], image: &[T]) {
        let (dim, m, new) = (self.dim, self.window, self.place);
        self.images[new].copy_from_slice(image);
        let residuals = &mut self.residuals[new];
        for ((r, &image), &z) in residuals.iter_mut().zip(image).zip(z) {
            *r = image - z;
        }
        self.filled = (self.filled + 1).min(m);
        self.place = (new + 1) % m;
        for (row, gram) in self.gram.chunks_exact_mut(m * m).enumerate() {
            let at = row * dim..(row + 1) * dim;
            for j in 0..self.filled {
                let d = dot_rows(&self.residuals[new][at.clone()], &self.residuals[j][at.clone()]);
                gram[new * m + j] = d;
                gram[j * m + new] = d;
            }
        }
    }

    /// The weights of a row's images, in the order they are kept.
    fn weights(&self, row: usize) -> Option<Vec<f64>> {
        let (n, m) = (self.filled, self.window);
        let gram = &self.gram[row * m * m..(row + 1) * m * m];
        let mean = (0..n).map(|j| gram[j * m + j]).sum::<f64>() / n as f64;
        let ridge = if self.relative { self.ridge * mean } else { self.ridge };
        let a = Mat::from_fn(n, n, |i, j| gram[i * m + j] + if i == j { ridge } else { 0.0 });
        let alpha = dense::solve(&a, &vec![1.0; n])?;
        let sum: f64 = alpha.iter().sum();
        let weights: Vec<f64> = alpha.into_iter().map(|a| a / sum).collect();
        weights.iter().all(|w| w.is_finite()).then_some(weights)
    }
}

impl<T: Real, M: Map<T>> Memory<T, M> for Anderson<T> {
    fn step(&mut self, _map: &mut M, z: &mut [T], image: &[T], iteration: usize) -> usize {
        self.push(z, image);
        let dim = self.dim;
        for (row, (z, image)) in z.chunks_exact_mut(dim).zip(image.chunks_exact(dim)).enumerate() {
            let weights = if self.filled < 2 { None } else { self.weights(row) };
            let Some(weights) = weights else {
                z.copy_from_slice(image);
                continue;
            };
            self.mixed.fill(T::default());
            for (images, weight) in self.images.iter().zip(weights) {
                add_scaled(&mut self.mixed, T::of(weight), &images[row * dim..(row + 1) * dim]);
            }
            let take = self.careful.is_none_or(|from| iteration < from) || {
                let (last, mixed) = (norms(z, image), norms(image, &self.mixed));
                // Relative distances of the last image: from the mixture, and from the iterate.
                let [near, far] = [mixed.change / mixed.image, last.change / norms(z, z).image];
                near < far
            };
            z.copy_from_slice(if take { &self.mixed } else { image });
        }
        0
    }

    fn keep(&mut self, rows: &[usize]) {
        for kept in self.images.iter_mut().chain(&mut self.residuals) {
            keep_rows(kept, self.dim, rows);
        }
        keep_rows(&mut self.gram, self.window * self.window, rows);
    }
}
