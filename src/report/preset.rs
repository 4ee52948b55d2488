//! Presets of technologies drawn: what their numbers make of cells.

mod noise;

use std::path::{Path, PathBuf};

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Scale, Series, Shape, Unit};
use super::statistics::{counts, edges, quantile};
use super::{ReportError, write_figures};
use crate::compile::{program_cells, pulse_cells};
use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::spec::{NonIdeal, Preset};
use crate::units::{Dimension, Second, Siemens, format_short};
pub use noise::{Spectrum, spectrum};

/// Every way to draw a preset; `None` where it has nothing of the kind.
const FIGURES: [fn(&Preset) -> Option<Figure>; 4] =
    [programmed, aged, pulse_response, noise::figure];

/// Cells of each target.
const CELLS: usize = 2000;
/// Of the window.
const TARGETS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Of time, and moments of each.
const DECADES: usize = 6;
const MOMENTS: usize = 8;

/// Every figure of a preset.
pub fn figures(preset: &Preset) -> Vec<Figure> {
    FIGURES.iter().filter_map(|draw| draw(preset)).collect()
}

/// Draws a preset into a folder, as SVG and PNG, and returns what was written.
///
/// # Errors
/// When the folder cannot be made or written.
pub fn draw(preset: &Preset, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    std::fs::create_dir_all(dir)
        .map_err(|source| ReportError::Write { path: dir.to_path_buf(), source })?;
    write_figures(&figures(preset), dir)
}

fn targets(preset: &Preset) -> [Siemens; 5] {
    let [low, high] = preset.window;
    TARGETS.map(|share| low + share * (high - low))
}

/// Cells aimed at one target and read at an age; of the same seed, the same cells.
fn cells(preset: &Preset, target: Siemens, age: Second) -> Vec<Siemens> {
    let mut nonideal: NonIdeal = preset.nonideal.clone();
    nonideal.time.age = age;
    let seed = Seed::new(1).child("preset").child(&preset.name);
    let seed = seed.child(&format_short(target, Dimension::Siemens));
    program_cells(&[target; CELLS], preset.window, &nonideal, seed).g
}

fn named(target: Siemens) -> String {
    format_short(target, Dimension::Siemens)
}

fn title(preset: &Preset) -> &str {
    preset.name.trim_start_matches("preset/")
}

fn programmed(preset: &Preset) -> Option<Figure> {
    let age = preset.nonideal.time.age;
    let sets: Vec<(Siemens, Vec<Siemens>)> =
        targets(preset).into_iter().map(|g| (g, cells(preset, g, age))).collect();
    let all: Vec<&[f64]> = sets.iter().map(|(_, cells)| cells.as_slice()).collect();
    let edges = edges(&all, 60)?;
    let heights: Vec<Vec<f64>> = all.iter().map(|set| counts(set, &edges)).collect();
    let top = heights.iter().flatten().copied().fold(1.0, f64::max);
    let series = sets.iter().zip(&heights).enumerate().map(|(n, ((target, _), counts))| Series {
        shape: Shape::Bars { edges: edges.clone(), counts: counts.clone() },
        role: Role::Nth(n),
        label: Label::Key(named(*target)),
    });
    let read = match age > 0.0 {
        true => format!("read {} later", format_short(age, Dimension::Second)),
        false => "read at once".to_string(),
    };
    let margin = 0.02 * (edges[60] - edges[0]);
    Some(Figure {
        name: "programmed",
        title: format!("{}: conductance after programming", title(preset)),
        caption: format!("{CELLS} cells aimed at each of five conductances, {read}."),
        body: Body::Chart(Chart {
            x: Axis::linear("conductance", Unit::Si("S"), [edges[0] - margin, edges[60] + margin]),
            y: Axis {
                label: "cells".into(),
                unit: Unit::Word("count"),
                scale: Scale::Log,
                range: [0.6, 1.6 * top],
                names: Vec::new(),
            },
            series: series.collect(),
        }),
    })
}

/// Drawn for every preset: that nothing moves is worth seeing too.
fn aged(preset: &Preset) -> Option<Figure> {
    let decades = 0..=DECADES * MOMENTS;
    let ages: Vec<Second> = decades.map(|k| math::pow(10.0, k as f64 / MOMENTS as f64)).collect();
    let mut series = Vec::new();
    let mut top = preset.window[1];
    for (n, target) in targets(preset).into_iter().enumerate().skip(1) {
        let (mut middle, mut spread) = (Vec::new(), Vec::new());
        for &age in &ages {
            let mut cells = cells(preset, target, age);
            cells.sort_by(f64::total_cmp);
            let [low, median, high] = [0.1, 0.5, 0.9].map(|q| quantile(&cells, q));
            middle.push([age, median]);
            spread.push([age, low, high]);
            top = top.max(high);
        }
        let (role, label) = (Role::Nth(n - 1), Label::End(named(target)));
        series.push(Series { shape: Shape::Band(spread), role, label: Label::None });
        series.push(Series { shape: Shape::Line(middle), role, label });
    }
    Some(Figure {
        name: "aged",
        title: format!("{}: conductance over time", title(preset)),
        caption: format!(
            "The median of {CELLS} cells aimed at each of four conductances, and between which \
             the middle eight of ten lie, against the time from writing to reading."
        ),
        body: Body::Chart(Chart {
            x: Axis::log("time since writing", Unit::Word("s"), [ages[0], ages[ages.len() - 1]]),
            y: Axis::linear("conductance", Unit::Si("S"), [0.0, 1.05 * top]),
            series,
        }),
    })
}

/// Cells that are pulsed, and moments of their way that are drawn, each way.
const PULSED: usize = 400;
const DRAWN: usize = 80;

/// Up from the lower end of the window and down again, in twice as many pulses as mean steps of the
/// first would take.
fn pulse_response(preset: &Preset) -> Option<Figure> {
    let update = preset.nonideal.update.as_ref()?;
    let [low, high] = preset.window;
    let each = (2.0 * (high - low) / update.step / DRAWN as f64).ceil().max(1.0) as usize;
    let ways = [each; DRAWN].map(|n| n as i64).into_iter();
    let ways: Vec<i64> = ways.chain([-(each as i64); DRAWN]).collect();
    let seed = Seed::new(1).child("preset").child(&preset.name).child("pulses");
    let moments = pulse_cells(&[low; PULSED], preset.window, &preset.nonideal, &ways, seed);
    let (mut mean, mut spread, mut single) = (Vec::new(), Vec::new(), Vec::new());
    let mut top = high;
    for (moment, mut cells) in std::iter::once(vec![low; PULSED]).chain(moments).enumerate() {
        let pulses = (moment * each) as f64;
        single.push([pulses, cells[0]]);
        cells.sort_by(f64::total_cmp);
        let [lower, upper] = [0.1, 0.9].map(|q| quantile(&cells, q));
        mean.push([pulses, cells.iter().sum::<f64>() / PULSED as f64]);
        spread.push([pulses, lower, upper]);
        top = top.max(upper);
    }
    let line = |points, n, name: &str| Series {
        shape: Shape::Line(points),
        role: Role::Nth(n),
        label: Label::Key(name.to_string()),
    };
    let band = Series { shape: Shape::Band(spread), role: Role::Nth(0), label: Label::None };
    Some(Figure {
        name: "pulse-response",
        title: format!("{}: conductance over pulses", title(preset)),
        caption: format!(
            "The mean of {PULSED} cells by {} pulses up and as many down, between which the middle \
             eight of ten lie, and one of the cells.",
            each * DRAWN
        ),
        body: Body::Chart(Chart {
            x: Axis::linear("pulses", Unit::Word("count"), [0.0, (2 * each * DRAWN) as f64]),
            y: Axis::linear("conductance", Unit::Si("S"), [0.0, 1.05 * top]),
            series: vec![band, line(mean, 0, "mean"), line(single, 1, "one cell")],
        }),
    })
}
