//! `[expect]`: figures of the run and their bounds.

use super::Expect;
use super::document::Entry;
use super::reader::TableReader;
use super::simulate::Subject;
use crate::data::DataSet;
use crate::diag::Diagnostic;
use crate::netlist::Netlist;
use crate::units::{Dimension, Range};

const FIGURES: [(&str, Dimension, Range); 4] = [
    ("settled", Dimension::One, Range::Fraction),
    ("accuracy", Dimension::One, Range::Fraction),
    ("settling-time", Dimension::Second, Range::NonNegative),
    ("residual", Dimension::One, Range::NonNegative),
];

pub(super) fn read(
    t: &TableReader,
    subject: &Subject,
    netlist: Option<&Netlist>,
    inputs: Option<&DataSet>,
) -> Vec<Expect> {
    t.entries().iter().filter_map(|entry| figure(t, entry, subject, netlist, inputs)).collect()
}

fn figure(
    t: &TableReader,
    entry: &Entry,
    subject: &Subject,
    netlist: Option<&Netlist>,
    inputs: Option<&DataSet>,
) -> Option<Expect> {
    let name = entry.key.as_str();
    let at = |message: String| Diagnostic::at(entry.key_span.clone(), message);
    let node = name.strip_prefix("v(").and_then(|rest| rest.strip_suffix(')'));
    let bounds = t.named_table(entry);
    let (dimension, range) = match (node, FIGURES.iter().find(|(figure, ..)| *figure == name)) {
        (Some(node), _) => {
            check_node(t, entry, node, subject, netlist);
            (Dimension::Volt, Range::Any)
        }
        (None, Some((_, dimension, range))) => (*dimension, *range),
        (None, None) => {
            let mut names: Vec<&str> = FIGURES.iter().map(|(figure, ..)| *figure).collect();
            names.push("v(node)");
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
    if name == "accuracy" && inputs.is_none_or(|set| set.labels.is_none()) {
        t.report(
            at("accuracy needs labels".to_string())
                .label("the inputs have none")
                .help("take inputs with a `label` column, or drop this figure"),
        );
    }
    if node.is_none() && matches!(subject, Subject::Devices { bare: true, .. }) {
        t.report(
            at(format!("a netlist without [ports] has no figure `{name}`"))
                .label("only networks have it")
                .help(
                    "bound the voltage of a node, such as `\"v(out)\" = { at-least = \"0.9 V\" }`",
                ),
        );
    }
    let at_least = bounds.quantity("at-least", dimension, range).optional();
    let at_most = bounds.quantity("at-most", dimension, range).optional();
    check_bounds(&bounds, name, at_least, at_most);
    Some(Expect { figure: name.to_string(), at_least, at_most })
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

fn check_node(
    t: &TableReader,
    entry: &Entry,
    node: &str,
    subject: &Subject,
    netlist: Option<&Netlist>,
) {
    let at = |message: String| Diagnostic::at(entry.key_span.clone(), message);
    match (subject, netlist) {
        (Subject::Network { .. }, _) => {
            let names: Vec<&str> = FIGURES.iter().map(|(figure, ..)| *figure).collect();
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
