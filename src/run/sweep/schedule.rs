//! Which chip of which point is to be run next, and when a point has enough of them.

use std::collections::BTreeMap;

use crate::numerics::math;
use crate::numerics::statistics::student_t;
use crate::spec::{Chips, Until};

/// A run: a chip at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    pub point: usize,
    pub chip: usize,
}

/// The figure that decides, of a chip that has ended; `None` if it has it not.
type Metric = Option<f64>;

/// What is still to be done.
///
/// Chips that are sure to be needed come first, point by point. Where there are none, the next
/// chips of open points are run in advance, so that no worker idles; those that turn out not to be
/// needed are left out of the table. Whether a point has enough is asked of its chips in order, so
/// the answer is the same whichever of them ended first.
#[derive(Debug)]
pub struct Schedule {
    chips: Chips,
    /// Points not begun, the last one first.
    fresh: Vec<usize>,
    open: BTreeMap<usize, Open>,
    /// What earlier parts have found at points not begun.
    known: BTreeMap<usize, BTreeMap<usize, Metric>>,
    points: usize,
    points_done: usize,
    /// Runs of points that have enough.
    runs_done: usize,
}

/// A point that was begun.
#[derive(Debug, Default)]
struct Open {
    /// The chips that ended without a gap before them, in order.
    values: Vec<Metric>,
    /// Those that ended out of order.
    beyond: BTreeMap<usize, Metric>,
    /// Every chip below was handed out, or is known.
    issued: usize,
}

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub points: usize,
    pub points_done: usize,
    pub runs_done: usize,
    /// An estimate, where intervals decide.
    pub runs: usize,
}

impl Schedule {
    /// All of `points`, of which `known` was found before, by point and chip.
    pub fn new(
        chips: Chips,
        points: impl Iterator<Item = usize>,
        known: BTreeMap<usize, BTreeMap<usize, Metric>>,
    ) -> Schedule {
        let mut fresh: Vec<usize> = points.collect();
        fresh.reverse();
        let points = fresh.len();
        let (points_done, runs_done) = (0, 0);
        let mut schedule = Schedule {
            chips,
            fresh: Vec::new(),
            open: BTreeMap::new(),
            known,
            points,
            points_done,
            runs_done,
        };
        for point in fresh {
            // What is known may be enough.
            match schedule.known.contains_key(&point) {
                true => schedule.begin(point),
                false => schedule.fresh.push(point),
            }
        }
        schedule
    }

    /// The next run to make; `None` where nothing is to be done, or nothing before others end.
    pub fn next(&mut self) -> Option<Task> {
        loop {
            if let Some(task) = self.issue(|open, chips| open.sure(chips)) {
                return Some(task);
            }
            match self.fresh.pop() {
                Some(point) => self.begin(point),
                None => break,
            }
        }
        // In advance: as few as can be of any one point.
        let ahead = |open: &Open| open.issued - open.values.len();
        let least =
            self.open.values().filter(|o| o.issued < self.chips.at_most()).map(ahead).min()?;
        self.issue(|open, chips| if ahead(open) == least { chips.at_most() } else { open.issued })
    }

    /// Hands out the next chip of the first point that has not handed out all below a bound.
    fn issue(&mut self, bound: impl Fn(&Open, &Chips) -> usize) -> Option<Task> {
        let chips = &self.chips;
        let (&point, open) = self.open.iter_mut().find(|(_, o)| o.issued < bound(o, chips))?;
        let chip = open.issued;
        open.issued += 1;
        open.skip_known();
        Some(Task { point, chip })
    }

    fn begin(&mut self, point: usize) {
        let beyond = self.known.remove(&point).unwrap_or_default();
        let mut open = Open { beyond, ..Open::default() };
        open.skip_known();
        self.open.insert(point, open);
        self.advance(point);
    }

    /// Takes in what came of a run.
    pub fn finished(&mut self, task: Task, metric: Metric) {
        // A point that has enough needs no more.
        if let Some(open) = self.open.get_mut(&task.point) {
            open.beyond.insert(task.chip, metric);
            self.advance(task.point);
        }
    }

    /// Counts what ended without a gap, up to where it is enough.
    fn advance(&mut self, point: usize) {
        let Some(open) = self.open.get_mut(&point) else { return };
        while let Some(metric) = open.beyond.remove(&open.values.len()) {
            open.values.push(metric);
            if self.chips.are_enough(&open.values) {
                self.points_done += 1;
                self.runs_done += open.values.len();
                self.open.remove(&point);
                return;
            }
        }
    }

    /// More workers than this would have nothing to do.
    pub fn most(&self) -> usize {
        (self.fresh.len() + self.open.len()).saturating_mul(self.chips.at_most())
    }

    /// How many points are not begun.
    pub fn fresh(&self) -> usize {
        self.fresh.len()
    }

    /// Whether every point has enough.
    pub fn is_done(&self) -> bool {
        self.open.is_empty() && self.fresh.is_empty()
    }

    /// How far it has come, and how far there is to go as things stand: an open point takes as
    /// many chips as its spread so far asks for, one not begun as many as the others on average.
    pub fn progress(&self) -> Progress {
        let open: usize = self.open.values().map(|open| open.values.len()).sum();
        let expected: usize = self.open.values().map(|open| self.expected(&open.values)).sum();
        let seen = self.points_done + self.open.len();
        let mean = match seen {
            0 => self.chips.at_least() as f64,
            seen => (self.runs_done + expected) as f64 / seen as f64,
        };
        let fresh = (self.fresh.len() as f64 * mean).round() as usize;
        Progress {
            points: self.points,
            points_done: self.points_done,
            runs_done: self.runs_done + open,
            runs: self.runs_done + expected + fresh,
        }
    }

    /// How many chips a point is going to take, seen from these.
    fn expected(&self, values: &[Metric]) -> usize {
        let (least, most) = (self.chips.at_least(), self.chips.at_most());
        let Chips::Until(Until { half_width, confidence, .. }) = self.chips else { return most };
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        if known.len() < 2 {
            return least;
        }
        let n = known.len() as f64;
        let mean = known.iter().sum::<f64>() / n;
        let variance = known.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
        let wide = student_t(known.len() - 1, confidence) * math::sqrt(variance) / half_width;
        // The cast of a number too large to hold ends at the largest.
        ((wide * wide).ceil() as usize).clamp(least.max(values.len() + 1).min(most), most)
    }
}

impl Open {
    /// Chips below are needed whatever comes of the others.
    fn sure(&self, chips: &Chips) -> usize {
        chips.at_least().max(self.values.len() + 1).min(chips.at_most())
    }

    fn skip_known(&mut self) {
        while self.issued < self.values.len() || self.beyond.contains_key(&self.issued) {
            self.issued += 1;
        }
    }
}

/// How many chips of a point count, of these in order from the first on, each with its figure;
/// `None` where they are not enough.
pub fn enough(chips: &Chips, values: impl Iterator<Item = Metric>) -> Option<usize> {
    let mut seen = Vec::new();
    for value in values {
        seen.push(value);
        if chips.are_enough(&seen) {
            return Some(seen.len());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::numerics::seed::Seed;
    use rand::RngExt;

    fn until(at_least: usize, at_most: usize, half_width: f64) -> Chips {
        let metric = "accuracy".to_string();
        Chips::Until(Until { metric, half_width, confidence: 0.95, at_least, at_most })
    }

    fn value(task: Task) -> Metric {
        let seed = Seed::new(7).index(task.point).index(task.chip);
        // A chip in ten has no figure.
        (task.chip % 10 != 4).then(|| seed.rng().random())
    }

    /// Works with so many at a time that end in an order of chance; what was run, and the order.
    fn work(mut schedule: Schedule, jobs: usize, seed: u64) -> Vec<Task> {
        let (mut busy, mut ran): (Vec<Task>, Vec<Task>) = (Vec::new(), Vec::new());
        for step in 0.. {
            while busy.len() < jobs
                && let Some(task) = schedule.next()
            {
                busy.push(task);
            }
            if schedule.is_done() {
                break;
            }
            assert!(!busy.is_empty(), "nothing to do and not done");
            let pick: f64 = Seed::new(seed).index(step).rng().random();
            let task = busy.swap_remove((pick * busy.len() as f64) as usize);
            ran.push(task);
            schedule.finished(task, value(task));
        }
        ran
    }

    #[test]
    fn a_point_takes_as_many_chips_whoever_does_the_work() {
        let chips = until(3, 40, 0.12);
        let counts: Vec<usize> = (0..30)
            .map(|point| {
                let values = (0..40).map(|chip| value(Task { point, chip }));
                enough(&chips, values).unwrap()
            })
            .collect();
        assert!(counts.iter().any(|n| *n > 10) && counts.iter().any(|n| *n < 40), "{counts:?}");
        for (jobs, seed) in [(1, 0), (2, 1), (3, 2), (16, 3), (16, 4)] {
            let ran = work(Schedule::new(chips.clone(), 0..30, BTreeMap::new()), jobs, seed);
            let set: BTreeSet<Task> = ran.iter().copied().collect();
            assert_eq!(set.len(), ran.len(), "a run was made twice");
            for (point, &count) in counts.iter().enumerate() {
                assert!((0..count).all(|chip| set.contains(&Task { point, chip })));
            }
            let needed: usize = counts.iter().sum();
            assert!(ran.len() <= needed + 4 * jobs, "{jobs}: {} of {needed}", ran.len());
            assert!(jobs > 1 || ran.len() == needed, "one worker works ahead");
        }
    }

    #[test]
    fn what_is_known_is_not_run_again() {
        let chips = until(3, 40, 0.12);
        let all = work(Schedule::new(chips.clone(), 0..9, BTreeMap::new()), 4, 5);
        for cut in 0..all.len() {
            let mut known: BTreeMap<usize, BTreeMap<usize, Metric>> = BTreeMap::new();
            for &task in &all[..cut] {
                known.entry(task.point).or_default().insert(task.chip, value(task));
            }
            let rest = work(Schedule::new(chips.clone(), 0..9, known), 1, 6);
            assert!(rest.iter().all(|task| !all[..cut].contains(task)));
            let set: BTreeSet<Task> = all[..cut].iter().chain(&rest).copied().collect();
            for point in 0..9 {
                let count =
                    enough(&chips, (0..40).map(|chip| value(Task { point, chip }))).unwrap();
                assert!((0..count).all(|chip| set.contains(&Task { point, chip })));
            }
        }
    }

    #[test]
    fn progress_counts_points_and_expects_what_the_spread_asks_for() {
        let mut schedule = Schedule::new(Chips::Count(3), 0..4, BTreeMap::new());
        let told = |schedule: &Schedule| {
            let Progress { points, points_done, runs_done, runs } = schedule.progress();
            (points, points_done, runs_done, runs)
        };
        assert_eq!(told(&schedule), (4, 0, 0, 12));
        for done in 1..=12 {
            let task = schedule.next().unwrap();
            schedule.finished(task, None);
            assert_eq!(told(&schedule), (4, done / 3, done, 12));
        }
        assert!(schedule.is_done() && schedule.next().is_none());

        let mut schedule = Schedule::new(until(2, 500, 0.1), 0..3, BTreeMap::new());
        assert_eq!(told(&schedule), (3, 0, 0, 6));
        for value in [0.0, 0.1] {
            let task = schedule.next().unwrap();
            schedule.finished(task, Some(value));
        }
        // 12.7062 * 0.0707107 / 0.1 squared is 80.7, at each of three points.
        assert_eq!(told(&schedule), (3, 0, 2, 243));
    }
}
