//! Equilibrium propagation (Scellier and Bengio 2017), centred by default (Laborieux et al. 2021).

use crate::compile::Reading;
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
    /// The activations of both ends of the difference as the host reads them, where those are not
    /// the activations of the states.
    pub read: Option<[State; 2]>,
    /// The outputs of the free phase as the host reads them, `[batch, size]`.
    pub outputs: Mat,
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
        let of_kept =
            |state: &State| -> State { state.iter().map(|x| x.select_rows(&kept)).collect() };
        let all = kept.len() == clamp.rows();
        let read = |settled: &Settled, phase| {
            engine.chip().and_then(|chip| chip.read(&settled.state, Reading { phase, first: 0 }))
        };
        let phases =
            [low.as_ref().map_or("free", |_| "low"), high.as_ref().map_or("free", |_| "high")];
        let read = read(ends[0], phases[0]).zip(read(ends[1], phases[1])).map(<[State; 2]>::from);
        let grad = match &read {
            Some([low, high]) if all => model.grad_of_activations(low, high, span),
            Some([low, high]) => model.grad_of_activations(&of_kept(low), &of_kept(high), span),
            None if all => model.grad_between(&ends[0].state, &ends[1].state, span),
            None => model.grad_between(&of_kept(&ends[0].state), &of_kept(&ends[1].state), span),
        };
        let settled = (0..clamp.rows())
            .filter(|&s| {
                free.outcome[s].is_settled() && ends.iter().all(|e| e.outcome[s].is_settled())
            })
            .count();
        let reading = Reading { phase: "free", first: 0 };
        let outputs = outputs(engine, model, &free.state, reading);
        let cost = Cost::SquaredError.value(&outputs, target);
        let nudged = [low, high].into_iter().flatten().collect();
        Estimate { grad, free, nudged, read, outputs, cost, settled }
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
        let of_kept =
            |state: &State| -> State { state.iter().map(|x| x.select_rows(&kept)).collect() };
        let [low, high] = match &estimate.read {
            Some(ends) => ends.each_ref().map(of_kept),
            None => [low, high].map(|end| model.activations(&of_kept(&end.state))),
        };
        model.contrast(&low, &high, span * kept.len().max(1) as f64, rate)
    }
}

/// The outputs of a state `[batch, size]` as the host reads them.
pub fn outputs(engine: &dyn Engine, model: &EnergyModel, state: &State, reading: Reading) -> Mat {
    let read = engine.chip().and_then(|chip| chip.read(state, reading));
    match read {
        Some(mut read) => read.swap_remove(model.read.0),
        None => model.layer(model.read).activation.values(&state[model.read.0]),
    }
}

/// The samples that stayed finite to both ends.
fn kept(ends: [&Settled; 2]) -> Vec<usize> {
    let finite = |s: usize| {
        ends.iter().all(|e| e.state.iter().all(|x| x.row(s).iter().all(|v| v.is_finite())))
    };
    (0..ends[0].outcome.len()).filter(|&s| finite(s)).collect()
}
