//! Many runs of one file, with some of its keys varied.
//!
//! Runs are handed out one by one to a number of workers, each with one thread, so that all cores
//! are busy as long as there is something to do, and what comes of a run cannot depend on how they
//! are shared out. One thread alone writes what they find. Runs know nothing of one another: a
//! sweep is as well worked off by several machines, a [`Shard`] each, and merged ([`merge()`]).

mod ledger;
mod merge;
mod point;
mod progress;
pub mod record;
mod schedule;
mod shard;
mod table;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{ExpectRecord, Interrupt, Options, RunError};
use crate::spec::{Spec, Sweep, Verb};
use ledger::{Known, Ledger};
pub use merge::merge;
pub(super) use point::figures_of;
use progress::Bar;
use record::{PointRecord, SweepRecord};
use schedule::{Schedule, Task};
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
/// `options.threads` runs are worked on at a time. The results are the same bytes whatever their
/// number, and also when the sweep is broken off, however rudely, and taken up again.
///
/// # Errors
/// When the folder cannot be used or written, holds something else, or when the sweep is
/// interrupted: [`RunError::Stopped`], with all finished runs on the disk. A run in which
/// something goes wrong is a result.
pub fn sweep(spec: &Spec, options: &Options) -> Result<Swept, RunError> {
    let sweep = spec
        .sweep
        .as_ref()
        .ok_or_else(|| RunError::NoSweep { file: spec.path.display().to_string() })?;
    let (mut ledger, known) = Ledger::open(spec, sweep, options)?;
    options.interrupt.heed();
    let worked = work_through(sweep, &mut ledger, known, options);
    options.interrupt.unheed();
    let folder = ledger.folder().to_path_buf();
    if let Err(error) = worked {
        if matches!(error, RunError::Stopped { .. }) {
            ledger.save()?;
        }
        return Err(error);
    }
    let (record, points) = ledger.close(options)?;
    Ok(Swept { folder, record, points })
}

/// Makes all runs that are still to be made.
fn work_through(
    sweep: &Sweep,
    ledger: &mut Ledger,
    known: Known,
    options: &Options,
) -> Result<(), RunError> {
    let own = (0..sweep.points()).filter(|&p| options.shard.is_none_or(|shard| shard.holds(p)));
    let schedule = Schedule::new(sweep.chips.clone(), own, known);
    if schedule.is_done() {
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.threads.unwrap_or(cores).min(schedule.most());
    let begun = Instant::now();
    let (workers, answers) = start(sweep, ledger.folder(), schedule, jobs, options)?;
    let gathered = gather(&workers.office, &answers, ledger, options);
    workers.office.close();
    if sweep.run == Verb::Train {
        // They stop after a batch, and leave their folders alone then.
        while answers.recv().is_ok() {}
    }
    ledger.worked(jobs, begun.elapsed().as_secs_f64());
    gathered
}

/// What the workers share.
struct Office {
    sweep: Sweep,
    folder: PathBuf,
    /// For a single run; their interrupt is the office's own.
    options: Options,
    schedule: Mutex<Schedule>,
    /// Something has changed in the schedule.
    news: Condvar,
    /// Runs that have ended and that the schedule does not know of yet.
    unentered: AtomicUsize,
    /// Nothing is to be begun any more.
    closed: AtomicBool,
}

impl Office {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The next run, when there is one; `None` when there is none to come.
    fn take(&self) -> Option<Task> {
        let mut schedule = self.schedule();
        loop {
            if self.closed.load(Ordering::Relaxed) || schedule.is_done() {
                return None;
            }
            // What has just ended may be all that its point needs.
            if self.unentered.load(Ordering::SeqCst) == 0
                && let Some(task) = schedule.next()
            {
                return Some(task);
            }
            let waited = self.news.wait_timeout(schedule, TICK);
            schedule = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// Ends the work, and breaks off what can be.
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.options.interrupt.trip();
        self.news.notify_all();
    }
}

struct Workers {
    office: Arc<Office>,
    /// One thread each. They are not waited for when this is dropped.
    _pools: Vec<ThreadPool>,
}

/// What came of a run, and how long it took \[s\].
type Answer = (PointRecord, f64);

fn start(
    sweep: &Sweep,
    folder: &Path,
    schedule: Schedule,
    jobs: usize,
    options: &Options,
) -> Result<(Workers, Receiver<Answer>), RunError> {
    let pools: Vec<ThreadPool> = (0..jobs)
        .map(|_| ThreadPoolBuilder::new().num_threads(1).build())
        .collect::<Result<_, _>>()
        .map_err(|e| RunError::Threads { threads: jobs, message: e.to_string() })?;
    let office = Arc::new(Office {
        sweep: sweep.clone(),
        folder: folder.to_path_buf(),
        options: Options { interrupt: Interrupt::default(), ..options.clone() },
        schedule: Mutex::new(schedule),
        news: Condvar::new(),
        unentered: AtomicUsize::new(0),
        closed: AtomicBool::new(false),
    });
    let (sender, answers) = mpsc::channel();
    for pool in &pools {
        let (office, sender) = (Arc::clone(&office), sender.clone());
        pool.spawn(move || serve(&office, &sender));
    }
    Ok((Workers { office, _pools: pools }, answers))
}

/// Makes runs until there are none.
fn serve(office: &Office, answers: &Sender<Answer>) {
    while let Some(task) = office.take() {
        let begun = Instant::now();
        let run = point::run(&office.sweep, task, &office.folder, &office.options);
        let Some(record) = run else { return };
        office.unentered.fetch_add(1, Ordering::SeqCst);
        if answers.send((record, begun.elapsed().as_secs_f64())).is_err() {
            return;
        }
    }
}

/// Enters what comes, until every point has its chips.
fn gather(
    office: &Office,
    answers: &Receiver<Answer>,
    ledger: &mut Ledger,
    options: &Options,
) -> Result<(), RunError> {
    let mut bar = Bar::new(&office.schedule().progress(), ledger.failed(), options.quiet);
    let stopped = |ledger: &Ledger| RunError::Stopped { path: ledger.folder().to_path_buf() };
    while !office.schedule().is_done() {
        match answers.recv_timeout(TICK) {
            Ok((record, wall_time)) => {
                ledger.enter(&record, wall_time)?;
                let task = Task { point: record.point, chip: record.chip };
                let progress = {
                    let mut schedule = office.schedule();
                    schedule.finished(task, ledger::metric(&office.sweep, &record));
                    office.unentered.fetch_sub(1, Ordering::SeqCst);
                    schedule.progress()
                };
                office.news.notify_all();
                bar.show(&progress, &record);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if options.interrupt.tripped() {
            office.close();
            // A training stops by itself and saves its state; everything else is given up.
            if office.sweep.run != Verb::Train {
                return Err(stopped(ledger));
            }
        }
    }
    bar.clear();
    let done = office.schedule().is_done();
    if options.interrupt.tripped() && !done {
        return Err(stopped(ledger));
    }
    assert!(done, "a worker left without a word");
    Ok(())
}
