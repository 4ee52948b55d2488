//! The report of a circuit: its analyses, what was measured, and a picture of each.

use std::path::Path;

use super::figure::Figure;
use super::page::{digits, quantity, table};
use super::{Made, ReportError, signals};
use crate::data::raw;
use crate::data::signal::Signal;
use crate::data::waves::{ColumnKind, Waves};
use crate::run::record::{self, AnalysisRecord, RunRecord, StudyRecord, SubjectRecord};

/// Most curves of a kind in a picture that nobody asked for in detail.
const CURVES: usize = 6;
/// Most values of an operating point in the table.
const VALUES: usize = 40;

pub(super) fn make(dir: &Path, run: &RunRecord, study: &StudyRecord) -> Result<Made, ReportError> {
    let mut figures = Vec::new();
    let mut point = None;
    for analysis in &study.analyses {
        let Some(file) = &analysis.file else { continue };
        let path = dir.join(file);
        let damaged =
            |message: String| ReportError::Record { path: path.clone(), line: 1, message };
        let mut plots = raw::read(&path).map_err(|fault| damaged(fault.to_string()))?;
        let waves = plots.pop().ok_or_else(|| damaged("holds no waveforms".into()))?;
        if waves.axis().is_none() {
            point.get_or_insert(waves);
        } else if let Some(name) = figure_name(analysis)
            && figures.iter().all(|f: &Figure| f.name != name)
            && let Some(figure) = signals::figure(&waves, &shown(&waves), [None, None])
        {
            figures.push(Figure { name, ..figure });
        }
    }
    let page = page(dir, run, study, point.as_ref(), &figures);
    Ok(Made { figures, page })
}

fn figure_name(analysis: &AnalysisRecord) -> Option<&'static str> {
    ["dc", "tran", "ac", "noise"].into_iter().find(|word| *word == analysis.analysis)
}

/// The first voltages; where there are none, the first columns.
fn shown(waves: &Waves) -> Vec<Signal> {
    let volts = waves.signals().iter().filter(|c| c.kind == ColumnKind::Voltage);
    let volts: Vec<Signal> = volts.take(CURVES).map(Signal::of).collect();
    match volts.is_empty() {
        false => volts,
        true => waves.signals().iter().take(CURVES).map(Signal::of).collect(),
    }
}

fn page(
    dir: &Path,
    run: &RunRecord,
    study: &StudyRecord,
    point: Option<&Waves>,
    figures: &[Figure],
) -> String {
    let mut page = String::new();
    let mut rows = Vec::new();
    if let SubjectRecord::Devices { nodes, devices } = run.subject {
        rows.push(("circuit", format!("{devices} devices on {nodes} nodes")));
    }
    super::page::head(&mut page, &run.head, rows);
    page += "## Analyses\n\n";
    table(
        &mut page,
        &["analysis", "points", "outcome", "notes"],
        study.analyses.iter().map(|a| {
            let notes = a.notes.join("; ");
            vec![a.analysis.clone(), a.points.to_string(), a.message.clone(), notes]
        }),
    );
    if !study.measures.is_empty() {
        page += "## Measured\n\nIn SI units.\n\n";
        table(
            &mut page,
            &["figure", "of", "value"],
            study.measures.iter().map(|m| {
                let value = match (m.value, &m.message) {
                    (Some(value), _) => digits(value, 7),
                    (None, Some(why)) => format!("not taken: {why}"),
                    (None, None) => "not taken".to_string(),
                };
                vec![m.name.clone(), m.analysis.clone(), value]
            }),
        );
    }
    if let Some(point) = point {
        operating_point(&mut page, point);
    }
    super::page::figures(&mut page, figures);
    let files = study.analyses.iter().filter_map(|a| {
        Some((a.file.as_deref()?, "waveforms, an ngspice raw file: `eqcircuit plot` draws it"))
    });
    let files: Vec<(&str, &str)> = record::FILES.into_iter().chain(files).collect();
    super::page::files(&mut page, &files, dir);
    page
}

fn operating_point(page: &mut String, point: &Waves) {
    *page += "## Operating point\n\n";
    let last = point.points().saturating_sub(1);
    let columns = point.signals().iter().filter(|c| !c.values.is_empty()).take(VALUES);
    let row = |c: &crate::data::waves::Column| {
        vec![format!("`{}`", c.name), quantity(c.values.at(last)[0], c.kind.unit())]
    };
    table(page, &["", ""], columns.map(row));
    if point.signals().len() > VALUES {
        *page +=
            &format!("{VALUES} of {} values; all are in the raw file.\n\n", point.signals().len());
    }
}
