//! The values of an axis that are not listed but told by their ends, or as so many seeds.

use super::document::{Entry, Item, Table, Value};
use super::reader::{TableReader, quote};
use crate::diag::{Diagnostic, Span};
use crate::numerics::math;

/// The ways to tell values.
const KINDS: [&str; 3] = ["linear", "log", "seeds"];
const EXAMPLE: &str = "{ linear = { from = 0.0, to = 1.0, points = 5 } }";
/// Most values of one axis.
const MOST: u64 = 10_000;

/// Whether a table tells values, rather than axes further down the key. An inline table without
/// values anywhere in it can only be meant so.
pub(super) fn is_range(table: &Table) -> bool {
    has_kind(table) || (table.is_inline() && !has_values(table))
}

fn has_kind(table: &Table) -> bool {
    KINDS.iter().any(|kind| table.get(kind).is_some())
}

fn has_values(table: &Table) -> bool {
    table.entries.iter().any(|entry| match &entry.item.value {
        Value::Array(_) => true,
        Value::Table(inner) => has_kind(inner) || has_values(inner),
        _ => false,
    })
}

/// The values, all standing where the range stands; `None` where it is wrong. `seed` is the
/// file's own.
pub(super) fn read(t: &TableReader, entry: &Entry, seed: u64) -> Option<Vec<Item>> {
    let t = t.unrecorded(entry);
    let span = t.own_span();
    let values: Vec<Value> = match t.one_of(&KINDS, None, EXAMPLE)? {
        "seeds" => {
            let count = t.count("seeds", 1..=MOST).optional()?;
            (0..count).map(|i| Value::Integer(i128::from(seed) + i128::from(i))).collect()
        }
        kind => between(&t.table(kind), kind == "log")?,
    };
    Some(values.into_iter().map(|value| Item { value, span: span.clone() }).collect())
}

/// A value as TOML.
pub(super) fn toml(value: &Value) -> String {
    match value {
        Value::Text(text) => quote(text),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        other => other.kind().to_string(),
    }
}

/// Values from one end to the other, in even steps or even ratios.
fn between(t: &TableReader, ratios: bool) -> Option<Vec<Value>> {
    let example = |key: &str| format!("{key} = 1.0");
    let from = t.number_and_unit("from").needed(&example("from"));
    let to = t.number_and_unit("to").needed(&example("to"));
    let points = t.count("points", 2..=MOST).needed("points = 5");
    let ((from, unit), (to, other_unit)) = (from?, to?);
    let spans = [t.span("from"), t.span("to")];
    if let Err(diagnostic) = check_ends([from, to], [&unit, &other_unit], spans, ratios) {
        t.report(diagnostic);
        return None;
    }
    let last = (points? - 1) as usize;
    let at = |i: usize| match i {
        0 => from,
        i if i == last => to,
        i if ratios => rounded(from * math::pow(to / from, i as f64 / last as f64)),
        i => rounded(from + (to - from) * (i as f64 / last as f64)),
    };
    let numbers: Vec<f64> = (0..=last).map(at).collect();
    let whole = numbers.iter().all(|v| v.fract() == 0.0 && v.abs() < 1e15);
    let value = |v: f64| match (unit.as_str(), whole) {
        ("", true) => Value::Integer(v as i128),
        ("", false) => Value::Float(v),
        (unit, _) => Value::Text(format!("{} {unit}", short(v))),
    };
    Some(numbers.into_iter().map(value).collect())
}

fn check_ends(
    [from, to]: [f64; 2],
    [unit, other_unit]: [&str; 2],
    [at_from, at_to]: [Span; 2],
    ratios: bool,
) -> Result<(), Diagnostic> {
    if unit != other_unit {
        let name = |unit: &str| match unit {
            "" => "no unit".to_string(),
            unit => format!("`{unit}`"),
        };
        return Err(Diagnostic::at(
            at_to,
            format!("the range ends in {}, but begins in {}", name(other_unit), name(unit)),
        )
        .label("another unit")
        .also(at_from, "the other end")
        .help("write both ends in the same unit"));
    }
    if ratios {
        for (end, at) in [(from, &at_from), (to, &at_to)] {
            if end <= 0.0 {
                return Err(Diagnostic::at(at.clone(), "the ends of `log` must be above zero")
                    .label("has no logarithm")
                    .help("raise it, or use `linear`"));
            }
        }
    }
    if from == to {
        return Err(Diagnostic::at(at_to, "the range ends where it begins")
            .label("nothing to sweep over")
            .also(at_from, "the other end")
            .help("move one of them, or list the one value alone"));
    }
    Ok(())
}

/// To twelve significant digits: what even steps leave behind them is no part of the value.
fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// As few characters as read back the same number.
fn short(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
}
