//! A deep Hopfield block with convolutions: layers in a row, each joined to the next.
//!
//! With activations `s_l` of the layers `1..=N` and the block's input `x`, a current into the first,
//!
//! ```text
//! E = sum_l G(s_l) - Phi,    Phi = s_1 . x + sum_l s_{l+1} . P_l(w_l s_l + b_l)
//! at rest:  s_l = sigma_l(dPhi/ds_l),    sigma(u) = min(max(slope u, 0), 1), of the last layer u
//! ```
//!
//! where `w_l s_l` is a convolution or a dense product and `P_l` takes the largest of each window,
//! if the synapse pools (Nest and Ernoult, arXiv:2409.03306, section 2).

use super::{Activation, Coupling, EnergyModel, Family, Layer, LayerId};
use crate::numerics::Mat;
use crate::numerics::conv::{Conv, Pool, Shape};

/// The block as data; its weights are [`DeepHopfield::tensors`].
#[derive(Debug, Clone, PartialEq)]
pub struct DeepHopfield {
    /// Of each layer in order; the first is the shape of the input as well.
    pub layers: Vec<Shape>,
    /// Synapse `l` joins the layers `l` and `l + 1`.
    pub synapses: Vec<Synapse>,
    /// `slope` of the clamped layers' activation.
    pub slope: f64,
    /// Whether the last layer is clamped like the others, instead of linear.
    pub clamp_last: bool,
}

/// What joins a layer to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Synapse {
    Conv {
        conv: Conv,
        /// Windows of the convolution's output, of which the largest counts.
        pool: Option<Pool>,
    },
    /// Every number with every number.
    Dense { pre: usize, post: usize },
}

impl Synapse {
    /// What it makes of its layer.
    pub fn output(&self) -> Shape {
        match self {
            Synapse::Conv { pool: Some(pool), .. } => pool.output(),
            Synapse::Conv { conv, pool: None } => conv.output(),
            Synapse::Dense { post, .. } => Shape::flat(*post),
        }
    }

    /// The shape of its weight, outputs first.
    pub fn weight(&self) -> Vec<usize> {
        match self {
            Synapse::Conv { conv, .. } => {
                vec![conv.channels, conv.input.channels, conv.kernel, conv.kernel]
            }
            Synapse::Dense { pre, post } => vec![*post, *pre],
        }
    }

    /// Rows and columns of its weight as one matrix.
    pub fn matrix(&self) -> [usize; 2] {
        let shape = self.weight();
        [shape[0], shape[1..].iter().product()]
    }
}

impl DeepHopfield {
    /// Whether a layer's activation is clamped, and not linear.
    pub fn is_clamped(&self, layer: usize) -> bool {
        layer + 1 < self.layers.len() || self.clamp_last
    }

    /// The shape of the last layer, which is what the block gives.
    pub fn output(&self) -> Shape {
        *self.layers.last().expect("a block has layers")
    }

    /// The same block with a matrix in place of every convolution, each position with weights of its
    /// own; `None` if it pools.
    pub fn unrolled(&self) -> Option<DeepHopfield> {
        let dense = |synapse: &Synapse| match synapse {
            Synapse::Conv { pool: Some(_), .. } => None,
            Synapse::Conv { conv, pool: None } => {
                Some(Synapse::Dense { pre: conv.input.size(), post: conv.output().size() })
            }
            dense => Some(*dense),
        };
        let synapses: Option<Vec<Synapse>> = self.synapses.iter().map(dense).collect();
        Some(DeepHopfield { synapses: synapses?, ..self.clone() })
    }

    /// The kernels as one energy model, so that they can be put on arrays: of each synapse a dense
    /// coupling, its weight as a matrix, between two layers of its own; zero weights. Its clamped
    /// layer, the first, is not coupled at all.
    pub fn kernels(&self) -> EnergyModel {
        let layer = |name: String, size| Layer { name, size, activation: Activation::Identity };
        let mut layers = vec![layer("unused".to_string(), 1)];
        let mut couplings = Vec::new();
        for (l, synapse) in self.synapses.iter().enumerate() {
            let [rows, cols] = synapse.matrix();
            let [pre, post] = [layers.len(), layers.len() + 1].map(LayerId);
            layers.push(layer(format!("{l}-in"), cols));
            layers.push(layer(format!("{l}-out"), rows));
            couplings.push(Coupling::Dense { pre, post, weight: Mat::zeros(rows, cols) });
        }
        let read = LayerId(layers.len() - 1);
        EnergyModel { family: Family::Ham, layers, couplings, clamp: LayerId(0), read }
    }

    /// The block as a network whose nodes meet all their cells, if it is dense throughout: of each
    /// synapse a dense coupling, in order, then a bias for each of their outputs; all zero. Layers
    /// have their places from 0 on as names, and no layer is clamped: that one is empty. What the
    /// states `x` of this network are is `slope dPhi/ds` where a layer is clamped within 0 and 1.
    pub fn network(&self) -> Option<EnergyModel> {
        let empty = Layer { name: "input".into(), size: 0, activation: Activation::Identity };
        let layer = |(l, shape): (usize, &Shape)| Layer {
            name: l.to_string(),
            size: shape.size(),
            activation: match self.is_clamped(l) {
                true => Activation::HardSigmoid,
                false => Activation::Identity,
            },
        };
        let layers: Vec<Layer> =
            std::iter::once(empty).chain(self.layers.iter().enumerate().map(layer)).collect();
        let dense = |(l, synapse): (usize, &Synapse)| match *synapse {
            Synapse::Dense { pre, post } => {
                let weight = Mat::zeros(post, pre);
                Some(Coupling::Dense { pre: LayerId(l + 1), post: LayerId(l + 2), weight })
            }
            Synapse::Conv { .. } => None,
        };
        let dense: Option<Vec<Coupling>> = self.synapses.iter().enumerate().map(dense).collect();
        let bias = |(l, synapse): (usize, &Synapse)| {
            let value = vec![0.0; synapse.output().size()];
            Coupling::Bias { on: LayerId(l + 2), value }
        };
        let biases = self.synapses.iter().enumerate().map(bias);
        let couplings = dense?.into_iter().chain(biases).collect();
        let read = LayerId(layers.len() - 1);
        Some(EnergyModel { family: Family::Ham, layers, couplings, clamp: LayerId(0), read })
    }

    /// Names and shapes of the parameters, a weight and a bias a synapse: `0.weight`, `0.bias`, ...
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let of = |(l, synapse): (usize, &Synapse)| {
            let weight = synapse.weight();
            let bias = vec![weight[0]];
            [(format!("{l}.weight"), weight), (format!("{l}.bias"), bias)]
        };
        self.synapses.iter().enumerate().flat_map(of).collect()
    }
}
