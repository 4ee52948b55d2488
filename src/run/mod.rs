//! Does what a verb asks, and records it.
//!
//! A run leaves a folder of plain records (see [`record`]); pictures and tables for people are
//! made from those alone, by [`crate::report`].

pub mod gradcheck;
pub mod record;
pub mod tensors;

mod checkpoint;
mod contents;
mod crew;
mod devices;
mod digests;
mod error;
mod evaluate;
mod expect;
mod interrupt;
mod lasting;
mod margin;
mod network;
mod output;
pub mod reproduce;
mod started;
mod study;
mod sweep;
mod train;
mod write;

pub use crew::{Crew, CrewError, launched};
pub use error::RunError;
pub use evaluate::{Evaluation, evaluate};
pub use gradcheck::{GradcheckRecord, Gradchecked, gradcheck};
pub use interrupt::Interrupt;
pub use lasting::Manner;
pub use margin::{
    Drop, EVALUATIONS, MARGIN, Margin, MarginAsk, MarginError, MarginKey, Margins, margin,
};
pub(crate) use output::replace_file;
pub use record::{ExpectRecord, SampleRecord, Summary};
pub(crate) use sweep::figure_names;
pub use sweep::record as sweep_record;
pub use sweep::{Shard, Swept, assist, merge, sweep};
use train::TRAINED;
pub use train::{Trained, train};
pub use write::WaveForm;

use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::compile::{Chip, compile, fabricate};
use crate::data::waves::Waves;
use crate::engine::{Behavioural, Circuit, Engine, Ideal};
use crate::model::EnergyModel;
use crate::numerics::seed::Seed;
use crate::spec::{Analysis, Fidelity, Hardware, NonIdeal, Simulate, Spec, Subject, Verb};
use network::Layout;
use output::Staging;
use record::{Head, RunRecord, StudyRecord, SubjectRecord, Work};
use started::Started;
use tensors::Tensor;
use write::{Table, Value};

/// How to run, beside what the file says.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The output folder; `None` is `reports/<title>`.
    pub out: Option<PathBuf>,
    /// The command line, for the record.
    pub command: String,
    /// No progress on stderr.
    pub quiet: bool,
    /// What the waveforms of a circuit are written as beside ngspice's binary raw files. Of a
    /// sweep, Parquet is its table.
    pub also: Vec<WaveForm>,
    /// The part of a sweep to make; `None` makes all of it.
    pub shard: Option<Shard>,
    /// What to do with a run that is already there, for verbs that run long.
    pub manner: Manner,
    /// Worker threads; `None` takes one a core. Results do not depend on it. Of a sweep, so many
    /// points are worked on at a time.
    pub threads: Option<usize>,
    /// To stop from a signal handler.
    pub interrupt: Interrupt,
    /// The processes that share a sweep or a training; each calls it with the same file.
    pub crew: Crew,
}

impl Options {
    /// Where the run will be written: `reports/<title>` (of a SPICE deck `reports/<file>`), and for another verb than `simulate`
    /// `reports/<title>-<verb>`.
    pub fn folder(&self, spec: &Spec, verb: Verb) -> PathBuf {
        self.out.clone().unwrap_or_else(|| {
            // The title of a deck is a sentence.
            let stem = spec.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let title = spec.title.clone();
            let name = if spec.is_deck() { stem.unwrap_or(title) } else { title };
            let name = name.replace(['/', '\\'], "-");
            let usable = !name.chars().all(|c| c == '.' || c.is_whitespace());
            let name = if usable { name.as_str() } else { "run" };
            Path::new("reports").join(match verb {
                Verb::Simulate => name.to_string(),
                other => format!("{name}-{}", other.name()),
            })
        })
    }
}

/// A finished run, on the disk.
#[derive(Debug, Clone)]
pub struct Finished {
    pub folder: PathBuf,
    pub summary: Summary,
}

impl Finished {
    /// The expectations that failed.
    pub fn failed(&self) -> impl Iterator<Item = &ExpectRecord> {
        self.summary.run.head.expect.iter().filter(|e| !e.passed)
    }
}

/// What an engine found, as records.
struct Found {
    subject: SubjectRecord,
    clock: Option<String>,
    samples: Vec<SampleRecord>,
    op: Option<Vec<Value>>,
    waveforms: Option<Table>,
    trace: Vec<Tensor>,
    chip: Vec<Tensor>,
    cells: usize,
    clipped: usize,
    /// Of each cell as fabricated, where cells are verified.
    pulses: Option<f64>,
    work: Work,
    notes: Vec<String>,
    /// Waveforms of a circuit, by file name.
    waves: Vec<(String, Waves)>,
    study: Option<StudyRecord>,
}

/// Runs a file as its `[simulate]` says and writes the records of the run.
///
/// The folder is made and tested for writing before the first second of work, filled beside its
/// final place, and swapped in whole; an earlier run there is replaced only then.
///
/// # Errors
/// When the folder cannot be used or written, holds something that is not a run, or when the run
/// is interrupted. Samples that do not settle are results.
pub fn simulate(spec: &Spec, options: &Options) -> Result<Finished, RunError> {
    let started = Started::now();
    let staging = Staging::prepare(
        Verb::Simulate,
        &options.folder(spec, Verb::Simulate),
        &options.interrupt,
    )?;
    let progress = spinner(options.quiet);

    let found = in_pool(options.threads, || find(spec, &progress))??;

    progress.set_message("recording");
    let summary = record_all(spec, Verb::Simulate, options, &started, found, &staging)?;
    let folder = staging.publish()?;
    progress.finish_and_clear();
    Ok(Finished { folder, summary })
}

/// What `[simulate]` of a file asks for, with nothing written.
fn find(spec: &Spec, progress: &ProgressBar) -> Result<Found, RunError> {
    match &spec.subject {
        Subject::Network { model, hardware, nonideal } => {
            network(spec, model, hardware, nonideal, progress)
        }
        Subject::Chain(_) => Err(RunError::OfChain {
            file: spec.path.display().to_string(),
            what: "a settling by itself".to_string(),
            instead: "`train` and `gradcheck` run its blocks".to_string(),
        }),
        Subject::Devices { netlist, ports: Some(ports) } => {
            let layout = Layout::of_ports(ports);
            let mut engine =
                Circuit::from_netlist((**netlist).clone(), ports.clone(), spec.simulate.analysis);
            progress.set_message("settling");
            network::settle(&mut engine, &layout, &spec.simulate, |_| Vec::new())
        }
        Subject::Devices { netlist, ports: None } => {
            if let Some(study) = &spec.study {
                return Ok(study::run(netlist, &spec.title, study, progress));
            }
            progress.set_message("solving");
            Ok(devices::analyse(netlist, &spec.simulate))
        }
    }
}

/// Model, chip, engine, equilibrium.
fn network(
    spec: &Spec,
    model: &EnergyModel,
    hardware: &Hardware,
    nonideal: &NonIdeal,
    progress: &ProgressBar,
) -> Result<Found, RunError> {
    let simulate = &spec.simulate;
    progress.set_message("compiling");
    let chip = (simulate.engine != Fidelity::Ideal)
        .then(|| chip(model, hardware, nonideal, spec.chip_seed));
    progress.set_message("settling");
    on_engine(model, chip, simulate)
}

/// The samples of `[simulate]` on its engine, with what is known of the chip.
fn on_engine(
    model: &EnergyModel,
    chip: Option<Chip>,
    simulate: &Simulate,
) -> Result<Found, RunError> {
    let parameters = network::chip_tensors(model, chip.as_ref());
    let cells = chip.as_ref().map_or(0, network::cell_count);
    let clipped = chip.as_ref().map_or(0, |chip| chip.fabric.clipped.len());
    let verified = chip.as_ref().filter(|chip| chip.nonideal.programming.verify.is_some());
    let pulses = verified.map(|chip| chip.programmed().pulses as f64 / cells.max(1) as f64);
    let mut engine = make_engine(simulate, model, chip);
    let layout = Layout::of_model(model);
    let found =
        network::settle(&mut *engine, &layout, simulate, |settled| model.energy(&settled.state))?;
    Ok(Found { chip: parameters, cells, clipped, pulses, ..found })
}

/// The engine of a file, on its chip if it has one.
fn make_engine(simulate: &Simulate, model: &EnergyModel, chip: Option<Chip>) -> Box<dyn Engine> {
    match (simulate.engine, chip) {
        (Fidelity::Ideal, _) | (_, None) => Box::new(Ideal::new(model.clone(), simulate.solver)),
        (Fidelity::Behavioural, Some(chip)) => Box::new(Behavioural::new(chip, simulate.precision)),
        (Fidelity::Circuit, Some(chip)) => Box::new(Circuit::from_chip(chip, simulate.analysis)),
    }
}

/// The chip of a file: the model mapped onto conductances and fabricated with its `chip-seed`.
pub fn chip(model: &EnergyModel, hardware: &Hardware, nonideal: &NonIdeal, seed: u64) -> Chip {
    let fabric = compile(model, hardware);
    fabricate(&fabric, nonideal, Seed::new(seed).child("chip"))
}

fn record_all(
    spec: &Spec,
    verb: Verb,
    options: &Options,
    started: &Started,
    found: Found,
    staging: &Staging,
) -> Result<Summary, RunError> {
    let totals = expect::totals(&found, started.elapsed());
    let mut notes = [&spec.notes[..], &found.notes[..]].concat();
    let expect = expect::evaluate(&spec.expect, verb, &found, &totals, &mut notes);
    let run = RunRecord {
        head: Head { expect, notes, ..head(spec, options, verb, started) },
        analysis: match spec.simulate.analysis {
            Analysis::Op => "op",
            Analysis::Tran => "tran",
        }
        .to_string(),
        clock: found.clock.clone(),
        settled: spec.simulate.settled,
        nudge: spec.simulate.nudge,
        subject: found.subject.clone(),
        totals,
        study: found.study.clone(),
    };
    write::records(spec, &found, &run, &options.also, staging)?;
    let samples = found.samples.iter().map(Into::into).collect();
    Ok(Summary { run, samples })
}

/// What is known of a run before its results.
fn head(spec: &Spec, options: &Options, verb: Verb, started: &Started) -> Head {
    Head {
        verb: verb.name().to_string(),
        title: spec.title.clone(),
        engine: engine_word(spec).to_string(),
        seed: spec.seed,
        version: env!("CARGO_PKG_VERSION").to_string(),
        command: options.command.clone(),
        file: spec.path.display().to_string(),
        started: started.utc(),
        duration: started.elapsed(),
        expect: Vec::new(),
        notes: Vec::new(),
    }
}

/// The engine that ran: netlists have but one.
fn engine_word(spec: &Spec) -> &'static str {
    match (&spec.subject, spec.simulate.engine) {
        (Subject::Chain(chain), _) => chain.engine_words(),
        (Subject::Devices { .. }, _) | (_, Fidelity::Circuit) => "circuit",
        (_, Fidelity::Ideal) => "ideal",
        (_, Fidelity::Behavioural) => "behavioural",
    }
}

fn in_pool<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, RunError> {
    let Some(threads) = threads else { return Ok(work()) };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| RunError::Threads { threads, message: e.to_string() })?;
    Ok(pool.install(work))
}

/// A line on stderr that says what is being done; hidden where stderr is no terminal.
fn spinner(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
