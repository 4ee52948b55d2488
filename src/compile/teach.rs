//! Chips that learn by pulse trains, and what they remember of it.

use super::coincidences::Coincidences;
use super::fabricate::SIGNS;
use super::pulse::Pulser;
use super::quirk::{Quirk, normals};
use super::trains::{Carried, Moved, Sense, apply, apply_and_carry};
use super::{Array, Chip, Direction, Written};
use crate::model::{EnergyModel, Outer};
use crate::numerics::Mat;
use crate::numerics::seed::Seed;
use crate::spec::{PairStyle, Trains, Transfer, Update};
use crate::units::Siemens;

/// What the rest of a training depends on beside the cells that the network has; lists are empty
/// where nothing is kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Learning {
    /// What the host owes the plus and minus cells of each array \[S\], `[post, pre]` row-major.
    pub owed: Vec<[Vec<Siemens>; 2]>,
    /// The fast array of each array \[S\], `[post, pre]`; empty for a shared one.
    pub fast: Vec<Mat>,
    /// Samples that trains have learned from.
    pub samples: usize,
}

/// A fast array as made.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Fast {
    quirk: Quirk,
    /// What each cell is at zero.
    reference: Vec<Siemens>,
}

impl Chip {
    /// Whether writes are pulse trains: [`Chip::teach`] instead of [`Chip::write`].
    pub fn learns_by_trains(&self) -> bool {
        self.trains().is_some()
    }

    /// What the chip remembers of its updates, for a checkpoint.
    pub fn learning(&self) -> &Learning {
        &self.learning
    }

    fn trains(&self) -> Option<Trains> {
        self.nonideal.update.as_ref().and_then(|update| update.trains)
    }

    /// Moves the cells by trains of pulses whose coincidences are, on the mean, the changes that
    /// `by` asks of each coupling's weights. `model` is what the host takes the parameters for
    /// afterwards: biases are set to it, cells are not.
    ///
    /// # Panics
    /// If the chip does not learn by trains, or a shape is not the one it was made for.
    pub fn teach(&mut self, model: &EnergyModel, by: &[Option<Outer>]) -> Written {
        let (Some(trains), Some(update)) = (self.trains(), self.nonideal.update.clone()) else {
            panic!("the chip is written cell by cell")
        };
        self.writes += 1;
        self.fabric.aim(model);
        let place = self.place_of_write();
        let mut moved = Moved::default();
        let mut samples = 0;
        for a in 0..self.fabric.arrays.len() {
            let array = &self.fabric.arrays[a];
            let Some(outer) = by[array.coupling].as_ref().filter(|_| array.shares.is_none()) else {
                continue;
            };
            samples = outer.post.rows() / outer.per_sample.max(1);
            let place = place.child(&array.name).child("trains");
            let one = self.teach_array(a, outer, trains, &update, place);
            moved.cells += one.cells;
            moved.pulses += one.pulses;
        }
        self.learning.samples += samples;
        let refreshed = self.refresh_pairs();
        self.copy_shared();
        self.compensate();
        Written {
            cells: moved.cells + refreshed.cells,
            pulses: moved.pulses + refreshed.pulses,
            clipped: self.fabric.clipped.len(),
        }
    }

    fn teach_array(
        &mut self,
        a: usize,
        outer: &Outer,
        trains: Trains,
        update: &Update,
        place: Seed,
    ) -> Moved {
        let array = &self.fabric.arrays[a];
        let scale = self.fabric.layers[array.post.0].scale;
        let gain = update.transfer.map_or(1.0, |transfer| transfer.gain);
        let forward = array.direction == Direction::Forward;
        let pulses = gain * scale / update.step;
        let met = Coincidences::draw(outer, forward, trains, pulses, place);
        let pulser = Pulser::new(update, [self.fabric.hardware.g_min, self.fabric.hardware.g_max]);
        let (cells, quirks) = (&mut self.cells[a], &self.quirks[a]);
        let moved = match update.transfer {
            Some(Transfer { every, rate, .. }) => {
                let Fast { quirk, reference } = &self.fast[a];
                let fast = &mut self.learning.fast[a];
                let carried = Carried {
                    cells: fast,
                    reference,
                    slow: &quirks[0].devices,
                    every,
                    before: self.learning.samples,
                    per_sample: outer.per_sample.max(1),
                    rate,
                };
                let slow = &mut cells.plus;
                let place = place.child("plus");
                let moved = apply_and_carry(&met, &pulser, &quirk.devices, carried, slow, place);
                quirk.stick(fast.as_mut_slice());
                moved
            }
            None => {
                let of = |sign: usize, sense: Sense, made: &mut Mat| {
                    let place = place.child(SIGNS[sign]);
                    apply(&met, sense, &pulser, &quirks[sign].devices, made, place)
                };
                match self.fabric.hardware.pair {
                    PairStyle::Reference => of(0, Sense::Both, &mut cells.plus),
                    PairStyle::OneSided => {
                        let plus = of(0, Sense::Rising, &mut cells.plus);
                        let minus = of(1, Sense::Falling, &mut cells.minus);
                        let pulses = plus.pulses + minus.pulses;
                        Moved { cells: plus.cells + minus.cells, pulses }
                    }
                }
            }
        };
        quirks[0].stick(cells.plus.as_mut_slice());
        quirks[1].stick(cells.minus.as_mut_slice());
        moved
    }

    /// Programs the minus cells of pairs with a reference to the symmetry points of their plus
    /// cells, and shifts these by as much; in how many pulses. Then makes what a training adds to.
    pub(super) fn prepare_learning(&mut self) -> usize {
        let Some(update) = self.nonideal.update.clone() else { return 0 };
        let window = [self.fabric.hardware.g_min, self.fabric.hardware.g_max];
        let middle = window[0] + 0.5 * (window[1] - window[0]);
        let pulser = Pulser::new(&update, window);
        let mut pulses = 0;
        for a in 0..self.fabric.arrays.len() {
            let array = &self.fabric.arrays[a];
            let (cells, quirks) = (&mut self.cells[a], &self.quirks[a]);
            let count = array.plus.as_slice().len();
            if array.shares.is_none()
                && let Some(reference) = update.reference
            {
                let place = self.seed.child("reference").child(&array.name);
                let plus = cells.plus.as_mut_slice();
                let found = pulser.symmetry_points(
                    &quirks[0].devices,
                    plus,
                    reference.pulses,
                    place.child("pulses"),
                );
                pulses += 2 * reference.pulses * count;
                let errors = match reference.error > 0.0 {
                    true => normals(place.child("error"), count),
                    false => Vec::new(),
                };
                for (k, (plus, minus)) in
                    plus.iter_mut().zip(cells.minus.as_mut_slice()).enumerate()
                {
                    let error = errors.get(k).map_or(0.0, |z| reference.error * z);
                    *minus = (found[k] + error).max(0.0);
                    *plus = (*plus + (found[k] - middle)).max(0.0);
                }
                quirks[0].stick(plus);
                quirks[1].stick(cells.minus.as_mut_slice());
            }
        }
        let owes = update.threshold.is_some();
        let owed = |array: &Array| match array.shares {
            None if owes => [(); 2].map(|()| vec![0.0; array.plus.as_slice().len()]),
            _ => [(); 2].map(|()| Vec::new()),
        };
        self.learning.owed = self.fabric.arrays.iter().map(owed).collect();
        if update.transfer.is_some() {
            pulses += self.make_fast(&update, &pulser, window);
        }
        pulses
    }

    /// Fast arrays at their zeros: their symmetry points, or without a reference their middles.
    fn make_fast(&mut self, update: &Update, pulser: &Pulser, window: [Siemens; 2]) -> usize {
        let mut pulses = 0;
        for array in &self.fabric.arrays {
            let shape = [array.plus.rows(), array.plus.cols()];
            if array.shares.is_some() {
                self.fast.push(Fast::default());
                self.learning.fast.push(Mat::zeros(0, 0));
                continue;
            }
            let place = self.seed.child("fabrication").child(&array.name).child("fast");
            let quirk = Quirk::draw(shape, &self.nonideal, window, place);
            let middle = vec![window[0] + 0.5 * (window[1] - window[0]); shape[0] * shape[1]];
            let reference = match update.reference {
                Some(reference) => {
                    pulses += 2 * reference.pulses * middle.len();
                    let place = self.seed.child("reference").child(&array.name).child("fast");
                    pulser.symmetry_points(&quirk.devices, &middle, reference.pulses, place)
                }
                None => middle,
            };
            let mut cells = reference.clone();
            quirk.stick(&mut cells);
            self.learning.fast.push(Mat::from_vec(shape[0], shape[1], cells));
            self.fast.push(Fast { quirk, reference });
        }
        pulses
    }
}
