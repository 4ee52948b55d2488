//! Optimisers: from a gradient to new parameters.

use crate::model::{EnergyModel, Params};
use crate::numerics::math;
pub use crate::spec::OptimiserRule as Rule;

/// A rule with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimiser {
    pub rule: Rule,
    pub rate: f64,
    state: OptimiserState,
}

/// What an optimiser remembers of the gradients it has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimiserState {
    /// The mean gradient of every parameter, row-major, in the order of the model's couplings.
    pub first: Vec<Vec<f64>>,
    /// The mean squared gradient, as `first`; empty for [`Rule::Sgd`].
    pub second: Vec<Vec<f64>>,
    /// How many steps were made.
    pub steps: u32,
}

impl Optimiser {
    pub fn new(rule: Rule, rate: f64, model: &EnergyModel) -> Optimiser {
        let zeros: Vec<Vec<f64>> =
            model.couplings.iter().map(|c| vec![0.0; c.values().len()]).collect();
        let second = match rule {
            Rule::Sgd { .. } => Vec::new(),
            Rule::Adam { .. } => zeros.clone(),
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
        let state = &mut self.state;
        state.steps += 1;
        for (c, coupling) in model.couplings.iter_mut().enumerate() {
            let values = coupling.values_mut();
            let (grad, first) = (grad.0[c].as_slice(), &mut state.first[c]);
            match self.rule {
                Rule::Sgd { momentum } => {
                    for ((w, g), m) in values.iter_mut().zip(grad).zip(first) {
                        *m = momentum * *m + g;
                        *w -= self.rate * *m;
                    }
                }
                Rule::Adam { beta1, beta2, epsilon } => {
                    let power = |b: f64| 1.0 - math::pow(b, f64::from(state.steps));
                    let (lift1, lift2) = (power(beta1), power(beta2));
                    let second = &mut state.second[c];
                    for (((w, g), m), v) in values.iter_mut().zip(grad).zip(first).zip(second) {
                        *m = beta1 * *m + (1.0 - beta1) * g;
                        *v = beta2 * *v + (1.0 - beta2) * g * g;
                        *w -= self.rate * (*m / lift1) / ((*v / lift2).sqrt() + epsilon);
                    }
                }
            }
        }
    }
}
