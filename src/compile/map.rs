//! Weights onto conductances.

use super::aim::{Aim, aim, row_sums, way};
use super::{Array, Clipped, Direction, Fabric, LayerPlan, Tile};
use crate::model::{Coupling, EnergyModel, LayerId};
use crate::numerics::{Mat, max_abs};
use crate::spec::{ArrayStyle, Hardware, PairStyle, Summing};
use crate::units::Siemens;

/// Maps a model onto conductances: the scheme and its symbols are in [`crate::compile`].
///
/// # Panics
/// If the model is not a HAM (a CHN's force carries the factor `dxhat/dx`, which no crossbar
/// computes) or is empty; the reader of files refuses both before.
pub fn compile(model: &EnergyModel, hardware: &Hardware) -> Fabric {
    assert_eq!(model.family, crate::model::Family::Ham, "only a HAM has a crossbar");
    let mut arrays = lay_out(model, hardware);
    let way = way(hardware);
    let scales: Vec<Siemens> =
        largest_weights(model, hardware, &arrays).iter().map(|w| way / w).collect();
    let mut clipped = Vec::new();
    for array in &mut arrays {
        let clip = aim(array, model, Aim::new(hardware, scales[array.post.0]));
        // A shared array's cells were counted with its forward direction.
        if array.shares.is_none() {
            clipped.extend(clip);
        }
    }
    let layers = (0..model.layers.len())
        .map(LayerId)
        .map(|l| {
            if l == model.clamp {
                LayerPlan::default()
            } else {
                plan_layer(model, hardware, &arrays, l, scales[l.0])
            }
        })
        .collect();
    Fabric { model: model.clone(), hardware: hardware.clone(), layers, arrays, clipped }
}

impl Fabric {
    /// Aims the same hardware at new weights: scales, gains and tiles stay as designed, so
    /// weights beyond the window are clipped; leaks and bias currents follow. Returns what was
    /// clipped.
    ///
    /// # Panics
    /// If the model's shape is not the one the fabric was laid out for.
    pub fn aim(&mut self, model: &EnergyModel) -> &[Clipped] {
        match self.has_weights_of(model) {
            true => self.take_biases(model),
            false => self.aim_with(model, |_, array, to, _| aim(array, model, to)),
        }
        &self.clipped
    }

    /// Whether the cells are aimed at these weights already, to the bit.
    fn has_weights_of(&self, model: &EnergyModel) -> bool {
        let same = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        let mut pairs = self.model.couplings.iter().zip(&model.couplings);
        same_shape(&self.model, model)
            && pairs.all(|(a, b)| match a {
                Coupling::Dense { .. } => same(a.values(), b.values()),
                Coupling::Bias { .. } => true,
            })
    }

    /// [`Fabric::aim`] with the targets of an array set by `set`, which returns what was clipped.
    pub(super) fn aim_with(
        &mut self,
        model: &EnergyModel,
        mut set: impl FnMut(usize, &mut Array, Aim, &Hardware) -> Vec<Clipped>,
    ) {
        assert!(same_shape(&self.model, model), "the model has not the shape of the fabric");
        self.clipped.clear();
        for (a, array) in self.arrays.iter_mut().enumerate() {
            let to = Aim::new(&self.hardware, self.layers[array.post.0].scale);
            let clip = set(a, array, to, &self.hardware);
            if array.shares.is_none() {
                self.clipped.extend(clip);
            }
        }
        for l in model.free_layers() {
            let sums = sums_of_layer(&self.arrays, l, model.layer(l).size);
            let LayerPlan { total, leak, .. } = &mut self.layers[l.0];
            for (leak, sum) in leak.iter_mut().zip(sums) {
                *leak = leak_of(*total, sum, &self.hardware);
            }
        }
        for (to, from) in self.model.couplings.iter_mut().zip(&model.couplings) {
            to.values_mut().copy_from_slice(from.values());
        }
        self.take_biases(model);
    }

    fn take_biases(&mut self, model: &EnergyModel) {
        for l in model.free_layers() {
            let LayerPlan { scale, bias, .. } = &mut self.layers[l.0];
            *bias = bias_currents(model, l, *scale * self.hardware.v_unit);
        }
        for (to, from) in self.model.couplings.iter_mut().zip(&model.couplings) {
            if let (Coupling::Bias { value: to, .. }, Coupling::Bias { value: from, .. }) =
                (to, from)
            {
                to.copy_from_slice(from);
            }
        }
    }

    /// Raises the gain of a layer's neurons: `x = factor (W xhat + b)` is what they see.
    pub fn amplify(&mut self, layer: LayerId, factor: f64) {
        self.layers[layer.0].gain *= factor;
    }

    /// The arrays that end at the summing nodes of a layer.
    pub fn arrays_into(&self, layer: LayerId) -> impl Iterator<Item = (usize, &Array)> {
        self.arrays.iter().enumerate().filter(move |(_, a)| a.post == layer)
    }
}

fn same_shape(a: &EnergyModel, b: &EnergyModel) -> bool {
    let couplings = a.couplings.iter().zip(&b.couplings).all(|pair| match pair {
        (
            Coupling::Dense { pre, post, weight },
            Coupling::Dense { pre: to_pre, post: to_post, weight: to },
        ) => {
            [pre, post] == [to_pre, to_post]
                && [weight.rows(), weight.cols()] == [to.rows(), to.cols()]
        }
        (Coupling::Bias { on, value }, Coupling::Bias { on: to_on, value: to }) => {
            on == to_on && value.len() == to.len()
        }
        _ => false,
    });
    let [a_rest, b_rest] =
        [a, b].map(|m| (m.family, m.clamp, m.read, &m.layers, m.couplings.len()));
    a_rest == b_rest && couplings
}

/// The arrays of all directions that end at a free layer, their cells still at zero.
fn lay_out(model: &EnergyModel, hardware: &Hardware) -> Vec<Array> {
    let mut arrays: Vec<Array> = Vec::new();
    for (coupling, c) in model.couplings.iter().enumerate() {
        let Coupling::Dense { pre, post, .. } = c else { continue };
        let name = model.coupling_name(c);
        let mut lay = |name, direction, pre, post, shares| {
            let (rows, cols) = (model.layer(post).size, model.layer(pre).size);
            arrays.push(Array {
                name,
                coupling,
                direction,
                pre,
                post,
                plus: Mat::zeros(rows, cols),
                minus: Mat::zeros(rows, cols),
                tiles: tiles(rows, cols, hardware.tile),
                shares,
            });
            arrays.len() - 1
        };
        let forward = (*post != model.clamp)
            .then(|| lay(name.clone(), Direction::Forward, *pre, *post, None));
        if *pre != model.clamp {
            let shares = forward.filter(|_| hardware.array == ArrayStyle::Shared);
            lay(format!("{name}.back"), Direction::Backward, *post, *pre, shares);
        }
    }
    arrays
}

/// Cuts an array of `rows` outputs and `cols` input pairs into tiles, outputs outermost.
fn tiles(rows: usize, cols: usize, [pairs, outputs]: [usize; 2]) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for post in (0..rows).step_by(outputs) {
        for pre in (0..cols).step_by(pairs) {
            tiles.push(Tile {
                post: post..(post + outputs).min(rows),
                pre: pre..(pre + pairs).min(cols),
            });
        }
    }
    tiles
}

/// The weight that the top of the window stands for, one a receiving layer.
fn largest_weights(model: &EnergyModel, hardware: &Hardware, arrays: &[Array]) -> Vec<f64> {
    let mut largest = vec![0.0_f64; model.layers.len()];
    for array in arrays {
        let w = max_abs(model.couplings[array.coupling].values());
        largest[array.post.0] = largest[array.post.0].max(w);
    }
    if hardware.array == ArrayStyle::Shared {
        let of_all = max_abs(&largest);
        largest.fill(of_all);
    }
    // A network of zeros can have any scale; 1 keeps it finite.
    largest.iter().map(|&w| hardware.w_max.unwrap_or(if w > 0.0 { w } else { 1.0 })).collect()
}

/// Row balance: the fullest row, with the least leak and the headroom asked for, sets the layer's
/// total.
fn plan_layer(
    model: &EnergyModel,
    hardware: &Hardware,
    arrays: &[Array],
    layer: LayerId,
    scale: Siemens,
) -> LayerPlan {
    let sums = sums_of_layer(arrays, layer, model.layer(layer).size);
    let cells: usize = arrays.iter().filter(|a| a.post == layer).map(|a| 2 * a.plus.cols()).sum();
    let weights = match hardware.pair {
        PairStyle::OneSided => max_abs(&sums) - cells as f64 * hardware.g_min,
        PairStyle::Reference => largest_row(model, arrays, layer) * scale,
    };
    let total = hardware.g_leak + max_abs(&sums) + (hardware.headroom - 1.0) * weights;
    LayerPlan {
        total,
        gain: total / scale,
        scale,
        tau: hardware.c_node / total,
        leak: sums.iter().map(|&sum| leak_of(total, sum, hardware)).collect(),
        bias: bias_currents(model, layer, scale * hardware.v_unit),
    }
}

/// What makes up for what the cells of a row leave of its node's total.
fn leak_of(total: Siemens, sum: Siemens, hardware: &Hardware) -> Siemens {
    match hardware.summing {
        Summing::Passive => (total - sum).max(hardware.g_leak),
        Summing::VirtualGround => total,
    }
}

/// The largest sum of the magnitudes of the weights into a node of a layer.
fn largest_row(model: &EnergyModel, arrays: &[Array], layer: LayerId) -> f64 {
    let mut sums = vec![0.0; model.layer(layer).size];
    for array in arrays.iter().filter(|a| a.post == layer) {
        let Coupling::Dense { weight, .. } = &model.couplings[array.coupling] else { continue };
        for (place, w) in weight.as_slice().iter().enumerate() {
            let (post, pre) = (place / weight.cols(), place % weight.cols());
            sums[if array.direction == Direction::Forward { post } else { pre }] += w.abs();
        }
    }
    max_abs(&sums)
}

/// `sum_j (Gp_ij + Gn_ij)` of the targets, of every node of a layer.
fn sums_of_layer(arrays: &[Array], layer: LayerId, size: usize) -> Vec<Siemens> {
    let mut sums = vec![0.0; size];
    for array in arrays.iter().filter(|a| a.post == layer) {
        for (sum, of_array) in sums.iter_mut().zip(row_sums(&array.plus, &array.minus)) {
            *sum += of_array;
        }
    }
    sums
}

/// `current_of_one` is the bias current of a bias of 1 \[A\].
fn bias_currents(model: &EnergyModel, layer: LayerId, current_of_one: f64) -> Vec<f64> {
    let mut bias = vec![0.0; model.layer(layer).size];
    for coupling in &model.couplings {
        if let Coupling::Bias { on, value } = coupling
            && *on == layer
        {
            for (i, b) in bias.iter_mut().zip(value) {
                *i += current_of_one * b;
            }
        }
    }
    bias
}
