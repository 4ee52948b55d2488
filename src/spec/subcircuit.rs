//! Subcircuits in files: an entry of `[device]` that is a part of the library becomes the part's
//! devices, as an edit of the document before it is read.
//!
//! ```toml
//! # circuits/subcircuit/rc-low-pass.toml
//! [subcircuit]
//! pins = ["in", "out"]
//! parameters = { r = "1 kohm", c = "1 nF" }
//!
//! [device]
//! r1 = { resistor = { p = "$in", n = "$out", r = "$r" } }
//! c1 = { capacitor = { p = "$out", n = "0", c = "$c" } }
//! ```
//!
//! ```toml
//! [device]
//! x1 = { subcircuit = { part = "subcircuit/rc-low-pass", pins = { in = "a", out = "b" }, r = "2 kohm" } }
//! ```
//!
//! `$name` stands for the node of a pin or the value of a parameter, in expressions too. Devices
//! and nodes inside are called `x1.r1` and `x1.node`; node `0` is ground everywhere.

mod heading;

use std::collections::HashMap;

use super::Library;
use super::document::{Entry, Item, Table, Value};
use super::reader::Reading;
use crate::diag::{Diagnostic, Span};
use crate::netlist::expression::{self, Dialect, Leaf, Resolved};
use crate::netlist::{Kind, ROLL};
use crate::units;
use heading::Heading;

/// The word of an instance.
pub(super) const WORD: &str = "subcircuit";

/// Longest chain of parts within parts.
const DEEPEST: usize = 16;

/// The devices of a table, those of subcircuits laid out among them. Mistakes are reported.
pub(super) fn expand(reading: &Reading, devices: &Table, library: &Library) -> Table {
    let mut out = Laying { reading, library, entries: Vec::new(), names: HashMap::new() };
    for entry in &devices.entries {
        match instance_of(entry) {
            Some(item) => out.instance(entry, item, &Place::default()),
            None => out.push(entry.clone()),
        }
    }
    let mut flat = Table::default();
    flat.entries = out.entries;
    flat
}

/// Whether a table of devices has instances.
pub(super) fn has_instances(devices: &Table) -> bool {
    devices.entries.iter().any(|entry| instance_of(entry).is_some())
}

/// What stands under `subcircuit` in an entry that has nothing else.
fn instance_of(entry: &Entry) -> Option<&Item> {
    let Value::Table(kinds) = &entry.item.value else { return None };
    match &kinds.entries[..] {
        [one] if one.key == WORD => Some(&one.item),
        _ => None,
    }
}

/// Where devices are laid.
#[derive(Default)]
struct Place<'a> {
    /// What names begin with: `x1.`
    prefix: String,
    /// What `$name` stands for.
    meanings: HashMap<String, Meaning>,
    /// The parts around, outermost first.
    chain: Vec<&'a str>,
}

enum Meaning {
    Node(String),
    Value(Item),
}

struct Laying<'a> {
    reading: &'a Reading,
    library: &'a Library,
    entries: Vec<Entry>,
    names: HashMap<String, Span>,
}

impl Laying<'_> {
    fn report(&self, diagnostic: Diagnostic) {
        self.reading.report(diagnostic);
    }

    fn push(&mut self, entry: Entry) {
        if let Some(first) = self.names.get(&entry.key) {
            return self.report(
                Diagnostic::at(entry.key_span, format!("there are two devices `{}`", entry.key))
                    .label("named again")
                    .also(first.clone(), "first named here")
                    .help("give one of them another name"),
            );
        }
        self.names.insert(entry.key.clone(), entry.key_span.clone());
        self.entries.push(entry);
    }

    /// Lays the devices of the part that an instance names.
    fn instance(&mut self, entry: &Entry, item: &Item, place: &Place) {
        let usage = "write for example `x1 = { subcircuit = { part = \"subcircuit/rc-low-pass\", pins = { in = \
                     \"a\", out = \"b\" } } }`";
        let Value::Table(given) = &item.value else {
            return self.report(
                Diagnostic::at(
                    item.span.clone(),
                    format!("`{WORD}` is {}, expected a table", item.value.kind()),
                )
                .label("expected a table")
                .help(usage),
            );
        };
        let Some((name, at)) = text_of(given, "part") else {
            return self.report(
                Diagnostic::at(
                    item.span.clone(),
                    format!("`{}` does not name its part", entry.key),
                )
                .label("`part` is missing")
                .help(usage),
            );
        };
        let Some(found) = self.library.find(name).filter(|part| part.kind() == WORD) else {
            let names = self.library.names();
            let names: Vec<&String> =
                names.iter().filter(|n| n.starts_with(&format!("{WORD}/"))).collect();
            return self.report(
                Diagnostic::at(at, format!("the library has no subcircuit `{name}`"))
                    .label("unknown subcircuit")
                    .help_names(name, "there are", &names)
                    .help("`eqcircuit circuits` lists the library; your own go into `circuits/`"),
            );
        };
        if place.chain.contains(&name) || place.chain.len() >= DEEPEST {
            let chain: Vec<&str> = place.chain.iter().copied().chain([name]).collect();
            return self.report(
                Diagnostic::at(at, format!("`{name}` contains itself"))
                    .label("leads back to itself")
                    .help(format!("the chain is {}; drop one of them", chain.join(" -> "))),
            );
        }
        let Some(part) = self.reading.part(&found) else { return };
        let Some(heading) = Heading::of(&part, name, self.reading) else { return };
        let inner = Place {
            prefix: format!("{}{}.", place.prefix, entry.key),
            meanings: self.meanings(&heading, given, item, place),
            chain: place.chain.iter().copied().chain([name]).collect(),
        };
        for device in &heading.devices.entries {
            match instance_of(device) {
                Some(item) => self.instance(device, item, &inner),
                None => {
                    let device = self.renamed(device, &inner);
                    self.push(device);
                }
            }
        }
    }

    /// What the names of a part mean in an instance.
    fn meanings(
        &self,
        heading: &Heading,
        given: &Table,
        item: &Item,
        place: &Place,
    ) -> HashMap<String, Meaning> {
        let mut meanings = HashMap::new();
        for (key, default) in &heading.parameters {
            meanings.insert(key.clone(), Meaning::Value(default.clone()));
        }
        for entry in given.entries.iter().filter(|e| e.key != "part" && e.key != "pins") {
            if !heading.parameters.iter().any(|(key, _)| *key == entry.key) {
                let names: Vec<&str> = ["part", "pins"]
                    .into_iter()
                    .chain(heading.parameters.iter().map(|(k, _)| k.as_str()))
                    .collect();
                self.report(
                    Diagnostic::at(
                        entry.key_span.clone(),
                        format!("`{}` has no parameter `{}`", heading.name, entry.key),
                    )
                    .label("unknown parameter")
                    .help_names(&entry.key, "the keys are", &names),
                );
                continue;
            }
            let value = self.value(&entry.item, place);
            meanings.insert(entry.key.clone(), Meaning::Value(value));
        }
        self.pins(heading, given, item, place, &mut meanings);
        meanings
    }

    /// The nodes that the pins of a part are on.
    fn pins(
        &self,
        heading: &Heading,
        given: &Table,
        item: &Item,
        place: &Place,
        meanings: &mut HashMap<String, Meaning>,
    ) {
        let empty = Table::default();
        let pins = match given.get("pins").map(|pins| &pins.item.value) {
            Some(Value::Table(pins)) => pins,
            _ => &empty,
        };
        for pin in pins.entries.iter().filter(|pin| !heading.pins.contains(&pin.key)) {
            self.report(
                Diagnostic::at(
                    pin.key_span.clone(),
                    format!("`{}` has no pin `{}`", heading.name, pin.key),
                )
                .label("unknown pin")
                .help_names(&pin.key, "its pins are", &heading.pins),
            );
        }
        for pin in &heading.pins {
            let node = match pins.get(pin).map(|entry| &entry.item) {
                Some(Item { value: Value::Text(text), span }) => self.node(text, span, place),
                other => {
                    let at = other.map_or(&item.span, |item| &item.span).clone();
                    self.report(
                        Diagnostic::at(
                            at,
                            format!("pin `{pin}` of `{}` is on no node", heading.name),
                        )
                        .label("not connected")
                        .help(format!("write for example `pins = {{ {pin} = \"a\" }}`")),
                    );
                    // What is on it is not told as well.
                    "0".to_string()
                }
            };
            meanings.insert(pin.clone(), Meaning::Node(node));
        }
    }

    /// A value in which `$name` stands for a parameter.
    fn value(&self, item: &Item, place: &Place) -> Item {
        let Value::Text(text) = &item.value else { return item.clone() };
        let Some(name) = text.strip_prefix('$').filter(|_| !place.chain.is_empty()) else {
            return item.clone();
        };
        match place.meanings.get(name) {
            Some(Meaning::Value(value)) => value.clone(),
            Some(Meaning::Node(node)) => {
                Item { value: Value::Text(node.clone()), span: item.span.clone() }
            }
            None => {
                self.unknown(name, &item.span, place);
                item.clone()
            }
        }
    }

    fn unknown(&self, name: &str, at: &Span, place: &Place) {
        let mut names: Vec<&String> = place.meanings.keys().collect();
        names.sort();
        self.report(
            Diagnostic::at(at.clone(), format!("there is no parameter and no pin `${name}`"))
                .label("unknown name")
                .help_names(name, "there are", &names),
        );
    }

    /// The whole name of a node.
    fn node(&self, name: &str, at: &Span, place: &Place) -> String {
        if name == "0" || place.chain.is_empty() {
            return name.to_string();
        }
        if let Some(pin) = name.strip_prefix('$') {
            return match place.meanings.get(pin) {
                Some(Meaning::Node(node)) => node.clone(),
                _ => {
                    self.unknown(pin, at, place);
                    "0".to_string()
                }
            };
        }
        if let Some(Meaning::Node(_)) = place.meanings.get(name) {
            self.report(
                Diagnostic::at(at.clone(), format!("`{name}` is a pin"))
                    .label("would be another node of the same name")
                    .help(format!("write \"${name}\"")),
            );
        }
        format!("{}{name}", place.prefix)
    }

    /// A device of a part with whole names and values.
    fn renamed(&self, entry: &Entry, place: &Place) -> Entry {
        let mut out = Entry { key: format!("{}{}", place.prefix, entry.key), ..entry.clone() };
        let Value::Table(kinds) = &mut out.item.value else { return out };
        for kind in &mut kinds.entries {
            let fields = ROLL.iter().find(|e| e.key == kind.key).map_or(&[][..], |e| e.fields);
            let Value::Table(args) = &mut kind.item.value else { continue };
            for arg in &mut args.entries {
                let field = fields.iter().find(|f| f.key == arg.key).map(|f| f.kind);
                self.rename(&mut arg.item, field, place);
            }
        }
        out
    }

    fn rename(&self, item: &mut Item, kind: Option<Kind>, place: &Place) {
        let span = item.span.clone();
        match (&mut item.value, kind) {
            (Value::Text(name), Some(Kind::Node)) => *name = self.node(name, &span, place),
            (Value::Text(name), Some(Kind::Branch)) => *name = format!("{}{name}", place.prefix),
            (Value::Text(text), Some(Kind::Expression { .. })) => {
                if let Some(whole) = self.expression(text, &span, place) {
                    *text = whole;
                }
            }
            (Value::Text(text), _) if text.starts_with('$') => *item = self.value(item, place),
            (Value::Array(items), kind) => {
                let kind = if kind == Some(Kind::Nodes) { Some(Kind::Node) } else { None };
                items.iter_mut().for_each(|item| self.rename(item, kind, place));
            }
            (Value::Table(table), _) => {
                table.entries.iter_mut().for_each(|e| self.rename(&mut e.item, None, place));
            }
            _ => {}
        }
    }

    /// An expression with whole names and the values of parameters; `None` if it is none, which
    /// the reader of the device tells.
    fn expression(&self, text: &str, span: &Span, place: &Place) -> Option<String> {
        let parsed = expression::parse(text, Dialect::Home).ok()?;
        let node = |name: &String| self.node(name, span, place);
        let whole = parsed.resolve(|leaf| match leaf {
            Leaf::Voltage(a, b) => Ok(Resolved::Leaf(Leaf::Voltage(node(a), b.as_ref().map(node)))),
            Leaf::Current(device) => {
                Ok(Resolved::Leaf(Leaf::Current(format!("{}{device}", place.prefix))))
            }
            Leaf::Name(name) => match name.strip_prefix('$').map(|name| place.meanings.get(name)) {
                Some(Some(Meaning::Value(item))) => number(item).map(Resolved::Number).ok_or(()),
                Some(_) => {
                    self.unknown(&name[1..], span, place);
                    Err(())
                }
                None => Ok(Resolved::Leaf(leaf.clone())),
            },
            other => Ok(Resolved::Leaf(other.clone())),
        });
        Some(whole.ok()?.text(Dialect::Home, &|leaf| match leaf {
            Leaf::Voltage(a, None) => format!("v({a})"),
            Leaf::Voltage(a, Some(b)) => format!("v({a}, {b})"),
            Leaf::Current(device) => format!("i({device})"),
            Leaf::Time => "time".to_string(),
            Leaf::Temperature => "temper".to_string(),
            Leaf::Name(name) => name.clone(),
        }))
    }
}

/// A value as a number in SI.
fn number(item: &Item) -> Option<f64> {
    match &item.value {
        Value::Float(value) => Some(*value),
        Value::Integer(value) => Some(*value as f64),
        Value::Text(text) => units::parse_any(text).map(|(value, _)| value),
        _ => None,
    }
}

fn text_of<'a>(table: &'a Table, key: &str) -> Option<(&'a str, Span)> {
    match &table.get(key)?.item {
        Item { value: Value::Text(text), span } => Some((text, span.clone())),
        _ => None,
    }
}
