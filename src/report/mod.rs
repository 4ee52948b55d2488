//! From records to tables and plots. Everything here is made from the folder of a run alone, so
//! an old folder can be drawn again at any time.

pub mod draw;
pub mod figure;
pub mod records;
pub mod signals;

mod convergence;
mod gallery;
mod gradcheck;
mod histograms;
mod index;
mod margin;
mod page;
pub mod preset;
mod questions;
mod reproduction;
mod splitting;
mod statistics;
mod study;
pub mod sweep;
mod training;
mod waveforms;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::run::record::Marker;
use crate::run::replace_file;
use crate::spec::Verb;
use figure::Figure;
use records::Records;

pub use crate::run::record::INDEX;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(
        "{} is not the folder of a run: it has no {}",
        dir.display(),
        crate::run::record::RUN
    )]
    NotARun { dir: PathBuf },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: {message}; the records are damaged: make the run again", path.display())]
    Record { path: PathBuf, line: usize, message: String },
    #[error("{}: {message}; the records are damaged: make the run again", path.display())]
    Tensors { path: PathBuf, message: String },
    #[error(
        "cannot write {}: {source}; the records of the run are whole, and `eqcircuit report` makes \
         the rest from them",
        path.display()
    )]
    Write { path: PathBuf, source: std::io::Error },
}

/// Every figure that the records have data for, in the order of the report.
pub fn figures(records: &Records) -> Vec<Figure> {
    [gallery::figures, convergence::figures, waveforms::figures, histograms::figures]
        .into_iter()
        .flat_map(|make| make(records))
        .collect()
}

/// Makes `index.md` and all figures of a run, as SVG and PNG, beside its records, and returns
/// what was written. The same records give the same bytes.
///
/// # Errors
/// When the folder is not a run's, its records are damaged, or it cannot be written.
pub fn write(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    if dir.join(crate::run::reproduce::REPRODUCE).is_file() {
        return reproduction(dir);
    }
    if dir.join(crate::run::MARGIN).is_file() {
        return put(margin::make(dir)?, dir, INDEX);
    }
    put(make(dir)?, dir, INDEX)
}

/// As [`write()`], of the folder of a reproduction.
///
/// # Errors
/// When its records are damaged, or it cannot be written.
pub fn reproduction(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    if crate::run::reproduce::is_splitting(dir) {
        return put(splitting::make(dir)?, dir, INDEX);
    }
    let mut written = Vec::new();
    for (name, made) in questions::make(dir)? {
        written.extend(put(made, dir, name)?);
    }
    // Last: it names the others.
    written.extend(put(reproduction::make(dir)?, dir, INDEX)?);
    Ok(written)
}

fn put(Made { figures, page }: Made, dir: &Path, name: &str) -> Result<Vec<PathBuf>, ReportError> {
    let mut written = write_figures(&figures, dir)?;
    let path = dir.join(name);
    replace_file(&path, page.as_bytes())
        .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    written.push(path);
    Ok(written)
}

/// Draws figures into a folder, as SVG and PNG, and returns what was written.
fn write_figures(figures: &[Figure], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let drawn: Vec<_> = figures
        .par_iter()
        .map(|figure| {
            let svg = draw::svg(figure);
            let png = draw::png(&svg);
            (svg, png)
        })
        .collect();
    let mut written = Vec::new();
    let mut put = |name: String, bytes: &[u8]| {
        let path = dir.join(name);
        replace_file(&path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
        written.push(path);
        Ok(())
    };
    for (figure, (svg, png)) in figures.iter().zip(drawn) {
        let name = format!("{}.png", figure.name);
        let png = png.map_err(|source| ReportError::Write { path: dir.join(&name), source })?;
        put(format!("{}.svg", figure.name), svg.as_bytes())?;
        put(name, &png)?;
    }
    Ok(written)
}

/// A report, ready to be drawn.
struct Made {
    figures: Vec<Figure>,
    /// Of [`INDEX`].
    page: String,
}

/// Makes what suits the verb that left the records.
fn make(dir: &Path) -> Result<Made, ReportError> {
    let marker: Marker = records::read_run(dir)?;
    match Verb::named(marker.verb()) {
        Some(Verb::Gradcheck) => gradcheck::make(dir),
        Some(Verb::Train) => training::make(dir),
        Some(Verb::Sweep) => sweep::make(dir),
        _ => {
            let records = Records::load(dir)?;
            if let Some(study) = &records.run.study {
                return study::make(dir, &records.run, study);
            }
            let figures = figures(&records);
            let page = index::page(&records, &figures, dir);
            Ok(Made { figures, page })
        }
    }
}
