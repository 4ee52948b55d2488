//! The instances of a deck laid out as devices on nodes.

use std::collections::{HashMap, HashSet};

use super::Found;
use super::elements;
use super::files::Card;
use super::given::Given;
use super::scope::Scope;
use super::timing::Timing;
use crate::diag::{Diagnostic, Span, did_you_mean};
use crate::netlist::expression::Probe;
use crate::netlist::{Arg, DeviceId, Entry, Netlist, Node};
use crate::units::Kelvin;

/// Deeper nesting of subcircuits than any person writes.
const DEEPEST: usize = 100;

/// A device before the devices that it names are known.
struct Element {
    name: String,
    place: Span,
    entry: &'static Entry,
    args: Vec<Arg>,
    /// Whether its arguments name other devices, by their places in [`Circuit::references`].
    refers: bool,
}

/// What the instances are laid into.
pub(super) struct Circuit<'d, 'f> {
    pub found: &'f Found,
    pub timing: Timing,
    /// The temperature that models hold at unless they say another \[K\].
    pub nominal: Option<Kelvin>,
    pub netlist: Netlist,
    /// First mention of each node.
    pub nodes: HashMap<Node, Span>,
    /// First mention of each node in an expression.
    mentions: HashMap<Node, Span>,
    globals: HashSet<&'d str>,
    elements: Vec<Element>,
    /// All devices by name.
    pub names: HashMap<String, usize>,
    /// Devices that are named by others, and where.
    references: Vec<(String, Span)>,
    /// `.ic` and `.nodeset` of subcircuits, on nodes by their whole names.
    pub initial: Vec<(Node, f64)>,
    pub guess: Vec<(Node, f64)>,
    /// Models that some device is of.
    pub used: HashSet<*const Card<'d>>,
    depth: usize,
    /// How many subcircuits are laid.
    pub(super) instances: usize,
}

impl<'d, 'f> Circuit<'d, 'f> {
    pub fn new(
        globals: &[&'d str],
        timing: Timing,
        nominal: Option<Kelvin>,
        found: &'f Found,
    ) -> Circuit<'d, 'f> {
        Circuit {
            found,
            timing,
            nominal,
            netlist: Netlist::new(),
            nodes: HashMap::new(),
            mentions: HashMap::new(),
            globals: globals.iter().copied().collect(),
            elements: Vec::new(),
            names: HashMap::new(),
            references: Vec::new(),
            initial: Vec::new(),
            guess: Vec::new(),
            used: HashSet::new(),
            depth: 0,
            instances: 0,
        }
    }

    /// Lays all elements of an instance.
    pub fn lay(&mut self, scope: &Scope<'d, '_>) {
        self.depth += 1;
        if self.depth > DEEPEST {
            self.found.report(
                Diagnostic::at(scope.block.place.clone(), "subcircuits are nested too deep")
                    .label(format!("more than {DEEPEST} levels"))
                    .help("join some of them"),
            );
        } else {
            for card in &scope.block.elements {
                elements::lay(self, card, scope);
            }
            for card in &scope.block.voltages {
                super::settings::voltages(self, card, scope);
            }
        }
        self.depth -= 1;
    }

    /// The node that a name means in an instance.
    pub fn node(&mut self, name: &str, at: Span, scope: &Scope) -> Node {
        let node = match name {
            "0" | "gnd" => return Node::GROUND,
            _ => match scope.pins.get(name) {
                Some(node) => *node,
                None if scope.prefix.is_empty() || self.globals.contains(name) => {
                    self.netlist.node(name)
                }
                None => self.netlist.node(&format!("{}{name}", scope.prefix)),
            },
        };
        self.nodes.entry(node).or_insert(at);
        node
    }

    /// The node that a name means, if there is one by now.
    pub fn find_node(&self, name: &str, scope: &Scope) -> Option<Node> {
        match name {
            "0" | "gnd" => Some(Node::GROUND),
            _ => match scope.pins.get(name) {
                Some(node) => Some(*node),
                None if scope.prefix.is_empty() || self.globals.contains(name) => {
                    self.netlist.find_node(name)
                }
                None => self.netlist.find_node(&format!("{}{name}", scope.prefix)),
            },
        }
    }

    /// A node that an expression names, which some device must be on in the end.
    pub fn mention(&mut self, name: &str, at: Span, scope: &Scope) -> Node {
        let before = self.nodes.len();
        let node = self.node(name, at.clone(), scope);
        if self.nodes.len() > before {
            self.nodes.remove(&node);
        }
        if node != Node::GROUND {
            self.mentions.entry(node).or_insert(at);
        }
        node
    }

    /// Tells of nodes that only expressions name.
    pub fn check_mentions(&self) {
        for (node, at) in &self.mentions {
            if !self.nodes.contains_key(node) {
                self.unknown_node(self.netlist.node_name(*node), at.clone());
            }
        }
    }

    pub fn unknown_node(&self, name: &str, at: Span) {
        let mut names: Vec<&str> = self.nodes.keys().map(|n| self.netlist.node_name(*n)).collect();
        names.sort_unstable();
        let diagnostic =
            Diagnostic::at(at, format!("there is no node `{name}`")).label("no device is on it");
        self.found.report(nearest(diagnostic, name, "the nodes are", &names));
    }

    pub fn unknown_device(&self, name: &str, at: Span) {
        let mut names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        names.sort_unstable();
        let diagnostic =
            Diagnostic::at(at, format!("there is no device `{name}`")).label("unknown device");
        self.found.report(nearest(diagnostic, name, "the devices are", &names));
    }

    /// A device that a device names, as a stand-in until all are there.
    pub fn refer(&mut self, name: &str, at: Span, scope: &Scope) -> DeviceId {
        let name = format!("{}{}", scope.prefix, own_name(name));
        self.references.push((name, at));
        DeviceId(self.references.len() - 1)
    }

    /// Adds the device of a card, if all its arguments are there.
    pub fn add(&mut self, card: &Card<'d>, scope: &Scope<'d, '_>, given: Given) {
        let entry = given.entry;
        let Some(args) = given.finish() else { return };
        let written = card.word(0).unwrap_or_default();
        let name = format!("{}{}", scope.prefix, own_name(written));
        let place = card.head();
        if let Some(first) = self.names.get(&name) {
            self.found.report(
                Diagnostic::at(place, format!("there are two devices `{name}`"))
                    .label("named again")
                    .also(self.elements[*first].place.clone(), "first named here")
                    .help("give one of them another name"),
            );
            return;
        }
        let refers = args.iter().any(|arg| match arg {
            Arg::Branch(_) => true,
            Arg::Expression(value) => value.leaves().iter().any(|p| matches!(p, Probe::Current(_))),
            _ => false,
        });
        self.names.insert(name.clone(), self.elements.len());
        self.elements.push(Element { name, place, entry, args, refers });
    }

    /// Makes the devices; what they name that is not there is a mistake. Returns where each
    /// stands.
    pub fn build(&mut self) -> Vec<Span> {
        let found: Vec<Option<DeviceId>> =
            self.references.iter().map(|(name, at)| self.referred(name, at)).collect();
        let mut places = Vec::with_capacity(self.elements.len());
        let whole = found.iter().all(Option::is_some);
        let known = |k: DeviceId| found[k.0].unwrap_or(DeviceId(0));
        for mut element in std::mem::take(&mut self.elements) {
            if element.refers && !whole {
                continue;
            }
            if element.refers {
                for arg in &mut element.args {
                    match arg {
                        Arg::Branch(id) => *id = known(*id),
                        Arg::Expression(value) => {
                            *value = value.map(|probe| match probe {
                                Probe::Current(id) => Probe::Current(known(*id)),
                                probe => *probe,
                            });
                        }
                        _ => {}
                    }
                }
            }
            self.netlist.add(element.name, (element.entry.build)(element.args));
            places.push(element.place);
        }
        if whole {
            self.check_branches(&found, &places);
        }
        places
    }

    /// Tells of devices that are named for a current that is no unknown.
    fn check_branches(&self, found: &[Option<DeviceId>], places: &[Span]) {
        for ((_, at), id) in self.references.iter().zip(found) {
            let Some(id) = id.filter(|id| self.netlist.branch(*id).is_none()) else { continue };
            let (name, device) = &self.netlist.devices()[id.0];
            self.found.report(
                Diagnostic::at(
                    at.clone(),
                    format!("`{name}` is a {}, whose current is no unknown", device.key()),
                )
                .label("has no branch current")
                .also(places[id.0].clone(), "this device")
                .help("put a voltage source of 0 V in series with it, and name that"),
            );
        }
    }

    fn referred(&self, name: &str, at: &Span) -> Option<DeviceId> {
        let Some(&place) = self.names.get(name) else {
            self.unknown_device(name, at.clone());
            return None;
        };
        Some(DeviceId(place))
    }
}

/// The name of a device by itself: ngspice calls `r1` of `x1` `r.x1.r1`, here it is `x1.r1`.
pub(super) fn own_name(name: &str) -> &str {
    match name.as_bytes() {
        [_, b'.', b'x', ..] => &name[2..],
        _ => name,
    }
}

/// Adds the nearest of the names, and all of them where they are few.
fn nearest(diagnostic: Diagnostic, name: &str, intro: &str, names: &[&str]) -> Diagnostic {
    const FEW: usize = 20;
    if names.len() <= FEW {
        return diagnostic.help_names(name, intro, names);
    }
    match did_you_mean(name, names) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("none of {} names is near", names.len())),
    }
}
