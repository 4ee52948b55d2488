//! A circuit with everything that is asked of it: analyses run and turned into records.

use std::collections::{BTreeMap, HashMap};

use indicatif::ProgressBar;

use super::Found;
use super::network::work;
use super::record::{AnalysisRecord, MeasureRecord, SampleRecord, StudyRecord, SubjectRecord};
use super::write::Value;
use crate::data::waves::{OPERATING_POINT, Waves};
use crate::engine::{self, AnalysisRun, Outcome, Stats};
use crate::netlist::Netlist;
use crate::spec::Study;

/// Runs every analysis; each is a sample of the run.
pub(super) fn run(netlist: &Netlist, title: &str, study: &Study, progress: &ProgressBar) -> Found {
    let done = engine::study(netlist, study, &mut |at| {
        progress.set_message(format!("{} {:.0} %", at.word, 100.0 * at.share));
    });
    let names = file_names(&done.results);
    let analyses = done.results.iter().zip(&names).map(|(run, file)| analysis(run, file));
    let measures =
        study.measures.iter().zip(&done.measures).map(|(asked, (name, found))| MeasureRecord {
            name: name.clone(),
            analysis: asked.analysis.clone(),
            value: found.as_ref().ok().copied(),
            message: found.as_ref().err().cloned(),
        });
    let record = StudyRecord { analyses: analyses.collect(), measures: measures.collect() };
    let samples = done.results.iter().enumerate().map(|(k, run)| sample(k, &run.outcome));
    let op = done.results.iter().find(|run| run.waves.plot == OPERATING_POINT);
    let sum = done.results.iter().fold(Stats::default(), |sum, run| sum + run.stats);
    Found {
        subject: SubjectRecord::Devices {
            nodes: netlist.node_count(),
            devices: netlist.devices().len(),
        },
        clock: None,
        samples: samples.collect(),
        op: op.filter(|run| run.waves.points() > 0).map(|run| values(&run.waves)),
        waveforms: None,
        trace: Vec::new(),
        chip: Vec::new(),
        cells: 0,
        clipped: 0,
        pulses: None,
        work: work(&sum),
        notes: Vec::new(),
        waves: names
            .into_iter()
            .zip(done.results)
            .filter_map(|(name, run)| Some((name?, Waves { title: title.into(), ..run.waves })))
            .collect(),
        study: Some(record),
    }
}

/// `tran.raw`, and `tran-2.raw` for a second of the kind; none for what has no results.
fn file_names(runs: &[AnalysisRun]) -> Vec<Option<String>> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    runs.iter()
        .map(|run| {
            let count = seen.entry(run.word.as_str()).or_default();
            *count += 1;
            let stem = match *count {
                1 => run.word.to_string(),
                n => format!("{}-{n}", run.word),
            };
            (run.waves.points() > 0).then(|| format!("{stem}.raw"))
        })
        .collect()
}

fn analysis(run: &AnalysisRun, file: &Option<String>) -> AnalysisRecord {
    AnalysisRecord {
        analysis: run.word.to_string(),
        plot: run.waves.plot.clone(),
        file: file.clone(),
        points: run.waves.points(),
        outcome: run.outcome.word().to_string(),
        done: run.outcome.is_settled(),
        message: run.outcome.to_string(),
        notes: run.notes.clone(),
        work: work(&run.stats),
    }
}

fn sample(place: usize, outcome: &Outcome) -> SampleRecord {
    SampleRecord {
        sample: place,
        label: None,
        prediction: None,
        outcome: outcome.word().to_string(),
        message: outcome.to_string(),
        settling_time: None,
        iterations: None,
        residual: None,
        outputs: Vec::new(),
        energy: BTreeMap::new(),
    }
}

/// The last point of real results.
fn values(waves: &Waves) -> Vec<Value> {
    let last = waves.points() - 1;
    let value = |column: &crate::data::waves::Column| Value {
        name: column.name.clone(),
        value: column.values.at(last)[0],
        unit: column.kind.unit(),
    };
    waves.signals().iter().map(value).collect()
}
