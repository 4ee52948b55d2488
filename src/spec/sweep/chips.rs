//! How many chips a point of a sweep gets.

use serde::{Deserialize, Serialize};

use crate::diag::Diagnostic;
use crate::numerics::statistics::mean_interval;
use crate::spec::reader::TableReader;
use crate::spec::{Expect, Verb, expect};
use crate::units::Range;

/// Most chips of a point.
const MOST: u64 = 10_000;

/// How many chips a point gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chips {
    Count(usize),
    Until(Until),
}

/// Chips are added until the mean of a figure over them is known well enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Until {
    /// The name of a figure.
    pub metric: String,
    /// Of the confidence interval of its mean (Student's t), in SI units.
    pub half_width: f64,
    pub confidence: f64,
    /// As many that have the figure.
    pub at_least: usize,
    /// As many altogether.
    pub at_most: usize,
}

impl Chips {
    /// As many are needed in any case.
    pub fn at_least(&self) -> usize {
        match self {
            Chips::Count(count) => *count,
            Chips::Until(until) => until.at_least,
        }
    }

    pub fn at_most(&self) -> usize {
        match self {
            Chips::Count(count) => *count,
            Chips::Until(until) => until.at_most,
        }
    }

    /// The confidence of intervals over chips.
    pub fn confidence(&self) -> f64 {
        match self {
            Chips::Count(_) => 0.95,
            Chips::Until(until) => until.confidence,
        }
    }

    /// The figure that decides.
    pub fn metric(&self) -> Option<&str> {
        match self {
            Chips::Count(_) => None,
            Chips::Until(until) => Some(&until.metric),
        }
    }

    /// Whether a point has enough with these chips, all it has in order, each with its figure if
    /// it has it. Nothing else decides, so it cannot matter which of them ended first.
    pub fn are_enough(&self, values: &[Option<f64>]) -> bool {
        if values.len() >= self.at_most() {
            return true;
        }
        let Chips::Until(until) = self else { return false };
        until.is_met(&values.iter().copied().flatten().collect::<Vec<_>>())
    }
}

impl Until {
    /// Whether the mean of these values is known well enough.
    pub fn is_met(&self, values: &[f64]) -> bool {
        values.len() >= self.at_least && mean_interval(values, self.confidence).1 <= self.half_width
    }
}

/// Reads `chips` and `until` of a sweep that does `run` at its points; `expected` is the file's
/// `[expect]`, whose figures its runs have too.
pub(super) fn read(t: &TableReader, run: Verb, expected: &[Expect]) -> Chips {
    if !t.has("until") {
        t.left_out("until");
        return Chips::Count(t.count("chips", 1..=MOST).or(1) as usize);
    }
    if t.has("chips") {
        let _ = t.count("chips", 1..=MOST).optional();
        t.report(
            Diagnostic::at(t.span("chips"), "`chips` and `until` exclude each other")
                .label("one too many")
                .also(t.span("until"), "given as well")
                .help("keep one of them; `until` has `at-least` and `at-most`"),
        );
    }
    Chips::Until(until(&t.table("until"), run, expected))
}

fn until(t: &TableReader, run: Verb, expected: &[Expect]) -> Until {
    let names = expect::names_of(run, expected);
    let example = names.first().map_or("accuracy", |name| name);
    let metric = t.text("metric").required(&format!("metric = \"{example}\""));
    let dimension = expect::dimension_of(&metric);
    if t.has("metric") && !metric.is_empty() && !names.contains(&metric.as_str()) {
        t.report(
            Diagnostic::at(
                t.span("metric"),
                format!("a point of `{}` has no figure `{metric}`", run.name()),
            )
            .label("unknown figure")
            .help_names(&metric, "the figures are", &names),
        );
    }
    let half_width =
        t.quantity("half-width", dimension, Range::Positive).required("half-width = 0.005");
    let confidence = t.number("confidence", Range::InsideFraction).or(0.95);
    let at_least = t.count("at-least", 2..=MOST).or(5);
    let at_most = t.count("at-most", 2..=MOST).or(at_least.max(100));
    if at_least > at_most {
        t.report(
            Diagnostic::at(t.span("at-least"), "`at-least` is above `at-most`")
                .label("nothing can be both")
                .also(t.span("at-most"), "the upper bound")
                .help("swap them"),
        );
    }
    let (at_least, at_most) = (at_least as usize, at_most as usize);
    Until { metric, half_width, confidence, at_least, at_most }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::numerics::seed::Seed;

    fn until(half_width: f64) -> Chips {
        let metric = "accuracy".to_string();
        let (confidence, at_least, at_most) = (0.95, 3, 6);
        Chips::Until(Until { metric, half_width, confidence, at_least, at_most })
    }

    /// What the documentation says of stopping early: 92 % instead of 95 % at the worst half-width.
    /// The bound is 4.9 standard deviations, a false alarm in a million were the seed drawn anew.
    #[test]
    fn stopping_early_costs_the_coverage_that_is_told() {
        const POINTS: usize = 4000;
        let metric = "accuracy".to_string();
        let until = Until { metric, half_width: 0.5, confidence: 0.95, at_least: 5, at_most: 1000 };
        let mut covered = 0;
        for point in 0..POINTS {
            let mut rng = Seed::new(3).index(point).rng();
            let mut values: Vec<f64> = Vec::new();
            while !until.is_met(&values) {
                values.push(StandardNormal.sample(&mut rng));
            }
            let (mean, half) = mean_interval(&values, until.confidence);
            covered += usize::from(mean.abs() <= half);
        }
        let coverage = covered as f64 / POINTS as f64;
        let deviation = (0.922f64 * (1.0 - 0.922) / POINTS as f64).sqrt();
        assert!((coverage - 0.922).abs() < 4.9 * deviation, "{coverage}");
    }

    #[test]
    fn the_interval_decides_between_the_bounds() {
        // Of 1, 2, 3 the half-width is 4.302653 / sqrt(3) = 2.484138.
        let three = [1.0, 2.0, 3.0].map(Some);
        assert!(until(2.4842).are_enough(&three));
        assert!(!until(2.4841).are_enough(&three));
        assert!(!until(1e9).are_enough(&three[..2]), "fewer than at-least");
        // What has no figure is no value, but it is a chip.
        let holes = [Some(1.0), None, Some(1.0), None];
        assert!(!until(1.0).are_enough(&holes));
        assert!(until(1.0).are_enough(&[&holes[..], &[Some(1.0)]].concat()));
        assert!(until(1e-9).are_enough(&[None; 6]));
        assert!(!Chips::Count(4).are_enough(&three));
        assert!(Chips::Count(3).are_enough(&three));
    }
}
