use crate::numerics::Activation;

/// A layer of units that share an activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub name: String,
    pub size: usize,
    pub activation: Activation,
}
