//! The line on stderr that says how far a sweep is.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::TICK;
use super::record::PointRecord;
use super::schedule::{Progress, Schedule};

/// Points, runs, failures, rate and the time that is left; hidden where stderr is no terminal.
pub struct Bar {
    bar: ProgressBar,
    failed: usize,
    shown: Instant,
}

impl Bar {
    pub fn new(progress: &Progress, failed: usize, quiet: bool) -> Bar {
        let shown = Instant::now();
        if quiet {
            return Bar { bar: ProgressBar::hidden(), failed, shown };
        }
        let bar = ProgressBar::new(progress.runs as u64).with_position(progress.runs_done as u64);
        let style = ProgressStyle::with_template("{bar:30} {msg}, {per_sec}, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        // What earlier parts have done says nothing of the rate of this one.
        bar.reset_eta();
        bar.set_message(words(progress, failed, None));
        bar.enable_steady_tick(TICK);
        Bar { bar, failed, shown }
    }

    /// Shows where things stand after a run; now and then, since it is seen through the schedule.
    pub fn show(&mut self, schedule: &Schedule, last: &PointRecord) {
        self.failed += usize::from(!last.is_done());
        if self.bar.is_hidden() || self.shown.elapsed() < TICK {
            return;
        }
        self.shown = Instant::now();
        let progress = schedule.progress();
        self.bar.set_length(progress.runs.max(progress.runs_done) as u64);
        self.bar.set_position(progress.runs_done as u64);
        self.bar.set_message(words(&progress, self.failed, Some(last)));
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// `3 of 40 points, 17 runs, 2 failed, last accuracy 0.9300`
fn words(progress: &Progress, failed: usize, last: Option<&PointRecord>) -> String {
    let Progress { points, points_done, runs_done, runs } = progress;
    let mut words = format!("{points_done} of {points} points");
    if runs > points {
        words += &format!(", {runs_done} runs");
    }
    if failed > 0 {
        words += &format!(", {failed} failed");
    }
    let told = ["test-accuracy", "accuracy", "gradient-cosine", "settling-time"];
    let figure = |name: &str| last?.figures.get(name).copied();
    if let Some((name, value)) = told.iter().find_map(|name| Some((name, figure(name)?))) {
        words += &format!(", last {name} {value:.4}");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_what_there_is_to_say() {
        let progress = Progress { points: 4, points_done: 1, runs_done: 3, runs: 12 };
        assert_eq!(words(&progress, 0, None), "1 of 4 points, 3 runs");
        assert_eq!(words(&progress, 2, None), "1 of 4 points, 3 runs, 2 failed");
        let one = Progress { runs_done: 1, runs: 4, ..progress };
        assert_eq!(words(&one, 0, None), "1 of 4 points");
    }
}
