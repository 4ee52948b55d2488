//! Between a network's dimensionless numbers and the sources and nodes that stand for them.

use std::sync::Arc;

use super::super::{Drive, Nudge};
use super::arrays::port_conductances;
use super::lag::{self, Lag};
use crate::compile::Chip;
use crate::model::State;
use crate::netlist::{Device, DeviceId, Netlist, Node, NudgePort, Ports};
use crate::numerics::Mat;
use crate::numerics::dae::{Dae, Instant, Stamps};
use crate::numerics::linear::{Elimination, SparseLu};
use crate::units::Siemens;

/// What is known of a network's circuit beside its ports.
#[derive(Debug)]
pub(super) struct Driver {
    /// The place of the clamped layer in a state.
    clamp: usize,
    /// The unknowns of all summing nodes, layer by layer.
    pub nodes: Vec<usize>,
    /// A net current into a summing node, in units of its force: `gain / (v_unit G)`, with `G`
    /// the conductance that the node sees while all neurons' outputs are held.
    pub force: Vec<f64>,
    /// `x` in volts at each summing node, `v_unit / gain`.
    pub volts: Vec<f64>,
    /// The offset of each neuron \[V\]; empty where none has any.
    offsets: Vec<f64>,
    /// The amplifiers that lag behind the neurons.
    lags: Vec<Lag>,
}

impl Driver {
    pub fn new(
        netlist: &Netlist,
        ports: &Ports,
        clamp: usize,
        elimination: &Arc<Elimination>,
    ) -> Driver {
        let mut driver = Driver {
            clamp,
            nodes: Vec::new(),
            force: Vec::new(),
            volts: Vec::new(),
            offsets: Vec::new(),
            lags: lag::of_netlist(netlist, ports),
        };
        let skewed = ports.layers.iter().any(|layer| !layer.skew.is_empty());
        for layer in &ports.layers {
            for (i, &node) in layer.nodes.iter().enumerate() {
                let skew = layer.skew.get(i);
                driver.nodes.push(netlist.unknown_of(node).expect("a summing node is not ground"));
                let gain = skew.map_or(layer.gain, |(factor, _)| factor * layer.gain);
                driver.volts.push(ports.v_unit / gain);
                if skewed {
                    driver.offsets.push(skew.map_or(0.0, |(_, offset)| *offset));
                }
            }
        }
        let totals = driving_conductances(netlist, &driver.nodes, elimination);
        driver.force = totals.iter().zip(&driver.volts).map(|(g, v)| 1.0 / (g * v)).collect();
        driver
    }

    /// The largest magnitude of the force, from the net currents `I`, or of how far an amplifier
    /// lags behind.
    pub fn residual(&self, currents: &[f64]) -> f64 {
        let forces = self.nodes.iter().zip(&self.force).map(|(&k, force)| currents[k] * force);
        let behind = self.lags.iter().map(|lag| lag.behind(currents));
        forces
            .chain(behind)
            .fold(0.0, |top: f64, f| if f.abs() > top || f.is_nan() { f.abs() } else { top })
    }

    /// The states of a batch from the voltages of the summing nodes, a row a sample.
    pub fn state(&self, ports: &Ports, clamp: &Mat, voltages: &[Vec<f64>]) -> State {
        let mut state = State::new();
        let mut first = 0;
        for layer in &ports.layers {
            let scale = layer.gain / ports.v_unit;
            let size = layer.nodes.len();
            let seen = |u: f64, i: usize| match layer.skew.get(i) {
                Some((factor, offset)) => factor * (u + offset),
                None => u,
            };
            state.push(Mat::from_fn(voltages.len(), size, |s, i| {
                seen(voltages[s][first + i], i) * scale
            }));
            first += size;
        }
        state.insert(self.clamp, clamp.clone());
        state
    }

    /// The unknowns of a sample at the start: summing nodes at the state's row or at rest, all
    /// else at zero, but for amplifiers that lag, which rest where the state leaves them.
    pub fn start(
        &self,
        (ports, chip): (&Ports, Option<&Chip>),
        dim: usize,
        state: Option<(&State, usize)>,
    ) -> Vec<f64> {
        let mut x = vec![0.0; dim];
        if let Some((state, s)) = state {
            let free = state.iter().enumerate().filter(|(l, _)| *l != self.clamp);
            let values = free.flat_map(|(_, layer)| layer.row(s));
            for ((&k, volts), value) in self.nodes.iter().zip(&self.volts).zip(values) {
                x[k] = value * volts;
            }
            for (&k, offset) in self.nodes.iter().zip(&self.offsets) {
                x[k] -= offset;
            }
            lag::start(&self.lags, (ports, chip), state, (self.clamp, s), &mut x);
        }
        x
    }

    /// Sets the sources of sample `s`, those of the inputs to their activations, or those given
    /// for them.
    pub fn drive(
        &self,
        netlist: &mut Netlist,
        ports: &Ports,
        drive: &Drive,
        lines: Option<&Mat>,
        s: usize,
    ) {
        let inputs = drive.clamp.row(s);
        let mut xhat = vec![0.0; inputs.len()];
        match lines {
            Some(lines) => xhat.copy_from_slice(lines.row(s)),
            None => ports.clamp.activation.row(inputs, &mut xhat),
        }
        for (sources, xhat) in ports.clamp.sources.iter().zip(xhat) {
            for (&source, sign) in sources.iter().zip([1.0, -1.0]) {
                set_voltage(netlist, source, sign * ports.v_unit * xhat);
            }
        }
        let nodes = &ports.layers[ports.read].nodes;
        for (i, (port, &node)) in ports.nudge.iter().zip(nodes).enumerate() {
            let (force, pull) = match &drive.nudge {
                Nudge::None => (0.0, 0.0),
                Nudge::Toward { target, beta } => (beta * target[(s, i)], *beta),
                Nudge::Force(force) => (force[(s, i)], 0.0),
            };
            let scale = ports.nudge_scale * port.mirror;
            nudge(netlist, port, node, scale * ports.v_unit * force, scale * pull);
        }
    }
}

fn set_voltage(netlist: &mut Netlist, source: DeviceId, volts: f64) {
    match netlist.device_mut(source) {
        Device::VoltageSource(source) => source.dc = volts,
        other => panic!("a clamp port is a voltage source, not a {}", other.key()),
    }
}

/// Pushes a current into the summing node, and draws `pull` times the neuron's output from it.
fn nudge(netlist: &mut Netlist, port: &NudgePort, node: Node, current: f64, pull: Siemens) {
    match netlist.device_mut(port.current) {
        Device::CurrentSource(source) => {
            source.dc = if source.n == node { current } else { -current };
        }
        other => panic!("a nudge port is a current source, not a {}", other.key()),
    }
    match netlist.device_mut(port.pull) {
        Device::Vccs(source) => {
            source.gm = if source.p == node { pull } else { -pull };
        }
        other => panic!("a nudge port pulls by a vccs, not a {}", other.key()),
    }
}

/// The conductance into which a current at each of these nodes flows while the outputs of all
/// amplifiers are held.
fn driving_conductances(
    netlist: &Netlist,
    nodes: &[usize],
    elimination: &Arc<Elimination>,
) -> Vec<Siemens> {
    let held = without_gain(netlist);
    let pattern = elimination.pattern();
    let mut stamps = Stamps::new(pattern);
    stamps.take(&held, Instant::Rest, &vec![0.0; held.dim()]);
    let slopes = stamps.current_slopes();
    let own = |k: usize| slopes[pattern.diagonal()[k] as usize];
    if !netlist.arrays().is_empty() {
        // With the far side of every crossbar held, as it nearly is by the outputs.
        let seen = port_conductances(netlist);
        return nodes.iter().map(|&k| own(k) + seen[k]).collect();
    }
    let wired = joins_free_nodes(netlist, elimination, slopes);
    if nodes.iter().all(|&k| !wired[k]) {
        return nodes.iter().map(|&k| own(k)).collect();
    }
    let mut lu = SparseLu::new(elimination);
    if lu.factor(slopes).and_then(|()| lu.check(slopes)).is_err() {
        return nodes.iter().map(|&k| own(k)).collect();
    }
    let mut response = vec![0.0; held.dim()];
    let driven = |&k: &usize| {
        response.fill(0.0);
        response[k] = 1.0;
        lu.solve(&mut response);
        1.0 / response[k]
    };
    nodes.iter().map(driven).collect()
}

/// The netlist with amplifiers that do not answer.
fn without_gain(netlist: &Netlist) -> Netlist {
    let mut held = netlist.clone();
    for id in (0..netlist.devices().len()).map(DeviceId) {
        match held.device_mut(id) {
            Device::Amplifier(amplifier) => amplifier.gain = 0.0,
            Device::SoftmaxAmplifier(amplifier) => amplifier.gain = 0.0,
            _ => {}
        }
    }
    held
}

/// Whether the current balance of each node depends on another node that nothing forces.
fn joins_free_nodes(netlist: &Netlist, elimination: &Elimination, slopes: &[f64]) -> Vec<bool> {
    let pattern = elimination.pattern();
    let forced = netlist.forced_nodes();
    let mut joins = vec![false; netlist.dim()];
    for col in (0..netlist.potentials()).filter(|&col| !forced[col + 1]) {
        let slots = pattern.col_starts()[col]..pattern.col_starts()[col + 1];
        for (&row, &slope) in pattern.row_indices()[slots.clone()].iter().zip(&slopes[slots]) {
            joins[row] |= row != col && slope != 0.0;
        }
    }
    joins
}
