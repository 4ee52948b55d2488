//! The current that is pushed into the read layer of some samples.

use std::ops::Range;

use super::Network;
use crate::compile::Chip;
use crate::engine::Nudge;
use crate::numerics::kernels::Real;
use crate::numerics::lanes::keep_lanes;

/// Sources that give less the nearer their nodes are to a rail.
pub struct Compliance {
    /// Where a source is cut off, and how far before that its current begins to fall \[V\].
    limit: f64,
    knee: f64,
    /// Of each unit of the read layer: its node is at `volts x - offset`.
    volts: Vec<f64>,
    offset: Vec<f64>,
}

impl Compliance {
    pub fn of_chip(chip: &Chip) -> Option<Compliance> {
        let (limit, knee) = chip.nonideal.periphery.nudge.compliance?;
        let layer = chip.fabric.model.read;
        let unit = chip.fabric.hardware.v_unit / chip.fabric.layers[layer.0].gain;
        let size = chip.fabric.model.layer(layer).size;
        let (volts, offset) = match chip.units(layer) {
            Some(units) => units.iter().map(|u| (unit / u.gain, u.offset)).unzip(),
            None => (vec![unit; size], vec![0.0; size]),
        };
        Some(Compliance { limit, knee, volts, offset })
    }

    /// The share of a current of this sign that a source still gives: a transistor's below
    /// saturation, `y (2 - y)` with `y` the headroom in knees.
    fn share<T: Real>(&self, i: usize, force: T, x: T) -> T {
        let u = T::of(self.volts[i]) * x - T::of(self.offset[i]);
        let toward = if force < T::default() { -u } else { u };
        let y = (T::of(self.limit) - toward) / T::of(self.knee);
        let one = T::of(1.0);
        let y = if y > one { one } else { y };
        let y = if y < T::default() { T::default() } else { y };
        y * (T::of(2.0) - y)
    }
}

/// The nudge of some samples.
pub(super) struct Nudged<T> {
    /// The pull on each activation of the read layer; empty without one.
    pull: Vec<T>,
    /// What is set, `[size, lanes]`, where sources have a compliance; else it is in the drive.
    set: Vec<T>,
}

impl<T: Real> Nudged<T> {
    /// Adds what does not depend on the state to the drive `[dim, lanes]`.
    pub fn new(
        net: &Network<T>,
        nudge: &Nudge,
        samples: Range<usize>,
        lanes: usize,
        drive: &mut [T],
    ) -> Nudged<T> {
        let mut nudged = Nudged { pull: Vec::new(), set: Vec::new() };
        let (force, beta) = match nudge {
            Nudge::None => return nudged,
            Nudge::Toward { target, beta } => {
                nudged.pull = net.nudge.iter().map(|nudge| T::of(nudge * beta)).collect();
                (target, *beta)
            }
            Nudge::Force(force) => (force, 1.0),
        };
        let rows = net.free[net.read].rows.clone();
        let own = net.compliance.is_some();
        if own {
            nudged.set = vec![T::default(); rows.len() * lanes];
        }
        let (to, first) = if own { (&mut nudged.set[..], 0) } else { (drive, rows.start) };
        for b in 0..lanes {
            let row = force.row((samples.start + b).min(samples.end - 1));
            for ((i, &value), nudge) in row.iter().enumerate().zip(&net.nudge) {
                let to = &mut to[(first + i) * lanes + b];
                *to = *to + T::of(nudge * beta * value);
            }
        }
        nudged
    }

    pub fn is_none(&self) -> bool {
        self.pull.is_empty() && self.set.is_empty()
    }

    /// Adds what depends on the state to `dx` of some units of the read layer, at `x` with the
    /// activations `xhat`, all `[units, lanes]`.
    pub fn add(
        &self,
        net: &Network<T>,
        units: Range<usize>,
        [x, xhat]: [&[T]; 2],
        dx: &mut [T],
        lanes: usize,
    ) {
        let each = dx.chunks_exact_mut(lanes).zip(xhat.chunks_exact(lanes)).zip(units.clone());
        let Some(compliance) = &net.compliance else {
            for ((dx, xhat), i) in each {
                let pull = self.pull[i];
                for (dx, &xhat) in dx.iter_mut().zip(xhat) {
                    *dx = *dx - pull * xhat;
                }
            }
            return;
        };
        for (((dx, xhat), i), x) in each.zip(x.chunks_exact(lanes)) {
            let pull = self.pull.get(i).copied().unwrap_or_default();
            let set = &self.set[i * lanes..(i + 1) * lanes];
            for (((dx, &xhat), &set), &x) in dx.iter_mut().zip(xhat).zip(set).zip(x) {
                let force = set - pull * xhat;
                *dx = *dx + compliance.share(i, force, x) * force;
            }
        }
    }

    pub fn keep(&mut self, from: usize, keep: &[usize]) {
        if !self.set.is_empty() {
            keep_lanes(&mut self.set, from, keep);
            self.set.truncate(self.set.len() / from * keep.len());
        }
    }
}
