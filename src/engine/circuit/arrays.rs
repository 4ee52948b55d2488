//! Operating points of netlists with crossbars: solved by their structure, or, where that does not
//! converge, with every cell as a device.

use crate::netlist::{Array, Netlist, Node};
use crate::numerics::coupled::{Attached, Attachments, Balance, Coupled};
use crate::numerics::crossbar::{self, Wire};
use crate::numerics::dae::{Dae, Instant, Pattern, Stamps};
use crate::numerics::linear::Elimination;
use crate::numerics::newton::{Failure, Solver, Work};

/// The crossbars of a netlist, made ready.
///
/// # Errors
/// When one does not determine its voltages, with an unknown that it is joined to.
pub(super) fn attach(netlist: &Netlist) -> Result<Attachments, Failure> {
    let place = |&node: &Node| netlist.unknown_of(node).unwrap_or(Stamps::NOWHERE);
    let places = |ends: &[Vec<Node>; 2]| [0, 1].map(|e: usize| ends[e].iter().map(place).collect());
    let one = |array: &Array| match crossbar::Solver::new(array.crossbar.clone()) {
        Ok(solver) => Ok(Attached { solver, word: places(&array.word), bit: places(&array.bit) }),
        Err(_) => {
            let unknown = array.nodes().find_map(|node| netlist.unknown_of(node)).unwrap_or(0);
            Err(Failure::Singular { unknown })
        }
    };
    let arrays = netlist.arrays().iter().map(one).collect::<Result<_, _>>()?;
    Ok(Attachments::new(netlist, arrays, &held(netlist)))
}

/// Which unknowns are nodes that a source holds against ground.
fn held(netlist: &Netlist) -> Vec<bool> {
    let mut held = vec![false; netlist.dim()];
    netlist.forced().iter().for_each(|&(node, _)| held[node] = true);
    held
}

/// A netlist as its motion needs it: every cell a device.
pub(super) fn moving(netlist: Netlist) -> Netlist {
    if netlist.arrays().is_empty() {
        return netlist;
    }
    netlist.flat()
}

/// What the ports of crossbars see by themselves, at every unknown \[S\].
pub(super) fn port_conductances(netlist: &Netlist) -> Vec<f64> {
    let mut own = vec![0.0; netlist.dim()];
    for array in netlist.arrays() {
        let seen = array.crossbar.port_conductances();
        let ends = array.word.iter().zip(&seen.word).chain(array.bit.iter().zip(&seen.bit));
        for (node, g) in ends.flat_map(|(nodes, seen)| nodes.iter().zip(seen)) {
            if let Some(k) = netlist.unknown_of(*node) {
                own[k] += g;
            }
        }
    }
    own
}

/// An operating point of a netlist with crossbars.
pub(super) struct Rest {
    pub balance: Option<Balance>,
    /// Net currents into all equations, `I`.
    pub currents: Vec<f64>,
    pub iterations: usize,
    pub work: Work,
}

/// The most nodes that crossbars are taken apart to: of this size the sparse factors of two meshes of
/// wires still fit into memory and minutes.
const MOST_NODES: usize = 60_000;

/// How often switches may turn before one is taken to have no position.
pub(super) const TURNS: usize = 100;
/// Kirchhoff's law may fail within a crossbar by this share of its largest cell current, or, where no cell
/// carries anything, by this share of what its wires or its best cell would carry at the largest voltage.
const SOUND: f64 = 1e-6;
const NOTHING: f64 = 1e-8;

/// The operating point from `x` on. Where the crossbars cannot be
/// coupled to the rest, and they are small, every cell becomes a device.
///
/// # Errors
/// When neither way leads to one, with what stopped the first.
pub(super) fn rest(
    netlist: &Netlist,
    attached: &Attachments,
    x: &mut [f64],
) -> Result<Rest, Failure> {
    let start = x.to_vec();
    by_structure(netlist, attached, x, &mut vec![0.0; netlist.memory()]).or_else(|failure| {
        x.copy_from_slice(&start);
        let found = can_be_flat(netlist).then(|| of_every_cell(netlist, &netlist.flat(), x));
        found.flatten().ok_or(failure)
    })
}

/// The operating point from `x` on, crossbars solved by their structure.
///
/// # Errors
/// When they cannot be coupled to the rest, or what is found does not obey Kirchhoff's law.
pub(super) fn by_structure(
    netlist: &Netlist,
    attached: &Attachments,
    x: &mut [f64],
    memory: &mut [f64],
) -> Result<Rest, Failure> {
    let mut coupled = Coupled::new(netlist, attached);
    coupled.memory().copy_from_slice(memory);
    let mut iterations = 0;
    for _ in 0..=TURNS {
        let balance = coupled.equilibrium(x)?;
        iterations += balance.rounds;
        if coupled.remember(x) {
            continue;
        }
        if !is_sound(netlist, &balance, x) {
            break;
        }
        memory.copy_from_slice(coupled.memory());
        let currents = coupled.currents().to_vec();
        return Ok(Rest { balance: Some(balance), currents, iterations, work: coupled.work });
    }
    let unknown =
        netlist.arrays().iter().flat_map(Array::nodes).find_map(|n| netlist.unknown_of(n));
    Err(Failure::NotConverged { unknown: unknown.unwrap_or(0), iteration: iterations })
}

fn is_sound(netlist: &Netlist, balance: &Balance, x: &[f64]) -> bool {
    let volts = x[..netlist.potentials()].iter().fold(0.0, |top: f64, v| top.max(v.abs()));
    let least = netlist.arrays().iter().fold(f64::INFINITY, |least, array| {
        let crossbar = &array.crossbar;
        let cells = crossbar.conductance.iter().fold(0.0, |top: f64, g| top.max(g.abs()));
        let cell = if cells > 0.0 { cells } else { f64::INFINITY };
        let wires = [&crossbar.word.wire, &crossbar.bit.wire].map(|wire| match wire {
            Wire::Uniform(r) => 1.0 / r,
            Wire::Each(each) => 1.0 / each.iter().fold(0.0, |top: f64, r| top.max(*r)),
        });
        least.min(cell).min(wires[0]).min(wires[1])
    });
    balance.residual <= SOUND || balance.kirchhoff <= NOTHING * least * volts
}

/// Whether every cell may become a device.
pub(super) fn can_be_flat(netlist: &Netlist) -> bool {
    let places: usize = netlist.arrays().iter().map(Array::places).sum();
    netlist.potentials() + places <= MOST_NODES
}

/// Unknowns of a netlist in the order of its flat form, whose cells are at 0 V.
pub(super) fn flattened(netlist: &Netlist, flat: &Netlist, x: &[f64]) -> Vec<f64> {
    let nodes = netlist.potentials();
    let mut all = vec![0.0; flat.dim()];
    all[..nodes].copy_from_slice(&x[..nodes]);
    all[flat.potentials()..].copy_from_slice(&x[nodes..]);
    all
}

/// Those of a netlist among the unknowns of its flat form.
pub(super) fn unflattened(netlist: &Netlist, flat: &Netlist, all: &[f64]) -> Vec<f64> {
    [&all[..netlist.potentials()], &all[flat.potentials()..]].concat()
}

fn of_every_cell(netlist: &Netlist, flat: &Netlist, x: &mut [f64]) -> Option<Rest> {
    let elimination = Elimination::of(&Pattern::of(flat));
    let mut solver = Solver::new(flat, &elimination);
    let mut all = flattened(netlist, flat, x);
    let iterations = solver.equilibrium(&mut all).ok()?;
    x.copy_from_slice(&unflattened(netlist, flat, &all));
    let currents = unflattened(netlist, flat, solver.evaluate(Instant::Rest, &all).currents());
    Some(Rest { balance: None, currents, iterations, work: solver.work })
}
