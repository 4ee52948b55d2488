//! A nudge source that falls off near its rails.

use crate::netlist::expression::{self, Dialect, Leaf, Probe};
use crate::netlist::{BehaviouralCurrent, Netlist, Node, Resistor};
use crate::units::{Siemens, Volt};

/// A source of the current that is demanded, less near a rail: with `y` the voltage to the rail
/// that the current drives its node toward, in knees, `i = demanded y (2 - y)`, a transistor's
/// below saturation; nothing beyond the rail.
pub(super) struct Limited {
    /// Where the current demanded arrives.
    pub demand: Node,
    /// Where it is pushed in.
    pub node: Node,
    /// What turns the current demanded into a voltage.
    pub scale: Siemens,
    pub limit: Volt,
    pub knee: Volt,
}

impl Limited {
    pub fn lay(&self, unit: &str, netlist: &mut Netlist) {
        let Limited { demand, node, scale, limit, knee } = *self;
        let ground = Node::GROUND;
        netlist.add(
            format!("{unit}.set"),
            Resistor { p: demand, n: ground, g: scale, ..Default::default() },
        );
        let headroom = format!("limit(({limit:?} - sgn(v(d)) * v(u)) / {knee:?}, 0, 1)");
        let law = format!("{scale:?} * v(d) * {headroom} * (2 - {headroom})");
        let law = expression::parse(&law, Dialect::Home).expect("an expression");
        let law = law.map(|leaf| {
            let is_demand = *leaf == Leaf::Voltage("d".into(), None);
            Probe::Voltage(if is_demand { demand } else { node }, ground)
        });
        netlist.add(format!("{unit}.source"), BehaviouralCurrent { p: ground, n: node, i: law });
    }
}
