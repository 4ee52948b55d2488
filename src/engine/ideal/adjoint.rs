use super::field::{Field, times_slope};
use super::prepared::Prepared;
use crate::model::{Activation, Family};
use crate::numerics::fixed_point::{Map, keep_rows};
use crate::numerics::kernels::Real;
use crate::spec::Order;

/// The adjoint equation `g = J^T g + dC/dz` at fixed points of an [`super::Iteration`], as a map of
/// `g`; plain iteration from `dC/dz` is recurrent backpropagation, a term of the Neumann series an
/// evaluation (arXiv:2311.15673).
///
/// With `D = f'(x)`, and `R` what a unit of current does to the state of a unit when its neighbours
/// are held, `J^T = D W R`: in a HAM `R = 1`; in a CHN `R = D` and a term `f''(x) C` synchronously, and
/// `R = f'(x) / (1 - f''(x) C)` in even-odd order.
pub struct Adjoint<'a, T> {
    field: &'a Field<T>,
    prepared: Option<&'a Prepared<T>>,
    /// `[rows, units]`
    x: Vec<T>,
    xhat: Vec<T>,
    /// `R`; empty for a HAM.
    respond: Vec<T>,
    /// `f''(x) C`, `[rows, units]`; empty but for a synchronous CHN.
    own: Vec<T>,
    /// `dC/dz`, `[rows, carried]`
    right: Vec<T>,
    /// `R g` of all units, `[rows, units]`.
    signal: Vec<T>,
    /// `dC/dI` of every unit, for a current `I` into it, of the samples that have ended:
    /// `[samples, units]`.
    pub ended: Vec<T>,
}

impl<'a, T: Real> Adjoint<'a, T> {
    /// At the states `x` with activations `xhat`, `[rows, units]`, of which the first `samples` rows
    /// count.
    pub fn new(
        field: &'a Field<T>,
        prepared: Option<&'a Prepared<T>>,
        x: Vec<T>,
        xhat: Vec<T>,
        right: Vec<T>,
        samples: usize,
    ) -> Adjoint<'a, T> {
        let (mut respond, mut own) = (Vec::new(), Vec::new());
        if field.family == Family::Chn {
            respond = vec![T::of(1.0); x.len()];
            own = vec![T::default(); x.len()];
            let rows = x.chunks_exact(field.units).zip(xhat.chunks_exact(field.units));
            for (row, (x, xhat)) in rows.enumerate() {
                for laid in &field.layers {
                    let at = laid.units.clone();
                    let place = row * field.units + at.start..row * field.units + at.end;
                    let (respond, own) = (&mut respond[place.clone()], &mut own[place]);
                    times_slope(laid.activation, &x[at.clone()], &xhat[at.clone()], respond);
                    for ((own, &x), &v) in own.iter_mut().zip(&x[at.clone()]).zip(&xhat[at]) {
                        *own = bend(laid.activation, v) * x;
                    }
                }
            }
            if field.order == Order::EvenOdd {
                for (r, own) in respond.iter_mut().zip(&own) {
                    *r = *r / (T::of(1.0) - *own);
                }
                own.clear();
            }
        }
        Adjoint {
            field,
            prepared,
            signal: vec![T::default(); x.len()],
            ended: vec![T::default(); samples * field.units],
            x,
            xhat,
            respond,
            own,
            right,
        }
    }

    fn slopes(&self, layer: usize, y: &mut [T], width: usize) {
        let laid = &self.field.layers[layer];
        let at = laid.units.clone();
        let units = self.field.units;
        let states = self.x.chunks_exact(units).zip(self.xhat.chunks_exact(units));
        for ((x, xhat), y) in states.zip(y.chunks_exact_mut(width)) {
            let (x, xhat) = (&x[at.clone()], &xhat[at.clone()]);
            times_slope(laid.activation, x, xhat, &mut y[at.clone()]);
        }
    }
}

/// `f''(x) / f'(x)` from the activation: at a fixed point `x = f'(x) C`, so that `f''(x) C` is this
/// times `x`, also where the slope vanishes.
fn bend<T: Real>(activation: Activation, xhat: T) -> T {
    match activation {
        Activation::Sigmoid => T::of(4.0) * (T::of(1.0) - T::of(2.0) * xhat),
        Activation::Tanh => T::of(-2.0) * xhat,
        _ => T::default(),
    }
}

impl<T: Real> Map<T> for Adjoint<'_, T> {
    fn dim(&self) -> usize {
        self.field.carried
    }

    fn apply(&mut self, g: &[T], out: &mut [T]) {
        let field = self.field;
        let (units, carried) = (field.units, field.carried);
        let all = 0..field.layers.len();
        let (first, second) = (0..field.carried_layers, field.carried_layers..all.end);
        let mut signal = std::mem::take(&mut self.signal);
        for (row, (signal, g)) in
            signal.chunks_exact_mut(units).zip(g.chunks_exact(carried)).enumerate()
        {
            signal[..carried].copy_from_slice(g);
            signal[carried..].fill(T::default());
            if let Some(respond) = self.respond.get(row * units..(row + 1) * units) {
                for (s, &r) in signal[..carried].iter_mut().zip(respond) {
                    *s = r * *s;
                }
            }
        }
        if !second.is_empty() {
            let to = (&mut signal[..], units);
            if self.respond.is_empty() {
                field.send(first.clone(), second.clone(), (g, carried), to);
            } else {
                let respond = self.respond.chunks_exact(units).flat_map(|row| &row[..carried]);
                let sent: Vec<T> = respond.zip(g).map(|(&r, &g)| r * g).collect();
                field.send(first.clone(), second.clone(), (&sent, carried), to);
            }
            second.for_each(|layer| self.slopes(layer, &mut signal, units));
            if !self.respond.is_empty() {
                for (signal, respond) in
                    signal.chunks_exact_mut(units).zip(self.respond.chunks_exact(units))
                {
                    for (s, &r) in signal[carried..].iter_mut().zip(&respond[carried..]) {
                        *s = r * *s;
                    }
                }
            }
        }
        out.fill(T::default());
        field.send(all, first.clone(), (&signal, units), (out, carried));
        first.for_each(|layer| self.slopes(layer, out, carried));
        for (out, &right) in out.iter_mut().zip(&self.right) {
            *out = *out + right;
        }
        if !self.own.is_empty() {
            for ((out, &own), &g) in out.iter_mut().zip(&self.own).zip(g) {
                *out = *out + own * g;
            }
        }
        self.signal = signal;
    }

    fn keep(&mut self, rows: &[usize]) {
        for v in [&mut self.x, &mut self.xhat, &mut self.signal, &mut self.respond, &mut self.own] {
            if !v.is_empty() {
                keep_rows(v, self.field.units, rows);
            }
        }
        keep_rows(&mut self.right, self.field.carried, rows);
    }

    fn correct(&mut self, residual: &mut [T]) {
        if let Some(prepared) = self.prepared {
            prepared.correct_adjoint(residual, self.field.carried);
        }
    }

    fn retire(&mut self, row: usize, sample: usize, _g: &[T]) {
        let units = self.field.units;
        let to = sample * units..(sample + 1) * units;
        self.ended[to].copy_from_slice(&self.signal[row * units..(row + 1) * units]);
    }
}
