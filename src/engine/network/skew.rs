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
    // Of every row: `a / k`, `a` and `c`.
    let mut all = vec![(1.0, 1.0, 0.0); net.dim];
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
            all[row] = (drive[i], units[i].gain, offset[i]);
        }
        for product in net.inward.iter_mut().chain(&mut net.inner) {
            if product.post == rows {
                let each = product.m.chunks_exact_mut(product.pre.len()).zip(&drive);
                each.for_each(|(m, by)| scale(m, *by));
            }
        }
        if f == net.read {
            let each = net.nudge.iter_mut().zip(&drive).zip(&units);
            each.for_each(|((nudge, drive), unit)| *nudge *= drive * unit.nudge);
        }
    }
    for sneak in &mut net.sneaks {
        let (post, pre, n) = (sneak.post.start, sneak.pre.start, sneak.pre.len());
        for (k, m) in sneak.m.iter_mut().enumerate() {
            let ((drive, ..), (_, gain, offset)) = (all[post + k / n], all[pre + k % n]);
            *m = T::of(m.to_f64() * drive / gain);
            let bias = &mut net.bias[post + k / n];
            *bias = T::of(bias.to_f64() - m.to_f64() * offset);
        }
    }
}

fn scale<T: Real>(m: &mut [T], by: f64) {
    m.iter_mut().for_each(|m| *m = T::of(m.to_f64() * by));
}
