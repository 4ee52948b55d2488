//! What is wanted: an energy-based network in dimensionless numbers, as data.
//!
//! # Sign conventions
//!
//! A layer `l` has states `x_l` and activations `xhat_l = dL_l/dx_l`, the gradient of its
//! Lagrangian. A dense coupling with weight `W` of shape `[post, pre]` and a bias `b` give
//!
//! ```text
//! HAM:  E = sum_l [ xhat_l . x_l - L_l(x_l) ] - sum_c xhat_post^T W xhat_pre - b . xhat
//!       tau dx/dt = -dF/dxhat
//! CHN:  E = 1/2 sum_l |x_l|^2                 - sum_c xhat_post^T W xhat_pre - b . xhat
//!       tau dx/dt = -dF/dx
//! ```
//!
//! with `F = E + beta C`. The two families differ only in the factor `dxhat/dx` of the dynamics
//! (Krotov's hierarchical associative memory and the continuous Hopfield network of Bengio and
//! Fischer, in the notation of arXiv:2311.15673, equations 1 to 4). A *force* is minus the
//! gradient: along `xhat` for a HAM, along `x` for a CHN; equilibrium is force zero.
//! The equilibrium-propagation estimate of a gradient is
//! `[dE/dW(+beta) - dE/dW(-beta)] / (2 beta)`.
//!
//! The clamped layer is part of the state and never moves: its states are the inputs, its
//! activations are what the next layers see, and its own term of the energy is a constant that
//! is left out.

mod cost;
mod coupling;
mod deep;
mod host;
mod layer;

pub use crate::numerics::Activation;
pub use crate::numerics::conv::Shape;
pub use cost::Cost;
pub use coupling::{Coupling, Outer, Params};
pub use deep::{DeepHopfield, Synapse};
pub use host::{HostActivation, HostLayer};
pub use layer::Layer;

use std::borrow::Cow;

use crate::numerics::{Mat, dot};

/// Which of the two dynamics of [`crate::model`] the network follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Hierarchical associative memory: moves along the gradient in the activations.
    #[default]
    Ham,
    /// Continuous Hopfield network: moves along the gradient in the states.
    Chn,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::Ham, Family::Chn];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Family::Ham => "ham",
            Family::Chn => "chn",
        }
    }
}

/// The place of a layer in [`EnergyModel::layers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId(pub usize);

/// One matrix `[batch, size]` a layer, in the model's own units; the clamped layer included.
pub type State = Vec<Mat>;

/// A part of the energy by name, one number a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyPart {
    pub name: String,
    /// `[batch]`
    pub value: Vec<f64>,
}

/// An energy-based network: layers, what couples them, which layer is clamped to the input and
/// which one is read.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyModel {
    pub family: Family,
    pub layers: Vec<Layer>,
    pub couplings: Vec<Coupling>,
    pub clamp: LayerId,
    pub read: LayerId,
}

impl EnergyModel {
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.0]
    }

    /// The name of a coupling, unique in the model: `input-hidden` for a dense one, `hidden` for
    /// a bias.
    pub fn coupling_name(&self, coupling: &Coupling) -> String {
        match coupling {
            Coupling::Dense { pre, post, .. } => {
                format!("{}-{}", self.layer(*pre).name, self.layer(*post).name)
            }
            Coupling::Bias { on, .. } => self.layer(*on).name.clone(),
        }
    }

    /// The name of a coupling's parameter tensor, `<name>.weight` or `<name>.bias`.
    pub fn tensor_name(&self, coupling: &Coupling) -> String {
        let word = match coupling {
            Coupling::Dense { .. } => "weight",
            Coupling::Bias { .. } => "bias",
        };
        format!("{}.{word}", self.coupling_name(coupling))
    }

    /// The layers that move, in order.
    pub fn free_layers(&self) -> impl Iterator<Item = LayerId> + '_ {
        (0..self.layers.len()).map(LayerId).filter(|&l| l != self.clamp)
    }

    /// The state of rest with the inputs `[batch, size of the clamped layer]` in place.
    pub fn rest(&self, inputs: &Mat) -> State {
        assert_eq!(
            inputs.cols(),
            self.layer(self.clamp).size,
            "inputs do not fit the clamped layer"
        );
        (0..self.layers.len())
            .map(|l| {
                if LayerId(l) == self.clamp {
                    inputs.clone()
                } else {
                    Mat::zeros(inputs.rows(), self.layers[l].size)
                }
            })
            .collect()
    }

    /// The activations `xhat` of a state.
    pub fn activations(&self, state: &State) -> State {
        self.layers.iter().zip(state).map(|(layer, x)| layer.activation.values(x)).collect()
    }

    /// The energy of every sample, by named part: one part a free layer and one a coupling.
    /// The sum over the parts is `E`.
    pub fn energy(&self, state: &State) -> Vec<EnergyPart> {
        let xhat = self.activations(state);
        let layers = self.free_layers().map(|id| {
            let (layer, x, v) = (self.layer(id), &state[id.0], &xhat[id.0]);
            let value = (0..x.rows())
                .map(|s| match self.family {
                    Family::Ham => dot(x.row(s), v.row(s)) - layer.activation.lagrangian(x.row(s)),
                    Family::Chn => 0.5 * dot(x.row(s), x.row(s)),
                })
                .collect();
            EnergyPart { name: format!("layer {}", layer.name), value }
        });
        let couplings = self.couplings.iter().map(|c| {
            let kind = match c {
                Coupling::Dense { .. } => "coupling",
                Coupling::Bias { .. } => "bias",
            };
            EnergyPart { name: format!("{kind} {}", self.coupling_name(c)), value: c.energy(&xhat) }
        });
        layers.chain(couplings).collect()
    }

    /// `-dE/dxhat` (HAM) or `-dE/dx` (CHN) of every free layer; zero for the clamped one.
    /// Times `1/tau` this is `dx/dt`.
    pub fn force(&self, state: &State) -> State {
        let xhat = self.activations(state);
        let mut drive: State = state.iter().map(|x| Mat::zeros(x.rows(), x.cols())).collect();
        for coupling in &self.couplings {
            coupling.add_force(&xhat, &mut drive);
        }
        drive[self.clamp.0] = Mat::zeros(state[self.clamp.0].rows(), state[self.clamp.0].cols());
        for id in self.free_layers() {
            let (layer, x) = (self.layer(id), &state[id.0]);
            for s in 0..x.rows() {
                if self.family == Family::Chn {
                    layer.activation.times_slope(x.row(s), drive[id.0].row_mut(s));
                }
                for (f, x) in drive[id.0].row_mut(s).iter_mut().zip(x.row(s)) {
                    *f -= x;
                }
            }
        }
        drive
    }

    /// `dE/dparam` in closed form, summed over the batch.
    pub fn grad(&self, state: &State) -> Params {
        let xhat = self.activations(state);
        Params(self.couplings.iter().map(|c| c.grad(&xhat)).collect())
    }

    /// `(dE/dparam of high - dE/dparam of low) / span` in closed form, each summed over the
    /// batch, for two states with the same inputs: what [`EnergyModel::grad`] gives of both, to
    /// rounding, at the price of one.
    pub fn grad_between(&self, low: &State, high: &State, span: f64) -> Params {
        let [low, high] = [low, high].map(|state| {
            let layers = self.layers.iter().zip(state);
            layers.map(|(layer, x)| layer.activation.quick_values(x)).collect::<Vec<_>>()
        });
        let each = self.couplings.iter().map(|c| c.grad_between(&low, &high, self.clamp, span));
        Params(each.collect())
    }

    /// As [`EnergyModel::grad_between`], from the activations of the two states.
    pub fn grad_of_activations(&self, low: &State, high: &State, span: f64) -> Params {
        let [low, high] = [low, high].map(|s| s.iter().map(Cow::Borrowed).collect::<Vec<_>>());
        let each = self.couplings.iter().map(|c| c.grad_between(&low, &high, self.clamp, span));
        Params(each.collect())
    }

    /// `-rate` times [`EnergyModel::grad_of_activations`] as sums of products, one a coupling.
    pub fn contrast(&self, low: &State, high: &State, span: f64, rate: f64) -> Vec<Option<Outer>> {
        let [low, high] = [low, high].map(|s| s.iter().map(Cow::Borrowed).collect::<Vec<_>>());
        let couplings = self.couplings.iter();
        couplings.map(|c| c.contrast(&low, &high, self.clamp, span, rate)).collect()
    }
}
