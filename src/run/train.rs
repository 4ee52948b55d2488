//! Learning in place: epochs of equilibrium propagation, recorded as they end.

mod lines;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use indicatif::ProgressBar;
use rand::seq::SliceRandom;

use super::checkpoint::{Checkpoint, Progress};
use super::lasting::Lasting;
use super::record::{
    CHECKPOINT, CHIP, EpochRecord, ExpectRecord, RESULTS, RESULTS_CSV, RUN, TIMING, TimingRecord,
    TrainRecord, WEIGHTS,
};
use super::started::Started;
use super::tensors::Tensor;
use super::{Options, RunError, chip, expect, in_pool, make_engine, network, record};
use crate::compile::Chip;
use crate::engine::{Behavioural, Engine, Until};
use crate::learn::{Optimiser, Tally, Trainer};
use crate::model::EnergyModel;
use crate::numerics::seed::Seed;
use crate::spec::{Fidelity, Spec, Subject, Train, Verb};
use crate::units::{Dimension, format_short};
use lines::{bar, describe, epoch_record, parsed, table};

/// A training run that came to its end, on the disk.
#[derive(Debug, Clone)]
pub struct Trained {
    pub folder: PathBuf,
    pub record: TrainRecord,
    pub epochs: Vec<EpochRecord>,
}

impl Trained {
    /// The expectations that failed.
    pub fn failed(&self) -> impl Iterator<Item = &ExpectRecord> {
        self.record.head.expect.iter().filter(|e| !e.passed)
    }

    /// What a sweep records of it.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        let last = self.epochs.last();
        let figures = [
            ("test-accuracy", last.map(|e| e.test_accuracy)),
            ("train-accuracy", last.and_then(|e| e.train_accuracy)),
            ("train-loss", last.and_then(|e| e.train_loss)),
            ("initial-test-accuracy", self.epochs.first().map(|e| e.test_accuracy)),
            ("settled", last.and_then(|e| e.settled)),
            ("train-samples", Some(self.record.samples as f64)),
            ("test-samples", Some(self.record.test_samples as f64)),
        ];
        figures.into_iter().filter_map(|(name, v)| Some((name.to_string(), v?))).collect()
    }
}

/// Trains a file's network as its `[train]` says. The folder is written as the run goes: a record
/// and a checkpoint an epoch, so that [`super::Manner::Resume`] goes on to the same bits as a run
/// that was never stopped.
///
/// # Errors
/// When there is no `[train]`, when the folder cannot be used, holds another run or a damaged
/// checkpoint, or when the run is interrupted, which saves its state first.
pub fn train(spec: &Spec, options: &Options) -> Result<Trained, RunError> {
    let Some(train) = &spec.train else {
        return Err(RunError::NoTraining { file: spec.path.display().to_string() });
    };
    let started = Started::now();
    let folder = options.folder(spec, Verb::Train);
    let (lasting, resumes) = Lasting::open(Verb::Train, &folder, options.manner, spec)?;
    options.interrupt.heed();
    let trained = in_pool(options.threads, || {
        let run = Run::open(spec, train, options, lasting, &started, resumes)?;
        run.complete()
    });
    options.interrupt.unheed();
    trained?
}

/// The model of a file on its engine, ready to learn.
pub(super) fn trainer(spec: &Spec, train: &Train) -> Trainer {
    let Subject::Network { model, hardware, nonideal } = &spec.subject else {
        panic!("[train] goes with [model] only");
    };
    let fidelity = spec.simulate.engine;
    let made =
        (fidelity != Fidelity::Ideal).then(|| chip(model, hardware, nonideal, spec.chip_seed));
    let engine = learning_engine(spec, train, model, made);
    let optimiser = Optimiser::new(train.optimiser, train.rate, model);
    Trainer::new(model.clone(), engine, optimiser, train.rule, until(train))
}

fn until(train: &Train) -> Until {
    Until {
        settled: train.settled,
        at_most: train.at_most,
        at_most_iterations: train.at_most_iterations,
    }
}

/// As [`make_engine`], in the precision of `[train]`. Learning asks for equilibria only, so that
/// the way there may be rough; settling times come out a few percent off.
fn learning_engine(
    spec: &Spec,
    train: &Train,
    model: &EnergyModel,
    chip: Option<Chip>,
) -> Box<dyn Engine> {
    match (spec.simulate.engine, chip) {
        (Fidelity::Behavioural, Some(chip)) => {
            Box::new(Behavioural::new(chip, train.precision).with_tolerance(1e-2, 1e-3))
        }
        (_, chip) => make_engine(&spec.simulate, model, chip),
    }
}

/// Puts a checkpoint into a trainer of the same file.
pub(super) fn restore(
    spec: &Spec,
    train: &Train,
    trainer: &mut Trainer,
    checkpoint: Checkpoint,
) -> Result<Progress, String> {
    let chip = trainer.engine.chip().cloned().zip(checkpoint.chip).map(|(mut chip, was)| {
        chip.restore(&checkpoint.model, was.0, was.1);
        chip.restore_reads(checkpoint.reads);
        chip
    });
    let fits = trainer.optimiser.state();
    if fits.second.len() != checkpoint.optimiser.second.len() {
        return Err("its optimiser is another one than the file's".to_string());
    }
    trainer.engine = learning_engine(spec, train, &checkpoint.model, chip);
    trainer.optimiser.restore(checkpoint.optimiser);
    trainer.model = checkpoint.model;
    Ok(checkpoint.progress)
}

/// A run on its way.
struct Run<'a> {
    spec: &'a Spec,
    train: &'a Train,
    options: &'a Options,
    lasting: Lasting,
    started: &'a Started,
    trainer: Trainer,
    progress: Progress,
    epochs: Vec<EpochRecord>,
    record: TrainRecord,
    /// Wall time of earlier parts of the run \[s\].
    before: f64,
    bar: ProgressBar,
    /// When this process began, and how many samples it has learned from.
    pace: (Instant, usize),
}

impl<'a> Run<'a> {
    fn open(
        spec: &'a Spec,
        train: &'a Train,
        options: &'a Options,
        lasting: Lasting,
        started: &'a Started,
        resumes: bool,
    ) -> Result<Run<'a>, RunError> {
        let mut trainer = trainer(spec, train);
        let mut record = describe(spec, train, options, started, &trainer);
        let path = lasting.path(CHECKPOINT);
        let (mut progress, mut before, mut epochs) = (Progress::default(), 0.0, Vec::new());
        if resumes && path.exists() {
            let checkpoint = Checkpoint::read(&path, &trainer.model, trainer.engine.chip())?;
            progress = restore(spec, train, &mut trainer, checkpoint)
                .map_err(|message| RunError::Damaged { path, message })?;
            let lines = lasting.keep_lines(RESULTS, progress.epoch + 1)?;
            epochs = parsed(&lasting, RESULTS, &lines)?;
            let lines = lasting.keep_lines(TIMING, progress.epoch)?;
            let timing: Vec<TimingRecord> = parsed(&lasting, TIMING, &lines)?;
            before = timing.iter().map(|t| t.seconds).sum();
        } else if resumes && lasting.lines(RESULTS)?.len() > 1 {
            let message = "it is gone, but results.jsonl has epochs that it should go on from; \
                           start again with --force"
                .to_string();
            return Err(RunError::Damaged { path, message });
        }
        record.epochs = progress.epoch;
        let bar = bar(train, options.quiet);
        let pace = (Instant::now(), 0);
        let mut run = Run {
            spec,
            train,
            options,
            lasting,
            started,
            trainer,
            progress,
            epochs,
            record,
            before,
            bar,
            pace,
        };
        run.write_record()?;
        if run.epochs.is_empty() {
            run.lasting.replace(RESULTS, b"")?;
            run.lasting.replace(TIMING, b"")?;
            run.measure_first()?;
        }
        Ok(run)
    }

    /// The network as it is before it learns.
    fn measure_first(&mut self) -> Result<(), RunError> {
        self.bar.set_message("measuring the network before it learns");
        let test = self.trainer.measure(&self.train.test);
        self.finish_epoch(None, &test)
    }

    fn complete(mut self) -> Result<Trained, RunError> {
        let batches = self.train.data.inputs.rows().div_ceil(self.train.batch);
        self.bar.set_length((self.train.epochs * batches) as u64);
        self.bar.set_position((self.progress.epoch * batches + self.progress.batch) as u64);
        self.bar.reset_eta();
        while self.progress.epoch < self.train.epochs {
            self.epoch()?;
        }
        self.conclude()
    }

    fn epoch(&mut self) -> Result<(), RunError> {
        let start = Instant::now();
        let (epoch, first) = (self.progress.epoch, self.progress.batch);
        let mut order: Vec<usize> = (0..self.train.data.inputs.rows()).collect();
        order.shuffle(&mut Seed::new(self.spec.seed).child("shuffle").index(epoch).rng());
        let batches = order.len().div_ceil(self.train.batch);
        let updates = self.train.epochs * batches;
        let mut learned = 0;
        for samples in order.chunks(self.train.batch).skip(first) {
            self.stop_if_interrupted()?;
            let done = epoch * batches + self.progress.batch;
            let factor = self.train.schedule.factor(done, updates);
            self.trainer.optimiser.rate = self.train.rate * factor;
            let tally = self.trainer.step(&self.train.data, samples);
            self.progress.tally.add(&tally);
            self.progress.batch += 1;
            learned += samples.len();
            self.pace.1 += samples.len();
            self.tell();
        }
        let learning = start.elapsed().as_secs_f64();
        let test = self.trainer.measure(&self.train.test);
        self.progress = Progress { epoch: epoch + 1, batch: 0, tally: self.progress.tally };
        let timing = TimingRecord {
            epoch: epoch + 1,
            seconds: start.elapsed().as_secs_f64(),
            samples_per_second: learned as f64 / learning,
        };
        self.lasting.append(TIMING, &record::line(&timing))?;
        let rate = self.trainer.optimiser.rate;
        self.finish_epoch(Some(rate), &test)
    }

    /// Record and checkpoint of what was learned since the last one.
    fn finish_epoch(&mut self, rate: Option<f64>, test: &Tally) -> Result<(), RunError> {
        let tally = std::mem::take(&mut self.progress.tally);
        let line = epoch_record(&self.progress, rate, &tally, test, &self.trainer);
        self.lasting.append(RESULTS, &record::line(&line))?;
        self.epochs.push(line);
        self.save()?;
        self.write_record()
    }

    fn save(&self) -> Result<(), RunError> {
        let Trainer { model, optimiser, engine, .. } = &self.trainer;
        let state = Checkpoint::tensors(&self.progress, model, optimiser, engine.chip());
        self.lasting.tensors(CHECKPOINT, &state)
    }

    fn write_record(&mut self) -> Result<(), RunError> {
        let last = self.epochs.last();
        self.record.epochs = self.progress.epoch;
        self.record.test_accuracy = last.map(|e| e.test_accuracy);
        self.record.train_loss = last.and_then(|e| e.train_loss);
        self.record.seconds = self.before + self.started.elapsed();
        self.record.head.duration = self.record.seconds;
        self.lasting.replace(RUN, &record::document(&self.record))
    }

    fn stop_if_interrupted(&mut self) -> Result<(), RunError> {
        if !self.options.interrupt.tripped() {
            return Ok(());
        }
        self.bar.finish_and_clear();
        self.save()?;
        self.write_record()?;
        Err(RunError::Stopped { path: self.lasting.folder().to_path_buf() })
    }

    /// Loss, accuracy, settling time and pace so far, on the progress bar.
    fn tell(&self) {
        let tally = &self.progress.tally;
        let samples = tally.samples.max(1) as f64;
        let pace = self.pace.1 as f64 / self.pace.0.elapsed().as_secs_f64();
        let mut said = format!(
            "epoch {}/{}  loss {:.4}  accuracy {:.1} %",
            self.progress.epoch + 1,
            self.train.epochs,
            tally.cost / samples,
            100.0 * tally.right as f64 / samples,
        );
        if let Some(test) = self.epochs.last() {
            said += &format!(" (test {:.1} %)", 100.0 * test.test_accuracy);
        }
        if tally.free_time > 0.0 {
            let mean = tally.free_time / tally.settled.max(1) as f64;
            said += &format!("  settles in {}", format_short(mean, Dimension::Second));
        }
        self.bar.set_message(format!("{said}  {pace:.0} samples/s"));
        self.bar.inc(1);
    }

    fn conclude(mut self) -> Result<Trained, RunError> {
        self.record.finished = true;
        let last = self.epochs.last();
        for expect in self.spec.expect.iter().filter(|e| e.is_of(Verb::Train)) {
            let value = match expect.figure.as_str() {
                "test-accuracy" => last.map(|e| e.test_accuracy),
                "train-accuracy" => last.and_then(|e| e.train_accuracy),
                "train-loss" => last.and_then(|e| e.train_loss),
                _ => None,
            };
            self.record.head.expect.push(expect::judge(expect, value));
        }
        let model = &self.trainer.model;
        let weights: Vec<_> = model.couplings.iter().map(|c| Tensor::parameter(model, c)).collect();
        let chip = network::chip_tensors(model, self.trainer.engine.chip());
        self.lasting.tensors(WEIGHTS, &weights)?;
        self.lasting.tensors(CHIP, &chip)?;
        self.lasting.replace(RESULTS_CSV, &table(&self.epochs))?;
        self.write_record()?;
        self.bar.finish_and_clear();
        let folder = self.lasting.folder().to_path_buf();
        Ok(Trained { folder, record: self.record, epochs: self.epochs })
    }
}
