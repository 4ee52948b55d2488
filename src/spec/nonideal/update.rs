//! How cells move by pulses.

use crate::numerics::math;
use crate::units::Siemens;

/// `[nonideal.update]`: a write gives each cell as many pulses as its target moves by, and the
/// device law says what becomes of it: nothing is read back. Positions are `w` from -1 at `g-min`
/// to 1 at `g-max`; laws and their names are those of pulsed training (Gokmen and Vlasov, *Front.
/// Neurosci.* 10, 2016; Rasch et al., *AICAS* 2021).
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// `law`
    pub law: StepLaw,
    /// `step`: mean change of a cell by one pulse where the law's shape is 1.
    pub step: Siemens,
    /// `step-spread`: standard deviation of a device's step, relative to it; no device steps back.
    pub step_spread: f64,
    /// `noise`: standard deviation from pulse to pulse, relative to the step. Of the pulses of one
    /// write together it is that at their start, times the root of their number.
    pub noise: f64,
    /// `asymmetry`: steps up are larger by this share of the step, steps down smaller.
    pub asymmetry: f64,
    /// `asymmetry-spread`: its standard deviation over devices.
    pub asymmetry_spread: f64,
    /// `bound-spread`: standard deviation of the ends of the way, relative to half of it.
    pub bound_spread: f64,
    /// `rounding`
    pub rounding: Rounding,
    /// `at-most`: pulses of a cell in one write; what more was asked for is lost.
    pub at_most: Option<usize>,
}

/// How a number of pulses comes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Up or down by chance, so that the mean is what was asked for.
    #[default]
    Stochastic,
    /// To the nearest: changes of less than half a step are lost.
    Nearest,
}

/// The shape of a step over the way, `[up, down]` where the directions differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepLaw {
    /// 1 up to the ends.
    Constant,
    /// `1 - gamma w / b` upward and `1 + gamma w / |b|` downward, `b` the end ahead. 1 is a soft
    /// bound.
    Linear { gamma: [f64; 2] },
    /// `1 - w / b`: steps become short towards the end ahead.
    SoftBounds,
    /// `max(0, 1 - A exp(d gamma z))` with `z = 2 a w / (b_max - b_min) + b` and `d` the
    /// direction, 1 or -1.
    Exponential { gamma: [f64; 2], amplitude: [f64; 2], a: f64, b: f64 },
    /// `omega^gamma` with `omega` the share of the way that is left ahead.
    Power { gamma: [f64; 2] },
}

impl StepLaw {
    /// The step at `w` between the ends `[low, high]`, in units of its mean.
    pub fn shape(&self, w: f64, [low, high]: [f64; 2], up: bool) -> f64 {
        let side = usize::from(!up);
        let (end, sign) = if up { (high, 1.0) } else { (low, -1.0) };
        match self {
            StepLaw::Constant => 1.0,
            StepLaw::Linear { gamma } => 1.0 - gamma[side] * w / end,
            StepLaw::SoftBounds => 1.0 - w / end,
            StepLaw::Exponential { gamma, amplitude, a, b } => {
                let z = 2.0 * a * w / (high - low) + b;
                1.0 - amplitude[side] * math::exp(sign * gamma[side] * z)
            }
            StepLaw::Power { gamma } => {
                let ahead = (end - w) / (end - if up { low } else { high });
                math::pow(ahead.max(0.0), gamma[side])
            }
        }
        .max(0.0)
    }
}
