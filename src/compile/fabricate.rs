use super::Fabric;
use crate::model::EnergyModel;
use crate::numerics::Mat;
use crate::numerics::seed::Seed;
use crate::spec::NonIdeal;

/// A fabric as made.
#[derive(Debug, Clone, PartialEq)]
pub struct Chip {
    /// What was asked for; its arrays hold the targets.
    pub fabric: Fabric,
    pub nonideal: NonIdeal,
    /// Conductances as made, one a [`Fabric::arrays`] entry.
    pub cells: Vec<Cells>,
    pub seed: Seed,
}

/// The conductances of an array as made, `[post, pre]` \[S\].
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    pub plus: Mat,
    pub minus: Mat,
}

/// Draws all static randomness, once.
pub fn fabricate(_fabric: &Fabric, _nonideal: &NonIdeal, _seed: Seed) -> Chip {
    todo!()
}

impl Chip {
    /// `G_i = leak_i + sum_j (Gp_ij + Gn_ij)` of every node of a layer as made \[S\].
    pub fn row_totals(&self, _layer: crate::model::LayerId) -> Vec<f64> {
        todo!()
    }

    /// Programs new parameters into the same cells: quirks of fabrication persist, write noise is
    /// drawn anew from the number of the write.
    pub fn write(&mut self, _model: &EnergyModel) -> crate::compile::Written {
        todo!()
    }
}
