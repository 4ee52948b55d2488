use std::path::Path;

use super::arguments::Edits;
use super::outcome::{conclude, number, shown, verdicts};
use super::terminal::Terminal;
use super::{DONE, Failure};
use crate::report;
use crate::run::gradcheck::{AgreementRecord, GradcheckRecord, TensorRecord};
use crate::run::{self, Gradchecked, Options};
use crate::units::{Dimension, format_short};

pub(super) fn run(
    file: &Path,
    options: Options,
    edits: &Edits,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let spec = edits.load(file)?;
    let checked = run::gradcheck(&spec, &options)?;
    report::write(&checked.folder).map_err(Failure::input)?;
    terminal.say(&summary(&checked, terminal));
    if terminal.json {
        terminal.document(&checked.record)?;
    }
    Ok(conclude(checked.failed(), terminal).unwrap_or(DONE))
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
    let settled = format!("{} of {} in every phase", run.settled, run.samples);
    lines.push(format!("  {:<9} {settled}", "settled"));
    lines.extend(verdicts(&run.head, terminal));
    lines.push(format!("  {:<9} {}", "report", shown(&checked.folder.join(report::INDEX))));
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
