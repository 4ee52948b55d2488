//! Netlists as text: the home format, and SPICE.

mod spice;
mod toml;

pub use spice::{spice, spice_devices, spice_nodes};
pub use toml::toml;
