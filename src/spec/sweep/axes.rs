//! `[sweep.axes]`: keys of the file and the values they are to take.

use std::cell::Cell;

use super::{Axis, Design};
use crate::diag::{Diagnostic, Span};
use crate::spec::document::{self, Entry, Item, Key, Table, Value};
use crate::spec::range::{self, Between, Told};
use crate::spec::reader::{Reading, TableReader, key_text};
use crate::units::{Dimension, parse_any};

/// An axis with its place in the document.
pub(in crate::spec) struct PlacedAxis {
    pub(super) axis: Axis,
    pub(super) keys: Vec<Key>,
    pub span: Span,
    /// Its values; of a range, its ends.
    pub(super) items: Vec<Item>,
    whole: Cell<bool>,
}

impl PlacedAxis {
    /// Each value's place, and the document with it.
    pub fn documents(
        &self,
        root: &Table,
    ) -> impl Iterator<Item = (Span, Result<Table, Diagnostic>)> {
        self.items.iter().map(|item| {
            let mut root = root.clone();
            let set = document::set(&mut root, &self.keys, item.clone());
            (item.span.clone(), set.map(|()| root))
        })
    }

    /// Learns from a reading of one of its documents whether it takes whole numbers alone.
    pub fn learn(&self, reading: &Reading) {
        if self.items.iter().any(|item| reading.is_count(&item.span)) {
            self.whole.set(true);
        }
    }

    pub(super) fn finished(self) -> (Axis, (Vec<Key>, Vec<Item>)) {
        let whole = self.whole.get();
        let between = self.axis.between.map(|between| Between { whole, ..between });
        // Between its ends nothing is listed.
        let items = if between.is_some() { Vec::new() } else { self.items };
        (Axis { between, ..self.axis }, (self.keys, items))
    }
}

/// Reads the axes of a sweep of this design, if that is known; those with mistakes are left out.
pub(super) fn read(t: &TableReader, design: Option<Design>) -> Vec<PlacedAxis> {
    let mut found: Vec<PlacedAxis> = Vec::new();
    gather(t, t.entries(), &[], &mut found);
    for placed in &found {
        let Axis { key, values, between } = &placed.axis;
        let Some(between) = between else {
            t.record.value(key, format!("[{}]", values.join(", ")));
            continue;
        };
        if let [from, to] = &placed.items[..] {
            t.record.value(key, between.toml(&[from.clone(), to.clone()]));
        }
        if let Some(design) = design.filter(|design| !design.is_drawn()) {
            t.report(
                Diagnostic::at(
                    placed.span.clone(),
                    format!("the axis `{key}` has ends but no values"),
                )
                .label(format!("`{}` takes each value of a list", design.name()))
                .help(
                    "write for example `{ linear = { from = 0.0, to = 1.0, points = 5 } }`, or \
                     let the sweep draw values: `design = \"latin-hypercube\"`",
                ),
            );
        }
    }
    found
}

fn gather(t: &TableReader, entries: &[Entry], above: &[Key], found: &mut Vec<PlacedAxis>) {
    for entry in entries {
        let Some(below) = document::key_path(&entry.key, entry.key_span.start) else {
            t.report(
                Diagnostic::at(entry.key_span.clone(), format!("`{}` is not a key", entry.key))
                    .label("not a key path")
                    .help(
                        "write for example `\"nonideal.wire.r-segment\" = [\"1 ohm\", \"2 ohm\"]`",
                    ),
            );
            continue;
        };
        let below = below.into_iter().map(|(key, _)| (key, entry.key_span.clone()));
        let keys: Vec<Key> = above.iter().cloned().chain(below).collect();
        match &entry.item.value {
            Value::Table(table) if !range::is_range(table) => {
                gather(t, &table.entries, &keys, found);
            }
            Value::Table(_) => match range::read(t, entry) {
                None => {}
                Some(Told::Values(items)) => {
                    let values = items.iter().map(|item| range::toml(&item.value)).collect();
                    axis(t, entry, keys, (items, values, None), found);
                }
                Some(Told::Between(ends, between)) => {
                    axis(t, entry, keys, (ends.to_vec(), Vec::new(), Some(between)), found);
                }
            },
            _ => {
                let Some(items) = listed(t, entry, &keys) else { continue };
                let sources = t.reading.sources.borrow();
                let values = items.iter().map(|i| sources.text(&i.span).to_string()).collect();
                drop(sources);
                axis(t, entry, keys, (items, values, None), found);
            }
        }
    }
}

/// The dotted path of an axis, or of its beginning.
pub(super) fn name(keys: &[Key]) -> String {
    keys.iter().map(|(k, _)| key_text(k)).collect::<Vec<_>>().join(".")
}

/// The values of a list.
fn listed(t: &TableReader, entry: &Entry, keys: &[Key]) -> Option<Vec<Item>> {
    let key = name(keys);
    let message = match &entry.item.value {
        Value::Array(items) if !items.is_empty() => {
            let again = |i: &usize| items[..*i].iter().any(|item| same(item, &items[*i]));
            let Some(i) = (1..items.len()).find(again) else { return Some(items.clone()) };
            t.report(
                Diagnostic::at(items[i].span.clone(), format!("`{key}` takes a value twice"))
                    .label("taken before")
                    .help("the same point would be run twice and counted as two; drop one"),
            );
            return None;
        }
        Value::Array(_) => format!("the axis `{key}` has no values"),
        other => format!("the axis `{key}` is {}, expected a list", other.kind()),
    };
    t.report(
        Diagnostic::at(entry.item.span.clone(), message)
            .label("nothing to sweep over")
            .help("list the values, such as [1, 2, 3], or drop the axis"),
    );
    None
}

/// Adds an axis, with its values as TOML too.
fn axis(
    t: &TableReader,
    entry: &Entry,
    keys: Vec<Key>,
    (items, values, between): (Vec<Item>, Vec<String>, Option<Between>),
    found: &mut Vec<PlacedAxis>,
) {
    let (key, span) = (name(&keys), entry.key_span.clone());
    if let Some((message, label, help)) = unswept(&keys, &key) {
        t.report(Diagnostic::at(span, message).label(label).help(help));
        return;
    }
    if let Some(other) = found.iter().find(|a| a.axis.key != key && within(&a.keys, &keys)) {
        t.report(
            Diagnostic::at(span, format!("the axes `{}` and `{key}` overlap", other.axis.key))
                .label("each would undo what the other sets")
                .also(other.span.clone(), "the other axis")
                .help("drop one of them, or list whole tables with all that is to vary in them"),
        );
        return;
    }
    if let Some(first) = found.iter().find(|a| a.axis.key == key) {
        t.report(
            Diagnostic::at(span, format!("the axis `{key}` is given twice"))
                .label("given again")
                .also(first.span.clone(), "given here first")
                .help("join the two lists"),
        );
        return;
    }
    let axis = Axis { key, values, between };
    found.push(PlacedAxis { axis, keys, span, items, whole: Cell::new(false) });
}

/// Why a key is no axis, with a label and what to do; `None` for those that can be.
fn unswept(keys: &[Key], key: &str) -> Option<(String, &'static str, &'static str)> {
    match keys.first().map(|(first, _)| first.as_str())? {
        "sweep" => Some((
            "keys of [sweep] cannot be swept".to_string(),
            "of the sweep as a whole",
            "they hold for all points alike: make a sweep of each value, or sweep other keys",
        )),
        "chip-seed" => Some((
            "`chip-seed` counts the chips of a point".to_string(),
            "not an axis",
            "write for example `chips = 3` in [sweep]: chip k has the `chip-seed` of the file \
             raised by k",
        )),
        "title" => Some((
            "`title` changes nothing of a run".to_string(),
            "not an axis",
            "sweep a key that the figures depend on",
        )),
        "expect" => Some((
            format!("`{key}` judges a run and changes nothing of it"),
            "not an axis",
            "write the bounds in [expect], with `at` where they are of some points alone",
        )),
        _ => None,
    }
}

/// Whether one path leads through the other.
fn within(a: &[Key], b: &[Key]) -> bool {
    a.iter().zip(b).all(|((a, _), (b, _))| a == b)
}

/// Whether two values are the same, in whatever units they are written.
fn same(a: &Item, b: &Item) -> bool {
    let quantity = |value: &Value| match value {
        Value::Text(text) => parse_any(text),
        Value::Integer(number) => Some((*number as f64, Dimension::One)),
        Value::Float(number) => Some((*number, Dimension::One)),
        _ => None,
    };
    a.value == b.value || quantity(&a.value).is_some_and(|q| quantity(&b.value) == Some(q))
}
