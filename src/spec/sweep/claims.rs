//! What `[expect]` promises of points by name: bounds with an `at`.

use std::collections::BTreeMap;

use super::axes::{PlacedAxis, name};
use super::{Design, Verb};
use crate::diag::Diagnostic;
use crate::spec::Expect;
use crate::spec::document::{self, Key, Table, Value};
use crate::spec::expect::PlacedExpect;
use crate::spec::reader::{TableReader, value_text};

/// A bound that holds at some points of a sweep, for every chip.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub expect: Expect,
    /// By the key of an axis the value that it takes there, as people write it: text without its
    /// quotes, the rest as TOML.
    pub at: BTreeMap<String, String>,
    /// Numbers of axes, each with its value as TOML.
    place: Vec<(usize, String)>,
}

impl Claim {
    /// Whether a point whose axes have these values is one that it holds at.
    pub(super) fn holds(&self, values: &[Option<Value>]) -> bool {
        let is = |axis: usize, toml: &String| {
            values[axis].as_ref().is_some_and(|value| value_text(value) == *toml)
        };
        self.place.iter().all(|(axis, toml)| is(*axis, toml))
    }
}

/// Finds the points of a sweep that does `run` on these axes; what names none is reported.
pub(super) fn read(
    t: &TableReader,
    placed: &[PlacedExpect],
    run: Verb,
    design: Option<Design>,
    axes: &[PlacedAxis],
) -> Vec<Claim> {
    let Some(design) = design else { return Vec::new() };
    placed.iter().filter_map(|placed| claim(t, placed, run, design, axes)).collect()
}

fn claim(
    t: &TableReader,
    placed: &PlacedExpect,
    run: Verb,
    design: Design,
    axes: &[PlacedAxis],
) -> Option<Claim> {
    let PlacedExpect { expect, span, at, at_span } = placed;
    let wrong = |message: String| Diagnostic::at(at_span.clone(), message);
    if !expect.is_of(run) {
        let figure = &expect.figure;
        t.report(
            Diagnostic::at(
                span.clone(),
                format!("a point of `{}` has no figure `{figure}`", run.name()),
            )
            .label("never judged")
            .also(at_span.clone(), "so nothing is known of it here")
            .help("bound a figure of that verb, or let `[sweep]` run another"),
        );
        return None;
    }
    if design.is_drawn() {
        t.report(
            wrong(format!("the points of `{}` are drawn, and cannot be named", design.name()))
                .label("no such point")
                .help("drop `at`, or sweep lists of values: as a grid or `one-at-a-time`"),
        );
        return None;
    }
    let before = t.reading.count();
    let mut found = Found { axes, place: Vec::new(), at: BTreeMap::new() };
    found.gather(t, at, &[]);
    if t.reading.count() > before {
        return None;
    }
    let Found { place, at, .. } = found;
    let fault = match place.len() {
        0 => Some("`at` names no axis"),
        2.. if design == Design::OneAtATime => Some("`one-at-a-time` never sets two axes"),
        _ => None,
    };
    if let Some(fault) = fault {
        t.report(
            wrong(fault.to_string())
                .label("no such point")
                .help("name one axis and its value, such as `{ \"nonideal.time.age\" = \"1 d\" }`"),
        );
        return None;
    }
    Some(Claim { expect: expect.clone(), at, place })
}

/// What an `at` names.
struct Found<'a> {
    axes: &'a [PlacedAxis],
    place: Vec<(usize, String)>,
    at: BTreeMap<String, String>,
}

impl Found<'_> {
    fn gather(&mut self, t: &TableReader, table: &Table, above: &[Key]) {
        for entry in &table.entries {
            let below = document::key_path(&entry.key, entry.key_span.start).unwrap_or_default();
            let keys: Vec<Key> = above.iter().cloned().chain(below).collect();
            let key = name(&keys);
            let value = &entry.item.value;
            let Some(axis) = self.axes.iter().position(|placed| placed.axis.key == key) else {
                if let Value::Table(table) = value {
                    self.gather(t, table, &keys);
                    continue;
                }
                let names: Vec<&str> = self.axes.iter().map(|a| a.axis.key.as_str()).collect();
                t.report(
                    Diagnostic::at(entry.key_span.clone(), format!("`{key}` is not swept"))
                        .label("no axis")
                        .help_names(&key, "the axes are", &names),
                );
                continue;
            };
            let toml = value_text(value);
            let values: Vec<String> =
                self.axes[axis].items.iter().map(|item| value_text(&item.value)).collect();
            if !values.contains(&toml) {
                t.report(
                    Diagnostic::at(entry.item.span.clone(), format!("`{key}` is never {toml}"))
                        .label("no such point")
                        .help(format!("the sweep takes {}", values.join(", "))),
                );
                continue;
            }
            let word = match value {
                Value::Text(text) => text.clone(),
                _ => toml.clone(),
            };
            self.at.insert(key, word);
            self.place.push((axis, toml));
        }
    }
}
