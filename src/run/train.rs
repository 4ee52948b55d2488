//! Learning in place: epochs of equilibrium propagation, recorded as they end.

mod chain;
mod learner;
mod lines;
mod made;
mod opened;
mod shared;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use indicatif::ProgressBar;
use rand::seq::SliceRandom;
use sha2::{Digest, Sha256};

use super::checkpoint::Progress;
use super::lasting::Lasting;
use super::record::{
    CHECKPOINT, CHIP, EpochRecord, ExpectRecord, RESULTS, RESULTS_CSV, RUN, TIMING, TimingRecord,
    TrainRecord, WEIGHTS,
};
use super::started::Started;
use super::tensors::Tensor;
use super::{Options, RunError, expect, in_pool, record};
use crate::learn::{ChainFault, Tally};
use crate::numerics::seed::Seed;
use crate::spec::{Spec, Verb};
use learner::{Course, Learner};
use lines::{accuracy_gain, bar, initial_accuracy, parsed, table};
use opened::Opened;

/// A training run that came to its end, on the disk.
#[derive(Debug, Clone)]
pub struct Trained {
    pub folder: PathBuf,
    pub record: TrainRecord,
    pub epochs: Vec<EpochRecord>,
}

/// The figures of a training.
pub(super) const TRAINED: [&str; 8] = [
    "test-accuracy",
    "train-accuracy",
    "train-loss",
    "initial-test-accuracy",
    "test-accuracy-gain",
    "settled",
    "train-samples",
    "test-samples",
];

impl Trained {
    /// The expectations that failed.
    pub fn failed(&self) -> impl Iterator<Item = &ExpectRecord> {
        self.record.head.expect.iter().filter(|e| !e.passed)
    }

    /// What a sweep records of it.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        let last = self.epochs.last();
        let figures = [
            last.map(|e| e.test_accuracy),
            last.and_then(|e| e.train_accuracy),
            last.and_then(|e| e.train_loss),
            initial_accuracy(&self.epochs),
            accuracy_gain(&self.epochs),
            last.and_then(|e| e.settled),
            Some(self.record.samples as f64),
            Some(self.record.test_samples as f64),
        ];
        let named = TRAINED.into_iter().zip(figures);
        named.filter_map(|(name, v)| Some((name.to_string(), v?))).collect()
    }
}

/// Trains a file's network as its `[train]` says. The folder is written as the run goes: a record
/// and a checkpoint an epoch, so that [`super::Manner::Resume`] goes on to the same bits as a run
/// that was never stopped. The processes of `options.crew` all call this, and each settles its part
/// of every batch; one of them writes.
///
/// # Errors
/// When there is no `[train]`, when the folder cannot be used, holds another run or a damaged
/// checkpoint, or when the run is interrupted, which saves its state first.
pub fn train(spec: &Spec, options: &Options) -> Result<Trained, RunError> {
    Learner::check(spec, options)?;
    let started = Started::now();
    let crew = &options.crew;
    let opened = Opened::of(spec, options)?;
    options.interrupt.heed();
    let share = (!crew.is_alone()).then(|| crew.threads());
    let trained = in_pool(options.threads.or(share), || {
        let run = Run::open(spec, options, opened, &started)?;
        run.complete()
    })?;
    options.interrupt.unheed();
    if matches!(&trained, Ok(_) | Err(RunError::Stopped { .. } | RunError::Unlike { .. })) {
        crew.release();
    }
    trained
}

/// A run on its way.
struct Run<'a> {
    spec: &'a Spec,
    options: &'a Options,
    /// Of the process that leads.
    lasting: Option<Lasting>,
    folder: PathBuf,
    started: &'a Started,
    learner: Learner<'a>,
    course: Course,
    progress: Progress,
    epochs: Vec<EpochRecord>,
    record: TrainRecord,
    /// Wall time of earlier parts of the run \[s\].
    before: f64,
    bar: ProgressBar,
    /// When this process began, and how many samples it has learned from.
    pace: (Instant, usize),
    /// Batches with samples that diverged, of this process.
    diverged: usize,
}

impl<'a> Run<'a> {
    fn open(
        spec: &'a Spec,
        options: &'a Options,
        opened: Opened,
        started: &'a Started,
    ) -> Result<Run<'a>, RunError> {
        let mut learner = Learner::of(spec)?;
        let record = learner.describe(spec, options, started);
        let crew = &options.crew;
        let taken = opened
            .checkpoint
            .as_ref()
            .map(|bytes| learner.restore(spec, bytes, &opened.folder.join(CHECKPOINT)));
        // All processes find the same in it.
        let taken = taken.transpose().inspect_err(|_| crew.release())?;
        if !crew.is_alone() {
            learner = learner.shared(crew);
        }
        let course = learner.course();
        let mut run = Run {
            spec,
            options,
            lasting: opened.lasting,
            folder: opened.folder,
            started,
            learner,
            progress: taken.unwrap_or_default(),
            epochs: Vec::new(),
            record,
            before: 0.0,
            bar: bar(&course, options.quiet),
            course,
            pace: (Instant::now(), 0),
            diverged: 0,
        };
        match taken {
            None => run.begin()?,
            Some(_) => run.go_on()?,
        }
        Ok(run)
    }

    /// Takes up the records of earlier parts.
    fn go_on(&mut self) -> Result<(), RunError> {
        if let Some(lasting) = &self.lasting {
            let lines = lasting.keep_lines(RESULTS, self.progress.epoch + 1)?;
            self.epochs = parsed(lasting, RESULTS, &lines)?;
            let lines = lasting.keep_lines(TIMING, self.progress.epoch)?;
            let timing: Vec<TimingRecord> = parsed(lasting, TIMING, &lines)?;
            self.before = timing.iter().map(|t| t.seconds).sum();
        }
        self.write_record()
    }

    /// Begins the records, with the network as it is before it learns.
    fn begin(&mut self) -> Result<(), RunError> {
        self.write_record()?;
        self.on_disk(|lasting| lasting.replace(RESULTS, b""))?;
        self.on_disk(|lasting| lasting.replace(TIMING, b""))?;
        self.bar.set_message("measuring the network before it learns");
        let test = self.measure()?;
        self.finish_epoch(None, &test)
    }

    /// Writes, if this is the process that writes.
    fn on_disk(
        &self,
        write: impl FnOnce(&Lasting) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        self.lasting.as_ref().map_or(Ok(()), write)
    }

    fn complete(mut self) -> Result<Trained, RunError> {
        let batches = self.course.batches();
        self.bar.set_length((self.course.epochs * batches) as u64);
        self.bar.set_position((self.progress.epoch * batches + self.progress.batch) as u64);
        self.bar.reset_eta();
        while self.progress.epoch < self.course.epochs {
            self.epoch()?;
        }
        self.conclude()
    }

    fn epoch(&mut self) -> Result<(), RunError> {
        let start = Instant::now();
        let (epoch, first) = (self.progress.epoch, self.progress.batch);
        let mut order: Vec<usize> = (0..self.course.samples).collect();
        order.shuffle(&mut Seed::new(self.spec.seed).child("shuffle").index(epoch).rng());
        let batches = self.course.batches();
        let updates = self.course.epochs * batches;
        let (mut learned, mut rate) = (0, 0.0);
        for samples in order.chunks(self.course.batch).take(batches).skip(first) {
            self.stop_if_interrupted()?;
            let done = epoch * batches + self.progress.batch;
            rate = self.course.rate_at(done, updates);
            let tally = self.learner.step(samples, epoch, rate);
            let tally = tally.map_err(|fault| self.failed(&fault))?;
            self.progress.tally.add(&tally);
            self.progress.batch += 1;
            self.tell_of_divergence(&tally, samples.len());
            learned += samples.len();
            self.pace.1 += samples.len();
            self.tell();
        }
        let learning = start.elapsed().as_secs_f64();
        let test = self.measure()?;
        self.progress = Progress { epoch: epoch + 1, batch: 0, tally: self.progress.tally };
        let timing = TimingRecord {
            epoch: epoch + 1,
            seconds: start.elapsed().as_secs_f64(),
            samples_per_second: learned as f64 / learning,
        };
        self.on_disk(|lasting| lasting.append(TIMING, &record::line(&timing)))?;
        self.finish_epoch(Some(rate), &test)
    }

    fn measure(&mut self) -> Result<Tally, RunError> {
        self.learner.measure().map_err(|fault| self.failed(&fault))
    }

    /// A run that cannot go on; its last checkpoint is as it was.
    fn failed(&self, fault: &ChainFault) -> RunError {
        let Progress { epoch, batch, .. } = self.progress;
        self.bar.finish_and_clear();
        let at = format!("epoch {}, batch {}", epoch + 1, batch + 1);
        let kept = format!(
            "the state after epoch {epoch} is kept in {}",
            self.folder.join(CHECKPOINT).display()
        );
        let message = match fault {
            ChainFault::NonFinite(fault) => format!(
                "numbers are no longer finite, first in {}: lower the learning rate or beta, or \
                 compute with `precision = \"f64\"`",
                fault.at
            ),
            ChainFault::Unsettled { block, samples, of } => format!(
                "{samples} of {of} samples did not settle in block `{block}`: raise its \
                 free.iterations, lower its slope, or go on all the same with `unsettled = \"go-on\"`"
            ),
        };
        RunError::Halted { at, message, kept }
    }

    /// Says which batch diverged, the first few times.
    fn tell_of_divergence(&mut self, tally: &Tally, samples: usize) {
        const TOLD: usize = 3;
        if tally.diverged == 0 {
            return;
        }
        self.diverged += 1;
        if self.diverged <= TOLD {
            let Progress { epoch, batch, .. } = self.progress;
            let note = format!(
                "epoch {}, batch {batch}: {} of {samples} samples diverged, every iteration \
                 multiplying their residuals by up to {:.2}; raise [simulate] damping, lower the learning rate, or scale the weights \
                 down",
                epoch + 1,
                tally.diverged,
                tally.growth
            );
            self.bar.println(format!("warning: {note}"));
            self.record.head.notes.push(note);
        }
    }

    /// Record and checkpoint of what was learned since the last one.
    fn finish_epoch(&mut self, rate: Option<f64>, test: &Tally) -> Result<(), RunError> {
        self.learner.sync();
        let tally = std::mem::take(&mut self.progress.tally);
        let line = self.learner.epoch_record(&self.progress, rate, &tally, test);
        self.check_agreement()?;
        self.on_disk(|lasting| lasting.append(RESULTS, &record::line(&line)))?;
        self.epochs.push(line);
        self.save()?;
        self.write_record()
    }

    fn state(&self) -> Vec<Tensor> {
        self.learner.state(&self.progress)
    }

    fn save(&self) -> Result<(), RunError> {
        self.on_disk(|lasting| lasting.tensors(CHECKPOINT, &self.state()))
    }

    /// Refuses to go on where the processes have learned different things.
    fn check_agreement(&self) -> Result<(), RunError> {
        let crew = &self.options.crew;
        if crew.is_alone() {
            return Ok(());
        }
        let mut digest = Sha256::new();
        for number in self.state().iter().flat_map(|tensor| &tensor.data) {
            digest.update(number.to_le_bytes());
        }
        let all = crew.gather(&<[u8; 32]>::from(digest.finalize()));
        match all.iter().position(|other| *other != all[0]) {
            Some(process) => Err(RunError::Unlike { process, of: crew.size() }),
            None => Ok(()),
        }
    }

    fn write_record(&mut self) -> Result<(), RunError> {
        let last = self.epochs.last();
        self.record.epochs = self.progress.epoch;
        self.record.test_accuracy = last.map(|e| e.test_accuracy);
        self.record.train_loss = last.and_then(|e| e.train_loss);
        self.record.seconds = self.before + self.started.elapsed();
        self.record.head.duration = self.record.seconds;
        self.on_disk(|lasting| lasting.replace(RUN, &record::document(&self.record)))
    }

    fn stop_if_interrupted(&mut self) -> Result<(), RunError> {
        if !self.options.crew.any(self.options.interrupt.tripped()) {
            return Ok(());
        }
        self.bar.finish_and_clear();
        self.learner.sync();
        self.save()?;
        self.write_record()?;
        Err(RunError::Stopped { path: self.folder.clone() })
    }

    /// Loss, accuracy, settling time and pace so far, on the progress bar.
    fn tell(&self) {
        let tally = &self.progress.tally;
        let samples = tally.samples.max(1) as f64;
        let pace = self.pace.1 as f64 / self.pace.0.elapsed().as_secs_f64();
        let mut said = format!(
            "epoch {}/{}  loss {:.4}  accuracy {:.1} %",
            self.progress.epoch + 1,
            self.course.epochs,
            tally.cost / samples,
            100.0 * tally.right as f64 / samples,
        );
        if let Some(test) = self.epochs.last() {
            said += &format!(" (test {:.1} %)", 100.0 * test.test_accuracy);
        }
        if tally.free_time > 0.0 {
            let mean = tally.free_time / tally.settled.max(1) as f64;
            said += &self.learner.settles_in(mean);
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
                "initial-test-accuracy" => initial_accuracy(&self.epochs),
                "test-accuracy-gain" => accuracy_gain(&self.epochs),
                _ => None,
            };
            self.record.head.expect.push(expect::judge(expect, value));
        }
        let (weights, chip) = (self.learner.weights(), self.learner.chip());
        self.on_disk(|lasting| lasting.tensors(WEIGHTS, &weights))?;
        self.on_disk(|lasting| lasting.tensors(CHIP, &chip))?;
        self.on_disk(|lasting| lasting.replace(RESULTS_CSV, &table(&self.epochs)))?;
        self.write_record()?;
        self.bar.finish_and_clear();
        Ok(Trained { folder: self.folder, record: self.record, epochs: self.epochs })
    }
}
