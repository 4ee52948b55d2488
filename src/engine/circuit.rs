use super::{Drive, Engine, Save, Settled, Until, Written};
use crate::compile::Chip;
use crate::model::{EnergyModel, State};
use crate::netlist::{Netlist, Ports};
use crate::spec::Analysis;

/// Modified nodal analysis of a netlist.
pub struct Circuit {
    _netlist: Netlist,
}

impl Circuit {
    /// The circuit of a chip, every cell and wire segment of it.
    pub fn from_chip(_chip: Chip, _analysis: Analysis) -> Circuit {
        todo!()
    }

    /// A netlist that was made from a network (it has ports). Its states are those of the layers
    /// in `ports`, the clamped layer first; it cannot be written.
    pub fn from_netlist(_netlist: Netlist, _ports: Ports, _analysis: Analysis) -> Circuit {
        todo!()
    }
}

impl Engine for Circuit {
    fn settle(&mut self, _: &Drive, _: Option<&State>, _: &Until, _: &Save) -> Settled {
        todo!()
    }
    fn write(&mut self, _: &EnergyModel) -> Written {
        todo!()
    }
}
