//! What papers published, trained and measured again: the table of hierarchical associative
//! memories here and in the other files, the splitting of a chain in `splitting`.

mod chips;
mod questions;
mod rows;
mod splitting;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use chips::{HFOX, OnChip};
pub use questions::{ACTIVATIONS, ANSWERS, Answer, Asked, DEPTHS, Found, answer, answers, asked};
pub use rows::{Job, MAIN, PUBLISHED_BY_TOLERANCE, Published, TOLERANCES, Variant, Version, jobs};
pub use splitting::{BLOCKS, Cut, CutTrained, LAYERS, cuts, split, split_done};

use super::record::TrainRecord;
use super::{Manner, Options, RunError, in_pool, record, replace_file, train};
use crate::data::DataSet;
use crate::engine::{Counts, Field, Prepared, count};
use crate::learn::prediction;
use crate::model::EnergyModel;
use crate::numerics::Mat;
use crate::spec::{self, Library, Order, Spec, Subject};

/// What a folder of this verb has.
pub const REPRODUCE: &str = "reproduce.json";
/// A line a training.
pub const RESULTS: &str = "results.jsonl";
/// What the folder of the table says it holds.
const PAPER: &str = "arXiv:2311.15673";
/// The folder of the trainings, and that of their files.
const RUNS: &str = "runs";
const FILES: &str = "files";

/// A network that was trained, and how its fixed points are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reproduced {
    pub job: Job,
    /// Of all test pictures.
    pub accuracy: f64,
    /// Of training \[s\].
    pub seconds: f64,
    /// Every solver of the family on this network.
    pub measured: Vec<Measured>,
    /// The network as a chip, of even-odd HAMs.
    #[serde(default)]
    pub chips: Vec<OnChip>,
}

/// A solver on the test pictures of a trained network, as means over the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub variant: Variant,
    /// Evaluations granted.
    pub budget: usize,
    /// The iterations of the paper at each of [`TOLERANCES`]. Pictures that did not converge count
    /// with one less than the budget.
    pub iterations: Vec<f64>,
    /// Updates of every layer to 1e-4 on all layers, over the pictures that got there.
    pub updates: Option<f64>,
    /// The share of pictures that got there.
    pub converged: f64,
    pub accuracy: f64,
}

/// What is said where the disk fails.
const SURVIVES: &str = "what was finished is whole, and the same call goes on";

/// Pictures of the training data that a start and steps are learned from.
const LEARNED_FROM: usize = 20_000;

/// Pictures that the paper measures on: whole batches of 64.
const PICTURES: usize = 9984;

/// Trains and measures what is missing in the folder, in the order of `jobs`; `tell` hears of every
/// job before it begins.
///
/// # Errors
/// A folder that holds something else or cannot be written, a run of other settings in it, a data
/// set that is not there, or an interruption, after which the same call goes on.
pub fn reproduce(
    jobs: &[Job],
    folder: &Path,
    options: &Options,
    library: &Library,
    mut tell: impl FnMut(usize, &Job),
) -> Result<Vec<Reproduced>, ReproduceError> {
    let folder = std::path::absolute(folder)
        .map_err(|source| RunError::Folder { path: folder.to_path_buf(), source })?;
    open(&folder, PAPER)?;
    let mut done = read(&folder)?;
    for (k, job) in jobs.iter().enumerate() {
        if done.iter().any(|d| d.job == *job) {
            continue;
        }
        tell(k, job);
        let made = make(job, &folder, options, library)?;
        append(&folder.join(RESULTS), &record::line(&made))?;
        done.push(made);
    }
    done.retain(|d| jobs.contains(&d.job));
    Ok(done)
}

/// Why a reproduction did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReproduceError {
    #[error(transparent)]
    Run(#[from] RunError),
    /// The files are made here, so that it is the data set that is not there.
    #[error("the network cannot be read")]
    File(crate::diag::Report),
}

/// Makes the folder or finds one that reproduces this paper.
fn open(folder: &Path, paper: &str) -> Result<(), RunError> {
    let unusable = |source| RunError::Folder { path: folder.to_path_buf(), source };
    let marker = folder.join(REPRODUCE);
    let holds_files = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let other = match of_paper(folder) {
        Some(of) => of != paper,
        // A damaged one is still of this verb, and its lines are judged one by one.
        None => !marker.exists() && holds_files(),
    };
    if other {
        return Err(RunError::NotOurs { path: folder.to_path_buf() });
    }
    for part in [RUNS, FILES] {
        fs::create_dir_all(folder.join(part)).map_err(unusable)?;
    }
    let of = record::line(&Marker { verb: "reproduce".to_string(), of: paper.to_string() });
    replace_file(&marker, format!("{of}\n").as_bytes()).map_err(unusable)
}

/// What a folder of this verb says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    verb: String,
    of: String,
}

/// The paper that a folder reproduces; `None` of any other folder.
fn of_paper(folder: &Path) -> Option<String> {
    let marker = fs::read(folder.join(REPRODUCE)).ok()?;
    serde_json::from_slice::<Marker>(&marker).ok().map(|marker| marker.of)
}

/// Whether a folder reproduces the splitting of a chain.
pub fn is_splitting(folder: &Path) -> bool {
    of_paper(folder).as_deref() == Some(splitting::PAPER)
}

/// The whole lines that are there.
///
/// # Errors
/// A file that cannot be read, or a line of something else.
pub fn read(folder: &Path) -> Result<Vec<Reproduced>, RunError> {
    lines(&folder.join(RESULTS))
}

/// The whole lines of a file that may not be there yet.
fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, RunError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(RunError::Read { path: path.to_path_buf(), source }),
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| RunError::Damaged {
            path: path.to_path_buf(),
            message: format!("line {}: {e}", i + 1),
        })
    };
    whole.lines().enumerate().map(parse).collect()
}

/// Adds a line, after cutting off what is left of one that was never finished.
fn append(path: &Path, line: &str) -> Result<(), RunError> {
    let unwritten = |source| RunError::Write {
        path: path.to_path_buf(),
        survives: SURVIVES.to_string(),
        source,
    };
    if let Ok(text) = fs::read(path)
        && text.last().is_some_and(|end| *end != b'\n')
    {
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        replace_file(path, &text[..whole]).map_err(unwritten)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(unwritten)?;
    file.write_all(format!("{line}\n").as_bytes()).map_err(unwritten)
}

fn make(
    job: &Job,
    folder: &Path,
    options: &Options,
    library: &Library,
) -> Result<Reproduced, ReproduceError> {
    let file = folder.join(FILES).join(format!("{}.toml", job.name()));
    replace_file(&file, job.text().as_bytes()).map_err(|source| RunError::Write {
        path: file.clone(),
        survives: SURVIVES.to_string(),
        source,
    })?;
    let (spec, model, record) = trained(&file, &job.name(), folder, options, library)?;
    let data = spec.train.as_ref().ok_or(RunError::NoInputs)?;
    let measured = in_pool(options.threads, || {
        let measure = |variant| measure(job, variant, &model, &data.data, &data.test);
        job.variant.siblings().into_iter().filter_map(measure).collect()
    })?;
    let chips = match job.variant {
        Variant::HamEo => chips::on_chips(job, &model, &data.test, &file, options, library)?,
        _ => Vec::new(),
    };
    let accuracy = record.test_accuracy.unwrap_or(f64::NAN);
    Ok(Reproduced { job: job.clone(), accuracy, seconds: record.seconds, measured, chips })
}

/// Trains what a file holds, or goes on, or finds it done: the file, the network with what it has
/// learned, and the record.
fn trained(
    file: &Path,
    name: &str,
    folder: &Path,
    options: &Options,
    library: &Library,
) -> Result<(Spec, EnergyModel, TrainRecord), ReproduceError> {
    let spec = spec::load(file, &[], library).map_err(ReproduceError::File)?;
    let out = Some(folder.join(RUNS).join(name));
    let trained = train(&spec, &Options { out, manner: Manner::Resume, ..options.clone() })?;
    let model = learned(&spec, &trained.folder)?;
    Ok((spec, model, trained.record))
}

/// The network of a file with the weights of a finished training.
fn learned(spec: &Spec, run: &Path) -> Result<EnergyModel, RunError> {
    let Subject::Network { model, .. } = &spec.subject else {
        panic!("the files of a reproduction hold networks");
    };
    let path: PathBuf = run.join(record::WEIGHTS);
    let bytes = fs::read(&path).map_err(|source| RunError::Read { path: path.clone(), source })?;
    let wrong = |message| RunError::Damaged { path: path.clone(), message };
    let found = super::tensors::from_bytes(&bytes).map_err(wrong)?;
    let mut model = model.clone();
    let names: Vec<String> = model.couplings.iter().map(|c| model.tensor_name(c)).collect();
    for (coupling, name) in model.couplings.iter_mut().zip(names) {
        let tensor = found.iter().find(|t| t.name == name);
        let values = coupling.values_mut();
        let fits = tensor.filter(|t| t.data.len() == values.len());
        let tensor = fits.ok_or_else(|| wrong(format!("has no tensor `{name}` that fits")))?;
        values.copy_from_slice(&tensor.data);
    }
    Ok(model)
}

/// `None` of a start and steps that could not be learned.
fn measure(
    job: &Job,
    variant: Variant,
    model: &EnergyModel,
    data: &DataSet,
    test: &DataSet,
) -> Option<Measured> {
    let prepared = match variant {
        Variant::HamEoChord => {
            let first: Vec<usize> = (0..LEARNED_FROM.min(data.inputs.rows())).collect();
            let field = Field::<f64>::of_model(model, Order::EvenOdd);
            Some(Prepared::fit(&field, &data.inputs.select_rows(&first))?.cast::<f32>())
        }
        _ => None,
    };
    let budget = job.budget(variant);
    let rows: Vec<usize> = (0..PICTURES.min(test.inputs.rows())).collect();
    let inputs = test.inputs.select_rows(&rows);
    let solver = variant.solver();
    let counts: Counts = count(model, solver, prepared.as_ref(), &inputs, budget, &TOLERANCES);
    let mean = |of: &Mat, k: usize| {
        let all = of.iter_rows().map(|row| row[k]).filter(|v| v.is_finite());
        let (sum, n) = all.fold((0.0, 0), |(sum, n), v| (sum + v, n + 1));
        (n > 0).then(|| sum / f64::from(n))
    };
    let labels = test.labels.as_ref().map_or(&[][..], |labels| labels);
    let right = counts.outputs.iter_rows().zip(labels).filter(|(o, l)| prediction(o) == **l);
    let there = counts.updates.iter_rows().filter(|row| row[MAIN].is_finite()).count();
    Some(Measured {
        variant,
        budget,
        iterations: (0..TOLERANCES.len())
            .map(|k| mean(&counts.published, k).unwrap_or(f64::NAN))
            .collect(),
        updates: mean(&counts.updates, MAIN),
        converged: there as f64 / rows.len() as f64,
        accuracy: right.count() as f64 / rows.len() as f64,
    })
}
