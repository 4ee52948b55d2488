//! A supply that gives way.

use super::Chip;
use crate::model::{LayerId, State};
use crate::units::Siemens;

impl Chip {
    /// What every unit of activation on a neuron's lines takes from the supply, as a share of it,
    /// one list a layer (empty for the clamped one); `None` where the supply does not give way.
    /// All activations are `1 / (1 + sum of shares)` of what they should be.
    pub fn draws(&self) -> Option<Vec<Vec<f64>>> {
        let supply = self.nonideal.periphery.supply?;
        let share = supply.droop / supply.voltage * self.fabric.hardware.v_unit;
        let model = &self.fabric.model;
        let layers = (0..model.layers.len()).map(|l| {
            if LayerId(l) == model.clamp {
                return Vec::new();
            }
            self.on_lines(LayerId(l)).into_iter().map(|g| share * g).collect()
        });
        Some(layers.collect())
    }

    /// The conductance of all cells on the two lines of each unit of a layer.
    fn on_lines(&self, layer: LayerId) -> Vec<Siemens> {
        let mut all = vec![0.0; self.fabric.model.layer(layer).size];
        for (array, cells) in self.fabric.arrays.iter().zip(&self.cells) {
            if array.pre != layer {
                continue;
            }
            for row in cells.plus.iter_rows().chain(cells.minus.iter_rows()) {
                all.iter_mut().zip(row).for_each(|(all, g)| *all += g);
            }
        }
        all
    }

    /// Lowers activations as the supply does.
    pub(super) fn sag(&self, activations: &mut State) {
        let Some(draws) = self.conducting().draws() else { return };
        let batch = activations.first().map_or(0, |m| m.rows());
        for s in 0..batch {
            let of = |(draws, v): (&Vec<f64>, &crate::numerics::Mat)| -> f64 {
                draws.iter().zip(v.row(s)).map(|(draw, v)| draw * v.abs()).sum()
            };
            let drawn: f64 = draws.iter().zip(&*activations).map(of).sum();
            for l in self.fabric.model.free_layers() {
                activations[l.0].row_mut(s).iter_mut().for_each(|v| *v /= 1.0 + drawn);
            }
        }
    }
}
