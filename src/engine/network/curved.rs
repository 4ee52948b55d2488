//! Cells that conduct `g v0 sinh(v / v0)`.

use super::{Batch, Network, Product};
use crate::compile::Chip;
use crate::numerics::kernels::{self, Real};
use crate::numerics::ode::in_lanes;

/// What such cells need beside the products of linear ones. By
/// `sinh(v - u) = sinh v cosh u - cosh v sinh u` a differential pair pushes
///
/// ```text
/// v0 (Gp - Gn) sinh(v / v0) cosh(u / v0) - v0 (Gp + Gn) cosh(v / v0) sinh(u / v0)
/// ```
///
/// so that the arrays are two products each, of functions of the lines alone.
pub(super) struct Curved<T> {
    /// `v_unit / v0`
    bend: f64,
    /// Of each array, from the clamped layer and between free ones: `Gp + Gn`.
    inward: Vec<Product<T>>,
    inner: Vec<Product<T>>,
    /// Of each row: its node is at `volts (x - offset)`, in units of `v0`, and a siemens on it
    /// does `1 / slope`.
    volts: Vec<f64>,
    offset: Vec<f64>,
    slope: Vec<f64>,
}

impl<T: Real> Curved<T> {
    pub fn of_chip(net: &Network<T>, chip: &Chip, per_siemens: f64) -> Option<Curved<T>> {
        let (fabric, v_unit) = (&chip.fabric, chip.fabric.hardware.v_unit);
        let bend = v_unit / chip.nonideal.cell.v0?;
        let mut curved = Curved {
            bend,
            inward: Vec::new(),
            inner: Vec::new(),
            volts: vec![0.0; net.dim],
            offset: vec![0.0; net.dim],
            slope: vec![0.0; net.dim],
        };
        let mut drives = vec![1.0; net.dim];
        for f in &net.free {
            let units = chip.units(f.layer);
            for (i, row) in f.rows.clone().enumerate() {
                let unit = units.as_ref().map(|units| units[i]);
                let gain = unit.map_or(1.0, |unit| unit.gain);
                curved.slope[row] = bend / fabric.layers[f.layer.0].gain;
                curved.volts[row] = curved.slope[row] / gain;
                curved.offset[row] = unit.map_or(0.0, |unit| chip.offset_of(f.layer, &unit));
                drives[row] = unit.map_or(1.0, |unit| unit.gain / unit.capacitance);
            }
        }
        let (mut inward, mut inner) = (net.inward.iter(), net.inner.iter());
        for (array, cells) in fabric.arrays.iter().zip(&chip.cells) {
            let from_clamp = array.pre == fabric.model.clamp;
            let known = if from_clamp { inward.next() } else { inner.next() };
            let Product { pre, post, .. } = known.expect("one product an array");
            let cols = array.plus.cols().max(1);
            let each = cells.plus.as_slice().iter().zip(cells.minus.as_slice()).enumerate();
            let m = each.map(|(k, (plus, minus))| {
                T::of(per_siemens * drives[post.start + k / cols] * (plus + minus))
            });
            let product = Product { pre: pre.clone(), post: post.clone(), m: m.collect() };
            let list = if from_clamp { &mut curved.inward } else { &mut curved.inner };
            list.push(product);
        }
        Some(curved)
    }

    /// `sinh(bend xhat) / bend` and `cosh(bend xhat)`
    fn of_lines(&self, xhat: &[T]) -> [Vec<T>; 2] {
        let bend = T::of(self.bend);
        let scaled: Vec<T> = xhat.iter().map(|&v| bend * v).collect();
        let [mut sinh, cosh] = sinh_cosh(&scaled);
        sinh.iter_mut().for_each(|s| *s = *s / bend);
        [sinh, cosh]
    }

    /// What the inputs push, both parts, `[2 dim, lanes]`.
    pub fn inputs(&self, net: &Network<T>, xhat: &[T], lanes: usize) -> Vec<T> {
        let [sinh, cosh] = self.of_lines(xhat);
        let mut pushed = vec![T::default(); 2 * net.dim * lanes];
        let (forth, back) = pushed.split_at_mut(net.dim * lanes);
        net.inward.iter().for_each(|product| product.add(&sinh, forth, lanes));
        self.inward.iter().for_each(|product| product.add(&cosh, back, lanes));
        pushed
    }
}

impl<T: Real> Batch<'_, T> {
    /// Adds what the arrays push to `dx`, at `x` with these activations on the lines.
    pub(super) fn push(
        &self,
        curved: &Curved<T>,
        [x, xhat]: [&[T]; 2],
        dx: &mut [T],
        lanes: usize,
    ) {
        let n = self.net.dim * lanes;
        let (mut forth, mut back) =
            (self.drive[n..2 * n].to_vec(), self.drive[2 * n..3 * n].to_vec());
        let [sinh, cosh] = curved.of_lines(xhat);
        self.net.inner.iter().for_each(|product| product.add(&sinh, &mut forth, lanes));
        curved.inner.iter().for_each(|product| product.add(&cosh, &mut back, lanes));
        let mut node = x.to_vec();
        for row in 0..self.net.dim {
            let (volts, offset) = (T::of(curved.volts[row]), T::of(curved.offset[row]));
            let at = in_lanes(row..row + 1, lanes);
            node[at].iter_mut().for_each(|x| *x = volts * (*x - offset));
        }
        let [sinh, cosh] = sinh_cosh(&node);
        for row in 0..self.net.dim {
            let per = T::of(1.0 / curved.slope[row]);
            for k in in_lanes(row..row + 1, lanes) {
                dx[k] = dx[k] + (cosh[k] * forth[k] - per * sinh[k] * back[k]);
            }
        }
    }
}

/// `sinh x` and `cosh x`
pub(super) fn sinh_cosh<T: Real>(x: &[T]) -> [Vec<T>; 2] {
    let mut sinh = vec![T::default(); x.len()];
    kernels::exp(x, &mut sinh);
    let (half, one) = (T::of(0.5), T::of(1.0));
    let cosh = sinh.iter().map(|&e| half * (e + one / e)).collect();
    sinh.iter_mut().for_each(|e| *e = half * (*e - one / *e));
    [sinh, cosh]
}
