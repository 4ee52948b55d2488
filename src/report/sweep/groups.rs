//! The runs of a sweep in groups of chips at one point, and what is known of each.

use std::collections::{BTreeMap, BTreeSet};

use super::Records;
use crate::numerics::statistics::{mean_interval, wilson};
use crate::run::sweep_record::{AxisRecord, PointRecord, SweepRecord};
use crate::spec::{Chips, Design};

/// Figures in the order of the report; those with other names follow.
pub const ORDER: [&str; 13] = [
    "test-accuracy",
    "initial-test-accuracy",
    "test-accuracy-gain",
    "accuracy",
    "train-accuracy",
    "settled",
    "settling-time",
    "settling-time-median",
    "train-loss",
    "gradient-cosine",
    "gradient-norm-ratio",
    "residual",
    "clipped",
];

/// Figures that are fractions, and what counts the samples that they are fractions of.
const FRACTIONS: [(&str, &str); 5] = [
    ("accuracy", "samples"),
    ("initial-test-accuracy", "test-samples"),
    ("settled", "samples"),
    ("test-accuracy", "test-samples"),
    ("train-accuracy", "train-samples"),
];

/// Whether a figure is a fraction of samples.
pub fn is_fraction(name: &str) -> bool {
    FRACTIONS.iter().any(|(fraction, _)| *fraction == name)
}

/// Whether people read a figure in percent: a fraction, or how much one has grown.
pub fn is_percent(name: &str) -> bool {
    is_fraction(name) || name == "test-accuracy-gain"
}

/// The names of the figures that vary over the points so that it means something, and those that
/// do not with their value.
pub fn figures(points: &[PointRecord]) -> (Vec<String>, Vec<(String, f64)>) {
    let names: BTreeSet<&str> =
        points.iter().flat_map(|point| point.figures.keys().map(String::as_str)).collect();
    let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| (rank(name), *name));
    let (mut varying, mut same) = (Vec::new(), Vec::new());
    for name in names {
        let mut values = points.iter().filter_map(|point| point.figures.get(name));
        let Some(first) = values.next() else { continue };
        match values.all(|value| value == first) {
            true => same.push((name.to_string(), *first)),
            false => varying.push(name.to_string()),
        }
    }
    // Where every sample settles, the residual tells of the tolerance alone.
    let unsettled = varying.iter().any(|name| name == "settled");
    varying.retain(|name| name != "residual" || unsettled);
    (varying, same)
}

/// Which axis is which.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub design: Design,
    /// Of a grid, what figures are drawn against.
    pub x: Option<usize>,
    /// Of a grid, the others with more than one value; a series for each combination.
    pub others: Vec<usize>,
    lengths: Vec<usize>,
    chips: Chips,
}

/// Chips at the same point.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// Of a grid, which values it has of the axis drawn against, if any, and of the others; else
    /// the number of its point.
    pub place: Vec<usize>,
    /// Those that are done.
    pub members: Vec<&'a PointRecord>,
    confidence: f64,
}

/// What the range of an [`Estimate`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Of a single number nothing more is known.
    None,
    /// Of the mean over chips.
    Student,
    /// Of a fraction over samples.
    Wilson,
}

/// A figure of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    pub range: [f64; 2],
    pub interval: Interval,
}

impl Plan {
    pub fn new(sweep: &SweepRecord) -> Plan {
        // Records of a design that is not known are points, and no more.
        let design = sweep.design().unwrap_or(Design::Random);
        let lengths: Vec<usize> = sweep.axes.iter().map(|axis| axis.values.len()).collect();
        let mut varied = (0..lengths.len()).filter(|&i| design == Design::Grid && lengths[i] > 1);
        let x = varied.next();
        Plan { design, x, others: varied.collect(), lengths, chips: sweep.chips.clone() }
    }

    /// The axes that tell groups apart.
    pub fn axes(&self) -> Vec<usize> {
        match self.design {
            Design::Grid => self.x.into_iter().chain(self.others.iter().copied()).collect(),
            _ => (0..self.lengths.len()).collect(),
        }
    }

    /// The groups with a run that is done, sorted by place.
    pub fn groups<'a>(&self, records: &'a Records) -> Vec<Group<'a>> {
        let mut groups: BTreeMap<Vec<usize>, Vec<&PointRecord>> = BTreeMap::new();
        for record in records.points.iter().filter(|record| record.is_done()) {
            let place = match self.design {
                Design::Grid => {
                    let choice = self.design.choice(&self.lengths, record.point);
                    self.axes().iter().map(|&axis| choice[axis].unwrap_or(0)).collect()
                }
                _ => vec![record.point],
            };
            groups.entry(place).or_default().push(record);
        }
        let confidence = self.chips.confidence();
        groups.into_iter().map(|(place, members)| Group { place, members, confidence }).collect()
    }

    /// `95 %`
    pub fn percent(&self) -> String {
        format!("{} %", super::short(100.0 * self.chips.confidence()))
    }

    /// What mean and interval are, as a sentence or two.
    pub fn words(&self, groups: &[Group]) -> String {
        let most = groups.iter().map(|group| group.members.len()).max().unwrap_or(0);
        let least = groups.iter().map(|group| group.members.len()).min().unwrap_or(0);
        let percent = self.percent();
        if most < 2 {
            return format!(
                "One chip each; of an accuracy with the {percent} Wilson interval over its samples."
            );
        }
        let count = match least == most {
            true => format!("{most}"),
            false => format!("{least} to {most}"),
        };
        let until = match &self.chips {
            Chips::Count(_) => String::new(),
            Chips::Until(until) => format!(
                " Chips were added to a point until that of {} was within ±{} or there were {}.",
                until.metric,
                super::shown(&until.metric, until.half_width),
                until.at_most
            ),
        };
        format!(
            "Mean over {count} chips with its {percent} confidence interval (Student's t).{until}"
        )
    }
}

impl Group<'_> {
    /// The value of an axis; `None` for the file's own.
    pub fn setting(&self, axis: &AxisRecord) -> Option<&str> {
        self.members.first()?.edits.get(&axis.key).map(String::as_str)
    }

    /// The values of a figure, over the chips that have it.
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.members.iter().filter_map(|point| point.figures.get(name).copied()).collect()
    }

    /// Mean and interval of a figure; `None` where no chip has it.
    pub fn estimate(&self, name: &str) -> Option<Estimate> {
        let values = self.values(name);
        if values.len() > 1 {
            let (mean, half) = mean_interval(&values, self.confidence);
            let range = [mean - half, mean + half];
            return Some(Estimate { mean, range, interval: Interval::Student });
        }
        let mean = *values.first()?;
        let counted = FRACTIONS.iter().find(|(fraction, _)| *fraction == name);
        let samples = counted.and_then(|(_, of)| self.members[0].figures.get(*of));
        Some(match samples {
            Some(&samples) if samples >= 1.0 => Estimate {
                mean,
                range: wilson(mean, samples, self.confidence),
                interval: Interval::Wilson,
            },
            _ => Estimate { mean, range: [mean, mean], interval: Interval::None },
        })
    }
}
