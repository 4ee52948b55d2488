//! A netlist as equations: Kirchhoff's current law at every node but ground, then the equations
//! of the branches, device by device.

use super::{Netlist, Node, device::View};
use crate::numerics::dae::{Dae, Stamps};
use crate::units::Second;

impl Netlist {
    /// The place of a node's voltage among the unknowns; `None` for ground.
    pub fn unknown_of(&self, node: Node) -> Option<usize> {
        (node.0 as usize).checked_sub(1)
    }

    /// The names of all unknowns in order: `v(node)` \[V\], then `i(device)` \[A\], or
    /// `i(device.k)` for a device with several branches.
    pub fn unknown_names(&self) -> Vec<String> {
        let nodes =
            (1..self.node_count()).map(|k| format!("v({})", self.node_name(Node(k as u32))));
        let branches = self.devices().iter().flat_map(|(name, device)| {
            let several = device.branches() > 1;
            (0..device.branches())
                .map(move |k| if several { format!("i({name}.{k})") } else { format!("i({name})") })
        });
        nodes.chain(branches).collect()
    }
}

impl Dae for Netlist {
    fn dim(&self) -> usize {
        self.potentials() + self.devices().iter().map(|(_, d)| d.branches()).sum::<usize>()
    }

    fn eval(&self, _: Second, x: &[f64], out: &mut Stamps) {
        let mut first_branch = self.potentials();
        for (_, device) in self.devices() {
            device.stamp(&View { x, first_branch }, out);
            first_branch += device.branches();
        }
    }

    /// The node's own name, or the device's.
    fn name(&self, unknown: usize) -> String {
        if unknown < self.potentials() {
            return self.node_name(Node(unknown as u32 + 1)).to_string();
        }
        let mut end = self.potentials();
        let owner = self.devices().iter().find(|(_, device)| {
            end += device.branches();
            unknown < end
        });
        owner.map_or_else(String::new, |(name, _)| name.clone())
    }

    fn potentials(&self) -> usize {
        self.node_count() - 1
    }
}
