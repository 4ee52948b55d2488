//! Presets: published technologies as tables of `[nonideal]`, every number with its source.
//!
//! A preset is a part `preset/NAME` of the library. Each of its numbers is a table
//! `{ value = ..., cite = "...", confidence = "high" }`; `[hardware]` of it holds the window
//! `g-min` to `g-max`. A file that names it in `[nonideal] preset` takes all of them and puts its
//! own keys over them, one by one.

use std::fmt;

use super::NonIdeal;
use crate::diag::{Diagnostic, Report, SourceMap};
use crate::spec::document::{Entry, Item, Table, Value};
use crate::spec::reader::{Reading, TableReader, value_text};
use crate::spec::{Library, Part};
use crate::units::{Dimension, Range, Siemens};

/// How far a number can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// Read in the source.
    High,
    /// Well known, or second-hand.
    Medium,
    /// An order of magnitude.
    Low,
}

impl Confidence {
    pub const ALL: [Confidence; 3] = [Confidence::High, Confidence::Medium, Confidence::Low];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::High => "high",
            Confidence::Medium => "medium",
            Confidence::Low => "low",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number of a preset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced {
    /// Its key, such as `time.drift.t0`.
    pub key: String,
    /// As TOML.
    pub value: String,
    pub cite: String,
    pub confidence: Confidence,
}

/// A preset by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Such as `preset/pcm-mushroom`.
    pub name: String,
    pub about: String,
    /// `g-min` and `g-max`; where it gives none, those that a file has by default.
    pub window: [Siemens; 2],
    pub nonideal: NonIdeal,
    /// All its numbers, in the order of the file.
    pub numbers: Vec<Sourced>,
}

impl Preset {
    /// Reads a part of the library.
    ///
    /// # Errors
    /// All mistakes found.
    pub fn read(part: &Part) -> Result<Preset, Report> {
        let reading = Reading::new(SourceMap::default(), Vec::new());
        let plain = plain(&reading, part);
        let window = plain.as_ref().map_or(DEFAULT_WINDOW, |p| p.window.unwrap_or(DEFAULT_WINDOW));
        let nonideal = plain.as_ref().map(|plain| {
            let t = reading.root(&plain.table, plain.start);
            super::read(&t, window, super::Use::default(), &[])
        });
        let found = reading.take();
        match (plain, nonideal) {
            (Some(plain), Some(nonideal)) if found.is_empty() => Ok(Preset {
                name: part.name.clone(),
                about: part.about.clone(),
                window,
                nonideal,
                numbers: plain.numbers,
            }),
            _ => Err(Report::new(found, reading.into_sources())),
        }
    }
}

/// The window of a file that says nothing.
pub(in crate::spec) const DEFAULT_WINDOW: [Siemens; 2] = [1e-6, 25e-6];

/// A preset with its sources taken off.
pub(in crate::spec) struct Plain {
    /// As a `[nonideal]` table.
    pub table: Table,
    pub window: Option<[Siemens; 2]>,
    numbers: Vec<Sourced>,
    start: usize,
}

/// The preset that `[nonideal]` of a file names, with the file's own keys over it; `None` where it
/// names none, or none that there is.
pub(in crate::spec) fn of_file(t: &TableReader, library: &Library) -> Option<Plain> {
    let own = t.own_table("nonideal")?;
    let entry = own.get("preset")?;
    let Value::Text(name) = &entry.item.value else {
        let kind = entry.item.value.kind();
        let message = format!("`preset` is {kind}, expected the name of a preset");
        let diagnostic = Diagnostic::at(entry.item.span.clone(), message);
        t.report(diagnostic.label("expected text").help("write for example `preset = \"ecram\"`"));
        return Some(Plain { table: own.without("preset"), ..Plain::nothing() });
    };
    let Some(part) = library.preset(name) else {
        let names: Vec<String> = (library.names().iter())
            .filter_map(|name| name.strip_prefix("preset/"))
            .map(str::to_string)
            .collect();
        t.report(
            Diagnostic::at(entry.item.span.clone(), format!("the library has no preset `{name}`"))
                .label("unknown preset")
                .help_names(name, "there are", &names)
                .help(
                    "`eqcircuit circuits` lists the library; your own go into `circuits/preset/`",
                ),
        );
        return Some(Plain { table: own.without("preset"), ..Plain::nothing() });
    };
    let mut plain = plain(t.reading, &part).unwrap_or_else(Plain::nothing);
    put_over(&mut plain.table, own.without("preset"));
    Some(plain)
}

impl Plain {
    fn nothing() -> Plain {
        Plain { table: Table::default(), window: None, numbers: Vec::new(), start: 0 }
    }
}

/// Keys that take the place of others of the same table.
const RIVALS: [(&str, &[&str]); 9] = [
    ("nu", &["nu-of"]),
    ("nu-of", &["nu"]),
    ("sigma", &["sigma-of"]),
    ("sigma-of", &["sigma"]),
    ("levels", &["level-table"]),
    ("level-table", &["levels", "spacing"]),
    ("top", &["polynomial"]),
    ("amplitude", &["amplitude-of"]),
    ("amplitude-of", &["amplitude"]),
];

/// Tables are put over one another key by key, however they are written.
fn put_over(base: &mut Table, over: Table) {
    for entry in over.entries {
        for (key, rivals) in RIVALS {
            if key == entry.key {
                base.entries.retain(|e| !rivals.contains(&e.key.as_str()));
            }
        }
        let old = base.entries.iter_mut().find(|e| e.key == entry.key);
        match (old, entry.item.value) {
            (None, value) => {
                base.entries.push(Entry { item: Item { value, ..entry.item }, ..entry });
            }
            (Some(old), Value::Table(table)) if matches!(old.item.value, Value::Table(_)) => {
                (old.key_span, old.item.span) = (entry.key_span, entry.item.span);
                if let Value::Table(base) = &mut old.item.value {
                    put_over(base, table);
                }
            }
            (Some(old), value) => {
                *old = Entry { item: Item { value, span: entry.item.span }, ..entry };
            }
        }
    }
}

/// Takes the sources off a preset.
fn plain(reading: &Reading, part: &Part) -> Option<Plain> {
    let parsed = reading.part(part)?;
    let mut numbers = Vec::new();
    let table = strip(reading, &parsed.table, "", &mut numbers);
    let window = {
        let t = reading.root(&table, parsed.start);
        t.entries();
        t.optional_table("hardware").map(|t| {
            ["g-min", "g-max"].map(|key| {
                t.quantity(key, Dimension::Siemens, Range::NonNegative)
                    .required("g-max = \"25 uS\"")
            })
        })
    };
    if let Some([low, high]) = window
        && low >= high
    {
        let span = table.get("hardware").map_or(0..0, |e| e.key_span.clone());
        reading.report(Diagnostic::at(span, "`g-min` of the preset must be below its `g-max`"));
    }
    let window = window.filter(|[low, high]| low < high);
    let table = table.without("about").without("hardware");
    Some(Plain { table, window, numbers, start: parsed.start })
}

fn strip(reading: &Reading, table: &Table, place: &str, numbers: &mut Vec<Sourced>) -> Table {
    let mut stripped = Table::default();
    for entry in &table.entries {
        let key =
            if place.is_empty() { entry.key.clone() } else { format!("{place}.{}", entry.key) };
        let value = match &entry.item.value {
            Value::Table(inner) if inner.get("value").is_some() => {
                let Some((value, number)) = sourced(reading, entry, inner, key) else { continue };
                numbers.push(number);
                value
            }
            Value::Table(inner) => Item {
                value: Value::Table(strip(reading, inner, &key, numbers)),
                span: entry.item.span.clone(),
            },
            Value::Text(_) if key == "about" => entry.item.clone(),
            _ => {
                reading.report(
                    Diagnostic::at(entry.item.span.clone(), format!("`{key}` has no source"))
                        .label("a bare value")
                        .help(EXAMPLE),
                );
                continue;
            }
        };
        stripped.entries.push(Entry { item: value, ..entry.clone() });
    }
    stripped
}

const EXAMPLE: &str = "write `{ value = ..., cite = \"where it was published\", confidence = \
                       \"high\" }`, the last one high, medium or low";

fn sourced(
    reading: &Reading,
    entry: &Entry,
    inner: &Table,
    key: String,
) -> Option<(Item, Sourced)> {
    let text = |name: &str| match inner.get(name).map(|e| &e.item.value) {
        Some(Value::Text(text)) if !text.trim().is_empty() => Some(text.clone()),
        _ => None,
    };
    let confidence =
        text("confidence").and_then(|word| Confidence::ALL.into_iter().find(|c| c.name() == word));
    let known = ["value", "cite", "confidence"];
    let spare = inner.entries.iter().find(|e| !known.contains(&e.key.as_str()));
    let wrong = match (text("cite"), confidence, spare) {
        (Some(cite), Some(confidence), None) => {
            let value = inner.get("value")?.item.clone();
            let text = value_text(&value.value);
            return Some((value, Sourced { key, value: text, cite, confidence }));
        }
        (.., Some(spare)) => format!("`{key}` has no `{}`", spare.key),
        (None, ..) => format!("`{key}` has no `cite`"),
        _ => format!("`{key}` has no `confidence` that is high, medium or low"),
    };
    reading.report(
        Diagnostic::at(entry.item.span.clone(), wrong).label("not a sourced number").help(EXAMPLE),
    );
    None
}
