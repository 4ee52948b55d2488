//! `[sweep.axes]`: keys of the file, and the values they are to take. Each value is tried on the
//! document, so that what is wrong with it is said in the key's own words.

use super::document::{self, Entry, Item, Key, Table, Value};
use super::reader::{TableReader, key_text};
use crate::diag::{Diagnostic, Span};

/// `[sweep]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    pub axes: Vec<Axis>,
}

/// A key of the file that is swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// A dotted path such as `nonideal.wire.r-segment`.
    pub key: String,
    /// As TOML, in order.
    pub values: Vec<String>,
}

/// An axis with its place in the document.
pub(super) struct PlacedAxis {
    axis: Axis,
    keys: Vec<Key>,
    pub span: Span,
    items: Vec<Item>,
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
}

/// Reads the axes; those with mistakes are left out.
pub(super) fn read(t: &TableReader) -> Vec<PlacedAxis> {
    let axes = t.table("axes");
    let mut found: Vec<PlacedAxis> = Vec::new();
    gather(&axes, axes.entries(), &[], &mut found);
    for axis in &found {
        axes.record.value(&axis.axis.key, format!("[{}]", axis.axis.values.join(", ")));
    }
    if axes.entries().is_empty() {
        t.report(
            Diagnostic::at(axes.own_span(), "a sweep needs an axis")
                .label("no axes")
                .help("add for example `seed = [1, 2, 3]`"),
        );
    }
    found
}

/// The axes as they are handed on.
pub(super) fn plain(axes: &[PlacedAxis]) -> Sweep {
    Sweep { axes: axes.iter().map(|a| a.axis.clone()).collect() }
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
            Value::Table(table) => gather(t, &table.entries, &keys, found),
            _ => axis(t, entry, keys, found),
        }
    }
}

fn axis(t: &TableReader, entry: &Entry, keys: Vec<Key>, found: &mut Vec<PlacedAxis>) {
    let key = keys.iter().map(|(k, _)| key_text(k)).collect::<Vec<_>>().join(".");
    let span = entry.key_span.clone();
    let items = match &entry.item.value {
        Value::Array(items) if !items.is_empty() => items.clone(),
        value => {
            let message = match value {
                Value::Array(_) => format!("the axis `{key}` has no values"),
                other => format!("the axis `{key}` is {}, expected a list", other.kind()),
            };
            t.report(
                Diagnostic::at(entry.item.span.clone(), message)
                    .label("nothing to sweep over")
                    .help("list the values, such as [1, 2, 3], or drop the axis"),
            );
            return;
        }
    };
    if let Some(first) = found.iter().find(|a| a.axis.key == key) {
        t.report(
            Diagnostic::at(span, format!("the axis `{key}` is given twice"))
                .label("given again")
                .also(first.span.clone(), "given here first")
                .help("join the two lists"),
        );
        return;
    }
    let sources = t.reading.sources.borrow();
    let values = items.iter().map(|item| sources.text(&item.span).to_string()).collect();
    found.push(PlacedAxis { axis: Axis { key, values }, keys, span, items });
}
