//! Element lines: the first letter says what a line is.

use super::card::{Cursor, Pair, Value};
use super::circuit::Circuit;
use super::files::Card;
use super::given::{Given, Meaning, is_number};
use super::scope::Scope;
use super::words::Kind;
use super::{behavioural, models, sources};
use crate::diag::Diagnostic;
use crate::netlist::{Arg, Node, ROOM_TEMPERATURE};

/// Letters that a line may begin with, and what they are.
const LETTERS: &str = "R C L K V I E F G H B D M S X N";

/// Devices of SPICE that are not here, and what to take in their place.
const ABSENT: &[(char, &str, &str)] = &[
    ('q', "a bipolar transistor", "model it by a MOSFET, or by a diode and an F source"),
    ('j', "a junction FET", "model it by a MOSFET of level 1"),
    ('z', "a MESFET", "model it by a MOSFET of level 1"),
    ('t', "a transmission line", "write it as a ladder of L and C"),
    ('o', "a lossy transmission line", "write it as a ladder of R, L and C"),
    ('u', "a distributed RC line", "write it as a ladder of R and C"),
    ('w', "a current-controlled switch", "sense the current with an H source and use an S switch"),
    ('a', "a code model of XSPICE", "write its law as a B source"),
    ('p', "a set of coupled lines", "write them as ladders of L, C and K"),
    ('y', "a lossy line", "write it as a ladder of R, L and C"),
];

/// Lays the device of a line.
pub(super) fn lay<'d>(circuit: &mut Circuit<'d, '_>, card: &'d Card<'d>, scope: &Scope<'d, '_>) {
    let word = card.word(0).unwrap_or_default();
    let mut line = Line { cursor: Cursor::after(card, 1), card, scope, circuit };
    match word.chars().next().unwrap_or_default() {
        'r' => line.resistor(),
        'c' => line.stored("capacitor", "c", 1.0),
        'l' => line.stored("inductor", "l", -1.0),
        'k' => line.coupling(),
        'v' => sources::lay(&mut line, "voltage-source"),
        'i' => sources::lay(&mut line, "current-source"),
        'e' => line.controlled("vcvs", "gain"),
        'g' => line.controlled("vccs", "gm"),
        'f' => line.by_current("cccs", "gain"),
        'h' => line.by_current("ccvs", "rm"),
        'b' => behavioural::lay(&mut line),
        'd' => models::diode(&mut line),
        'm' => models::mosfet(&mut line),
        's' => models::switch(&mut line),
        'n' => models::extension(&mut line),
        'x' => line.circuit.instance(card, scope),
        letter => line.unknown(letter, word),
    }
}

/// A line being read.
pub(super) struct Line<'c, 'd, 'f, 's> {
    pub cursor: Cursor<'d>,
    pub card: &'d Card<'d>,
    pub scope: &'s Scope<'d, 's>,
    pub circuit: &'c mut Circuit<'d, 'f>,
}

impl<'d> Line<'_, 'd, '_, '_> {
    pub fn report(&self, diagnostic: Diagnostic) {
        self.circuit.found.report(diagnostic);
    }

    /// So many nodes; what is missing is told with how the line is written.
    pub fn nodes<const N: usize>(&mut self, usage: &str) -> Option<[Node; N]> {
        let mut nodes = [Node::GROUND; N];
        for place in &mut nodes {
            let Some((name, at)) = self.cursor.positional() else {
                self.incomplete("a node is missing", usage);
                return None;
            };
            *place = self.circuit.node(name, at, self.scope);
        }
        while matches!(self.cursor.kind(), Some(Kind::Comma | Kind::Close)) {
            self.cursor.skip();
        }
        Some(nodes)
    }

    pub fn incomplete(&self, what: &str, usage: &str) {
        let name = self.card.word(0).unwrap_or_default();
        self.report(
            Diagnostic::at(self.card.whole(), format!("`{name}`: {what}"))
                .label("incomplete")
                .help(format!("write `{usage}`")),
        );
    }

    pub fn number(&self, value: &Value<'d>) -> Option<f64> {
        self.scope.number(value, self.circuit.found)
    }

    /// The value of a line, as a plain number or as `key=number`.
    fn main(&mut self, keys: &[&str]) -> Option<Value<'d>> {
        if let Some(value) = self.cursor.value() {
            return Some(value);
        }
        let here = self.cursor.clone();
        match self.cursor.pair() {
            Some(pair) if keys.contains(&pair.key) => Some(pair.value()),
            _ => {
                self.cursor = here;
                None
            }
        }
    }

    /// What follows the value: `key=number` pairs, with the number of devices in parallel taken
    /// out of them.
    pub fn tail(&mut self) -> (Vec<Pair<'d>>, f64) {
        let mut pairs = self.cursor.pairs(self.circuit.found);
        let mut multiplier = self.scope.multiplier;
        pairs.retain(|pair| {
            if pair.key == "m" {
                let number = self.scope.number(&pair.value(), self.circuit.found);
                if number.is_some_and(|m| m <= 0.0) {
                    self.circuit.found.report(
                        Diagnostic::at(pair.value().span(), "`m` must be above zero")
                            .label("devices in parallel")
                            .help("leave it out for a single device"),
                    );
                }
                multiplier *= number.unwrap_or(1.0);
            }
            pair.key != "m"
        });
        (pairs, multiplier)
    }

    fn resistor(&mut self) {
        let usage = "r1 a b 10k";
        let Some(nodes) = self.nodes::<2>(usage) else { return };
        let Some(value) = self.main(&["r", "resistance"]) else {
            return self.incomplete("the resistance is missing", usage);
        };
        let mut given = Given::of("resistor").nodes(&["p", "n"], &nodes);
        if !value.braced && !is_number(value.text()) && self.scope.model(value.text()).is_some() {
            return models::resistor_by_size(self, &value);
        }
        let number = self.number(&value);
        models::coefficients(self, &mut given);
        let (pairs, m) = self.tail();
        RESISTOR.take(&mut given, &pairs, self.scope, self.circuit.found, "a resistor");
        if let Some(number) = number {
            let number = number * to_room(&mut given, self.circuit.nominal);
            given.conductance(number / m, &value, self.circuit.found);
        }
        self.add(given);
    }

    /// A capacitor or an inductor; `sense` is how its value grows with devices in parallel.
    fn stored(&mut self, key: &str, field: &str, sense: f64) {
        let usage = format!("{field}1 a b {}", if field == "c" { "1p" } else { "1u" });
        let Some(nodes) = self.nodes::<2>(&usage) else { return };
        let long = if field == "c" { "capacitance" } else { "inductance" };
        let Some(value) = self.main(&[field, long]) else {
            return self.incomplete(&format!("the {long} is missing"), &usage);
        };
        let mut given = Given::of(key).nodes(&["p", "n"], &nodes);
        let number = self.number(&value);
        let (pairs, m) = self.tail();
        let title = format!("{} {key}", if field == "c" { "a" } else { "an" });
        STORED.take(&mut given, &pairs, self.scope, self.circuit.found, &title);
        if let Some(number) = number {
            let all = if sense > 0.0 { number * m } else { number / m };
            given.number(field, all, long, value.span(), self.circuit.found);
        }
        self.add(given);
    }

    fn coupling(&mut self) {
        let usage = "k1 l1 l2 0.99";
        let names = [self.cursor.word(), self.cursor.word()];
        let [Some((one, one_at)), Some((two, two_at))] = names else {
            return self.incomplete("two inductors are coupled", usage);
        };
        let Some(value) = self.main(&["k"]) else {
            return self.incomplete("the coupling is missing", usage);
        };
        let mut given = Given::of("coupling");
        let one = self.circuit.refer(one, one_at, self.scope);
        let two = self.circuit.refer(two, two_at, self.scope);
        given.set("l1", Arg::Branch(one));
        given.set("l2", Arg::Branch(two));
        if let Some(number) = self.number(&value) {
            given.number("k", number, "k", value.span(), self.circuit.found);
        }
        self.end();
        self.add(given);
    }

    /// E and G.
    fn controlled(&mut self, key: &str, field: &str) {
        let voltage = key == "vcvs";
        let letter = if voltage { 'e' } else { 'g' };
        let usage = format!("{letter}1 p n cp cn 10");
        let Some([p, n]) = self.nodes::<2>(&usage) else { return };
        if behavioural::controlled(self, [p, n], voltage) || self.polynomial() {
            return;
        }
        let Some([cp, cn]) = self.nodes::<2>(&usage) else { return };
        let Some(value) = self.main(&[field, "gain"]) else {
            return self.incomplete("the gain is missing", &usage);
        };
        let mut given = Given::of(key).nodes(&["p", "n", "cp", "cn"], &[p, n, cp, cn]);
        let (pairs, m) = self.tail();
        Meaning::PLAIN.take(
            &mut given,
            &pairs,
            self.scope,
            self.circuit.found,
            &format!("`{letter}`"),
        );
        if let Some(number) = self.number(&value) {
            let all = if voltage { number } else { number * m };
            given.number(field, all, field, value.span(), self.circuit.found);
        }
        self.add(given);
    }

    /// F and H.
    fn by_current(&mut self, key: &str, field: &str) {
        let letter = if key == "cccs" { 'f' } else { 'h' };
        let usage = format!("{letter}1 p n vsense 10");
        let Some(nodes) = self.nodes::<2>(&usage) else { return };
        if self.polynomial() {
            return;
        }
        let Some((control, at)) = self.cursor.positional() else {
            return self.incomplete("the source that carries the current is missing", &usage);
        };
        let Some(value) = self.main(&[field, "gain"]) else {
            return self.incomplete("the gain is missing", &usage);
        };
        let mut given = Given::of(key).nodes(&["p", "n"], &nodes);
        // What is sensed is the current of all instances in parallel, and each has its own part.
        let copies = if behavioural::is_beside(control) { self.scope.multiplier } else { 1.0 };
        let control = self.circuit.refer(control, at, self.scope);
        given.set("control", Arg::Branch(control));
        let (pairs, m) = self.tail();
        Meaning::PLAIN.take(
            &mut given,
            &pairs,
            self.scope,
            self.circuit.found,
            &format!("`{letter}`"),
        );
        if let Some(number) = self.number(&value) {
            let all = if key == "cccs" { number * m / copies } else { number / copies };
            given.number(field, all, field, value.span(), self.circuit.found);
        }
        self.add(given);
    }

    /// Refuses `poly(n)`.
    fn polynomial(&mut self) -> bool {
        let poly = self.cursor.peek() == Some("poly");
        if poly {
            self.report(
                Diagnostic::at(self.cursor.span(), "`poly` is not read")
                    .label("a polynomial in the manner of SPICE2")
                    .help("write it as a B source: `b1 p n v = 1 + 2*v(a) + 3*v(a)*v(b)`"),
            );
        }
        poly
    }

    /// Nothing more may stand in the line.
    pub fn end(&self) {
        if !self.cursor.is_done() {
            self.circuit.found.not_understood(&self.cursor, "the line ends before this; drop it");
        }
    }

    pub fn add(&mut self, given: Given) {
        self.circuit.add(self.card, self.scope, given);
    }

    fn unknown(&self, letter: char, word: &str) {
        let diagnostic = match ABSENT.iter().find(|(l, _, _)| *l == letter) {
            Some((_, what, cure)) => Diagnostic::at(
                self.card.head(),
                format!("`{word}` is {what}, which is not modelled"),
            )
            .label("no such device here")
            .help(*cure),
            None => Diagnostic::at(self.card.head(), format!("`{word}` is no device"))
                .label("not a letter that a line begins with")
                .help(format!("the letters are: {LETTERS}; comments begin with `*`")),
        };
        self.report(diagnostic);
    }
}

/// Turns temperature coefficients about a deck's nominal temperature into those about 27 degrees;
/// returns the factor on the resistance.
fn to_room(given: &mut Given, nominal: Option<f64>) -> f64 {
    let [tc1, tc2] = ["tc1", "tc2"].map(|field| given.value(field));
    let Some(nominal) = nominal.filter(|_| tc1.is_some() || tc2.is_some()) else { return 1.0 };
    let (tc1, tc2) = (tc1.unwrap_or(0.0), tc2.unwrap_or(0.0));
    let above = ROOM_TEMPERATURE - nominal;
    let factor = 1.0 + above * (tc1 + above * tc2);
    given.set("tc1", Arg::Number((tc1 + 2.0 * tc2 * above) / factor));
    given.set("tc2", Arg::Number(tc2 / factor));
    factor
}

const RESISTOR: Meaning = Meaning {
    only: &[("scale", 1.0), ("dtemp", 0.0), ("noisy", 1.0)],
    hidden: &["g"],
    ..Meaning::PLAIN
};

const STORED: Meaning = Meaning {
    renamed: &[("ic", "initial")],
    only: &[("tc1", 0.0), ("tc2", 0.0), ("scale", 1.0), ("dtemp", 0.0)],
    hidden: &["c", "l"],
    ..Meaning::PLAIN
};
