//! What becomes of a cell between writing and reading.

use super::Deviation;
use super::programming::polynomial;
use crate::numerics::math;
use crate::units::{BOLTZMANN, Joule, Kelvin, Second, Siemens, Volt};

/// `[nonideal.time]`. Cells are read `age` after they were written; what happens in between
/// happens in the order of the fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Time {
    /// `age`: time from writing to reading; 0 reads cells as they were written.
    pub age: Second,
    /// `relaxation`: scatter at times at which it was measured, ascending.
    pub relaxation: Vec<Relaxation>,
    pub drift: Option<Drift>,
    pub retention: Option<Retention>,
    /// `reads`: how often cells were read since they were written.
    pub reads: f64,
    pub disturb: Option<Disturb>,
    pub temperature: Option<Temperature>,
    /// `compensate`: the gain of each layer is raised by what its arrays have lost.
    pub compensate: bool,
}

impl Time {
    /// The age that cells at the reference temperature would look as old at.
    pub fn effective_age(&self) -> Second {
        self.age * self.temperature.map_or(1.0, |t| t.acceleration())
    }

    /// The relaxation that holds: the last whose time has come.
    pub fn relaxed(&self) -> Option<&Relaxation> {
        let age = self.effective_age();
        self.relaxation.iter().rev().find(|relaxation| relaxation.time <= age)
    }

    /// Whether the gains of layers make up for what is lost.
    pub fn compensates(&self) -> bool {
        self.compensate && (self.age > 0.0 || self.reads > 0.0)
    }
}

/// Structural drift, `g(t) = g_0 (t / t_0)^-nu` from `t_0` on (Karpov et al., *J. Appl. Phys.* 102,
/// 2007; of arrays: Joshi et al., *Nature Communications* 11, 2020). `nu` is normal, drawn once a
/// cell, and never below zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// `t0`
    pub t0: Second,
    /// `nu` or `nu-of`: mean of the exponent.
    pub nu: Trend,
    /// `sigma` or `sigma-of`: its standard deviation.
    pub sigma: Trend,
}

/// A parameter as a function of `x = g / g_max` aimed at.
#[derive(Debug, Clone, PartialEq)]
pub enum Trend {
    Constant(f64),
    /// `a ln x + b`, clipped.
    Log {
        /// `log = [a, b]`
        log: [f64; 2],
        /// `clip`
        clip: [f64; 2],
        /// `above` and `polynomial`: from this `x` on, a polynomial in `x` instead.
        above: Option<(f64, Vec<f64>)>,
    },
    /// `c x^p`, clipped.
    Power {
        /// `power = [c, p]`
        power: [f64; 2],
        /// `clip`
        clip: [f64; 2],
    },
}

impl Trend {
    pub fn at(&self, x: f64) -> f64 {
        match self {
            Trend::Constant(value) => *value,
            Trend::Log { above: Some((from, c)), .. } if x >= *from => polynomial(c, x),
            Trend::Log { log: [a, b], clip: [low, high], .. } => {
                (a * math::log(x) + b).clamp(*low, *high)
            }
            Trend::Power { power: [c, p], clip: [low, high] } => {
                (c * math::pow(x, *p)).clamp(*low, *high)
            }
        }
    }

    /// Whether it is nothing whatever the conductance.
    pub fn is_zero(&self) -> bool {
        *self == Trend::Constant(0.0)
    }
}

/// Loss of what was written, `g(t) = g_end + (g_0 - g_end) exp(-(t / tau)^shape)` (stretched
/// exponential of Kohlrausch).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retention {
    /// `time-constant`: `tau`.
    pub tau: Second,
    /// `shape`: 1 is a plain exponential.
    pub shape: f64,
    /// `toward`: `g_end`.
    pub toward: Siemens,
}

/// What reading does to a cell, `g(n) = g_end + (g_0 - g_end) exp(-(n / N)^shape)` after `n` reads:
/// early on a power law in `n`. `N` falls exponentially with the voltage of a read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disturb {
    /// `after`: `N`, the reads after which all but `1/e` of the way is gone.
    pub after: f64,
    /// `shape`: the power of an early disturbance.
    pub shape: f64,
    /// `toward`: `g_end`.
    pub toward: Siemens,
    /// `voltage = { at, reference, scale }`: reads at `at` disturb as
    /// `exp((at - reference) / scale)` times as many at `reference`, which `after` is of.
    pub voltage: Option<[Volt; 3]>,
}

impl Disturb {
    /// `exp(-(n / N)^shape)`: what is left of the way to `g_end`.
    pub fn left(&self, reads: f64) -> f64 {
        let faster =
            self.voltage.map_or(1.0, |[at, reference, scale]| math::exp((at - reference) / scale));
        math::exp(-math::pow(reads * faster / self.after, self.shape))
    }
}

/// Scatter about what was aimed at, all of it at this time: normal, a number drawn once a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Relaxation {
    /// `time`
    pub time: Second,
    pub sigma: Deviation,
}

/// All times run faster at higher temperature, by Arrhenius' law
/// `exp(E_a / k_B (1 / T_ref - 1 / T))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature {
    /// `at`
    pub at: Kelvin,
    /// `reference`: of the other numbers of the table.
    pub reference: Kelvin,
    /// `activation`: `E_a`.
    pub activation: Joule,
}

impl Temperature {
    /// By how much times are shorter.
    pub fn acceleration(&self) -> f64 {
        let slope = 1.0 / self.reference - 1.0 / self.at;
        math::exp(self.activation / BOLTZMANN * slope)
    }
}
