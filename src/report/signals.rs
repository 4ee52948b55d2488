//! Signals of any waveforms as a picture: a panel a unit, logarithmic where the trade is used to
//! it, a Bode plot where signals are complex.

mod axes;
mod thin;

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Scale, Series, Shape, Unit};
use crate::data::signal::{Signal, SignalUnit};
use crate::data::waves::{Column, Values, Waves};

/// Most curves of a panel that have a name and a colour.
const NAMED: usize = 8;
/// Longest name that stands at the end of its curve, or at the axis; longer ones go into the key.
const LONGEST: usize = 18;
/// Longest title.
const TITLE: usize = 76;

/// What one axis to the left is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panel {
    /// Real values of a unit.
    Values(SignalUnit),
    /// Decibels of complex values of a unit.
    Magnitude(SignalUnit),
    /// Degrees of complex values, without jumps.
    Phase,
}

struct Curve {
    name: String,
    role: Role,
    points: Vec<[f64; 2]>,
}

/// Draws signals over the axis of their waveforms, of which `window` may cut off either end.
/// `None` when there is nothing to draw: no axis, no signals, no finite value in the window.
pub fn figure(waves: &Waves, signals: &[Signal], window: [Option<f64>; 2]) -> Option<Figure> {
    draw(waves, waves.axis()?, signals, window)
}

/// As [`figure`], over another real quantity than the axis, which may turn back: the loop of a
/// hysteresis, a transfer curve out of a transient.
pub fn figure_against(
    waves: &Waves,
    against: &Column,
    signals: &[Signal],
    window: [Option<f64>; 2],
) -> Option<Figure> {
    waves.axis()?;
    draw(waves, against, signals, window)
}

fn draw(
    waves: &Waves,
    axis: &Column,
    signals: &[Signal],
    window: [Option<f64>; 2],
) -> Option<Figure> {
    let turns = waves.axis() != Some(axis);
    let xs: Vec<f64> = (0..waves.points()).map(|i| axis.values.at(i)[0]).collect();
    let x = axes::horizontal(axis, &xs, window)?;
    let charts: Vec<Chart> = panels(signals)
        .into_iter()
        .filter_map(|panel| chart(panel, &x, (&xs, turns), signals))
        .collect();
    if charts.is_empty() {
        return None;
    }
    let title = [waves.title.as_str(), waves.plot.as_str()];
    let title = title.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(": ");
    let names: Vec<String> = signals.iter().map(|s| format!("`{}`", s.name)).collect();
    Some(Figure {
        name: "signals",
        title: shortened(&title, TITLE),
        caption: format!("{} of {title}.", names.join(", ")),
        body: Body::Panels(charts),
    })
}

/// The panels that signals need, in the order they come; phases last.
fn panels(signals: &[Signal]) -> Vec<Panel> {
    let mut panels = Vec::new();
    for signal in signals {
        let panel = match signal.values {
            Values::Real(_) => Panel::Values(signal.unit),
            Values::Complex(_) => Panel::Magnitude(signal.unit),
        };
        if !panels.contains(&panel) {
            panels.push(panel);
        }
    }
    if signals.iter().any(|s| s.values.is_complex()) {
        panels.push(Panel::Phase);
    }
    panels
}

fn chart(panel: Panel, x: &Axis, (xs, turns): (&[f64], bool), signals: &[Signal]) -> Option<Chart> {
    let of_panel = |signal: &Signal| match (panel, &signal.values) {
        (Panel::Values(unit), Values::Real(_)) => signal.unit == unit,
        (Panel::Magnitude(unit), Values::Complex(_)) => signal.unit == unit,
        (Panel::Phase, Values::Complex(_)) => true,
        _ => false,
    };
    let few = signals.len() <= NAMED;
    let curves: Vec<Curve> = signals
        .iter()
        .enumerate()
        .filter(|(_, signal)| of_panel(signal))
        .enumerate()
        .map(|(in_panel, (overall, signal))| {
            // A few keep their colours from panel to panel.
            let role = Role::Nth(if few { overall } else { in_panel });
            let values = match (panel, &signal.values) {
                (Panel::Values(_), Values::Real(values)) => values.clone(),
                (Panel::Phase, _) => signal.continuous_phase(),
                _ => signal.decibels(),
            };
            let points = thin::points(xs, &values, x, turns);
            Curve { name: signal.name.clone(), role, points }
        })
        .collect();
    let range = range(&curves, x)?;
    let label = match curves.as_slice() {
        [curve] if curve.name.chars().count() <= LONGEST => Some(curve.name.as_str()),
        _ => None,
    };
    let at_axis = label.is_some();
    let y = match panel {
        Panel::Phase => axes::phase(label, range),
        Panel::Magnitude(unit) => axes::magnitude(label, unit, range),
        Panel::Values(unit) => {
            let noise = unit.quantity() == "noise density" && x.scale == Scale::Log;
            let values = || curves.iter().flat_map(|c| &c.points).map(|p| p[1]);
            let positive = || values().filter(|v| *v > 0.0 && v.is_finite());
            match (positive().reduce(f64::min), positive().reduce(f64::max)) {
                (Some(least), Some(most)) if noise => axes::decades(label, unit, [least, most]),
                _ => axes::vertical(label, unit, range),
            }
        }
    };
    Some(Chart { x: x.clone(), y, series: series(curves, at_axis) })
}

/// Named curves over those that are too many to name.
fn series(curves: Vec<Curve>, named_at_axis: bool) -> Vec<Series> {
    let more = curves.len().saturating_sub(NAMED);
    let at_end = curves.iter().take(NAMED).all(|c| c.name.chars().count() <= LONGEST);
    let mut named = Vec::new();
    let mut rest = Vec::new();
    for (n, Curve { name, role, points }) in curves.into_iter().enumerate() {
        let single = points.iter().filter(|p| p[1].is_finite()).count() == 1;
        let shape = if single { Shape::Dots(points) } else { Shape::Line(points) };
        let label = match n {
            _ if named_at_axis => Label::None,
            _ if n == NAMED => Label::Key(format!("{more} more")),
            _ if n > NAMED => Label::None,
            _ if at_end && !single => Label::End(name),
            _ => Label::Key(shortened(&name, TITLE)),
        };
        match n < NAMED {
            true => named.push(Series { shape, role, label }),
            false => rest.push(Series { shape, role: Role::Many, label }),
        }
    }
    rest.extend(named);
    rest
}

/// The least and largest value on the axis, with a margin.
fn range(curves: &[Curve], x: &Axis) -> Option<[f64; 2]> {
    let values = || {
        let points = curves.iter().flat_map(|c| &c.points);
        points.filter(|p| x.holds(p[0]) && p[1].is_finite()).map(|p| p[1])
    };
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    // The last digits of a constant are no signal.
    if high - low <= 1e-6 * low.abs().max(high.abs()) {
        return Some([low, low]);
    }
    let margin = 0.04 * (high - low);
    Some([low - margin, high + margin])
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}
