use super::{Drive, Engine, Save, Settled, Until, Written};
use crate::compile::Chip;
use crate::model::{EnergyModel, State};
use crate::spec::Precision;

/// The arrays of a chip as a batched ODE.
pub struct Behavioural {
    _chip: Chip,
}

impl Behavioural {
    pub fn new(chip: Chip, _precision: Precision) -> Behavioural {
        Behavioural { _chip: chip }
    }
}

impl Engine for Behavioural {
    fn settle(&mut self, _: &Drive, _: Option<&State>, _: &Until, _: &Save) -> Settled {
        todo!()
    }
    fn write(&mut self, _: &EnergyModel) -> Written {
        todo!()
    }
}
