//! SPICE decks, in the dialect of ngspice.
//!
//! A deck is read in four steps: [`files`] gives its cards, comments and continuations taken off
//! and includes in their place; [`outline`] sorts them, subcircuit by subcircuit; [`circuit`]
//! lays the instances out as devices on nodes; [`analyses`] reads what is asked of them. Every
//! step goes on after a mistake, so that all are told at once.
//!
//! What is inside an instance `x1` is called `x1.r1` and `x1.node`, as ngspice calls its nodes.

mod analyses;
mod behavioural;
mod card;
mod circuit;
mod elements;
mod files;
mod frequencies;
mod given;
mod home;
mod instance;
mod measures;
mod models;
mod outline;
mod scope;
mod settings;
mod sources;
mod timing;
mod words;
mod write;

pub use write::directives;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use super::device::Placed;
use super::document::Table;
use super::reader::Reading;
use super::study::{Request, Study};
use super::{Edit, GradCheck, Spec, Subject, simulate};
use crate::diag::{Diagnostic, Report, SourceMap};
use crate::netlist::{Fault, Netlist};
use card::Cursor;
use circuit::Circuit;
use files::Files;
use outline::{Block, Outline};
use scope::Scope;

/// What the names of decks end in.
const EXTENSIONS: [&str; 5] = ["cir", "sp", "spi", "net", "ckt"];

/// Most mistakes that are told at once.
const TOLD: usize = 100;

/// Whether a file is a deck, by its name.
pub(super) fn is_deck(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

/// Mistakes and remarks.
#[derive(Default)]
struct Found {
    mistakes: RefCell<Vec<Diagnostic>>,
    notes: RefCell<Vec<Diagnostic>>,
}

impl Found {
    fn report(&self, diagnostic: Diagnostic) {
        self.mistakes.borrow_mut().push(diagnostic);
    }

    /// Tells of what is right and makes no difference.
    fn note(&self, diagnostic: Diagnostic) {
        self.notes.borrow_mut().push(diagnostic);
    }

    fn count(&self) -> usize {
        self.mistakes.borrow().len()
    }

    /// Tells that what a cursor is at was not expected.
    fn not_understood(&self, cursor: &Cursor, help: &str) {
        let message = match cursor.is_done() {
            true => "this line ends too early".to_string(),
            false => format!("`{}` cannot stand here", cursor.text()),
        };
        self.report(Diagnostic::at(cursor.span(), message).label("not understood").help(help));
    }
}

/// What a deck says.
#[derive(Debug, Clone, PartialEq)]
pub struct Deck {
    /// Its first line, or `.title`.
    pub title: String,
    pub netlist: Netlist,
    pub study: Study,
    /// What was read and makes no difference here, one a line, with its place.
    pub notes: Vec<String>,
}

/// Reads a deck and the files it includes.
///
/// # Errors
/// All mistakes found, in the order of the deck; at most the first hundred.
pub fn read_deck(path: &Path) -> Result<Deck, Report> {
    let mut mistakes = Vec::new();
    let mut files = Files::read(path, &mut mistakes);
    let cards = files.cards(&mut mistakes);
    let found = Found { mistakes: RefCell::new(mistakes), notes: RefCell::default() };
    let after_end = files.after_end.clone();
    if let Some(span) = after_end {
        found.note(Diagnostic::at(span, "what follows `.end` is not read").label("not read"));
    }
    let deck = assemble(&cards, &files.title, &found);
    drop(cards);
    let sources = std::mem::take(&mut files.sources);
    let notes = notes(found.notes.into_inner(), &sources);
    let mut mistakes = found.mistakes.into_inner();
    if mistakes.is_empty() {
        return Ok(Deck { notes, ..deck });
    }
    let more = mistakes.len().saturating_sub(TOLD);
    mistakes.truncate(TOLD);
    if more > 0 {
        mistakes.push(Diagnostic::new(format!("{more} more mistakes are not shown")));
    }
    Err(Report::new(mistakes, sources))
}

/// A deck as a checked file.
///
/// # Errors
/// All mistakes found.
pub fn load_deck(path: &Path, edits: &[Edit]) -> Result<Spec, Report> {
    if !edits.is_empty() {
        let diagnostic =
            Diagnostic::new("edits change the keys of a TOML file, and this is a deck")
                .help("change the deck, or compile it to TOML first: `eqcircuit compile`");
        return Err(Report::new(vec![diagnostic], SourceMap::default()));
    }
    let deck = read_deck(path)?;
    let empty = Table::default();
    let reading = Reading::new(SourceMap::default(), Vec::new());
    let subject = simulate::Subject::Devices { bare: true, ports: None };
    let simulate = simulate::read(&reading.root(&empty, 0), &subject);
    let tree = home::resolved(&deck);
    Ok(Spec {
        title: deck.title,
        seed: 1,
        chip_seed: 1,
        path: path.to_path_buf(),
        subject: Subject::Devices { netlist: Box::new(deck.netlist), ports: None },
        simulate,
        study: Some(deck.study),
        train: None,
        gradcheck: GradCheck::default(),
        expect: Vec::new(),
        sweep: None,
        resolved: tree.document(&files::folder_of(path)),
        tree,
        files: Vec::new(),
        notes: deck.notes,
    })
}

fn assemble(cards: &[files::Card], title: &str, found: &Found) -> Deck {
    let outline = Outline::of(cards, found);
    let top = Scope::new(&outline.top, None, String::new(), HashMap::new(), found);
    let timing = analyses::timing(&outline.dots, &top);
    let (solving, known) = analyses::solving(&outline.dots, &top, found);
    let mut circuit = Circuit::new(&outline.globals, timing, known.nominal, found);
    circuit.lay(&top);
    circuit.check_mentions();
    let laid = found.count();
    let devices = circuit.build();
    let mut study = Study { solving, ..Study::default() };
    // Names can be looked up only where all devices could be made.
    if found.count() == 0 || devices.len() == circuit.names.len() {
        analyses::read(&circuit, &outline.dots, &top, &mut study);
    }
    if study.analyses.is_empty() {
        study.analyses.push(Request::Op);
        found.note(Diagnostic::new("the deck asks for no analysis; its operating point is found"));
    }
    if devices.is_empty() && found.count() == 0 {
        found.report(
            Diagnostic::new("the deck has no devices")
                .help("its first line is a title; write for example `r1 a 0 1k` below it"),
        );
    }
    for word in home::repeated(&study) {
        found.note(Diagnostic::new(format!(
            "a file in TOML holds one `{word}`; `resolved.toml` has the first"
        )));
    }
    unused(&outline.top, &circuit, found);
    study.initial = std::mem::take(&mut circuit.initial);
    study.guess = std::mem::take(&mut circuit.guess);
    let mut netlist = std::mem::take(&mut circuit.netlist);
    netlist.temperature = study.solving.temperature;
    netlist.gmin = study.solving.gmin;
    let placed = Placed::of(netlist, std::mem::take(&mut circuit.nodes), devices);
    if laid == 0 && found.count() == 0 {
        faults(&placed, &study, found);
    }
    let title = match &outline.title {
        Some(title) => title.clone(),
        None => title.trim_start_matches('*').trim().to_string(),
    };
    Deck { title, netlist: placed.netlist, study, notes: Vec::new() }
}

/// Tells of what makes the equations indeterminate.
fn faults(placed: &Placed, study: &Study, found: &Found) {
    for (fault, diagnostic) in placed.faults(Some(study)) {
        match fault {
            // Common in decks: a pin that is not used.
            Fault::Unconnected { .. } => found.note(diagnostic),
            Fault::NoPathToGround { .. } if study.only_moves() => found.note(diagnostic),
            _ => found.report(diagnostic),
        }
    }
}

/// Tells of models that no device is of.
fn unused(block: &Block, circuit: &Circuit, found: &Found) {
    for (name, card) in &block.models {
        if !circuit.used.contains(&std::ptr::from_ref(*card)) {
            found.note(
                Diagnostic::at(
                    card.head(),
                    format!("no device is of model `{name}`, which is not read"),
                )
                .label("not used"),
            );
        }
    }
    for inner in block.inner.values() {
        unused(inner, circuit, found);
    }
}

/// Remarks in the order of the deck, one a line.
fn notes(mut notes: Vec<Diagnostic>, sources: &SourceMap) -> Vec<String> {
    notes.sort_by_key(|note| note.span.as_ref().map(|span| span.start));
    notes.truncate(TOLD);
    let line = |note: &Diagnostic| match &note.span {
        Some(span) => {
            let at = sources.locate(span.start);
            format!("{}:{}:{}: {}", at.name, at.line, at.column, note.message)
        }
        None => note.message.clone(),
    };
    notes.iter().map(line).collect()
}
