//! Learning with nothing but measurements of the network: equilibrium propagation through any
//! engine, and the optimisers that turn its gradients into writes.

mod bench;
mod chain;
mod check;
mod ep;
mod host;
mod implicit;
mod optim;
mod parameter;
mod trainer;
mod truth;

pub use bench::{Bench, Place, difference_step};
pub use chain::{
    AnalogBlock, Back, Chain, ChainChecked, ChainDescent, ChainFault, ChainLearns, ChainQuestion,
    ChainTrainer, Link, NonFinite, StepAgreement, check_chain,
};
pub use check::{AtBeta, BETAS, Checked, Question, TensorCheck, check, orders};
pub use ep::{EquilibriumPropagation, Estimate, Phases, outputs};
pub use host::{Host, Mode, loss};
pub use implicit::{Forward, Implicit};
pub use optim::{Optimiser, OptimiserRule, OptimiserState};
pub use parameter::Parameter;
pub use trainer::{Tally, Trainer};
pub use truth::{Agreement, Network, agreement, compare};

use crate::model::{Coupling, EnergyModel};
use crate::numerics::Mat;

/// Targets `[samples, classes]`: 1 at the label, 0 elsewhere.
///
/// # Panics
/// If a label is not below `classes`.
pub fn one_hot(labels: &[usize], classes: usize) -> Mat {
    let mut target = Mat::zeros(labels.len(), classes);
    for (s, &label) in labels.iter().enumerate() {
        target[(s, label)] = 1.0;
    }
    target
}

/// Zeros in the shapes of the couplings' parameters: `[post, pre]`, or `[1, size]` for a bias.
fn shapes(model: &EnergyModel) -> Vec<Mat> {
    let zeros = |coupling: &Coupling| match coupling {
        Coupling::Dense { weight, .. } => Mat::zeros(weight.rows(), weight.cols()),
        Coupling::Bias { value, .. } => Mat::zeros(1, value.len()),
    };
    model.couplings.iter().map(zeros).collect()
}

/// The class of the largest output, the first of equals.
pub fn prediction(outputs: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in outputs.iter().enumerate() {
        if *v > outputs[best] {
            best = i;
        }
    }
    best
}
