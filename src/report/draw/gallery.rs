//! Samples side by side.

use plotters::prelude::*;

use super::canvas::{Anchor, BLACK_INK, Canvas, GRID_INK, Point, QUIET_INK, Stroke, page, stroke};
use crate::report::figure::{Exhibit, Gallery, Role, minus};

const COLUMNS: usize = 3;
const CELL: [f64; 2] = [238.0, 140.0];
const PICTURE: f64 = 84.0;
const MARGIN: f64 = 12.0;
const HEAD: f64 = 34.0;
const FOOT: f64 = 26.0;

pub fn draw(title: &str, gallery: &Gallery) -> String {
    let columns = gallery.exhibits.len().min(COLUMNS);
    let rows = gallery.exhibits.len().div_ceil(COLUMNS);
    let width = 2.0 * MARGIN + CELL[0] * columns.max(2) as f64;
    let height = HEAD + CELL[1] * rows as f64 + FOOT;
    page(width, height, |canvas| {
        canvas.text(title, [MARGIN, 18.0], 15.0, Anchor::Left, BLACK_INK);
        for (i, exhibit) in gallery.exhibits.iter().enumerate() {
            let corner =
                [MARGIN + CELL[0] * (i % COLUMNS) as f64, HEAD + CELL[1] * (i / COLUMNS) as f64];
            draw_exhibit(canvas, gallery, exhibit, corner);
        }
        let foot = format!("{}; dark: prediction, ring: label", gallery.axis);
        canvas.text(&foot, [MARGIN, height - FOOT / 2.0], 11.0, Anchor::Left, QUIET_INK);
    })
}

fn draw_exhibit(canvas: &Canvas, gallery: &Gallery, exhibit: &Exhibit, [left, top]: Point) {
    let (text, wrong) = verdict(exhibit);
    let color = if wrong { stroke(Role::Contrast).color } else { BLACK_INK };
    canvas.text(&text, [left, top + 9.0], 11.0, Anchor::Left, color);
    let top = top + 25.0;
    picture(canvas, gallery.ink, &exhibit.picture, [left, top]);
    bars(canvas, gallery, exhibit, [left + PICTURE + 30.0, top]);
}

/// What to say above a sample, and whether it is bad news.
fn verdict(exhibit: &Exhibit) -> (String, bool) {
    let mut text = format!("sample {}", exhibit.sample);
    match (exhibit.prediction, exhibit.label) {
        (Some(p), Some(l)) if p == l => text += &format!(": {p}"),
        (Some(p), Some(l)) => text += &format!(": {p}, wrong, is {l}"),
        (Some(p), None) => text += &format!(": {p}"),
        _ => {}
    }
    if let Some(trouble) = &exhibit.trouble {
        text += &format!(", {trouble}");
    }
    let wrong = exhibit.label.is_some() && exhibit.prediction != exhibit.label;
    (text, wrong || exhibit.trouble.is_some())
}

/// The input in grey, black the most; runs of equal pixels are one rectangle.
fn picture(canvas: &Canvas, ink: [f64; 2], rows: &[Vec<f64>], [left, top]: Point) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1);
    let width = PICTURE / columns as f64;
    let height = if rows.len() == 1 { 16.0 } else { width.min(PICTURE / rows.len() as f64) };
    let grey = |v: f64| {
        let share = (v - ink[0]) / (ink[1] - ink[0]);
        if share.is_finite() { 255 - (share.clamp(0.0, 1.0) * 235.0).round() as u8 } else { 255 }
    };
    for (i, row) in rows.iter().enumerate() {
        let y = top + height * i as f64;
        let mut start = 0;
        for run in row.chunk_by(|a, b| grey(*a) == grey(*b)) {
            let level = grey(run[0]);
            let end = start + run.len();
            if level < 255 {
                canvas.rectangle(
                    [left + width * start as f64, y],
                    [left + width * end as f64, y + height],
                    RGBColor(level, level, level).filled(),
                );
            }
            start = end;
        }
    }
    let corner = [left + width * columns as f64, top + height * rows.len() as f64];
    canvas.rectangle([left, top], corner, QUIET_INK.stroke_width(1));
}

fn bars(canvas: &Canvas, gallery: &Gallery, exhibit: &Exhibit, [left, top]: Point) {
    let (width, height) = (CELL[0] - PICTURE - 30.0 - 14.0, PICTURE);
    let [low, mut high] = gallery.outputs;
    if high <= low {
        high = low + 1.0;
    }
    let y = |v: f64| top + height * (high - v) / (high - low);
    for v in [low, 0.0, high] {
        let near_another = v != 0.0 && (y(v) - y(0.0)).abs() < 9.0;
        canvas.line(&[[left, y(v)], [left + width, y(v)]], Stroke::solid(GRID_INK, 0.75));
        if !near_another {
            let text = if v == 0.0 { "0".into() } else { minus(&format!("{v:.1}")) };
            canvas.text(&text, [left - 4.0, y(v)], 9.0, Anchor::Right, QUIET_INK);
        }
    }
    let step = width / exhibit.outputs.len().max(1) as f64;
    let digits = exhibit.outputs.len().saturating_sub(1).to_string().len();
    let every = (((5.5 * digits as f64 + 3.0) / step).ceil() as usize).max(1);
    for (unit, output) in exhibit.outputs.iter().enumerate() {
        let x = left + step * (unit as f64 + 0.5);
        let role = if exhibit.prediction == Some(unit) { Role::Main } else { Role::Some };
        if let Some(v) = output {
            let half = 0.36 * step;
            let (upper, lower) = (y(v.max(0.0)), y(v.min(0.0)));
            canvas.rectangle([x - half, upper], [x + half, lower], stroke(role).color.filled());
        }
        let foot = [x, top + height + 12.0];
        if exhibit.label == Some(unit) {
            canvas.ring(
                foot,
                3.0 + 3.0 * digits as f64,
                Stroke::solid(stroke(Role::Contrast).color, 1.25),
            );
        }
        let beside_label = exhibit.label.is_some_and(|label| label.abs_diff(unit) < every);
        if exhibit.label == Some(unit) || (unit % every == 0 && !beside_label) {
            canvas.text(&unit.to_string(), foot, 9.0, Anchor::Middle, BLACK_INK);
        }
    }
    canvas.line(&[[left, y(0.0)], [left + width, y(0.0)]], Stroke::solid(QUIET_INK, 1.0));
}
