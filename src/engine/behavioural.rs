mod reading;

pub(super) use reading::extend;

use std::ops::Range;

use rayon::prelude::*;

use super::network::noise::{Field, Noise, Turn};
use super::network::{Batch, Network};
use super::{
    Clock, Drive, Engine, Outcome, Save, Settled, Stats, Trace, Until, Written, moments, next_turn,
    shown,
};
use super::{boundary, layout};
use crate::compile::Chip;
use crate::model::{EnergyModel, Family, Outer, State};
use crate::numerics::kernels::Real;
use crate::numerics::ode::{Arrival, End, Goal, Stepper, Tolerance};
use crate::numerics::tableau::{BOGACKI_SHAMPINE, TSITOURAS, Tableau};
use crate::numerics::{Mat, math};
use crate::spec::Precision;
use crate::units::Second;

/// The arrays of a chip as a batched ODE, the node equation of [`crate::compile`] with the
/// conductances as made, or with wires, as their ports see them at rest (wires have no
/// capacitance here).
///
/// In single precision a residual below about `1e-6` times the size of the state is rounding, and
/// an [`Until::settled`] below that is not reached.
pub struct Behavioural {
    chip: Chip,
    arrays: Prepared,
    relative: f64,
    absolute: f64,
    /// The last read; `None` before the first, and where nothing moves.
    turn: Option<Turn>,
}

/// The arrays in the precision asked for, made once a write.
enum Prepared {
    Single(Arrays<f32>),
    Double(Arrays<f64>),
}

struct Arrays<T> {
    net: Network<T>,
    /// The inputs of the last drive, and what [`Network::inputs`] makes of every chunk of them:
    /// the phases of an estimate share them.
    held: Option<(Mat, Held<T>)>,
    /// What moves while samples are read.
    noise: Option<Noise<T>>,
}

/// Of every chunk, what its inputs add to the equation, and to the noise.
type Held<T> = Vec<(Vec<T>, Option<Field<T>>)>;

impl<T: Real> Arrays<T> {
    fn of_chip(chip: &Chip) -> Arrays<T> {
        let net = Network::of_chip(chip);
        Arrays { noise: Noise::of_chip(&net, chip), net, held: None }
    }

    fn refresh(&mut self, chip: &Chip) {
        self.held = None;
        self.net.refresh(chip);
        self.noise = Noise::of_chip(&self.net, chip);
    }

    fn hold(&mut self, drive: &Drive, chip: &Chip) {
        if self.held.as_ref().is_none_or(|(clamp, _)| !same_bits(clamp, &drive.clamp)) {
            let lines = chip.lines(&drive.clamp);
            let inputs = self.chunks(drive.clamp.rows()).into_par_iter();
            let noise = self.noise.as_ref();
            let inputs = inputs.map(|samples| {
                let (clamp, lines) = (&drive.clamp, lines.as_ref());
                let field =
                    noise.map(|noise| noise.field(&self.net, clamp, lines, samples.clone()));
                (self.net.inputs(clamp, lines, samples), field)
            });
            let inputs = inputs.collect();
            self.held = Some((drive.clamp.clone(), inputs));
        }
    }

    /// Chunks of samples, cut by the size of the network and of the batch alone.
    fn chunks(&self, batch: usize) -> Vec<Range<usize>> {
        layout::chunks::<T>(batch, (TSITOURAS.stages() + 4) * self.net.states())
    }
}

fn same_bits(a: &Mat, b: &Mat) -> bool {
    let (x, y) = (a.as_slice().iter(), b.as_slice().iter());
    [a.rows(), a.cols()] == [b.rows(), b.cols()]
        && x.zip(y).all(|(x, y)| x.to_bits() == y.to_bits())
}

/// From this relative tolerance on, a pair of low order gets there in fewer evaluations: near the
/// equilibrium the step is bounded by stability, which three more stages hardly widen.
const ROUGH: f64 = 3e-3;
/// See [`Tolerance::remaining`]: the least, and the most that a loose tolerance asks for.
const REMAINING: [f64; 2] = [0.02, 0.2];

impl Behavioural {
    /// # Panics
    /// If the model is not a HAM: arrays compute nothing else. If the chip is one that only the
    /// circuit engine can hold ([`crate::spec::NonIdeal::needs_cells`]).
    pub fn new(chip: Chip, precision: Precision) -> Behavioural {
        if let Some((_, what)) = chip.nonideal.needs_cells() {
            panic!("products of matrices have no {what}");
        }
        assert_eq!(chip.fabric.model.family, Family::Ham, "arrays compute the dynamics of a HAM");
        let arrays = match precision {
            Precision::F32 => Prepared::Single(Arrays::of_chip(&chip)),
            Precision::F64 => Prepared::Double(Arrays::of_chip(&chip)),
        };
        Behavioural { chip, arrays, relative: 3e-4, absolute: 3e-5, turn: None }
    }

    /// Sets the error allowed in a time step, in units of `x` (3e-4 and 3e-5 at first, which keep
    /// waveforms of size 1 to about 3e-5 and settling times to a few parts in a thousand).
    /// Equilibria do not depend on it: where only they matter, as in training, 1e-2 and 1e-3 save
    /// a quarter of the evaluations and more.
    pub fn with_tolerance(self, relative: f64, absolute: f64) -> Behavioural {
        Behavioural { relative, absolute, ..self }
    }

    /// Takes over the chip as it stands now.
    fn refresh(&mut self) {
        match &mut self.arrays {
            Prepared::Single(arrays) => arrays.refresh(&self.chip),
            Prepared::Double(arrays) => arrays.refresh(&self.chip),
        }
    }

    fn tableau(&self) -> &'static Tableau {
        if self.relative < ROUGH { &TSITOURAS } else { &BOGACKI_SHAMPINE }
    }

    fn settle_in<T: Real>(&self, arrays: &Arrays<T>, task: &Task, save: &Save) -> Settled {
        let net = &arrays.net;
        let goal = Goal {
            settled: Some(task.until.settled),
            until: task.until.at_most / net.tau,
            first_step: math::pow(self.relative, 1.0 / self.tableau().order as f64).min(0.5),
        };
        let ends = self.over_chunks(arrays, task, |stepper, samples, inputs| {
            let mut x = net.gather(task.start, task.is_rest, samples.clone());
            let mut batch = Batch::with_inputs(net, inputs.clone(), task.drive, samples.clone());
            let ends =
                stepper.run(&mut batch, &mut x, samples.len(), &goal, &[], &mut |_, _, _| {});
            (x, ends)
        });
        let mut state = task.start.clone();
        for (samples, (x, _)) in &ends {
            net.scatter(x, samples.clone(), &mut state);
        }
        let arrivals: Vec<Arrival> = ends.into_iter().flat_map(|(_, (_, ends))| ends).collect();
        let times = match save {
            Save::End => None,
            Save::Points(n) => Some(moments(last_end(&arrivals, &goal) * net.tau, *n)),
            Save::At(times) => Some(times.clone()),
        };
        Settled {
            trace: times.map(|times| self.trace(arrays, task, times, &goal)),
            state,
            outcome: arrivals.iter().map(|a| outcome(a, net.tau)).collect(),
            residual: arrivals.iter().map(|a| a.residual).collect(),
            stats: stats(&arrivals),
            notes: net.wires_note().into_iter().collect(),
        }
    }

    /// Runs every sample through all the moments, settled or not.
    fn trace<T: Real>(
        &self,
        arrays: &Arrays<T>,
        task: &Task,
        times: Vec<Second>,
        goal: &Goal,
    ) -> Trace {
        let net = &arrays.net;
        let moments: Vec<f64> = times.iter().map(|t| t / net.tau).collect();
        let until = moments.last().copied().unwrap_or(0.0);
        let goal = Goal { settled: None, until, ..*goal };
        let ways = self.over_chunks(arrays, task, |stepper, samples, inputs| {
            let width = samples.len();
            let mut x = net.gather(task.start, task.is_rest, samples.clone());
            let mut way = vec![vec![T::default(); x.len()]; moments.len()];
            let mut batch = Batch::with_inputs(net, inputs.clone(), task.drive, samples.clone());
            stepper.run(&mut batch, &mut x, width, &goal, &moments, &mut |m, s, x| {
                for (to, &x) in way[m].iter_mut().skip(s).step_by(width).zip(x) {
                    *to = x;
                }
            });
            let mut batch = Batch::with_inputs(net, inputs.clone(), task.drive, samples);
            let residual: Vec<Vec<f64>> = way.iter().map(|x| batch.residual(x, width)).collect();
            (way, residual)
        });
        let batch = task.drive.clamp.rows();
        let mut states = vec![task.start.clone(); times.len()];
        let mut residual = Mat::zeros(times.len(), batch);
        for (samples, (way, left)) in ways {
            for (m, state) in states.iter_mut().enumerate() {
                net.scatter(&way[m], samples.clone(), state);
                residual.row_mut(m)[samples.clone()].copy_from_slice(&left[m]);
            }
        }
        let energy = states.iter().flat_map(|state| self.chip.energy(state)).collect();
        let energy = Some(Mat::from_vec(times.len(), batch, energy));
        Trace { clock: Clock::Seconds, times, states, residual, energy }
    }

    /// What `f` makes of every chunk of samples and its inputs, in order.
    fn over_chunks<T: Real, R: Send>(
        &self,
        arrays: &Arrays<T>,
        task: &Task,
        f: impl Fn(&mut Stepper<T>, Range<usize>, &Vec<T>) -> R + Sync,
    ) -> Vec<(Range<usize>, R)> {
        let remaining = (20.0 * self.relative).clamp(REMAINING[0], REMAINING[1]);
        let tolerance = Tolerance { relative: self.relative, absolute: self.absolute, remaining };
        let (_, inputs) = arrays.held.as_ref().expect("held since the settling began");
        arrays
            .chunks(task.drive.clamp.rows())
            .into_par_iter()
            .zip(inputs)
            .map_init(
                || Stepper::new(self.tableau(), tolerance),
                |stepper, (samples, (inputs, _))| (samples.clone(), f(stepper, samples, inputs)),
            )
            .collect()
    }
}

/// What a batch is asked to do.
struct Task<'a> {
    drive: &'a Drive,
    start: &'a State,
    /// Whether it starts from rest.
    is_rest: bool,
    until: &'a Until,
}

impl Engine for Behavioural {
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        let from = match start {
            Some(_) => layout::starting(&self.chip.fabric.model, drive, start),
            None => self.chip.rest(&drive.clamp),
        };
        let drive = &*boundary::sourced(&self.chip, drive);
        let task = Task { drive, start: &from, is_rest: start.is_none(), until };
        match &mut self.arrays {
            Prepared::Single(arrays) => arrays.hold(drive, &self.chip),
            Prepared::Double(arrays) => arrays.hold(drive, &self.chip),
        }
        let quiet = match self.chip.read_window() {
            Some(window) => &shown(save, window.steps).0,
            None => save,
        };
        let mut settled = match &self.arrays {
            Prepared::Single(arrays) => self.settle_in(arrays, &task, quiet),
            Prepared::Double(arrays) => self.settle_in(arrays, &task, quiet),
        };
        if let Some(turn) = next_turn(&mut self.chip, self.turn, start.is_some(), drive) {
            self.turn = Some(turn);
            match &self.arrays {
                Prepared::Single(a) => self.read_in(a, &task, turn, save, &mut settled),
                Prepared::Double(a) => self.read_in(a, &task, turn, save, &mut settled),
            }
        }
        settled
    }

    fn pass_reads(&mut self, samples: usize) {
        self.chip.count_reads(samples);
    }

    fn write(&mut self, model: &EnergyModel) -> Written {
        let written = self.chip.write(model);
        self.refresh();
        written
    }

    fn teach(&mut self, model: &EnergyModel, by: &[Option<Outer>]) -> Written {
        let written = self.chip.teach(model, by);
        self.refresh();
        written
    }

    fn chip(&self) -> Option<&Chip> {
        Some(&self.chip)
    }
}

fn outcome(arrival: &Arrival, tau: Second) -> Outcome {
    match arrival.end {
        End::Settled { at } => Outcome::Settled { at: at * tau },
        End::TimeUp => Outcome::Unsettled { residual: arrival.residual },
        End::Diverged { at } => Outcome::Diverged { at: at * tau, growth: None },
    }
}

/// When the last sample ended.
fn last_end(arrivals: &[Arrival], goal: &Goal) -> f64 {
    arrivals
        .iter()
        .map(|a| match a.end {
            End::Settled { at } | End::Diverged { at } => at,
            End::TimeUp => goal.until,
        })
        .fold(0.0, f64::max)
}

fn stats(arrivals: &[Arrival]) -> Stats {
    let mut stats = Stats::default();
    for arrival in arrivals {
        stats.steps += arrival.steps;
        stats.rejected += arrival.rejected;
        stats.evaluations += arrival.evaluations;
    }
    stats
}
