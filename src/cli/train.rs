use std::path::Path;

use super::arguments::Edits;
use super::outcome::{conclude, shown, verdicts};
use super::terminal::Terminal;
use super::{DONE, Failure, crew};
use crate::report;
use crate::run::record::TrainRecord;
use crate::run::{self, Options, RunError, Trained};
use crate::units::{Dimension, format_short};

pub(super) fn run(
    file: &Path,
    options: Options,
    edits: &Edits,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let spec = crew::load(edits, file, &options, terminal)?;
    let trained = run::train(&spec, &options);
    if !options.crew.leads() {
        return trained.map(|_| DONE).map_err(Failure::from);
    }
    if let Err(RunError::Stopped { path }) = &trained {
        // What there is so far is worth looking at; its absence is no reason to hide the state.
        if let Err(error) = report::write(path) {
            terminal.say(&error.to_string());
        }
    }
    let trained = trained?;
    report::write(&trained.folder).map_err(Failure::input)?;
    terminal.say(&summary(&trained, terminal));
    if terminal.json {
        terminal.document(&trained.record)?;
    }
    Ok(conclude(trained.failed(), terminal).unwrap_or(DONE))
}

/// A run in a few lines.
fn summary(trained: &Trained, terminal: &Terminal) -> String {
    let TrainRecord { head, epochs, seconds, samples, .. } = &trained.record;
    let time = format_short(*seconds, Dimension::Second);
    let mut lines = vec![format!(
        "{}: {epochs} epochs of {samples} samples, {} engine, {time}",
        head.title, head.engine
    )];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<9} {value}"));
    if let (Some(first), Some(last)) = (trained.epochs.first(), trained.epochs.last()) {
        let before = 100.0 * first.test_accuracy;
        line("test", format!("{:.2} %, from {before:.2} %", 100.0 * last.test_accuracy));
        if let (Some(accuracy), Some(loss)) = (last.train_accuracy, last.train_loss) {
            line("train", format!("{:.2} %, loss {loss:.4}", 100.0 * accuracy));
        }
        if let Some(settled) = last.settled {
            let time = last.settling_time.map(|t| format_short(t, Dimension::Second));
            let time = time.map_or(String::new(), |t| format!(", free phase in {t} on average"));
            line("settled", format!("{:.2} %{time}", 100.0 * settled));
        }
        if last.at_limit > 0 {
            line("window", format!("{} weights are at its edge", last.at_limit));
        }
    }
    lines.extend(verdicts(head, terminal));
    lines.push(format!("  {:<9} {}", "report", shown(&trained.folder.join(report::INDEX))));
    lines.join("\n")
}
