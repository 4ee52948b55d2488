//! A reproduced table beside the published one.

use std::path::Path;

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use super::page::{self, digits, quantity, table};
use super::statistics::{mean, spread};
use super::{Made, ReportError};
use crate::run::reproduce::{
    Job, MAIN, Measured, PUBLISHED_BY_TOLERANCE, RESULTS, Reproduced, TOLERANCES, Variant, Version,
    read,
};

/// The trainings of one row of the table, and a solver's measures on them.
struct Row<'a> {
    job: &'a Job,
    variant: Variant,
    runs: Vec<(&'a Reproduced, &'a Measured)>,
}

impl Row<'_> {
    fn means(&self, of: impl Fn(&Reproduced, &Measured) -> f64) -> [f64; 2] {
        let all: Vec<f64> =
            self.runs.iter().map(|(r, m)| of(r, m)).filter(|v| v.is_finite()).collect();
        [mean(&all), spread(&all)]
    }

    fn iterations(&self) -> [f64; 2] {
        self.means(|_, m| m.iterations[MAIN])
    }

    fn published(&self) -> Option<crate::run::reproduce::Published> {
        Job { variant: self.variant, ..self.job.clone() }.published()
    }
}

pub(super) fn make(dir: &Path) -> Result<Made, ReportError> {
    let wrong = |error: crate::run::RunError| ReportError::Record {
        path: dir.join(RESULTS),
        line: 0,
        message: error.to_string(),
    };
    let all = read(dir).map_err(wrong)?;
    let figures: Vec<Figure> = by_tolerance(&all).into_iter().chain(by_depth(&all)).collect();
    let page = index(&all, &figures, dir);
    Ok(Made { figures, page })
}

/// The rows, as measured on networks that were trained with the same variant where there are such.
fn rows(all: &[Reproduced]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row> = Vec::new();
    for run in all {
        let same = |job: &Job| {
            (job.version, &job.layers, job.epochs)
                == (run.job.version, &run.job.layers, run.job.epochs)
        };
        for measured in &run.measured {
            let own = all.iter().any(|r| same(&r.job) && r.job.variant == measured.variant);
            if own && run.job.variant != measured.variant {
                continue;
            }
            // Those that nothing was trained with are shown on what even-odd order was.
            if !own && !matches!(run.job.variant, Variant::HamEo | Variant::ChnEo) {
                continue;
            }
            match rows.iter_mut().find(|r| same(r.job) && r.variant == measured.variant) {
                Some(row) => row.runs.push((run, measured)),
                None => rows.push(Row {
                    job: &run.job,
                    variant: measured.variant,
                    runs: vec![(run, measured)],
                }),
            }
        }
    }
    rows.sort_by_key(|r| (r.job.version, r.job.depth(), r.variant, r.job.epochs));
    rows
}

fn with_spread([mean, spread]: [f64; 2], runs: usize) -> String {
    match (mean.is_finite(), runs) {
        (false, _) => "not yet".to_string(),
        (true, 0..=1) => digits(mean, 3),
        _ => format!("{} ({})", digits(mean, 3), digits(spread, 2)),
    }
}

fn index(all: &[Reproduced], figures: &[Figure], dir: &Path) -> String {
    let mut page = String::from(
        "# Hierarchical associative memories, the published table again\n\n\
         ```sh\neqcircuit reproduce ham\n```\n\n\
         Iterations to a relative residual of 1e-4, by the measure of the paper (arXiv:2311.15673): \
         in even-odd order it sees the even layers only, which of three layers are the ten outputs. \
         *updates* is a measure that all orders share: how often every layer was updated until the \
         residual over all layers was at most 1e-4 of the states, that update included. Published \
         numbers are of the digits of EMNIST (`mnist` split), these of MNIST; pictures are learned in \
         an order that is drawn, also in the rows of v1, which took them as they come; batches stop \
         at a relative residual of 1e-5 where the paper spends its whole budget. Means over the runs, \
         standard deviations in brackets; the test set is the first 9,984 pictures.\n\n",
    );
    for version in [Version::V1, Version::V2] {
        let rows: Vec<Row> = rows(all).into_iter().filter(|r| r.job.version == version).collect();
        if rows.is_empty() {
            continue;
        }
        page += if version == Version::V1 { "## v1\n\n" } else { "## v2\n\n" };
        published(&mut page, &rows);
    }
    tolerances(&mut page, &rows(all));
    chips(&mut page, all);
    shared(&mut page, all);
    page::figures(&mut page, figures);
    let files = [
        (RESULTS, "every training with its measures, a line each"),
        ("depth.md", "speed-up against depth, 3 to 21 layers"),
        ("activations.md", "activations besides the sigmoid"),
        ("starts.md", "where to start"),
    ];
    page::files(&mut page, &files, dir);
    page
}

fn published(page: &mut String, rows: &[Row]) {
    let head = [
        "network",
        "epochs",
        "model",
        "runs",
        "iterations, published",
        "iterations",
        "updates",
        "converged",
        "accuracy, published",
        "accuracy",
        "training",
    ];
    let line = |row: &Row| {
        let published = row.published();
        let layers: Vec<String> = row.job.layers.iter().map(usize::to_string).collect();
        let there = |value: Option<f64>, spread: Option<f64>| match (value, spread) {
            (Some(value), Some(spread)) => format!("{value} ({spread})"),
            (Some(value), None) => value.to_string(),
            _ => String::new(),
        };
        let own = row.runs.iter().any(|(r, _)| r.job.variant == row.variant);
        let name = match own {
            true => row.variant.name().to_string(),
            false => format!("{} (trained as {})", row.variant.name(), row.job.variant.name()),
        };
        vec![
            layers.join("-"),
            row.job.epochs.to_string(),
            name,
            row.runs.len().to_string(),
            there(published.map(|p| p.iterations), published.and_then(|p| p.spread)),
            with_spread(row.iterations(), row.runs.len()),
            with_spread(row.means(|_, m| m.updates.unwrap_or(f64::NAN)), row.runs.len()),
            format!("{} %", digits(100.0 * row.means(|_, m| m.converged)[0], 4)),
            published.and_then(|p| p.accuracy).map_or(String::new(), |a| format!("{a} %")),
            format!("{} %", digits(100.0 * row.means(|_, m| m.accuracy)[0], 4)),
            quantity(row.means(|r, _| r.seconds)[0], "s"),
        ]
    };
    table(page, &head, rows.iter().map(line));
}

/// The CHN rows at every tolerance.
fn tolerances(page: &mut String, rows: &[Row]) {
    let of = |variant, epochs| {
        let trained = |r: &&Row| (r.job.version, r.job.epochs) == (Version::V2, epochs);
        rows.iter().filter(trained).find(|r| r.variant == variant)
    };
    if PUBLISHED_BY_TOLERANCE.iter().all(|(variant, epochs, _)| of(*variant, *epochs).is_none()) {
        return;
    }
    *page += "## CHN of three layers, by tolerance\n\n";
    let names = TOLERANCES.map(|t| format!("{t:.0e}"));
    let mut head = vec!["model", ""];
    head.extend(names.iter().map(String::as_str));
    let mut lines = Vec::new();
    for (variant, epochs, published) in PUBLISHED_BY_TOLERANCE {
        let line = |what: &str, values: [f64; 11]| {
            let mut line = vec![variant.name().to_string(), what.to_string()];
            line.extend(values.map(|v| format!("{v:.2}")));
            line
        };
        let Some(row) = of(variant, epochs) else { continue };
        lines.push(line("published", published));
        let here = |k: usize| row.means(|_, m| m.iterations[k])[0];
        lines.push(line("here", std::array::from_fn(here)));
    }
    table(page, &head, lines.into_iter());
}

/// The networks as chips, beside the iterations of solvers.
fn chips(page: &mut String, all: &[Reproduced]) {
    let runs: Vec<&Reproduced> = all.iter().filter(|r| !r.chips.is_empty()).collect();
    if runs.is_empty() {
        return;
    }
    *page += "## The chip's own answer\n\nThe same networks on crossbars, left to settle from rest until no \
              unit moves by more than 1e-4 in a time constant: 1,000 test pictures, the time in units \
              of the slowest layer's time constant. Iterations of the solvers are to 1e-4 on all \
              layers.\n\n";
    let head = [
        "network",
        "seed",
        "chip",
        "time",
        "time constant",
        "settled",
        "accuracy",
        "HAM",
        "HAM-EO",
        "HAM-EO-DEQ",
        "chord",
    ];
    let lines = runs.iter().flat_map(|run| {
        run.chips.iter().map(|chip| {
            let layers: Vec<String> = run.job.layers.iter().map(usize::to_string).collect();
            let mut line = vec![
                layers.join("-"),
                run.job.seed.to_string(),
                chip.preset.clone().unwrap_or_else(|| "perfect".to_string()),
                digits(chip.time_constants, 3),
                quantity(chip.tau, "s"),
                format!("{} %", digits(100.0 * chip.settled, 4)),
                format!("{} %", digits(100.0 * chip.accuracy, 4)),
            ];
            let of = [Variant::Ham, Variant::HamEo, Variant::HamEoDeq, Variant::HamEoChord];
            line.extend(of.map(|variant| {
                let found = run.measured.iter().find(|m| m.variant == variant);
                found.and_then(|m| m.updates).map_or(String::new(), |u| digits(u, 3))
            }));
            line
        })
    });
    table(page, &head, lines);
}

/// Whether the variant that a network was trained with moves the counts of the others.
fn shared(page: &mut String, all: &[Reproduced]) {
    for version in [Version::V1, Version::V2] {
        let of = |trained: Variant, measured: Variant| {
            let runs: Vec<f64> = all
                .iter()
                .filter(|r| {
                    r.job.version == version
                        && r.job.depth() == 3
                        && r.job.epochs >= 10
                        && r.job.variant == trained
                })
                .filter_map(|r| r.measured.iter().find(|m| m.variant == measured))
                .map(|m| m.iterations[MAIN])
                .collect();
            (runs.len(), [mean(&runs), spread(&runs)])
        };
        if Variant::HAM.iter().filter(|v| of(**v, **v).0 > 0).count() < 2 {
            continue;
        }
        let word = if version == Version::V1 { "v1" } else { "v2" };
        *page += &format!(
            "## Does the solver of training matter? ({word}, three layers)\n\nIterations of each \
             solver (columns) on networks trained with each (rows).\n\n"
        );
        let mut head = vec!["trained with"];
        head.extend(Variant::HAM.map(Variant::name));
        table(
            page,
            &head,
            Variant::HAM.into_iter().map(|trained| {
                let mut line = vec![trained.name().to_string()];
                line.extend(Variant::HAM.map(|measured| {
                    let (runs, found) = of(trained, measured);
                    with_spread(found, runs)
                }));
                line
            }),
        );
    }
}

/// Iterations against the tolerance, of the longest trained three layers of v2.
fn by_tolerance(all: &[Reproduced]) -> Option<Figure> {
    let rows = rows(all);
    let three = |r: &&Row| r.job.version == Version::V2 && r.job.depth() == 3;
    let mut series = Vec::new();
    let mut most: f64 = 1.0;
    for (k, row) in rows.iter().filter(three).filter(|r| r.published().is_some()).enumerate() {
        let points: Vec<[f64; 2]> = TOLERANCES
            .iter()
            .enumerate()
            .map(|(t, &tolerance)| [tolerance, row.means(|_, m| m.iterations[t])[0]])
            .collect();
        most = points.iter().map(|p| p[1]).fold(most, f64::max);
        let name = format!("{}, {} epochs", row.variant.name(), row.job.epochs);
        series.push(Series {
            shape: Shape::Line(points),
            role: Role::Nth(k),
            label: Label::Key(name),
        });
    }
    (!series.is_empty()).then(|| Figure {
        name: "tolerance",
        title: "Iterations against the tolerance, three layers".into(),
        caption:
            "Mean iterations by the measure of the paper; pictures that did not get there count \
                  with the whole budget."
                .into(),
        body: Body::Chart(Chart {
            x: Axis::log("relative residual", Unit::Word("dimensionless"), [1e-7, 1e-2]),
            y: Axis::linear("iterations", Unit::Word("count"), [0.0, 1.05 * most]),
            series,
        }),
    })
}

/// Iterations against the depth, published and found.
fn by_depth(all: &[Reproduced]) -> Option<Figure> {
    let rows = rows(all);
    let mut series = Vec::new();
    let mut most: f64 = 1.0;
    for (k, variant) in Variant::HAM.into_iter().enumerate() {
        let of: Vec<&Row> = rows
            .iter()
            .filter(|r| r.job.version == Version::V2 && r.variant == variant && r.job.epochs >= 10)
            .collect();
        let found: Vec<[f64; 2]> =
            of.iter().map(|r| [r.job.depth() as f64, r.iterations()[0]]).collect();
        let published =
            of.iter().filter_map(|r| Some([r.job.depth() as f64, r.published()?.iterations]));
        let published: Vec<[f64; 2]> = published.collect();
        most = found.iter().chain(&published).map(|p| p[1]).fold(most, f64::max);
        let name = Label::Key(variant.name().to_string());
        series.push(Series { shape: Shape::Line(found), role: Role::Nth(k), label: name });
        series.push(Series {
            shape: Shape::Dots(published),
            role: Role::Nth(k),
            label: Label::None,
        });
    }
    let depths = series.iter().any(|s| matches!(&s.shape, Shape::Line(p) if p.len() > 1));
    depths.then(|| Figure {
        name: "depth",
        title: "Iterations against the depth".into(),
        caption: "Lines: found here. Markers: published.".into(),
        body: Body::Chart(Chart {
            x: Axis::linear("layers", Unit::Word("count"), [3.0, 7.0]),
            y: Axis::linear("iterations", Unit::Word("count"), [0.0, 1.05 * most]),
            series,
        }),
    })
}
