//! The values of an axis that are not listed but told by their ends.

use super::document::{Entry, Item, Table, Value};
use super::reader::{TableReader, quote};
use crate::diag::{Diagnostic, Span};
use crate::numerics::math;

/// The ways to tell values.
const KINDS: [&str; 2] = ["linear", "log"];
const EXAMPLE: &str = "{ linear = { from = 0.0, to = 1.0, points = 5 } }";
/// Most values of one axis.
const MOST: u64 = 10_000;

/// What a table tells.
pub(super) enum Told {
    /// All values, standing where the range stands.
    Values(Vec<Item>),
    /// The two ends, and what lies between them.
    Between([Item; 2], Between),
}

/// An axis from which any value between two ends may be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Between {
    pub from: f64,
    pub to: f64,
    /// What both ends are written in; empty for bare numbers.
    pub unit: String,
    /// Whether equal ratios are equally likely, not equal differences.
    pub log: bool,
    /// Whether the key takes whole numbers alone.
    pub whole: bool,
}

impl Between {
    /// The value at a place, from 0 up to but not 1. Whole numbers, both ends among them, each
    /// have a part of the axis: equal ones, or with `log` those of `log(n + 1) - log(n)`.
    pub(super) fn value(&self, place: f64) -> Value {
        let Between { from, to, log, whole, .. } = *self;
        let (low, high) = (from.min(to), from.max(to));
        let number = match (whole, log) {
            (true, true) => (low * math::pow((high + 1.0) / low, place)).floor().clamp(low, high),
            (true, false) => (low + place * (high - low + 1.0)).floor().clamp(low, high),
            (false, true) => rounded(from * math::pow(to / from, place)),
            (false, false) => rounded(from + (to - from) * place),
        };
        written(number, &self.unit, whole)
    }

    /// As the table of an axis.
    pub(super) fn toml(&self, ends: &[Item; 2]) -> String {
        let [from, to] = ends.each_ref().map(|end| toml(&end.value));
        format!("{{ from = {from}, to = {to}, scale = \"{}\" }}", self.scale())
    }

    /// Both ends as people write them.
    pub fn ends(&self) -> [String; 2] {
        [self.from, self.to].map(|end| match written(end, &self.unit, self.whole) {
            Value::Text(text) => text,
            number => toml(&number),
        })
    }

    /// `linear` or `log`.
    pub fn scale(&self) -> &'static str {
        if self.log { "log" } else { "linear" }
    }
}

/// Whether a table tells values, rather than axes further down the key. An inline table without
/// values anywhere in it can only be meant so.
pub(super) fn is_range(table: &Table) -> bool {
    has_kind(table) || (table.is_inline() && !has_values(table))
}

fn has_kind(table: &Table) -> bool {
    // Ends with a number of points belong into one of the kinds, perhaps one that is misspelt.
    let bare = table.get("points").is_none();
    let is_end = |key| {
        let end = table.get(key).map(|entry| &entry.item.value);
        end.is_some_and(|value| !matches!(value, Value::Array(_) | Value::Table(_)))
    };
    KINDS.iter().any(|kind| table.get(kind).is_some()) || (bare && (is_end("from") || is_end("to")))
}

fn has_values(table: &Table) -> bool {
    table.entries.iter().any(|entry| match &entry.item.value {
        Value::Array(_) => true,
        Value::Table(inner) => has_kind(inner) || has_values(inner),
        _ => false,
    })
}

/// What the table of an axis tells; `None` where it is wrong.
pub(super) fn read(t: &TableReader, entry: &Entry) -> Option<Told> {
    let t = t.unrecorded(entry);
    if t.has("from") || t.has("to") {
        return between(&t, entry);
    }
    let span = t.own_span();
    if t.has("seeds") {
        t.entries();
        t.report(
            Diagnostic::at(span, "seeds are no values: each is a chip")
                .label("no axis")
                .help("write for example `chips = 5` in [sweep], for as many at every point"),
        );
        return None;
    }
    let kind = t.one_of(&KINDS, None, EXAMPLE)?;
    let values = steps(&t.table(kind), kind == "log")?;
    let values = values.into_iter().map(|value| Item { value, span: span.clone() });
    Some(Told::Values(values.collect()))
}

/// `{ from = ..., to = ..., scale = ... }`
fn between(t: &TableReader, entry: &Entry) -> Option<Told> {
    let ends = ends(t);
    let log = t.choice("scale", &[("linear", false), ("log", true)]).or(false);
    let Value::Table(table) = &entry.item.value else { return None };
    let ([from, to], unit) = checked(t, ends?, log)?;
    let items = [table.get("from")?.item.clone(), table.get("to")?.item.clone()];
    Some(Told::Between(items, Between { from, to, unit, log, whole: false }))
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

type End = (f64, String);

/// Two ends, each with its unit.
fn ends(t: &TableReader) -> Option<[End; 2]> {
    let from = t.number_and_unit("from").needed("from = 1.0");
    let to = t.number_and_unit("to").needed("to = 1.0");
    Some([from?, to?])
}

/// Ends that make a range, with the unit of both.
fn checked(
    t: &TableReader,
    [(from, unit), (to, other_unit)]: [End; 2],
    ratios: bool,
) -> Option<([f64; 2], String)> {
    let spans = [t.span("from"), t.span("to")];
    match check_ends([from, to], [&unit, &other_unit], spans, ratios) {
        Ok(()) => Some(([from, to], unit)),
        Err(diagnostic) => {
            t.report(diagnostic);
            None
        }
    }
}

/// Values from one end to the other, in even steps or even ratios.
fn steps(t: &TableReader, ratios: bool) -> Option<Vec<Value>> {
    let ends = ends(t);
    let points = t.count("points", 2..=MOST).needed("points = 5");
    let ([from, to], unit) = checked(t, ends?, ratios)?;
    let last = (points? - 1) as usize;
    let at = |i: usize| match i {
        0 => from,
        i if i == last => to,
        i if ratios => rounded(from * math::pow(to / from, i as f64 / last as f64)),
        i => rounded(from + (to - from) * (i as f64 / last as f64)),
    };
    let numbers: Vec<f64> = (0..=last).map(at).collect();
    let whole = numbers.iter().all(|v| v.fract() == 0.0 && v.abs() < 1e15);
    Some(numbers.into_iter().map(|v| written(v, &unit, whole)).collect())
}

fn written(number: f64, unit: &str, whole: bool) -> Value {
    match (unit, whole) {
        ("", true) => Value::Integer(number as i128),
        ("", false) => Value::Float(number),
        (unit, _) => Value::Text(format!("{} {unit}", short(number))),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: &Value) -> f64 {
        match value {
            Value::Integer(value) => *value as f64,
            Value::Float(value) => *value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whole_numbers_have_their_parts_of_the_axis() {
        const N: usize = 10_000;
        let axis = |log| Between { from: 2.0, to: 5.0, unit: String::new(), log, whole: true };
        for log in [false, true] {
            let values: Vec<f64> =
                (0..N).map(|i| number(&axis(log).value((i as f64 + 0.5) / N as f64))).collect();
            for n in [2.0, 3.0, 4.0, 5.0] {
                let share = if log { math::log((n + 1.0) / n) / math::log(3.0) } else { 0.25 };
                let seen = values.iter().filter(|v| **v == n).count() as f64;
                assert!((seen - share * N as f64).abs() <= 1.0, "{n}: {seen}");
            }
        }
        let top = axis(true).value(1.0 - f64::EPSILON);
        assert_eq!(number(&top), 5.0);
    }

    #[test]
    fn numbers_lie_evenly_in_differences_or_ratios() {
        let axis = |log| Between { from: 0.01, to: 1.0, unit: String::new(), log, whole: false };
        assert_eq!(axis(false).value(0.5), Value::Float(0.505));
        assert_eq!(axis(true).value(0.5), Value::Float(0.1));
        let ohms = Between { unit: "ohm".into(), from: 3.0, to: 1.0, log: false, whole: false };
        assert_eq!(ohms.value(0.25), Value::Text("2.5 ohm".into()));
    }
}
