//! What goes wrong when a cell is written.

use crate::numerics::math;
use crate::units::Siemens;

/// `[nonideal.programming]`. Noises of a write are independent: their variances add.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Programming {
    /// `sigma`: standard deviation of the written conductance, as a fraction of
    /// `g-max - g-min`; the result is never below zero.
    pub sigma: f64,
    /// `absolute`: the same in siemens.
    pub absolute: Siemens,
    /// `proportional`: the same as a fraction of the conductance aimed at.
    pub proportional: f64,
    /// `measured`: the same as a function of the conductance aimed at.
    pub measured: Option<Deviation>,
    /// `levels`: number of conductances a cell can take; `None` is continuous.
    pub levels: Option<usize>,
    /// `spacing` of the levels.
    pub spacing: Spacing,
    /// `level-table`: the conductances a cell can take, ascending; empty where `levels` says.
    pub table: Vec<Siemens>,
    /// `verify`: a cell is read and written again until it is near what it is aimed at.
    pub verify: Option<Verify>,
    /// `limited`: no cell leaves its window, `g-min` to `g-max` as made.
    pub limited: bool,
}

/// How levels lie between `g-min` and `g-max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// In even steps.
    #[default]
    Linear,
    /// In even ratios.
    Log,
}

/// Write and verify: pulses until the conductance is within a tolerance of its aim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verify {
    /// `tolerance`
    pub tolerance: Siemens,
    /// `at-most`: pulses after which a cell is left as it is.
    pub at_most: usize,
}

/// A standard deviation as it was measured of conductance, on cells whose largest conductance was
/// `reference`: both scale with the largest conductance of the hardware.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// `reference`; `None` is the hardware's own.
    pub reference: Option<Siemens>,
    pub law: DeviationLaw,
}

/// Laws of a [`Deviation`].
#[derive(Debug, Clone, PartialEq)]
pub enum DeviationLaw {
    /// `polynomial`: `sum_k c_k x^k` with `x = g / g_max`, never below zero.
    Polynomial(Vec<Siemens>),
    /// `top` and `scale`: `top (1 - exp(-g / scale))`.
    Saturating { top: Siemens, scale: Siemens },
}

impl Deviation {
    /// The standard deviation at a conductance of cells with this largest one.
    pub fn at(&self, g: Siemens, g_max: Siemens) -> Siemens {
        let reference = self.reference.unwrap_or(g_max);
        let sigma = match &self.law {
            DeviationLaw::Polynomial(c) => polynomial(c, g / g_max).max(0.0),
            DeviationLaw::Saturating { top, scale } => {
                -top * math::expm1(-(g / g_max * reference) / scale)
            }
        };
        sigma * (g_max / reference)
    }
}

/// `sum_k c_k x^k`
pub(super) fn polynomial(c: &[f64], x: f64) -> f64 {
    c.iter().rev().fold(0.0, |sum, c| sum * x + c)
}
