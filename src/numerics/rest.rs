//! The search for an operating point, by the cheapest way that leads there.

use super::dae::Instant;
use super::math::sqrt;
use super::newton::{Failure, Solver, Target};
use super::pseudo;

/// How an operating point was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Newton's method in full steps, laws held back where they bend strongly.
    Newton,
    /// Newton's method in steps that are cut.
    Damped,
    /// A conductance from every node to ground, lowered to nothing.
    GminStepping,
    /// Sources raised from nothing.
    SourceStepping,
    /// The motion of the charges, followed in growing steps.
    PseudoTransient,
}

impl Way {
    pub const ALL: [Way; 5] =
        [Way::Newton, Way::Damped, Way::GminStepping, Way::SourceStepping, Way::PseudoTransient];

    pub fn words(self) -> &'static str {
        match self {
            Way::Newton => "Newton's method",
            Way::Damped => "damped Newton",
            Way::GminStepping => "gmin stepping",
            Way::SourceStepping => "source stepping",
            Way::PseudoTransient => "pseudo-transient continuation",
        }
    }
}

/// An operating point that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub way: Way,
    /// Solutions of a linearised system, all ways that were tried counted.
    pub iterations: usize,
}

/// No way of [`Way::ALL`] led to an operating point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotFound {
    /// A singular matrix if any way met one at the end, otherwise what stopped the first.
    pub failure: Failure,
    pub iterations: usize,
}

/// What is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// Charges stand still at this instant.
    pub at: Instant,
    /// Unknowns that are held at a value by a strong conductance.
    pub held: &'a [(usize, f64)],
    /// Most iterations of plain Newton.
    pub iterations: usize,
}

impl Search<'_> {
    fn target(&self) -> Target<'_> {
        let grip = if self.held.is_empty() { 0.0 } else { GRIP };
        Target { at: self.at, anchors: self.held, grip, ..Target::default() }
    }
}

/// What holds an unknown in its place \[S\].
const GRIP: f64 = 1e6;
/// Where all potentials are below this \[V\], as they are without a source, rounding is judged by
/// it.
pub const SMALL: f64 = 1e-6;
/// Iterations within a way that goes by small steps.
const WITHIN: usize = 40;

impl Solver<'_> {
    /// The equilibrium `I(x) = 0` to rounding, from `x` on; returns the Newton iterations.
    ///
    /// Where there are charges, the motion `d/dt Q = -I` is followed by implicit steps that
    /// grow as it slows down (pseudo-transient continuation, Kelley and Keyes 1998), so that a
    /// stable equilibrium is reached and not merely a zero. Otherwise, or should this fail, damped
    /// Newton iteration with a vanishing leak, then with a vanishing offset, is tried.
    ///
    /// # Errors
    /// When all of them fail, as the first did; `x` is as at the start.
    pub fn equilibrium(&mut self, x: &mut [f64]) -> Result<usize, Failure> {
        let before = self.work.newton;
        let start = x.to_vec();
        let moves = self.pattern().charged().contains(&true);
        let first = if moves { pseudo::relax(self, Instant::Rest, x) } else { self.at_rest(x) };
        let found = first.or_else(|failure| {
            if let Failure::Singular { .. } = failure {
                return Err(failure);
            }
            x.copy_from_slice(&start);
            self.lower_leak(&Target::default(), x).or_else(|_| {
                x.copy_from_slice(&start);
                self.raise_sources(&Target::default(), x).map_err(|_| failure)
            })
        });
        if found.is_err() {
            x.copy_from_slice(&start);
        }
        found.map(|()| self.work.newton - before)
    }

    /// The operating point from `x` on, to rounding.
    ///
    /// # Errors
    /// When no way leads there; `x` is then as at the start.
    pub fn operating_point(&mut self, x: &mut [f64], search: &Search) -> Result<Found, NotFound> {
        let before = self.work.newton;
        self.leave_poles(x, search.at);
        let start = x.to_vec();
        let (mut first, mut singular) = (None, None);
        for way in Way::ALL {
            x.copy_from_slice(&start);
            match self.go(way, x, search) {
                Ok(()) => return Ok(Found { way, iterations: self.work.newton - before }),
                Err(failure) => {
                    first = first.or(Some(failure));
                    if matches!(failure, Failure::Singular { .. }) {
                        singular = Some(failure);
                    }
                }
            }
        }
        x.copy_from_slice(&start);
        let none = Failure::NotConverged { unknown: 0, iteration: 0 };
        let failure = singular.or(first).unwrap_or(none);
        Err(NotFound { failure, iterations: self.work.newton - before })
    }

    /// Moves off a start at which the equations have no finite value, as `1 / v(a)` has none at
    /// zero.
    fn leave_poles(&mut self, x: &mut [f64], at: Instant) {
        const STEP: f64 = 1e-3;
        let stamps = self.evaluate(at, x);
        let mut all = stamps.currents().iter().chain(stamps.current_slopes());
        if all.all(|value| value.is_finite()) {
            return;
        }
        // Differences of potentials move off zero, too.
        for (k, x) in x.iter_mut().enumerate() {
            *x += STEP * (1.0 + (k % 97) as f64 / 97.0);
        }
    }

    fn go(&mut self, way: Way, x: &mut [f64], search: &Search) -> Result<(), Failure> {
        let target = search.target();
        match way {
            Way::Newton => self.limited(&target, x, search.iterations),
            Way::Damped => self.damped(&target, x),
            Way::GminStepping => self.lower_leak(&target, x),
            Way::SourceStepping => self.raise_sources(&target, x),
            Way::PseudoTransient => self.sink(&target, x),
        }
    }

    /// Newton's method in full steps with laws held back, until none is and the correction is
    /// small, then to rounding.
    pub(super) fn limited(
        &mut self,
        target: &Target,
        x: &mut [f64],
        most: usize,
    ) -> Result<(), Failure> {
        self.stamps.limit_arguments(true);
        let near = self.full_steps(target, x, most);
        self.stamps.limit_arguments(false);
        near.and_then(|()| self.polish(target, x))
    }

    fn full_steps(&mut self, target: &Target, x: &mut [f64], most: usize) -> Result<(), Failure> {
        let mut worst = 0;
        for iteration in 1..=most {
            self.evaluate_closed(target, x);
            let held_back = self.stamps.limited();
            self.factor(target)?;
            self.correction(target, x);
            let (size, at) = self.size(&self.delta);
            worst = at;
            if !size.is_finite() {
                return Err(Failure::NotConverged { unknown: worst, iteration });
            }
            x.iter_mut().zip(&self.delta).for_each(|(x, d)| *x += d);
            let scale = self.size(x).0.max(SMALL);
            if !held_back && size <= 1e-6 * scale {
                return Ok(());
            }
        }
        Err(Failure::NotConverged { unknown: worst, iteration: most })
    }

    /// Newton's method in full steps from nearby until the correction is at rounding.
    fn polish(&mut self, target: &Target, x: &mut [f64]) -> Result<(), Failure> {
        const MOST: usize = 30;
        /// Of the largest potential: a correction that no longer shrinks is rounding.
        const ROUNDING: f64 = 1e-8;
        let mut last = f64::INFINITY;
        let mut worst = 0;
        for iteration in 1..=MOST {
            self.evaluate_closed(target, x);
            self.factor(target)?;
            if iteration == 1 {
                self.check()?;
            }
            self.correction(target, x);
            let (size, at) = self.size(&self.delta);
            worst = at;
            let scale = self.size(x).0.max(f64::MIN_POSITIVE);
            if !size.is_finite() || size > 1e-3 * scale.max(1.0) {
                break;
            }
            x.iter_mut().zip(&self.delta).for_each(|(x, d)| *x += d);
            let stalled = size >= 0.9 * last || iteration == MOST;
            if size <= 1e-14 * scale || (stalled && size <= ROUNDING * scale.max(SMALL)) {
                return Ok(());
            }
            last = size;
        }
        Err(Failure::NotConverged { unknown: worst, iteration: MOST })
    }

    /// One step of a way: full steps, or else cut ones.
    fn within(&mut self, target: &Target, x: &mut [f64]) -> Result<(), Failure> {
        let start = x.to_vec();
        self.limited(target, x, WITHIN).or_else(|failure| {
            x.copy_from_slice(&start);
            self.damped(target, x).map_err(|_| failure)
        })
    }

    /// Gmin stepping: the leak is lowered as fast as Newton's method follows.
    fn lower_leak(&mut self, target: &Target, x: &mut [f64]) -> Result<(), Failure> {
        const LEAST: f64 = 1e-14;
        let mut leak = self.typical_slope(x).clamp(1e-3, 1e3);
        self.within(&Target { leak, ..*target }, x)?;
        let (mut reached, mut factor) = (x.to_vec(), 10.0_f64);
        while leak > LEAST {
            let next = leak / factor;
            match self.within(&Target { leak: next, ..*target }, x) {
                Ok(()) => {
                    reached.copy_from_slice(x);
                    leak = next;
                    factor = (factor * sqrt(factor)).min(1e4);
                }
                Err(failure) => {
                    x.copy_from_slice(&reached);
                    factor = sqrt(sqrt(factor));
                    if factor < 1.02 {
                        return Err(failure);
                    }
                }
            }
        }
        self.within(target, x)
    }

    /// Source stepping: the residual at zero, which is what the sources drive, is let stand and
    /// then faded out as fast as Newton's method follows.
    fn raise_sources(&mut self, target: &Target, x: &mut [f64]) -> Result<(), Failure> {
        const LEAK: f64 = 1e-10;
        x.fill(0.0);
        let residual = self.evaluate(target.at, x).currents().to_vec();
        let (mut reached, mut raised, mut step) = (x.to_vec(), 0.0, 0.05);
        while raised < 1.0 {
            let next = f64::min(raised + step, 1.0);
            let offset = Some((&residual[..], 1.0 - next));
            match self.within(&Target { offset, leak: LEAK, ..*target }, x) {
                Ok(()) => {
                    reached.copy_from_slice(x);
                    raised = next;
                    step *= 2.0;
                }
                Err(failure) => {
                    x.copy_from_slice(&reached);
                    step *= 0.25;
                    if step < 1e-6 {
                        return Err(failure);
                    }
                }
            }
        }
        self.within(target, x)
    }

    /// Pseudo-transient continuation: along the charges where there are any, otherwise as if every
    /// node had a capacitance.
    fn sink(&mut self, target: &Target, x: &mut [f64]) -> Result<(), Failure> {
        const MOST: usize = 400;
        let start = x.to_vec();
        if target.anchors.is_empty() && self.pattern().charged().contains(&true) {
            if pseudo::relax(self, target.at, x).is_ok() {
                return Ok(());
            }
            x.copy_from_slice(&start);
        }
        let top = self.typical_slope(x).clamp(1e-3, 1e3);
        let (mut centre, mut leak) = (start, top);
        let mut last = Failure::NotConverged { unknown: 0, iteration: 0 };
        for _ in 0..MOST {
            let step = Target { leak, centre: Some(&centre), ..*target };
            match self.within(&step, x) {
                Ok(()) => {
                    centre.copy_from_slice(x);
                    leak *= 0.3;
                }
                Err(failure) => {
                    x.copy_from_slice(&centre);
                    (leak, last) = (4.0 * leak, failure);
                }
            }
            if leak > 1e6 * top {
                break;
            }
            if leak < 1e-12 * top {
                return self.within(target, x);
            }
        }
        Err(last)
    }

    /// Updates what the equations remember; see [`super::dae::Dae::remember`].
    pub fn remember(&mut self, at: Instant, x: &[f64]) -> bool {
        self.dae.remember(at, x, &mut self.stamps.memory)
    }

    /// What the equations remember now.
    pub fn memory(&self) -> &[f64] {
        &self.stamps.memory
    }

    /// Goes on from what was remembered before.
    pub fn set_memory(&mut self, memory: &[f64]) {
        self.stamps.memory.copy_from_slice(memory);
    }
}
