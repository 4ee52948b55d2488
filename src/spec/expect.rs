//! `[expect]`: figures of the run and their bounds.

use super::document::Entry;
use super::reader::TableReader;
use super::simulate::Subject;
use super::study::{Measure, Study};
use super::{Expect, Verb};
use crate::data::DataSet;
use crate::diag::Diagnostic;
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
/// on the inputs of `[simulate]`, `test-accuracy` and `train-accuracy` on the data of `[train]`;
/// `settling-time` is the largest \[s\] over the samples that settled, `residual` the largest over
/// all; `train-loss` is the mean cost of the last epoch. `gradient-cosine` is the least over the
/// parameter tensors, against implicit differentiation and finite differences alike,
/// `gradient-norm-ratio` the one farthest from 1.
pub const FIGURES: [Figure; 9] = [
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

pub(super) fn read(
    t: &TableReader,
    subject: &Subject,
    netlist: Option<&Netlist>,
    study: Option<&Study>,
    inputs: Option<&DataSet>,
    trains: bool,
) -> Vec<Expect> {
    let about = About { subject, netlist, study, inputs, trains };
    t.entries().iter().filter_map(|entry| bounded(t, entry, &about)).collect()
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

fn bounded(t: &TableReader, entry: &Entry, about: &About) -> Option<Expect> {
    let name = entry.key.as_str();
    let at = |message: String| Diagnostic::at(entry.key_span.clone(), message);
    let node = name.strip_prefix("v(").and_then(|rest| rest.strip_suffix(')'));
    let bounds = t.named_table(entry);
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
            bounds.entries();
            return None;
        }
    };
    let at_least = bounds.quantity("at-least", dimension, range).optional();
    let at_most = bounds.quantity("at-most", dimension, range).optional();
    check_bounds(&bounds, name, at_least, at_most);
    Some(Expect { figure: name.to_string(), at_least, at_most })
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
        t.report(
            Diagnostic::at(t.own_span(), format!("`{name}` has no bound"))
                .label("promises nothing")
                .help("add `at-least = ...` or `at-most = ...`"),
        );
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

fn check_node(t: &TableReader, entry: &Entry, node: &str, about: &About) {
    let at = |message: String| Diagnostic::at(entry.key_span.clone(), message);
    match (about.subject, about.netlist) {
        (Subject::Network { .. }, _) => {
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
