//! Samples read while their conductances move.

use rayon::prelude::*;

use super::{Arrays, Behavioural, Task};
use crate::engine::network::Batch;
use crate::engine::network::noise::Turn;
use crate::engine::{Save, Settled, Trace, shown};
use crate::model::State;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;

impl Behavioural {
    /// Lets what has settled run with noise: states become what is read of them, and what was
    /// asked for of the way is added to the trace.
    pub(super) fn read_in<T: Real>(
        &self,
        arrays: &Arrays<T>,
        task: &Task,
        turn: Turn,
        save: &Save,
        settled: &mut Settled,
    ) {
        let Some(noise) = &arrays.noise else { return };
        let (_, held) = arrays.held.as_ref().expect("held since the settling began");
        let (net, batch) = (&arrays.net, task.drive.clamp.rows());
        let window = noise.read.window;
        let moments = shown(save, window.steps).1;
        let quiet = &settled.state;
        let all: Vec<_> = arrays
            .chunks(batch)
            .into_par_iter()
            .zip(held)
            .map(|(samples, (inputs, field))| {
                let field = field.as_ref().expect("a field where there is noise");
                let width = samples.len();
                let rest = net.gather(quiet, false, samples.clone());
                let mut x = rest.clone();
                let mut way = Vec::new();
                let inputs = (&inputs[..], field);
                let mut show = |moment: usize, x: &[T], lanes: usize| {
                    if moments.get(way.len()) == Some(&moment) {
                        let rows = x.chunks_exact(lanes).flat_map(|row| &row[..width]);
                        way.push(rows.copied().collect::<Vec<T>>());
                    }
                };
                noise.run(net, inputs, task.drive, samples.clone(), turn, &mut x, &mut show);
                for (b, s) in samples.clone().enumerate() {
                    if !settled.outcome[s].is_settled() {
                        for x in way.iter_mut().chain([&mut x]) {
                            copy_lane(&rest, x, b, width);
                        }
                    }
                }
                let mut at_rest =
                    Batch::with_inputs(net, inputs.0.to_vec(), task.drive, samples.clone());
                let residual: Vec<Vec<f64>> =
                    way.iter().map(|x| at_rest.residual(x, width)).collect();
                (samples, x, way, residual)
            })
            .collect();
        let mut states = vec![quiet.clone(); moments.len()];
        let mut residual = Mat::zeros(moments.len(), batch);
        for (samples, x, way, left) in all {
            net.scatter(&x, samples.clone(), &mut settled.state);
            for (m, state) in states.iter_mut().enumerate() {
                net.scatter(&way[m], samples.clone(), state);
                residual.row_mut(m)[samples.clone()].copy_from_slice(&left[m]);
            }
        }
        if let Some(trace) = &mut settled.trace {
            let times: Vec<f64> = moments.iter().map(|m| *m as f64 * window.step).collect();
            extend(trace, &times, states, &residual, |state| self.chip.energy(state));
        }
    }
}

fn copy_lane<T: Copy>(from: &[T], to: &mut [T], b: usize, width: usize) {
    let lanes = from.iter().skip(b).step_by(width);
    to.iter_mut().skip(b).step_by(width).zip(lanes).for_each(|(to, from)| *to = *from);
}

/// Adds moments so long after the last one.
pub(in crate::engine) fn extend(
    trace: &mut Trace,
    after: &[f64],
    states: Vec<State>,
    residual: &Mat,
    energy: impl Fn(&State) -> Vec<f64>,
) {
    let end = trace.times.last().copied().unwrap_or(0.0);
    trace.times.extend(after.iter().map(|time| end + time));
    let batch = residual.cols();
    let below = |above: &Mat, more: &[f64]| {
        let rows = above.rows() + after.len();
        Mat::from_vec(rows, batch, [above.as_slice(), more].concat())
    };
    trace.residual = below(&trace.residual, residual.as_slice());
    if let Some(known) = &trace.energy {
        let more: Vec<f64> = states.iter().flat_map(energy).collect();
        trace.energy = Some(below(known, &more));
    }
    trace.states.extend(states);
}
