//! Figures of a sweep that is no grid: a panel an axis.

use std::collections::BTreeSet;

use super::Records;
use super::groups::{self, Group, Interval, Plan};
use super::ruler::{self, ASIDE, Ruler, Shown, capital, shifted, y_axis};
use crate::report::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape};
use crate::run::sweep_record::AxisRecord;
use crate::spec::Design;

/// Most panels of a figure.
const PANELS: usize = 16;
/// How far apart series stand sideways, as a fraction of the axis.
const APART: f64 = 0.02;

pub fn figures(records: &Records, plan: &Plan) -> Vec<Figure> {
    let groups = plan.groups(records);
    let (varying, _) = groups::figures(&records.points);
    let shown = ruler::shown(&varying, plan);
    shown.iter().filter_map(|shown| panels(records, plan, &groups, shown)).collect()
}

/// What is shown against every axis.
fn panels(records: &Records, plan: &Plan, groups: &[Group], shown: &Shown) -> Option<Figure> {
    let Shown { name, file, parts } = shown;
    let axes = &records.sweep.axes;
    let mut intervals = Vec::new();
    let drawn: Vec<(Axis, Vec<Series>)> = axes
        .iter()
        .take(PANELS)
        .enumerate()
        .map(|(i, axis)| {
            let (x, mut series) = against(plan, groups, axis, parts, &mut intervals);
            if i > 0 {
                // The key of the first panel is that of all.
                series.iter_mut().for_each(|series| series.label = Label::None);
            }
            (x, series)
        })
        .collect();
    let y = y_axis(name, drawn.iter().flat_map(|(_, series)| series))?;
    let left_out = match axes.len().saturating_sub(PANELS) {
        0 => String::new(),
        n => format!(" {n} more axes are only in results.csv."),
    };
    let how = match plan.design {
        Design::OneAtATime => " Each axis alone, the others as the file has them.",
        _ => " All axes vary together, so what one of them does is seen through the others.",
    };
    let charts = drawn.into_iter().map(|(x, series)| Chart { x, y: y.clone(), series });
    Some(Figure {
        name: file,
        title: format!("{} against each axis", capital(name)),
        caption: format!("{}{how}{left_out}", ruler::caption(name, plan, groups, &intervals)),
        body: Body::Panels(charts.collect()),
    })
}

/// Figures against one axis.
fn against(
    plan: &Plan,
    groups: &[Group],
    axis: &AxisRecord,
    parts: &[(&str, &str)],
    intervals: &mut Vec<Interval>,
) -> (Axis, Vec<Series>) {
    let words: BTreeSet<&str> = groups.iter().filter_map(|group| group.setting(axis)).collect();
    let drawn: Vec<&str> = match axis.range {
        Some(_) => words.into_iter().collect(),
        None => Vec::new(),
    };
    let ruler = Ruler::new(axis, &drawn);
    let each = parts.iter().enumerate();
    let series = each.flat_map(|(n, part)| {
        let shift = APART * (n as f64 - 0.5 * (parts.len() as f64 - 1.0));
        let points = points(groups, axis, part.0, (&ruler, shift), intervals);
        series(plan, groups, &ruler, ([n, parts.len()], *part), points)
    });
    let series = series.collect();
    (ruler.axis, series)
}

/// Means, intervals and single chips.
type Points = (Vec<[f64; 2]>, Vec<[f64; 3]>, Vec<[f64; 2]>);

/// A figure of the groups that set the axis, so far aside.
fn points(
    groups: &[Group],
    axis: &AxisRecord,
    name: &str,
    (ruler, shift): (&Ruler, f64),
    intervals: &mut Vec<Interval>,
) -> Points {
    let factor = if groups::is_percent(name) { 100.0 } else { 1.0 };
    let (mut means, mut bars, mut dots) = (Vec::new(), Vec::new(), Vec::new());
    for group in groups {
        let place = group.setting(axis).and_then(|word| ruler.at(word));
        let (Some(at), Some(estimate)) = (place, group.estimate(name)) else { continue };
        let x = shifted(&ruler.axis, at, shift);
        means.push([x, factor * estimate.mean]);
        if estimate.interval != Interval::None {
            bars.push([x, factor * estimate.range[0], factor * estimate.range[1]]);
            intervals.push(estimate.interval);
        }
        let values = group.values(name);
        if values.len() > 1 {
            let x = shifted(&ruler.axis, x, ASIDE);
            dots.extend(values.into_iter().map(|v| [x, factor * v]));
        }
    }
    means.sort_by(|a, b| a[0].total_cmp(&b[0]));
    (means, bars, dots)
}

/// How the `n`-th of so many figures is drawn.
fn series(
    plan: &Plan,
    groups: &[Group],
    ruler: &Ruler,
    ([n, of], (name, part)): ([usize; 2], (&str, &str)),
    (means, bars, dots): Points,
) -> Vec<Series> {
    let factor = if groups::is_percent(name) { 100.0 } else { 1.0 };
    let key = |text: &str| Label::Key(text.to_string());
    let once = |text: &str| if n == 0 { key(text) } else { Label::None };
    let one_by_one = plan.design == Design::OneAtATime;
    let follows = one_by_one && ruler.axis.names.is_empty();
    let own = groups.iter().find(|group| one_by_one && group.place == [0]);
    let level = own.and_then(|group| group.estimate(name)).map(|own| factor * own.mean);
    let role = if of == 1 { Role::Main } else { Role::Nth(n) };
    let mean = match (of, dots.is_empty()) {
        (1, true) => "one point",
        (1, false) => "mean",
        _ => part,
    };
    let mut series = Vec::new();
    let mut put = |shape, role, label| series.push(Series { shape, role, label });
    if let Some(level) = level {
        put(Shape::Level(level), Role::Limit, once("the file as it is"));
    }
    if !dots.is_empty() {
        put(Shape::Dots(dots), Role::Many, once("one chip"));
    }
    if !bars.is_empty() {
        put(Shape::Whiskers(bars), role, once(&format!("{} interval", plan.percent())));
    }
    if follows {
        put(Shape::Line(means.clone()), role, Label::None);
    }
    put(Shape::Dots(means), role, key(mean));
    series
}
