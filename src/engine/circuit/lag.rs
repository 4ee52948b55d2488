//! Amplifiers with a bandwidth: voltages that move by themselves, beside the summing nodes.

use std::collections::HashMap;

use crate::compile::Chip;
use crate::model::State;
use crate::netlist::{Device, DeviceId, Netlist, OpAmp, Ports};
use crate::units::Volt;

/// An amplifier that follows the activation of a unit.
#[derive(Debug)]
pub(super) struct Lag {
    /// Its voltage among the unknowns.
    unknown: usize,
    layer: usize,
    unit: usize,
    /// Of the negative of the activation: -1.
    sign: f64,
    /// What turns its current into how far it has to go, in units of activation.
    force: f64,
    rest: Rest,
}

#[derive(Debug)]
struct Rest {
    gain: f64,
    limits: [Volt; 2],
}

/// The amplifiers of a netlist that [`crate::compile::expand()`] made, by their names.
pub(super) fn of_netlist(netlist: &Netlist, ports: &Ports) -> Vec<Lag> {
    let mut named: HashMap<&str, (DeviceId, &OpAmp)> = HashMap::new();
    for (id, (name, device)) in netlist.devices().iter().enumerate() {
        if let Device::OpAmp(amplifier) = device
            && amplifier.gbw.is_some()
        {
            named.insert(name, (DeviceId(id), amplifier));
        }
    }
    if named.is_empty() {
        return Vec::new();
    }
    let mut lags = Vec::new();
    for (layer, port) in ports.layers.iter().enumerate() {
        for unit in 0..port.nodes.len() {
            for (end, sign) in [("out", 1.0), ("outn", -1.0)] {
                let name = format!("{}.{unit}.{end}", port.name);
                let Some((id, amplifier)) = named.get(name.as_str()) else { continue };
                let own = netlist.own_unknowns(*id);
                let gain = 1.0 / (1.0 + amplifier.gain.map_or(0.0, |gain| 1.0 / gain));
                let rate = std::f64::consts::TAU * amplifier.gbw.unwrap_or(f64::INFINITY);
                let limits = [
                    amplifier.v_min.unwrap_or(f64::NEG_INFINITY),
                    amplifier.v_max.unwrap_or(f64::INFINITY),
                ];
                lags.push(Lag {
                    unknown: own.end - 1,
                    layer,
                    unit,
                    sign,
                    force: gain / (rate * ports.v_unit),
                    rest: Rest { gain, limits },
                });
            }
        }
    }
    lags
}

impl Lag {
    /// How far the amplifier has to go, from the net currents `I`.
    pub fn behind(&self, currents: &[f64]) -> f64 {
        self.force * currents[self.unknown]
    }
}

/// Puts the amplifiers where they rest at row `s` of a state whose layer `clamp` is clamped: on a
/// chip with its supply, and else by themselves.
pub(super) fn start(
    lags: &[Lag],
    (ports, chip): (&Ports, Option<&Chip>),
    state: &State,
    (clamp, s): (usize, usize),
    x: &mut [f64],
) {
    if lags.is_empty() {
        return;
    }
    let own: State = state.iter().map(|layer| layer.select_rows(&[s])).collect();
    if let Some(mut outputs) = chip.and_then(|chip| chip.outputs(&own)) {
        outputs.remove(clamp);
        for lag in lags {
            x[lag.unknown] = lag.sign * ports.v_unit * outputs[lag.layer][(0, lag.unit)];
        }
        return;
    }
    let free = state.iter().enumerate().filter(|(l, _)| *l != clamp).map(|(_, layer)| layer);
    let outputs: Vec<Vec<f64>> = (ports.layers.iter().zip(free))
        .map(|(port, layer)| {
            let mut xhat = vec![0.0; layer.cols()];
            port.activation.row(layer.row(s), &mut xhat);
            xhat
        })
        .collect();
    for lag in lags {
        let asked = lag.sign * ports.v_unit * outputs[lag.layer][lag.unit];
        let [low, high] = lag.rest.limits;
        x[lag.unknown] = (lag.rest.gain * asked).max(low).min(high);
    }
}
