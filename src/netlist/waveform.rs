//! What a source does in time.

use std::f64::consts::{PI, TAU};

use crate::numerics::math::{exp, sin};
use crate::units::{Dimension, Hertz, Range, Second};

/// A value in time, in the unit of its source. Before its delay each form stands at its first
/// value.
#[derive(Debug, Clone, PartialEq)]
pub enum Waveform {
    /// From `low` to `high` in `rise`, held for `width`, back in `fall`; again every `period`.
    Pulse {
        low: f64,
        high: f64,
        delay: Second,
        /// Above zero, as is `fall`.
        rise: Second,
        fall: Second,
        /// Infinite: it stays high.
        width: Second,
        /// Infinite: one pulse.
        period: Second,
    },
    /// `offset + amplitude exp(-damping s) sin(2 pi frequency s + phase)`, with `s` the time since
    /// `delay`.
    Sine {
        offset: f64,
        amplitude: f64,
        frequency: Hertz,
        delay: Second,
        /// \[1/s\]
        damping: Hertz,
        /// \[degree\]
        phase: f64,
    },
    /// From `low` towards `high` with the time constant `rise_tau` after `delay`, and back with
    /// `fall_tau` after `fall_delay`.
    Exponential {
        low: f64,
        high: f64,
        delay: Second,
        rise_tau: Second,
        fall_delay: Second,
        fall_tau: Second,
    },
    /// Straight lines between points, their times strictly ascending; constant before the first and
    /// after the last.
    PiecewiseLinear { points: Vec<(Second, f64)> },
}

/// The word of a form in a file, and its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaveformForm {
    pub key: &'static str,
    /// In the order of [`Waveform::numbers`]. Empty for a list of points.
    pub fields: &'static [(&'static str, WaveformField)],
}

/// What a number of a waveform is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveformField {
    /// In the unit of the source.
    Value,
    /// In the unit of the source, 0 when left out.
    ValueOrZero,
    /// \[s\], 0 when left out.
    DelayOrZero,
    /// \[s\]
    Delay,
    /// \[s\], above zero.
    Span,
    /// \[s\], infinite when left out.
    SpanOrForever,
    /// \[Hz\], above zero.
    Rate,
    /// \[1/s\], 0 when left out.
    DampingOrZero,
    /// \[degree\], 0 when left out.
    AngleOrZero,
}

impl WaveformField {
    /// What it is measured in, in a source of this dimension.
    pub fn dimension(self, source: Dimension) -> Dimension {
        match self {
            Value | ValueOrZero => source,
            DelayOrZero | Delay | Span | SpanOrForever => Dimension::Second,
            Rate | DampingOrZero => Dimension::Hertz,
            AngleOrZero => Dimension::One,
        }
    }

    /// The values it may take.
    pub fn range(self) -> Range {
        match self {
            Value | ValueOrZero | AngleOrZero | DampingOrZero => Range::Any,
            DelayOrZero | Delay => Range::NonNegative,
            Span | SpanOrForever | Rate => Range::Positive,
        }
    }

    /// What it is when left out; `None` where it must be given.
    pub fn default(self) -> Option<f64> {
        match self {
            ValueOrZero | DelayOrZero | DampingOrZero | AngleOrZero => Some(0.0),
            SpanOrForever => Some(f64::INFINITY),
            Value | Delay | Span | Rate => None,
        }
    }
}

use WaveformField::{
    AngleOrZero, DampingOrZero, Delay, DelayOrZero, Rate, Span, SpanOrForever, Value, ValueOrZero,
};

impl Waveform {
    /// All forms; the last is the list of points.
    pub const FORMS: [WaveformForm; 4] = [
        WaveformForm {
            key: "pulse",
            fields: &[
                ("low", Value),
                ("high", Value),
                ("delay", DelayOrZero),
                ("rise", Span),
                ("fall", Span),
                ("width", SpanOrForever),
                ("period", SpanOrForever),
            ],
        },
        WaveformForm {
            key: "sine",
            fields: &[
                ("offset", ValueOrZero),
                ("amplitude", Value),
                ("frequency", Rate),
                ("delay", DelayOrZero),
                ("damping", DampingOrZero),
                ("phase", AngleOrZero),
            ],
        },
        WaveformForm {
            key: "exponential",
            fields: &[
                ("low", Value),
                ("high", Value),
                ("delay", DelayOrZero),
                ("rise-tau", Span),
                ("fall-delay", Delay),
                ("fall-tau", Span),
            ],
        },
        WaveformForm { key: "points", fields: &[] },
    ];

    pub fn form(&self) -> &'static WaveformForm {
        let place = match self {
            Waveform::Pulse { .. } => 0,
            Waveform::Sine { .. } => 1,
            Waveform::Exponential { .. } => 2,
            Waveform::PiecewiseLinear { .. } => 3,
        };
        &Waveform::FORMS[place]
    }

    /// Its numbers in the order of its form's fields; none of a list of points.
    pub fn numbers(&self) -> Vec<f64> {
        match *self {
            Waveform::Pulse { low, high, delay, rise, fall, width, period } => {
                vec![low, high, delay, rise, fall, width, period]
            }
            Waveform::Sine { offset, amplitude, frequency, delay, damping, phase } => {
                vec![offset, amplitude, frequency, delay, damping, phase]
            }
            Waveform::Exponential { low, high, delay, rise_tau, fall_delay, fall_tau } => {
                vec![low, high, delay, rise_tau, fall_delay, fall_tau]
            }
            Waveform::PiecewiseLinear { .. } => Vec::new(),
        }
    }

    /// The form of this word from numbers in the order of its fields; `None` for a word or a count
    /// of numbers that is not of [`Waveform::FORMS`].
    pub fn from_numbers(key: &str, numbers: &[f64]) -> Option<Waveform> {
        match (key, numbers) {
            ("pulse", &[low, high, delay, rise, fall, width, period]) => {
                Some(Waveform::Pulse { low, high, delay, rise, fall, width, period })
            }
            ("sine", &[offset, amplitude, frequency, delay, damping, phase]) => {
                Some(Waveform::Sine { offset, amplitude, frequency, delay, damping, phase })
            }
            ("exponential", &[low, high, delay, rise_tau, fall_delay, fall_tau]) => {
                Some(Waveform::Exponential { low, high, delay, rise_tau, fall_delay, fall_tau })
            }
            _ => None,
        }
    }

    /// The value at a time.
    pub fn at(&self, time: Second) -> f64 {
        match self {
            Waveform::Pulse { low, high, delay, rise, fall, width, period } => {
                let since = time - delay;
                let s = if since >= 0.0 && period.is_finite() { since % period } else { since };
                if s <= 0.0 {
                    *low
                } else if s < *rise {
                    low + (high - low) * s / rise
                } else if s <= rise + width {
                    *high
                } else if s < rise + width + fall {
                    high + (low - high) * (s - rise - width) / fall
                } else {
                    *low
                }
            }
            Waveform::Sine { offset, amplitude, frequency, delay, damping, phase } => {
                let s = (time - delay).max(0.0);
                let angle = TAU * frequency * s + phase * PI / 180.0;
                offset + amplitude * exp(-damping * s) * sin(angle)
            }
            Waveform::Exponential { low, high, delay, rise_tau, fall_delay, fall_tau } => {
                let gone = |from: f64, tau: f64| {
                    if time > from { 1.0 - exp(-(time - from) / tau) } else { 0.0 }
                };
                low + (high - low) * (gone(*delay, *rise_tau) - gone(*fall_delay, *fall_tau))
            }
            Waveform::PiecewiseLinear { points } => {
                let after = points.partition_point(|(t, _)| *t <= time);
                let Some(&(t1, v1)) = points.get(after) else {
                    return points.last().map_or(0.0, |(_, v)| *v);
                };
                match after.checked_sub(1).map(|before| points[before]) {
                    None => v1,
                    Some((t0, v0)) => v0 + (v1 - v0) * (time - t0) / (t1 - t0),
                }
            }
        }
    }

    /// Adds the times up to `until` at which its slope jumps.
    pub fn corners(&self, until: Second, out: &mut Vec<Second>) {
        match self {
            Waveform::Pulse { delay, rise, fall, width, period, .. } => {
                let ends = [0.0, *rise, rise + width, rise + width + fall];
                let mut start = *delay;
                while start <= until {
                    out.extend(ends.iter().map(|end| start + end).filter(|t| *t <= until));
                    if !period.is_finite() {
                        break;
                    }
                    start += period;
                }
            }
            Waveform::Sine { delay, .. } => out.push(*delay),
            Waveform::Exponential { delay, fall_delay, .. } => out.extend([*delay, *fall_delay]),
            Waveform::PiecewiseLinear { points } => out.extend(points.iter().map(|(t, _)| *t)),
        }
    }
}
