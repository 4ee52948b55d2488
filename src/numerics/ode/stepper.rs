//! The integrator itself.

use std::ops::Range;

use super::{Arrival, End, Goal, Ode, Tolerance, in_lanes, padded};
use crate::numerics::control::Control;
use crate::numerics::kernels::Real;
use crate::numerics::lanes::{self, Bounds, Judged};
use crate::numerics::math;
use crate::numerics::tableau::Tableau;

/// A state beyond this has diverged.
const HUGE: f64 = 1e9;
/// A step this much shorter than the first is not shortened further.
const LEAST_STEP: f64 = 1e-10;

/// A sample on its way.
#[derive(Debug, Clone, Copy)]
struct Traveller {
    sample: usize,
    /// Still under way; a lane that is not has step 0.
    alive: bool,
    /// Its end has been written out.
    landed: bool,
    t: f64,
    h: f64,
    /// The controller's.
    memory: f64,
    /// The next moment to save.
    moment: usize,
    came: Arrival,
}

impl Traveller {
    fn is_last_step(&self, goal: &Goal) -> bool {
        self.h >= goal.until - self.t
    }
}

/// An integrator with its buffers, which are kept from batch to batch.
pub struct Stepper<T> {
    tableau: &'static Tableau,
    control: Control,
    tolerance: Tolerance,
    x: Vec<T>,
    next: Vec<T>,
    slopes: Vec<Vec<T>>,
    h: Vec<T>,
    cap: Vec<T>,
    take: Vec<T>,
    judged: Judged<T>,
    lanes: Vec<Traveller>,
    keep: Vec<usize>,
    row: Vec<T>,
}

/// Where saved states go: moment, sample, state `[dim]`.
pub type Sink<'a, T> = &'a mut dyn FnMut(usize, usize, &[T]);

impl<T: Real> Stepper<T> {
    pub fn new(tableau: &'static Tableau, tolerance: Tolerance) -> Stepper<T> {
        Stepper {
            tableau,
            control: Control::new(tableau),
            tolerance,
            x: Vec::new(),
            next: Vec::new(),
            slopes: vec![Vec::new(); tableau.stages()],
            h: Vec::new(),
            cap: Vec::new(),
            take: Vec::new(),
            judged: Judged::default(),
            lanes: Vec::new(),
            keep: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Takes the samples `x`, `[dim, samples]`, from time 0 to their ends, in place.
    ///
    /// `system` must be ready for [`padded`] lanes, of which those beyond `samples` repeat the
    /// last one. The state of every sample at the ascending times `save` goes to `sink`; a sample
    /// that ends before is saved as it ended.
    pub fn run(
        &mut self,
        system: &mut impl Ode<T>,
        x: &mut [T],
        samples: usize,
        goal: &Goal,
        save: &[f64],
        sink: Sink<T>,
    ) -> Vec<Arrival> {
        let mut arrivals = Vec::with_capacity(samples);
        if samples == 0 {
            return arrivals;
        }
        assert_eq!(x.len(), system.dim() * samples, "the state does not fit the equation");
        self.board(system, x, samples, goal);
        arrivals.extend(self.lanes.iter().take(samples).map(|lane| lane.came));
        self.judge_start(system, goal, save, sink);
        self.disembark(x, samples, save, sink, &mut arrivals);
        while self.lanes.iter().any(|lane| lane.alive) {
            self.close_ranks(system);
            self.step(system, goal);
            self.decide(goal, save, sink);
            self.disembark(x, samples, save, sink, &mut arrivals);
        }
        arrivals
    }

    fn board(&mut self, system: &mut impl Ode<T>, x: &[T], samples: usize, goal: &Goal) {
        let (dim, width) = (system.dim(), padded::<T>(samples));
        let resize = |v: &mut Vec<T>, n: usize| {
            v.clear();
            v.resize(n, T::default());
        };
        for v in [&mut self.x, &mut self.next].into_iter().chain(&mut self.slopes) {
            resize(v, dim * width);
        }
        let judged = &mut self.judged;
        for v in [&mut judged.error, &mut judged.residual, &mut judged.size, &mut judged.sound]
            .into_iter()
            .chain([&mut self.h, &mut self.cap, &mut self.take])
        {
            resize(v, width);
        }
        resize(&mut self.row, dim);
        for (to, from) in self.x.chunks_exact_mut(width).zip(x.chunks_exact(samples)) {
            to[..samples].copy_from_slice(from);
            to[samples..].fill(from[samples - 1]);
        }
        self.lanes.clear();
        self.lanes.extend((0..width).map(|sample| Traveller {
            sample: sample.min(samples - 1),
            alive: sample < samples,
            landed: sample >= samples,
            t: 0.0,
            h: goal.first_step,
            memory: 0.0,
            moment: 0,
            came: Arrival {
                end: End::TimeUp,
                residual: f64::INFINITY,
                steps: 0,
                rejected: 0,
                evaluations: 1,
            },
        }));
        self.keep.clear();
        self.keep.reserve(width);
    }

    /// Evaluates the first slope; some samples may have arrived already.
    fn judge_start(&mut self, system: &mut impl Ode<T>, goal: &Goal, save: &[f64], sink: Sink<T>) {
        let width = self.lanes.len();
        system.rhs(&self.x, &mut self.slopes[0], width);
        lanes::largest(&mut self.judged.residual, &self.slopes[0], system.weight());
        for (b, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| lane.alive) {
            lane.came.residual = self.judged.residual[b].to_f64();
            while lane.moment < save.len() && save[lane.moment] <= 0.0 {
                column(&self.x, width, b, &mut self.row);
                sink(lane.moment, lane.sample, &self.row);
                lane.moment += 1;
            }
            if !lane.came.residual.is_finite() {
                lane.came.end = End::Diverged { at: 0.0 };
                lane.alive = false;
            } else if goal.settled.is_some_and(|tol| lane.came.residual <= tol) {
                lane.came.end = End::Settled { at: 0.0 };
                lane.alive = false;
            } else if goal.until <= 0.0 {
                lane.alive = false;
            }
        }
        self.take.fill(T::default());
    }

    /// Drops lanes that have arrived, once that frees a vector register.
    fn close_ranks(&mut self, system: &mut impl Ode<T>) {
        let width = self.lanes.len();
        let alive = self.lanes.iter().filter(|lane| lane.alive).count();
        let to = padded::<T>(alive);
        if to == width {
            return;
        }
        self.keep.clear();
        self.keep.extend((0..width).filter(|&b| self.lanes[b].alive));
        let last = self.keep[alive - 1];
        self.keep.resize(to, last);
        for v in [&mut self.x, &mut self.slopes[0]] {
            lanes::keep_lanes(v, width, &self.keep);
        }
        let size = self.x.len() / width * to;
        for v in [&mut self.x, &mut self.next].into_iter().chain(&mut self.slopes) {
            v.truncate(size);
        }
        for v in [&mut self.h, &mut self.cap, &mut self.take] {
            v.truncate(to);
        }
        system.keep(width, &self.keep);
        for (j, &lane) in self.keep.iter().enumerate() {
            self.lanes[j] = self.lanes[lane];
            self.lanes[j].alive = j < alive;
            self.lanes[j].landed = j >= alive;
        }
        self.lanes.truncate(to);
    }

    /// Tries a step in every lane and judges it.
    fn step(&mut self, system: &mut impl Ode<T>, goal: &Goal) {
        let width = self.lanes.len();
        for (b, lane) in self.lanes.iter_mut().enumerate() {
            self.h[b] = T::of(if lane.alive { lane.h.min(goal.until - lane.t) } else { 0.0 });
            let cap = self.tolerance.remaining * lane.came.residual;
            self.cap[b] = T::of(cap.max(4.0 * T::EPSILON));
        }
        for (s, weights) in self.tableau.a.iter().enumerate() {
            let (done, to) = self.slopes.split_at_mut(s + 1);
            for block in 0..system.blocks() {
                let at = in_lanes(system.rows(block), width);
                let next = &mut self.next[at.clone()];
                with_terms(weights, done, at.clone(), |terms| {
                    lanes::combine(next, &self.x[at.clone()], &self.h, terms);
                });
                system.begin(block, next, &mut to[0][at], width);
            }
            system.complete(&self.next, &mut to[0], width);
        }
        let bounds = Bounds {
            relative: T::of(self.tolerance.relative),
            absolute: T::of(self.tolerance.absolute),
            cap: &self.cap,
        };
        let last = &self.slopes[self.tableau.stages() - 1];
        with_terms(self.tableau.error, &self.slopes, 0..self.x.len(), |terms| {
            let states = [&self.x[..], &self.next, last];
            lanes::judge(&mut self.judged, states, system.weight(), &self.h, terms, bounds);
        });
    }

    /// Accepts or rejects the step of every lane, saves what lies within it, moves on.
    fn decide(&mut self, goal: &Goal, save: &[f64], sink: Sink<T>) {
        let width = self.lanes.len();
        let evaluations = self.tableau.stages() - 1;
        for b in 0..width {
            self.take[b] = T::default();
            if !self.lanes[b].alive {
                continue;
            }
            self.lanes[b].came.evaluations += evaluations;
            if let Some(factor) = self.verdict(b, goal) {
                self.take[b] = T::of(1.0);
                self.save_within(b, goal, save, sink);
                self.advance(b, factor, goal);
            }
        }
        let last = self.tableau.stages() - 1;
        if self.lanes.iter().zip(&self.take).all(|(l, &take)| !l.alive || take != T::default()) {
            std::mem::swap(&mut self.x, &mut self.next);
            self.slopes.swap(0, last);
        } else {
            lanes::take_lanes(&mut self.x, &self.next, &self.take);
            let (first, rest) = self.slopes.split_at_mut(last);
            lanes::take_lanes(&mut first[0], &rest[0], &self.take);
        }
    }

    /// The factor on the next step if this one is accepted; else shortens the step.
    fn verdict(&mut self, b: usize, goal: &Goal) -> Option<f64> {
        let lane = &mut self.lanes[b];
        let error = self.judged.error[b].to_f64();
        let sound = self.judged.sound[b].to_f64() == 0.0 && error.is_finite();
        let shortest = self.h[b].to_f64() <= LEAST_STEP * goal.first_step;
        // What rounding alone may do to the error estimate.
        let floor = 2.0 * T::EPSILON * (1.0 + self.judged.size[b].to_f64());
        if sound && error <= 1.0 {
            return Some(self.control.after_accepted(error, &mut lane.memory));
        }
        if sound && (error * self.cap[b].to_f64() <= floor || shortest) {
            return Some(1.0);
        }
        lane.came.rejected += 1;
        if shortest {
            lane.came.end = End::Diverged { at: lane.t };
            lane.alive = false;
        }
        let error = if sound { error } else { f64::INFINITY };
        lane.h = self.h[b].to_f64() * self.control.after_rejected(error);
        None
    }

    fn advance(&mut self, b: usize, factor: f64, goal: &Goal) {
        let lane = &mut self.lanes[b];
        let h = self.h[b].to_f64();
        let (before, after) = (lane.came.residual, self.judged.residual[b].to_f64());
        let start = lane.t;
        let final_step = lane.is_last_step(goal);
        lane.t = if final_step { goal.until } else { lane.t + h };
        lane.h = h * factor;
        lane.came.steps += 1;
        lane.came.residual = after;
        if self.judged.size[b].to_f64() > HUGE {
            lane.came.end = End::Diverged { at: lane.t };
            lane.alive = false;
        } else if let Some(tolerance) = goal.settled.filter(|&tol| after <= tol) {
            let slope = math::log(before) - math::log(after.max(f64::MIN_POSITIVE));
            let part = (math::log(before) - math::log(tolerance)) / slope;
            lane.came.end = End::Settled { at: start + part.clamp(0.0, 1.0) * h };
            lane.alive = false;
        } else if final_step {
            lane.alive = false;
        }
    }

    /// Dense output of the accepted step of lane `b` at the moments within it.
    fn save_within(&mut self, b: usize, goal: &Goal, save: &[f64], sink: Sink<T>) {
        let width = self.lanes.len();
        let lane = &mut self.lanes[b];
        let h = self.h[b].to_f64();
        let end = if lane.is_last_step(goal) { goal.until } else { lane.t + h };
        while lane.moment < save.len() && save[lane.moment] <= end {
            let theta = ((save[lane.moment] - lane.t) / h).min(1.0);
            column(&self.x, width, b, &mut self.row);
            for (slope, c) in self.slopes.iter().zip(self.tableau.dense) {
                let weight = theta * (c[0] + theta * (c[1] + theta * (c[2] + theta * c[3])));
                let weight = T::of(h * weight);
                for (x, k) in self.row.iter_mut().zip(slope.iter().skip(b).step_by(width)) {
                    *x = *x + weight * *k;
                }
            }
            sink(lane.moment, lane.sample, &self.row);
            lane.moment += 1;
        }
    }

    /// Writes out the samples that have ended since the last step.
    fn disembark(
        &mut self,
        x: &mut [T],
        samples: usize,
        save: &[f64],
        sink: Sink<T>,
        arrivals: &mut [Arrival],
    ) {
        let width = self.lanes.len();
        for (b, lane) in self.lanes.iter_mut().enumerate() {
            if lane.alive || lane.landed {
                continue;
            }
            lane.landed = true;
            arrivals[lane.sample] = lane.came;
            column(&self.x, width, b, &mut self.row);
            for (x, &value) in x.iter_mut().skip(lane.sample).step_by(samples).zip(&self.row) {
                *x = value;
            }
            while lane.moment < save.len() {
                sink(lane.moment, lane.sample, &self.row);
                lane.moment += 1;
            }
        }
    }
}

/// Copies lane `b` of a batch `[dim, width]`.
fn column<T: Copy>(batch: &[T], width: usize, b: usize, out: &mut [T]) {
    for (out, x) in out.iter_mut().zip(batch.iter().skip(b).step_by(width)) {
        *out = *x;
    }
}

/// Pairs weights with part of the slopes, leaving out what has no weight.
fn with_terms<T: Real>(
    weights: &[f64],
    slopes: &[Vec<T>],
    at: Range<usize>,
    f: impl FnOnce(&[(T, &[T])]),
) {
    let mut terms = [(T::default(), &[][..]); 7];
    let mut n = 0;
    for (&weight, slope) in weights.iter().zip(slopes).filter(|(w, _)| **w != 0.0) {
        terms[n] = (T::of(weight), &slope[at.clone()]);
        n += 1;
    }
    f(&terms[..n]);
}
