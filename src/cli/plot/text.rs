//! Numbers of waveforms as text, and text as places on their axis.

use std::path::Path;

use serde::Serialize;

use crate::cli::Failure;
use crate::data::signal::{Signal, SignalUnit};
use crate::data::waves::{Values, Waves};
use crate::units::{Dimension, Range, UnitFault, format_short, parse};

/// A plot and what is in it.
#[derive(Serialize)]
pub(super) struct Listing {
    number: usize,
    file: String,
    plot: String,
    title: String,
    points: usize,
    complex: bool,
    signals: Vec<Listed>,
}

/// A signal; of a complex one the least and largest magnitude.
#[derive(Serialize)]
pub(super) struct Listed {
    name: String,
    unit: String,
    complex: bool,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(skip)]
    shown: SignalUnit,
}

impl Listing {
    pub fn of(number: usize, file: &Path, waves: &Waves) -> Listing {
        Listing {
            number,
            file: file.display().to_string(),
            plot: waves.plot.clone(),
            title: waves.title.clone(),
            points: waves.points(),
            complex: waves.is_complex(),
            signals: waves.columns.iter().map(|c| Listed::of(&Signal::of(c))).collect(),
        }
    }
}

impl Listed {
    pub fn of(signal: &Signal) -> Listed {
        let range = signal.range();
        Listed {
            name: signal.name.clone(),
            unit: signal.unit.plain(),
            complex: signal.values.is_complex(),
            min: range.map(|r| r[0]),
            max: range.map(|r| r[1]),
            shown: signal.unit,
        }
    }
}

/// Plots one after another, a signal a line.
pub(super) fn listing(plots: &[Listing]) -> String {
    let mut text = String::new();
    for plot in plots {
        if !text.is_empty() {
            text.push('\n');
        }
        let points = if plot.points == 1 { "point" } else { "points" };
        let title = if plot.title.is_empty() { "" } else { ", of " };
        text += &format!(
            "plot {}: {}, {} {points}{title}{} ({})\n",
            plot.number, plot.plot, plot.points, plot.title, plot.file
        );
        let rows = plot.signals.iter().map(|s| {
            let value = |v: Option<f64>| v.map_or("-".into(), |v| quantity(v, s.shown));
            let note = if s.complex { "magnitude" } else { "" };
            [s.name.clone(), s.unit.clone(), value(s.min), value(s.max), note.to_string()]
        });
        let head = ["name", "unit", "min", "max", ""].map(str::to_string);
        text += &aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    text
}

/// The first value of every signal, for plots of one point.
pub(super) fn numbers(signals: &[Signal]) -> String {
    let rows: Vec<[String; 2]> = signals
        .iter()
        .filter(|s| !s.values.is_empty())
        .map(|s| {
            let value = match &s.values {
                Values::Real(values) => quantity(values[0], s.unit),
                Values::Complex(values) => format!("{:?}", values[0]),
            };
            [s.name.clone(), value]
        })
        .collect();
    aligned(&rows)
}

/// Columns of a common width.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(width).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += &format!("  {}\n", cells.join("  ").trim_end());
    }
    text
}

/// `4.2 mV`
fn quantity(value: f64, unit: SignalUnit) -> String {
    match dimension(unit) {
        Some(dimension) => format_short(value, dimension),
        None => format!("{} {}", format_short(value, Dimension::One), unit.symbol())
            .trim_end()
            .to_string(),
    }
}

fn dimension(unit: SignalUnit) -> Option<Dimension> {
    let plain = unit.plain();
    Dimension::ALL.into_iter().find(|d| d.symbol() == plain && *d != Dimension::One)
}

/// The ends of the axis that `--from` and `--to` ask for.
pub(super) fn window(
    waves: &Waves,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<[Option<f64>; 2], Failure> {
    let Some(axis) = waves.axis() else { return Ok([None, None]) };
    let unit = SignalUnit::of(axis.kind);
    let dimension = dimension(unit).unwrap_or(Dimension::One);
    let place = |option: &str, text: Option<&str>| {
        text.map(|text| {
            parse(text, dimension, Range::Any)
                .map_err(|fault| Failure::input(explain(option, text, dimension, &fault)))
        })
        .transpose()
    };
    let window = [place("--from", from)?, place("--to", to)?];
    match window {
        [Some(from), Some(to)] if from >= to => Err(Failure::input(format!(
            "--from {} lies at or after --to {}",
            quantity(from, unit),
            quantity(to, unit)
        ))),
        [from, to] => match Signal::of(axis).range() {
            Some([low, high])
                if from.is_some_and(|from| from >= high) || to.is_some_and(|to| to <= low) =>
            {
                Err(Failure::input(format!(
                    "nothing lies between --from and --to: the axis goes from {} to {}",
                    quantity(low, unit),
                    quantity(high, unit)
                )))
            }
            _ => Ok(window),
        },
    }
}

fn explain(option: &str, text: &str, dimension: Dimension, fault: &UnitFault) -> String {
    let what = match dimension {
        Dimension::One => "a number".to_string(),
        _ => format!("a number of {}", dimension.name()),
    };
    let write = match fault {
        UnitFault::MissingUnit { write } => write.clone(),
        UnitFault::UnknownUnit { write: Some(write), .. }
        | UnitFault::WrongDimension { write: Some(write), .. } => write.clone(),
        _ => dimension.example().to_string(),
    };
    format!("{option} {text} is not {what}: write {option} '{write}'")
}
