//! What the processes that share a sweep say to one another.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::PointRecord;
use super::schedule::Task;
use super::workshop::Answer;
use crate::run::record::line;

/// From the process that leads.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    Make {
        point: usize,
        chip: usize,
    },
    /// No more: say [`Word::Bye`].
    Stop,
}

impl From<Task> for Order {
    fn from(Task { point, chip }: Task) -> Order {
        Order::Make { point, chip }
    }
}

/// To the process that leads.
#[derive(Debug, Serialize, Deserialize)]
pub enum Word {
    /// What came of a run, as its line in the results, and how long it took \[s\].
    Made { line: String, wall_time: f64 },
    /// This process was asked to stop.
    Interrupted,
    /// The last word.
    Bye,
}

impl From<Answer> for Word {
    fn from((record, wall_time): Answer) -> Word {
        Word::Made { line: line(&record), wall_time }
    }
}

/// # Panics
/// If it is not the line of a run.
pub fn record_of(line: &str) -> PointRecord {
    serde_json::from_str(line).expect("all processes write the same lines")
}

/// How long to wait for news where there is no telling from where they come: hardly at first, then
/// longer, so that waiting costs nothing.
#[derive(Debug, Default)]
pub struct Patience(Duration);

impl Patience {
    const LEAST: Duration = Duration::from_micros(10);
    const MOST: Duration = Duration::from_micros(500);

    /// The next time to wait.
    pub fn wait(&mut self) -> Duration {
        let now = self.0;
        self.0 = (2 * now).clamp(Patience::LEAST, Patience::MOST);
        now
    }

    /// There were news.
    pub fn renew(&mut self) {
        self.0 = Duration::ZERO;
    }
}
