//! An analog block: a deep Hopfield network, how it is iterated, and what it is put on.

use super::super::hardware;
use super::super::nonideal;
use super::super::reader::TableReader;
use super::super::{
    Conduction, Fidelity, Hardware, Library, MirrorSpread, NeuronSpread, NonIdeal, Order,
    Periphery, ReadNoise, Summing, Wire,
};
use super::digital::MOST_UNITS;
use super::{Analog, Init, Iterations, Made, Positions, Windows, follow};
use crate::diag::Diagnostic;
use crate::model::{DeepHopfield, EnergyModel, Layer, Shape, Synapse};
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
    let On { engine, mut hardware, nonideal, positions } = match common {
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
    if sound && positions == Positions::SideBySide {
        let Some(unrolled) = model.unrolled() else {
            t.report(pools(t, block, engine));
            return None;
        };
        if let Some(hardware) = hardware.as_mut().filter(|_| engine == Fidelity::Circuit) {
            if let Some(diagnostic) = too_large(t, block, &unrolled) {
                t.report(diagnostic);
                return None;
            }
            take_neurons(hardware, &unrolled);
        }
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

/// A block that pools, where each position has cells of its own.
fn pools(t: &TableReader, block: &str, engine: Fidelity) -> Diagnostic {
    let at = Diagnostic::at(t.span("layers"), format!("`{block}` pools, which no matrix does"));
    match engine {
        Fidelity::Circuit => at
            .label("a crossbar has no largest of a window")
            .help("write `engine = \"behavioural\"`, or pool in the digital block after it"),
        _ => at
            .label("positions that compete cannot stand side by side")
            .help("write `positions = \"in-turn\"`, or pool in the digital block after it"),
    }
}

/// Most cells of a block that is a circuit: each is a device, and there are some copies of all.
const MOST_CELLS: usize = 1 << 20;

/// An unrolled block with more cells than a circuit can have.
fn too_large(t: &TableReader, block: &str, unrolled: &DeepHopfield) -> Option<Diagnostic> {
    let weights = unrolled.synapses.iter().map(|synapse| {
        let [rows, cols] = synapse.matrix();
        rows.saturating_mul(cols)
    });
    let cells = weights.fold(0, usize::saturating_add).saturating_mul(4);
    (cells > MOST_CELLS).then(|| {
        Diagnostic::at(t.span("layers"), format!("`{block}` is a circuit of {cells} cells"))
            .label("two a weight and direction, every position with its own")
            .help(format!(
                "at most {MOST_CELLS} are solved one by one: write `engine = \"behavioural\"`, or \
                 put smaller layers here"
            ))
    })
}

/// Gives each layer of a block, and what it has in place of a clamped one, its neuron circuit.
fn take_neurons(hardware: &mut Hardware, unrolled: &DeepHopfield) {
    let circuits = std::mem::take(&mut hardware.neurons);
    let layers = unrolled.network().map_or(Vec::new(), |network| network.layers);
    let of = |layer: &Layer| circuits.iter().find(|c| c.activation == layer.activation).cloned();
    hardware.neurons = layers.iter().filter_map(of).collect();
}

/// A block with a layer of each kind, for the names of their neuron circuits.
fn kinds() -> Option<EnergyModel> {
    let synapses = vec![Synapse::Dense { pre: 1, post: 1 }];
    let layers = vec![Shape::flat(1); 2];
    DeepHopfield { layers, synapses, slope: 1.0, clamp_last: false }.network()
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
    let engines = [
        ("ideal", Fidelity::Ideal),
        ("behavioural", Fidelity::Behavioural),
        ("circuit", Fidelity::Circuit),
    ];
    let engine = t.choice("engine", &engines).or(Fidelity::Ideal);
    if engine == Fidelity::Ideal {
        t.exclude("engine", &["hardware", "nonideal", "positions"]);
        let (nonideal, positions) = (NonIdeal::default(), Positions::default());
        return On { engine, hardware: None, nonideal, positions };
    }
    let ways = [("in-turn", Positions::InTurn), ("side-by-side", Positions::SideBySide)];
    let circuit = engine == Fidelity::Circuit;
    let usual = if circuit { Positions::SideBySide } else { Positions::default() };
    let mut positions = t.choice("positions", &ways).or(usual);
    if circuit && positions == Positions::InTurn {
        positions = usual;
        t.report(
            Diagnostic::at(t.span("positions"), "a circuit has no turns")
                .label("every position has cells of its own, all at once")
                .help("drop it, or write `engine = \"behavioural\"`"),
        );
    }
    let preset = nonideal::of_file(t, library);
    let window = preset.as_ref().and_then(|preset| preset.window);
    let kinds = kinds().filter(|_| circuit);
    let mut hardware =
        hardware::read(&t.table("hardware"), kinds.as_ref(), library, trains, window);
    hardware.summing = Summing::VirtualGround;
    let table = match &preset {
        Some(preset) => t.in_place("nonideal", &preset.table),
        None => t.table("nonideal"),
    };
    let use_of = nonideal::Use { pairs: hardware.pair, trains };
    let nonideal = nonideal::read(&table, [hardware.g_min, hardware.g_max], use_of, &[]);
    check(&table, &nonideal, circuit);
    On { engine, hardware: Some(Box::new(hardware)), nonideal, positions }
}

/// Reports what kernels that serve all positions in turn, on virtual grounds, do not have.
fn check(t: &TableReader, nonideal: &NonIdeal, circuit: bool) {
    let NonIdeal { fabrication, read, wire, cell, periphery, update, time, .. } = nonideal;
    let quiet = ReadNoise { proportional: read.proportional, ..ReadNoise::default() };
    let known = Periphery { dac: periphery.dac, adc: periphery.adc, ..Periphery::default() };
    let missing = [
        ("wire", *wire != Wire::default(), "wires"),
        ("cell", *cell != Conduction::default(), "cells that are not linear"),
        ("update", update.is_some(), "updates by pulses"),
        ("time", time.compensates(), "gains that make up for what conductances have lost"),
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
                    .label(match circuit {
                        true => "not known of lines that end in virtual grounds",
                        false => "not known of kernels that serve all positions in turn",
                    })
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
