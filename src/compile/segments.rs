//! Wires as made.

use super::quirk::normals;
use super::{Array, Tile};
use crate::numerics::seed::Seed;
use crate::spec::{Spread, Wire};
use crate::units::Ohm;

/// Factors on the resistance of the segments of a tile's lines; empty where all are 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Segments {
    /// Of every word line, from the driver on.
    word: Vec<f64>,
    /// Of every bit line, up to the summing node.
    bit: Vec<f64>,
}

impl Segments {
    /// Those of each tile of an array.
    pub fn draw(array: &Array, wire: &Wire, place: Seed) -> Vec<Segments> {
        let spread = Spread { sigma: wire.spread, ..Spread::default() };
        let of = |(t, tile): (usize, &Tile)| {
            if wire.spread <= 0.0 || wire.r_segment <= 0.0 {
                return Segments::default();
            }
            let place = place.child(&array.name).index(t);
            let draw = |name: &str, count: usize| -> Vec<f64> {
                normals(place.child(name), count).into_iter().map(|z| spread.factor(z)).collect()
            };
            let (cols, rows) = (tile.post.len(), 2 * tile.pre.len());
            Segments { word: draw("word", cols), bit: draw("bit", rows) }
        };
        array.tiles.iter().enumerate().map(of).collect()
    }

    /// The segment that leads to cell `k` of a word line, without the driver.
    pub fn word(&self, k: usize, wire: &Wire) -> Ohm {
        self.word.get(k).map_or(wire.r_segment, |f| f * wire.r_segment)
    }

    /// The segment that leads on from cell `k` of a bit line, without the sense resistance.
    pub fn bit(&self, k: usize, wire: &Wire) -> Ohm {
        self.bit.get(k).map_or(wire.r_segment, |f| f * wire.r_segment)
    }

    /// Whether the segments at all places are alike.
    pub fn are_alike(&self) -> bool {
        self.word.is_empty()
    }
}
