//! Activations and their Lagrangians: what a layer computes, and what a neuron circuit claims to.

use std::borrow::Cow;

use super::{Mat, dot, kernels, math};

/// An activation `xhat = dL/dx`, named as in a file; see [`Activation::lagrangian`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x`
    Identity,
    /// `1 / (1 + exp(-(4 x - 2)))`, the activation of arXiv:2311.15673.
    Sigmoid,
    /// `tanh x`
    Tanh,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 1)`
    HardSigmoid,
    /// `exp(x_i) / sum_j exp(x_j)`: the hidden layer of a modern Hopfield network.
    Softmax,
}

impl Activation {
    pub const ALL: [Activation; 6] = [
        Activation::Identity,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::HardSigmoid,
        Activation::Softmax,
    ];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Identity => "identity",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::HardSigmoid => "hard-sigmoid",
            Activation::Softmax => "softmax",
        }
    }

    /// Whether each unit's activation depends on its own state alone (all but softmax).
    pub fn is_elementwise(self) -> bool {
        self != Activation::Softmax
    }

    /// The activation of one unit.
    ///
    /// # Panics
    /// For [`Activation::Softmax`], which has none.
    pub fn scalar(self, x: f64) -> f64 {
        match self {
            Activation::Identity => x,
            Activation::Sigmoid => math::logistic(4.0 * x - 2.0),
            Activation::Tanh => math::tanh(x),
            Activation::Relu => x.max(0.0),
            Activation::HardSigmoid => x.clamp(0.0, 1.0),
            Activation::Softmax => panic!("softmax is not elementwise"),
        }
    }

    /// The slope `dxhat/dx` of one unit; at a kink, the slope from the right of the lower kink
    /// and from the left of the upper one.
    ///
    /// # Panics
    /// For [`Activation::Softmax`].
    pub fn scalar_slope(self, x: f64) -> f64 {
        match self {
            Activation::Identity => 1.0,
            Activation::Sigmoid => {
                let v = math::logistic(4.0 * x - 2.0);
                4.0 * v * (1.0 - v)
            }
            Activation::Tanh => {
                let v = math::tanh(x);
                1.0 - v * v
            }
            Activation::Relu => f64::from(x >= 0.0),
            Activation::HardSigmoid => f64::from((0.0..=1.0).contains(&x)),
            Activation::Softmax => panic!("softmax is not elementwise"),
        }
    }

    /// The activations of one sample, `out[i] = dL/dx_i`.
    pub fn row(self, x: &[f64], out: &mut [f64]) {
        if self == Activation::Softmax {
            let top = math::log_sum_exp(x);
            for (v, x) in out.iter_mut().zip(x) {
                *v = math::exp(x - top);
            }
        } else {
            for (v, &x) in out.iter_mut().zip(x) {
                *v = self.scalar(x);
            }
        }
    }

    /// The activations of a batch, `[batch, size]`.
    pub fn values(self, x: &Mat) -> Mat {
        let mut out = Mat::zeros(x.rows(), x.cols());
        for s in 0..x.rows() {
            self.row(x.row(s), out.row_mut(s));
        }
        out
    }

    /// [`Activation::values`] by the batched kernels: equal to rounding, and quick.
    pub fn quick_values(self, x: &Mat) -> Cow<'_, Mat> {
        if self == Activation::Identity {
            return Cow::Borrowed(x);
        }
        if !self.is_elementwise() {
            return Cow::Owned(self.values(x));
        }
        let mut out = Mat::zeros(x.rows(), x.cols());
        kernels::activate(self, x.as_slice(), out.as_mut_slice(), &mut []);
        Cow::Owned(out)
    }

    /// `y <- (dxhat/dx)^T y` for one sample, the Hessian of the Lagrangian times a vector.
    pub fn times_slope(self, x: &[f64], y: &mut [f64]) {
        if self == Activation::Softmax {
            let mut v = vec![0.0; x.len()];
            self.row(x, &mut v);
            let mean = dot(&v, y);
            for (y, v) in y.iter_mut().zip(&v) {
                *y = v * (*y - mean);
            }
        } else {
            for (y, &x) in y.iter_mut().zip(x) {
                *y *= self.scalar_slope(x);
            }
        }
    }

    /// The Lagrangian `L(x)` of one sample:
    ///
    /// | activation | `L` |
    /// |---|---|
    /// | identity | `x^2 / 2` |
    /// | sigmoid | `ln(1 + exp(4x - 2)) / 4` |
    /// | tanh | `ln cosh x` |
    /// | relu | `max(x, 0)^2 / 2` |
    /// | hard sigmoid | `0` below 0, `x^2 / 2` between, `x - 1/2` above 1 |
    /// | softmax | `ln sum exp x` |
    pub fn lagrangian(self, x: &[f64]) -> f64 {
        let each = |f: fn(f64) -> f64| x.iter().map(|&x| f(x)).sum();
        match self {
            Activation::Identity => each(|x| 0.5 * x * x),
            Activation::Sigmoid => each(|x| 0.25 * math::softplus(4.0 * x - 2.0)),
            Activation::Tanh => each(math::log_cosh),
            Activation::Relu => each(|x| 0.5 * x.max(0.0) * x.max(0.0)),
            Activation::HardSigmoid => each(|x| {
                let v = x.clamp(0.0, 1.0);
                v * x - 0.5 * v * v
            }),
            Activation::Softmax => math::log_sum_exp(x),
        }
    }
}
