//! The settings a file can hold, declared once and read as they are by the room that acts on
//! them. Everything is in SI units.

use std::path::PathBuf;

use super::chain::Chain;
use super::learning::{OptimiserRule, Rule, Schedule};
use super::nonideal::NonIdeal;
use super::reader::Resolved;
use super::solver::Solver;
use super::study::Study;
use super::sweep::Sweep;
use crate::data::DataSet;
use crate::model::EnergyModel;
use crate::netlist::{Netlist, Ports};
use crate::numerics::Activation;
use crate::units::{Farad, Second, Siemens, Volt};

/// One checked file.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub title: String,
    /// The root of all random streams.
    pub seed: u64,
    /// `chip-seed`: the root of those of the chip, `seed` if not given.
    pub chip_seed: u64,
    /// The file it was read from.
    pub path: PathBuf,
    pub subject: Subject,
    pub simulate: Simulate,
    /// What is asked of devices on nodes, where the file says it in full; `simulate` is then of no
    /// effect.
    pub study: Option<Study>,
    pub train: Option<Train>,
    pub gradcheck: GradCheck,
    pub expect: Vec<Expect>,
    pub sweep: Option<Sweep>,
    /// The file as understood, with every default filled in, as TOML text that reads back to the
    /// same `Spec`. Paths in it are relative to the folder of `path`.
    pub resolved: String,
    /// The files beside it that it names, in the order they were asked for; of a sweep, those of
    /// all values. What a deck includes and known data sets, which have checksums, are not among
    /// them.
    pub files: Vec<PathBuf>,
    /// What was read and makes no difference, a line each; of decks only.
    pub notes: Vec<String>,
    /// What `resolved` is the text of.
    pub(super) tree: Resolved,
}

/// What a file describes: a network with the hardware to put it on, digital and analog blocks in a
/// row, or devices on nodes.
// There is one a file: what it takes does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    Network { model: EnergyModel, hardware: Box<Hardware>, nonideal: NonIdeal },
    Chain(Box<Chain>),
    Devices { netlist: Box<Netlist>, ports: Option<Ports> },
}

/// `[hardware]`: what the network is put on.
#[derive(Debug, Clone, PartialEq)]
pub struct Hardware {
    /// The neuron circuit of each layer, in layer order (the clamped layer's is its driver).
    pub neurons: Vec<NeuronCircuit>,
    /// `array`: one tile a direction, or one tile used both ways.
    pub array: ArrayStyle,
    /// `pair`: how a pair of cells stands for a weight.
    pub pair: PairStyle,
    /// Where bit lines end: passive in networks, in virtual grounds in blocks of a chain.
    pub summing: Summing,
    /// `tile`: most input pairs and outputs of one tile.
    pub tile: [usize; 2],
    /// `rows`: the order of the word lines of a tile, which matters where they have wires.
    pub rows: Rows,
    /// `g-min`: the least conductance of a cell.
    pub g_min: Siemens,
    /// `g-max`: the largest conductance of a cell.
    pub g_max: Siemens,
    /// `g-leak`: the least leak of a summing node.
    pub g_leak: Siemens,
    /// `c-node`: capacitance of a summing node.
    pub c_node: Farad,
    /// `v-unit`: the voltage that stands for an activation of 1.
    pub v_unit: Volt,
    /// `w-max`: the weight that `g-max` stands for; `None` takes the largest weight. A file that
    /// trains has 1 here if it says nothing, so that weights have room to grow.
    pub w_max: Option<f64>,
    /// `headroom`: how far the weights of a row may grow together: the row balance is designed for
    /// so many times the fullest row's weights. 1, and 4 in a file that trains.
    pub headroom: f64,
    /// `clip`: whether weights beyond `w-max` are clipped (else they are a mistake).
    pub clip: bool,
}

/// How the two directions of a coupling share cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ArrayStyle {
    /// Twin tiles, one a direction, each with its own cells.
    #[default]
    Twin,
    /// One tile used both ways: symmetric by construction.
    Shared,
}

/// Where the currents of a node's cells are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Summing {
    /// On the node itself, whose conductance they are part of.
    #[default]
    Passive,
    /// On lines held at ground, whose current is then pushed into the node: what hangs on a line
    /// has no part in the node's conductance.
    VirtualGround,
}

/// How a pair of cells stands for a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PairStyle {
    /// One cell carries it above `g-min`: plus where it is positive, minus where it is negative.
    #[default]
    OneSided,
    /// The plus cell carries it above or below the middle of the window, at which the minus cell
    /// stands: weights go half as far for the same conductance.
    Reference,
}

/// The order of the word lines of a tile of differential cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rows {
    /// `+0 -0 +1 -1 ...`: what a cell and its partner lose along the wires is nearly the same.
    #[default]
    Interleaved,
    /// `+0 +1 ... -0 -1 ...`
    Block,
}

/// A neuron circuit from the library: devices with `$parameters` still in them.
///
/// Parameters: `$gain` (dimensionless), `$v-unit` \[V\], `$c-node` \[F\]; pins `$in` (summing
/// node), `$sense` (the same as the amplifier sees it, with its errors; draws no current), `$out`
/// and `$inv` (the activation, and its negative). A circuit of `per_unit` devices is laid once a
/// unit; one of `per_layer` devices once a layer, its pins lists of nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct NeuronCircuit {
    /// Its name in the library, such as `neuron/tanh`.
    pub name: String,
    /// What it claims to compute.
    pub activation: Activation,
    pub per_unit: Vec<TemplateDevice>,
    pub per_layer: Vec<TemplateDevice>,
}

/// A device of a template: the device's word in the roll, and its arguments as written, where
/// `$name` stands for a parameter or pin.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateDevice {
    pub name: String,
    pub kind: String,
    pub args: Vec<(String, TemplateArg)>,
}

/// An argument of a template's device.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateArg {
    /// `$name`
    Parameter(String),
    /// An SI number.
    Number(f64),
    /// A node local to the circuit, `"0"` for ground, or a word.
    Word(String),
}

/// `[simulate]`
#[derive(Debug, Clone, PartialEq)]
pub struct Simulate {
    pub engine: Fidelity,
    pub analysis: Analysis,
    /// `until.settled`, in units of `x`.
    pub settled: f64,
    /// `until.at-most`
    pub at_most: Second,
    /// `until.iterations`
    pub at_most_iterations: usize,
    /// `points`: moments kept of the way there.
    pub points: usize,
    /// `precision`: single (batched engines only) or double.
    pub precision: Precision,
    /// `solver` of the ideal engine.
    pub solver: Solver,
    /// The samples; `None` when the subject takes none.
    pub inputs: Option<DataSet>,
    /// `nudge.beta`: pull the read layer toward the one-hot labels.
    pub nudge: Option<f64>,
}

/// Which engine: where the lowering stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fidelity {
    /// Fixed point of the energy.
    Ideal,
    /// Batched ODE of the arrays.
    #[default]
    Behavioural,
    /// Nodal analysis of every cell.
    Circuit,
}

/// What is asked of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Analysis {
    /// The equilibrium.
    Op,
    /// The way there.
    Tran,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    F32,
    #[default]
    F64,
}

/// `[train]`: learning in place.
#[derive(Debug, Clone, PartialEq)]
pub struct Train {
    /// `rule`
    pub rule: Rule,
    /// What is learned from, with labels.
    pub data: DataSet,
    /// What accuracy is measured on, with labels.
    pub test: DataSet,
    /// `epochs`: passes through the data.
    pub epochs: usize,
    /// `batch`: samples of one update.
    pub batch: usize,
    /// `optimiser`
    pub optimiser: OptimiserRule,
    /// `optimiser.rate`: the learning rate at the start.
    pub rate: f64,
    /// `schedule` of the rate.
    pub schedule: Schedule,
    /// `precision` of the behavioural engine.
    pub precision: Precision,
    /// `until.settled`, in units of `x`.
    pub settled: f64,
    /// `until.at-most`
    pub at_most: Second,
    /// `until.iterations`
    pub at_most_iterations: usize,
}

/// `[gradcheck]`: how closely the gradient of `[train] rule` is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradCheck {
    /// `samples`: the first of the training data.
    pub samples: usize,
    /// `entries`: of each tensor, so many are also held against finite differences.
    pub entries: usize,
    /// `settled`: tolerance of the residual, in units of `x`; of a chain, relative to the states.
    pub settled: f64,
    /// `beta`: strength of the nudge, where it is not to be that of the rule.
    pub beta: Option<f64>,
}

impl Default for GradCheck {
    fn default() -> GradCheck {
        GradCheck { samples: 8, entries: 12, settled: 1e-10, beta: None }
    }
}

/// What can be done with a file so that figures come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    Simulate,
    Evaluate,
    Train,
    Gradcheck,
    Sweep,
}

impl Verb {
    pub const ALL: [Verb; 5] =
        [Verb::Simulate, Verb::Evaluate, Verb::Train, Verb::Gradcheck, Verb::Sweep];

    /// The word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Simulate => "simulate",
            Verb::Evaluate => "evaluate",
            Verb::Train => "train",
            Verb::Gradcheck => "gradcheck",
            Verb::Sweep => "sweep",
        }
    }

    /// The verb of this name.
    pub fn named(name: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

/// One line of `[expect]`: a figure of the run and its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// The name of one of [`super::FIGURES`], or `v(node)` of a device netlist.
    pub figure: String,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
}
