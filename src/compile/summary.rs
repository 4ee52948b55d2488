//! What a compilation made, for people and for `--json`.

use std::fmt;

use serde::Serialize;

use super::Fabric;
use crate::units::{Dimension, Farad, Second, Siemens, format_short};

/// The size and scaling of a [`Fabric`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Cells over all arrays; the two directions of a shared array count once.
    pub cells: usize,
    pub tiles: usize,
    pub arrays: Vec<ArraySummary>,
    pub layers: Vec<LayerSummary>,
    pub c_node: Farad,
    /// Targets of all cells.
    pub conductance: Histogram,
    pub clipped: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArraySummary {
    pub name: String,
    pub outputs: usize,
    pub inputs: usize,
    pub cells: usize,
    pub tiles: usize,
    /// The forward array whose cells these are.
    pub shares: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerSummary {
    pub name: String,
    pub size: usize,
    pub neuron: String,
    /// `x = gain u / v-unit`
    pub gain: f64,
    /// Siemens a unit of weight.
    pub scale: Siemens,
    /// Conductance of a summing node.
    pub total: Siemens,
    pub tau: Second,
}

/// Counts in equal bins from `low` to `high`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    pub low: Siemens,
    pub high: Siemens,
    pub counts: Vec<usize>,
}

const BINS: usize = 10;

impl Fabric {
    pub fn summary(&self) -> Summary {
        let model = &self.model;
        let own = || self.arrays.iter().filter(|a| a.shares.is_none());
        let cells = |a: &super::Array| 2 * a.plus.rows() * a.plus.cols();
        let targets = own().flat_map(|a| a.plus.as_slice().iter().chain(a.minus.as_slice()));
        Summary {
            cells: own().map(cells).sum(),
            tiles: own().map(|a| a.tiles.len()).sum(),
            arrays: self
                .arrays
                .iter()
                .map(|a| ArraySummary {
                    name: a.name.clone(),
                    outputs: a.plus.rows(),
                    inputs: a.plus.cols(),
                    cells: cells(a),
                    tiles: a.tiles.len(),
                    shares: a.shares.map(|s| self.arrays[s].name.clone()),
                })
                .collect(),
            layers: model
                .free_layers()
                .map(|l| {
                    let plan = &self.layers[l.0];
                    LayerSummary {
                        name: model.layer(l).name.clone(),
                        size: model.layer(l).size,
                        neuron: self.hardware.neurons[l.0].name.clone(),
                        gain: plan.gain,
                        scale: plan.scale,
                        total: plan.total,
                        tau: plan.tau,
                    }
                })
                .collect(),
            c_node: self.hardware.c_node,
            conductance: histogram(targets, self.hardware.g_min, self.hardware.g_max),
            clipped: self
                .clipped
                .iter()
                .map(|c| {
                    format!(
                        "{}.weight[{}, {}]: {} -> {}",
                        c.coupling, c.post, c.pre, c.weight, c.to
                    )
                })
                .collect(),
        }
    }
}

fn histogram<'a>(values: impl Iterator<Item = &'a f64>, low: f64, high: f64) -> Histogram {
    let mut counts = vec![0; BINS];
    for g in values {
        let bin = ((g - low) / (high - low) * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    Histogram { low, high, counts }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{} cells in {} tiles", self.cells, self.tiles)?;
        for a in &self.arrays {
            let shared =
                a.shares.as_ref().map(|s| format!(", the cells of {s}")).unwrap_or_default();
            writeln!(
                f,
                "  {:<24} {:>4} x {:<4} {:>8} cells {:>4} tiles{shared}",
                a.name, a.outputs, a.inputs, a.cells, a.tiles
            )?;
        }
        writeln!(f, "layers")?;
        for l in &self.layers {
            writeln!(
                f,
                "  {:<24} {:>4} units, {}, gain {:.3}, tau {} ({} / {}), {} a unit of weight",
                l.name,
                l.size,
                l.neuron,
                l.gain,
                format_short(l.tau, Dimension::Second),
                format_short(self.c_node, Dimension::Farad),
                format_short(l.total, Dimension::Siemens),
                format_short(l.scale, Dimension::Siemens),
            )?;
        }
        writeln!(f, "conductances")?;
        let Histogram { low, high, counts } = &self.conductance;
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let width = (high - low) / counts.len() as f64;
        for (bin, count) in counts.iter().enumerate() {
            let from = low + width * bin as f64;
            // At least one mark for a bin that is not empty.
            let bar = "#".repeat((count * 40).div_ceil(most));
            writeln!(f, "  from {:>10} {count:>8} {bar}", format_short(from, Dimension::Siemens))?;
        }
        if self.clipped.is_empty() {
            write!(f, "nothing was clipped")
        } else {
            writeln!(f, "{} weights were clipped", self.clipped.len())?;
            for line in self.clipped.iter().take(10) {
                writeln!(f, "  {line}")?;
            }
            if self.clipped.len() > 10 {
                writeln!(f, "  and {} more", self.clipped.len() - 10)?;
            }
            Ok(())
        }
    }
}
