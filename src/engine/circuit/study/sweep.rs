//! Operating points along swept values.

use super::super::super::{Outcome, Stats};
use super::super::add;
use super::columns::{At, Columns};
use super::failure::not_found;
use super::point::{Point, Quest};
use super::{AnalysisRun, Bench, Progress};
use crate::data::waves::ColumnKind;
use crate::netlist::{Device, Netlist};
use crate::numerics::coupled::Balance;
use crate::numerics::dae::Instant;
use crate::numerics::rest::{NotFound, Way};
use crate::spec::study::{DcSweep, Swept};

/// 0 degrees Celsius \[K\].
const FREEZING: f64 = 273.15;
/// How often the way to a point may be halved.
const HALVINGS: usize = 10;

pub(super) fn dc(bench: &Bench, sweeps: &[DcSweep], tell: &mut dyn FnMut(Progress)) -> AnalysisRun {
    let mut run = AnalysisRun::new("dc");
    let mut netlist = bench.netlist.clone();
    let (name, kind) = axis(&netlist, sweeps);
    let mut columns = Columns::new(&bench.netlist, &bench.signals("dc")).with_axis(name, kind);
    let points = match sweeps {
        [] => 0,
        sweeps => sweeps.iter().map(|sweep| sweep.values.len()).product(),
    };
    let (mut last, mut stats) = (None::<(Vec<f64>, Point)>, Stats::default());
    let (mut worst, mut worst_arrays, mut helped) = ((0.0, 0), None::<Balance>, 0);
    run.outcome = Outcome::Finished { points };
    for k in 0..points {
        let values = values_at(sweeps, k);
        let found = reach(bench, &mut netlist, sweeps, &values, last.as_ref(), &mut stats);
        let point = match found {
            Ok(point) => point,
            Err(none) => {
                run.outcome = not_found(&netlist, none, Some(place(&netlist, sweeps, &values)));
                break;
            }
        };
        helped += usize::from(point.found.way != Way::Newton);
        if point.imbalance.0 > worst.0 {
            worst = point.imbalance;
        }
        let worse = |arrays: &Balance| worst_arrays.is_none_or(|w| arrays.residual > w.residual);
        if point.arrays.as_ref().is_some_and(worse) {
            worst_arrays = point.arrays;
        }
        let at = At { instant: Instant::Rest, x: &point.x, slope: None, memory: &point.memory };
        columns.push(shown(sweeps[0].of, values[0]), &at);
        last = Some((values, point));
        tell(bench.progress("dc", (k + 1) as f64 / points as f64));
    }
    if let Some((_, mut point)) = last {
        (point.imbalance, point.arrays) = (worst, worst_arrays);
        // How the last point was found says nothing of the others.
        let found = usize::from(point.arrays.is_none());
        run.notes.extend(point.notes(&netlist).into_iter().skip(found));
    }
    if helped > 0 {
        run.notes.push(format!("{helped} points needed more than plain Newton"));
    }
    run.stats = stats;
    run.waves = columns.into_waves("DC transfer characteristic");
    run
}

/// The values at point `k`, the first sweep running fastest.
fn values_at(sweeps: &[DcSweep], mut k: usize) -> Vec<f64> {
    let mut values = Vec::with_capacity(sweeps.len());
    for sweep in sweeps {
        values.push(sweep.values[k % sweep.values.len()]);
        k /= sweep.values.len();
    }
    values
}

/// The operating point at these values from the last one, by way of points between where it is
/// not found at once.
fn reach(
    bench: &Bench,
    netlist: &mut Netlist,
    sweeps: &[DcSweep],
    values: &[f64],
    last: Option<&(Vec<f64>, Point)>,
    stats: &mut Stats,
) -> Result<Point, NotFound> {
    let mut solve = |values: &[f64], from: Option<&Point>| {
        set(netlist, sweeps, values);
        let point = Quest { netlist, from, ..bench.quest() }.search()?;
        *stats = add(*stats, point.work);
        Ok(point)
    };
    let Some((from, start)) = last else { return solve(values, None) };
    let first = match solve(values, Some(start)) {
        Err(none) => none,
        found => return found,
    };
    let (mut reached, mut step, mut near) = (0.0, 0.5, start.clone());
    let mut halvings = 0;
    while reached < 1.0 {
        let next = f64::min(reached + step, 1.0);
        let between: Vec<f64> = from.iter().zip(values).map(|(a, b)| a + next * (b - a)).collect();
        match solve(if next == 1.0 { values } else { &between }, Some(&near)) {
            Ok(point) => (reached, near) = (next, point),
            Err(_) if halvings == HALVINGS => return Err(first),
            Err(_) => (step, halvings) = (0.5 * step, halvings + 1),
        }
    }
    Ok(near)
}

/// Puts the values into the netlist.
fn set(netlist: &mut Netlist, sweeps: &[DcSweep], values: &[f64]) {
    for (sweep, &value) in sweeps.iter().zip(values) {
        match sweep.of {
            Swept::Temperature => netlist.temperature = value,
            Swept::Device(id) => match netlist.device_mut(id) {
                Device::VoltageSource(source) => source.dc = value,
                Device::CurrentSource(source) => source.dc = value,
                Device::Resistor(resistor) => resistor.g = 1.0 / value,
                other => panic!("a {} cannot be swept", other.key()),
            },
        }
    }
}

/// The name of the axis in ngspice's words, and what it holds.
fn axis(netlist: &Netlist, sweeps: &[DcSweep]) -> (&'static str, ColumnKind) {
    match sweeps.first().map(|sweep| sweep.of) {
        Some(Swept::Temperature) => ("temp-sweep", ColumnKind::Temperature),
        Some(Swept::Device(id)) => match netlist.device(id) {
            Device::CurrentSource(_) => ("i-sweep", ColumnKind::Current),
            Device::Resistor(_) => ("res-sweep", ColumnKind::Resistance),
            _ => ("v-sweep", ColumnKind::Voltage),
        },
        None => ("sweep", ColumnKind::Other),
    }
}

/// A value as the axis shows it.
fn shown(of: Swept, value: f64) -> f64 {
    if of == Swept::Temperature { value - FREEZING } else { value }
}

/// `v1 = 0.5`
fn place(netlist: &Netlist, sweeps: &[DcSweep], values: &[f64]) -> String {
    let parts = sweeps.iter().zip(values).map(|(sweep, &value)| {
        let name = match sweep.of {
            Swept::Temperature => "temperature",
            Swept::Device(id) => &netlist.devices()[id.0].0,
        };
        format!("{name} = {}", shown(sweep.of, value))
    });
    parts.collect::<Vec<_>>().join(", ")
}
