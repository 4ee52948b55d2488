//! The threads of a process that make runs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::point;
use super::record::PointRecord;
use super::schedule::Task;
use crate::run::{Crew, Interrupt, Options, RunError};
use crate::spec::{Sweep, Verb};

/// What came of a run, and how long it took \[s\].
pub type Answer = (PointRecord, f64);

/// Threads that make one run at a time each, in the order they are asked for.
pub struct Workshop {
    office: Arc<Office>,
    orders: Sender<Task>,
    answers: Receiver<Answer>,
    /// One thread each. They are not waited for when this is dropped.
    _pools: Vec<ThreadPool>,
}

/// What the threads share.
struct Office {
    sweep: Sweep,
    folder: PathBuf,
    /// For a single run; their interrupt is the office's own.
    options: Options,
    orders: Mutex<Receiver<Task>>,
    /// Nothing is to be begun any more.
    closed: AtomicBool,
}

impl Workshop {
    /// Starts `jobs` threads.
    pub fn open(
        sweep: &Sweep,
        folder: &Path,
        jobs: usize,
        options: &Options,
    ) -> Result<Workshop, RunError> {
        let pools: Vec<ThreadPool> = (0..jobs)
            .map(|_| ThreadPoolBuilder::new().num_threads(1).build())
            .collect::<Result<_, _>>()
            .map_err(|e| RunError::Threads { threads: jobs, message: e.to_string() })?;
        let (orders, taken) = mpsc::channel();
        let office = Arc::new(Office {
            sweep: sweep.clone(),
            folder: folder.to_path_buf(),
            options: Options {
                interrupt: Interrupt::default(),
                crew: Crew::default(),
                ..options.clone()
            },
            orders: Mutex::new(taken),
            closed: AtomicBool::new(false),
        });
        let (sender, answers) = mpsc::channel();
        for pool in &pools {
            let (office, sender) = (Arc::clone(&office), sender.clone());
            pool.spawn(move || office.serve(&sender));
        }
        Ok(Workshop { office, orders, answers, _pools: pools })
    }

    /// Asks for a run.
    pub fn order(&self, task: Task) {
        // Threads that are gone are found out when nothing comes of it.
        let _ = self.orders.send(task);
    }

    /// What comes of a run within a time; `Err` when nothing can come any more.
    pub fn answer(&self, within: Duration) -> Result<Option<Answer>, Gone> {
        match self.answers.recv_timeout(within) {
            Ok(answer) => Ok(Some(answer)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(within);
                Err(Gone)
            }
        }
    }

    /// Begins nothing any more and breaks off what can be, and gives what is finished. Trainings
    /// stop after a batch and leave their folders alone then: they are waited for.
    pub fn close(self) -> impl Iterator<Item = Answer> {
        self.office.closed.store(true, Ordering::Relaxed);
        self.office.options.interrupt.trip();
        let Workshop { office, orders, answers, .. } = self;
        drop(orders);
        let waits = office.sweep.run == Verb::Train;
        std::iter::from_fn(move || match waits {
            true => answers.recv().ok(),
            false => answers.try_recv().ok(),
        })
    }
}

/// All threads of a workshop have ended.
#[derive(Debug)]
pub struct Gone;

impl Office {
    /// Makes runs until there are none.
    fn serve(&self, answers: &Sender<Answer>) {
        while let Some(task) = self.next() {
            let begun = Instant::now();
            let run = point::run(&self.sweep, task, &self.folder, &self.options);
            let Some(record) = run else { return };
            if answers.send((record, begun.elapsed().as_secs_f64())).is_err() {
                return;
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let task = self.orders.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()?;
        (!self.closed.load(Ordering::Relaxed)).then_some(task)
    }
}
