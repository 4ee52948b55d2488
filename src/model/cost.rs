//! What learning lowers.

use crate::numerics::{Mat, dot};

/// A cost `C(xhat)` of the read layer's activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cost {
    /// `1/2 |xhat - target|^2`
    #[default]
    SquaredError,
}

impl Cost {
    /// The cost of every sample; activations and targets are `[batch, size]`.
    pub fn value(self, xhat: &Mat, target: &Mat) -> Vec<f64> {
        match self {
            Cost::SquaredError => xhat
                .iter_rows()
                .zip(target.iter_rows())
                .map(|(v, y)| {
                    let e: Vec<f64> = v.iter().zip(y).map(|(v, y)| v - y).collect();
                    0.5 * dot(&e, &e)
                })
                .collect(),
        }
    }
}
