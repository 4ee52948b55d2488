//! Newton's method for the equations of a [`Dae`]: at rest, and within an implicit step.

mod system;

use std::fmt;
use std::sync::Arc;

use super::dae::{Dae, Instant, Pattern, Quantity, Stamps};
use super::linear::{Elimination, Singular, SparseLu};
use crate::units::Second;

/// Why a solution was not found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Failure {
    /// No convergence; `unknown` was furthest from it.
    NotConverged { unknown: usize, iteration: usize },
    /// The equations do not determine this unknown.
    Singular { unknown: usize },
    /// No step in time is short enough; `unknown` is what stands against it.
    StepTooShort { unknown: usize, at: Second },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::NotConverged { unknown, iteration } => {
                write!(f, "no convergence after {iteration} iterations, worst at {unknown}")
            }
            Failure::Singular { unknown } => write!(f, "unknown {unknown} is not determined"),
            Failure::StepTooShort { unknown, at } => {
                write!(f, "no step is short enough at {at:e} s, worst at {unknown}")
            }
        }
    }
}

impl std::error::Error for Failure {}

impl From<Singular> for Failure {
    fn from(singular: Singular) -> Failure {
        Failure::Singular { unknown: singular.unknown }
    }
}

/// The work done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    pub steps: usize,
    pub rejected: usize,
    /// Evaluations of the equations.
    pub evaluations: usize,
    /// Solutions of a linearised system.
    pub newton: usize,
    pub factorisations: usize,
}

/// What is to be zero: `I(x) + alpha (Q(x) - held) + leak (x - centre) - offset`, the leak on
/// potentials only, and `grip (x - value)` for what is anchored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub alpha: f64,
    pub held: Option<&'a [f64]>,
    pub leak: f64,
    /// Zero where there is none.
    pub centre: Option<&'a [f64]>,
    pub grip: f64,
    /// Unknowns with their values.
    pub anchors: &'a [(usize, f64)],
    /// A part of the residual that is let stand.
    pub offset: Option<(&'a [f64], f64)>,
    pub at: Instant,
}

impl Default for Target<'_> {
    /// The equations at rest.
    fn default() -> Self {
        Target {
            alpha: 0.0,
            held: None,
            leak: 0.0,
            centre: None,
            grip: 0.0,
            anchors: &[],
            offset: None,
            at: Instant::Rest,
        }
    }
}

/// Corrections in a row that are within rounding and shrink no more, at which Newton's method ends.
const STALLED: usize = 3;

/// The equations with everything that is reused from one solution to the next.
pub struct Solver<'a> {
    pub(super) dae: &'a dyn Dae,
    pattern: Arc<Pattern>,
    elimination: Arc<Elimination>,
    /// Of the system without what sources force.
    lu: SparseLu,
    pub(super) stamps: Stamps,
    /// What was factorised.
    values: Vec<f64>,
    /// A right-hand side of that system.
    rhs: Vec<f64>,
    /// The `alpha` of the last factorisation.
    pub(super) factored: Option<f64>,
    /// How much smaller each simplified correction with it is than the one before; 1 while
    /// unknown.
    rate: f64,
    pub(super) delta: Vec<f64>,
    /// Which unknowns are potentials.
    volts: Vec<bool>,
    trial: Vec<f64>,
    pub work: Work,
}

impl<'a> Solver<'a> {
    /// A solver for equations with the pattern of the elimination.
    pub fn new(dae: &'a dyn Dae, elimination: &Arc<Elimination>) -> Solver<'a> {
        let lu = SparseLu::new(elimination.reduction().elimination());
        Solver::along(dae, elimination, lu)
    }

    /// A solver that goes on along the pivots of an earlier one with this elimination.
    pub fn along(dae: &'a dyn Dae, elimination: &Arc<Elimination>, lu: SparseLu) -> Solver<'a> {
        let pattern = elimination.pattern().clone();
        let dim = pattern.dim();
        assert_eq!(dim, dae.dim(), "the elimination is of other equations");
        let mut stamps = Stamps::new(&pattern);
        stamps.keep_linear(dae);
        Solver {
            dae,
            values: vec![0.0; lu.pattern().len()],
            rhs: vec![0.0; lu.pattern().dim()],
            lu,
            elimination: elimination.clone(),
            stamps,
            factored: None,
            rate: 1.0,
            delta: vec![0.0; dim],
            volts: (0..dim).map(|k| dae.quantity(k) == Quantity::Potential).collect(),
            trial: vec![0.0; dim],
            work: Work::default(),
            pattern,
        }
    }

    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What a later solver can go on along.
    pub fn into_factors(self) -> SparseLu {
        self.lu
    }

    /// `I`, `Q` and their slopes at `x`.
    pub fn evaluate(&mut self, at: Instant, x: &[f64]) -> &Stamps {
        self.work.evaluations += 1;
        self.stamps.take(self.dae, at, x);
        &self.stamps
    }

    /// Plain damped Newton iteration for `I(x) = 0`, to rounding: from near an equilibrium to that
    /// one, from afar to any.
    ///
    /// # Errors
    /// When it does not converge; `x` is then anywhere.
    pub fn at_rest(&mut self, x: &mut [f64]) -> Result<(), Failure> {
        self.damped(&Target::default(), x)
    }

    /// Makes `x` consistent at `time`: unknowns without charge take the values that the charges
    /// of `x` imply (one backward Euler step too short for these to move). Returns the shortest
    /// time constant of a potential's own charge and slope, at most `longest`, and leaves the stamps at
    /// the new `x`.
    pub(super) fn hold_charges(
        &mut self,
        at: Instant,
        x: &mut [f64],
        longest: Second,
    ) -> Result<Second, Failure> {
        let held = self.evaluate(at, x).charges().to_vec();
        let tau = self.shortest_tau();
        // A leak's time constant may be years, in which a source moves any charge.
        let tau = tau.min(longest);
        let at = if at == Instant::Start { Instant::At(0.0) } else { at };
        let target = Target { alpha: 1e9 / tau, held: Some(&held), at, ..Target::default() };
        self.damped(&target, x)?;
        self.evaluate(at, x);
        Ok(tau)
    }

    /// The shortest time constant of a potential's own charge and slope at the point last
    /// evaluated; infinite if there is none.
    pub(super) fn shortest_tau(&self) -> Second {
        let (di, dq) = (self.stamps.current_slopes(), self.stamps.charge_slopes());
        let own = &self.pattern.diagonal()[..self.dae.potentials()];
        own.iter()
            .map(|&slot| dq[slot as usize] / di[slot as usize].abs())
            .filter(|tau| tau.is_finite() && *tau > 0.0)
            .fold(f64::INFINITY, f64::min)
    }

    /// The largest slope of a potential's own current.
    pub(super) fn typical_slope(&mut self, x: &[f64]) -> f64 {
        self.evaluate(Instant::Rest, x);
        let slopes = self.stamps.current_slopes();
        let own = &self.pattern.diagonal()[..self.dae.potentials()];
        own.iter().fold(1e-12, |top: f64, &slot| top.max(slopes[slot as usize].abs()))
    }

    /// Newton's method with steps cut until the simplified correction shrinks (the natural
    /// monotonicity test, Deuflhard, *Newton Methods for Nonlinear Problems*, 3.3), to rounding.
    pub(super) fn damped(&mut self, target: &Target, x: &mut [f64]) -> Result<(), Failure> {
        const MOST: usize = 60;
        let mut step = vec![0.0; x.len()];
        let (mut least, mut stalled) = (f64::INFINITY, 0);
        self.evaluate_closed(target, x);
        for iteration in 1..=MOST {
            self.factor(target)?;
            self.check()?;
            self.correction(target, x);
            step.copy_from_slice(&self.delta);
            let (size, worst) = self.size(&step);
            let scale = self.size(x).0.max(size).max(f64::MIN_POSITIVE);
            let failed = Failure::NotConverged { unknown: worst, iteration };
            if !size.is_finite() {
                return Err(failed);
            }
            let (mut cut, mut close) = (1.0, 1e-9 * scale);
            let next = loop {
                self.trial
                    .iter_mut()
                    .zip(x.iter().zip(&step))
                    .for_each(|(t, (x, d))| *t = x + cut * d);
                let mut trial = std::mem::take(&mut self.trial);
                self.evaluate_closed(target, &mut trial);
                self.correction(target, &trial);
                self.trial = trial;
                let next = self.size(&self.delta).0;
                if next <= (1.0 - 0.25 * cut) * size || size <= close {
                    break next;
                }
                if cut == 1.0 {
                    close = close.max(self.rounding(target, x));
                    if size <= close {
                        break next;
                    }
                }
                cut *= 0.5;
                if cut < 1e-4 {
                    return Err(failed);
                }
            };
            x.copy_from_slice(&self.trial);
            stalled = if size <= close && next > 0.5 * least { stalled + 1 } else { 0 };
            least = least.min(next);
            let stagnates = (next <= 1e-9 * scale && next >= 0.1 * size) || stalled >= STALLED;
            if cut == 1.0 && (next <= 1e-13 * scale || stagnates) {
                x.iter_mut().zip(&self.delta).for_each(|(x, d)| *x += d);
                return Ok(());
            }
        }
        Err(Failure::NotConverged { unknown: self.size(&step).1, iteration: MOST })
    }

    /// How far rounding of the currents at `x` alone moves a potential, with the last factors: far where
    /// milliohms lie beside megohms.
    fn rounding(&mut self, target: &Target, x: &[f64]) -> f64 {
        let mut moved = vec![0.0; x.len()];
        let (di, dq) = (self.stamps.current_slopes(), self.stamps.charge_slopes());
        self.pattern.each(|slot, row, col| {
            let slope = di[slot].abs() + target.alpha * dq[slot].abs();
            moved[row] += 4.0 * f64::EPSILON * slope * x[col].abs();
        });
        self.solve(&mut moved);
        self.size(&moved).0
    }

    /// One implicit stage to within `tolerance` of the weighted size: simplified iterations with
    /// the last factors while they serve. Leaves the stamps at the new `x`.
    pub(super) fn stage(
        &mut self,
        target: &Target,
        x: &mut [f64],
        weight: &[f64],
        tolerance: f64,
    ) -> Result<(), Failure> {
        const MOST: usize = 12;
        self.evaluate_unforced(target.at, x);
        let mut fresh = self.factored != Some(target.alpha);
        if fresh {
            self.factor(target)?;
        }
        let mut last = f64::INFINITY;
        let mut failure = Failure::NotConverged { unknown: 0, iteration: 0 };
        for iteration in 1..=MOST {
            self.correction(target, x);
            let (size, unknown) = weighted_size(&self.delta, weight);
            failure = Failure::NotConverged { unknown, iteration };
            let shrunk = size / last;
            if !size.is_finite() || (shrunk > 2.0 && size > tolerance) {
                break;
            }
            x.iter_mut().zip(&self.delta).for_each(|(x, d)| *x += d);
            if last.is_finite() {
                self.rate = shrunk.max(0.3 * self.rate);
            }
            let ahead = (self.rate / (1.0 - self.rate).max(1e-3)).min(1.0);
            // Where corrections no longer shrink they are rounding.
            let stalled = iteration > 2 && shrunk > 0.5 && size <= 10.0 * tolerance;
            if ahead * size <= tolerance || stalled {
                self.evaluate_closed(target, x);
                return Ok(());
            }
            self.evaluate_unforced(target.at, x);
            last = size;
            if shrunk > 0.3 && iteration > 1 && !fresh {
                self.factor(target)?;
                (fresh, last) = (true, f64::INFINITY);
            }
        }
        self.factored = None;
        Err(failure)
    }

    /// The largest magnitude among the potentials, those within devices too, and where.
    pub(super) fn size(&self, x: &[f64]) -> (f64, usize) {
        let judged = |(x, volts): (&f64, &bool)| if *volts { *x } else { 0.0 };
        largest(x.iter().zip(&self.volts).map(judged))
    }
}

/// The largest magnitude in units of the weights (of the potentials), and where.
pub(super) fn weighted_size(x: &[f64], weight: &[f64]) -> (f64, usize) {
    largest(x.iter().zip(weight).map(|(x, w)| x / w))
}

/// The largest magnitude and its place; NaN counts as the largest.
fn largest(xs: impl Iterator<Item = f64>) -> (f64, usize) {
    xs.enumerate().fold((0.0, 0), |(top, at), (k, x)| {
        if x.abs() > top || x.is_nan() { (x.abs(), k) } else { (top, at) }
    })
}
