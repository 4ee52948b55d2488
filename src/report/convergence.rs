//! Residual and energy on the way to the equilibrium.

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use super::records::Records;
use super::statistics::quantile;
use crate::run::record::ITERATIONS;
use crate::run::tensors::Tensor;

/// Most samples drawn one by one; median and band are always over all.
const DRAWN: usize = 200;
/// With fewer samples than this a median says nothing that the lines do not.
const ENOUGH: usize = 5;

/// `residual` and `energy`, as far as they were recorded.
pub fn figures(records: &Records) -> Vec<Figure> {
    let Some(times) = records.trace.get("times") else { return Vec::new() };
    [("residual", residual as Maker), ("energy", energy as Maker)]
        .into_iter()
        .filter_map(|(name, make)| make(records, &times.data, records.trace.get(name)?))
        .collect()
}

type Maker = fn(&Records, &[f64], &Tensor) -> Option<Figure>;

fn residual(records: &Records, times: &[f64], residual: &Tensor) -> Option<Figure> {
    let limit = records.run.settled;
    let positive = || residual.data.iter().copied().filter(|v| v.is_finite() && *v > 0.0);
    let high = positive().reduce(f64::max)?.max(limit);
    let low = positive().fold(limit, f64::min).max(1e-3 * limit);
    let mut series = lines(times, residual);
    series.push(Series {
        shape: Shape::Level(limit),
        role: Role::Limit,
        label: Label::Key(format!("settled: {limit:e}")),
    });
    Some(Figure {
        name: "residual",
        title: "Convergence: residual".into(),
        caption: format!(
            "Largest magnitude of the force on any unit against {}, {}. A sample has settled when \
             it is at or below the dashed line.",
            clock_word(records),
            who(residual)
        ),
        body: Body::Chart(Chart {
            x: time_axis(records, times),
            y: Axis::log("residual", Unit::Word("units of x"), [low, high]),
            series,
        }),
    })
}

fn energy(records: &Records, times: &[f64], energy: &Tensor) -> Option<Figure> {
    let finite = || energy.data.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
    let margin = 0.04 * (high - low);
    let series = lines(times, energy);
    let (x, rest) = moving_axis(records, times, &series, high - low);
    Some(Figure {
        name: "energy",
        title: "Convergence: energy".into(),
        caption: format!(
            "Energy of the network against {}, {}. On a symmetric network it never rises.{rest}",
            clock_word(records),
            who(energy)
        ),
        body: Body::Chart(Chart {
            x,
            y: Axis::linear(
                "energy",
                Unit::Word("units of the model"),
                [low - margin, high + margin],
            ),
            series,
        }),
    })
}

/// One line a sample, with the median and the band from the 10 % to the 90 % quantile.
fn lines(times: &[f64], values: &Tensor) -> Vec<Series> {
    let batch = values.shape[1];
    let at = |moment: usize, s: usize| values.data[moment * batch + s];
    let many = batch >= ENOUGH;
    let mut series: Vec<Series> = (0..batch.min(DRAWN))
        .map(|s| Series {
            shape: Shape::Line(times.iter().enumerate().map(|(i, &t)| [t, at(i, s)]).collect()),
            role: if many { Role::Many } else { Role::Nth(s) },
            label: match (many, s) {
                (true, 0) => Label::Key("a sample".into()),
                (true, _) => Label::None,
                (false, _) => Label::Key(format!("sample {s}")),
            },
        })
        .collect();
    if many {
        let sorted: Vec<Vec<f64>> = (0..times.len())
            .map(|i| {
                let mut row: Vec<f64> =
                    (0..batch).map(|s| at(i, s)).filter(|v| v.is_finite()).collect();
                row.sort_by(f64::total_cmp);
                row
            })
            .collect();
        let moments = || times.iter().zip(&sorted);
        series.push(Series {
            shape: Shape::Band(
                moments().map(|(&t, row)| [t, quantile(row, 0.1), quantile(row, 0.9)]).collect(),
            ),
            role: Role::Spread,
            label: Label::Key("10 % to 90 %".into()),
        });
        series.push(Series {
            shape: Shape::Line(moments().map(|(&t, row)| [t, quantile(row, 0.5)]).collect()),
            role: Role::Main,
            label: Label::Key("median".into()),
        });
    }
    series
}

/// Whose lines these are, as words.
fn who(values: &Tensor) -> String {
    let batch = values.shape[1];
    match batch {
        1 => "of the one sample".into(),
        b if b < ENOUGH => format!("of all {b} samples"),
        b if b <= DRAWN => {
            format!("of all {b} samples (thin), with their median and 10 % to 90 % band")
        }
        b => format!(
            "of the first {DRAWN} of {b} samples (thin), with the median and 10 % to 90 % band of all"
        ),
    }
}

/// The axis of the recorded moments.
pub(super) fn time_axis(records: &Records, times: &[f64]) -> Axis {
    let end = times.last().copied().unwrap_or(0.0);
    let start = times.first().copied().unwrap_or(0.0);
    match records.run.clock.as_deref() {
        Some(ITERATIONS) => Axis::linear("iteration", Unit::Word("count"), [start, end]),
        _ => Axis::linear("time", Unit::Si("s"), [start, end]),
    }
}

/// The axis of as many moments as anything moves by more than half a percent of `range`, a
/// quarter of them at least, and a sentence for the caption if that is not all.
pub(super) fn moving_axis(
    records: &Records,
    times: &[f64],
    series: &[Series],
    range: f64,
) -> (Axis, String) {
    let moving = |points: &[[f64; 2]]| {
        let last = points.iter().rposition(|p| p[1].is_finite())?;
        points.iter().rposition(|p| (p[1] - points[last][1]).abs() > 5e-3 * range)
    };
    let still = series
        .iter()
        .filter_map(|s| match &s.shape {
            Shape::Line(points) => moving(points),
            _ => None,
        })
        .max()
        .map_or(0, |moment| moment + 1);
    let shown = (still + still / 4).max(times.len() / 4).min(times.len().saturating_sub(1));
    if 5 * shown > 4 * times.len() {
        return (time_axis(records, times), String::new());
    }
    let words = format!(
        " Nothing visible moves after the {} shown.",
        clock_word(records).trim_start_matches("the ")
    );
    (time_axis(records, &times[..=shown]), words)
}

fn clock_word(records: &Records) -> &'static str {
    match records.run.clock.as_deref() {
        Some(ITERATIONS) => "the iteration",
        _ => "time",
    }
}
