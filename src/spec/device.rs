//! `[device]`: devices on nodes.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::document::Entry;
use super::reader::{TableReader, quote};
use crate::diag::{Diagnostic, Span};
use crate::netlist::{Arg, Fault, Field, Kind, Netlist, Node, ROLL};
use crate::units::{self, Dimension, Range};

static KINDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| ROLL.iter().map(|entry| entry.key).collect());

/// Devices, and where their names and nodes stand.
pub(super) struct Placed {
    pub netlist: Netlist,
    /// First mention of each node.
    pub nodes: HashMap<Node, Span>,
    /// The name of each device, in their order.
    pub devices: Vec<Span>,
}

/// Reads the devices; `None` if any of them cannot be made.
pub(super) fn read(t: &TableReader) -> Option<Placed> {
    let mut placed = Placed { netlist: Netlist::new(), nodes: HashMap::new(), devices: Vec::new() };
    let mut whole = true;
    for entry in t.entries() {
        whole &= device(t, entry, &mut placed).is_some();
    }
    if t.entries().is_empty() && t.is_table() {
        t.report(Diagnostic::at(t.own_span(), "[device] is empty").label("no devices").help(
            "add for example `r1 = { resistor = { p = \"a\", n = \"0\", r = \"1 kohm\" } }`",
        ));
        return None;
    }
    if !whole {
        return None;
    }
    for fault in placed.netlist.faults() {
        t.report(diagnostic(&fault, &placed));
    }
    Some(placed)
}

fn diagnostic(fault: &Fault, placed: &Placed) -> Diagnostic {
    let place = |node: &Node| placed.nodes.get(node).cloned();
    let name = |node: &Node| placed.netlist.node_name(*node);
    match fault {
        Fault::Unconnected { node, device } => Diagnostic {
            span: place(node),
            ..Diagnostic::new(format!("only one device is on node `{}`", name(node)))
        }
        .label("leads nowhere")
        .help(format!(
            "connect something else to `{}`, or drop `{}`; is the name misspelt?",
            name(node),
            placed.netlist.devices()[device.0].0
        )),
        Fault::NoPathToGround { nodes } => {
            const SHOWN: usize = 5;
            let first = nodes.iter().min_by_key(|n| place(n).map(|s| s.start));
            let mut names: Vec<String> =
                nodes.iter().take(SHOWN).map(|n| format!("`{}`", name(n))).collect();
            if nodes.len() > SHOWN {
                names.push(format!("{} more", nodes.len() - SHOWN));
            }
            let (noun, verb) = if nodes.len() == 1 { ("node", "has") } else { ("nodes", "have") };
            Diagnostic {
                span: first.and_then(place),
                ..Diagnostic::new(format!(
                    "{noun} {} {verb} no path to ground for a direct current",
                    names.join(", ")
                ))
            }
            .label("floats")
            .help(
                "add a resistor or a source that leads to node \"0\"; a capacitor does not conduct",
            )
        }
        Fault::ForcedLoop { device } => Diagnostic::at(
            placed.devices[device.0].clone(),
            format!(
                "`{}` forces a voltage between nodes where others already do",
                placed.netlist.devices()[device.0].0
            ),
        )
        .label("closes a loop of voltage sources")
        .help("put a resistor in series with it, or drop it"),
    }
}

fn device(t: &TableReader, entry: &Entry, placed: &mut Placed) -> Option<()> {
    let kinds = t.named_table(entry);
    let example = "r1 = { resistor = { p = \"a\", n = \"0\", r = \"1 kohm\" } }";
    let kind = kinds.one_of(&KINDS, None, example)?;
    let roll = ROLL.iter().find(|e| e.key == kind)?;
    let t = kinds.table(kind);
    if !t.is_table() {
        return None;
    }
    let args: Vec<Option<Arg>> =
        roll.fields.iter().map(|field| argument(&t, field, placed)).collect();
    let args: Vec<Arg> = args.into_iter().collect::<Option<_>>()?;
    placed.netlist.add(entry.key.as_str(), (roll.build)(args));
    placed.devices.push(entry.key_span.clone());
    Some(())
}

fn argument(t: &TableReader, field: &Field, placed: &mut Placed) -> Option<Arg> {
    let key = field.key;
    match field.kind {
        Kind::Node => {
            let name = t.text(key).needed(&format!("{key} = \"0\""))?;
            node(t, &name, t.span(key), placed).map(Arg::Node)
        }
        Kind::Nodes => {
            let example = format!("{key} = [\"a\", \"b\"]");
            let names = t.texts(key, &example).needed(&example)?;
            let nodes: Vec<Option<Node>> =
                names.iter().map(|(name, span)| node(t, name, span.clone(), placed)).collect();
            nodes.into_iter().collect::<Option<_>>().map(Arg::Nodes)
        }
        Kind::Number { dimension, range, default } => {
            let ask = t.quantity(key, dimension, range);
            match default.and_then(|text| units::parse(text, dimension, range).ok()) {
                Some(default) => Some(Arg::Number(ask.or(default))),
                None => {
                    let example = match dimension {
                        Dimension::One => dimension.example().to_string(),
                        _ => quote(dimension.example()),
                    };
                    ask.needed(&format!("{key} = {example}")).map(Arg::Number)
                }
            }
        }
        Kind::Conductance => match t.one_of(&["g", "r"], None, "r = \"1 kohm\"")? {
            "g" => t.quantity("g", Dimension::Siemens, Range::NonNegative).optional(),
            _ => t.quantity("r", Dimension::Ohm, Range::Positive).optional().map(|r| 1.0 / r),
        }
        .map(Arg::Number),
        Kind::Word { choices } => {
            let words: Vec<(&str, &str)> = choices.iter().map(|w| (*w, *w)).collect();
            let first = choices.first().copied().unwrap_or_default();
            t.choice(key, &words).needed(&format!("{key} = {}", quote(first))).map(Arg::Word)
        }
    }
}

fn node(t: &TableReader, name: &str, span: Span, placed: &mut Placed) -> Option<Node> {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        t.report(
            Diagnostic::at(span, format!("`{name}` cannot be the name of a node"))
                .label("not a name")
                .help("write a name without blanks, or \"0\" for ground"),
        );
        return None;
    }
    let node = placed.netlist.node(name);
    placed.nodes.entry(node).or_insert(span);
    Some(node)
}
