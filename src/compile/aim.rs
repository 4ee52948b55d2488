//! Targets of cells from weights, row by row.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{Array, Clipped, Direction};
use crate::model::{Coupling, EnergyModel};
use crate::numerics::Mat;
use crate::spec::{Hardware, PairStyle};
use crate::units::Siemens;

/// Rows that one thread takes at a time.
pub(super) const ROWS: usize = 8;

/// How far the largest weight moves a cell from where a weight of zero stands \[S\].
pub(super) fn way(hardware: &Hardware) -> Siemens {
    let window = hardware.g_max - hardware.g_min;
    match hardware.pair {
        PairStyle::OneSided => window,
        PairStyle::Reference => 0.5 * window,
    }
}

/// How weights become targets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    /// The largest weight of the window.
    limit: f64,
    scale: Siemens,
    /// Where a weight of zero stands.
    zero: Siemens,
    pair: PairStyle,
}

impl Aim {
    pub fn new(hardware: &Hardware, scale: Siemens) -> Aim {
        let limit = way(hardware) / scale;
        let zero = match hardware.pair {
            PairStyle::OneSided => hardware.g_min,
            PairStyle::Reference => hardware.g_min + way(hardware),
        };
        Aim { limit, scale, zero, pair: hardware.pair }
    }

    /// The weight made of the one asked for, and whether that was clipped.
    #[inline(always)]
    fn within(self, asked: f64) -> (f64, bool) {
        let w = asked.clamp(-self.limit, self.limit);
        (w, (asked - w).abs() > 1e-12 * self.limit)
    }
}

/// Writes the targets of a row; whether a weight was clipped.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn aim_row(weights: &[f64], plus: &mut [f64], minus: &mut [f64], aim: Aim) -> bool {
    let mut clipped = false;
    for ((&w, plus), minus) in weights.iter().zip(plus).zip(minus) {
        let (w, beyond) = aim.within(w);
        clipped |= beyond;
        *plus = aim.zero + aim.scale * w.max(0.0);
        *minus = aim.zero + aim.scale * (-w).max(0.0);
    }
    clipped
}

/// As [`aim_row`], of pairs with a reference cell.
fn aim_row_about(weights: &[f64], plus: &mut [f64], minus: &mut [f64], aim: Aim) -> bool {
    let mut clipped = false;
    for (&w, plus) in weights.iter().zip(plus) {
        let (w, beyond) = aim.within(w);
        clipped |= beyond;
        *plus = aim.zero + aim.scale * w;
    }
    minus.fill(aim.zero);
    clipped
}

/// The weights that an array is aimed at.
pub(super) struct Source<'a> {
    model: &'a EnergyModel,
    coupling: &'a Coupling,
    weight: &'a Mat,
    direction: Direction,
    aim: Aim,
}

impl<'a> Source<'a> {
    pub fn new(array: &Array, model: &'a EnergyModel, aim: Aim) -> Source<'a> {
        let coupling = &model.couplings[array.coupling];
        let Coupling::Dense { weight, .. } = coupling else {
            panic!("array `{}` stands for no dense coupling", array.name)
        };
        Source { model, coupling, weight, direction: array.direction, aim }
    }

    /// Writes the targets of row `i` of the array, and appends what was clipped.
    pub fn row(&self, i: usize, targets: [&mut [f64]; 2], clipped: &mut Vec<Clipped>) {
        let [plus, minus] = targets;
        let aim_row = match self.aim.pair {
            PairStyle::OneSided => aim_row,
            PairStyle::Reference => aim_row_about,
        };
        let beyond = match self.direction {
            Direction::Forward => aim_row(self.weight.row(i), plus, minus, self.aim),
            Direction::Backward => {
                let column: Vec<f64> = self.weight.iter_rows().map(|row| row[i]).collect();
                aim_row(&column, plus, minus, self.aim)
            }
        };
        if beyond {
            clipped.extend((0..plus.len()).filter_map(|j| self.clipped(i, j)));
        }
    }

    fn clipped(&self, i: usize, j: usize) -> Option<Clipped> {
        let (post, pre) = match self.direction {
            Direction::Forward => (i, j),
            Direction::Backward => (j, i),
        };
        let weight = self.weight[(post, pre)];
        let (to, beyond) = self.aim.within(weight);
        let coupling = || self.model.coupling_name(self.coupling);
        beyond.then(|| Clipped { coupling: coupling(), post, pre, weight, to })
    }
}

/// Sets an array's targets from the model's weights.
pub(super) fn aim(array: &mut Array, model: &EnergyModel, aim: Aim) -> Vec<Clipped> {
    let source = Source::new(array, model, aim);
    let cols = array.plus.cols().max(1);
    let block = ROWS * cols;
    let plus = array.plus.as_mut_slice().par_chunks_mut(block);
    let blocks = plus.zip(array.minus.as_mut_slice().par_chunks_mut(block));
    let clipped = blocks.enumerate().flat_map_iter(|(b, (plus, minus))| {
        let mut clipped = Vec::new();
        let rows = plus.chunks_exact_mut(cols).zip(minus.chunks_exact_mut(cols));
        for (i, (plus, minus)) in rows.enumerate() {
            source.row(b * ROWS + i, [plus, minus], &mut clipped);
        }
        clipped
    });
    clipped.collect()
}

/// `sum_j (plus_ij + minus_ij)` of every row \[S\].
pub(super) fn row_sums(plus: &Mat, minus: &Mat) -> Vec<Siemens> {
    let cols = plus.cols().max(1);
    let blocks = plus.as_slice().par_chunks(ROWS * cols);
    let blocks = blocks.zip(minus.as_slice().par_chunks(ROWS * cols));
    let sums = blocks.flat_map_iter(|(plus, minus)| {
        let (plus, minus) = (sums_of_rows(plus, cols), sums_of_rows(minus, cols));
        plus.into_iter().zip(minus).map(|(plus, minus)| plus + minus).collect::<Vec<_>>()
    });
    sums.collect()
}

/// Every row in its own order, several at once: a sum by itself waits for each of its terms.
fn sums_of_rows(block: &[f64], cols: usize) -> Vec<f64> {
    let mut sums = vec![0.0; block.len() / cols];
    let rows: Vec<&[f64]> = block.chunks_exact(cols).collect();
    if let Ok(rows) = <[&[f64]; ROWS]>::try_from(&rows[..]) {
        let rows = rows.map(|row| &row[..cols]);
        let mut of_each = [0.0; ROWS];
        for j in 0..cols {
            for (sum, row) in of_each.iter_mut().zip(rows) {
                *sum += row[j];
            }
        }
        sums.copy_from_slice(&of_each);
    } else {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = row.iter().sum();
        }
    }
    sums
}
