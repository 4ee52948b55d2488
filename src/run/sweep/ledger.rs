//! The folder of a sweep: what is done, and what is known of the sweep as a whole.

use std::collections::BTreeSet;

use super::point;
use super::record::{AxisRecord, DONE, PointRecord, SweepRecord, TIMING, TimingRecord, unit};
use crate::run::lasting::Lasting;
use crate::run::record::{ExpectRecord, RESULTS, RESULTS_CSV, RUN, document, line as line_of};
use crate::run::started::Started;
use crate::run::write::{cell, number};
use crate::run::{Options, RunError, head};
use crate::spec::{Spec, Sweep, Verb};

/// Lines of `results.jsonl` by point, on disk and in memory.
pub struct Ledger {
    lasting: Lasting,
    lines: Vec<Option<String>>,
    record: SweepRecord,
    started: Started,
    /// Wall time of earlier parts \[s\].
    before: f64,
    /// Time inside points, in this part \[s\].
    inside: f64,
    failed: usize,
}

impl Ledger {
    /// Opens the folder with what an earlier part has done; what failed in it is dropped.
    pub fn open(spec: &Spec, sweep: &Sweep, options: &Options) -> Result<Ledger, RunError> {
        let started = Started::now();
        let folder = options.folder(spec, Verb::Sweep);
        let (lasting, resumes) = Lasting::open(Verb::Sweep, &folder, options.manner, spec)?;
        let mut record = blank(spec, sweep, options, &started);
        let mut lines = vec![None; sweep.points()];
        let mut before = 0.0;
        if resumes {
            for line in lasting.lines(RESULTS)? {
                if let Some(point) = done_at(&line, sweep) {
                    lines[point] = Some(line);
                }
            }
            before = ended(&lasting)?;
            if let Some(earlier) = earlier(&lasting) {
                record.head.started = earlier.head.started;
                record.head.command = earlier.head.command;
                record.head.notes = earlier.head.notes;
                (record.jobs, record.busy) = (earlier.jobs, earlier.busy);
                before = before.max(earlier.head.duration);
            }
            let text: String =
                lines.iter().flatten().flat_map(|line| [line.as_str(), "\n"]).collect();
            lasting.replace(RESULTS, text.as_bytes())?;
        }
        let mut ledger = Ledger { lasting, lines, record, started, before, inside: 0.0, failed: 0 };
        ledger.save()?;
        Ok(ledger)
    }

    pub fn folder(&self) -> &std::path::Path {
        self.lasting.folder()
    }

    /// The points that are still to be done.
    pub fn todo(&self) -> Vec<usize> {
        (0..self.lines.len()).filter(|&point| self.lines[point].is_none()).collect()
    }

    /// How many points were tried, and how many of them failed.
    pub fn tried(&self) -> (usize, usize) {
        (self.lines.iter().flatten().count(), self.failed)
    }

    /// Adds what came of a point, on the disk first.
    pub fn enter(&mut self, record: &PointRecord, wall_time: f64) -> Result<(), RunError> {
        let line = line_of(record);
        self.lasting.append(RESULTS, &line)?;
        self.lines[record.point] = Some(line);
        self.failed += usize::from(!record.is_done());
        self.inside += wall_time;
        let ended = self.before + self.started.elapsed();
        let timing = TimingRecord { point: record.point, wall_time, ended };
        self.lasting.append(TIMING, &line_of(&timing))
    }

    /// Notes how busy `jobs` workers were over a wall time \[s\].
    pub fn worked(&mut self, jobs: usize, wall_time: f64) {
        self.record.jobs = jobs;
        self.record.busy = self.inside / (jobs as f64 * wall_time);
    }

    /// Writes `run.json` as things stand.
    pub fn save(&mut self) -> Result<(), RunError> {
        let (tried, failed) = self.tried();
        self.record.done = tried - failed;
        self.record.failed = failed;
        self.record.head.duration = self.before + self.started.elapsed();
        self.lasting.replace(RUN, &document(&self.record))
    }

    /// Writes all results sorted by point, and `run.json` as finished.
    pub fn close(mut self) -> Result<(SweepRecord, Vec<PointRecord>), RunError> {
        let lines: Vec<&str> = self.lines.iter().flatten().map(String::as_str).collect();
        let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
        // From the lines: a sweep that was taken up again has nothing else.
        let points: Vec<PointRecord> =
            lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        self.lasting.replace(RESULTS, text.as_bytes())?;
        self.lasting.replace(RESULTS_CSV, &csv(&self.record.axes, &points))?;
        self.record.head.expect = worst(&points);
        for note in points.iter().flat_map(|point| &point.notes) {
            if !self.record.head.notes.contains(note) {
                self.record.head.notes.push(note.clone());
            }
        }
        self.record.finished = true;
        self.save()?;
        Ok((self.record, points))
    }
}

/// The record of a sweep that has done nothing yet.
fn blank(spec: &Spec, sweep: &Sweep, options: &Options, started: &Started) -> SweepRecord {
    let mut head = head(spec, options, Verb::Sweep, started);
    if sweep.axes.iter().any(|axis| axis.key == "simulate.engine") {
        head.engine = "swept".to_string();
    }
    let axes = sweep.axes.iter().enumerate();
    SweepRecord {
        head,
        axes: axes
            .map(|(i, axis)| AxisRecord { key: axis.key.clone(), values: sweep.words(i) })
            .collect(),
        run: sweep.run.name().to_string(),
        points: sweep.points(),
        done: 0,
        failed: 0,
        jobs: 0,
        busy: 0.0,
        finished: false,
    }
}

/// The point that a line says is done. A line that says nothing is done again.
fn done_at(line: &str, sweep: &Sweep) -> Option<usize> {
    let record: PointRecord = serde_json::from_str(line).ok()?;
    let known = record.point < sweep.points() && record.outcome == DONE;
    (known && record.edits == point::edits(sweep, record.point)).then_some(record.point)
}

/// When the last point ended.
fn ended(lasting: &Lasting) -> Result<f64, RunError> {
    let lines = lasting.lines(TIMING)?;
    let timings = lines.iter().filter_map(|line| serde_json::from_str::<TimingRecord>(line).ok());
    Ok(timings.map(|timing| timing.ended).fold(0.0, f64::max))
}

fn earlier(lasting: &Lasting) -> Option<SweepRecord> {
    serde_json::from_slice(&std::fs::read(lasting.path(RUN)).ok()?).ok()
}

/// Of each promise, where it was kept most narrowly, or broken most widely.
fn worst(points: &[PointRecord]) -> Vec<ExpectRecord> {
    let room = |e: &ExpectRecord| {
        let Some(value) = e.value else { return f64::NEG_INFINITY };
        let below = e.at_least.map_or(f64::INFINITY, |least| value - least);
        below.min(e.at_most.map_or(f64::INFINITY, |most| most - value))
    };
    let mut worst: Vec<ExpectRecord> = Vec::new();
    for e in points.iter().flat_map(|point| &point.expect) {
        match worst.iter_mut().find(|w| w.figure == e.figure) {
            Some(w) if room(e) < room(w) => *w = e.clone(),
            Some(_) => {}
            None => worst.push(e.clone()),
        }
    }
    worst
}

fn csv(axes: &[AxisRecord], points: &[PointRecord]) -> Vec<u8> {
    let figures: BTreeSet<&str> =
        points.iter().flat_map(|point| point.figures.keys().map(String::as_str)).collect();
    let keys = axes.iter().map(|axis| axis.key.clone());
    let named = figures.iter().map(|name| match unit(name) {
        "" => name.to_string(),
        unit => format!("{name}_{unit}"),
    });
    let header: Vec<String> = ["point".to_string()]
        .into_iter()
        .chain(keys)
        .chain(["outcome".to_string()])
        .chain(named)
        .chain(["message".to_string()])
        .collect();
    let rows = points.iter().map(|point| {
        let values = axes.iter().map(|axis| cell(point.edits.get(&axis.key)));
        let figures =
            figures.iter().map(|name| cell(point.figures.get(*name).copied().map(number)));
        let row: Vec<String> = [point.point.to_string()]
            .into_iter()
            .chain(values)
            .chain([point.outcome.clone()])
            .chain(figures)
            .chain([point.message.clone().unwrap_or_default()])
            .collect();
        row
    });
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in [header].into_iter().chain(rows) {
        table.write_record(row).expect("all rows are as long as the header");
    }
    table.into_inner().expect("a vector takes everything")
}
