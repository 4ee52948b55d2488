//! Many runs of one file, with some of its keys varied.
//!
//! Runs are handed out one by one to a number of workers, each with one thread, so that all cores
//! are busy as long as there is something to do, and what comes of a run cannot depend on how they
//! are shared out. The workers may be in several processes (a [`Crew`](super::Crew)); one thread of
//! one process hands out and writes what they find. Runs know nothing of one another: a sweep is as
//! well worked off by several machines, a [`Shard`] each, and merged ([`merge()`]).

mod assist;
mod foreman;
mod ledger;
mod merge;
mod message;
mod point;
mod progress;
pub mod record;
mod schedule;
mod shard;
mod table;
mod workshop;

use std::path::PathBuf;
use std::time::Duration;

use super::{ExpectRecord, Options, RunError};
use crate::spec::{Spec, Sweep};
pub use assist::assist;
use ledger::{Known, Ledger};
pub use merge::merge;
pub(crate) use point::figure_names;
pub(super) use point::figures_of;
use record::{PointRecord, SweepRecord};
use schedule::Schedule;
pub use shard::Shard;

/// How often an interrupt is looked for.
const TICK: Duration = Duration::from_millis(100);

/// A finished sweep, on the disk.
#[derive(Debug, Clone)]
pub struct Swept {
    pub folder: PathBuf,
    pub record: SweepRecord,
    /// Every chip at every point, in order.
    pub points: Vec<PointRecord>,
}

impl Swept {
    /// The runs that nothing came of.
    pub fn failed(&self) -> impl Iterator<Item = &PointRecord> {
        self.points.iter().filter(|point| !point.is_done())
    }

    /// The expectations that failed, each with its run.
    pub fn broken(&self) -> impl Iterator<Item = (&PointRecord, &ExpectRecord)> {
        let judged = self.points.iter().flat_map(|p| p.expect.iter().map(move |e| (p, e)));
        judged.filter(|(_, expect)| !expect.passed)
    }
}

/// Does what a file's `[sweep]` asks, with each chip at each of its points, and records the
/// figures of each; or the part of it that `options.shard` names.
///
/// `options.threads` runs are worked on at a time, and as many in every other process of
/// `options.crew`, which call [`assist()`]. The results are the same bytes whatever their number, and
/// also when the sweep is broken off, however rudely, and taken up again.
///
/// # Errors
/// When the folder cannot be used or written, holds something else, or when the sweep is
/// interrupted: [`RunError::Stopped`], with all finished runs on the disk. A run in which
/// something goes wrong is a result.
pub fn sweep(spec: &Spec, options: &Options) -> Result<Swept, RunError> {
    let opened = sweep_of(spec).and_then(|sweep| {
        let (ledger, known) = Ledger::open(spec, sweep, options)?;
        Ok((sweep, ledger, schedule(sweep, known, options)))
    });
    let work = opened.as_ref().ok().filter(|(_, _, schedule)| !schedule.is_done());
    options.crew.tell(&work.map(|(_, ledger, _)| ledger.folder().to_path_buf()));
    let (sweep, mut ledger, schedule) = opened?;
    let folder = ledger.folder().to_path_buf();
    if !schedule.is_done() {
        options.interrupt.heed();
        let worked = foreman::work_through(sweep, &mut ledger, schedule, options);
        options.interrupt.unheed();
        if let Err(error) = worked {
            if matches!(error, RunError::Stopped { .. }) {
                ledger.save()?;
            }
            return Err(error);
        }
    }
    let (record, points) = ledger.close(options)?;
    Ok(Swept { folder, record, points })
}

fn sweep_of(spec: &Spec) -> Result<&Sweep, RunError> {
    let none = || RunError::NoSweep { file: spec.path.display().to_string() };
    let sweep = spec.sweep.as_ref().ok_or_else(none)?;
    match !sweep.idle.is_empty() && sweep.idle.len() == sweep.axes.len() {
        true => Err(RunError::Idle { axes: sweep.idle.join("`, `") }),
        false => Ok(sweep),
    }
}

/// The runs that are still to be made.
fn schedule(sweep: &Sweep, known: Known, options: &Options) -> Schedule {
    let own = (0..sweep.points()).filter(|&p| options.shard.is_none_or(|shard| shard.holds(p)));
    Schedule::new(sweep.chips.clone(), own, known)
}
