use super::{Drive, Engine, Save, Settled, Until, Written};
use crate::model::{EnergyModel, State};

/// The energy's own fixed point, in `x`, by damped iteration.
pub struct Ideal {
    _model: EnergyModel,
}

impl Ideal {
    /// `damping` from 0 (plain iteration) to below 1: `x <- damping x + (1 - damping) F(x)`.
    pub fn new(model: EnergyModel, _damping: f64) -> Ideal {
        Ideal { _model: model }
    }
}

impl Engine for Ideal {
    fn settle(&mut self, _: &Drive, _: Option<&State>, _: &Until, _: &Save) -> Settled {
        todo!()
    }
    fn write(&mut self, _: &EnergyModel) -> Written {
        todo!()
    }
}
