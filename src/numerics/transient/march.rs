//! A step on its way, whatever the method.

use super::super::dae::Instant;
use super::super::newton::{Failure, Solver, Target, weighted_size};
use super::{Begin, Control, Method, Moment, first_share};
use crate::units::Second;

/// The largest allowance for rounding, unless a thousand tolerances are more.
const MOST_ROUNDING: f64 = 1e-3;
/// How well a stage is solved, in units of the step's tolerance.
const STAGE: f64 = 1e-2;
/// `2 - sqrt 2`
pub(super) const GAMMA: f64 = 2.0 - std::f64::consts::SQRT_2;
/// The diagonal of the one-step methods.
pub(super) const D: f64 = GAMMA / 2.0;

/// The vectors of an integration.
pub(super) struct March {
    pub method: Method,
    /// Nothing before this moment counts: the next step is a singly diagonal one of Alexander
    /// 1977, which asks for no derivative at its start.
    pub fresh: bool,
    /// Nothing behind this moment counts, but its `dQ/dt` is known.
    first: bool,
    /// At the last accepted moment: unknowns, their slopes, half their second derivatives, `Q`,
    /// `dQ/dt`, and `I`.
    pub x: Vec<f64>,
    pub slope: Vec<f64>,
    pub bend: Vec<f64>,
    pub q: Vec<f64>,
    pub rate: Vec<f64>,
    currents: Vec<f64>,
    /// At the inner stage, or at the moment before the last accepted one.
    pub x_inner: Vec<f64>,
    pub q_inner: Vec<f64>,
    pub rate_inner: Vec<f64>,
    /// How long before the last accepted moment that was.
    pub behind: Second,
    /// `Q` a whole step before, and how long that step was.
    pub q_before: Vec<f64>,
    pub h_before: Second,
    /// At the end of the step under way.
    pub x_end: Vec<f64>,
    pub rate_end: Vec<f64>,
    pub held: Vec<f64>,
    pub error: Vec<f64>,
    weight: Vec<f64>,
    /// What is let pass near zero, one an unknown.
    least: Vec<f64>,
    /// The largest magnitude of each unknown so far, and which are judged by it.
    top: Vec<f64>,
    by_swing: Vec<bool>,
    /// What rounding alone does to each unknown, where a step was refused.
    rounding: Vec<f64>,
    /// The length of the step under way.
    h: Second,
}

impl March {
    /// At a consistent `x`, where the solver's stamps are.
    pub fn new(solver: &Solver, x: &[f64], control: &Control) -> March {
        let zero = vec![0.0; x.len()];
        let charged = solver.pattern().charged().iter();
        let currents = solver.stamps.currents().to_vec();
        March {
            method: control.method,
            fresh: control.begin != Begin::Charges || control.method != Method::TrBdf2,
            first: true,
            x: x.to_vec(),
            slope: zero.clone(),
            bend: zero.clone(),
            q: solver.stamps.charges().to_vec(),
            rate: charged.zip(&currents).map(|(&c, i)| if c { -i } else { 0.0 }).collect(),
            currents,
            x_inner: x.to_vec(),
            q_inner: zero.clone(),
            rate_inner: zero.clone(),
            behind: 0.0,
            q_before: zero.clone(),
            h_before: 0.0,
            x_end: x.to_vec(),
            rate_end: zero.clone(),
            held: zero.clone(),
            error: zero.clone(),
            rounding: zero,
            top: x.iter().map(|x| x.abs()).collect(),
            by_swing: vec![false; x.len()],
            weight: vec![0.0; x.len()],
            least: (0..x.len()).map(|k| control.least(solver.dae.quantity(k))).collect(),
            h: 0.0,
        }
    }

    /// Tries a step; returns its error in units of the tolerance, and where it is largest.
    pub fn attempt(
        &mut self,
        solver: &mut Solver,
        time: Second,
        h: Second,
        control: &Control,
    ) -> Result<(f64, usize), Failure> {
        self.h = h;
        self.weigh(control, false);
        match self.method {
            _ if self.fresh => self.diagonal_step(solver, time, h)?,
            Method::TrBdf2 => self.trbdf2_step(solver, time, h)?,
            Method::Trapezoidal | Method::Gear => self.multistep(solver, time, h)?,
        }
        solver.solve(&mut self.error);
        self.weigh(control, true);
        Ok(weighted_size(&self.error, &self.weight))
    }

    /// Solves the stage at the inner point or at the end of the step, from the guess there.
    pub fn solve_stage(
        &mut self,
        solver: &mut Solver,
        alpha: f64,
        at: Second,
        inner: bool,
    ) -> Result<(), Failure> {
        let x = if inner { &mut self.x_inner } else { &mut self.x_end };
        let held = Some(&self.held[..]);
        let target = Target { alpha, held, at: Instant::At(at), ..Target::default() };
        let solved = solver.stage(&target, x, &self.weight, STAGE);
        match solved {
            // After an event the solution may be far away: as for an operating point.
            Err(Failure::NotConverged { .. }) if self.fresh => {
                x.copy_from_slice(&self.x);
                solver.limited(&target, x, 50)?;
                solver.stage(&target, x, &self.weight, STAGE)
            }
            solved => solved,
        }
    }

    /// Sets the weights by the start of the step, or by its start and end.
    fn weigh(&mut self, control: &Control, with_end: bool) {
        for (k, weight) in self.weight.iter_mut().enumerate() {
            let end = if with_end { self.x_end[k].abs() } else { 0.0 };
            let start = if self.by_swing[k] { self.top[k] } else { self.x[k].abs() };
            *weight = control.relative * start.max(end) + self.least[k];
            // A node that nothing but a leak holds would let pass anything.
            *weight += self.rounding[k].min(MOST_ROUNDING.max(1e3 * *weight));
        }
    }

    /// Lets pass from here on what rounding does to the unknowns with the factors of the step just
    /// refused. A small charge beside a large one, as on a floating node whose other neighbour holds
    /// a big capacitor, is known no better than the large one's rounding, however short the step.
    pub fn allow_for_rounding(&mut self, solver: &mut Solver) {
        const MARGIN: f64 = 16.0 * f64::EPSILON;
        let alpha = 1.0 / (D * self.h);
        self.rounding.fill(0.0);
        let pattern = solver.pattern();
        let (di, dq) = (solver.stamps.current_slopes(), solver.stamps.charge_slopes());
        for (col, x) in self.x.iter().enumerate() {
            for slot in pattern.col_starts()[col]..pattern.col_starts()[col + 1] {
                let flow = (di[slot].abs() + alpha * dq[slot].abs()) * x.abs();
                self.rounding[pattern.row_indices()[slot]] += MARGIN * flow;
            }
        }
        solver.solve(&mut self.rounding);
        for moved in &mut self.rounding {
            *moved = if moved.is_finite() { moved.abs() } else { 0.0 };
        }
    }

    /// Where in the step under way something that is remembered changes first, as a share of it.
    pub fn event(&self, solver: &mut Solver, time: Second, h: Second) -> Option<f64> {
        let memory = solver.memory();
        if memory.is_empty() {
            return None;
        }
        let mut x = vec![0.0; self.x.len()];
        let mut happened = |share: f64| {
            x.iter_mut()
                .zip(self.x.iter().zip(&self.x_end))
                .for_each(|(x, (from, to))| *x = from + share * (to - from));
            let mut memory = memory.to_vec();
            solver.dae.remember(Instant::At(time + share * h), &x, &mut memory)
        };
        happened(1.0).then(|| first_share(happened))
    }

    /// The moment before the first step of all or after a corner, once that step is solved.
    pub fn start<'a>(&'a mut self, solver: &'a Solver, time: Second) -> Moment<'a> {
        let h = self.h;
        let inner = self.inner() * h;
        for (k, slope) in self.slope.iter_mut().enumerate() {
            *slope = match self.fresh {
                true => (self.x_inner[k] - self.x[k]) / inner,
                false => {
                    let (a, c) = divided([self.x[k], self.x_inner[k], self.x_end[k]], inner, h);
                    a - c * inner
                }
            };
        }
        let memory = solver.memory();
        Moment { time, x: &self.x, slope: &self.slope, currents: &self.currents, memory }
    }

    /// The moment last accepted.
    pub fn now<'a>(&'a self, solver: &'a Solver, time: Second) -> Moment<'a> {
        let (currents, memory) = (solver.stamps.currents(), solver.memory());
        Moment { time, x: &self.x, slope: &self.slope, currents, memory }
    }

    /// Whether the start of the step under way is still to be shown.
    pub fn shows_start(&self) -> bool {
        self.first || self.fresh
    }

    /// The place of the inner stage in a step.
    fn inner(&self) -> f64 {
        if self.fresh { D } else { GAMMA }
    }

    /// Moves on to the end of the step, where the solver's stamps are.
    pub fn accept(&mut self, solver: &Solver, h: Second) {
        let one_step = self.fresh || self.method == Method::TrBdf2;
        if one_step {
            self.turn_after_stages(h);
        } else {
            self.turn_after_multistep(h);
        }
        std::mem::swap(&mut self.q_before, &mut self.q);
        self.h_before = h;
        std::mem::swap(&mut self.x, &mut self.x_end);
        std::mem::swap(&mut self.rate, &mut self.rate_end);
        self.q.copy_from_slice(solver.stamps.charges());
        (self.fresh, self.first) = (false, false);
        self.top.iter_mut().zip(&self.x).for_each(|(top, x)| *top = top.max(x.abs()));
    }

    /// Slope and bend at the end of a step with an inner stage.
    fn turn_after_stages(&mut self, h: Second) {
        let inner = self.inner() * h;
        for (k, slope) in self.slope.iter_mut().enumerate() {
            let stages = [self.x[k], self.x_inner[k], self.x_end[k]];
            // The start of a fresh step may be inconsistent where there is no charge.
            let (a, c) = match self.fresh {
                true => ((stages[2] - stages[1]) / (h - inner), 0.0),
                false => divided(stages, inner, h),
            };
            *slope = if self.fresh { a } else { a + c * (2.0 * h - inner) };
            self.bend[k] = c;
        }
        self.behind = h - inner;
    }

    /// Begins anew at the last accepted moment.
    pub fn restart(&mut self, solver: &mut Solver, time: Second) {
        self.fresh = true;
        solver.evaluate(Instant::At(time), &self.x);
        self.q.copy_from_slice(solver.stamps.charges());
        self.currents.copy_from_slice(solver.stamps.currents());
        self.bend.fill(0.0);
    }

    /// Judges an unknown by its largest value so far from here on, not by its present one. What hangs on
    /// the rate of a charge (a voltage controlled by the current of a capacitor at a source) knows it as
    /// well as the last steps did: where it passes zero, no step is short enough for more.
    pub fn judge_by_swing(&mut self, unknown: usize) {
        self.by_swing[unknown] = true;
    }

    /// How much longer than the last step the next may be.
    pub fn fastest_growth(&self) -> f64 {
        match self.method {
            Method::TrBdf2 => 5.0,
            Method::Trapezoidal | Method::Gear => 2.0,
        }
    }
}

/// The first and second divided differences of three values, the second `inner` and the last `h`
/// after the first.
pub(super) fn divided([start, inner, end]: [f64; 3], at: Second, h: Second) -> (f64, f64) {
    let a = (inner - start) / at;
    let b = (end - inner) / (h - at);
    (a, (b - a) / h)
}
