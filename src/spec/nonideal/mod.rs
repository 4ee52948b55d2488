//! `[nonideal]`: how the hardware falls short, grouped by when it strikes.
//!
//! Every effect is a key or a table that is absent by default; absent or at zero it changes no
//! bit of a result. `docs/nonidealities.md` has the equations, units and sources in one place.

mod cell;
mod noise;
mod periphery;
mod preset;
mod programming;
mod read;
mod time;
mod update;

pub use cell::{Conduction, Selector, Transistor};
pub use noise::{Flicker, ReadNoise, Telegraph};
pub use periphery::{Amplifier, Converter, NudgeSource, Periphery, Supply};
pub use preset::{Confidence, Preset, Sourced};
pub(super) use preset::{DEFAULT_WINDOW, of_file};
pub use programming::{Deviation, DeviationLaw, Programming, Spacing, Verify};
pub(super) use read::{Use, check_engine, check_optimiser, read};
pub use time::{Disturb, Drift, Relaxation, Retention, Temperature, Time, Trend};
pub use update::{Reference, Refresh, Rounding, StepLaw, TrainKind, Trains, Transfer, Update};

use crate::numerics::math;
use crate::units::{Farad, Ohm, Siemens, Volt};

/// How the hardware falls short. The default is perfect.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NonIdeal {
    pub fabrication: Fabrication,
    pub programming: Programming,
    /// `None`: writes program their targets.
    pub update: Option<Update>,
    pub time: Time,
    pub read: ReadNoise,
    pub wire: Wire,
    pub periphery: Periphery,
    /// `cell`: how a cell conducts.
    pub cell: Conduction,
}

impl NonIdeal {
    /// What of it only the circuit engine can hold, where there is such a thing, with the key of
    /// its table: the behavioural engine knows arrays as products of matrices.
    pub fn needs_cells(&self) -> Option<(&'static str, &'static str)> {
        let (wired, curved) = (!self.wire.is_ideal(), self.cell.v0.is_some());
        let loaded = self.periphery.amplifier.resistance > 0.0;
        if !self.cell.has_products() {
            Some(("cell", "cells with something in series that is not linear"))
        } else if curved && wired {
            Some(("cell", "cells that are not linear behind wires"))
        } else if curved && loaded {
            Some(("cell", "cells that are not linear on lines with an output resistance"))
        } else if wired && loaded {
            Some(("periphery", "amplifiers with an output resistance behind wires"))
        } else if !self.read.is_quiet() && loaded {
            Some(("read", "noise under amplifiers with an output resistance"))
        } else {
            None
        }
    }
}

/// What differs from device to device for the life of a chip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fabrication {
    /// `spread`: standard deviation of the logarithm of each cell's conductance factor
    /// (lognormal, mean 1).
    pub spread: f64,
    /// `g-min`: spread of each cell's least conductance about the hardware's.
    pub g_min: Spread,
    /// `g-max`: spread of each cell's largest conductance about the hardware's.
    pub g_max: Spread,
    /// `stuck-on`: fraction of the cells that stay at their largest conductance.
    pub stuck_on: f64,
    /// `stuck-off`: fraction of the cells that stay at their least conductance.
    pub stuck_off: f64,
    /// `stuck-at`: cells that stay elsewhere.
    pub stuck_at: Vec<StuckAt>,
    /// `cluster`: how stuck cells keep together; `None` strikes every cell by itself.
    pub cluster: Option<Cluster>,
    pub neuron: NeuronSpread,
    pub mirror: MirrorSpread,
}

impl Fabrication {
    /// Fraction of all cells that are stuck.
    pub fn stuck(&self) -> f64 {
        self.stuck_at.iter().map(|at| at.rate).fold(self.stuck_on + self.stuck_off, |a, b| a + b)
    }
}

/// A factor of mean 1 on a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// `spread`: standard deviation, of the logarithm where the law is lognormal.
    pub sigma: f64,
    /// `law`
    pub law: Law,
}

/// How a factor is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Law {
    /// `exp(sigma z - sigma^2 / 2)`
    #[default]
    Lognormal,
    /// `1 + sigma z`, never below zero.
    Normal,
}

impl Spread {
    /// The factor that a standard normal number stands for.
    pub fn factor(&self, z: f64) -> f64 {
        match self.law {
            Law::Lognormal => math::exp(self.sigma * z - 0.5 * self.sigma * self.sigma),
            Law::Normal => (1.0 + self.sigma * z).max(0.0),
        }
    }
}

/// Cells that stay at a conductance between two, all alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StuckAt {
    /// `rate`: fraction of the cells.
    pub rate: f64,
    /// `from` and `to`, or `g` for both: the conductance is uniform between them \[S\]. It may lie
    /// outside the window, as a short's does.
    pub between: [Siemens; 2],
}

/// Clusters of stuck cells: a Boolean model (Stoyan, Kendall and Mecke, *Stochastic Geometry and
/// its Applications*, 1995; of defects on chips: Stapper, *IBM J. Res. Dev.* 27, 1983). Clusters
/// fall as a Poisson process, each a rectangle with geometric sides that wraps around the edges of
/// its array, so that every cell is stuck with exactly the rates asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cluster {
    /// `mean`: mean number of cells of a cluster.
    pub mean: f64,
    /// `along`
    pub along: Along,
}

/// The shape of a cluster in the array of one sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// Consecutive cells of a word line.
    Word,
    /// Consecutive cells of a bit line.
    Bit,
    /// Both: sides of the same mean.
    Patch,
}

/// Mismatch of neurons, normal (Pelgrom, Duinmaijer and Welbers, *IEEE J. Solid-State Circuits*
/// 24, 1989).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NeuronSpread {
    /// `offset`: standard deviation of the voltage at an amplifier's input.
    pub offset: Volt,
    /// `gain`: standard deviation of the factor on an amplifier's gain.
    pub gain: f64,
    /// `time-constant`: standard deviation of the factor on a node's capacitance.
    pub time_constant: f64,
}

/// Mismatch of the current mirrors that bias and nudge, normal, as factors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MirrorSpread {
    /// `bias`
    pub bias: f64,
    /// `nudge`
    pub nudge: f64,
}

/// The wires of the arrays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wire {
    /// `r-segment`: resistance of the wire from one cell to the next, on word and bit lines.
    pub r_segment: Ohm,
    /// `spread`: standard deviation of the logarithm of a segment's resistance (mean 1). What lies
    /// side by side comes out alike: a draw holds for the segments at one place of all word lines
    /// of a tile, or of all its bit lines.
    pub spread: f64,
    /// `r-driver`: from a driver to the wire of its word line.
    pub r_driver: Ohm,
    /// `r-sense`: from the wire of a bit line to its summing node.
    pub r_sense: Ohm,
    /// `c-segment`: capacitance to ground of the wire at every cell, on word and bit lines.
    pub c_segment: Farad,
}

impl Wire {
    /// Whether nothing stands between drivers, cells and summing nodes; a capacitance may hang on
    /// them all the same.
    pub fn is_ideal(&self) -> bool {
        [self.r_segment, self.r_driver, self.r_sense].iter().all(|r| *r <= 0.0)
    }
}
