//! Convolutions of one sample, channels outermost: `[channels, height, width]`.
//!
//! A convolution is a dense product with the patches of its input, so that the product's speed is
//! the convolution's.

use std::fmt;
use std::ops::Range;

use super::gemm::{Into, Part, PartMut};
use super::kernels::Real;
pub use super::pool::{Pool, add_at};

/// The shape of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    pub fn new(channels: usize, height: usize, width: usize) -> Shape {
        Shape { channels, height, width }
    }

    /// A row of numbers.
    pub fn flat(size: usize) -> Shape {
        Shape::new(size, 1, 1)
    }

    /// Numbers in it.
    pub fn size(&self) -> usize {
        self.channels * self.pixels()
    }

    /// Numbers of one channel.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    pub fn is_flat(&self) -> bool {
        self.pixels() == 1
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.is_flat() {
            true => write!(f, "{}", self.channels),
            false => write!(f, "{} x {} x {}", self.channels, self.height, self.width),
        }
    }
}

/// A convolution (a cross-correlation, as the field has it): `y[o] = sum_i w[o, i] * x[i]` with
/// zeros around the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    pub input: Shape,
    /// Of the output.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Conv {
    /// The shape of the output; `None` if the kernel does not fit the padded input.
    pub fn try_output(&self) -> Option<Shape> {
        let side =
            |n: usize| Some((n + 2 * self.padding).checked_sub(self.kernel)? / self.stride + 1);
        Some(Shape::new(self.channels, side(self.input.height)?, side(self.input.width)?))
    }

    /// The shape of the output.
    ///
    /// # Panics
    /// If the kernel does not fit the padded input.
    pub fn output(&self) -> Shape {
        self.try_output().expect("the kernel fits the input")
    }

    /// Inputs of an output: `input channels x kernel x kernel`.
    pub fn fan_in(&self) -> usize {
        self.input.channels * self.kernel * self.kernel
    }

    /// Numbers in the weight `[output channels, input channels, kernel, kernel]`.
    pub fn weights(&self) -> usize {
        self.channels * self.fan_in()
    }

    /// Whether the input itself is its patches.
    fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0
    }

    /// The convolution as a matrix `[outputs, inputs]`, each position with weights of its own.
    pub fn unrolled<T: Real>(&self, weight: &[T]) -> Vec<T> {
        let mut dense = vec![T::default(); self.output().size() * self.input.size()];
        self.each_product(|place, w| dense[place] = weight[w]);
        dense
    }

    /// The transpose of [`Conv::unrolled`]: what each weight has at all positions, summed.
    pub fn folded<T: Real>(&self, dense: &[T]) -> Vec<T> {
        let mut weight = vec![T::default(); self.weights()];
        self.each_product(|place, w| weight[w] = weight[w] + dense[place]);
        weight
    }

    /// Calls `visit(place in the matrix, weight)` of every product.
    fn each_product(&self, mut visit: impl FnMut(usize, usize)) {
        let (pixels, inputs) = (self.output().pixels(), self.input.size());
        let rows = 0..self.output().height;
        self.lanes(1).each_tap(&rows, |patches, from| {
            for (patch, input) in patches.zip(from.step_by(self.stride)) {
                let (tap, pixel) = (patch / pixels, patch % pixels);
                for o in 0..self.channels {
                    visit((o * pixels + pixel) * inputs + input, o * self.fan_in() + tap);
                }
            }
        });
    }

    /// Several samples side by side, `[channels, height, width, lanes]`; of one lane it is a sample
    /// as it is.
    pub fn lanes(&self, lanes: usize) -> ConvLanes {
        ConvLanes { conv: *self, lanes }
    }
}

/// A convolution of samples in lanes.
#[derive(Debug, Clone, Copy)]
pub struct ConvLanes {
    conv: Conv,
    lanes: usize,
}

/// Numbers of patches that are made at a time, so that they are still in the cache for the product.
const PATCHES: usize = 1 << 16;

impl ConvLanes {
    /// `out <- w * x`; `work` is kept from call to call.
    pub fn forward<T: Real>(&self, weight: &[T], x: &[T], out: &mut [T], work: &mut Vec<T>) {
        let (cols, fan_in) = (self.cols(), self.conv.fan_in());
        for rows in self.bands() {
            let range = self.range(&rows);
            let patches = self.patches(x, &rows, work);
            let to = PartMut { data: out, cols, range: range.clone() };
            let patches = Part::whole(patches, range.len());
            T::product(to, Part::whole(weight, fan_in), patches, Into::Replace);
        }
    }

    /// `x <- x + w^T * y`: the transpose of [`ConvLanes::forward`].
    pub fn add_transposed<T: Real>(&self, weight: &[T], y: &[T], x: &mut [T], work: &mut Vec<T>) {
        let (cols, fan_in) = (self.cols(), self.conv.fan_in());
        let weight = Part::whole(weight, fan_in).transposed();
        if self.conv.is_pointwise() {
            let to = PartMut { data: x, cols, range: 0..cols };
            return T::product(to, weight, Part::whole(y, cols), Into::Add);
        }
        for rows in self.bands() {
            let range = self.range(&rows);
            work.resize(fan_in * range.len(), T::default());
            let to = PartMut { data: work, cols: range.len(), range: 0..range.len() };
            T::product(to, weight, Part::columns(y, cols, range), Into::Replace);
            match self.conv.stride {
                1 => self.each_tap(&rows, |from, to| add(&mut x[to], &work[from])),
                stride => self.each_tap(&rows, |from, to| {
                    let lanes = self.lanes;
                    let pixels = x[to].chunks_mut(lanes).step_by(stride);
                    pixels.zip(work[from].chunks(lanes)).for_each(|(x, w)| add(x, w));
                }),
            }
        }
    }

    /// `grad <- grad + sum_pixels y x^T`, over all lanes: how `y . (w * x)` changes with `w`.
    pub fn add_gradient<T: Real>(&self, y: &[T], x: &[T], grad: &mut [T], work: &mut Vec<T>) {
        let (cols, fan_in) = (self.cols(), self.conv.fan_in());
        for rows in self.bands() {
            let range = self.range(&rows);
            let patches = Part::whole(self.patches(x, &rows, work), range.len()).transposed();
            let to = PartMut { data: &mut *grad, cols: fan_in, range: 0..fan_in };
            T::product(to, Part::columns(y, cols, range), patches, Into::Add);
        }
    }

    /// Numbers of a channel of the output.
    fn cols(&self) -> usize {
        self.conv.output().pixels() * self.lanes
    }

    /// Rows of the output that are made together.
    fn bands(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let out = self.conv.output();
        let row = self.conv.fan_in() * out.width * self.lanes;
        let most = match self.conv.is_pointwise() {
            true => out.height,
            false => (PATCHES / row).clamp(1, out.height),
        };
        (0..out.height).step_by(most).map(move |first| first..(first + most).min(out.height))
    }

    /// Where rows of the output are in a channel of it.
    fn range(&self, rows: &Range<usize>) -> Range<usize> {
        let row = self.conv.output().width * self.lanes;
        rows.start * row..rows.end * row
    }

    /// `[fan in, numbers of a channel in these rows]`
    fn patches<'a, T: Real>(
        &self,
        x: &'a [T],
        rows: &Range<usize>,
        work: &'a mut Vec<T>,
    ) -> &'a [T] {
        if self.conv.is_pointwise() {
            return x;
        }
        work.clear();
        work.resize(self.conv.fan_in() * self.range(rows).len(), T::default());
        match self.conv.stride {
            1 => self.each_tap(rows, |to, from| work[to].copy_from_slice(&x[from])),
            stride => self.each_tap(rows, |to, from| {
                let pixels = work[to].chunks_mut(self.lanes);
                let from = x[from].chunks(self.lanes).step_by(stride);
                pixels.zip(from).for_each(|(w, x)| w.copy_from_slice(x));
            }),
        }
        work
    }

    /// Calls `visit(patches, input)` with the places of each row of each tap that lies inside the
    /// input; pixels of the input are `stride` apart.
    fn each_tap(&self, rows: &Range<usize>, mut visit: impl FnMut(Range<usize>, Range<usize>)) {
        let lanes = self.lanes;
        let (Shape { channels, height, width }, out) = (self.conv.input, self.conv.output());
        let Conv { kernel, stride, padding, .. } = self.conv;
        let mut tap = 0;
        for c in 0..channels {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    // Columns whose tap is inside: 0 <= ox stride + kx - padding < width.
                    let first = padding.saturating_sub(kx).div_ceil(stride);
                    let last = (width + padding).saturating_sub(kx).div_ceil(stride).min(out.width);
                    for oy in rows.clone() {
                        let y = oy * stride + ky;
                        if first >= last || y < padding || y - padding >= height {
                            continue;
                        }
                        let to = (tap * rows.len() + oy - rows.start) * out.width;
                        let from =
                            (c * height + y - padding) * width + first * stride + kx - padding;
                        let end = from + (last - first - 1) * stride + 1;
                        visit((to + first) * lanes..(to + last) * lanes, from * lanes..end * lanes);
                    }
                    tap += 1;
                }
            }
        }
    }
}

/// `x <- x + w`
fn add<T: Real>(x: &mut [T], w: &[T]) {
    for (x, w) in x.iter_mut().zip(w) {
        *x = *x + *w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::dot;

    fn numbers(n: usize, salt: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7919 + salt * 104_729) % 1000) as f64 / 500.0 - 1.0).collect()
    }

    fn by_hand(conv: &Conv, w: &[f64], x: &[f64]) -> Vec<f64> {
        let (input, out) = (conv.input, conv.output());
        let mut y = vec![0.0; out.size()];
        for (place, y) in y.iter_mut().enumerate() {
            let (o, oy, ox) =
                (place / out.pixels(), place % out.pixels() / out.width, place % out.width);
            for tap in 0..conv.fan_in() {
                let (i, ky, kx) = (
                    tap / conv.kernel / conv.kernel,
                    tap / conv.kernel % conv.kernel,
                    tap % conv.kernel,
                );
                let (iy, ix) = (oy * conv.stride + ky, ox * conv.stride + kx);
                let inside = |v: usize, n: usize| (conv.padding..conv.padding + n).contains(&v);
                if inside(iy, input.height) && inside(ix, input.width) {
                    let at =
                        (i * input.height + iy - conv.padding) * input.width + ix - conv.padding;
                    *y += w[o * conv.fan_in() + tap] * x[at];
                }
            }
        }
        y
    }

    fn all() -> Vec<Conv> {
        let mut all = Vec::new();
        for (height, width) in [(5, 6), (1, 4), (8, 8)] {
            for kernel in [1, 2, 3] {
                for stride in [1, 2] {
                    for padding in [0, 1, 2] {
                        let input = Shape::new(3, height, width);
                        all.push(Conv { input, channels: 4, kernel, stride, padding });
                    }
                }
            }
        }
        all.retain(|c| c.try_output().is_some());
        all
    }

    #[test]
    fn a_convolution_is_the_sum_over_its_taps() {
        for conv in all() {
            let (w, x) = (numbers(conv.weights(), 1), numbers(conv.input.size(), 2));
            let mut y = vec![9.0; conv.output().size()];
            conv.lanes(1).forward(&w, &x, &mut y, &mut vec![5.0; 3]);
            for (y, expected) in y.iter().zip(by_hand(&conv, &w, &x)) {
                assert!((y - expected).abs() < 1e-12, "{conv:?}: {y} is not {expected}");
            }
        }
    }

    #[test]
    fn transpose_and_gradient_belong_to_it() {
        for conv in all() {
            let (w, x) = (numbers(conv.weights(), 1), numbers(conv.input.size(), 2));
            let y = numbers(conv.output().size(), 3);
            let product = dot(&by_hand(&conv, &w, &x), &y);
            let mut work = Vec::new();
            let mut back = vec![0.0; x.len()];
            conv.lanes(1).add_transposed(&w, &y, &mut back, &mut work);
            assert!((dot(&back, &x) - product).abs() < 1e-10, "{conv:?}: the transpose");
            let mut grad = vec![0.0; w.len()];
            conv.lanes(1).add_gradient(&y, &x, &mut grad, &mut work);
            assert!((dot(&grad, &w) - product).abs() < 1e-10, "{conv:?}: the gradient");
        }
    }

    #[test]
    fn lanes_are_samples_side_by_side() {
        for conv in all() {
            let (lanes, w) = (3, numbers(conv.weights(), 1));
            let (inputs, outputs) = (conv.input.size(), conv.output().size());
            let spread = |samples: &[Vec<f64>]| -> Vec<f64> {
                let size = samples[0].len();
                (0..size * lanes).map(|i| samples[i % lanes][i / lanes]).collect()
            };
            let samples =
                |size, salt| (0..lanes).map(|s| numbers(size, salt + s)).collect::<Vec<_>>();
            let (x, y) = (samples(inputs, 10), samples(outputs, 20));
            let mut work = Vec::new();
            let (mut out, mut back) = (vec![0.0; outputs * lanes], vec![0.5; inputs * lanes]);
            let mut grad = vec![0.25; w.len()];
            conv.lanes(lanes).forward(&w, &spread(&x), &mut out, &mut work);
            conv.lanes(lanes).add_transposed(&w, &spread(&y), &mut back, &mut work);
            conv.lanes(lanes).add_gradient(&spread(&y), &spread(&x), &mut grad, &mut work);
            let mut expected = vec![0.25; w.len()];
            for s in 0..lanes {
                let (mut one, mut one_back) = (vec![0.0; outputs], vec![0.5; inputs]);
                conv.lanes(1).forward(&w, &x[s], &mut one, &mut work);
                conv.lanes(1).add_transposed(&w, &y[s], &mut one_back, &mut work);
                conv.lanes(1).add_gradient(&y[s], &x[s], &mut expected, &mut work);
                let of =
                    |all: &[f64]| all.iter().skip(s).step_by(lanes).copied().collect::<Vec<_>>();
                let close = |a: &[f64], b: &[f64]| {
                    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12) && a.len() == b.len()
                };
                assert!(close(&of(&out), &one) && close(&of(&back), &one_back), "{conv:?}");
            }
            assert!(grad.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-11), "{conv:?}");
        }
    }

    #[test]
    fn unrolled_it_is_a_matrix() {
        for conv in all() {
            let (w, x) = (numbers(conv.weights(), 1), numbers(conv.input.size(), 2));
            let dense = conv.unrolled(&w);
            let rows = dense.chunks_exact(x.len());
            for (row, y) in rows.zip(by_hand(&conv, &w, &x)) {
                assert!((dot(row, &x) - y).abs() < 1e-12, "{conv:?}");
            }
            let grad = numbers(dense.len(), 3);
            let both = [dot(&grad, &dense), dot(&conv.folded(&grad), &w)];
            assert!((both[0] - both[1]).abs() < 1e-9, "{conv:?}: {both:?}");
        }
    }
}
