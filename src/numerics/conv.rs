//! Convolutions of one sample, channels outermost: `[channels, height, width]`.
//!
//! A convolution is a dense product with the patches of its input, so that the product's speed is
//! the convolution's.

use std::fmt;

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

    /// `out <- w * x`; `work` is kept from call to call.
    pub fn forward<T: Real>(&self, weight: &[T], x: &[T], out: &mut [T], work: &mut Vec<T>) {
        let (pixels, fan_in) = (self.output().pixels(), self.fan_in());
        let patches = self.patches(x, work);
        let to = PartMut { data: out, cols: pixels, range: 0..pixels };
        T::product(to, Part::whole(weight, fan_in), Part::whole(patches, pixels), Into::Replace);
    }

    /// `x <- x + w^T * y`: the transpose of [`Conv::forward`].
    pub fn add_transposed<T: Real>(&self, weight: &[T], y: &[T], x: &mut [T], work: &mut Vec<T>) {
        let (pixels, fan_in) = (self.output().pixels(), self.fan_in());
        let weight = Part::whole(weight, fan_in).transposed();
        if self.is_pointwise() {
            let to = PartMut { data: x, cols: pixels, range: 0..pixels };
            return T::product(to, weight, Part::whole(y, pixels), Into::Add);
        }
        work.resize(fan_in * pixels, T::default());
        let to = PartMut { data: work, cols: pixels, range: 0..pixels };
        T::product(to, weight, Part::whole(y, pixels), Into::Replace);
        self.each_tap(|from, to| {
            for (x, w) in x[to].iter_mut().step_by(self.stride).zip(&work[from]) {
                *x = *x + *w;
            }
        });
    }

    /// `grad <- grad + sum_pixels y x^T`: how `y . (w * x)` changes with `w`.
    pub fn add_gradient<T: Real>(&self, y: &[T], x: &[T], grad: &mut [T], work: &mut Vec<T>) {
        let (pixels, fan_in) = (self.output().pixels(), self.fan_in());
        let patches = self.patches(x, work);
        let to = PartMut { data: grad, cols: fan_in, range: 0..fan_in };
        T::product(
            to,
            Part::whole(y, pixels),
            Part::whole(patches, pixels).transposed(),
            Into::Add,
        );
    }

    /// `[fan in, pixels of the output]`
    fn patches<'a, T: Real>(&self, x: &'a [T], work: &'a mut Vec<T>) -> &'a [T] {
        if self.is_pointwise() {
            return x;
        }
        let len = self.fan_in() * self.output().pixels();
        work.clear();
        work.resize(len, T::default());
        self.each_tap(|to, from| match self.stride {
            1 => work[to].copy_from_slice(&x[from]),
            stride => {
                for (w, x) in work[to].iter_mut().zip(x[from].iter().step_by(stride)) {
                    *w = *x;
                }
            }
        });
        work
    }

    /// Calls `visit(patches, input)` with the places of each row of each tap that lies inside the
    /// input; those of the input are `stride` apart.
    fn each_tap(&self, mut visit: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>)) {
        let (Shape { channels, height, width }, out) = (self.input, self.output());
        let Conv { kernel, stride, padding, .. } = *self;
        let mut row = 0;
        for c in 0..channels {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    // Columns whose tap is inside: 0 <= ox stride + kx - padding < width.
                    let first = padding.saturating_sub(kx).div_ceil(stride);
                    let last = (width + padding).saturating_sub(kx).div_ceil(stride).min(out.width);
                    for oy in 0..out.height {
                        let y = oy * stride + ky;
                        if first >= last || y < padding || y - padding >= height {
                            continue;
                        }
                        let to = row * out.pixels() + oy * out.width;
                        let from =
                            (c * height + y - padding) * width + first * stride + kx - padding;
                        visit(to + first..to + last, from..from + (last - first - 1) * stride + 1);
                    }
                    row += 1;
                }
            }
        }
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
            conv.forward(&w, &x, &mut y, &mut vec![5.0; 3]);
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
            conv.add_transposed(&w, &y, &mut back, &mut work);
            assert!((dot(&back, &x) - product).abs() < 1e-10, "{conv:?}: the transpose");
            let mut grad = vec![0.0; w.len()];
            conv.add_gradient(&y, &x, &mut grad, &mut work);
            assert!((dot(&grad, &w) - product).abs() < 1e-10, "{conv:?}: the gradient");
        }
    }
}
