//! How a network learned: accuracy, loss and settling times against the epoch, and where its
//! weights ended.

use std::path::Path;

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use super::page::{self, digits, quantity, short, table};
use super::records::{read_lines, read_run, read_tensors};
use super::{Made, ReportError, histograms};
use crate::run::record::{
    CHIP, EpochRecord, RESULTS, TIMING, TRAINING_FILES, TimingRecord, TrainRecord,
};

/// Most epochs in the table; beyond, it is thinned out.
const SHOWN: usize = 40;

pub(super) fn make(dir: &Path) -> Result<Made, ReportError> {
    let run: TrainRecord = read_run(dir)?;
    let epochs: Vec<EpochRecord> = read_lines(dir, RESULTS, run.finished)?;
    let timing: Vec<TimingRecord> = read_lines(dir, TIMING, run.finished)?;
    let mut figures: Vec<Figure> =
        [accuracy(&run, &epochs), loss(&epochs), settling(&epochs)].into_iter().flatten().collect();
    if dir.join(CHIP).exists() {
        figures.extend(histograms::of_chip(&read_tensors(dir, CHIP)?));
    }
    let page = index(&run, &epochs, &timing, &figures, dir);
    Ok(Made { figures, page })
}

/// The points of a figure over the epochs that have it.
fn points(epochs: &[EpochRecord], value: impl Fn(&EpochRecord) -> Option<f64>) -> Vec<[f64; 2]> {
    epochs.iter().filter_map(|e| Some([e.epoch as f64, value(e)?])).collect()
}

fn line(points: Vec<[f64; 2]>, role: Role, label: &str) -> Series {
    Series { shape: Shape::Line(points), role, label: Label::Key(label.to_string()) }
}

fn epoch_axis(epochs: &[EpochRecord]) -> Option<Axis> {
    let last = epochs.last()?.epoch;
    (last > 0).then(|| Axis::linear("epoch", Unit::Word("count"), [0.0, last as f64]))
}

/// The least and largest ordinate of all lines.
fn extent(series: &[Series]) -> Option<[f64; 2]> {
    let values = || {
        series.iter().flat_map(|s| match &s.shape {
            Shape::Line(points) => points.iter().map(|p| p[1]).collect(),
            _ => Vec::new(),
        })
    };
    Some([values().reduce(f64::min)?, values().reduce(f64::max)?])
}

fn accuracy(run: &TrainRecord, epochs: &[EpochRecord]) -> Option<Figure> {
    let x = epoch_axis(epochs)?;
    let series = vec![
        line(points(epochs, |e| e.train_accuracy.map(|a| 100.0 * a)), Role::Contrast, "training"),
        line(points(epochs, |e| Some(100.0 * e.test_accuracy)), Role::Main, "test"),
    ];
    // The first epochs would press everything of interest into the top.
    let late = epochs.iter().filter(|e| e.epoch > 0 && 10 * e.epoch >= epochs.len());
    let late = late.flat_map(|e| [Some(e.test_accuracy), e.train_accuracy].into_iter().flatten());
    let low = 100.0 * late.reduce(f64::min)?;
    let low = (5.0 * (low / 5.0).floor()).min(95.0);
    let first = 100.0 * epochs.first()?.test_accuracy;
    let before = match first < low {
        true => format!(" Before learning it is {} %, below the plot.", digits(first, 3)),
        false => String::new(),
    };
    Some(Figure {
        name: "accuracy",
        title: "Accuracy".into(),
        caption: format!(
            "Right predictions against the epoch: of the {} training samples as they were learned \
             from, and of the {} test samples after the epoch.{before}",
            run.samples, run.test_samples
        ),
        body: Body::Chart(Chart {
            x,
            y: Axis::linear("accuracy", Unit::Word("%"), [low, 100.0]),
            series,
        }),
    })
}

fn loss(epochs: &[EpochRecord]) -> Option<Figure> {
    let x = epoch_axis(epochs)?;
    let series = vec![
        line(points(epochs, |e| e.train_loss.filter(|l| *l > 0.0)), Role::Contrast, "training"),
        line(points(epochs, |e| e.test_loss.filter(|l| *l > 0.0)), Role::Main, "test"),
    ];
    let range = extent(&series)?;
    Some(Figure {
        name: "loss",
        title: "Loss".into(),
        caption: "Mean cost of the free phase against the epoch.".into(),
        body: Body::Chart(Chart {
            x,
            y: Axis::log("cost a sample", Unit::Word("dimensionless"), range),
            series,
        }),
    })
}

fn settling(epochs: &[EpochRecord]) -> Option<Figure> {
    let x = epoch_axis(epochs)?;
    let series = vec![
        line(points(epochs, |e| e.settling_time_largest), Role::Contrast, "free phase, slowest"),
        line(points(epochs, |e| e.settling_time), Role::Main, "free phase, mean"),
        line(points(epochs, |e| e.nudged_time), Role::Nth(2), "nudged phases together, mean"),
    ];
    let [low, high] = extent(&series)?;
    // The first epoch of an unlucky start can take a hundred times as long as the rest.
    let y = match high < 20.0 * low {
        true => Axis::linear("settling time", Unit::Si("s"), [0.0, 1.05 * high]),
        false => Axis::log("settling time", Unit::Word("s"), [low, high]),
    };
    Some(Figure {
        name: "settling",
        title: "Settling times in training".into(),
        caption: "How long the network takes to settle while it learns: the nudged phases start \
                  from the free state."
            .into(),
        body: Body::Chart(Chart { x, y, series }),
    })
}

fn index(
    run: &TrainRecord,
    epochs: &[EpochRecord],
    timing: &[TimingRecord],
    figures: &[Figure],
    dir: &Path,
) -> String {
    let mut page = String::new();
    let layers: Vec<String> =
        run.layers.iter().map(|l| format!("{} {} ({})", l.name, l.size, l.activation)).collect();
    let state = if run.finished { "" } else { ", not finished: go on with --resume" };
    let rows = vec![
        ("layers", layers.join(", ")),
        ("rule", run.rule.clone()),
        ("optimiser", format!("{}, batches of {}", run.optimiser, run.batch)),
        ("learned from", format!("{}, {} samples", run.data, run.samples)),
        ("measured on", format!("{}, {} samples", run.test, run.test_samples)),
        ("cells", run.cells.to_string()),
        ("epochs", format!("{} of {}{state}", run.epochs, run.of_epochs)),
    ];
    page::head(&mut page, &run.head, rows);
    results(&mut page, epochs);
    progress(&mut page, epochs, timing);
    page::figures(&mut page, figures);
    page::files(&mut page, &TRAINING_FILES, dir);
    page
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn results(page: &mut String, epochs: &[EpochRecord]) {
    let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else { return };
    let best = epochs.iter().max_by(|a, b| a.test_accuracy.total_cmp(&b.test_accuracy));
    let mut rows = vec![
        ("test accuracy", percent(last.test_accuracy)),
        ("before learning", percent(first.test_accuracy)),
    ];
    rows.extend(best.map(|b| {
        ("best of all epochs", format!("{} (epoch {})", percent(b.test_accuracy), b.epoch))
    }));
    let mut put = |name, value: Option<String>| rows.extend(value.map(|v| (name, v)));
    put("training accuracy", last.train_accuracy.map(percent));
    put("training loss", last.train_loss.map(short));
    let settled = match last.iterations.is_some() {
        true => "settled",
        false => "settled in every phase",
    };
    put(settled, last.settled.map(percent));
    put("iterations to rest, test samples, mean", last.iterations.map(|n| format!("{n:.1}")));
    put("settling time, free phase, mean", last.settling_time.map(|t| quantity(t, "s")));
    put("settling time, nudged phases together", last.nudged_time.map(|t| quantity(t, "s")));
    put("updates", Some(last.steps.to_string()));
    put("cell writes", Some(epochs.iter().map(|e| e.writes).sum::<usize>().to_string()));
    let pulses: Option<usize> = epochs.iter().map(|e| e.pulses).sum();
    put("pulses", pulses.map(|n| n.to_string()));
    put("weights at the edge of the window", Some(last.at_limit.to_string()));
    *page += "## Results\n\n";
    table(page, &["", ""], rows.into_iter().map(|(k, v)| vec![k.to_string(), v]));
}

fn progress(page: &mut String, epochs: &[EpochRecord], timing: &[TimingRecord]) {
    *page += "## Epochs\n\n";
    let every = epochs.len().div_ceil(SHOWN).max(1);
    if every > 1 {
        *page += &format!("Every {every} epochs; all are in results.csv.\n\n");
    }
    let last = epochs.len().saturating_sub(1);
    let shown = epochs.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last);
    let head = [
        "epoch",
        "rate",
        "training loss",
        "training",
        "test loss",
        "test",
        "settled",
        "iterations",
        "time",
        "samples/s",
    ];
    table(
        page,
        &head,
        shown.map(|(_, e)| {
            let time = timing.iter().find(|t| t.epoch == e.epoch);
            let or_empty = |text: Option<String>| text.unwrap_or_default();
            vec![
                e.epoch.to_string(),
                or_empty(e.rate.map(short)),
                or_empty(e.train_loss.map(short)),
                or_empty(e.train_accuracy.map(percent)),
                or_empty(e.test_loss.map(short)),
                percent(e.test_accuracy),
                or_empty(e.settled.map(percent)),
                or_empty(e.iterations.map(|n| format!("{n:.1}"))),
                or_empty(time.map(|t| quantity(t.seconds, "s"))),
                or_empty(time.map(|t| format!("{:.0}", t.samples_per_second))),
            ]
        }),
    );
}
