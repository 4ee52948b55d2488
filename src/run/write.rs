//! The records of a run, file by file.

use std::collections::BTreeMap;
use std::io::Write;

use super::output::Staging;
use super::record::{self, RunRecord, SampleRecord};
use super::{Found, RunError, tensors};
use crate::data::waves::{OPERATING_POINT, Waves};
use crate::data::{raw, table};
use crate::spec::Spec;

/// A line of the operating point.
pub(super) struct Value {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
}

/// Numbers under a header.
pub(super) struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<f64>>,
}

/// A form of waveforms beside ngspice's binary raw file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveForm {
    /// ngspice's raw file as text, `tran.ascii.raw`.
    Ascii,
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
}

impl WaveForm {
    fn write(self, stem: &str, waves: &Waves, staging: &Staging) -> Result<(), RunError> {
        match self {
            WaveForm::Ascii => staging.write(&format!("{stem}.ascii.raw"), |out| {
                raw::write(out, waves, raw::Format::Ascii)
            }),
            // That of an operating point is a record of its own.
            WaveForm::Csv if waves.plot == OPERATING_POINT => Ok(()),
            WaveForm::Csv => {
                staging.write(&format!("{stem}.csv"), |mut out| table::write(&mut out, waves))
            }
            #[cfg(feature = "parquet")]
            WaveForm::Parquet => staging.write(&format!("{stem}.parquet"), |out| {
                let mut bytes = Vec::new();
                crate::data::parquet::write(&mut bytes, waves).map_err(std::io::Error::other)?;
                out.write_all(&bytes)
            }),
        }
    }
}

/// All records; the marker of a run folder comes last.
pub(super) fn records(
    spec: &Spec,
    found: &Found,
    run: &RunRecord,
    also: &[WaveForm],
    staging: &Staging,
) -> Result<(), RunError> {
    let resolved = spec.resolved_for(staging.target());
    staging.write(record::RESOLVED, |out| out.write_all(resolved.as_bytes()))?;
    staging.write(record::RESULTS, |out| {
        for sample in &found.samples {
            serde_json::to_writer(&mut *out, sample)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    staging.write(record::RESULTS_CSV, |out| samples_csv(&found.samples, out))?;
    if let Some(op) = &found.op {
        staging.write(record::OPERATING_POINT, |out| {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(["name", "value", "unit"])?;
            for v in op {
                csv.write_record([&v.name, &number(v.value), v.unit])?;
            }
            csv.flush()
        })?;
    }
    if let Some(table) = &found.waveforms {
        staging.write(record::WAVEFORMS, |out| {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(&table.header)?;
            for row in &table.rows {
                csv.write_record(row.iter().map(|&v| number(v)))?;
            }
            csv.flush()
        })?;
    }
    for (name, tensors) in [(record::TRACE, &found.trace), (record::CHIP, &found.chip)] {
        if !tensors.is_empty() {
            staging.write(name, |out| out.write_all(&tensors::to_bytes(tensors)?))?;
        }
    }
    for (name, waves) in &found.waves {
        staging.write(name, |out| raw::write(out, waves, raw::Format::Binary))?;
        for form in also {
            form.write(name.trim_end_matches(".raw"), waves, staging)?;
        }
    }
    if let Some(study) = found.study.as_ref().filter(|study| !study.measures.is_empty()) {
        let measures: BTreeMap<&str, Option<f64>> =
            study.measures.iter().map(|m| (m.name.as_str(), m.value)).collect();
        staging.write(record::MEASURES, |out| out.write_all(&record::document(&measures)))?;
    }
    staging.write(record::RUN, |out| {
        serde_json::to_writer_pretty(&mut *out, run)?;
        out.write_all(b"\n")
    })
}

fn samples_csv(samples: &[SampleRecord], out: &mut dyn Write) -> std::io::Result<()> {
    let outputs = samples.first().map_or(0, |s| s.outputs.len());
    let parts: Vec<String> =
        samples.first().map_or_else(Vec::new, |s| s.energy.keys().cloned().collect());
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(
        ["sample", "label", "prediction", "outcome", "settling_time_s", "iterations", "residual"]
            .map(String::from)
            .into_iter()
            .chain(parts.iter().map(|part| format!("energy: {part}")))
            .chain((0..outputs).map(|i| format!("output_{i}"))),
    )?;
    for s in samples {
        let head = [
            s.sample.to_string(),
            cell(s.label),
            cell(s.prediction),
            s.outcome.clone(),
            cell(s.settling_time.map(number)),
            cell(s.iterations),
            cell(s.residual.map(number)),
        ];
        let energy = parts.iter().map(|part| cell(s.energy[part].map(number)));
        csv.write_record(
            head.into_iter().chain(energy).chain(s.outputs.iter().map(|v| cell(v.map(number)))),
        )?;
    }
    csv.flush()
}

/// In as many digits as it takes to read back the same number.
pub(super) fn number(v: f64) -> String {
    if v == 0.0 || (1e-4..1e15).contains(&v.abs()) { v.to_string() } else { format!("{v:e}") }
}

/// An empty cell for what is not there.
pub(super) fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}
