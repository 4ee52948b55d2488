//! Operating points of netlists with crossbars: solved by their structure, or, where that does not
//! converge, with every cell as a device.

use crate::netlist::{Array, Netlist, Node};
use crate::numerics::coupled::{Attached, Attachments, Balance, Coupled};
use crate::numerics::crossbar;
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

/// The operating point from `x` on. Where the crossbars cannot be coupled to the rest, and they are
/// small, every cell becomes a device.
///
/// # Errors
/// When neither way leads to one, with what stopped the first.
pub(super) fn rest(
    netlist: &Netlist,
    attached: &Attachments,
    x: &mut [f64],
) -> Result<Rest, Failure> {
    let start = x.to_vec();
    let mut coupled = Coupled::new(netlist, attached);
    match coupled.equilibrium(x) {
        Ok(balance) => {
            let currents = coupled.currents().to_vec();
            let iterations = balance.rounds;
            Ok(Rest { balance: Some(balance), currents, iterations, work: coupled.work })
        }
        Err(failure) => {
            x.copy_from_slice(&start);
            let places: usize = netlist.arrays().iter().map(Array::places).sum();
            let small = netlist.potentials() + places <= MOST_NODES;
            let found = small.then(|| of_every_cell(netlist, &netlist.flat(), x));
            found.flatten().ok_or(failure)
        }
    }
}

fn of_every_cell(netlist: &Netlist, flat: &Netlist, x: &mut [f64]) -> Option<Rest> {
    let elimination = Elimination::of(&Pattern::of(flat));
    let mut solver = Solver::new(flat, &elimination);
    let nodes = netlist.potentials();
    let mut all = vec![0.0; flat.dim()];
    all[..nodes].copy_from_slice(&x[..nodes]);
    all[flat.potentials()..].copy_from_slice(&x[nodes..]);
    let iterations = solver.equilibrium(&mut all).ok()?;
    let kept = |all: &[f64]| [&all[..nodes], &all[flat.potentials()..]].concat();
    x.copy_from_slice(&kept(&all));
    let currents = kept(solver.evaluate(Instant::Rest, &all).currents());
    Some(Rest { balance: None, currents, iterations, work: solver.work })
}
