//! One network cut into blocks of several sizes.

use std::path::Path;

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use super::page::{self, digits, quantity, table};
use super::statistics::{mean, spread};
use super::{Made, ReportError};
use crate::run::reproduce::{BLOCKS, CutTrained, LAYERS, RESULTS, split_done};

pub(super) fn make(dir: &Path) -> Result<Made, ReportError> {
    let wrong = |error: crate::run::RunError| ReportError::Record {
        path: dir.join(RESULTS),
        line: 0,
        message: error.to_string(),
    };
    let all = split_done(dir).map_err(wrong)?;
    // Runs of another length are no seeds of the same.
    let longest = all.iter().map(|run| run.by_epoch.len()).max().unwrap_or(0);
    let shorter = all.iter().filter(|run| run.by_epoch.len() < longest).count();
    let whole: Vec<&CutTrained> = all.iter().filter(|r| r.by_epoch.len() == longest).collect();
    let rows: Vec<Row> = BLOCKS.iter().filter_map(|&blocks| Row::of(blocks, &whole)).collect();
    let figures: Vec<Figure> = match rows.is_empty() {
        true => Vec::new(),
        false => vec![time(&rows), accuracy(&rows), learning(&rows)],
    };
    Ok(Made { page: index(&rows, shorter, &figures, dir), figures })
}

/// The trainings of one cut.
struct Row<'a> {
    blocks: usize,
    runs: Vec<&'a CutTrained>,
}

impl<'a> Row<'a> {
    fn of(blocks: usize, all: &[&'a CutTrained]) -> Option<Row<'a>> {
        let runs: Vec<_> = all.iter().copied().filter(|run| run.cut.blocks == blocks).collect();
        (!runs.is_empty()).then_some(Row { blocks, runs })
    }

    fn each(&self, of: impl Fn(&CutTrained) -> f64) -> Vec<f64> {
        self.runs.iter().map(|run| of(run)).collect()
    }

    fn accuracy(&self) -> f64 {
        mean(&self.each(|run| run.accuracy))
    }
}

/// Of `accuracy` on `samples` pictures, as these are drawn.
fn deviation(accuracy: f64, samples: usize) -> f64 {
    (accuracy * (1.0 - accuracy) / samples as f64).sqrt()
}

fn percent(fraction: f64) -> String {
    format!("{} %", digits(100.0 * fraction, 4))
}

fn points(fraction: f64) -> String {
    digits(100.0 * fraction, 2)
}

fn index(rows: &[Row], shorter: usize, figures: &[Figure], dir: &Path) -> String {
    let mut page = String::from(
        "# One network, cut into blocks\n\n```sh\neqcircuit reproduce splitting\n```\n\n\
         A network of six layers on CIFAR-10 is cut into blocks (`netlists/cifar-split-*.toml`): within \
         a block a weight acts both ways, across a border only forwards. After arXiv:2409.03306, which \
         has networks of four times the width, all pictures, and 89 to 90 % for every cut.\n\n",
    );
    if let Some(run) = rows.iter().flat_map(|row| &row.runs).next() {
        page += &format!(
            "Trained on {} pictures for {} epochs, measured on all {} test pictures (on the first {} \
             after each epoch).\n\n",
            run.samples,
            run.by_epoch.len().saturating_sub(1),
            run.all_test_samples,
            run.test_samples,
        );
        let accuracies: Vec<f64> = rows.iter().map(Row::accuracy).collect();
        let (low, high) =
            accuracies.iter().fold((1.0, 0.0), |(l, h): (f64, f64), a| (l.min(*a), h.max(*a)));
        let runs = rows.iter().map(|row| row.runs.len()).min().unwrap_or(1);
        let seeds: Vec<f64> = rows
            .iter()
            .map(|row| spread(&row.each(|run| run.accuracy)))
            .filter(|s| s.is_finite())
            .collect();
        let drawn = deviation(mean(&accuracies), run.all_test_samples);
        page += &format!("**Spread over the cuts: {} points**", points(high - low),);
        if seeds.is_empty() {
            page += &format!(
                ", one training each; the test pictures alone make one accuracy uncertain by {} points \
                 (standard deviation).\n\n",
                points(drawn)
            );
        } else {
            page += &format!(
                " of means over {runs} seeds; the seeds of one cut deviate by {} points, and the test \
                 pictures, the same for all, make an accuracy uncertain by {} (standard deviations).\n\n",
                points(mean(&seeds)),
                points(drawn)
            );
        }
    }
    let head = [
        "blocks",
        "layers each",
        "seeds",
        "test accuracy",
        "deviation (points)",
        "training accuracy",
        "time of an epoch",
        "whole training",
        "free iterations",
        "settled",
    ];
    let line = |row: &Row| {
        let of = |f: fn(&CutTrained) -> f64| mean(&row.each(f));
        let deviation = spread(&row.each(|run| run.accuracy));
        vec![
            row.blocks.to_string(),
            (LAYERS / row.blocks).to_string(),
            row.runs.len().to_string(),
            percent(row.accuracy()),
            if deviation.is_finite() { points(deviation) } else { String::new() },
            percent(of(|run| run.train_accuracy)),
            quantity(of(|run| run.epoch_seconds), "s"),
            quantity(of(|run| run.seconds), "s"),
            digits(of(|run| run.iterations), 3),
            percent(of(|run| run.settled)),
        ]
    };
    table(&mut page, &head, rows.iter().map(line));
    if shorter > 0 {
        page += &format!("{shorter} trainings of fewer epochs are left out.\n\n");
    }
    page::figures(&mut page, figures);
    page::files(&mut page, &[(RESULTS, "every training, a line each")], dir);
    page
}

/// Points of all runs, and a line through their means.
fn by_blocks(rows: &[Row], of: fn(&CutTrained) -> f64) -> (Vec<Series>, [f64; 2]) {
    let size = |row: &Row| (LAYERS / row.blocks) as f64;
    let single: Vec<[f64; 2]> =
        rows.iter().flat_map(|row| row.each(of).into_iter().map(move |v| [size(row), v])).collect();
    let means = rows.iter().map(|row| [size(row), mean(&row.each(of))]).collect();
    let range = single.iter().fold([f64::INFINITY, 0.0], |[l, h], p| [p[1].min(l), p[1].max(h)]);
    let series = |shape, role| Series { shape, role, label: Label::None };
    (vec![series(Shape::Dots(single), Role::Many), series(Shape::Line(means), Role::Main)], range)
}

fn sizes() -> Axis {
    Axis::linear("layers of a block", Unit::Word("count"), [0.0, LAYERS as f64])
}

fn time(rows: &[Row]) -> Figure {
    let (series, [_, high]) = by_blocks(rows, |run| run.epoch_seconds);
    Figure {
        name: "time",
        title: "Time of an epoch against the size of blocks".into(),
        caption: "The same six layers; the fewer of them settle together, the less time it takes. \
                  Points are single trainings, the line goes through their means."
            .into(),
        body: Body::Chart(Chart {
            x: sizes(),
            y: Axis::linear("time of an epoch", Unit::Si("s"), [0.0, 1.05 * high]),
            series,
        }),
    }
}

fn accuracy(rows: &[Row]) -> Figure {
    let (series, [low, high]) = by_blocks(rows, |run| 100.0 * run.accuracy);
    // A point is little beside ten of them, and all are to be seen.
    let (middle, half) = (0.5 * (low + high), (0.6 * (high - low)).max(5.0));
    Figure {
        name: "accuracy",
        title: "Test accuracy against the size of blocks".into(),
        caption:
            "Of all test pictures. Points are single trainings, the line goes through their means."
                .into(),
        body: Body::Chart(Chart {
            x: sizes(),
            y: Axis::linear("test accuracy", Unit::Word("%"), [middle - half, middle + half]),
            series,
        }),
    }
}

fn learning(rows: &[Row]) -> Figure {
    let epochs = rows[0].runs[0].by_epoch.len();
    let line = |(k, row): (usize, &Row)| Series {
        shape: Shape::Line(
            (0..epochs)
                .map(|e| [e as f64, 100.0 * mean(&row.each(|run| run.by_epoch[e]))])
                .collect(),
        ),
        role: Role::Nth(k),
        label: Label::Key(match row.blocks {
            1 => "1 block".to_string(),
            n => format!("{n} blocks"),
        }),
    };
    Figure {
        name: "learning",
        title: "Test accuracy after each epoch".into(),
        caption: "Of the test pictures that the files name; means over the seeds.".into(),
        body: Body::Chart(Chart {
            x: Axis::linear("epoch", Unit::Word("count"), [0.0, epochs as f64 - 1.0]),
            y: Axis::linear("test accuracy", Unit::Word("%"), [0.0, 100.0]),
            series: rows.iter().enumerate().map(line).collect(),
        }),
    }
}
