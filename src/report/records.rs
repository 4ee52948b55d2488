//! The records of a run, read back.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::ReportError;
use crate::run::record::{self, RunRecord, SampleRecord};
use crate::run::tensors::{self, Tensor};

/// Everything that figures and tables are made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    pub run: RunRecord,
    pub samples: Vec<SampleRecord>,
    /// By name; empty where the run has none.
    pub trace: BTreeMap<String, Tensor>,
    pub chip: BTreeMap<String, Tensor>,
    /// Name, value and unit.
    pub operating_point: Vec<(String, f64, String)>,
    pub waveforms: Option<Waveforms>,
}

/// Columns against the first one, which is time.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveforms {
    pub header: Vec<String>,
    pub rows: Vec<Vec<f64>>,
}

impl Records {
    /// Reads the folder of a run.
    ///
    /// # Errors
    /// When it is not one, or a record is missing, truncated or not what it should be; the file
    /// and line are named.
    pub fn load(dir: &Path) -> Result<Records, ReportError> {
        let run: RunRecord = read_run(dir)?;
        let samples = read_samples(dir, &run)?;
        let has = |name: &str| dir.join(name).exists();
        Ok(Records {
            trace: if has(record::TRACE) {
                read_tensors(dir, record::TRACE)?
            } else {
                BTreeMap::new()
            },
            chip: if has(record::CHIP) {
                read_tensors(dir, record::CHIP)?
            } else {
                BTreeMap::new()
            },
            operating_point: if has(record::OPERATING_POINT) {
                read_operating_point(dir)?
            } else {
                Vec::new()
            },
            waveforms: has(record::WAVEFORMS).then(|| read_waveforms(dir)).transpose()?,
            run,
            samples,
        })
    }
}

/// The marker of a run folder, as the record of its verb.
pub(super) fn read_run<T: DeserializeOwned>(dir: &Path) -> Result<T, ReportError> {
    let path = dir.join(record::RUN);
    if !path.is_file() {
        return Err(ReportError::NotARun { dir: dir.to_path_buf() });
    }
    let bytes = read(&path)?;
    serde_json::from_slice(&bytes).map_err(|e| ReportError::Record {
        line: e.line(),
        message: e.to_string(),
        path,
    })
}

/// A file of one record a line. Where the run is not `finished`, a last line that was cut short is
/// left out, and a file that is not there holds none: what a killed run had not written is no
/// damage.
pub(super) fn read_lines<T: DeserializeOwned>(
    dir: &Path,
    name: &str,
    finished: bool,
) -> Result<Vec<T>, ReportError> {
    let path = dir.join(name);
    let wrong =
        |line: usize, message: String| ReportError::Record { path: path.clone(), line, message };
    let text = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !finished => String::new(),
        text => text.map_err(|source| ReportError::Read { path: path.clone(), source })?,
    };
    let whole = match finished {
        true => text.as_str(),
        false => text.rfind('\n').map_or("", |end| &text[..end]),
    };
    let mut records = Vec::new();
    for (i, line) in whole.lines().enumerate() {
        let record = serde_json::from_str(line)
            .map_err(|e| wrong(i + 1, format!("not a whole record, perhaps cut short: {e}")))?;
        records.push(record);
    }
    Ok(records)
}

fn read_samples(dir: &Path, run: &RunRecord) -> Result<Vec<SampleRecord>, ReportError> {
    let samples: Vec<SampleRecord> = read_lines(dir, record::RESULTS, true)?;
    let expected = run.totals.samples;
    if samples.len() != expected {
        let message = format!("ends after {} of the run's {expected} samples", samples.len());
        let path = dir.join(record::RESULTS);
        return Err(ReportError::Record { path, line: samples.len() + 1, message });
    }
    Ok(samples)
}

/// Tensors by name.
pub(super) fn read_tensors(
    dir: &Path,
    name: &str,
) -> Result<BTreeMap<String, Tensor>, ReportError> {
    let path = dir.join(name);
    let tensors = tensors::from_bytes(&read(&path)?)
        .map_err(|message| ReportError::Tensors { path, message })?;
    Ok(tensors.into_iter().map(|t| (t.name.clone(), t)).collect())
}

fn read_operating_point(dir: &Path) -> Result<Vec<(String, f64, String)>, ReportError> {
    let (_, rows) = read_csv(&dir.join(record::OPERATING_POINT), |row| {
        let value = number(row.get(1).unwrap_or_default())?;
        Ok((row[0].to_string(), value, row.get(2).unwrap_or_default().to_string()))
    })?;
    Ok(rows)
}

fn read_waveforms(dir: &Path) -> Result<Waveforms, ReportError> {
    let (header, rows) =
        read_csv(&dir.join(record::WAVEFORMS), |row| row.iter().map(number).collect())?;
    Ok(Waveforms { header, rows })
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// The header of a table and what `row` makes of its lines.
fn read_csv<T>(
    path: &Path,
    row: impl Fn(&csv::StringRecord) -> Result<T, String>,
) -> Result<(Vec<String>, Vec<T>), ReportError> {
    let wrong = |line: u64, message: String| ReportError::Record {
        path: path.into(),
        line: line as usize,
        message,
    };
    let mut table = csv::Reader::from_reader(std::io::Cursor::new(read(path)?));
    let header = table.headers().map_err(|e| wrong(1, e.to_string()))?;
    let header = header.iter().map(String::from).collect();
    let mut rows = Vec::new();
    for record in table.records() {
        let record = record.map_err(|e| {
            wrong(e.position().map_or(0, csv::Position::line), format!("a row does not fit: {e}"))
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(row(&record).map_err(|message| wrong(line, message))?);
    }
    Ok((header, rows))
}

fn read(path: &Path) -> Result<Vec<u8>, ReportError> {
    std::fs::read(path).map_err(|source| ReportError::Read { path: path.into(), source })
}
