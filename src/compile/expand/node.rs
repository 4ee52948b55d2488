//! What belongs to a summing node beside its cells and its neuron.

use super::{Chip, Pins, cells};
use crate::compile::Unit;
use crate::model::LayerId;
use crate::netlist::{Cccs, CurrentSource, DeviceId, Netlist, Node, Resistor, Vcvs, VoltageSource};
use crate::spec::Summing;

/// Leak and bias of every summing node of a layer.
pub(super) fn lay(chip: &Chip, id: LayerId, units: &[Pins], netlist: &mut Netlist) {
    let plan = &chip.fabric.layers[id.0];
    let (name, currents) = (&chip.fabric.model.layer(id).name, chip.bias(id));
    for (i, unit) in units.iter().enumerate() {
        let leak =
            Resistor { p: unit.input, n: Node::GROUND, g: plan.leak[i], ..Default::default() };
        netlist.add(format!("{name}.{i}.leak"), leak);
        let bias =
            CurrentSource { p: Node::GROUND, n: unit.input, dc: currents[i], ..Default::default() };
        netlist.add(format!("{name}.{i}.bias"), bias);
    }
}

/// The virtual grounds of a layer, and what pushes their currents into the summing nodes.
pub(super) fn lay_conveyors(chip: &Chip, id: LayerId, units: &[Pins], netlist: &mut Netlist) {
    if chip.fabric.hardware.summing == Summing::Passive {
        return;
    }
    let name = &chip.fabric.model.layer(id).name;
    for (i, unit) in units.iter().enumerate() {
        let ground = VoltageSource { p: unit.line, n: Node::GROUND, dc: 0.0, ..Default::default() };
        let control = netlist.add(format!("{name}.{i}.line"), ground);
        let conveyor = Cccs { p: Node::GROUND, n: unit.input, control, gain: 1.0 };
        netlist.add(format!("{name}.{i}.convey"), conveyor);
    }
}

/// The bias source of every unit of every layer, in the order of the model's free layers, in the
/// netlist that [`super::expand`] or [`super::expand_arrays`] made of a chip.
pub fn bias_sources(chip: &Chip, netlist: &Netlist) -> Vec<Vec<DeviceId>> {
    let model = &chip.fabric.model;
    // They follow what stands for the cells, each after its leak.
    let cells = if netlist.arrays().is_empty() { cells(chip).count() } else { 0 };
    let mut place = cells + 1;
    let layer = |id: LayerId| {
        let first = place;
        place += 2 * model.layer(id).size;
        (0..model.layer(id).size).map(|i| DeviceId(first + 2 * i)).collect()
    };
    model.free_layers().map(layer).collect()
}

/// What the amplifiers of a layer see of their summing nodes: `a (u + o)`.
pub(super) fn lay_skew(layer: &str, units: &[Pins], made: &[Unit], netlist: &mut Netlist) {
    for (i, (pins, unit)) in units.iter().zip(made).enumerate() {
        let skew = netlist.node(&format!("{layer}.{i}.skew"));
        let dc = unit.gain * unit.offset;
        let offset = VoltageSource { p: skew, n: Node::GROUND, dc, ..Default::default() };
        netlist.add(format!("{layer}.{i}.offset"), offset);
        let (p, cp, cn) = (pins.sense, pins.input, Node::GROUND);
        netlist.add(format!("{layer}.{i}.skew"), Vcvs { p, n: skew, cp, cn, gain: unit.gain });
    }
}
