//! Optimisers: from a gradient to new parameters.

use crate::model::{EnergyModel, Params};
use crate::numerics::math;
pub use crate::spec::OptimiserRule as Rule;

/// A rule with its state: one pair of moments a parameter, row-major, in the order of the model's
/// couplings.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimiser {
    pub rule: Rule,
    pub rate: f64,
    first: Vec<Vec<f64>>,
    second: Vec<Vec<f64>>,
    steps: u32,
}

impl Optimiser {
    pub fn new(rule: Rule, rate: f64, model: &EnergyModel) -> Optimiser {
        let zeros: Vec<Vec<f64>> =
            model.couplings.iter().map(|c| vec![0.0; c.values().len()]).collect();
        let second = match rule {
            Rule::Sgd { .. } => Vec::new(),
            Rule::Adam { .. } => zeros.clone(),
        };
        Optimiser { rule, rate, first: zeros, second, steps: 0 }
    }

    /// Moves the parameters one step down the gradient.
    pub fn step(&mut self, model: &mut EnergyModel, grad: &Params) {
        self.steps += 1;
        for (c, coupling) in model.couplings.iter_mut().enumerate() {
            let values = coupling.values_mut();
            let (grad, first) = (grad.0[c].as_slice(), &mut self.first[c]);
            match self.rule {
                Rule::Sgd { momentum } => {
                    for ((w, g), m) in values.iter_mut().zip(grad).zip(first) {
                        *m = momentum * *m + g;
                        *w -= self.rate * *m;
                    }
                }
                Rule::Adam { beta1, beta2, epsilon } => {
                    let power = |b: f64| 1.0 - math::pow(b, f64::from(self.steps));
                    let (lift1, lift2) = (power(beta1), power(beta2));
                    let second = &mut self.second[c];
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
