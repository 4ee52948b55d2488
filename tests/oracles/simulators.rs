//! The two simulators of a deck, run as programs, and what they leave behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use eqcircuit::data::raw;
use eqcircuit::data::waves::{Values, Waves};
use nalgebra::Complex;

use crate::deck::{Deck, Kind};
use crate::formula::Signals;

const PROGRAM: &str = env!("CARGO_BIN_EXE_eqcircuit");

/// One analysis: columns of one length.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    pub name: String,
    /// In lower case.
    pub names: Vec<String>,
    pub columns: Vec<Vec<Complex<f64>>>,
}

/// What a simulator found of a deck.
#[derive(Debug, Clone, Default)]
pub struct Results {
    pub plots: BTreeMap<Kind, Vec<Plot>>,
    pub measures: BTreeMap<String, f64>,
    /// From start to end of the program \[s\].
    pub seconds: f64,
}

impl Plot {
    pub fn points(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    pub fn kind(&self) -> Option<Kind> {
        Kind::of_plot(&self.name)
    }

    /// The axis, unless this is an operating point.
    pub fn axis_values(&self) -> Option<Vec<f64>> {
        let is_op = self.kind() == Some(Kind::Op);
        (!is_op).then(|| self.columns.first().map(|c| c.iter().map(|z| z.re).collect()))?
    }

    /// Names and columns of all but the axis.
    pub fn signals(&self) -> impl Iterator<Item = (&str, &[Complex<f64>])> {
        let skipped = usize::from(self.kind() != Some(Kind::Op));
        self.names
            .iter()
            .map(String::as_str)
            .zip(self.columns.iter().map(Vec::as_slice))
            .skip(skipped)
    }

    pub fn column(&self, name: &str) -> Option<&[Complex<f64>]> {
        let name = name.to_lowercase();
        self.signals().find(|(known, _)| *known == name).map(|(_, column)| column)
    }
}

impl Signals for Plot {
    fn axis(&self, point: usize) -> Option<f64> {
        (self.kind() != Some(Kind::Op)).then(|| self.columns[0][point].re)
    }

    fn signal(&self, name: &str, point: usize) -> Result<Complex<f64>, String> {
        self.column(name).map(|c| c[point]).ok_or_else(|| format!("there is no {name}"))
    }
}

impl Signals for BTreeMap<String, f64> {
    fn axis(&self, _: usize) -> Option<f64> {
        None
    }

    fn signal(&self, name: &str, _: usize) -> Result<Complex<f64>, String> {
        let value = self.get(name).ok_or_else(|| format!("`{name}` was not measured"))?;
        Ok((*value).into())
    }
}

/// What our program makes of a deck.
pub fn ours(deck: &Deck) -> Result<Results, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let out = folder.path().join("out");
    let start = Instant::now();
    let job = Command::new(PROGRAM)
        .args(["simulate", "--quiet", "--out"])
        .args([&out, &deck.ours])
        .output()
        .map_err(|e| e.to_string())?;
    let mut results = Results { seconds: start.elapsed().as_secs_f64(), ..Results::default() };
    if !job.status.success() {
        return Err(format!("eqcircuit failed with {}: {}", job.status, said(&job)));
    }
    for kind in Kind::ALL {
        for number in 1.. {
            let file = match number {
                1 => out.join(format!("{}.raw", kind.word())),
                _ => out.join(format!("{}-{number}.raw", kind.word())),
            };
            if !file.exists() {
                break;
            }
            let plots = read(&file)?;
            for plot in &plots {
                if plot.kind() != Some(kind) {
                    return Err(format!("{} holds `{}`", file.display(), plot.name));
                }
            }
            results.plots.entry(kind).or_default().extend(plots);
        }
    }
    let file = out.join("measures.json");
    if file.exists() {
        let text = fs::read_to_string(&file).map_err(|e| e.to_string())?;
        let all: BTreeMap<String, Option<f64>> =
            serde_json::from_str(&text).map_err(|e| format!("measures.json: {e}"))?;
        let found = all.into_iter().filter_map(|(name, value)| Some((name.to_lowercase(), value?)));
        results.measures = found.collect();
    }
    Ok(results)
}

/// What ngspice makes of a deck: once for its waveforms and the time, once more to measure.
pub fn ngspice(deck: &Deck) -> Result<Results, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (input, output) = (folder.path().join("deck.cir"), folder.path().join("out.raw"));
    let write = |text: String| fs::write(&input, text).map_err(|e| e.to_string());
    write(deck.spice_text(false))?;
    let start = Instant::now();
    let job = Command::new("ngspice")
        .args(["-b", "-r"])
        .args([&output, &input])
        .current_dir(folder.path())
        .output()
        .map_err(|e| e.to_string())?;
    let mut results = Results { seconds: start.elapsed().as_secs_f64(), ..Results::default() };
    if !job.status.success() || !output.exists() {
        return Err(format!("ngspice failed: {}", said(&job)));
    }
    for plot in read(&output)? {
        if let Some(kind) = plot.kind() {
            results.plots.entry(kind).or_default().push(plot);
        }
    }
    for (kind, &count) in &deck.analyses {
        if results.plots.get(kind).map_or(0, Vec::len) != count {
            return Err(format!("ngspice left no {}: {}", kind.word(), said(&job)));
        }
    }
    if !deck.measures.is_empty() {
        write(deck.spice_text(true))?;
        let job = Command::new("ngspice").arg("-b").arg(&input).current_dir(folder.path()).output();
        let job = job.map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&job.stdout).to_lowercase();
        for (_, _, name) in &deck.measures {
            let value = text.lines().find_map(|line| measured(line, name));
            let value =
                value.ok_or_else(|| format!("ngspice measured no {name}: {}", said(&job)))?;
            results.measures.insert(name.clone(), value);
        }
    }
    Ok(results)
}

/// The number of a line such as `name   =  1.5e-3 at= 2`.
fn measured(line: &str, name: &str) -> Option<f64> {
    let rest = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
    rest.split_whitespace().next()?.parse().ok()
}

/// All plots of a raw file, with names in lower case.
fn read(file: &Path) -> Result<Vec<Plot>, String> {
    let plots = raw::read(file).map_err(|e| format!("{}: {}", file.display(), e.message))?;
    let plot = |waves: Waves| Plot {
        name: waves.plot,
        names: waves.columns.iter().map(|c| c.name.to_lowercase()).collect(),
        columns: waves.columns.iter().map(|c| complex(&c.values)).collect(),
    };
    Ok(plots.into_iter().map(plot).collect())
}

fn complex(values: &Values) -> Vec<Complex<f64>> {
    (0..values.len()).map(|k| values.at(k)).map(|[re, im]| Complex::new(re, im)).collect()
}

/// The last words of a program.
fn said(job: &Output) -> String {
    let text = String::from_utf8_lossy(&job.stdout) + String::from_utf8_lossy(&job.stderr);
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(12)..].join("\n    ")
}
