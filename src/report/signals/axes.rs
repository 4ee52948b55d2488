//! Axes as designers read them.

use super::{Axis, Scale, Unit};
use crate::data::signal::SignalUnit;
use crate::data::waves::{Column, ColumnKind};
use crate::numerics::math;
use crate::report::figure::{minus, prefix};

/// The axis below, over the finite part of `xs` within the window; frequencies on decades.
pub fn horizontal(column: &Column, xs: &[f64], window: [Option<f64>; 2]) -> Option<Axis> {
    let unit = SignalUnit::of(column.kind);
    let finite = || xs.iter().copied().filter(|x| x.is_finite());
    let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
    let [from, to] = [window[0].unwrap_or(low), window[1].unwrap_or(high)];
    if column.kind == ColumnKind::Frequency {
        let positive = finite().filter(|x| *x > 0.0).reduce(f64::min);
        let from = if from > 0.0 { Some(from) } else { positive };
        if let Some(from) = from.filter(|from| to / from >= 10.0) {
            return Some(
                Axis {
                    scale: Scale::Log,
                    range: [from, to],
                    names: decade_names([from, to], engineering),
                    ..Axis::linear("frequency", unit_of(unit), [from, to])
                }
                .in_words(),
            );
        }
    }
    let name = match column.kind {
        ColumnKind::Other | ColumnKind::Voltage | ColumnKind::Current | ColumnKind::Power => {
            let inner = column.name.split_once('(').and_then(|(_, n)| n.strip_suffix(')'));
            inner.filter(|n| n.ends_with("-sweep")).map_or(column.name.as_str(), |_| "sweep")
        }
        _ => unit.quantity(),
    };
    Some(Axis::linear(name, unit_of(unit), [from, to]))
}

/// An axis to the left, of numbers of a unit.
pub fn vertical(label: Option<&str>, unit: SignalUnit, range: [f64; 2]) -> Axis {
    let quantity = match unit.quantity() {
        "" => "value",
        quantity => quantity,
    };
    Axis::linear(label.unwrap_or(quantity), unit_of(unit), range)
}

/// A logarithmic axis to the left.
pub fn decades(label: Option<&str>, unit: SignalUnit, range: [f64; 2]) -> Axis {
    let axis = Axis::log(label.unwrap_or(unit.quantity()), unit_of(unit), range).in_words();
    let names = decade_names(axis.range, power);
    Axis { names, ..axis }
}

/// Decibels of complex values.
pub fn magnitude(label: Option<&str>, unit: SignalUnit, range: [f64; 2]) -> Axis {
    let label = label.map_or("magnitude".to_string(), |name| format!("|{name}|"));
    let word = match unit.symbol() {
        "V" => "dB re 1 V",
        "A" => "dB re 1 A",
        _ => "dB",
    };
    Axis::linear(label, Unit::Word(word), range)
}

/// Degrees, with ticks at parts of a turn.
pub fn phase(label: Option<&str>, [low, high]: [f64; 2]) -> Axis {
    const STEPS: [f64; 8] = [1.0, 5.0, 15.0, 30.0, 45.0, 90.0, 180.0, 360.0];
    let label = label.map_or("phase".to_string(), |name| format!("phase of {name}"));
    let axis = Axis::linear(label, Unit::Word("\u{b0}"), [low, high]);
    let [low, high] = axis.range;
    let Some(step) = STEPS.into_iter().find(|step| high - low <= 6.0 * step) else { return axis };
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    let names =
        (first..=last).map(|i| (i as f64 * step, minus(&format!("{}", i as f64 * step)))).collect();
    Axis { names, ..axis }
}

impl Axis {
    /// The unit as a word: a logarithmic axis writes every magnitude itself.
    fn in_words(self) -> Axis {
        let unit = match self.unit {
            Unit::Si(unit) | Unit::Word(unit) => Unit::Word(unit),
        };
        Axis { unit, ..self }
    }
}

fn unit_of(unit: SignalUnit) -> Unit {
    match (unit.is_si(), unit.symbol()) {
        (true, symbol) => Unit::Si(symbol),
        (false, "") => Unit::Word("1"),
        (false, symbol) => Unit::Word(symbol),
    }
}

/// Ticks of a logarithmic axis: decades, with 2 and 5 between where there are few.
fn decade_names([low, high]: [f64; 2], name: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let (first, last) = (math::log10(low).floor() as i32, math::log10(high).ceil() as i32);
    let every = ((last - first).max(0) as usize).div_ceil(9).max(1);
    let within = |v: f64| (0.999_999 * low..=1.000_001 * high).contains(&v);
    let parts: &[f64] = if last - first <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    (first..=last)
        .step_by(every)
        .flat_map(|decade| parts.iter().map(move |part| part * math::pow(10.0, f64::from(decade))))
        .filter(|v| within(*v))
        .map(|v| (v, name(v)))
        .collect()
}

/// `10k`
fn engineering(v: f64) -> String {
    let (prefix, factor) = prefix(v);
    format!("{}{prefix}", (v * factor * 1e6).round() / 1e6)
}

/// `2·10⁻⁹`
fn power(v: f64) -> String {
    let exponent = (math::log10(v) + 1e-9).floor() as i32;
    let part = (v / math::pow(10.0, f64::from(exponent))).round();
    let ten = crate::report::figure::power_of_ten(exponent);
    if part == 1.0 { ten } else { format!("{part}\u{b7}{ten}") }
}
