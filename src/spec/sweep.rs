//! `[sweep]`: keys of the file, the values they are to take, and what is done at each point. Each
//! value is tried on the document, so that what is wrong with it is said in the key's own words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{self, Entry, Item, Key, Table, Value};
use super::reader::{Reading, TableReader, key_text};
use super::{Library, Spec, Verb, range};
use crate::diag::{Diagnostic, Report, SourceMap, Span};

/// Most points of one sweep.
const MOST: usize = 1_000_000;

/// `[sweep]`: the product of some axes, the last one fastest.
#[derive(Debug, Clone)]
pub struct Sweep {
    pub axes: Vec<Axis>,
    /// `run`: what is done at each point; `simulate`, `train` or `gradcheck`.
    pub run: Verb,
    base: Arc<Base>,
}

/// A key of the file that is swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// A dotted path such as `nonideal.wire.r-segment`.
    pub key: String,
    /// As TOML, in order.
    pub values: Vec<String>,
}

/// What points are made from: the document as it was read, without its sweep. A file that is
/// edited while its sweep runs does not change the sweep.
#[derive(Debug)]
struct Base {
    root: Table,
    sources: SourceMap,
    path: PathBuf,
    library: Library,
    /// Where each axis leads, and its values.
    axes: Vec<(Vec<Key>, Vec<Item>)>,
}

/// Two sweeps are the same if they ask for the same; where they stand does not matter.
impl PartialEq for Sweep {
    fn eq(&self, other: &Sweep) -> bool {
        (&self.axes, self.run) == (&other.axes, other.run)
    }
}

impl Sweep {
    /// How many points there are.
    pub fn points(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Which value of each axis a point has, in the order of the axes.
    pub fn choice(&self, point: usize) -> Vec<usize> {
        let mut rest = point;
        let mut choice: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let count = axis.values.len();
                let chosen = rest % count;
                rest /= count;
                chosen
            })
            .collect();
        choice.reverse();
        choice
    }

    /// A value of an axis as people write it: text without its quotes, the rest as TOML.
    pub fn word(&self, axis: usize, value: usize) -> String {
        match &self.base.axes[axis].1[value].value {
            Value::Text(text) => text.clone(),
            _ => self.axes[axis].values[value].clone(),
        }
    }

    /// All values of an axis as people write them.
    pub fn words(&self, axis: usize) -> Vec<String> {
        (0..self.axes[axis].values.len()).map(|value| self.word(axis, value)).collect()
    }

    /// The file at a point, which has no sweep of its own.
    ///
    /// # Errors
    /// Mistakes that appear only where several axes meet.
    pub fn point(&self, point: usize) -> Result<Spec, Report> {
        let Base { root, sources, path, library, axes } = &*self.base;
        let mut root = root.clone();
        let mut found = Vec::new();
        for ((keys, items), chosen) in axes.iter().zip(self.choice(point)) {
            found.extend(document::set(&mut root, keys, items[chosen].clone()).err());
        }
        let reading = Reading::new(sources.clone(), found);
        let (spec, _) = super::read(&reading, &root, path, library);
        let found = reading.take();
        match spec {
            Some(spec) if found.is_empty() => Ok(spec),
            _ => Err(Report::new(found, reading.into_sources())),
        }
    }
}

/// `[sweep]` with its place in the document.
pub(super) struct Placed {
    pub axes: Vec<PlacedAxis>,
    run: Verb,
}

impl Placed {
    /// The sweep as it is handed on; `root` is the document that it stands in.
    pub fn sweep(self, root: &Table, sources: SourceMap, path: &Path, library: &Library) -> Sweep {
        let base = Base {
            root: root.without("sweep"),
            sources,
            path: path.to_path_buf(),
            library: library.clone(),
            axes: self.axes.iter().map(|a| (a.keys.clone(), a.items.clone())).collect(),
        };
        let axes = self.axes.into_iter().map(|a| a.axis).collect();
        Sweep { axes, run: self.run, base: Arc::new(base) }
    }
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

/// Reads a sweep; axes with mistakes are left out. `seed` is the file's own, `trains` whether it
/// has a `[train]`.
pub(super) fn read(t: &TableReader, seed: u64, trains: bool) -> Placed {
    let verbs = [Verb::Simulate, Verb::Train, Verb::Gradcheck].map(|verb| (verb.name(), verb));
    let run = t.choice("run", &verbs).or(if trains { Verb::Train } else { Verb::Simulate });
    if !trains && run != Verb::Simulate {
        t.report(
            Diagnostic::at(t.span("run"), format!("`{}` needs a [train] table", run.name()))
                .label("nothing to learn from")
                .help("add a [train] table, or write `run = \"simulate\"`"),
        );
    }
    Placed { axes: axes(t, seed), run }
}

fn axes(t: &TableReader, seed: u64) -> Vec<PlacedAxis> {
    let axes = t.table("axes");
    let mut found: Vec<PlacedAxis> = Vec::new();
    gather(&axes, axes.entries(), &[], &mut found, seed);
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
    let counts = found.iter().map(|axis| axis.items.len());
    let points = counts.fold(1usize, usize::saturating_mul);
    if points > MOST {
        t.report(
            Diagnostic::at(axes.own_span(), format!("a sweep of more than {MOST} points"))
                .label("too many")
                .help("drop values or axes, or split it into several sweeps"),
        );
    }
    found
}

fn gather(
    t: &TableReader,
    entries: &[Entry],
    above: &[Key],
    found: &mut Vec<PlacedAxis>,
    seed: u64,
) {
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
                gather(t, &table.entries, &keys, found, seed);
            }
            Value::Table(_) => {
                let Some(items) = range::read(t, entry, seed) else { continue };
                let values = items.iter().map(|item| range::toml(&item.value)).collect();
                axis(t, entry, keys, (items, values), found);
            }
            _ => {
                let Some(items) = listed(t, entry, &keys) else { continue };
                let sources = t.reading.sources.borrow();
                let values = items.iter().map(|i| sources.text(&i.span).to_string()).collect();
                drop(sources);
                axis(t, entry, keys, (items, values), found);
            }
        }
    }
}

fn name(keys: &[Key]) -> String {
    keys.iter().map(|(k, _)| key_text(k)).collect::<Vec<_>>().join(".")
}

/// The values of a list.
fn listed(t: &TableReader, entry: &Entry, keys: &[Key]) -> Option<Vec<Item>> {
    let key = name(keys);
    let message = match &entry.item.value {
        Value::Array(items) if !items.is_empty() => {
            let again = |i: &usize| items[..*i].iter().any(|item| item.value == items[*i].value);
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
    (items, values): (Vec<Item>, Vec<String>),
    found: &mut Vec<PlacedAxis>,
) {
    let (key, span) = (name(&keys), entry.key_span.clone());
    if let Some(first) = found.iter().find(|a| a.axis.key == key) {
        t.report(
            Diagnostic::at(span, format!("the axis `{key}` is given twice"))
                .label("given again")
                .also(first.span.clone(), "given here first")
                .help("join the two lists"),
        );
        return;
    }
    found.push(PlacedAxis { axis: Axis { key, values }, keys, span, items });
}
