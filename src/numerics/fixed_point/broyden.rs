use super::rows::add_scaled;
use super::{Map, Memory, dot_rows, keep_rows};
use crate::numerics::kernels::Real;

/// The inverse Jacobian of the residual, `-I + sum_j u_j v_j^T`, a row each.
pub struct Broyden<T> {
    window: usize,
    dim: usize,
    filled: usize,
    /// `[rows, dim]` each.
    u: Vec<Vec<T>>,
    v: Vec<Vec<T>>,
    /// The step taken last, and the residual before it; empty at first.
    step: Vec<T>,
    before: Vec<T>,
}

impl<T: Real> Broyden<T> {
    pub fn new(window: usize, rows: usize, dim: usize) -> Broyden<T> {
        let empty = vec![vec![T::default(); rows * dim]; window];
        let (u, v) = (empty.clone(), empty);
        Broyden { window, dim, filled: 0, u, v, step: Vec::new(), before: Vec::new() }
    }

    /// The inverse Jacobian times `x`, or its transpose times `x`.
    fn times(&self, row: usize, x: &[T], transposed: bool) -> Vec<T> {
        let at = row * self.dim..(row + 1) * self.dim;
        let mut out: Vec<T> = x.iter().map(|&x| -x).collect();
        for (u, v) in self.u.iter().zip(&self.v).take(self.filled) {
            let [to, by] = if transposed { [v, u] } else { [u, v] };
            let by = dot_rows(&by[at.clone()], x);
            add_scaled(&mut out, T::of(by), &to[at.clone()]);
        }
        out
    }

    /// Takes in what the last step did to the residual.
    fn learn(&mut self, residual: &[T]) {
        if self.filled == self.window {
            self.filled = 0;
        }
        let dim = self.dim;
        for row in 0..residual.len() / dim {
            let at = row * dim..(row + 1) * dim;
            let change: Vec<T> = residual[at.clone()]
                .iter()
                .zip(&self.before[at.clone()])
                .map(|(&a, &b)| a - b)
                .collect();
            let step = self.step[at.clone()].to_vec();
            let back = self.times(row, &change, false);
            let by = self.times(row, &step, true);
            let scale = dot_rows(&step, &back);
            let sound = scale.is_finite() && scale.abs() > 1e-30;
            let scale = if sound { 1.0 / scale } else { 0.0 };
            let u = &mut self.u[self.filled][at.clone()];
            for ((u, &step), &back) in u.iter_mut().zip(&step).zip(&back) {
                *u = T::of(scale) * (step - back);
            }
            self.v[self.filled][at].copy_from_slice(&by);
        }
        self.filled += 1;
    }
}

impl<T: Real, M: Map<T>> Memory<T, M> for Broyden<T> {
    fn step(&mut self, _map: &mut M, z: &mut [T], image: &[T], _iteration: usize) -> usize {
        let residual: Vec<T> = image.iter().zip(&*z).map(|(&image, &z)| image - z).collect();
        if !self.step.is_empty() {
            self.learn(&residual);
        }
        self.step = residual.clone();
        for (row, step) in self.step.chunks_exact_mut(self.dim).enumerate() {
            let at = row * self.dim..(row + 1) * self.dim;
            step.iter_mut().for_each(|s| *s = T::default());
            let mut direction = residual[at.clone()].to_vec();
            for (u, v) in self.u.iter().zip(&self.v).take(self.filled) {
                let by = dot_rows(&v[at.clone()], &residual[at.clone()]);
                add_scaled(&mut direction, T::of(-by), &u[at.clone()]);
            }
            step.copy_from_slice(&direction);
        }
        for (z, &step) in z.iter_mut().zip(&self.step) {
            *z = *z + step;
        }
        self.before = residual;
        0
    }

    fn keep(&mut self, rows: &[usize]) {
        for kept in self.u.iter_mut().chain(&mut self.v) {
            keep_rows(kept, self.dim, rows);
        }
        for kept in [&mut self.step, &mut self.before] {
            if !kept.is_empty() {
                keep_rows(kept, self.dim, rows);
            }
        }
    }
}
