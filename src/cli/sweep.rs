use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::Edits;
use super::outcome::{expectation, number, shown};
use super::terminal::Terminal;
use super::{DONE, EXPECTATION_FAILED, Failure, crew};
use crate::report;
use crate::run::sweep_record::{PointRecord, SweepRecord, unit};
use crate::run::{self, Options, Swept};
use crate::spec::Chips;
use crate::units::{Dimension, format_short};

/// Most failures that are told one by one.
const TOLD: usize = 5;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    sweep: &'a SweepRecord,
    results: &'a [PointRecord],
}

pub(super) fn run(
    file: &Path,
    options: Options,
    edits: &Edits,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let spec = crew::load(edits, file, &options, terminal)?;
    if !options.crew.leads() {
        run::assist(&spec, &options)?;
        return Ok(DONE);
    }
    finish(&run::sweep(&spec, &options)?, terminal)
}

pub(super) fn merge(
    shards: &[PathBuf],
    options: &Options,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    finish(&run::merge(shards, options)?, terminal)
}

/// Report, summary and exit code of a sweep.
fn finish(swept: &Swept, terminal: &Terminal) -> Result<u8, Failure> {
    report::write(&swept.folder).map_err(Failure::input)?;
    terminal.say(&summary(swept, terminal));
    if terminal.json {
        terminal.document(&Document { sweep: &swept.record, results: &swept.points })?;
    }
    let wrong = wrong(swept);
    if wrong.is_empty() {
        return Ok(DONE);
    }
    if terminal.quiet {
        terminal.error(&wrong.join("; "));
    }
    Ok(EXPECTATION_FAILED)
}

/// What went wrong at which points, with which seeds.
fn wrong(swept: &Swept) -> Vec<String> {
    let failed = swept.failed().map(|point| {
        let message = point.message.as_deref().unwrap_or_default();
        format!("point {} ({}) failed: {message}", point.point, point.place())
    });
    let broken = swept.broken().map(|(point, expect)| {
        format!("point {} ({}): {}", point.point, point.place(), expectation(expect))
    });
    let mut all: Vec<String> = failed.chain(broken).collect();
    if all.len() > TOLD {
        let rest = all.len() - TOLD;
        all.truncate(TOLD);
        all.push(format!("and {rest} more"));
    }
    all
}

/// How many chips the points took, where they took more than one.
fn chips(sweep: &SweepRecord, points: usize) -> Option<String> {
    match &sweep.chips {
        Chips::Count(1) => None,
        Chips::Count(count) => Some(format!("{count} a point")),
        Chips::Until(until) => {
            let mean = number(sweep.runs as f64 / points.max(1) as f64);
            let wide = match sweep.wide {
                0 => String::new(),
                wide => format!(
                    "; at {wide} points the interval of {} is wider than asked, with all {} chips",
                    until.metric, until.at_most
                ),
            };
            Some(format!("{mean} a point on average{wide}"))
        }
    }
}

/// A sweep in a few lines.
fn summary(swept: &Swept, terminal: &Terminal) -> String {
    let SweepRecord { head, run, runs, done, failed, jobs, busy, .. } = &swept.record;
    let points = swept.record.own_points();
    let word = if points == 1 { "point" } else { "points" };
    let time = format_short(head.duration, Dimension::Second);
    let jobs = match jobs {
        1 => "1 job".to_owned(),
        jobs => format!("{jobs} jobs"),
    };
    let busy = format!("{jobs}, {:.0} % busy", 100.0 * busy);
    let mut lines =
        vec![format!("{}: {points} {word} of {run}, {time} ({busy})", swept.record.head.title)];
    if let Some(shard) = swept.record.shard {
        lines.push(format!("  {:<13} {shard} of {} points", "shard", swept.record.points));
    }
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<13} {value}"));
    let failed = match failed {
        0 => String::new(),
        failed => format!(", {}", terminal.paint("1;31", &format!("{failed} failed"))),
    };
    line("done", format!("{done} of {runs}{failed}"));
    if let Some(chips) = chips(&swept.record, points) {
        line("chips", chips);
    }
    for figure in ["test-accuracy", "accuracy", "gradient-cosine", "settling-time"] {
        let values = swept.points.iter().filter_map(|point| point.figures.get(figure).copied());
        let ends = values.fold(None, |ends: Option<(f64, f64)>, v| {
            Some(ends.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
        });
        if let Some((low, high)) = ends {
            let shown = |v| match unit(figure) {
                "s" => format_short(v, Dimension::Second),
                _ => number(v),
            };
            line(figure, format!("{} to {}", shown(low), shown(high)));
        }
    }
    for expect in &head.expect {
        let verdict = match expect.passed {
            true => terminal.paint("32", "pass"),
            false => terminal.paint("1;31", "FAIL"),
        };
        line("expect", format!("{verdict}  at worst {}", expectation(expect)));
    }
    for wrong in wrong(swept) {
        line("wrong", wrong);
    }
    for note in &head.notes {
        line("note", note.clone());
    }
    line("report", shown(&swept.folder.join(report::INDEX)));
    lines.join("\n")
}
