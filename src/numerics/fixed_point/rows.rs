//! Passes over rows `[rows, dim]`.

use multiversion::multiversion;

use crate::numerics::kernels::Real;

/// Of a row and its image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Norms {
    /// `max |f(z) - z|`; NaN if it is not a number.
    pub largest: f64,
    /// `|f(z) - z|^2`
    pub change: f64,
    /// `|f(z)|^2`
    pub image: f64,
}

const LANES: usize = 16;

/// The norms of a row `z` and its image, summed in lanes.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn norms<T: Real>(z: &[T], image: &[T]) -> Norms {
    let zero = [T::default(); LANES];
    let (mut largest, mut change, mut size) = (zero, zero, zero);
    let mut pass = |z: &[T; LANES], image: &[T; LANES]| {
        for b in 0..LANES {
            let d = image[b] - z[b];
            let a = d.abs();
            largest[b] = if a <= largest[b] { largest[b] } else { a };
            change[b] = change[b] + d * d;
            size[b] = size[b] + image[b] * image[b];
        }
    };
    let (zs, z_rest) = z.as_chunks::<LANES>();
    let (images, image_rest) = image.as_chunks::<LANES>();
    for (z, image) in zs.iter().zip(images) {
        pass(z, image);
    }
    let (mut last_z, mut last_image) = (zero, zero);
    last_z[..z_rest.len()].copy_from_slice(z_rest);
    last_image[..image_rest.len()].copy_from_slice(image_rest);
    pass(&last_z, &last_image);
    let sum = |lanes: [T; LANES]| lanes.iter().map(|v| v.to_f64()).sum::<f64>();
    let change = sum(change);
    let top = largest.iter().map(|v| v.to_f64()).fold(0.0, f64::max);
    Norms { largest: if change.is_nan() { f64::NAN } else { top }, change, image: sum(size) }
}

/// The inner product of two rows, summed in lanes.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn dot_rows<T: Real>(a: &[T], b: &[T]) -> f64 {
    let mut sum = [T::default(); LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for l in 0..LANES {
            sum[l] = sum[l] + a[l] * b[l];
        }
    }
    for (l, (&a, &b)) in rest_a.iter().zip(rest_b).enumerate() {
        sum[l] = sum[l] + a * b;
    }
    sum.iter().map(|v| v.to_f64()).sum()
}

/// `y <- y + a x`
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn add_scaled<T: Real>(y: &mut [T], a: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = *y + a * x;
    }
}

/// Keeps the rows named, ascending, of `[rows, dim]`.
pub fn keep_rows<T: Copy>(of: &mut Vec<T>, dim: usize, rows: &[usize]) {
    for (to, &from) in rows.iter().enumerate() {
        if to != from {
            of.copy_within(from * dim..(from + 1) * dim, to * dim);
        }
    }
    of.truncate(rows.len() * dim);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_those_of_the_rows() {
        for n in [0, 1, 15, 16, 17, 100] {
            let z: Vec<f64> = (0..n).map(|i| f64::from(i) * 0.37 % 1.0).collect();
            let image: Vec<f64> = (0..n).map(|i| f64::from(i) * -0.61 % 1.0).collect();
            let got = norms(&z, &image);
            let pairs = || z.iter().zip(&image);
            let change: f64 = pairs().map(|(z, f)| (f - z) * (f - z)).sum();
            let largest = pairs().map(|(z, f)| (f - z).abs()).fold(0.0, f64::max);
            assert!((got.change - change).abs() < 1e-12, "{n}");
            assert_eq!(got.largest, largest);
            assert!((got.image - dot_rows(&image, &image)).abs() < 1e-12);
        }
        assert!(norms(&[0.0, f64::NAN], &[1.0, 1.0]).largest.is_nan());
    }

    #[test]
    fn rows_stay_in_order() {
        let mut of: Vec<usize> = (0..10).collect();
        keep_rows(&mut of, 2, &[1, 4]);
        assert_eq!(of, [2, 3, 8, 9]);
    }
}
