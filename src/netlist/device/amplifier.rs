use super::{Arg, Args, Element, Field, Kind, Own, Path, View, stamp_branch};
use crate::netlist::Node;
use crate::numerics::Activation;
use crate::numerics::dae::Stamps;
use crate::units::{Dimension, Range, Volt};

/// A neuron's amplifier: `v(out) = v_unit f(gain v(in) / v_unit)` from an ideal output, drawing
/// no current at its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Amplifier {
    pub input: Node,
    pub output: Node,
    /// Elementwise.
    pub activation: Activation,
    pub gain: f64,
    pub v_unit: Volt,
}

/// The elementwise activations and their words, in one order.
const CHOICES: [Activation; 5] = [
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::HardSigmoid,
];
const WORDS: &[&str] = &["identity", "sigmoid", "tanh", "relu", "hard-sigmoid"];

impl Element for Amplifier {
    const SUMMARY: &'static str = "holds out at v-unit f(gain v(in) / v-unit)";
    const FIELDS: &'static [Field] = &[
        Field { key: "in", kind: Kind::Node, about: "input" },
        Field { key: "out", kind: Kind::Node, about: "output" },
        Field { key: "activation", kind: Kind::Word { choices: WORDS }, about: "the law f" },
        Field {
            key: "gain",
            kind: Kind::required(Dimension::One, Range::Positive),
            about: "gain before the law",
        },
        Field {
            key: "v-unit",
            kind: Kind::required(Dimension::Volt, Range::Positive),
            about: "the voltage that stands for 1",
        },
    ];

    fn build(args: &mut Args) -> Self {
        let (input, output, word) = (args.node(), args.node(), args.word());
        let activation = CHOICES.into_iter().find(|a| a.name() == word);
        Amplifier {
            input,
            output,
            activation: activation.unwrap_or_else(|| panic!("no activation named {word}")),
            gain: args.number(),
            v_unit: args.number(),
        }
    }

    fn args(&self) -> Vec<Arg> {
        vec![
            Arg::Node(self.input),
            Arg::Node(self.output),
            Arg::Word(self.activation.name()),
            Arg::Number(self.gain),
            Arg::Number(self.v_unit),
        ]
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::Current]
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.output, to: Node::GROUND, forces: true }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        stamp_branch(at, out, self.output, Node::GROUND, 0);
        let row = at.own(0);
        let x = self.gain * at.v(self.input) / self.v_unit;
        out.i(row, at.v(self.output) - self.v_unit * self.activation.scalar(x));
        out.di(row, at.node(self.output), 1.0);
        out.di(row, at.node(self.input), -self.gain * self.activation.scalar_slope(x));
    }
}
