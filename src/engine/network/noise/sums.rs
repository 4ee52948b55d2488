//! Sums over the cells of a node, of what their noises do there.

use std::ops::Range;

use rayon::prelude::*;

use super::super::Network;
use super::super::curved::sinh_cosh;
use crate::compile::Chip;
use crate::numerics::gemm::Into;
use crate::numerics::kernels::{self, Real};
use crate::numerics::math;
use crate::numerics::ode::in_lanes;

/// A number of every cell of an array, `h(Gp)` and `h(Gn)`, times one of its node.
pub(super) struct Cells<T> {
    /// The rows it comes from are those of the clamped layer.
    clamped: bool,
    pre: Range<usize>,
    pub post: Range<usize>,
    /// `h(Gp) + h(Gn)`, `[post, pre]`.
    sum: Vec<T>,
    /// `h(Gp) - h(Gn)`, `[post, pre]`.
    difference: Vec<T>,
}

impl<T: Real> Cells<T> {
    /// Of all arrays of a chip, and the sum of `h(Gp) + h(Gn)` over the cells of each row.
    pub fn of(
        net: &Network<T>,
        chip: &Chip,
        node: &[f64],
        h: impl Fn(f64) -> f64 + Sync,
    ) -> (Vec<Cells<T>>, Vec<f64>) {
        let mut own = vec![0.0; net.dim];
        let mut all = Vec::new();
        for (array, made) in chip.fabric.arrays.iter().zip(&chip.cells) {
            let rows_of = |layer| net.free.iter().find(|f| f.layer == layer);
            let Some(post) = rows_of(array.post).map(|f| f.rows.clone()) else { continue };
            let (from, cols) = (rows_of(array.pre), made.plus.cols());
            let clamped = from.is_none();
            let pre = from.map_or(0..cols, |f| f.rows.clone());
            let mut sum = vec![T::default(); post.len() * cols];
            let mut difference = sum.clone();
            sum.par_chunks_mut(cols)
                .zip(difference.par_chunks_mut(cols))
                .zip(&mut own[post.clone()])
                .enumerate()
                .for_each(|(i, ((sum, difference), own))| {
                    let cells = made.plus.row(i).iter().zip(made.minus.row(i));
                    let scale = node[post.start + i];
                    for ((sum, difference), (plus, minus)) in
                        sum.iter_mut().zip(difference).zip(cells)
                    {
                        let (plus, minus) = (scale * h(*plus), scale * h(*minus));
                        *own += plus + minus;
                        *sum = T::of(plus + minus);
                        *difference = T::of(plus - minus);
                    }
                });
            all.push(Cells { clamped, pre, post, sum, difference });
        }
        (all, own)
    }

    fn add(&self, m: &[T], from: &[T], to: &mut [T], lanes: usize) {
        let (rows, cols) = (self.post.len(), self.pre.len());
        let to = &mut to[in_lanes(self.post.clone(), lanes)];
        T::gemm(to, m, from, [rows, lanes, cols], Into::Add);
    }

    pub fn add_sum(&self, from: &[T], to: &mut [T], lanes: usize) {
        self.add(&self.sum, from, to, lanes);
    }

    pub fn add_difference(&self, from: &[T], to: &mut [T], lanes: usize) {
        self.add(&self.difference, from, to, lanes);
    }

    /// The activations that feed it, where they are of the clamped layer or not.
    pub fn source<'a>(&self, xhat: &'a [T], clamped: bool, lanes: usize) -> Option<&'a [T]> {
        (self.clamped == clamped).then(|| &xhat[in_lanes(self.pre.clone(), lanes)])
    }
}

/// A function `p` of the voltage across a cell, even, whose sums over cells are two products.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sum {
    /// `V^2`
    Square,
    /// `(v0 sinh(V / v0))^2`, which is `v0^2 / 2 (cosh(2 V / v0) - 1)`.
    Sinh(f64),
    /// `cosh(V / v0)`
    Cosh(f64),
}

impl Sum {
    /// What is between `cosh` and its voltage.
    fn bend(self) -> f64 {
        match self {
            Sum::Square => 0.0,
            Sum::Sinh(v0) => 2.0 / v0,
            Sum::Cosh(v0) => 1.0 / v0,
        }
    }
}

/// `sum_j h(Gp) p(v - u) + h(Gn) p(v + u)` of every row: with squares, the variance of a sum of
/// independent deviations of conductance.
pub(super) struct Squares<T> {
    law: Sum,
    cells: Vec<Cells<T>>,
    own: Vec<f64>,
}

impl<T: Real> Squares<T> {
    pub fn of(
        net: &Network<T>,
        chip: &Chip,
        node: &[f64],
        law: Sum,
        h: impl Fn(f64) -> f64 + Sync,
    ) -> Squares<T> {
        let (cells, own) = Cells::of(net, chip, node, h);
        Squares { law, cells, own }
    }

    /// Adds what comes from some activations.
    pub fn add(&self, xhat: &[T], clamped: bool, to: &mut [Vec<T>; 2], lanes: usize) {
        let [even, odd] = to;
        for cells in &self.cells {
            let Some(from) = cells.source(xhat, clamped, lanes) else { continue };
            if self.law == Sum::Square {
                let squared: Vec<T> = from.iter().map(|&v| v * v).collect();
                cells.add_sum(&squared, even, lanes);
                cells.add_difference(from, odd, lanes);
                continue;
            }
            let bend = T::of(self.law.bend());
            let bent: Vec<T> = from.iter().map(|&v| bend * v).collect();
            let [sinh, cosh] = sinh_cosh(&bent);
            cells.add_sum(&cosh, even, lanes);
            cells.add_difference(&sinh, odd, lanes);
        }
    }

    /// The sums, `nu` being the voltages of the nodes.
    pub fn sums(&self, [even, odd]: &[Vec<T>; 2], nu: &[f64], lanes: usize) -> Vec<f64> {
        let bend = self.law.bend();
        let each = even.iter().zip(odd).zip(nu).enumerate();
        each.map(|(k, ((even, odd), nu))| {
            let (even, odd, own) = (even.to_f64(), odd.to_f64(), self.own[k / lanes]);
            let bent = || math::cosh(bend * nu) * even - math::sinh(bend * nu) * odd;
            let sum = match self.law {
                Sum::Square => even + nu * (nu * own - 2.0 * odd),
                Sum::Sinh(v0) => 0.5 * v0 * v0 * (bent() - own),
                Sum::Cosh(_) => bent(),
            };
            sum.max(0.0)
        })
        .collect()
    }

    /// The roots of the sums.
    pub fn roots(&self, products: &[Vec<T>; 2], nu: &[f64], lanes: usize) -> Vec<f64> {
        let mut sums = self.sums(products, nu, lanes);
        super::kernels::roots(&mut sums);
        sums
    }
}

/// `sum_j g phi(v - u)` of every row, with `phi(V) = y coth y - 1` and `y = V / scale`. Where `x = 1`
/// is a voltage of the node below `scale` it lies on the parabola through the values at `x = -1`, 0
/// and 1, in three products; else it is summed cell by cell.
pub(super) struct Excess<T> {
    cells: Vec<Cells<T>>,
    /// The voltage of each row's node at which `x` is 1.
    unit: Vec<f64>,
    scale: f64,
}

impl<T: Real> Excess<T> {
    pub fn of(
        net: &Network<T>,
        chip: &Chip,
        node: &[f64],
        unit: Vec<f64>,
        scale: f64,
    ) -> Excess<T> {
        Excess { cells: Cells::of(net, chip, node, |g| g).0, unit, scale }
    }

    /// Adds what comes from some activations.
    pub fn add(&self, xhat: &[T], clamped: bool, to: &mut [Vec<T>; 3], lanes: usize) {
        let [middle, even, odd] = to;
        for cells in self.cells.iter().filter(|cells| !self.is_wide(cells)) {
            let Some(from) = cells.source(xhat, clamped, lanes) else { continue };
            let unit = self.unit[cells.post.start];
            let at = |shift: f64| excess(from, shift, self.scale);
            let (above, below) = (at(unit), at(-unit));
            let half = T::of(0.5);
            let both = above.iter().zip(&below);
            let mean: Vec<T> = both.clone().map(|(&a, &b)| half * (a + b)).collect();
            let apart: Vec<T> = both.map(|(&a, &b)| half * (b - a)).collect();
            cells.add_sum(&at(0.0), middle, lanes);
            cells.add_sum(&mean, even, lanes);
            cells.add_difference(&apart, odd, lanes);
        }
    }

    /// Whether a unit of `x` goes beyond where `phi` bends.
    fn is_wide(&self, cells: &Cells<T>) -> bool {
        self.unit[cells.post.start] > self.scale
    }

    /// Whether some cells are summed one by one.
    pub fn wants_activations(&self) -> bool {
        self.cells.iter().any(|cells| self.is_wide(cells))
    }

    /// `xhat` are the activations of the clamped layer, and of the others.
    pub fn sums(
        &self,
        products: &[Vec<T>; 3],
        xhat: [&[T]; 2],
        nu: &[f64],
        lanes: usize,
    ) -> Vec<f64> {
        let mut sums = self.on_parabolas(products, nu, lanes);
        for cells in self.cells.iter().filter(|cells| self.is_wide(cells)) {
            let from = cells.source(xhat[usize::from(!cells.clamped)], cells.clamped, lanes);
            let from = from.expect("activations of its own layer");
            let each = cells
                .post
                .clone()
                .zip(sums[in_lanes(cells.post.clone(), lanes)].chunks_exact_mut(lanes));
            for (row, sums) in each {
                self.add_one_by_one(cells, row, from, &nu[row * lanes..][..lanes], sums);
            }
        }
        sums
    }

    fn add_one_by_one(
        &self,
        cells: &Cells<T>,
        row: usize,
        from: &[T],
        nu: &[f64],
        sums: &mut [f64],
    ) {
        let (lanes, cols) = (nu.len(), cells.pre.len());
        let start = (row - cells.post.start) * cols;
        let own = cells.sum[start..][..cols].iter().zip(&cells.difference[start..][..cols]);
        let nu: Vec<T> = nu.iter().map(|&nu| T::of(nu)).collect();
        let across = |sign: T| -> Vec<T> {
            let each = from.chunks_exact(lanes);
            each.flat_map(|v| v.iter().zip(&nu).map(|(&v, &nu)| sign * v - nu)).collect()
        };
        let [plus, minus] = [1.0, -1.0].map(|sign| excess(&across(T::of(sign)), 0.0, self.scale));
        let both = plus.chunks_exact(lanes).zip(minus.chunks_exact(lanes));
        for ((sum, difference), (plus, minus)) in own.zip(both) {
            let (sum, difference) = (sum.to_f64(), difference.to_f64());
            let g = [0.5 * (sum + difference), 0.5 * (sum - difference)];
            for ((to, plus), minus) in sums.iter_mut().zip(plus).zip(minus) {
                *to += g[0] * plus.to_f64() + g[1] * minus.to_f64();
            }
        }
    }

    fn on_parabolas(
        &self,
        [middle, even, odd]: &[Vec<T>; 3],
        nu: &[f64],
        lanes: usize,
    ) -> Vec<f64> {
        let each = middle.iter().zip(even).zip(odd).zip(nu).enumerate();
        each.map(|(k, (((middle, even), odd), nu))| {
            let share = nu / self.unit[k / lanes];
            let middle = middle.to_f64();
            let sum = middle + share * (odd.to_f64() + share * (even.to_f64() - middle));
            sum.max(0.0)
        })
        .collect()
    }
}

fn excess<T: Real>(v: &[T], shift: f64, scale: f64) -> Vec<T> {
    let (shift, scale, one) = (T::of(shift), T::of(1.0 / scale), T::of(1.0));
    let y: Vec<T> = v.iter().map(|&v| (v + shift) * scale).collect();
    let mut out = vec![T::default(); y.len()];
    kernels::tanh(&y, &mut out);
    for (out, &y) in out.iter_mut().zip(&y) {
        *out = if *out == T::default() { T::default() } else { y / *out - one };
    }
    out
}
