//! `docs/validation.md`, written from a run of the corpus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::compare::{MEASURES, Verdict};
use crate::deck::{Deck, Kind};

/// A deck with what came of it and both run times \[s\].
pub struct Row<'a> {
    pub deck: &'a Deck,
    pub verdict: &'a Verdict,
    pub ours: f64,
    pub theirs: f64,
}

/// The document.
pub fn document(rows: &[Row]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(&row.deck.group).or_default().push(row);
    }
    let analyses: usize = rows.iter().flat_map(|r| r.deck.analyses.values()).sum();
    let checks: usize = rows.iter().map(|r| r.deck.checks.len()).sum();
    let mut text = String::from(HEAD);
    let _ = write!(
        text,
        "\n{} decks, {analyses} analyses, {checks} closed forms, on {}.\n\n\
         | analysis | decks | worst deviation | allowed | measure |\n|---|---|---|---|---|\n",
        rows.len(),
        machine(),
    );
    for kind in Kind::ALL {
        let all: Vec<f64> =
            rows.iter().filter_map(|r| r.verdict.worst.get(&kind).copied()).collect();
        let worst = all.iter().copied().fold(0.0, f64::max);
        let allowed = number(kind.tolerance());
        let (word, count) = (kind.word(), all.len());
        let _ = writeln!(
            text,
            "| {word} | {count} | {} | {allowed} | {} |",
            number(worst),
            measure(kind)
        );
    }
    let all: Vec<f64> = rows.iter().filter_map(|r| r.verdict.measures).collect();
    let worst = number(all.iter().copied().fold(0.0, f64::max));
    let allowed = number(MEASURES);
    let _ = writeln!(text, "| measurements | {} | {worst} | {allowed} | relative |", all.len());
    let total = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>();
    let (ours, theirs) = (total(|r| r.ours), total(|r| r.theirs));
    let _ = writeln!(text, "\nAll decks together: eqcircuit {ours:.1} s, ngspice {theirs:.1} s.");
    for (group, rows) in groups {
        let _ = write!(
            text,
            "\n## {group}\n\n| deck | shows | op | dc | tran | ac | noise | measured | closed form \
             | eqcircuit | ngspice |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
        );
        for row in rows {
            line(&mut text, row);
        }
    }
    text
}

fn line(text: &mut String, row: &Row) {
    let deck = row.deck;
    let file = deck.ours.file_name().unwrap_or_default().to_string_lossy();
    let _ = write!(
        text,
        "| [{}](../tests/oracles/decks/{file}) | {}: {} |",
        deck.name,
        deck.title,
        deck.shows.replace('|', "\\|")
    );
    for kind in Kind::ALL {
        let _ = match row.verdict.worst.get(&kind) {
            Some(_) if deck.measures_only && kind == Kind::Tran => write!(text, " measured |"),
            Some(&worst) => write!(text, " {} |", number(worst)),
            None => write!(text, " |"),
        };
    }
    let measures = row.verdict.measures.map_or(String::new(), number);
    let closed =
        row.verdict.closed.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share));
    let (ours, theirs) = (1e3 * row.ours, 1e3 * row.theirs);
    let _ = writeln!(text, " {measures} | {closed} | {ours:.0} ms | {theirs:.0} ms |");
}

/// Two digits, or nothing to show.
fn number(x: f64) -> String {
    match x == 0.0 {
        true => "0".into(),
        false => format!("{x:.1e}"),
    }
}

fn measure(kind: Kind) -> &'static str {
    match kind {
        Kind::Op | Kind::Dc => "of the larger of value and 1 mV / 1 nA, at every point",
        Kind::Tran => "of the signal's swing, at all of ngspice's times",
        Kind::Ac => "of the larger of magnitude and 1e-9 of the greatest, at every frequency",
        Kind::Noise => "of the density, at every frequency",
    }
}

fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": "));
    model.map_or("an unnamed machine".into(), |(_, name)| name.trim().to_owned())
}

const HEAD: &str = "\
# Validation against ngspice

Written by `EQCIRCUIT_BLESS=1 cargo test --profile ci --test oracles`; not to be edited by hand.

Every deck below is given to eqcircuit and to ngspice, and every node voltage and branch current that \
ngspice saves is compared; [tests/oracles/README.md](../tests/oracles/README.md) says how. Numbers in \
a row are the worst deviation of each analysis. `closed form` is the worst error against the formulas \
of the deck's header, in hundredths of what is allowed there, for the worse of both simulators. Run \
times are of the whole program, start, records and pictures included, one at a time. A deck whose header \
says why may be allowed more than the others.
";
