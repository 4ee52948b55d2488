//! Fixed points `z = f(z)` of a batch of samples: the solvers as values.
//!
//! A batch is `[rows, dim]`, one sample a row. Samples that have converged leave the batch, so that the
//! cost follows the mean sample and not the worst. What comes of a sample does not depend on its
//! neighbours as long as the map keeps them apart.

mod anderson;
mod broyden;
mod newton;
mod picard;
mod rows;

pub use rows::{Norms, add_scaled, dot_rows, keep_rows, norms};

use self::anderson::Anderson;
use self::broyden::Broyden;
use self::newton::Newton;
use self::picard::Picard;
use super::kernels::Real;

/// A map over the rows of a batch.
pub trait Map<T> {
    /// Numbers a row.
    fn dim(&self) -> usize;

    /// `out <- f(z)`, row by row, both `[rows, dim]`.
    fn apply(&mut self, z: &[T], out: &mut [T]);

    /// Keeps the rows named, ascending.
    fn keep(&mut self, rows: &[usize]);

    /// The row, at `z`, is that of a sample that has come to its end; [`Map::apply`] was just called.
    fn retire(&mut self, row: usize, sample: usize, z: &[T]);

    /// What a row has moved besides `z`: squared norm of the states that `f` eliminates.
    fn elsewhere(&self, _row: usize) -> f64 {
        0.0
    }

    /// Rewrites residuals `f(z) - z` to steps, `(I - J)^-1` of them with an approximate `J`.
    fn correct(&mut self, _residual: &mut [T]) {}
}

/// How the next `z` is chosen from those before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// `z <- f(z)`. Where `adapt`, a row whose residual has stopped falling is damped, by itself,
    /// until it falls again.
    Picard { adapt: bool },
    /// `z <- z + h (f(z) - z)`: a step of forward Euler on `dz/dt = f(z) - z`.
    Euler { step: f64 },
    /// Anderson's mixing of the last `window` images with weights that minimise their mixed
    /// residual (Walker and Ni 2011; arXiv:2311.15673). `ridge` regularises: as it is, or as a
    /// share of the mean squared residual where `relative`. Where `safeguard`, a mixture that lies
    /// farther from the last image than the last iterate did is not taken.
    Anderson { window: usize, ridge: f64, relative: bool, safeguard: bool },
    /// Broyden's good method with at most `window` corrections to the inverse Jacobian `-I`.
    Broyden { window: usize },
    /// Newton's method; steps by GMRES over at most `inner` directions, with derivatives by
    /// differences of `f` (Knoll and Keyes 2004), until the linear residual is `forcing` of the
    /// residual. A row whose residual grows goes on by damped iteration for a while.
    Newton { inner: usize, forcing: f64 },
    /// Chord Newton: steps rewritten by [`Map::correct`], for a row whose residual does not grow by
    /// it, and mixed over a window as Anderson does.
    Chord { window: usize },
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Method::Picard { .. } => write!(f, "Picard"),
            Method::Euler { step } => write!(f, "Euler, step {step}"),
            Method::Anderson { window, ridge, .. } => {
                write!(f, "Anderson, window {window}, ridge {ridge}")
            }
            Method::Broyden { window } => write!(f, "Broyden, window {window}"),
            Method::Newton { inner, forcing } => {
                write!(f, "Newton, {inner} directions, forcing {forcing}")
            }
            Method::Chord { window } => write!(f, "chord Newton, window {window}"),
        }
    }
}

/// A method, and what stands between the map and it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scheme {
    pub method: Method,
    /// The method sees `d z + (1 - d) f(z)` for `f(z)`, with `d` from 0 to below 1.
    pub damping: f64,
}

/// The size of a residual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// `max |f(z) - z|`
    Largest,
    /// `|f(z) - z| / |f(z)|` of the states in `z` (arXiv:2311.15673).
    Relative,
    /// The same over all states: those that `f` eliminates stand in the denominator too.
    Common,
}

/// When a row has come to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    pub measure: Measure,
    /// A row whose residual is at most this has converged; `None` goes on to `most`.
    pub tolerance: Option<f64>,
    /// Most updates of `z`.
    pub most: usize,
}

/// How a row ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    pub fate: Fate,
    pub residual: f64,
    /// Updates of `z`.
    pub iterations: usize,
    /// Evaluations of `f`.
    pub evaluations: usize,
    /// The mean factor between its last residuals: an estimate of the spectral radius of the
    /// iteration.
    pub growth: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Converged,
    /// Came to the end of its iterations.
    Open,
    Diverged,
}

/// A row at an evaluation of `f`.
pub struct Seen<'a, T> {
    pub row: usize,
    pub sample: usize,
    /// Updates of `z` before.
    pub iteration: usize,
    pub z: &'a [T],
    /// `f(z)`
    pub image: &'a [T],
    pub residual: f64,
}

/// Of the mixtures of [`Method::Chord`], as a share of the mean squared residual.
const CHORD_RIDGE: f64 = 1e-8;
/// Its iteration from which on mixtures are guarded: a guard slows the most, and brings home those that
/// wander.
const CHORD_CAREFUL: usize = 16;
/// A state that moves faster than this has diverged.
const HUGE: f64 = 1e9;

/// Solves `z = f(z)` for the first `samples` rows of `z`; further ones only fill the batch, which
/// should have at least two rows for the bits of a row to be its own. `watch` sees every row at every
/// evaluation. One end a sample, in order.
pub fn solve<T: Real, M: Map<T>>(
    map: &mut M,
    z: Vec<T>,
    samples: usize,
    scheme: Scheme,
    stop: Stop,
    watch: impl FnMut(&M, Seen<T>),
) -> Vec<End> {
    let dim = map.dim();
    let rows = z.len().checked_div(dim).unwrap_or(0);
    if samples == 0 {
        return Vec::new();
    }
    let lanes = (0..rows).map(|sample| Lane {
        sample,
        alive: sample < samples,
        plain: false,
        trail: [0.0; 5],
    });
    let run = Run {
        image: z.clone(),
        z,
        dim,
        lanes: lanes.collect(),
        ends: vec![NONE; samples],
        scheme,
        stop,
        watch,
    };
    match scheme.method {
        Method::Picard { adapt } => run.go(map, Picard::new(1.0, adapt, rows)),
        Method::Euler { step } => run.go(map, Picard::new(step, false, rows)),
        Method::Anderson { window, ridge, relative, safeguard } => {
            let careful = safeguard.then_some(0);
            run.go(map, Anderson::new(window, ridge, relative, careful, rows, dim))
        }
        Method::Broyden { window } => run.go(map, Broyden::new(window, rows, dim)),
        Method::Newton { inner, forcing } => run.go(map, Newton::new(inner, forcing, rows)),
        Method::Chord { window } => {
            let careful = Some(CHORD_CAREFUL);
            run.go(map, Anderson::new(window, CHORD_RIDGE, true, careful, rows, dim))
        }
    }
}

const NONE: End =
    End { fate: Fate::Open, residual: 0.0, iterations: 0, evaluations: 0, growth: 0.0 };

/// A row under way.
#[derive(Debug, Clone, Copy)]
struct Lane {
    sample: usize,
    alive: bool,
    /// Corrections made its residual grow: there are none any more.
    plain: bool,
    /// The last residuals, the newest first.
    trail: [f64; 5],
}

/// What a method remembers, and how it goes on.
trait Memory<T, M> {
    /// Rewrites `z` to the next iterates; `image` is `f(z)`. Returns how many further evaluations
    /// that took.
    fn step(&mut self, map: &mut M, z: &mut [T], image: &[T], iteration: usize) -> usize;

    fn keep(&mut self, rows: &[usize]);
}

struct Run<T, W> {
    z: Vec<T>,
    image: Vec<T>,
    dim: usize,
    lanes: Vec<Lane>,
    ends: Vec<End>,
    scheme: Scheme,
    stop: Stop,
    watch: W,
}

impl<T: Real, W> Run<T, W> {
    fn go<M: Map<T>>(mut self, map: &mut M, mut memory: impl Memory<T, M>) -> Vec<End>
    where
        W: FnMut(&M, Seen<T>),
    {
        let mut evaluations = 0;
        for iteration in 0.. {
            map.apply(&self.z, &mut self.image);
            evaluations += 1;
            for row in 0..self.lanes.len() {
                if self.lanes[row].alive {
                    self.judge(map, row, iteration, evaluations);
                }
            }
            let alive = self.lanes.iter().filter(|lane| lane.alive).count();
            if alive == 0 {
                break;
            }
            self.close_ranks(map, &mut memory, alive);
            if matches!(self.scheme.method, Method::Chord { .. }) {
                self.correct(map);
            }
            if self.scheme.damping > 0.0 {
                let (keep, take) = (T::of(self.scheme.damping), T::of(1.0 - self.scheme.damping));
                for (image, &z) in self.image.iter_mut().zip(&self.z) {
                    *image = keep * z + take * *image;
                }
            }
            evaluations += memory.step(map, &mut self.z, &self.image, iteration);
        }
        self.ends
    }

    /// Whether this row ends here.
    fn judge<M: Map<T>>(&mut self, map: &mut M, row: usize, iteration: usize, evaluations: usize)
    where
        W: FnMut(&M, Seen<T>),
    {
        let at = row * self.dim..(row + 1) * self.dim;
        let (z, image) = (&self.z[at.clone()], &self.image[at]);
        let Norms { largest, change, image: size } = norms(z, image);
        let residual = match self.stop.measure {
            Measure::Largest => largest,
            Measure::Relative => (change / size.max(f64::MIN_POSITIVE)).sqrt(),
            Measure::Common => (change / (size + map.elsewhere(row)).max(f64::MIN_POSITIVE)).sqrt(),
        };
        let lane = &mut self.lanes[row];
        let sample = lane.sample;
        lane.trail.rotate_right(1);
        lane.trail[0] = change.sqrt();
        lane.plain |= iteration > 0 && lane.trail[0] > 2.0 * lane.trail[1];
        (self.watch)(map, Seen { row, sample, iteration, z, image, residual });
        let fate = if self.stop.tolerance.is_some_and(|tolerance| residual <= tolerance) {
            Fate::Converged
        } else if !largest.is_finite() || largest > HUGE {
            Fate::Diverged
        } else if iteration >= self.stop.most {
            Fate::Open
        } else {
            return;
        };
        let growth = growth(&lane.trail, iteration);
        self.ends[sample] = End { fate, residual, iterations: iteration, evaluations, growth };
        lane.alive = false;
        map.retire(row, sample, z);
    }

    /// Drops rows that have ended, once that saves something; two rows stay.
    fn close_ranks<M: Map<T>>(
        &mut self,
        map: &mut M,
        memory: &mut impl Memory<T, M>,
        alive: usize,
    ) {
        let rows = self.lanes.len();
        if rows <= 2 || (rows - alive) * 8 < rows {
            return;
        }
        let mut keep: Vec<usize> = (0..rows).filter(|&row| self.lanes[row].alive).collect();
        if let &[only] = &keep[..] {
            let other = if only == 0 { 1 } else { 0 };
            keep = vec![only.min(other), only.max(other)];
        }
        map.keep(&keep);
        memory.keep(&keep);
        keep_rows(&mut self.z, self.dim, &keep);
        keep_rows(&mut self.image, self.dim, &keep);
        self.lanes = keep.iter().map(|&row| self.lanes[row]).collect();
    }

    fn correct<M: Map<T>>(&mut self, map: &mut M) {
        let mut step: Vec<T> =
            self.image.iter().zip(&self.z).map(|(&image, &z)| image - z).collect();
        map.correct(&mut step);
        for (row, _) in self.lanes.iter().enumerate().filter(|(_, lane)| !lane.plain) {
            let at = row * self.dim..(row + 1) * self.dim;
            let corrected = self.z[at.clone()].iter().zip(&step[at.clone()]);
            for (image, (&z, &step)) in self.image[at].iter_mut().zip(corrected) {
                *image = z + step;
            }
        }
    }
}

/// The geometric mean of the factors between the last residuals.
fn growth(trail: &[f64; 5], iteration: usize) -> f64 {
    let last = iteration.min(trail.len() - 1);
    let finite = trail[..=last].iter().copied().filter(|r| r.is_finite() && *r > 0.0);
    let kept: Vec<f64> = finite.collect();
    match &kept[..] {
        [newest, .., oldest] => super::math::pow(newest / oldest, 1.0 / (kept.len() - 1) as f64),
        _ => f64::NAN,
    }
}
