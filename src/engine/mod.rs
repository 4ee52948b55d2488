//! The seam for "how real is it": three engines that find the equilibrium of the same network,
//! each the natural simulator of one representation.
//!
//! | engine | representation | equation |
//! |---|---|---|
//! | [`Ideal`] | [`crate::model::EnergyModel`] | fixed point of the energy |
//! | [`Behavioural`] | [`crate::compile::Chip`] | batched ODE of the arrays |
//! | [`Circuit`] | [`crate::netlist::Netlist`] | modified nodal analysis of every cell |
//!
//! States go in and come out in the model's dimensionless `x` whichever engine serves them; time
//! is in seconds, except for the ideal engine, whose clock counts iterations.

mod behavioural;
mod boundary;
mod cell;
mod circuit;
mod deep;
mod ideal;
mod layout;
mod network;
mod wires;

pub use behavioural::Behavioural;
pub use cell::HeldCell;
pub use circuit::{AnalysisRun, Circuit, NetlistRun, Progress, StudyRun, analyse, study};
pub use deep::{Course, Deep, DeepAdjoint, Ending, Layers, Phase, Rested, Weights};
pub use ideal::{
    Adjoint, Counts, Field, Ideal, Iteration, Prepared, Start, chunks, count, settle_from,
    times_slope,
};

use std::fmt;

use self::network::noise::Turn;
use crate::compile::{Chip, Written};
use crate::model::{EnergyModel, Outer, State};
use crate::numerics::Mat;
pub use crate::spec::Fidelity;
use crate::units::Second;

/// What a batch of samples is forced with.
#[derive(Debug, Clone, PartialEq)]
pub struct Drive {
    /// States of the clamped layer, `[batch, size]`.
    pub clamp: Mat,
    pub nudge: Nudge,
}

/// The current injected into the read layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Nudge {
    /// Free phase.
    #[default]
    None,
    /// Elastic: the force `beta (target - xhat)`, from the cost `1/2 |xhat - target|^2`.
    /// `target` is `[batch, size]`.
    Toward { target: Mat, beta: f64 },
    /// A constant force on the read layer, `[batch, size]`.
    Force(Mat),
}

/// When to stop, and what to keep on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Until {
    /// A sample has settled when the largest magnitude of its force (in units of `x`; on a chip,
    /// `tau |dx/dt|`) is at most this.
    pub settled: f64,
    /// The longest time a sample may take \[s\]; on the ideal engine, `at_most_iterations` rules.
    pub at_most: Second,
    pub at_most_iterations: usize,
}

/// Which moments of the way to keep.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Save {
    /// Only the end.
    #[default]
    End,
    /// This many moments (at least 2) from the start to the last sample's settling, closer
    /// together at the start, where a network moves fastest.
    Points(usize),
    /// These times \[s\], ascending; a settled sample keeps moving as its equation says.
    At(Vec<Second>),
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    pub state: State,
    /// One a sample.
    pub outcome: Vec<Outcome>,
    /// The largest magnitude of the force at the end, in units of `x`, one a sample.
    pub residual: Vec<f64>,
    pub trace: Option<Trace>,
    pub stats: Stats,
    /// How good a solution is where its parts do not follow one equation, for people.
    pub notes: Vec<String>,
}

/// The way to the equilibrium at saved moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub clock: Clock,
    /// `[moments]`, in seconds or iterations.
    pub times: Vec<f64>,
    /// One state a moment.
    pub states: Vec<State>,
    /// Largest magnitude of the force, `[moments, batch]`.
    pub residual: Mat,
    /// The energy of the network at the state, `[moments, batch]`: the model's on the ideal
    /// engine, the chip's own (from its conductances as made) on the others; `None` where the
    /// energy is not known, as for a bare netlist.
    pub energy: Option<Mat>,
}

/// What the time axis of a trace counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    Seconds,
    Iterations,
}

/// How a sample ended. These are results, not errors: each says what to try.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// Reached the tolerance at this time \[s\] (an operating point has no time: NaN is never
    /// used, see [`Outcome::Equilibrium`]).
    Settled { at: Second },
    /// Solved for directly, without a clock; `iterations` of the solver.
    Equilibrium { iterations: usize },
    /// Still moving at the end.
    Unsettled { residual: f64 },
    /// Left all bounds at this time \[s\] or iteration; `growth` is what an iteration multiplied its
    /// residual by in the end, an estimate of its spectral radius.
    Diverged { at: f64, growth: Option<f64> },
    /// A voltage or a current of a circuit left all bounds at this time \[s\]; of this unknown first.
    RanAway { at: Second, unknown: String },
    /// What a device says is not a finite number.
    NotFinite { element: String },
    /// Newton's method failed, worst at this node.
    NewtonFailed { node: String, iteration: usize },
    /// The equations do not determine this node.
    Singular { node: String },
    /// The equations do not determine the current of this device.
    SingularCurrent { element: String },
    /// These devices force voltages around a loop.
    SourceLoop { devices: Vec<String> },
    /// An analysis went over the whole of its axis.
    Finished { points: usize },
    /// No way led to an operating point; `at` says of which point, where there are several.
    NoOperatingPoint { node: String, tried: String, iterations: usize, at: Option<String> },
    /// No step in time was short enough; `element` is where most current flows at the node that
    /// stands against it.
    StepTooShort { node: String, element: String, at: Second },
}

impl Outcome {
    pub fn is_settled(&self) -> bool {
        matches!(
            self,
            Outcome::Settled { .. } | Outcome::Equilibrium { .. } | Outcome::Finished { .. }
        )
    }

    /// A word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Settled { .. } | Outcome::Equilibrium { .. } => "settled",
            Outcome::Finished { .. } => "finished",
            Outcome::Unsettled { .. } => "unsettled",
            Outcome::Diverged { .. } | Outcome::RanAway { .. } => "diverged",
            Outcome::NotFinite { .. } => "not-finite",
            Outcome::NewtonFailed { .. } | Outcome::NoOperatingPoint { .. } => "newton-failed",
            Outcome::Singular { .. }
            | Outcome::SingularCurrent { .. }
            | Outcome::SourceLoop { .. } => "singular",
            Outcome::StepTooShort { .. } => "step-too-short",
        }
    }

    /// The settling time \[s\], where there is a clock.
    pub fn time(&self) -> Option<Second> {
        match self {
            Outcome::Settled { at } => Some(*at),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Outcome::Settled { at } => write!(f, "settled at {at:.3e} s"),
            Outcome::Equilibrium { iterations } => {
                write!(f, "equilibrium found in {iterations} iterations")
            }
            Outcome::Unsettled { residual } => write!(
                f,
                "still moving at the end (residual {residual:.1e}): raise [simulate] until.at-most, \
                 or loosen until.settled"
            ),
            Outcome::Diverged { at, growth: Some(growth) } => write!(
                f,
                "diverged at iteration {at}, every one multiplying the residual by {growth:.2} in the \
                 end: raise [simulate] damping, take a saturating \
                 activation, or scale the weights down"
            ),
            Outcome::Diverged { at, growth: None } => write!(
                f,
                "diverged at {at:.3e}: the weights are too strong for this activation; scale them \
                 down, or use a saturating one"
            ),
            Outcome::RanAway { at, unknown } => write!(
                f,
                "`{unknown}` grew beyond all bounds by {at:.3e} s: look for amplification without \
                 limit in a loop, for a resistance or a capacitance below zero, and for couplings of \
                 inductors that no three windings can have at once"
            ),
            Outcome::NotFinite { element } => write!(
                f,
                "what `{element}` says is not a finite number: look for a division by zero, a root or \
                 logarithm of what is below zero, or an exponential without limit in it"
            ),
            Outcome::NewtonFailed { node, iteration } => write!(
                f,
                "Newton's method gave up at iteration {iteration}, worst at node `{node}`: try \
                 analysis = {{ tran = {{}} }}, which follows the circuit's own motion"
            ),
            Outcome::Singular { node } => write!(
                f,
                "the equations do not determine node `{node}`: give it a conducting path to ground"
            ),
            Outcome::SingularCurrent { element } => write!(
                f,
                "the equations do not determine the current of `{element}`: what it demands depends on \
                 nothing that its current changes"
            ),
            Outcome::SourceLoop { devices } => write!(
                f,
                "{} force voltages around a loop, so that the current in it is not determined: put \
                 a resistor in series with one of them",
                listed(devices)
            ),
            Outcome::Finished { points: 1 } => write!(f, "finished with 1 point"),
            Outcome::Finished { points } => write!(f, "finished with {points} points"),
            Outcome::NoOperatingPoint { node, tried, iterations, at } => write!(
                f,
                "no operating point found{}; tried {tried}: {iterations} iterations in all, worst \
                 at node `{node}`. Give a guess of its voltage (nodeset), raise gmin, or start a \
                 transient without one (uic)",
                at.as_ref().map_or_else(String::new, |at| format!(" at {at}"))
            ),
            Outcome::StepTooShort { node, element, at } => write!(
                f,
                "no time step is short enough at {at:.6e} s: node `{node}` moves too fast for its \
                 equations, most current flows in `{element}`. Look for a loop without \
                 resistance or capacitance there, or loosen the tolerances"
            ),
        }
    }
}

/// The work done, to be snapshotted as well as the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Stats {
    /// Accepted steps or iterations, summed over the samples.
    pub steps: usize,
    /// Rejected steps, summed over the samples.
    pub rejected: usize,
    /// Evaluations of the right-hand side, summed over the samples.
    pub evaluations: usize,
    /// Newton iterations.
    pub newton: usize,
    /// Numeric factorisations.
    pub factorisations: usize,
}

impl std::ops::Add for Stats {
    type Output = Stats;

    fn add(self, other: Stats) -> Stats {
        Stats {
            steps: self.steps + other.steps,
            rejected: self.rejected + other.rejected,
            evaluations: self.evaluations + other.evaluations,
            newton: self.newton + other.newton,
            factorisations: self.factorisations + other.factorisations,
        }
    }
}

/// Anything that can take a batch of samples to equilibrium.
pub trait Engine {
    /// Runs every sample from `start` (the state of rest when `None`) until it settles.
    /// A sample's result does not depend on which others are in the batch, nor on the number of
    /// threads.
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled;

    /// Counts samples that the same chip is read for elsewhere, so that noise of reads is drawn as
    /// if they had been settled here.
    fn pass_reads(&mut self, _samples: usize) {}

    /// Reprograms the same hardware with new parameters: device-to-device quirks stay.
    fn write(&mut self, model: &EnergyModel) -> Written;

    /// Moves the cells of a chip that learns by pulse trains, as [`Chip::teach`]. Where there is no
    /// such chip it is [`Engine::write`].
    fn teach(&mut self, model: &EnergyModel, _by: &[Option<Outer>]) -> Written {
        self.write(model)
    }

    /// The chip it runs as it stands now; `None` where there is none, as on the ideal engine.
    fn chip(&self) -> Option<&Chip>;
}

/// ``` `a`, `b` and `c` ```
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The read that comes after `last`: a settling that goes on from a state is a further phase of the
/// same presentation, any other presents every sample anew. `None` where nothing moves.
fn next_turn(chip: &mut Chip, last: Option<Turn>, goes_on: bool, drive: &Drive) -> Option<Turn> {
    if chip.nonideal.read.is_quiet() {
        return None;
    }
    if let Some(Turn { first, phase }) = last.filter(|_| goes_on) {
        return Some(Turn { first, phase: phase + 1 });
    }
    let first = chip.reads();
    chip.count_reads(drive.clamp.rows());
    Some(Turn { first, phase: 0 })
}

/// What is kept of the way of a chip that is read in so many steps with noise: of the way to rest,
/// and after which of the steps.
fn shown(save: &Save, steps: usize) -> (Save, Vec<usize>) {
    let Save::Points(points) = save else { return (save.clone(), Vec::new()) };
    let kept = steps.min(points / 2);
    let moments = (1..=kept).map(|k| k * steps / kept).collect();
    (Save::Points(points - kept), moments)
}

/// `points` times, at least 2, from 0 to `end`: `t_k = end (k / last)^2`.
fn moments(end: Second, points: usize) -> Vec<Second> {
    let last = points.max(2) - 1;
    let share = |k: usize| k as f64 / last as f64;
    (0..=last).map(|k| if k == last { end } else { end * share(k) * share(k) }).collect()
}
