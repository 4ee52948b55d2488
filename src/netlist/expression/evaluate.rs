use super::{Expression, Op};

impl<L> Expression<L> {
    /// Its value where its leaves have these, in the order of [`Expression::leaves`].
    pub fn value(&self, leaves: &[f64]) -> f64 {
        self.values(leaves).last().copied().unwrap_or(0.0)
    }

    /// Its value, and into `slopes` its slope in each leaf. Where it bends the slope is that of
    /// one side.
    pub fn gradient(&self, leaves: &[f64], slopes: &mut [f64]) -> f64 {
        let values = self.values(leaves);
        // How much the whole grows with each operation's value.
        let mut weight = vec![0.0; self.ops.len()];
        if let Some(last) = weight.last_mut() {
            *last = 1.0;
        }
        slopes.fill(0.0);
        for (k, op) in self.ops.iter().enumerate().rev() {
            let w = weight[k];
            // Also keeps slopes that are infinite from what does not depend on them.
            if w == 0.0 {
                continue;
            }
            match op {
                Op::Number(_) => {}
                Op::Leaf(leaf) => slopes[*leaf] += w,
                Op::Unary(f, a) => weight[*a] += w * f.at(values[*a]).1,
                Op::Binary(f, a, b) => {
                    let (_, by_a, by_b) = f.at(values[*a], values[*b]);
                    weight[*a] += w * by_a;
                    weight[*b] += w * by_b;
                }
                Op::Choose(condition, a, b) => {
                    weight[if values[*condition] != 0.0 { *a } else { *b }] += w;
                }
                Op::Table(a, points) => weight[*a] += w * line(points, values[*a]).1,
            }
        }
        values.last().copied().unwrap_or(0.0)
    }

    fn values(&self, leaves: &[f64]) -> Vec<f64> {
        let mut values: Vec<f64> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            values.push(match op {
                Op::Number(value) => *value,
                Op::Leaf(leaf) => leaves[*leaf],
                Op::Unary(f, a) => f.at(values[*a]).0,
                Op::Binary(f, a, b) => f.at(values[*a], values[*b]).0,
                Op::Choose(condition, a, b) => {
                    values[if values[*condition] != 0.0 { *a } else { *b }]
                }
                Op::Table(a, points) => line(points, values[*a]).0,
            });
        }
        values
    }
}

/// Value and slope of straight lines between points.
fn line(points: &[(f64, f64)], x: f64) -> (f64, f64) {
    let after = points.partition_point(|(at, _)| *at <= x);
    match (after.checked_sub(1).and_then(|k| points.get(k)), points.get(after)) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => {
            let slope = (y1 - y0) / (x1 - x0);
            // From the nearer end, which the far one cannot spoil.
            let value =
                if x - x0 <= x1 - x { y0 + slope * (x - x0) } else { y1 - slope * (x1 - x) };
            (value, slope)
        }
        (Some(&(_, y)), None) | (None, Some(&(_, y))) => (y, 0.0),
        (None, None) => (0.0, 0.0),
    }
}
