use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::record::{Recorded, quote, quote_list};
use super::{Item, TableReader, Value};
use crate::diag::{Diagnostic, Span};
use crate::units::{self, Dimension, Range, UnitFault};

/// The answer to a question, waiting to hear what holds when the key is not there.
#[must_use]
pub(in crate::spec) struct Ask<'t, 'a, T> {
    table: &'t TableReader<'a>,
    key: &'static str,
    found: Found<T>,
    write: Box<dyn Fn(&T) -> Recorded + 't>,
}

enum Found<T> {
    Missing,
    /// There, but wrong; already reported.
    Wrong,
    Is(T),
}

impl<T> Ask<'_, '_, T> {
    /// The default, when the key is not there.
    pub fn or(self, default: T) -> T {
        let value = match self.found {
            Found::Is(value) => value,
            Found::Missing | Found::Wrong => default,
        };
        self.table.record.push(self.key, (self.write)(&value));
        value
    }

    /// Nothing, when the key is not there.
    pub fn optional(self) -> Option<T> {
        let Found::Is(value) = self.found else { return None };
        self.table.record.push(self.key, (self.write)(&value));
        Some(value)
    }

    /// As [`Ask::optional`], but it is a mistake when the key is not there; `example` is a line
    /// that would do.
    pub fn needed(self, example: &str) -> Option<T> {
        if matches!(self.found, Found::Missing) && !self.table.quiet.get() {
            self.table.report(
                Diagnostic::at(
                    self.table.span.clone(),
                    format!("{} needs `{}`", self.table.title(), self.key),
                )
                .label(format!("`{}` is missing", self.key))
                .help(format!("add for example `{example}`")),
            );
        }
        self.optional()
    }
}

impl<T: Default> Ask<'_, '_, T> {
    /// The type's own default, when the key is not there.
    pub fn or_default(self) -> T {
        self.or(T::default())
    }

    /// As [`Ask::needed`], with a harmless value instead of none.
    pub fn required(self, example: &str) -> T {
        self.needed(example).unwrap_or_default()
    }
}

impl<'a> TableReader<'a> {
    fn ask<'t, T>(
        &'t self,
        key: &'static str,
        read: impl FnOnce(&'a Item) -> Result<T, Diagnostic>,
        write: impl Fn(&T) -> String + 't,
    ) -> Ask<'t, 'a, T> {
        let found = match self.item(key).map(read) {
            None => Found::Missing,
            Some(Ok(value)) => Found::Is(value),
            Some(Err(diagnostic)) => {
                self.report(diagnostic);
                Found::Wrong
            }
        };
        let write = move |value: &T| Recorded::Value(write(value));
        Ask { table: self, key, found, write: Box::new(write) }
    }

    /// A number with a unit, in SI; a bare number where the dimension is [`Dimension::One`].
    pub fn quantity(
        &self,
        key: &'static str,
        dimension: Dimension,
        range: Range,
    ) -> Ask<'_, 'a, f64> {
        let write = move |value: &f64| match dimension {
            Dimension::One => units::format_exact(*value, dimension),
            _ => quote(&units::format_exact(*value, dimension)),
        };
        self.ask(key, |item| quantity(key, item, dimension, range), write)
    }

    /// A bare number.
    pub fn number(&self, key: &'static str, range: Range) -> Ask<'_, 'a, f64> {
        self.quantity(key, Dimension::One, range)
    }

    /// A number and whatever unit is written after it; a bare one has none.
    pub fn number_and_unit(&self, key: &'static str) -> Ask<'_, 'a, (f64, String)> {
        let read = |item: &Item| {
            let found = match &item.value {
                Value::Integer(value) => Some((*value as f64, "")),
                Value::Float(value) => Some((*value, "")),
                Value::Text(text) => units::number_and_unit(text),
                _ => None,
            };
            let found = found.filter(|(number, _)| number.is_finite());
            found
                .map(|(number, unit)| (number, unit.to_string()))
                .ok_or_else(|| wrong_kind(key, item, "a finite number, with its unit", "\"2 ohm\""))
        };
        self.ask(key, read, |(number, unit)| format!("{number:?} {unit}"))
    }

    pub fn text(&self, key: &'static str) -> Ask<'_, 'a, String> {
        self.ask(key, |item| text(key, item).map(str::to_string), |v| quote(v))
    }

    pub fn texts(&self, key: &'static str, example: &str) -> Ask<'_, 'a, Vec<(String, Span)>> {
        self.ask(
            key,
            |item| texts(key, item, example),
            |v| quote_list(&v.iter().map(|(t, _)| t.clone()).collect::<Vec<_>>()),
        )
    }

    /// A list of pairs of names.
    pub fn pairs(&self, key: &'static str) -> Ask<'_, 'a, Vec<[(String, Span); 2]>> {
        let write = |pairs: &Vec<[(String, Span); 2]>| {
            let pairs: Vec<String> =
                pairs.iter().map(|p| quote_list(&p.clone().map(|(name, _)| name))).collect();
            format!("[{}]", pairs.join(", "))
        };
        self.ask(key, |item| pairs(key, item), write)
    }

    pub fn flag(&self, key: &'static str) -> Ask<'_, 'a, bool> {
        let read = |item: &Item| match item.value {
            Value::Boolean(value) => Ok(value),
            _ => Err(wrong_kind(key, item, "true or false", "true")),
        };
        self.ask(key, read, bool::to_string)
    }

    /// A whole number.
    pub fn count(&self, key: &'static str, range: RangeInclusive<u64>) -> Ask<'_, 'a, u64> {
        self.ask(key, |item| count(key, item, &range), u64::to_string)
    }

    /// A list of this many whole numbers.
    pub fn counts<const N: usize>(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Ask<'_, 'a, [u64; N]> {
        let example = format!("[{}]", ["64"; N].join(", "));
        let read = |item: &Item| {
            let Value::Array(items) = &item.value else {
                return Err(wrong_kind(key, item, "a list of whole numbers", &example));
            };
            let counts: Vec<u64> =
                items.iter().map(|i| count(key, i, &range)).collect::<Result<_, _>>()?;
            counts.try_into().map_err(|counts: Vec<u64>| wrong_length(key, item, counts.len(), N))
        };
        self.ask(key, read, |v| format!("{v:?}"))
    }

    /// One of these words.
    pub fn choice<T: Copy + PartialEq + 'static>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Ask<'_, 'a, T> {
        let choices = choices.to_vec();
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let read = |item: &Item| {
            let word = text(key, item)?;
            choices.iter().find(|(name, _)| *name == word).map(|(_, v)| *v).ok_or_else(|| {
                Diagnostic::at(item.span.clone(), format!("`{key}` cannot be `{word}`"))
                    .label("unknown word")
                    .help_names(word, &format!("`{key}` can be"), &names)
            })
        };
        let found = self.ask(key, read, |_| String::new()).found;
        let write = move |value: &T| {
            let name = choices.iter().find(|(_, v)| v == value).map_or("", |(name, _)| name);
            Recorded::Value(quote(name))
        };
        Ask { table: self, key, found, write: Box::new(write) }
    }

    /// A path, relative to the file it is written in.
    pub fn path(&self, key: &'static str) -> Ask<'_, 'a, PathBuf> {
        let read = |item: &Item| {
            let name = text(key, item)?;
            Ok(self.reading.sources.borrow().folder(item.span.start).join(name))
        };
        let found = self.ask(key, read, |_| String::new()).found;
        let write = |path: &PathBuf| Recorded::Path(path.clone());
        Ask { table: self, key, found, write: Box::new(write) }
    }
}

fn text<'i>(key: &str, item: &'i Item) -> Result<&'i str, Diagnostic> {
    match &item.value {
        Value::Text(text) => Ok(text),
        _ => Err(wrong_kind(key, item, "text", "\"...\"")),
    }
}

fn texts(key: &str, item: &Item, example: &str) -> Result<Vec<(String, Span)>, Diagnostic> {
    let Value::Array(items) = &item.value else {
        let value = example.split_once(" = ").map_or(example, |(_, value)| value);
        return Err(wrong_kind(key, item, "a list", value));
    };
    items.iter().map(|i| Ok((text(key, i)?.to_string(), i.span.clone()))).collect()
}

fn pairs(key: &str, item: &Item) -> Result<Vec<[(String, Span); 2]>, Diagnostic> {
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

fn count(key: &str, item: &Item, range: &RangeInclusive<u64>) -> Result<u64, Diagnostic> {
    let value = match item.value {
        Value::Integer(value) => value,
        _ => {
            return Err(wrong_kind(
                key,
                item,
                "a whole number",
                &range.start().max(&1).to_string(),
            ));
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

fn unit_fault(key: &str, item: &Item, fault: UnitFault, dimension: Dimension) -> Diagnostic {
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

fn wrong_kind(key: &str, item: &Item, expected: &str, example: &str) -> Diagnostic {
    Diagnostic::at(
        item.span.clone(),
        format!("`{key}` is {}, expected {expected}", item.value.kind()),
    )
    .label(format!("expected {expected}"))
    .help(format!("write for example `{key} = {example}`"))
}

fn wrong_length(key: &str, item: &Item, found: usize, expected: usize) -> Diagnostic {
    let entries = if found == 1 { "entry" } else { "entries" };
    Diagnostic::at(item.span.clone(), format!("`{key}` has {found} {entries}, expected {expected}"))
        .label(format!("expected {expected} entries"))
}
