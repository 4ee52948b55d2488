//! Elementwise kernels over whole batches, in `f32` and `f64`.
//!
//! They are plain loops over branch-free scalar code, compiled once for each instruction set and
//! chosen when run. Products and sums are never contracted to fused ones, so every instruction
//! set gives the same bits. A batch is in *lanes*: `[size, lanes]` row-major, one sample a column.

use std::ops::{Add, Div, Mul, Neg, Sub};

use multiversion::multiversion;

use super::Activation;
use super::gemm::Gemm;

/// The numbers that batches are computed in.
pub trait Real:
    Gemm
    + Default
    + PartialOrd
    + Send
    + Sync
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + From<f32>
    + 'static
{
    /// The distance from 1 to the next number.
    const EPSILON: f64;
    /// How many lanes the widest vector register holds.
    const VECTOR: usize;

    fn of(x: f64) -> Self;
    fn to_f64(self) -> f64;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;

    /// `2^n` and `2^f - 1` with `y = n + f`, `|f| <= 1/2`; `y` must be within the exponents.
    fn split_exp2(y: Self) -> (Self, Self);

    /// `exp` is evaluated within plus and minus this.
    const EXP_RANGE: Self;
    /// Beyond plus and minus this, `tanh` rounds to 1.
    const TANH_RANGE: Self;
}

/// `(2^f - 1 - f ln 2) / f^2` is the interpolant at the Chebyshev nodes of `[-1/2, 1/2]`. Adding `$magic`
/// rounds to an integer and leaves that integer in the low bits, which a cast would do several
/// times slower.
macro_rules! real {
    ($real:ident, vector $vector:literal, mantissa $mantissa:literal, bias $bias:literal,
     magic $magic:literal, range $exp:literal, $tanh:literal, [$($c:literal),* $(,)?]) => {
        impl Real for $real {
            const EPSILON: f64 = $real::EPSILON as f64;
            const VECTOR: usize = $vector;
            const EXP_RANGE: $real = $exp;
            const TANH_RANGE: $real = $tanh;

            #[inline(always)]
            fn of(x: f64) -> $real {
                x as $real
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn abs(self) -> $real {
                $real::abs(self)
            }

            #[inline(always)]
            fn sqrt(self) -> $real {
                $real::sqrt(self)
            }

            #[inline(always)]
            fn split_exp2(y: $real) -> ($real, $real) {
                let shifted = y + $magic;
                let f = y - (shifted - $magic);
                let scale =
                    $real::from_bits(shifted.to_bits().wrapping_add($bias) << $mantissa);
                let c = [$($c),*];
                let mut q = c[c.len() - 1];
                let mut i = c.len() - 1;
                while i > 0 {
                    i -= 1;
                    q = q * f + c[i];
                }
                (scale, (q * f + std::$real::consts::LN_2) * f)
            }
        }
    };
}

real!(f32, vector 16, mantissa 23, bias 127, magic 12_582_912.0, range 87.0, 10.0,
    [0.240_226_5, 0.055_503_81, 0.009_618_103, 0.001_338_139_8, 0.000_154_449_67]);

real!(f64, vector 8, mantissa 52, bias 1023, magic 6_755_399_441_055_744.0, range 708.0, 20.0,
[
    0.240_226_506_959_100_72,
    0.055_504_108_664_759_93,
    0.009_618_129_107_624_917,
    0.001_333_355_817_923_94,
    0.000_154_035_304_123_294_2,
    1.525_268_665_801_134_7e-5,
    1.321_545_956_343_761e-6,
    1.020_317_121_652_444_3e-7,
    7.069_399_008_992_49e-9,
]);

/// `x` within plus and minus `bound`; NaN stays NaN.
#[inline(always)]
fn clamp<T: Real>(x: T, bound: T) -> T {
    let x = if x > bound { bound } else { x };
    if x < -bound { -bound } else { x }
}

#[inline(always)]
pub fn exp_of<T: Real>(x: T) -> T {
    let (scale, p) = T::split_exp2(clamp(x, T::EXP_RANGE) * T::of(std::f64::consts::LOG2_E));
    scale + scale * p
}

/// `E / (E + 2)` with `E = exp(2 x) - 1`, exact near 0.
#[inline(always)]
pub fn tanh_of<T: Real>(x: T) -> T {
    let y = clamp(x, T::TANH_RANGE) * T::of(2.0 * std::f64::consts::LOG2_E);
    let (scale, p) = T::split_exp2(y);
    let e = scale * p + (scale - T::of(1.0));
    e / (e + T::of(2.0))
}

#[inline(always)]
fn sigmoid_of<T: Real>(x: T) -> T {
    let one = T::of(1.0);
    one / (one + exp_of(T::of(2.0) - T::of(4.0) * x))
}

macro_rules! elementwise {
    ($($(#[$doc:meta])* $name:ident = |$x:ident| $f:expr;)*) => {$(
        $(#[$doc])*
        #[multiversion(targets(
            "x86_64+avx512f+avx512dq+avx512bw+avx512vl", "x86_64+avx2", "aarch64+neon"
        ))]
        pub fn $name<T: Real>(x: &[T], out: &mut [T]) {
            for (out, &$x) in out.iter_mut().zip(x) {
                *out = $f;
            }
        }
    )*};
}

elementwise! {
    /// `exp`, which saturates at the ends of its range.
    exp = |x| exp_of(x);
    /// `tanh`
    tanh = |x| tanh_of(x);
    /// `1 / (1 + exp(-(4 x - 2)))`
    sigmoid = |x| sigmoid_of(x);
    /// `max(x, 0)`
    relu = |x| if x < T::of(0.0) { T::of(0.0) } else { x };
    /// `min(max(x, 0), 1)`
    hard_sigmoid = |x| {
        let x = if x < T::of(0.0) { T::of(0.0) } else { x };
        if x > T::of(1.0) { T::of(1.0) } else { x }
    };
}

/// The softmax of every lane; `work` holds `lanes` numbers.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn softmax<T: Real>(x: &[T], out: &mut [T], work: &mut [T]) {
    let lanes = work.len();
    if x.is_empty() {
        return;
    }
    work.copy_from_slice(&x[..lanes]);
    for row in x.chunks_exact(lanes) {
        for (top, &x) in work.iter_mut().zip(row) {
            *top = if x > *top { x } else { *top };
        }
    }
    for (out, x) in out.chunks_exact_mut(lanes).zip(x.chunks_exact(lanes)) {
        for ((out, &x), &top) in out.iter_mut().zip(x).zip(&*work) {
            *out = exp_of(x - top);
        }
    }
    work.fill(T::default());
    for row in out.chunks_exact(lanes) {
        for (sum, &v) in work.iter_mut().zip(row) {
            *sum = *sum + v;
        }
    }
    for row in out.chunks_exact_mut(lanes) {
        for (v, &sum) in row.iter_mut().zip(&*work) {
            *v = *v / sum;
        }
    }
}

/// `out = f(x)` for a layer in lanes; `work` holds `lanes` numbers.
pub fn activate<T: Real>(activation: Activation, x: &[T], out: &mut [T], work: &mut [T]) {
    match activation {
        Activation::Identity => out.copy_from_slice(x),
        Activation::Sigmoid => sigmoid(x, out),
        Activation::Tanh => tanh(x, out),
        Activation::Relu => relu(x, out),
        Activation::HardSigmoid => hard_sigmoid(x, out),
        Activation::Softmax => softmax(x, out, work),
    }
}

/// `y <- (dxhat/dx)^T y` for a layer in lanes with activations `xhat`; `work` holds `lanes`
/// numbers.
pub fn times_slope<T: Real>(
    activation: Activation,
    x: &[T],
    xhat: &[T],
    y: &mut [T],
    work: &mut [T],
) {
    let (zero, one) = (T::default(), T::of(1.0));
    let each = x.iter().zip(xhat).zip(&mut *y);
    match activation {
        Activation::Identity => {}
        Activation::Sigmoid => each.for_each(|((_, &v), y)| *y = *y * T::of(4.0) * v * (one - v)),
        Activation::Tanh => each.for_each(|((_, &v), y)| *y = *y * (one - v * v)),
        Activation::Relu => each.for_each(|((&x, _), y)| *y = if x >= zero { *y } else { zero }),
        Activation::HardSigmoid => each.for_each(|((&x, _), y)| {
            *y = if x >= zero && x <= one { *y } else { zero };
        }),
        Activation::Softmax => {
            let lanes = work.len();
            work.fill(zero);
            for (v, y) in xhat.chunks_exact(lanes).zip(y.chunks_exact(lanes)) {
                for ((mean, &v), &y) in work.iter_mut().zip(v).zip(y) {
                    *mean = *mean + v * y;
                }
            }
            for (v, y) in xhat.chunks_exact(lanes).zip(y.chunks_exact_mut(lanes)) {
                for ((&mean, &v), y) in work.iter().zip(v).zip(y) {
                    *y = v * (*y - mean);
                }
            }
        }
    }
}

/// `out = scale (a - b)`
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn differences<T: Real>(out: &mut [T], a: &[f64], b: &[f64], scale: f64) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = T::of(scale * (a - b));
    }
}

/// `out = base - rate x` for a layer in lanes, one rate a row.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn leak<T: Real>(base: &[T], rate: &[T], x: &[T], out: &mut [T], lanes: usize) {
    for (((out, base), x), &rate) in out
        .chunks_exact_mut(lanes)
        .zip(base.chunks_exact(lanes))
        .zip(x.chunks_exact(lanes))
        .zip(rate)
    {
        for ((out, &base), &x) in out.iter_mut().zip(base).zip(x) {
            *out = base - rate * x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::math;

    /// Largest relative error over arguments from `-range` to `range`, some of them tiny.
    fn worst<T: Real>(f: fn(&[T], &mut [T]), exact: fn(f64) -> f64, range: f64) -> f64 {
        let x: Vec<T> = (-60_000..=60_000)
            .map(|i| range * f64::from(i) / 60_000.0)
            .chain((1..40).flat_map(|i| [math::exp(-f64::from(i)), -math::exp(-f64::from(i))]))
            .map(T::of)
            .collect();
        let mut got = vec![T::default(); x.len()];
        f(&x, &mut got);
        x.iter()
            .zip(&got)
            .map(|(x, got)| {
                let want = exact(x.to_f64());
                if want == 0.0 { got.to_f64().abs() } else { (got.to_f64() / want - 1.0).abs() }
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn kernels_agree_with_libm() {
        let logistic = |x| math::logistic(4.0 * x - 2.0);
        // The rounding of an argument is magnified by its size.
        assert!(worst::<f64>(exp, math::exp, 1.0) < 5e-15);
        assert!(worst::<f64>(exp, math::exp, 700.0) < 2e-13);
        assert!(worst::<f64>(tanh, math::tanh, 25.0) < 5e-15);
        assert!(worst::<f64>(tanh, math::tanh, 1.0) < 5e-15);
        assert!(worst::<f64>(sigmoid, logistic, 8.0) < 2e-14);
        assert!(worst::<f32>(exp, math::exp, 1.0) < 4e-7);
        assert!(worst::<f32>(exp, math::exp, 86.0) < 1e-5);
        assert!(worst::<f32>(tanh, math::tanh, 10.0) < 4e-7);
        assert!(worst::<f32>(tanh, math::tanh, 0.5) < 4e-7);
        assert!(worst::<f32>(sigmoid, logistic, 4.0) < 2e-6);
    }

    #[test]
    fn kernels_saturate_and_pass_nan() {
        let x = [f64::NEG_INFINITY, -1e300, -50.0, 50.0, 1e300, f64::INFINITY, f64::NAN];
        let mut v = [0.0; 7];
        tanh(&x, &mut v);
        assert_eq!(v[..6], [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
        assert!(v[6].is_nan());
        sigmoid(&x, &mut v);
        assert!(v[..3].iter().all(|v| (0.0..1e-80).contains(v)), "{v:?}");
        assert_eq!(v[3..6], [1.0; 3]);
        assert!(v[6].is_nan());
        exp(&x, &mut v);
        assert!(v[..6].iter().all(|v| v.is_finite()) && v[6].is_nan());
        for f in [relu::<f64>, hard_sigmoid::<f64>] {
            f(&x, &mut v);
            assert_eq!(v[..3], [0.0; 3]);
            assert!(v[6].is_nan());
        }
        assert_eq!(v[3..6], [1.0; 3]);
    }

    #[test]
    fn activations_in_lanes_are_those_of_rows() {
        let (size, lanes) = (7, 8);
        let x: Vec<f64> = (0..size * lanes).map(|i| 4.0 * (i as f64 * 0.71 % 2.0 - 1.0)).collect();
        for activation in Activation::ALL {
            let (mut got, mut work) = (vec![0.0; x.len()], vec![0.0; lanes]);
            activate(activation, &x, &mut got, &mut work);
            for b in 0..lanes {
                let row: Vec<f64> = (0..size).map(|i| x[i * lanes + b]).collect();
                let mut want = vec![0.0; size];
                activation.row(&row, &mut want);
                for (i, want) in want.iter().enumerate() {
                    let got = got[i * lanes + b];
                    assert!((got - want).abs() < 1e-14, "{activation:?}: {got} for {want}");
                }
            }
        }
    }

    #[test]
    fn vector_code_gives_the_bits_of_scalar_code() {
        let x: Vec<f64> = (0..10_007).map(|i| f64::from(i) * 0.003 - 15.0).collect();
        let mut got = vec![0.0; x.len()];
        tanh(&x, &mut got);
        assert!(x.iter().zip(&got).all(|(&x, v)| tanh_of(x).to_bits() == v.to_bits()));
        sigmoid(&x, &mut got);
        assert!(x.iter().zip(&got).all(|(&x, v)| sigmoid_of(x).to_bits() == v.to_bits()));
    }
}
