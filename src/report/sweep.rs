//! The report of a sweep.

mod charts;
mod groups;
mod panels;
mod ruler;

use std::fmt::Write;
use std::path::Path;

use super::figure::Figure;
use super::page::{quantity, short, table};
use super::records::{read_lines, read_run};
use super::{Made, ReportError};
use crate::run::record::{RESULTS, RUN};
use crate::run::sweep_record::{AxisRecord, PointRecord, SWEEP_FILES, SweepRecord, unit};
use crate::spec::{Chips, Design};
use crate::units::number_and_unit;
pub use groups::{Estimate, Group, Interval, Plan};

/// Most points in the table of all, and in that of means.
const SHOWN: usize = 40;
const MEANS: usize = 200;
/// What stands for the file's own value.
const OWN: &str = "as in the file";

/// The records of a sweep, read back; of one that is not finished, as far as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    pub sweep: SweepRecord,
    /// Sorted.
    pub points: Vec<PointRecord>,
}

impl Records {
    /// Reads the folder of a sweep.
    ///
    /// # Errors
    /// When it is not one, or a record is not what it should be; the file and line are named.
    pub fn load(dir: &Path) -> Result<Records, ReportError> {
        if !dir.join(RUN).is_file() {
            return Err(ReportError::NotARun { dir: dir.to_path_buf() });
        }
        let sweep: SweepRecord = read_run(dir)?;
        let mut points: Vec<PointRecord> = read_lines(dir, RESULTS, sweep.finished)?;
        if sweep.finished && points.len() != sweep.runs {
            let message = format!("ends after {} of the sweep's {} runs", points.len(), sweep.runs);
            let path = dir.join(RESULTS);
            return Err(ReportError::Record { path, line: points.len() + 1, message });
        }
        points.sort_by_key(|point| (point.point, point.chip));
        Ok(Records { sweep, points })
    }
}

/// The report of the sweep in this folder.
pub(super) fn make(dir: &Path) -> Result<Made, ReportError> {
    let records = Records::load(dir)?;
    let figures = figures(&records);
    let page = page(&records, &figures, dir);
    Ok(Made { figures, page })
}

/// A chart for every figure that varies.
pub fn figures(records: &Records) -> Vec<Figure> {
    let plan = Plan::new(&records.sweep);
    match plan.design {
        Design::Grid => charts::figures(records, &plan),
        _ => panels::figures(records, &plan),
    }
}

/// `index.md`; `dir` is only asked which records there are.
pub fn page(records: &Records, figures: &[Figure], dir: &Path) -> String {
    let mut page = String::new();
    head(&mut page, &records.sweep);
    let (varying, same) = groups::figures(&records.points);
    means(&mut page, records, &varying);
    if !same.is_empty() {
        let same = same.iter().map(|(name, v)| format!("{name} = {}", shown(name, *v)));
        let _ =
            writeln!(page, "The same at every point: {}.\n", same.collect::<Vec<_>>().join(", "));
    }
    super::page::figures(&mut page, figures);
    points(&mut page, records, &varying);
    failures(&mut page, records);
    super::page::files(&mut page, &SWEEP_FILES, dir);
    page
}

fn head(page: &mut String, sweep: &SweepRecord) {
    let failed = match sweep.failed {
        0 => String::new(),
        n => format!(", {n} failed"),
    };
    let state = if sweep.finished { "" } else { " (not finished: go on with --resume)" };
    let chips = match &sweep.chips {
        Chips::Count(1) => String::new(),
        Chips::Count(count) => format!(", {count} chips each"),
        Chips::Until(until) => format!(", {} to {} chips each", until.at_least, until.at_most),
    };
    let points = match sweep.shard {
        None => format!("{}", sweep.points),
        Some(shard) => {
            format!("shard {shard}: {} of {} points", sweep.own_points(), sweep.points)
        }
    };
    let mut rows = vec![
        ("design", sweep.design.clone()),
        ("points", format!("{points} of `{}`{chips}{failed}{state}", sweep.run)),
        ("jobs", format!("{}, busy {:.0} % of the time", sweep.jobs, 100.0 * sweep.busy)),
    ];
    if sweep.wide > 0 {
        rows.push(("too wide", format!("the interval of {} points, with all chips", sweep.wide)));
    }
    for axis in &sweep.axes {
        let values = match &axis.range {
            None => axis.values.join(", "),
            Some(range) => format!("{} to {} ({})", range.from, range.to, range.scale),
        };
        rows.push(("axis", format!("`{}` = {values}", axis.key)));
    }
    if !sweep.head.expect.is_empty() {
        let told = "judged at every point, or those named, for every chip; the value below is the worst of all";
        rows.push(("expectations", told.to_string()));
    }
    super::page::head(page, &sweep.head, rows);
}

/// Mean and interval of every figure that varies, at each point.
fn means(page: &mut String, records: &Records, varying: &[String]) {
    let plan = Plan::new(&records.sweep);
    let groups = plan.groups(records);
    if groups.is_empty() || varying.is_empty() {
        return;
    }
    *page += "## Means\n\n";
    let _ = writeln!(page, "{}\n", plan.words(&groups));
    if groups.len() > MEANS {
        let _ = writeln!(page, "The first {MEANS} of {} points.\n", groups.len());
    }
    let axes = plan.axes();
    let keys = axes.iter().map(|&axis| records.sweep.axes[axis].key.as_str());
    let header: Vec<&str> = keys.chain(["n"]).chain(varying.iter().map(String::as_str)).collect();
    table(
        page,
        &header,
        groups.iter().take(MEANS).map(|group| {
            let value = |&axis: &usize| {
                let axis = &records.sweep.axes[axis];
                setting(axis, group.setting(axis))
            };
            let values = axes.iter().map(value);
            let cells = varying.iter().map(|name| match group.estimate(name) {
                None => String::new(),
                Some(Estimate { mean, interval: Interval::None, .. }) => shown(name, mean),
                Some(Estimate { mean, range: [low, high], .. }) => {
                    format!("{} [{}, {}]", shown(name, mean), shown(name, low), shown(name, high))
                }
            });
            values.chain([group.members.len().to_string()]).chain(cells).collect()
        }),
    );
}

fn points(page: &mut String, records: &Records, varying: &[String]) {
    let all = &records.points;
    *page += "## Points\n\n";
    if all.len() > SHOWN {
        let _ = writeln!(page, "The first {SHOWN} of {}; all are in results.csv.\n", all.len());
    }
    let axes = &records.sweep.axes;
    let keys = axes.iter().map(|axis| axis.key.as_str());
    let figures = varying.iter().map(String::as_str);
    let header: Vec<&str> =
        ["point", "chip-seed"].into_iter().chain(keys).chain(["outcome"]).chain(figures).collect();
    table(
        page,
        &header,
        all.iter().take(SHOWN).map(|point| {
            let value = |axis| setting(axis, point.edits.get(&axis.key).map(String::as_str));
            let figure = |name: &String| {
                point.figures.get(name).map_or_else(String::new, |v| shown(name, *v))
            };
            let broken = point.expect.iter().any(|e| !e.passed);
            let outcome = match broken {
                true => "**expectation failed**".to_string(),
                false => point.outcome.clone(),
            };
            [point.point.to_string(), point.chip_seed.to_string()]
                .into_iter()
                .chain(axes.iter().map(value))
                .chain([outcome])
                .chain(varying.iter().map(figure))
                .collect()
        }),
    );
}

fn failures(page: &mut String, records: &Records) {
    let failed: Vec<&PointRecord> = records.points.iter().filter(|p| !p.is_done()).collect();
    if failed.is_empty() {
        return;
    }
    *page += "## Failed points\n\n";
    if failed.len() > SHOWN {
        let _ = writeln!(page, "The first {SHOWN} of {}; all are in results.csv.\n", failed.len());
    }
    table(
        page,
        &["point", "with", "why"],
        failed.iter().take(SHOWN).map(|point| {
            let why = point.message.clone().unwrap_or_default().replace('\n', " ");
            vec![point.point.to_string(), point.place(), why]
        }),
    );
}

/// The value of an axis for people: of one that was drawn, as many digits as matter.
fn setting(axis: &AxisRecord, word: Option<&str>) -> String {
    let Some(word) = word else { return OWN.to_string() };
    match number_and_unit(word).filter(|_| axis.range.is_some()) {
        Some((number, unit)) => format!("{} {unit}", short(number)).trim_end().to_string(),
        None => word.to_string(),
    }
}

/// A figure for people.
fn shown(name: &str, value: f64) -> String {
    match unit(name) {
        "" if groups::is_percent(name) => format!("{} %", short(100.0 * value)),
        "" => short(value),
        unit => quantity(value, unit),
    }
}
