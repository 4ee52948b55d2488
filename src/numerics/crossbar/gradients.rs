//! One Newton step, by conjugate gradients on the bit lines.

use super::coarse::Coarse;
use super::passes;
use super::sides::{self, larger};
use super::solve::Solver;
use super::tiles::{Row, ZERO};
use super::work::{Pivots, Work, over, over_with};

/// The equations of one Newton step.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    /// The slopes of the cells.
    g: &'a [Row],
    pivots: &'a Pivots,
    coarse: Option<&'a Coarse>,
}

impl Solver {
    /// The pivots of both kinds of lines for these slopes of the cells.
    pub(super) fn factor(&self, slopes: &[Row], pivots: &mut Pivots, scratch: &mut [Row]) {
        let (grid, shared) = (self.grid, self.shared());
        let (n, m) = (grid.block(), grid.panel());
        let jobs = slopes.chunks_exact(n).zip(pivots.word.chunks_exact_mut(n)).enumerate();
        over(shared, jobs, |(k, (slopes, pivots))| {
            sides::factor(&self.word, slopes, &self.word.padding(k), pivots);
        });
        let jobs = scratch.chunks_exact_mut(m).zip(pivots.bit.chunks_exact_mut(m)).enumerate();
        over(shared, jobs, |(k, (panel, pivots))| {
            sides::panel_of(grid, slopes, k, panel);
            sides::factor(&self.bit, panel, &self.bit.padding(k), pivots);
        });
    }

    /// The Newton step from the errors in `f` and `r`, into `step` and `x`, with errors of at most
    /// `goal` left; returns the iterations.
    pub(super) fn correct(&self, work: &mut Work, goal: f64, most: usize) -> usize {
        let mut own = work.pivots.take();
        if let Some(own) = &mut own {
            self.factor(&work.slopes, own, &mut work.z);
        }
        let pivots = own.as_ref().or(self.pivots.as_ref()).expect("linear cells are factorised");
        let slopes = std::mem::take(&mut work.slopes);
        let g = if slopes.is_empty() { &self.g } else { &slopes };
        let anew = if self.pivots.is_none() { Coarse::of(self, g) } else { None };
        let coarse = anew.as_ref().or(self.coarse.as_deref());
        let matrix = Matrix { g, pivots, coarse };
        let iterations = self.conjugate_gradients(work, &matrix, goal, most);
        let n = self.grid.block();
        let ins = g.chunks_exact(n).zip(pivots.word.chunks_exact(n)).zip(work.f.chunks_exact(n));
        let jobs = ins.zip(work.step.chunks_exact_mut(n)).enumerate();
        let x = &work.x;
        over(self.shared(), jobs, |(k, (((g, pivots), f), step))| {
            passes::follow(&self.block(k), [g, pivots, f, x], step);
        });
        work.slopes = slopes;
        work.pivots = own;
        iterations
    }

    /// `S x = -(r + G D_w^-1 f)` for the bit lines, by preconditioned conjugate gradients (Hestenes
    /// and Stiefel, *J. Res. NBS* 49, 1952) from 0 on.
    fn conjugate_gradients(
        &self,
        work: &mut Work,
        matrix: &Matrix,
        goal: f64,
        most: usize,
    ) -> usize {
        let Matrix { g, pivots, coarse } = *matrix;
        let (grid, shared) = (self.grid, self.shared());
        let (n, m) = (grid.block(), grid.panel());
        let Work { f, x, r, z, p, cells, .. } = work;
        let blocks = || g.chunks_exact(n).zip(pivots.word.chunks_exact(n));
        let jobs = blocks().zip(f.chunks_exact(n));
        over(shared, jobs.zip(cells.chunks_exact_mut(n)).enumerate(), |(k, (job, cells))| {
            let ((g, pivots), f) = job;
            passes::eliminate(&self.block(k), [g, pivots, f], cells);
        });
        let outs = r.chunks_exact_mut(m).zip(z.chunks_exact_mut(m));
        let blank = x.chunks_exact_mut(m).zip(p.chunks_exact_mut(m));
        let jobs = pivots.bit.chunks_exact(m).zip(outs).zip(blank).enumerate();
        let products = over(shared, jobs, |(k, ((pivots, (r, z)), (x, p)))| {
            x.fill(ZERO);
            p.fill(ZERO);
            passes::begin(&self.panel(k), [pivots, cells], [r, z])
        });
        let mut now: f64 = products.into_iter().sum();
        let mut second = coarse.map(|coarse| (coarse, coarse.work()));
        let mut sums = vec![ZERO; if coarse.is_some() { grid.blocks * grid.panels } else { 0 }];
        let mut tiles = vec![ZERO; grid.blocks * grid.panels];
        let taper = coarse.map_or(&[][..], |coarse| &coarse.taper);
        if let Some((coarse, room)) = &mut second {
            self.restrict(taper, r, &mut sums);
            now += coarse.correct(grid, &sums, room, &mut tiles);
        }
        let mut beta = 0.0;
        for iteration in 0..most {
            if !(now > 0.0 && now.is_finite()) {
                return iteration;
            }
            let jobs = z.chunks_exact(m).zip(p.chunks_exact_mut(m));
            let jobs = jobs.zip(tiles.chunks_exact(grid.blocks));
            let wires = over(shared, jobs, |((z, p), tiles)| {
                passes::direct(&self.bit, [z, tiles], taper, beta, p)
            });
            let jobs = blocks().zip(cells.chunks_exact_mut(n)).enumerate();
            let powers = over_with(shared, n, jobs, |volts, (k, ((g, pivots), cells))| {
                passes::apply(&self.block(k), [g, pivots, p], cells, volts)
            });
            let power = wires.into_iter().chain(powers).sum::<f64>();
            // Nothing is left that rounding does not swallow.
            if power.is_nan() || power <= 0.0 {
                return iteration;
            }
            let alpha = now / power;
            let ins = pivots.bit.chunks_exact(m).zip(p.chunks_exact(m));
            let outs = x.chunks_exact_mut(m).zip(r.chunks_exact_mut(m)).zip(z.chunks_exact_mut(m));
            let ends = over(shared, ins.zip(outs).enumerate(), |(k, job)| {
                let ((pivots, p), ((x, r), z)) = job;
                passes::advance(&self.panel(k), alpha, [pivots, p, cells], [x, r, z])
            });
            let mut next: f64 = ends.iter().map(|e| e[0]).sum();
            if ends.iter().map(|e| e[1]).fold(0.0, larger) <= goal {
                return iteration + 1;
            }
            if let Some((coarse, room)) = &mut second {
                self.restrict(taper, r, &mut sums);
                next += coarse.correct(grid, &sums, room, &mut tiles);
            }
            beta = next / now;
            now = next;
        }
        most
    }

    /// The residual as the coarse level sees it.
    fn restrict(&self, taper: &[f64], r: &[Row], sums: &mut [Row]) {
        let (grid, shared) = (self.grid, self.shared());
        let jobs = r.chunks_exact(grid.panel()).zip(sums.chunks_exact_mut(grid.blocks));
        over(shared, jobs, |(r, sums)| passes::restrict(grid, taper, r, sums));
    }
}
