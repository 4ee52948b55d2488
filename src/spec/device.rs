//! `[device]`: devices on nodes.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::document::Entry;
use super::reader::{TableReader, quote};
use crate::diag::{Diagnostic, Span};
use crate::netlist::{
    AcDrive, Arg, DeviceId, Fault, Field, Kind, Netlist, Node, ROLL, Waveform, WaveformField,
};
use crate::units::{self, Dimension, Range};

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

/// Reads the devices; `None` if any of them cannot be made.
pub(super) fn read(t: &TableReader) -> Option<Placed> {
    let mut placed = Placed { netlist: Netlist::new(), ..Placed::default() };
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
        Fault::NotInductors { device } => Diagnostic::at(
            placed.devices[device.0].clone(),
            format!("`{}` does not couple two inductors", placed.netlist.devices()[device.0].0),
        )
        .label("l1 and l2 must be two inductors")
        .help("name two devices of the kind `inductor`"),
    }
}

fn device(t: &TableReader, entry: &Entry, placed: &mut Placed) -> Option<()> {
    let kinds = t.named_table(entry);
    let example = "r1 = { resistor = { p = \"a\", n = \"0\", r = \"1 kohm\" } }";
    let kind = kinds.one_of(&KINDS, None, example)?;
    let roll = ROLL.iter().find(|e| e.key == kind)?;
    let names = || t.entries().iter().map(|e| e.key.as_str());
    let t = kinds.table(kind);
    if !t.is_table() {
        return None;
    }
    let args: Vec<Option<Arg>> =
        roll.fields.iter().map(|field| argument(&t, field, placed, &names)).collect();
    let args: Vec<Arg> = args.into_iter().collect::<Option<_>>()?;
    placed.netlist.add(entry.key.as_str(), (roll.build)(args));
    placed.devices.push(entry.key_span.clone());
    Some(())
}

fn argument<'n, N: Iterator<Item = &'n str>>(
    t: &TableReader,
    field: &Field,
    placed: &mut Placed,
    names: &dyn Fn() -> N,
) -> Option<Arg> {
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
        Kind::Optional { dimension, range } => {
            let known = t.quantity(key, dimension, range).checked()?;
            Some(known.map_or(Arg::Absent, Arg::Number))
        }
        Kind::Branch => {
            let name = t.text(key).needed(&format!("{key} = \"v1\""))?;
            let Some(id) = names().position(|n| n == name) else {
                let all: Vec<&str> = names().collect();
                t.report(
                    Diagnostic::at(t.span(key), format!("no device named `{name}`"))
                        .label("unknown device")
                        .help_names(&name, "the devices are", &all),
                );
                return None;
            };
            placed.branches.push((DeviceId(id), t.span(key)));
            Some(Arg::Branch(DeviceId(id)))
        }
        Kind::Waveform { dimension } => match t.optional_table(key) {
            Some(t) => waveform(&t, dimension).map(Arg::Waveform),
            None => Some(Arg::Absent),
        },
        Kind::AcDrive { dimension } => match t.optional_table(key) {
            Some(t) => {
                let magnitude = t.quantity("magnitude", dimension, Range::NonNegative);
                let one = quote(&units::format_exact(1.0, dimension));
                let magnitude = magnitude.needed(&format!("magnitude = {one}"));
                let phase = t.number("phase", Range::Any).or(0.0);
                Some(Arg::AcDrive(AcDrive { magnitude: magnitude?, phase }))
            }
            None => Some(Arg::Absent),
        },
        Kind::Word { choices } => {
            let words: Vec<(&str, &str)> = choices.iter().map(|w| (*w, *w)).collect();
            let first = choices.first().copied().unwrap_or_default();
            t.choice(key, &words).needed(&format!("{key} = {}", quote(first))).map(Arg::Word)
        }
    }
}

static FORMS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Waveform::FORMS.iter().map(|form| form.key).collect());

fn waveform(t: &TableReader, dimension: Dimension) -> Option<Waveform> {
    let key = t.one_of(&FORMS, None, "points = [[\"0 s\", \"0 V\"], [\"1 ns\", \"1 V\"]]")?;
    let form = Waveform::FORMS.iter().find(|form| form.key == key)?;
    if form.fields.is_empty() {
        return points(t, key, dimension);
    }
    let t = t.table(key);
    let numbers: Vec<Option<f64>> =
        form.fields.iter().map(|field| number(&t, field, dimension)).collect();
    Waveform::from_numbers(key, &numbers.into_iter().collect::<Option<Vec<f64>>>()?)
}

fn number(
    t: &TableReader,
    &(key, field): &(&'static str, WaveformField),
    source: Dimension,
) -> Option<f64> {
    let dimension = field.dimension(source);
    let ask = t.quantity(key, dimension, field.range());
    match field.default() {
        Some(default) if default.is_finite() => Some(ask.or(default)),
        Some(default) => ask.checked().map(|given| given.unwrap_or(default)),
        None => ask.needed(&format!("{key} = {}", quote(&units::format_exact(1.0, dimension)))),
    }
}

/// Points in time, their times ascending.
fn points(t: &TableReader, key: &'static str, dimension: Dimension) -> Option<Waveform> {
    let points = t.points(key, [Dimension::Second, dimension]).needed("points")?;
    let late = points.windows(2).position(|two| two[1].0 <= two[0].0);
    if let Some(k) = late {
        t.report(
            Diagnostic::at(
                t.span(key),
                format!("the time of point {} is not after the one before", k + 2),
            )
            .label("times must ascend")
            .help("sort the points by time, each time once"),
        );
        return None;
    }
    Some(Waveform::PiecewiseLinear { points })
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
