//! Pooling of one sample, channels outermost: `[channels, height, width]`.

use super::conv::Shape;
use super::kernels::Real;

/// Windows of a picture, without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    pub input: Shape,
    /// Height and width of a window.
    pub size: usize,
    pub stride: usize,
}

impl Pool {
    /// The shape of the output; `None` if a window does not fit.
    pub fn try_output(&self) -> Option<Shape> {
        let side = |n: usize| Some(n.checked_sub(self.size)? / self.stride + 1);
        Some(Shape {
            height: side(self.input.height)?,
            width: side(self.input.width)?,
            ..self.input
        })
    }

    /// The shape of the output.
    ///
    /// # Panics
    /// If a window does not fit.
    pub fn output(&self) -> Shape {
        self.try_output().expect("the window fits the input")
    }

    /// The largest of each window, and where it is: the first of equals.
    pub fn max<T: Real>(&self, x: &[T], out: &mut [T], at: &mut [u32]) {
        if (self.size, self.stride) == (2, 2) && self.input.width.is_multiple_of(2) {
            return self.max_of_pairs(x, out, at);
        }
        self.each_window(|o, corner| {
            let mut best = corner;
            for dy in 0..self.size {
                let row = corner + dy * self.input.width;
                for place in row..row + self.size {
                    best = if x[place] > x[best] { place } else { best };
                }
            }
            out[o] = x[best];
            at[o] = best as u32;
        });
    }

    /// [`Pool::max`] of windows of 2 x 2 that do not overlap.
    fn max_of_pairs<T: Real>(&self, x: &[T], out: &mut [T], at: &mut [u32]) {
        let (width, shape) = (self.input.width, self.output());
        let rows = out.chunks_exact_mut(shape.width).zip(at.chunks_exact_mut(shape.width));
        for (row, (out, at)) in rows.enumerate() {
            let (c, oy) = (row / shape.height, row % shape.height);
            let from = (c * self.input.height + 2 * oy) * width;
            let (top, bottom) = x[from..from + 2 * width].split_at(width);
            let pairs = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
            for (ox, (([a, b], [c, d]), (out, at))) in pairs.zip(out.iter_mut().zip(at)).enumerate()
            {
                let upper = if b > a { (*b, 1) } else { (*a, 0) };
                let lower = if d > c { (*d, 1) } else { (*c, 0) };
                let (value, place) =
                    if lower.0 > upper.0 { (lower.0, lower.1 + width) } else { upper };
                *out = value;
                *at = (from + 2 * ox + place) as u32;
            }
        }
    }

    /// [`Pool::max`] of samples in lanes, `[channels, height, width, lanes]`; places are those in a
    /// sample.
    pub fn max_in_lanes<T: Real>(&self, lanes: usize, x: &[T], out: &mut [T], at: &mut [u32]) {
        let width = self.input.width;
        self.each_window(|o, corner| {
            let all = o * lanes..(o + 1) * lanes;
            let (out, at) = (&mut out[all.clone()], &mut at[all]);
            out.copy_from_slice(&x[corner * lanes..(corner + 1) * lanes]);
            at.fill(corner as u32);
            for dy in 0..self.size {
                for place in corner + dy * width..corner + dy * width + self.size {
                    let x = &x[place * lanes..(place + 1) * lanes];
                    for ((out, at), &x) in out.iter_mut().zip(&mut *at).zip(x) {
                        let larger = x > *out;
                        *out = if larger { x } else { *out };
                        *at = if larger { place as u32 } else { *at };
                    }
                }
            }
        });
    }

    /// The mean of each window.
    pub fn mean<T: Real>(&self, x: &[T], out: &mut [T]) {
        let share = T::of(1.0 / (self.size * self.size) as f64);
        self.each_window(|o, corner| {
            let rows = (0..self.size).map(|dy| corner + dy * self.input.width);
            let all = rows.flat_map(|row| &x[row..row + self.size]);
            out[o] = all.fold(T::default(), |sum, x| sum + *x) * share;
        });
    }

    /// `x <- x +` the transpose of [`Pool::mean`] of `y`.
    pub fn add_spread<T: Real>(&self, y: &[T], x: &mut [T]) {
        let share = T::of(1.0 / (self.size * self.size) as f64);
        self.each_window(|o, corner| {
            for row in (0..self.size).map(|dy| corner + dy * self.input.width) {
                for x in &mut x[row..row + self.size] {
                    *x = *x + share * y[o];
                }
            }
        });
    }

    /// Calls `visit(output, first input)` of each window.
    fn each_window(&self, mut visit: impl FnMut(usize, usize)) {
        let (Shape { channels, height, width }, out) = (self.input, self.output());
        let mut o = 0;
        for c in 0..channels {
            for oy in 0..out.height {
                for ox in 0..out.width {
                    visit(o, (c * height + oy * self.stride) * width + ox * self.stride);
                    o += 1;
                }
            }
        }
    }
}

/// `x <- x +` the numbers `y` at the places `at`: the transpose of taking them.
pub fn add_at<T: Real>(y: &[T], at: &[u32], x: &mut [T]) {
    for (y, at) in y.iter().zip(at) {
        let x = &mut x[*at as usize];
        *x = *x + *y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::dot;

    fn numbers(n: usize, salt: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7919 + salt * 104_729) % 1000) as f64 / 500.0 - 1.0).collect()
    }

    #[test]
    fn windows_keep_their_largest_and_their_mean() {
        for (size, stride) in [(2, 2), (3, 2), (2, 1), (3, 3)] {
            let pool = Pool { input: Shape::new(2, 6, 8), size, stride };
            let (x, out) = (numbers(pool.input.size(), 4), pool.output());
            let (mut top, mut at) = (vec![0.0; out.size()], vec![0; out.size()]);
            pool.max(&x, &mut top, &mut at);
            let mut mean = vec![0.0; out.size()];
            pool.mean(&x, &mut mean);
            for o in 0..out.size() {
                let (c, oy, ox) = (o / out.pixels(), o % out.pixels() / out.width, o % out.width);
                let window: Vec<f64> = (0..size * size)
                    .map(|k| x[(c * 6 + oy * stride + k / size) * 8 + ox * stride + k % size])
                    .collect();
                let largest = window.iter().copied().fold(f64::MIN, f64::max);
                assert_eq!((top[o], x[at[o] as usize]), (largest, largest), "{pool:?}");
                let expected = window.iter().sum::<f64>() / window.len() as f64;
                assert!((mean[o] - expected).abs() < 1e-12, "{pool:?}");
            }
            let y = numbers(out.size(), 5);
            let mut back = vec![0.0; x.len()];
            pool.add_spread(&y, &mut back);
            assert!((dot(&back, &x) - dot(&mean, &y)).abs() < 1e-10, "{pool:?}");
            let mut back = vec![0.0; x.len()];
            add_at(&y, &at, &mut back);
            assert!((dot(&back, &x) - dot(&top, &y)).abs() < 1e-10, "{pool:?}");
        }
    }
}
