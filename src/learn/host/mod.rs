//! Digital layers between analog blocks, with a backward pass for each.
//!
//! The bits of a pass do not depend on the number of threads: what is summed over a batch is summed
//! over fixed chunks of it, in the order of the samples.

mod affine;
mod kernels;
mod loss;
mod norm;
mod pointwise;
#[cfg(test)]
mod tests;
mod window;

pub use loss::loss;

use super::Parameter;
use crate::model::{HostLayer, Shape};
use crate::numerics::Mat;
use crate::numerics::conv::{Conv, Pool};
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A step of learning: statistics of the batch, which move the running ones, and dropout by
    /// this draw, a new one each batch.
    Train { draw: Seed },
    /// Gradients of a function that stays the same from call to call: statistics of the batch, the
    /// running ones stay, no dropout.
    Check,
    /// Running statistics, no dropout; a backward pass cannot follow.
    Test,
}

/// A run of digital layers: the input of each is the output of the one before.
#[derive(Debug, Clone)]
pub struct Host<T> {
    stages: Vec<Stage<T>>,
    input: Shape,
    /// Samples of the last forward pass.
    batch: usize,
    non_finite: Option<usize>,
}

/// A layer in its place.
#[derive(Debug, Clone)]
struct Stage<T> {
    layer: HostLayer,
    input: Shape,
    output: Shape,
    /// The weight; the bias, if there is one; the running mean and variance of a batch-norm.
    parameters: Vec<Parameter<T>>,
    /// Of the last forward pass, for the backward pass.
    kept: Option<Kept<T>>,
}

/// What the backward pass of a layer needs of its forward pass.
#[derive(Debug, Clone)]
enum Kept<T> {
    Nothing,
    Input(Mat<T>),
    Normalised(norm::Normalised<T>),
    /// Where the largest of each window is, `[batch, output size]`.
    Places(Vec<u32>),
    /// Of dropout.
    Draw(Seed),
}

impl<T: Real> Host<T> {
    /// Weights and biases are uniform within plus and minus `1 / sqrt(fan in)`, as PyTorch draws
    /// them; each tensor has the child of `seed` by its name.
    ///
    /// # Panics
    /// If a layer cannot take the shape of its input.
    pub fn new(layers: &[HostLayer], input: Shape, seed: Seed) -> Host<T> {
        let mut shape = input;
        let mut stages = Vec::new();
        for (index, &layer) in layers.iter().enumerate() {
            let output = layer.output(shape).expect("a layer that fits its input");
            let parameters = match layer {
                HostLayer::BatchNorm { affine, .. } => norm::parameters(index, shape, affine),
                _ => affine::parameters(index, layer, shape, seed),
            };
            stages.push(Stage { layer, input: shape, output, parameters, kept: None });
            shape = output;
        }
        Host { stages, input, batch: 0, non_finite: None }
    }

    /// The shape of a sample that it takes.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The shape of a sample that it gives.
    pub fn output(&self) -> Shape {
        self.stages.last().map_or(self.input, |stage| stage.output)
    }

    /// From `[batch, input size]` to `[batch, output size]`.
    ///
    /// # Panics
    /// If `x` has rows of another size.
    pub fn forward(&mut self, x: &Mat<T>, mode: Mode) -> Mat<T> {
        assert_eq!(x.cols(), self.input.size(), "samples of another size");
        self.batch = x.rows();
        self.non_finite = None;
        let mut x = x.clone();
        for (index, stage) in self.stages.iter_mut().enumerate() {
            x = stage.forward(x, mode, index);
            // Only sums and products make a finite number infinite.
            let suspect = index == 0 || !stage.is_bounded();
            if self.non_finite.is_none() && suspect && !pointwise::is_finite(&x) {
                self.non_finite = Some(index);
            }
        }
        x
    }

    /// From `dL/doutput` `[batch, output size]` to `dL/dinput` `[batch, input size]`, which is
    /// skipped unless `inputs`; the gradients of the parameters are summed over the batch, so a
    /// mean has its `1 / batch` in `dy`. What the forward pass kept is gone afterwards.
    ///
    /// # Panics
    /// If the last forward pass kept nothing, or was of another batch.
    pub fn backward(&mut self, dy: Mat<T>, inputs: bool) -> Option<Mat<T>> {
        assert_eq!(dy.rows(), self.batch, "a gradient of another batch");
        let learned = self.stages.iter().position(Stage::is_learned);
        let first = if inputs { 0 } else { learned.unwrap_or(self.stages.len()) };
        let (unused, stages) = self.stages.split_at_mut(first);
        unused.iter_mut().for_each(|stage| stage.kept = None);
        let mut dy = Some(dy);
        for (index, stage) in stages.iter_mut().enumerate().rev() {
            dy = dy.and_then(|dy| stage.backward(dy, inputs || index > 0));
        }
        dy.filter(|_| inputs)
    }

    /// Of all layers, learned or not, as a `nn.Sequential` of PyTorch names them.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter<T>> {
        self.stages.iter().flat_map(|stage| &stage.parameters)
    }

    /// As [`Host::parameters`].
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter<T>> {
        self.stages.iter_mut().flat_map(|stage| &mut stage.parameters)
    }

    /// The first layer of the last forward pass whose output was not finite, and its word.
    pub fn non_finite(&self) -> Option<(usize, &'static str)> {
        self.non_finite.map(|index| (index, self.stages[index].layer.name()))
    }

    /// The same in other numbers, before any pass.
    pub fn cast<U: Real>(&self) -> Host<U> {
        let cast = |stage: &Stage<T>| Stage {
            layer: stage.layer,
            input: stage.input,
            output: stage.output,
            parameters: stage.parameters.iter().map(Parameter::cast).collect(),
            kept: None,
        };
        Host {
            stages: self.stages.iter().map(cast).collect(),
            input: self.input,
            batch: 0,
            non_finite: None,
        }
    }
}

impl<T: Real> Stage<T> {
    fn is_learned(&self) -> bool {
        self.parameters.iter().any(Parameter::is_learned)
    }

    /// Whether the output is no larger than the input, or than 1.
    fn is_bounded(&self) -> bool {
        use HostLayer::{Activation, Flatten, MaxPool};
        matches!(self.layer, Activation(_) | Flatten | MaxPool { .. })
    }

    fn forward(&mut self, x: Mat<T>, mode: Mode, index: usize) -> Mat<T> {
        let (y, kept) = match self.layer {
            HostLayer::Conv { channels, kernel, stride, padding, .. } => {
                let conv = Conv { input: self.input, channels, kernel, stride, padding };
                (affine::convolve(&conv, &self.parameters, &x), Kept::Input(x))
            }
            HostLayer::Linear { .. } => (affine::linear(&self.parameters, &x), Kept::Input(x)),
            HostLayer::BatchNorm { momentum, epsilon, .. } => {
                let statistics = match mode {
                    Mode::Train { .. } => norm::Statistics::Moving { momentum },
                    Mode::Check => norm::Statistics::Batch,
                    Mode::Test => norm::Statistics::Running,
                };
                let all = &mut self.parameters;
                let (y, kept) = norm::forward(self.input, all, x, statistics, epsilon);
                (y, Kept::Normalised(kept))
            }
            HostLayer::MaxPool { size, stride } => {
                let (y, at) = window::max(&Pool { input: self.input, size, stride }, &x);
                (y, Kept::Places(at))
            }
            HostLayer::AveragePool { size, stride } => {
                (window::mean(&Pool { input: self.input, size, stride }, &x), Kept::Nothing)
            }
            HostLayer::Activation(of) => (pointwise::activate(of, &x), Kept::Input(x)),
            HostLayer::Flatten => (x, Kept::Nothing),
            HostLayer::Dropout { rate } => match mode {
                Mode::Train { draw } => {
                    let draw = draw.child("dropout").index(index);
                    (pointwise::dropout(x, rate, draw), Kept::Draw(draw))
                }
                Mode::Check | Mode::Test => (x, Kept::Nothing),
            },
        };
        self.kept = (mode != Mode::Test).then_some(kept);
        y
    }

    fn backward(&mut self, dy: Mat<T>, inputs: bool) -> Option<Mat<T>> {
        assert_eq!(dy.cols(), self.output.size(), "a gradient of another size");
        let kept = self.kept.take().expect("a forward pass that keeps what its backward needs");
        match (self.layer, kept) {
            (HostLayer::Conv { channels, kernel, stride, padding, .. }, Kept::Input(x)) => {
                let conv = Conv { input: self.input, channels, kernel, stride, padding };
                affine::convolve_back(&conv, &mut self.parameters, &x, &dy, inputs)
            }
            (HostLayer::Linear { .. }, Kept::Input(x)) => {
                affine::linear_back(&mut self.parameters, &x, &dy, inputs)
            }
            (HostLayer::BatchNorm { .. }, Kept::Normalised(of)) => {
                norm::backward(self.input, &mut self.parameters, &of, dy, inputs)
            }
            (HostLayer::MaxPool { .. }, Kept::Places(at)) => {
                Some(window::max_back(self.input, &at, &dy))
            }
            (HostLayer::AveragePool { size, stride }, _) => {
                Some(window::mean_back(&Pool { input: self.input, size, stride }, &dy))
            }
            (HostLayer::Activation(of), Kept::Input(x)) => Some(pointwise::times_slope(of, &x, dy)),
            (HostLayer::Dropout { rate }, Kept::Draw(draw)) => {
                Some(pointwise::dropout(dy, rate, draw))
            }
            (_, _) => Some(dy),
        }
    }
}
