//! The devices, and the one roll they are listed in. A device describes its arguments as data
//! ([`Field`]), so reading it from TOML, writing it back, documenting it and testing it need no
//! further list.

use super::Node;
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
    /// One of these words.
    Word { choices: &'static [&'static str] },
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    Node(Node),
    Nodes(Vec<Node>),
    Number(f64),
    Word(&'static str),
}

/// An entry of the roll.
pub struct Entry {
    /// The device's word in a file.
    pub key: &'static str,
    /// One line for people.
    pub summary: &'static str,
    pub fields: &'static [Field],
    /// Makes the device from arguments in the order of `fields`.
    pub build: fn(Vec<Arg>) -> Device,
}

/// Every device there is.
pub const ROLL: &[Entry] = &[];

/// A device on its nodes.
#[derive(Debug, Clone, PartialEq)]
pub enum Device {}
