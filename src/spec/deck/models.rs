//! Devices that are of a model: D, M, S, N, and resistors with temperature coefficients.

use super::card::{Cursor, Pair, Value};
use super::circuit::Circuit;
use super::elements::Line;
use super::given::{Given, Meaning};
use super::scope::Scope;
use super::settings::FREEZING;
use super::words::Kind;
use crate::diag::Diagnostic;
use crate::netlist::{Arg, Entry, Kind as FieldKind, ROLL};

/// A `.model` card.
pub(super) struct Model<'d, 'o> {
    /// Its type, such as `nmos`.
    pub kind: &'d str,
    pub pairs: Vec<Pair<'d>>,
    /// Where it is written: what its expressions mean.
    pub scope: &'o Scope<'d, 'o>,
}

const DIODE: Meaning = Meaning {
    renamed: &[("n", "emission"), ("cj0", "cjo"), ("cj", "cjo"), ("pb", "vj"), ("mj", "m")],
    only: &[
        ("level", 1.0),
        ("ikf", 0.0),
        ("ikr", 0.0),
        ("isr", 0.0),
        ("cjp", 0.0),
        ("cjsw", 0.0),
        ("jsw", 0.0),
        ("tikf", 0.0),
        ("trs", 0.0),
        ("trs1", 0.0),
        ("trs2", 0.0),
        ("tbv", 0.0),
        ("tbv1", 0.0),
    ],
    hidden: &["area", "emission"],
    units: &[("tnom", 1.0, FREEZING)],
    ..Meaning::PLAIN
};

const DIODE_LINE: Meaning = Meaning {
    idle: &[("ic", "is of no use: give `.ic v(node)` for the nodes")],
    only: &[("dtemp", 0.0), ("pj", 0.0)],
    shown: &["area"],
    ..Meaning::PLAIN
};

/// Finds the model that the cursor is at, of one of these types.
fn model<'d, 's>(
    line: &mut Line<'_, 'd, '_, 's>,
    kinds: &[&str],
    usage: &str,
) -> Option<Model<'d, 's>> {
    let Some((name, at)) = line.cursor.positional() else {
        line.incomplete("the model is missing", usage);
        return None;
    };
    let Some((card, scope)) = line.scope.model(name) else {
        line.report(
            Diagnostic::at(at, format!("there is no model `{name}`"))
                .label("unknown model")
                .help_names(name, "the models are", &line.scope.models()),
        );
        return None;
    };
    line.circuit.used.insert(std::ptr::from_ref(card));
    let mut cursor = Cursor::after(card, 1);
    let (name, place) = cursor.word()?;
    let Some((kind, kind_at)) = cursor.word() else {
        line.report(
            Diagnostic::at(place, format!("model `{name}` has no type"))
                .label("of which kind?")
                .help("write for example `.model d1n d(is=1e-14)`"),
        );
        return None;
    };
    if !kinds.contains(&kind) {
        line.report(
            Diagnostic::at(at, format!("model `{name}` is of type `{kind}`"))
                .label(format!("expected {}", kinds.join(" or ")))
                .also(kind_at, "this type")
                .help(format!("write `{usage}`, with a model of that type")),
        );
        return None;
    }
    let mut pairs = Vec::new();
    while !cursor.is_done() {
        if matches!(cursor.kind(), Some(Kind::Open | Kind::Close | Kind::Comma)) {
            cursor.skip();
        } else if let Some(pair) = cursor.pair() {
            pairs.push(pair);
        } else {
            line.circuit
                .found
                .not_understood(&cursor, "parameters of a model are written `key=number`");
            cursor.skip();
        }
    }
    Some(Model { kind, pairs, scope })
}

impl<'d> Model<'d, '_> {
    /// Takes up the parameters; where they do not say at which temperature they hold, at the
    /// deck's `tnom`.
    fn take(&self, meaning: &Meaning, given: &mut Given, circuit: &Circuit<'d, '_>) {
        let title = format!("a model of type {}", self.kind);
        if let Some(nominal) = circuit.nominal.filter(|_| given.has_field("tnom")) {
            given.set("tnom", Arg::Number(nominal));
        }
        meaning.take(given, &self.pairs, self.scope, circuit.found, &title);
    }
}

/// What may stand between the model and the pairs of a line: words that start the search for an
/// operating point otherwise.
fn flags(line: &mut Line, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(word) = line.cursor.peek().filter(|word| words.contains(word)) {
        if line.cursor.at_pair() {
            break;
        }
        found.push(word.to_string());
        line.cursor.skip();
    }
    found
}

pub(super) fn diode(line: &mut Line) {
    let usage = "d1 anode cathode model";
    let Some(nodes) = line.nodes::<2>(usage) else { return };
    let Some(model) = model(line, &["d"], usage) else { return };
    let mut given = Given::of("diode").nodes(&["p", "n"], &nodes);
    model.take(&DIODE, &mut given, line.circuit);
    let mut area = 1.0;
    flags(line, &["off"]);
    if let Some(value) = line.cursor.value() {
        area = line.number(&value).unwrap_or(1.0);
    }
    flags(line, &["off"]);
    let (mut pairs, m) = line.tail();
    if let Some(k) = pairs.iter().position(|pair| pair.key == "area") {
        area = line.number(&pairs.remove(k).value()).unwrap_or(1.0);
    }
    DIODE_LINE.take(&mut given, &pairs, line.scope, line.circuit.found, "a diode");
    given.number("area", area * m, "area", line.card.head(), line.circuit.found);
    line.add(given);
}

const MOSFET: Meaning = Meaning {
    renamed: &[("vt0", "vto"), ("uo", "mobility"), ("u0", "mobility")],
    only: &[("level", 1.0), ("nss", 0.0), ("nsub", 0.0), ("tpg", 1.0), ("rsh", 0.0)],
    hidden: &["w", "l", "ad", "as", "pd", "ps", "polarity", "mobility"],
    units: &[("tnom", 1.0, FREEZING), ("mobility", 1e4, 0.0)],
    ..Meaning::PLAIN
};

const MOSFET_LINE: Meaning = Meaning {
    idle: &[
        ("ic", "is of no use: give `.ic v(node)` for the nodes"),
        ("nrd", "is of no use: there is no sheet resistance"),
        ("nrs", "is of no use: there is no sheet resistance"),
    ],
    only: &[("dtemp", 0.0)],
    shown: &["w", "l", "ad", "as", "pd", "ps"],
    ..Meaning::PLAIN
};

/// What of a MOSFET grows with the number of them in parallel, and what shrinks.
const GROWING: &[&str] = &["w", "ad", "as", "pd", "ps", "is", "cbd", "cbs", "cgbo"];
const SHRINKING: &[&str] = &["rd", "rs"];

pub(super) fn mosfet(line: &mut Line) {
    let usage = "m1 drain gate source bulk model w=1u l=1u";
    let Some(nodes) = line.nodes::<4>(usage) else { return };
    let Some(model) = model(line, &["nmos", "pmos"], usage) else { return };
    let mut given = Given::of("mosfet").nodes(&["d", "g", "s", "b"], &nodes);
    let polarity = if model.kind == "nmos" { "nmos" } else { "pmos" };
    given.set("polarity", Arg::Word(polarity));
    model.take(&MOSFET, &mut given, line.circuit);
    flags(line, &["off"]);
    let (pairs, m) = line.tail();
    MOSFET_LINE.take(&mut given, &pairs, line.scope, line.circuit.found, "a MOSFET");
    if m != 1.0 {
        GROWING.iter().for_each(|field| given.scale(field, 1.0 / m, 0.0));
        SHRINKING.iter().for_each(|field| given.scale(field, m, 0.0));
        if given.is_set("kf") {
            line.report(
                Diagnostic::at(
                    line.card.head(),
                    "flicker noise of transistors in parallel is not modelled",
                )
                .label("has `m`, and its model `kf`")
                .help("leave `m` out, and widen the transistor"),
            );
        }
    }
    line.add(given);
}

const SWITCH: Meaning = Meaning {
    renamed: &[("ron", "r-on"), ("roff", "r-off"), ("vt", "v-threshold"), ("vh", "v-hysteresis")],
    shown: &["none"],
    ..Meaning::PLAIN
};

pub(super) fn switch(line: &mut Line) {
    let usage = "s1 p n cp cn model";
    let Some(nodes) = line.nodes::<4>(usage) else { return };
    let Some(model) = model(line, &["sw"], usage) else { return };
    let mut given = Given::of("switch").nodes(&["p", "n", "cp", "cn"], &nodes);
    model.take(&SWITCH, &mut given, line.circuit);
    if let Some(word) = flags(line, &["on", "off"]).pop() {
        let word = if word == "on" { "on" } else { "off" };
        given.set("initial", Arg::Word(word));
    }
    line.end();
    line.add(given);
}

/// `n1 node node ... model`, the model of the type of any device of the roll, its parameters
/// under the roll's keys.
pub(super) fn extension(line: &mut Line) {
    let kinds: Vec<&str> = ROLL.iter().map(|entry| entry.key).collect();
    let usage = "n1 a b memristor";
    let mut words = Vec::new();
    while let Some(word) = line.cursor.positional() {
        words.push(word);
    }
    let Some((name, _)) = words.last() else {
        return line.incomplete("the model is missing", usage);
    };
    let mut last = Cursor::after(line.card, words.len());
    std::mem::swap(&mut last, &mut line.cursor);
    let model = model(line, &kinds, &format!("n1 nodes {name}"));
    line.cursor = last;
    let Some(model) = model else { return };
    let Some(entry) = ROLL.iter().find(|entry| entry.key == model.kind) else { return };
    words.pop();
    let pins = pins(entry);
    if words.len() != pins.len() {
        line.report(
            Diagnostic::at(
                line.card.head(),
                format!("a {} has {} nodes, but {} are given", entry.key, pins.len(), words.len()),
            )
            .label("one node for each")
            .help(format!("its nodes are: {}", pins.join(" "))),
        );
        return;
    }
    let nodes: Vec<_> =
        words.iter().map(|(node, at)| line.circuit.node(node, at.clone(), line.scope)).collect();
    let mut given = Given::new(entry).nodes(&pins, &nodes);
    model.take(&Meaning::PLAIN, &mut given, line.circuit);
    let pairs = line.cursor.pairs(line.circuit.found);
    Meaning::PLAIN.take(
        &mut given,
        &pairs,
        line.scope,
        line.circuit.found,
        &format!("a {}", entry.key),
    );
    line.add(given);
}

fn pins(entry: &'static Entry) -> Vec<&'static str> {
    entry.fields.iter().filter(|f| f.kind == FieldKind::Node).map(|f| f.key).collect()
}

/// Temperature coefficients of a resistor: `tc=a,b`, or those of the model after its value.
pub(super) fn coefficients(line: &mut Line, given: &mut Given) {
    if line.cursor.at_pair() && line.cursor.peek() == Some("tc") {
        line.cursor.skip();
        line.cursor.skip();
        for (field, value) in ["tc1", "tc2"].iter().zip(line.cursor.values()) {
            if let Some(number) = line.number(&value) {
                given.number(field, number, field, value.span(), line.circuit.found);
            }
        }
        return;
    }
    if line.cursor.peek().is_none() || line.cursor.at_pair() {
        return;
    }
    if let Some(model) = model(line, &["r", "res"], "r1 a b 1k model") {
        model.take(&RESISTOR_MODEL, given, line.circuit);
    }
}

const RESISTOR_MODEL: Meaning =
    Meaning { only: &[("kf", 0.0)], shown: &["tc1", "tc2"], ..Meaning::PLAIN };

/// Refuses a resistor whose value comes from its sizes.
pub(super) fn resistor_by_size(line: &Line, model: &Value) {
    line.report(
        Diagnostic::at(model.span(), "a resistance by length and width is not computed")
            .label("a model in place of a value")
            .help("write the resistance: sheet resistance times length over width"),
    );
}
