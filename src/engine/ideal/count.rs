//! How many iterations a solver takes, by the published measure and by one that all orders share.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::chunks;
use super::field::Field;
use super::iteration::Iteration;
use super::prepared::Prepared;
use crate::model::EnergyModel;
use crate::numerics::Mat;
use crate::numerics::draws::Normals;
use crate::numerics::fixed_point::{End, Measure, Stop, norms, solve};
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;
use crate::spec::Solver;

/// What a solver took for the samples of a batch, from states of zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// `[samples, tolerances]`: the iterations of arXiv:2311.15673. With `z_i` the (damped) image of the
    /// i-th evaluation, from 0, the first `i > 0` at which `|z_(i+1) - z_i| < tolerance |z_(i+1)|`, over the
    /// states that the iteration carries (in even-odd order those of even layers only); one less
    /// than the budget where there is none.
    pub published: Mat,
    /// `[samples, tolerances]`: updates of every layer until `|f(x) - x| <= tolerance |f(x)|` over all
    /// layers, the one that shows it included; NaN where the budget was too small.
    pub updates: Mat,
    /// States of the read layer at the end, `[samples, size]`.
    pub outputs: Mat,
}

/// Runs a solver for `budget` evaluations, whatever has converged. One that is prepared starts where
/// it is told, which counts as half an update, and takes corrected steps.
pub fn count<T: Real>(
    model: &EnergyModel,
    solver: Solver,
    prepared: Option<&Prepared<T>>,
    inputs: &Mat,
    budget: usize,
    tolerances: &[f64],
) -> Counts {
    let field = Field::<T>::of_model(model, solver.order);
    let parts: Vec<Counts> = chunks(inputs.rows())
        .into_par_iter()
        .map(|samples| part(&field, solver, prepared, inputs, samples, budget, tolerances))
        .collect();
    let join = |of: fn(&Counts) -> &Mat| {
        let data: Vec<f64> = parts.iter().flat_map(|p| of(p).as_slice()).copied().collect();
        let cols = parts.first().map_or(0, |p| of(p).cols());
        Mat::from_vec(data.len() / cols.max(1), cols, data)
    };
    Counts {
        published: join(|c| &c.published),
        updates: join(|c| &c.updates),
        outputs: join(|c| &c.outputs),
    }
}

/// Where an iteration starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    Zero,
    /// Standard normal states.
    Random,
    /// One pass from the inputs on; costs half an update.
    Feedforward,
    /// Where [`Prepared`] says; costs half an update.
    Learned,
}

impl Start {
    pub const ALL: [Start; 4] = [Start::Zero, Start::Random, Start::Feedforward, Start::Learned];

    /// Of this in updates of every layer.
    pub fn cost(self) -> f64 {
        if matches!(self, Start::Feedforward | Start::Learned) { 0.5 } else { 0.0 }
    }
}

/// Settles a batch of inputs from a start; one end a sample. What is prepared serves the start and
/// [`crate::spec::Method::Chord`].
pub fn settle_from<T: Real>(
    field: &Field<T>,
    solver: Solver,
    (start, seed): (Start, Seed),
    prepared: Option<&Prepared<T>>,
    inputs: &Mat,
    stop: Stop,
) -> Vec<End> {
    chunks(inputs.rows())
        .into_par_iter()
        .flat_map_iter(|samples| {
            let count = samples.len();
            let seed = seed.index(samples.start);
            let free = Iteration::free(field, solver.local, prepared, inputs, samples);
            let (mut map, mut z, _) = free;
            let carried = field.carried;
            match start {
                Start::Zero => z.fill(T::default()),
                Start::Random => {
                    let mut draws = vec![0.0; z.len()];
                    Normals::new(seed).fill(&mut draws);
                    z.iter_mut().zip(draws).for_each(|(z, v)| *z = T::of(v));
                }
                Start::Feedforward => {
                    let x = field.feedforward(map.base());
                    let rows = z.chunks_exact_mut(carried).zip(x.chunks_exact(field.units));
                    rows.for_each(|(z, x)| z.copy_from_slice(&x[..carried]));
                }
                Start::Learned => {}
            }
            solve(&mut map, z, count, solver.scheme(), stop, |_, _| {})
        })
        .collect()
}

fn part<T: Real>(
    field: &Field<T>,
    solver: Solver,
    prepared: Option<&Prepared<T>>,
    inputs: &Mat,
    samples: Range<usize>,
    budget: usize,
    tolerances: &[f64],
) -> Counts {
    let (count, units) = (samples.len(), field.units);
    let first = if prepared.is_some() { 1.5 } else { 1.0 };
    let (mut map, z, _) = Iteration::free(field, solver.local, prepared, inputs, samples);
    let stop = Stop { measure: Measure::Common, tolerance: None, most: budget - 1 };
    let mut published = Mat::from_fn(count, tolerances.len(), |_, _| f64::NAN);
    let mut updates = published.clone();
    let mut last: Vec<Vec<T>> = vec![Vec::new(); count];
    let mut seen_images = vec![0; count];
    let (keep, take) = (T::of(solver.damping), T::of(1.0 - solver.damping));
    solve(&mut map, z, count, solver.scheme(), stop, |_, seen| {
        let s = seen.sample;
        let image: Vec<T> =
            seen.z.iter().zip(seen.image).map(|(&z, &f)| keep * z + take * f).collect();
        let change = match seen_images[s] {
            0 => f64::INFINITY,
            _ => {
                let norms = norms(&last[s], &image);
                (norms.change / norms.image).sqrt()
            }
        };
        // Between images k - 1 and k.
        let index = seen_images[s] as f64 - 1.0;
        for (k, &tolerance) in tolerances.iter().enumerate() {
            if published[(s, k)].is_nan() && change < tolerance {
                published[(s, k)] = index;
            }
            if updates[(s, k)].is_nan() && seen.residual <= tolerance {
                updates[(s, k)] = seen.iteration as f64 + first;
            }
        }
        seen_images[s] += 1;
        last[s] = image;
    });
    for value in published.as_mut_slice() {
        if value.is_nan() || *value == 0.0 {
            *value = budget as f64 - 1.0;
        }
    }
    let read = field.layers[field.read].units.clone();
    let outputs =
        Mat::from_fn(count, read.len(), |s, i| map.ended[s * units + read.start + i].to_f64());
    Counts { published, updates, outputs }
}
