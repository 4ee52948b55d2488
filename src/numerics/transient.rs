//! Implicit integration in time of `I(x) + d/dt Q(x) = 0` by TR-BDF2.
//!
//! Bank, Coughran, Fichtner, Grosse, Rose and Smith 1985, as the singly diagonal Runge-Kutta
//! method of Hosea and Shampine 1996: a trapezoidal stage to `GAMMA h`, then a backward
//! differentiation stage to `h`, both with one matrix; of second order, L-stable, with an
//! embedded error of third order that is filtered through the same matrix.

use std::ops::ControlFlow;

use super::dae::Instant;
use super::newton::{Failure, Solver, Target, weighted_size};
use crate::units::Second;

/// `2 - sqrt 2`
const GAMMA: f64 = 2.0 - std::f64::consts::SQRT_2;
/// The diagonal of the method.
const D: f64 = GAMMA / 2.0;
/// The weight of the first two stages in the last.
const W: f64 = std::f64::consts::SQRT_2 / 4.0;
/// The weights of the error estimate: method less embedded method.
const ERROR: [f64; 3] = [W - (1.0 - W) / 3.0, W - (3.0 * W + 1.0) / 3.0, D - D / 3.0];
/// How well a stage is solved, in units of the step's tolerance.
const STAGE: f64 = 1e-2;

/// How an integration is kept in bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Control {
    /// Error of a step in units of each potential.
    pub relative: f64,
    /// Error of a step that is let pass for a potential near zero.
    pub absolute: f64,
    /// No step is longer.
    pub longest: Second,
    /// A potential beyond this has diverged.
    pub bound: f64,
}

impl Default for Control {
    fn default() -> Self {
        Control { relative: 1e-6, absolute: 1e-9, longest: f64::INFINITY, bound: 1e9 }
    }
}

/// An accepted point of the way.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub time: Second,
    pub x: &'a [f64],
    /// `dx/dt` to second order.
    pub slope: &'a [f64],
    /// `I` at `x`.
    pub currents: &'a [f64],
}

/// How an integration ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// At the end of the span.
    Reached,
    /// Where the observer asked to.
    Stopped,
    Diverged {
        at: Second,
    },
}

/// Integrates from time 0, where the charges are those of `x`, to `span`, and shows every
/// accepted moment to `watch`, the first included.
///
/// # Errors
/// When a step cannot be solved however short it is made.
pub fn integrate(
    solver: &mut Solver,
    x: &mut [f64],
    span: Second,
    control: &Control,
    watch: &mut dyn FnMut(&Moment) -> ControlFlow<()>,
) -> Result<End, Failure> {
    let tau = solver.hold_charges(Instant::At(0.0), x)?;
    let mut march = March::new(solver, x);
    let mut h = (0.01 * tau).min(control.longest).min(span);
    let (least, mut time, mut first) = (1e-12 * tau.min(span), 0.0, true);
    while time < span {
        let last = time + 1.0001 * h >= span;
        if last {
            h = span - time;
        }
        let (error, worst) = match march.attempt(solver, time, h, control) {
            Ok(judged) => judged,
            Err(singular @ Failure::Singular { .. }) => return Err(singular),
            Err(failure) => {
                h *= 0.25;
                solver.work.rejected += 1;
                if h < least {
                    return Err(failure);
                }
                continue;
            }
        };
        let factor = 0.9 / error.cbrt().max(1e-3);
        // Also where the error is no number.
        if error.is_nan() || error > 1.0 {
            solver.work.rejected += 1;
            h *= if factor.is_nan() { 0.1 } else { factor.clamp(0.1, 0.9) };
            if h < least {
                return Err(Failure::NotConverged { unknown: worst, iteration: 0 });
            }
            continue;
        }
        if first && watch(&march.start(h)).is_break() {
            x.copy_from_slice(&march.x);
            return Ok(End::Stopped);
        }
        first = false;
        time = if last { span } else { time + h };
        march.accept(solver, h);
        solver.work.steps += 1;
        x.copy_from_slice(&march.x);
        let now = Moment { time, x, slope: &march.slope, currents: solver.stamps.currents() };
        if watch(&now).is_break() {
            return Ok(End::Stopped);
        }
        let (size, _) = solver.size(x);
        if size.is_nan() || size > control.bound {
            return Ok(End::Diverged { at: time });
        }
        // Small changes are not worth a new factorisation.
        if !(1.0..=1.4).contains(&factor) {
            h *= factor.clamp(0.2, 5.0);
        }
        h = h.min(control.longest);
    }
    Ok(End::Reached)
}

/// The vectors of an integration on its way.
struct March {
    /// At the last accepted moment: unknowns, their slopes, half their second derivatives, `Q`,
    /// `dQ/dt`, and `I`.
    x: Vec<f64>,
    slope: Vec<f64>,
    bend: Vec<f64>,
    q: Vec<f64>,
    rate: Vec<f64>,
    currents: Vec<f64>,
    /// At the inner stage.
    x_inner: Vec<f64>,
    q_inner: Vec<f64>,
    /// At the end of the step under way.
    x_end: Vec<f64>,
    rate_end: Vec<f64>,
    held: Vec<f64>,
    error: Vec<f64>,
    weight: Vec<f64>,
}

impl March {
    /// At a consistent `x`, where the solver's stamps are.
    fn new(solver: &Solver, x: &[f64]) -> March {
        let zero = vec![0.0; x.len()];
        let charged = solver.pattern().charged().iter();
        let currents = solver.stamps.currents().to_vec();
        March {
            x: x.to_vec(),
            slope: zero.clone(),
            bend: zero.clone(),
            q: solver.stamps.charges().to_vec(),
            rate: charged.zip(&currents).map(|(&c, i)| if c { -i } else { 0.0 }).collect(),
            currents,
            x_inner: x.to_vec(),
            q_inner: zero.clone(),
            x_end: x.to_vec(),
            rate_end: zero.clone(),
            held: zero.clone(),
            error: zero,
            weight: vec![0.0; solver.dae.potentials()],
        }
    }

    /// Tries a step; returns its error in units of the tolerance, and where it is largest.
    fn attempt(
        &mut self,
        solver: &mut Solver,
        time: Second,
        h: Second,
        control: &Control,
    ) -> Result<(f64, usize), Failure> {
        let alpha = 1.0 / (D * h);
        self.weigh(control, false);
        for (k, inner) in self.x_inner.iter_mut().enumerate() {
            *inner = self.x[k] + GAMMA * h * (self.slope[k] + GAMMA * h * self.bend[k]);
            self.held[k] = self.q[k] + D * h * self.rate[k];
        }
        let held = Some(&self.held[..]);
        let target = Target { alpha, held, at: Instant::At(time + GAMMA * h), ..Target::default() };
        solver.stage(&target, &mut self.x_inner, &self.weight, STAGE)?;
        self.q_inner.copy_from_slice(solver.stamps.charges());
        for (k, end) in self.x_end.iter_mut().enumerate() {
            let bend = self.x_inner[k] - self.x[k] - GAMMA * h * self.slope[k];
            *end = self.x[k] + h * self.slope[k] + bend / (GAMMA * GAMMA);
            self.held[k] = self.q[k] + W / D * (self.q_inner[k] - self.q[k]);
        }
        let held = Some(&self.held[..]);
        let target = Target { alpha, held, at: Instant::At(time + h), ..Target::default() };
        solver.stage(&target, &mut self.x_end, &self.weight, STAGE)?;
        let q_end = solver.stamps.charges();
        for (k, error) in self.error.iter_mut().enumerate() {
            let rate_inner = alpha * (self.q_inner[k] - self.q[k]) - self.rate[k];
            self.rate_end[k] = alpha * (q_end[k] - self.held[k]);
            *error = ERROR[0] * self.rate[k] + ERROR[1] * rate_inner + ERROR[2] * self.rate_end[k];
            *error /= D;
        }
        solver.solve(&mut self.error);
        self.weigh(control, true);
        Ok(weighted_size(&self.error, &self.weight))
    }

    /// Sets the weights by the start of the step, or by its start and end.
    fn weigh(&mut self, control: &Control, with_end: bool) {
        for (k, weight) in self.weight.iter_mut().enumerate() {
            let end = if with_end { self.x_end[k].abs() } else { 0.0 };
            *weight = control.relative * self.x[k].abs().max(end) + control.absolute;
        }
    }

    /// The moment before the first step, once that is solved.
    fn start(&mut self, h: Second) -> Moment<'_> {
        for (k, slope) in self.slope.iter_mut().enumerate() {
            let (a, c) = divided(self.x[k], self.x_inner[k], self.x_end[k], h);
            *slope = a - c * GAMMA * h;
        }
        Moment { time: 0.0, x: &self.x, slope: &self.slope, currents: &self.currents }
    }

    /// Moves on to the end of the step, where the solver's stamps are.
    fn accept(&mut self, solver: &Solver, h: Second) {
        for (k, slope) in self.slope.iter_mut().enumerate() {
            let (a, c) = divided(self.x[k], self.x_inner[k], self.x_end[k], h);
            *slope = a + c * (2.0 - GAMMA) * h;
            self.bend[k] = c;
        }
        std::mem::swap(&mut self.x, &mut self.x_end);
        std::mem::swap(&mut self.rate, &mut self.rate_end);
        self.q.copy_from_slice(solver.stamps.charges());
    }
}

/// The first and second divided differences of a step's start, inner stage and end.
fn divided(start: f64, inner: f64, end: f64, h: Second) -> (f64, f64) {
    let a = (inner - start) / (GAMMA * h);
    let b = (end - inner) / ((1.0 - GAMMA) * h);
    (a, (b - a) / h)
}

/// Some unknowns on their way, as a cubic between each two moments.
#[derive(Debug, Clone, Default)]
pub struct Path {
    unknowns: Vec<usize>,
    times: Vec<Second>,
    /// `[moments, unknowns]`
    values: Vec<f64>,
    slopes: Vec<f64>,
}

impl Path {
    /// An empty record of these unknowns.
    pub fn of(unknowns: Vec<usize>) -> Path {
        Path { unknowns, ..Path::default() }
    }

    /// Appends a moment.
    pub fn record(&mut self, now: &Moment) {
        self.times.push(now.time);
        for &k in &self.unknowns {
            self.values.push(now.x[k]);
            self.slopes.push(now.slope[k]);
        }
    }

    /// The times recorded, ascending.
    pub fn times(&self) -> &[Second] {
        &self.times
    }

    /// The unknowns at a time by cubic Hermite interpolation, in the order of the record; before
    /// the first and after the last moment, the values there.
    ///
    /// # Panics
    /// If nothing was recorded.
    pub fn at(&self, time: Second) -> Vec<f64> {
        let n = self.unknowns.len();
        let after = self.times.partition_point(|&t| t <= time);
        if after == 0 || after == self.times.len() {
            let row = after.saturating_sub(1);
            return self.values[row * n..(row + 1) * n].to_vec();
        }
        let h = self.times[after] - self.times[after - 1];
        let s = (time - self.times[after - 1]) / h;
        let r = 1.0 - s;
        (0..n)
            .map(|k| {
                let (a, b) = ((after - 1) * n + k, after * n + k);
                self.values[a] * r * r * (1.0 + 2.0 * s)
                    + self.values[b] * s * s * (1.0 + 2.0 * r)
                    + h * s * r * (self.slopes[a] * r - self.slopes[b] * s)
            })
            .collect()
    }
}
