//! An analog block: a deep Hopfield network, how it is iterated, and what it is put on.

use super::super::hardware;
use super::super::nonideal;
use super::super::reader::TableReader;
use super::super::{
    Conduction, Fidelity, Hardware, Library, MirrorSpread, NeuronSpread, NonIdeal, Order,
    Periphery, ReadNoise, Wire,
};
use super::digital::MOST_UNITS;
use super::{Analog, Init, Iterations, Made, Positions, Windows, follow};
use crate::diag::Diagnostic;
use crate::model::{DeepHopfield, Shape, Synapse};
use crate::numerics::conv::{Conv, Pool};
use crate::units::Range;

/// Reads `analog`; `None` if it has mistakes.
pub(super) fn read(
    t: &TableReader,
    block: &str,
    made: &mut Option<Made>,
    trains: bool,
    (library, common): (&Library, Option<&On>),
) -> Option<Analog> {
    let before = t.reading.count();
    let slope = t.number("slope", Range::Positive).or(1.0);
    let clamp_last = t.flag("clamp-last").or(false);
    let order = t.choice("order", &Order::ALL.map(|o| (o.name(), o))).or(Order::EvenOdd);
    let free = iterations(&t.table("free"), 60);
    let t_nudged = t.table("nudged");
    let nudged = iterations(&t_nudged, 20);
    let windows = [("free", Windows::Free), ("held", Windows::Held)];
    let windows = t_nudged.choice("windows", &windows).or_default();
    let init = init(&t.table("init"));
    let first = made.as_ref().map(|made| made.shape);
    let mut layers: Vec<Shape> = first.into_iter().collect();
    let mut synapses = Vec::new();
    for (place, t) in t.tables("layers").into_iter().enumerate() {
        let Some(asked) = asked(&t) else {
            *made = None;
            continue;
        };
        let by = format!("layer {} of `{block}`, {}", place + 1, asked.name());
        let mut synapse = None;
        let shape = follow(&t, made, by, |input| {
            let found = asked.synapse(input)?;
            synapse = Some(found);
            Ok(found.output())
        });
        layers.extend(shape);
        synapses.extend(synapse);
    }
    let sound = t.reading.count() == before && first.is_some();
    let model = DeepHopfield { layers, synapses, slope, clamp_last };
    let own = t.has("engine") || common.is_none();
    let On { engine, hardware, nonideal, positions } = match common {
        Some(common) if !own => {
            for key in ["hardware", "nonideal", "positions"] {
                drop(t.left_out(key));
                if t.has(key) {
                    t.report(
                        Diagnostic::at(t.span(key), format!("`{key}` needs `engine` beside it"))
                            .label("[analog] says what all blocks are put on")
                            .help("write `engine` here too, or drop this"),
                    );
                }
            }
            common.clone()
        }
        _ => on(t, trains, library),
    };
    if sound && positions == Positions::SideBySide && model.unrolled().is_none() {
        t.report(
            Diagnostic::at(t.span("layers"), format!("`{block}` pools, which no matrix does"))
                .label("positions that compete cannot stand side by side")
                .help("write `positions = \"in-turn\"`, or pool in the digital block after it"),
        );
        return None;
    }
    sound.then_some(Analog {
        model,
        order,
        free,
        nudged,
        windows,
        init,
        engine,
        hardware,
        nonideal,
        positions,
    })
}

/// What kernels are put on: `engine`, `hardware` and `nonideal`.
#[derive(Debug, Clone)]
pub(super) struct On {
    engine: Fidelity,
    hardware: Option<Box<Hardware>>,
    nonideal: NonIdeal,
    positions: Positions,
}

/// Reads what the kernels of a block, or of all blocks, are put on.
pub(super) fn on(t: &TableReader, trains: bool, library: &Library) -> On {
    let engines = [("ideal", Fidelity::Ideal), ("behavioural", Fidelity::Behavioural)];
    let engine = t.choice("engine", &engines).or(Fidelity::Ideal);
    if engine == Fidelity::Ideal {
        t.exclude("engine", &["hardware", "nonideal", "positions"]);
        let (nonideal, positions) = (NonIdeal::default(), Positions::default());
        return On { engine, hardware: None, nonideal, positions };
    }
    let ways = [("in-turn", Positions::InTurn), ("side-by-side", Positions::SideBySide)];
    let positions = t.choice("positions", &ways).or_default();
    let preset = nonideal::of_file(t, library);
    let window = preset.as_ref().and_then(|preset| preset.window);
    let hardware = hardware::read(&t.table("hardware"), None, library, trains, window);
    let table = match &preset {
        Some(preset) => t.in_place("nonideal", &preset.table),
        None => t.table("nonideal"),
    };
    let use_of = nonideal::Use { pairs: hardware.pair, trains };
    let nonideal = nonideal::read(&table, [hardware.g_min, hardware.g_max], use_of, &[]);
    check(&table, &nonideal);
    On { engine, hardware: Some(Box::new(hardware)), nonideal, positions }
}

/// Reports what kernels that serve all positions in turn, on virtual grounds, do not have.
fn check(t: &TableReader, nonideal: &NonIdeal) {
    let NonIdeal { fabrication, read, wire, cell, periphery, update, .. } = nonideal;
    let quiet = ReadNoise { proportional: read.proportional, ..ReadNoise::default() };
    let known = Periphery { dac: periphery.dac, adc: periphery.adc, ..Periphery::default() };
    let missing = [
        ("wire", *wire != Wire::default(), "wires"),
        ("cell", *cell != Conduction::default(), "cells that are not linear"),
        ("update", update.is_some(), "updates by pulses"),
        ("read", *read != quiet, "noise other than `proportional`"),
        ("periphery", *periphery != known, "errors of the periphery other than `dac` and `adc`"),
        (
            "fabrication",
            fabrication.neuron != NeuronSpread::default()
                || fabrication.mirror != MirrorSpread::default(),
            "mismatch of neurons or mirrors",
        ),
    ];
    for (key, is, what) in missing {
        if is {
            t.report(
                Diagnostic::at(t.span(key), format!("the blocks of a chain have no {what}"))
                    .label("not known of kernels that serve all positions in turn")
                    .help(
                        "drop it here; networks of [model] have it, on the behavioural or circuit \
                         engine",
                    ),
            );
        }
    }
}

fn iterations(t: &TableReader, default: u64) -> Iterations {
    Iterations {
        most: t.count("iterations", 1..=1 << 20).or(default) as usize,
        settled: t.number("settled", Range::Positive).optional(),
    }
}

fn init(t: &TableReader) -> Init {
    match t.one_of(&["uniform", "goe"], Some("uniform"), "init = { goe = { variance = 4.9e-5 } }") {
        Some("goe") => {
            let t = t.table("goe");
            Init::Goe { variance: t.number("variance", Range::Positive).or(4.9e-5) }
        }
        _ => {
            let t = t.table("uniform");
            Init::Uniform { scale: t.number("scale", Range::NonNegative).or(1.0) }
        }
    }
}

/// A layer as written, before what comes before it is known.
enum Asked {
    Conv { channels: usize, kernel: usize, padding: usize, pool: Option<usize> },
    Dense { size: usize },
}

impl Asked {
    fn name(&self) -> &'static str {
        match self {
            Asked::Conv { .. } => "conv",
            Asked::Dense { .. } => "dense",
        }
    }

    fn synapse(&self, input: Shape) -> Result<Synapse, String> {
        match *self {
            Asked::Dense { size } => Ok(Synapse::Dense { pre: input.size(), post: size }),
            Asked::Conv { channels, kernel, padding, pool } => {
                let conv = Conv { input, channels, kernel, stride: 1, padding };
                let output = conv.try_output().ok_or_else(|| {
                    format!("a kernel of {kernel} x {kernel} is larger than its padded input")
                })?;
                let pool = pool.map(|size| Pool { input: output, size, stride: size });
                if let Some(Pool { size, .. }) = pool.filter(|pool| pool.try_output().is_none()) {
                    return Err(format!("a window of {size} x {size} is larger than {output}"));
                }
                Ok(Synapse::Conv { conv, pool })
            }
        }
    }
}

fn asked(t: &TableReader) -> Option<Asked> {
    let example = "{ conv = { channels = 64, kernel = 3, padding = 1, pool = 2 } }";
    match t.one_of(&["conv", "dense"], None, example)? {
        "dense" => {
            let size = t.table("dense").count("size", 1..=MOST_UNITS).needed("size = 64");
            Some(Asked::Dense { size: size? as usize })
        }
        _ => {
            let t = t.table("conv");
            let channels = t.count("channels", 1..=MOST_UNITS).needed("channels = 64");
            let kernel = t.count("kernel", 1..=1 << 12).or(3) as usize;
            let padding = t.count("padding", 0..=1 << 12).or(1) as usize;
            if padding >= kernel {
                t.report(
                    Diagnostic::at(t.span("padding"), "more padding than the kernel reaches")
                        .label(format!("a kernel of {kernel} sees nothing but zeros there"))
                        .help(format!("write at most {}", kernel - 1)),
                );
                return None;
            }
            let pool = t.count("pool", 2..=1 << 12).optional().map(|n| n as usize);
            Some(Asked::Conv { channels: channels? as usize, kernel, padding, pool })
        }
    }
}
