//! A model laid out for batches in rows.

use std::ops::Range;

use rayon::prelude::*;

use crate::model::{Activation, Coupling, EnergyModel, Family, LayerId, State};
use crate::numerics::Mat;
use crate::numerics::gemm::{Into, Part, PartMut};
use crate::numerics::kernels::{self, Real};
use crate::numerics::mostly::Mostly;
use crate::numerics::panels::Panels;
use crate::spec::Order;

/// The free layers side by side, `[rows, units]`: first those that an iteration carries, then
/// those that it eliminates. Synchronously all are carried; in even-odd order those of the read
/// layer's parity are, and no coupling joins two of the same parity.
#[derive(Debug, Clone)]
pub struct Field<T> {
    pub family: Family,
    pub order: Order,
    pub layers: Vec<Laid>,
    /// How many units and layers are carried.
    pub carried: usize,
    pub carried_layers: usize,
    pub units: usize,
    pub arcs: Vec<Arc<T>>,
    /// `[units]`
    pub bias: Vec<T>,
    /// The couplings that are biases, and their units.
    pub biases: Vec<(usize, Range<usize>)>,
    /// Where the read layer stands in `layers`.
    pub read: usize,
    pub clamp_size: usize,
    pub clamp_activation: Activation,
}

/// A free layer.
#[derive(Debug, Clone)]
pub struct Laid {
    pub layer: LayerId,
    pub units: Range<usize>,
    pub activation: Activation,
}

/// A dense coupling, laid as products read it.
#[derive(Debug, Clone)]
pub struct Arc<T> {
    /// Its place among the model's.
    pub coupling: usize,
    /// In `layers`; `None` is the clamped layer.
    pub source: Option<usize>,
    pub target: usize,
    /// `[source, target]`
    pub weight: Panels<T>,
    /// The same as `[target, source]`, where the source moves too; see [`Arc::mirror`].
    back: Panels<T>,
    /// Whether the source is the model's `post`.
    is_flipped: bool,
}

impl<T: Real> Arc<T> {
    /// Brings the transposed copy up to date.
    pub fn mirror(&mut self) {
        if self.source.is_some() {
            self.back = self.weight.transposed();
        }
    }

    /// Numbers laid as the model's weight, `[post, pre]`, as they are laid here.
    pub fn laid<U: Copy + Default>(&self, values: &[U]) -> Vec<U> {
        laid(values, [self.weight.rows(), self.weight.cols()], self.is_flipped).into_vec()
    }

    /// Numbers laid as they are here, as the model's weight is.
    pub fn unlaid<U: Copy + Default>(&self, values: Vec<U>) -> Vec<U> {
        let (rows, cols) = (self.weight.rows(), self.weight.cols());
        let values = Panels::of_panels(&values, rows, cols).to_rows();
        match self.is_flipped {
            true => values,
            false => Mat::from_vec(rows, cols, values).transposed().into_vec(),
        }
    }
}

/// A model's weight as `[source, target]`.
fn laid<U: Copy + Default>(
    values: &[U],
    [source, target]: [usize; 2],
    is_flipped: bool,
) -> Panels<U> {
    match is_flipped {
        true => Panels::of_rows(values, target),
        false => {
            let turned = Mat::from_vec(target, source, values.to_vec()).transposed();
            Panels::of_rows(turned.as_slice(), target)
        }
    }
}

/// Activations from which on threads share them.
const SHARED: usize = 1 << 15;

impl<T: Real> Field<T> {
    /// # Panics
    /// In even-odd order, if couplings join free layers in an odd ring ([`Order::sides`]).
    pub fn of_model(model: &EnergyModel, order: Order) -> Field<T> {
        let free: Vec<LayerId> = model.free_layers().collect();
        let (first, second): (Vec<LayerId>, Vec<LayerId>) = match order {
            Order::Synchronous => (free, Vec::new()),
            Order::EvenOdd => {
                let sides = Order::sides(model).expect("even-odd order fits the model");
                free.into_iter().partition(|l| sides[l.0] == sides[model.read.0])
            }
        };
        let carried_layers = first.len();
        let mut units = 0;
        let mut layers = Vec::new();
        for layer in first.into_iter().chain(second) {
            let size = model.layer(layer).size;
            let activation = model.layer(layer).activation;
            layers.push(Laid { layer, units: units..units + size, activation });
            units += size;
        }
        let place = |l: LayerId| layers.iter().position(|laid| laid.layer == l);
        let mut bias = vec![T::default(); units];
        let mut biases = Vec::new();
        let mut arcs = Vec::new();
        for (coupling, c) in model.couplings.iter().enumerate() {
            match c {
                Coupling::Dense { pre, post, weight } => {
                    let (source, target, is_flipped) = match (place(*pre), place(*post)) {
                        (source, Some(target)) => (source, target, false),
                        (Some(target), None) => (None, target, true),
                        (None, None) => continue,
                    };
                    let (post, pre) = (weight.rows(), weight.cols());
                    let shape = if is_flipped { [post, pre] } else { [pre, post] };
                    let weight = laid(weight.map(T::of).as_slice(), shape, is_flipped);
                    let back = Panels::default();
                    let mut arc = Arc { coupling, source, target, weight, back, is_flipped };
                    arc.mirror();
                    arcs.push(arc);
                }
                Coupling::Bias { on, value } => {
                    let Some(l) = place(*on) else { continue };
                    let at = layers[l].units.clone();
                    for (b, &value) in bias[at.clone()].iter_mut().zip(value) {
                        *b = T::of(value);
                    }
                    biases.push((coupling, at));
                }
            }
        }
        Field {
            family: model.family,
            order,
            carried: layers.get(carried_layers).map_or(units, |l: &Laid| l.units.start),
            carried_layers,
            units,
            arcs,
            bias,
            biases,
            read: place(model.read).expect("the read layer is free"),
            clamp_size: model.layer(model.clamp).size,
            clamp_activation: model.layer(model.clamp).activation,
            layers,
        }
    }

    /// Copies the parameters into the model they were taken from.
    pub fn put(&self, model: &mut EnergyModel) {
        let put = |from: &[T], coupling: &mut Coupling| {
            for (w, &from) in coupling.values_mut().iter_mut().zip(from) {
                *w = from.to_f64();
            }
        };
        for arc in &self.arcs {
            put(&arc.unlaid(arc.weight.as_slice().to_vec()), &mut model.couplings[arc.coupling]);
        }
        for (coupling, at) in &self.biases {
            put(&self.bias[at.clone()], &mut model.couplings[*coupling]);
        }
    }

    /// Biases and what the activations of the clamped layer `[rows, size]` add, `[rows, units]`.
    pub fn inputs(&self, clamped: &[T], out: &mut [T]) {
        for row in out.chunks_exact_mut(self.units.max(1)) {
            row.copy_from_slice(&self.bias);
        }
        // What inputs of zero are; of a softmax there is no such value.
        let mut quiet = [T::default()];
        if self.clamp_activation != Activation::Softmax {
            activate(self.clamp_activation, &[T::default()], &mut quiet);
        }
        let clamped = Mostly::of_rows(clamped, self.clamp_size, quiet[0]);
        for arc in &self.arcs {
            if arc.source.is_none() {
                let range = self.layers[arc.target].units.clone();
                let c = PartMut { data: &mut *out, cols: self.units, range };
                clamped.add_product(c, &arc.weight);
            }
        }
    }

    /// Adds what the layers in `from` send to those in `to`: their signals, and those that arrive, are
    /// `[rows, width]`, each with a width of its own: the units of the layers up to the last at least.
    pub fn send(
        &self,
        from: Range<usize>,
        to: Range<usize>,
        (signal, wide): (&[T], usize),
        (out, width): (&mut [T], usize),
    ) {
        for arc in &self.arcs {
            let Some(source) = arc.source else { continue };
            let ways = [(source, arc.target, &arc.weight), (arc.target, source, &arc.back)];
            for (a, b, weight) in ways {
                if !from.contains(&a) || !to.contains(&b) {
                    continue;
                }
                let signal = Part::columns(signal, wide, self.layers[a].units.clone());
                let c =
                    PartMut { data: &mut *out, cols: width, range: self.layers[b].units.clone() };
                weight.multiply(c, signal, Into::Add);
            }
        }
    }

    /// The states of one pass from the clamped layer on, `[rows, units]`: each layer from those that
    /// are nearer to the inputs alone, given what biases and inputs bring.
    pub fn feedforward(&self, base: &[T]) -> Vec<T> {
        let mut x = base.to_vec();
        let mut xhat = vec![T::default(); x.len()];
        let near =
            |layer: usize| self.arcs.iter().any(|arc| arc.source.is_none() && arc.target == layer);
        let mut done: Vec<usize> = Vec::new();
        let mut next: Vec<usize> = (0..self.layers.len()).filter(|&l| near(l)).collect();
        while !next.is_empty() {
            for &to in &next {
                for &from in &done {
                    let wide = self.units;
                    self.send(from..from + 1, to..to + 1, (&xhat, wide), (&mut x, wide));
                }
            }
            for &layer in &next {
                self.activate(layer..layer + 1, &x, self.units, &mut xhat);
            }
            done.append(&mut next);
            let joined = |layer: usize| {
                self.arcs.iter().any(|arc| {
                    let ends = [arc.source, Some(arc.target)];
                    ends.contains(&Some(layer))
                        && ends.iter().flatten().any(|end| done.contains(end))
                })
            };
            next = (0..self.layers.len()).filter(|l| !done.contains(l) && joined(*l)).collect();
        }
        x
    }

    /// The activations of the layers in `which`, from states of `width` numbers a row, into
    /// `[rows, units]`.
    pub fn activate(&self, which: Range<usize>, x: &[T], width: usize, xhat: &mut [T]) {
        let row = |(x, xhat): (&[T], &mut [T])| {
            for laid in &self.layers[which.clone()] {
                activate(laid.activation, &x[laid.units.clone()], &mut xhat[laid.units.clone()]);
            }
        };
        let some = which.clone().map(|l| self.layers[l].units.len()).sum::<usize>();
        if some * (x.len() / width) >= SHARED {
            let rows = x.par_chunks_exact(width).zip(xhat.par_chunks_exact_mut(self.units));
            rows.with_min_len(8).for_each(row);
        } else {
            x.chunks_exact(width).zip(xhat.chunks_exact_mut(self.units)).for_each(row);
        }
    }

    /// The activations of the clamped layer, `[rows, size]`, of some samples; the last is repeated
    /// to fill up `rows`.
    pub fn clamped(&self, inputs: &Mat, samples: Range<usize>, rows: usize) -> Vec<T> {
        let size = self.clamp_size;
        let mut xhat = vec![T::default(); rows * size];
        let mut x = vec![T::default(); size];
        for (row, xhat) in xhat.chunks_exact_mut(size.max(1)).enumerate() {
            let sample = (samples.start + row).min(samples.end - 1);
            for (x, &v) in x.iter_mut().zip(inputs.row(sample)) {
                *x = T::of(v);
            }
            activate(self.clamp_activation, &x, xhat);
        }
        xhat
    }

    /// Some samples of a state, `[rows, units]`; the last is repeated to fill up `rows`.
    pub fn gather(&self, state: &State, samples: Range<usize>, rows: usize) -> Vec<T> {
        let mut z = vec![T::default(); rows * self.units];
        for (row, z) in z.chunks_exact_mut(self.units).enumerate() {
            let sample = (samples.start + row).min(samples.end - 1);
            for laid in &self.layers {
                for (z, &x) in z[laid.units.clone()].iter_mut().zip(state[laid.layer.0].row(sample))
                {
                    *z = T::of(x);
                }
            }
        }
        z
    }

    /// Writes one sample, `[units]`, into a state.
    pub fn scatter(&self, x: &[T], sample: usize, state: &mut State) {
        for laid in &self.layers {
            let to = state[laid.layer.0].row_mut(sample);
            for (to, x) in to.iter_mut().zip(&x[laid.units.clone()]) {
                *to = x.to_f64();
            }
        }
    }
}

/// The activations of one row.
pub fn activate<T: Real>(activation: Activation, x: &[T], xhat: &mut [T]) {
    if activation != Activation::Softmax {
        return kernels::activate(activation, x, xhat, &mut []);
    }
    let mut top = x[0];
    for &x in x {
        top = if x > top { x } else { top };
    }
    for (v, &x) in xhat.iter_mut().zip(x) {
        *v = x - top;
    }
    let lifted = xhat.to_vec();
    kernels::exp(&lifted, xhat);
    let sum = xhat.iter().fold(T::default(), |sum, &v| sum + v);
    xhat.iter_mut().for_each(|v| *v = *v / sum);
}

/// `y <- (dxhat/dx)^T y` of one row with activations `xhat`.
pub fn times_slope<T: Real>(activation: Activation, x: &[T], xhat: &[T], y: &mut [T]) {
    kernels::times_slope(activation, x, xhat, y, &mut [T::default()]);
}
