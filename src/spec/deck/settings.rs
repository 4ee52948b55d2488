//! `.ic`, `.nodeset`, `.options` and `.temp`.

use super::card::{Cursor, Value};
use super::circuit::Circuit;
use super::files::Card;
use super::scope::Scope;
use super::words::Kind;
use super::{Found, analyses::Known};
use crate::diag::Diagnostic;
use crate::spec::study::{Method, Solving};
use crate::units::Kelvin;

/// 0 degrees Celsius \[K\].
pub(super) const FREEZING: Kelvin = 273.15;

/// `.ic v(a)=1 v(b)=2`
pub(super) fn voltages<'d>(
    circuit: &mut Circuit<'d, '_>,
    card: &'d Card<'d>,
    scope: &Scope<'d, '_>,
) {
    let mut cursor = Cursor::after(card, 1);
    let word = card.word(0).unwrap_or_default();
    let usage = format!("write `{word} v(node)=1`");
    while !cursor.is_done() {
        if cursor.take(Kind::Comma) {
            continue;
        }
        let start = cursor.clone();
        let Some((name, at, value)) = voltage(&mut cursor) else {
            return circuit.found.not_understood(&start, &usage);
        };
        let Some(number) = scope.number(&value, circuit.found) else { continue };
        let Some(node) =
            circuit.find_node(name, scope).filter(|n| n.0 == 0 || circuit.nodes.contains_key(n))
        else {
            circuit.unknown_node(name, at);
            continue;
        };
        match word {
            ".ic" => circuit.initial.push((node, number)),
            _ => circuit.guess.push((node, number)),
        }
    }
}

/// The next `v(node)=number`.
fn voltage<'d>(cursor: &mut Cursor<'d>) -> Option<(&'d str, crate::diag::Span, Value<'d>)> {
    let v = cursor.keyword("v") && cursor.take(Kind::Open);
    let (name, at) = cursor.word().filter(|_| v)?;
    let closed = cursor.take(Kind::Close) && cursor.take(Kind::Equals);
    let value = cursor.value().filter(|_| closed)?;
    Some((name, at, value))
}

/// Options of ngspice without a meaning here, and why.
const IDLE: &[(&str, &str)] = &[
    ("trtol", "is of no use: the error of a step is estimated, not guessed"),
    ("chgtol", "is of no use: errors of charges are those of their voltages"),
    ("pivtol", "is of no use: pivots are chosen by the solver"),
    ("pivrel", "is of no use: pivots are chosen by the solver"),
    ("itl2", "is of no use: a dc sweep takes as many iterations as an operating point"),
    ("itl3", "is of no use: a step in time takes as many iterations as it needs"),
    ("itl4", "is of no use: a step in time takes as many iterations as it needs"),
    ("itl5", "is of no use: there is no limit on all iterations"),
    ("itl6", "is of no use: stepping of sources ends by itself"),
    ("srcsteps", "is of no use: stepping of sources ends by itself"),
    ("gminsteps", "is of no use: stepping of gmin ends by itself"),
    ("maxord", "is of no use: `gear` is of order 1 and 2"),
    ("defad", "is of no use: a MOSFET gives its own"),
    ("defas", "is of no use: a MOSFET gives its own"),
    ("defl", "is of no use: a MOSFET gives its own"),
    ("defw", "is of no use: a MOSFET gives its own"),
    ("numdgt", "is of no use: records hold all digits"),
    ("filetype", "is of no use: `--raw` says in which form"),
    ("post", "is of no use: all waveforms are kept"),
    ("limpts", "is of no use: there is no limit on points"),
    ("cptime", "is of no use: there is no limit on time"),
    ("seed", "is of no use: nothing here is random"),
];

/// Words of ngspice's options that change nothing about results.
const FLAGS: &[&str] = &[
    "acct",
    "noacct",
    "list",
    "nomod",
    "nopage",
    "node",
    "opts",
    "klu",
    "sparse",
    "savecurrents",
    "noinit",
    "autostop",
    "interp",
    "keepopinfo",
    "noopiter",
    "noopac",
    "noopalter",
    "ingold",
    "nopost",
    "probe",
    "warn",
];

/// Options of ngspice that change results in a way that is not here.
const REFUSED: &[(&str, &str)] = &[
    ("rshunt", "put a resistor from each node to ground that needs one"),
    ("cshunt", "put a capacitor from each node to ground that needs one"),
    ("xmu", "leave it out; write `method=gear` against ringing"),
    ("scale", "give sizes in metres"),
];

/// Options with a meaning here.
const USED: &[&str] = &["reltol", "abstol", "vntol", "gmin", "temp", "tnom", "itl1", "method"];

/// `.options key=value word ...`
pub(super) fn options<'d>(
    card: &'d Card<'d>,
    scope: &Scope<'d, '_>,
    out: &mut Solving,
    known: &mut Known,
    found: &Found,
) {
    let mut cursor = Cursor::after(card, 1);
    while !cursor.is_done() {
        if cursor.take(Kind::Comma) {
            continue;
        }
        let at = cursor.span();
        if let Some(pair) = cursor.pair() {
            let idle = IDLE.iter().find(|(key, _)| *key == pair.key);
            match (pair.key, idle) {
                (_, Some((key, why))) => found.note(
                    Diagnostic::at(at, format!("`{key}` {why}")).label("makes no difference"),
                ),
                ("method", _) => method(&pair.value(), out, found),
                (key, _) if USED.contains(&key) => {
                    if let Some(number) = scope.number(&pair.value(), found) {
                        option(key, number, &pair.value(), out, known, found);
                    }
                }
                (key, _) if FLAGS.contains(&key) => idle_flag(key, at, found),
                (key, _) => unknown(key, at, found),
            }
            continue;
        }
        match cursor.word() {
            Some((word, at)) if FLAGS.contains(&word) => idle_flag(word, at, found),
            Some((word, at)) => unknown(word, at, found),
            None => {
                found.not_understood(&cursor, "write for example `.options reltol=1e-4`");
                cursor.skip();
            }
        }
    }
}

fn idle_flag(word: &str, at: crate::diag::Span, found: &Found) {
    found.note(
        Diagnostic::at(at, format!("`{word}` changes no result")).label("makes no difference"),
    );
}

fn unknown(key: &str, at: crate::diag::Span, found: &Found) {
    if let Some((_, cure)) = REFUSED.iter().find(|(name, _)| *name == key) {
        found.report(
            Diagnostic::at(at, format!("option `{key}` is not modelled"))
                .label("would change results")
                .help(*cure),
        );
        return;
    }
    found.report(
        Diagnostic::at(at, format!("there is no option `{key}`"))
            .label("unknown option")
            .help_names(key, "the options are", USED),
    );
}

fn method(value: &Value, out: &mut Solving, found: &Found) {
    out.method = match value.text() {
        "trap" | "trapezoidal" => Method::Trapezoidal,
        "gear" => Method::Gear,
        "tr-bdf2" => Method::TrBdf2,
        text => {
            let names = ["trap", "gear", "tr-bdf2"];
            found.report(
                Diagnostic::at(value.span(), format!("there is no method `{text}`"))
                    .label("unknown method")
                    .help_names(text, "the methods are", &names),
            );
            return;
        }
    };
}

/// Tolerances of SPICE are looser than those here: a deck can tighten them, not loosen them.
fn option(
    key: &str,
    number: f64,
    value: &Value,
    out: &mut Solving,
    known: &mut Known,
    found: &Found,
) {
    let celsius = matches!(key, "temp" | "tnom");
    let fits = if celsius { number > -FREEZING } else { number > 0.0 };
    if !fits {
        let least = if celsius { "above -273.15" } else { "above zero" };
        found.report(
            Diagnostic::at(value.span(), format!("`{key}` must be {least}"))
                .label(format!("is {number}"))
                .help("leave it out for what it is by itself"),
        );
        return;
    }
    let own = match key {
        "reltol" => out.relative,
        "abstol" => out.amperes,
        "vntol" => out.volts,
        _ => f64::INFINITY,
    };
    if number > own {
        let message = format!("`{key}` stays at {own:e}, which is tighter");
        found.note(Diagnostic::at(value.span(), message).label("makes no difference"));
    }
    match key {
        "reltol" => out.relative = out.relative.min(number),
        "abstol" => out.amperes = out.amperes.min(number),
        "vntol" => out.volts = out.volts.min(number),
        "gmin" => out.gmin = number,
        "temp" => out.temperature = number + FREEZING,
        "tnom" => known.nominal = Some(number + FREEZING),
        _ => out.iterations = (number as usize).max(1),
    }
}

/// `.temp 27`
pub(super) fn temperature<'d>(
    card: &'d Card<'d>,
    scope: &Scope<'d, '_>,
    out: &mut Solving,
    known: &mut Known,
    found: &Found,
) {
    let mut cursor = Cursor::after(card, 1);
    let Some(value) = cursor.value() else {
        return found.not_understood(&cursor, "write for example `.temp 27`");
    };
    if let Some(number) = scope.number(&value, found) {
        option("temp", number, &value, out, known, found);
    }
    if !cursor.is_done() {
        found.not_understood(
            &cursor,
            "one temperature is read; to go through several write `.dc temp 0 100 10`",
        );
    }
}
