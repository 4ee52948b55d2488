//! Figures of a sweep against an axis of it.

use super::Records;
use super::groups::{self, Group, Interval, ORDER, Plan};
use crate::numerics::math;
use crate::report::figure::{Axis, Body, Chart, Figure, Label, Role, Scale, Series, Shape, Unit};
use crate::run::sweep_record::{AxisRecord, unit};
use crate::units::{Dimension, parse_any};

/// Most series in one chart.
const DRAWN: usize = 6;
/// Names of figures that have none of their own: voltages of nodes.
const NODES: [&str; 6] = ["node-1", "node-2", "node-3", "node-4", "node-5", "node-6"];
/// How far apart the series stand sideways, as a fraction of the axis; and how far from its mean
/// a replicate.
const APART: f64 = 0.008;
const ASIDE: f64 = -0.01;

/// Everything about a chart but its figure.
struct Frame<'a> {
    records: &'a Records,
    plan: &'a Plan,
    groups: &'a [Group<'a>],
    x: Axis,
    /// Where each value of the axis stands.
    at: Vec<f64>,
}

pub fn figures(records: &Records) -> Vec<Figure> {
    let plan = Plan::new(&records.sweep);
    let Some(x) = plan.x else { return Vec::new() };
    let groups = plan.groups(records);
    let (axis, at) = axis(&records.sweep.axes[x]);
    let frame = Frame { records, plan: &plan, groups: &groups, x: axis, at };
    let (varying, _) = groups::figures(&records.points);
    let mut nodes = NODES.into_iter();
    varying
        .iter()
        .filter(|name| !name.ends_with("samples"))
        .filter_map(|name| {
            let known = ORDER.iter().find(|known| *known == name).copied();
            // The parts of a figure, such as one a tensor, are for the tables.
            let node = || name.starts_with("v(").then(|| nodes.next()).flatten();
            chart(&frame, name, known.or_else(node)?)
        })
        .collect()
}

/// The axis of some values, and where on it each of them stands.
fn axis(record: &AxisRecord) -> (Axis, Vec<f64>) {
    let parsed: Option<Vec<(f64, Dimension)>> =
        record.values.iter().map(|value| parse_any(value)).collect();
    let numbers = parsed.filter(|values| values.iter().all(|(_, d)| *d == values[0].1));
    let Some(numbers) = numbers else {
        let places = (0..record.values.len()).map(|i| i as f64).collect();
        return (Axis::named(&record.key, Unit::Word("setting"), &record.values), places);
    };
    let whole = record.values.iter().all(|value| value.parse::<i64>().is_ok());
    let unit = match numbers[0].1 {
        Dimension::One if whole => Unit::Word("count"),
        Dimension::One => Unit::Word("dimensionless"),
        dimension => Unit::Si(dimension.symbol()),
    };
    let at: Vec<f64> = numbers.into_iter().map(|(value, _)| value).collect();
    let (low, high) = ends(at.iter().copied()).unwrap_or((0.0, 1.0));
    let axis = match low > 0.0 && high > 100.0 * low {
        true => Axis::log(&record.key, unit, [0.9 * low, 1.1 * high]),
        false => {
            let margin = 0.03 * (high - low);
            Axis::linear(&record.key, unit, [low - margin, high + margin])
        }
    };
    (axis, at)
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|v| v.is_finite())
        .fold(None, |ends, v| Some(ends.map_or((v, v), |(l, h): (f64, f64)| (l.min(v), h.max(v)))))
}

/// One figure against the axis; `file` is the name of its file.
fn chart(frame: &Frame, name: &str, file: &'static str) -> Option<Figure> {
    let factor = if groups::is_fraction(name) { 100.0 } else { 1.0 };
    let mut combinations: Vec<&[usize]> = frame.groups.iter().map(|g| &g.place[1..]).collect();
    combinations.sort();
    combinations.dedup();
    let drawn = combinations.len().min(DRAWN);
    let mut series = Vec::new();
    let mut intervals = Vec::new();
    for (n, combination) in combinations[..drawn].iter().enumerate() {
        let of = frame.groups.iter().filter(|g| g.place[1..] == **combination);
        let (mut means, mut bars, mut dots) = (Vec::new(), Vec::new(), Vec::new());
        for group in of {
            let Some(estimate) = group.estimate(name) else { continue };
            let shift = APART * (n as f64 - 0.5 * (drawn as f64 - 1.0));
            let x = shifted(&frame.x, frame.at[group.place[0]], shift);
            means.push([x, factor * estimate.mean]);
            if estimate.interval != Interval::None {
                bars.push([x, factor * estimate.range[0], factor * estimate.range[1]]);
                intervals.push(estimate.interval);
            }
            let values = group.values(name);
            if values.len() > 1 {
                let x = shifted(&frame.x, x, ASIDE);
                dots.extend(values.into_iter().map(|v| [x, factor * v]));
            }
        }
        means.sort_by(|a, b| a[0].total_cmp(&b[0]));
        series.extend(drawn_as(frame, n, drawn, combination, (means, bars, dots)));
    }
    let y = y_axis(name, &series)?;
    let left_out = match combinations.len() - drawn {
        0 => String::new(),
        n => format!(" {n} more combinations of the other axes are only in results.csv."),
    };
    Some(Figure {
        name: file,
        title: format!("{} against {}", capital(name), frame.x.label),
        caption: format!("{}{left_out}", caption(frame, name, &intervals, drawn)),
        body: Body::Chart(Chart { x: frame.x.clone(), y, series }),
    })
}

/// A place beside a value, by a fraction of the axis.
fn shifted(axis: &Axis, value: f64, shift: f64) -> f64 {
    let [low, high] = axis.range;
    match axis.scale {
        Scale::Linear => value + shift * (high - low),
        Scale::Log => value * math::pow(high / low, shift),
    }
}

type Drawn = (Vec<[f64; 2]>, Vec<[f64; 3]>, Vec<[f64; 2]>);

/// Replicates, mean and interval of one combination of the other axes.
fn drawn_as(
    frame: &Frame,
    n: usize,
    of: usize,
    combination: &[usize],
    (means, bars, dots): Drawn,
) -> Vec<Series> {
    let role = if of == 1 { Role::Main } else { Role::Nth(n) };
    let axes = &frame.records.sweep.axes;
    let values = frame.plan.others.iter().zip(combination);
    let words: Vec<String> = values
        .map(|(&axis, &value)| format!("{} = {}", axes[axis].key, axes[axis].values[value]))
        .collect();
    let key = |text: &str| match of {
        1 => Label::Key(text.to_string()),
        _ => Label::None,
    };
    let replicates = match n {
        0 => Label::Key("one replicate".to_string()),
        _ => Label::None,
    };
    let mean = match (of, dots.is_empty()) {
        (1, true) => Label::None,
        (1, false) => Label::Key("mean".to_string()),
        _ => Label::Key(words.join(", ")),
    };
    let named = !frame.x.names.is_empty();
    let all = [
        (Shape::Dots(dots), Role::Many, replicates),
        (Shape::Whiskers(bars), role, key("95 % interval")),
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

fn y_axis(name: &str, series: &[Series]) -> Option<Axis> {
    let values = series.iter().flat_map(|s| match &s.shape {
        Shape::Line(points) | Shape::Dots(points) => points.iter().map(|p| p[1]).collect(),
        Shape::Whiskers(points) => points.iter().flat_map(|p| [p[1], p[2]]).collect(),
        _ => Vec::new(),
    });
    let values: Vec<f64> = values.collect();
    let (low, high) = ends(values.iter().copied())?;
    let unit = match unit(name) {
        "s" => Unit::Si("s"),
        "V" => Unit::Si("V"),
        _ if groups::is_fraction(name) => Unit::Word("%"),
        _ if name == "clipped" => Unit::Word("count"),
        _ => Unit::Word("dimensionless"),
    };
    let label = name.replace('-', " ");
    if low > 0.0 && high > 100.0 * low {
        return Some(Axis::log(label, unit, [low, high]));
    }
    let margin = 0.05 * (high - low);
    let (mut low, mut high) = (low - margin, high + margin);
    if groups::is_fraction(name) {
        (low, high) = (low.max(0.0), high.min(100.0 + margin.min(2.0)));
    }
    Some(Axis::linear(label, unit, [low, high]))
}

fn caption(frame: &Frame, name: &str, intervals: &[Interval], drawn: usize) -> String {
    let mut words = match name {
        "settling-time" => "The largest settling time over the samples. ".to_string(),
        "settling-time-median" => "The median settling time over the samples. ".to_string(),
        _ => String::new(),
    };
    let wilson = intervals.contains(&Interval::Wilson);
    words += &match intervals.contains(&Interval::Student) {
        true => frame.plan.words(frame.records, frame.groups),
        false if wilson => "One run a point; the bars are the 95 % Wilson interval over its \
                            samples."
            .to_string(),
        false => "One run a point, without an interval.".to_string(),
    };
    if intervals.contains(&Interval::Student) {
        words += match wilson {
            true => " Where there is but one replicate, the 95 % Wilson interval over its samples.",
            false => " Single replicates are the faint points beside it.",
        };
    }
    if drawn > 1 {
        words += " Series stand a little beside one another, so that they can be told apart.";
    }
    words
}

/// `Settling time` of `settling-time`.
fn capital(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
