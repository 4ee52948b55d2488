//! Equilibrium propagation (Scellier and Bengio 2017), centred by default (Laborieux et al. 2021).

use crate::engine::{Drive, Engine, Nudge, Save, Settled, Until};
use crate::model::{Cost, EnergyModel, Outer, Params, State};
use crate::numerics::Mat;
pub use crate::spec::{EquilibriumPropagation, Phases};

/// What one batch taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The estimated `dC/dparam`, the mean over the samples that stayed finite in all phases.
    pub grad: Params,
    /// The free phase, with the outputs.
    pub free: Settled,
    /// The nudged phases, in the order run: towards the target last.
    pub nudged: Vec<Settled>,
    /// The cost of each sample in the free phase.
    pub cost: Vec<f64>,
    /// How many samples settled in every phase.
    pub settled: usize,
}

impl EquilibriumPropagation {
    /// Estimates the gradient of the mean cost on `engine`, which runs `model`'s parameters.
    /// `clamp` is `[batch, inputs]`, `target` `[batch, outputs]`.
    pub fn estimate(
        &self,
        engine: &mut dyn Engine,
        model: &EnergyModel,
        clamp: &Mat,
        target: &Mat,
        until: &Until,
    ) -> Estimate {
        let mut drive = Drive { clamp: clamp.clone(), nudge: Nudge::None };
        let free = engine.settle(&drive, None, until, &Save::End);
        let mut nudged = |beta: f64| {
            drive.nudge = Nudge::Toward { target: target.clone(), beta };
            engine.settle(&drive, Some(&free.state), until, &Save::End)
        };
        // The two ends of the difference quotient, and its length.
        let (low, high, span) = match self.phases {
            Phases::Centred => (Some(nudged(-self.beta)), Some(nudged(self.beta)), 2.0 * self.beta),
            Phases::Positive => (None, Some(nudged(self.beta)), self.beta),
            Phases::Negative => (Some(nudged(-self.beta)), None, self.beta),
        };
        let ends = [low.as_ref().unwrap_or(&free), high.as_ref().unwrap_or(&free)];
        let kept = kept(ends);
        let span = span * kept.len().max(1) as f64;
        let grad = if kept.len() == clamp.rows() {
            model.grad_between(&ends[0].state, &ends[1].state, span)
        } else {
            let [low, high] =
                ends.map(|e| e.state.iter().map(|x| x.select_rows(&kept)).collect::<State>());
            model.grad_between(&low, &high, span)
        };
        let settled = (0..clamp.rows())
            .filter(|&s| {
                free.outcome[s].is_settled() && ends.iter().all(|e| e.outcome[s].is_settled())
            })
            .count();
        let outputs = model.layer(model.read).activation.values(&free.state[model.read.0]);
        let cost = Cost::SquaredError.value(&outputs, target);
        let nudged = [low, high].into_iter().flatten().collect();
        Estimate { grad, free, nudged, cost, settled }
    }

    /// `-rate` times the gradient of an estimate of this rule as sums of products, one a coupling.
    pub fn contrast(
        &self,
        estimate: &Estimate,
        model: &EnergyModel,
        rate: f64,
    ) -> Vec<Option<Outer>> {
        let (free, nudged) = (&estimate.free, &estimate.nudged);
        let (low, high, span) = match self.phases {
            Phases::Centred => (&nudged[0], &nudged[1], 2.0 * self.beta),
            Phases::Positive => (free, &nudged[0], self.beta),
            Phases::Negative => (&nudged[0], free, self.beta),
        };
        let kept = kept([low, high]);
        let [low, high] = [low, high]
            .map(|end| end.state.iter().map(|x| x.select_rows(&kept)).collect::<State>());
        model.contrast(&low, &high, span * kept.len().max(1) as f64, rate)
    }
}

/// The samples that stayed finite to both ends.
fn kept(ends: [&Settled; 2]) -> Vec<usize> {
    let finite = |s: usize| {
        ends.iter().all(|e| e.state.iter().all(|x| x.row(s).iter().all(|v| v.is_finite())))
    };
    (0..ends[0].outcome.len()).filter(|&s| finite(s)).collect()
}
