//! How the parameters of a chain follow their gradients.

use super::Chain;
use crate::learn::optim::{CHUNK, Descent, OptimiserState};
use crate::numerics::kernels::Real;
use crate::spec::OptimiserRule;
use rayon::prelude::*;

/// An optimiser of a chain with its state.
#[derive(Debug, Clone)]
pub struct ChainDescent<T> {
    pub rule: OptimiserRule,
    pub rate: f64,
    /// Times the parameter, added to its gradient.
    pub weight_decay: f64,
    /// One entry a tensor of [`Chain::parameters`]; empty for those that are not learned.
    state: OptimiserState<T>,
}

impl<T: Real> ChainDescent<T> {
    pub fn new(
        rule: OptimiserRule,
        rate: f64,
        weight_decay: f64,
        chain: &Chain<T>,
    ) -> ChainDescent<T> {
        let sizes = chain.parameters().into_iter().map(|(_, p)| p.grad.len());
        ChainDescent { rule, rate, weight_decay, state: OptimiserState::of_sizes(rule, sizes) }
    }

    pub fn state(&self) -> &OptimiserState<T> {
        &self.state
    }

    pub fn state_mut(&mut self) -> &mut OptimiserState<T> {
        &mut self.state
    }

    /// Moves all that is learned one step down its gradient; cells that were written.
    pub fn step(&mut self, chain: &mut Chain<T>) -> usize {
        let mut parameters = chain.parameters_mut();
        let values = parameters.iter().map(|p| p.value.as_slice());
        let descent: Descent = self.state.begin(self.rule, self.rate, values);
        let decay = T::of(self.weight_decay);
        for (p, parameter) in parameters.iter_mut().enumerate() {
            if !parameter.is_learned() {
                continue;
            }
            let limit = self.state.limits.get(p).copied().unwrap_or(f64::INFINITY);
            if self.weight_decay > 0.0 {
                let pairs = parameter.grad.iter_mut().zip(&parameter.value);
                pairs.for_each(|(g, w)| *g = *g + decay * *w);
            }
            let mut first = self.state.first.get_mut(p).map(|m| m.chunks_mut(CHUNK));
            let mut second = self.state.second.get_mut(p).map(|m| m.chunks_mut(CHUNK));
            let parts: Vec<_> = parameter
                .value
                .chunks_mut(CHUNK)
                .zip(parameter.grad.chunks(CHUNK))
                .map(|(w, g)| {
                    let m = first.as_mut().and_then(Iterator::next).unwrap_or_default();
                    let v = second.as_mut().and_then(Iterator::next).unwrap_or_default();
                    (w, g, m, v)
                })
                .collect();
            parts.into_par_iter().for_each(|(w, g, m, v)| descent.apply(w, g, m, v, limit));
        }
        chain.apply()
    }
}
