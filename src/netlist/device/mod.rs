//! The devices, and the one roll they are listed in. A device describes its arguments as data
//! ([`Field`]), so reading it from TOML, writing it back, documenting it and testing it need no
//! further list.
//!
//! A new device is one file with an [`Element`] and one line in the roll.

mod amplifier;
mod behavioural;
mod capacitor;
mod controlled;
mod diode;
mod field;
mod ideal_diode;
mod inductor;
mod junction;
mod memristor;
mod mosfet;
mod op_amp;
mod parameters;
mod resistor;
mod softmax;
mod source;
mod switch;

pub use amplifier::Amplifier;
pub use behavioural::{BehaviouralCurrent, BehaviouralVoltage};
pub use capacitor::Capacitor;
pub use controlled::{Cccs, Ccvs, Vccs, Vcvs};
pub use diode::{Diode, DiodeModel};
pub use field::{Arg, Field, Kind};
pub use ideal_diode::IdealDiode;
pub use inductor::{Coupling, Inductor};
pub use memristor::{Filament, Law, Vteam, Window};
pub use mosfet::{Mosfet, MosfetModel, Polarity};
pub use op_amp::OpAmp;
pub use resistor::Resistor;
pub use softmax::SoftmaxAmplifier;
pub use source::{AcDrive, CurrentSource, VoltageSource};
pub use switch::{Position, Switch};

use super::{DeviceId, Node};
use crate::numerics::dae::{Instant, Quantity, Stamps};
use crate::units::{BOLTZMANN, Kelvin, Second, Siemens};
use field::{Args, joined};

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

/// What an unknown of a device's own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// A branch current \[A\] with an algebraic equation, as a voltage source's.
    Current,
    /// A branch current \[A\] with a motion of its own, as an inductor's.
    Inertia,
    /// The voltage of an inner node \[V\], such as behind a series resistance.
    Voltage,
    /// An inner state of order 1, such as a memristor's.
    State,
    /// A capacitance times the slope in time of a voltage across it \[A\], for charges that are
    /// no function of the voltages.
    Displacement,
}

impl Own {
    pub(super) fn quantity(self) -> Quantity {
        match self {
            Own::Current | Own::Displacement => Quantity::Flow,
            Own::Inertia => Quantity::Inertia,
            Own::Voltage => Quantity::Potential,
            Own::State => Quantity::State,
        }
    }
}

/// A source of small-signal noise: a current between two equations of the netlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Noise {
    /// What makes it, such as `thermal`, `shot` or `flicker`.
    pub name: &'static str,
    /// Rows of the unknowns it flows from and to; [`Stamps::NOWHERE`] is ground.
    pub from: usize,
    pub to: usize,
    /// `white + flicker / f^exponent` is its spectral density \[A^2/Hz\].
    pub white: f64,
    pub flicker: f64,
    pub exponent: f64,
}

/// What every device can do.
pub(super) trait Element: Sized {
    const SUMMARY: &'static str;
    const FIELDS: &'static [Field];

    /// From arguments in the order of [`Element::FIELDS`].
    fn build(args: &mut Args) -> Self;

    /// The arguments, in the order of [`Element::FIELDS`].
    fn args(&self) -> Vec<Arg>;

    /// The unknowns it adds, in order. What they are must not depend on values that may change
    /// while the device is in a netlist.
    fn own(&self) -> Vec<Own> {
        Vec::new()
    }

    /// How many numbers it remembers: arguments of [`Stamps::limit`], positions of a switch.
    fn memory(&self) -> usize {
        0
    }

    /// See [`crate::numerics::dae::Dae::remember`]; `memory` is the device's own part.
    fn remember(&self, _at: &View, _memory: &mut [f64]) -> bool {
        false
    }

    /// Adds the times up to `until` at which it bends or jumps by itself.
    fn corners(&self, _until: Second, _out: &mut Vec<Second>) {}

    /// Adds `(row, real part, imaginary part)` to the right-hand side of the small-signal
    /// equations `(dI/dx + j omega dQ/dx) x = b`.
    fn excite(&self, _at: &View, _b: &mut dyn FnMut(usize, f64, f64)) {}

    /// Adds its sources of noise at an operating point.
    fn noise(&self, _at: &View, _out: &mut Vec<Noise>) {}

    /// Whether its currents and charges are constant matrices times the unknowns, but for charges
    /// at [`Instant::Start`].
    fn is_linear(&self) -> bool {
        false
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
    /// Voltages of all nodes but ground, then the devices' own unknowns.
    pub x: &'a [f64],
    pub at: Instant,
    pub temperature: Kelvin,
    pub gmin: Siemens,
    /// The place of the device's first own unknown.
    pub first_own: usize,
    /// The place of the first number it remembers.
    pub first_memory: usize,
    /// The place of every device's first own unknown, counted from `nodes`.
    pub own_starts: &'a [u32],
    /// How many unknowns are voltages of nodes.
    pub nodes: usize,
    /// All devices of the netlist.
    pub devices: &'a [(String, Device)],
}

impl View<'_> {
    /// The row and column of a node.
    fn node(&self, node: Node) -> usize {
        (node.0 as usize).wrapping_sub(1)
    }

    /// The row and column of one of the device's own unknowns.
    fn own(&self, k: usize) -> usize {
        self.first_own + k
    }

    /// A number that the device remembers, as a slot of [`Stamps::memory`].
    fn slot(&self, k: usize) -> usize {
        self.first_memory + k
    }

    /// The row and column of another device's branch current, which is its first own unknown.
    fn branch_of(&self, device: DeviceId) -> usize {
        self.nodes + self.own_starts[device.0] as usize
    }

    /// The voltage of a node.
    fn v(&self, node: Node) -> f64 {
        self.value(self.node(node))
    }

    /// The unknown of this row; 0 nowhere.
    fn value(&self, row: usize) -> f64 {
        if row == Stamps::NOWHERE { 0.0 } else { self.x[row] }
    }

    /// The thermal noise of a conductance between two rows, `4 k T g` (Nyquist 1928).
    fn thermal(&self, [from, to]: [usize; 2], g: Siemens) -> Noise {
        let white = 4.0 * BOLTZMANN * self.temperature * g;
        Noise { name: "thermal", from, to, white, flicker: 0.0, exponent: 1.0 }
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

            /// The unknowns it adds, in order.
            pub fn own(&self) -> Vec<Own> {
                match self { $(Device::$name(device) => device.own()),+ }
            }

            /// How many numbers it remembers.
            pub fn memory(&self) -> usize {
                match self { $(Device::$name(device) => device.memory()),+ }
            }

            /// The times after 0 and up to `until` at which it bends or jumps by itself.
            pub fn corners(&self, until: Second) -> Vec<Second> {
                let mut out = Vec::new();
                match self { $(Device::$name(device) => device.corners(until, &mut out)),+ }
                out.retain(|t| *t > 0.0 && *t <= until);
                out
            }

            pub(super) fn remember(&self, at: &View, memory: &mut [f64]) -> bool {
                match self { $(Device::$name(device) => device.remember(at, memory)),+ }
            }

            pub(super) fn excite(&self, at: &View, b: &mut dyn FnMut(usize, f64, f64)) {
                match self { $(Device::$name(device) => device.excite(at, b)),+ }
            }

            pub(super) fn noise(&self, at: &View, out: &mut Vec<Noise>) {
                match self { $(Device::$name(device) => device.noise(at, out)),+ }
            }

            /// Whether its currents and charges are constant matrices times the unknowns, but for
            /// charges at [`Instant::Start`].
            pub fn is_linear(&self) -> bool {
                match self { $(Device::$name(device) => device.is_linear()),+ }
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
    "cccs" Cccs,
    "ccvs" Ccvs,
    "inductor" Inductor,
    "coupling" Coupling,
    "behavioural-voltage" BehaviouralVoltage,
    "behavioural-current" BehaviouralCurrent,
    "diode" Diode,
    "mosfet" Mosfet,
    "ideal-diode" IdealDiode,
    "switch" Switch,
    "op-amp" OpAmp,
    "vteam" Vteam,
    "filament" Filament,
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
                _ => {}
            }
        }
        nodes
    }
}

/// A current from one row to another, with its slopes in some columns.
#[inline]
fn flow(out: &mut Stamps, [from, to]: [usize; 2], i: f64, slopes: &[(usize, f64)]) {
    out.i(from, i);
    out.i(to, -i);
    for &(column, slope) in slopes {
        out.di(from, column, slope);
        out.di(to, column, -slope);
    }
}

/// A charge on one row with its opposite on another, and its slopes in some columns.
#[inline]
fn charge(out: &mut Stamps, [on, off]: [usize; 2], q: f64, slopes: &[(usize, f64)]) {
    out.q(on, q);
    out.q(off, -q);
    for &(column, slope) in slopes {
        out.dq(on, column, slope);
        out.dq(off, column, -slope);
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
    let slopes = [(at.node(cp), g), (at.node(cn), -g)];
    flow(out, [at.node(p), at.node(n)], i, &slopes);
}

/// A branch current from `p` to `n`: leaves `p` into the device, and enters `n` from it. `k` is
/// its place among the device's own unknowns.
fn stamp_branch(at: &View, out: &mut Stamps, p: Node, n: Node, k: usize) {
    let (p, n, b) = (at.node(p), at.node(n), at.own(k));
    out.i(p, at.x[b]);
    out.i(n, -at.x[b]);
    out.di(p, b, 1.0);
    out.di(n, b, -1.0);
}
