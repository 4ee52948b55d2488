//! One sample on its way to equilibrium.

use std::ops::ControlFlow;

use super::super::{Outcome, Save, Until};
use super::Circuit;
use super::arrays::rest;
use super::study::failed;
use crate::model::State;
use crate::netlist::Netlist;
use crate::numerics::coupled::Balance;
use crate::numerics::dae::{Dae, Instant};
use crate::numerics::math::{exp, log};
use crate::numerics::newton::{Solver, Work};
use crate::numerics::rest::Search;
use crate::numerics::transient::{Control, End, Moment, Path, integrate};
use crate::spec::Analysis;
use crate::units::Second;

/// What came of a sample.
#[derive(Debug)]
pub(super) struct Sample {
    /// Of the summing nodes, layer by layer.
    pub voltages: Vec<f64>,
    pub outcome: Outcome,
    pub residual: f64,
    pub track: Option<Track>,
    pub work: Work,
    /// Of crossbars with the rest, where those were solved by their structure.
    pub balance: Option<Balance>,
    /// Voltages and residuals at the steps with noise that are shown.
    pub noisy: Vec<(Vec<f64>, f64)>,
}

impl Sample {
    /// When it settled, or where its way ends.
    pub fn end(&self) -> Option<Second> {
        self.outcome.time().or(self.track.as_ref().map(Track::end))
    }
}

/// The way of the summing nodes.
#[derive(Debug)]
pub(super) struct Track {
    start: Vec<f64>,
    path: Path,
    /// One a moment of the path.
    residuals: Vec<f64>,
}

impl Track {
    pub fn new(nodes: Vec<usize>, x: &[f64]) -> Track {
        let start = nodes.iter().map(|&k| x[k]).collect();
        Track { start, path: Path::of(nodes), residuals: Vec::new() }
    }

    pub fn record(&mut self, now: &Moment, residual: f64) {
        self.path.record(now);
        self.residuals.push(residual);
    }

    /// The last moment; 0 where the way has not begun.
    pub fn end(&self) -> Second {
        self.path.times().last().copied().unwrap_or(0.0)
    }

    /// At a time; where the way has not begun, as at the start.
    pub fn voltages(&self, time: Second) -> Vec<f64> {
        if self.path.times().is_empty() { self.start.clone() } else { self.path.at(time) }
    }

    /// At a time, between two moments along the logarithm; NaN where the way has not begun.
    pub fn residual(&self, time: Second) -> f64 {
        let times = self.path.times();
        let after = times.partition_point(|&t| t <= time);
        let Some(&before) = self.residuals.get(after.saturating_sub(1)) else { return f64::NAN };
        match self.residuals.get(after) {
            Some(&next) if after > 0 => {
                let share = (time - times[after - 1]) / (times[after] - times[after - 1]);
                if before > 0.0 && next > 0.0 {
                    exp((1.0 - share) * log(before) + share * log(next))
                } else {
                    before + share * (next - before)
                }
            }
            _ => before,
        }
    }

    /// When the residual fell to `settled`, if it has at the last moment: within the last step
    /// along the logarithm.
    pub fn settled_at(&self, settled: f64) -> Option<Second> {
        let (&last, rest) = self.residuals.split_last()?;
        let (&time, earlier) = self.path.times().split_last()?;
        if last.is_nan() || last > settled {
            return None;
        }
        let (Some(&before), Some(&from)) = (rest.last(), earlier.last()) else { return Some(time) };
        if last == 0.0 || before <= settled {
            return Some(time);
        }
        Some(from + (time - from) * log(before / settled) / log(before / last))
    }
}

impl Circuit {
    /// Takes one sample, whose sources are set, to its end.
    pub(super) fn run(
        &self,
        netlist: &Netlist,
        s: usize,
        start: Option<&State>,
        until: &Until,
        save: &Save,
        shown: &[usize],
    ) -> Sample {
        let start = start.map(|state| (state, s));
        if !netlist.arrays().is_empty() {
            return self.run_arrays(netlist, start);
        }
        let mut solver = Solver::new(netlist, &self.elimination);
        let mut x = self.driver.start((&self.ports, self.chip.as_ref()), netlist.dim(), start);
        let (outcome, track) = match self.analysis {
            Analysis::Op => {
                let near = start.and_then(|_| self.near(&mut solver, &mut x));
                let outcome = match near.map_or_else(|| solver.equilibrium(&mut x), Ok) {
                    Ok(iterations) => Outcome::Equilibrium { iterations },
                    Err(failure) => failed(netlist, failure, &x),
                };
                (outcome, None)
            }
            Analysis::Tran => {
                if start.is_some() {
                    self.relax_lines(netlist, &mut solver, &mut x);
                }
                let (outcome, track) = self.follow(netlist, &mut solver, &mut x, until, save);
                (outcome, Some(track))
            }
        };
        let residual = self.driver.residual(solver.evaluate(Instant::Rest, &x).currents());
        let (voltages, noisy) = match outcome.is_settled() {
            true => self.read(&mut solver, &mut x, s, shown),
            false => (self.voltages(&x), Vec::new()),
        };
        let work = solver.work;
        Sample { voltages, outcome, residual, track, work, balance: None, noisy }
    }

    /// Puts what is charged beside the summing nodes, such as wires with a capacitance, where it
    /// rests when those are where they are: a state says nothing of it.
    fn relax_lines(&self, netlist: &Netlist, solver: &mut Solver, x: &mut [f64]) {
        let charged = &solver.pattern().charged()[..netlist.potentials()];
        if charged.iter().filter(|charged| **charged).count() <= self.driver.nodes.len() {
            return;
        }
        let held: Vec<(usize, f64)> = self.driver.nodes.iter().map(|&k| (k, x[k])).collect();
        let search = Search { at: Instant::Rest, held: &held, iterations: 100 };
        // Should it not be found, lines start without charge.
        if solver.operating_point(x, &search).is_ok() {
            held.iter().for_each(|&(k, volts)| x[k] = volts);
        }
    }

    fn voltages(&self, x: &[f64]) -> Vec<f64> {
        self.driver.nodes.iter().map(|&k| x[k]).collect()
    }

    /// What is read of a sample that rests at `x`, and the steps shown of the way there. Where a
    /// step with noise cannot be solved it is what was there before.
    fn read(
        &self,
        solver: &mut Solver,
        x: &mut [f64],
        s: usize,
        shown: &[usize],
    ) -> (Vec<f64>, Vec<(Vec<f64>, f64)>) {
        let (Some(noise), Some(turn), Some(chip)) = (&self.noise, self.turn, &self.chip) else {
            return (self.voltages(x), Vec::new());
        };
        let seed = chip.read_seed(turn.first + s);
        let (window, v_unit) = (noise.window, self.ports.v_unit);
        let first = window.steps - window.averaged;
        let mut mean = vec![0.0; self.driver.nodes.len()];
        let mut add = |step: usize, x: &[f64]| {
            if window.averaged > 0 && step >= first {
                let end = step == first || step == window.steps;
                let weight = if end { 0.5 } else { 1.0 } / window.averaged as f64;
                let nodes = mean.iter_mut().zip(&self.driver.nodes);
                nodes.for_each(|(mean, &k)| *mean += weight * x[k]);
            }
        };
        add(0, x);
        let mut kept = Vec::new();
        let run = noise.run(solver, x, (seed, turn), v_unit, &mut |step, x| {
            add(step, x);
            if shown.get(kept.len()) == Some(&step) {
                kept.push(x.to_vec());
            }
        });
        let read = match window.averaged > 0 && run.is_ok() {
            true => mean,
            false => self.voltages(x),
        };
        let noisy = kept.iter().map(|x| {
            let currents = solver.evaluate(Instant::Rest, x).currents();
            (self.voltages(x), self.driver.residual(currents))
        });
        (read, noisy.collect())
    }

    /// The operating point of one sample of a netlist with crossbars.
    fn run_arrays(&self, netlist: &Netlist, start: Option<(&State, usize)>) -> Sample {
        let mut x = self.driver.start((&self.ports, self.chip.as_ref()), netlist.dim(), start);
        let found = match &self.attached {
            Ok(attached) => rest(netlist, attached, &mut x),
            Err(failure) => Err(*failure),
        };
        let voltages = self.driver.nodes.iter().map(|&k| x[k]).collect();
        let (outcome, residual, work, balance) = match found {
            Ok(rest) => (
                Outcome::Equilibrium { iterations: rest.iterations },
                self.driver.residual(&rest.currents),
                rest.work,
                rest.balance,
            ),
            Err(failure) => (failed(netlist, failure, &x), f64::NAN, Work::default(), None),
        };
        Sample { voltages, outcome, residual, track: None, work, balance, noisy: Vec::new() }
    }

    /// Newton's method alone, for a start that is nearly at rest already, as the free state is in
    /// a nudged phase; `None`, with `x` as it was, if that leads away from there: further than a
    /// third of the start, or of a state of 1, where activations bend.
    fn near(&self, solver: &mut Solver, x: &mut [f64]) -> Option<usize> {
        const NEAR: f64 = 0.3;
        let before = solver.work.newton;
        let start = x.to_vec();
        let found = solver.at_rest(x).is_ok();
        let largest = |f: &dyn Fn(usize) -> f64| {
            self.driver.nodes.iter().map(|&k| f(k).abs()).fold(0.0, f64::max)
        };
        let moved = largest(&|k| x[k] - start[k]);
        let unit = self.driver.volts.iter().copied().fold(f64::INFINITY, f64::min);
        if found && moved <= NEAR * largest(&|k| start[k]).max(unit) {
            return Some(solver.work.newton - before);
        }
        x.copy_from_slice(&start);
        None
    }

    fn follow(
        &self,
        netlist: &Netlist,
        solver: &mut Solver,
        x: &mut [f64],
        until: &Until,
        save: &Save,
    ) -> (Outcome, Track) {
        let least = self.driver.volts.iter().copied().fold(f64::INFINITY, f64::min);
        let control = Control {
            relative: self.tolerance,
            absolute: 1e-2 * self.tolerance * least,
            bound: 1e6 * self.ports.v_unit,
            ..Control::default()
        };
        let asked = match save {
            Save::At(times) => times.last().copied(),
            Save::End | Save::Points(_) => None,
        };
        let span = asked.unwrap_or(0.0).max(until.at_most);
        let mut track = Track::new(self.driver.nodes.clone(), x);
        let mut settled = None;
        let end = integrate(solver, x, span, &control, &mut |now| {
            track.record(now, self.driver.residual(now.currents));
            if settled.is_none() {
                settled = track.settled_at(until.settled).filter(|&at| at <= until.at_most);
            }
            let done = settled.is_some() && asked.is_none_or(|last| now.time >= last);
            if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let outcome = match (end, settled) {
            (Err(failure), _) => failed(netlist, failure, x),
            (Ok(End::Diverged { at }), _) => Outcome::Diverged { at, growth: None },
            (Ok(_), Some(at)) => Outcome::Settled { at },
            (Ok(_), None) => {
                Outcome::Unsettled { residual: track.residuals.last().copied().unwrap_or(f64::NAN) }
            }
        };
        (outcome, track)
    }
}
