//! What things are made of: devices on nodes, and the equations they add up to.
//!
//! Unknowns are the voltages of all nodes but ground, then the branch currents of the devices
//! that need one. The equations are `I(x) + d/dt Q(x) = 0`; a current counts as positive where it
//! *leaves* the node into the device.

mod array;
mod device;
mod equations;
pub mod expression;
mod ports;
pub mod text;
mod validate;
mod waveform;

pub use array::Array;
pub use device::{
    AcDrive, Amplifier, Arg, BehaviouralCurrent, BehaviouralVoltage, Capacitor, Cccs, Ccvs,
    Coupling, CurrentSource, Device, Diode, DiodeModel, Entry, Field, Filament, IdealDiode,
    Inductor, Kind, Law, Mosfet, MosfetModel, Noise, OpAmp, Own, Path, Polarity, Position, ROLL,
    Resistor, SoftmaxAmplifier, Switch, Vccs, Vcvs, VoltageSource, Vteam, Window,
};
pub use ports::{ClampPort, LayerPort, NudgePort, Ports};
pub use validate::Fault;
pub use waveform::{Waveform, WaveformField, WaveformForm};

use std::collections::HashMap;

use crate::units::{Kelvin, Siemens};

/// A node; [`Node::GROUND`] is the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
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
    /// The devices that are not linear ([`Device::is_linear`]).
    curved: Vec<DeviceId>,
    /// What each unknown beyond the nodes' voltages is, device by device.
    own: Vec<Own>,
    /// The place in `own` of each device's first.
    own_starts: Vec<u32>,
    /// How many numbers the devices before each one remember; the last entry is of all.
    memory_starts: Vec<u32>,
    arrays: Vec<Array>,
    /// Of all devices \[K\].
    pub temperature: Kelvin,
    /// What every junction has in parallel \[S\].
    pub gmin: Siemens,
}

/// 27 degrees Celsius \[K\], where device parameters are given unless told otherwise.
pub const ROOM_TEMPERATURE: Kelvin = 300.15;

impl Default for Netlist {
    fn default() -> Self {
        let ground = "0".to_string();
        Netlist {
            nodes: vec![ground.clone()],
            index: HashMap::from([(ground, Node::GROUND)]),
            devices: Vec::new(),
            curved: Vec::new(),
            own: Vec::new(),
            own_starts: Vec::new(),
            memory_starts: vec![0],
            arrays: Vec::new(),
            temperature: ROOM_TEMPERATURE,
            gmin: 1e-12,
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
        let device = device.into();
        self.own_starts.push(self.own.len() as u32);
        self.own.extend(device.own());
        let memory = self.memory_starts.last().copied().unwrap_or(0) + device.memory() as u32;
        self.memory_starts.push(memory);
        if !device.is_linear() {
            self.curved.push(DeviceId(self.devices.len()));
        }
        self.devices.push((name.into(), device));
        DeviceId(self.devices.len() - 1)
    }

    pub fn device(&self, id: DeviceId) -> &Device {
        &self.devices[id.0].1
    }

    /// To change its values; of what kind it is, and what unknowns and memory it has, must stay.
    pub fn device_mut(&mut self, id: DeviceId) -> &mut Device {
        &mut self.devices[id.0].1
    }

    /// All devices with their names, in order.
    pub fn devices(&self) -> &[(String, Device)] {
        &self.devices
    }
}
