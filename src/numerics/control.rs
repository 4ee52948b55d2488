//! Step control.

use super::math;
use super::tableau::Tableau;

/// A proportional-integral controller (Gustafsson 1991; Hairer and Wanner, Solving Ordinary
/// Differential Equations II, section IV.2): the next step from this error and the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    now: f64,
    before: f64,
}

const SAFETY: f64 = 0.9;
const LEAST: f64 = 0.2;
const MOST: f64 = 5.0;
/// An error of zero counts as this.
const NO_ERROR: f64 = 1e-10;

impl Control {
    pub fn new(tableau: &Tableau) -> Control {
        let q = (tableau.embedded_order + 1) as f64;
        Control { now: 0.7 / q, before: 0.4 / q }
    }

    /// The factor on the step after an accepted one with this error (in tolerances).
    /// `memory` is the logarithm of the last accepted error, 0 at the start.
    pub fn after_accepted(&self, error: f64, memory: &mut f64) -> f64 {
        let log = math::log(error.max(NO_ERROR));
        let factor = SAFETY * math::exp(self.before * *memory - self.now * log);
        *memory = log;
        factor.clamp(LEAST, MOST)
    }

    /// The factor on the step after a rejected one.
    pub fn after_rejected(&self, error: f64) -> f64 {
        if error.is_finite() {
            (SAFETY * math::exp(-self.now * math::log(error))).max(LEAST)
        } else {
            LEAST
        }
    }
}
