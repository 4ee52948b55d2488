//! One chip at one point of a sweep.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;

use super::record::{DONE, FAILED, POINTS, PointRecord};
use super::schedule::Task;
use crate::diag::Report;
use crate::run::record::ExpectRecord;
use crate::run::{Manner, Options, RunError, TRAINED, expect, find, gradcheck, train};
use crate::spec::{Claim, Expect, Spec, Sweep, Verb};

/// What came of it.
struct Came {
    figures: BTreeMap<String, f64>,
    expect: Vec<ExpectRecord>,
    notes: Vec<String>,
}

/// Why nothing came of it.
enum Trouble {
    Message(String),
    /// It is to be done another time.
    Interrupted,
}

impl From<RunError> for Trouble {
    fn from(error: RunError) -> Trouble {
        match error {
            RunError::Interrupted | RunError::Stopped { .. } => Trouble::Interrupted,
            other => Trouble::Message(other.to_string()),
        }
    }
}

impl From<Report> for Trouble {
    fn from(report: Report) -> Trouble {
        let sources = report.sources();
        let said = report.diagnostics().iter().map(|d| match &d.span {
            Some(span) => {
                let at = sources.locate(span.start);
                format!("{} ({}:{}:{})", d.message, at.name, at.line, at.column)
            }
            None => d.message.clone(),
        });
        Trouble::Message(said.collect::<Vec<_>>().join("; "))
    }
}

/// Does what a sweep asks of a chip at a point; `None` when interrupted. Whatever else goes wrong,
/// a panic too, is recorded as its failure.
pub fn run(sweep: &Sweep, task: Task, folder: &Path, options: &Options) -> Option<PointRecord> {
    let Task { point, chip } = task;
    let came = catch_unwind(AssertUnwindSafe(|| try_run(sweep, task, folder, options)))
        .unwrap_or_else(|panic| Err(Trouble::Message(format!("a bug: {}", words(&*panic)))));
    let record = PointRecord {
        point,
        chip,
        chip_seed: sweep.chip_seed(point, chip),
        edits: edits(sweep, point),
        outcome: FAILED.to_string(),
        message: None,
        figures: BTreeMap::new(),
        expect: Vec::new(),
        notes: Vec::new(),
    };
    match came {
        Ok(Came { figures, expect, notes }) => {
            Some(PointRecord { outcome: DONE.to_string(), figures, expect, notes, ..record })
        }
        Err(Trouble::Message(message)) => Some(PointRecord { message: Some(message), ..record }),
        Err(Trouble::Interrupted) => None,
    }
}

/// The value of each axis that a point sets, by its key.
pub fn edits(sweep: &Sweep, point: usize) -> BTreeMap<String, String> {
    let settings = sweep.axes.iter().zip(sweep.settings(point));
    settings.filter_map(|(axis, word)| Some((axis.key.clone(), word?))).collect()
}

fn try_run(sweep: &Sweep, task: Task, folder: &Path, options: &Options) -> Result<Came, Trouble> {
    let spec = sweep.point(task.point, task.chip)?;
    let claims: Vec<&Claim> = sweep.claims_at(task.point).collect();
    let figures = match sweep.run {
        Verb::Train => train(&spec, &own_options(folder, task, options))?.figures(),
        Verb::Gradcheck => gradcheck::figures(&spec, None)?,
        _ => return Ok(simulate(spec, &claims)?),
    };
    let expect = judged(&spec, sweep.run, &claims, &figures);
    Ok(Came { figures, expect, notes: Vec::new() })
}

fn judged(
    spec: &Spec,
    verb: Verb,
    claims: &[&Claim],
    figures: &BTreeMap<String, f64>,
) -> Vec<ExpectRecord> {
    let judge = |e: &Expect| expect::judge(e, figures.get(&e.figure).copied());
    let everywhere = spec.expect.iter().filter(|e| e.is_of(verb)).map(judge);
    let here = claims.iter().map(|c| ExpectRecord { at: c.at.clone(), ..judge(&c.expect) });
    everywhere.chain(here).collect()
}

/// A run by what the file promises now; `None` where that is of a figure that the run has not, so
/// that it is to be run again.
pub fn judged_anew(spec: &Spec, sweep: &Sweep, run: PointRecord) -> Option<PointRecord> {
    let claims: Vec<&Claim> = sweep.claims_at(run.point).collect();
    let expect = judged(spec, sweep.run, &claims, &run.figures);
    expect.iter().all(|e| e.value.is_some()).then_some(PointRecord { expect, ..run })
}

/// The figures of one simulation, or of a training in a folder of its own, or why there are none.
pub fn figures_of(
    spec: Spec,
    verb: Verb,
    folder: &Path,
    options: &Options,
) -> Result<BTreeMap<String, f64>, String> {
    let figures = match verb {
        Verb::Train => {
            let (out, manner) = (Some(folder.to_path_buf()), Manner::Resume);
            let own = Options { out, manner, quiet: true, threads: None, ..options.clone() };
            train(&spec, &own).map(|trained| trained.figures())
        }
        _ => simulate(spec, &[]).map(|came| came.figures),
    };
    figures.map_err(|error| error.to_string())
}

/// The figures of a simulation, but for those that are expected of a file alone.
const SETTLED: [&str; 7] = [
    "samples",
    "settled",
    "accuracy",
    "settling-time",
    "settling-time-median",
    "residual",
    "clipped",
];

/// The names of all figures that a run of a file can have.
pub fn figure_names(verb: Verb, expected: &[Expect]) -> Vec<String> {
    let own = if verb == Verb::Train { &TRAINED[..] } else { &SETTLED[..] };
    let expected = expected.iter().filter(|expect| expect.is_of(verb)).map(|e| e.figure.as_str());
    let mut names: Vec<String> = own.iter().copied().chain(expected).map(String::from).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The folder of a chip at a point that is a run of its own.
pub fn own_folder(folder: &Path, Task { point, chip }: Task) -> PathBuf {
    folder.join(POINTS).join(format!("{point:04}-{chip:03}"))
}

/// Options for a run of its own, taken up where it was.
fn own_options(folder: &Path, task: Task, options: &Options) -> Options {
    Options {
        out: Some(own_folder(folder, task)),
        quiet: true,
        manner: Manner::Resume,
        threads: None,
        ..options.clone()
    }
}

fn simulate(mut spec: Spec, claims: &[&Claim]) -> Result<Came, RunError> {
    // Of the way there nothing is kept but its ends.
    spec.simulate.points = 2;
    let found = find(&spec, &ProgressBar::hidden())?;
    let totals = expect::totals(&found, 0.0);
    let mut notes = found.notes.clone();
    let mut judge =
        |expect: &[Expect]| expect::evaluate(expect, Verb::Simulate, &found, &totals, &mut notes);
    let mut expect = judge(&spec.expect);
    for claim in claims {
        let judged = judge(std::slice::from_ref(&claim.expect)).into_iter();
        expect.extend(judged.map(|e| ExpectRecord { at: claim.at.clone(), ..e }));
    }
    let fraction = totals.settled as f64 / totals.samples.max(1) as f64;
    let known = SETTLED.into_iter().zip([
        Some(totals.samples as f64),
        (totals.samples > 0).then_some(fraction),
        totals.accuracy,
        totals.settling_time_largest,
        totals.settling_time_median,
        totals.residual_largest,
        Some(totals.clipped as f64),
    ]);
    // Voltages of nodes are figures where something is promised of them.
    let judged = expect.iter().map(|e| (e.figure.as_str(), e.value));
    let figures = known.chain(judged);
    let finite = figures.filter_map(|(name, value)| Some((name, value.filter(|v| v.is_finite())?)));
    let figures = finite.map(|(name, value)| (name.to_string(), value)).collect();
    Ok(Came { figures, expect, notes })
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}
