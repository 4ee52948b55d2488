//! Fewer points than a curve has, without losing what one would see.

use crate::report::figure::Axis;

/// Columns of a picture: finer than its pixels.
const COLUMNS: f64 = 1600.0;

/// The points of a curve that are on the axis, or next to it, broken where the axis turns back, as
/// a second sweep does, unless it `turns` by its nature. Of neighbours in one column of the picture
/// the first, the least, the largest and the last stay.
pub fn points(xs: &[f64], values: &[f64], axis: &Axis, turns: bool) -> Vec<[f64; 2]> {
    let place = |x: f64| axis.place(x);
    let upward = xs.windows(2).map(|x| x[1] - x[0]).find(|step| *step != 0.0).unwrap_or(1.0) > 0.0;
    let mut kept: Vec<[f64; 2]> = Vec::new();
    let mut bucket = Bucket::default();
    for (i, (&x, &y)) in xs.iter().zip(values).enumerate() {
        let before = i.checked_sub(1).map(|i| xs[i]);
        if !turns && before.is_some_and(|before| x != before && (x > before) != upward) {
            bucket.empty(&mut kept);
            kept.push([x, f64::NAN]);
        }
        if !y.is_finite() || !x.is_finite() {
            bucket.empty(&mut kept);
            kept.push([x, f64::NAN]);
            continue;
        }
        // Neighbours beyond the axis lead the line to its end.
        let beside = [before, xs.get(i + 1).copied()].into_iter().flatten();
        let near = std::iter::once(x).chain(beside).map(place);
        let (low, high) = near.fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(p), h.max(p)));
        if high < 0.0 || low > 1.0 {
            continue;
        }
        let column = (place(x) * COLUMNS).floor();
        if column != bucket.column {
            bucket.empty(&mut kept);
            bucket.column = column;
        }
        bucket.points.push([x, y]);
    }
    bucket.empty(&mut kept);
    kept
}

#[derive(Default)]
struct Bucket {
    column: f64,
    points: Vec<[f64; 2]>,
}

impl Bucket {
    /// Hands over what is worth keeping, in order.
    fn empty(&mut self, kept: &mut Vec<[f64; 2]>) {
        let points = &self.points;
        if points.len() <= 4 {
            kept.append(&mut self.points);
            return;
        }
        let at = |better: fn(f64, f64) -> bool| {
            (1..points.len())
                .fold(0, |best, i| if better(points[i][1], points[best][1]) { i } else { best })
        };
        let mut chosen = [0, at(|a, b| a < b), at(|a, b| a > b), points.len() - 1];
        chosen.sort_unstable();
        let mut before = None;
        for i in chosen {
            if before != Some(i) {
                kept.push(points[i]);
            }
            before = Some(i);
        }
        self.points.clear();
    }
}
