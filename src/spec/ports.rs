//! `[ports]`: where a netlist made from a network is driven and read.

use std::collections::HashMap;

use super::device::Placed;
use super::reader::TableReader;
use crate::diag::{Diagnostic, Span};
use crate::netlist::{ClampPort, Device, DeviceId, LayerPort, Netlist, Node, NudgePort, Ports};
use crate::numerics::Activation;
use crate::units::{Dimension, Range};

/// Reads the ports of these devices; `None` if there is a mistake.
pub(super) fn read(t: &TableReader, placed: Option<&Placed>) -> Option<Ports> {
    let lookup = placed.map(|p| Lookup::of(&p.netlist));
    let v_unit =
        t.quantity("v-unit", Dimension::Volt, Range::Positive).needed("v-unit = \"0.2 V\"");
    let clamp = clamp(&t.table("clamp"), lookup.as_ref());
    let layers: Vec<Option<LayerPort>> =
        t.tables("layers").iter().map(|t| layer(t, lookup.as_ref())).collect();
    let read = t.text("read").needed("read = \"output\"");
    let nudge = t.pairs("nudge").needed("nudge = [[\"output.0.nudge\", \"output.0.pull\"]]");
    let nudge = nudge.and_then(|pairs| {
        let is = (current as Is, transconductance as Is);
        pairs_of(t, &pairs, lookup.as_ref()?, is)
    });
    let nudge_scale = t
        .quantity("nudge-scale", Dimension::Siemens, Range::Positive)
        .needed("nudge-scale = \"25 uS\"");
    let layers: Vec<LayerPort> = layers.into_iter().collect::<Option<_>>()?;
    let read_name = read?;
    let read = layers.iter().position(|l| l.name == read_name);
    if read.is_none() {
        let names: Vec<&str> = layers.iter().map(|l| l.name.as_str()).collect();
        t.report(
            Diagnostic::at(t.span("read"), format!("no layer named `{read_name}` in [ports]"))
                .label("unknown layer")
                .help_names(&read_name, "the layers are", &names),
        );
    }
    let (read, nudge) = (read?, nudge?);
    if nudge.len() != layers[read].nodes.len() {
        t.report(
            Diagnostic::at(
                t.span("nudge"),
                format!("{} pairs for {} units", nudge.len(), layers[read].nodes.len()),
            )
            .label("one pair a unit of the read layer")
            .help("give a current source and a vccs for each unit, in order"),
        );
        return None;
    }
    let mirrors = one_a_unit(t, "nudge-mirror", nudge.len(), |key| {
        t.quantities(key, Dimension::One).optional()
    })?;
    let mirror = |i: usize| mirrors.get(i).copied().unwrap_or(1.0);
    let port = |(i, [current, pull]): (usize, [DeviceId; 2])| NudgePort {
        current,
        pull,
        mirror: mirror(i),
    };
    let nudge = nudge.into_iter().enumerate().map(port).collect();
    Some(Ports { v_unit: v_unit?, clamp: clamp?, layers, read, nudge, nudge_scale: nudge_scale? })
}

fn clamp(t: &TableReader, lookup: Option<&Lookup>) -> Option<ClampPort> {
    let name = t.text("name").needed("name = \"input\"");
    let activation = activation(t);
    let sources = t.pairs("sources").needed("sources = [[\"input.0.v\", \"input.0.vn\"]]");
    let sources = pairs_of(t, &sources?, lookup?, (voltage, voltage));
    Some(ClampPort { name: name?, activation: activation?, sources: sources? })
}

fn layer(t: &TableReader, lookup: Option<&Lookup>) -> Option<LayerPort> {
    let name = t.text("name").needed("name = \"hidden\"");
    let activation = activation(t);
    let gain = t.number("gain", Range::Positive).needed("gain = 3.25");
    let example = "nodes = [\"hidden.0.u\"]";
    let nodes = t.texts("nodes", example).needed(example)?;
    let netlist = lookup?.netlist;
    let nodes: Vec<Option<Node>> = nodes
        .iter()
        .map(|(name, span)| {
            let node = netlist.find_node(name);
            if node.is_none() {
                let names: Vec<&str> = netlist.node_names().collect();
                t.report(unknown("node", name, span, &names));
            }
            node
        })
        .collect();
    let nodes: Vec<Node> = nodes.into_iter().collect::<Option<_>>()?;
    let skew = one_a_unit(t, "skew", nodes.len(), |key| {
        t.points(key, [Dimension::One, Dimension::Volt]).optional()
    })?;
    Some(LayerPort { name: name?, activation: activation?, gain: gain?, nodes, skew })
}

/// A list of one entry a unit, or none where it is not given; `None` if it has another length.
fn one_a_unit<T>(
    t: &TableReader,
    key: &'static str,
    units: usize,
    read: impl FnOnce(&'static str) -> Option<Vec<T>>,
) -> Option<Vec<T>> {
    let Some(entries) = read(key) else { return Some(Vec::new()) };
    if entries.len() == units {
        return Some(entries);
    }
    let message = format!("{} entries for {units} units", entries.len());
    t.report(
        Diagnostic::at(t.span(key), message)
            .label("one entry a unit of the layer")
            .help("leave it out where no unit is off"),
    );
    None
}

fn activation(t: &TableReader) -> Option<Activation> {
    let activations = Activation::ALL.map(|a| (a.name(), a));
    t.choice("activation", &activations).needed("activation = \"tanh\"")
}

/// Devices by name.
struct Lookup<'a> {
    netlist: &'a Netlist,
    devices: HashMap<&'a str, DeviceId>,
}

impl<'a> Lookup<'a> {
    fn of(netlist: &'a Netlist) -> Lookup<'a> {
        let names = netlist.devices().iter().enumerate();
        let devices = names.map(|(i, (name, _))| (name.as_str(), DeviceId(i))).collect();
        Lookup { netlist, devices }
    }
}

/// What a device must be: its word in the roll, if it is not.
type Is = fn(&Device) -> Option<&'static str>;

fn voltage(device: &Device) -> Option<&'static str> {
    (!matches!(device, Device::VoltageSource(_))).then_some("voltage-source")
}

fn current(device: &Device) -> Option<&'static str> {
    (!matches!(device, Device::CurrentSource(_))).then_some("current-source")
}

fn transconductance(device: &Device) -> Option<&'static str> {
    (!matches!(device, Device::Vccs(_))).then_some("vccs")
}

/// The devices of these names, of these kinds.
fn pairs_of(
    t: &TableReader,
    pairs: &[[(String, Span); 2]],
    lookup: &Lookup,
    is: (Is, Is),
) -> Option<Vec<[DeviceId; 2]>> {
    let find = |(name, span): &(String, Span), is: Is| {
        let Some(&id) = lookup.devices.get(name.as_str()) else {
            let names: Vec<&str> =
                lookup.netlist.devices().iter().map(|(name, _)| name.as_str()).collect();
            t.report(unknown("device", name, span, &names));
            return None;
        };
        let device = lookup.netlist.device(id);
        if let Some(wanted) = is(device) {
            t.report(
                Diagnostic::at(
                    span.clone(),
                    format!("`{name}` is a {}, expected a {wanted}", device.key()),
                )
                .label(format!("expected a {wanted}"))
                .help(format!("name a {wanted} of [device]")),
            );
            return None;
        }
        Some(id)
    };
    let found: Vec<_> = pairs.iter().map(|[a, b]| (find(a, is.0), find(b, is.1))).collect();
    found.into_iter().map(|(a, b)| Some([a?, b?])).collect()
}

/// A name that is not there; long lists are not shown whole.
fn unknown(what: &str, name: &str, span: &Span, names: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::at(span.clone(), format!("no {what} named `{name}`"))
        .label(format!("unknown {what}"));
    match crate::diag::did_you_mean(name, names) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("name a {what} of [device]")),
    }
}
