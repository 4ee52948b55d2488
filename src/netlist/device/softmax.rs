use super::{Arg, Args, Element, Field, Kind, Own, Path, View, stamp_branch};
use crate::netlist::Node;
use crate::numerics::Activation;
use crate::numerics::dae::Stamps;
use crate::units::{Dimension, Range, Volt};

/// The amplifiers of a softmax layer, which compete for one bias current:
/// `v(out_i) = v_unit softmax(gain v(in) / v_unit)_i` from ideal outputs, drawing no current at
/// the inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftmaxAmplifier {
    pub inputs: Vec<Node>,
    /// As many as `inputs`.
    pub outputs: Vec<Node>,
    pub gain: f64,
    pub v_unit: Volt,
}

impl Element for SoftmaxAmplifier {
    const SUMMARY: &'static str = "holds each out at v-unit softmax(gain v(in) / v-unit)";
    const FIELDS: &'static [Field] = &[
        Field { key: "in", kind: Kind::Nodes, about: "inputs" },
        Field { key: "out", kind: Kind::Nodes, about: "as many outputs" },
        Field {
            key: "gain",
            kind: Kind::required(Dimension::One, Range::Positive),
            about: "gain before the softmax",
        },
        Field {
            key: "v-unit",
            kind: Kind::required(Dimension::Volt, Range::Positive),
            about: "the voltage that stands for 1",
        },
    ];

    fn build(args: &mut Args) -> Self {
        let (inputs, outputs) = (args.nodes(), args.nodes());
        assert_eq!(inputs.len(), outputs.len(), "a softmax has as many outputs as inputs");
        SoftmaxAmplifier { inputs, outputs, gain: args.number(), v_unit: args.number() }
    }

    fn args(&self) -> Vec<Arg> {
        vec![
            Arg::Nodes(self.inputs.clone()),
            Arg::Nodes(self.outputs.clone()),
            Arg::Number(self.gain),
            Arg::Number(self.v_unit),
        ]
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::Current; self.outputs.len()]
    }

    fn paths(&self) -> Vec<Path> {
        let path = |&from: &Node| Path { from, to: Node::GROUND, forces: true };
        self.outputs.iter().map(path).collect()
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let x: Vec<f64> =
            self.inputs.iter().map(|&node| self.gain * at.v(node) / self.v_unit).collect();
        let mut share = vec![0.0; x.len()];
        Activation::Softmax.row(&x, &mut share);
        for (k, &output) in self.outputs.iter().enumerate() {
            stamp_branch(at, out, output, Node::GROUND, k);
            let row = at.own(k);
            out.i(row, at.v(output) - self.v_unit * share[k]);
            out.di(row, at.node(output), 1.0);
            for (j, &input) in self.inputs.iter().enumerate() {
                let slope = share[k] * (f64::from(u8::from(j == k)) - share[j]);
                out.di(row, at.node(input), -self.gain * slope);
            }
        }
    }
}
