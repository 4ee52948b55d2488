//! The devices, and the one roll they are listed in. A device describes its arguments as data
//! ([`Field`]), so reading it from TOML, writing it back, documenting it and testing it need no
//! further list.
//!
//! A new device is one file with an [`Element`] and one line in the roll.

mod amplifier;
mod capacitor;
mod controlled;
mod resistor;
mod softmax;
mod source;

pub use amplifier::Amplifier;
pub use capacitor::Capacitor;
pub use controlled::{Vccs, Vcvs};
pub use resistor::Resistor;
pub use softmax::SoftmaxAmplifier;
pub use source::{CurrentSource, VoltageSource};

use super::Node;
use crate::numerics::dae::Stamps;
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

impl Field {
    const fn node(key: &'static str) -> Field {
        Field { key, kind: Kind::Node }
    }

    const fn nodes(key: &'static str) -> Field {
        Field { key, kind: Kind::Nodes }
    }

    const fn number(key: &'static str, dimension: Dimension, range: Range) -> Field {
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
}

/// An entry of the roll.
pub struct Entry {
    /// The device's word in a file.
    pub key: &'static str,
    /// One line for people.
    pub summary: &'static str,
    pub fields: &'static [Field],
    /// Makes the device from arguments in the order of `fields`.
    ///
    /// # Panics
    /// If an argument is missing or of another kind than its field.
    pub build: fn(Vec<Arg>) -> Device,
}

/// What a device joins two nodes by, at zero frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    pub from: Node,
    pub to: Node,
    /// Whether the device forces the voltage between them; otherwise it conducts.
    pub forces: bool,
}

/// What every device can do.
pub(super) trait Element: Sized {
    const SUMMARY: &'static str;
    const FIELDS: &'static [Field];

    /// From arguments in the order of [`Element::FIELDS`].
    fn build(args: &mut Args) -> Self;

    /// The arguments, in the order of [`Element::FIELDS`].
    fn args(&self) -> Vec<Arg>;

    /// How many currents of its own it adds to the unknowns.
    fn branches(&self) -> usize {
        0
    }

    /// The paths along which a direct current can flow through it. A device that returns current
    /// to ground without a terminal there has a path to [`Node::GROUND`].
    fn paths(&self) -> Vec<Path>;

    /// Adds the currents *leaving* its nodes, its charges, the equations of its branches, and
    /// all their slopes.
    fn stamp(&self, at: &View, out: &mut Stamps);
}

/// The unknowns as one device sees them.
pub(super) struct View<'a> {
    /// Voltages of all nodes but ground, then branch currents.
    pub x: &'a [f64],
    /// The place of the device's first branch.
    pub first_branch: usize,
}

impl View<'_> {
    /// The row and column of a node.
    fn node(&self, node: Node) -> usize {
        (node.0 as usize).wrapping_sub(1)
    }

    /// The row and column of one of the device's branches.
    fn branch(&self, k: usize) -> usize {
        self.first_branch + k
    }

    /// The voltage of a node.
    fn v(&self, node: Node) -> f64 {
        if node == Node::GROUND { 0.0 } else { self.x[self.node(node)] }
    }
}

/// Arguments taken one after the other.
pub(super) struct Args(std::vec::IntoIter<Arg>);

impl Args {
    fn node(&mut self) -> Node {
        match self.0.next() {
            Some(Arg::Node(node)) => node,
            other => panic!("expected a node, got {other:?}"),
        }
    }

    fn nodes(&mut self) -> Vec<Node> {
        match self.0.next() {
            Some(Arg::Nodes(nodes)) => nodes,
            other => panic!("expected a list of nodes, got {other:?}"),
        }
    }

    fn number(&mut self) -> f64 {
        match self.0.next() {
            Some(Arg::Number(value)) => value,
            other => panic!("expected a number, got {other:?}"),
        }
    }

    fn word(&mut self) -> &'static str {
        match self.0.next() {
            Some(Arg::Word(word)) => word,
            other => panic!("expected a word, got {other:?}"),
        }
    }
}

macro_rules! devices {
    ($($key:literal $name:ident),+ $(,)?) => {
        /// A device on its nodes.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Device {
            $($name($name)),+
        }

        /// Every device there is.
        pub const ROLL: &[Entry] = &[$(Entry {
            key: $key,
            summary: <$name as Element>::SUMMARY,
            fields: <$name as Element>::FIELDS,
            build: |args| {
                let mut args = Args(args.into_iter());
                let device = <$name as Element>::build(&mut args);
                assert!(args.0.next().is_none(), "too many arguments for {}", $key);
                Device::$name(device)
            },
        }),+];

        $(impl From<$name> for Device {
            fn from(device: $name) -> Device {
                Device::$name(device)
            }
        })+

        impl Device {
            /// Its word in a file.
            pub fn key(&self) -> &'static str {
                match self { $(Device::$name(_) => $key),+ }
            }

            /// Its arguments, in the order of its entry's fields.
            pub fn args(&self) -> Vec<Arg> {
                match self { $(Device::$name(device) => device.args()),+ }
            }

            /// How many currents of its own it adds to the unknowns.
            pub fn branches(&self) -> usize {
                match self { $(Device::$name(device) => device.branches()),+ }
            }

            /// What it joins at zero frequency.
            pub fn paths(&self) -> Vec<Path> {
                match self { $(Device::$name(device) => device.paths()),+ }
            }

            pub(super) fn stamp(&self, at: &View, out: &mut Stamps) {
                match self { $(Device::$name(device) => device.stamp(at, out)),+ }
            }
        }
    };
}

devices! {
    "resistor" Resistor,
    "capacitor" Capacitor,
    "voltage-source" VoltageSource,
    "current-source" CurrentSource,
    "vcvs" Vcvs,
    "vccs" Vccs,
    "amplifier" Amplifier,
    "softmax-amplifier" SoftmaxAmplifier,
}

impl Device {
    /// The entry of its kind in the roll.
    pub fn entry(&self) -> &'static Entry {
        ROLL.iter().find(|e| e.key == self.key()).expect("every device is in the roll")
    }

    /// Its nodes, in the order of its arguments.
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for arg in self.args() {
            match arg {
                Arg::Node(node) => nodes.push(node),
                Arg::Nodes(list) => nodes.extend(list),
                Arg::Number(_) | Arg::Word(_) => {}
            }
        }
        nodes
    }
}

/// A current `i` from `p` to `n` with slope `g` in the voltage between `cp` and `cn`.
fn stamp_transfer(
    at: &View,
    out: &mut Stamps,
    [p, n]: [Node; 2],
    [cp, cn]: [Node; 2],
    (i, g): (f64, f64),
) {
    let ([p, n], [cp, cn]) = ([at.node(p), at.node(n)], [at.node(cp), at.node(cn)]);
    out.i(p, i);
    out.i(n, -i);
    out.di(p, cp, g);
    out.di(p, cn, -g);
    out.di(n, cp, -g);
    out.di(n, cn, g);
}

/// A branch current from `p` to `n`: leaves `p` into the device, and enters `n` from it.
fn stamp_branch(at: &View, out: &mut Stamps, p: Node, n: Node, branch: usize) {
    let (p, n, b) = (at.node(p), at.node(n), at.branch(branch));
    out.i(p, at.x[b]);
    out.i(n, -at.x[b]);
    out.di(p, b, 1.0);
    out.di(n, b, -1.0);
}
