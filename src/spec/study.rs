//! What is asked of a circuit: analyses, what is measured of them, and how well they are solved.
//! `[analysis]` and `[measure]` of a file, and the dot lines of a SPICE deck, both become a
//! [`Study`].

use crate::netlist::{DeviceId, Node};
use crate::numerics::math::{log, pow};
use crate::units::{Ampere, Hertz, Kelvin, Second, Siemens, Volt};

/// Everything that is asked of a circuit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Study {
    /// In the order they are run.
    pub analyses: Vec<Request>,
    pub measures: Vec<Measure>,
    pub solving: Solving,
    /// `.ic`: voltages held while the operating point before a transient is found; with `uic`, the
    /// voltages it starts from.
    pub initial: Vec<(Node, Volt)>,
    /// `.nodeset`: where the search for an operating point starts; let go at the end.
    pub guess: Vec<(Node, Volt)>,
}

impl Study {
    /// Whether there are analyses, and each is a motion that begins with given charges.
    pub fn only_moves(&self) -> bool {
        let moves = |request: &Request| matches!(request, Request::Tran(tran) if tran.uic);
        !self.analyses.is_empty() && self.analyses.iter().all(moves)
    }
}

/// One analysis.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// The operating point.
    Op,
    /// An operating point for every combination of swept values, each found from the one before.
    /// The first sweep runs fastest, as in SPICE.
    Dc(Vec<DcSweep>),
    Tran(Tran),
    /// The small-signal response about the operating point.
    Ac {
        frequencies: Vec<Hertz>,
    },
    /// Small-signal noise at an output, and referred to an input source.
    Noise {
        output: (Node, Node),
        input: DeviceId,
        frequencies: Vec<Hertz>,
    },
}

impl Request {
    /// Its word in a file, and the stem of its records' names.
    pub fn word(&self) -> &'static str {
        match self {
            Request::Op => "op",
            Request::Dc(_) => "dc",
            Request::Tran(_) => "tran",
            Request::Ac { .. } => "ac",
            Request::Noise { .. } => "noise",
        }
    }
}

/// One swept quantity with its values in order.
#[derive(Debug, Clone, PartialEq)]
pub struct DcSweep {
    pub of: Swept,
    pub values: Vec<f64>,
}

/// What a `dc` analysis can vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Swept {
    /// The direct-current value of a voltage or current source, or the resistance of a resistor.
    Device(DeviceId),
    /// The temperature of all devices \[K\].
    Temperature,
}

/// A transient analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tran {
    pub stop: Second,
    /// Results before this are not kept.
    pub start: Second,
    /// Results are kept at this spacing; `None` keeps every accepted step.
    pub step: Option<Second>,
    /// No step of the integration is longer.
    pub longest: Option<Second>,
    /// Start from [`Study::initial`] and the devices' own initial conditions instead of an
    /// operating point.
    pub uic: bool,
}

impl Tran {
    /// The most steps that one may be bound to take.
    pub const MOST: f64 = 1e9;
}

/// How a step in time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Second order, L-stable, one step at a time.
    #[default]
    TrBdf2,
    /// Second order, without numerical damping.
    Trapezoidal,
    /// Backward differentiation of variable order up to 2 (SPICE's gear).
    Gear,
}

/// Tolerances and devices' common conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Solving {
    /// Error of a step relative to each unknown.
    pub relative: f64,
    /// Error of a step that is let pass for a voltage near zero.
    pub volts: Volt,
    /// The same for the current of an inductor.
    pub amperes: Ampere,
    /// A conductance that every junction has in parallel.
    pub gmin: Siemens,
    pub temperature: Kelvin,
    /// Most Newton iterations of an operating point.
    pub iterations: usize,
    pub method: Method,
}

impl Default for Solving {
    fn default() -> Self {
        Solving {
            relative: 1e-5,
            volts: 1e-8,
            amperes: 1e-12,
            gmin: 1e-12,
            temperature: crate::netlist::ROOM_TEMPERATURE,
            iterations: 100,
            method: Method::TrBdf2,
        }
    }
}

/// A figure taken from the waveforms of one analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    pub name: String,
    /// The [`Request::word`] of the analysis it is taken from.
    pub analysis: String,
    pub what: Measured,
}

/// A signal of the results, such as `v(out)`, `v(a,b)`, `i(v1)` or `p(r1)`, the power that a device
/// takes \[W\]; with `db(...)`, `mag(...)`, `ph(...)`, `re(...)`, `im(...)` around it of an `ac`.
pub type Signal = String;

/// What is measured. Times stand for the analysis's axis: time, swept value or frequency.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// A statistic of a signal over a window of the axis.
    Over { statistic: Statistic, signal: Signal, from: Option<f64>, to: Option<f64> },
    /// The value of a signal at a place of the axis.
    At { signal: Signal, at: f64 },
    /// The value of a signal where an event happens.
    FindWhen { signal: Signal, event: Event },
    /// The place of an event.
    When(Event),
    /// The distance from one event to another.
    Between { trigger: Event, target: Event },
    /// 10 % to 90 % of the way from the first to the last value.
    RiseTime { signal: Signal },
    /// How far the signal goes beyond its last value, as a fraction of its way.
    Overshoot { signal: Signal },
    /// When the signal last enters `within`, a fraction of its way, around its last value.
    SettlingTime { signal: Signal, within: f64 },
}

/// A statistic of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Over the axis, by the trapezoidal rule.
    Average,
    Rms,
    Integral,
    Minimum,
    Maximum,
    PeakToPeak,
    /// Where the smallest value is.
    MinimumAt,
    MaximumAt,
}

/// Where a signal crosses a level for the `count`-th time, or a place of the axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    At(f64),
    Crosses {
        signal: Signal,
        /// The level, or another signal.
        level: Level,
        edge: Edge,
        /// From 1; `None` is the last time.
        count: Option<usize>,
        /// Crossings before this do not count.
        after: f64,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    Value(f64),
    Signal(Signal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Rise,
    Fall,
    Either,
}

/// From `from` by `step` to at most `to`, which may be below `from` if `step` is below 0.
pub fn steps(from: f64, to: f64, step: f64) -> Vec<f64> {
    let count = ((to - from) / step * (1.0 + 1e-9) + 1e-9).floor().max(0.0) as usize;
    (0..=count).map(|k| from + k as f64 * step).collect()
}

/// So many frequencies a factor of `base` (10 for a decade, 2 for an octave) from `from` to at
/// most `to`.
pub fn logarithmic(base: f64, each: usize, from: Hertz, to: Hertz) -> Vec<Hertz> {
    let count = log(to / from) / log(base) * each as f64;
    let count = (count * (1.0 + 1e-9) + 1e-9).floor().max(0.0) as usize;
    (0..=count).map(|k| from * pow(base, k as f64 / each as f64)).collect()
}

/// So many frequencies, evenly spaced, both ends included.
pub fn linear(count: usize, from: Hertz, to: Hertz) -> Vec<Hertz> {
    let last = count.saturating_sub(1);
    (0..count)
        .map(|k| {
            if k == last && k > 0 { to } else { from + (to - from) * k as f64 / last.max(1) as f64 }
        })
        .collect()
}
