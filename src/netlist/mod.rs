//! What things are made of: devices on nodes, and the equations they add up to.
//!
//! Unknowns are the voltages of all nodes but ground, then the branch currents of the devices
//! that need one. The equations are `I(x) + d/dt Q(x) = 0`; a current counts as positive where it
//! *leaves* the node into the device.

mod device;
mod equations;
mod ports;
pub mod text;
mod validate;

pub use device::{
    Amplifier, Arg, Capacitor, CurrentSource, Device, Entry, Field, Kind, Path, ROLL, Resistor,
    SoftmaxAmplifier, Vccs, Vcvs, VoltageSource,
};
pub use ports::{ClampPort, LayerPort, NudgePort, Ports};
pub use validate::Fault;

use std::collections::HashMap;

/// A node; [`Node::GROUND`] is the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(pub u32);

impl Node {
    /// The reference node, named `0`.
    pub const GROUND: Node = Node(0);
}

/// The place of a device in its netlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub usize);

/// Devices on named nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Netlist {
    nodes: Vec<String>,
    index: HashMap<String, Node>,
    devices: Vec<(String, Device)>,
}

impl Default for Netlist {
    fn default() -> Self {
        let ground = "0".to_string();
        Netlist {
            nodes: vec![ground.clone()],
            index: HashMap::from([(ground, Node::GROUND)]),
            devices: Vec::new(),
        }
    }
}

impl Netlist {
    pub fn new() -> Netlist {
        Netlist::default()
    }

    /// The node of this name, made if new.
    pub fn node(&mut self, name: &str) -> Node {
        if let Some(&node) = self.index.get(name) {
            return node;
        }
        let node = Node(self.nodes.len() as u32);
        self.nodes.push(name.to_string());
        self.index.insert(name.to_string(), node);
        node
    }

    pub fn find_node(&self, name: &str) -> Option<Node> {
        self.index.get(name).copied()
    }

    pub fn node_name(&self, node: Node) -> &str {
        &self.nodes[node.0 as usize]
    }

    /// The names of all nodes in order, ground first.
    pub fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(String::as_str)
    }

    /// How many nodes there are, ground included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a device; names are the caller's to keep unique.
    pub fn add(&mut self, name: impl Into<String>, device: impl Into<Device>) -> DeviceId {
        self.devices.push((name.into(), device.into()));
        DeviceId(self.devices.len() - 1)
    }

    pub fn device(&self, id: DeviceId) -> &Device {
        &self.devices[id.0].1
    }

    pub fn device_mut(&mut self, id: DeviceId) -> &mut Device {
        &mut self.devices[id.0].1
    }

    /// All devices with their names, in order.
    pub fn devices(&self) -> &[(String, Device)] {
        &self.devices
    }
}
