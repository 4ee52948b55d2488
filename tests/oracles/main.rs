//! The validation corpus: every deck of `tests/oracles/decks/` in this program and in ngspice, and
//! against its closed forms. `README.md` beside this file says what is compared and how.
//!
//! Where ngspice is not installed only the closed forms are tested, aloud;
//! `EQCIRCUIT_REQUIRE_NGSPICE=1` makes that a failure. `EQCIRCUIT_DECKS=WORD` runs the decks with
//! that word in their names; `EQCIRCUIT_BLESS=1` writes `docs/validation.md`.

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod constants;
mod deck;
mod formula;
mod simulators;
mod table;

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use common::ngspice;
use compare::{Verdict, closed_forms};
use deck::{Deck, Kind};
use simulators::Results;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Fewer decks than this and something was lost.
const AT_LEAST: usize = 60;

/// A number with the suffixes of a deck's header: `2n`, `1.5u`, `3e-9`.
fn suffixed(text: &str) -> Result<f64, String> {
    let scale = match text.chars().last() {
        Some('p') => 1e-12,
        Some('n') => 1e-9,
        Some('u') => 1e-6,
        Some('m') => 1e-3,
        _ => 1.0,
    };
    let digits = if scale == 1.0 { text } else { &text[..text.len() - 1] };
    let value: f64 = digits.parse().map_err(|_| format!("`{text}` is no number"))?;
    Ok(value * scale)
}

/// What came of one deck.
struct Outcome {
    deck: Deck,
    verdict: Verdict,
    ours: f64,
    theirs: f64,
}

impl Outcome {
    fn row(&self) -> table::Row<'_> {
        let Outcome { deck, verdict, ours, theirs } = self;
        table::Row { deck, verdict, ours: *ours, theirs: *theirs }
    }
}

fn try_deck(deck: Deck, with_ngspice: bool) -> Outcome {
    let mut problems = Vec::new();
    let mut take = |found: Result<Results, String>| {
        found.map_err(|e| problems.push(format!("{}: {e}", deck.name))).ok()
    };
    let ours = take(simulators::ours(&deck));
    let theirs = with_ngspice.then(|| take(simulators::ngspice(&deck))).flatten();
    let mut verdict = match (&ours, &theirs) {
        (Some(ours), Some(theirs)) => compare::compare(&deck, ours, theirs),
        _ => Verdict::default(),
    };
    verdict.problems.extend(problems);
    for (whose, results) in [("eqcircuit", &ours), ("ngspice", &theirs)] {
        if let Some(results) = results {
            complete(&deck, results, whose, &mut verdict);
            closed_forms(&deck, results, whose, &mut verdict);
        }
    }
    let seconds = |results: &Option<Results>| results.as_ref().map_or(0.0, |r| r.seconds);
    Outcome { ours: seconds(&ours), theirs: seconds(&theirs), deck, verdict }
}

/// Whether every analysis and measurement that the deck asks for is there.
fn complete(deck: &Deck, results: &Results, whose: &str, verdict: &mut Verdict) {
    for (kind, &asked) in &deck.analyses {
        let found = results.plots.get(kind).map_or(0, Vec::len);
        if found != asked {
            let word = kind.word();
            let said = format!("{}: {whose} has {found} {word} for {asked}", deck.name);
            verdict.problems.push(said);
        }
    }
    for (_, _, name) in &deck.measures {
        if !results.measures.contains_key(name) {
            verdict.problems.push(format!("{}: {whose} measured no {name}", deck.name));
        }
    }
}

#[test]
fn decks_agree_with_ngspice_and_their_closed_forms() {
    let with_ngspice = ngspice::is_here();
    let folder = Path::new(ROOT).join("tests/oracles/decks");
    let mut decks = deck::decks(&folder).unwrap_or_else(|e| panic!("{e}"));
    assert!(decks.len() >= AT_LEAST, "{} decks in {}", decks.len(), folder.display());
    let chosen = std::env::var("EQCIRCUIT_DECKS").ok();
    if let Some(word) = &chosen {
        decks.retain(|deck| deck.name.contains(word.as_str()));
        assert!(!decks.is_empty(), "no deck has `{word}` in its name");
    }
    let blessing = std::env::var("EQCIRCUIT_BLESS").is_ok_and(|v| v == "1");
    let run = |deck| try_deck(deck, with_ngspice);
    let outcomes: Vec<Outcome> = match blessing {
        true => decks.into_iter().map(run).collect(),
        false => decks.into_par_iter().map(run).collect(),
    };
    let problems: Vec<&str> =
        outcomes.iter().flat_map(|o| &o.verdict.problems).map(String::as_str).collect();
    let bad = outcomes.iter().filter(|o| !o.verdict.problems.is_empty()).count();
    assert!(problems.is_empty(), "{bad} of {} decks:\n{}", outcomes.len(), problems.join("\n"));
    if blessing && with_ngspice && chosen.is_none() {
        let rows: Vec<table::Row> = outcomes.iter().map(Outcome::row).collect();
        let file = Path::new(ROOT).join("docs/validation.md");
        fs::write(&file, table::document(&rows)).unwrap();
    }
}

/// What is asked of a transient is meant for waveforms that no longer depend on the steps.
#[test]
#[ignore = "a study of the decks, not of this program; run it when a transient deck is changed"]
fn transients_of_ngspice_have_converged() {
    let folder = Path::new(ROOT).join("tests/oracles/decks");
    let decks = deck::decks(&folder).unwrap_or_else(|e| panic!("{e}"));
    let timed = decks.into_par_iter().filter(|deck| deck.analyses.contains_key(&Kind::Tran));
    let worst = |deck: Deck| -> Result<(f64, String), String> {
        let coarse = simulators::ngspice(&deck)?;
        let deck = deck.refined()?;
        let fine = simulators::ngspice(&deck)?;
        let verdict = compare::compare(&deck, &fine, &coarse);
        Ok((verdict.worst.get(&Kind::Tran).copied().unwrap_or(0.0), deck.name))
    };
    let found: Result<Vec<(f64, String)>, String> = timed.map(worst).collect();
    let loose: Vec<_> = found.unwrap().into_iter().filter(|(worst, _)| *worst > 5e-4).collect();
    assert!(loose.is_empty(), "{loose:?}");
}
