//! Amplifiers that are not ideal, between the neuron circuits and the lines.

use crate::netlist::{Netlist, Node, OpAmp, Resistor};
use crate::spec::{Amplifier, Pins};

/// Lays the amplifiers of a layer; the pins that its neuron circuit is left with, or `None` where
/// it holds the lines itself.
pub(super) fn lay(
    spec: &Amplifier,
    layer: &str,
    units: &[Pins],
    netlist: &mut Netlist,
) -> Option<Vec<Pins>> {
    if spec.is_ideal() {
        return None;
    }
    let unit = |(i, pins): (usize, &Pins)| {
        let [output, inverse] = [(pins.output, ""), (pins.inverse, "n")].map(|(line, sign)| {
            let mut node = |what: &str| netlist.node(&format!("{layer}.{i}.{what}{sign}"));
            let out = if spec.resistance > 0.0 { node("out") } else { line };
            let law = if spec.shapes() { node("law") } else { out };
            if spec.shapes() {
                netlist.add(format!("{layer}.{i}.out{sign}"), follower(spec, law, out));
            }
            if spec.resistance > 0.0 {
                let g = 1.0 / spec.resistance;
                let resistor = Resistor { p: out, n: line, g, ..Default::default() };
                netlist.add(format!("{layer}.{i}.rout{sign}"), resistor);
            }
            law
        });
        Pins { output, inverse, ..*pins }
    };
    Some(units.iter().enumerate().map(unit).collect())
}

/// The node that the amplifier of a unit holds: its line, or what is before the resistance.
pub(super) fn output(
    spec: &Amplifier,
    layer: &str,
    unit: usize,
    pins: &Pins,
    netlist: &mut Netlist,
) -> Node {
    match spec.resistance > 0.0 {
        true => netlist.node(&format!("{layer}.{unit}.out")),
        false => pins.output,
    }
}

/// An amplifier with its own output fed back.
fn follower(spec: &Amplifier, law: Node, out: Node) -> OpAmp {
    OpAmp {
        in_p: law,
        in_n: out,
        out,
        gain: spec.gain,
        gbw: spec.bandwidth,
        slew_rate: spec.slew,
        offset: 0.0,
        v_min: spec.swing.map(|swing| -swing),
        v_max: spec.swing,
        r_out: 0.0,
        r_in: None,
    }
}
