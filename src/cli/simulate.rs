use std::path::Path;

use super::arguments::Edits;
use super::outcome::{conclude, number, shown, verdicts};
use super::terminal::Terminal;
use super::{DONE, EXPECTATION_FAILED, Failure};
use crate::report;
use crate::run::record::{StudyRecord, SubjectRecord};
use crate::run::{self, Finished, Options, WaveForm};
use crate::units::{Dimension, format_short};

/// The words of [`WaveForm`].
pub(super) const FORMS: [&str; 3] = ["ascii", "csv", "parquet"];

/// The forms of these words.
pub(super) fn forms(words: &[String]) -> Result<Vec<WaveForm>, Failure> {
    let form = |word: &String| match word.as_str() {
        "ascii" => Ok(WaveForm::Ascii),
        "csv" => Ok(WaveForm::Csv),
        #[cfg(feature = "parquet")]
        "parquet" => Ok(WaveForm::Parquet),
        other => Err(Failure::input(format!(
            "this eqcircuit was built without {other}: build it with `cargo build --release \
             --features {other}`"
        ))),
    };
    words.iter().map(form).collect()
}

pub(super) fn run(
    file: &Path,
    options: Options,
    edits: &Edits,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let spec = edits.load(file)?;
    finish(&run::simulate(&spec, &options)?, terminal)
}

/// Report, summary and exit code of a settled run.
pub(super) fn finish(finished: &Finished, terminal: &Terminal) -> Result<u8, Failure> {
    report::write(&finished.folder).map_err(Failure::input)?;
    terminal.say(&summary(finished, terminal));
    if terminal.json {
        terminal.document(&finished.summary)?;
    }
    let concluded = conclude(finished.failed(), terminal);
    let failed = finished.summary.run.study.iter().flat_map(|study| &study.analyses);
    let mut code = concluded.unwrap_or(DONE);
    for analysis in failed.filter(|a| !a.done) {
        terminal.error(&format!("{}: {}", analysis.analysis, analysis.message));
        code = EXPECTATION_FAILED;
    }
    Ok(code)
}

/// A run in a few lines.
fn summary(finished: &Finished, terminal: &Terminal) -> String {
    let run = &finished.summary.run;
    if let Some(study) = &run.study {
        return study_summary(finished, study, terminal);
    }
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
    lines.extend(verdicts(&run.head, terminal));
    lines.push(format!("  {:<9} {}", "report", shown(&finished.folder.join(report::INDEX))));
    lines.join("\n")
}

/// A circuit's analyses in a few lines.
fn study_summary(finished: &Finished, study: &StudyRecord, terminal: &Terminal) -> String {
    let run = &finished.summary.run;
    let size = match run.subject {
        SubjectRecord::Devices { devices, nodes } => format!("{devices} devices on {nodes} nodes"),
        SubjectRecord::Network(_) => String::new(),
    };
    let time = format_short(run.totals.wall_time, Dimension::Second);
    let mut lines = vec![format!("{}: {size}, {time}", run.head.title)];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<9} {value}"));
    for a in study.analyses.iter().filter(|a| a.done) {
        let points = if a.points == 1 { "1 point".into() } else { format!("{} points", a.points) };
        let said: Vec<&str> =
            std::iter::once(&*points).chain(a.notes.iter().map(|n| &**n)).collect();
        line(&a.analysis, said.join("; "));
    }
    for m in &study.measures {
        line(
            "measure",
            match (m.value, &m.message) {
                (Some(value), _) => format!("{} = {}", m.name, number(value)),
                (None, why) => format!("{} not taken: {}", m.name, why.as_deref().unwrap_or("")),
            },
        );
    }
    lines.extend(verdicts(&run.head, terminal));
    lines.push(format!("  {:<9} {}", "report", shown(&finished.folder.join(report::INDEX))));
    lines.join("\n")
}
