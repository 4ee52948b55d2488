//! `solver`, `order` and `local`: how the ideal engine finds a fixed point.

use super::reader::TableReader;
use crate::diag::Diagnostic;
use crate::model::{Coupling, EnergyModel, Family};
pub use crate::numerics::fixed_point::Method;
use crate::numerics::fixed_point::Scheme;
use crate::units::Range;

/// How the ideal engine finds a fixed point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solver {
    pub method: Method,
    /// `damping`: the method sees `d x + (1 - d) F(x)`, with `d` from 0 to below 1.
    pub damping: f64,
    /// `order`
    pub order: Order,
    /// `local`
    pub local: Local,
}

impl Solver {
    /// Plain synchronous iteration that adapts its damping.
    pub fn picard(damping: f64) -> Solver {
        let method = Method::Picard { adapt: true };
        Solver { method, damping, order: Order::Synchronous, local: Local::Exact }
    }

    /// What is asked of [`crate::numerics::fixed_point::solve`].
    pub fn scheme(&self) -> Scheme {
        Scheme { method: self.method, damping: self.damping }
    }
}

impl Default for Solver {
    fn default() -> Solver {
        Solver::picard(0.5)
    }
}

/// The order in which layers are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// All at once.
    #[default]
    Synchronous,
    /// The layers of one parity, then those of the other from the new ones.
    EvenOdd,
}

impl Order {
    pub const ALL: [Order; 2] = [Order::Synchronous, Order::EvenOdd];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Order::Synchronous => "synchronous",
            Order::EvenOdd => "even-odd",
        }
    }

    /// The side of each layer, so that no coupling joins free layers of one side.
    ///
    /// # Errors
    /// The place of a coupling that closes a ring of an odd number of layers.
    pub fn sides(model: &EnergyModel) -> Result<Vec<bool>, usize> {
        let mut side: Vec<Option<bool>> = vec![None; model.layers.len()];
        for first in model.free_layers() {
            if side[first.0].is_some() {
                continue;
            }
            side[first.0] = Some(false);
            let mut reached = vec![first];
            while let Some(here) = reached.pop() {
                for (c, coupling) in model.couplings.iter().enumerate() {
                    let Coupling::Dense { pre, post, .. } = coupling else { continue };
                    let there = match (*pre == here, *post == here) {
                        (true, false) => *post,
                        (false, true) => *pre,
                        _ => continue,
                    };
                    if there == model.clamp {
                        continue;
                    }
                    if side[there.0] == side[here.0] {
                        return Err(c);
                    }
                    if side[there.0].is_none() {
                        side[there.0] = side[here.0].map(|side| !side);
                        reached.push(there);
                    }
                }
            }
        }
        Ok(side.into_iter().map(|side| side.unwrap_or(false)).collect())
    }
}

/// How a unit of a CHN is updated in even-odd order.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Local {
    /// To the root of its own force.
    #[default]
    Exact,
    /// By so many steps `x <- d x + (1 - d) f'(x) C`.
    Damped { steps: usize, damping: f64 },
}

/// Reads `solver`, `damping`, `order` and `local`.
pub(super) fn read(t: &TableReader, model: Option<&EnergyModel>) -> Solver {
    let method = method(&t.table("solver"));
    let plain = matches!(method, Method::Picard { .. });
    let damping = t.number("damping", Range::FractionBelowOne).or(if plain { 0.5 } else { 0.0 });
    let order = t.choice("order", &Order::ALL.map(|o| (o.name(), o))).or_default();
    if let (Order::EvenOdd, Some(model)) = (order, model)
        && let Err(coupling) = Order::sides(model)
    {
        let name = model.coupling_name(&model.couplings[coupling]);
        t.report(
            Diagnostic::at(t.span("order"), "the layers cannot be told into even and odd ones")
                .label(format!("coupling `{name}` closes a ring of an odd number of layers"))
                .help("write `order = \"synchronous\"`, or couple layers of opposite parity only"),
        );
    }
    let local = match t.optional_table("local") {
        None => Local::Exact,
        Some(t) => Local::Damped {
            steps: t.count("steps", 1..=1_000_000).or(10) as usize,
            damping: t.number("damping", Range::FractionBelowOne).or(0.5),
        },
    };
    if matches!((method, local), (Method::Newton { .. }, Local::Damped { .. })) {
        t.report(
            Diagnostic::at(t.span("local"), "Newton's method needs units at their roots")
                .label("steps from the last state have no derivative")
                .help("leave `local` out, or take another solver"),
        );
    }
    if let Method::Chord { .. } = method {
        let help = "write `order = \"even-odd\"` for a HAM, or take `anderson`";
        if order != Order::EvenOdd {
            t.report(
                Diagnostic::at(t.span("solver"), "`chord` needs even-odd order")
                    .label("its Jacobian is that of the layers of one parity")
                    .help(help),
            );
        } else if model.is_some_and(|model| model.family != Family::Ham) {
            t.report(
                Diagnostic::at(t.span("solver"), "`chord` needs a HAM")
                    .label("the updates of a CHN have another Jacobian")
                    .help(help),
            );
        }
    }
    Solver { method, damping, order, local }
}

const METHODS: [&str; 6] = ["picard", "euler", "anderson", "broyden", "newton", "chord"];

fn method(t: &TableReader) -> Method {
    let example = "solver = { anderson = { window = 4 } }";
    let window = |t: &TableReader, default| t.count("window", 1..=100).or(default) as usize;
    match t.one_of(&METHODS, Some("picard"), example) {
        Some("euler") => {
            let t = t.table("euler");
            let step = t.number("step", Range::Positive).or(1.0);
            if step >= 2.0 {
                t.report(
                    Diagnostic::at(t.span("step"), format!("a step of {step} cannot converge"))
                        .label("throws every state beyond its mirror image")
                        .help("write a step below 2; 1 is plain iteration"),
                );
            }
            Method::Euler { step }
        }
        Some("anderson") => {
            let t = t.table("anderson");
            Method::Anderson {
                window: window(&t, 4),
                ridge: t.number("ridge", Range::NonNegative).or(1e-10),
                relative: t.flag("relative").or(false),
                safeguard: t.flag("safeguard").or(true),
            }
        }
        Some("broyden") => Method::Broyden { window: window(&t.table("broyden"), 20) },
        Some("newton") => {
            let t = t.table("newton");
            let inner = t.count("inner", 1..=1000).or(20) as usize;
            Method::Newton { inner, forcing: t.number("forcing", Range::FractionBelowOne).or(0.1) }
        }
        Some("chord") => Method::Chord { window: window(&t.table("chord"), 4) },
        _ => Method::Picard { adapt: t.table("picard").flag("adapt").or(true) },
    }
}
