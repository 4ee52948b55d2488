//! A device's struct, its keys in a file, and the ways between them, from one list.

use super::field::{Arg, Args, Kind};
use crate::netlist::expression::{Expression, Probe};
use crate::netlist::{DeviceId, Node};

/// What a field of a device's struct can be.
pub(super) trait Parameter: Sized {
    fn take(args: &mut Args) -> Self;
    fn give(&self) -> Arg;
    /// What stands for a key that is left out, or something harmless where it must be given.
    fn default_of(kind: Kind) -> Self;
}

impl Parameter for Node {
    fn take(args: &mut Args) -> Node {
        args.node()
    }

    fn give(&self) -> Arg {
        Arg::Node(*self)
    }

    fn default_of(_: Kind) -> Node {
        Node::GROUND
    }
}

impl Parameter for f64 {
    fn take(args: &mut Args) -> f64 {
        args.number()
    }

    fn give(&self) -> Arg {
        Arg::Number(*self)
    }

    fn default_of(kind: Kind) -> f64 {
        kind.default().unwrap_or(0.0)
    }
}

impl Parameter for Option<f64> {
    fn take(args: &mut Args) -> Option<f64> {
        args.optional()
    }

    fn give(&self) -> Arg {
        self.map_or(Arg::Absent, Arg::Number)
    }

    fn default_of(_: Kind) -> Option<f64> {
        None
    }
}

impl Parameter for Expression<Probe> {
    fn take(args: &mut Args) -> Expression<Probe> {
        args.expression()
    }

    fn give(&self) -> Arg {
        Arg::Expression(self.clone())
    }

    fn default_of(_: Kind) -> Expression<Probe> {
        Expression::number(0.0)
    }
}

impl Parameter for DeviceId {
    fn take(args: &mut Args) -> DeviceId {
        args.branch()
    }

    fn give(&self) -> Arg {
        Arg::Branch(*self)
    }

    fn default_of(_: Kind) -> DeviceId {
        DeviceId(0)
    }
}

/// Declares a struct of parameters. Each field is a line of documentation, its name and type, its
/// key and its [`Kind`]; from them come its `FIELDS`, `take` and `give` (in that order), and its
/// default, with what its kind says for a key that is left out.
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(#[doc = $about:literal] $field:ident: $type:ty = $key:literal, $kind:expr;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(#[doc = $about] pub $field: $type,)+
        }

        impl $name {
            pub(super) const FIELDS: &'static [$crate::netlist::device::Field] = &[
                $($crate::netlist::device::Field { key: $key, kind: $kind, about: $about.trim_ascii() },)+
            ];

            pub(super) fn take(args: &mut $crate::netlist::device::field::Args) -> $name {
                $name {
                    $($field: $crate::netlist::device::parameters::Parameter::take(args),)+
                }
            }

            pub(super) fn give(&self) -> Vec<$crate::netlist::device::Arg> {
                vec![$($crate::netlist::device::parameters::Parameter::give(&self.$field),)+]
            }
        }

        impl Default for $name {
            fn default() -> $name {
                $name {
                    $($field: $crate::netlist::device::parameters::Parameter::default_of($kind),)+
                }
            }
        }
    };
}

/// Declares a choice between words.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            pub(super) const CHOICES: &'static [&'static str] = &[$($word),+];
        }

        impl $crate::netlist::device::parameters::Parameter for $name {
            fn take(args: &mut $crate::netlist::device::field::Args) -> $name {
                match args.word() {
                    $($word => $name::$variant,)+
                    word => panic!("no choice named {word}"),
                }
            }

            fn give(&self) -> $crate::netlist::device::Arg {
                $crate::netlist::device::Arg::Word(match self { $($name::$variant => $word),+ })
            }

            fn default_of(_: $crate::netlist::device::Kind) -> $name {
                [$($name::$variant),+][0]
            }
        }
    };
}

pub(super) use {parameters, words};
