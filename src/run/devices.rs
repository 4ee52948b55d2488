//! A netlist of bare devices: solved and turned into records.

use super::Found;
use crate::netlist::Netlist;
use crate::spec::Simulate;

pub(super) fn analyse(_netlist: &Netlist, _simulate: &Simulate) -> Found {
    todo!()
}
