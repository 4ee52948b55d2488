//! Series over a pair of axes.

use plotters::prelude::*;

use super::canvas::{
    AREA_OPACITY, Anchor, BLACK_INK, Canvas, GRID_INK, Point, QUIET_INK, Stroke, page, stroke,
    text_width,
};
use crate::report::figure::{Chart, Label, Role, Series, Shape};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// Above the first chart.
const HEAD: f64 = 40.0;
/// Height of one of several charts, and what lies between them.
const PANEL: f64 = 215.0;
const BETWEEN: f64 = 36.0;
/// The same where each has an axis of its own.
const BETWEEN_NAMED: f64 = 58.0;
const LEFT: f64 = 68.0;
const BOTTOM: f64 = 48.0;
const TITLE: f64 = 15.0;
const TEXT: f64 = 12.0;
const SMALL: f64 = 11.0;
/// Height of a row of the key.
const ROW: f64 = 18.0;
const SWATCH: f64 = 26.0;

/// The plot's place on the page.
struct Frame<'c> {
    chart: &'c Chart,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame<'_> {
    fn x(&self, v: f64) -> f64 {
        self.left + self.chart.x.place(v) * (self.right - self.left)
    }

    fn y(&self, v: f64) -> f64 {
        self.bottom - self.chart.y.place(v) * (self.bottom - self.top)
    }

    fn at(&self, [x, y]: Point) -> Point {
        [self.x(x), self.y(y)]
    }
}

/// Charts below one another, over axes of one width.
pub fn draw(title: &str, charts: &[Chart]) -> String {
    let widest = |texts: &mut dyn Iterator<Item = f64>, least| texts.fold(least, f64::max);
    let series = || charts.iter().flat_map(|c| &c.series);
    let ends = series().filter_map(|s| match &s.label {
        Label::End(text) => Some(text_width(text, SMALL) + 22.0),
        _ => None,
    });
    let ticks = charts.iter().flat_map(|c| c.y.ticks());
    let left = widest(&mut ticks.map(|(_, text)| text_width(&text, SMALL) + 32.0), LEFT);
    let right = WIDTH - widest(&mut { ends }, 18.0);
    let body = if charts.len() > 1 { PANEL } else { HEIGHT - HEAD - BOTTOM };
    // An axis that all share is named below the last chart alone.
    let shared = charts.windows(2).all(|pair| pair[0].x.label == pair[1].x.label);
    let between = if shared { BETWEEN } else { BETWEEN_NAMED };
    let step = body + between;
    let height = HEAD + step * charts.len() as f64 - between + BOTTOM;
    page(WIDTH, height, |canvas| {
        canvas.text(title, [LEFT, 18.0], TITLE, Anchor::Left, BLACK_INK);
        for (i, chart) in charts.iter().enumerate() {
            let head = HEAD + step * i as f64;
            let rows = key_rows(chart);
            let top = head + ROW * rows.len() as f64;
            let frame = Frame { chart, left, right, top, bottom: head + body };
            key(canvas, &rows, head);
            axes(canvas, &frame, !shared || i + 1 == charts.len());
            for series in &chart.series {
                draw_series(canvas, &frame, series);
            }
            end_labels(canvas, &frame);
        }
    })
}

/// The keyed series in rows that fit the page, each with its place from the left.
fn key_rows(chart: &Chart) -> Vec<Vec<(f64, &Series, &str)>> {
    let mut rows: Vec<Vec<(f64, &Series, &str)>> = Vec::new();
    let mut x = f64::INFINITY;
    for series in &chart.series {
        let Label::Key(text) = &series.label else { continue };
        let width = SWATCH + 6.0 + text_width(text, SMALL) + 18.0;
        if x + width > WIDTH {
            rows.push(Vec::new());
            x = LEFT;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, series, text));
        }
        x += width;
    }
    rows
}

fn key(canvas: &Canvas, rows: &[Vec<(f64, &Series, &str)>], top: f64) {
    for (i, row) in rows.iter().enumerate() {
        let y = top + ROW * i as f64;
        for (x, series, text) in row {
            let ink = stroke(series.role);
            let (low, high) = ([*x, y + 5.0], [x + SWATCH, y - 5.0]);
            match series.shape {
                Shape::Dots(_) => {
                    canvas.disc([x + 0.5 * SWATCH, y], dot(series.role), ink.color);
                }
                Shape::Whiskers(_) => whisker(canvas, x + 0.5 * SWATCH, [y + 5.0, y - 5.0], ink),
                Shape::Line(_) | Shape::Level(_) => {
                    canvas.line(&[[*x, y], [x + SWATCH, y]], ink);
                }
                Shape::Bars { .. } if series.role != Role::Spread => {
                    canvas
                        .line(&[[low[0], low[1]], [low[0], high[1]], high, [high[0], low[1]]], ink);
                }
                Shape::Band(_) | Shape::Bars { .. } => {
                    canvas.rectangle(
                        [*x, y - 5.0],
                        [x + SWATCH, y + 5.0],
                        ink.color.mix(AREA_OPACITY).filled(),
                    );
                }
            }
            canvas.text(text, [x + SWATCH + 6.0, y], SMALL, Anchor::Left, BLACK_INK);
        }
    }
}

fn axes(canvas: &Canvas, f: &Frame, named: bool) {
    let grid = Stroke::solid(GRID_INK, 0.75);
    let (x_label, _) = f.chart.x.label_and_factor();
    let (y_label, _) = f.chart.y.label_and_factor();
    for (v, text) in f.chart.x.ticks() {
        let x = f.x(v);
        canvas.line(&[[x, f.top], [x, f.bottom]], grid);
        canvas.text(&text, [x, f.bottom + 13.0], SMALL, Anchor::Middle, QUIET_INK);
    }
    for (v, text) in f.chart.y.ticks() {
        let y = f.y(v);
        canvas.line(&[[f.left, y], [f.right, y]], grid);
        canvas.text(&text, [f.left - 7.0, y], SMALL, Anchor::Right, QUIET_INK);
    }
    let axis = Stroke::solid(QUIET_INK, 1.0);
    canvas.line(&[[f.left, f.top], [f.left, f.bottom], [f.right, f.bottom]], axis);
    let middle = [(f.left + f.right) / 2.0, (f.top + f.bottom) / 2.0];
    if named {
        canvas.text(&x_label, [middle[0], f.bottom + 34.0], TEXT, Anchor::Middle, BLACK_INK);
    }
    canvas.text(&y_label, [16.0, middle[1]], TEXT, Anchor::Upwards, BLACK_INK);
}

fn draw_series(canvas: &Canvas, f: &Frame, series: &Series) {
    let ink = stroke(series.role);
    match &series.shape {
        Shape::Line(points) => {
            for piece in cut(points, f) {
                canvas.line(&piece, ink);
            }
        }
        Shape::Level(v) => {
            for piece in cut(&[[f.chart.x.range[0], *v], [f.chart.x.range[1], *v]], f) {
                canvas.line(&piece, ink);
            }
        }
        Shape::Band(points) => {
            for run in points.split(|p| !p.iter().all(|v| v.is_finite())) {
                let run = within_range(run, f.chart.x.range);
                let at = |x: f64, v: f64| [f.x(x), f.y(v).clamp(f.top, f.bottom)];
                let high = run.iter().map(|&[x, _, high]| at(x, high));
                let low = run.iter().rev().map(|&[x, low, _]| at(x, low));
                let outline: Vec<Point> = high.chain(low).collect();
                if run.len() > 1 {
                    canvas.area(&outline, ink.color);
                }
            }
        }
        Shape::Bars { edges, counts } => bars(canvas, f, series.role, edges, counts),
        Shape::Dots(points) => {
            let inside = |&[x, y]: &Point| f.chart.x.holds(x) && f.chart.y.holds(y);
            for &point in points.iter().filter(|point| inside(point)) {
                canvas.disc(f.at(point), dot(series.role), ink.color);
            }
        }
        Shape::Whiskers(points) => {
            for &[x, low, high] in points.iter().filter(|p| p.iter().all(|v| v.is_finite())) {
                let ends = [low, high].map(|v| f.y(v).clamp(f.top, f.bottom));
                whisker(canvas, f.x(x), ends, ink);
            }
        }
    }
}

/// The radius of a dot.
fn dot(role: Role) -> f64 {
    if role == Role::Many { 2.0 } else { 3.5 }
}

/// An error bar with its caps, never dashed.
fn whisker(canvas: &Canvas, x: f64, [low, high]: [f64; 2], ink: Stroke) {
    const CAP: f64 = 4.0;
    let ink = Stroke::solid(ink.color, 1.5);
    canvas.line(&[[x, low], [x, high]], ink);
    for y in [low, high] {
        canvas.line(&[[x - CAP, y], [x + CAP, y]], ink);
    }
}

/// The part of a band over `[start, end]`, with its height between points at both of them.
fn within_range(band: &[[f64; 3]], [start, end]: [f64; 2]) -> Vec<[f64; 3]> {
    let between = |a: [f64; 3], b: [f64; 3], x: f64| {
        let share = (x - a[0]) / (b[0] - a[0]);
        [x, a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])]
    };
    let mut kept = Vec::new();
    for (i, &point) in band.iter().enumerate() {
        if let Some(&before) = i.checked_sub(1).and_then(|i| band.get(i)) {
            let crossed = [start, end].into_iter().filter(|x| before[0] < *x && *x < point[0]);
            kept.extend(crossed.map(|x| between(before, point, x)));
        }
        if (start..=end).contains(&point[0]) {
            kept.push(point);
        }
    }
    kept
}

/// A histogram's outline over each run of bins that hold something, filled where it is a
/// background to compare with.
fn bars(canvas: &Canvas, f: &Frame, role: Role, edges: &[f64], counts: &[f64]) {
    let ink = stroke(role);
    let height = |count: f64| f.y(count).clamp(f.top, f.bottom);
    let bins: Vec<(&[f64], f64)> = edges.windows(2).zip(counts.iter().copied()).collect();
    for run in bins.split(|(_, count)| *count == 0.0).filter(|run| !run.is_empty()) {
        let mut outline = vec![[f.x(run[0].0[0]), f.bottom]];
        for (edge, count) in run {
            outline.extend([[f.x(edge[0]), height(*count)], [f.x(edge[1]), height(*count)]]);
        }
        outline.push([f.x(run[run.len() - 1].0[1]), f.bottom]);
        if role == Role::Spread {
            canvas.area(&outline, ink.color);
        }
        canvas.line(&outline, Stroke { width: ink.width.min(1.75), ..ink });
    }
}

/// The pieces of a line that lie within the axes, on the page. Numbers that are not finite break
/// it.
fn cut(points: &[Point], f: &Frame) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        if !pair.iter().flatten().all(|v| v.is_finite()) {
            continue;
        }
        let Some([from, to]) = within(f.at(pair[0]), f.at(pair[1]), f) else { continue };
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
    }
    pieces
}

/// The part of a segment within the frame (Liang and Barsky 1984).
fn within(a: Point, b: Point, f: &Frame) -> Option<[Point; 2]> {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let (mut start, mut end) = (0.0f64, 1.0f64);
    let sides =
        [(-dx, a[0] - f.left), (dx, f.right - a[0]), (-dy, a[1] - f.top), (dy, f.bottom - a[1])];
    // A hair of room, so that a line along the frame survives rounding.
    for (outward, room) in sides.map(|(outward, room)| (outward, room + 1e-6)) {
        if outward == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if outward < 0.0 {
            start = start.max(room / outward);
        } else {
            end = end.min(room / outward);
        }
    }
    let at = |t: f64| match t {
        0.0 => a,
        1.0 => b,
        t => [a[0] + t * dx, a[1] + t * dy],
    };
    (start <= end).then(|| [at(start), at(end)])
}

/// Names at the right ends of lines, pushed apart where they would overlap.
fn end_labels(canvas: &Canvas, f: &Frame) {
    let mut labels: Vec<(f64, f64, &str, Role)> = f
        .chart
        .series
        .iter()
        .filter_map(|series| {
            let (Label::End(text), Shape::Line(points)) = (&series.label, &series.shape) else {
                return None;
            };
            let [x, y] = *cut(points, f).last()?.last()?;
            Some((x, y, text.as_str(), series.role))
        })
        .collect();
    labels.sort_by(|a, b| a.1.total_cmp(&b.1));
    let wanted: Vec<f64> = labels.iter().map(|l| l.1).collect();
    let heights = spread(&wanted, 13.0_f64.min((f.bottom - f.top) / labels.len().max(1) as f64));
    for ((x, y, text, role), height) in labels.into_iter().zip(heights) {
        let ink = stroke(role);
        let leader = Stroke::solid(ink.color, 0.75);
        canvas.line(&[[x, y], [f.right + 12.0, height]], leader);
        let color = if matches!(role, Role::Some) { QUIET_INK } else { ink.color };
        canvas.text(text, [f.right + 15.0, height], SMALL, Anchor::Left, color);
    }
}

/// Heights as near the wanted ones (ascending) as a least distance allows: overlapping labels
/// form blocks, each centred on the mean of what its members want.
fn spread(wanted: &[f64], distance: f64) -> Vec<f64> {
    // Sum of `wanted - offset in the block`, and how many.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    let first = |(sum, n): (f64, usize)| sum / n as f64;
    for &w in wanted {
        let mut block = (w, 1);
        while let Some(&above) = blocks.last() {
            if first(above) + distance * above.1 as f64 <= first(block) {
                break;
            }
            blocks.pop();
            let shift = distance * (above.1 * block.1) as f64;
            block = (above.0 + block.0 - shift, above.1 + block.1);
        }
        blocks.push(block);
    }
    blocks
        .into_iter()
        .flat_map(|block| (0..block.1).map(move |i| first(block) + distance * i as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::{Axis, Unit};

    fn unit_chart() -> Chart {
        let axis = || Axis::linear("a", Unit::Word("b"), [0.0, 1.0]);
        Chart { x: axis(), y: axis(), series: Vec::new() }
    }

    #[test]
    fn lines_are_cut_where_they_leave_the_axes() {
        let chart = unit_chart();
        let f = Frame { chart: &chart, left: 0.0, right: 100.0, top: 0.0, bottom: 100.0 };
        let line = [[-1.0, 0.5], [0.5, 0.5], [0.5, 3.0], [0.7, 3.0], [0.7, 0.5], [f64::NAN, 0.5]];
        let pieces = cut(&line, &f);
        assert_eq!(pieces.len(), 2);
        let close = |a: Point, b: Point| (a[0] - b[0]).abs() < 1e-4 && (a[1] - b[1]).abs() < 1e-4;
        assert!(close(pieces[0][0], [0.0, 50.0]) && close(pieces[0][2], [50.0, 0.0]));
        assert!(close(pieces[1][0], [70.0, 0.0]) && close(pieces[1][1], [70.0, 50.0]));
    }

    #[test]
    fn bands_are_cut_where_they_leave_the_axes() {
        let band = [[0.0, 1.0, 2.0], [1.0, 3.0, 6.0], [2.0, 3.0, 8.0], [9.0, 0.0, 0.0]];
        let kept = within_range(&band, [0.5, 1.5]);
        assert_eq!(kept, [[0.5, 2.0, 4.0], [1.0, 3.0, 6.0], [1.5, 3.0, 7.0]]);
        assert_eq!(within_range(&band[..3], [0.0, 2.0]), band[..3]);
        assert_eq!(within_range(&band, [0.25, 0.75]).len(), 2);
    }

    #[test]
    fn labels_keep_their_distance_and_their_middle() {
        let heights = spread(&[10.0, 12.0, 13.0, 80.0], 10.0);
        for pair in heights.windows(2) {
            assert!(pair[1] - pair[0] >= 10.0 - 1e-9, "{heights:?}");
        }
        let mean: f64 = heights[..3].iter().sum::<f64>() / 3.0;
        assert!((mean - 35.0 / 3.0).abs() < 1e-9);
        assert_eq!(heights[3], 80.0);
    }
}
