//! Traps beside cells, which make them conduct less and more by turns.

use super::quirk::{normals, uniforms};
use super::{Cells, Chip};
use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::spec::Telegraph;
use crate::units::{Second, Siemens};

/// A trap, for the life of a chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trap {
    /// The place of its cell in the array of one sign, row-major.
    pub place: usize,
    /// What its amplitude is of the file's.
    pub factor: f64,
    /// Mean time at the higher conductance.
    pub up: Second,
    /// Mean time at the lower one.
    pub down: Second,
}

impl Trap {
    /// The probability to be up.
    pub fn share_up(&self) -> f64 {
        self.up / (self.up + self.down)
    }

    /// How fast it forgets \[1/s\].
    pub fn rate(&self) -> f64 {
        1.0 / self.up + 1.0 / self.down
    }

    /// How far apart the two conductances of a cell of this mean are: not further than twice the
    /// way from the mean to zero allows.
    pub fn swing(&self, telegraph: &Telegraph, g: Siemens, g_max: Siemens) -> Siemens {
        let x = (g / g_max).max(f64::MIN_POSITIVE);
        let most = 1.0 / self.share_up();
        (telegraph.amplitude.at(x) * self.factor).min(most) * g
    }
}

/// The traps of so many cells, in their order.
pub(super) fn draw(telegraph: Option<&Telegraph>, cells: usize, place: Seed) -> Vec<Trap> {
    let Some(telegraph) = telegraph.filter(|t| !t.is_quiet()) else { return Vec::new() };
    let place = place.child("traps");
    let there = uniforms(place.child("place"), cells);
    let place_of = there.iter().enumerate().filter(|(_, u)| **u < telegraph.share);
    let at = |name: &str, sigma: f64| match sigma > 0.0 {
        true => normals(place.child(name), cells),
        false => Vec::new(),
    };
    let (amplitude, dwell) = (telegraph.amplitude_spread, telegraph.dwell_spread);
    let (z, up, down) = (at("amplitude", amplitude), at("up", dwell), at("down", dwell));
    let spread = |z: &[f64], k: usize, sigma: f64| match z.get(k) {
        Some(z) => math::exp(sigma * z),
        None => 1.0,
    };
    place_of
        .map(|(k, _)| Trap {
            place: k,
            factor: spread(&z, k, amplitude),
            up: telegraph.up * spread(&up, k, dwell),
            down: telegraph.down * spread(&down, k, dwell),
        })
        .collect()
}

impl Chip {
    /// The traps of the positive (0) or negative (1) cells of an array, by place. The two directions of a
    /// shared array have the same ones.
    pub fn traps(&self, array: usize, sign: usize) -> Vec<Trap> {
        let Some(forward) = self.fabric.arrays[array].shares else {
            return self.quirks[array][sign].traps.clone();
        };
        let Cells { plus, .. } = &self.cells[forward];
        let turned = |trap: &Trap| {
            let (row, col) = (trap.place / plus.cols(), trap.place % plus.cols());
            Trap { place: col * plus.rows() + row, ..*trap }
        };
        let mut traps: Vec<Trap> = self.quirks[forward][sign].traps.iter().map(turned).collect();
        traps.sort_unstable_by_key(|trap| trap.place);
        traps
    }
}
