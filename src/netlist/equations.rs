//! A netlist as equations: Kirchhoff's current law at every node but ground, then the equations
//! of the devices' own unknowns, device by device. Arrays put nothing into them: they are solved
//! beside them, or first made devices of ([`Netlist::flat`]).

use super::device::View;
use super::{Device, DeviceId, Netlist, Node, Noise, Own};
use crate::numerics::dae::{Dae, Instant, Quantity, Stamps};
use crate::units::Second;

impl Netlist {
    /// The place of a node's voltage among the unknowns; `None` for ground.
    pub fn unknown_of(&self, node: Node) -> Option<usize> {
        (node.0 as usize).checked_sub(1)
    }

    /// The place of a device's first own unknown; `None` if it has none.
    pub fn first_own(&self, device: DeviceId) -> Option<usize> {
        let own = self.own_range(device);
        (!own.is_empty()).then(|| self.potentials() + own.start)
    }

    /// The places of a device's own unknowns.
    pub fn own_unknowns(&self, device: DeviceId) -> std::ops::Range<usize> {
        let own = self.own_range(device);
        self.potentials() + own.start..self.potentials() + own.end
    }

    /// The place of a device's branch current among the unknowns; `None` if that is no unknown.
    pub fn branch(&self, device: DeviceId) -> Option<usize> {
        let own = self.own_range(device);
        let first = self.own[own.clone()].first();
        let flows = matches!(first, Some(Own::Current | Own::Inertia));
        flows.then(|| self.potentials() + own.start)
    }

    /// The names of all unknowns in order: `v(node)` \[V\], then `i(device)` \[A\] for a branch
    /// current and `device#k` for any other own unknown; `i(device.k)` and `device#k` where a
    /// device has several of the kind.
    pub fn unknown_names(&self) -> Vec<String> {
        let nodes =
            (1..self.node_count()).map(|k| format!("v({})", self.node_name(Node(k as u32))));
        let own = self.devices().iter().enumerate().flat_map(|(id, (name, _))| {
            let own = &self.own[self.own_range(DeviceId(id))];
            let flows = |o: &Own| matches!(o, Own::Current | Own::Inertia);
            let several = own.iter().filter(|o| flows(o)).count() > 1;
            own.iter().enumerate().map(move |(k, o)| match flows(o) {
                true if several => format!("i({name}.{k})"),
                true => format!("i({name})"),
                false => format!("{name}#{k}"),
            })
        });
        nodes.chain(own).collect()
    }

    /// The right-hand side of the small-signal equations `(dI/dx + j omega dQ/dx) x = b` at an
    /// operating point `x`, as pairs of real and imaginary part, one an equation.
    pub fn excitation(&self, x: &[f64]) -> Vec<[f64; 2]> {
        let mut b = vec![[0.0; 2]; self.dim()];
        let mut add = |row: usize, re: f64, im: f64| {
            if row != Stamps::NOWHERE {
                b[row][0] += re;
                b[row][1] += im;
            }
        };
        for (id, (_, device)) in self.devices().iter().enumerate() {
            device.excite(&self.view(DeviceId(id), Instant::Rest, x), &mut add);
        }
        b
    }

    /// All sources of noise at an operating point `x`, each with its device.
    pub fn noise(&self, x: &[f64]) -> Vec<(DeviceId, Noise)> {
        let mut all = Vec::new();
        let mut found = Vec::new();
        for (id, (_, device)) in self.devices().iter().enumerate() {
            device.noise(&self.view(DeviceId(id), Instant::Rest, x), &mut found);
            all.extend(found.drain(..).map(|noise| (DeviceId(id), noise)));
        }
        all
    }

    /// Adds what one device puts into the sums; its currents *leave* its nodes into it.
    pub fn stamp_device(&self, device: DeviceId, at: Instant, x: &[f64], out: &mut Stamps) {
        self.device(device).stamp(&self.view(device, at, x), out);
    }

    fn own_range(&self, device: DeviceId) -> std::ops::Range<usize> {
        let end = self.own_starts.get(device.0 + 1).map_or(self.own.len(), |&end| end as usize);
        self.own_starts[device.0] as usize..end
    }

    fn view<'a>(&'a self, device: DeviceId, at: Instant, x: &'a [f64]) -> View<'a> {
        let nodes = self.potentials();
        View {
            x,
            at,
            temperature: self.temperature,
            gmin: self.gmin,
            first_own: nodes + self.own_starts[device.0] as usize,
            first_memory: self.memory_starts[device.0] as usize,
            own_starts: &self.own_starts,
            nodes,
            devices: self.devices(),
        }
    }
}

impl Dae for Netlist {
    fn dim(&self) -> usize {
        self.potentials() + self.own.len()
    }

    fn eval(&self, at: Instant, x: &[f64], out: &mut Stamps) {
        for &id in &self.curved {
            self.stamp_device(id, at, x, out);
        }
    }

    fn eval_linear(&self, at: Instant, x: &[f64], out: &mut Stamps) {
        for (id, (_, device)) in self.devices().iter().enumerate() {
            if device.is_linear() {
                device.stamp(&self.view(DeviceId(id), at, x), out);
            }
        }
    }

    /// Nodes at voltage sources against ground.
    fn forced(&self) -> Vec<(usize, usize)> {
        let sources = self.devices().iter().enumerate().filter_map(|(id, (_, device))| {
            let Device::VoltageSource(source) = device else { return None };
            let node = match (source.p, source.n) {
                (node, Node::GROUND) | (Node::GROUND, node) => self.unknown_of(node)?,
                _ => return None,
            };
            Some((node, self.branch(DeviceId(id))?))
        });
        sources.collect()
    }

    /// The node's own name, or the device's.
    fn name(&self, unknown: usize) -> String {
        if unknown < self.potentials() {
            return self.node_name(Node(unknown as u32 + 1)).to_string();
        }
        let own = unknown - self.potentials();
        let after = self.own_starts.partition_point(|&start| start as usize <= own);
        self.devices().get(after.wrapping_sub(1)).map_or_else(String::new, |(name, _)| name.clone())
    }

    fn potentials(&self) -> usize {
        self.node_count() - 1
    }

    fn quantity(&self, unknown: usize) -> Quantity {
        match unknown.checked_sub(self.potentials()) {
            None => Quantity::Potential,
            Some(own) => self.own[own].quantity(),
        }
    }

    fn memory(&self) -> usize {
        self.memory_starts.last().map_or(0, |&all| all as usize)
    }

    fn remember(&self, at: Instant, x: &[f64], memory: &mut [f64]) -> bool {
        let mut changed = false;
        for (id, (_, device)) in self.devices().iter().enumerate() {
            let own = self.memory_starts[id] as usize..self.memory_starts[id + 1] as usize;
            if !own.is_empty() {
                changed |= device.remember(&self.view(DeviceId(id), at, x), &mut memory[own]);
            }
        }
        changed
    }

    fn corners(&self, until: Second) -> Vec<Second> {
        self.devices().iter().flat_map(|(_, device)| device.corners(until)).collect()
    }
}
