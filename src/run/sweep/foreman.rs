//! Who makes which run: the one thread that asks, gathers and writes.

use std::time::Instant;

use super::TICK;
use super::ledger::{self, Ledger};
use super::message::{Order, Patience, Word, record_of};
use super::progress::Bar;
use super::record::PointRecord;
use super::schedule::{Schedule, Task};
use super::workshop::Workshop;
use crate::run::{Crew, Options, RunError};
use crate::spec::Sweep;

/// From so many processes on the one that leads keeps a core for that.
const MANY: usize = 64;
/// Runs that take longer than this on average \[s\] are asked for one by one: how long it takes to
/// ask does not matter then, and nobody waits for a run that another could make.
const SHORT: f64 = 0.1;

/// Makes all runs that are still to be made.
pub fn work_through(
    sweep: &Sweep,
    ledger: &mut Ledger,
    schedule: Schedule,
    options: &Options,
) -> Result<(), RunError> {
    let crew = &options.crew;
    crew.bind();
    let share = crew.threads();
    let jobs = options.threads.unwrap_or(share).min(schedule.most());
    let jobs = if crew.size() > MANY { jobs - 1 } else { jobs };
    let shop = Workshop::open(sweep, ledger.folder(), jobs, options)?;
    let hands: Vec<Hand> =
        crew.gather(&jobs).into_iter().map(|jobs| Hand { jobs, held: 0 }).collect();
    let jobs = hands.iter().map(|hand| hand.jobs).sum();
    let begun = Instant::now();
    let bar = Bar::new(&schedule.progress(), ledger.failed(), options.quiet);
    let patience = Patience::default();
    let pace = (0, 0.0);
    let mut foreman =
        Foreman { sweep, ledger, schedule, options, shop: Some(shop), hands, bar, patience, pace };
    foreman.work()?;
    foreman.dismiss()?;
    foreman.bar.clear();
    let done = foreman.schedule.is_done();
    ledger.worked(jobs, begun.elapsed().as_secs_f64());
    crew.release();
    match done {
        true => Ok(()),
        false => Err(RunError::Stopped { path: ledger.folder().to_path_buf() }),
    }
}

/// A process that makes runs.
struct Hand {
    /// How many it works on at a time.
    jobs: usize,
    /// How many it was asked for and has not answered.
    held: usize,
}

struct Foreman<'a> {
    sweep: &'a Sweep,
    ledger: &'a mut Ledger,
    schedule: Schedule,
    options: &'a Options,
    /// Of this process; `None` when it is closed.
    shop: Option<Workshop>,
    /// By rank.
    hands: Vec<Hand>,
    bar: Bar,
    patience: Patience,
    /// How many runs were made, and how long they took together \[s\].
    pace: (usize, f64),
}

/// Something that happened.
enum News {
    Made {
        by: usize,
        record: Box<PointRecord>,
        wall_time: f64,
    },
    Interrupted,
    Bye,
    /// Nobody is there any more to make runs.
    Deserted,
}

impl Foreman<'_> {
    fn crew(&self) -> &Crew {
        &self.options.crew
    }

    /// Until every point has its chips, or an interrupt.
    fn work(&mut self) -> Result<(), RunError> {
        loop {
            self.hand_out();
            if self.schedule.is_done() || self.options.interrupt.tripped() {
                return Ok(());
            }
            match self.news() {
                Some(News::Made { by, record, wall_time }) => {
                    self.hands[by].held -= 1;
                    self.enter(&record, wall_time)?;
                }
                Some(News::Interrupted) => {
                    self.options.interrupt.trip();
                }
                Some(News::Bye | News::Deserted) => panic!("a worker left without a word"),
                None => {}
            }
        }
    }

    /// Gives work to those who have the least to do, as long as there is any.
    fn hand_out(&mut self) {
        // What waits for a worker must be sure to be needed, and not the last there is.
        let jobs: usize = self.hands.iter().map(|hand| hand.jobs).sum();
        let (runs, seconds) = self.pace;
        let short = runs > 0 && seconds < SHORT * runs as f64;
        loop {
            let ahead = if short && self.schedule.fresh() > 2 * jobs { 2 } else { 1 };
            let load = |hand: &Hand| hand.held as f64 / hand.jobs as f64;
            let free = self.hands.iter().enumerate().filter(|(_, h)| h.held < ahead * h.jobs);
            let Some((to, _)) = free.min_by(|a, b| load(a.1).total_cmp(&load(b.1))) else { return };
            let Some(task) = self.schedule.next() else { return };
            self.hands[to].held += 1;
            match to {
                0 => self.shop.iter().for_each(|shop| shop.order(task)),
                to => self.crew().send(to, &Order::from(task)),
            }
        }
    }

    /// What has happened, after a while at most.
    fn news(&mut self) -> Option<News> {
        if let Some((by, word)) = self.crew().receive() {
            self.patience.renew();
            return Some(match word {
                Word::Made { line, wall_time } => {
                    News::Made { by, record: Box::new(record_of(&line)), wall_time }
                }
                Word::Interrupted => News::Interrupted,
                Word::Bye => News::Bye,
            });
        }
        let alone = self.crew().is_alone();
        let wait = if alone { TICK } else { self.patience.wait() };
        let Some(shop) = &self.shop else {
            std::thread::sleep(wait);
            return None;
        };
        match shop.answer(wait) {
            Ok(answer) => {
                let (record, wall_time) = answer?;
                self.patience.renew();
                Some(News::Made { by: 0, record: Box::new(record), wall_time })
            }
            Err(_) if alone => Some(News::Deserted),
            Err(_) => None,
        }
    }

    fn enter(&mut self, record: &PointRecord, wall_time: f64) -> Result<(), RunError> {
        self.ledger.enter(record, wall_time)?;
        self.pace = (self.pace.0 + 1, self.pace.1 + wall_time);
        let task = Task { point: record.point, chip: record.chip };
        self.schedule.finished(task, ledger::metric(self.sweep, record));
        self.bar.show(&self.schedule, record);
        Ok(())
    }

    /// Sends everybody home, and enters what they have finished.
    fn dismiss(&mut self) -> Result<(), RunError> {
        let others = self.hands.len() - 1;
        (1..=others).for_each(|to| self.crew().send(to, &Order::Stop));
        let finished = self.shop.take().into_iter().flat_map(Workshop::close);
        for (record, wall_time) in finished {
            self.enter(&record, wall_time)?;
        }
        let mut gone = 0;
        while gone < others {
            match self.news() {
                Some(News::Made { record, wall_time, .. }) => self.enter(&record, wall_time)?,
                Some(News::Bye) => gone += 1,
                Some(News::Interrupted | News::Deserted) | None => {}
            }
        }
        Ok(())
    }
}
