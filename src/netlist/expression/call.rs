//! What stands before a parenthesis: functions, tables, voltages and currents.

use std::ops::Range;

use super::functions::{Binary, FUNCTIONS, Unary};
use super::parse::{ExpressionFault, Function, Parsed, Parser, Place};
use super::{Dialect, Leaf, Op};
use crate::diag::did_you_mean;

impl Parser<'_> {
    pub(super) fn call(&mut self, word: &str, span: Range<usize>) -> Parsed {
        self.take("(");
        let lower = word.to_ascii_lowercase();
        if matches!(lower.as_str(), "v" | "i") {
            return self.probe(&lower, span);
        }
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.choice()?);
                if self.take(")") {
                    break;
                }
                self.expect(',', "arguments stand between `(` and `)`, with commas")?;
            }
        }
        let span = span.start..self.at;
        if matches!(lower.as_str(), "pwl" | "table") {
            let beyond = lower == "pwl" && self.dialect != Dialect::Home;
            return self.table(&arguments, beyond, span);
        }
        if let Some(function) = (self.functions)(&lower) {
            return self.inline(&function, word, &arguments, span);
        }
        let Some((_, wanted)) = FUNCTIONS.iter().find(|(name, _)| *name == lower) else {
            let names: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
            let near = did_you_mean(&lower, &names).map(|n| format!("did you mean `{n}`? "));
            let help =
                format!("{}the functions are: {}", near.unwrap_or_default(), names.join(", "));
            return Err(self.fault(span, format!("there is no function `{word}`"), &help));
        };
        if arguments.len() != *wanted {
            return Err(self.wrong_count(word, arguments.len(), *wanted, span));
        }
        let op = match (lower.as_str(), &arguments[..]) {
            ("if" | "ternary_fcn", [c, a, b]) => Op::Choose(*c, *a, *b),
            ("limit", [x, low, high]) => {
                let above = self.push(Op::Binary(Binary::Max, *x, *low));
                Op::Binary(Binary::Min, above, *high)
            }
            ("log", [x]) => Op::Unary(Unary::Ln, *x),
            ("arctan", [x]) => Op::Unary(Unary::Atan, *x),
            ("pow", [x, y]) if self.dialect != Dialect::Spice => Op::Binary(Binary::Power, *x, *y),
            ("pwr", [x, y]) if self.dialect == Dialect::SpiceNumber => {
                Op::Binary(Binary::AbsolutePower, *x, *y)
            }
            (name, [x]) => Op::Unary(Unary::named(name).unwrap_or(Unary::Abs), *x),
            (name, [x, y, ..]) => Op::Binary(Binary::named(name).unwrap_or(Binary::Add), *x, *y),
            (name, []) => panic!("`{name}` takes arguments"),
        };
        Ok(self.push(op))
    }

    /// `v(a)`, `v(a, b)` or `i(device)`, from after the parenthesis.
    fn probe(&mut self, kind: &str, span: Range<usize>) -> Parsed {
        let Some(length) = self.rest().find(')') else {
            let whole = span.start..self.text.len();
            return Err(self.fault(whole, "`)` is missing".into(), "every `(` needs its `)`"));
        };
        let inside = self.rest()[..length].to_string();
        self.at += length + 1;
        let names: Vec<String> = inside
            .split(',')
            .map(str::trim)
            .map(|name| match self.dialect {
                Dialect::Home => name.to_string(),
                Dialect::Spice | Dialect::SpiceNumber => name.to_ascii_lowercase(),
            })
            .collect();
        let span = span.start..self.at;
        let named = names.iter().all(|n| !n.is_empty() && !n.contains(['(', ' ', '\t']));
        match (kind, &names[..]) {
            ("v", [a]) if named => Ok(self.leaf(Leaf::Voltage(a.clone(), None))),
            ("v", [a, b]) if named => Ok(self.leaf(Leaf::Voltage(a.clone(), Some(b.clone())))),
            ("i", [device]) if named => Ok(self.leaf(Leaf::Current(device.clone()))),
            ("v", _) => {
                let message = format!("`v({inside})` names no node");
                Err(self.fault(span, message, "write `v(node)` or `v(node, other)`"))
            }
            _ => {
                let message = format!("`i({inside})` names no device");
                Err(self.fault(span, message, "write `i(device)`, such as `i(v1)`"))
            }
        }
    }

    /// A table, constant beyond its ends, or `beyond` them as straight as its outermost pieces.
    fn table(&mut self, arguments: &[Place], beyond: bool, span: Range<usize>) -> Parsed {
        let help = "write `pwl(x, x1, y1, x2, y2, ...)` with numbers, x1 < x2 < ...";
        let numbers: Option<Vec<f64>> = arguments.iter().skip(1).map(|&k| self.known(k)).collect();
        let Some(numbers) = numbers.filter(|n| n.len() >= 2 && n.len() % 2 == 0) else {
            let message = "a table needs pairs of plain numbers".to_string();
            return Err(self.fault(span, message, help));
        };
        let points: Vec<(f64, f64)> = numbers.chunks_exact(2).map(|p| (p[0], p[1])).collect();
        if !points.windows(2).all(|two| two[0].0 < two[1].0) {
            let message = "the abscissae of a table must ascend".to_string();
            return Err(self.fault(span, message, help));
        }
        let points = if beyond { extended(points) } else { points };
        Ok(self.push(Op::Table(arguments[0], points)))
    }

    /// The value of an operation that is a number, perhaps with a sign.
    fn known(&self, place: Place) -> Option<f64> {
        match self.out.ops[place] {
            Op::Number(value) => Some(value),
            Op::Unary(Unary::Negative, a) => self.known(a).map(|value| -value),
            _ => None,
        }
    }

    fn inline(
        &mut self,
        function: &Function,
        word: &str,
        arguments: &[Place],
        span: Range<usize>,
    ) -> Parsed {
        if arguments.len() != function.arguments.len() {
            let (found, wanted) = (arguments.len(), function.arguments.len());
            return Err(self.wrong_count(word, found, wanted, span));
        }
        if self.out.ops.len() + function.value.ops.len() > 100_000 {
            let message = "the expression grows without bound".to_string();
            return Err(self.fault(span, message, "do functions call each other many times over?"));
        }
        let mut places = Vec::with_capacity(function.value.ops.len());
        for op in &function.value.ops {
            let place = match op {
                Op::Leaf(k) => {
                    let leaf = &function.value.leaves[*k];
                    let argument =
                        |name: &String| function.arguments.iter().position(|a| a == name);
                    match leaf {
                        Leaf::Name(name) if argument(name).is_some() => {
                            arguments[argument(name).unwrap_or(0)]
                        }
                        leaf => self.leaf(leaf.clone()),
                    }
                }
                Op::Number(_) => self.push(op.clone()),
                Op::Unary(f, a) => self.push(Op::Unary(*f, places[*a])),
                Op::Binary(f, a, b) => self.push(Op::Binary(*f, places[*a], places[*b])),
                Op::Choose(a, b, c) => self.push(Op::Choose(places[*a], places[*b], places[*c])),
                Op::Table(a, points) => self.push(Op::Table(places[*a], points.clone())),
            };
            places.push(place);
        }
        Ok(places.last().copied().unwrap_or(0))
    }

    fn wrong_count(
        &self,
        word: &str,
        found: usize,
        wanted: usize,
        span: Range<usize>,
    ) -> ExpressionFault {
        let noun = if wanted == 1 { "argument" } else { "arguments" };
        self.fault(span, format!("`{word}` has {found}, takes {wanted} {noun}"), "check the commas")
    }
}

/// A table whose outermost pieces go on as far as numbers are of use.
fn extended(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    // A power of two, so that the slopes stay the same to the bit.
    const FAR: f64 = 1.267_650_600_228_229_4e30;
    let onwards = |(x0, y0): (f64, f64), (x1, y1): (f64, f64), far: f64| {
        (far, y1 + (y1 - y0) / (x1 - x0) * (far - x1))
    };
    if let [first, second, ..] = points[..] {
        let (before, last) = (points[points.len() - 2], points[points.len() - 1]);
        let ends = [onwards(second, first, -FAR), onwards(before, last, FAR)];
        if ends.iter().all(|(_, y)| y.is_finite()) && first.0 > -FAR && last.0 < FAR {
            points.insert(0, ends[0]);
            points.push(ends[1]);
        }
    }
    points
}
