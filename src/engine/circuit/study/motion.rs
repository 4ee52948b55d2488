//! The way of a circuit in time.

use std::ops::ControlFlow;

use super::super::super::{Outcome, Stats};
use super::super::add;
use super::columns::{At, Columns};
use super::failure::failed;
use super::point::Quest;
use super::{AnalysisRun, Bench, Progress};
use crate::data::waves::ColumnKind;
use crate::numerics::dae::{Dae, Instant, Quantity};
use crate::numerics::newton::{Failure, Solver};
use crate::numerics::transient::{self, Begin, Control, End, Moment, integrate};
use crate::spec::study::{Method, Tran};
use crate::units::Second;

/// Steps that a transient takes at least, unless [`Tran::longest`] says otherwise.
const STEPS: f64 = 50.0;
/// How often progress is told.
const TOLD: f64 = 200.0;

pub(super) fn tran(bench: &Bench, tran: &Tran, tell: &mut dyn FnMut(Progress)) -> AnalysisRun {
    let mut run = AnalysisRun::new("tran");
    let netlist = &bench.netlist;
    let mut columns =
        Columns::new(netlist, &bench.signals("tran")).with_axis("time", ColumnKind::Time);
    let mut solver = Solver::new(netlist, &bench.elimination);
    let (mut x, begin) = match bench.begin(tran, &mut solver, &mut run) {
        Ok(begun) => begun,
        Err(outcome) => {
            run.outcome = outcome;
            run.waves = columns.into_waves("Transient Analysis");
            return run;
        }
    };
    let control = bench.control(tran, begin);
    let mut sampler = Sampler::new(tran);
    let mut told = 0.0;
    let end = integrate(&mut solver, &mut x, tran.stop, &control, &mut |now| {
        sampler.take(now, &mut columns);
        let share = now.time / tran.stop;
        if share >= told + 1.0 / TOLD {
            told = share;
            tell(bench.progress("tran", share));
        }
        ControlFlow::Continue(())
    });
    run.stats = add(run.stats, solver.work);
    run.outcome = match end {
        Ok(End::Diverged { at }) => {
            let unknown = (0..x.len()).max_by(|&a, &b| x[a].abs().total_cmp(&x[b].abs()));
            Outcome::RanAway { at, unknown: netlist.name(unknown.unwrap_or(0)) }
        }
        Err(Failure::NotConverged { unknown, iteration }) => Outcome::NoOperatingPoint {
            node: netlist.name(unknown),
            tried: "Newton's method from the charges".into(),
            iterations: iteration,
            at: Some("the start".into()),
        },
        Ok(End::Reached | End::Stopped) => Outcome::Finished { points: columns.points() },
        Err(failure) => failed(netlist, failure, &x),
    };
    run.waves = columns.into_waves("Transient Analysis");
    run
}

impl Bench<'_> {
    /// The unknowns at time 0, and what they tell of the charges there.
    fn begin(
        &self,
        tran: &Tran,
        solver: &mut Solver,
        run: &mut AnalysisRun,
    ) -> Result<(Vec<f64>, Begin), Outcome> {
        let initial = &self.study.initial;
        if tran.uic {
            let mut x = vec![0.0; self.netlist.dim()];
            for &(node, value) in initial {
                if let Some(k) = self.netlist.unknown_of(node) {
                    x[k] = value;
                }
            }
            return Ok((x, Begin::Own));
        }
        let quest = Quest { at: Instant::At(0.0), holds: true, ..self.quest() };
        let point = quest.find()?;
        run.stats = add(Stats::default(), point.work);
        run.notes.extend(point.notes(&self.netlist));
        solver.set_memory(&point.memory);
        let dim = self.netlist.dim();
        let moves = (0..dim).any(|k| self.netlist.quantity(k) == Quantity::State);
        let begin = if initial.is_empty() && !moves { Begin::Rest } else { Begin::Held };
        Ok((point.x, begin))
    }

    fn control(&self, tran: &Tran, begin: Begin) -> Control {
        let solving = &self.study.solving;
        let mut corners = self.netlist.corners(tran.stop);
        corners.sort_by(f64::total_cmp);
        let apart = 1e-12 * tran.stop;
        corners.dedup_by(|later, earlier| *later - *earlier <= apart);
        corners.retain(|corner| *corner > apart);
        Control {
            method: match solving.method {
                Method::TrBdf2 => transient::Method::TrBdf2,
                Method::Trapezoidal => transient::Method::Trapezoidal,
                Method::Gear => transient::Method::Gear,
            },
            begin,
            relative: solving.relative,
            absolute: solving.volts,
            amperes: solving.amperes,
            longest: tran.longest.unwrap_or(tran.stop / STEPS),
            bound: 1e15,
            corners,
        }
    }
}

/// Takes moments, or points at even times between them.
struct Sampler {
    start: Second,
    stop: Second,
    step: Option<Second>,
    /// Points taken.
    taken: usize,
    last: Option<Kept>,
}

/// A moment.
struct Kept {
    time: Second,
    x: Vec<f64>,
    slope: Vec<f64>,
}

impl Sampler {
    fn new(tran: &Tran) -> Sampler {
        let (start, stop) = (tran.start.max(0.0), tran.stop);
        Sampler { start, stop, step: tran.step, taken: 0, last: None }
    }

    fn take(&mut self, now: &Moment, columns: &mut Columns) {
        match self.step {
            None => self.every(now, columns),
            Some(step) => self.even(now, step, columns),
        }
        let keep = self.last.get_or_insert_with(|| Kept {
            time: 0.0,
            x: now.x.to_vec(),
            slope: now.slope.to_vec(),
        });
        keep.time = now.time;
        keep.x.copy_from_slice(now.x);
        keep.slope.copy_from_slice(now.slope);
    }

    /// Every moment once, and where they begin to be kept.
    fn every(&mut self, now: &Moment, columns: &mut Columns) {
        let again = self.last.as_ref().is_some_and(|last| last.time == now.time);
        if again || now.time < self.start {
            return;
        }
        if let Some(last) = self.last.as_ref().filter(|last| last.time < self.start)
            && now.time > self.start
        {
            let (x, slope) = between(last, now, self.start);
            let instant = Instant::At(self.start);
            let at = At { instant, x: &x, slope: Some(&slope), memory: now.memory };
            columns.push(self.start, &at);
        }
        let instant = Instant::At(now.time);
        columns
            .push(now.time, &At { instant, x: now.x, slope: Some(now.slope), memory: now.memory });
    }

    /// The even times up to this moment, by cubic Hermite interpolation from the one before.
    fn even(&mut self, now: &Moment, step: Second, columns: &mut Columns) {
        loop {
            let time = (self.start + self.taken as f64 * step).min(self.stop);
            let done = self.taken > 0 && self.start + (self.taken - 1) as f64 * step >= self.stop;
            if done || time > now.time {
                return;
            }
            self.taken += 1;
            let instant = Instant::At(time);
            let (x, slope) = match &self.last {
                Some(last) if time < now.time => between(last, now, time),
                _ => (now.x.to_vec(), now.slope.to_vec()),
            };
            let slope = Some(&slope[..]);
            columns.push(time, &At { instant, x: &x, slope, memory: now.memory });
        }
    }
}

/// The unknowns and their slopes between two moments.
fn between(last: &Kept, now: &Moment, time: Second) -> (Vec<f64>, Vec<f64>) {
    let h = now.time - last.time;
    let s = (time - last.time) / h;
    let r = 1.0 - s;
    let values = (0..now.x.len()).map(|k| {
        last.x[k] * r * r * (1.0 + 2.0 * s)
            + now.x[k] * s * s * (1.0 + 2.0 * r)
            + h * s * r * (last.slope[k] * r - now.slope[k] * s)
    });
    let slopes = (0..now.x.len()).map(|k| {
        6.0 * s * r * (now.x[k] - last.x[k]) / h
            + last.slope[k] * r * (r - 2.0 * s)
            + now.slope[k] * s * (s - 2.0 * r)
    });
    (values.collect(), slopes.collect())
}
