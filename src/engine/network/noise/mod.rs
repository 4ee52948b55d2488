//! Noise while a network is read, at its nodes.
//!
//! Noises of cells are independent, so what they do to a node adds up to noise of the node. While
//! voltages are those at which the network rests, the sum of normal noises is normal, with the
//! variance that [`sums::Squares`] finds: of one law with noise drawn cell by cell. Voltages that
//! follow the noise change that by terms of second order in it.

mod kernels;
mod running;
pub mod slow;
mod sums;
pub mod traps;

use std::ops::Range;

use super::Network;
use crate::compile::{Chip, ReadWindow};
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::math::sinh;
use crate::numerics::ode::padded;
use crate::numerics::seed::Seed;
use crate::units::{BOLTZMANN, ELEMENTARY_CHARGE};
use slow::Slow;
use sums::{Excess, Squares, Sum};
use traps::Site;

/// When noise is drawn, and whose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Read {
    pub window: ReadWindow,
    /// The stream of all reads.
    pub seed: Seed,
}

/// Which read of a chip: the first sample's number, and the phase of the presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub first: usize,
    pub phase: usize,
}

/// The noise of a network's nodes, in units of its equation.
pub struct Noise<T> {
    pub read: Read,
    /// `tau`
    tau: f64,
    /// Of each row, what its neuron sees at 0 V, and volts of its node (in `v_unit`) for a unit of
    /// what it sees.
    seen: Vec<[f64; 2]>,
    /// White noise that does not depend on the state, as a variance in a unit of time.
    thermal: Vec<f64>,
    /// Thermal noise of cells that are not linear.
    curved: Option<Squares<T>>,
    /// `v0` of these, in `v_unit`.
    v0: Option<f64>,
    shot: Option<Excess<T>>,
    flicker: Option<(Squares<T>, Slow)>,
    fresh: Option<Squares<T>>,
    sites: Vec<Site>,
}

/// What the inputs of some samples add to the sums.
#[derive(Clone)]
pub struct Field<T> {
    /// Activations of the clamped layer, where traps or shot noise want them.
    clamp: Vec<T>,
    curved: Option<[Vec<T>; 2]>,
    shot: Option<[Vec<T>; 3]>,
    flicker: Option<[Vec<T>; 2]>,
    fresh: Option<[Vec<T>; 2]>,
}

impl<T: Real> Noise<T> {
    /// That of the chip which a network was made of; `None` where nothing moves.
    pub fn of_chip(net: &Network<T>, chip: &Chip) -> Option<Noise<T>> {
        let window = chip.read_window()?;
        let read = Read { window, seed: chip.seed.child("read") };
        let (hardware, noise) = (&chip.fabric.hardware, &chip.nonideal.read);
        let (mut seen, mut levers, mut thermal, mut unit) = (vec![], vec![], vec![], vec![]);
        let energy = 2.0 * BOLTZMANN * noise.thermal;
        for f in &net.free {
            let gain = chip.fabric.layers[f.layer.0].gain;
            let units = chip.units(f.layer);
            for (i, row) in f.rows.clone().enumerate() {
                let made = units.as_ref().map(|units| units[i]);
                let (factor, k) = made.map_or((1.0, 1.0), |unit| (unit.gain, unit.capacitance));
                let offset = made.map_or(0.0, |unit| chip.offset_of(f.layer, &unit));
                let capacitance = k * hardware.c_node;
                let volts = factor * gain / hardware.v_unit;
                seen.push([offset, 1.0 / (factor * gain)]);
                levers.push(net.tau * factor * gain / capacitance);
                unit.push(1.0 / gain);
                thermal.push(energy * volts * volts * net.leak[row].to_f64() / capacitance);
            }
        }
        let squares: Vec<f64> = levers.iter().map(|lever| lever * lever).collect();
        let white = energy / (hardware.v_unit * hardware.v_unit * net.tau);
        let (law, v0) = match chip.nonideal.cell.v0 {
            None => (Sum::Square, None),
            Some(v0) => (Sum::Sinh(v0 / hardware.v_unit), Some(v0 / hardware.v_unit)),
        };
        let curved = v0.filter(|_| energy > 0.0).map(|v0| {
            let node: Vec<f64> = squares.iter().map(|square| white * square).collect();
            Squares::of(net, chip, &node, Sum::Cosh(v0), |g| g)
        });
        // Of a cell with a resistance in series.
        let shown = |g| chip.nonideal.cell.shown(g);
        let square = |sigma: f64| sigma * sigma;
        let shot = (noise.shot > 0.0 && energy > 0.0).then(|| {
            let per_volt = 1.0 / hardware.v_unit;
            let scale = noise.shot * energy * per_volt * per_volt / net.tau;
            let node: Vec<f64> = squares.iter().map(|square| scale * square).collect();
            let volts = energy / ELEMENTARY_CHARGE / hardware.v_unit;
            Excess::of(net, chip, &node, unit, volts)
        });
        let flicker = noise.flicker.as_ref().filter(|flicker| !flicker.amplitude.is_zero());
        let flicker = flicker.map(|flicker| {
            let deviation = |g| square(shown(g) * chip.flicker_deviation(flicker, g));
            (Squares::of(net, chip, &squares, law, deviation), Slow::of(flicker, &window))
        });
        let deviation = |g| square(shown(g) * chip.read_deviation(g));
        let fresh = noise.is_fresh().then(|| Squares::of(net, chip, &squares, law, deviation));
        let rows = |layer| net.free.iter().find(|f| f.layer == layer).map(|f| f.rows.start);
        let sites = traps::sites(chip, &read, &levers, rows);
        let tau = net.tau;
        Some(Noise { read, tau, seen, thermal, curved, v0, shot, flicker, fresh, sites })
    }

    /// What a siemens of a cell conducts at these volts, both in `v_unit`.
    fn across(&self, volts: f64) -> f64 {
        self.v0.map_or(volts, |v0| v0 * sinh(volts / v0))
    }

    /// What the inputs of some samples add to the sums of every node; `lines` are their activations
    /// where a converter makes others of them.
    pub fn field(
        &self,
        net: &Network<T>,
        clamp: &Mat,
        lines: Option<&Mat>,
        samples: Range<usize>,
    ) -> Field<T> {
        let lanes = padded::<T>(samples.len());
        let clamp = net.clamped(clamp, lines, samples);
        let zeros = || vec![T::default(); net.dim * lanes];
        let mut field = Field {
            clamp,
            curved: self.curved.as_ref().map(|_| [zeros(), zeros()]),
            shot: self.shot.as_ref().map(|_| [zeros(), zeros(), zeros()]),
            flicker: self.flicker.as_ref().map(|_| [zeros(), zeros()]),
            fresh: self.fresh.as_ref().map(|_| [zeros(), zeros()]),
        };
        let clamp = std::mem::take(&mut field.clamp);
        self.add(&clamp, true, &mut field, lanes);
        if !self.sites.is_empty() || self.shot.as_ref().is_some_and(Excess::wants_activations) {
            field.clamp = clamp;
        }
        field
    }

    fn add(&self, xhat: &[T], clamped: bool, field: &mut Field<T>, lanes: usize) {
        if let (Some(curved), Some(to)) = (&self.curved, &mut field.curved) {
            curved.add(xhat, clamped, to, lanes);
        }
        if let (Some(shot), Some(to)) = (&self.shot, &mut field.shot) {
            shot.add(xhat, clamped, to, lanes);
        }
        if let (Some((flicker, _)), Some(to)) = (&self.flicker, &mut field.flicker) {
            flicker.add(xhat, clamped, to, lanes);
        }
        if let (Some(fresh), Some(to)) = (&self.fresh, &mut field.fresh) {
            fresh.add(xhat, clamped, to, lanes);
        }
    }
}
