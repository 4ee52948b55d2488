//! SPICE, in the dialect of ngspice. Numbers are plain exponents, as suffixes mean different
//! things to different readers (`m` and `MEG`).

use std::collections::HashSet;

use crate::netlist::{Amplifier, Device, Netlist, Node, SoftmaxAmplifier};
use crate::numerics::Activation;

/// Lines are wrapped before this column where they can be.
const WIDTH: usize = 80;

/// A netlist as a SPICE deck: the title line, one element a device (a softmax amplifier takes
/// several), the directives such as `.op`, and `.end`. Nodes are called as [`spice_nodes`] says.
/// A resistor of no conductance is left out, as SPICE has none.
pub fn spice(netlist: &Netlist, title: &str, directives: &[String]) -> String {
    let mut deck = Deck::new(netlist);
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    deck.text.push_str(&format!("* {title}\n"));
    for (name, device) in netlist.devices() {
        deck.device(name, device);
    }
    for directive in directives {
        deck.line(directive);
    }
    deck.text.push_str(".end\n");
    deck.text
}

/// What each node is called in the SPICE text, by [`Node`]: lower case, letters, digits and
/// underscores only, numbered where names fall together.
pub fn spice_nodes(netlist: &Netlist) -> Vec<String> {
    Deck::new(netlist).nodes
}

struct Deck {
    text: String,
    nodes: Vec<String>,
    node_names: Names,
    element_names: Names,
}

/// Names in use.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    /// A name like this one that SPICE accepts and that is not in use yet.
    fn unique(&mut self, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
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
        Deck { text: String::new(), nodes, node_names, element_names: Names::default() }
    }

    fn device(&mut self, name: &str, device: &Device) {
        match device {
            Device::Resistor(d) if d.g == 0.0 => {}
            Device::Resistor(d) => self.element('r', name, &[d.p, d.n], &number(1.0 / d.g)),
            Device::Capacitor(d) => self.element('c', name, &[d.p, d.n], &number(d.c)),
            Device::VoltageSource(d) => {
                self.element('v', name, &[d.p, d.n], &format!("dc {}", number(d.dc)));
            }
            Device::CurrentSource(d) => {
                self.element('i', name, &[d.p, d.n], &format!("dc {}", number(d.dc)));
            }
            Device::Vcvs(d) => self.element('e', name, &[d.p, d.n, d.cp, d.cn], &number(d.gain)),
            Device::Vccs(d) => self.element('g', name, &[d.p, d.n, d.cp, d.cn], &number(d.gm)),
            Device::Amplifier(d) => self.amplifier(name, d),
            Device::SoftmaxAmplifier(d) => self.softmax(name, d),
            other => self.line(&format!("* {name}: no SPICE text for a {}", other.key())),
        }
    }

    fn amplifier(&mut self, name: &str, d: &Amplifier) {
        let u = self.v(d.input);
        let (gain, unit) = (number(d.gain), number(d.v_unit));
        let slope = number(d.gain / d.v_unit);
        let value = match d.activation {
            Activation::Identity => format!("{gain} * {u}"),
            Activation::Tanh => format!("{unit} * tanh({slope} * {u})"),
            // 1 / (1 + exp(-(4x - 2))) in a form that cannot overflow.
            Activation::Sigmoid => {
                format!("{unit} * 0.5 * (1 + tanh(2 * {slope} * {u} - 1))")
            }
            Activation::Relu => format!("{gain} * max({u}, 0)"),
            Activation::HardSigmoid => format!("min(max({gain} * {u}, 0), {unit})"),
            Activation::Softmax => panic!("a softmax is an amplifier of a whole layer"),
        };
        let out = self.nodes[d.output.0 as usize].clone();
        self.behavioural(name, &out, &value);
    }

    /// With the largest input taken off first, so that no exponential overflows, also while
    /// Newton's method is still far off: the limits `0` and `1` do nothing at the solution.
    fn softmax(&mut self, name: &str, d: &SoftmaxAmplifier) {
        let Some((first, rest)) = d.inputs.split_first() else { return };
        let slope = number(d.gain / d.v_unit);
        let mut top = self.v(*first);
        for (k, &input) in rest.iter().enumerate() {
            let value = format!("max({top}, {})", self.v(input));
            top = self.helper(&format!("{name}.top.{}", k + 1), &value);
        }
        let parts: Vec<String> = d
            .inputs
            .iter()
            .enumerate()
            .map(|(k, &input)| {
                let value = format!("exp(min({slope} * ({} - {top}), 0))", self.v(input));
                self.helper(&format!("{name}.part.{k}"), &value)
            })
            .collect();
        let sum = self.helper(&format!("{name}.sum"), &parts.join(" + "));
        for (k, &output) in d.outputs.iter().enumerate() {
            let value = format!("{} * {} / max({sum}, 1)", number(d.v_unit), parts[k]);
            let out = self.nodes[output.0 as usize].clone();
            self.behavioural(&format!("{name}.{k}"), &out, &value);
        }
    }

    /// A node of the text's own, held at an expression; returns its voltage as an expression.
    fn helper(&mut self, name: &str, value: &str) -> String {
        let node = self.node_names.unique(name);
        self.behavioural(name, &node, value);
        format!("v({node})")
    }

    fn behavioural(&mut self, name: &str, out: &str, value: &str) {
        let name = self.element_names.unique(&format!("b{name}"));
        self.line(&format!("{name} {out} 0 v = {value}"));
    }

    fn element(&mut self, letter: char, name: &str, nodes: &[Node], value: &str) {
        let name = self.element_names.unique(&format!("{letter}{name}"));
        let nodes: Vec<&str> = nodes.iter().map(|n| self.nodes[n.0 as usize].as_str()).collect();
        self.line(&format!("{name} {} {value}", nodes.join(" ")));
    }

    fn v(&self, node: Node) -> String {
        match node {
            Node::GROUND => "0".to_string(),
            _ => format!("v({})", self.nodes[node.0 as usize]),
        }
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

fn number(value: f64) -> String {
    format!("{value:e}")
}
