//! Values of a document as what a key holds.

use std::ops::RangeInclusive;

use super::record::quote;
use super::{Item, Value};
use crate::diag::{Diagnostic, Span};
use crate::units::{self, Dimension, Range, UnitFault};

pub(super) fn text<'i>(key: &str, item: &'i Item) -> Result<&'i str, Diagnostic> {
    match &item.value {
        Value::Text(text) => Ok(text),
        _ => Err(wrong_kind(key, item, "text", "\"...\"")),
    }
}

pub(super) fn texts(
    key: &str,
    item: &Item,
    example: &str,
) -> Result<Vec<(String, Span)>, Diagnostic> {
    let Value::Array(items) = &item.value else {
        let value = example.split_once(" = ").map_or(example, |(_, value)| value);
        return Err(wrong_kind(key, item, "a list", value));
    };
    items.iter().map(|i| Ok((text(key, i)?.to_string(), i.span.clone()))).collect()
}

/// Names of many things, written out or as one pattern.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::spec) enum Names {
    List(Vec<(String, Span)>),
    Pattern(String),
}

pub(super) fn names(key: &str, item: &Item) -> Result<Names, Diagnostic> {
    match &item.value {
        Value::Text(pattern) => Ok(Names::Pattern(pattern.clone())),
        Value::Array(_) => texts(key, item, "[\"a\", \"b\"]").map(Names::List),
        _ => Err(wrong_kind(key, item, "a list of names or a pattern", "\"in.{}\"")),
    }
}

pub(super) fn pairs(key: &str, item: &Item) -> Result<Vec<[(String, Span); 2]>, Diagnostic> {
    let example = "[[\"a\", \"b\"], [\"c\", \"d\"]]";
    let Value::Array(items) = &item.value else {
        return Err(wrong_kind(key, item, "a list of pairs of names", example));
    };
    items
        .iter()
        .map(|pair| {
            let names = texts(key, pair, example)?;
            names.try_into().map_err(|names: Vec<_>| wrong_length(key, pair, names.len(), 2))
        })
        .collect()
}

pub(super) fn quantities(
    key: &str,
    item: &Item,
    dimension: Dimension,
) -> Result<Vec<f64>, Diagnostic> {
    let Value::Array(items) = &item.value else {
        let example = format!("[{}]", quote(dimension.example()));
        return Err(wrong_kind(key, item, "a list of quantities", &example));
    };
    items.iter().map(|item| quantity(key, item, dimension, Range::Any)).collect()
}

pub(super) fn points(
    key: &str,
    item: &Item,
    dimensions: [Dimension; 2],
) -> Result<Vec<(f64, f64)>, Diagnostic> {
    let example =
        format!("[[{}, {}]]", quote(dimensions[0].example()), quote(dimensions[1].example()));
    let Value::Array(items) = &item.value else {
        return Err(wrong_kind(key, item, "a list of points", &example));
    };
    let one = |item: &Item| match &item.value {
        Value::Array(pair) if pair.len() == 2 => {
            let part = |k: usize| quantity(key, &pair[k], dimensions[k], Range::Any);
            Ok((part(0)?, part(1)?))
        }
        Value::Array(pair) => Err(wrong_length(key, item, pair.len(), 2)),
        _ => Err(wrong_kind(key, item, "a list of points", &example)),
    };
    if items.is_empty() {
        return Err(wrong_length(key, item, 0, 1));
    }
    items.iter().map(one).collect()
}

pub(super) fn count(
    key: &str,
    item: &Item,
    range: &RangeInclusive<u64>,
    example: u64,
) -> Result<u64, Diagnostic> {
    let value = match item.value {
        Value::Integer(value) => value,
        _ => {
            return Err(wrong_kind(key, item, "a whole number", &example.to_string()));
        }
    };
    match u64::try_from(value).ok().filter(|v| range.contains(v)) {
        Some(value) => Ok(value),
        None => {
            let (least, most) = (range.start(), range.end());
            let words = match value < i128::from(*least) {
                _ if *most < i64::MAX as u64 => format!("from {least} to {most}"),
                true => format!("at least {least}"),
                false => format!("at most {most}"),
            };
            Err(Diagnostic::at(item.span.clone(), format!("`{key}` is {value}, must be {words}"))
                .label("out of range")
                .help(format!("write a whole number {words}")))
        }
    }
}

/// A quantity, from a bare number or text.
pub(in crate::spec) fn quantity(
    key: &str,
    item: &Item,
    dimension: Dimension,
    range: Range,
) -> Result<f64, Diagnostic> {
    let number = match &item.value {
        Value::Text(text) => {
            let parsed = units::parse(text, dimension, range);
            if dimension == Dimension::One && parsed.is_ok() {
                return Err(wrong_kind(key, item, "a bare number", text.trim()));
            }
            return parsed.map_err(|fault| unit_fault(key, item, fault, dimension));
        }
        Value::Integer(value) => *value as f64,
        Value::Float(value) => *value,
        _ => {
            let (expected, example) = match dimension {
                Dimension::One => ("a number", dimension.example().to_string()),
                _ => ("a quantity with unit", quote(dimension.example())),
            };
            return Err(wrong_kind(key, item, expected, &example));
        }
    };
    let fault = if !number.is_finite() {
        UnitFault::NotFinite
    } else if dimension != Dimension::One {
        units::missing_unit(number, dimension)
    } else if !range.contains(number) {
        UnitFault::OutOfRange { range }
    } else {
        return Ok(number);
    };
    Err(unit_fault(key, item, fault, dimension))
}

pub(super) fn unit_fault(
    key: &str,
    item: &Item,
    fault: UnitFault,
    dimension: Dimension,
) -> Diagnostic {
    let bare = dimension == Dimension::One;
    let expected = if bare { "a bare number" } else { dimension.name() };
    let example = if bare { dimension.example().to_string() } else { quote(dimension.example()) };
    let at = |message: String| Diagnostic::at(item.span.clone(), message);
    let write_or_example = |write: Option<String>| match write {
        Some(write) => format!("write {}", quote(&write)),
        None => format!("write for example {example}"),
    };
    match fault {
        UnitFault::NotANumber => at(format!("`{key}` does not begin with a number"))
            .label(format!("expected {expected}"))
            .help(write_or_example(None)),
        UnitFault::NotFinite => at(format!("`{key}` must be a finite number"))
            .label("not finite")
            .help(write_or_example(None)),
        UnitFault::MissingUnit { write } => at(format!("`{key}` has no unit"))
            .label(format!("expected {expected}"))
            .help(write_or_example(Some(write))),
        UnitFault::UnknownUnit { unit, write } if bare => {
            at(format!("`{key}` has a unit, `{unit}`, but is a bare number"))
                .label("expected a bare number")
                .help(format!("write {}", write.unwrap_or(example)))
        }
        UnitFault::UnknownUnit { unit, write } => at(format!("`{unit}` is not a unit"))
            .label(format!("expected {expected}"))
            .help(write_or_example(write)),
        UnitFault::WrongDimension { found, write, .. } => {
            at(format!("`{key}` is given in {}, expected {expected}", found.name()))
                .label(format!("expected {expected}"))
                .help(write_or_example(write))
        }
        UnitFault::OutOfRange { range } => at(format!("`{key}` must be {}", range.words()))
            .label("out of range")
            .help(match range {
                Range::Any => write_or_example(None),
                _ => format!("write a value {}", range.words()),
            }),
    }
}

pub(super) fn wrong_kind(key: &str, item: &Item, expected: &str, example: &str) -> Diagnostic {
    Diagnostic::at(
        item.span.clone(),
        format!("`{key}` is {}, expected {expected}", item.value.kind()),
    )
    .label(format!("expected {expected}"))
    .help(format!("write for example `{key} = {example}`"))
}

pub(super) fn wrong_length(key: &str, item: &Item, found: usize, expected: usize) -> Diagnostic {
    let entries = if found == 1 { "entry" } else { "entries" };
    Diagnostic::at(item.span.clone(), format!("`{key}` has {found} {entries}, expected {expected}"))
        .label(format!("expected {expected} entries"))
}
