use std::path::Path;

use super::simulate::{expectation, number, shown};
use super::terminal::Terminal;
use super::{DONE, EXPECTATION_FAILED, Edits, Failure};
use crate::report;
use crate::run::gradcheck::{AgreementRecord, GradcheckRecord, TensorRecord};
use crate::run::{self, Gradchecked, Options, RunError};
use crate::units::{Dimension, format_short};

pub(super) fn run(
    file: &Path,
    options: Options,
    edits: &Edits,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let spec = edits.load(file)?;
    let checked = run::gradcheck(&spec, &options).map_err(|error: RunError| Failure::Other {
        code: error.exit_code(),
        message: error.to_string(),
    })?;
    report::write(&checked.folder).map_err(Failure::input)?;
    terminal.say(&summary(&checked, terminal));
    if terminal.json {
        terminal.document(&checked.record)?;
    }
    let failed: Vec<String> = checked.failed().map(expectation).collect();
    if failed.is_empty() {
        return Ok(DONE);
    }
    if terminal.quiet {
        terminal.error(&format!("expectations failed: {}", failed.join("; ")));
    }
    Ok(EXPECTATION_FAILED)
}

/// The check in a table and a few lines.
fn summary(checked: &Gradchecked, terminal: &Terminal) -> String {
    let run = &checked.record;
    let time = format_short(run.head.duration, Dimension::Second);
    let mut lines = vec![format!(
        "{}: gradient of {} samples, {} engine, beta {} {}, {time}",
        run.head.title,
        run.samples,
        run.head.engine,
        number(run.beta),
        run.phases
    )];
    lines.extend(table(run));
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<9} {value}"));
    line("settled", format!("{} of {} in every phase", run.settled, run.samples));
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
    line("report", shown(&checked.folder.join(report::INDEX)));
    lines.join("\n")
}

/// A row a tensor: cosine and norm ratio against either truth, in columns.
fn table(run: &GradcheckRecord) -> Vec<String> {
    if run.tensors.is_empty() {
        return Vec::new();
    }
    let name = run.tensors.iter().map(|t| t.tensor.chars().count()).max().unwrap_or(0).max(6);
    let mut lines = vec![
        format!("  {:name$}  {:^21}  {:^21}", "", "implicit", "finite differences"),
        format!(
            "  {:name$}  {:>11}  {:>8}  {:>11}  {:>8}  {:>7}",
            "tensor", "cosine", "norm", "cosine", "norm", "entries"
        ),
    ];
    lines.extend(run.tensors.iter().map(|t: &TensorRecord| {
        let [implicit, differences] = [t.implicit, t.finite_differences].map(pair);
        format!("  {:name$}  {implicit}  {differences}  {:>7}", t.tensor, t.entries)
    }));
    lines
}

fn pair(agreement: Option<AgreementRecord>) -> String {
    let fixed =
        |v: Option<f64>, digits: usize| v.map_or("-".to_owned(), |v| format!("{v:.digits$}"));
    let cosine = fixed(agreement.and_then(|a| a.cosine), 8);
    let ratio = fixed(agreement.and_then(|a| a.norm_ratio), 5);
    format!("{cosine:>11}  {ratio:>8}")
}
