//! Neuron circuits laid into a netlist: `$parameters` and `$pins` filled in, local names made
//! unique by the place.

use std::fmt;

use super::{NeuronCircuit, TemplateArg, TemplateDevice};
use crate::netlist::{Arg, Device, Field, Kind, Netlist, Node, ROLL};
use crate::units::{self, Dimension, Farad, Range, Volt};

/// Names of nodes and devices that a unit's place has of its own; a circuit may not use them.
const TAKEN: [&str; 25] = [
    "u", "v", "vn", "leak", "bias", "nudge", "pull", "sense", "skew", "offset", "demand", "set",
    "source", "line", "convey", "law", "lawn", "out", "outn", "rout", "routn", "full", "fulln",
    "sag", "sagn",
];

/// What is wrong with a neuron circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// The device of the circuit that cannot be made.
    pub device: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "device `{}`: {}", self.device, self.what)
    }
}

/// The nodes a neuron is joined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pins {
    /// `$in`: the summing node.
    pub input: Node,
    /// Where its bit lines end: the summing node, or a virtual ground before it.
    pub line: Node,
    /// `$sense`: the summing node as the amplifier sees it, with its errors; where there are none,
    /// the summing node itself.
    pub sense: Node,
    /// `$out`: the activation.
    pub output: Node,
    /// `$inv`: the negative of the activation.
    pub inverse: Node,
}

/// A layer's worth of neurons to be laid.
#[derive(Debug, Clone, PartialEq)]
pub struct Site<'a> {
    /// The layer's name: unit 3 of `hidden` has the devices and local nodes `hidden.3.*`, what is
    /// laid once for the layer has `hidden.*`.
    pub layer: &'a str,
    pub units: &'a [Pins],
    /// `$gain`
    pub gain: f64,
    /// `$v-unit`
    pub v_unit: Volt,
    /// `$c-node`
    pub c_node: Farad,
    /// A factor on the `$c-node` of each unit; empty where all are 1.
    pub capacitance: &'a [f64],
}

impl NeuronCircuit {
    /// Lays the circuit once a unit and once a layer.
    ///
    /// # Errors
    /// If a device of the circuit is not in the roll or its arguments are not what the roll asks;
    /// a circuit that passes [`NeuronCircuit::check`] never fails.
    pub fn lay(&self, site: &Site, netlist: &mut Netlist) -> Result<(), TemplateFault> {
        for (i, unit) in site.units.iter().enumerate() {
            let place = Place {
                name: format!("{}.{i}", site.layer),
                site,
                unit: Some(unit),
                c_node: site.capacitance.get(i).map_or(site.c_node, |f| f * site.c_node),
            };
            place.lay(&self.per_unit, netlist)?;
        }
        let name = site.layer.to_string();
        Place { name, site, unit: None, c_node: site.c_node }.lay(&self.per_layer, netlist)
    }

    /// Whether a device has its input at `$sense`, where the errors of an amplifier act.
    pub fn senses(&self) -> bool {
        let devices = self.per_unit.iter().chain(&self.per_layer);
        let is_sense = |arg: &TemplateArg| *arg == TemplateArg::Parameter("sense".into());
        devices.flat_map(|device| &device.args).any(|(_, arg)| is_sense(arg))
    }

    /// Whether the circuit can be laid at all.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn check(&self) -> Result<(), TemplateFault> {
        let mut scratch = Netlist::new();
        let units = [0, 1].map(|i| Pins {
            input: scratch.node(&format!("check.{i}.u")),
            line: scratch.node(&format!("check.{i}.u")),
            sense: scratch.node(&format!("check.{i}.sense")),
            output: scratch.node(&format!("check.{i}.v")),
            inverse: scratch.node(&format!("check.{i}.vn")),
        });
        let site = Site {
            layer: "check",
            units: &units,
            gain: 1.0,
            v_unit: 1.0,
            c_node: 1e-12,
            capacitance: &[],
        };
        self.lay(&site, &mut scratch)
    }
}

/// Where devices are laid: at one unit, or at the layer as a whole.
struct Place<'a> {
    name: String,
    site: &'a Site<'a>,
    unit: Option<&'a Pins>,
    c_node: Farad,
}

impl Place<'_> {
    fn lay(&self, devices: &[TemplateDevice], netlist: &mut Netlist) -> Result<(), TemplateFault> {
        for template in devices {
            let device = self
                .device(template, netlist)
                .map_err(|what| TemplateFault { device: template.name.clone(), what })?;
            netlist.add(format!("{}.{}", self.name, template.name), device);
        }
        Ok(())
    }

    fn device(&self, template: &TemplateDevice, netlist: &mut Netlist) -> Result<Device, String> {
        self.local_name(&template.name)?;
        let entry = ROLL.iter().find(|e| e.key == template.kind).ok_or_else(|| {
            let known: Vec<&str> = ROLL.iter().map(|e| e.key).collect();
            format!("there is no `{}`; the devices are: {}", template.kind, known.join(", "))
        })?;
        let is_known = |key: &str| {
            entry.fields.iter().any(|f| f.key == key || (f.kind == Kind::Conductance && key == "r"))
        };
        if let Some((key, _)) = template.args.iter().find(|(key, _)| !is_known(key)) {
            let known: Vec<&str> = entry.fields.iter().map(|f| f.key).collect();
            return Err(format!(
                "`{}` has no `{key}`; it has: {}",
                template.kind,
                known.join(", ")
            ));
        }
        let args = entry
            .fields
            .iter()
            .map(|field| self.argument(field, template, netlist))
            .collect::<Result<Vec<Arg>, String>>()?;
        Ok((entry.build)(args))
    }

    fn argument(
        &self,
        field: &Field,
        template: &TemplateDevice,
        netlist: &mut Netlist,
    ) -> Result<Arg, String> {
        let key = field.key;
        let written = |key: &str| template.args.iter().find(|(k, _)| k == key).map(|(_, arg)| arg);
        match field.kind {
            Kind::Node => self.node(key, written(key), netlist).map(Arg::Node),
            Kind::Nodes => self.nodes(key, written(key)).map(Arg::Nodes),
            Kind::Word { choices } => match written(key) {
                Some(TemplateArg::Word(word)) => choices.iter().find(|c| *c == word),
                _ => None,
            }
            .map(|&word| Arg::Word(word))
            .ok_or_else(|| format!("`{key}` must be one of: {}", choices.join(", "))),
            Kind::Choice { choices } => match written(key) {
                Some(TemplateArg::Word(word)) => choices.iter().find(|c| *c == word),
                Some(_) => None,
                None => choices.first(),
            }
            .map(|&word| Arg::Word(word))
            .ok_or_else(|| format!("`{key}` must be one of: {}", choices.join(", "))),
            Kind::Conductance => match (written("g"), written("r")) {
                (Some(g), None) => {
                    self.number(key, g, Dimension::Siemens, Range::NonNegative).map(Arg::Number)
                }
                (None, Some(r)) => self
                    .number("r", r, Dimension::Ohm, Range::Positive)
                    .map(|r| Arg::Number(1.0 / r)),
                _ => Err("give either `g` or `r`".to_string()),
            },
            Kind::Number { dimension, range, default } => match (written(key), default) {
                (Some(arg), _) => self.number(key, arg, dimension, range).map(Arg::Number),
                (None, Some(text)) => units::parse(text, dimension, range)
                    .map(Arg::Number)
                    .map_err(|fault| format!("`{key}`: {fault:?}")),
                (None, None) => Err(format!("`{key}` is missing")),
            },
            Kind::Optional { dimension, range } => match written(key) {
                Some(arg) => self.number(key, arg, dimension, range).map(Arg::Number),
                None => Ok(Arg::Absent),
            },
            Kind::Branch
            | Kind::Expression { .. }
            | Kind::Waveform { .. }
            | Kind::AcDrive { .. } => match written(key) {
                Some(_) => Err(format!("`{key}` cannot be given in a neuron circuit")),
                None => Ok(Arg::Absent),
            },
        }
    }

    fn node(
        &self,
        key: &str,
        written: Option<&TemplateArg>,
        netlist: &mut Netlist,
    ) -> Result<Node, String> {
        match (written, self.unit) {
            (Some(TemplateArg::Word(word)), _) if word == "0" => Ok(Node::GROUND),
            (Some(TemplateArg::Word(word)), _) => {
                self.local_name(word)?;
                Ok(netlist.node(&format!("{}.{word}", self.name)))
            }
            (Some(TemplateArg::Parameter(pin)), Some(unit)) => pin_of(pin, unit)
                .ok_or_else(|| format!("`{key}`: there is no pin `${pin}`; {PINS}")),
            (Some(TemplateArg::Parameter(pin)), None) => Err(format!(
                "`{key}` is one node, but `${pin}` of a whole layer is a list of them; put the \
                 device under [unit.device]"
            )),
            (Some(TemplateArg::Number(_)), _) => Err(format!("`{key}` must be a node's name")),
            (None, _) => Err(format!("`{key}` is missing")),
        }
    }

    fn nodes(&self, key: &str, written: Option<&TemplateArg>) -> Result<Vec<Node>, String> {
        match (written, self.unit) {
            (Some(TemplateArg::Parameter(pin)), None) => self
                .site
                .units
                .iter()
                .map(|unit| pin_of(pin, unit))
                .collect::<Option<Vec<Node>>>()
                .ok_or_else(|| format!("`{key}`: there is no pin `${pin}`; {PINS}")),
            (Some(_), Some(_)) => {
                Err(format!("`{key}` is a list of nodes; put the device under [layer.device]"))
            }
            (Some(_), None) => Err(format!("`{key}` must be a pin of the layer; {PINS}")),
            (None, _) => Err(format!("`{key}` is missing")),
        }
    }

    fn number(
        &self,
        key: &str,
        written: &TemplateArg,
        wanted: Dimension,
        range: Range,
    ) -> Result<f64, String> {
        let (value, dimension) = match written {
            TemplateArg::Number(value) => (*value, wanted),
            TemplateArg::Word(word) => return Err(format!("`{key}` is a number, not `{word}`")),
            TemplateArg::Parameter(name) => match name.as_str() {
                "gain" => (self.site.gain, Dimension::One),
                "v-unit" => (self.site.v_unit, Dimension::Volt),
                "c-node" => (self.c_node, Dimension::Farad),
                _ => {
                    return Err(format!(
                        "`{key}`: there is no parameter `${name}`; there are $gain, $v-unit, $c-node"
                    ));
                }
            },
        };
        if dimension != wanted {
            let words = |d: Dimension| if d == Dimension::One { "a bare number" } else { d.name() };
            return Err(format!(
                "`{key}` is in {}, but that parameter is in {}",
                words(wanted),
                words(dimension)
            ));
        }
        if !range.contains(value) {
            return Err(format!("`{key}` must be {}", range.words()));
        }
        Ok(value)
    }

    fn local_name(&self, name: &str) -> Result<(), String> {
        if TAKEN.contains(&name) || name.contains('.') {
            return Err(format!(
                "the name `{name}` is not free: it may not hold a dot, nor be one of {}",
                TAKEN.join(", ")
            ));
        }
        Ok(())
    }
}

const PINS: &str = "the pins are $in, $sense, $out, $inv";

fn pin_of(name: &str, pins: &Pins) -> Option<Node> {
    match name {
        "in" => Some(pins.input),
        "sense" => Some(pins.sense),
        "out" => Some(pins.output),
        "inv" => Some(pins.inverse),
        _ => None,
    }
}
