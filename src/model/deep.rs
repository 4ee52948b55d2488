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
