//! A cell from its word line to its bit line: what stores, then its transistor, then its selector.

use super::{Cell, Chip, Pins, wires};
use crate::netlist::{BehaviouralCurrent, Device, Netlist, Node, Resistor};

/// Lays what stores between two lines, or up to what is in series with it.
pub(super) fn lay(chip: &Chip, cell: &Cell, [p, n]: [Node; 2], netlist: &mut Netlist) {
    let n = if parts(chip, cell, [p, n]).is_empty() { n } else { netlist.node(&cell.name("c.")) };
    let device: Device = match chip.nonideal.cell.v0 {
        Some(v0) => BehaviouralCurrent::sinh(p, n, cell.g * v0, v0).into(),
        None => Resistor { p, n, g: cell.g, ..Default::default() }.into(),
    };
    netlist.add(cell.name(""), device);
}

/// Lays what is in series with it.
pub(super) fn lay_rest(chip: &Chip, cell: &Cell, layers: &[Vec<Pins>], netlist: &mut Netlist) {
    let ground = [Node::GROUND; 2];
    if parts(chip, cell, ground).is_empty() {
        return;
    }
    let wired = !chip.nonideal.wire.is_ideal();
    let end = match wired {
        true => wires::places(chip, cell, layers, netlist).1,
        false => layers[cell.array.post.0][cell.post].line,
    };
    let count = parts(chip, cell, ground).len();
    let mut from = netlist.node(&cell.name("c."));
    for k in 0..count {
        let to = if k + 1 == count { end } else { netlist.node(&cell.name("cs.")) };
        let (name, device) = parts(chip, cell, [from, to]).swap_remove(k);
        netlist.add(name, device);
        from = to;
    }
}

/// What is in series with a cell, each as it is between two nodes.
fn parts(chip: &Chip, cell: &Cell, [p, n]: [Node; 2]) -> Vec<(String, Device)> {
    let law = &chip.nonideal.cell;
    let mut parts = Vec::new();
    // A resistance in series with a conductance is in the conductance.
    if let Some(transistor) = law.transistor.filter(|_| law.series().is_none()) {
        let device = match transistor.saturation {
            Some(i) => BehaviouralCurrent::channel(p, n, transistor.r_on, i).into(),
            None => Resistor { p, n, g: 1.0 / transistor.r_on, ..Default::default() }.into(),
        };
        parts.push((cell.name("tr."), device));
    }
    if let Some(selector) = law.selector {
        let device = BehaviouralCurrent::sinh(p, n, selector.current, selector.v0);
        parts.push((cell.name("sel."), device.into()));
    }
    parts
}
