//! How settling times, weights and conductances are spread.

use std::collections::BTreeMap;

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Scale, Series, Shape, Unit};
use super::records::Records;
use super::statistics::{bins, counts, edges, whole_edges};
use crate::run::tensors::Tensor;

/// Those of settling times, weights and conductances that the run recorded.
pub fn figures(records: &Records) -> Vec<Figure> {
    settling(records).into_iter().chain(of_chip(&records.chip)).collect()
}

/// Those of weights and conductances, from the tensors of a chip.
pub fn of_chip(chip: &BTreeMap<String, Tensor>) -> Vec<Figure> {
    [weights(chip), conductances(chip)].into_iter().flatten().collect()
}

fn settling(records: &Records) -> Option<Figure> {
    let times: Vec<f64> = records.samples.iter().filter_map(|s| s.settling_time).collect();
    let iterations: Vec<f64> =
        records.samples.iter().filter_map(|s| s.iterations).map(|n| n as f64).collect();
    let (values, title, label, unit, edges) = if times.is_empty() {
        let edges = whole_edges(&iterations, bins(iterations.len()))?;
        (iterations, "Iterations to settle", "iterations to settle", Unit::Word("count"), edges)
    } else {
        let edges = edges(&[&times], bins(times.len()))?;
        (times, "Settling times", "settling time", Unit::Si("s"), edges)
    };
    if values.len() < 2 {
        return None;
    }
    let counts = counts(&values, &edges);
    let left_out = records.samples.len() - values.len();
    let rest = match left_out {
        0 => "All samples are in it.".to_string(),
        1 => format!("1 of {} samples did not settle and is not in it.", records.samples.len()),
        n => format!("{n} of {} samples did not settle and are not in it.", records.samples.len()),
    };
    Some(Figure {
        name: "settling",
        title: title.into(),
        caption: format!("How long the samples took to settle. {rest}"),
        body: Body::Chart(Chart {
            x: Axis::linear(label, unit, around(&edges)),
            y: count_axis("samples", &[&counts]),
            series: vec![Series {
                shape: Shape::Bars { edges, counts },
                role: Role::Spread,
                label: Label::None,
            }],
        }),
    })
}

fn weights(chip: &BTreeMap<String, Tensor>) -> Option<Figure> {
    let tensors: Vec<(&str, &Tensor)> = chip
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_suffix(".weight")?, tensor)))
        .collect();
    let sets: Vec<&[f64]> = tensors.iter().map(|(_, t)| t.data.as_slice()).collect();
    let edges = edges(&sets, bins(sets.iter().map(|s| s.len()).sum()))?;
    let all: Vec<Vec<f64>> = sets.iter().map(|set| counts(set, &edges)).collect();
    let heights: Vec<&[f64]> = all.iter().map(Vec::as_slice).collect();
    let y = count_axis("weights", &heights);
    let series = tensors.iter().zip(&all).enumerate().map(|(n, ((name, _), counts))| Series {
        shape: Shape::Bars { edges: edges.clone(), counts: counts.clone() },
        role: Role::Nth(n),
        label: Label::Key((*name).to_string()),
    });
    Some(Figure {
        name: "weights",
        title: "Weights".into(),
        caption: "The weights of the couplings, as asked for by the model.".into(),
        body: Body::Chart(Chart {
            x: Axis::linear("weight", Unit::Word("dimensionless"), around(&edges)),
            y,
            series: series.collect(),
        }),
    })
}

fn conductances(chip: &BTreeMap<String, Tensor>) -> Option<Figure> {
    let pooled = |suffix: &str| -> Vec<f64> {
        chip.iter()
            .filter(|(name, _)| name.ends_with(suffix))
            .flat_map(|(_, tensor)| tensor.data.iter().copied())
            .collect()
    };
    let (asked, made) = (pooled(".asked"), pooled(".made"));
    let edges = edges(&[&asked, &made], bins(asked.len()))?;
    let (asked, made) = (counts(&asked, &edges), counts(&made, &edges));
    Some(Figure {
        name: "conductances",
        title: "Conductances".into(),
        caption: "The conductances of all cells, as asked for (filled) and as made (outline). One \
                  cell of each differential pair is asked to rest at the least conductance. Counts \
                  are on a logarithmic axis."
            .into(),
        body: Body::Chart(Chart {
            x: Axis::linear("conductance", Unit::Si("S"), around(&edges)),
            y: log_count_axis("cells", &[&asked, &made]),
            series: vec![
                Series {
                    shape: Shape::Bars { edges: edges.clone(), counts: asked },
                    role: Role::Spread,
                    label: Label::Key("asked for".into()),
                },
                Series {
                    shape: Shape::Bars { edges, counts: made },
                    role: Role::Main,
                    label: Label::Key("made".into()),
                },
            ],
        }),
    })
}

/// The range of the edges and one bin more on either side.
fn around(edges: &[f64]) -> [f64; 2] {
    let last = edges.len() - 1;
    let bin = (edges[last] - edges[0]) / last as f64;
    [edges[0] - bin, edges[last] + bin]
}

fn top(counts: &[&[f64]]) -> f64 {
    counts.iter().flat_map(|c| c.iter()).copied().fold(1.0, f64::max)
}

fn count_axis(what: &str, counts: &[&[f64]]) -> Axis {
    Axis::linear(what, Unit::Word("count"), [0.0, 1.05 * top(counts)])
}

/// Logarithmic, from a little below one so that a single count shows.
fn log_count_axis(what: &str, counts: &[&[f64]]) -> Axis {
    let range = [0.6, 1.6 * top(counts)];
    let unit = Unit::Word("count");
    Axis { label: what.into(), unit, scale: Scale::Log, range, names: Vec::new() }
}
