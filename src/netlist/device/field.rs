//! What a device is made from: its arguments as data.

use super::AcDrive;
use crate::netlist::expression::{Expression, Probe};
use crate::netlist::{DeviceId, Node, Waveform};
use crate::units::{Dimension, Range};

/// One argument of a device, as a file writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub key: &'static str,
    pub kind: Kind,
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

impl Field {
    pub(super) const fn node(key: &'static str) -> Field {
        Field { key, kind: Kind::Node }
    }

    pub(super) const fn nodes(key: &'static str) -> Field {
        Field { key, kind: Kind::Nodes }
    }

    pub(super) const fn defaulted(
        key: &'static str,
        dimension: Dimension,
        range: Range,
        default: &'static str,
    ) -> Field {
        Field { key, kind: Kind::Number { dimension, range, default: Some(default) } }
    }

    pub(super) const fn number(key: &'static str, dimension: Dimension, range: Range) -> Field {
        Field { key, kind: Kind::Number { dimension, range, default: None } }
    }
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

    #[expect(dead_code, reason = "the first device with a foreign branch is not in the roll yet")]
    pub fn branch(&mut self) -> DeviceId {
        match self.0.next() {
            Some(Arg::Branch(device)) => device,
            other => panic!("expected a device, got {other:?}"),
        }
    }

    #[expect(dead_code, reason = "the first behavioural source is not in the roll yet")]
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
