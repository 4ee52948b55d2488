//! Neurons that are not as designed.

use super::Network;
use crate::compile::Chip;
use crate::numerics::kernels::Real;

/// Turns the equation of the summing nodes into that of what the neurons see of them.
///
/// With `u` in units of `x`, a neuron of gain factor `a` and offset `c` on a node of `k` times the
/// capacitance sees `y = a u + c`, so that
///
/// ```text
/// k du_i/dt = sum_j M_ij f(y_j) - g_i u_i + d_i
/// dy_i/dt = a_i / k_i [ sum_j M_ij f(y_j) + d_i ] - g_i / k_i (y_i - c_i)
/// ```
///
/// which has the form of the equation without them, in `y`.
pub(super) fn apply<T: Real>(net: &mut Network<T>, chip: &Chip) {
    for f in 0..net.free.len() {
        let (layer, rows) = (net.free[f].layer, net.free[f].rows.clone());
        let Some(units) = chip.units(layer) else { continue };
        let drive: Vec<f64> = units.iter().map(|unit| unit.gain / unit.capacitance).collect();
        let offset: Vec<f64> = units.iter().map(|unit| chip.offset_of(layer, unit)).collect();
        for (i, row) in rows.clone().enumerate() {
            let capacitance = units[i].capacitance;
            net.weight[row] = T::of(net.weight[row].to_f64() * capacitance);
            let g = net.leak[row].to_f64() / capacitance;
            net.leak[row] = T::of(g);
            net.bias[row] = T::of(drive[i] * net.bias[row].to_f64() + g * offset[i]);
        }
        for product in net.inward.iter_mut().chain(&mut net.inner) {
            if product.post == rows {
                let each = product.m.chunks_exact_mut(product.pre.len()).zip(&drive);
                each.for_each(|(m, by)| scale(m, *by));
            }
        }
        for sneak in net.sneaks.iter_mut().filter(|s| rows.contains(&s.post.start)) {
            let (first, n) = (sneak.post.start - rows.start, sneak.post.len());
            for (k, m) in sneak.m.iter_mut().enumerate() {
                let (i, j) = (first + k / n, first + k % n);
                *m = T::of(m.to_f64() * drive[i] / units[j].gain);
                let bias = &mut net.bias[rows.start + i];
                *bias = T::of(bias.to_f64() - m.to_f64() * offset[j]);
            }
        }
        if f == net.read {
            let each = net.nudge.iter_mut().zip(&drive).zip(&units);
            each.for_each(|((nudge, drive), unit)| *nudge *= drive * unit.nudge);
        }
    }
}

fn scale<T: Real>(m: &mut [T], by: f64) {
    m.iter_mut().for_each(|m| *m = T::of(m.to_f64() * by));
}
