//! The block as a circuit in motion: `tau dx/dt = -x + dPhi/ds`, `s = sigma(x)`, all nodes with the
//! same time constant. Time is in units of it.

use std::ops::Range;

use rayon::prelude::*;

use super::products::{Work, fewer, in_lanes, layers_in_lanes};
use super::{Deep, Ending, Layers, Rested, Weights};
use crate::numerics::Mat;
use crate::numerics::fixed_point::add_scaled;
use crate::numerics::kernels::Real;
use crate::numerics::ode::{End, Goal, Ode, Stepper, Tolerance, padded};
use crate::numerics::tableau::BOGACKI_SHAMPINE;

/// How far a motion is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// The largest `tau |dx/dt|` of a sample at rest.
    pub settled: f64,
    /// The longest time, in time constants.
    pub at_most: f64,
}

struct Motion<'a, T> {
    deep: &'a Deep<T>,
    /// Currents into each layer, `[size, lanes]`; none into those that are empty.
    currents: Vec<Vec<T>>,
    at: Vec<Vec<u32>>,
    /// Whether windows choose what they chose at first.
    holds: bool,
    s: Vec<Vec<T>>,
    drive: Vec<T>,
    work: Work<T>,
    ones: Vec<T>,
}

impl<T: Real> Deep<T> {
    /// Follows every sample from `start`, or from zero, until it rests; `currents` go into each
    /// layer, `[batch, size]`. Windows choose what they choose in the states `held`, if there are such.
    /// [`Ending::iterations`] are whole time constants.
    pub fn follow(
        &self,
        held: Option<&Layers<T>>,
        currents: &[Option<&Mat<T>>],
        start: Option<&Layers<T>>,
        course: &Course,
    ) -> Rested<T> {
        let input = currents[0].expect("a block has an input");
        // Only where it comes to rest is asked for, so the way may be rough.
        let tolerance = Tolerance { relative: 5e-2, absolute: 2e-2, remaining: 0.5 };
        let goal = Goal { settled: Some(course.settled), until: course.at_most, first_step: 0.1 };
        let parts: Vec<(Layers<T>, Vec<Ending>)> = self
            .parts(input.rows())
            .into_par_iter()
            .map_init(
                || Stepper::new(&BOGACKI_SHAMPINE, tolerance),
                |stepper, samples| self.follow_part(stepper, held, currents, start, samples, &goal),
            )
            .collect();
        let (layers, ends): (Vec<Layers<T>>, Vec<Vec<Ending>>) = parts.into_iter().unzip();
        Rested { layers: self.joined(&layers, input.rows()), ends: ends.concat() }
    }

    /// `dPhi/ds` of every node, `currents` into the layers included, while the activations are held
    /// at `state`.
    pub fn held(&self, currents: &[Option<&Mat<T>>], state: &Layers<T>) -> Layers<T> {
        let parts: Vec<Layers<T>> = self
            .parts(state[0].rows())
            .into_par_iter()
            .map(|samples| {
                let lanes = padded::<T>(samples.len());
                let mut motion = self.motion(None, currents, &samples, lanes);
                let held = motion.held(state, &samples, lanes);
                self.by_layer(&held, samples.len())
            })
            .collect();
        self.joined(&parts, state[0].rows())
    }

    /// `sum_j w_ij s_j^2` of every node of every layer, of weights `squares` and as the windows of
    /// `state` have it.
    pub fn variances(&self, squares: Vec<Weights<T>>, state: &Layers<T>) -> Layers<T> {
        let squared = Deep { weights: squares, ..self.clone() };
        let parts: Vec<Layers<T>> = self
            .parts(state[0].rows())
            .into_par_iter()
            .map(|samples| {
                let (s, lanes) = layers_in_lanes(state, &samples);
                let powers: Vec<Vec<T>> =
                    s.iter().map(|s| s.iter().map(|v| *v * *v).collect()).collect();
                let mut work = Work::default();
                let of = |l: usize| {
                    let mut sum = vec![T::default(); s[l].len()];
                    if let Some(below) = l.checked_sub(1) {
                        let at = self.windows(below, lanes, &s[below], &mut work);
                        let weight = &squared.weights[below].forward;
                        squared.add_up(
                            below,
                            weight,
                            lanes,
                            &powers[below],
                            &at,
                            &mut sum,
                            &mut work,
                        );
                    }
                    if l + 1 < s.len() {
                        let at = self.windows(l, lanes, &s[l], &mut work);
                        let weight = squared.weights[l].back();
                        squared.add_down(
                            l,
                            weight,
                            lanes,
                            &powers[l + 1],
                            &at,
                            &mut sum,
                            &mut work,
                        );
                    }
                    let rows = sum.chunks_exact(lanes).flat_map(|row| &row[..samples.len()]);
                    let size = self.model.layers[l].size();
                    Mat::from_vec(size, samples.len(), rows.copied().collect()).transposed()
                };
                (0..s.len()).map(of).collect()
            })
            .collect();
        self.joined(&parts, state[0].rows())
    }

    /// The states of parts of a batch as those of all of it.
    fn joined(&self, parts: &[Layers<T>], batch: usize) -> Layers<T> {
        let layers = self.model.layers.iter().enumerate().map(|(l, shape)| {
            let rows = parts.iter().flat_map(|layers| layers[l].as_slice()).copied();
            Mat::from_vec(batch, shape.size(), rows.collect())
        });
        layers.collect()
    }

    /// The nodes of all layers, `[nodes, count]`, by layer and sample.
    fn by_layer(&self, x: &[T], count: usize) -> Layers<T> {
        let mut first = 0;
        let layers = self.model.layers.iter().map(|shape| {
            let layer = x[first * count..(first + shape.size()) * count].to_vec();
            first += shape.size();
            Mat::from_vec(shape.size(), count, layer).transposed()
        });
        layers.collect()
    }

    /// Samples before they move, all activations at zero; with windows that choose what they choose in
    /// the states `held`, if there are such.
    fn motion(
        &self,
        held: Option<&Layers<T>>,
        currents: &[Option<&Mat<T>>],
        samples: &Range<usize>,
        lanes: usize,
    ) -> Motion<'_, T> {
        let of = |m: &Mat<T>| filled(m, samples, lanes);
        let mut work = Work::default();
        let at = self.places(lanes, |l| held.map(|held| of(&held[l])), &mut work);
        let sizes = self.model.layers.iter().map(|shape| shape.size());
        Motion {
            deep: self,
            currents: currents.iter().map(|m| m.map_or(Vec::new(), of)).collect(),
            at,
            holds: held.is_some(),
            s: sizes.clone().map(|size| vec![T::default(); size * lanes]).collect(),
            drive: Vec::new(),
            work,
            ones: vec![T::of(1.0); sizes.sum()],
        }
    }

    fn follow_part(
        &self,
        stepper: &mut Stepper<T>,
        held: Option<&Layers<T>>,
        currents: &[Option<&Mat<T>>],
        start: Option<&Layers<T>>,
        samples: Range<usize>,
        goal: &Goal,
    ) -> (Layers<T>, Vec<Ending>) {
        let (count, lanes) = (samples.len(), padded::<T>(samples.len()));
        let mut motion = self.motion(held, currents, &samples, lanes);
        // At rest a node stands where its currents hold it.
        let mut x = match start {
            Some(start) => motion.held(start, &samples, lanes),
            None => vec![T::default(); motion.dim() * count],
        };
        let arrivals = stepper.run(&mut motion, &mut x, count, goal, &[], &mut |_, _, _| {});
        let mut layers = self.by_layer(&x, count);
        let each = layers.iter_mut().enumerate();
        each.for_each(|(l, layer)| self.activate(l, layer.as_mut_slice()));
        let ends = arrivals.iter().map(|came| {
            let (time, settled) = match came.end {
                End::Settled { at } => (at, true),
                End::TimeUp => (goal.until, false),
                End::Diverged { at } => (at, false),
            };
            let diverged = matches!(came.end, End::Diverged { .. });
            Ending {
                iterations: time.ceil() as usize,
                residual: if diverged { f64::INFINITY } else { came.residual },
                settled,
                time,
            }
        });
        (layers, ends.collect())
    }
}

/// Some samples of a layer in lanes, the last one in those that are left over.
fn filled<T: Real>(of: &Mat<T>, samples: &Range<usize>, lanes: usize) -> Vec<T> {
    let mut all = in_lanes(of, samples, lanes);
    for row in all.chunks_exact_mut(lanes) {
        let last = row[samples.len() - 1];
        row[samples.len()..].fill(last);
    }
    all
}

impl<T: Real> Motion<'_, T> {
    /// Where nodes stand while activations are held at a state, `[nodes, samples]`.
    fn held(&mut self, state: &Layers<T>, samples: &Range<usize>, lanes: usize) -> Vec<T> {
        self.s = state.iter().map(|m| filled(m, samples, lanes)).collect();
        let mut held = vec![T::default(); self.ones.len() * lanes];
        self.drives(&mut held, lanes);
        let rows = held.chunks_exact(lanes).flat_map(|row| &row[..samples.len()]);
        rows.copied().collect()
    }

    /// `dPhi/ds` of all layers at the activations as they are.
    fn drives(&mut self, out: &mut [T], lanes: usize) {
        let deep = self.deep;
        // From the last on, as a layer's windows are found with the drive of the next.
        let mut end = out.len();
        for l in (0..self.s.len()).rev() {
            match l.checked_sub(1) {
                Some(below) => {
                    let (s, at) = (&self.s[below], &mut self.at[below]);
                    let (drive, work) = (&mut self.drive, &mut self.work);
                    match self.holds {
                        true => deep.up_holding(below, lanes, s, drive, at, work),
                        false => deep.up(below, lanes, s, drive, at, work),
                    }
                }
                None => {
                    self.drive.clear();
                    self.drive.resize(self.s[0].len(), T::default());
                }
            }
            if let Some(above) = self.s.get(l + 1) {
                let (drive, work) = (&mut self.drive, &mut self.work);
                let back = deep.weights[l].back();
                deep.add_down(l, back, lanes, above, &self.at[l], drive, work);
            }
            if !self.currents[l].is_empty() {
                add_scaled(&mut self.drive, T::of(1.0), &self.currents[l]);
            }
            let first = end - self.drive.len();
            out[first..end].copy_from_slice(&self.drive);
            end = first;
        }
    }
}

impl<T: Real> Ode<T> for Motion<'_, T> {
    fn dim(&self) -> usize {
        self.ones.len()
    }

    fn weight(&self) -> &[T] {
        &self.ones
    }

    fn blocks(&self) -> usize {
        1
    }

    fn rows(&self, _: usize) -> Range<usize> {
        0..self.ones.len()
    }

    fn begin(&mut self, _: usize, _: &[T], _: &mut [T], _: usize) {}

    fn complete(&mut self, x: &[T], dx: &mut [T], lanes: usize) {
        let mut first = 0;
        for l in 0..self.s.len() {
            let size = self.deep.model.layers[l].size() * lanes;
            self.s[l].clear();
            self.s[l].extend_from_slice(&x[first..first + size]);
            self.deep.activate(l, &mut self.s[l]);
            first += size;
        }
        self.drives(dx, lanes);
        dx.iter_mut().zip(x).for_each(|(dx, x)| *dx = *dx - *x);
    }

    fn keep(&mut self, from: usize, keep: &[usize]) {
        self.currents.iter_mut().for_each(|list| fewer(list, from, keep));
        if self.holds {
            self.at.iter_mut().for_each(|list| fewer(list, from, keep));
        }
    }
}
