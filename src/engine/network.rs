//! The force on a network's free layers over a batch in lanes: what the ideal and the behavioural
//! engine have in common.

pub mod noise;
mod of_chip;
mod skew;

use std::ops::Range;

use super::layout::{from_lanes, to_lanes};
use super::wires::Wires;
use super::{Drive, Nudge};
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
/// `g_i = tau G_i / C`, its node equation divided by the capacitance. With wires, conductances are
/// those that the ports of its tiles see, and nodes of a layer pull at each other as well:
/// `- sum_k L_ik x_k`.
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
    /// What a unit of force on each unit of the read layer adds to `d`.
    nudge: Vec<f64>,
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
    wires: Option<Wires>,
    /// `-L`, on `x` itself.
    sneaks: Vec<Product<T>>,
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
        let read = read.expect("the read layer is free");
        Network {
            tau: 1.0,
            dim,
            family: model.family,
            read,
            clamp_activation: model.layer(model.clamp).activation,
            nudge: vec![1.0; free[read].rows.len()],
            free,
            blocks,
            weight: vec![T::of(1.0); dim],
            leak: vec![T::of(1.0); dim],
            bias: vec![T::default(); dim],
            inward: Vec::new(),
            inner: Vec::new(),
            wires: None,
            sneaks: Vec::new(),
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
    /// The pull of an elastic nudge on each activation of the read layer; empty without one.
    pull: Vec<T>,
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
            pull: Vec::new(),
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
                self.pull = self.net.nudge.iter().map(|nudge| T::of(nudge * beta)).collect();
                (target, *beta)
            }
            Nudge::Force(force) => (force, 1.0),
        };
        let rows = self.net.free[self.net.read].rows.clone();
        for b in 0..lanes {
            let row = force.row((samples.start + b).min(samples.end - 1));
            for ((i, &value), nudge) in rows.clone().zip(row).zip(&self.net.nudge) {
                let drive = &mut self.drive[i * lanes + b];
                *drive = *drive + T::of(nudge * beta * value);
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
        if *is_read && !self.pull.is_empty() {
            let first = self.net.free[self.net.read].rows.start;
            let pulls = &self.pull[rows.start - first..rows.end - first];
            let each = dx.chunks_exact_mut(lanes).zip(xhat.chunks_exact(lanes)).zip(pulls);
            for ((dx, xhat), &pull) in each {
                for (dx, &xhat) in dx.iter_mut().zip(xhat) {
                    *dx = *dx - pull * xhat;
                }
            }
        }
    }

    fn complete(&mut self, x: &[T], dx: &mut [T], lanes: usize) {
        for product in &self.net.inner {
            product.add(&self.xhat, dx, lanes);
        }
        for product in &self.net.sneaks {
            product.add(x, dx, lanes);
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
