//! Optimisers: from a gradient to new parameters.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::model::{EnergyModel, Params};
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
pub struct OptimiserState {
    /// The mean gradient of every parameter, row-major, in the order of the model's couplings.
    pub first: Vec<Vec<f64>>,
    /// The mean squared gradient, as `first`; empty for [`OptimiserRule::Sgd`].
    pub second: Vec<Vec<f64>>,
    /// How many steps were made.
    pub steps: u32,
}

impl Optimiser {
    pub fn new(rule: OptimiserRule, rate: f64, model: &EnergyModel) -> Optimiser {
        let zeros: Vec<Vec<f64>> =
            model.couplings.iter().map(|c| vec![0.0; c.values().len()]).collect();
        let second = match rule {
            OptimiserRule::Sgd { .. } => Vec::new(),
            OptimiserRule::Adam { .. } => zeros.clone(),
        };
        Optimiser { rule, rate, state: OptimiserState { first: zeros, second, steps: 0 } }
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
        let (rate, state) = (self.rate, &mut self.state);
        state.steps += 1;
        for (c, coupling) in model.couplings.iter_mut().enumerate() {
            let each = coupling.values_mut().par_chunks_mut(CHUNK);
            let each = each.zip(grad.0[c].as_slice().par_chunks(CHUNK));
            let each = each.zip(state.first[c].par_chunks_mut(CHUNK));
            match self.rule {
                OptimiserRule::Sgd { momentum } => {
                    each.for_each(|((w, g), m)| sgd(w, g, m, momentum, rate));
                }
                OptimiserRule::Adam { beta1, beta2, epsilon } => {
                    let lift = |b: f64| 1.0 - math::pow(b, f64::from(state.steps));
                    let adam = Adam {
                        beta: [beta1, beta2],
                        lift: [beta1, beta2].map(lift),
                        epsilon,
                        rate,
                    };
                    let each = each.zip(state.second[c].par_chunks_mut(CHUNK));
                    each.for_each(|(((w, g), m), v)| adam_step(w, g, m, v, adam));
                }
            }
        }
    }
}

/// Parameters that one thread takes at a time.
const CHUNK: usize = 16 * 1024;

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn sgd(w: &mut [f64], grad: &[f64], first: &mut [f64], momentum: f64, rate: f64) {
    for ((w, g), m) in w.iter_mut().zip(grad).zip(first) {
        *m = momentum * *m + g;
        *w -= rate * *m;
    }
}

#[derive(Clone, Copy)]
struct Adam {
    beta: [f64; 2],
    /// `1 - beta^steps`
    lift: [f64; 2],
    epsilon: f64,
    rate: f64,
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn adam_step(w: &mut [f64], grad: &[f64], first: &mut [f64], second: &mut [f64], adam: Adam) {
    let Adam { beta: [beta1, beta2], lift: [lift1, lift2], epsilon, rate } = adam;
    let (rate, lift2) = (rate / lift1, 1.0 / lift2);
    for (((w, g), m), v) in w.iter_mut().zip(grad).zip(first).zip(second) {
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        *w -= rate * *m / ((*v * lift2).sqrt() + epsilon);
    }
}
