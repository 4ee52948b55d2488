//! What units and nodes do over time.

use super::convergence::{moving_axis, time_axis};
use super::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use super::records::{Records, Waveforms};
use crate::numerics::Activation;
use crate::run::record::{LayerRecord, NetworkRecord, SubjectRecord};

/// Most nodes of a device netlist in one figure.
const NODES: usize = 12;
/// Most units of the layers that are not read.
const HIDDEN: usize = 64;

/// Neurons of the first sample, or nodes of a netlist.
pub fn figures(records: &Records) -> Vec<Figure> {
    match &records.run.subject {
        SubjectRecord::Network(network) => neurons(records, network).into_iter().collect(),
        SubjectRecord::Devices { .. } => {
            records.waveforms.iter().filter_map(|w| nodes(records, w)).collect()
        }
    }
}

fn neurons(records: &Records, network: &NetworkRecord) -> Option<Figure> {
    let times = &records.trace.get("times")?.data;
    let sample = records.samples.first()?;
    let mut series = Vec::new();
    let mut hidden = Vec::new();
    for (l, layer) in network.layers.iter().enumerate() {
        if l == network.clamp || l == network.read {
            continue;
        }
        for line in activations(records, layer, times)?.into_iter().take(HIDDEN) {
            let label = if series.is_empty() {
                Label::Key("a unit of the other layers".into())
            } else {
                Label::None
            };
            series.push(Series { shape: Shape::Line(line), role: Role::Many, label });
        }
        hidden.push(format!("`{}`", layer.name));
    }
    let read = &network.layers[network.read];
    for (unit, line) in activations(records, read, times)?.into_iter().enumerate() {
        let role = match () {
            () if sample.prediction == Some(unit) => Role::Main,
            () if sample.label == Some(unit) => Role::Contrast,
            () => Role::Some,
        };
        series.push(Series { shape: Shape::Line(line), role, label: Label::End(unit.to_string()) });
    }
    let others = match hidden.as_slice() {
        [] => String::new(),
        names => format!(" The thin grey lines are units of {}.", names.join(", ")),
    };
    let marks = match (sample.prediction, sample.label) {
        (Some(p), Some(l)) if p == l => {
            format!(" Unit {p}, drawn thick, wins, which is the label.")
        }
        (Some(p), Some(l)) => {
            format!(" Unit {p}, drawn thick, wins; the label is {l}, dashed.")
        }
        (Some(p), None) => format!(" Unit {p}, drawn thick, wins."),
        _ => String::new(),
    };
    let range = value_range(&series)?;
    let (x, rest) = moving_axis(records, times, &series, range[1] - range[0]);
    Some(Figure {
        name: "waveforms",
        title: format!("Neurons of sample 0: layer {}", read.name),
        caption: format!(
            "Activations while sample 0 settles. The units of the read layer `{}` are numbered at \
             their ends.{marks}{others}{rest}",
            read.name
        ),
        body: Body::Chart(Chart {
            x,
            y: Axis::linear("activation", Unit::Word("dimensionless"), range),
            series,
        }),
    })
}

/// The activations of a layer over time in the first sample, one line a unit.
fn activations(
    records: &Records,
    layer: &LayerRecord,
    times: &[f64],
) -> Option<Vec<Vec<[f64; 2]>>> {
    let states = records.trace.get(&format!("states.{}", layer.name))?;
    let activation = Activation::ALL.into_iter().find(|a| a.name() == layer.activation)?;
    let mut units = vec![Vec::with_capacity(times.len()); layer.size];
    let mut values = vec![0.0; layer.size];
    for (&t, x) in times.iter().zip(states.data.chunks_exact(layer.size)) {
        activation.row(x, &mut values);
        for (unit, &v) in units.iter_mut().zip(&values) {
            unit.push([t, v]);
        }
    }
    Some(units)
}

fn nodes(records: &Records, waveforms: &Waveforms) -> Option<Figure> {
    let times: Vec<f64> = waveforms.rows.iter().map(|row| row[0]).collect();
    let voltages: Vec<(usize, &String)> = waveforms
        .header
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, name)| name.starts_with("v("))
        .collect();
    let series: Vec<Series> = voltages
        .iter()
        .take(NODES)
        .enumerate()
        .map(|(n, &(column, name))| Series {
            shape: Shape::Line(waveforms.rows.iter().map(|row| [row[0], row[column]]).collect()),
            role: Role::Nth(n),
            label: Label::End(name.trim_end_matches("_V").to_string()),
        })
        .collect();
    let shown = match voltages.len() {
        n if n <= NODES => format!("all {n} nodes"),
        n => format!("the first {NODES} of {n} nodes"),
    };
    Some(Figure {
        name: "waveforms",
        title: "Node voltages".into(),
        caption: format!("Voltages of {shown} against ground, named at the ends of their lines."),
        body: Body::Chart(Chart {
            x: time_axis(records, &times),
            y: Axis::linear("voltage", Unit::Si("V"), value_range(&series)?),
            series,
        }),
    })
}

/// The range of all lines, with a margin; `None` when nothing is finite.
fn value_range(series: &[Series]) -> Option<[f64; 2]> {
    let values = || {
        series
            .iter()
            .filter_map(|s| match &s.shape {
                Shape::Line(points) => Some(points.iter().map(|p| p[1])),
                _ => None,
            })
            .flatten()
            .filter(|v| v.is_finite())
    };
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let margin = 0.04 * (high - low);
    Some([low - margin, high + margin])
}
