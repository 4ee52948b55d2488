//! Many runs of one file, with some of its keys varied.
//!
//! Points are handed out one by one to a number of workers, each with one thread, so that all
//! cores are busy as long as there are points, and what comes of a point cannot depend on how
//! they are shared out. One thread alone writes what they find.

mod ledger;
mod point;
pub mod record;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{ExpectRecord, Options, RunError};
use crate::spec::{Spec, Sweep, Verb};
use ledger::Ledger;
use record::{PointRecord, SweepRecord};

/// How often an interrupt is looked for.
const TICK: Duration = Duration::from_millis(100);

/// A finished sweep, on the disk.
#[derive(Debug, Clone)]
pub struct Swept {
    pub folder: PathBuf,
    pub record: SweepRecord,
    /// All of them, in order.
    pub points: Vec<PointRecord>,
}

impl Swept {
    /// The points that nothing came of.
    pub fn failed(&self) -> impl Iterator<Item = &PointRecord> {
        self.points.iter().filter(|point| !point.is_done())
    }

    /// The expectations that failed, each with its point.
    pub fn broken(&self) -> impl Iterator<Item = (&PointRecord, &ExpectRecord)> {
        let judged = self.points.iter().flat_map(|p| p.expect.iter().map(move |e| (p, e)));
        judged.filter(|(_, expect)| !expect.passed)
    }
}

/// Does what a file's `[sweep]` asks, at each of its points, and records the figures of each.
///
/// `options.threads` points are worked on at a time. The results are the same bytes whatever their
/// number, and also when the sweep is broken off, however rudely, and taken up again.
///
/// # Errors
/// When the folder cannot be used or written, holds something else, or when the sweep is
/// interrupted: [`RunError::Stopped`], with all finished points on the disk. A point at which
/// something goes wrong is a result.
pub fn sweep(spec: &Spec, options: &Options) -> Result<Swept, RunError> {
    let sweep = spec
        .sweep
        .as_ref()
        .ok_or_else(|| RunError::NoSweep { file: spec.path.display().to_string() })?;
    let mut ledger = Ledger::open(spec, sweep, options)?;
    options.interrupt.heed();
    let worked = work_through(sweep, &mut ledger, options);
    options.interrupt.unheed();
    let folder = ledger.folder().to_path_buf();
    if let Err(error) = worked {
        if matches!(error, RunError::Stopped { .. }) {
            ledger.save()?;
        }
        return Err(error);
    }
    let (record, points) = ledger.close()?;
    Ok(Swept { folder, record, points })
}

/// Tries all points that are still to be done.
fn work_through(sweep: &Sweep, ledger: &mut Ledger, options: &Options) -> Result<(), RunError> {
    let todo = ledger.todo();
    if todo.is_empty() {
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.threads.unwrap_or(cores).min(todo.len());
    let begun = Instant::now();
    let (workers, answers) = start(sweep, ledger.folder(), todo, jobs, options)?;
    let gathered = gather(&workers, &answers, ledger, sweep, options);
    workers.office.closed.store(true, Ordering::Relaxed);
    ledger.worked(jobs, begun.elapsed().as_secs_f64());
    gathered
}

/// What the workers share.
struct Office {
    sweep: Sweep,
    folder: PathBuf,
    options: Options,
    todo: Vec<usize>,
    next: AtomicUsize,
    /// No point is to be begun any more.
    closed: AtomicBool,
}

struct Workers {
    office: Arc<Office>,
    /// One thread each. They are not waited for when this is dropped.
    _pools: Vec<ThreadPool>,
}

/// What came of a point, and how long it took \[s\].
type Answer = (PointRecord, f64);

fn start(
    sweep: &Sweep,
    folder: &Path,
    todo: Vec<usize>,
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
        options: options.clone(),
        todo,
        next: AtomicUsize::new(0),
        closed: AtomicBool::new(false),
    });
    let (sender, answers) = mpsc::channel();
    for pool in &pools {
        let (office, sender) = (Arc::clone(&office), sender.clone());
        pool.spawn(move || serve(&office, &sender));
    }
    Ok((Workers { office, _pools: pools }, answers))
}

/// Takes points until there are none.
fn serve(office: &Office, answers: &Sender<Answer>) {
    let Office { sweep, folder, options, todo, next, closed } = office;
    while let Some(&point) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
        if closed.load(Ordering::Relaxed) || options.interrupt.tripped() {
            return;
        }
        let begun = Instant::now();
        let Some(record) = point::run(sweep, point, folder, options) else { return };
        if answers.send((record, begun.elapsed().as_secs_f64())).is_err() {
            return;
        }
    }
}

/// Enters what comes, until all workers are done.
fn gather(
    workers: &Workers,
    answers: &Receiver<Answer>,
    ledger: &mut Ledger,
    sweep: &Sweep,
    options: &Options,
) -> Result<(), RunError> {
    let bar = progress(ledger, sweep.points(), options.quiet);
    let stopped = |ledger: &Ledger| RunError::Stopped { path: ledger.folder().to_path_buf() };
    loop {
        match answers.recv_timeout(TICK) {
            Ok((record, wall_time)) => {
                ledger.enter(&record, wall_time)?;
                show(&bar, ledger, &record);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if options.interrupt.tripped() {
            workers.office.closed.store(true, Ordering::Relaxed);
            // A training stops by itself and saves its state; everything else is given up.
            if sweep.run != Verb::Train {
                return Err(stopped(ledger));
            }
        }
    }
    bar.finish_and_clear();
    if options.interrupt.tripped() && !ledger.todo().is_empty() {
        return Err(stopped(ledger));
    }
    assert!(ledger.todo().is_empty(), "a worker left without a word");
    Ok(())
}

/// Points done of all, on stderr; hidden where it is no terminal.
fn progress(ledger: &Ledger, points: usize, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(points as u64).with_position(ledger.tried().0 as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} points{msg}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar.enable_steady_tick(TICK);
    bar
}

fn show(bar: &ProgressBar, ledger: &Ledger, record: &PointRecord) {
    let (tried, failed) = ledger.tried();
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let told = ["test-accuracy", "accuracy", "gradient-cosine", "settling-time"];
    let figure = told.iter().find_map(|name| Some((name, record.figures.get(*name)?)));
    let last = figure.map(|(name, value)| format!(", last {name} {value:.4}"));
    bar.set_message(format!("{failed}{}", last.unwrap_or_default()));
    bar.set_position(tried as u64);
}
