//! What a sweep leaves on the disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::record::{ExpectRecord, Head, RESOLVED, RESULTS, RESULTS_CSV, RUN};

/// How long each point took, one [`TimingRecord`] a line; apart from the results, which are the
/// same every time.
pub const TIMING: &str = "timing.jsonl";
/// The folder of the points that leave one of their own.
pub const POINTS: &str = "points";

/// Every record of a sweep, with a line for people.
pub const SWEEP_FILES: [(&str, &str); 6] = [
    (RUN, "the sweep: axes, version, counts, expectations"),
    (RESOLVED, "the file as understood, every default filled in"),
    (RESULTS, "one JSON object a point"),
    (RESULTS_CSV, "the same as a table, one row a point"),
    (TIMING, "how long each point took"),
    (POINTS, "a folder a point, for points that are runs of their own"),
];

/// `run.json` of `sweep`: everything but its points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// Of each promise, what came nearest to breaking it, or broke it most.
    #[serde(flatten)]
    pub head: Head,
    /// The last one is the fastest.
    pub axes: Vec<AxisRecord>,
    /// What is done at each point: the name of a verb.
    pub run: String,
    /// How many points there are.
    pub points: usize,
    pub done: usize,
    pub failed: usize,
    /// Points worked on at a time, in the last part of a sweep that was taken up again.
    pub jobs: usize,
    /// Fraction of jobs times wall time that was spent inside points, in that part.
    pub busy: f64,
    /// Whether every point was tried.
    pub finished: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisRecord {
    /// A dotted path such as `nonideal.wire.r-segment`.
    pub key: String,
    /// As people write them: text without quotes, the rest as TOML.
    pub values: Vec<String>,
}

/// [`PointRecord::outcome`] of a point with figures.
pub const DONE: &str = "done";
/// [`PointRecord::outcome`] of a point that has only a message.
pub const FAILED: &str = "failed";

/// One line of `results.jsonl` of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Counted from 0, the last axis fastest.
    pub point: usize,
    /// The value of each axis, by its key.
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

    /// `key = value, key = value`
    pub fn place(&self) -> String {
        let edits = self.edits.iter().map(|(key, value)| format!("{key} = {value}"));
        edits.collect::<Vec<_>>().join(", ")
    }
}

/// One line of [`TIMING`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    pub point: usize,
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
