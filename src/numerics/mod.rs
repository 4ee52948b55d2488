//! The ground floor of numbers: matrices, seeds, elementary functions, integrators and linear
//! algebra. Nothing here knows a circuit or a network.

pub mod aligned;
pub mod conv;
pub mod coupled;
pub mod crossbar;
pub mod dae;
pub mod dense;
pub mod draws;
pub mod fixed_point;
pub mod gemm;
pub mod kernels;
pub mod lanes;
pub mod linear;
pub mod math;
pub mod mostly;
pub mod newton;
pub mod normals;
pub mod ode;
pub mod panels;
pub mod relaxation;
pub mod rest;
pub mod seed;
pub mod spectrum;
pub mod statistics;
pub mod tableau;
pub mod transient;

mod activation;
mod bits;
mod control;
mod mat;
mod pool;
mod pseudo;

pub use activation::Activation;
pub use mat::{Mat, dot, max_abs, relative_difference};
