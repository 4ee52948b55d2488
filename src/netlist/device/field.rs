//! What a device is made from: its arguments as data.

use super::AcDrive;
use crate::netlist::expression::{Expression, Probe};
use crate::netlist::{DeviceId, Node, Waveform};
use crate::units::{self, Dimension, Range};

/// One argument of a device, as a file writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub key: &'static str,
    pub kind: Kind,
    /// One line for people, with its unit where the kind does not tell.
    pub about: &'static str,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A node's name.
    Node,
    /// A list of node names.
    Nodes,
    /// A quantity. `default` as text with unit; `None` means it must be given.
    Number { dimension: Dimension, range: Range, default: Option<&'static str> },
    /// A conductance, written either as `g = "25 uS"` or as `r = "40 kohm"`.
    Conductance,
    /// A quantity that may be left out.
    Optional { dimension: Dimension, range: Range },
    /// One of these words.
    Word { choices: &'static [&'static str] },
    /// One of these words; the first where it is left out.
    Choice { choices: &'static [&'static str] },
    /// The name of a device with a branch current.
    Branch,
    /// An expression of node voltages, branch currents and time, its value in this dimension.
    Expression { dimension: Dimension },
    /// A waveform of a source in this dimension, each form under a key of its own; may be left
    /// out.
    Waveform { dimension: Dimension },
    /// `{ magnitude = ..., phase = ... }` of a source in this dimension; may be left out.
    AcDrive { dimension: Dimension },
}

impl Kind {
    pub(super) const fn required(dimension: Dimension, range: Range) -> Kind {
        Kind::Number { dimension, range, default: None }
    }

    pub(super) const fn defaulted(
        dimension: Dimension,
        range: Range,
        default: &'static str,
    ) -> Kind {
        Kind::Number { dimension, range, default: Some(default) }
    }

    pub(super) const fn optional(dimension: Dimension, range: Range) -> Kind {
        Kind::Optional { dimension, range }
    }

    /// The number that stands for a key left out, where there is one.
    pub fn default(self) -> Option<f64> {
        let Kind::Number { dimension, range, default: Some(text) } = self else { return None };
        units::parse(text, dimension, range).ok()
    }
}

/// Two lists of fields as one.
pub(super) const fn joined<const N: usize>(first: &[Field], then: &[Field]) -> [Field; N] {
    let mut all = [Field { key: "", kind: Kind::Node, about: "" }; N];
    let mut k = 0;
    while k < N {
        all[k] = if k < first.len() { first[k] } else { then[k - first.len()] };
        k += 1;
    }
    all
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    Node(Node),
    Nodes(Vec<Node>),
    Number(f64),
    Word(&'static str),
    Branch(DeviceId),
    Expression(Expression<Probe>),
    Waveform(Waveform),
    AcDrive(AcDrive),
    /// Left out.
    Absent,
}

/// Arguments taken one after the other.
pub(in crate::netlist) struct Args(pub(super) std::vec::IntoIter<Arg>);

impl Args {
    pub fn node(&mut self) -> Node {
        match self.0.next() {
            Some(Arg::Node(node)) => node,
            other => panic!("expected a node, got {other:?}"),
        }
    }

    pub fn nodes(&mut self) -> Vec<Node> {
        match self.0.next() {
            Some(Arg::Nodes(nodes)) => nodes,
            other => panic!("expected a list of nodes, got {other:?}"),
        }
    }

    pub fn number(&mut self) -> f64 {
        match self.0.next() {
            Some(Arg::Number(value)) => value,
            other => panic!("expected a number, got {other:?}"),
        }
    }

    pub fn branch(&mut self) -> DeviceId {
        match self.0.next() {
            Some(Arg::Branch(device)) => device,
            other => panic!("expected a device, got {other:?}"),
        }
    }

    pub fn expression(&mut self) -> Expression<Probe> {
        match self.0.next() {
            Some(Arg::Expression(expression)) => expression,
            other => panic!("expected an expression, got {other:?}"),
        }
    }

    /// A quantity that may be left out.
    pub fn optional(&mut self) -> Option<f64> {
        match self.0.next() {
            Some(Arg::Number(value)) => Some(value),
            Some(Arg::Absent) => None,
            other => panic!("expected a number or nothing, got {other:?}"),
        }
    }

    pub fn waveform(&mut self) -> Option<Waveform> {
        match self.0.next() {
            Some(Arg::Waveform(waveform)) => Some(waveform),
            Some(Arg::Absent) => None,
            other => panic!("expected a waveform or nothing, got {other:?}"),
        }
    }

    pub fn ac_drive(&mut self) -> Option<AcDrive> {
        match self.0.next() {
            Some(Arg::AcDrive(drive)) => Some(drive),
            Some(Arg::Absent) => None,
            other => panic!("expected an ac drive or nothing, got {other:?}"),
        }
    }

    pub fn word(&mut self) -> &'static str {
        match self.0.next() {
            Some(Arg::Word(word)) => word,
            other => panic!("expected a word, got {other:?}"),
        }
    }
}
