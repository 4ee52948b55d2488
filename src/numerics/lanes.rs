//! The passes of a Runge-Kutta step over a batch in lanes, `[size, lanes]` row-major.
//!
//! Every lane is computed by the same operations whatever the number of lanes.

use multiversion::multiversion;

use super::kernels::Real;

/// `out = x + h sum_j c_j k_j` in lanes, one step `h` a lane: a stage of a Runge-Kutta step.
pub fn combine<T: Real>(out: &mut [T], x: &[T], h: &[T], terms: &[(T, &[T])]) {
    match *terms {
        [a] => sum(out, x, h, [a]),
        [a, b] => sum(out, x, h, [a, b]),
        [a, b, c] => sum(out, x, h, [a, b, c]),
        [a, b, c, d] => sum(out, x, h, [a, b, c, d]),
        [a, b, c, d, e] => sum(out, x, h, [a, b, c, d, e]),
        [a, b, c, d, e, f] => sum(out, x, h, [a, b, c, d, e, f]),
        [a, b, c, d, e, f, g] => sum(out, x, h, [a, b, c, d, e, f, g]),
        _ => panic!("a stage combines 1 to 7 slopes, not {}", terms.len()),
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn sum<T: Real, const N: usize>(out: &mut [T], x: &[T], h: &[T], terms: [(T, &[T]); N]) {
    let lanes = h.len();
    for (i, (out, x)) in out.chunks_exact_mut(lanes).zip(x.chunks_exact(lanes)).enumerate() {
        let k = terms.map(|(c, k)| (c, &k[i * lanes..][..lanes]));
        for b in 0..lanes {
            let mut s = k[0].0 * k[0].1[b];
            for (c, k) in &k[1..] {
                s = s + *c * k[b];
            }
            out[b] = x[b] + h[b] * s;
        }
    }
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
    match *terms {
        [a, b] => judge_terms(out, states, weight, h, [a, b], bounds),
        [a, b, c] => judge_terms(out, states, weight, h, [a, b, c], bounds),
        [a, b, c, d] => judge_terms(out, states, weight, h, [a, b, c, d], bounds),
        [a, b, c, d, e] => judge_terms(out, states, weight, h, [a, b, c, d, e], bounds),
        [a, b, c, d, e, f] => judge_terms(out, states, weight, h, [a, b, c, d, e, f], bounds),
        [a, b, c, d, e, f, g] => {
            judge_terms(out, states, weight, h, [a, b, c, d, e, f, g], bounds);
        }
        _ => panic!("an error estimate combines 2 to 7 slopes, not {}", terms.len()),
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn judge_terms<T: Real, const N: usize>(
    out: &mut Judged<T>,
    [x, next, last]: [&[T]; 3],
    weight: &[T],
    h: &[T],
    terms: [(T, &[T]); N],
    bounds: Bounds<T>,
) {
    let lanes = h.len();
    let (error, residual) = (&mut out.error[..lanes], &mut out.residual[..lanes]);
    let (size, sound) = (&mut out.size[..lanes], &mut out.sound[..lanes]);
    let cap = &bounds.cap[..lanes];
    for all in [&mut *error, &mut *residual, &mut *size, &mut *sound] {
        all.fill(T::default());
    }
    for (i, &weight) in weight.iter().enumerate() {
        let (x, next) = (&x[i * lanes..][..lanes], &next[i * lanes..][..lanes]);
        let last = &last[i * lanes..][..lanes];
        let k = terms.map(|(c, k)| (c, &k[i * lanes..][..lanes]));
        for b in 0..lanes {
            let mut s = k[0].0 * k[0].1[b];
            for (c, k) in &k[1..] {
                s = s + *c * k[b];
            }
            let (old, new) = (x[b].abs(), next[b].abs());
            let top = if new > old { new } else { old };
            let allowed = bounds.absolute + bounds.relative * top;
            let allowed = if allowed < cap[b] { allowed } else { cap[b] };
            let e = (h[b] * s).abs() / allowed;
            let r = weight * last[b].abs();
            error[b] = if e > error[b] { e } else { error[b] };
            residual[b] = if r > residual[b] { r } else { residual[b] };
            size[b] = if new > size[b] { new } else { size[b] };
            sound[b] = sound[b] + (last[b] - last[b]);
        }
    }
}

/// The largest weighted magnitude of every lane, NaN for a lane that is not finite.
pub fn largest<T: Real>(out: &mut [T], slope: &[T], weight: &[T]) {
    out.fill(T::default());
    for (row, &weight) in slope.chunks_exact(out.len()).zip(weight) {
        for (top, &slope) in out.iter_mut().zip(row) {
            let r = weight * slope.abs() + (slope - slope);
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
