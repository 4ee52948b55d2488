//! The ground floor of numbers: matrices, seeds, elementary functions, integrators and linear
//! algebra. Nothing here knows a circuit or a network.

pub mod dae;
pub mod dense;
pub mod math;
pub mod seed;

mod activation;
mod mat;

pub use activation::Activation;
pub use mat::{Mat, dot, max_abs, relative_difference};
