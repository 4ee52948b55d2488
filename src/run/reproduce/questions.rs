//! What the paper leaves open: depth, activations and starts, asked of networks that are small enough to
//! be trained in minutes.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{FILES, MAIN, ReproduceError, TOLERANCES, Variant, append, lines, open, trained};
use crate::data::DataSet;
use crate::engine::{Field, Prepared, Start, settle_from};
use crate::model::{Activation, EnergyModel};
use crate::numerics::fixed_point::{Measure, Stop};
use crate::numerics::seed::Seed;
use crate::run::{Options, RunError, in_pool, record, replace_file};
use crate::spec::{Library, Solver};

/// A line a network.
pub const ANSWERS: &str = "answers.jsonl";

/// A network that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Units of every layer, the inputs first.
    pub layers: Vec<usize>,
    /// Of the hidden layers; inputs and outputs are sigmoid.
    pub activation: String,
    /// Layers that a skip connection spans, odd; 0 of a plain network.
    pub skip: usize,
    pub epochs: usize,
    pub seed: u64,
}

/// What was found of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub asked: Asked,
    /// Of all test pictures.
    pub accuracy: f64,
    /// Of training \[s\].
    pub seconds: f64,
    pub found: Vec<Found>,
}

/// A solver from a start, over 512 test pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub variant: Variant,
    pub start: Start,
    /// Mean updates of every layer to 1e-4 on all layers, what the start costs included, of those that
    /// got there.
    pub updates: Option<f64>,
    pub converged: f64,
    /// Of one picture \[s\], one thread, in batches of 64.
    pub seconds: f64,
}

/// Hidden units of a layer, and the depths that are asked.
const WIDTH: usize = 64;
pub const DEPTHS: [usize; 7] = [3, 5, 7, 9, 13, 17, 21];
/// The layers whose activations are varied.
const SHAPE: [usize; 5] = [784, 128, 64, 32, 10];
pub const ACTIVATIONS: [Activation; 5] = [
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::HardSigmoid,
    Activation::Softmax,
];
/// Test pictures that are measured on, and training pictures that starts are learned from.
const PICTURES: usize = 512;
const LEARNED_FROM: usize = 2000;
/// Most updates.
const PATIENCE: usize = 600;

/// All networks that are asked.
pub fn asked(seeds: u64, epochs: usize) -> Vec<Asked> {
    let mut all = Vec::new();
    for seed in 1..=seeds {
        let sigmoid = Activation::Sigmoid.name().to_string();
        for depth in DEPTHS {
            let mut layers = vec![WIDTH; depth];
            (layers[0], layers[depth - 1]) = (784, 10);
            // Long enough for the inputs to be felt at the outputs.
            let span = if depth < 13 { 3 } else { 5 };
            for skip in if depth == 3 { vec![0] } else { vec![0, span] } {
                let (layers, activation) = (layers.clone(), sigmoid.clone());
                all.push(Asked { layers, activation, skip, epochs, seed });
            }
        }
        for activation in ACTIVATIONS {
            let activation = activation.name().to_string();
            all.push(Asked { layers: SHAPE.into(), activation, skip: 0, epochs, seed });
        }
    }
    all
}

impl Asked {
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Whether it is one of those whose activations are varied.
    pub fn varies_activation(&self) -> bool {
        self.layers == SHAPE
    }

    pub fn name(&self) -> String {
        let Asked { activation, skip, epochs, seed, .. } = self;
        let what = if self.varies_activation() { "shape" } else { "depth" };
        format!("{what}-{}-{activation}-skip{skip}-{epochs}-seed{seed}", self.depth())
    }

    /// The network and its training as a file.
    pub fn text(&self) -> String {
        let depth = self.depth();
        let layer = |l: usize| match l {
            0 => "input".to_string(),
            l if l + 1 == depth => "output".to_string(),
            l => format!("hidden{l}"),
        };
        let activation = |l: usize| match l {
            0 => "sigmoid",
            l if l + 1 == depth => "sigmoid",
            _ => &self.activation,
        };
        let layers: String = (0..depth)
            .map(|l| {
                let (name, size, activation) = (layer(l), self.layers[l], activation(l));
                format!(
                    "  {{ name = \"{name}\", size = {size}, activation = \"{activation}\" }},\n"
                )
            })
            .collect();
        let dense = |from: usize, to: usize| {
            format!("  {{ dense = {{ between = [\"{}\", \"{}\"] }} }},\n", layer(from), layer(to))
        };
        let mut couplings: String = (1..depth).map(|l| dense(l - 1, l)).collect();
        if self.skip > 0 {
            let from = (0..depth - self.skip).step_by(self.skip - 1);
            couplings.extend(from.map(|l| dense(l, l + self.skip)));
        }
        couplings
            .extend((1..depth).map(|l| format!("  {{ bias = {{ on = \"{}\" }} }},\n", layer(l))));
        // Weights that are small enough for a deep network to have one equilibrium.
        let scale = match depth {
            // Nothing else bounds them.
            _ if self.activation == Activation::Relu.name() => 0.2,
            3 => 1.0,
            _ => 0.7,
        };
        format!(
            "# Asked beyond arXiv:2311.15673.\n\ntitle = \"{}\"\nseed = {}\n\n\
             [model]\nfamily = \"ham\"\nlayers = [\n{layers}]\ncouplings = [\n{couplings}]\n\
             clamp = \"input\"\nread = \"output\"\ninit = {{ bias = 0.01, scale = {scale:?} }}\n\n\
             [simulate]\nengine = \"ideal\"\nsolver = {{ anderson = {{ window = 4 }} }}\n\
             order = \"even-odd\"\n\n\
             [train]\nrule = {{ implicit-gradient = {{ iterations = 16, error = \"states\" }} }}\n\
             data = \"mnist\"\nepochs = {}\nbatch = 64\n\
             optimiser = {{ madam = {{ rate = 0.005, bound = 3.0 }} }}\n\
             schedule = \"to-a-tenth\"\nuntil = {{ settled = 1e-4, iterations = 200 }}\n",
            self.name(),
            self.seed,
            self.epochs,
        )
    }
}

/// Trains and measures what is missing in the folder; `tell` hears of every network before it begins.
///
/// # Errors
/// As [`super::reproduce`].
pub fn answer(
    all: &[Asked],
    folder: &Path,
    options: &Options,
    library: &Library,
    mut tell: impl FnMut(usize, &Asked),
) -> Result<Vec<Answer>, ReproduceError> {
    let folder = std::path::absolute(folder)
        .map_err(|source| RunError::Folder { path: folder.to_path_buf(), source })?;
    open(&folder, super::PAPER)?;
    let mut done: Vec<Answer> = answers(&folder)?;
    for (k, asked) in all.iter().enumerate() {
        if done.iter().any(|d| d.asked == *asked) {
            continue;
        }
        tell(k, asked);
        let file = folder.join(FILES).join(format!("{}.toml", asked.name()));
        replace_file(&file, asked.text().as_bytes()).map_err(|source| RunError::Write {
            path: file.clone(),
            survives: super::SURVIVES.to_string(),
            source,
        })?;
        let (spec, model, record) = trained(&file, &asked.name(), &folder, options, library)?;
        let data = spec.train.as_ref().ok_or(RunError::NoInputs)?;
        let measure = || found(&model, &data.data, &data.test, asked.seed);
        let made = Answer {
            asked: asked.clone(),
            accuracy: record.test_accuracy.unwrap_or(f64::NAN),
            seconds: record.seconds,
            found: in_pool(Some(1), measure)?,
        };
        append(&folder.join(ANSWERS), &record::line(&made))?;
        done.push(made);
    }
    done.retain(|d| all.contains(&d.asked));
    Ok(done)
}

/// The whole lines that are there.
///
/// # Errors
/// As [`super::read`].
pub fn answers(folder: &Path) -> Result<Vec<Answer>, RunError> {
    lines(&folder.join(ANSWERS))
}

fn found(model: &EnergyModel, data: &DataSet, test: &DataSet, seed: u64) -> Vec<Found> {
    let some = |of: &DataSet, n: usize| {
        let rows: Vec<usize> = (0..n.min(of.inputs.rows())).collect();
        of.inputs.select_rows(&rows)
    };
    let (learned_from, inputs) = (some(data, LEARNED_FROM), some(test, PICTURES));
    let even_odd = Variant::HamEo.solver().order;
    let prepared = Prepared::fit(&Field::<f64>::of_model(model, even_odd), &learned_from);
    let prepared = prepared.map(|prepared| prepared.cast::<f32>());
    let stop = Stop { measure: Measure::Common, tolerance: Some(TOLERANCES[MAIN]), most: PATIENCE };
    let of = |variant: Variant, start: Start| {
        let solver: Solver = variant.solver();
        let field = Field::<f32>::of_model(model, solver.order);
        let prepared = if start == Start::Learned { Some(prepared.as_ref()?) } else { None };
        let began = Instant::now();
        let ends = settle_from(&field, solver, (start, Seed::new(seed)), prepared, &inputs, stop);
        let seconds = began.elapsed().as_secs_f64() / inputs.rows() as f64;
        let there = ends.iter().filter(|end| end.residual <= TOLERANCES[MAIN]);
        let updates: Vec<f64> = there.map(|end| end.evaluations as f64 + start.cost()).collect();
        let mean = updates.iter().sum::<f64>() / updates.len() as f64;
        Some(Found {
            variant,
            start,
            updates: (!updates.is_empty()).then_some(mean),
            converged: updates.len() as f64 / ends.len() as f64,
            seconds,
        })
    };
    let mut all: Vec<Option<Found>> = Vec::new();
    all.extend(Variant::HAM.map(|variant| of(variant, Start::Zero)));
    for variant in [Variant::HamEo, Variant::HamEoDeq] {
        all.extend(Start::ALL[1..].iter().map(|start| of(variant, *start)));
    }
    all.push(of(Variant::HamEoChord, Start::Learned));
    all.into_iter().flatten().collect()
}
