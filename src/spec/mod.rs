//! From text to checked data. All mistakes of a file are collected and reported together, each
//! with file, line, column and what to write instead.

mod settings;
mod template;

pub use settings::*;
pub use template::{Pins, Site, TemplateFault};
