//! The unknowns of a netlist, and what is asked of its devices beside them, as columns.

use crate::data::waves::{Column, ColumnKind, Values, Waves};
use crate::netlist::{DeviceId, Netlist};
use crate::numerics::dae::{Dae, Instant, Quantity, Stamps};

/// What of a device is asked that is no unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The power that it takes \[W\].
    Power,
    /// The current into its first terminal \[A\].
    Current,
}

/// Something of a device at every point.
#[derive(Debug, Clone)]
struct Probe {
    name: String,
    device: DeviceId,
    asked: Asked,
}

/// Collects columns point by point.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    netlist: &'a Netlist,
    probes: Vec<Probe>,
    axis: Option<(String, ColumnKind, Vec<f64>)>,
    /// `[unknowns and probes][points]`
    values: Vec<Vec<f64>>,
    sums: Stamps,
}

/// A point of an analysis.
pub(super) struct At<'a> {
    pub instant: Instant,
    pub x: &'a [f64],
    /// Zero at rest.
    pub slope: Option<&'a [f64]>,
    pub memory: &'a [f64],
}

impl<'a> Columns<'a> {
    /// Columns of all unknowns, and of those of `signals` that are the power or the current of a
    /// device.
    pub fn new(netlist: &'a Netlist, signals: &[String]) -> Columns<'a> {
        let names = netlist.unknown_names();
        let mut probes: Vec<Probe> = Vec::new();
        for signal in signals {
            let known = names.iter().chain(probes.iter().map(|p| &p.name));
            if known.into_iter().all(|name| !name.eq_ignore_ascii_case(signal)) {
                probes.extend(Probe::of(netlist, signal));
            }
        }
        let values = vec![Vec::new(); names.len() + probes.len()];
        let sums = Stamps::without_slopes(netlist.dim(), netlist.memory());
        Columns { netlist, probes, axis: None, values, sums }
    }

    pub fn with_axis(self, name: &str, kind: ColumnKind) -> Columns<'a> {
        Columns { axis: Some((name.to_owned(), kind, Vec::new())), ..self }
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// Appends a point.
    pub fn push(&mut self, axis: f64, at: &At) {
        if let Some((_, _, values)) = &mut self.axis {
            values.push(axis);
        }
        let (unknowns, rest) = self.values.split_at_mut(at.x.len());
        unknowns.iter_mut().zip(at.x).for_each(|(column, x)| column.push(*x));
        if !self.probes.is_empty() {
            self.sums.memory.copy_from_slice(at.memory);
        }
        for (column, probe) in rest.iter_mut().zip(&self.probes) {
            column.push(probe.value(self.netlist, at, &mut self.sums));
        }
    }

    pub fn into_waves(self, plot: &str) -> Waves {
        let names = self.netlist.unknown_names();
        let kinds = (0..names.len()).map(|k| kind(self.netlist, k, &names[k]));
        let unknowns = names.iter().cloned().zip(kinds);
        let probes = self.probes.iter().map(|probe| (probe.name.clone(), probe.kind()));
        let mut columns: Vec<Column> = self
            .axis
            .into_iter()
            .map(|(name, kind, values)| Column { name, kind, values: Values::Real(values) })
            .collect();
        columns.extend(
            unknowns.chain(probes).zip(self.values).map(|((name, kind), values)| Column {
                name,
                kind,
                values: Values::Real(values),
            }),
        );
        Waves { title: String::new(), plot: plot.to_owned(), columns }
    }
}

/// What the column of an unknown holds.
pub(super) fn kind(netlist: &Netlist, unknown: usize, name: &str) -> ColumnKind {
    match netlist.quantity(unknown) {
        Quantity::Potential => ColumnKind::Voltage,
        Quantity::Flow | Quantity::Inertia if name.starts_with("i(") => ColumnKind::Current,
        Quantity::Flow | Quantity::Inertia | Quantity::State => ColumnKind::Other,
    }
}

impl Probe {
    /// `p(device)` or `i(device)`; `None` for another signal or an unknown device.
    fn of(netlist: &Netlist, signal: &str) -> Option<Probe> {
        let (head, rest) = signal.split_once('(')?;
        let device = rest.strip_suffix(')')?.trim();
        let asked = match head.trim() {
            "p" | "P" => Asked::Power,
            "i" | "I" => Asked::Current,
            _ => return None,
        };
        let place =
            netlist.devices().iter().position(|(name, _)| name.eq_ignore_ascii_case(device))?;
        Some(Probe { name: signal.to_owned(), device: DeviceId(place), asked })
    }

    fn kind(&self) -> ColumnKind {
        match self.asked {
            Asked::Power => ColumnKind::Power,
            Asked::Current => ColumnKind::Current,
        }
    }

    fn value(&self, netlist: &Netlist, at: &At, sums: &mut Stamps) -> f64 {
        let flows = flows(netlist, self.device, at, sums);
        match self.asked {
            Asked::Power => flows.iter().map(|&(row, current)| at.x[row] * current).sum(),
            Asked::Current => first_current(netlist, self.device, &flows),
        }
    }
}

/// Into the first terminal, or out of all others where that is ground.
fn first_current(netlist: &Netlist, device: DeviceId, flows: &[(usize, f64)]) -> f64 {
    let first = netlist.device(device).nodes().first().copied();
    match first.and_then(|node| netlist.unknown_of(node)) {
        Some(row) => flows.iter().find(|flow| flow.0 == row).map_or(0.0, |flow| flow.1),
        None => -flows.iter().map(|flow| flow.1).sum::<f64>(),
    }
}

/// The currents from a device's nodes into it, what charges it included.
fn flows(netlist: &Netlist, device: DeviceId, at: &At, sums: &mut Stamps) -> Vec<(usize, f64)> {
    /// How far the unknowns are moved for the slope of the charges, in their units.
    const FAR: f64 = 1e-4;
    let nodes = netlist.device(device).nodes();
    let mut rows: Vec<usize> = nodes.iter().filter_map(|&n| netlist.unknown_of(n)).collect();
    rows.sort_unstable();
    rows.dedup();
    let own = netlist.own_unknowns(device);
    let mut ask = |x: &[f64]| -> Vec<(f64, f64)> {
        netlist.stamp_device(device, at.instant, x, sums);
        own.clone().for_each(|row| _ = sums.take_row(row));
        rows.iter().map(|&row| sums.take_row(row)).collect()
    };
    let now = ask(at.x);
    let mut currents: Vec<f64> = now.iter().map(|(current, _)| *current).collect();
    let fastest = at.slope.map_or(0.0, |slope| {
        rows.iter().copied().chain(own.clone()).map(|row| slope[row].abs()).fold(0.0, f64::max)
    });
    if let Some(slope) = at.slope.filter(|_| fastest > 0.0) {
        let step = FAR / fastest;
        let mut x = at.x.to_vec();
        let mut moved = |step: f64| {
            for row in rows.iter().copied().chain(own.clone()) {
                x[row] = at.x[row] + step * slope[row];
            }
            ask(&x)
        };
        let (ahead, behind) = (moved(step), moved(-step));
        for (current, (ahead, behind)) in currents.iter_mut().zip(ahead.iter().zip(&behind)) {
            *current += (ahead.1 - behind.1) / (2.0 * step);
        }
    }
    rows.into_iter().zip(currents).collect()
}
