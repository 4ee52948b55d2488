use super::{DeviceId, Node};
use crate::numerics::Activation;
use crate::units::{Siemens, Volt};

/// Where a netlist made from a network is driven and read, in the network's own units:
/// `x = gain u / v_unit` at a summing node of voltage `u`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ports {
    /// The voltage that stands for an activation of 1.
    pub v_unit: Volt,
    pub clamp: ClampPort,
    /// The layers that move, in the model's order.
    pub layers: Vec<LayerPort>,
    /// Which of `layers` is read.
    pub read: usize,
    /// One a unit of the read layer.
    pub nudge: Vec<NudgePort>,
    /// Siemens a unit of weight at the read layer: a force `f` is the current
    /// `scale v_unit f`.
    pub nudge_scale: Siemens,
}

/// The clamped layer: input `x_i` is driven as the voltages `+-v_unit xhat_i`.
#[derive(Debug, Clone, PartialEq)]
pub struct ClampPort {
    pub name: String,
    pub activation: Activation,
    /// The voltage sources of each unit: its activation, and the negative of it.
    pub sources: Vec<[DeviceId; 2]>,
}

/// A layer of summing nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPort {
    pub name: String,
    pub activation: Activation,
    pub gain: f64,
    pub nodes: Vec<Node>,
    /// Gain factor `a` and offset `o` of each unit's amplifier, which sees `x = gain a (u + o) /
    /// v_unit`; empty where all are 1 and 0 V.
    pub skew: Vec<(f64, Volt)>,
}

/// How one read unit is nudged. Both devices always exist, at zero in the free phase, so that
/// nudging changes values and never the pattern of the equations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NudgePort {
    /// A current source into the summing node.
    pub current: DeviceId,
    /// A transconductance from the neuron's output into the summing node.
    pub pull: DeviceId,
    /// What is injected for what was asked for.
    pub mirror: f64,
}
