//! The same networks as chips: how long their own motion takes to the fixed point.

use serde::{Deserialize, Serialize};

use super::Job;
use crate::data::DataSet;
use crate::engine::{Behavioural, Drive, Engine, Nudge, Save, Until};
use crate::learn::prediction;
use crate::model::{EnergyModel, LayerId};
use crate::run::{Options, in_pool};
use crate::run::{RunError, chip};
use crate::spec::{self, Library, Precision, Subject};

/// A network that was trained as mathematics, put on crossbars and left to settle from rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnChip {
    /// A part `circuits/preset/NAME.toml`; `None` is a perfect chip.
    pub preset: Option<String>,
    pub pictures: usize,
    /// Mean settling time in time constants of the slowest layer.
    pub time_constants: f64,
    /// That time constant \[s\].
    pub tau: f64,
    pub settled: f64,
    pub accuracy: f64,
}

const PICTURES: usize = 1000;
/// A picture has settled when no unit moves by more than this in a time constant.
const SETTLED: f64 = 1e-4;
/// Most time constants.
const PATIENCE: f64 = 1000.0;

/// The preset that stands for a real technology.
pub const HFOX: &str = "rram-hfox-wan";

/// On a perfect chip and on one of [`HFOX`].
///
/// # Errors
/// When the worker threads cannot be had.
pub fn on_chips(
    job: &Job,
    model: &EnergyModel,
    test: &DataSet,
    file: &std::path::Path,
    options: &Options,
    library: &Library,
) -> Result<Vec<OnChip>, RunError> {
    in_pool(options.threads, || {
        let each = [None, Some(HFOX)].into_iter();
        each.filter_map(|preset| on_chip(job, model, test, preset, file, library)).collect()
    })
}

/// `None` where the preset does not go with this network.
fn on_chip(
    job: &Job,
    model: &EnergyModel,
    test: &DataSet,
    preset: Option<&str>,
    file: &std::path::Path,
    library: &Library,
) -> Option<OnChip> {
    let beside =
        file.with_file_name(format!("{}-{}.toml", job.name(), preset.unwrap_or("perfect")));
    crate::run::replace_file(&beside, job.chip_text(preset).as_bytes()).ok()?;
    let spec = spec::load(&beside, &[], library).ok()?;
    let Subject::Network { hardware, nonideal, .. } = &spec.subject else { return None };
    let chip = chip(model, hardware, nonideal, spec.chip_seed);
    let taus = (0..model.layers.len()).map(LayerId).filter(|&l| l != model.clamp);
    let tau = taus.map(|l| chip.fabric.layers[l.0].tau).fold(0.0, f64::max);
    let rows: Vec<usize> = (0..PICTURES.min(test.inputs.rows())).collect();
    let drive = Drive { clamp: test.inputs.select_rows(&rows), nudge: Nudge::None };
    let until = Until { settled: SETTLED, at_most: PATIENCE * tau, at_most_iterations: 0 };
    let mut engine = Behavioural::new(chip, Precision::F32);
    let settled = engine.settle(&drive, None, &until, &Save::End);
    let times: Vec<f64> = settled.outcome.iter().filter_map(crate::engine::Outcome::time).collect();
    let labels = test.labels.as_ref()?;
    // As in the paper, the states of the read layer are the outputs.
    let outputs = settled.state[model.read.0].iter_rows();
    let right = outputs.zip(labels).filter(|(o, l)| prediction(o) == **l).count();
    Some(OnChip {
        preset: preset.map(str::to_string),
        pictures: rows.len(),
        time_constants: times.iter().sum::<f64>() / times.len() as f64 / tau,
        tau,
        settled: times.len() as f64 / rows.len() as f64,
        accuracy: right as f64 / rows.len() as f64,
    })
}
