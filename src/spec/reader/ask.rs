use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::items::{
    Names, count, names, pairs, points, quantities, quantity, text, texts, wrong_kind, wrong_length,
};
use super::record::{Recorded, quote, quote_list};
use super::{Item, TableReader, Value};
use crate::diag::{Diagnostic, Span};
use crate::units::{self, Dimension, Range};

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

    /// `None` when what is there is wrong; else what is there, if anything.
    pub fn checked(self) -> Option<Option<T>> {
        match self.found {
            Found::Wrong => None,
            _ => Some(self.optional()),
        }
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

    /// A list of names, or a pattern of them.
    pub fn names(&self, key: &'static str) -> Ask<'_, 'a, Names> {
        let write = |names: &Names| match names {
            Names::List(list) => {
                quote_list(&list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())
            }
            Names::Pattern(pattern) => quote(pattern),
        };
        self.ask(key, |item| names(key, item), write)
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

    /// A list of quantities.
    pub fn quantities(&self, key: &'static str, dimension: Dimension) -> Ask<'_, 'a, Vec<f64>> {
        let write = move |values: &Vec<f64>| {
            let text = |value: &f64| match dimension {
                Dimension::One => units::format_exact(*value, dimension),
                _ => quote(&units::format_exact(*value, dimension)),
            };
            format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(", "))
        };
        self.ask(key, move |item| quantities(key, item, dimension), write)
    }

    /// A list of pairs of quantities.
    pub fn points(
        &self,
        key: &'static str,
        dimensions: [Dimension; 2],
    ) -> Ask<'_, 'a, Vec<(f64, f64)>> {
        let texts = move |(a, b): &(f64, f64)| {
            let text = |(value, dimension): (&f64, Dimension)| match dimension {
                Dimension::One => units::format_exact(*value, dimension),
                _ => quote(&units::format_exact(*value, dimension)),
            };
            format!("[{}, {}]", text((a, dimensions[0])), text((b, dimensions[1])))
        };
        let write = move |points: &Vec<(f64, f64)>| {
            format!("[{}]", points.iter().map(texts).collect::<Vec<_>>().join(", "))
        };
        self.ask(key, move |item| points(key, item, dimensions), write)
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
        let example = *range.start().max(&1);
        self.whole(key, range, example)
    }

    /// As [`TableReader::count`], with a value that would do for an example.
    pub fn whole(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
        example: u64,
    ) -> Ask<'_, 'a, u64> {
        let read = |item: &Item| {
            self.reading.counts.borrow_mut().insert(item.span.clone());
            count(key, item, &range, example)
        };
        self.ask(key, read, u64::to_string)
    }

    /// What stands at a key, where that is a whole number; this does not ask for it.
    pub fn integer(&self, key: &str) -> Option<i128> {
        match self.table?.get(key)?.item.value {
            Value::Integer(value) => Some(value),
            _ => None,
        }
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
            let spans = items.iter().map(|item| item.span.clone());
            self.reading.counts.borrow_mut().extend(spans);
            let counts: Vec<u64> = items
                .iter()
                .map(|i| count(key, i, &range, *range.start().max(&1)))
                .collect::<Result<_, _>>()?;
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

    /// Which one of these keys is given. Exactly one must be, unless `default` says which it is
    /// when there is none.
    pub fn one_of(
        &self,
        keys: &'static [&'static str],
        default: Option<&'static str>,
        example: &str,
    ) -> Option<&'static str> {
        keys.iter().for_each(|k| self.known(k));
        let given: Vec<&'static str> = keys.iter().copied().filter(|k| self.has(k)).collect();
        match given.as_slice() {
            [one] => Some(one),
            [] if default.is_some() => default,
            // A misspelt one is told as an unknown key, with the nearest name.
            [] if self.is_misspelt() => None,
            [] => {
                if !self.quiet.get() {
                    self.report(
                        Diagnostic::at(
                            self.span.clone(),
                            format!("{} has none of: {}", self.title(), keys.join(", ")),
                        )
                        .label("one of them is needed")
                        .help(format!("write for example `{example}`")),
                    );
                }
                self.quiet.set(true);
                None
            }
            [first, second, ..] => {
                self.report(
                    Diagnostic::at(
                        self.span(second),
                        format!("`{first}` and `{second}` exclude each other"),
                    )
                    .label("one too many")
                    .also(self.span(first), "given as well")
                    .help("keep one of them"),
                );
                self.quiet.set(true);
                None
            }
        }
    }
}
