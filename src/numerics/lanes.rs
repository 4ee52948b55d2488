//! The passes of a Runge-Kutta step over a batch in lanes, `[size, lanes]` row-major.
//!
//! Every lane is computed by the same operations whatever the number of lanes.

use multiversion::multiversion;

use super::kernels::Real;

/// Calls a function with the terms as an array, in vectors as wide as the numbers have.
macro_rules! by_terms {
    ($terms:expr, |$array:ident, $W:ident| $call:expr) => {
        by_terms!($terms, $array, $W, $call, [a] [a b] [a b c] [a b c d] [a b c d e]
            [a b c d e f] [a b c d e f g])
    };
    ($terms:expr, $array:ident, $W:ident, $call:expr, $([$($t:ident)*])*) => {
        match *$terms {
            $([$($t),*] => {
                let $array = [$($t),*];
                if T::VECTOR == 16 {
                    const $W: usize = 16;
                    $call
                } else {
                    const $W: usize = 8;
                    $call
                }
            })*
            _ => panic!("a step combines 1 to 7 slopes, not {}", $terms.len()),
        }
    };
}

/// `out = x + h sum_j c_j k_j` in lanes, one step `h` a lane: a stage of a Runge-Kutta step.
/// The number of lanes must be a multiple of [`Real::VECTOR`].
pub fn combine<T: Real>(out: &mut [T], x: &[T], h: &[T], terms: &[(T, &[T])]) {
    by_terms!(terms, |array, W| sum::<T, _, W>(out, x, h, array));
}

// Blocks of a width known to the compiler: loops over `lanes` themselves are not vectorised.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn sum<T: Real, const N: usize, const W: usize>(
    out: &mut [T],
    x: &[T],
    h: &[T],
    terms: [(T, &[T]); N],
) {
    let (out, h) = (out.as_chunks_mut::<W>().0, h.as_chunks::<W>().0);
    let x = &x.as_chunks::<W>().0[..out.len()];
    let terms = terms.map(|(c, k)| (c, &k.as_chunks::<W>().0[..out.len()]));
    let mut column = 0;
    for (q, out) in out.iter_mut().enumerate() {
        let (x, step) = (&x[q], &h[column]);
        let k = terms.map(|(c, k)| (c, &k[q]));
        let s = weighted_sum(k);
        for b in 0..W {
            out[b] = x[b] + step[b] * s[b];
        }
        column = if column + 1 == h.len() { 0 } else { column + 1 };
    }
}

/// Term by term, or the compiler gives up on vectors for more than a few.
#[inline(always)]
fn weighted_sum<T: Real, const N: usize, const W: usize>(terms: [(T, &[T; W]); N]) -> [T; W] {
    let (c, k) = terms[0];
    let mut sum = k.map(|k| c * k);
    for (c, k) in &terms[1..] {
        for (sum, &k) in sum.iter_mut().zip(*k) {
            *sum = *sum + *c * k;
        }
    }
    sum
}

/// What a step is judged by, all `[lanes]`.
#[derive(Debug, Clone, Default)]
pub struct Judged<T> {
    /// The largest error as a multiple of its tolerance.
    pub error: Vec<T>,
    /// The largest weighted slope at the end of the step.
    pub residual: Vec<T>,
    /// The largest magnitude of the state.
    pub size: Vec<T>,
    /// 0, or NaN if a slope is not finite.
    pub sound: Vec<T>,
}

/// The bounds of [`judge`].
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a, T> {
    pub relative: T,
    pub absolute: T,
    /// No tolerance is larger than this, `[lanes]`.
    pub cap: &'a [T],
}

/// Judges a step from `x` to `next` in one pass: its error `h sum_j c_j k_j` against
/// `min(absolute + relative max(|x|, |next|), cap)`, and the slope `last` at its end.
pub fn judge<T: Real>(
    out: &mut Judged<T>,
    [x, next, last]: [&[T]; 3],
    weight: &[T],
    h: &[T],
    terms: &[(T, &[T])],
    bounds: Bounds<T>,
) {
    let states = [x, next, last];
    by_terms!(terms, |array, W| {
        judge_terms::<T, _, W>(out, states, weight, h, array, bounds);
    });
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn judge_terms<T: Real, const N: usize, const W: usize>(
    out: &mut Judged<T>,
    states: [&[T]; 3],
    weight: &[T],
    h: &[T],
    terms: [(T, &[T]); N],
    bounds: Bounds<T>,
) {
    let columns = h.len() / W;
    let [x, next, last] = states.map(|m| m.as_chunks::<W>().0);
    let terms = terms.map(|(c, k)| (c, k.as_chunks::<W>().0));
    for column in 0..columns {
        let h = &h.as_chunks::<W>().0[column];
        let cap = &bounds.cap.as_chunks::<W>().0[column];
        let zero = [T::default(); W];
        let (mut error, mut residual, mut size, mut sound) = (zero, zero, zero, zero);
        for (i, &weight) in weight.iter().enumerate() {
            let q = i * columns + column;
            let (x, next, last) = (&x[q], &next[q], &last[q]);
            let k = terms.map(|(c, k)| (c, &k[q]));
            let s = weighted_sum(k);
            for b in 0..W {
                let (old, new) = (x[b].abs(), next[b].abs());
                let top = if new > old { new } else { old };
                let allowed = bounds.absolute + bounds.relative * top;
                let allowed = if allowed < cap[b] { allowed } else { cap[b] };
                let e = (h[b] * s[b]).abs() / allowed;
                let r = weight * last[b].abs();
                error[b] = if e > error[b] { e } else { error[b] };
                residual[b] = if r > residual[b] { r } else { residual[b] };
                size[b] = if new > size[b] { new } else { size[b] };
                sound[b] = sound[b] + T::default() * last[b];
            }
        }
        let lanes = column * W..(column + 1) * W;
        out.error[lanes.clone()].copy_from_slice(&error);
        out.residual[lanes.clone()].copy_from_slice(&residual);
        out.size[lanes.clone()].copy_from_slice(&size);
        out.sound[lanes].copy_from_slice(&sound);
    }
}

/// The largest weighted magnitude of every lane, NaN for a lane that is not finite.
pub fn largest<T: Real>(out: &mut [T], slope: &[T], weight: &[T]) {
    out.fill(T::default());
    for (row, &weight) in slope.chunks_exact(out.len()).zip(weight) {
        for (top, &slope) in out.iter_mut().zip(row) {
            let r = weight * slope.abs() + T::default() * slope;
            *top = if r <= *top { *top } else { r };
        }
    }
}

/// `old = new` in the lanes named by a nonzero `take`.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn take_lanes<T: Real>(old: &mut [T], new: &[T], take: &[T]) {
    let zero = T::default();
    for (old, new) in old.chunks_exact_mut(take.len()).zip(new.chunks_exact(take.len())) {
        for ((old, &new), &take) in old.iter_mut().zip(new).zip(take) {
            *old = if take != zero { new } else { *old };
        }
    }
}

/// Rewrites `[rows, from]` in place to `[rows, keep.len()]`, keeping the lanes named, ascending.
pub fn keep_lanes<T: Copy>(batch: &mut [T], from: usize, keep: &[usize]) {
    let to = keep.len();
    for i in 0..batch.len() / from {
        for (j, &lane) in keep.iter().enumerate() {
            batch[i * to + j] = batch[i * from + lane];
        }
    }
}
