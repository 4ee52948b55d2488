use super::rows::add_scaled;
use super::{Map, Memory, dot_rows};
use crate::numerics::kernels::Real;
use crate::numerics::{Mat, dense};

/// `(I - J) step = f(z) - z` by GMRES, all rows at once.
pub struct Newton {
    inner: usize,
    forcing: f64,
    guards: Vec<Guard>,
}

impl Newton {
    pub fn new(inner: usize, forcing: f64, rows: usize) -> Newton {
        let guard = Guard { bar: f64::INFINITY, last: f64::INFINITY, stepped: false };
        Newton { inner, forcing, guards: vec![guard; rows] }
    }
}

/// Keeps a row from jumping about: after a step that made its residual larger it goes on by damped
/// iteration, until the residual is half of what it was before that step.
#[derive(Debug, Clone, Copy)]
struct Guard {
    bar: f64,
    /// The residual before, and whether a step of Newton's method was taken there.
    last: f64,
    stepped: bool,
}

impl Guard {
    /// Whether a row of this residual takes a step of Newton's method.
    fn steps(&mut self, residual: f64) -> bool {
        if self.stepped && residual > self.last {
            self.bar = 0.5 * self.last;
        }
        self.last = residual;
        self.stepped = residual <= self.bar;
        self.stepped
    }
}

/// What Arnoldi's process has of one row.
struct Row {
    /// `h[j]`: the column of direction `j`, `j + 2` numbers.
    h: Vec<Vec<f64>>,
    length: f64,
    /// Weights of the directions that minimise the linear residual.
    weights: Vec<f64>,
    done: bool,
}

impl Row {
    /// Minimises the linear residual over the directions there are; whether it is small enough.
    fn minimise(&mut self, forcing: f64) -> Option<()> {
        let n = self.h.len();
        let entry = |i: usize, j: usize| self.h[j].get(i).copied().unwrap_or(0.0);
        let right = |i: usize| if i == 0 { self.length } else { 0.0 };
        let normal = Mat::from_fn(n, n, |i, j| (0..=n).map(|k| entry(k, i) * entry(k, j)).sum());
        let by: Vec<f64> = (0..n).map(|j| entry(0, j) * self.length).collect();
        let weights = dense::solve(&normal, &by)?;
        let left = (0..=n).map(|i| {
            let sum: f64 = (0..n).map(|j| entry(i, j) * weights[j]).sum();
            (right(i) - sum) * (right(i) - sum)
        });
        self.done |= left.sum::<f64>().sqrt() <= forcing * self.length;
        self.weights = weights;
        Some(())
    }
}

impl<T: Real, M: Map<T>> Memory<T, M> for Newton {
    fn step(&mut self, map: &mut M, z: &mut [T], image: &[T], _iteration: usize) -> usize {
        let dim = map.dim();
        let mut basis: Vec<Vec<T>> = vec![image.iter().zip(&*z).map(|(&f, &z)| f - z).collect()];
        let mut rows: Vec<Row> = Vec::new();
        for r in basis[0].chunks_exact_mut(dim) {
            let length = dot_rows(r, r).sqrt();
            let by = T::of(if length > 0.0 { 1.0 / length } else { 0.0 });
            r.iter_mut().for_each(|r| *r = by * *r);
            let done = !self.guards[rows.len()].steps(length) || length == 0.0;
            rows.push(Row { h: Vec::new(), length, weights: Vec::new(), done });
        }
        let (mut moved, mut out) = (z.to_vec(), z.to_vec());
        let mut evaluations = 0;
        while evaluations < self.inner && !rows.iter().all(|row| row.done) {
            let direction = &basis[evaluations];
            let mut reach = Vec::new();
            for ((moved, z), v) in moved
                .chunks_exact_mut(dim)
                .zip(z.chunks_exact(dim))
                .zip(direction.chunks_exact(dim))
            {
                let size = dot_rows(z, z).sqrt().max(1.0);
                let e = T::of((T::EPSILON).sqrt() * size);
                for ((moved, &z), &v) in moved.iter_mut().zip(z).zip(v) {
                    *moved = z + e * v;
                }
                reach.push(e);
            }
            map.apply(&moved, &mut out);
            let mut next = direction.clone();
            for (row, next) in next.chunks_exact_mut(dim).enumerate() {
                let at = row * dim..(row + 1) * dim;
                for ((next, &out), &image) in
                    next.iter_mut().zip(&out[at.clone()]).zip(&image[at.clone()])
                {
                    *next = *next - (out - image) / reach[row];
                }
                let mut column: Vec<f64> = Vec::new();
                for v in &basis {
                    let h = dot_rows(&v[at.clone()], next);
                    add_scaled(next, T::of(-h), &v[at.clone()]);
                    column.push(h);
                }
                let length = dot_rows(next, next).sqrt();
                column.push(length);
                let by = T::of(if length > 1e-30 { 1.0 / length } else { 0.0 });
                next.iter_mut().for_each(|v| *v = by * *v);
                let state = &mut rows[row];
                if !state.done {
                    state.h.push(column);
                    let solved = state.minimise(self.forcing);
                    state.done |= solved.is_none() || length <= 1e-30;
                }
            }
            basis.push(next);
            evaluations += 1;
        }
        for (row, (z, state)) in z.chunks_exact_mut(dim).zip(&rows).enumerate() {
            if !self.guards[row].stepped {
                let image = &image[row * dim..(row + 1) * dim];
                z.iter_mut().zip(image).for_each(|(z, &f)| *z = T::of(0.5) * (*z + f));
            }
            for (v, &weight) in basis.iter().zip(&state.weights) {
                add_scaled(z, T::of(weight), &v[row * dim..(row + 1) * dim]);
            }
        }
        evaluations
    }

    fn keep(&mut self, rows: &[usize]) {
        self.guards = rows.iter().map(|&row| self.guards[row]).collect();
    }
}
