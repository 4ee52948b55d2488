//! One network of six layers cut into blocks of several sizes, trained on CIFAR-10 (the splitting
//! experiment of arXiv:2409.03306, section 4).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{FILES, ReproduceError, SURVIVES, append, lines, open};
use crate::run::record::{self, EpochRecord, TimingRecord, TrainRecord};
use crate::run::{Manner, Options, RunError, replace_file, train};
use crate::spec::{self, Edit, Library};

/// What the folder says it holds.
pub(super) const PAPER: &str = "arXiv:2409.03306";

/// Into how many blocks the network is cut, each with its file.
const NETLISTS: [(usize, &str); 4] = [
    (1, include_str!("../../../netlists/cifar-split-1.toml")),
    (2, include_str!("../../../netlists/cifar-split-2.toml")),
    (3, include_str!("../../../netlists/cifar-split-3.toml")),
    (6, include_str!("../../../netlists/cifar-split-6.toml")),
];

/// Into how many blocks the network is cut.
pub const BLOCKS: [usize; 4] = [1, 2, 3, 6];

/// Layers of the network, whatever its blocks.
pub const LAYERS: usize = 6;

/// A network to train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    pub blocks: usize,
    pub seed: u64,
    /// As in the file if `None`.
    pub epochs: Option<usize>,
}

impl Cut {
    /// Such as `cifar-split-3-seed-1`.
    pub fn name(&self) -> String {
        let epochs = self.epochs.map_or(String::new(), |n| format!("-{n}-epochs"));
        format!("cifar-split-{}-seed-{}{epochs}", self.blocks, self.seed)
    }
}

/// A network that was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CutTrained {
    pub cut: Cut,
    /// Training pictures.
    pub samples: usize,
    /// Test pictures that [`CutTrained::by_epoch`] is of.
    pub test_samples: usize,
    /// Of those, before learning and after every epoch.
    pub by_epoch: Vec<f64>,
    /// After the last epoch, of all test pictures there are.
    pub accuracy: f64,
    pub all_test_samples: usize,
    /// In the last epoch, of the training pictures as they were learned from.
    pub train_accuracy: f64,
    /// Free iterations of all blocks together, a test picture on the mean.
    pub iterations: f64,
    /// The fraction of training pictures that settled in every phase of the last epoch.
    pub settled: f64,
    /// Of an epoch's training, measuring left out; the median \[s\].
    pub epoch_seconds: f64,
    /// Of the whole training, measuring included \[s\].
    pub seconds: f64,
}

/// All networks with the seeds from 1 on: every cut once before the next seed.
pub fn cuts(blocks: &[usize], seeds: u64, epochs: Option<usize>) -> Vec<Cut> {
    let of = |seed| blocks.iter().map(move |&blocks| Cut { blocks, seed, epochs });
    (1..=seeds).flat_map(of).collect()
}

/// Trains and measures what is missing in the folder, in the order of `cuts`; `tell` hears of each
/// before it begins.
///
/// # Errors
/// As [`super::reproduce`].
pub fn split(
    cuts: &[Cut],
    folder: &Path,
    options: &Options,
    library: &Library,
    mut tell: impl FnMut(usize, &Cut),
) -> Result<Vec<CutTrained>, ReproduceError> {
    let folder = std::path::absolute(folder)
        .map_err(|source| RunError::Folder { path: folder.to_path_buf(), source })?;
    open(&folder, PAPER)?;
    let mut done = split_done(&folder)?;
    for (k, cut) in cuts.iter().enumerate() {
        if done.iter().any(|d| d.cut == *cut) {
            continue;
        }
        tell(k, cut);
        let made = make(cut, &folder, options, library)?;
        append(&folder.join(super::RESULTS), &record::line(&made))?;
        done.push(made);
    }
    done.retain(|d| cuts.contains(&d.cut));
    Ok(done)
}

/// The whole lines that are there.
///
/// # Errors
/// A file that cannot be read, or a line of something else.
pub fn split_done(folder: &Path) -> Result<Vec<CutTrained>, RunError> {
    lines(&folder.join(super::RESULTS))
}

fn make(
    cut: &Cut,
    folder: &Path,
    options: &Options,
    library: &Library,
) -> Result<CutTrained, ReproduceError> {
    let text = NETLISTS.iter().find(|(blocks, _)| *blocks == cut.blocks).map_or("", |(_, t)| *t);
    let file = folder.join(FILES).join(format!("cifar-split-{}.toml", cut.blocks));
    replace_file(&file, text.as_bytes()).map_err(|source| RunError::Write {
        path: file.clone(),
        survives: SURVIVES.to_string(),
        source,
    })?;
    let run = |name: String, edits: &[String]| -> Result<(PathBuf, TrainRecord), ReproduceError> {
        let edits: Vec<Edit> = edits.iter().map(Edit::new).collect();
        let spec = spec::load(&file, &edits, library).map_err(ReproduceError::File)?;
        let out = Some(folder.join(super::RUNS).join(name));
        let trained = train(&spec, &Options { out, manner: Manner::Resume, ..options.clone() })?;
        Ok((trained.folder, trained.record))
    };
    let mut edits = vec![format!("seed={}", cut.seed)];
    edits.extend(cut.epochs.map(|n| format!("train.epochs={n}")));
    let (trained, own) = run(cut.name(), &edits)?;
    let weights = trained.join(record::WEIGHTS);
    let measure = [
        format!("weights={:?}", weights.display().to_string()),
        "train.epochs=0".to_string(),
        format!("train.test-first={ALL_TEST_PICTURES}"),
    ];
    let (measured, all) = run(format!("{}-all-test", cut.name()), &measure)?;
    let epochs: Vec<EpochRecord> = lines(&trained.join(record::RESULTS))?;
    let timing: Vec<TimingRecord> = lines(&trained.join(record::TIMING))?;
    let before: Vec<EpochRecord> = lines(&measured.join(record::RESULTS))?;
    let mut times: Vec<f64> = timing
        .iter()
        .filter(|t| t.samples_per_second > 0.0)
        .map(|t| own.samples as f64 / t.samples_per_second)
        .collect();
    times.sort_by(f64::total_cmp);
    let last = epochs.last();
    Ok(CutTrained {
        cut: cut.clone(),
        samples: own.samples,
        test_samples: own.test_samples,
        by_epoch: epochs.iter().map(|e| e.test_accuracy).collect(),
        accuracy: before.last().map_or(f64::NAN, |e| e.test_accuracy),
        all_test_samples: all.test_samples,
        train_accuracy: last.and_then(|e| e.train_accuracy).unwrap_or(f64::NAN),
        iterations: last.and_then(|e| e.iterations).unwrap_or(f64::NAN),
        settled: last.and_then(|e| e.settled).unwrap_or(f64::NAN),
        epoch_seconds: times.get(times.len() / 2).copied().unwrap_or(f64::NAN),
        seconds: own.seconds,
    })
}

/// Of CIFAR-10.
const ALL_TEST_PICTURES: usize = 10_000;
