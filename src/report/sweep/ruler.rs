//! What the charts of all designs have in common: axes, names, captions.

use std::collections::BTreeMap;

use super::groups::{self, Group, Interval, ORDER, Plan};
use crate::numerics::math;
use crate::report::figure::{Axis, Scale, Series, Shape, Unit};
use crate::run::sweep_record::{AxisRecord, unit};
use crate::units::{Dimension, parse_any};

/// Names of figures that have none of their own: voltages of nodes.
const NODES: [&str; 6] = ["node-1", "node-2", "node-3", "node-4", "node-5", "node-6"];

/// How far a chip stands beside its mean, as a fraction of the axis.
pub const ASIDE: f64 = -0.01;

/// An axis of a sweep as one of a chart.
pub struct Ruler {
    pub axis: Axis,
    /// Where each value stands.
    at: BTreeMap<String, f64>,
}

impl Ruler {
    /// The axis of its listed values; of a range, of its ends and the `drawn` values.
    pub fn new(record: &AxisRecord, drawn: &[&str]) -> Ruler {
        let ends = record.range.iter().flat_map(|range| [&range.from, &range.to]);
        let words = record.values.iter().chain(ends).map(String::as_str);
        let words: Vec<&str> = words.chain(drawn.iter().copied()).collect();
        let parsed: Option<Vec<(f64, Dimension)>> = words.iter().map(|w| parse_any(w)).collect();
        let numbers = parsed.filter(|values| values.iter().all(|(_, d)| *d == values[0].1));
        let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) else {
            let at = record.values.iter().enumerate().map(|(i, word)| (word.clone(), i as f64));
            let axis = Axis::named(&record.key, Unit::Word("setting"), &record.values);
            return Ruler { axis, at: at.collect() };
        };
        let whole = words.iter().all(|word| word.parse::<i64>().is_ok());
        let unit = match numbers[0].1 {
            Dimension::One if whole => Unit::Word("count"),
            Dimension::One => Unit::Word("dimensionless"),
            dimension => Unit::Si(dimension.symbol()),
        };
        let values = numbers.iter().map(|(value, _)| *value);
        let (low, high) = ends_of(values.clone()).unwrap_or((0.0, 1.0));
        // Over little more than a decade, powers of ten are too few to read.
        let by_ratio = match &record.range {
            Some(range) => range.scale == "log",
            None => values.clone().zip(values.clone().skip(1)).all(|(a, b)| b >= 2.0 * a),
        };
        let ratio = if by_ratio { 30.0 } else { 100.0 };
        let axis = match low > 0.0 && high >= ratio * low {
            true => Axis::log(&record.key, unit, [0.9 * low, 1.1 * high]),
            false => {
                let margin = 0.03 * (high - low);
                Axis::linear(&record.key, unit, [low - margin, high + margin])
            }
        };
        Ruler { axis, at: words.iter().map(|word| word.to_string()).zip(values).collect() }
    }

    /// Where a value stands.
    pub fn at(&self, word: &str) -> Option<f64> {
        self.at.get(word).copied()
    }
}

fn ends_of(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|v| v.is_finite())
        .fold(None, |ends, v| Some(ends.map_or((v, v), |(l, h): (f64, f64)| (l.min(v), h.max(v)))))
}

/// A place beside a value, by a fraction of the axis.
pub fn shifted(axis: &Axis, value: f64, shift: f64) -> f64 {
    let [low, high] = axis.range;
    match axis.scale {
        Scale::Linear => value + shift * (high - low),
        Scale::Log => value * math::pow(high / low, shift),
    }
}

/// What one chart shows: a figure, or two that are to be compared.
pub struct Shown<'a> {
    pub name: &'a str,
    /// Of its file.
    pub file: &'static str,
    /// The figures, each with its name in the key where there are several.
    pub parts: Vec<(&'a str, &'static str)>,
}

/// A chip as it was programmed, and the same chip after it has learned in place.
const BEFORE_AND_AFTER: [(&str, &str); 2] =
    [("initial-test-accuracy", "as programmed"), ("test-accuracy", "learned in place")];

/// What gets a chart of its own. Accuracies before and after learning share one, unless there
/// are other axes to be told apart.
pub fn shown<'a>(varying: &'a [String], plan: &Plan) -> Vec<Shown<'a>> {
    let mut nodes = NODES.into_iter();
    let has = |part: &str| varying.iter().any(|name| name == part);
    let joins = plan.others.is_empty() && BEFORE_AND_AFTER.iter().all(|(part, _)| has(part));
    varying
        .iter()
        .filter(|name| !name.ends_with("samples"))
        .filter_map(|name| {
            let known = ORDER.iter().find(|known| *known == name).copied();
            // The parts of a figure, such as one a tensor, are for the tables.
            let node = || name.starts_with("v(").then(|| nodes.next()).flatten();
            let (name, file) = (name.as_str(), known.or_else(node)?);
            let parts = match BEFORE_AND_AFTER.iter().position(|(part, _)| joins && *part == name) {
                None => vec![(name, "")],
                Some(0) => return None,
                Some(_) => BEFORE_AND_AFTER.to_vec(),
            };
            Some(Shown { name, file, parts })
        })
        .collect()
}

/// The axis of a figure, over all that is drawn of it.
pub fn y_axis<'a>(name: &str, series: impl Iterator<Item = &'a Series>) -> Option<Axis> {
    let values = series.flat_map(|s| match &s.shape {
        Shape::Line(points) | Shape::Dots(points) => points.iter().map(|p| p[1]).collect(),
        Shape::Level(v) => vec![*v],
        Shape::Whiskers(points) => points.iter().flat_map(|p| [p[1], p[2]]).collect(),
        _ => Vec::new(),
    });
    let values: Vec<f64> = values.collect();
    let (low, high) = ends_of(values.iter().copied())?;
    let unit = match unit(name) {
        "s" => Unit::Si("s"),
        "V" => Unit::Si("V"),
        _ if groups::is_percent(name) => Unit::Word("%"),
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

/// What is drawn of a figure, and what its bars are.
pub fn caption(name: &str, plan: &Plan, groups: &[Group], intervals: &[Interval]) -> String {
    let mut words = match name {
        "settling-time" => "The largest settling time over the samples. ".to_string(),
        "settling-time-median" => "The median settling time over the samples. ".to_string(),
        _ => String::new(),
    };
    let wilson = intervals.contains(&Interval::Wilson);
    let percent = plan.percent();
    words += &match intervals.contains(&Interval::Student) {
        true => plan.words(groups),
        false if wilson => {
            format!(
                "One chip a point; the bars are the {percent} Wilson interval over its samples."
            )
        }
        false => "One chip a point, without an interval.".to_string(),
    };
    if intervals.contains(&Interval::Student) {
        words += &match wilson {
            true => format!(
                " Where there is but one chip, the {percent} Wilson interval over its samples."
            ),
            false => " Single chips are the faint points beside it.".to_string(),
        };
    }
    words
}

/// `Settling time` of `settling-time`.
pub fn capital(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
