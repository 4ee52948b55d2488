//! A network on an engine: its samples settled and turned into records.

use std::collections::BTreeMap;

use super::record::{
    ITERATIONS, KEPT_INPUTS, KEPT_STATES, LayerRecord, NetworkRecord, SECONDS, SampleRecord,
    SubjectRecord, Work, finite,
};
use super::tensors::Tensor;
use super::write::{Table, Value};
use super::{Found, RunError};
use crate::compile::{Chip, Reading};
use crate::data::DataSet;
use crate::engine::{Clock, Drive, Engine, Nudge, Outcome, Save, Settled, Stats, Trace, Until};
use crate::learn;
use crate::model::{EnergyModel, EnergyPart};
use crate::netlist::Ports;
use crate::numerics::{Activation, Mat};
use crate::spec::{Analysis, Fidelity, Simulate};

/// Most memory that the states on the way may take \[bytes\].
const TRACE_BYTES: usize = 256 << 20;

/// What is read of the end of a simulation.
const SIMULATED: Reading = Reading { phase: "simulate", first: 0 };

/// The layers of a network, whether a model or the ports of a netlist tell of them.
pub(super) struct Layout {
    layers: Vec<(String, usize, Activation)>,
    clamp: usize,
    read: usize,
}

impl Layout {
    pub fn of_model(model: &EnergyModel) -> Layout {
        Layout {
            layers: model.layers.iter().map(|l| (l.name.clone(), l.size, l.activation)).collect(),
            clamp: model.clamp.0,
            read: model.read.0,
        }
    }

    pub fn of_ports(ports: &Ports) -> Layout {
        let clamp = &ports.clamp;
        let clamp = (clamp.name.clone(), clamp.sources.len(), clamp.activation);
        let free = ports.layers.iter().map(|l| (l.name.clone(), l.nodes.len(), l.activation));
        Layout {
            layers: std::iter::once(clamp).chain(free).collect(),
            clamp: 0,
            read: ports.read + 1,
        }
    }

    fn read_size(&self) -> usize {
        self.layers[self.read].1
    }

    /// The layers that move, by place.
    fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.layers.len()).filter(|&l| l != self.clamp)
    }

    fn record(&self, data: &DataSet) -> NetworkRecord {
        let layers = self.layers.iter().map(|(name, size, activation)| LayerRecord {
            name: name.clone(),
            size: *size,
            activation: activation.name().to_string(),
        });
        NetworkRecord {
            layers: layers.collect(),
            clamp: self.clamp,
            read: self.read,
            data: data.name.clone(),
            picture: data.picture,
        }
    }
}

/// Settles every sample of `[simulate] inputs` and turns what came into records. `energy` gives
/// the parts of the energy of a state, where they are known.
pub(super) fn settle(
    engine: &mut dyn Engine,
    layout: &Layout,
    simulate: &Simulate,
    energy: impl Fn(&Settled) -> Vec<EnergyPart>,
) -> Result<Found, RunError> {
    let data = simulate.inputs.as_ref().ok_or(RunError::NoInputs)?;
    let drive = Drive { clamp: data.inputs.clone(), nudge: nudge(simulate, data, layout)? };
    let mut notes = Vec::new();
    let save = moments(simulate, layout, data.inputs.rows(), &mut notes);

    let settled = engine.settle(&drive, None, &until(simulate), &save);
    notes.extend(settled.notes.iter().cloned());

    let read = engine.chip().and_then(|chip| chip.read(&settled.state, SIMULATED));
    let activations = layout.layers[layout.read].2.values(&settled.state[layout.read]);
    let outputs = match read {
        Some(mut read) => {
            let read = read.swap_remove(layout.read);
            notes.push(note_of_reading(&activations, &read));
            read
        }
        None => activations,
    };
    let samples = samples(&settled, &outputs, data, &energy(&settled));
    let op = (simulate.analysis == Analysis::Op).then(|| operating_point(&settled, layout));
    let waveforms = settled
        .trace
        .as_ref()
        .filter(|_| simulate.analysis == Analysis::Tran)
        .map(|trace| waveforms(trace, layout));
    Ok(Found {
        subject: SubjectRecord::Network(layout.record(data)),
        clock: settled.trace.as_ref().map(|t| clock_word(t.clock).to_string()),
        samples,
        op,
        waveforms,
        trace: trace_tensors(&settled, layout, data),
        chip: Vec::new(),
        cells: 0,
        clipped: 0,
        pulses: None,
        work: work(&settled.stats),
        notes,
        waves: Vec::new(),
        study: None,
    })
}

/// How far what the host reads is from what there is, for people.
fn note_of_reading(there: &Mat, read: &Mat) -> String {
    let pairs = there.as_slice().iter().zip(read.as_slice());
    let apart: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).filter(|d| d.is_finite()).collect();
    let most = apart.iter().copied().fold(0.0, f64::max);
    let square = apart.iter().map(|d| d * d).sum::<f64>() / apart.len().max(1) as f64;
    format!(
        "the host reads outputs through amplifiers and converters: {:.2e} of an activation off in \
         root mean square, {most:.2e} at most",
        square.sqrt()
    )
}

/// When to stop.
pub(super) fn until(simulate: &Simulate) -> Until {
    Until {
        settled: simulate.settled,
        at_most: simulate.at_most,
        at_most_iterations: simulate.at_most_iterations,
    }
}

fn nudge(simulate: &Simulate, data: &DataSet, layout: &Layout) -> Result<Nudge, RunError> {
    let Some(beta) = simulate.nudge else { return Ok(Nudge::None) };
    let labels = data.labels.as_ref().ok_or(RunError::NoLabels)?;
    let target = learn::one_hot(labels, layout.read_size());
    Ok(Nudge::Toward { target, beta })
}

/// Which moments to keep: as many as asked, and as memory allows.
fn moments(simulate: &Simulate, layout: &Layout, batch: usize, notes: &mut Vec<String>) -> Save {
    if simulate.engine == Fidelity::Circuit && simulate.analysis == Analysis::Op {
        return Save::End;
    }
    let moment: usize = 8 * batch * layout.layers.iter().map(|(_, size, _)| size).sum::<usize>();
    let fits = (TRACE_BYTES / moment.max(1)).max(2);
    let asked = simulate.points.max(2);
    if asked > fits {
        notes.push(format!(
            "kept {fits} of the {asked} moments asked for, to stay within {} MiB of memory",
            TRACE_BYTES >> 20
        ));
    }
    Save::Points(asked.min(fits))
}

fn samples(
    settled: &Settled,
    outputs: &Mat,
    data: &DataSet,
    energy: &[EnergyPart],
) -> Vec<SampleRecord> {
    (0..settled.outcome.len())
        .map(|s| {
            let outcome = &settled.outcome[s];
            let outputs = outputs.row(s);
            SampleRecord {
                sample: s,
                label: data.labels.as_ref().map(|labels| labels[s]),
                prediction: prediction(outputs),
                outcome: outcome.word().to_string(),
                message: outcome.to_string(),
                settling_time: outcome.time().and_then(finite),
                iterations: match outcome {
                    Outcome::Equilibrium { iterations } => Some(*iterations),
                    _ => None,
                },
                residual: finite(settled.residual[s]),
                outputs: outputs.iter().map(|&v| finite(v)).collect(),
                energy: energy
                    .iter()
                    .map(|part| (part.name.clone(), finite(part.value[s])))
                    .collect::<BTreeMap<_, _>>(),
            }
        })
        .collect()
}

/// The class predicted; `None` for a single unit or a number that is not finite.
fn prediction(outputs: &[f64]) -> Option<usize> {
    let is_class = outputs.len() >= 2 && outputs.iter().all(|v| v.is_finite());
    is_class.then(|| learn::prediction(outputs))
}

/// `sample.layer.unit` of every free layer.
fn unit_names(layout: &Layout, sample: usize) -> impl Iterator<Item = (usize, usize, String)> + '_ {
    layout.free().flat_map(move |l| {
        let (name, size, _) = &layout.layers[l];
        (0..*size).map(move |unit| (l, unit, format!("sample{sample}.{name}.{unit}")))
    })
}

fn operating_point(settled: &Settled, layout: &Layout) -> Vec<Value> {
    (0..settled.outcome.len())
        .flat_map(|s| {
            unit_names(layout, s).map(move |(l, unit, name)| Value {
                name,
                value: settled.state[l][(s, unit)],
                unit: "1",
            })
        })
        .collect()
}

fn waveforms(trace: &Trace, layout: &Layout) -> Table {
    let kept = KEPT_STATES.min(trace.residual.cols());
    let columns: Vec<(usize, usize, usize, String)> = (0..kept)
        .flat_map(|s| unit_names(layout, s).map(move |(l, unit, name)| (s, l, unit, name)))
        .collect();
    let time = match trace.clock {
        Clock::Seconds => "time_s",
        Clock::Iterations => "iteration",
    };
    Table {
        header: std::iter::once(time.to_string())
            .chain(columns.iter().map(|(.., name)| name.clone()))
            .collect(),
        rows: trace
            .times
            .iter()
            .zip(&trace.states)
            .map(|(&t, state)| {
                std::iter::once(t)
                    .chain(columns.iter().map(|&(s, l, unit, _)| state[l][(s, unit)]))
                    .collect()
            })
            .collect(),
    }
}

/// `times [moments]`, `residual` and `energy [moments, batch]`, `inputs [samples, size]` and
/// `states.<layer> [samples, moments, size]` of the first samples.
fn trace_tensors(settled: &Settled, layout: &Layout, data: &DataSet) -> Vec<Tensor> {
    let batch = settled.outcome.len();
    let first: Vec<usize> = (0..batch.min(KEPT_INPUTS)).collect();
    let mut tensors = vec![Tensor::matrix("inputs", &data.inputs.select_rows(&first))];
    let Some(trace) = &settled.trace else { return tensors };
    tensors.push(Tensor::vector("times", trace.times.clone()));
    tensors.push(Tensor::matrix("residual", &trace.residual));
    tensors.extend(trace.energy.as_ref().map(|energy| Tensor::matrix("energy", energy)));
    let kept = batch.min(KEPT_STATES);
    for l in layout.free() {
        let (name, size, _) = &layout.layers[l];
        tensors.push(Tensor {
            name: format!("states.{name}"),
            shape: vec![kept, trace.times.len(), *size],
            data: (0..kept)
                .flat_map(|s| trace.states.iter().flat_map(move |state| state[l].row(s)))
                .copied()
                .collect(),
        });
    }
    tensors
}

/// Parameters of the model as `<coupling>.weight` and `<coupling>.bias`; of a chip also the
/// conductances \[S\] of each array as `<array>.{plus,minus}.{asked,made}`.
pub(super) fn chip_tensors(model: &EnergyModel, chip: Option<&Chip>) -> Vec<Tensor> {
    let parameters = model.couplings.iter().map(|coupling| Tensor::parameter(model, coupling));
    let mut tensors: Vec<Tensor> = parameters.collect();
    let Some(chip) = chip else { return tensors };
    for (array, made) in chip.fabric.arrays.iter().zip(&chip.cells) {
        if array.shares.is_some() {
            continue;
        }
        for (polarity, asked, made) in
            [("plus", &array.plus, &made.plus), ("minus", &array.minus, &made.minus)]
        {
            let name = &array.name;
            tensors.push(Tensor::matrix(format!("{name}.{polarity}.asked"), asked));
            tensors.push(Tensor::matrix(format!("{name}.{polarity}.made"), made));
        }
    }
    tensors
}

/// Cells of a chip, each of a differential pair counted, shared arrays once.
pub(super) fn cell_count(chip: &Chip) -> usize {
    chip.fabric
        .arrays
        .iter()
        .filter(|array| array.shares.is_none())
        .map(|array| array.plus.as_slice().len() + array.minus.as_slice().len())
        .sum()
}

fn clock_word(clock: Clock) -> &'static str {
    match clock {
        Clock::Seconds => SECONDS,
        Clock::Iterations => ITERATIONS,
    }
}

pub(super) fn work(stats: &Stats) -> Work {
    let Stats { steps, rejected, evaluations, newton, factorisations } = *stats;
    Work { steps, rejected, evaluations, newton, factorisations }
}
