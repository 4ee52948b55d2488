//! Expressions of voltages, currents and time: what a behavioural source holds, and what a
//! parameter of a deck is computed from.
//!
//! ```
//! use eqcircuit::netlist::expression::{Dialect, Leaf, parse};
//!
//! let sum = parse("2 * v(a, b) + 1k", Dialect::Home).unwrap();
//! assert_eq!(sum.leaves(), [Leaf::Voltage("a".into(), Some("b".into()))]);
//! let mut slope = [0.0];
//! assert_eq!(sum.gradient(&[3.0], &mut slope), 1006.0);
//! assert_eq!(slope, [2.0]);
//! ```

mod call;
mod evaluate;
mod functions;
mod number;
mod parse;
mod write;

pub use functions::FUNCTIONS;
pub use number::number;
pub use parse::{ExpressionFault, Function, parse, parse_with};

use super::{DeviceId, Node};
use functions::{Binary, Unary};

/// Whose rules a text follows where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `x^y` is a power, `a^b^c` is `a^(b^c)`; a negative base has powers of whole numbers only.
    Home,
    /// As in ngspice: `x^y` and `pow(x, y)` are `|x|^y`, `a^b^c` is `(a^b)^c`.
    Spice,
    /// As in ngspice where numbers are computed before the circuit: there `pow(x, y)` is a power and
    /// `pwr(x, y)` is `|x|^y`.
    SpiceNumber,
}

/// What an expression depends on, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// `v(a)` or `v(a, b)`
    Voltage(String, Option<String>),
    /// `i(device)`
    Current(String),
    Time,
    /// Degrees Celsius, as SPICE has it.
    Temperature,
    /// A parameter.
    Name(String),
}

/// What the expression of a behavioural source depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probe {
    Voltage(Node, Node),
    /// The branch current of a device.
    Current(DeviceId),
    Time,
    /// Degrees Celsius.
    Temperature,
}

/// An expression of leaves, each of which appears once in [`Expression::leaves`].
#[derive(Debug, Clone, PartialEq)]
pub struct Expression<L> {
    leaves: Vec<L>,
    /// Operands come before what uses them; the last is the whole.
    ops: Vec<Op>,
}

#[derive(Debug, Clone, PartialEq)]
enum Op {
    Number(f64),
    Leaf(usize),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    /// `condition ? a : b`
    Choose(usize, usize, usize),
    /// Straight lines between points of ascending abscissae, constant beyond them.
    Table(usize, Vec<(f64, f64)>),
}

/// What a leaf turns out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved<M> {
    Number(f64),
    Leaf(M),
}

impl<L: Clone + PartialEq> Expression<L> {
    /// A constant.
    pub fn number(value: f64) -> Expression<L> {
        Expression { leaves: Vec::new(), ops: vec![Op::Number(value)] }
    }

    /// What it depends on, in the order of first mention.
    pub fn leaves(&self) -> &[L] {
        &self.leaves
    }

    /// Its value, if it depends on nothing.
    pub fn constant(&self) -> Option<f64> {
        self.leaves.is_empty().then(|| self.value(&[]))
    }

    /// The same expression of other leaves; those that turn out to be numbers disappear.
    ///
    /// # Errors
    /// The first that `meaning` gives.
    pub fn resolve<M: Clone + PartialEq, E>(
        &self,
        mut meaning: impl FnMut(&L) -> Result<Resolved<M>, E>,
    ) -> Result<Expression<M>, E> {
        let meanings = self.leaves.iter().map(&mut meaning).collect::<Result<Vec<_>, E>>()?;
        let mut leaves: Vec<M> = Vec::new();
        let mut leaf = |k: usize| match &meanings[k] {
            Resolved::Number(value) => Op::Number(*value),
            Resolved::Leaf(m) => {
                Op::Leaf(leaves.iter().position(|l| l == m).unwrap_or_else(|| {
                    leaves.push(m.clone());
                    leaves.len() - 1
                }))
            }
        };
        let ops = self.ops.iter().map(|op| match op {
            Op::Leaf(k) => leaf(*k),
            other => other.clone(),
        });
        let ops = ops.collect();
        Ok(Expression { leaves, ops })
    }

    /// The same expression of other leaves, one for one.
    pub fn map<M: Clone + PartialEq>(&self, mut other: impl FnMut(&L) -> M) -> Expression<M> {
        let Ok(mapped) =
            self.resolve(|leaf| Ok::<_, std::convert::Infallible>(Resolved::Leaf(other(leaf))));
        mapped
    }

    /// The same with some leaves multiplied.
    pub fn times(&self, factor: impl Fn(&L) -> f64) -> Expression<L> {
        let mut ops: Vec<Op> = Vec::with_capacity(self.ops.len());
        // Where each operation is among the new ones.
        let mut at: Vec<usize> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            ops.push(match op {
                Op::Number(_) | Op::Leaf(_) => op.clone(),
                Op::Unary(f, a) => Op::Unary(*f, at[*a]),
                Op::Binary(f, a, b) => Op::Binary(*f, at[*a], at[*b]),
                Op::Choose(c, a, b) => Op::Choose(at[*c], at[*a], at[*b]),
                Op::Table(a, points) => Op::Table(at[*a], points.clone()),
            });
            if let Op::Leaf(k) = op {
                let by = factor(&self.leaves[*k]);
                if by != 1.0 {
                    let leaf = ops.len() - 1;
                    ops.push(Op::Number(by));
                    ops.push(Op::Binary(Binary::Multiply, leaf, leaf + 1));
                }
            }
            at.push(ops.len() - 1);
        }
        Expression { leaves: self.leaves.clone(), ops }
    }

    fn leaf(&mut self, leaf: &L) -> usize {
        self.leaves.iter().position(|l| l == leaf).unwrap_or_else(|| {
            self.leaves.push(leaf.clone());
            self.leaves.len() - 1
        })
    }
}
