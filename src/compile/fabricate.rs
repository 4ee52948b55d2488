//! A fabric as made: all static randomness of the hardware is drawn here, once, so that every
//! engine sees the same chip.

use std::borrow::Cow;

use super::aim::row_sums;
use super::boundary::Converters;
use super::quirk::Quirk;
use super::segments::Segments;
use super::teach::{Fast, Learning};
use super::units::Quirks;
use super::{Direction, Fabric, Written};
use crate::model::{Coupling, EnergyPart, LayerId, State};
use crate::numerics::seed::Seed;
use crate::numerics::{Activation, Mat};
use crate::spec::{NonIdeal, Summing};
use crate::units::Siemens;

/// A fabric as made.
#[derive(Debug, Clone, PartialEq)]
pub struct Chip {
    /// What was asked for; its arrays hold the targets.
    pub fabric: Fabric,
    pub nonideal: NonIdeal,
    /// Conductances as made, one a [`Fabric::arrays`] entry.
    pub cells: Vec<Cells>,
    pub seed: Seed,
    /// Defects that stay for the life of the chip, one a [`Fabric::arrays`] entry.
    pub(super) quirks: Vec<[Quirk; 2]>,
    /// Those of the neurons, one a layer.
    pub(super) neurons: Vec<Quirks>,
    pub(super) converters: Converters,
    /// Wires of the tiles of each array.
    pub(super) segments: Vec<Vec<Segments>>,
    /// What a layer's gain is raised by; 1 where nothing makes up for lost conductance.
    pub(super) compensation: Vec<f64>,
    /// What programming it took at first.
    pub(super) programmed: Written,
    /// How often it was written.
    pub(super) writes: usize,
    /// Fast arrays as made, one an array, or none at all.
    pub(super) fast: Vec<Fast>,
    pub(super) learning: Learning,
    /// How many samples it was read for.
    pub(super) reads: usize,
}

/// The conductances of an array as made, `[post, pre]` \[S\].
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    pub plus: Mat,
    pub minus: Mat,
}

/// Draws all static randomness. With a default [`NonIdeal`] the chip is its fabric, to the bit.
pub fn fabricate(fabric: &Fabric, nonideal: &NonIdeal, seed: Seed) -> Chip {
    let window = [fabric.hardware.g_min, fabric.hardware.g_max];
    let quirks = fabric
        .arrays
        .iter()
        .map(|array| {
            // The two directions of a shared array are the same cells, drawn in `program`.
            if array.shares.is_some() {
                return [Quirk::default(), Quirk::default()];
            }
            let place = seed.child("fabrication").child(&array.name);
            let shape = [array.plus.rows(), array.plus.cols()];
            SIGNS.map(|sign| Quirk::draw(shape, nonideal, window, place.child(sign)))
        })
        .collect();
    let cells = fabric
        .arrays
        .iter()
        .map(|a| Cells { plus: a.plus.clone(), minus: a.minus.clone() })
        .collect();
    let place = seed.child("wires");
    let segments = fabric.arrays.iter().map(|a| Segments::draw(a, &nonideal.wire, place));
    let mut chip = Chip {
        fabric: fabric.clone(),
        nonideal: nonideal.clone(),
        cells,
        seed,
        quirks,
        neurons: Quirks::draw(fabric, nonideal, seed),
        converters: Converters::draw(fabric, nonideal, seed),
        segments: segments.collect(),
        compensation: vec![1.0; fabric.layers.len()],
        programmed: Written::default(),
        writes: 0,
        fast: Vec::new(),
        learning: Learning::default(),
        reads: 0,
    };
    chip.program();
    chip
}

pub(super) const SIGNS: [&str; 2] = ["plus", "minus"];

impl Chip {
    /// `G_i = leak_i + sum_j (Gp_ij + Gn_ij)` of every node of a layer as made \[S\]; of nodes behind
    /// virtual grounds the leak alone.
    pub fn row_totals(&self, layer: LayerId) -> Vec<Siemens> {
        let mut totals = self.fabric.layers[layer.0].leak.clone();
        if self.fabric.hardware.summing == Summing::VirtualGround {
            return totals;
        }
        for (a, _) in self.fabric.arrays_into(layer) {
            let Cells { plus, minus } = &self.cells[a];
            for (total, sum) in totals.iter_mut().zip(row_sums(plus, minus)) {
                *total += sum;
            }
        }
        totals
    }

    /// The chip with conductances from line to line: where a cell is linear, but not alone on its
    /// path, those that it has with what is in series with it.
    pub fn conducting(&self) -> Cow<'_, Chip> {
        let Some(r) = self.nonideal.cell.series() else { return Cow::Borrowed(self) };
        let mut chip = self.clone();
        for cells in &mut chip.cells {
            for g in [&mut cells.plus, &mut cells.minus].into_iter().flat_map(Mat::as_mut_slice) {
                *g /= 1.0 + r * *g;
            }
        }
        Cow::Owned(chip)
    }

    /// The weight an array makes, `(Gp - Gn) / scale`, `[post, pre]`. On a perfect chip this is
    /// `W`, or `W^T` for a backward array.
    pub fn weight(&self, array: usize) -> Mat {
        let scale = self.fabric.layers[self.fabric.arrays[array].post.0].scale;
        let Cells { plus, minus } = &self.cells[array];
        Mat::from_fn(plus.rows(), plus.cols(), |i, j| (plus[(i, j)] - minus[(i, j)]) / scale)
    }

    /// Shifts a parameter by `delta` as the chip makes it: half on each cell of the pair, in both
    /// directions of a dense coupling, so that row totals stay. `k` is row-major in the coupling.
    pub fn shift(&mut self, coupling: usize, k: usize, delta: f64) {
        match &self.fabric.model.couplings[coupling] {
            Coupling::Dense { weight, .. } => {
                let (post, pre) = (k / weight.cols(), k % weight.cols());
                for (a, array) in self.fabric.arrays.iter().enumerate() {
                    if array.coupling == coupling {
                        let place = match array.direction {
                            Direction::Forward => (post, pre),
                            Direction::Backward => (pre, post),
                        };
                        let half = 0.5 * delta * self.fabric.layers[array.post.0].scale;
                        self.cells[a].plus[place] += half;
                        self.cells[a].minus[place] -= half;
                    }
                }
            }
            Coupling::Bias { on, .. } => {
                let plan = &mut self.fabric.layers[on.0];
                plan.bias[k] += delta * plan.scale * self.fabric.hardware.v_unit;
            }
        }
    }

    /// The energy of the chip at a state, by part and sample, in the units of the model's energy.
    ///
    /// With `r_i = G_i / G_l` the motion is minus the gradient of
    /// `sum_i r_i (xhat_i x_i - L_i) - xhat_post^T W xhat_pre - b . xhat`, `W` as made, whenever
    /// both directions of a coupling make the same `W` and the activations are elementwise.
    /// Where they differ (twin arrays with spread) no energy exists and `W` is their mean; for
    /// softmax `r` is the layer's mean. Of neurons with gain factors `a` and offsets `c` in units
    /// of `x`, `r / a` takes the place of `r` and `b + r c / a` that of `b`. Wires are left out.
    pub fn energy_parts(&self, state: &State) -> Vec<EnergyPart> {
        let model = &self.fabric.model;
        let xhat = model.activations(state);
        let layers = model.free_layers().map(|l| EnergyPart {
            name: format!("layer {}", model.layer(l).name),
            value: self.layer_energy(l, &state[l.0], &xhat[l.0]),
        });
        let couplings = model.couplings.iter().enumerate().map(|(c, coupling)| {
            let (kind, value) = match coupling {
                Coupling::Dense { pre, post, .. } => {
                    let weight = self.mean_weight(c);
                    ("coupling", Coupling::Dense { pre: *pre, post: *post, weight }.energy(&xhat))
                }
                Coupling::Bias { on, value } => {
                    let value = self.bias_made(*on, value);
                    ("bias", Coupling::Bias { on: *on, value }.energy(&xhat))
                }
            };
            EnergyPart { name: format!("{kind} {}", model.coupling_name(coupling)), value }
        });
        layers.chain(couplings).collect()
    }

    /// The sum of [`Chip::energy_parts`], one a sample.
    pub fn energy(&self, state: &State) -> Vec<f64> {
        let mut total = vec![0.0; state.first().map_or(0, Mat::rows)];
        for part in self.energy_parts(state) {
            for (t, e) in total.iter_mut().zip(part.value) {
                *t += e;
            }
        }
        total
    }

    fn layer_energy(&self, layer: LayerId, x: &Mat, xhat: &Mat) -> Vec<f64> {
        let design = self.fabric.layers[layer.0].total;
        let mut r: Vec<f64> = self.row_totals(layer).iter().map(|g| g / design).collect();
        let mut pull = Vec::new();
        if let Some(units) = self.units(layer) {
            r.iter_mut().zip(&units).for_each(|(r, unit)| *r /= unit.gain);
            let offsets = units.iter().map(|unit| self.offset_of(layer, unit));
            pull = r.iter().zip(offsets).map(|(r, c)| r * c).collect();
        }
        let activation = self.fabric.model.layer(layer).activation;
        let dual = |s: usize| -> f64 {
            if activation == Activation::Softmax {
                let mean = r.iter().sum::<f64>() / r.len() as f64;
                let product: f64 = x.row(s).iter().zip(xhat.row(s)).map(|(x, v)| x * v).sum();
                return mean * (product - activation.lagrangian(x.row(s)));
            }
            let units = x.row(s).iter().zip(xhat.row(s)).zip(&r);
            units.map(|((&x, v), r)| r * (x * v - activation.lagrangian(&[x]))).sum()
        };
        let pulled = |s: usize| pull.iter().zip(xhat.row(s)).map(|(c, v)| c * v).sum::<f64>();
        (0..x.rows()).map(|s| dual(s) - pulled(s)).collect()
    }

    /// Biases of a layer as its sources make them.
    fn bias_made(&self, on: LayerId, asked: &[f64]) -> Vec<f64> {
        match self.units(on) {
            Some(units) => units.iter().zip(asked).map(|(unit, b)| unit.bias * b).collect(),
            None => asked.to_vec(),
        }
    }

    /// The weight of a dense coupling as made, `[post, pre]`, the mean over its directions.
    fn mean_weight(&self, coupling: usize) -> Mat {
        let made: Vec<Mat> = self
            .fabric
            .arrays
            .iter()
            .enumerate()
            .filter(|(_, a)| a.coupling == coupling)
            .map(|(a, array)| match array.direction {
                Direction::Forward => self.weight(a),
                Direction::Backward => self.weight(a).transposed(),
            })
            .collect();
        let n = made.len() as f64;
        Mat::from_fn(made[0].rows(), made[0].cols(), |i, j| {
            made.iter().map(|w| w[(i, j)]).sum::<f64>() / n
        })
    }
}
