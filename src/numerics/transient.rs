//! Implicit integration in time of `I(x) + d/dt Q(x) = 0` with steps of variable length.

mod march;
mod multistep;
mod path;
mod stochastic;
mod trbdf2;

use std::ops::ControlFlow;

use super::dae::{Instant, Quantity};
use super::newton::{Failure, Solver};
use crate::units::Second;
use march::March;
pub use path::Path;
pub use stochastic::{Inject, roam};

/// How a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// A trapezoidal and a backward differentiation stage: of second order and L-stable.
    #[default]
    TrBdf2,
    /// The trapezoidal rule: of second order, without numerical damping.
    Trapezoidal,
    /// Backward differentiation of second order over two steps (Gear 1971).
    Gear,
}

/// Where the charges are at time 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// Where the unknowns say; sources have long had the slope that they have.
    #[default]
    Charges,
    /// Where the unknowns say.
    Held,
    /// At rest: the unknowns are an operating point of the equations at time 0.
    Rest,
    /// Where the equations say at [`Instant::Start`].
    Own,
}

/// How an integration is kept in bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    pub method: Method,
    pub begin: Begin,
    /// Error of a step in units of each potential, inertia or state.
    pub relative: f64,
    /// Error of a step that is let pass for a potential near zero.
    pub absolute: f64,
    /// The same for an inertia.
    pub amperes: f64,
    /// No step is longer.
    pub longest: Second,
    /// A potential beyond this has diverged.
    pub bound: f64,
    /// Times at which something bends: steps end there. Ascending.
    pub corners: Vec<Second>,
}

impl Default for Control {
    fn default() -> Self {
        Control {
            method: Method::TrBdf2,
            begin: Begin::Charges,
            relative: 1e-6,
            absolute: 1e-9,
            amperes: 1e-12,
            longest: f64::INFINITY,
            bound: 1e9,
            corners: Vec::new(),
        }
    }
}

impl Control {
    /// What is let pass near zero; infinite for what is not judged.
    fn least(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::Potential => self.absolute,
            Quantity::Inertia => self.amperes,
            Quantity::State => self.relative,
            Quantity::Flow => f64::INFINITY,
        }
    }
}

/// An accepted point of the way.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub time: Second,
    pub x: &'a [f64],
    /// `dx/dt` to second order; after a corner, once as before it and once as behind it.
    pub slope: &'a [f64],
    /// `I` at `x`.
    pub currents: &'a [f64],
    /// What the equations remember.
    pub memory: &'a [f64],
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

/// Integrates from time 0 to `span` and shows every accepted moment to `watch`, the first
/// included. Steps end at corners and where something that the equations remember changes; what
/// follows begins anew there.
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
    let tau = begin(solver, x, span, control)?;
    let mut march = March::new(solver, x, control);
    let mut pace = Pace::new(tau, span, control);
    let mut refused = 0;
    while pace.time < span {
        let (h, last) = pace.next();
        let (error, worst) = match march.attempt(solver, pace.time, h, control) {
            Ok(judged) => judged,
            Err(singular @ Failure::Singular { .. }) => return Err(singular),
            Err(failure) => {
                solver.work.rejected += 1;
                pace.cut(0.25, unknown_of(failure))?;
                continue;
            }
        };
        let factor = 0.9 / error.cbrt().max(1e-3);
        // Also where the error is no number.
        if error.is_nan() || error > 1.0 {
            solver.work.rejected += 1;
            march.allow_for_rounding(solver);
            refused += 1;
            if refused % OFTEN == 0 {
                march.judge_by_swing(worst);
            }
            let cut = if factor.is_nan() { 0.1 } else { factor.clamp(0.1, 0.9) };
            pace.cut(cut, worst)?;
            continue;
        }
        let happens = march.event(solver, pace.time, h);
        if let Some(share) = happens.filter(|share| *share < LANDED && share * h > pace.least) {
            pace.shorten(share * h);
            continue;
        }
        let from = pace.time;
        pace.advance(last);
        if march.shows_start() && watch(&march.start(solver, from)).is_break() {
            x.copy_from_slice(&march.x);
            return Ok(End::Stopped);
        }
        march.accept(solver, h);
        refused = 0;
        solver.work.steps += 1;
        x.copy_from_slice(&march.x);
        if watch(&march.now(solver, pace.time)).is_break() {
            return Ok(End::Stopped);
        }
        let (size, _) = solver.size(x);
        if size.is_nan() || size > control.bound {
            return Ok(End::Diverged { at: pace.time });
        }
        let switched = happens.is_some() && solver.remember(Instant::At(pace.time), x);
        if switched || pace.at_corner {
            march.restart(solver, pace.time);
            pace.restart();
        } else {
            pace.adapt(factor, march.fastest_growth());
        }
    }
    Ok(End::Reached)
}

/// Refusals in a row that only more accuracy than there is can explain.
const OFTEN: usize = 6;

/// An event this late in a step, as a share of it, needs no shorter step.
const LANDED: f64 = 0.99;

/// Makes `x` consistent at time 0, where the stamps are left; returns a time in which little
/// happens.
fn begin(
    solver: &mut Solver,
    x: &mut [f64],
    span: Second,
    control: &Control,
) -> Result<Second, Failure> {
    match control.begin {
        Begin::Charges => solver.hold_charges(Instant::At(0.0), x, span),
        Begin::Rest => {
            solver.evaluate(Instant::At(0.0), x);
            Ok(solver.shortest_tau().min(0.1 * span))
        }
        Begin::Held => Ok(solver.hold_charges(Instant::At(0.0), x, span)?.min(0.1 * span)),
        Begin::Own => Ok(solver.hold_charges(Instant::Start, x, span)?.min(0.1 * span)),
    }
}

fn unknown_of(failure: Failure) -> usize {
    match failure {
        Failure::NotConverged { unknown, .. }
        | Failure::Singular { unknown }
        | Failure::StepTooShort { unknown, .. } => unknown,
    }
}

/// Where the integration is and how long its next step is to be.
struct Pace<'a> {
    time: Second,
    h: Second,
    span: Second,
    longest: Second,
    /// No step is shorter.
    least: Second,
    corners: &'a [Second],
    /// The last step ended at a corner.
    at_corner: bool,
}

impl<'a> Pace<'a> {
    fn new(tau: Second, span: Second, control: &'a Control) -> Pace<'a> {
        let first = control.corners.partition_point(|t| *t <= 0.0);
        Pace {
            time: 0.0,
            h: (0.01 * tau).min(control.longest).min(span),
            span,
            longest: control.longest,
            least: 1e-12 * tau.min(span),
            corners: &control.corners[first..],
            at_corner: false,
        }
    }

    /// The next place where a step must end. Corners that only rounding keeps apart are one, the end of
    /// the span among them.
    fn goal(&self) -> Second {
        const APART: f64 = 64.0 * f64::EPSILON;
        let Some(&first) = self.corners.first() else { return self.span };
        let together = |corner: &&f64| **corner - first <= APART * first;
        let last = self.corners.iter().take_while(together).last().copied().unwrap_or(first);
        if self.span - last <= APART * self.span { self.span } else { last }
    }

    /// The next step, and whether it ends at the goal.
    fn next(&mut self) -> (Second, bool) {
        let goal = self.goal();
        let last = self.time + 1.0001 * self.h >= goal;
        if last {
            self.h = goal - self.time;
        }
        (self.h, last)
    }

    fn cut(&mut self, factor: f64, worst: usize) -> Result<(), Failure> {
        self.h *= factor;
        let resolution = 4.0 * f64::EPSILON * self.time;
        if self.h < self.least.max(resolution) {
            return Err(Failure::StepTooShort { unknown: worst, at: self.time });
        }
        Ok(())
    }

    fn shorten(&mut self, h: Second) {
        self.h = h;
    }

    fn advance(&mut self, last: bool) {
        self.time = if last { self.goal() } else { self.time + self.h };
        self.at_corner = false;
        while self.corners.first().is_some_and(|corner| *corner <= self.time) {
            (self.corners, self.at_corner) = (&self.corners[1..], self.time < self.span);
        }
    }

    /// After a corner or an event.
    fn restart(&mut self) {
        let ahead = self.goal() - self.time;
        self.h = (0.1 * self.h).min(0.05 * ahead).max(10.0 * self.least).min(self.longest);
    }

    /// After an accepted step. Small changes are not worth a new factorisation.
    fn adapt(&mut self, factor: f64, most: f64) {
        if !(1.0..=1.4).contains(&factor) {
            self.h *= factor.clamp(0.2, most);
        }
        self.h = self.h.min(self.longest);
    }
}

/// The first place in `0..=1` at which `happened` holds, which it does at 1, to within a
/// thousandth of it, from above.
fn first_share(mut happened: impl FnMut(f64) -> bool) -> f64 {
    let (mut before, mut after) = (0.0, 1.0);
    while after - before > 1e-3 * after && after > 1e-6 {
        let middle = 0.5 * (before + after);
        if happened(middle) {
            after = middle;
        } else {
            before = middle;
        }
    }
    after
}
