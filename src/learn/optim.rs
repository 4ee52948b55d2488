//! Optimisers: from a gradient to new parameters.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::model::{EnergyModel, Params};
use crate::numerics::fixed_point::dot_rows;
use crate::numerics::kernels::{Real, exp_of};
use crate::numerics::math;
pub use crate::spec::OptimiserRule;

/// A rule with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimiser {
    pub rule: OptimiserRule,
    pub rate: f64,
    state: OptimiserState,
}

/// What an optimiser remembers of the gradients it has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimiserState<T = f64> {
    /// The mean gradient of every parameter, row-major, in the order of the model's couplings;
    /// empty for [`OptimiserRule::Madam`].
    pub first: Vec<Vec<T>>,
    /// The mean squared gradient, as `first`; empty for [`OptimiserRule::Sgd`].
    pub second: Vec<Vec<T>>,
    /// How many steps were made.
    pub steps: u32,
    /// The largest magnitude of a parameter, one a coupling, from the first step on; of
    /// [`OptimiserRule::Madam`] only.
    pub limits: Vec<f64>,
    /// What the solver of [`super::Implicit`] has learned of the states so far.
    pub solver: Vec<f64>,
}

impl<T: Real> OptimiserState<T> {
    /// Before the first step, for these parameters.
    pub fn new(rule: OptimiserRule, model: &EnergyModel) -> OptimiserState<T> {
        OptimiserState::of_sizes(rule, model.couplings.iter().map(|c| c.values().len()))
    }

    /// Before the first step, for parameters of these sizes.
    pub fn of_sizes(rule: OptimiserRule, sizes: impl Iterator<Item = usize>) -> OptimiserState<T> {
        let zeros: Vec<Vec<T>> = sizes.map(|size| vec![T::default(); size]).collect();
        let (first, second) = match rule {
            OptimiserRule::Sgd { .. } => (zeros, Vec::new()),
            OptimiserRule::Adam { .. } => (zeros.clone(), zeros),
            OptimiserRule::Madam { .. } => (Vec::new(), zeros),
        };
        OptimiserState { first, second, ..OptimiserState::empty() }
    }

    /// Of no parameters.
    pub fn empty() -> OptimiserState<T> {
        let (first, second, limits, solver) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        OptimiserState { first, second, steps: 0, limits, solver }
    }

    /// The same in other numbers.
    pub fn cast<U: Real>(&self) -> OptimiserState<U> {
        let cast = |moments: &Vec<Vec<T>>| -> Vec<Vec<U>> {
            moments.iter().map(|m| m.iter().map(|v| U::of(v.to_f64())).collect()).collect()
        };
        OptimiserState {
            first: cast(&self.first),
            second: cast(&self.second),
            steps: self.steps,
            limits: self.limits.clone(),
            solver: self.solver.clone(),
        }
    }

    /// Counts a step, before whose first the parameters are `values`, one slice a coupling.
    pub fn begin<'a>(
        &mut self,
        rule: OptimiserRule,
        rate: f64,
        values: impl Iterator<Item = &'a [T]>,
    ) -> Descent {
        if let (OptimiserRule::Madam { scale, .. }, true) = (rule, self.limits.is_empty()) {
            let root_mean_square = |w: &[T]| (dot_rows(w, w) / w.len().max(1) as f64).sqrt();
            self.limits = values.map(|w| scale * root_mean_square(w)).collect();
        }
        self.steps += 1;
        Descent { rule, rate, steps: self.steps }
    }
}

impl Optimiser {
    pub fn new(rule: OptimiserRule, rate: f64, model: &EnergyModel) -> Optimiser {
        Optimiser { rule, rate, state: OptimiserState::new(rule, model) }
    }

    pub fn state(&self) -> &OptimiserState {
        &self.state
    }

    /// Goes on from a state that [`Optimiser::state`] gave.
    ///
    /// # Panics
    /// If it is of another rule or of a model with other shapes.
    pub fn restore(&mut self, state: OptimiserState) {
        let sizes = |s: &OptimiserState| -> [Vec<usize>; 2] {
            [&s.first, &s.second].map(|moments| moments.iter().map(Vec::len).collect())
        };
        assert_eq!(sizes(&state), sizes(&self.state), "the state is of another optimiser");
        self.state = state;
    }

    /// Moves the parameters one step down the gradient.
    pub fn step(&mut self, model: &mut EnergyModel, grad: &Params) {
        let state = &mut self.state;
        let descent = state.begin(self.rule, self.rate, model.couplings.iter().map(|c| c.values()));
        for (c, coupling) in model.couplings.iter_mut().enumerate() {
            let limit = state.limits.get(c).copied().unwrap_or(f64::INFINITY);
            let mut first = state.first.get_mut(c).map(|m| m.chunks_mut(CHUNK));
            let mut second = state.second.get_mut(c).map(|m| m.chunks_mut(CHUNK));
            let values = coupling.values_mut().chunks_mut(CHUNK);
            let parts: Vec<_> = values
                .zip(grad.0[c].as_slice().chunks(CHUNK))
                .map(|(w, g)| (w, g, next(&mut first), next(&mut second)))
                .collect();
            parts.into_par_iter().for_each(|(w, g, m, v)| descent.apply(w, g, m, v, limit));
        }
    }
}

/// The next part, nothing of nothing.
fn next<'a, T>(of: &mut Option<std::slice::ChunksMut<'a, T>>) -> &'a mut [T] {
    of.as_mut().and_then(Iterator::next).unwrap_or_default()
}

/// Parameters that one thread takes at a time.
pub(super) const CHUNK: usize = 16 * 1024;

/// One step of a rule, for any part of the parameters.
#[derive(Debug, Clone, Copy)]
pub struct Descent {
    rule: OptimiserRule,
    rate: f64,
    /// This one included.
    steps: u32,
}

impl Descent {
    /// Moves `w` down its gradient; the moments a rule has none of are empty.
    pub fn apply<T: Real>(
        &self,
        w: &mut [T],
        grad: &[T],
        first: &mut [T],
        second: &mut [T],
        limit: f64,
    ) {
        let lift = |b: f64| 1.0 - math::pow(b, f64::from(self.steps));
        match self.rule {
            OptimiserRule::Sgd { momentum } => {
                sgd(w, grad, first, T::of(momentum), T::of(self.rate));
            }
            OptimiserRule::Adam { beta1, beta2, epsilon } => {
                let adam = Adam {
                    beta: [beta1, beta2].map(T::of),
                    rest: [beta1, beta2].map(|b| T::of(1.0 - b)),
                    unlift: T::of(1.0 / lift(beta2)),
                    epsilon: T::of(epsilon),
                    rate: T::of(self.rate / lift(beta1)),
                };
                adam_step(w, grad, first, second, adam);
            }
            OptimiserRule::Madam { bound, .. } => {
                let madam = Madam {
                    unlift: T::of(1.0 / lift(MADAM_BETA)),
                    bound: T::of(bound),
                    rate: T::of(self.rate),
                    limit: T::of(limit),
                };
                madam_step(w, grad, second, madam);
            }
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn sgd<T: Real>(w: &mut [T], grad: &[T], first: &mut [T], momentum: T, rate: T) {
    for ((w, &g), m) in w.iter_mut().zip(grad).zip(first) {
        *m = momentum * *m + g;
        *w = *w - rate * *m;
    }
}

#[derive(Clone, Copy)]
struct Adam<T> {
    beta: [T; 2],
    /// `1 - beta`
    rest: [T; 2],
    /// `1 / (1 - beta2^steps)`
    unlift: T,
    epsilon: T,
    /// Over `1 - beta1^steps`.
    rate: T,
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn adam_step<T: Real>(w: &mut [T], grad: &[T], first: &mut [T], second: &mut [T], adam: Adam<T>) {
    let Adam { beta: [beta1, beta2], rest: [rest1, rest2], unlift, epsilon, rate } = adam;
    for (((w, &g), m), v) in w.iter_mut().zip(grad).zip(first).zip(second) {
        *m = beta1 * *m + rest1 * g;
        *v = beta2 * *v + rest2 * g * g;
        *w = *w - rate * *m / ((*v * unlift).sqrt() + epsilon);
    }
}

/// The decay of the mean squared gradient in Madam.
const MADAM_BETA: f64 = 0.999;

#[derive(Clone, Copy)]
struct Madam<T> {
    /// `1 / (1 - beta^steps)`
    unlift: T,
    bound: T,
    rate: T,
    limit: T,
}

/// `w <- w exp(-rate sign(w) g / sqrt(v))` with the quotient and the weight bounded (Bernstein et
/// al. 2020). A gradient that never was anything moves nothing.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn madam_step<T: Real>(w: &mut [T], grad: &[T], second: &mut [T], madam: Madam<T>) {
    let Madam { unlift, bound, rate, limit } = madam;
    let (zero, keep, take) = (T::default(), T::of(MADAM_BETA), T::of(1.0 - MADAM_BETA));
    for ((w, &g), v) in w.iter_mut().zip(grad).zip(second) {
        *v = keep * *v + take * g * g;
        let spread = (*v * unlift).sqrt();
        let by = if spread > zero { g / spread } else { zero };
        let by = if by > bound { bound } else { by };
        let by = if by < -bound { -bound } else { by };
        let by = if *w < zero { -by } else { by };
        let moved = *w * exp_of(-(rate * by));
        let moved = if moved > limit { limit } else { moved };
        *w = if moved < -limit { -limit } else { moved };
    }
}
