//! The points of a sweep in groups of replicates, and what is known of each.

use std::collections::{BTreeMap, BTreeSet};

use super::Records;
use crate::report::statistics::{mean_interval, wilson};
use crate::run::sweep_record::{PointRecord, SweepRecord};

/// Figures in the order of the report; those with other names follow.
pub const ORDER: [&str; 12] = [
    "test-accuracy",
    "initial-test-accuracy",
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

/// Whether a figure is a fraction, which people read in percent.
pub fn is_fraction(name: &str) -> bool {
    FRACTIONS.iter().any(|(fraction, _)| *fraction == name)
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What figures are drawn against.
    pub x: Option<usize>,
    /// Axes whose values are as good as one another: seeds.
    pub replicates: Vec<usize>,
    /// The others with more than one value; a series for each combination.
    pub others: Vec<usize>,
    lengths: Vec<usize>,
}

/// Points that differ in their replicate alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// Which values it has of the axis drawn against, if any, and of the others.
    pub place: Vec<usize>,
    /// Those that are done.
    pub members: Vec<&'a PointRecord>,
}

/// What the range of an [`Estimate`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Of a single number nothing more is known.
    None,
    /// 95 % of the mean over replicates.
    Student,
    /// 95 % of a fraction over samples.
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
        let lengths: Vec<usize> = sweep.axes.iter().map(|axis| axis.values.len()).collect();
        let is_seed = |&i: &usize| sweep.axes[i].key.rsplit('.').next() == Some("seed");
        let varied = || (0..lengths.len()).filter(|&i| lengths[i] > 1);
        let x = varied().find(|i| !is_seed(i)).or_else(|| varied().next());
        let rest = || varied().filter(|i| Some(*i) != x);
        Plan {
            x,
            replicates: rest().filter(is_seed).collect(),
            others: rest().filter(|i| !is_seed(i)).collect(),
            lengths,
        }
    }

    /// Which value of each axis a point has.
    fn choice(&self, point: usize) -> Vec<usize> {
        let mut rest = point;
        let mut choice: Vec<usize> = Vec::new();
        for &length in self.lengths.iter().rev() {
            choice.push(rest % length.max(1));
            rest /= length.max(1);
        }
        choice.reverse();
        choice
    }

    /// The groups with a point that is done, sorted by place.
    pub fn groups<'a>(&self, records: &'a Records) -> Vec<Group<'a>> {
        let mut groups: BTreeMap<Vec<usize>, Vec<&PointRecord>> = BTreeMap::new();
        for point in records.points.iter().filter(|point| point.is_done()) {
            let choice = self.choice(point.point);
            let place = self.x.iter().chain(&self.others).map(|&axis| choice[axis]).collect();
            groups.entry(place).or_default().push(point);
        }
        groups.into_iter().map(|(place, members)| Group { place, members }).collect()
    }

    /// What mean and interval are, as a sentence or two.
    pub fn words(&self, records: &Records, groups: &[Group]) -> String {
        let most = groups.iter().map(|group| group.members.len()).max().unwrap_or(0);
        let least = groups.iter().map(|group| group.members.len()).min().unwrap_or(0);
        if most < 2 {
            return "One point each; of an accuracy with the 95 % Wilson interval over its \
                    samples."
                .to_string();
        }
        let keys: Vec<String> = self
            .replicates
            .iter()
            .map(|&axis| format!("`{}`", records.sweep.axes[axis].key))
            .collect();
        let count = match least == most {
            true => format!("{most}"),
            false => format!("{least} to {most}"),
        };
        format!(
            "Mean over {count} replicates ({}) with its 95 % confidence interval (Student's t).",
            keys.join(", ")
        )
    }
}

impl Group<'_> {
    /// The values of a figure, over the replicates that have it.
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.members.iter().filter_map(|point| point.figures.get(name).copied()).collect()
    }

    /// Mean and interval of a figure; `None` where no replicate has it.
    pub fn estimate(&self, name: &str) -> Option<Estimate> {
        let values = self.values(name);
        if values.len() > 1 {
            let (mean, range) = mean_interval(&values);
            return Some(Estimate { mean, range, interval: Interval::Student });
        }
        let mean = *values.first()?;
        let counted = FRACTIONS.iter().find(|(fraction, _)| *fraction == name);
        let samples = counted.and_then(|(_, of)| self.members[0].figures.get(*of));
        Some(match samples {
            Some(&samples) if samples >= 1.0 => {
                Estimate { mean, range: wilson(mean, samples), interval: Interval::Wilson }
            }
            _ => Estimate { mean, range: [mean, mean], interval: Interval::None },
        })
    }
}
