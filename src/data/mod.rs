//! Data sets: what is bundled, what is read from files, where it is looked for, and whether it
//! is what it should be.
//!
//! * [`digits()`] is part of the program; [`csv`] and [`idx`] read files.
//! * [`registry`] knows data sets by name, where they are looked for, and their checksums.
//! * [`waves`] is what an analysis of a circuit gives, [`signal`] an expression over it; [`raw`],
//!   [`table`] and `parquet` (a feature) are its files.
//! * [`npy`] holds matrices, [`pictures`] labelled pictures of 8 bits a number.
//! * [`fetch`] brings the files of a known data set in.

pub mod csv;
pub mod fetch;
pub mod idx;
pub mod npy;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod pictures;
pub mod raw;
pub mod registry;
pub mod signal;
pub mod table;
pub mod waves;

mod digits;

pub use digits::digits;

use std::fmt;

use crate::numerics::Mat;

/// Samples, with their labels where there are any.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// Such as `digits (test)` or the file's name.
    pub name: String,
    /// `[samples, size]`
    pub inputs: Mat,
    /// One class a sample.
    pub labels: Option<Vec<usize>>,
    /// One more than the largest label; 0 without labels.
    pub classes: usize,
    /// Height and width, when a sample is a picture.
    pub picture: Option<(usize, usize)>,
}

impl DataSet {
    /// The samples named, in the order named, under another name.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn select(&self, name: &str, samples: &[usize]) -> DataSet {
        DataSet {
            name: name.to_owned(),
            inputs: self.inputs.select_rows(samples),
            labels: self.labels.as_ref().map(|l| samples.iter().map(|&s| l[s]).collect()),
            classes: self.classes,
            picture: self.picture,
        }
    }
}

/// The two parts of a data set that is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// What is learned from.
    Train,
    /// What accuracy is measured on.
    Test,
}

impl Split {
    /// The word for it in a file and in names.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }
}

/// What is wrong with data that was asked for: a value, to be shown beside what asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFault {
    /// Line of the file, from 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// Character in that line, from 1; `None` where the whole line is meant.
    pub column: Option<usize>,
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl DataFault {
    /// A fault of a whole file or data set.
    pub fn whole(message: impl Into<String>, help: impl Into<String>) -> DataFault {
        DataFault { line: None, column: None, message: message.into(), help: help.into() }
    }
}

impl fmt::Display for DataFault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            _ => {}
        }
        write!(f, "{} (help: {})", self.message, self.help)
    }
}

impl std::error::Error for DataFault {}
