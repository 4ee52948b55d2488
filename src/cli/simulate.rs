use std::path::Path;

use super::terminal::Terminal;
use super::{DONE, EXPECTATION_FAILED, Edits, Failure};
use crate::report;
use crate::run::record::SubjectRecord;
use crate::run::{self, ExpectRecord, Finished, Options, RunError};
use crate::units::{Dimension, format_short};

pub(super) fn run(
    file: &Path,
    options: Options,
    edits: &Edits,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let spec = edits.load(file)?;
    let finished = run::simulate(&spec, &options).map_err(|error: RunError| Failure::Other {
        code: error.exit_code(),
        message: error.to_string(),
    })?;
    report::write(&finished.folder).map_err(Failure::input)?;
    terminal.say(&summary(&finished, terminal));
    if terminal.json {
        terminal.document(&finished.summary)?;
    }
    let failed: Vec<String> = finished.failed().map(expectation).collect();
    if failed.is_empty() {
        return Ok(DONE);
    }
    if terminal.quiet {
        terminal.error(&format!("expectations failed: {}", failed.join("; ")));
    }
    Ok(EXPECTATION_FAILED)
}

/// A run in a few lines.
fn summary(finished: &Finished, terminal: &Terminal) -> String {
    let run = &finished.summary.run;
    let totals = &run.totals;
    let second = |s| format_short(s, Dimension::Second);
    let size = match run.subject {
        SubjectRecord::Network(_) if totals.samples == 1 => "1 sample".to_owned(),
        SubjectRecord::Network(_) => format!("{} samples", totals.samples),
        SubjectRecord::Devices { devices, nodes } => format!("{devices} devices on {nodes} nodes"),
    };
    let (title, engine, time) = (&run.head.title, &run.head.engine, second(totals.wall_time));
    let mut lines = vec![format!("{title}: {size}, {engine} engine, {time}")];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<9} {value}"));
    let mut settled = match run.subject {
        SubjectRecord::Network(_) => format!("{} of {}", totals.settled, totals.samples),
        SubjectRecord::Devices { .. } => match totals.settled {
            0 => "not within the time given".to_owned(),
            _ => "yes".to_owned(),
        },
    };
    if let (Some(median), Some(largest)) =
        (totals.settling_time_median, totals.settling_time_largest)
    {
        settled += &format!(", median {}, slowest {}", second(median), second(largest));
    }
    line("settled", settled);
    if let Some(accuracy) = totals.accuracy {
        line("accuracy", format!("{:.1} %", 100.0 * accuracy));
    }
    if totals.clipped > 0 {
        line("clipped", format!("{} weights did not fit the cells", totals.clipped));
    }
    for expect in &run.head.expect {
        let verdict = match expect.passed {
            true => terminal.paint("32", "pass"),
            false => terminal.paint("1;31", "FAIL"),
        };
        line("expect", format!("{verdict}  {}", expectation(expect)));
    }
    for note in &run.head.notes {
        line("note", note.clone());
    }
    line("report", shown(&finished.folder.join(report::INDEX)));
    lines.join("\n")
}

/// A path as seen from the current folder.
pub(super) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// A number for people, to six significant digits.
pub(super) fn number(value: f64) -> String {
    let short: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    match short.abs() {
        size if size == 0.0 || (1e-3..1e6).contains(&size) => short.to_string(),
        _ => format!("{short:e}"),
    }
}

/// `accuracy = 0.95, at least 0.9`
pub(super) fn expectation(expect: &ExpectRecord) -> String {
    let value = expect.value.map_or("not known".to_owned(), number);
    let least = expect.at_least.map(|bound| format!(", at least {}", number(bound)));
    let most = expect.at_most.map(|bound| format!(", at most {}", number(bound)));
    let bounds: String = least.into_iter().chain(most).collect();
    format!("{} = {value}{bounds}", expect.figure)
}
