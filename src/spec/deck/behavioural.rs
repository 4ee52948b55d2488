//! Sources by expression: B lines, and E and G with `vol=`, `cur=`, `value=` or a table.

use super::card::{Pair, Value};
use super::elements::Line;
use super::given::Given;
use super::scope::{expression_fault, word_span};
use super::words::Kind;
use crate::diag::Diagnostic;
use crate::netlist::expression::{
    Dialect, Expression, Function, Leaf, Probe, Resolved, parse_with,
};
use crate::netlist::{Arg, Node};

/// `b1 p n v = expression` or `i = expression`.
pub(super) fn lay(line: &mut Line) {
    let usage = "b1 p n v = 2*v(a) + i(v1)";
    let Some(nodes) = line.nodes::<2>(usage) else { return };
    let (what, at) = (line.cursor.peek().filter(|_| line.cursor.at_pair()), line.cursor.span());
    let Some(what) = what.filter(|what| matches!(*what, "v" | "i")) else {
        line.report(
            Diagnostic::at(at, "a B source is given as `v = ...` or `i = ...`")
                .label("neither")
                .help(format!("write `{usage}`")),
        );
        return;
    };
    line.cursor.skip();
    line.cursor.skip();
    if let Some(value) = rest(line, usage) {
        source(line, nodes, what == "v", &value);
    }
}

/// E and G that hold an expression; `false` where the line is of another kind.
pub(super) fn controlled(line: &mut Line, nodes: [Node; 2], voltage: bool) -> bool {
    let usage = if voltage { "e1 p n vol='2*v(a)'" } else { "g1 p n cur='2*v(a)'" };
    let own = if voltage { "vol" } else { "cur" };
    match line.cursor.peek() {
        Some(word) if line.cursor.at_pair() && (word == own || word == "value") => {
            line.cursor.skip();
            line.cursor.skip();
        }
        // As PSpice writes it.
        Some("value") => line.cursor.skip(),
        Some("table") => {
            line.cursor.skip();
            table(line, nodes, voltage);
            return true;
        }
        _ => return false,
    }
    if let Some(value) = rest(line, usage) {
        source(line, nodes, voltage, &value);
    }
    true
}

/// The expression that the rest of a line is, in braces or not; pairs after braces are the
/// number of devices in parallel.
fn rest<'d>(line: &mut Line<'_, 'd, '_, '_>, usage: &str) -> Option<Value<'d>> {
    if line.cursor.kind() == Some(Kind::Expression) {
        let after = {
            let mut after = line.cursor.clone();
            after.skip();
            after
        };
        if after.is_done() || after.at_pair() {
            return line.cursor.value();
        }
    }
    // An expression that only begins with one in braces takes the brace along.
    let brace = usize::from(line.cursor.kind() == Some(Kind::Expression));
    let start = line.cursor.offset() - brace;
    let end = line.card.text.trim_end().len();
    if start >= end {
        line.incomplete("the expression is missing", usage);
        return None;
    }
    // Single quotes and braces within are as good as parentheses, which the whole does not need.
    while !line.cursor.is_done() {
        line.cursor.skip();
    }
    Some(Value { card: line.card, range: start..end, braced: true })
}

/// `table {expression} = (x1,y1) (x2,y2) ...`
fn table(line: &mut Line, nodes: [Node; 2], voltage: bool) {
    let usage = "write `table {v(a)} = (x1,y1) (x2,y2) ...`, the x ascending";
    line.cursor.take(Kind::Equals);
    let Some(value) = line.cursor.value().filter(|value| value.braced) else {
        line.circuit.found.not_understood(&line.cursor, usage);
        return;
    };
    line.cursor.take(Kind::Equals);
    let mut numbers = Vec::new();
    while !line.cursor.is_done() {
        if matches!(line.cursor.kind(), Some(Kind::Open | Kind::Close | Kind::Comma)) {
            line.cursor.skip();
            continue;
        }
        let Some(number) = line.cursor.value().and_then(|value| line.number(&value)) else {
            line.circuit.found.not_understood(&line.cursor, usage);
            return;
        };
        numbers.push(number);
    }
    let points: Vec<(f64, f64)> = numbers.chunks_exact(2).map(|p| (p[0], p[1])).collect();
    let ascending = points.windows(2).all(|two| two[0].0 < two[1].0);
    if points.is_empty() || numbers.len() % 2 == 1 || !ascending {
        line.report(
            Diagnostic::at(line.card.whole(), "these are no points of a table")
                .label(if ascending {
                    "pairs of numbers are needed"
                } else {
                    "the x do not ascend"
                })
                .help(usage),
        );
        return;
    }
    let points: String = points.iter().map(|(x, y)| format!(", {x:e}, {y:e}")).collect();
    add(line, nodes, voltage, &value, &format!("table({INNER}(){points})"));
}

fn source<'d>(line: &mut Line<'_, 'd, '_, '_>, nodes: [Node; 2], voltage: bool, value: &Value<'d>) {
    add(line, nodes, voltage, value, &format!("{INNER}()"));
}

/// What stands for the expression of a line in another one.
const INNER: &str = "inner";

/// Adds a source of `outer`, an expression around that of the line.
fn add<'d>(
    line: &mut Line<'_, 'd, '_, '_>,
    nodes: [Node; 2],
    voltage: bool,
    value: &Value<'d>,
    outer: &str,
) {
    let key = if voltage { "behavioural-voltage" } else { "behavioural-current" };
    let mut given = Given::of(key).nodes(&["p", "n"], &nodes);
    let (pairs, m) = line.tail();
    ignored(line, &pairs);
    let Some(inner) = line.scope.expression(value, line.circuit.found) else { return };
    let outer = if voltage || m == 1.0 { outer.to_string() } else { format!("{m:e} * {outer}") };
    let inner = Function { arguments: Vec::new(), value: inner };
    // A table of an E or G source is constant beyond its ends, which is how a home `pwl` is.
    let whole = parse_with(&outer, Dialect::Home, &|name| (name == INNER).then(|| inner.clone()));
    let whole = match whole {
        Ok(whole) => whole,
        Err(fault) => return line.report(expression_fault(value, fault)),
    };
    // Of each of the instances in parallel.
    let copies = line.scope.multiplier;
    let each = |leaf: &Leaf| match leaf {
        Leaf::Current(name) if is_beside(name) => 1.0 / copies,
        _ => 1.0,
    };
    if let Some(resolved) = resolved(line, value, &whole.times(each)) {
        given.set(if voltage { "v" } else { "i" }, Arg::Expression(resolved));
        line.add(given);
    }
}

/// Whether a device is named as one of the same instance; what is sensed in a multiplied instance from
/// outside is the current of all.
pub(super) fn is_beside(name: &str) -> bool {
    !name.contains('.')
}

fn ignored(line: &Line, pairs: &[Pair]) {
    for pair in pairs {
        line.report(
            Diagnostic::at(
                pair.key_span.clone(),
                format!("a source by expression has no `{}`", pair.key),
            )
            .label("unknown parameter")
            .help("its parameters are: m"),
        );
    }
}

/// An expression on the circuit's nodes and devices.
fn resolved<'d>(
    line: &mut Line<'_, 'd, '_, '_>,
    value: &Value<'d>,
    parsed: &Expression<Leaf>,
) -> Option<Expression<Probe>> {
    let scope = line.scope;
    let resolved = parsed.resolve(|leaf| {
        Ok(Resolved::Leaf(match leaf {
            Leaf::Voltage(a, b) => {
                let at = |name: &str| word_span(value, name);
                let a = line.circuit.mention(a, at(a), scope);
                let b = b.as_ref().map(|b| line.circuit.mention(b, at(b), scope));
                Probe::Voltage(a, b.unwrap_or(Node::GROUND))
            }
            Leaf::Current(name) => {
                let at = word_span(value, name);
                Probe::Current(line.circuit.refer(name, at, scope))
            }
            Leaf::Time => Probe::Time,
            Leaf::Temperature => Probe::Temperature,
            Leaf::Name(name) => {
                return match scope.param(name, line.circuit.found) {
                    Some(Some(number)) => Ok(Resolved::Number(number)),
                    Some(None) => Err(None),
                    None if name == "hertz" => Err(Some(
                        Diagnostic::at(value.span(), "`hertz` is not known here")
                            .label("a law in frequency")
                            .help("write the law by R, L and C"),
                    )),
                    None => Err(Some(scope.unknown_name(value, name))),
                };
            }
        }))
    });
    match resolved {
        Ok(expression) => Some(expression),
        Err(diagnostic) => {
            diagnostic.into_iter().for_each(|d: Diagnostic| line.report(d));
            None
        }
    }
}
