//! The equation of a chip.

use rayon::prelude::*;

use super::amplifier::Amplifiers;
use super::curved::Curved;
use super::nudge::Compliance;
use super::{BLOCK, Block, Network, Product, load, skew};
use crate::compile::Chip;
use crate::engine::wires::Wires;
use crate::model::LayerId;
use crate::numerics::kernels::{self, Real};

/// Cells that one thread takes at a time when a chip is taken over.
const CELLS: usize = 16 * 1024;

/// The error that a write may leave in the currents of a wired tile, in units of rounding: in
/// double precision every write solves for its port matrices anew.
const ROUNDINGS: f64 = 1000.0;

impl<T: Real> Network<T> {
    /// The arrays of a chip as made.
    pub fn of_chip(chip: &Chip) -> Network<T> {
        let chip = &*chip.conducting();
        let fabric = &chip.fabric;
        let mut net = Network::unconnected(&fabric.model);
        for array in &fabric.arrays {
            let cells = array.plus.rows() * array.plus.cols();
            net.connect(array.pre, array.post, vec![T::default(); cells]);
        }
        net.wires = Wires::of_chip(chip, ROUNDINGS * T::EPSILON);
        net.take_over(chip);
        net
    }

    /// Takes over a chip as it stands now, of the shape this network was made for.
    pub fn refresh(&mut self, chip: &Chip) {
        let chip = &*chip.conducting();
        if let Some(wires) = &mut self.wires {
            wires.refresh(chip);
        }
        self.take_over(chip);
    }

    /// How well the wires are known, for people; `None` without any.
    pub fn wires_note(&self) -> Option<String> {
        self.wires.as_ref().map(Wires::note)
    }

    fn take_over(&mut self, chip: &Chip) {
        let fabric = &chip.fabric;
        let plan = |l: LayerId| &fabric.layers[l.0];
        let taus = self.free.iter().map(|f| plan(f.layer).tau);
        let tau = taus.fold(f64::INFINITY, f64::min);
        let per_siemens = tau / fabric.hardware.c_node;
        let bias_of_ampere = |gain: f64| per_siemens * gain / fabric.hardware.v_unit;
        for f in &self.free {
            let (rows, plan) = (f.rows.clone(), plan(f.layer));
            self.weight[rows.clone()].fill(T::of(plan.tau / tau));
            let totals = match &self.wires {
                None if chip.nonideal.cell.v0.is_some() => plan.leak.clone(),
                None => chip.row_totals(f.layer),
                Some(wires) => {
                    let loads = wires.loads(chip, f.layer);
                    loads.iter().zip(&plan.leak).map(|(load, leak)| load + leak).collect()
                }
            };
            for (to, g) in self.leak[rows.clone()].iter_mut().zip(totals) {
                *to = T::of(per_siemens * g);
            }
            for (to, i) in self.bias[rows].iter_mut().zip(chip.bias(f.layer)) {
                *to = T::of(bias_of_ampere(plan.gain) * i);
            }
        }
        let (mut inward, mut inner) = (self.inward.iter_mut(), self.inner.iter_mut());
        for (a, (array, cells)) in fabric.arrays.iter().zip(&chip.cells).enumerate() {
            let scale = per_siemens * plan(array.post).gain;
            let from_clamp = array.pre == fabric.model.clamp;
            let product = if from_clamp { inward.next() } else { inner.next() };
            let m = &mut product.expect("one product an array").m;
            if let Some(wires) = &self.wires {
                let transfer = wires.transfer(chip, a);
                m.iter_mut().zip(transfer.as_slice()).for_each(|(m, g)| *m = T::of(scale * g));
                continue;
            }
            m.par_chunks_mut(CELLS)
                .zip(cells.plus.as_slice().par_chunks(CELLS))
                .zip(cells.minus.as_slice().par_chunks(CELLS))
                .for_each(|((m, plus), minus)| kernels::differences(m, plus, minus, scale));
        }
        if let Some(wires) = &self.wires {
            self.sneaks.clear();
            for f in &self.free {
                for (nodes, load) in wires.sneaks(chip, f.layer) {
                    let at = f.rows.start + nodes.start..f.rows.start + nodes.end;
                    let m = load.as_slice().iter().map(|g| T::of(-per_siemens * g)).collect();
                    self.sneaks.push(Product { pre: at.clone(), post: at, m });
                }
            }
        }
        let read = plan(fabric.model.read);
        self.nudge.fill(per_siemens * read.gain * read.scale);
        load::apply(self, chip, per_siemens);
        self.curved = Curved::of_chip(self, chip, per_siemens);
        self.compliance = Compliance::of_chip(chip);
        self.tau = tau;
        skew::apply(self, chip);
        self.amplify(chip);
    }
    /// Takes over the amplifiers, with states of their own where they lag.
    fn amplify(&mut self, chip: &Chip) {
        self.amplifiers = Amplifiers::of_chip(chip, self.tau);
        let draws = chip.draws().into_iter().flatten().flatten();
        self.draws = draws.map(T::of).collect();
        self.blocks.retain(|block| !block.is_output);
        self.weight.truncate(self.dim);
        let (dim, states) = (self.dim, self.states());
        let weight = self.amplifiers.as_ref().map_or(1.0, Amplifiers::weight);
        self.weight.resize(states, T::of(weight));
        let activation = self.clamp_activation;
        let outputs = (dim..states).step_by(BLOCK).map(|start| Block {
            rows: start..(start + BLOCK).min(states),
            activation,
            is_read: false,
            is_output: true,
        });
        self.blocks.extend(outputs);
    }
}
