//! What moves while the hardware is read.

use super::{Deviation, Trend};
use crate::units::{Hertz, Kelvin, Second};

/// `[nonideal.read]`. A read is one settling of one sample: the network settles without noise,
/// then runs with it for `hold`, and what it is at the end is what is read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadNoise {
    /// `thermal`: temperature of the conductances' thermal noise, `4 k T g` (Nyquist, *Physical
    /// Review* 32, 1928); 0 is none.
    pub thermal: Kelvin,
    /// `shot`: Fano factor `F` of the cells, whose white noise is then
    /// `4 k T g [1 - F + F y coth y]` with `y = q V / 2 k T` (Blanter and Büttiker, *Physics
    /// Reports* 336, 2000), `2 q F I` at high voltage.
    pub shot: f64,
    pub flicker: Option<Flicker>,
    pub telegraph: Option<Telegraph>,
    /// `proportional`: deviation of a conductance from read to read, as a fraction of it.
    pub proportional: f64,
    /// `measured`: the same as a function of the conductance.
    pub measured: Option<Deviation>,
    /// `hold`: how long a network runs with noise; `None` is [`ReadNoise::HOLD`] times the longest
    /// time constant of its layers as designed.
    pub hold: Option<Second>,
    /// `step`: step in time, as a share of the shortest time constant.
    pub step: f64,
    /// `integrate`: what is read is the mean over so long before the end; 0 samples the end.
    pub integrate: Second,
}

impl Default for ReadNoise {
    fn default() -> ReadNoise {
        ReadNoise {
            thermal: 0.0,
            shot: 0.0,
            flicker: None,
            telegraph: None,
            proportional: 0.0,
            measured: None,
            hold: None,
            step: ReadNoise::STEP,
            integrate: 0.0,
        }
    }
}

impl ReadNoise {
    /// See [`ReadNoise::hold`].
    pub const HOLD: f64 = 5.0;
    /// [`ReadNoise::step`] of a file that says nothing.
    pub const STEP: f64 = 0.2;

    /// Whether nothing moves.
    pub fn is_quiet(&self) -> bool {
        self.thermal <= 0.0
            && !self.is_fresh()
            && self.flicker.as_ref().is_none_or(|flicker| flicker.amplitude.is_zero())
            && self.telegraph.as_ref().is_none_or(Telegraph::is_quiet)
    }

    /// Whether conductances deviate from read to read.
    pub fn is_fresh(&self) -> bool {
        self.proportional > 0.0 || self.measured.is_some()
    }
}

/// Noise of a conductance, `S_g(f) / g^2 = A^2 / Hz (Hz / f)^a` between two frequencies (Hooge,
/// *IEEE Trans. Electron Devices* 41, 1994).
#[derive(Debug, Clone, PartialEq)]
pub struct Flicker {
    /// `amplitude` or `amplitude-of`: `A`.
    pub amplitude: Trend,
    /// `exponent`: `a`, above 0 and below 2.
    pub exponent: f64,
    /// `from` and `to`.
    pub band: [Hertz; 2],
}

/// Random telegraph noise: a trap beside a cell takes and gives back an electron, and the cell
/// conducts less and more (Machlup, *J. Appl. Phys.* 25, 1954). Conductances as written are the
/// means.
#[derive(Debug, Clone, PartialEq)]
pub struct Telegraph {
    /// `share`: fraction of the cells that have a trap.
    pub share: f64,
    /// `amplitude` or `amplitude-of`: how far apart the two conductances are, as a fraction of
    /// their mean.
    pub amplitude: Trend,
    /// `amplitude-spread`: deviation of its logarithm from cell to cell.
    pub amplitude_spread: f64,
    /// `up`: mean time at the higher conductance.
    pub up: Second,
    /// `down`: mean time at the lower conductance.
    pub down: Second,
    /// `dwell-spread`: deviation of the logarithms of both times from cell to cell.
    pub dwell_spread: f64,
}

impl Telegraph {
    /// Whether no cell moves.
    pub fn is_quiet(&self) -> bool {
        self.share <= 0.0 || self.amplitude.is_zero()
    }
}
