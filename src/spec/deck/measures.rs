//! `.meas`: figures taken from waveforms.

use super::analyses::Dot;
use super::circuit::own_name;
use super::words::Kind;
use crate::diag::{Diagnostic, Span};
use crate::netlist::Node;
use crate::spec::study::{Edge, Event, Level, Measure, Measured, Statistic};

const STATISTICS: &[(&str, Statistic)] = &[
    ("avg", Statistic::Average),
    ("rms", Statistic::Rms),
    ("integ", Statistic::Integral),
    ("integral", Statistic::Integral),
    ("min", Statistic::Minimum),
    ("max", Statistic::Maximum),
    ("pp", Statistic::PeakToPeak),
    ("min_at", Statistic::MinimumAt),
    ("max_at", Statistic::MaximumAt),
];

/// All that can be measured.
const WORDS: &[&str] =
    &["trig", "find", "when", "avg", "rms", "integ", "min", "max", "pp", "min_at", "max_at"];

const USAGE: &str =
    "write for example `.meas tran delay trig v(in) val=0.5 rise=1 targ v(out) val=0.5 fall=1`";

/// `.meas analysis name ...`
pub(super) fn read(line: &mut Dot) {
    let Some((analysis, at)) = line.cursor.word() else {
        return line.circuit.found.not_understood(&line.cursor, USAGE);
    };
    let known = ["tran", "ac", "dc", "noise"];
    if !known.contains(&analysis) {
        return line.report(
            Diagnostic::at(at, format!("nothing is measured of `{analysis}`"))
                .label("no analysis with an axis")
                .help_names(analysis, "the analyses are", &known),
        );
    }
    let Some((name, called)) = line.cursor.word() else {
        return line.circuit.found.not_understood(&line.cursor, USAGE);
    };
    let at = line.cursor.span();
    let Some((word, _)) = line.cursor.word() else {
        return line.circuit.found.not_understood(&line.cursor, USAGE);
    };
    let statistic = STATISTICS.iter().find(|(name, _)| *name == word);
    let what = match (word, statistic) {
        (_, Some((_, statistic))) => over(line, *statistic),
        ("find", _) => find(line),
        ("when", _) => event(line, true).map(Measured::When),
        ("trig", _) => between(line),
        ("deriv" | "derivative" | "param" | "err" | "err1" | "err2" | "err3", _) => {
            line.report(
                Diagnostic::at(at, format!("`{word}` is not measured"))
                    .label("not understood")
                    .help("compute it from the records of the run"),
            );
            None
        }
        _ => {
            line.report(
                Diagnostic::at(at, format!("`{word}` cannot be measured"))
                    .label("not understood")
                    .help_names(word, "there are", WORDS),
            );
            None
        }
    };
    if let Some(what) = what {
        if !line.cursor.is_done() {
            return line.circuit.found.not_understood(&line.cursor, USAGE);
        }
        let (name, analysis) = (name.to_string(), analysis.to_string());
        if line.study.measures.iter().any(|m| m.name == name) {
            return line.report(
                Diagnostic::at(called, format!("there already is a measure `{name}`"))
                    .label("would hide the other")
                    .help("give one of them another name"),
            );
        }
        line.study.measures.push(Measure { name, analysis, what });
    }
}

/// `avg v(out) from=1n to=2n`
fn over(line: &mut Dot, statistic: Statistic) -> Option<Measured> {
    let signal = signal(line)?;
    let [from, to] = pairs(line, ["from", "to"])?;
    Some(Measured::Over { statistic, signal, from, to })
}

/// `find v(out) at=1n`, or `find v(out) when v(in)=0.5`.
fn find(line: &mut Dot) -> Option<Measured> {
    let signal = signal(line)?;
    if line.cursor.keyword("when") {
        let event = event(line, true)?;
        return Some(Measured::FindWhen { signal, event });
    }
    match pairs(line, ["at"])? {
        [Some(at)] => Some(Measured::At { signal, at }),
        [None] => {
            line.circuit.found.not_understood(
                &line.cursor,
                "write `find v(out) at=1n`, or `find v(out) when v(in)=0.5`",
            );
            None
        }
    }
}

/// `trig v(in) val=0.5 rise=1 targ v(out) val=0.5 fall=1`
fn between(line: &mut Dot) -> Option<Measured> {
    let trigger = event(line, false)?;
    if !line.cursor.keyword("targ") {
        line.circuit.found.not_understood(&line.cursor, USAGE);
        return None;
    }
    let target = event(line, false)?;
    Some(Measured::Between { trigger, target })
}

/// A crossing: `v(a)=0.5` or `v(a)=v(b)` after `when`, else `v(a) val=0.5`; or `at=1n`.
fn event(line: &mut Dot, when: bool) -> Option<Event> {
    if !when && line.cursor.at_pair() && line.cursor.peek() == Some("at") {
        let pair = line.cursor.pair()?;
        return line.number(&pair.value()).map(Event::At);
    }
    let signal = signal(line)?;
    let mut level = None;
    if when {
        if !line.cursor.take(Kind::Equals) {
            line.circuit.found.not_understood(&line.cursor, "write `when v(out)=0.5`");
            return None;
        }
        let follows = line.cursor.kind() == Some(Kind::Word)
            && line.cursor.peek().is_some_and(|w| w.starts_with(['v', 'i']));
        level = Some(match follows {
            true => Level::Signal(self::signal(line)?),
            false => Level::Value(line.next_number("the level", "when v(out)=0.5")?),
        });
    }
    let (mut edge, mut count, mut after) = (Edge::Either, Some(1), f64::NEG_INFINITY);
    let mut delayed = None;
    while line.cursor.at_pair() {
        let pair = line.cursor.pair()?;
        let value = pair.value();
        match pair.key {
            "rise" | "fall" | "cross" => {
                edge = match pair.key {
                    "rise" => Edge::Rise,
                    "fall" => Edge::Fall,
                    _ => Edge::Either,
                };
                count = match value.text() {
                    "last" => None,
                    _ => Some((line.number(&value)? as usize).max(1)),
                };
            }
            "val" if !when => level = Some(Level::Value(line.number(&value)?)),
            "td" => delayed = Some(line.number(&value)?),
            "from" if when => delayed = Some(line.number(&value)?),
            key => {
                let known = ["val", "rise", "fall", "cross", "td"];
                line.report(
                    Diagnostic::at(pair.key_span.clone(), format!("an event has no `{key}`"))
                        .label("unknown key")
                        .help_names(key, "its keys are", &known),
                );
                return None;
            }
        }
    }
    if let Some(delay) = delayed {
        after = delay;
    }
    let Some(level) = level else {
        line.circuit
            .found
            .not_understood(&line.cursor, "write the level that is crossed: `v(out) val=0.5`");
        return None;
    };
    Some(Event::Crosses { signal, level, edge, count, after })
}

/// Numbers of these keys, in any order.
fn pairs<const N: usize>(line: &mut Dot, keys: [&str; N]) -> Option<[Option<f64>; N]> {
    let mut numbers = [None; N];
    while line.cursor.at_pair() {
        let pair = line.cursor.pair()?;
        let Some(place) = keys.iter().position(|key| *key == pair.key) else {
            line.report(
                Diagnostic::at(
                    pair.key_span.clone(),
                    format!("this measure has no `{}`", pair.key),
                )
                .label("unknown key")
                .help_names(pair.key, "its keys are", &keys),
            );
            return None;
        };
        numbers[place] = Some(line.number(&pair.value())?);
    }
    Some(numbers)
}

/// Parts of a small-signal response, and the functions that take them.
const PARTS: &[(&str, &str)] = &[("db", "db"), ("m", "mag"), ("p", "ph"), ("r", "re"), ("i", "im")];

/// `v(a)`, `v(a,b)`, `i(v1)`, `vdb(a)`, ... as the study names them; what it names must be there.
fn signal(line: &mut Dot) -> Option<String> {
    let at = line.cursor.span();
    let usage = "write a signal such as `v(out)`, `v(a,b)`, `i(v1)` or `vdb(out)`";
    const SPECTRA: &[&str] = &["onoise_spectrum", "inoise_spectrum"];
    if let Some(spectrum) = line.cursor.peek().filter(|word| SPECTRA.contains(word)) {
        line.cursor.skip();
        return Some(spectrum.to_string());
    }
    let Some((word, _)) = line.cursor.word().filter(|_| line.cursor.take(Kind::Open)) else {
        line.report(
            Diagnostic::at(at, "a signal is missing").label("expected a signal").help(usage),
        );
        return None;
    };
    let part = PARTS.iter().find(|(letters, _)| word.get(1..) == Some(*letters));
    let whole = match (word, part) {
        ("v" | "i" | "p", _) => None,
        (_, Some((_, function))) if word.starts_with(['v', 'i']) => Some(*function),
        _ => {
            line.report(
                Diagnostic::at(at, format!("`{word}` is no signal"))
                    .label("not understood")
                    .help(usage),
            );
            return None;
        }
    };
    let mut names: Vec<(&str, Span)> = Vec::new();
    while let Some(name) = line.cursor.word() {
        names.push(name);
        line.cursor.take(Kind::Comma);
    }
    if !line.cursor.take(Kind::Close) {
        line.circuit.found.not_understood(&line.cursor, usage);
        return None;
    }
    let inside = match (&word[..1], &names[..]) {
        ("v", [(a, at)]) => {
            let a = node(line, a, at)?;
            format!("v({a})")
        }
        ("v", [(a, a_at), (b, b_at)]) => {
            let (a, b) = (node(line, a, a_at), node(line, b, b_at));
            format!("v({},{})", a?, b?)
        }
        (letter @ ("i" | "p"), [(name, at)]) => {
            line.device(name, at.clone())?;
            format!("{letter}({})", own_name(name))
        }
        _ => {
            line.report(
                Diagnostic::at(at, "this names no signal").label("not understood").help(usage),
            );
            return None;
        }
    };
    Some(match whole {
        Some(function) => format!("{function}({inside})"),
        None => inside,
    })
}

fn node(line: &Dot, name: &str, at: &Span) -> Option<String> {
    let node = line.node(name, at.clone())?;
    Some(match node {
        Node::GROUND => "0".to_string(),
        _ => line.circuit.netlist.node_name(node).to_string(),
    })
}
