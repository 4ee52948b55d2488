//! From what is wanted to what is made: an energy model is mapped onto conductances
//! ([`Fabric`]), the conductances are fabricated with all their defects ([`Chip`]), and a chip is
//! expanded into devices on nodes ([`crate::netlist::Netlist`]).
//!
//! # Scaling
//!
//! Node `i` of layer `l` sums currents (design voltages, amperes, seconds):
//!
//! ```text
//! C du_i/dt = sum_j [ Gp_ij (v_j - u_i) + Gn_ij (-v_j - u_i) ] - leak_i u_i + I_bias,i + I_nudge,i
//! v_j = v_unit f(x_j),   x_j = gain_l u_j / v_unit
//! ```
//!
//! *Row balance*: `leak_i` takes up what the cells of the row leave of the layer's total
//! `G_l = leak_i + sum_j (Gp_ij + Gn_ij)`, so on a perfect chip every node of the layer has the
//! same `tau = C / G_l`. With `s` siemens a unit of weight, `Gp - Gn = s W`, `gain_l = G_l / s`
//! and `I = s v_unit b`, the node equation *is* `tau dx/dt = -x + W xhat + b`: the passive loading
//! of the arrays is absorbed. `gain_l` is at least the largest absolute row sum of `W`.
//! With pairs that have a reference cell the minus cells stand in the middle of the window and the
//! plus cells about it.
//! With twin arrays `s` is each receiving layer's own; a shared array serves both its layers, so
//! there `s` is one for the network.

mod ageing;
mod aim;
mod batch;
mod boundary;
mod cell;
mod coincidences;
mod converter;
mod expand;
mod fabricate;
mod faults;
mod map;
mod meetings;
mod positions;
mod pulse;
mod quirk;
mod reading;
mod refresh;
mod segments;
mod summary;
mod supply;
mod teach;
mod trains;
mod trap;
mod units;
mod visits;
mod write;

pub use boundary::{Border, Reading};
pub use cell::{Programmed, program_cells, pulse_cells};
pub use expand::{
    LaidCell, WiredTile, bias_sources, expand, expand_arrays, laid_cells, refresh, wired_tiles,
};
pub use fabricate::{Cells, Chip, fabricate};
pub use map::compile;
pub use positions::{KernelCost, KernelCosts, kernel_costs};
pub use reading::ReadWindow;
pub use summary::{ArraySummary, Histogram, LayerSummary, Summary};
pub use teach::Learning;
pub use trap::Trap;
pub use units::Unit;

use crate::model::{EnergyModel, LayerId};
use crate::numerics::Mat;
use crate::spec::Hardware;
use crate::units::{Ampere, Second, Siemens};

/// The conductances asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Fabric {
    pub model: EnergyModel,
    pub hardware: Hardware,
    /// One a layer of the model; the clamped layer's has no nodes and is all zero.
    pub layers: Vec<LayerPlan>,
    pub arrays: Vec<Array>,
    /// Weights that lay beyond the window and were clipped to its edge.
    pub clipped: Vec<Clipped>,
}

impl Fabric {
    /// The largest weight that the cells of a coupling can stand for in all their directions.
    pub fn largest_weight(&self, coupling: usize) -> f64 {
        let way = aim::way(&self.hardware);
        let arrays = self.arrays.iter().filter(|a| a.coupling == coupling);
        arrays.map(|a| way / self.layers[a.post.0].scale).fold(f64::INFINITY, f64::min)
    }
}

/// The design of a layer's summing nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerPlan {
    /// Conductance of every node to everything, `G_l`.
    pub total: Siemens,
    /// `x = gain u / v_unit`
    pub gain: f64,
    /// Siemens a unit of weight.
    pub scale: Siemens,
    pub tau: Second,
    /// Row-balancing leak of each node.
    pub leak: Vec<Siemens>,
    /// Bias current of each node.
    pub bias: Vec<Ampere>,
}

/// One direction of a dense coupling: differential pairs from the activations of `pre` into the
/// summing nodes of `post`.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// `input-hidden`; the backward direction is `input-hidden.back`.
    pub name: String,
    /// The coupling it stands for, by place in [`EnergyModel::couplings`].
    pub coupling: usize,
    pub direction: Direction,
    pub pre: LayerId,
    pub post: LayerId,
    /// Cells from the positive lines, `[post, pre]` \[S\].
    pub plus: Mat,
    /// Cells from the negative lines, `[post, pre]` \[S\].
    pub minus: Mat,
    pub tiles: Vec<Tile>,
    /// For a backward array in shared style: the forward array whose cells these are.
    pub shares: Option<usize>,
}

/// Which way along a dense coupling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the coupling's `post`, through `W`.
    Forward,
    /// Into the coupling's `pre`, through `W^T`.
    Backward,
}

/// A physical array: a block of an [`Array`], rows of `post` and columns of `pre`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    pub post: std::ops::Range<usize>,
    pub pre: std::ops::Range<usize>,
}

/// A weight that did not fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Clipped {
    pub coupling: String,
    pub post: usize,
    pub pre: usize,
    pub weight: f64,
    /// What it became.
    pub to: f64,
}

/// What a write of new parameters did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Cells whose target changed.
    pub cells: usize,
    /// Weights that did not fit the window and were clipped to its edge.
    pub clipped: usize,
    /// Pulses that the cells took: one each, or as many as write and verify needs.
    pub pulses: usize,
}
