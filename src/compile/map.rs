use super::Fabric;
use crate::model::EnergyModel;
use crate::spec::Hardware;

/// Maps a model onto conductances.
pub fn compile(_model: &EnergyModel, _hardware: &Hardware) -> Fabric {
    todo!()
}
