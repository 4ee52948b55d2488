//! Couplings between layers, and the tensors they learn.

use std::borrow::Cow;

use super::{LayerId, State};
use crate::numerics::{Mat, dot, gemm};

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

/// A change of a weight as a sum of products, as the lines of an array can carry it:
/// `dW = sum_t post_t pre_t^T` over the terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Outer {
    /// `[terms, post]`, those of a sample one after the other.
    pub post: Mat,
    /// `[terms, pre]`
    pub pre: Mat,
    /// Terms a sample.
    pub per_sample: usize,
}

impl Outer {
    /// The change itself, `[post, pre]`.
    pub fn sum(&self) -> Mat {
        gemm::spread(&self.post.transposed(), &self.pre)
    }
}

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
            Coupling::Dense { pre, post, .. } => {
                let mut back = xhat[post.0].transposed();
                back.as_mut_slice().iter_mut().for_each(|v| *v = -*v);
                gemm::spread(&back, &xhat[pre.0])
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

    /// `(dE/dparam of high - dE/dparam of low) / span`, each summed over the batch, from the
    /// activations of two states that share their inputs, those of the layer `clamp`.
    pub fn grad_between(
        &self,
        low: &[Cow<Mat>],
        high: &[Cow<Mat>],
        clamp: LayerId,
        span: f64,
    ) -> Mat {
        let change = |l: LayerId| {
            let (rows, cols) = (low[l.0].rows(), low[l.0].cols());
            let pairs = low[l.0].as_slice().iter().zip(high[l.0].as_slice());
            Mat::from_vec(rows, cols, pairs.map(|(low, high)| (low - high) / span).collect())
        };
        match self {
            Coupling::Dense { pre, post, .. } if *pre == clamp => {
                gemm::spread(&change(*post).transposed(), &low[pre.0])
            }
            Coupling::Dense { pre, post, .. } if *post == clamp => {
                gemm::spread(&low[post.0].transposed(), &change(*pre))
            }
            Coupling::Dense { pre, post, .. } => {
                let back = |x: &[Cow<Mat>], factor: f64| x[post.0].map(|v| factor * v);
                let back = stacked(&back(low, 1.0 / span), &back(high, -1.0 / span));
                gemm::spread(&back.transposed(), &stacked(&low[pre.0], &high[pre.0]))
            }
            Coupling::Bias { on, .. } => {
                let change = change(*on);
                let mut g = Mat::zeros(1, change.cols());
                for v in change.iter_rows() {
                    for (g, v) in g.row_mut(0).iter_mut().zip(v) {
                        *g += v;
                    }
                }
                g
            }
        }
    }

    /// `-rate` times [`Coupling::grad_between`] as a sum of products; `None` for a bias. Between two
    /// layers that move it is the change of either times the mean of the other, so that what both
    /// states have in common takes no pulses.
    pub fn contrast(
        &self,
        low: &[Cow<Mat>],
        high: &[Cow<Mat>],
        clamp: LayerId,
        span: f64,
        rate: f64,
    ) -> Option<Outer> {
        let Coupling::Dense { pre, post, .. } = self else { return None };
        let of = |l: LayerId, f: &dyn Fn(f64, f64) -> f64| {
            let (low, high) = (&low[l.0], &high[l.0]);
            let pairs = low.as_slice().iter().zip(high.as_slice());
            Mat::from_vec(low.rows(), low.cols(), pairs.map(|(a, b)| f(*a, *b)).collect())
        };
        let change = |l: LayerId| of(l, &|low, high| rate * (high - low) / span);
        let mean = |l: LayerId| of(l, &|low, high| 0.5 * (low + high));
        let outer = |post, pre, per_sample| Some(Outer { post, pre, per_sample });
        if *pre == clamp {
            return outer(change(*post), mean(*pre), 1);
        }
        if *post == clamp {
            return outer(mean(*post), change(*pre), 1);
        }
        outer(alternating(&change(*post), &mean(*post)), alternating(&mean(*pre), &change(*pre)), 2)
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

/// The rows of both.
fn stacked(a: &Mat, b: &Mat) -> Mat {
    let data = [a.as_slice(), b.as_slice()].concat();
    Mat::from_vec(a.rows() + b.rows(), a.cols(), data)
}

/// The rows of both in turn.
fn alternating(a: &Mat, b: &Mat) -> Mat {
    let data = a.iter_rows().zip(b.iter_rows()).flat_map(|(a, b)| a.iter().chain(b)).copied();
    Mat::from_vec(a.rows() + b.rows(), a.cols(), data.collect())
}
