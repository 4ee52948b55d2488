//! Neurons as made.

use super::quirk::normals;
use super::{Chip, Fabric};
use crate::model::{LayerId, State};
use crate::numerics::Mat;
use crate::numerics::seed::Seed;
use crate::spec::NonIdeal;
use crate::units::{Ampere, Volt};

/// The least factor of a gain or a capacitance: neither turns around, however wide its spread.
const LEAST: f64 = 0.01;

/// What the neurons of a layer are as made; a list is empty where nothing is wrong.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Quirks {
    /// Factors on the gain.
    gain: Vec<f64>,
    /// Voltages at the amplifiers' inputs.
    offset: Vec<Volt>,
    /// Factors on the capacitance of the node.
    capacitance: Vec<f64>,
    /// Factors on the bias current.
    bias: Vec<f64>,
    /// Factors on the nudge.
    nudge: Vec<f64>,
}

impl Quirks {
    /// Those of every layer; the clamped one has no neurons.
    pub fn draw(fabric: &Fabric, nonideal: &NonIdeal, seed: Seed) -> Vec<Quirks> {
        let model = &fabric.model;
        let layers = model.layers.iter().enumerate().map(|(l, layer)| {
            if LayerId(l) == model.clamp {
                return Quirks::default();
            }
            let place = seed.child("neurons").child(&layer.name);
            let draw = |sigma: f64, name: &str, of: &dyn Fn(f64) -> f64| -> Vec<f64> {
                match sigma > 0.0 {
                    true => normals(place.child(name), layer.size)
                        .iter()
                        .map(|z| of(sigma * z))
                        .collect(),
                    false => Vec::new(),
                }
            };
            let factor = |least: f64| move |e: f64| (1.0 + e).max(least);
            let (neuron, mirror) = (nonideal.fabrication.neuron, nonideal.fabrication.mirror);
            Quirks {
                gain: draw(neuron.gain, "gain", &factor(LEAST)),
                offset: draw(neuron.offset, "offset", &|e| e),
                capacitance: draw(neuron.time_constant, "time-constant", &factor(LEAST)),
                bias: draw(mirror.bias, "bias", &factor(0.0)),
                nudge: draw(mirror.nudge, "nudge", &factor(0.0)),
            }
        });
        layers.collect()
    }
}

/// A neuron as made: with `u` the voltage of its summing node, it sees
/// `x = gain_l a (u + o) / v_unit`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// `a`, the factor on the layer's gain.
    pub gain: f64,
    /// `o` \[V\], at the amplifier's input.
    pub offset: Volt,
    /// The factor on the capacitance of its node, that of its bit lines among it.
    pub capacitance: f64,
    /// What its bias source gives for what is asked for.
    pub bias: f64,
    /// What its nudge gives for what is asked for.
    pub nudge: f64,
}

impl Chip {
    /// The neurons of a layer as made; `None` where they are as designed.
    pub fn units(&self, layer: LayerId) -> Option<Vec<Unit>> {
        let quirks = &self.neurons[layer.0];
        let load = self.line_load(layer);
        if *quirks == Quirks::default() && !self.nonideal.time.compensates() && load == 1.0 {
            return None;
        }
        let compensation = self.compensation[layer.0];
        let of = |list: &[f64], i: usize, none: f64| list.get(i).copied().unwrap_or(none);
        let unit = |i: usize| Unit {
            gain: compensation * of(&quirks.gain, i, 1.0),
            offset: of(&quirks.offset, i, 0.0),
            capacitance: load * of(&quirks.capacitance, i, 1.0),
            bias: of(&quirks.bias, i, 1.0),
            nudge: of(&quirks.nudge, i, 1.0),
        };
        Some((0..self.fabric.model.layer(layer).size).map(unit).collect())
    }

    /// The factor by which the wires of its bit lines raise the capacitance of a layer's nodes.
    pub(super) fn line_load(&self, layer: LayerId) -> f64 {
        let into = self.fabric.arrays.iter().filter(|array| array.post == layer);
        let inputs = into.map(|array| self.fabric.model.layer(array.pre).size).sum::<usize>();
        let load = 2.0 * inputs as f64 * self.nonideal.wire.c_segment;
        1.0 + load / self.fabric.hardware.c_node
    }

    /// Whether amplifiers see anything but the voltage of their summing nodes.
    pub fn has_skew(&self) -> bool {
        let neuron = &self.nonideal.fabrication.neuron;
        neuron.gain > 0.0 || neuron.offset > 0.0 || self.nonideal.time.compensates()
    }

    /// Raises the gain of each layer by what its nodes have lost of their answers to one input at
    /// a time: the sum of all `|Gp - Gn| / G` asked for over that as it is (global drift
    /// compensation, Joshi et al., *Nature Communications* 11, 2020, there of digital outputs).
    /// Where all cells lose alike, so does `G`, and little is left to make up for.
    pub(super) fn compensate(&mut self) {
        if !self.nonideal.time.compensates() {
            return;
        }
        let answers = |plus: &Mat, minus: &Mat, totals: &[f64]| -> f64 {
            let rows = plus.iter_rows().zip(minus.iter_rows()).zip(totals);
            let of = |(plus, minus): (&[f64], &[f64])| -> f64 {
                plus.iter().zip(minus).map(|(plus, minus)| (plus - minus).abs()).sum()
            };
            rows.map(|(row, total)| of(row) / total).sum()
        };
        for layer in self.fabric.model.free_layers() {
            let (mut asked, mut made) = (0.0, 0.0);
            let totals = self.row_totals(layer);
            let design = vec![self.fabric.layers[layer.0].total; totals.len()];
            for (a, array) in self.fabric.arrays_into(layer) {
                asked += answers(&array.plus, &array.minus, &design);
                made += answers(&self.cells[a].plus, &self.cells[a].minus, &totals);
            }
            let known = asked > 0.0 && made > 0.0;
            self.compensation[layer.0] = if known { asked / made } else { 1.0 };
        }
    }

    /// Bias currents of a layer as made.
    pub fn bias(&self, layer: LayerId) -> Vec<Ampere> {
        let asked = &self.fabric.layers[layer.0].bias;
        match self.units(layer) {
            Some(units) => units.iter().zip(asked).map(|(unit, i)| unit.bias * i).collect(),
            None => asked.clone(),
        }
    }

    /// The state of rest, every summing node at 0 V, with the inputs
    /// `[batch, size of the clamped layer]` in place: neurons see their offsets.
    pub fn rest(&self, inputs: &Mat) -> State {
        let mut state = self.fabric.model.rest(inputs);
        for layer in self.fabric.model.free_layers().filter(|_| self.has_skew()) {
            let units = self.units(layer).unwrap_or_default();
            for (i, unit) in units.iter().enumerate() {
                let offset = self.offset_of(layer, unit);
                (0..inputs.rows()).for_each(|s| state[layer.0][(s, i)] = offset);
            }
        }
        state
    }

    /// The offset of a unit in units of `x`.
    pub fn offset_of(&self, layer: LayerId, unit: &Unit) -> f64 {
        let gain = self.fabric.layers[layer.0].gain;
        gain * unit.gain * unit.offset / self.fabric.hardware.v_unit
    }
}
