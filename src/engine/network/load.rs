//! Lines that give way: amplifiers with an output resistance.

use rayon::prelude::*;

use super::{Network, Product};
use crate::compile::{Cells, Chip};
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::units::Siemens;

/// Loads the lines of the neurons.
///
/// With `R` the resistance, `v` the voltage before it and `S` the conductance of all cells on a
/// line, over all arrays that it drives, the line is at `(v + R sum_k G_k u_k) / (1 + R S)`: every
/// cell of it conducts `1 / (1 + R S)` of what it should, and summing nodes pull at each other.
pub(super) fn apply<T: Real>(net: &mut Network<T>, chip: &Chip, per_siemens: f64) {
    let r = chip.nonideal.periphery.amplifier.resistance;
    if r <= 0.0 {
        return;
    }
    let fabric = &chip.fabric;
    net.sneaks.clear();
    let gain = |l: usize| fabric.layers[l].gain;
    let driven: Vec<usize> =
        (0..fabric.arrays.len()).filter(|&a| fabric.arrays[a].pre != fabric.model.clamp).collect();
    for (place, &a) in driven.iter().enumerate() {
        let (array, own) = (&fabric.arrays[a], &chip.cells[a]);
        let others: Vec<usize> =
            driven.iter().copied().filter(|&b| fabric.arrays[b].pre == array.pre).collect();
        let share = SIGNS.map(|of| -> Vec<f64> {
            let mut totals = vec![0.0; array.plus.cols()];
            for &b in &others {
                for row in of(&chip.cells[b]).iter_rows() {
                    totals.iter_mut().zip(row).for_each(|(total, g)| *total += g);
                }
            }
            totals.into_iter().map(|total| 1.0 / (1.0 + r * total)).collect()
        });
        let (cols, scale) = (array.plus.cols(), per_siemens * gain(array.post.0));
        let m = &mut net.inner[place].m;
        for (i, row) in m.chunks_exact_mut(cols.max(1)).enumerate() {
            let cells = own.plus.row(i).iter().zip(own.minus.row(i));
            for (((m, (plus, minus)), p), n) in
                row.iter_mut().zip(cells).zip(&share[0]).zip(&share[1])
            {
                *m = T::of(scale * (plus * p - minus * n));
            }
        }
        let rows = net.inner[place].post.clone();
        for &b in &others {
            let pull = pulls(own, &chip.cells[b], &share, r);
            let at = driven.iter().position(|&d| d == b).expect("it is one of them");
            let (pre, by) =
                (net.inner[at].post.clone(), gain(array.post.0) / gain(fabric.arrays[b].post.0));
            let mut m: Vec<T> =
                pull.as_slice().iter().map(|g| T::of(per_siemens * by * g)).collect();
            if b == a {
                for (k, row) in rows.clone().enumerate() {
                    let own = &mut m[k * rows.len() + k];
                    net.leak[row] = net.leak[row] - *own;
                    *own = T::default();
                }
            }
            net.sneaks.push(Product { pre, post: rows.clone(), m });
        }
    }
}

/// The cells of each sign.
const SIGNS: [fn(&Cells) -> &Mat; 2] = [|cells| &cells.plus, |cells| &cells.minus];

/// What a volt on each node behind the cells `b` pushes into each node behind `a`, over the lines
/// that both are on \[S\]; `share` is how much of its voltage each line keeps.
fn pulls(a: &Cells, b: &Cells, share: &[Vec<f64>; 2], r: f64) -> Mat {
    let (rows, cols) = (a.plus.rows(), b.plus.rows());
    let mut pull: Mat<Siemens> = Mat::zeros(rows, cols);
    pull.as_mut_slice().par_chunks_mut(cols.max(1)).enumerate().for_each(|(i, row)| {
        for (of, share) in SIGNS.iter().zip(share) {
            let own: Vec<f64> = of(a).row(i).iter().zip(share).map(|(g, s)| r * s * g).collect();
            for (k, pull) in row.iter_mut().enumerate() {
                *pull += own.iter().zip(of(b).row(k)).map(|(own, g)| own * g).sum::<f64>();
            }
        }
    });
    pull
}
