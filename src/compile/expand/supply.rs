//! A supply that gives way, between the neuron circuits and their amplifiers.

use super::{Chip, Pins};
use crate::netlist::expression::{self, Dialect, Expression, Leaf, Probe};
use crate::netlist::{BehaviouralVoltage, Device, DeviceId, Netlist, Node};

/// What the supply has given way by, as a share, in volts; node and device.
const DROOP: &str = "supply.droop";

/// Lays what lowers the activations of a layer; the pins that its neuron circuit is left with.
pub(super) fn lay(layer: &str, units: &[Pins], netlist: &mut Netlist) -> Vec<Pins> {
    let droop = netlist.node(DROOP);
    let unit = |(i, pins): (usize, &Pins)| {
        let [output, inverse] = [(pins.output, ""), (pins.inverse, "n")].map(|(p, sign)| {
            let full = netlist.node(&format!("{layer}.{i}.full{sign}"));
            let v = of_nodes("v(n0) / (1 + v(n1))", &[full, droop]);
            let n = Node::GROUND;
            netlist.add(format!("{layer}.{i}.sag{sign}"), BehaviouralVoltage { p, n, v });
            full
        });
        Pins { output, inverse, ..*pins }
    };
    units.iter().enumerate().map(unit).collect()
}

/// Lays the supply.
pub(super) fn lay_droop(chip: &Chip, netlist: &mut Netlist) {
    let Some(draws) = chip.draws() else { return };
    let mut nodes = Vec::new();
    for (layer, draws) in chip.fabric.model.layers.iter().zip(&draws) {
        let full = |i: usize| netlist.node(&format!("{}.{i}.full", layer.name));
        nodes.extend((0..draws.len()).map(full));
    }
    let p = netlist.node(DROOP);
    let v = of_nodes(&law(chip, &draws), &nodes);
    netlist.add(DROOP, BehaviouralVoltage { p, n: Node::GROUND, v });
}

/// Brings what the lines draw up to date.
pub(super) fn refresh(chip: &Chip, netlist: &mut Netlist) {
    let Some(draws) = chip.draws() else { return };
    let place = netlist.devices().iter().rposition(|(name, _)| name == DROOP);
    let Some(Device::BehaviouralVoltage(source)) =
        place.map(|place| netlist.device_mut(DeviceId(place)))
    else {
        panic!("no `{DROOP}` in the netlist of a chip whose supply gives way");
    };
    let node = |leaf: &Probe| match leaf {
        Probe::Voltage(node, _) => *node,
        other => panic!("a supply depends on voltages, not {other:?}"),
    };
    let nodes: Vec<Node> = source.v.leaves().iter().map(node).collect();
    source.v = of_nodes(&law(chip, &draws), &nodes);
}

fn law(chip: &Chip, draws: &[Vec<f64>]) -> String {
    // Of volts instead of activations.
    let per_volt = 1.0 / chip.fabric.hardware.v_unit;
    let terms = draws.iter().flatten().map(|draw| draw * per_volt).enumerate();
    let terms: Vec<String> = terms.map(|(k, draw)| format!("{draw:?} * abs(v(n{k}))")).collect();
    terms.join(" + ")
}

/// A law of `n0`, `n1` ... as one of these nodes.
fn of_nodes(law: &str, nodes: &[Node]) -> Expression<Probe> {
    let law = expression::parse(law, Dialect::Home).expect("an expression");
    law.map(|leaf| match leaf {
        Leaf::Voltage(name, None) => {
            let k: usize = name[1..].parse().expect("a number");
            Probe::Voltage(nodes[k], Node::GROUND)
        }
        other => panic!("a law of voltages has {other:?}"),
    })
}
