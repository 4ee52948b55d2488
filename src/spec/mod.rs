//! From text to checked data. All mistakes of a file are collected and reported together, each
//! with file, line, column and what to write instead.

mod settings;

pub use settings::*;
