//! What makes the equations of a netlist indeterminate, found before they are solved.

use std::collections::HashSet;

use super::{Device, DeviceId, Netlist, Node};

/// A mistake of a netlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Only one terminal is on this node, and nothing forces its voltage.
    Unconnected { node: Node, device: DeviceId },
    /// No direct current can flow from these nodes to ground, ascending.
    NoPathToGround { nodes: Vec<Node> },
    /// This device forces a voltage between nodes where others before it already do.
    ForcedLoop { device: DeviceId },
    /// This coupling is not of two inductors.
    NotInductors { device: DeviceId },
    /// This coupling is of two inductors that an earlier one couples.
    CoupledTwice { device: DeviceId },
}

impl Netlist {
    /// All faults: unconnected nodes, groups of nodes without a path to ground, loops of voltage
    /// sources (amplifier outputs and inductors among them), and couplings of anything but two
    /// inductors.
    pub fn faults(&self) -> Vec<Fault> {
        self.faults_where(|_| true)
    }

    /// The faults of a motion that begins with given charges and fluxes: the current of an
    /// inductor is known there, so that it forces no voltage.
    pub fn faults_in_motion(&self) -> Vec<Fault> {
        self.faults_where(|device| !matches!(device, Device::Inductor(_)))
    }

    fn faults_where(&self, forces: impl Fn(&Device) -> bool) -> Vec<Fault> {
        let mut conducting = Groups::new(self.node_count());
        let mut forced = Groups::new(self.node_count());
        let mut loops = Vec::new();
        for (id, (_, device)) in self.devices().iter().enumerate() {
            for path in device.paths() {
                conducting.join(path.from, path.to);
                if path.forces && forces(device) && !forced.join(path.from, path.to) {
                    loops.push(Fault::ForcedLoop { device: DeviceId(id) });
                }
            }
        }
        self.arrays.iter().for_each(|array| array.join(&mut conducting));
        let mut faults = self.unconnected();
        faults.extend(isolated(&mut conducting, self.node_count()));
        faults.extend(loops);
        faults.extend(self.miscoupled());
        faults
    }

    fn miscoupled(&self) -> Vec<Fault> {
        let mut coupled = HashSet::new();
        let devices = self.devices();
        let faults = devices.iter().enumerate().filter_map(|(id, (_, device))| {
            let Device::Coupling(coupling) = device else { return None };
            let device = DeviceId(id);
            let pair = [coupling.l1.0, coupling.l2.0];
            match coupling.pair(devices) {
                None => Some(Fault::NotInductors { device }),
                Some(_) if !coupled.insert([pair[0].min(pair[1]), pair[0].max(pair[1])]) => {
                    Some(Fault::CoupledTwice { device })
                }
                Some(_) => None,
            }
        });
        faults.collect()
    }

    /// Whether the voltage of each node is forced from ground, whatever current it carries.
    pub fn forced_nodes(&self) -> Vec<bool> {
        let mut groups = Groups::new(self.node_count());
        for (_, device) in self.devices() {
            for path in device.paths().into_iter().filter(|p| p.forces) {
                groups.join(path.from, path.to);
            }
        }
        let ground = groups.root(Node::GROUND);
        (0..self.node_count()).map(|k| groups.root(Node(k as u32)) == ground).collect()
    }

    fn unconnected(&self) -> Vec<Fault> {
        let mut terminals = vec![0; self.node_count()];
        let mut sole = vec![None; self.node_count()];
        for (id, (_, device)) in self.devices().iter().enumerate() {
            let forced = device.paths().into_iter().filter(|p| p.forces);
            let forced: Vec<Node> = forced.flat_map(|p| [p.from, p.to]).collect();
            for node in device.nodes() {
                terminals[node.0 as usize] += 1;
                sole[node.0 as usize] = (!forced.contains(&node)).then_some(DeviceId(id));
            }
        }
        self.arrays.iter().flat_map(|a| a.nodes()).for_each(|n| terminals[n.0 as usize] += 1);
        let nodes = (1..self.node_count()).filter(|&k| terminals[k] == 1);
        nodes
            .filter_map(|k| Some(Fault::Unconnected { node: Node(k as u32), device: sole[k]? }))
            .collect()
    }
}

/// The groups of nodes that do not hold ground, each as one fault.
fn isolated(groups: &mut Groups, nodes: usize) -> Vec<Fault> {
    let ground = groups.root(Node::GROUND);
    let mut islands: Vec<(usize, Vec<Node>)> = Vec::new();
    for node in (1..nodes).map(|k| Node(k as u32)) {
        let root = groups.root(node);
        if root == ground {
            continue;
        }
        match islands.iter_mut().find(|(of, _)| *of == root) {
            Some((_, island)) => island.push(node),
            None => islands.push((root, vec![node])),
        }
    }
    islands.into_iter().map(|(_, nodes)| Fault::NoPathToGround { nodes }).collect()
}

/// Disjoint sets of nodes.
pub(super) struct Groups(Vec<usize>);

impl Groups {
    pub fn new(nodes: usize) -> Groups {
        Groups((0..nodes).collect())
    }

    pub fn root(&mut self, node: Node) -> usize {
        let mut at = node.0 as usize;
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    /// Whether they were apart.
    pub fn join(&mut self, a: Node, b: Node) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
        a != b
    }
}
