//! What stands between a network and its host.

use crate::units::{Ampere, Hertz, Ohm, Second, Volt};

/// Converters and sources at the edge of a chip. The default is perfect.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Periphery {
    /// `dac`: drives the lines of the clamped layer.
    pub dac: Converter,
    /// `adc`: reads the outputs of the neurons.
    pub adc: Converter,
    /// `nudge`: pushes currents into the read layer.
    pub nudge: NudgeSource,
    /// `amplifier`: holds the lines of the neurons.
    pub amplifier: Amplifier,
    /// `supply`: what activations are referred to; `None` gives no way.
    pub supply: Option<Supply>,
}

/// Converters of one kind. Codes are symmetric about 0, of which there are `2^bits - 1`, or with
/// `unipolar` start at 0, of which there are `2^bits`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Converter {
    /// `bits`; `None` is continuous.
    pub bits: Option<u32>,
    /// `range`: the largest voltage; `None` is unlimited.
    pub range: Option<Volt>,
    /// `unipolar`: from 0 V instead of minus the range.
    pub unipolar: bool,
    /// `inl`: standard deviation of the height of a bow of the curve, in steps.
    pub inl: f64,
    /// `dnl`: standard deviation of a step, in steps.
    pub dnl: f64,
    /// `offset`: standard deviation.
    pub offset: Volt,
    /// `gain`: standard deviation of the factor on the voltage.
    pub gain: f64,
    /// `noise`: standard deviation of a sample; none of a converter that drives.
    pub noise: Volt,
    /// `shared`: units that take turns at one converter; 0 is 1.
    pub shared: usize,
    /// `calibrated`: the host takes out offset and gain.
    pub calibrated: bool,
}

impl Converter {
    /// Whether a voltage stays what it is.
    pub fn is_ideal(&self) -> bool {
        let exact = self.calibrated || (self.offset <= 0.0 && self.gain <= 0.0);
        self.bits.is_none() && self.range.is_none() && self.noise <= 0.0 && exact
    }

    /// The largest code; `None` where there are no codes.
    pub fn largest_code(&self) -> Option<u32> {
        let codes = 1_u32 << self.bits?;
        Some(if self.unipolar { codes - 1 } else { (codes >> 1) - 1 })
    }
}

/// The current sources that nudge.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NudgeSource {
    /// `bits` and `range`: the current that the host sets comes in so many codes symmetric about
    /// 0, up to a largest current.
    pub codes: Option<(u32, Ampere)>,
    /// `compliance`: how far a node may move toward a rail before a source is cut off, and `knee`:
    /// how far before that its current begins to fall.
    pub compliance: Option<(Volt, Volt)>,
}

/// The two amplifiers that hold the lines of a neuron at its activation and at the negative of it,
/// followers with their own output fed back.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amplifier {
    /// `gain`: of the open loop; `None` is infinite.
    pub gain: Option<f64>,
    /// `bandwidth`: product of gain and bandwidth; `None` follows at once.
    pub bandwidth: Option<Hertz>,
    /// `slew`: the steepest slope \[V/s\]; only with a bandwidth.
    pub slew: Option<f64>,
    /// `swing`: the largest voltage, either way.
    pub swing: Option<Volt>,
    /// `output-resistance`: behind the feedback.
    pub resistance: Ohm,
}

impl Amplifier {
    /// The time constant of an output; `None` follows at once.
    pub fn lag(&self) -> Option<Second> {
        let inverse = self.gain.map_or(0.0, |gain| 1.0 / gain);
        let pole = |hertz| std::f64::consts::TAU * hertz * (1.0 + inverse);
        self.bandwidth.map(|hertz| 1.0 / pole(hertz))
    }

    /// Whether an output is anything but its activation, whatever hangs on it.
    pub fn shapes(&self) -> bool {
        self.gain.is_some() || self.bandwidth.is_some() || self.swing.is_some()
    }

    /// Whether a line at rest is anything but its activation.
    pub fn is_ideal(&self) -> bool {
        !self.shapes() && self.resistance <= 0.0
    }

    /// What an output comes to rest at for a voltage asked for.
    pub fn rest(&self, v: Volt) -> Volt {
        let v = self.gain.map_or(v, |gain| v * (1.0 / (1.0 + 1.0 / gain)));
        self.swing.map_or(v, |swing| v.clamp(-swing, swing))
    }
}

/// The supply that all activations are referred to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Supply {
    /// `droop`: volts that it gives way by for every ampere.
    pub droop: Ohm,
    /// `voltage`: at no load.
    pub voltage: Volt,
}
