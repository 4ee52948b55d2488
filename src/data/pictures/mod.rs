//! Labelled pictures, 8 bits a number, so that sets of a million fit in memory.
//!
//! * [`load`] and [`load_both`] read a set known by name ([`SETS`]); [`tree`] any pictures in
//!   folders of classes.
//! * [`Normalise`] and [`Augment`] say how [`Pictures::batch`] makes numbers of them.
//! * [`synthetic()`] needs no data at all.

mod archive;
mod array;
mod batch;
mod cifar;
mod decode;
mod imagenet;
mod npz;
mod pickle;
mod sets;
mod synthetic;
mod tar;
pub mod tree;

pub use batch::{Augment, Normalise};
pub use sets::{Form, Place, SETS, Set, find, load, load_both, set};
pub use synthetic::synthetic;

use super::DataFault;
use crate::numerics::conv::Shape;

/// Labelled pictures of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Such as `CIFAR-10, train`.
    pub name: String,
    pub shape: Shape,
    /// `[samples, channels, height, width]`, from 0 to [`Pictures::white`].
    pub pixels: Vec<u8>,
    /// The pixel that means 1: 255, but 16 where the source counts so far.
    pub white: u8,
    /// One class a sample, each below [`Pictures::classes`].
    pub labels: Vec<usize>,
    pub classes: usize,
}

impl Pictures {
    /// Samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of a sample, `[channels, height, width]`.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn sample(&self, sample: usize) -> &[u8] {
        let size = self.shape.size();
        &self.pixels[sample * size..][..size]
    }

    /// The samples named, in the order named, under another name.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn select(&self, name: &str, samples: &[usize]) -> Pictures {
        let mut pixels = Vec::with_capacity(samples.len() * self.shape.size());
        samples.iter().for_each(|&s| pixels.extend_from_slice(self.sample(s)));
        Pictures {
            name: name.to_owned(),
            pixels,
            labels: samples.iter().map(|&s| self.labels[s]).collect(),
            ..*self
        }
    }

    /// The first so many samples, or all where there are fewer.
    pub fn first(&self, samples: usize) -> Pictures {
        let samples = samples.min(self.len());
        Pictures {
            name: self.name.clone(),
            pixels: self.pixels[..samples * self.shape.size()].to_vec(),
            labels: self.labels[..samples].to_vec(),
            ..*self
        }
    }
}
