//! Every effect of `[nonideal]` alone: none where it is off, and what its equation says where it is
//! on.
//!
//! Statistics are judged at six standard errors: about 2e-9 of a false alarm a check, below 1e-6
//! over all checks of this file together; seeds are fixed, so a check that passed stays passed.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

#[path = "../common/mod.rs"]
mod common;

mod engines;
mod fabrication;
mod periphery;
mod presets;
mod programming;
mod read;
mod read_engines;
mod read_runs;
mod read_together;
mod resumed;
mod roll;
mod schemes;
mod time;
mod update;

use common::{hardware, layered};
use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::model::{Activation, EnergyModel};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{ArrayStyle, NonIdeal};

/// Standard errors.
const LIMIT: f64 = 6.0;

/// 100 inputs, 50 hidden units, 10 outputs.
fn big() -> EnergyModel {
    layered(&[100, 50, 10], &[Activation::Tanh; 3], 1.0, Seed::new(3))
}

fn chip(nonideal: &NonIdeal, seed: u64) -> Chip {
    let model = big();
    fabricate(&compile(&model, &hardware(&model, ArrayStyle::Twin)), nonideal, Seed::new(seed))
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

/// Holds independent values against a mean and a standard deviation, each within six of its
/// standard errors; that of the deviation from the values' own fourth moment.
fn check_moments(values: &[f64], mean: f64, sd: f64, what: &str) {
    let n = values.len() as f64;
    let (found, spread) = moments(values);
    assert!((found - mean).abs() < LIMIT * sd / n.sqrt(), "{what}: mean {found}, not {mean}");
    let fourth = values.iter().map(|v| (v - found).powi(4)).sum::<f64>() / n;
    let error = (fourth - spread.powi(4)).max(0.0).sqrt() / n.sqrt() / (2.0 * spread);
    assert!((spread - sd).abs() < LIMIT * error, "{what}: deviation {spread}, not {sd}");
}
