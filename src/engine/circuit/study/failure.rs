//! What stood against a solution, in the circuit's own words.

use std::collections::VecDeque;

use super::super::super::Outcome;
use crate::netlist::{DeviceId, Fault, Netlist, Node};
use crate::numerics::dae::{Dae, Instant, Stamps};
use crate::numerics::newton::Failure;
use crate::numerics::rest::{NotFound, Way};

/// A solver's failure as an outcome, its unknown by name; `x` is where it happened.
pub(in super::super) fn failed(netlist: &Netlist, failure: Failure, x: &[f64]) -> Outcome {
    match failure {
        Failure::NotConverged { unknown, iteration } => {
            Outcome::NewtonFailed { node: netlist.name(unknown), iteration }
        }
        Failure::Singular { unknown } => singular(netlist, unknown),
        Failure::StepTooShort { unknown, at } => Outcome::StepTooShort {
            node: netlist.name(unknown),
            element: busiest(netlist, unknown, Instant::At(at), x),
            at,
        },
    }
}

/// No way led to an operating point.
pub(super) fn not_found(netlist: &Netlist, none: NotFound, at: Option<String>) -> Outcome {
    match none.failure {
        Failure::Singular { unknown } => singular(netlist, unknown),
        Failure::NotConverged { unknown, .. } | Failure::StepTooShort { unknown, .. } => {
            let ways: Vec<&str> = match none.iterations {
                // Crossbars too large to become devices.
                0 => vec!["line elimination of the crossbars"],
                _ => Way::ALL.iter().map(|way| way.words()).collect(),
            };
            Outcome::NoOperatingPoint {
                node: netlist.name(unknown),
                tried: ways.join(", "),
                iterations: none.iterations,
                at,
            }
        }
    }
}

/// A singular matrix: a loop of sources, if there is one, or else the unknown.
fn singular(netlist: &Netlist, unknown: usize) -> Outcome {
    for fault in netlist.faults() {
        if let Fault::ForcedLoop { device } = fault {
            return Outcome::SourceLoop { devices: loop_of(netlist, device) };
        }
    }
    match unknown < netlist.potentials() {
        true => Outcome::Singular { node: netlist.name(unknown) },
        false => Outcome::SingularCurrent { element: netlist.name(unknown) },
    }
}

/// The first device whose currents are no finite numbers at `x`.
pub(super) fn not_finite(netlist: &Netlist, at: Instant, x: &[f64]) -> Option<Outcome> {
    let mut sums = Stamps::without_slopes(netlist.dim(), netlist.memory());
    // Sums stay infinite, or no number, from the first such current on.
    let first = (0..netlist.devices().len()).find(|&id| {
        netlist.stamp_device(DeviceId(id), at, x, &mut sums);
        id % SOME == 0 && sums.currents().iter().any(|i| !i.is_finite())
    });
    let last = first.map_or(netlist.devices().len(), |id| id + 1);
    let mut sums = Stamps::without_slopes(netlist.dim(), netlist.memory());
    for id in last.saturating_sub(SOME)..last {
        netlist.stamp_device(DeviceId(id), at, x, &mut sums);
        if sums.currents().iter().any(|i| !i.is_finite()) {
            return Some(Outcome::NotFinite { element: netlist.devices()[id].0.clone() });
        }
    }
    None
}

/// Devices between looks at the sums.
const SOME: usize = 256;

/// The devices that close a loop of forced voltages with `last`, that one first.
fn loop_of(netlist: &Netlist, last: DeviceId) -> Vec<String> {
    let forced = |id: usize| netlist.devices()[id].1.paths().into_iter().filter(|p| p.forces);
    let name = |id: usize| netlist.devices()[id].0.clone();
    for path in forced(last.0) {
        // The way from one end to the other through devices before it.
        let mut from: Vec<Option<(Node, usize)>> = vec![None; netlist.node_count()];
        let mut open = VecDeque::from([path.from]);
        while let Some(node) = open.pop_front().filter(|node| *node != path.to) {
            for id in 0..last.0 {
                for p in forced(id).filter(|p| p.from == node || p.to == node) {
                    let next = if p.from == node { p.to } else { p.from };
                    if next != path.from && from[next.0 as usize].is_none() {
                        from[next.0 as usize] = Some((node, id));
                        open.push_back(next);
                    }
                }
            }
        }
        let (mut devices, mut at) = (vec![name(last.0)], path.to);
        while let Some((before, id)) = from[at.0 as usize].filter(|_| at != path.from) {
            devices.push(name(id));
            at = before;
        }
        if at == path.from {
            return devices;
        }
    }
    vec![name(last.0)]
}

/// The device with the largest current at an unknown's node, or the unknown's own device.
fn busiest(netlist: &Netlist, unknown: usize, at: Instant, x: &[f64]) -> String {
    let mut sums = Stamps::without_slopes(netlist.dim(), netlist.memory());
    let mut most = (-1.0, netlist.name(unknown));
    for (id, (name, device)) in netlist.devices().iter().enumerate() {
        let rows: Vec<usize> =
            device.nodes().into_iter().filter_map(|node| netlist.unknown_of(node)).collect();
        if unknown < netlist.potentials() && rows.contains(&unknown) {
            netlist.stamp_device(DeviceId(id), at, x, &mut sums);
            let current = sums.take_row(unknown).0.abs();
            if current > most.0 {
                most = (current, name.clone());
            }
        }
    }
    most.1
}
