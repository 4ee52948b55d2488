//! `[expect]`: figures of the run and their bounds.

use super::document::{Entry, Item, Table, Value};
use super::reader::{TableReader, value_text};
use super::simulate::Subject;
use super::study::{Measure, Study};
use super::{Expect, Verb};
use crate::data::DataSet;
use crate::diag::{Diagnostic, Span};
use crate::netlist::Netlist;
use crate::units::{Dimension, Range};

/// A figure that comes of a run and can be bounded.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub name: &'static str,
    /// The verbs that bring it forth, and so judge its bounds.
    pub of: &'static [Verb],
    dimension: Dimension,
    range: Range,
}

const fn figure(name: &'static str, of: &'static [Verb], range: Range) -> Figure {
    Figure { name, of, dimension: Dimension::One, range }
}

/// Every figure with a name of its own.
///
/// `settled` is the fraction of the samples that settled, of a circuit that of its analyses; `accuracy` that of right predictions
/// on the inputs of `[simulate]`, `test-accuracy` and `train-accuracy` on the data of `[train]`,
/// `initial-test-accuracy` before the first epoch and `test-accuracy-gain` by how much it rose since;
/// `settling-time` is the largest \[s\] over the samples that settled, `residual` the largest over
/// all; `train-loss` is the mean cost of the last epoch. `gradient-cosine` is the least over the
/// parameter tensors, against implicit differentiation and finite differences alike,
/// `gradient-norm-ratio` the one farthest from 1.
pub const FIGURES: [Figure; 11] = [
    figure("settled", &[Verb::Simulate, Verb::Evaluate], Range::Fraction),
    figure("accuracy", &[Verb::Simulate], Range::Fraction),
    Figure {
        name: "settling-time",
        of: &[Verb::Simulate, Verb::Evaluate],
        dimension: Dimension::Second,
        range: Range::NonNegative,
    },
    figure("residual", &[Verb::Simulate], Range::NonNegative),
    figure("test-accuracy", &[Verb::Train, Verb::Evaluate], Range::Fraction),
    figure("initial-test-accuracy", &[Verb::Train], Range::Fraction),
    figure("test-accuracy-gain", &[Verb::Train], Range::Any),
    figure("train-accuracy", &[Verb::Train], Range::Fraction),
    figure("train-loss", &[Verb::Train], Range::NonNegative),
    figure("gradient-cosine", &[Verb::Gradcheck], Range::Any),
    figure("gradient-norm-ratio", &[Verb::Gradcheck], Range::NonNegative),
];

impl Expect {
    /// Whether the run of a verb has this figure. Voltages of nodes come of `simulate`.
    pub fn is_of(&self, verb: Verb) -> bool {
        let of = FIGURES.iter().find(|f| f.name == self.figure).map(|f| f.of);
        of.unwrap_or(&[Verb::Simulate]).contains(&verb)
    }
}

/// The names of the figures that a run of a verb has, those of the file's `[expect]` among them.
pub(super) fn names_of(verb: Verb, expected: &[Expect]) -> Vec<&str> {
    let of = |figure: &&Figure| figure.of.contains(&verb);
    let mut names: Vec<&str> = FIGURES.iter().filter(of).map(|figure| figure.name).collect();
    for expect in expected.iter().filter(|expect| expect.is_of(verb)) {
        if !names.contains(&expect.figure.as_str()) {
            names.push(&expect.figure);
        }
    }
    names
}

/// What a figure is; that of a measured one is not known.
pub(super) fn dimension_of(name: &str) -> Dimension {
    match FIGURES.iter().find(|figure| figure.name == name) {
        Some(figure) => figure.dimension,
        None if name.starts_with("v(") => Dimension::Volt,
        None => Dimension::One,
    }
}

/// What a file promises.
#[derive(Default)]
pub(super) struct Expected {
    /// Of every run.
    pub everywhere: Vec<Expect>,
    /// Of points of its sweep.
    pub placed: Vec<PlacedExpect>,
}

/// A promise of those points of a sweep that have the settings under `at`.
pub(super) struct PlacedExpect {
    pub expect: Expect,
    /// Of the name of the figure.
    pub span: Span,
    pub at: Table,
    pub at_span: Span,
}

/// The document as its runs have it: without its sweep, and what is promised of points of that.
pub(super) fn unswept(root: &Table) -> Table {
    let mut root = root.without("sweep");
    let expect = root.entries.iter_mut().find(|entry| entry.key == EXPECT);
    if let Some(Entry { item: Item { value: Value::Table(expect), .. }, .. }) = expect {
        let placed =
            |value: &Value| matches!(value, Value::Table(bounds) if bounds.get(AT).is_some());
        for entry in &mut expect.entries {
            if let Value::Array(items) = &mut entry.item.value {
                items.retain(|item| !placed(&item.value));
            }
        }
        let gone = |value: &Value| match value {
            Value::Array(items) => items.is_empty(),
            other => placed(other),
        };
        expect.entries.retain(|entry| !gone(&entry.item.value));
    }
    root
}

/// The table of a file.
const EXPECT: &str = "expect";
/// Which points a bound holds at.
const AT: &str = "at";

/// Says of promises about points that there are none.
pub(super) fn no_sweep(t: &TableReader, placed: &[PlacedExpect]) {
    for placed in placed {
        t.report(
            Diagnostic::at(
                placed.at_span.clone(),
                "`at` names points of a sweep, but the file has no [sweep]",
            )
            .label("never judged")
            .help("add a [sweep] table, or drop `at`: without it a bound holds for every run"),
        );
    }
}

pub(super) fn read(
    t: &TableReader,
    subject: &Subject,
    netlist: Option<&Netlist>,
    study: Option<&Study>,
    inputs: Option<&DataSet>,
    trains: bool,
) -> Expected {
    let about = About { subject, netlist, study, inputs, trains };
    let mut expected = Expected::default();
    t.entries().iter().for_each(|entry| bounded(t, entry, &about, &mut expected));
    expected
}

/// What there are figures of.
struct About<'a> {
    subject: &'a Subject<'a>,
    netlist: Option<&'a Netlist>,
    study: Option<&'a Study>,
    inputs: Option<&'a DataSet>,
    trains: bool,
}

/// The figure that every run has.
const SETTLED: &str = "settled";

impl<'a> About<'a> {
    fn measures(&self) -> impl Iterator<Item = &'a Measure> {
        self.study.into_iter().flat_map(|study| &study.measures)
    }
}

fn bounded(t: &TableReader, entry: &Entry, about: &About, expected: &mut Expected) {
    let name = entry.key.as_str();
    let at = |message: String| Diagnostic::at(entry.key_span.clone(), message);
    let node = name.strip_prefix("v(").and_then(|rest| rest.strip_suffix(')'));
    let all = t.named_tables(entry);
    let (dimension, range) = match (node, FIGURES.iter().find(|f| f.name == name)) {
        (Some(node), _) => {
            check_node(t, entry, node, about);
            (Dimension::Volt, Range::Any)
        }
        (None, Some(figure)) => {
            check_source(t, entry, figure, about);
            (figure.dimension, figure.range)
        }
        (None, None) if about.measures().any(|m| m.name == name) => (Dimension::One, Range::Any),
        (None, None) => {
            let mut names: Vec<&str> = FIGURES.iter().map(|f| f.name).collect();
            names.push("v(node)");
            names.extend(about.measures().map(|m| m.name.as_str()));
            t.report(
                at(format!("a run has no figure `{name}`")).label("unknown figure").help_names(
                    name,
                    "the figures are",
                    &names,
                ),
            );
            for bounds in &all {
                bounds.entries();
            }
            return;
        }
    };
    if all.is_empty() {
        t.report(unbounded(name, entry.item.span.clone()));
    }
    let mut places: Vec<(String, Span)> = Vec::new();
    for bounds in &all {
        let at_least = bounds.quantity("at-least", dimension, range).optional();
        let at_most = bounds.quantity("at-most", dimension, range).optional();
        check_bounds(bounds, name, at_least, at_most);
        let expect = Expect { figure: name.to_string(), at_least, at_most };
        let at = bounds.own_table(AT).cloned();
        if at.is_none() && bounds.has(AT) {
            drop(bounds.table(AT));
            continue;
        }
        let place =
            at.as_ref().map_or_else(String::new, |at| value_text(&Value::Table(at.clone())));
        if let Some((_, first)) = places.iter().find(|(known, _)| *known == place) {
            t.report(
                Diagnostic::at(bounds.own_span(), format!("`{name}` is bounded twice"))
                    .label(if at.is_some() { "at the same points" } else { "in every run" })
                    .also(first.clone(), "bounded here first")
                    .help("join the two, or say with `at` at which points of the sweep each holds"),
            );
        }
        places.push((place, bounds.own_span()));
        match at {
            None => expected.everywhere.push(expect),
            Some(at) => {
                let table = bounds.table(AT);
                for entry in table.entries() {
                    table.record.value(&entry.key, value_text(&entry.item.value));
                }
                let (span, at_span) = (entry.key_span.clone(), bounds.span(AT));
                expected.placed.push(PlacedExpect { expect, span, at, at_span });
            }
        }
    }
}

/// Whether the file has what the figure comes of.
fn check_source(t: &TableReader, entry: &Entry, figure: &Figure, about: &About) {
    let name = figure.name;
    let at = |message: String| Diagnostic::at(entry.key_span.clone(), message);
    let studied = about.study.is_some() && name == SETTLED;
    if matches!(about.subject, Subject::Devices { bare: true, .. }) && !studied {
        t.report(
            at(format!("a netlist without [ports] has no figure `{name}`"))
                .label("only networks have it")
                .help(
                    "bound the voltage of a node, such as `\"v(out)\" = { at-least = \"0.9 V\" }`",
                ),
        );
    } else if !figure.of.contains(&Verb::Simulate) && !about.trains {
        t.report(
            at(format!("`{name}` comes of training, but the file has no [train]"))
                .label("nothing to judge")
                .help("add a [train] table, or drop this figure"),
        );
    }
    if name == "accuracy" && about.inputs.is_none_or(|set| set.labels.is_none()) {
        t.report(
            at("accuracy needs labels".to_string())
                .label("the inputs have none")
                .help("take inputs with a `label` column, or drop this figure"),
        );
    }
}

fn check_bounds(t: &TableReader, name: &str, at_least: Option<f64>, at_most: Option<f64>) {
    if !t.has("at-least") && !t.has("at-most") && t.is_table() {
        t.report(unbounded(name, t.own_span()));
    }
    if let (Some(least), Some(most)) = (at_least, at_most)
        && least > most
    {
        t.report(
            Diagnostic::at(t.span("at-least"), "`at-least` is above `at-most`")
                .label("nothing can be both")
                .also(t.span("at-most"), "the upper bound")
                .help("swap them"),
        );
    }
}

fn unbounded(name: &str, span: Span) -> Diagnostic {
    Diagnostic::at(span, format!("`{name}` has no bound"))
        .label("promises nothing")
        .help("add `at-least = ...` or `at-most = ...`")
}

fn check_node(t: &TableReader, entry: &Entry, node: &str, about: &About) {
    let at = |message: String| Diagnostic::at(entry.key_span.clone(), message);
    match (about.subject, about.netlist) {
        (Subject::Network { .. } | Subject::Chain, _) => {
            let names: Vec<&str> = FIGURES.iter().map(|f| f.name).collect();
            t.report(
                at("a network has no nodes by name".to_string())
                    .label("needs a [device] table")
                    .help(format!("the figures of a network are: {}", names.join(", "))),
            );
        }
        (Subject::Devices { .. }, Some(netlist)) if netlist.find_node(node).is_none() => {
            let names: Vec<&str> = netlist.node_names().collect();
            t.report(at(format!("no node named `{node}`")).label("unknown node").help_names(
                node,
                "the nodes are",
                &names,
            ));
        }
        _ => {}
    }
}
