//! The force on a network's free layers over a batch in lanes: what the ideal and the behavioural
//! engine have in common.

use std::ops::Range;

use rayon::prelude::*;

use super::layout::{from_lanes, to_lanes};
use super::{Drive, Nudge};
use crate::compile::Chip;
use crate::model::{Activation, Coupling, EnergyModel, Family, LayerId, State};
use crate::numerics::gemm::Into;
use crate::numerics::kernels::{self, Real};
use crate::numerics::lanes::{keep_lanes, largest};
use crate::numerics::ode::{Ode, in_lanes, padded};
use crate::units::Second;

/// An equation in units of `x`, with time in units of `tau`:
///
/// ```text
/// HAM:  dx_i/dt = sum_j M_ij f(x_j) - g_i x_i + d_i
/// CHN:  dx_i/dt = f'(x_i) [ sum_j M_ij f(x_j) + d_i ] - x_i
/// ```
///
/// The model itself has `M = W` and `g = 1`; a chip has `M_ij = tau gain (Gp_ij - Gn_ij) / C` and
/// `g_i = tau G_i / C`, its node equation divided by the capacitance.
pub struct Network<T> {
    /// The unit of time \[s\], the shortest time constant of a chip.
    pub tau: Second,
    /// Rows of all free layers.
    pub dim: usize,
    family: Family,
    free: Vec<Free>,
    blocks: Vec<Block>,
    clamp_activation: Activation,
    /// The read layer among the free ones.
    read: usize,
    /// What a unit of force on the read layer adds to `d`.
    nudge: f64,
    /// `[dim]`: `tau_l / tau`, which turns `dx/dt` into the residual.
    weight: Vec<T>,
    /// `g`, `[dim]`.
    leak: Vec<T>,
    /// The part of `d` that is the same for all samples, `[dim]`.
    bias: Vec<T>,
    /// From the clamped layer.
    inward: Vec<Product<T>>,
    /// Between free layers.
    inner: Vec<Product<T>>,
}

struct Free {
    layer: LayerId,
    rows: Range<usize>,
    activation: Activation,
}

/// Rows of a layer whose activations can be computed by themselves.
struct Block {
    rows: Range<usize>,
    activation: Activation,
    is_read: bool,
}

/// Cells that one thread takes at a time when a chip is taken over.
const CELLS: usize = 16 * 1024;

/// Rows of a block: their buffers together should fit the first-level cache.
const BLOCK: usize = 8;

impl Free {
    fn blocks(&self, is_read: bool) -> impl Iterator<Item = Block> {
        let Free { rows, activation, .. } = self;
        let step = if activation.is_elementwise() { BLOCK } else { rows.len().max(1) };
        rows.clone().step_by(step).map(move |start| Block {
            rows: start..(start + step).min(rows.end),
            activation: *activation,
            is_read,
        })
    }
}

/// `M f(x_pre)`, added to the rows `post`.
struct Product<T> {
    pre: Range<usize>,
    post: Range<usize>,
    /// `[post, pre]`
    m: Vec<T>,
}

impl<T: Real> Network<T> {
    /// The arrays of a chip as made.
    pub fn of_chip(chip: &Chip) -> Network<T> {
        let fabric = &chip.fabric;
        let mut net = Network::unconnected(&fabric.model);
        for array in &fabric.arrays {
            let cells = array.plus.rows() * array.plus.cols();
            net.connect(array.pre, array.post, vec![T::default(); cells]);
        }
        net.refresh(chip);
        net
    }

    /// Takes over a chip as it stands now, of the shape this network was made for.
    pub fn refresh(&mut self, chip: &Chip) {
        let fabric = &chip.fabric;
        let plan = |l: LayerId| &fabric.layers[l.0];
        let taus = self.free.iter().map(|f| plan(f.layer).tau);
        let tau = taus.fold(f64::INFINITY, f64::min);
        let per_siemens = tau / fabric.hardware.c_node;
        let bias_of_ampere = |gain: f64| per_siemens * gain / fabric.hardware.v_unit;
        for f in &self.free {
            let (rows, plan) = (f.rows.clone(), plan(f.layer));
            self.weight[rows.clone()].fill(T::of(plan.tau / tau));
            for (to, g) in self.leak[rows.clone()].iter_mut().zip(chip.row_totals(f.layer)) {
                *to = T::of(per_siemens * g);
            }
            for (to, i) in self.bias[rows].iter_mut().zip(&plan.bias) {
                *to = T::of(bias_of_ampere(plan.gain) * i);
            }
        }
        let (mut inward, mut inner) = (self.inward.iter_mut(), self.inner.iter_mut());
        for (array, cells) in fabric.arrays.iter().zip(&chip.cells) {
            let scale = per_siemens * plan(array.post).gain;
            let from_clamp = array.pre == fabric.model.clamp;
            let product = if from_clamp { inward.next() } else { inner.next() };
            let m = &mut product.expect("one product an array").m;
            m.par_chunks_mut(CELLS)
                .zip(cells.plus.as_slice().par_chunks(CELLS))
                .zip(cells.minus.as_slice().par_chunks(CELLS))
                .for_each(|((m, plus), minus)| kernels::differences(m, plus, minus, scale));
        }
        let read = plan(fabric.model.read);
        self.nudge = per_siemens * read.gain * read.scale;
        self.tau = tau;
    }

    /// The model itself.
    pub fn of_model(model: &EnergyModel) -> Network<T> {
        let mut net = Network::unconnected(model);
        let reals = |values: &[f64]| values.iter().map(|&w| T::of(w)).collect();
        for coupling in &model.couplings {
            match coupling {
                Coupling::Dense { pre, post, weight } => {
                    net.connect(*pre, *post, reals(weight.as_slice()));
                    net.connect(*post, *pre, reals(weight.transposed().as_slice()));
                }
                Coupling::Bias { on, value } => {
                    let Some(f) = net.free.iter().find(|f| f.layer == *on) else { continue };
                    for (bias, &b) in net.bias[f.rows.clone()].iter_mut().zip(value) {
                        *bias = *bias + T::of(b);
                    }
                }
            }
        }
        net
    }

    fn unconnected(model: &EnergyModel) -> Network<T> {
        let mut dim = 0;
        let free: Vec<Free> = model
            .free_layers()
            .map(|layer| {
                let rows = dim..dim + model.layer(layer).size;
                dim = rows.end;
                Free { layer, rows, activation: model.layer(layer).activation }
            })
            .collect();
        let blocks = free.iter().flat_map(|f| f.blocks(f.layer == model.read)).collect();
        let read = free.iter().position(|f| f.layer == model.read);
        Network {
            tau: 1.0,
            dim,
            family: model.family,
            read: read.expect("the read layer is free"),
            clamp_activation: model.layer(model.clamp).activation,
            nudge: 1.0,
            free,
            blocks,
            weight: vec![T::of(1.0); dim],
            leak: vec![T::of(1.0); dim],
            bias: vec![T::default(); dim],
            inward: Vec::new(),
            inner: Vec::new(),
        }
    }

    /// Adds `m`, `[post, pre]`; into the clamped layer nothing flows.
    fn connect(&mut self, pre: LayerId, post: LayerId, m: Vec<T>) {
        let Some(to) = self.free.iter().find(|f| f.layer == post) else { return };
        let post = to.rows.clone();
        match self.free.iter().find(|f| f.layer == pre) {
            Some(from) => self.inner.push(Product { pre: from.rows.clone(), post, m }),
            None => {
                let pre = 0..m.len() / post.len();
                self.inward.push(Product { pre, post, m });
            }
        }
    }

    /// What the inputs of some samples and the biases add to `d`, `[dim, lanes]`.
    pub fn inputs(&self, drive: &Drive, samples: Range<usize>) -> Vec<T> {
        let lanes = padded::<T>(samples.len());
        let mut d = vec![T::default(); self.dim * lanes];
        for (row, &bias) in d.chunks_exact_mut(lanes).zip(&self.bias) {
            row.fill(bias);
        }
        let mut x = vec![T::default(); drive.clamp.cols() * lanes];
        to_lanes(&drive.clamp, samples, &mut x, lanes);
        let mut xhat = vec![T::default(); x.len()];
        kernels::activate(self.clamp_activation, &x, &mut xhat, &mut vec![T::default(); lanes]);
        for product in &self.inward {
            product.add(&xhat, &mut d, lanes);
        }
        d
    }

    /// The free layers of some samples of a state, `[dim, samples]`.
    pub fn gather(&self, state: &State, samples: Range<usize>) -> Vec<T> {
        let width = samples.len();
        let mut x = vec![T::default(); self.dim * width];
        for f in &self.free {
            let rows = &mut x[in_lanes(f.rows.clone(), width)];
            to_lanes(&state[f.layer.0], samples.clone(), rows, width);
        }
        x
    }

    /// Writes some samples, `[dim, samples]`, into a state.
    pub fn scatter(&self, x: &[T], samples: Range<usize>, state: &mut State) {
        let width = samples.len();
        for f in &self.free {
            let rows = &x[in_lanes(f.rows.clone(), width)];
            from_lanes(rows, width, samples.clone(), &mut state[f.layer.0]);
        }
    }
}

/// The network with some samples' inputs in place.
pub struct Batch<'a, T> {
    net: &'a Network<T>,
    /// `d`, `[dim, lanes]`.
    drive: Vec<T>,
    /// The pull of an elastic nudge on the read layer's activations.
    pull: T,
    /// `f(x)`, `[dim, lanes]`.
    xhat: Vec<T>,
    /// `[lanes]`
    work: Vec<T>,
}

impl<'a, T: Real> Batch<'a, T> {
    /// Everything that does not move during a settling, the product with the inputs included.
    pub fn new(net: &'a Network<T>, drive: &Drive, samples: Range<usize>) -> Batch<'a, T> {
        let inputs = net.inputs(drive, samples.clone());
        Batch::with_inputs(net, inputs, drive, samples)
    }

    /// [`Batch::new`] with the same samples' [`Network::inputs`].
    pub fn with_inputs(
        net: &'a Network<T>,
        inputs: Vec<T>,
        drive: &Drive,
        samples: Range<usize>,
    ) -> Batch<'a, T> {
        let lanes = padded::<T>(samples.len());
        let mut batch = Batch {
            net,
            drive: inputs,
            pull: T::default(),
            xhat: vec![T::default(); net.dim * lanes],
            work: vec![T::default(); lanes],
        };
        batch.nudge(&drive.nudge, samples, lanes);
        batch
    }

    /// The largest force on each sample of a state `[dim, samples]`.
    pub fn residual(&mut self, x: &[T], samples: usize) -> Vec<f64> {
        let lanes = self.work.len();
        let mut wide = vec![T::default(); self.net.dim * lanes];
        for (to, from) in wide.chunks_exact_mut(lanes).zip(x.chunks_exact(samples)) {
            to[..samples].copy_from_slice(from);
        }
        let mut dx = vec![T::default(); wide.len()];
        self.rhs(&wide, &mut dx, lanes);
        let mut out = vec![T::default(); lanes];
        largest(&mut out, &dx, &self.net.weight);
        out[..samples].iter().map(|r| r.to_f64()).collect()
    }

    fn nudge(&mut self, nudge: &Nudge, samples: Range<usize>, lanes: usize) {
        let (force, beta) = match nudge {
            Nudge::None => return,
            Nudge::Toward { target, beta } => {
                self.pull = T::of(self.net.nudge * beta);
                (target, *beta)
            }
            Nudge::Force(force) => (force, 1.0),
        };
        let rows = self.net.free[self.net.read].rows.clone();
        for b in 0..lanes {
            let row = force.row((samples.start + b).min(samples.end - 1));
            for (i, &value) in rows.clone().zip(row) {
                let drive = &mut self.drive[i * lanes + b];
                *drive = *drive + T::of(self.net.nudge * beta * value);
            }
        }
    }
}

impl<T: Real> Product<T> {
    fn add(&self, xhat: &[T], to: &mut [T], lanes: usize) {
        T::gemm(
            &mut to[in_lanes(self.post.clone(), lanes)],
            &self.m,
            &xhat[in_lanes(self.pre.clone(), lanes)],
            [self.post.len(), lanes, self.pre.len()],
            Into::Add,
        );
    }
}

impl<T: Real> Ode<T> for Batch<'_, T> {
    fn dim(&self) -> usize {
        self.net.dim
    }

    fn weight(&self) -> &[T] {
        &self.net.weight
    }

    fn blocks(&self) -> usize {
        self.net.blocks.len()
    }

    fn rows(&self, block: usize) -> Range<usize> {
        self.net.blocks[block].rows.clone()
    }

    fn begin(&mut self, block: usize, x: &[T], dx: &mut [T], lanes: usize) {
        let Block { rows, activation, is_read } = &self.net.blocks[block];
        let at = in_lanes(rows.clone(), lanes);
        let (drive, xhat) = (&self.drive[at.clone()], &mut self.xhat[at]);
        kernels::activate(*activation, x, xhat, &mut self.work);
        match self.net.family {
            Family::Ham => kernels::leak(drive, &self.net.leak[rows.clone()], x, dx, lanes),
            Family::Chn => dx.copy_from_slice(drive),
        }
        if *is_read && self.pull != T::default() {
            for (dx, &xhat) in dx.iter_mut().zip(&*xhat) {
                *dx = *dx - self.pull * xhat;
            }
        }
    }

    fn complete(&mut self, x: &[T], dx: &mut [T], lanes: usize) {
        for product in &self.net.inner {
            product.add(&self.xhat, dx, lanes);
        }
        if self.net.family == Family::Chn {
            for f in &self.net.free {
                let at = in_lanes(f.rows.clone(), lanes);
                let (x, xhat, dx) = (&x[at.clone()], &self.xhat[at.clone()], &mut dx[at]);
                kernels::times_slope(f.activation, x, xhat, dx, &mut self.work);
                for (dx, &x) in dx.iter_mut().zip(x) {
                    *dx = *dx - x;
                }
            }
        }
    }

    fn keep(&mut self, from: usize, keep: &[usize]) {
        keep_lanes(&mut self.drive, from, keep);
        for v in [&mut self.drive, &mut self.xhat] {
            v.truncate(self.net.dim * keep.len());
        }
        self.work.truncate(keep.len());
    }
}
