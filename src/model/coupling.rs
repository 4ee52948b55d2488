//! Couplings between layers, and the tensors they learn.

use super::{LayerId, State};
use crate::numerics::{Mat, dot};

/// What joins layers. `N` names a layer: a [`LayerId`] once the names of a file are resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Coupling<N = LayerId> {
    /// `E = -xhat_post^T W xhat_pre`
    Dense {
        pre: N,
        post: N,
        /// `[post, pre]`
        weight: Mat,
    },
    /// `E = -b . xhat`
    Bias {
        on: N,
        /// `[size]`
        value: Vec<f64>,
    },
}

/// One tensor a coupling, in the order of the couplings and in their shapes: a gradient, or a
/// change of the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Params(pub Vec<Mat>);

impl Coupling {
    /// The energy of every sample, from the activations.
    pub fn energy(&self, xhat: &State) -> Vec<f64> {
        match self {
            Coupling::Dense { pre, post, weight } => {
                let (pre, post) = (&xhat[pre.0], &xhat[post.0]);
                (0..pre.rows())
                    .map(|s| {
                        let x = pre.row(s);
                        -post
                            .row(s)
                            .iter()
                            .zip(weight.iter_rows())
                            .map(|(v, w)| v * dot(w, x))
                            .sum::<f64>()
                    })
                    .collect()
            }
            Coupling::Bias { on, value } => {
                xhat[on.0].iter_rows().map(|v| -dot(v, value)).collect()
            }
        }
    }

    /// Adds `-dE/dxhat` to the layers it touches.
    pub fn add_force(&self, xhat: &State, force: &mut State) {
        match self {
            Coupling::Dense { pre, post, weight } => {
                for s in 0..xhat[pre.0].rows() {
                    let x = xhat[pre.0].row(s);
                    for (f, w) in force[post.0].row_mut(s).iter_mut().zip(weight.iter_rows()) {
                        *f += dot(w, x);
                    }
                    let y = xhat[post.0].row(s);
                    let back = force[pre.0].row_mut(s);
                    for (&y, w) in y.iter().zip(weight.iter_rows()) {
                        for (f, w) in back.iter_mut().zip(w) {
                            *f += w * y;
                        }
                    }
                }
            }
            Coupling::Bias { on, value } => {
                for s in 0..force[on.0].rows() {
                    for (f, b) in force[on.0].row_mut(s).iter_mut().zip(value) {
                        *f += b;
                    }
                }
            }
        }
    }

    /// `dE/dparam`, summed over the batch: `[post, pre]`, or `[1, size]` for a bias.
    pub fn grad(&self, xhat: &State) -> Mat {
        match self {
            Coupling::Dense { pre, post, weight } => {
                let (pre, post) = (&xhat[pre.0], &xhat[post.0]);
                let mut g = Mat::zeros(weight.rows(), weight.cols());
                for s in 0..pre.rows() {
                    for (i, &v) in post.row(s).iter().enumerate() {
                        for (g, x) in g.row_mut(i).iter_mut().zip(pre.row(s)) {
                            *g -= v * x;
                        }
                    }
                }
                g
            }
            Coupling::Bias { on, value } => {
                let mut g = Mat::zeros(1, value.len());
                for v in xhat[on.0].iter_rows() {
                    for (g, v) in g.row_mut(0).iter_mut().zip(v) {
                        *g -= v;
                    }
                }
                g
            }
        }
    }

    /// The learned numbers, row-major.
    pub fn values(&self) -> &[f64] {
        match self {
            Coupling::Dense { weight, .. } => weight.as_slice(),
            Coupling::Bias { value, .. } => value,
        }
    }

    /// The learned numbers, row-major.
    pub fn values_mut(&mut self) -> &mut [f64] {
        match self {
            Coupling::Dense { weight, .. } => weight.as_mut_slice(),
            Coupling::Bias { value, .. } => value,
        }
    }
}
