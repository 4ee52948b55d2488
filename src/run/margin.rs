//! How much of an effect the chips of a file bear before a figure falls: a search a chip and key,
//! every value that was tried on the disk at once.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::sweep::figures_of;
use super::{Manner, Options, RunError, replace_file};
use crate::diag::Report;
use crate::numerics::statistics::mean_interval;
use crate::spec::{Edit, Library, Verb, load};
use crate::units::{Dimension, format_exact};

/// What is asked.
#[derive(Debug, Clone)]
pub struct MarginAsk {
    pub file: PathBuf,
    pub edits: Vec<Edit>,
    pub keys: Vec<MarginKey>,
    /// A figure of a simulation, or of a training where `trains`.
    pub metric: String,
    pub drop: Drop,
    /// How many chips, with chip seeds that follow each other.
    pub chips: usize,
    pub trains: bool,
}

/// A key whose effect is none at 0 and grows with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarginKey {
    /// A dotted path such as `nonideal.programming.sigma`.
    pub key: String,
    /// The largest value that is tried, in SI units.
    pub most: f64,
    #[serde(skip, default = "one")]
    pub dimension: Dimension,
}

fn one() -> Dimension {
    Dimension::One
}

/// How much worse a figure may become.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drop {
    /// Of what the same chip has without the effect.
    Share(f64),
    /// In the figure's own unit.
    Absolute(f64),
}

/// The margins of all keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Margins {
    pub metric: String,
    pub drop: Drop,
    pub chips: usize,
    /// Mean of the metric without any of the effects.
    pub without: f64,
    pub keys: Vec<Margin>,
}

/// How much of one effect is borne.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Margin {
    pub key: String,
    pub most: f64,
    /// Of each chip, in the order of seeds: the largest value found that keeps the metric.
    pub values: Vec<f64>,
    /// Mean over the chips, and half the width of its 95 % interval (Student's t).
    pub mean: f64,
    pub half_width: Option<f64>,
    /// Chips that keep the metric even at `most`: the mean is then a lower bound.
    pub unbroken: usize,
}

/// Halvings from the largest value down before a key is taken to have no margin.
const HALVINGS: usize = 20;
/// How near the two sides of a margin come to each other.
const NEAR: f64 = 0.05;
/// The values tried.
pub const EVALUATIONS: &str = "evaluations.jsonl";
/// The result.
pub const MARGIN: &str = "margin.json";

/// A value that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Evaluation {
    key: String,
    chip: usize,
    value: f64,
    figure: f64,
}

/// Finds the margins. Chip `k` has the same seed for every key and value, so that its figure moves
/// by the effect alone.
///
/// # Errors
/// When the folder cannot be used, a value is refused (with the report of the file), or a run
/// fails. What was tried until then is on the disk.
pub fn margin(ask: &MarginAsk, folder: &Path, options: &Options) -> Result<Margins, MarginError> {
    let search = Search::open(ask, folder, options)?;
    let threads = options.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| RunError::Threads { threads, message: e.to_string() })?;
    options.interrupt.heed();
    let margins = pool.install(|| search.all());
    options.interrupt.unheed();
    let margins = margins?;
    let text = serde_json::to_vec_pretty(&margins).map_err(std::io::Error::from);
    let path = folder.join(MARGIN);
    text.and_then(|text| replace_file(&path, &text)).map_err(|source| RunError::Write {
        path,
        survives: "all values tried are kept, --resume goes on from them".into(),
        source,
    })?;
    Ok(margins)
}

/// Why there is no margin.
#[derive(Debug, thiserror::Error)]
pub enum MarginError {
    #[error("{0}")]
    File(Report),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("a run at {place} has no figure `{metric}`; it has {known}")]
    NoMetric { metric: String, place: String, known: String },
    #[error("a run at {place} failed: {message}")]
    Failed { place: String, message: String },
}

struct Search<'a> {
    ask: &'a MarginAsk,
    options: &'a Options,
    folder: PathBuf,
    library: Library,
    seed: u64,
    known: BTreeMap<(String, usize, String), f64>,
    log: Mutex<File>,
}

impl<'a> Search<'a> {
    fn open(
        ask: &'a MarginAsk,
        folder: &Path,
        options: &'a Options,
    ) -> Result<Search<'a>, MarginError> {
        let library = Library::beside(&ask.file);
        // Mistakes in the file or in a key are told before anything is begun.
        for key in &ask.keys {
            let edits = edits(ask, key, key.most, None);
            load(&ask.file, &edits, &library).map_err(MarginError::File)?;
        }
        let spec = load(&ask.file, &ask.edits, &library).map_err(MarginError::File)?;
        let head = serde_json::json!({
            "metric": ask.metric, "drop": ask.drop, "chips": ask.chips, "trains": ask.trains,
            "keys": ask.keys, "resolved": spec.resolved,
        });
        let (head, path) = (head.to_string(), folder.join(EVALUATIONS));
        let before = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(RunError::Read { path, source }.into()),
        };
        let mut known = BTreeMap::new();
        match (&before, options.manner) {
            (Some(_), Manner::Fresh) => {
                return Err(RunError::Exists { path: folder.to_path_buf() }.into());
            }
            (Some(text), Manner::Resume) => {
                if text.lines().next() != Some(head.as_str()) {
                    let difference = "its file, keys or metric are others".to_string();
                    let path = folder.to_path_buf();
                    return Err(RunError::AnotherRun { path, difference }.into());
                }
                // The last line of a search that was killed may be half of one.
                for line in text.lines().skip(1) {
                    if let Ok(e) = serde_json::from_str::<Evaluation>(line) {
                        known.insert((e.key, e.chip, e.value.to_string()), e.figure);
                    }
                }
            }
            (None, _) if fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some()) => {
                return Err(RunError::NotOurs { path: folder.to_path_buf() }.into());
            }
            _ => {}
        }
        let usable = |source| RunError::Folder { path: folder.to_path_buf(), source };
        fs::create_dir_all(folder).map_err(usable)?;
        let mut text = format!("{head}\n");
        for ((key, chip, value), figure) in &known {
            let value = value.parse().unwrap_or(f64::NAN);
            let e = Evaluation { key: key.clone(), chip: *chip, value, figure: *figure };
            text.push_str(&line(&e));
        }
        replace_file(&path, text.as_bytes()).map_err(usable)?;
        let log = OpenOptions::new().append(true).open(&path).map_err(usable)?;
        let (folder, log) = (folder.to_path_buf(), Mutex::new(log));
        Ok(Search { ask, options, folder, library, seed: spec.chip_seed, known, log })
    }

    fn all(&self) -> Result<Margins, MarginError> {
        let ask = self.ask;
        let chips: Vec<usize> = (0..ask.chips).collect();
        let without: Vec<f64> = chips
            .par_iter()
            .map(|&chip| self.figure(None, chip, 0.0))
            .collect::<Result<_, MarginError>>()?;
        let tasks: Vec<(&MarginKey, usize)> =
            ask.keys.iter().flat_map(|key| chips.iter().map(move |&chip| (key, chip))).collect();
        let found: Vec<(f64, bool)> = tasks
            .par_iter()
            .map(|&(key, chip)| {
                let keeps = |value: f64| {
                    let figure = self.figure(Some(key), chip, value)?;
                    Ok(!worse(&ask.metric, ask.drop, without[chip], figure))
                };
                largest(key.most, keeps)
            })
            .collect::<Result<_, MarginError>>()?;
        let keys = ask.keys.iter().zip(found.chunks(ask.chips)).map(|(key, found)| {
            let values: Vec<f64> = found.iter().map(|f| f.0).collect();
            let (mean, half_width) = mean_interval(&values, 0.95);
            Margin {
                key: key.key.clone(),
                most: key.most,
                values,
                mean,
                half_width: Some(half_width).filter(|w| w.is_finite()),
                unbroken: found.iter().filter(|f| f.1).count(),
            }
        });
        Ok(Margins {
            metric: ask.metric.clone(),
            drop: ask.drop,
            chips: ask.chips,
            without: without.iter().sum::<f64>() / without.len() as f64,
            keys: keys.collect(),
        })
    }

    /// The metric of a chip at a value of a key, or without any.
    fn figure(&self, key: Option<&MarginKey>, chip: usize, value: f64) -> Result<f64, MarginError> {
        let name = key.map_or("", |key| key.key.as_str());
        let id = (name.to_string(), chip, value.to_string());
        if let Some(figure) = self.known.get(&id) {
            return Ok(*figure);
        }
        if self.options.interrupt.tripped() {
            return Err(RunError::Stopped { path: self.folder.clone() }.into());
        }
        let seed = Some(self.seed + chip as u64);
        let edits = match key {
            Some(key) => edits(self.ask, key, value, seed),
            None => self.ask.edits.iter().cloned().chain(seed.map(seeded)).collect(),
        };
        let place = match key {
            Some(key) => format!("{name} = {}, chip {chip}", text(key, value)),
            None => format!("chip {chip} without the effect"),
        };
        let spec = load(&self.ask.file, &edits, &self.library).map_err(MarginError::File)?;
        let verb = if self.ask.trains { Verb::Train } else { Verb::Simulate };
        let own = self.folder.join("runs").join(format!("{name}-{chip:03}-{value:e}"));
        let figures = figures_of(spec, verb, &own, self.options)
            .map_err(|message| MarginError::Failed { place: place.clone(), message })?;
        let metric = &self.ask.metric;
        let figure = *figures.get(metric).ok_or_else(|| MarginError::NoMetric {
            metric: metric.clone(),
            place,
            known: figures.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let said = line(&Evaluation { key: name.into(), chip, value, figure });
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_all(said.as_bytes()).and_then(|()| log.flush()).map_err(|source| {
            RunError::Write {
                path: self.folder.join(EVALUATIONS),
                survives: "what stands there is kept".into(),
                source,
            }
        })?;
        Ok(figure)
    }
}

fn line(evaluation: &Evaluation) -> String {
    format!("{}\n", serde_json::json!(evaluation))
}

fn text(key: &MarginKey, value: f64) -> String {
    format_exact(value, key.dimension)
}

fn edits(ask: &MarginAsk, key: &MarginKey, value: f64, seed: Option<u64>) -> Vec<Edit> {
    let own = Edit::new(format!("{}={}", key.key, text(key, value)));
    ask.edits.iter().cloned().chain([own]).chain(seed.map(seeded)).collect()
}

fn seeded(seed: u64) -> Edit {
    Edit::new(format!("chip-seed={seed}"))
}

/// Figures of which more is better; of all others less is.
fn rises(metric: &str) -> bool {
    metric.contains("accuracy") || metric.contains("cosine") || metric == "settled"
}

fn worse(metric: &str, drop: Drop, without: f64, figure: f64) -> bool {
    let allowed = match drop {
        Drop::Share(share) => share * without.abs(),
        Drop::Absolute(drop) => drop,
    };
    let lost = if rises(metric) { without - figure } else { figure - without };
    lost > allowed
}

/// The largest value found that keeps what is asked, and whether that is `most` itself: from there
/// down by halves, then between the two sides.
fn largest<E>(most: f64, keeps: impl Fn(f64) -> Result<bool, E>) -> Result<(f64, bool), E> {
    if keeps(most)? {
        return Ok((most, true));
    }
    let (mut low, mut high) = (0.0, most);
    for _ in 0..HALVINGS {
        let half = 0.5 * high;
        if keeps(half)? {
            low = half;
            break;
        }
        high = half;
    }
    while low > 0.0 && high - low > NEAR * high {
        let middle = 0.5 * (low + high);
        if keeps(middle)? { low = middle } else { high = middle }
    }
    Ok((low, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_that_keeps_is_found() {
        for limit in [0.7, 0.31, 1e-3, 4e-6] {
            let (found, all) = largest(1.0, |v| Ok::<_, ()>(v <= limit)).unwrap();
            assert!(
                found <= limit && limit <= found * (1.0 + 1.1 * NEAR) && !all,
                "{limit} {found}"
            );
        }
        assert_eq!(largest(2.0, |_| Ok::<_, ()>(true)).unwrap(), (2.0, true));
        assert_eq!(largest(2.0, |_| Ok::<_, ()>(false)).unwrap(), (0.0, false));
        assert_eq!(largest(2.0, |_| Err::<bool, _>("no")).unwrap_err(), "no");
    }

    #[test]
    fn figures_fall_or_rise_by_what_they_are() {
        assert!(worse("test-accuracy", Drop::Share(0.01), 0.9, 0.89));
        assert!(!worse("test-accuracy", Drop::Share(0.01), 0.9, 0.8915));
        assert!(worse("settling-time", Drop::Absolute(1e-9), 3e-9, 4.1e-9));
        assert!(!worse("settling-time", Drop::Absolute(1e-9), 3e-9, 1e-9));
    }
}
