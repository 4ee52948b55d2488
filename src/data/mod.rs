//! Data sets: what is bundled, what is read from files, where it is looked for, and whether it
//! is what it should be.

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
    pub classes: usize,
    /// Height and width, when a sample is a picture.
    pub picture: Option<(usize, usize)>,
}
