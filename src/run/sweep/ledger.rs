//! The folder of a sweep: what is done, and what is known of the sweep as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::point;
use super::record::{AxisRecord, PointRecord, RangeRecord, SweepRecord, TIMING, TimingRecord};
use super::schedule::{Task, enough};
use super::table;
use crate::run::lasting::{Lasting, damaged_line};
use crate::run::output::inhabitant;
use crate::run::record::{ExpectRecord, RESULTS, RESULTS_CSV, RUN, document, line as line_of};
use crate::run::started::Started;
use crate::run::{Options, RunError, contents, head};
use crate::spec::{Chips, Spec, Sweep, Verb};

/// Lines of `results.jsonl` by run, on disk and in memory. One process writes it, one thread of
/// that.
pub struct Ledger {
    lasting: Lasting,
    lines: BTreeMap<Task, String>,
    record: SweepRecord,
    started: Started,
    /// Wall time of earlier parts \[s\].
    before: f64,
    /// Time inside runs, in this part \[s\].
    inside: f64,
    failed: usize,
}

/// Of each point and chip that is done, the figure that decides how many there are to be.
pub type Known = BTreeMap<usize, BTreeMap<usize, Option<f64>>>;

impl Ledger {
    /// Opens the folder, with what an earlier part has done; what failed in it is dropped.
    pub fn open(
        spec: &Spec,
        sweep: &Sweep,
        options: &Options,
    ) -> Result<(Ledger, Known), RunError> {
        let started = Started::now();
        let folder = own_folder(spec, options)?;
        let (lasting, resumes) = Lasting::open(Verb::Sweep, &folder, options.manner, spec)?;
        let mut record = blank(spec, sweep, options, &started);
        let mut lines = BTreeMap::new();
        let mut known = Known::new();
        let mut before = 0.0;
        if resumes {
            let earlier = earlier(&lasting);
            if let Some(earlier) = &earlier {
                check_shard(&lasting, &record, earlier)?;
            }
            let mut told = BTreeSet::new();
            for (i, line) in lasting.lines(RESULTS)?.into_iter().enumerate() {
                let wrong = |what: String| damaged_line(&lasting.path(RESULTS), i + 1, what);
                let run = run_of(&line, sweep, &record).map_err(wrong)?;
                let task = Task { point: run.point, chip: run.chip };
                if !told.insert(task) {
                    let Task { point, chip } = task;
                    return Err(wrong(format!("chip {chip} at point {point} stands there twice")));
                }
                let (run, line) = match lasting.judges_anew {
                    true => match point::judged_anew(spec, sweep, run) {
                        Some(run) => (run.clone(), line_of(&run)),
                        None => continue,
                    },
                    false => (run, line),
                };
                if run.is_done() {
                    known.entry(task.point).or_default().insert(task.chip, metric(sweep, &run));
                    lines.insert(task, line);
                }
            }
            before = ended(&lasting)?;
            if let Some(earlier) = earlier {
                record.head.started = earlier.head.started;
                record.head.command = earlier.head.command;
                record.head.notes = earlier.head.notes;
                (record.jobs, record.busy) = (earlier.jobs, earlier.busy);
                before = before.max(earlier.head.duration);
            }
            lasting.replace(RESULTS, joined(lines.values()).as_bytes())?;
        }
        let mut ledger = Ledger { lasting, lines, record, started, before, inside: 0.0, failed: 0 };
        ledger.save()?;
        Ok((ledger, known))
    }

    pub fn folder(&self) -> &Path {
        self.lasting.folder()
    }

    /// How many runs failed, in this part.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Adds what came of a run, on the disk first.
    pub fn enter(&mut self, record: &PointRecord, wall_time: f64) -> Result<(), RunError> {
        let line = line_of(record);
        self.lasting.append(RESULTS, &line)?;
        let PointRecord { point, chip, .. } = *record;
        self.lines.insert(Task { point, chip }, line);
        self.failed += usize::from(!record.is_done());
        self.inside += wall_time;
        let ended = self.before + self.started.elapsed();
        let timing = TimingRecord { point, chip, wall_time, ended };
        self.lasting.append(TIMING, &line_of(&timing))
    }

    /// Notes how busy `jobs` workers were over a wall time \[s\].
    pub fn worked(&mut self, jobs: usize, wall_time: f64) {
        self.record.jobs = jobs;
        self.record.busy = self.inside / (jobs as f64 * wall_time);
    }

    /// Writes `run.json` as things stand.
    pub fn save(&mut self) -> Result<(), RunError> {
        self.record.runs = self.lines.len();
        self.record.done = self.lines.len() - self.failed;
        self.record.failed = self.failed;
        self.record.head.duration = self.before + self.started.elapsed();
        self.lasting.replace(RUN, &document(&self.record))
    }

    /// Writes all results sorted by point and chip, without those that were run in advance and are
    /// not needed, and `run.json` as finished.
    ///
    /// # Panics
    /// When a point has too few chips.
    pub fn close(mut self, options: &Options) -> Result<(SweepRecord, Vec<PointRecord>), RunError> {
        // From the lines: a sweep that was taken up again has nothing else.
        let all: Vec<PointRecord> =
            self.lines.values().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let (records, incomplete) = needed(&self.record.chips, all);
        assert!(incomplete.is_empty(), "a worker left without a word: {incomplete:?}");
        let keep: Vec<Task> =
            records.iter().map(|r| Task { point: r.point, chip: r.chip }).collect();
        let folder = self.lasting.folder().to_path_buf();
        self.lines.retain(|task, _| {
            let needed = keep.binary_search(task).is_ok();
            if !needed {
                // Nothing reads it any more; that it cannot be removed does no harm.
                let _ = contents::remove(&point::own_folder(&folder, *task));
            }
            needed
        });
        self.failed = records.iter().filter(|record| !record.is_done()).count();
        self.lasting.replace(RESULTS, joined(self.lines.values()).as_bytes())?;
        self.record.conclude(&records);
        for (name, bytes) in tables(&self.record, &records, options)? {
            self.lasting.replace(name, &bytes)?;
        }
        self.save()?;
        Ok((self.record, records))
    }
}

/// The tables of a finished sweep, by file name.
pub fn tables(
    record: &SweepRecord,
    records: &[PointRecord],
    options: &Options,
) -> Result<Vec<(&'static str, Vec<u8>)>, RunError> {
    #[allow(unused_mut)]
    let mut tables = vec![(RESULTS_CSV, table::csv(&record.axes, records))];
    #[cfg(feature = "parquet")]
    if options.also.contains(&crate::run::WaveForm::Parquet) {
        let name = super::record::RESULTS_PARQUET;
        let bytes = table::parquet(&record.head.title, &record.axes, records).map_err(|fault| {
            RunError::Write {
                path: PathBuf::from(name),
                survives: "the other tables are written".to_string(),
                source: std::io::Error::other(fault),
            }
        })?;
        tables.push((name, bytes));
    }
    #[cfg(not(feature = "parquet"))]
    let _ = options;
    Ok(tables)
}

/// Lines as a file of them.
pub fn joined<'a>(lines: impl Iterator<Item = &'a String>) -> String {
    lines.flat_map(|line| [line.as_str(), "\n"]).collect()
}

impl SweepRecord {
    /// What all runs together say.
    pub(super) fn conclude(&mut self, records: &[PointRecord]) {
        self.head.expect = worst(records);
        for note in records.iter().flat_map(|record| &record.notes) {
            if !self.head.notes.contains(note) {
                self.head.notes.push(note.clone());
            }
        }
        self.runs = records.len();
        self.failed = records.iter().filter(|record| !record.is_done()).count();
        self.done = self.runs - self.failed;
        self.wide = wide(&self.chips, records);
        self.finished = true;
    }
}

/// How many points are not known as well as was asked for.
fn wide(chips: &Chips, records: &[PointRecord]) -> usize {
    let Chips::Until(until) = chips else { return 0 };
    let is_wide = |of_point: &&[PointRecord]| {
        let values: Vec<f64> =
            of_point.iter().filter_map(|r| r.figures.get(&until.metric).copied()).collect();
        !until.is_met(&values)
    };
    records.chunk_by(|a, b| a.point == b.point).filter(is_wide).count()
}

/// Of records sorted by point and chip those that the table has, and the points that lack some.
/// Points without a record are not among these.
pub fn needed(chips: &Chips, records: Vec<PointRecord>) -> (Vec<PointRecord>, Vec<usize>) {
    let (mut kept, mut incomplete) = (Vec::with_capacity(records.len()), Vec::new());
    for of_point in records.chunk_by(|a, b| a.point == b.point) {
        let whole = of_point.iter().enumerate().take_while(|(i, record)| record.chip == *i);
        let metric = |r: &PointRecord| r.figures.get(chips.metric()?).copied();
        match enough(chips, whole.map(|(_, record)| metric(record))) {
            Some(count) => kept.extend_from_slice(&of_point[..count]),
            None => incomplete.push(of_point[0].point),
        }
    }
    (kept, incomplete)
}

/// The figure that decides how many chips there are to be.
pub fn metric(sweep: &Sweep, record: &PointRecord) -> Option<f64> {
    record.figures.get(sweep.chips.metric()?).copied()
}

/// Where the sweep goes: a shard into a folder of its own within that.
fn own_folder(spec: &Spec, options: &Options) -> Result<PathBuf, RunError> {
    let folder = options.folder(spec, Verb::Sweep);
    let Some(shard) = options.shard else { return Ok(folder) };
    // Files of others do no harm beside a shard, but a run owns its folder.
    if let Ok(Some(_)) = inhabitant(&folder) {
        return Err(RunError::ShardInRun { path: folder, shard });
    }
    Ok(folder.join(shard.folder()))
}

/// Refuses to go on with another part of the sweep.
fn check_shard(lasting: &Lasting, here: &SweepRecord, there: &SweepRecord) -> Result<(), RunError> {
    if here.shard == there.shard {
        return Ok(());
    }
    let words = |record: &SweepRecord| match record.shard {
        Some(shard) => format!("shard {shard}"),
        None => "the whole sweep".to_string(),
    };
    let difference = format!("there is {}, here {}", words(there), words(here));
    Err(RunError::AnotherRun { path: lasting.folder().to_path_buf(), difference })
}

/// The record of a sweep that has done nothing yet.
fn blank(spec: &Spec, sweep: &Sweep, options: &Options, started: &Started) -> SweepRecord {
    let mut head = head(spec, options, Verb::Sweep, started);
    if sweep.axes.iter().any(|axis| axis.key == "simulate.engine") {
        head.engine = "swept".to_string();
    }
    let note = |key: &String| {
        format!("the axis `{key}` makes no difference: the engine `ideal` has no chip")
    };
    head.notes = sweep.idle.iter().map(note).collect();
    SweepRecord {
        head,
        design: sweep.design.name().to_string(),
        axes: (0..sweep.axes.len()).map(|axis| axis_record(sweep, axis)).collect(),
        chips: sweep.chips.clone(),
        run: sweep.run.name().to_string(),
        shard: options.shard,
        points: sweep.points(),
        runs: 0,
        done: 0,
        failed: 0,
        wide: 0,
        jobs: 0,
        busy: 0.0,
        finished: false,
    }
}

fn axis_record(sweep: &Sweep, axis: usize) -> AxisRecord {
    let range = sweep.axes[axis].between.as_ref().map(|between| {
        let [from, to] = between.ends();
        RangeRecord { from, to, scale: between.scale().to_string() }
    });
    AxisRecord { key: sweep.axes[axis].key.clone(), values: sweep.words(axis), range }
}

/// The run that a line tells of, which is one of this sweep.
fn run_of(line: &str, sweep: &Sweep, own: &SweepRecord) -> Result<PointRecord, String> {
    let record: PointRecord = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let PointRecord { point, chip, .. } = record;
    let has = |known: bool, what: String| if known { Ok(()) } else { Err(what) };
    has(point < sweep.points(), format!("the sweep has no point {point}"))?;
    has(chip < sweep.chips.at_most(), format!("a point has no chip {chip}"))?;
    let holds = own.shard.is_none_or(|shard| shard.holds(point));
    has(holds, format!("point {point} is of another shard"))?;
    let seed = sweep.chip_seed(point, chip);
    let told = record.chip_seed;
    has(told == seed, format!("`chip_seed` is {told}, that of chip {chip} here {seed}"))?;
    let same = record.edits == point::edits(sweep, point);
    has(same, format!("`edits` are not those of point {point}"))?;
    Ok(record)
}

/// When the last run ended.
fn ended(lasting: &Lasting) -> Result<f64, RunError> {
    let lines = lasting.lines(TIMING)?;
    let timings = lines.iter().filter_map(|line| serde_json::from_str::<TimingRecord>(line).ok());
    Ok(timings.map(|timing| timing.ended).fold(0.0, f64::max))
}

fn earlier(lasting: &Lasting) -> Option<SweepRecord> {
    serde_json::from_slice(&std::fs::read(lasting.path(RUN)).ok()?).ok()
}

/// Of each promise, where it was kept most narrowly, or broken most widely.
fn worst(records: &[PointRecord]) -> Vec<ExpectRecord> {
    let room = |e: &ExpectRecord| {
        let Some(value) = e.value else { return f64::NEG_INFINITY };
        let below = e.at_least.map_or(f64::INFINITY, |least| value - least);
        below.min(e.at_most.map_or(f64::INFINITY, |most| most - value))
    };
    let mut worst: Vec<ExpectRecord> = Vec::new();
    for e in records.iter().flat_map(|record| &record.expect) {
        match worst.iter_mut().find(|w| w.figure == e.figure && w.at == e.at) {
            Some(w) if room(e) < room(w) => *w = e.clone(),
            Some(_) => {}
            None => worst.push(e.clone()),
        }
    }
    worst
}
