//! Motion under noise, of a batch in lanes.

use multiversion::multiversion;

use super::Ode;
use crate::numerics::kernels::Real;

/// What drives an equation beside itself: `dx = (f(x) + F(t)) dt + B dW`.
pub trait Noise<T> {
    /// Writes `F` at the moment after so many steps, `[dim, lanes]`; called for 0 and then for
    /// every step in order.
    fn force(&mut self, moment: usize, force: &mut [T]);

    /// Writes what white noise adds in one step, `B (W(t + h) - W(t))`, `[dim, lanes]`.
    fn kick(&mut self, kick: &mut [T]);
}

/// Takes a batch `[dim, lanes]` through `steps` of length `h` in place, and shows it after every
/// step: the stochastic Heun method, of second order in the weak sense where the noise does not
/// depend on the state (Kloeden and Platen, *Numerical Solution of Stochastic Differential
/// Equations*, 1992, 14.5). A linear node comes out with `1 - (h/tau)^2/4` of its variance.
pub fn roam<T: Real>(
    system: &mut impl Ode<T>,
    x: &mut [T],
    lanes: usize,
    (h, steps): (f64, usize),
    noise: &mut impl Noise<T>,
    watch: &mut dyn FnMut(usize, &[T]),
) {
    let mut work = [const { Vec::new() }; 5];
    work.iter_mut().for_each(|v| v.resize(x.len(), T::default()));
    let [slope, ahead, there, force, kick] = &mut work;
    noise.force(0, force);
    let (whole, half) = (T::of(h), T::of(0.5 * h));
    for moment in 1..=steps {
        system.rhs(x, slope, lanes);
        add(slope, force);
        noise.kick(kick);
        step(ahead, x, slope, kick, whole);
        system.rhs(ahead, there, lanes);
        noise.force(moment, force);
        add(there, force);
        finish(x, slope, there, kick, half);
        watch(moment, x);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn add<T: Real>(to: &mut [T], from: &[T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = *to + from;
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn step<T: Real>(ahead: &mut [T], x: &[T], slope: &[T], kick: &[T], h: T) {
    for (((ahead, &x), &slope), &kick) in ahead.iter_mut().zip(x).zip(slope).zip(kick) {
        *ahead = x + h * slope + kick;
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn finish<T: Real>(x: &mut [T], slope: &[T], there: &[T], kick: &[T], half: T) {
    for (((x, &slope), &there), &kick) in x.iter_mut().zip(slope).zip(there).zip(kick) {
        *x = *x + half * (slope + there) + kick;
    }
}
