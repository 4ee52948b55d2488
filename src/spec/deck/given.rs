//! A device of the roll, its arguments filled in one by one.

use super::Found;
use super::card::{Pair, Value};
use super::scope::{Scope, plain_number};
use crate::diag::{Diagnostic, Span};
use crate::netlist::{Arg, Entry, Kind, Node, ROLL};
use crate::units::Range;

/// The arguments of a device, as far as they are known.
pub(super) struct Given {
    pub entry: &'static Entry,
    args: Vec<Option<Arg>>,
}

impl Given {
    /// # Panics
    /// If the roll has no device of this key.
    pub fn of(key: &str) -> Given {
        let entry = ROLL.iter().find(|e| e.key == key);
        Given::new(entry.unwrap_or_else(|| panic!("the roll has no `{key}`")))
    }

    pub fn new(entry: &'static Entry) -> Given {
        Given { entry, args: vec![None; entry.fields.len()] }
    }

    fn place(&self, field: &str) -> Option<usize> {
        self.entry.fields.iter().position(|f| f.key == field)
    }

    pub fn has_field(&self, field: &str) -> bool {
        self.place(field).is_some()
    }

    /// # Panics
    /// If the device has no such field.
    pub fn set(&mut self, field: &str, arg: Arg) {
        let place = self.place(field);
        let place = place.unwrap_or_else(|| panic!("{} has no `{field}`", self.entry.key));
        self.args[place] = Some(arg);
    }

    pub fn nodes(mut self, fields: &[&str], nodes: &[Node]) -> Given {
        for (field, node) in fields.iter().zip(nodes) {
            self.set(field, Arg::Node(*node));
        }
        self
    }

    /// A number that was written as `name`; outside the field's range it is a mistake.
    pub fn number(&mut self, field: &str, number: f64, name: &str, at: Span, found: &Found) {
        let kind = self.place(field).map(|k| self.entry.fields[k].kind);
        let range = match kind {
            Some(Kind::Number { range, .. } | Kind::Optional { range, .. }) => range,
            _ => Range::Any,
        };
        if range.contains(number) {
            self.set(field, Arg::Number(number));
            return;
        }
        found.report(
            Diagnostic::at(at, format!("`{name}` must be {}", range.words()))
                .label(format!("is {number}"))
                .help(format!("give `{name}` a value that is {}", range.words())),
        );
    }

    /// Divides a number that is given or has a default, and adds to it.
    pub fn scale(&mut self, field: &str, divisor: f64, offset: f64) {
        let Some(place) = self.place(field) else { return };
        let default = || self.entry.fields[place].kind.default().map(Arg::Number);
        if let Some(Arg::Number(number)) = self.args[place].clone().or_else(default) {
            self.args[place] = Some(Arg::Number(number / divisor + offset));
        }
    }

    /// A number that is given.
    pub fn value(&self, field: &str) -> Option<f64> {
        match self.args[self.place(field)?] {
            Some(Arg::Number(number)) => Some(number),
            _ => None,
        }
    }

    pub fn is_set(&self, field: &str) -> bool {
        self.place(field).is_some_and(|place| self.args[place].is_some())
    }

    /// An argument as a deck writes it: a number, or a word where the field takes one.
    pub fn written<'d>(
        &mut self,
        field: &str,
        pair: &Pair<'d>,
        scope: &Scope<'d, '_>,
        found: &Found,
    ) {
        let Some(place) = self.place(field) else { return };
        match self.entry.fields[place].kind {
            Kind::Word { choices } | Kind::Choice { choices } => match choices
                .iter()
                .find(|c| **c == pair.text())
            {
                Some(word) => self.args[place] = Some(Arg::Word(word)),
                None => found.report(
                    Diagnostic::at(
                        pair.value().span(),
                        format!("`{}` is no {}", pair.text(), pair.key),
                    )
                    .label("unknown word")
                    .help_names(pair.text(), "the choices are", choices),
                ),
            },
            Kind::Conductance => {
                let value = pair.value();
                if let Some(number) = scope.number(&value, found) {
                    self.conductance(number, &value, found);
                }
            }
            Kind::Number { .. } | Kind::Optional { .. } => {
                let value = pair.value();
                if let Some(number) = scope.number(&value, found) {
                    self.number(field, number, pair.key, value.span(), found);
                }
            }
            _ => found.report(
                Diagnostic::at(
                    pair.key_span.clone(),
                    format!("`{}` cannot be given here", pair.key),
                )
                .label("no number")
                .help("leave it out"),
            ),
        }
    }

    /// The conductance of a resistance.
    pub fn conductance(&mut self, resistance: f64, value: &Value, found: &Found) {
        if resistance > 0.0 {
            self.set("g", Arg::Number(1.0 / resistance));
            return;
        }
        let cure = match resistance == 0.0 {
            true => "for a wire use a voltage source of 0 V, or join the nodes",
            false => "for a negative resistance use a G source: `g1 a b a b -1m`",
        };
        found.report(
            Diagnostic::at(value.span(), "a resistance must be above zero")
                .label(format!("is {resistance}"))
                .help(cure),
        );
    }

    /// All arguments; `None` if one that is needed is missing, which was told when it was not
    /// understood.
    pub fn finish(self) -> Option<Vec<Arg>> {
        let fields = self.entry.fields.iter();
        fields
            .zip(self.args)
            .map(|(field, arg)| match (arg, field.kind) {
                (Some(arg), _) => Some(arg),
                (None, kind @ Kind::Number { .. }) => kind.default().map(Arg::Number),
                (None, Kind::Optional { .. } | Kind::Waveform { .. } | Kind::AcDrive { .. }) => {
                    Some(Arg::Absent)
                }
                (None, Kind::Choice { choices }) => choices.first().map(|word| Arg::Word(word)),
                (None, _) => None,
            })
            .collect()
    }
}

/// What a key of a deck's line is of a device.
pub(super) struct Meaning {
    /// Keys that are called otherwise in the roll.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Keys of SPICE that make no difference here, and why.
    pub idle: &'static [(&'static str, &'static str)],
    /// Keys of SPICE that are not modelled: only these values of them may be given.
    pub only: &'static [(&'static str, f64)],
    /// Fields of the roll that cannot be given here.
    pub hidden: &'static [&'static str],
    /// The only fields that can be given here; all, if none is named.
    pub shown: &'static [&'static str],
    /// What a number of SPICE is divided by and what is then added, to be in SI.
    pub units: &'static [(&'static str, f64, f64)],
}

impl Meaning {
    pub const PLAIN: Meaning =
        Meaning { renamed: &[], idle: &[], only: &[], hidden: &[], shown: &[], units: &[] };

    /// Takes up the pairs of a line or a model.
    pub fn take<'d>(
        &self,
        given: &mut Given,
        pairs: &[Pair<'d>],
        scope: &Scope<'d, '_>,
        found: &Found,
        title: &str,
    ) {
        if pairs.is_empty() {
            return;
        }
        let names = self.names(given);
        for pair in pairs {
            if let Some((_, why)) = self.idle.iter().find(|(key, _)| *key == pair.key) {
                found.note(
                    Diagnostic::at(pair.key_span.clone(), format!("`{}` {why}", pair.key))
                        .label("makes no difference"),
                );
                continue;
            }
            if let Some((_, wanted)) = self.only.iter().find(|(key, _)| *key == pair.key) {
                if scope.number(&pair.value(), found).is_some_and(|value| value != *wanted) {
                    found.report(
                        Diagnostic::at(
                            pair.key_span.clone(),
                            format!("`{}` of {title} is not modelled", pair.key),
                        )
                        .label(format!("only {wanted} is"))
                        .help(format!("leave `{}` out", pair.key)),
                    );
                }
                continue;
            }
            let renamed = self.renamed.iter().find(|(key, _)| *key == pair.key);
            let field = renamed.map_or(pair.key, |(_, field)| *field);
            if names.contains(&pair.key) {
                given.written(field, pair, scope, found);
                if let Some((_, divisor, offset)) = self.units.iter().find(|(f, _, _)| *f == field)
                {
                    given.scale(field, *divisor, *offset);
                }
                continue;
            }
            found.report(
                Diagnostic::at(pair.key_span.clone(), format!("{title} has no `{}`", pair.key))
                    .label("unknown parameter")
                    .help_names(pair.key, "its parameters are", &names),
            );
        }
    }

    /// The keys that may be given, in the deck's words.
    fn names(&self, given: &Given) -> Vec<&'static str> {
        let plain = given.entry.fields.iter().filter(|field| {
            let numeric = matches!(
                field.kind,
                Kind::Number { .. }
                    | Kind::Optional { .. }
                    | Kind::Word { .. }
                    | Kind::Choice { .. }
                    | Kind::Conductance
            );
            let shown = self.shown.is_empty() || self.shown.contains(&field.key);
            numeric && shown && !self.hidden.contains(&field.key)
        });
        let renamed = self.renamed.iter().filter(|(_, own)| given.has_field(own));
        plain.map(|field| field.key).chain(renamed.map(|(key, _)| *key)).collect()
    }
}

/// Whether a word is a plain number.
pub(super) fn is_number(text: &str) -> bool {
    plain_number(text).is_some()
}
