//! `[device]`: devices on nodes.

mod argument;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::array;
use super::document::Entry;
use super::reader::TableReader;
use super::study::Study;
use crate::diag::{Diagnostic, Span};
use crate::netlist::{Arg, DeviceId, Fault, Netlist, Node, ROLL};
use argument::{Names, argument};

static KINDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| ROLL.iter().map(|entry| entry.key).collect());

/// Devices, and where their names and nodes stand.
#[derive(Default)]
pub(super) struct Placed {
    pub netlist: Netlist,
    /// First mention of each node.
    pub nodes: HashMap<Node, Span>,
    /// The name of each device, in their order.
    pub devices: Vec<Span>,
    /// The devices whose branch currents are referred to, and where.
    branches: Vec<(DeviceId, Span)>,
}

impl Placed {
    pub fn of(netlist: Netlist, nodes: HashMap<Node, Span>, devices: Vec<Span>) -> Placed {
        Placed { netlist, nodes, devices, branches: Vec::new() }
    }

    /// The node of a name; `None` when it cannot be one, which is then reported.
    pub fn node(&mut self, t: &TableReader, name: &str, span: Span) -> Option<Node> {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            t.report(
                Diagnostic::at(span, format!("`{name}` cannot be the name of a node"))
                    .label("not a name")
                    .help("write a name without blanks, or \"0\" for ground"),
            );
            return None;
        }
        let node = self.netlist.node(name);
        self.nodes.entry(node).or_insert(span);
        Some(node)
    }
}

/// Reads the devices, and the arrays if there are any; `None` if any of them cannot be made.
pub(super) fn read(t: &TableReader, arrays: Option<&TableReader>) -> Option<Placed> {
    let mut placed = Placed { netlist: Netlist::new(), ..Placed::default() };
    let names = Names::new(t.entries().iter().map(|e| e.key.as_str()).collect());
    let mut whole = true;
    for entry in t.entries() {
        whole &= device(t, entry, &mut placed, &names).is_some();
    }
    if t.entries().is_empty() && t.is_table() {
        t.report(Diagnostic::at(t.own_span(), "[device] is empty").label("no devices").help(
            "add for example `r1 = { resistor = { p = \"a\", n = \"0\", r = \"1 kohm\" } }`",
        ));
        return None;
    }
    whole &= arrays.is_none_or(|t| array::read(t, &mut placed));
    if !whole {
        return None;
    }
    for (id, span) in &placed.branches {
        if placed.netlist.branch(*id).is_none() {
            let (name, device) = &placed.netlist.devices()[id.0];
            t.report(
                Diagnostic::at(
                    span.clone(),
                    format!("`{name}` is a {}, whose current is no unknown", device.key()),
                )
                .label("has no branch current")
                .help("put a voltage source of 0 V in series with it, and name that"),
            );
            whole = false;
        }
    }
    if !whole {
        return None;
    }
    Some(placed)
}

impl Placed {
    /// What makes the equations indeterminate; where nothing but motions from given charges is
    /// asked for, a current of an inductor is known, and a node needs no path to ground.
    pub fn faults(&self, study: Option<&Study>) -> Vec<(Fault, Diagnostic)> {
        let faults = match study.is_some_and(Study::only_moves) {
            true => self.netlist.faults_in_motion(),
            false => self.netlist.faults(),
        };
        faults.into_iter().map(|fault| (fault.clone(), diagnostic(&fault, self))).collect()
    }
}

/// Reports what makes the equations indeterminate.
pub(super) fn check(t: &TableReader, placed: &Placed, study: Option<&Study>) {
    let moves = study.is_some_and(Study::only_moves);
    for (fault, diagnostic) in placed.faults(study) {
        if !(moves && matches!(fault, Fault::NoPathToGround { .. })) {
            t.report(diagnostic);
        }
    }
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
        Fault::CoupledTwice { device } => Diagnostic::at(
            placed.devices[device.0].clone(),
            format!("`{}` couples what is already coupled", placed.netlist.devices()[device.0].0),
        )
        .label("the second of a pair")
        .help("keep one of the two: a pair of inductors has one coupling coefficient"),
        Fault::NotInductors { device } => Diagnostic::at(
            placed.devices[device.0].clone(),
            format!("`{}` does not couple two inductors", placed.netlist.devices()[device.0].0),
        )
        .label("l1 and l2 must be two inductors")
        .help("name two devices of the kind `inductor`"),
    }
}

fn device(t: &TableReader, entry: &Entry, placed: &mut Placed, names: &Names) -> Option<()> {
    let kinds = t.named_table(entry);
    let example = "r1 = { resistor = { p = \"a\", n = \"0\", r = \"1 kohm\" } }";
    let kind = kinds.one_of(&KINDS, None, example)?;
    let roll = ROLL.iter().find(|e| e.key == kind)?;
    let t = kinds.table(kind);
    if !t.is_table() {
        return None;
    }
    let args: Vec<Option<Arg>> =
        roll.fields.iter().map(|field| argument(&t, field, placed, names)).collect();
    let args: Vec<Arg> = args.into_iter().collect::<Option<_>>()?;
    placed.netlist.add(entry.key.as_str(), (roll.build)(args));
    placed.devices.push(entry.key_span.clone());
    Some(())
}
