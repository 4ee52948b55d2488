//! What a digital host computes between analog blocks, as data: one layer after the other.

use crate::numerics::conv::{Conv, Pool, Shape};

/// A layer of a digital network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HostLayer {
    /// `y = w * x + b`, `w` `[channels, input channels, kernel, kernel]`.
    Conv { channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool },
    /// `y = W x + b` of a flat input, `W` `[size, input size]`.
    Linear { size: usize, bias: bool },
    /// Each channel to mean 0 and variance 1 (Ioffe and Szegedy 2015): over the batch in training,
    /// by running statistics otherwise; then scaled and shifted, by learned numbers if `affine`.
    BatchNorm { affine: bool, momentum: f64, epsilon: f64 },
    /// The largest of each window.
    MaxPool { size: usize, stride: usize },
    /// The mean of each window.
    AveragePool { size: usize, stride: usize },
    /// Each number by itself.
    Activation(HostActivation),
    /// All numbers in a row.
    Flatten,
    /// In training, each number is zero with this probability, and divided by the rest otherwise.
    Dropout { rate: f64 },
}

/// What a digital layer does to each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostActivation {
    /// `max(x, 0)`
    Relu,
    /// `max(x, x / 100)`
    LeakyRelu,
    /// `x / (1 + exp(-x))`
    Silu,
    /// `tanh x`
    Tanh,
    /// `1 / (1 + exp(-x))`
    Logistic,
    /// `min(max(x, 0), 1)`
    HardSigmoid,
}

impl HostActivation {
    pub const ALL: [HostActivation; 6] = [
        HostActivation::Relu,
        HostActivation::LeakyRelu,
        HostActivation::Silu,
        HostActivation::Tanh,
        HostActivation::Logistic,
        HostActivation::HardSigmoid,
    ];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            HostActivation::Relu => "relu",
            HostActivation::LeakyRelu => "leaky-relu",
            HostActivation::Silu => "silu",
            HostActivation::Tanh => "tanh",
            HostActivation::Logistic => "logistic",
            HostActivation::HardSigmoid => "hard-sigmoid",
        }
    }
}

impl HostLayer {
    /// The word for it in a file.
    pub fn name(&self) -> &'static str {
        match self {
            HostLayer::Conv { .. } => "conv",
            HostLayer::Linear { .. } => "linear",
            HostLayer::BatchNorm { .. } => "batch-norm",
            HostLayer::MaxPool { .. } => "max-pool",
            HostLayer::AveragePool { .. } => "average-pool",
            HostLayer::Activation(of) => of.name(),
            HostLayer::Flatten => "flatten",
            HostLayer::Dropout { .. } => "dropout",
        }
    }

    /// Names and shapes of its tensors in files, as PyTorch has them, for an input of this shape.
    pub fn tensors(&self, input: Shape) -> Vec<(&'static str, Vec<usize>)> {
        let with_bias = |weight: Vec<usize>, bias: bool| {
            let outputs = weight[0];
            let bias = bias.then(|| ("bias", vec![outputs]));
            [Some(("weight", weight)), bias].into_iter().flatten().collect()
        };
        match *self {
            HostLayer::Conv { channels, kernel, bias, .. } => {
                with_bias(vec![channels, input.channels, kernel, kernel], bias)
            }
            HostLayer::Linear { size, bias } => with_bias(vec![size, input.size()], bias),
            HostLayer::BatchNorm { .. } => ["weight", "bias", "running_mean", "running_var"]
                .map(|name| (name, vec![input.channels]))
                .to_vec(),
            _ => Vec::new(),
        }
    }

    /// The shape it makes of an input.
    ///
    /// # Errors
    /// Why it cannot take that shape.
    pub fn output(&self, input: Shape) -> Result<Shape, String> {
        match *self {
            HostLayer::Conv { channels, kernel, stride, padding, .. } => {
                let conv = Conv { input, channels, kernel, stride, padding };
                conv.try_output().ok_or_else(|| {
                    format!("a kernel of {kernel} x {kernel} is larger than its padded input")
                })
            }
            HostLayer::Linear { size, .. } => match input.is_flat() {
                true => Ok(Shape::flat(size)),
                false => Err("a linear layer takes a flat input".to_string()),
            },
            HostLayer::MaxPool { size, stride } | HostLayer::AveragePool { size, stride } => {
                let pool = Pool { input, size, stride };
                pool.try_output()
                    .ok_or_else(|| format!("a window of {size} x {size} is larger than its input"))
            }
            HostLayer::Flatten => Ok(Shape::flat(input.size())),
            HostLayer::BatchNorm { .. } | HostLayer::Activation(_) | HostLayer::Dropout { .. } => {
                Ok(input)
            }
        }
    }
}
