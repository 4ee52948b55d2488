//! How a run ended, for people.

use std::path::Path;

use super::terminal::Terminal;
use super::{EXPECTATION_FAILED, Failure};
use crate::run::record::Head;
use crate::run::{ExpectRecord, RunError};

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        Failure::Other { code: error.exit_code(), message: error.to_string() }
    }
}

/// The exit code where expectations failed; when nothing else is said they are named.
pub(super) fn conclude<'a>(
    failed: impl Iterator<Item = &'a ExpectRecord>,
    terminal: &Terminal,
) -> Option<u8> {
    let failed: Vec<String> = failed.map(expectation).collect();
    if failed.is_empty() {
        return None;
    }
    if terminal.quiet {
        terminal.error(&format!("expectations failed: {}", failed.join("; ")));
    }
    Some(EXPECTATION_FAILED)
}

/// A line for every expectation and note of a run.
pub(super) fn verdicts(head: &Head, terminal: &Terminal) -> Vec<String> {
    let judged = head.expect.iter().map(|expect| {
        let verdict = match expect.passed {
            true => terminal.paint("32", "pass"),
            false => terminal.paint("1;31", "FAIL"),
        };
        format!("  {:<9} {verdict}  {}", "expect", expectation(expect))
    });
    let notes = head.notes.iter().map(|note| format!("  {:<9} {note}", "note"));
    judged.chain(notes).collect()
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
    let place = Some(expect.place()).filter(|place| !place.is_empty());
    let place = place.map(|place| format!(" (at {place})"));
    let bounds: String = least.into_iter().chain(most).chain(place).collect();
    format!("{} = {value}{bounds}", expect.figure)
}
