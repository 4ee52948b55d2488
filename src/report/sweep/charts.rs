//! Figures of a grid against an axis of it.

use super::Records;
use super::groups::{self, Group, Interval, Plan};
use super::ruler::{self, ASIDE, Ruler, Shown, capital, shifted, y_axis};
use crate::report::figure::{Body, Chart, Figure, Label, Role, Series, Shape};

/// Most series in one chart.
const DRAWN: usize = 6;
/// How far apart the series stand sideways, as a fraction of the axis.
const APART: f64 = 0.008;

/// Everything about a chart but its figure.
struct Frame<'a> {
    records: &'a Records,
    plan: &'a Plan,
    groups: &'a [Group<'a>],
    x: Ruler,
}

pub fn figures(records: &Records, plan: &Plan) -> Vec<Figure> {
    let Some(x) = plan.x else { return Vec::new() };
    let groups = plan.groups(records);
    let frame =
        Frame { records, plan, groups: &groups, x: Ruler::new(&records.sweep.axes[x], &[]) };
    let (varying, _) = groups::figures(&records.points);
    ruler::shown(&varying, plan).iter().filter_map(|shown| chart(&frame, shown)).collect()
}

fn chart(frame: &Frame, shown: &Shown) -> Option<Figure> {
    let Shown { name, file, parts } = shown;
    let factor = if groups::is_percent(name) { 100.0 } else { 1.0 };
    let mut combinations: Vec<&[usize]> = frame.groups.iter().map(|g| &g.place[1..]).collect();
    combinations.sort();
    combinations.dedup();
    let drawn = combinations.len().min(DRAWN);
    let axis = &frame.records.sweep.axes[frame.plan.x?];
    let mut series = Vec::new();
    let mut intervals = Vec::new();
    let each = combinations[..drawn].iter().flat_map(|c| parts.iter().map(move |part| (c, part)));
    let drawn_of = drawn * parts.len();
    for (n, (combination, (name, part))) in each.enumerate() {
        let of = frame.groups.iter().filter(|g| g.place[1..] == **combination);
        let (mut means, mut bars, mut dots) = (Vec::new(), Vec::new(), Vec::new());
        for group in of {
            let Some(estimate) = group.estimate(name) else { continue };
            let shift = APART * (n as f64 - 0.5 * (drawn_of as f64 - 1.0));
            let Some(at) = group.setting(axis).and_then(|word| frame.x.at(word)) else { continue };
            let x = shifted(&frame.x.axis, at, shift);
            means.push([x, factor * estimate.mean]);
            if estimate.interval != Interval::None {
                bars.push([x, factor * estimate.range[0], factor * estimate.range[1]]);
                intervals.push(estimate.interval);
            }
            let values = group.values(name);
            if values.len() > 1 {
                let x = shifted(&frame.x.axis, x, ASIDE);
                dots.extend(values.into_iter().map(|v| [x, factor * v]));
            }
        }
        means.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let words = words(frame, combination, part);
        series.extend(drawn_as(frame, [n, drawn_of], words, (means, bars, dots)));
    }
    let y = y_axis(name, series.iter())?;
    let left_out = match combinations.len() - drawn {
        0 => String::new(),
        n => format!(" {n} more combinations of the other axes are only in results.csv."),
    };
    Some(Figure {
        name: file,
        title: format!("{} against {}", capital(name), frame.x.axis.label),
        caption: format!("{}{left_out}", caption(frame, name, &intervals, drawn_of)),
        body: Body::Chart(Chart { x: frame.x.axis.clone(), y, series }),
    })
}

type Drawn = (Vec<[f64; 2]>, Vec<[f64; 3]>, Vec<[f64; 2]>);

/// What tells a series from the others.
fn words(frame: &Frame, combination: &[usize], part: &str) -> String {
    let axes = &frame.records.sweep.axes;
    let values = frame.plan.others.iter().zip(combination);
    let settings =
        values.map(|(&axis, &value)| format!("{} = {}", axes[axis].key, axes[axis].values[value]));
    let part = (!part.is_empty()).then(|| part.to_string());
    settings.chain(part).collect::<Vec<_>>().join(", ")
}

/// Chips, mean and interval of the `n`-th of so many series.
fn drawn_as(
    frame: &Frame,
    [n, of]: [usize; 2],
    words: String,
    (means, bars, dots): Drawn,
) -> Vec<Series> {
    let role = if of == 1 { Role::Main } else { Role::Nth(n) };
    let key = |text: &str| match of {
        1 => Label::Key(text.to_string()),
        _ => Label::None,
    };
    let chips = match n {
        0 => Label::Key("one chip".to_string()),
        _ => Label::None,
    };
    let mean = match (of, dots.is_empty()) {
        (1, true) => Label::None,
        (1, false) => Label::Key("mean".to_string()),
        _ => Label::Key(words),
    };
    let named = !frame.x.axis.names.is_empty();
    let all = [
        (Shape::Dots(dots), Role::Many, chips),
        (Shape::Whiskers(bars), role, key(&format!("{} interval", frame.plan.percent()))),
        // Between things without an order there is nothing to follow.
        (
            Shape::Line(if named { Vec::new() } else { means.clone() }),
            role,
            if named { Label::None } else { mean.clone() },
        ),
        (Shape::Dots(means), role, if named { mean } else { Label::None }),
    ];
    let is_empty = |shape: &Shape| match shape {
        Shape::Line(points) | Shape::Dots(points) => points.is_empty(),
        Shape::Whiskers(points) => points.is_empty(),
        _ => false,
    };
    all.into_iter()
        .filter(|(shape, ..)| !is_empty(shape))
        .map(|(shape, role, label)| Series { shape, role, label })
        .collect()
}

fn caption(frame: &Frame, name: &str, intervals: &[Interval], drawn: usize) -> String {
    let mut words = ruler::caption(name, frame.plan, frame.groups, intervals);
    if drawn > 1 {
        words += " Series stand a little beside one another, so that they can be told apart.";
    }
    words
}
