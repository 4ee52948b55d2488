//! The home format.
//!
//! ```toml
//! [device]
//! # One line a device, in the order of the netlist; keys as in the roll of devices.
//! "hidden.3.leak" = { resistor = { p = "hidden.3.u", n = "0", g = "12.5 uS" } }
//!
//! # Where a netlist that was made from a network is driven and read.
//! [ports]
//! v-unit = "100 mV"
//! clamp = { name = "input", activation = "identity", sources = [["input.0.v", "input.0.vn"]] }
//! layers = [
//!   { name = "hidden", activation = "tanh", gain = 3.25, nodes = ["hidden.0.u", "hidden.1.u"] },
//!   { name = "output", activation = "identity", gain = 2.5, nodes = ["output.0.u"] },
//! ]
//! read = "output"
//! nudge = [["output.0.nudge", "output.0.pull"]]
//! nudge-scale = "25 uS"
//! ```
//!
//! A layer of neurons that are off has `skew` as well, gain factor and offset of each, such as
//! `[[1.02, "-1.3 mV"]]`; mirrors that are off are in `nudge-mirror`, a factor a read unit.
//!
//! All keys of `[ports]` are required. `clamp.sources` are pairs of voltage sources, of each
//! unit's activation and of its negative; `nodes` are summing nodes, one a unit; `read` is the
//! name of one of `layers`; `nudge` are pairs of a current source and a vccs, one a unit of the
//! read layer. Numbers are written in as many digits as it takes to read the same bits.

use crate::netlist::expression::{Dialect, Probe};
use crate::netlist::{
    Arg, Device, DeviceId, Fault, Kind, LayerPort, Netlist, Node, Ports, Waveform,
};
use crate::units::{Dimension, format_exact};

/// A netlist in the home format, with its `[ports]` when it has any.
pub fn toml(netlist: &Netlist, ports: Option<&Ports>) -> String {
    let mut out = String::from("[device]\n");
    for (name, device) in netlist.devices() {
        let args = arguments(netlist, device);
        out.push_str(&format!("{} = {{ {} = {{ {args} }} }}\n", quoted(name), device.key()));
    }
    out.push_str(&open_ends(netlist));
    if let Some(ports) = ports {
        out.push('\n');
        out.push_str(&ports_table(netlist, ports));
    }
    out
}

/// Decks leave pins open, which this format takes for a misspelt node: each gets a source of nothing.
fn open_ends(netlist: &Netlist) -> String {
    let ends = netlist.faults().into_iter().filter_map(|fault| match fault {
        Fault::Unconnected { node, .. } => Some(netlist.node_name(node)),
        _ => None,
    });
    let lines = ends.map(|node| {
        let taken = |name: &String| netlist.devices().iter().any(|(other, _)| other == name);
        let mut name = format!("open.{node}");
        while taken(&name) {
            name.push('_');
        }
        let (name, node) = (quoted(&name), quoted(node));
        format!("{name} = {{ current-source = {{ p = {node}, n = \"0\", dc = \"0 A\" }} }}\n")
    });
    lines.collect()
}

fn arguments(netlist: &Netlist, device: &Device) -> String {
    let node = |node: &Node| quoted(netlist.node_name(*node));
    let argument = |kind: Kind, arg: Arg| match (arg, kind) {
        (Arg::Node(n), _) => node(&n),
        (Arg::Nodes(nodes), _) => list(nodes.iter().map(node)),
        (Arg::Word(word), _) => quoted(word),
        (Arg::Number(value), Kind::Number { dimension, .. } | Kind::Optional { dimension, .. }) => {
            quantity(value, dimension)
        }
        (Arg::Number(value), Kind::Conductance) => quantity(value, Dimension::Siemens),
        (Arg::Expression(value), _) => quoted(&value.text(Dialect::Home, &|p| probe(netlist, p))),
        (Arg::Branch(id), _) => quoted(&netlist.devices()[id.0].0),
        (Arg::Waveform(wave), Kind::Waveform { dimension }) => waveform(&wave, dimension),
        (Arg::AcDrive(ac), Kind::AcDrive { dimension }) => format!(
            "{{ magnitude = {}, phase = {} }}",
            quantity(ac.magnitude, dimension),
            quantity(ac.phase, Dimension::One)
        ),
        (arg, kind) => panic!("{kind:?} cannot hold {arg:?}"),
    };
    let fields = device.entry().fields.iter().zip(device.args());
    fields
        .filter(|(field, arg)| *arg != Arg::Absent && !is_default(field.kind, arg))
        .map(|(field, arg)| format!("{} = {}", field.key, argument(field.kind, arg)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether reading gives the same argument when the key is left out.
fn is_default(kind: Kind, arg: &Arg) -> bool {
    match (kind, arg) {
        (Kind::Choice { choices }, Arg::Word(word)) => choices.first() == Some(word),
        (_, Arg::Number(value)) => kind.default().is_some_and(|d| d.to_bits() == value.to_bits()),
        _ => false,
    }
}

fn probe(netlist: &Netlist, probe: &Probe) -> String {
    let node = |n: Node| netlist.node_name(n).to_string();
    match probe {
        Probe::Voltage(a, Node::GROUND) => format!("v({})", node(*a)),
        Probe::Voltage(a, b) => format!("v({}, {})", node(*a), node(*b)),
        Probe::Current(id) => format!("i({})", netlist.devices()[id.0].0),
        Probe::Time => "time".to_string(),
        Probe::Temperature => "temper".to_string(),
    }
}

/// `{ pulse = { low = "0 V", ... } }`; what is infinite is left out.
fn waveform(wave: &Waveform, dimension: Dimension) -> String {
    let form = wave.form();
    let inside = match wave {
        Waveform::PiecewiseLinear { points } => list(points.iter().map(|&(time, value)| {
            list([quantity(time, Dimension::Second), quantity(value, dimension)])
        })),
        _ => {
            let fields = form.fields.iter().zip(wave.numbers());
            let finite = fields.filter(|(_, number)| number.is_finite());
            let text: Vec<String> = finite
                .map(|((key, field), number)| {
                    format!("{key} = {}", quantity(number, field.dimension(dimension)))
                })
                .collect();
            format!("{{ {} }}", text.join(", "))
        }
    };
    format!("{{ {} = {inside} }}", form.key)
}

fn ports_table(netlist: &Netlist, ports: &Ports) -> String {
    let device = |id: DeviceId| quoted(&netlist.devices()[id.0].0);
    let pair = |a, b| list([device(a), device(b)]);
    let clamp = &ports.clamp;
    let layers: String = ports
        .layers
        .iter()
        .map(|layer| {
            format!(
                "  {{ name = {}, activation = {}, gain = {}, nodes = {}{} }},\n",
                quoted(&layer.name),
                quoted(layer.activation.name()),
                quantity(layer.gain, Dimension::One),
                list(layer.nodes.iter().map(|&n| quoted(netlist.node_name(n)))),
                skew(layer)
            )
        })
        .collect();
    format!(
        "[ports]\n\
         v-unit = {}\n\
         clamp = {{ name = {}, activation = {}, sources = {} }}\n\
         layers = [\n{layers}]\n\
         read = {}\n\
         nudge = {}\n\
         nudge-scale = {}\n{}",
        quantity(ports.v_unit, Dimension::Volt),
        quoted(&clamp.name),
        quoted(clamp.activation.name()),
        list(clamp.sources.iter().map(|&[a, b]| pair(a, b))),
        quoted(&ports.layers[ports.read].name),
        list(ports.nudge.iter().map(|n| pair(n.current, n.pull))),
        quantity(ports.nudge_scale, Dimension::Siemens),
        mirrors(ports)
    )
}

/// What only imperfect neurons have.
fn skew(layer: &LayerPort) -> String {
    if layer.skew.is_empty() {
        return String::new();
    }
    let pair = |&(factor, offset): &(f64, f64)| {
        list([quantity(factor, Dimension::One), quantity(offset, Dimension::Volt)])
    };
    format!(", skew = {}", list(layer.skew.iter().map(pair)))
}

/// What only imperfect mirrors have.
fn mirrors(ports: &Ports) -> String {
    if ports.nudge.iter().all(|n| n.mirror == 1.0) {
        return String::new();
    }
    let factors = ports.nudge.iter().map(|n| quantity(n.mirror, Dimension::One));
    format!("nudge-mirror = {}\n", list(factors))
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// A number to the bit: bare when it has no dimension, else text with its unit.
fn quantity(value: f64, dimension: Dimension) -> String {
    match dimension {
        Dimension::One => format!("{value:?}"),
        _ => quoted(&format_exact(value, dimension)),
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out + "\""
}
