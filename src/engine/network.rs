//! The force on a network's free layers over a batch in lanes.

mod amplifier;
mod curved;
mod late;
mod load;
pub mod noise;
mod nudge;
mod of_chip;
mod skew;

use std::ops::Range;

use self::amplifier::Amplifiers;
use self::curved::Curved;
use self::nudge::{Compliance, Nudged};
use super::Drive;
use super::layout::{from_lanes, to_lanes};
use super::wires::Wires;
use crate::model::{Activation, EnergyModel, LayerId, State};
use crate::numerics::Mat;
use crate::numerics::gemm::Into;
use crate::numerics::kernels::{self, Real};
use crate::numerics::lanes::{keep_lanes, largest};
use crate::numerics::ode::{Ode, in_lanes, padded};
use crate::units::Second;

/// An equation in units of `x`, with time in units of `tau`:
///
/// ```text
/// dx_i/dt = sum_j M_ij f(x_j) - g_i x_i + d_i
/// ```
///
/// A chip has `M_ij = tau gain (Gp_ij - Gn_ij) / C` and `g_i = tau G_i / C`, its node equation
/// divided by the capacitance. With wires, conductances are
/// those that the ports of its tiles see, and nodes of a layer pull at each other as well:
/// `- sum_k L_ik x_k`.
pub struct Network<T> {
    /// The unit of time \[s\], the shortest time constant of a chip.
    pub tau: Second,
    /// Rows of all free layers.
    dim: usize,
    free: Vec<Free>,
    blocks: Vec<Block>,
    clamp_activation: Activation,
    /// The read layer among the free ones.
    read: usize,
    /// What a unit of force on each unit of the read layer adds to `d`.
    nudge: Vec<f64>,
    compliance: Option<Compliance>,
    amplifiers: Option<Amplifiers>,
    curved: Option<Curved<T>>,
    /// What a unit of each activation takes of the supply; empty where it gives no way.
    draws: Vec<T>,
    /// `[states]`: `tau_l / tau`, which turns `dx/dt` into the residual.
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

/// Rows of a layer whose activations can be computed by themselves; or of outputs that lag, whose
/// activations are elsewhere.
struct Block {
    rows: Range<usize>,
    activation: Activation,
    is_read: bool,
    is_output: bool,
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
            is_output: false,
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
    /// Numbers a sample: all free layers, and the outputs of amplifiers that lag.
    pub fn states(&self) -> usize {
        if self.lags() { 2 * self.dim } else { self.dim }
    }

    fn lags(&self) -> bool {
        self.amplifiers.as_ref().is_some_and(Amplifiers::lag)
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
            read,
            clamp_activation: model.layer(model.clamp).activation,
            nudge: vec![1.0; free[read].rows.len()],
            compliance: None,
            amplifiers: None,
            curved: None,
            draws: Vec::new(),
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

    /// What the inputs of some samples and the biases add to `d`, `[dim, lanes]`, and behind
    /// that what [`Curved::inputs`] has of cells that are not linear. The lines of
    /// the inputs carry the activations of the clamped layer, or those given for them.
    pub fn inputs(&self, clamp: &Mat, lines: Option<&Mat>, samples: Range<usize>) -> Vec<T> {
        let width = padded::<T>(samples.len());
        let mut d = vec![T::default(); self.dim * width];
        for (row, &bias) in d.chunks_exact_mut(width).zip(&self.bias) {
            row.fill(bias);
        }
        let xhat = self.clamped(clamp, lines, samples);
        match &self.curved {
            Some(curved) => d.extend(curved.inputs(self, &xhat, width)),
            None => self.inward.iter().for_each(|product| product.add(&xhat, &mut d, width)),
        }
        d
    }

    /// The activations of the clamped layer for some samples, `[size, lanes]`: `lines` where a
    /// converter makes them.
    fn clamped(&self, clamp: &Mat, lines: Option<&Mat>, samples: Range<usize>) -> Vec<T> {
        let width = padded::<T>(samples.len());
        let mut xhat = vec![T::default(); clamp.cols() * width];
        match lines {
            Some(lines) => to_lanes(lines, samples, &mut xhat, width),
            None => {
                let mut x = vec![T::default(); xhat.len()];
                to_lanes(clamp, samples, &mut x, width);
                let mut work = vec![T::default(); width];
                kernels::activate(self.clamp_activation, &x, &mut xhat, &mut work);
            }
        }
        xhat
    }

    /// The free layers of some samples of a state, `[states, samples]`. Outputs that lag are at 0
    /// where the state is that of rest, and else have come to rest themselves.
    pub fn gather(&self, state: &State, is_rest: bool, samples: Range<usize>) -> Vec<T> {
        let width = samples.len();
        let mut x = vec![T::default(); self.states() * width];
        for f in &self.free {
            let rows = &mut x[in_lanes(f.rows.clone(), width)];
            to_lanes(&state[f.layer.0], samples.clone(), rows, width);
        }
        if self.lags() && !is_rest {
            self.rest_outputs(&mut x, width);
        }
        x
    }

    /// Writes some samples, `[states, samples]`, into a state.
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
    nudged: Nudged<T>,
    /// `f(x)`, `[dim, lanes]`, or what amplifiers that do not lag make of it.
    xhat: Vec<T>,
    /// What amplifiers that lag make of it; empty without any.
    outputs: Vec<T>,
    /// `[lanes]`
    work: Vec<T>,
}

impl<'a, T: Real> Batch<'a, T> {
    /// Everything that does not move during a settling, with the same samples' [`Network::inputs`].
    pub fn with_inputs(
        net: &'a Network<T>,
        mut inputs: Vec<T>,
        drive: &Drive,
        samples: Range<usize>,
    ) -> Batch<'a, T> {
        let lanes = padded::<T>(samples.len());
        Batch {
            net,
            nudged: Nudged::new(net, &drive.nudge, samples, lanes, &mut inputs),
            drive: inputs,
            xhat: vec![T::default(); net.dim * lanes],
            outputs: vec![T::default(); (net.states() - net.dim) * lanes],
            work: vec![T::default(); lanes],
        }
    }

    /// The largest force on each sample of a state `[states, samples]`.
    pub fn residual(&mut self, x: &[T], samples: usize) -> Vec<f64> {
        let lanes = self.work.len();
        let mut wide = vec![T::default(); self.net.states() * lanes];
        for (to, from) in wide.chunks_exact_mut(lanes).zip(x.chunks_exact(samples)) {
            to[..samples].copy_from_slice(from);
        }
        let mut dx = vec![T::default(); wide.len()];
        self.rhs(&wide, &mut dx, lanes);
        let mut out = vec![T::default(); lanes];
        largest(&mut out, &dx, &self.net.weight);
        out[..samples].iter().map(|r| r.to_f64()).collect()
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
        self.net.states()
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
        let Block { rows, activation, is_read, is_output } = &self.net.blocks[block];
        if *is_output {
            return;
        }
        let at = in_lanes(rows.clone(), lanes);
        let (drive, xhat) = (&self.drive[at.clone()], &mut self.xhat[at]);
        kernels::activate(*activation, x, xhat, &mut self.work);
        if let Some(amplifiers) = self.net.amplifiers.as_ref().filter(|_| !self.net.is_late()) {
            amplifiers.rest(xhat);
        }
        kernels::leak(drive, &self.net.leak[rows.clone()], x, dx, lanes);
        if *is_read && !self.nudged.is_none() && !self.net.is_late() {
            let first = self.net.free[self.net.read].rows.start;
            let units = rows.start - first..rows.end - first;
            self.nudged.add(self.net, units, [x, xhat], dx, lanes);
        }
    }

    fn complete(&mut self, x: &[T], dx: &mut [T], lanes: usize) {
        let (x, a) = x.split_at(self.net.dim * lanes);
        let (dx, da) = dx.split_at_mut(self.net.dim * lanes);
        self.come_late([x, a], [&mut *dx, da], lanes);
        let xhat = if self.outputs.is_empty() { &self.xhat } else { &self.outputs };
        match &self.net.curved {
            Some(curved) => self.push(curved, [x, xhat], dx, lanes),
            None => self.net.inner.iter().for_each(|product| product.add(xhat, dx, lanes)),
        }
        for product in &self.net.sneaks {
            product.add(x, dx, lanes);
        }
    }

    fn keep(&mut self, from: usize, keep: &[usize]) {
        keep_lanes(&mut self.drive, from, keep);
        self.drive.truncate(self.drive.len() / from * keep.len());
        self.nudged.keep(from, keep);
        for v in [&mut self.xhat, &mut self.outputs] {
            v.truncate(self.net.dim * keep.len());
        }
        self.work.truncate(keep.len());
    }
}
