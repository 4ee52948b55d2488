//! SPICE, in the dialect of ngspice. Numbers are plain exponents, as suffixes mean different
//! things to different readers (`m` and `MEG`).

mod cards;
mod macros;

use std::collections::{HashMap, HashSet};

use crate::netlist::expression::{Dialect, Expression, Probe};
use crate::netlist::{Device, DeviceId, Netlist, Node};

/// Lines are wrapped before this column where they can be.
const WIDTH: usize = 80;

/// A netlist as a SPICE deck: the title line, one element a device, their models, the directives
/// such as `.op`, and `.end`. Devices that SPICE does not have are written as several elements
/// with the same equations. Nodes are called as [`spice_nodes`] says, devices as
/// [`spice_devices`]. A resistor of no conductance is left out, as SPICE has none.
pub fn spice(netlist: &Netlist, title: &str, directives: &[String]) -> String {
    let netlist = &netlist.flat();
    let mut deck = Deck::new(netlist);
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    deck.text.push_str(&format!("* {title}\n"));
    for (id, (name, device)) in netlist.devices().iter().enumerate() {
        deck.device(DeviceId(id), name, device);
    }
    for model in std::mem::take(&mut deck.models) {
        deck.line(&model);
    }
    for directive in directives {
        deck.line(directive);
    }
    deck.text.push_str(".end\n");
    deck.text
}

/// What each node is called in the SPICE text, by [`Node`]: lower case, letters, digits, dots and
/// underscores only, numbered where names fall together.
pub fn spice_nodes(netlist: &Netlist) -> Vec<String> {
    Deck::new(&netlist.flat()).nodes
}

/// What the element of each device is called in the SPICE text, by [`DeviceId`]: its own name
/// where that begins with the letter of its kind, `r.x1.r1` of what stands in an instance `x1`,
/// else the letter and its name.
pub fn spice_devices(netlist: &Netlist) -> Vec<String> {
    Deck::new(&netlist.flat()).devices
}

struct Deck {
    text: String,
    nodes: Vec<String>,
    devices: Vec<String>,
    node_names: Names,
    element_names: Names,
    /// `.model` lines, and the names of those there are.
    models: Vec<String>,
    model_names: HashMap<String, String>,
}

/// Names in use.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    /// A name like this one that SPICE accepts and that is not in use yet.
    fn unique(&mut self, name: &str) -> String {
        let plain = |c: char| match c {
            '.' => c,
            c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
            _ => '_',
        };
        let base: String = name.chars().map(plain).collect();
        let mut candidate = base.clone();
        let mut k = 1;
        while candidate.is_empty() || !self.0.insert(candidate.clone()) {
            k += 1;
            candidate = format!("{base}_{k}");
        }
        candidate
    }
}

/// The name of an element that begins with a letter.
fn element_name(letter: char, name: &str) -> String {
    let begins = |part: &str| part.starts_with(|c: char| c.eq_ignore_ascii_case(&letter));
    match name.rsplit_once('.') {
        Some((path, last)) if path.starts_with(['x', 'X']) && begins(last) => {
            format!("{letter}.{name}")
        }
        None if begins(name) => name.to_string(),
        _ => format!("{letter}{name}"),
    }
}

impl Deck {
    fn new(netlist: &Netlist) -> Deck {
        // `gnd` is another word for the reference.
        let mut node_names = Names(HashSet::from(["0".to_string(), "gnd".to_string()]));
        let nodes = (0..netlist.node_count() as u32)
            .map(Node)
            .map(|node| match node {
                Node::GROUND => "0".to_string(),
                _ => node_names.unique(netlist.node_name(node)),
            })
            .collect();
        let mut element_names = Names::default();
        let devices = netlist
            .devices()
            .iter()
            .map(|(name, device)| element_names.unique(&element_name(letter(device), name)))
            .collect();
        Deck {
            text: String::new(),
            nodes,
            devices,
            node_names,
            element_names,
            models: Vec::new(),
            model_names: HashMap::new(),
        }
    }

    /// A node of the text's own, held at an expression; returns its voltage as an expression.
    fn helper(&mut self, name: &str, value: &str) -> String {
        let node = self.node_names.unique(name);
        self.behavioural(name, [&node, "0"], 'v', value);
        format!("v({node})")
    }

    /// A further element of a device, by expression.
    fn behavioural(&mut self, name: &str, [p, n]: [&str; 2], what: char, value: &str) {
        let name = self.element_names.unique(&format!("b{name}"));
        self.line(&format!("{name} {p} {n} {what} = {value}"));
    }

    /// A further element of a device.
    fn extra(&mut self, letter: char, name: &str, nodes: [&str; 2], value: &str) {
        let name = self.element_names.unique(&format!("{letter}{name}"));
        self.line(&format!("{name} {} {} {value}", nodes[0], nodes[1]));
    }

    /// The element of a device.
    fn element(&mut self, id: DeviceId, nodes: &[Node], value: &str) {
        let nodes: Vec<&str> = nodes.iter().map(|n| self.nodes[n.0 as usize].as_str()).collect();
        self.line(&format!("{} {} {value}", self.devices[id.0], nodes.join(" ")));
    }

    fn node(&self, node: Node) -> String {
        self.nodes[node.0 as usize].clone()
    }

    fn v(&self, node: Node) -> String {
        match node {
            Node::GROUND => "0".to_string(),
            _ => format!("v({})", self.nodes[node.0 as usize]),
        }
    }

    /// The voltage between two nodes.
    fn between(&self, p: Node, n: Node) -> String {
        match (p, n) {
            (p, Node::GROUND) => self.v(p),
            (p, n) => format!("v({},{})", self.node(p), self.node(n)),
        }
    }

    fn expression(&self, value: &Expression<Probe>) -> String {
        value.text(Dialect::Spice, &|probe| match probe {
            Probe::Voltage(p, n) => self.between(*p, *n),
            Probe::Current(id) => format!("i({})", self.devices[id.0]),
            Probe::Time => "time".to_string(),
            Probe::Temperature => "temper".to_string(),
        })
    }

    /// The name of a model of this type and these parameters, shared by all that have them.
    fn model(&mut self, kind: &str, parameters: &str) -> String {
        let text = format!("{kind}({parameters})");
        if let Some(name) = self.model_names.get(&text) {
            return name.clone();
        }
        let name = format!("{kind}_{}", self.models.len() + 1);
        self.models.push(format!(".model {name} {text}"));
        self.model_names.insert(text, name.clone());
        name
    }

    /// Writes a line, wrapped at spaces into continuation lines.
    fn line(&mut self, line: &str) {
        let mut column = 0;
        for word in line.split(' ') {
            if column > 0 && column + word.len() >= WIDTH {
                self.text.push_str("\n+ ");
                column = 2;
            } else if column > 0 {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += word.len();
        }
        self.text.push('\n');
    }
}

/// The letter that the element of a device begins with.
fn letter(device: &Device) -> char {
    match device {
        Device::Resistor(_) => 'r',
        Device::Capacitor(_) => 'c',
        Device::Inductor(_) => 'l',
        Device::Coupling(_) => 'k',
        Device::VoltageSource(_) => 'v',
        Device::CurrentSource(_) => 'i',
        Device::Vcvs(_) => 'e',
        Device::Vccs(_) => 'g',
        Device::Cccs(_) => 'f',
        Device::Ccvs(_) => 'h',
        Device::Diode(_) => 'd',
        Device::Mosfet(_) => 'm',
        Device::Switch(_) => 's',
        Device::BehaviouralVoltage(_)
        | Device::BehaviouralCurrent(_)
        | Device::IdealDiode(_)
        | Device::OpAmp(_)
        | Device::Vteam(_)
        | Device::Filament(_)
        | Device::Amplifier(_)
        | Device::SoftmaxAmplifier(_) => 'b',
    }
}

fn number(value: f64) -> String {
    format!("{value:e}")
}
