//! # eqcircuit
//!
//! An analog-hardware circuit simulator and co-design tool for energy-based networks.
//!
//! One straight data flow; every room reads only from rooms to its left
//! (`tests/layers.rs` enforces it):
//!
//! ```text
//! diag units numerics data | model netlist | spec | compile | engine | learn | run | report | cli
//! ```
//!
//! * [`spec`] turns a TOML file into checked data, all mistakes at once, each with its span.
//! * [`model`] is what is wanted: an [`model::EnergyModel`] in dimensionless numbers.
//! * [`compile`] lowers it to a [`compile::Fabric`] of conductances, draws a
//!   [`compile::Chip`] from it, and expands that into a [`netlist::Netlist`].
//! * [`engine`] finds the equilibrium of any of the three: ideal (energy), behavioural
//!   (batched ODE of the arrays), circuit (nodal analysis of every cell).
//! * [`run`] does what a verb of the command line asks and records it; [`report`] reads the
//!   records and draws.
//!
//! Sign conventions are said once, in [`model`]; units are SI everywhere inside.

pub mod diag;
pub mod units;

pub mod data;
pub mod numerics;

pub mod model;
pub mod netlist;

pub mod spec;

pub mod compile;

pub mod engine;

pub mod learn;

pub mod run;

pub mod report;

pub mod cli;
