//! Cells with traps, each followed by itself: the sum of a few is far from normal.

use super::{Read, kernels};
use crate::compile::{Chip, Trap};
use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::units::Second;

/// A two-state Markov process in steps of one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blinking {
    /// The probability to be up.
    pub up: f64,
    /// That it has changed over a step, from down and from up.
    pub leaves: [f64; 2],
    /// That it never does over a read.
    stays: [f64; 2],
}

impl Blinking {
    pub fn of(trap: &Trap, step: Second, steps: usize) -> Blinking {
        let up = trap.share_up();
        let over = |time: Second| -math::expm1(-trap.rate() * time);
        let leaves = [up * over(step), (1.0 - up) * over(step)];
        let stays = leaves.map(|p| math::pow(1.0 - p, steps as f64));
        Blinking { up, leaves, stays }
    }

    /// Whether it stays where it is over a read, by the first number of the stream of
    /// [`Blinking::changes`].
    pub fn is_still(&self, is_up: bool, u: f64) -> bool {
        u < self.stays[usize::from(is_up)]
    }

    /// Whether any of some processes is not, each where it is and with its number.
    pub fn any_moves(&self, is_up: &[bool], u: &[f64]) -> bool {
        kernels::any_moves(u, is_up, self.stays)
    }

    /// Whether it is up at the start of phase `phase` of a presentation, where the phase before
    /// has left it; `seed(k)` is its stream of phase `k`.
    pub fn starts_up(
        &self,
        first: Seed,
        phase: usize,
        steps: usize,
        seed: impl Fn(usize) -> Seed,
    ) -> bool {
        (0..phase).fold(first.uniform() < self.up, |mut is_up, k| {
            self.changes(is_up, steps, seed(k), |_| is_up = !is_up);
            is_up
        })
    }

    /// Calls `at` with every step at which it changes.
    pub fn changes(&self, starts_up: bool, steps: usize, seed: Seed, mut at: impl FnMut(usize)) {
        let mut u = seed.uniform();
        if self.is_still(starts_up, u) {
            return;
        }
        let (mut is_up, mut now, mut drawn) = (starts_up, 0, 0);
        loop {
            let kept = math::log1p(-self.leaves[usize::from(is_up)]);
            let until = (math::log(u.max(f64::MIN_POSITIVE)) / kept).floor() + 1.0;
            if !(1.0..=(steps - now) as f64).contains(&until) {
                return;
            }
            now += until as usize;
            at(now);
            is_up = !is_up;
            drawn += 1;
            u = seed.index(drawn).uniform();
        }
    }
}

/// A trap's cell in the equation.
pub(super) struct Site {
    pub row: usize,
    pub pre: usize,
    /// The line is one of the clamped layer.
    pub clamped: bool,
    /// 1 or -1.
    pub sign: f64,
    /// What the node's slope changes by for a unit of activation across the cell.
    pub swing: f64,
    pub blinking: Blinking,
}

/// Of all cells with traps, in the order of arrays, signs and places; `rows` gives the first row of
/// a layer, if it moves.
pub(super) fn sites(
    chip: &Chip,
    read: &Read,
    levers: &[f64],
    rows: impl Fn(crate::model::LayerId) -> Option<usize>,
) -> Vec<Site> {
    let Some(telegraph) = &chip.nonideal.read.telegraph else { return Vec::new() };
    let g_max = chip.fabric.hardware.g_max;
    let mut sites = Vec::new();
    for (a, (array, made)) in chip.fabric.arrays.iter().zip(&chip.cells).enumerate() {
        let Some(post) = rows(array.post) else { continue };
        let pre = rows(array.pre);
        let (cols, window) = (made.plus.cols(), &read.window);
        for (sign, (cells, unit)) in [(&made.plus, 1.0), (&made.minus, -1.0)].iter().enumerate() {
            for trap in chip.traps(a, sign) {
                let (row, col) = (post + trap.place / cols, trap.place % cols);
                let g = cells.as_slice()[trap.place];
                sites.push(Site {
                    row,
                    pre: pre.unwrap_or(0) + col,
                    clamped: pre.is_none(),
                    sign: *unit,
                    swing: levers[row]
                        * chip.nonideal.cell.shown(g)
                        * trap.swing(telegraph, g, g_max),
                    blinking: Blinking::of(&trap, window.step, window.steps),
                });
            }
        }
    }
    sites
}
