//! Compiled networks, driven, for the tests of their text.

use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::model::Activation;
use eqcircuit::netlist::{Device, Netlist, Ports};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{ArrayStyle, NonIdeal};

use super::{hardware, layered};

/// What to put on what.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub sizes: [usize; 3],
    pub hidden: Activation,
    pub style: ArrayStyle,
    pub tile: [usize; 2],
    pub spread: f64,
    pub r_segment: f64,
    /// Of drivers and of sensing.
    pub r_ends: [f64; 2],
    /// Of the segments' resistance.
    pub r_spread: f64,
}

impl Case {
    /// A twin-array tanh network on one tile a direction, perfect.
    pub fn new(sizes: [usize; 3]) -> Case {
        Case {
            sizes,
            hidden: Activation::Tanh,
            style: ArrayStyle::Twin,
            tile: [64, 64],
            spread: 0.0,
            r_segment: 0.0,
            r_ends: [0.0; 2],
            r_spread: 0.0,
        }
    }

    /// The chip: weights modest enough for a single equilibrium.
    pub fn chip(&self) -> Chip {
        let activations = [Activation::Identity, self.hidden, Activation::Identity];
        let mut model = layered(&self.sizes, &activations, 0.6, Seed::new(11));
        for (layer, name) in model.layers.iter_mut().zip(["input", "hidden", "output"]) {
            layer.name = name.into();
        }
        let mut hardware = hardware(&model, self.style);
        hardware.tile = self.tile;
        let mut nonideal = NonIdeal::default();
        nonideal.fabrication.spread = self.spread;
        nonideal.wire.r_segment = self.r_segment;
        [nonideal.wire.r_driver, nonideal.wire.r_sense] = self.r_ends;
        nonideal.wire.spread = self.r_spread;
        fabricate(&compile(&model, &hardware), &nonideal, Seed::new(5))
    }
}

/// Sets the inputs and the elastic nudge `beta (target - xhat)` through the ports.
pub fn drive(netlist: &mut Netlist, ports: &Ports, xhat: &[f64], target: &[f64], beta: f64) {
    for (pair, x) in ports.clamp.sources.iter().zip(xhat) {
        for (&id, sign) in pair.iter().zip([1.0, -1.0]) {
            match netlist.device_mut(id) {
                Device::VoltageSource(source) => source.dc = sign * ports.v_unit * x,
                other => panic!("an input is held by {other:?}"),
            }
        }
    }
    for (port, y) in ports.nudge.iter().zip(target) {
        match netlist.device_mut(port.current) {
            Device::CurrentSource(source) => {
                source.dc = ports.nudge_scale * ports.v_unit * beta * y
            }
            other => panic!("the nudge is {other:?}"),
        }
        match netlist.device_mut(port.pull) {
            Device::Vccs(pull) => pull.gm = -ports.nudge_scale * beta,
            other => panic!("the pull is {other:?}"),
        }
    }
}
