//! What the host sees of a chip, and what a chip sees of its host.

use rayon::prelude::*;

use super::converter::{Curve, Way};
use super::quirk::normals;
use super::{Chip, Fabric};
use crate::model::{LayerId, State};
use crate::numerics::Mat;
use crate::numerics::seed::Seed;
use crate::spec::{NonIdeal, Periphery};
use crate::units::{Ampere, Volt};

/// The converters of a chip as made; a list is empty where they are ideal.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Converters {
    /// Of the clamped layer's lines.
    dac: Vec<Curve>,
    /// Of the outputs of each layer.
    adc: Vec<Vec<Curve>>,
}

impl Converters {
    pub fn draw(fabric: &Fabric, nonideal: &NonIdeal, seed: Seed) -> Converters {
        let model = &fabric.model;
        let (place, periphery) = (seed.child("converters"), &nonideal.periphery);
        let clamp = model.layer(model.clamp);
        let adc = model.layers.iter().enumerate().map(|(l, layer)| {
            if LayerId(l) == model.clamp {
                return Vec::new();
            }
            let place = place.child("adc").child(&layer.name);
            Curve::draw(&periphery.adc, Way::In, layer.size, place)
        });
        let place = place.child("dac").child(&clamp.name);
        Converters {
            dac: Curve::draw(&periphery.dac, Way::Out, clamp.size, place),
            adc: adc.collect(),
        }
    }
}

/// The converters around an analog block, one a number that goes in or comes out.
#[derive(Debug, Clone, PartialEq)]
pub struct Border {
    dac: Vec<Curve>,
    /// At the inputs, where errors come out, and at the outputs.
    adc: [Vec<Curve>; 2],
    shared: [usize; 2],
    /// Deviation of a sample that is read \[V\].
    noise: Volt,
    v_unit: Volt,
    seed: Seed,
}

impl Border {
    /// Converters for so many numbers in and out, of which 1 is `v_unit`.
    pub fn draw(
        periphery: &Periphery,
        [inputs, outputs]: [usize; 2],
        v_unit: Volt,
        seed: Seed,
    ) -> Border {
        let place = seed.child("converters");
        let [dac, adc] = [&periphery.dac, &periphery.adc];
        Border {
            dac: Curve::draw(dac, Way::Out, inputs, place.child("dac")),
            adc: [
                Curve::draw(adc, Way::In, inputs, place.child("adc of inputs")),
                Curve::draw(adc, Way::In, outputs, place.child("adc")),
            ],
            shared: [dac.shared.max(1), adc.shared.max(1)],
            noise: adc.noise,
            v_unit,
            seed: seed.child("samples"),
        }
    }

    /// What comes of the numbers that the host asks for.
    pub fn drive(&self, row: &mut [f64]) {
        if self.dac.is_empty() {
            return;
        }
        for (i, v) in row.iter_mut().enumerate() {
            *v = self.dac[i / self.shared[0]].convert(*v * self.v_unit, 0.0) / self.v_unit;
        }
    }

    /// What the host reads of the outputs; `reading` names the noise of its samples.
    pub fn sense(&self, row: &mut [f64], reading: usize) {
        self.read(&self.adc[1], row, self.seed.index(reading));
    }

    /// What the host reads of the nodes that its inputs go to, as [`Border::sense`].
    pub fn sense_inputs(&self, row: &mut [f64], reading: usize) {
        self.read(&self.adc[0], row, self.seed.child("inputs").index(reading));
    }

    fn read(&self, adc: &[Curve], row: &mut [f64], seed: Seed) {
        if adc.is_empty() {
            return;
        }
        let noise = match self.noise > 0.0 {
            true => normals(seed, row.len()),
            false => Vec::new(),
        };
        for (i, v) in row.iter_mut().enumerate() {
            let noise = noise.get(i).map_or(0.0, |z| self.noise * z);
            *v = adc[i / self.shared[1]].convert(*v * self.v_unit, noise) / self.v_unit;
        }
    }

    /// Whether numbers stay what they are.
    pub fn is_ideal(&self) -> bool {
        self.dac.is_empty() && self.adc.iter().all(Vec::is_empty)
    }
}

/// A reading of a state, by name: it tells the noise of its samples from that of other readings of
/// the same chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Such as `free`.
    pub phase: &'static str,
    /// The place of the first sample of the state among all that are read in this phase.
    pub first: usize,
}

impl Chip {
    /// The activations `[batch, size]` that the lines of the clamped layer carry for its states
    /// as the host has them; `None` where those are its activations.
    pub fn lines(&self, clamp: &Mat) -> Option<Mat> {
        let (spec, curves) = (&self.nonideal.periphery.dac, &self.converters.dac);
        if curves.is_empty() {
            return None;
        }
        let model = &self.fabric.model;
        let mut lines = model.layer(model.clamp).activation.values(clamp);
        let v_unit = self.fabric.hardware.v_unit;
        for s in 0..lines.rows() {
            for (i, v) in lines.row_mut(s).iter_mut().enumerate() {
                *v = curves[i / spec.shared.max(1)].convert(*v * v_unit, 0.0) / v_unit;
            }
        }
        Some(lines)
    }

    /// The activations of all layers that amplifiers come to rest at; `None` where they are the
    /// activations of the state.
    pub fn outputs(&self, state: &State) -> Option<State> {
        let periphery = &self.nonideal.periphery;
        let amplifier = periphery.amplifier;
        if amplifier.gain.is_none() && amplifier.swing.is_none() && periphery.supply.is_none() {
            return None;
        }
        let v_unit = self.fabric.hardware.v_unit;
        let mut outputs = self.fabric.model.activations(state);
        self.sag(&mut outputs);
        for l in self.fabric.model.free_layers() {
            let all = outputs[l.0].as_mut_slice().iter_mut();
            all.for_each(|v| *v = amplifier.rest(*v * v_unit) / v_unit);
        }
        Some(outputs)
    }

    /// The activations of all layers as the host reads them, those of the clamped layer as it
    /// asked for them; `None` where they are the activations of the state.
    pub fn read(&self, state: &State, reading: Reading) -> Option<State> {
        let outputs = self.outputs(state);
        if self.converters.adc.iter().all(Vec::is_empty) {
            return outputs;
        }
        let mut read = outputs.unwrap_or_else(|| self.fabric.model.activations(state));
        for l in self.fabric.model.free_layers() {
            self.convert(l, &mut read[l.0], reading);
        }
        Some(read)
    }

    fn convert(&self, layer: LayerId, outputs: &mut Mat, reading: Reading) {
        let (spec, curves) = (&self.nonideal.periphery.adc, &self.converters.adc[layer.0]);
        let (units, v_unit) = (outputs.cols(), self.fabric.hardware.v_unit);
        let place = self.seed.child("samples").index(self.writes).child(reading.phase);
        let place = place.child(&self.fabric.model.layer(layer).name);
        let rows = outputs.as_mut_slice().par_chunks_mut(units.max(1)).enumerate();
        rows.for_each(|(s, row)| {
            let noise: Vec<Volt> = match spec.noise > 0.0 {
                true => normals(place.index(reading.first + s), units),
                false => Vec::new(),
            };
            for (i, v) in row.iter_mut().enumerate() {
                let noise = noise.get(i).map_or(0.0, |z| spec.noise * z);
                *v = curves[i / spec.shared.max(1)].convert(*v * v_unit, noise) / v_unit;
            }
        });
    }

    /// The current that a nudge source pushes for what the host asks of it, before its mirror;
    /// `None` where that is the same.
    pub fn nudge_codes(&self) -> Option<impl Fn(Ampere) -> Ampere + use<>> {
        let (bits, range) = self.nonideal.periphery.nudge.codes?;
        let top = f64::from((1_u32 << (bits - 1)) - 1);
        let step = range / top;
        Some(move |i: Ampere| step * (i / step).round().clamp(-top, top))
    }
}
