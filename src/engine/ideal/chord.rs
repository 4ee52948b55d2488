//! The Jacobian of an even-odd HAM that a batch shares.

use rayon::prelude::*;

use super::field::{Field, times_slope};
use crate::numerics::kernels::Real;
use crate::numerics::{Mat, dense};

/// The means of `f'(x)`, `[units]`, over states `[samples, units]`.
pub(super) fn mean_slopes<T: Real>(field: &Field<T>, x: &[T], xhat: &[T]) -> Vec<T> {
    let units = field.units;
    let share = T::of(units as f64 / x.len() as f64);
    let mut slope = vec![T::default(); units];
    let mut each = vec![T::default(); units];
    for (x, xhat) in x.chunks_exact(units).zip(xhat.chunks_exact(units)) {
        each.fill(T::of(1.0));
        for laid in &field.layers {
            let at = laid.units.clone();
            times_slope(laid.activation, &x[at.clone()], &xhat[at.clone()], &mut each[at]);
        }
        slope.iter_mut().zip(&each).for_each(|(s, &e)| *s = *s + share * e);
    }
    slope
}

/// `(I - J)^-1`, transposed, with `J = W D_o W D_e` at these slopes.
pub(super) fn chord<T: Real>(field: &Field<T>, slope: &[T]) -> Option<Vec<T>> {
    let (units, n) = (field.units, field.carried);
    let (first, second) = (0..field.carried_layers, field.carried_layers..field.layers.len());
    // Row j of what comes out is column j of J.
    let columns = (0..n.div_ceil(ROWS)).into_par_iter().flat_map_iter(|block| {
        let some = block * ROWS..((block + 1) * ROWS).min(n);
        let rows = some.len().max(2);
        let mut signal = vec![T::default(); rows * units];
        for (row, j) in some.clone().enumerate() {
            signal[row * units + j] = slope[j];
        }
        let sent = signal.clone();
        field.send(first.clone(), second.clone(), (&sent, units), (&mut signal, units));
        for row in signal.chunks_exact_mut(units) {
            row[n..].iter_mut().zip(&slope[n..]).for_each(|(v, &s)| *v = *v * s);
        }
        let mut j = vec![T::default(); rows * n];
        field.send(second.clone(), first.clone(), (&signal, units), (&mut j, n));
        j.truncate(some.len() * n);
        j
    });
    let j: Vec<T> = columns.collect();
    let system = Mat::from_fn(n, n, |a, b| f64::from(a == b) - j[a * n + b].to_f64());
    let inverse = dense::inverse(&system)?;
    inverse.as_slice().iter().all(|v| v.is_finite()).then(|| inverse.map(T::of).into_vec())
}

/// Rows of a Jacobian that a thread takes at a time.
const ROWS: usize = 64;
