//! A fabric as made: all static randomness of the hardware is drawn here, once, so that every
//! engine sees the same chip.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::aim::row_sums;
use super::{Array, Direction, Fabric};
use crate::model::{Coupling, EnergyPart, LayerId, State};
use crate::numerics::seed::Seed;
use crate::numerics::{Activation, Mat, math};
use crate::spec::{Hardware, NonIdeal};
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
    /// How often it was written.
    pub(super) writes: usize,
}

/// The conductances of an array as made, `[post, pre]` \[S\].
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    pub plus: Mat,
    pub minus: Mat,
}

/// What is wrong with the cells of one sign of an array; empty where nothing is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Quirk {
    /// Factor on the programmed conductance, row-major.
    pub factor: Vec<f64>,
    /// The conductance a cell is stuck at, by place, ascending.
    pub stuck: Vec<(usize, Siemens)>,
}

/// Draws all static randomness. With a default [`NonIdeal`] the chip is its fabric, to the bit.
pub fn fabricate(fabric: &Fabric, nonideal: &NonIdeal, seed: Seed) -> Chip {
    let quirks = fabric
        .arrays
        .iter()
        .map(|array| {
            // The two directions of a shared array are the same cells, drawn in `program`.
            if array.shares.is_some() {
                return [Quirk::default(), Quirk::default()];
            }
            let place = seed.child("fabrication").child(&array.name);
            SIGNS.map(|sign| Quirk::draw(array, nonideal, &fabric.hardware, place.child(sign)))
        })
        .collect();
    let cells = fabric
        .arrays
        .iter()
        .map(|a| Cells { plus: a.plus.clone(), minus: a.minus.clone() })
        .collect();
    let mut chip =
        Chip { fabric: fabric.clone(), nonideal: nonideal.clone(), cells, seed, quirks, writes: 0 };
    chip.program();
    chip
}

pub(super) const SIGNS: [&str; 2] = ["plus", "minus"];

impl Quirk {
    fn draw(array: &Array, nonideal: &NonIdeal, hardware: &Hardware, place: Seed) -> Quirk {
        let cells = array.plus.rows() * array.plus.cols();
        let fabrication = &nonideal.fabrication;
        let mut quirk = Quirk::default();
        let sigma = fabrication.spread;
        if sigma > 0.0 {
            let mut rng = place.child("spread").rng();
            quirk.factor = (0..cells)
                .map(|_| {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    math::exp(sigma * z - 0.5 * sigma * sigma)
                })
                .collect();
        }
        if fabrication.stuck_on > 0.0 || fabrication.stuck_off > 0.0 {
            let mut rng = place.child("stuck").rng();
            for cell in 0..cells {
                let u: f64 = rng.random();
                if u < fabrication.stuck_on {
                    quirk.stuck.push((cell, hardware.g_max));
                } else if u < fabrication.stuck_on + fabrication.stuck_off {
                    quirk.stuck.push((cell, hardware.g_min));
                }
            }
        }
        quirk
    }
}

impl Chip {
    /// `G_i = leak_i + sum_j (Gp_ij + Gn_ij)` of every node of a layer as made \[S\].
    pub fn row_totals(&self, layer: LayerId) -> Vec<Siemens> {
        let mut totals = self.fabric.layers[layer.0].leak.clone();
        for (a, _) in self.fabric.arrays_into(layer) {
            let Cells { plus, minus } = &self.cells[a];
            for (total, sum) in totals.iter_mut().zip(row_sums(plus, minus)) {
                *total += sum;
            }
        }
        totals
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
    /// softmax `r` is the layer's mean. Wires are left out.
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
                Coupling::Bias { .. } => ("bias", coupling.energy(&xhat)),
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
        let r: Vec<f64> = self.row_totals(layer).iter().map(|g| g / design).collect();
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
        (0..x.rows()).map(dual).collect()
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
