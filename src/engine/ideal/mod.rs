//! The energy's own fixed point, by the solvers of [`crate::numerics::fixed_point`].

mod adjoint;
mod chn;
mod chord;
mod count;
mod field;
mod iteration;
mod prepared;

use std::ops::Range;

use rayon::prelude::*;

pub use self::adjoint::Adjoint;
pub use self::count::{Counts, Start, count, settle_from};
pub use self::field::{Field, times_slope};
pub use self::iteration::Iteration;
pub use self::prepared::Prepared;

use super::layout;
use super::{Clock, Drive, Engine, Outcome, Save, Settled, Stats, Trace, Until, Written};
use crate::compile::Chip;
use crate::model::{EnergyModel, State};
use crate::numerics::Mat;
use crate::numerics::fixed_point::{End, Fate, Measure, Method, Seen, Stop, solve};
use crate::spec::Solver;

/// The energy's own fixed point, in `x`, by a solver of the file's choice.
///
/// Synchronous updates of a symmetric network may end in a cycle of period 2 instead of an
/// equilibrium; plain iteration that adapts damps such a sample more, by itself. (A CHN whose
/// activation has a kink may come to rest on the kink, where its force jumps over zero; such a
/// sample stays unsettled.)
///
/// A sample's residual is the largest `|f(x) - x|` of the iteration, which is the force on its units
/// (of a CHN in even-odd order, the way to where its units would rest with their neighbours held).
/// The clock counts iterations: [`Save::At`] is read as iterations, rounded, and moments that
/// coincide are kept once.
pub struct Ideal {
    model: EnergyModel,
    field: Field<f64>,
    solver: Solver,
}

impl Ideal {
    /// # Panics
    /// In even-odd order, if couplings join free layers in an odd ring.
    pub fn new(model: EnergyModel, solver: Solver) -> Ideal {
        Ideal { field: Field::of_model(&model, solver.order), model, solver }
    }

    fn iterate(&self, drive: &Drive, start: &State, stop: Stop, moments: &[usize]) -> Vec<Chunk> {
        let mut parts = chunks(drive.clamp.rows()).into_iter();
        let mut done = Vec::new();
        let mut prepared = None;
        if let Method::Chord { .. } = self.solver.method {
            // The first samples show the others the Jacobian.
            done.extend(parts.next().map(|one| self.chunk(drive, start, one, stop, moments, None)));
            prepared = done.first().and_then(|first| self.learned(first));
        }
        let rest: Vec<Range<usize>> = parts.collect();
        let prepared = prepared.as_ref();
        let rest = rest
            .into_par_iter()
            .map(|samples| self.chunk(drive, start, samples, stop, moments, prepared));
        done.par_extend(rest);
        done
    }

    /// Steps by the Jacobian where these samples have settled.
    fn learned(&self, of: &Chunk) -> Option<Prepared<f64>> {
        let units = self.field.units;
        let settled = |all: &[f64]| -> Vec<f64> {
            let rows = all.chunks_exact(units).zip(&of.ends);
            let settled = rows.filter(|(_, end)| end.fate == Fate::Converged);
            settled.flat_map(|(row, _)| row).copied().collect()
        };
        Prepared::of_states(&self.field, &settled(&of.end), &settled(&of.end_xhat))
    }

    fn chunk(
        &self,
        drive: &Drive,
        start: &State,
        samples: Range<usize>,
        stop: Stop,
        moments: &[usize],
        prepared: Option<&Prepared<f64>>,
    ) -> Chunk {
        let field = &self.field;
        let rows = samples.len().max(2);
        let mut base = vec![0.0; rows * field.units];
        field.inputs(&field.clamped(&drive.clamp, samples.clone(), rows), &mut base);
        let start = field.gather(start, samples.clone(), rows);
        let z: Vec<f64> = start
            .chunks_exact(field.units)
            .flat_map(|row| &row[..field.carried])
            .copied()
            .collect();
        let mut map = Iteration::new(
            field,
            self.solver.local,
            prepared.map(|prepared| (prepared, vec![0; rows])),
            base,
            &drive.nudge,
            samples.clone(),
            start,
        );
        let mut kept =
            vec![(vec![0.0; samples.len() * field.units], vec![0.0; samples.len()]); moments.len()];
        let mut last: Vec<(usize, Vec<f64>, f64)> = vec![(0, Vec::new(), 0.0); samples.len()];
        let watch = |map: &Iteration<f64>, seen: Seen<f64>| {
            if moments.is_empty() {
                return;
            }
            let (next, state, residual) = &mut last[seen.sample];
            *state = map.state(seen.row, seen.z);
            *residual = seen.residual;
            while moments.get(*next).is_some_and(|&m| m <= seen.iteration) {
                keep_moment(&mut kept[*next], seen.sample, state, *residual);
                *next += 1;
            }
        };
        let ends = solve(&mut map, z, samples.len(), self.solver.scheme(), stop, watch);
        for (sample, (next, state, residual)) in last.iter().enumerate() {
            for kept in kept.iter_mut().skip(*next) {
                keep_moment(kept, sample, state, *residual);
            }
        }
        Chunk { samples, end: map.ended, end_xhat: map.ended_xhat, ends, kept }
    }

    /// The way through the iterations `moments`, ascending.
    fn trace(&self, drive: &Drive, start: &State, moments: &[usize]) -> Trace {
        let most = moments.last().copied().unwrap_or(0);
        let stop = Stop { measure: Measure::Largest, tolerance: None, most };
        let mut states = vec![start.clone(); moments.len()];
        let mut residual = Mat::zeros(moments.len(), drive.clamp.rows());
        for chunk in self.iterate(drive, start, stop, moments) {
            for (m, state) in states.iter_mut().enumerate() {
                let (x, residuals) = &chunk.kept[m];
                self.scatter(x, &chunk.samples, state);
                residual.row_mut(m)[chunk.samples.clone()].copy_from_slice(residuals);
            }
        }
        let mut energy = Mat::zeros(residual.rows(), residual.cols());
        for (m, state) in states.iter().enumerate() {
            for part in self.model.energy(state) {
                for (e, part) in energy.row_mut(m).iter_mut().zip(part.value) {
                    *e += part;
                }
            }
        }
        Trace {
            clock: Clock::Iterations,
            times: moments.iter().map(|&m| m as f64).collect(),
            states,
            residual,
            energy: Some(energy),
        }
    }

    fn scatter(&self, x: &[f64], samples: &Range<usize>, state: &mut State) {
        for (x, sample) in x.chunks_exact(self.field.units).zip(samples.clone()) {
            self.field.scatter(x, sample, state);
        }
    }
}

fn keep_moment(kept: &mut (Vec<f64>, Vec<f64>), sample: usize, state: &[f64], residual: f64) {
    kept.0[sample * state.len()..(sample + 1) * state.len()].copy_from_slice(state);
    kept.1[sample] = residual;
}

/// Samples that are iterated together, by the size of the batch alone: enough for products to be
/// fast. Large products within are shared by the threads too.
pub fn chunks(batch: usize) -> Vec<Range<usize>> {
    const SIZE: usize = 64;
    (0..batch).step_by(SIZE).map(|first| first..(first + SIZE).min(batch)).collect()
}

/// Some samples that were iterated together.
struct Chunk {
    samples: Range<usize>,
    /// States and activations, `[samples, units]` each.
    end: Vec<f64>,
    end_xhat: Vec<f64>,
    ends: Vec<End>,
    /// State `[samples, units]` and residual `[samples]` at every moment.
    kept: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Engine for Ideal {
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        let start = layout::starting(&self.model, drive, start);
        let stop = Stop {
            measure: Measure::Largest,
            tolerance: Some(until.settled),
            most: until.at_most_iterations,
        };
        let chunks = self.iterate(drive, &start, stop, &[]);
        let mut state = start.clone();
        for chunk in &chunks {
            self.scatter(&chunk.end, &chunk.samples, &mut state);
        }
        let ends: Vec<End> = chunks.into_iter().flat_map(|chunk| chunk.ends).collect();
        let last = ends.iter().map(|end| end.iterations).max().unwrap_or(0);
        let mut moments: Vec<usize> = match save {
            Save::End => Vec::new(),
            Save::Points(n) => (0..*n)
                .map(|k| (last as f64 * k as f64 / (n - 1) as f64).round() as usize)
                .collect(),
            Save::At(times) => times.iter().map(|t| t.round() as usize).collect(),
        };
        moments.dedup();
        Settled {
            state,
            residual: ends.iter().map(|end| end.residual).collect(),
            stats: Stats {
                steps: ends.iter().map(|end| end.iterations).sum(),
                evaluations: ends.iter().map(|end| end.evaluations).sum(),
                ..Stats::default()
            },
            outcome: ends.iter().map(outcome).collect(),
            trace: (*save != Save::End).then(|| self.trace(drive, &start, &moments)),
            notes: Vec::new(),
        }
    }

    fn write(&mut self, model: &EnergyModel) -> Written {
        *self = Ideal::new(model.clone(), self.solver);
        Written::default()
    }

    fn chip(&self) -> Option<&Chip> {
        None
    }
}

/// The end of an iteration as an outcome of a sample.
pub fn outcome(end: &End) -> Outcome {
    match end.fate {
        Fate::Converged => Outcome::Equilibrium { iterations: end.iterations },
        Fate::Open => Outcome::Unsettled { residual: end.residual },
        Fate::Diverged => Outcome::Diverged { at: end.iterations as f64, growth: Some(end.growth) },
    }
}
