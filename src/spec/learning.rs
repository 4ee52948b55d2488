//! What `[train]` says of gradients and of how parameters follow them.

use crate::numerics::math;

/// Where gradients come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    EquilibriumPropagation(EquilibriumPropagation),
    ImplicitGradient(ImplicitGradient),
}

/// The gradient of the cost at the model's own fixed point, by its adjoint equation
/// (arXiv:2311.15673, section 2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImplicitGradient {
    /// `backward`
    pub backward: Backward,
    /// `iterations`: most evaluations of the adjoint equation.
    pub iterations: usize,
    /// `tolerance`: the relative residual at which a sample's adjoint equation is solved.
    pub tolerance: Option<f64>,
    /// `error`
    pub error: ErrorOf,
}

/// How the adjoint equation is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backward {
    /// Plain iteration: a term of the Neumann series an evaluation.
    #[default]
    Recurrent,
    /// With the solver of the forward pass.
    Adjoint,
}

impl Backward {
    pub const ALL: [Backward; 2] = [Backward::Recurrent, Backward::Adjoint];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Backward::Recurrent => "recurrent",
            Backward::Adjoint => "adjoint",
        }
    }
}

/// What the squared error is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorOf {
    /// `1/2 |xhat - target|^2`
    #[default]
    Activations,
    /// `1/2 |x - target|^2`
    States,
}

impl ErrorOf {
    pub const ALL: [ErrorOf; 2] = [ErrorOf::Activations, ErrorOf::States];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            ErrorOf::Activations => "activations",
            ErrorOf::States => "states",
        }
    }
}

/// The learning rule: a free phase, then nudged phases that start from the free state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EquilibriumPropagation {
    /// `beta`: strength of the nudge, positive.
    pub beta: f64,
    /// `phases`
    pub phases: Phases,
}

/// Which nudged phases follow the free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phases {
    /// `[dE(+beta) - dE(-beta)] / (2 beta)`: second order in `beta`.
    #[default]
    Centred,
    /// `[dE(+beta) - dE(0)] / beta`: first order.
    Positive,
    /// `[dE(0) - dE(-beta)] / beta`: first order.
    Negative,
}

impl Phases {
    pub const ALL: [Phases; 3] = [Phases::Centred, Phases::Positive, Phases::Negative];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Phases::Centred => "centred",
            Phases::Positive => "positive",
            Phases::Negative => "negative",
        }
    }
}

/// How parameters follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimiserRule {
    /// `m <- momentum m + g; w <- w - rate m`
    Sgd { momentum: f64 },
    /// Kingma and Ba 2015, with bias correction.
    Adam { beta1: f64, beta2: f64, epsilon: f64 },
    /// Bernstein et al. 2020: `w <- w exp(-rate sign(w) g / sqrt(v))` with the quotient within plus
    /// and minus `bound`, and no weight beyond `scale` times the root mean square its tensor began
    /// with.
    Madam { scale: f64, bound: f64 },
}

/// The learning rate over the whole training, as a factor on the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Schedule {
    #[default]
    Constant,
    /// `1 - s` with `s` the share of all updates that are done.
    Linear,
    /// `1/2 (1 + cos(pi s))` (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// `(1/100)^s`
    Exponential,
    /// From 1 to 1/10 in equal steps, one an epoch (arXiv:2311.15673).
    Tenth,
}

impl Schedule {
    pub const ALL: [Schedule; 5] = [
        Schedule::Constant,
        Schedule::Linear,
        Schedule::Cosine,
        Schedule::Exponential,
        Schedule::Tenth,
    ];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Schedule::Constant => "constant",
            Schedule::Linear => "linear",
            Schedule::Cosine => "cosine",
            Schedule::Exponential => "exponential",
            Schedule::Tenth => "to-a-tenth",
        }
    }

    /// What the first rate is multiplied by when `done` of `all` updates in so many epochs are made.
    pub fn factor(self, done: usize, all: usize, epochs: usize) -> f64 {
        let share = done as f64 / all as f64;
        let epoch = done * epochs / all;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - share,
            Schedule::Cosine => 0.5 * (1.0 + math::cos(std::f64::consts::PI * share)),
            Schedule::Exponential => math::pow(0.01, share),
            Schedule::Tenth => 1.0 - 0.9 * epoch as f64 / epochs.saturating_sub(1).max(1) as f64,
        }
    }
}
