//! A netlist of bare devices: solved and turned into records.

use std::collections::BTreeMap;

use super::Found;
use super::network::{until, work};
use super::record::{SECONDS, SampleRecord, SubjectRecord, finite};
use super::write::{Table, Value};
use crate::engine::{self, NetlistRun, Outcome};
use crate::netlist::Netlist;
use crate::spec::{Analysis, Simulate};

/// Solves a netlist that stands for no network, which is a run of one sample.
pub(super) fn analyse(netlist: &Netlist, simulate: &Simulate) -> Found {
    let run = engine::analyse(netlist, simulate.analysis, &until(simulate), simulate.points.max(2));
    let transient = simulate.analysis == Analysis::Tran;
    Found {
        subject: SubjectRecord::Devices {
            nodes: netlist.node_count(),
            devices: netlist.devices().len(),
        },
        clock: transient.then(|| SECONDS.to_string()),
        samples: vec![sample(&run.outcome)],
        op: (!transient).then(|| operating_point(&run)),
        waveforms: transient.then(|| waveforms(&run)),
        trace: Vec::new(),
        chip: Vec::new(),
        cells: 0,
        clipped: 0,
        pulses: None,
        work: work(&run.stats),
        notes: Vec::new(),
        waves: Vec::new(),
        study: None,
    }
}

fn sample(outcome: &Outcome) -> SampleRecord {
    SampleRecord {
        sample: 0,
        label: None,
        prediction: None,
        outcome: outcome.word().to_string(),
        message: outcome.to_string(),
        settling_time: outcome.time().and_then(finite),
        iterations: match outcome {
            Outcome::Equilibrium { iterations } => Some(*iterations),
            _ => None,
        },
        residual: match outcome {
            Outcome::Unsettled { residual } => finite(*residual),
            _ => None,
        },
        outputs: Vec::new(),
        energy: BTreeMap::new(),
    }
}

/// The unit of an unknown: amperes for `i(device)`, volts for the rest.
fn unit(name: &str) -> &'static str {
    if name.starts_with("i(") { "A" } else { "V" }
}

fn operating_point(run: &NetlistRun) -> Vec<Value> {
    let values = run.names.iter().zip(run.values.row(0));
    values.map(|(name, &value)| Value { name: name.clone(), value, unit: unit(name) }).collect()
}

fn waveforms(run: &NetlistRun) -> Table {
    let columns = run.names.iter().map(|name| format!("{name}_{}", unit(name)));
    Table {
        header: std::iter::once("time_s".to_string()).chain(columns).collect(),
        rows: run
            .times
            .iter()
            .zip(run.values.iter_rows())
            .map(|(&t, values)| std::iter::once(t).chain(values.iter().copied()).collect())
            .collect(),
    }
}
