//! How much of an effect the chips of a file bear before a figure falls: a search a chip and key,
//! every value that was tried on the disk at once.

mod log;
mod plan;
mod search;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::sweep::figures_of;
use super::{Options, RunError, replace_file};
use crate::diag::Report;
use crate::numerics::statistics::mean_interval;
use crate::spec::{Edit, Library, Verb, load};
use crate::units::{Dimension, format_exact};
use log::{Evaluation, Log};
use plan::Plan;

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

/// A key whose effect is none at 0 and grows with it, or falls with it from none at all.
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Margins {
    /// The command that found them; may be empty.
    pub command: String,
    pub metric: String,
    pub drop: Drop,
    pub chips: usize,
    pub keys: Vec<Margin>,
}

/// How much of one effect is borne.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    pub key: String,
    #[serde(rename = "unit", serialize_with = "put_symbol", deserialize_with = "take_symbol")]
    pub dimension: Dimension,
    /// The smallest value that the key takes, or as good as that; 0 where that is no effect.
    pub least: f64,
    pub most: f64,
    /// Mean of the metric without this effect.
    pub without: f64,
    /// Whether less of it is worse, as of the bits of a converter: then the smallest value is
    /// sought.
    pub smallest: bool,
    /// Of each chip, in the order of seeds: the largest value found that keeps the metric, or the
    /// smallest.
    pub values: Vec<f64>,
    /// Mean over the chips, and half the width of its 95 % interval (Student's t).
    pub mean: f64,
    pub half_width: Option<f64>,
    /// Chips that keep the metric even at `most`, where the mean is then a lower bound; or at the
    /// smallest value that the key takes.
    pub unbroken: usize,
}

fn put_symbol<S: Serializer>(dimension: &Dimension, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(dimension.symbol())
}

fn take_symbol<'a, D: Deserializer<'a>>(from: D) -> Result<Dimension, D::Error> {
    let symbol = String::deserialize(from)?;
    let unknown = || serde::de::Error::custom(format!("`{symbol}` is no unit"));
    Dimension::of_symbol(&symbol).ok_or_else(unknown)
}

/// The values tried.
pub const EVALUATIONS: &str = "evaluations.jsonl";
/// The result.
pub const MARGIN: &str = "margin.json";
/// The folder of the trainings.
const RUNS: &str = "runs";

/// Finds the margins. Chip `k` has the same seed for every key and value, so that its figure moves
/// by the effect alone; what it is held against has the key at 0, or not at all.
///
/// # Errors
/// When the folder cannot be used, a value is refused (with the report of the file), or a run
/// fails. What was tried until then is on the disk.
pub fn margin(ask: &MarginAsk, folder: &Path, options: &Options) -> Result<Margins, MarginError> {
    let library = Library::beside(&ask.file);
    let (spec, plans) = plan::plans(ask, &library)?;
    let log = Log::open(ask, &spec, folder, options.manner)?;
    let (folder, seed) = (folder.to_path_buf(), spec.chip_seed);
    let search = Search { ask, options, folder, library, seed, log };
    let threads = options.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| RunError::Threads { threads, message: e.to_string() })?;
    options.interrupt.heed();
    let margins = pool.install(|| search.all(&plans));
    options.interrupt.unheed();
    let margins = margins?;
    let text = serde_json::to_vec_pretty(&margins).map_err(std::io::Error::from);
    let path = search.folder.join(MARGIN);
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
    #[error("`{}` has no figure `{metric}`; it has {known}", verb.name())]
    UnknownMetric { metric: String, verb: Verb, known: String },
    #[error("`{key}` is given twice: give it once, with the largest value to try")]
    Twice { key: String },
    #[error(
        "`{key}` makes no difference on the engine `ideal`, which has no chip: write --engine \
         behavioural or --engine circuit"
    )]
    Idle { key: String },
    #[error(
        "`{key}` cannot be 0, and the file gives it, so there is no chip without the effect: take \
         it out of the file"
    )]
    NoReference { key: String },
    #[error(
        "`{key}` takes neither 0 nor {value}: a margin is sought from no effect up to the largest \
         value"
    )]
    NoValues { key: String, value: String },
    #[error("a run at {place} has no figure `{metric}`, which others could be held against")]
    NoMetric { metric: String, place: String },
    #[error(
        "`{metric}` is not kept even at {place}: give a larger value to try, or allow a larger \
         --drop"
    )]
    NotKept { metric: String, place: String },
    #[error(
        "of some chips more of `{key}` makes `{metric}` worse, of others less: allow a larger \
         --drop, or take a metric that it does move"
    )]
    BothWays { key: String, metric: String },
    #[error("a run at {place} failed: {message}")]
    Failed { place: String, message: String },
}

struct Search<'a> {
    ask: &'a MarginAsk,
    options: &'a Options,
    folder: PathBuf,
    library: Library,
    seed: u64,
    log: Log,
}

impl Search<'_> {
    fn all(&self, plans: &[Plan]) -> Result<Margins, MarginError> {
        let ask = self.ask;
        // Those of the file as it is serve several keys.
        if plans.iter().any(|plan| plan.file_is_without) {
            (0..ask.chips)
                .into_par_iter()
                .try_for_each(|chip| self.reference(None, chip).map(|_| ()))?;
        }
        Ok(Margins {
            command: self.options.command.clone(),
            metric: ask.metric.clone(),
            drop: ask.drop,
            chips: ask.chips,
            keys: plans.par_iter().map(|plan| self.key(plan)).collect::<Result<_, _>>()?,
        })
    }

    fn key(&self, plan: &Plan) -> Result<Margin, MarginError> {
        let (ask, Plan { key, values, .. }) = (self.ask, plan);
        let of_zero = (!plan.file_is_without).then_some(*key);
        let chips = |of: &(dyn Fn(usize) -> Result<_, MarginError> + Sync)| {
            (0..ask.chips).into_par_iter().map(of).collect::<Result<Vec<_>, _>>()
        };
        let without = chips(&|chip| self.reference(of_zero, chip))?;
        let keeps = |chip: usize, value: f64| {
            let figure = self.figure(Some(key), chip, value)?;
            let broken = |figure| worse(&ask.metric, ask.drop, without[chip], figure);
            Ok::<_, MarginError>(!figure.is_none_or(broken))
        };
        let smallest = values.least > 0.0 && self.falls(plan, &keeps)?;
        let place = |chip: usize| format!("{} = {}, chip {chip}", key.key, text(key, values.most));
        let found: Vec<(f64, bool)> = (0..ask.chips)
            .into_par_iter()
            .map(|chip| match smallest {
                false if values.least > 0.0 && !keeps(chip, values.least)? => Ok((0.0, false)),
                false => values.largest(|value| keeps(chip, value)),
                true if keeps(chip, values.least)? => Ok((values.least, true)),
                true if keeps(chip, values.most)? => {
                    Ok((values.smallest(|value| keeps(chip, value))?, false))
                }
                true => {
                    Err(MarginError::NotKept { metric: ask.metric.clone(), place: place(chip) })
                }
            })
            .collect::<Result<_, _>>()?;
        let least = values.least;
        let values: Vec<f64> = found.iter().map(|f| f.0).collect();
        let (mean, half_width) = mean_interval(&values, 0.95);
        Ok(Margin {
            key: key.key.clone(),
            dimension: key.dimension,
            least,
            most: key.most,
            without: without.iter().sum::<f64>() / without.len() as f64,
            smallest,
            values,
            mean,
            half_width: Some(half_width).filter(|w| w.is_finite()),
            unbroken: found.iter().filter(|f| f.1).count(),
        })
    }

    /// Whether less of an effect is worse, by the two ends of each chip.
    fn falls(
        &self,
        plan: &Plan,
        keeps: &(impl Fn(usize, f64) -> Result<bool, MarginError> + Sync),
    ) -> Result<bool, MarginError> {
        let ends = |chip| Ok((keeps(chip, plan.values.least)?, keeps(chip, plan.values.most)?));
        let ends: Vec<(bool, bool)> =
            (0..self.ask.chips).into_par_iter().map(ends).collect::<Result<_, MarginError>>()?;
        let [up, down] = [(true, false), (false, true)].map(|way| ends.contains(&way));
        match up && down {
            false => Ok(down),
            true => Err(MarginError::BothWays {
                key: plan.key.key.clone(),
                metric: self.ask.metric.clone(),
            }),
        }
    }

    /// The metric of a chip of the file, or of the key at 0.
    fn reference(&self, key: Option<&MarginKey>, chip: usize) -> Result<f64, MarginError> {
        self.figure(key, chip, 0.0)?.ok_or_else(|| MarginError::NoMetric {
            metric: self.ask.metric.clone(),
            place: format!("chip {chip} without the effect"),
        })
    }

    /// The metric of a chip at a value of a key, or of the file as it is.
    fn figure(
        &self,
        key: Option<&MarginKey>,
        chip: usize,
        value: f64,
    ) -> Result<Option<f64>, MarginError> {
        let name = key.map_or("", |key| key.key.as_str());
        if let Some(figure) = self.log.figure(name, chip, value) {
            return Ok(figure);
        }
        if self.options.interrupt.tripped() {
            return Err(RunError::Stopped { path: self.folder.clone() }.into());
        }
        let seed = Some(self.seed + chip as u64);
        let edits = match key {
            Some(key) => edits(self.ask, key, value, seed),
            None => self.ask.edits.iter().cloned().chain(seed.map(seeded)).collect(),
        };
        let spec = load(&self.ask.file, &edits, &self.library).map_err(MarginError::File)?;
        let verb = if self.ask.trains { Verb::Train } else { Verb::Simulate };
        let own = self.folder.join(RUNS).join(format!("{name}-{chip:03}-{value:e}"));
        let figures = figures_of(spec, verb, &own, self.options).map_err(|message| {
            let place = match key {
                Some(key) => format!("{name} = {}, chip {chip}", text(key, value)),
                None => format!("chip {chip} without the effect"),
            };
            MarginError::Failed { place, message }
        })?;
        let figure = figures.get(&self.ask.metric).copied();
        self.log.enter(&Evaluation { key: name.into(), chip, value, figure })?;
        Ok(figure)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fall_or_rise_by_what_they_are() {
        assert!(worse("test-accuracy", Drop::Share(0.01), 0.9, 0.89));
        assert!(!worse("test-accuracy", Drop::Share(0.01), 0.9, 0.8915));
        assert!(worse("settling-time", Drop::Absolute(1e-9), 3e-9, 4.1e-9));
        assert!(!worse("settling-time", Drop::Absolute(1e-9), 3e-9, 1e-9));
    }
}
