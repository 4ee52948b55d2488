//! What learning lowers.

use crate::numerics::{Mat, dot, math};

/// A cost `C(xhat)` of the read layer's activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cost {
    /// `1/2 |xhat - target|^2`
    #[default]
    SquaredError,
    /// `-sum target ln softmax(xhat)`
    CrossEntropy,
}

impl Cost {
    /// The cost of every sample; activations and targets are `[batch, size]`.
    pub fn value(self, xhat: &Mat, target: &Mat) -> Vec<f64> {
        let rows = xhat.iter_rows().zip(target.iter_rows());
        rows.map(|(v, y)| match self {
            Cost::SquaredError => {
                let e: Vec<f64> = v.iter().zip(y).map(|(v, y)| v - y).collect();
                0.5 * dot(&e, &e)
            }
            Cost::CrossEntropy => {
                let whole = math::log_sum_exp(v);
                v.iter().zip(y).map(|(v, y)| y * (whole - v)).sum()
            }
        })
        .collect()
    }
}
