//! What a sweep leaves on the disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::shard::Shard;
use crate::run::digests::FILES_READ;
use crate::run::record::{ExpectRecord, Head, RESOLVED, RESULTS, RESULTS_CSV, RUN};
use crate::spec::{Chips, Design};

/// The table as Parquet.
pub const RESULTS_PARQUET: &str = "results.parquet";
/// How long each run took, one [`TimingRecord`] a line; apart from the results, which are the
/// same every time.
pub const TIMING: &str = "timing.jsonl";
/// The folder of the runs that leave one of their own.
pub const POINTS: &str = "points";

/// Every record of a sweep, with a line for people.
pub const SWEEP_FILES: [(&str, &str); 8] = [
    (RUN, "the sweep: design, axes, version, counts, expectations"),
    (RESOLVED, "the file as understood, every default filled in"),
    (FILES_READ, "the files it read, with their SHA-256"),
    (RESULTS, "one JSON object a chip at a point"),
    (RESULTS_CSV, "the same as a table, one row a chip at a point"),
    (RESULTS_PARQUET, "the same as Parquet"),
    (TIMING, "how long each took"),
    (POINTS, "a folder each, where they are runs of their own"),
];

/// `run.json` of `sweep`: everything but its points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// Of each promise, what came nearest to breaking it, or broke it most.
    #[serde(flatten)]
    pub head: Head,
    /// The name of a [`Design`].
    pub design: String,
    pub axes: Vec<AxisRecord>,
    /// How many chips each point gets.
    pub chips: Chips,
    /// What is done at each point: the name of a verb.
    pub run: String,
    /// The part of the sweep that this is; `None` for the whole.
    pub shard: Option<Shard>,
    /// How many points there are, in all shards.
    pub points: usize,
    /// How many lines [`RESULTS`] has, a chip at a point each.
    pub runs: usize,
    pub done: usize,
    pub failed: usize,
    /// Points that took all chips they may, and whose interval is wider than it was to be.
    pub wide: usize,
    /// Runs worked on at a time, in the last part of a sweep that was taken up again.
    pub jobs: usize,
    /// Fraction of jobs times wall time that was spent inside runs, in that part.
    pub busy: f64,
    /// Whether every point has its chips.
    pub finished: bool,
}

impl SweepRecord {
    /// The design, as far as this version knows it.
    pub fn design(&self) -> Option<Design> {
        Design::named(&self.design)
    }

    /// How many points are in this part of the sweep.
    pub fn own_points(&self) -> usize {
        self.shard.map_or(self.points, |shard| shard.count(self.points))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisRecord {
    /// A dotted path such as `nonideal.wire.r-segment`.
    pub key: String,
    /// As people write them: text without quotes, the rest as TOML. None where they are drawn
    /// from a range.
    pub values: Vec<String>,
    pub range: Option<RangeRecord>,
}

/// A range that values are drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeRecord {
    /// As people write them.
    pub from: String,
    pub to: String,
    /// `linear` or `log`.
    pub scale: String,
}

/// [`PointRecord::outcome`] of a run with figures.
pub const DONE: &str = "done";
/// [`PointRecord::outcome`] of a run that has only a message.
pub const FAILED: &str = "failed";

/// One line of `results.jsonl` of a sweep: a chip at a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Counted from 0; of a grid, the last axis fastest.
    pub point: usize,
    /// Counted from 0 at every point.
    pub chip: usize,
    /// The `chip-seed` of its file.
    pub chip_seed: u64,
    /// The value of each axis, by its key; of one at a time, the axis that varies alone.
    pub edits: BTreeMap<String, String>,
    /// [`DONE`] or [`FAILED`].
    pub outcome: String,
    /// Why it failed.
    pub message: Option<String>,
    /// By name, in SI units: those of [`crate::spec::FIGURES`] that the verb has, and beside them
    /// `samples`, `settling-time-median` \[s\] and `clipped`. What is not finite is left out.
    pub figures: BTreeMap<String, f64>,
    pub expect: Vec<ExpectRecord>,
    /// What a reader should know about these numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl PointRecord {
    pub fn is_done(&self) -> bool {
        self.outcome == DONE
    }

    /// `key = value, key = value, chip-seed = 3`
    pub fn place(&self) -> String {
        let edits = self.edits.iter().map(|(key, value)| format!("{key} = {value}"));
        let seed = format!("chip-seed = {}", self.chip_seed);
        edits.chain([seed]).collect::<Vec<_>>().join(", ")
    }
}

/// One line of [`TIMING`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    pub point: usize,
    pub chip: usize,
    /// \[s\]
    pub wall_time: f64,
    /// Since the sweep began, parts that were broken off included \[s\].
    pub ended: f64,
}

/// The unit of a figure: `s`, `V`, or none.
pub fn unit(figure: &str) -> &'static str {
    match figure {
        "settling-time" | "settling-time-median" => "s",
        name if name.starts_with("v(") => "V",
        _ => "",
    }
}
