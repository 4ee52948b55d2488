use std::ops::Range;

use super::chn;
use super::field::{Field, activate, times_slope};
use super::prepared::Prepared;
use crate::engine::Nudge;
use crate::model::{Activation, Family};
use crate::numerics::Mat;
use crate::numerics::fixed_point::{Map, dot_rows, keep_rows};
use crate::numerics::kernels::Real;
use crate::spec::{Local, Order};

/// One update of every layer, as a map of the layers that are carried. Synchronously
/// (arXiv:2311.15673, equations 5 and 6), with `C = W f(x) + b + nudge`:
///
/// ```text
/// HAM:  x <- C
/// CHN:  x <- f'(x) C
/// ```
///
/// In even-odd order (equations 7 to 10) first the layers that are not carried, then those that
/// are from the new ones; a unit of a CHN then goes to rest with its neighbours held.
pub struct Iteration<'a, T> {
    field: &'a Field<T>,
    local: Local,
    prepared: Option<&'a Prepared<T>>,
    /// The cluster of every row; empty without.
    cluster: Vec<usize>,
    /// `[rows, units]`: biases, inputs and constant nudges.
    base: Vec<T>,
    nudge: Option<Toward<T>>,
    /// `[rows, units]`; of the states only those that are not carried.
    x: Vec<T>,
    xhat: Vec<T>,
    /// States and activations of the samples that have ended, `[samples, units]` each.
    pub ended: Vec<T>,
    pub ended_xhat: Vec<T>,
}

/// An elastic nudge of the read layer: `beta` and the target `[rows, size]`.
struct Toward<T> {
    beta: T,
    target: Vec<T>,
}

impl<'a, T: Real> Iteration<'a, T> {
    /// Some samples of a batch of inputs, free, and where they start: at zero, or where `prepared`
    /// says. Of the batch's clamped activations too, `[samples, size]`.
    pub fn free(
        field: &'a Field<T>,
        local: Local,
        prepared: Option<&'a Prepared<T>>,
        inputs: &Mat,
        samples: Range<usize>,
    ) -> (Iteration<'a, T>, Vec<T>, Vec<T>) {
        let rows = samples.len().max(2);
        let mut clamped = field.clamped(inputs, samples.clone(), rows);
        let mut base = vec![T::default(); rows * field.units];
        field.inputs(&clamped, &mut base);
        clamped.truncate(samples.len() * field.clamp_size);
        let (z, prepared) = match prepared {
            Some(prepared) => {
                let (z, cluster) = prepared.begin(field, &base);
                (z, Some((prepared, cluster)))
            }
            None => (vec![T::default(); rows * field.carried], None),
        };
        let zeros = vec![T::default(); rows * field.units];
        let map = Iteration::new(field, local, prepared, base, &Nudge::None, samples, zeros);
        (map, z, clamped)
    }

    /// Some samples of a batch, filled up to `rows`; `base` is what [`Field::inputs`] gives and
    /// `start` the states to start from, `[rows, units]`; what is prepared comes with the cluster of
    /// every row.
    pub fn new(
        field: &'a Field<T>,
        local: Local,
        prepared: Option<(&'a Prepared<T>, Vec<usize>)>,
        mut base: Vec<T>,
        nudge: &Nudge,
        samples: Range<usize>,
        start: Vec<T>,
    ) -> Iteration<'a, T> {
        let units = field.units;
        let rows = base.len() / units;
        let read = field.layers[field.read].units.clone();
        let of_row = |of: &Mat, row: usize| -> Vec<T> {
            let sample = (samples.start + row).min(samples.end - 1);
            of.row(sample).iter().map(|&v| T::of(v)).collect()
        };
        let nudge = match nudge {
            Nudge::None => None,
            Nudge::Toward { target, beta } => Some(Toward {
                beta: T::of(*beta),
                target: (0..rows).flat_map(|row| of_row(target, row)).collect(),
            }),
            Nudge::Force(force) => {
                for (row, base) in base.chunks_exact_mut(units).enumerate() {
                    for (b, f) in base[read.clone()].iter_mut().zip(of_row(force, row)) {
                        *b = *b + f;
                    }
                }
                None
            }
        };
        let zeros = |rows: usize| vec![T::default(); rows * units];
        let (prepared, cluster) = prepared.map_or((None, Vec::new()), |(p, c)| (Some(p), c));
        Iteration {
            field,
            local,
            prepared,
            cluster,
            base,
            nudge,
            xhat: zeros(rows),
            x: start,
            ended: zeros(samples.len()),
            ended_xhat: zeros(samples.len()),
        }
    }

    /// What biases, inputs and constant nudges bring, `[rows, units]`.
    pub fn base(&self) -> &[T] {
        &self.base
    }

    /// The state of a row whose carried layers are at `z`, `[units]`.
    pub fn state(&self, row: usize, z: &[T]) -> Vec<T> {
        let units = self.field.units;
        let mut x = self.x[row * units..(row + 1) * units].to_vec();
        x[..z.len()].copy_from_slice(z);
        x
    }

    /// Copies the columns `range` of the base.
    fn begin(base: &[T], units: usize, range: Range<usize>, out: &mut [T], width: usize) {
        for (base, out) in base.chunks_exact(units).zip(out.chunks_exact_mut(width)) {
            out[range.clone()].copy_from_slice(&base[range.clone()]);
        }
    }

    /// Takes a layer of a CHN from `old` (of `width` numbers a row) and what arrives at it, in
    /// place, to its next states.
    fn chn(&self, layer: usize, old: &[T], arrived: &mut [T], width: usize) {
        let laid = &self.field.layers[layer];
        let at = laid.units.clone();
        let rows = old.chunks_exact(width).zip(arrived.chunks_exact_mut(width));
        for (row, (old, c)) in rows.enumerate() {
            let (old, c) = (&old[at.clone()], &mut c[at.clone()]);
            let exact = laid.activation != Activation::Softmax && self.local == Local::Exact;
            match self.field.order {
                Order::Synchronous => {
                    let xhat = &self.xhat[row * self.field.units..][at.clone()];
                    times_slope(laid.activation, old, xhat, c);
                }
                Order::EvenOdd if exact => {
                    for (c, x) in c.iter_mut().zip(old) {
                        *c = T::of(chn::rest(laid.activation, x.to_f64(), c.to_f64()));
                    }
                }
                Order::EvenOdd => self.damped(laid.activation, old, c),
            }
        }
    }

    /// `x <- d x + (1 - d) f'(x) C`, some times over (the inner loop of arXiv:2311.15673).
    fn damped(&self, activation: Activation, old: &[T], c: &mut [T]) {
        let (steps, damping) = match self.local {
            Local::Damped { steps, damping } => (steps, damping),
            Local::Exact => (LOCAL_STEPS, 0.5),
        };
        let (keep, take) = (T::of(damping), T::of(1.0 - damping));
        let (mut x, mut xhat, mut next) = (old.to_vec(), old.to_vec(), old.to_vec());
        for _ in 0..steps {
            activate(activation, &x, &mut xhat);
            next.copy_from_slice(c);
            times_slope(activation, &x, &xhat, &mut next);
            for (x, &next) in x.iter_mut().zip(&next) {
                *x = keep * *x + take * next;
            }
        }
        c.copy_from_slice(&x);
    }
}

/// Damped steps of a softmax layer, which has no roots by unit.
const LOCAL_STEPS: usize = 100;

impl<T: Real> Map<T> for Iteration<'_, T> {
    fn dim(&self) -> usize {
        self.field.carried
    }

    fn apply(&mut self, z: &[T], out: &mut [T]) {
        let field = self.field;
        let (units, carried) = (field.units, field.carried);
        let all = 0..field.layers.len();
        let (first, second) = (0..field.carried_layers, field.carried_layers..all.end);
        field.activate(first.clone(), z, carried, &mut self.xhat);
        if !second.is_empty() {
            let old = (field.family == Family::Chn).then(|| self.x.clone());
            Self::begin(&self.base, units, carried..units, &mut self.x, units);
            field.send(first.clone(), second.clone(), (&self.xhat, units), (&mut self.x, units));
            if let Some(old) = old {
                let mut x = std::mem::take(&mut self.x);
                second.clone().for_each(|layer| self.chn(layer, &old, &mut x, units));
                self.x = x;
            }
            field.activate(second, &self.x, units, &mut self.xhat);
        }
        Self::begin(&self.base, units, 0..carried, out, carried);
        if let Some(Toward { beta, target }) = &self.nudge {
            let read = field.layers[field.read].units.clone();
            let rows = out.chunks_exact_mut(carried).zip(self.xhat.chunks_exact(units));
            for ((out, xhat), target) in rows.zip(target.chunks_exact(read.len())) {
                for ((c, &v), &t) in
                    out[read.clone()].iter_mut().zip(&xhat[read.clone()]).zip(target)
                {
                    *c = *c + *beta * (t - v);
                }
            }
        }
        field.send(all, first.clone(), (&self.xhat, units), (out, carried));
        if field.family == Family::Chn {
            first.for_each(|layer| self.chn(layer, z, out, carried));
        }
    }

    fn keep(&mut self, rows: &[usize]) {
        for v in [&mut self.base, &mut self.x, &mut self.xhat] {
            keep_rows(v, self.field.units, rows);
        }
        if !self.cluster.is_empty() {
            keep_rows(&mut self.cluster, 1, rows);
        }
        if let Some(toward) = &mut self.nudge {
            keep_rows(&mut toward.target, self.field.layers[self.field.read].units.len(), rows);
        }
    }

    fn retire(&mut self, row: usize, sample: usize, z: &[T]) {
        let units = self.field.units;
        let x = self.state(row, z);
        let to = sample * units..(sample + 1) * units;
        self.ended[to.clone()].copy_from_slice(&x);
        self.ended_xhat[to].copy_from_slice(&self.xhat[row * units..(row + 1) * units]);
    }

    fn elsewhere(&self, row: usize) -> f64 {
        let units = self.field.units;
        let x = &self.x[row * units + self.field.carried..(row + 1) * units];
        dot_rows(x, x)
    }

    fn correct(&mut self, residual: &mut [T]) {
        if let Some(prepared) = self.prepared {
            prepared.correct(residual, &self.cluster);
        }
    }
}
