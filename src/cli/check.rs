use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::Edits;
use super::terminal::Terminal;
use super::{DONE, Failure, WRONG_INPUT};
use crate::diag::Report;

/// A file and what is wrong with it.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a Path,
    ok: bool,
    mistakes: Vec<Mistake>,
}

#[derive(Serialize)]
struct Mistake {
    message: String,
    /// The file the mistake stands in, which may be an included one, or an edit.
    place: Option<Place>,
    label: Option<String>,
    help: Vec<String>,
}

#[derive(Serialize)]
struct Place {
    name: String,
    line: usize,
    column: usize,
    text: String,
}

pub(super) fn run(files: &[PathBuf], edits: &Edits, terminal: &Terminal) -> Result<u8, Failure> {
    let mut checked = Vec::new();
    for file in files {
        let (report, notes) = match edits.load(file) {
            Ok(spec) => (None, spec.notes),
            Err(report) => (Some(report), Vec::new()),
        };
        for note in notes {
            terminal.say(&format!("note: {note}"));
        }
        match &report {
            Some(report) => terminal.mistakes(report),
            None if !terminal.json && !terminal.quiet => {
                terminal.data(format!("ok: {}\n", file.display()).as_bytes())?;
            }
            None => {}
        }
        let mistakes = report.as_ref().map(mistakes).unwrap_or_default();
        checked.push(Checked { file, ok: report.is_none(), mistakes });
    }
    if terminal.json {
        terminal.document(&checked)?;
    }
    Ok(if checked.iter().all(|file| file.ok) { DONE } else { WRONG_INPUT })
}

fn mistakes(report: &Report) -> Vec<Mistake> {
    let sources = report.sources();
    report
        .diagnostics()
        .iter()
        .map(|diagnostic| Mistake {
            message: diagnostic.message.clone(),
            place: diagnostic.span.as_ref().map(|span| {
                let at = sources.locate(span.start);
                Place {
                    name: at.name.to_owned(),
                    line: at.line,
                    column: at.column,
                    text: sources.text(span).to_owned(),
                }
            }),
            label: diagnostic.label.clone(),
            help: diagnostic.help.clone(),
        })
        .collect()
}
