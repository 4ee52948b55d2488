//! `[[chain]]`: digital and analog blocks in a row, each fed by the one before.

mod analog;
mod digital;
mod learning;
mod weights;

pub use weights::ChainTensor;

use std::sync::Arc;

use super::learning::{OptimiserRule, Schedule};
use super::nonideal::NonIdeal;
use super::reader::TableReader;
use super::{Fidelity, Hardware, Library, Order, Phases, Precision};
use crate::data::pictures::{Augment, Normalise, Pictures};
use crate::diag::{Diagnostic, Span};
use crate::model::{Cost, DeepHopfield, HostLayer, Shape};
use crate::units::Dimension;

/// A chain, as `[[chain]]`, `[input]` and `[train]` say it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// `input.shape`
    pub input: Shape,
    /// `input.mean` and `input.deviation`.
    pub normalise: Normalise,
    pub blocks: Vec<ChainBlock>,
    /// `weights`: numbers of every tensor of [`Chain::tensors`]; drawn if not given.
    pub weights: Option<Vec<Vec<f64>>>,
    /// `precision`: what it is computed in.
    pub precision: Precision,
    pub train: Option<ChainTrain>,
}

/// An entry of `[[chain]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainBlock {
    /// `name`, with which the names of its tensors begin; its place from 0 on if not given.
    pub name: String,
    pub input: Shape,
    pub kind: BlockKind,
}

impl Chain {
    /// All tensors in the order of the blocks.
    pub fn tensors(&self) -> Vec<ChainTensor> {
        weights::tensors(&self.blocks)
    }

    /// The least ideal engine of its analog blocks, in a word.
    pub fn engine_words(&self) -> &'static str {
        let analog = self.blocks.iter().filter_map(|block| match &block.kind {
            BlockKind::Analog(analog) => Some(analog.engine),
            BlockKind::Digital(_) => None,
        });
        match analog.collect::<Vec<_>>() {
            engines if engines.is_empty() => "digital",
            engines if engines.iter().all(|e| *e == Fidelity::Ideal) => "ideal",
            engines if engines.contains(&Fidelity::Circuit) => "circuit",
            _ => "behavioural",
        }
    }
}

/// Who computes a block.
#[derive(Debug, Clone, PartialEq)]
pub enum BlockKind {
    Digital(Vec<HostLayer>),
    Analog(Box<Analog>),
}

/// An analog block.
#[derive(Debug, Clone, PartialEq)]
pub struct Analog {
    pub model: DeepHopfield,
    pub order: Order,
    /// `free`
    pub free: Iterations,
    /// `nudged`
    pub nudged: Iterations,
    /// `nudged.windows`
    pub windows: Windows,
    pub init: Init,
    /// `engine`
    pub engine: Fidelity,
    /// The kernels' arrays, of a block that is not ideal.
    pub hardware: Option<Box<Hardware>>,
    pub nonideal: NonIdeal,
    /// `positions`
    pub positions: Positions,
}

/// How cells serve the positions of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Positions {
    /// One kernel array serves all, one after the other.
    #[default]
    InTurn,
    /// Each has cells of its own, which start alike and are taught alike.
    SideBySide,
}

/// How long a phase lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iterations {
    /// `iterations`: most of them.
    pub most: usize,
    /// `settled`: where a sample stops earlier.
    pub settled: Option<f64>,
}

/// What windows that pool choose in nudged phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Windows {
    /// What is largest there, as in arXiv:2409.03306.
    #[default]
    Free,
    /// What was largest in the free phase.
    Held,
}

/// What the weights of an analog block begin with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Uniform within plus and minus `scale / sqrt(inputs)`, weights and biases.
    Uniform { scale: f64 },
    /// Every kernel is symmetric: normal numbers of variance `variance / 3` off the diagonal, of eight times that
    /// on it; biases are zero (the "GOE" of arXiv:2409.03306). Dense weights as `Uniform`.
    Goe { variance: f64 },
}

/// `[train]` of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainTrain {
    /// `rule.equilibrium-propagation`
    pub beta: f64,
    pub phases: Phases,
    pub cost: Cost,
    pub data: Arc<Pictures>,
    pub test: Arc<Pictures>,
    pub augment: Option<Augment>,
    pub epochs: usize,
    pub batch: usize,
    pub optimiser: OptimiserRule,
    pub rate: f64,
    /// `weight-decay`: times the weights, added to their gradients.
    pub weight_decay: f64,
    pub schedule: Schedule,
    /// `unsettled`: whether training stops where a sample does not settle.
    pub stop_unsettled: bool,
}

/// Most numbers of a sample at any place of a chain.
const MOST_NUMBERS: usize = 1 << 22;
const EXAMPLE: &str = "analog = { layers = [{ dense = { size = 64 } }] }";

/// Where something in a chain was said.
struct Made {
    shape: Shape,
    /// The layer that made the shape, for people, and where it stands.
    by: String,
    span: Span,
}

/// Reads a chain; `None` if it has mistakes.
pub(super) fn read(t: &TableReader, library: &Library) -> Option<Chain> {
    let before = t.reading.count();
    let trains = t.has("train");
    let (input, normalise) = input(&t.table("input"));
    let mut made =
        input.map(|shape| Made { shape, by: "the input".to_string(), span: t.span("input") });
    let common = t.optional_table("analog").map(|t| analog::on(&t, trains, library));
    let mut blocks: Vec<(ChainBlock, Span)> = Vec::new();
    for (place, t) in t.tables("chain").into_iter().enumerate() {
        let name = t.text("name").or(place.to_string());
        let span = if t.has("name") { t.span("name") } else { t.own_span() };
        check_name(&t, &name, &span, &blocks);
        let from = made.as_ref().map(|made| made.shape);
        let kind = match t.one_of(&["digital", "analog"], None, EXAMPLE) {
            Some("digital") => {
                digital::read(&t.table("digital"), &name, &mut made).map(BlockKind::Digital)
            }
            Some(_) => {
                let t = t.table("analog");
                let analog = analog::read(&t, &name, &mut made, trains, (library, common.as_ref()));
                analog.map(|analog| BlockKind::Analog(Box::new(analog)))
            }
            None => None,
        };
        match kind {
            Some(kind) => {
                blocks
                    .push((ChainBlock { name, input: from.unwrap_or(Shape::flat(1)), kind }, span));
            }
            None => made = None,
        }
    }
    if blocks.is_empty() && t.reading.count() == before {
        t.report(
            Diagnostic::at(t.span("chain"), "a chain has at least one block")
                .label("nothing in it")
                .help(format!("write for example `[[chain]]` and below it `{EXAMPLE}`")),
        );
    }
    let precisions = [("f32", Precision::F32), ("f64", Precision::F64)];
    let precision = t.choice("precision", &precisions).or(Precision::F32);
    let train = t.optional_table("train").map(|t| learning::read(&t, input, made.as_ref()));
    let blocks: Vec<ChainBlock> = blocks.into_iter().map(|(block, _)| block).collect();
    let train = match train {
        Some(train) => Some(train?),
        None => None,
    };
    if t.reading.count() > before {
        t.path("weights").optional();
        return None;
    }
    let weights = weights::read(t, &blocks)?;
    Some(Chain { input: input?, normalise: normalise?, blocks, weights, precision, train })
}

/// The shape of a sample, and how its pixels become numbers.
fn input(t: &TableReader) -> (Option<Shape>, Option<Normalise>) {
    let example = "shape = [1, 28, 28]";
    let shape = t.counts::<3>("shape", 1..=1 << 16).needed(example);
    let shape = shape.map(|[c, h, w]| Shape::new(c as usize, h as usize, w as usize));
    let channels = shape.map_or(1, |shape| shape.channels);
    let of = |key, default: f64| {
        let given = t.quantities(key, Dimension::One).optional();
        match given {
            Some(given) if given.len() != channels && shape.is_some() => {
                t.report(
                    Diagnostic::at(
                        t.span(key),
                        format!(
                            "`{key}` has {} numbers, one a channel are {channels}",
                            given.len()
                        ),
                    )
                    .label("of another number of channels")
                    .also(t.span("shape"), "channels first")
                    .help("give one number a channel"),
                );
                None
            }
            Some(given) => Some(given),
            None => Some(vec![default; channels]),
        }
    };
    let mean = of("mean", 0.0);
    let deviation = of("deviation", 1.0);
    if deviation.iter().flatten().any(|d| *d <= 0.0) {
        t.report(
            Diagnostic::at(t.span("deviation"), "a deviation must be above zero")
                .label("pixels are divided by it")
                .help("write the standard deviation of each channel's pixels, between 0 and 1"),
        );
    }
    let normalise = mean.zip(deviation).map(|(mean, deviation)| Normalise { mean, deviation });
    (shape, normalise)
}

fn check_name(t: &TableReader, name: &str, span: &Span, blocks: &[(ChainBlock, Span)]) {
    let usable = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(usable) {
        t.report(
            Diagnostic::at(span.clone(), format!("`{name}` cannot be the name of a block"))
                .label("not a name")
                .help("use letters, digits, `-` and `_`: tensors are named after it"),
        );
    }
    if let Some((_, first)) = blocks.iter().find(|(block, _)| block.name == name) {
        t.report(
            Diagnostic::at(span.clone(), format!("two blocks are named `{name}`"))
                .label("named again")
                .also(first.clone(), "named here first")
                .help("give each block its own name"),
        );
    }
}

/// Takes the shape that a layer makes, or says why it cannot.
fn follow(
    t: &TableReader,
    made: &mut Option<Made>,
    by: String,
    output: impl FnOnce(Shape) -> Result<Shape, String>,
) -> Option<Shape> {
    let from = made.take()?;
    let span = t.own_span();
    let help = |why: &str| match why.contains("flat") {
        true => "put `{ flatten = {} }` before it",
        false => "make the kernel or window smaller, pad its input, or pool less before it",
    };
    match output(from.shape) {
        Ok(shape) if shape.size() <= MOST_NUMBERS => {
            *made = Some(Made { shape, by, span });
            Some(shape)
        }
        Ok(shape) => {
            t.report(
                Diagnostic::at(span, format!("{by} makes {shape}, which is more than fits"))
                    .label(format!("{} numbers a sample", shape.size()))
                    .also(from.span, format!("its input of {} is made here", from.shape))
                    .help(format!("keep to {MOST_NUMBERS} numbers")),
            );
            None
        }
        Err(why) => {
            t.report(
                Diagnostic::at(span, format!("{by} cannot take {}: {why}", from.shape))
                    .label(format!("gets {}", from.shape))
                    .also(from.span, format!("{} makes {}", from.by, from.shape))
                    .help(help(&why)),
            );
            None
        }
    }
}
