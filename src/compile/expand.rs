//! A chip as devices on nodes: every cell, wire segment and neuron of it.
//!
//! # Names
//!
//! | node | what it is |
//! |---|---|
//! | `input.5.v`, `input.5.vn` | line of clamped unit 5, and its negative, each held by a source of the same name |
//! | `hidden.3.u` | summing node |
//! | `hidden.3.v`, `hidden.3.vn` | activation, and its negative |
//! | `input-hidden.t0.w.p.3.5` | word line at the cell from `+v_5` to `u_3` in tile 0 (`n`: from `-v_5`) |
//! | `input-hidden.t0.b.p.3.5` | bit line at the same cell |
//!
//! | device | what it is |
//! |---|---|
//! | `input-hidden.t0.p.3.5` | that cell, or what stores in it |
//! | `input-hidden.t0.tr.p.3.5`, `input-hidden.t0.sel.p.3.5` | its transistor and its selector, where they are not in its conductance |
//! | `input-hidden.t0.ws.p.3.5` | wire segment that leads to its place on the word line |
//! | `input-hidden.t0.bs.p.3.5` | wire segment that leads on from its place on the bit line |
//! | `hidden.3.leak`, `hidden.3.bias` | leak resistor and bias current of a summing node |
//! | `hidden.3.line`, `hidden.3.convey` | a virtual ground, node and source, in which bit lines end, and what pushes its current into the summing node |
//! | `hidden.3.*` | the neuron circuit's own |
//! | `hidden.3.offset`, `hidden.3.skew` | what its amplifier sees, `hidden.3.sense`, where that is off |
//! | `hidden.3.law`, `hidden.3.lawn` | nodes that the neuron circuit holds where amplifiers are not ideal |
//! | `hidden.3.out`, `hidden.3.outn` | what its amplifiers, of the same names, hold; without an output resistance the lines |
//! | `hidden.3.rout`, `hidden.3.routn` | output resistances, up to the lines |
//! | `hidden.3.full`, `hidden.3.fulln` | nodes that the neuron circuit holds where its supply gives way |
//! | `hidden.3.sag`, `hidden.3.sagn`, `supply.droop` | what lowers them, and by how much |
//! | `output.2.nudge`, `output.2.pull` | the two parts of the nudge, at zero |
//! | `output.2.set`, `output.2.source` | what they are told by, `output.2.demand`, and what follows it as far as its compliance goes |
//!
//! The devices that a write changes come first (cells, then leak and bias of every unit), so that
//! [`refresh`] finds them by their place.
//!
//! A shared array is laid once for each direction it is used in, with the same conductances: what
//! the two directions have in common is the cells, not the wires.

mod amplifier;
mod arrays;
mod node;
mod nudge;
mod series;
mod supply;
mod wires;

pub use arrays::{WiredTile, expand_arrays, wired_tiles};
pub use node::bias_sources;

use self::nudge::Limited;
use super::{Array, Cells, Chip};
use crate::model::LayerId;
use crate::netlist::expression::Probe;
use crate::netlist::{
    Arg, BehaviouralCurrent, ClampPort, CurrentSource, Device, DeviceId, LayerPort, Netlist, Node,
    NudgePort, Ports, Vccs, VoltageSource,
};
use crate::spec::{Pins, Site, Summing};
use crate::units::Siemens;

/// Every cell, wire segment and neuron of a chip as devices on nodes, undriven: inputs and nudge
/// at zero.
///
/// # Panics
/// If a neuron circuit of the hardware cannot be laid ([`crate::spec::NeuronCircuit::check`]).
pub fn expand(chip: &Chip) -> (Netlist, Ports) {
    let chip = &*chip.conducting();
    let mut draft = Netlist::new();
    let mut ports = lay(chip, &mut draft, Draft::Cells);
    let netlist = in_order_of_mention(&draft, &mut ports);
    (netlist, ports)
}

/// What becomes of the tiles of a chip.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Draft {
    Cells,
    Arrays,
}

fn lay(chip: &Chip, netlist: &mut Netlist, draft: Draft) -> Ports {
    let layers = pins(chip, netlist);
    let wired = !chip.nonideal.wire.is_ideal();
    if draft == Draft::Arrays {
        arrays::lay_tiles(chip, &layers, netlist);
    }
    for cell in cells(chip).filter(|_| draft == Draft::Cells) {
        let (p, n) = if wired {
            wires::places(chip, &cell, &layers, netlist)
        } else {
            (cell.driver(&layers), layers[cell.array.post.0][cell.post].line)
        };
        series::lay(chip, &cell, [p, n], netlist);
    }
    for id in chip.fabric.model.free_layers() {
        node::lay(chip, id, &layers[id.0], netlist);
    }
    for cell in cells(chip).filter(|_| draft == Draft::Cells) {
        series::lay_rest(chip, &cell, &layers, netlist);
    }
    if wired && draft == Draft::Cells {
        wires::lay(chip, &layers, netlist);
    }
    for id in chip.fabric.model.free_layers() {
        node::lay_conveyors(chip, id, &layers[id.0], netlist);
        lay_neurons(chip, id, &layers[id.0], netlist);
    }
    supply::lay_droop(chip, netlist);
    lay_ports(chip, &layers, netlist)
}

/// The same devices with the nodes numbered as they are first mentioned, so that the netlist's
/// text reads back as the very same netlist. A node that no device touches is dropped.
fn in_order_of_mention(draft: &Netlist, ports: &mut Ports) -> Netlist {
    let mut netlist = Netlist::new();
    for (name, device) in draft.devices() {
        let mut renumber = |node: Node| netlist.node(draft.node_name(node));
        let args = device.args().into_iter().map(|arg| match arg {
            Arg::Node(node) => Arg::Node(renumber(node)),
            Arg::Nodes(nodes) => Arg::Nodes(nodes.into_iter().map(&mut renumber).collect()),
            Arg::Expression(law) => Arg::Expression(law.map(|probe| match *probe {
                Probe::Voltage(a, b) => Probe::Voltage(renumber(a), renumber(b)),
                other => other,
            })),
            other => other,
        });
        let args = args.collect();
        netlist.add(name.as_str(), (device.entry().build)(args));
    }
    let find = |node: &mut Node| {
        let name = draft.node_name(*node);
        *node = netlist.find_node(name).expect("every port of an array has a device");
    };
    let mut arrays = draft.arrays().to_vec();
    arrays.iter_mut().flat_map(|a| a.word.iter_mut().chain(&mut a.bit)).flatten().for_each(find);
    ports.layers.iter_mut().flat_map(|layer| &mut layer.nodes).for_each(find);
    arrays.into_iter().for_each(|array| netlist.add_array(array));
    netlist
}

/// Brings the values of a chip's netlist up to date after [`Chip::write`]. Devices, nodes and
/// whatever was set through the ports stay.
///
/// # Panics
/// If the netlist is not one that [`expand`] or [`expand_arrays`] made of this chip.
pub fn refresh(chip: &Chip, netlist: &mut Netlist) {
    let chip = &*chip.conducting();
    let draft = if netlist.arrays().is_empty() { Draft::Cells } else { Draft::Arrays };
    if draft == Draft::Arrays {
        arrays::refresh_tiles(chip, netlist);
    }
    let rows = chip.fabric.model.free_layers().flat_map(|id| {
        let plan = &chip.fabric.layers[id.0];
        let bias = chip.bias(id);
        plan.leak.clone().into_iter().zip(bias).flat_map(|(leak, bias)| [leak, bias])
    });
    let cells = cells(chip).filter(|_| draft == Draft::Cells).map(|cell| cell.g);
    supply::refresh(chip, netlist);
    for (place, value) in cells.chain(rows).enumerate() {
        match netlist.device_mut(DeviceId(place)) {
            Device::Resistor(resistor) => resistor.g = value,
            Device::BehaviouralCurrent(cell) => {
                let v0 = chip.nonideal.cell.v0.expect("a cell with a law of its own");
                *cell = BehaviouralCurrent::sinh(cell.p, cell.n, value * v0, v0);
            }
            Device::CurrentSource(source) => source.dc = value,
            other => panic!("device {place} is no cell, leak or bias: {other:?}"),
        }
    }
}

/// The nodes of every unit of every layer. A clamped unit has no summing node of its own.
fn pins(chip: &Chip, netlist: &mut Netlist) -> Vec<Vec<Pins>> {
    let (model, hardware) = (&chip.fabric.model, &chip.fabric.hardware);
    (0..model.layers.len())
        .map(|l| {
            let layer = &model.layers[l];
            (0..layer.size)
                .map(|i| {
                    let mut node = |part| netlist.node(&format!("{}.{i}.{part}", layer.name));
                    let clamped = LayerId(l) == model.clamp;
                    let input = if clamped { Node::GROUND } else { node("u") };
                    let skewed = !clamped && chip.has_skew();
                    let sense = if skewed { node("sense") } else { input };
                    let apart = !clamped && hardware.summing == Summing::VirtualGround;
                    let line = if apart { node("line") } else { input };
                    Pins { input, line, sense, output: node("v"), inverse: node("vn") }
                })
                .collect()
        })
        .collect()
}

/// Which of the two lines of an input a cell hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

impl Sign {
    const BOTH: [Sign; 2] = [Sign::Plus, Sign::Minus];
}

/// A cell in its place.
#[derive(Clone, Copy)]
struct Cell<'a> {
    array: &'a Array,
    /// Its place in the fabric.
    of: usize,
    tile: usize,
    sign: Sign,
    post: usize,
    pre: usize,
    g: Siemens,
}

impl Cell<'_> {
    /// `input-hidden.t0.p.3.5`, with what part of the cell is meant before the sign.
    fn name(&self, part: &str) -> String {
        let sign = match self.sign {
            Sign::Plus => "p",
            Sign::Minus => "n",
        };
        format!("{}.t{}.{part}{sign}.{}.{}", self.array.name, self.tile, self.post, self.pre)
    }

    /// The line that drives the cell's word line.
    fn driver(&self, layers: &[Vec<Pins>]) -> Node {
        let unit = &layers[self.array.pre.0][self.pre];
        match self.sign {
            Sign::Plus => unit.output,
            Sign::Minus => unit.inverse,
        }
    }
}

/// All cells of a chip: by array, tile, bit line, then word line.
fn cells(chip: &Chip) -> impl Iterator<Item = Cell<'_>> {
    let arrays = chip.fabric.arrays.iter().zip(&chip.cells).enumerate();
    arrays.flat_map(|(of, (array, made))| {
        (0..array.tiles.len()).flat_map(move |tile| tile_cells(array, of, made, tile))
    })
}

fn tile_cells<'a>(
    array: &'a Array,
    of: usize,
    made: &'a Cells,
    tile: usize,
) -> impl Iterator<Item = Cell<'a>> {
    let block = &array.tiles[tile];
    block.post.clone().flat_map(move |post| {
        block.pre.clone().flat_map(move |pre| {
            Sign::BOTH.map(|sign| {
                let of_sign = match sign {
                    Sign::Plus => &made.plus,
                    Sign::Minus => &made.minus,
                };
                let g = of_sign[(post, pre)];
                Cell { array, of, tile, sign, post, pre, g }
            })
        })
    })
}

/// A cell as [`expand`] lays it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaidCell {
    /// By place in [`crate::compile::Fabric::arrays`].
    pub array: usize,
    /// 0 on the positive line, 1 on the negative one.
    pub sign: usize,
    pub post: usize,
    pub pre: usize,
    pub g: Siemens,
}

/// The cells of a chip in the order of their devices, the first of the netlist that [`expand`]
/// makes.
pub fn laid_cells(chip: &Chip) -> impl Iterator<Item = LaidCell> + '_ {
    cells(chip).map(|cell| LaidCell {
        array: cell.of,
        sign: usize::from(cell.sign == Sign::Minus),
        post: cell.post,
        pre: cell.pre,
        g: cell.g,
    })
}

fn lay_neurons(chip: &Chip, id: LayerId, units: &[Pins], netlist: &mut Netlist) {
    let hardware = &chip.fabric.hardware;
    let circuit = &hardware.neurons[id.0];
    let made = chip.units(id).unwrap_or_default();
    // Where wires are laid, their capacitance lies along them.
    let laid = if chip.nonideal.wire.is_ideal() { 1.0 } else { chip.line_load(id) };
    let capacitance: Vec<f64> = made.iter().map(|unit| unit.capacitance / laid).collect();
    if chip.has_skew() {
        node::lay_skew(&chip.fabric.model.layer(id).name, units, &made, netlist);
    }
    let name = &chip.fabric.model.layer(id).name;
    let held = amplifier::lay(&chip.nonideal.periphery.amplifier, name, units, netlist);
    let held = held.as_deref().unwrap_or(units);
    let full = chip.nonideal.periphery.supply.map(|_| supply::lay(name, held, netlist));
    let site = Site {
        layer: name,
        units: full.as_deref().unwrap_or(held),
        gain: chip.fabric.layers[id.0].gain,
        v_unit: hardware.v_unit,
        c_node: hardware.c_node,
        capacitance: &capacitance,
    };
    if let Err(fault) = circuit.lay(&site, netlist) {
        panic!("neuron circuit `{}`: {fault}", circuit.name);
    }
}

/// The sources of the inputs, the nudge of the read layer, and where both are found.
fn lay_ports(chip: &Chip, layers: &[Vec<Pins>], netlist: &mut Netlist) -> Ports {
    let model = &chip.fabric.model;
    let clamp = model.layer(model.clamp);
    let mut source = |p: Node| {
        let name = netlist.node_name(p).to_string();
        netlist.add(name, VoltageSource { p, n: Node::GROUND, dc: 0.0, ..Default::default() })
    };
    let sources =
        layers[model.clamp.0].iter().map(|u| [source(u.output), source(u.inverse)]).collect();
    let read = &model.layer(model.read).name;
    let ground = Node::GROUND;
    let read_units = chip.units(model.read);
    let scale = chip.fabric.layers[model.read.0].scale;
    let nudge = layers[model.read.0].iter().enumerate().map(|(i, unit)| {
        let [mut current, mut pull] = [(); 2].map(|()| (ground, unit.input));
        if let Some((limit, knee)) = chip.nonideal.periphery.nudge.compliance {
            // The currents meet at a node of their own, whose voltage a limited source follows.
            let demand = netlist.node(&format!("{read}.{i}.demand"));
            let limited = Limited { demand, node: unit.input, scale, limit, knee };
            limited.lay(&format!("{read}.{i}"), netlist);
            (current, pull) = ((demand, ground), (ground, demand));
        }
        let (p, n) = current;
        let current = CurrentSource { p, n, dc: 0.0, ..Default::default() };
        let (p, n) = pull;
        let output = amplifier::output(&chip.nonideal.periphery.amplifier, read, i, unit, netlist);
        let pull = Vccs { p, n, cp: output, cn: ground, gm: 0.0 };
        NudgePort {
            current: netlist.add(format!("{read}.{i}.nudge"), current),
            pull: netlist.add(format!("{read}.{i}.pull"), pull),
            mirror: read_units.as_ref().map_or(1.0, |units| units[i].nudge),
        }
    });
    let nudge = nudge.collect();
    let free: Vec<LayerId> = model.free_layers().collect();
    let layer_port = |&id: &LayerId| LayerPort {
        name: model.layer(id).name.clone(),
        activation: model.layer(id).activation,
        gain: chip.fabric.layers[id.0].gain,
        nodes: layers[id.0].iter().map(|u| u.input).collect(),
        skew: match chip.units(id).filter(|_| chip.has_skew()) {
            Some(units) => units.iter().map(|unit| (unit.gain, unit.offset)).collect(),
            None => Vec::new(),
        },
    };
    Ports {
        v_unit: chip.fabric.hardware.v_unit,
        clamp: ClampPort { name: clamp.name.clone(), activation: clamp.activation, sources },
        layers: free.iter().map(layer_port).collect(),
        read: free.iter().position(|&id| id == model.read).expect("the read layer is free"),
        nudge,
        nudge_scale: scale,
    }
}
