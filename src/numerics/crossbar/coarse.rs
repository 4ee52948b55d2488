//! A second level for conjugate gradients on large crossbars.
//!
//! Where lines are long, voltages that word and bit lines share vary slowly over the crossbar, and
//! no line sees that by itself. Sixteen lines of either kind taken together make a crossbar of one
//! cell a tile, whose solution, interpolated between the middles of the tiles, corrects them: an
//! additive two-level preconditioner (Dryja and Widlund, *Comm. Pure Appl. Math.* 48, 1995), its
//! coarse equation not the Galerkin one but that of the merged lines.

use super::sides::Kind;
use super::solve::Solver;
use super::tiles::{Grid, LANES, Row, ZERO};
use super::work::Work;
use super::{Crossbar, Law, Lines, Wire};

/// Tiles of a crossbar as cells of a smaller one.
#[derive(Debug)]
pub struct Coarse {
    solver: Solver,
    /// What is left of the correction at each place of a bit line: it falls towards tied ends, where
    /// ports hold the voltage, from the last middle of a block on.
    pub taper: Vec<f64>,
}

/// From this many electrical lengths across on it saves iterations.
const LONG: f64 = 6.0;
/// How well the smaller one is solved, so that the preconditioner is as good as linear.
const SHARP: f64 = 1e-6;

impl Coarse {
    /// `None` for crossbars that do without: those of a few electrical lengths, `1 / sqrt(r g)` cells
    /// with `r` the resistance from cell to cell, and lines that are single nodes.
    pub fn of(fine: &Solver, g: &[Row]) -> Option<Coarse> {
        let chains = fine.word.kind == Kind::Chain && fine.bit.kind == Kind::Chain;
        let Grid { rows, cols, blocks, panels } = fine.grid;
        let crossbar = fine.crossbar();
        let mean = crossbar.conductance.iter().sum::<f64>() / (rows * cols) as f64;
        let lengths = |lines: &Lines, cells: usize| {
            let total: f64 = lines.segments(cells).iter().take(cells - 1).sum();
            (total * mean * cells as f64).sqrt()
        };
        let across = lengths(&crossbar.word, cols).min(lengths(&crossbar.bit, rows));
        if !(chains && fine.shared() && across > LONG) {
            return None;
        }
        let mut conductance = Vec::with_capacity(blocks * panels);
        for block in g.chunks_exact(fine.grid.block()) {
            conductance.extend(block.chunks_exact(LANES).map(total));
        }
        let merged = Crossbar {
            rows: blocks,
            cols: panels,
            conductance,
            law: Law::Linear,
            word: merged(&crossbar.word, cols),
            bit: merged(&crossbar.bit, rows),
        };
        let taper = taper(&crossbar.bit, rows);
        Some(Coarse { solver: Solver::new(merged).ok()?, taper })
    }

    pub fn work(&self) -> Work {
        self.solver.work()
    }

    /// The correction for the residual of the bit lines as [`super::passes::restrict`] gives it, in
    /// the middle of every block of each, `[panel][block]`: in between it is linear ([`between`])
    /// and tapered. Lines that do not exist have 0. Returns its product with the residual.
    pub fn correct(&self, fine: Grid, sums: &[Row], work: &mut Work, out: &mut [Row]) -> f64 {
        let grid = self.solver.grid;
        let place =
            |block: usize, panel: usize| (panel / LANES * grid.panel() + block, panel % LANES);
        work.f.fill(ZERO);
        work.r.fill(ZERO);
        for (panel, sums) in sums.chunks_exact(fine.blocks).enumerate() {
            for (block, sum) in sums.iter().enumerate() {
                for (l, sum) in sum.iter().enumerate() {
                    let (near, share) = nearest(panel, l, fine.panels);
                    for (panel, weight) in [(near[0], 1.0 - share), (near[1], share)] {
                        let (at, lane) = place(block, panel);
                        work.r[at][lane] -= weight * sum;
                    }
                }
            }
        }
        let most = work.r.iter().flatten().fold(0.0, |most: f64, r| most.max(r.abs()));
        let right: Vec<Row> = work.r.clone();
        if most > 0.0 {
            self.solver.correct(work, SHARP * most, 1000);
        } else {
            work.x.fill(ZERO);
        }
        let mut product = 0.0;
        for (right, x) in right.iter().zip(&work.x) {
            product -= right.iter().zip(x).map(|(r, x)| r * x).sum::<f64>();
        }
        for panel in 0..fine.panels {
            let lines = (fine.cols - panel * LANES).min(LANES);
            for block in 0..fine.blocks {
                let value = |panel: usize| {
                    let (at, lane) = place(block, panel);
                    work.x[at][lane]
                };
                let to = &mut out[panel * fine.blocks + block];
                *to = ZERO;
                for (l, to) in to[..lines].iter_mut().enumerate() {
                    let (near, share) = nearest(panel, l, fine.panels);
                    *to = (1.0 - share) * value(near[0]) + share * value(near[1]);
                }
            }
        }
        product
    }
}

/// The two groups whose middles line `l` of a group lies between, and how far it is to the second.
fn nearest(group: usize, l: usize, groups: usize) -> ([usize; 2], f64) {
    let (near, share) = between(group * LANES + l);
    (near.map(|k| k.min(groups - 1)), share)
}

/// The two blocks whose middles a place lies between (the first block on both sides before its
/// middle), and how far it is to the second.
#[inline(always)]
pub fn between(place: usize) -> ([usize; 2], f64) {
    let half = LANES / 2;
    let beyond = (place + half) / LANES;
    let share = ((place + half) % LANES) as f64 + 0.5;
    ([beyond.saturating_sub(1), beyond], share / LANES as f64)
}

fn total(tile: &[Row]) -> f64 {
    let mut sum = ZERO;
    for from in tile {
        for (sum, from) in sum.iter_mut().zip(from) {
            *sum += from;
        }
    }
    sum.into_iter().sum()
}

/// See [`Coarse::taper`].
fn taper(lines: &Lines, cells: usize) -> Vec<f64> {
    let segments = lines.segments(cells);
    let mut taper = vec![1.0; cells];
    let half = (LANES / 2).min(cells);
    for (end, of) in lines.ends.iter().enumerate() {
        let super::End::Tied(r) = *of else { continue };
        let place = |k: usize| if end == 0 { k } else { cells - 1 - k };
        let mut paths = vec![r];
        for k in 1..half {
            let segment = if end == 0 { k - 1 } else { cells - 1 - k };
            paths.push(paths[k - 1] + segments[segment]);
        }
        let whole = paths[half - 1] + 0.5 * (paths[half - 1] - r) / (half.max(2) - 1) as f64;
        for (k, path) in paths.iter().enumerate() {
            taper[place(k)] = path / whole;
        }
    }
    taper
}

/// Sixteen lines side by side, with a cell in the middle of every sixteen.
fn merged(lines: &Lines, cells: usize) -> Lines {
    let segments = lines.segments(cells);
    let mut place = 0.0;
    let mut places = vec![0.0];
    for r in segments.iter().take(cells - 1) {
        place += r;
        places.push(place);
    }
    let middle = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let middles: Vec<f64> = places.chunks(LANES).map(middle).collect();
    let side = LANES as f64;
    let between = middles.windows(2).map(|pair| (pair[1] - pair[0]) / side).collect();
    let spare = [middles[0], place - middles[middles.len() - 1]];
    let mut ends = lines.ends;
    for (end, spare) in ends.iter_mut().zip(spare) {
        if let super::End::Tied(r) = end {
            *r = (*r + spare) / side;
        }
    }
    Lines { wire: Wire::Each(between), ends }
}
