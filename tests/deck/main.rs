//! Decks as ngspice writes them: every line, every form of number, scoping, and what is said of
//! mistakes.

mod elements;
mod files;
mod mistakes;
mod scoping;
mod sources;
mod studies;
mod writing;

#[path = "../common/ngspice.rs"]
mod ngspice;

use std::path::Path;

use eqcircuit::diag::Report;
use eqcircuit::netlist::text::toml;
use eqcircuit::spec::{Deck, read_deck};

/// A deck of these lines below a title.
fn read(lines: &str) -> Result<Deck, Report> {
    read_text(&format!("a title\n{lines}\n"))
}

fn read_text(text: &str) -> Result<Deck, Report> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deck.cir");
    std::fs::write(&path, text).unwrap();
    read_deck(&path)
}

fn deck(lines: &str) -> Deck {
    read(lines).unwrap_or_else(|report| panic!("{report}"))
}

/// The devices of a deck in the home format, one a line.
fn devices(lines: &str) -> Vec<String> {
    let text = toml(&deck(lines).netlist, None);
    text.lines().skip(1).map(str::to_string).collect()
}

/// The messages of a deck that is wrong, each as `line: message`.
fn mistakes(lines: &str) -> Vec<String> {
    let report = read(lines).expect_err("a wrong deck was read");
    report
        .diagnostics()
        .iter()
        .map(|d| match &d.span {
            Some(span) => format!("{}: {}", report.sources().locate(span.start).line, d.message),
            None => d.message.clone(),
        })
        .collect()
}

/// The text that the only mistake of a deck points at, and its cure.
fn pointed(lines: &str) -> (String, String) {
    let report = read(lines).expect_err("a wrong deck was read");
    assert_eq!(report.len(), 1, "{report}");
    let diagnostic = &report.diagnostics()[0];
    let text = report.sources().text(&diagnostic.span.clone().unwrap()).to_string();
    (text, diagnostic.help.join("\n"))
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}
