//! Every neuron circuit of the library does what it claims: its transfer curve, measured in the
//! netlist it is laid into, is the activation it names.

mod common;

use eqcircuit::engine::{Until, analyse};
use eqcircuit::model::Activation;
use eqcircuit::netlist::{Netlist, Node, VoltageSource};
use eqcircuit::numerics::Mat;
use eqcircuit::spec::{Analysis, Library, NeuronCircuit, Pins, Site, Subject, load};

/// The circuit that a file with this activation gets.
fn from_library(activation: Activation) -> NeuronCircuit {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.toml");
    let text = format!(
        r#"
title = "neuron"
seed = 1

[model]
clamp = "input"
read = "output"
layers = [
  {{ name = "input", size = 2, activation = "identity" }},
  {{ name = "output", size = 3, activation = "{}" }},
]
couplings = [{{ dense = {{ between = ["input", "output"] }} }}]
init = {{ scale = 0.7 }}

[simulate]
inputs = {{ csv = "inputs.csv" }}
"#,
        activation.name()
    );
    std::fs::write(&file, text).unwrap();
    std::fs::write(folder.path().join("inputs.csv"), "x0,x1\n0.5,-0.5\n").unwrap();
    let spec = load(&file, &[], &Library::built_in());
    match spec.unwrap_or_else(|report| panic!("{report:?}")).subject {
        Subject::Network { hardware, .. } => hardware.neurons[1].clone(),
        other => panic!("{other:?}"),
    }
}

/// The voltages at `$out` and `$inv` of each unit, with `$in` of each held at these voltages.
fn respond(circuit: &NeuronCircuit, gain: f64, v_unit: f64, inputs: &[f64]) -> Vec<[f64; 2]> {
    let mut netlist = Netlist::new();
    let units: Vec<Pins> = (0..inputs.len())
        .map(|i| Pins {
            input: netlist.node(&format!("n.{i}.u")),
            sense: netlist.node(&format!("n.{i}.u")),
            line: netlist.node(&format!("n.{i}.u")),
            output: netlist.node(&format!("n.{i}.v")),
            inverse: netlist.node(&format!("n.{i}.vn")),
        })
        .collect();
    for (unit, &dc) in units.iter().zip(inputs) {
        let name = netlist.node_name(unit.input).to_string();
        netlist
            .add(name, VoltageSource { p: unit.input, n: Node::GROUND, dc, ..Default::default() });
    }
    let site = Site { layer: "n", units: &units, gain, v_unit, c_node: 1e-13, capacitance: &[] };
    circuit.lay(&site, &mut netlist).unwrap();
    let until = Until { settled: 0.0, at_most: 0.0, at_most_iterations: 0 };
    let run = analyse(&netlist, Analysis::Op, &until, 1);
    assert!(run.outcome.is_settled(), "{}", run.outcome);
    let volts = |node: Node| run.values[(0, node.0 as usize - 1)];
    units.iter().map(|unit| [volts(unit.output), volts(unit.inverse)]).collect()
}

#[test]
fn transfer_curves_are_the_activations_they_name() {
    let (gain, v_unit) = (3.5, 0.2);
    for activation in Activation::ALL {
        let circuit = from_library(activation);
        assert_eq!(circuit.activation, activation);
        for start in [-2.5, -0.9, -0.1, 0.0, 0.4, 0.8, 1.7, 6.0] {
            let x = Mat::from_vec(1, 3, vec![start, start + 0.31, 0.5 - start]);
            let inputs: Vec<f64> = x.row(0).iter().map(|x| x * v_unit / gain).collect();
            let wanted = activation.values(&x);
            let measured = respond(&circuit, gain, v_unit, &inputs);
            for (unit, ([v, vn], xhat)) in measured.iter().zip(wanted.row(0)).enumerate() {
                let wanted = v_unit * xhat;
                let off = (v - wanted).abs().max((vn + wanted).abs());
                assert!(off < 1e-12, "{}, unit {unit} at {start}: {off:e} V", circuit.name);
            }
        }
    }
}

#[test]
fn the_node_capacitor_is_at_the_summing_node() {
    for activation in Activation::ALL {
        let mut netlist = Netlist::new();
        let [input, output, inverse] = ["u", "v", "vn"].map(|name| netlist.node(name));
        let units = [Pins { input, sense: input, line: input, output, inverse }];
        let site = Site {
            layer: "n",
            units: &units,
            gain: 1.0,
            v_unit: 0.2,
            c_node: 7e-14,
            capacitance: &[],
        };
        from_library(activation).lay(&site, &mut netlist).unwrap();
        let held: f64 = netlist
            .devices()
            .iter()
            .map(|(_, device)| match device {
                eqcircuit::netlist::Device::Capacitor(c) if c.p == input || c.n == input => c.c,
                _ => 0.0,
            })
            .sum();
        assert_eq!(held, 7e-14, "{}", activation.name());
    }
}
