//! From text to checked data. All mistakes of a file are collected and reported together, each
//! with file, line, column and what to write instead.
//!
//! [`load`] reads a document (a file, what it includes, edits from the command line), asks it for
//! every key with a reader that checks and records, and hands on a [`Spec`]. No key is listed
//! twice: what is asked for is what may be there, what appears in the resolved text, and what a
//! sweep may vary.

mod analysis;
mod array;
mod chain;
mod deck;
mod device;
mod document;
mod edit;
mod expect;
mod files;
mod hardware;
mod inputs;
mod learning;
mod library;
mod model;
mod nonideal;
mod ports;
mod range;
mod reader;
mod settings;
mod simulate;
mod solver;
pub mod study;
mod subcircuit;
mod sweep;
mod syntax;
mod template;
mod train;
mod weights;

pub use chain::{
    Analog, BlockKind, Chain, ChainBlock, ChainTrain, Init, Iterations, Positions, Windows,
};
pub use deck::{Deck, directives, load_deck, read_deck};
pub use edit::Edit;
pub use expect::{FIGURES, Figure};
pub use learning::*;
pub use library::{Library, Part};
pub use nonideal::*;
pub use range::Between;
pub use settings::*;
pub use solver::{Local, Method, Order, Solver};
pub use study::Study;
pub use sweep::{Axis, Chips, Claim, Design, Sweep, Until};
pub use template::{Pins, Site, TemplateFault};

use std::path::Path;
use std::rc::Rc;

use crate::diag::{Diagnostic, Report, SourceMap, Span};
use crate::model::Family;
use document::Table;
use expect::Expected;
pub(crate) use reader::seen_from;
use reader::{Reading, TableReader};
use sweep::{Placed, PlacedAxis};

/// Reads and checks a file, with `edits` made to it first.
///
/// # Errors
/// All mistakes found, in the order of the file.
pub fn load(path: &Path, edits: &[Edit], library: &Library) -> Result<Spec, Report> {
    if deck::is_deck(path) {
        return deck::load_deck(path, edits);
    }
    let (mut sources, mut found) = (SourceMap::default(), Vec::new());
    let Some(root) = document::load(path, edits, &mut sources, &mut found) else {
        return Err(Report::new(found, sources));
    };
    let reading = Reading::new(sources, found);
    let (spec, placed) = read(&reading, &root, path, library);
    let found = reading.take();
    let axes = placed.as_ref().map_or(&[][..], |placed| &placed.axes);
    let found = try_axes(&reading, &root, path, library, axes, found);
    match spec {
        Some(spec) if found.is_empty() => {
            let files = reading.asked();
            let sources = reading.into_sources();
            let sweep = placed.map(|p| p.sweep(&root, sources, path, library));
            Ok(Spec { sweep, files, ..spec })
        }
        _ => {
            assert!(!found.is_empty(), "a file was refused without a word");
            Err(Report::new(found, reading.into_sources()))
        }
    }
}

/// Whether a file, with `edits` made to it, gives a key itself, and not a preset that it names.
pub fn gives(path: &Path, edits: &[Edit], key: &str) -> bool {
    let (mut sources, mut found) = (SourceMap::default(), Vec::new());
    let root = document::load(path, edits, &mut sources, &mut found);
    root.zip(document::key_path(key, 0)).is_some_and(|(root, keys)| document::has(&root, &keys))
}

impl Spec {
    /// Whether it was read from a SPICE deck.
    pub fn is_deck(&self) -> bool {
        deck::is_deck(&self.path)
    }

    /// [`Spec::resolved`] as a file in `folder`, with all paths as seen from there.
    pub fn resolved_for(&self, folder: &Path) -> String {
        self.tree.document(&std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()))
    }
}

/// Reads the document with each swept value in place, and adds what is wrong then and was not
/// before.
fn try_axes(
    reading: &Reading,
    root: &Table,
    path: &Path,
    library: &Library,
    axes: &[PlacedAxis],
    mut found: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let root = expect::unswept(root);
    let trials = axes.iter().flat_map(|axis| axis.documents(&root).map(move |d| (axis, d)));
    for (axis, (span, document)) in trials {
        match document {
            Ok(document) => {
                drop(read(reading, &document, path, library));
                axis.learn(reading);
            }
            Err(diagnostic) => reading.report(diagnostic),
        }
        for diagnostic in reading.take() {
            let known =
                found.iter().any(|d| d.message == diagnostic.message && d.span == diagnostic.span);
            if known {
                continue;
            }
            let inside = |s: &Span| {
                [&span, &axis.span].iter().any(|own| own.start <= s.start && s.end <= own.end)
            };
            let here = diagnostic.span.as_ref().is_some_and(inside)
                || diagnostic.secondary.iter().any(|(s, _)| inside(s));
            found.push(match here {
                true => diagnostic,
                false => diagnostic.also(span.clone(), "with this value"),
            });
        }
    }
    found
}

/// A document as checked data, but for its sweep, which is told beside it.
fn read(
    reading: &Reading,
    root: &Table,
    path: &Path,
    library: &Library,
) -> (Option<Spec>, Option<Placed>) {
    let t = reading.root(root, 0);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let title = t.text("title").or(stem);
    let seed = t.count("seed", 0..=i64::MAX as u64).or(1);
    let parts = match t.one_of(&["model", "chain", "device"], None, "[model]") {
        Some("model") => network(&t, seed, library),
        Some("chain") => chained(&t, library),
        Some(_) => devices(&t, library),
        None => None,
    };
    let trains = t.has("train");
    let nothing = Expected::default();
    let expected = parts.as_ref().map_or(&nothing, |parts| &parts.expect);
    let ideal = parts.as_ref().is_some_and(|parts| {
        let network = matches!(parts.subject, Subject::Network { .. });
        network && parts.simulate.engine == Fidelity::Ideal
    });
    let has_chip = t.has("model") || t.has("chain");
    let about = sweep::About { seed, trains, has_chip, ideal, expected };
    let sweep = t.optional_table("sweep").map(|t| sweep::read(&t, &about));
    if sweep.is_none() {
        expect::no_sweep(&t, &expected.placed);
    }
    let record = Rc::clone(&t.record);
    drop(t);
    let tree = record.resolved();
    let spec = parts.map(|parts| Spec {
        title,
        seed,
        chip_seed: parts.chip_seed.unwrap_or(seed),
        path: path.to_path_buf(),
        subject: parts.subject,
        simulate: parts.simulate,
        study: parts.study,
        train: parts.train,
        gradcheck: parts.gradcheck,
        expect: parts.expect.everywhere,
        sweep: None,
        resolved: tree.document(&files::folder_of(path)),
        files: reading.asked(),
        notes: Vec::new(),
        tree,
    });
    (spec, sweep)
}

/// What a network and a netlist have in common in the end.
struct Parts {
    subject: Subject,
    /// What networks alone have.
    chip_seed: Option<u64>,
    simulate: Simulate,
    study: Option<Study>,
    train: Option<Train>,
    gradcheck: GradCheck,
    expect: Expected,
}

fn network(t: &TableReader, seed: u64, library: &Library) -> Option<Parts> {
    let chip_seed = t.count("chip-seed", 0..=i64::MAX as u64).optional();
    t.exclude("model", &["array", "ports", "analysis", "solving", "initial", "guess", "measure"]);
    let (chn, model) = {
        let t = t.table("model");
        let family = model::family(&t);
        let chn = (family == Family::Chn).then(|| t.span("family"));
        (chn, model::read(&t, family, seed))
    };
    let trains = t.has("train");
    let preset = nonideal::of_file(t, library);
    let window = preset.as_ref().and_then(|preset| preset.window);
    let hardware = hardware::read(&t.table("hardware"), model.as_ref(), library, trains, window);
    let falls_short = match &preset {
        Some(preset) => t.in_place("nonideal", &preset.table),
        None => t.table("nonideal"),
    };
    let nonideal = {
        let clamp = model.as_ref().map(|m| m.clamp.0);
        let circuits = hardware.neurons.iter().enumerate();
        let amplifiers: Vec<&NeuronCircuit> =
            circuits.filter(|(l, _)| Some(*l) != clamp).map(|(_, circuit)| circuit).collect();
        let use_of = nonideal::Use { pairs: hardware.pair, trains };
        nonideal::read(&falls_short, [hardware.g_min, hardware.g_max], use_of, &amplifiers)
    };
    let subject = simulate::Subject::Network { model: model.as_ref(), chn };
    let simulate = simulate::read(&t.table("simulate"), &subject);
    nonideal::check_engine(&falls_short, &nonideal, simulate.engine);
    drop(falls_short);
    let train = t.optional_table("train").map(|t| {
        let train = train::read(&t, &subject, &simulate);
        if let Some(train) = &train {
            nonideal::check_optimiser(&t, nonideal.update.as_ref(), train.optimiser);
        }
        train
    });
    let checks = trains || t.has("gradcheck");
    let gradcheck = match checks {
        true => train::gradcheck(&t.table("gradcheck")),
        false => GradCheck::default(),
    };
    let expect = t
        .optional_table("expect")
        .map(|t| expect::read(&t, &subject, None, None, simulate.inputs.as_ref(), train.is_some()))
        .unwrap_or_default();
    let subject = Subject::Network { model: model?, hardware: Box::new(hardware), nonideal };
    let train = match train {
        Some(train) => Some(train?),
        None => None,
    };
    Some(Parts { subject, chip_seed, simulate, study: None, train, gradcheck, expect })
}

fn chained(t: &TableReader, library: &Library) -> Option<Parts> {
    let chip_seed = t.count("chip-seed", 0..=i64::MAX as u64).optional();
    t.exclude("chain", &["array", "ports", "analysis", "hardware", "nonideal", "simulate"]);
    let chain = chain::read(t, library);
    let trains = t.has("train");
    let gradcheck = match trains || t.has("gradcheck") {
        true => train::gradcheck(&t.table("gradcheck")),
        false => GradCheck::default(),
    };
    let subject = simulate::Subject::Chain;
    let expect = t
        .optional_table("expect")
        .map(|t| expect::read(&t, &subject, None, None, None, trains))
        .unwrap_or_default();
    let simulate = simulate::read(&t.left_out("simulate"), &subject);
    let subject = Subject::Chain(Box::new(chain?));
    Some(Parts { subject, chip_seed, simulate, study: None, train: None, gradcheck, expect })
}

fn devices(t: &TableReader, library: &Library) -> Option<Parts> {
    t.exclude("device", &["hardware", "nonideal", "train", "gradcheck"]);
    let arrays = t.optional_table("array");
    let before = t.reading.count();
    let flat = t
        .own_table("device")
        .filter(|devices| subcircuit::has_instances(devices))
        .map(|devices| subcircuit::expand(t.reading, devices, library));
    let placed = match &flat {
        Some(_) if t.reading.count() > before => {
            t.optional_table("device").map(|t| t.entries());
            None
        }
        Some(flat) => device::read(&t.in_place("device", flat), arrays.as_ref()),
        None => device::read(&t.table("device"), arrays.as_ref()),
    };
    let ports = t.optional_table("ports").map(|t| ports::read(&t, placed.as_ref()));
    let bare = ports.is_none();
    let ports = ports.flatten();
    let subject = simulate::Subject::Devices { bare, ports: ports.as_ref() };
    let settings = match t.has("analysis") {
        true => t.left_out("simulate"),
        false => t.table("simulate"),
    };
    let simulate = simulate::read(&settings, &subject);
    drop(settings);
    let netlist = placed.as_ref().map(|p| &p.netlist);
    if t.has("analysis") {
        t.exclude("analysis", &["simulate", "ports"]);
    }
    let study = analysis::read(t, netlist);
    if let Some(placed) = &placed {
        device::check(t, placed, study.as_ref());
    }
    let expect = t
        .optional_table("expect")
        .map(|t| {
            expect::read(&t, &subject, netlist, study.as_ref(), simulate.inputs.as_ref(), false)
        })
        .unwrap_or_default();
    if !bare && ports.is_none() {
        return None;
    }
    let subject = Subject::Devices { netlist: Box::new(placed?.netlist), ports };
    let gradcheck = GradCheck::default();
    Some(Parts { subject, chip_seed: None, simulate, study, train: None, gradcheck, expect })
}
