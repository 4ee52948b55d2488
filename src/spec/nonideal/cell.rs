//! How a cell conducts.

use crate::units::{Ampere, Ohm, Siemens, Volt};

/// What of a cell is not a conductance. The default is none of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conduction {
    /// `sinh = { v0 }`: the storing element conducts `g v0 sinh(v / v0)`.
    pub v0: Option<Volt>,
    /// `transistor`: in series with it.
    pub transistor: Option<Transistor>,
    /// `selector`: in series with it.
    pub selector: Option<Selector>,
}

/// An access transistor that is turned on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transistor {
    /// `r-on`: at 0 V.
    pub r_on: Ohm,
    /// `saturation`: the current that it saturates at, by the square law; `None` never.
    pub saturation: Option<Ampere>,
}

/// A selector of two ends: it conducts `current sinh(v / v0)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selector {
    /// `current`
    pub current: Ampere,
    /// `v0`
    pub v0: Volt,
}

impl Conduction {
    /// The series resistance of a cell that is linear.
    pub fn series(&self) -> Option<Ohm> {
        let transistor = self.transistor?;
        let linear = self.v0.is_none() && self.selector.is_none();
        (linear && transistor.saturation.is_none()).then_some(transistor.r_on)
    }

    /// Whether a cell is linear.
    pub fn is_linear(&self) -> bool {
        *self == Conduction::default() || self.series().is_some()
    }

    /// What the conductance of a cell shows of a deviation of what it stores, which conducts `g`: all
    /// of it without a resistance in series.
    pub fn shown(&self, g: Siemens) -> f64 {
        let share = self.series().map_or(1.0, |r_on| 1.0 / (1.0 + g * r_on));
        share * share
    }

    /// Whether arrays of such cells can be computed by products of matrices.
    pub fn has_products(&self) -> bool {
        self.is_linear() || (self.transistor.is_none() && self.selector.is_none())
    }
}
