//! What names mean in an instance of a subcircuit: parameters, functions, nodes, models.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::Found;
use super::card::{Pair, Value};
use super::files::Card;
use super::outline::Block;
use crate::diag::{Diagnostic, Span};
use crate::netlist::Node;
use crate::netlist::expression::{
    Dialect, Expression, ExpressionFault, Function, Leaf, Resolved, number, parse_with,
};

/// An instance of a block. What it does not know itself, the instance around it may: as in
/// ngspice, names are looked for from the inside out along the calls.
pub(super) struct Scope<'d, 'o> {
    pub block: &'d Block<'d>,
    pub outer: Option<&'o Scope<'d, 'o>>,
    /// What the names of its devices and inner nodes begin with: `x1.x2.`
    pub prefix: String,
    pub pins: HashMap<&'d str, Node>,
    /// How many of it stand in parallel.
    pub multiplier: f64,
    params: RefCell<HashMap<&'d str, State<'d>>>,
    functions: RefCell<HashMap<&'d str, Called>>,
    /// How many names are being looked up, each for the one before.
    depth: Cell<usize>,
}

/// Names that may need each other in a row.
const DEEPEST: usize = 64;

/// How far the value of a parameter is known.
#[derive(Clone)]
enum State<'d> {
    Written(Pair<'d>),
    Busy,
    Known(f64),
    /// It has none, which has been told.
    Failed,
}

/// How far a function is known.
#[derive(Clone)]
enum Called {
    Busy,
    Known(Function),
    /// It is none, which has been told.
    Failed,
}

impl<'d, 'o> Scope<'d, 'o> {
    pub fn new(
        block: &'d Block<'d>,
        outer: Option<&'o Scope<'d, 'o>>,
        prefix: String,
        given: HashMap<&'d str, Option<f64>>,
        found: &Found,
    ) -> Scope<'d, 'o> {
        let mut params: HashMap<&'d str, State<'d>> = HashMap::new();
        for pair in block.defaults.iter().chain(&block.params) {
            params.insert(pair.key, State::Written(pair.clone()));
        }
        for (name, value) in given {
            params.insert(name, value.map_or(State::Failed, State::Known));
        }
        let scope = Scope {
            block,
            outer,
            prefix,
            pins: HashMap::new(),
            multiplier: 1.0,
            params: RefCell::new(params),
            functions: RefCell::default(),
            depth: Cell::new(0),
        };
        // Also those that nothing asks for must be right.
        for pair in block.defaults.iter().chain(&block.params) {
            scope.param(pair.key, found);
        }
        for function in &block.functions {
            scope.function(function.name, found);
        }
        scope
    }

    /// The value of a parameter; `Some(None)` where it has none, which has been told.
    pub fn param(&self, name: &str, found: &Found) -> Option<Option<f64>> {
        let state = self.params.borrow().get_key_value(name).map(|(k, s)| (*k, s.clone()));
        let Some((key, state)) = state else {
            return self.outer.and_then(|outer| outer.param(name, found));
        };
        Some(match state {
            State::Known(value) => Some(value),
            State::Failed => None,
            State::Busy => {
                let pair =
                    self.block.defaults.iter().chain(&self.block.params).find(|p| p.key == key);
                if let Some(pair) = pair {
                    found.report(
                        Diagnostic::at(
                            pair.value().span(),
                            format!("parameter `{name}` depends on itself"),
                        )
                        .label("leads back to itself")
                        .help("give it a value that does not need it"),
                    );
                }
                self.params.borrow_mut().insert(key, State::Failed);
                None
            }
            State::Written(pair) => {
                self.params.borrow_mut().insert(key, State::Busy);
                let value = self.deeper(&pair.value(), found, |value| self.number(value, found));
                let known = value.map_or(State::Failed, State::Known);
                self.params.borrow_mut().insert(key, known);
                value
            }
        })
    }

    /// Looks a value up that another needs.
    fn deeper<T>(
        &self,
        value: &Value<'d>,
        found: &Found,
        look: impl FnOnce(&Value<'d>) -> Option<T>,
    ) -> Option<T> {
        if self.depth.get() == DEEPEST {
            let at =
                format!("more than {DEEPEST} parameters or functions need each other in a row");
            let hint = "write those first that others need, or fewer of them";
            found.report(Diagnostic::at(value.span(), at).label("one too many").help(hint));
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        let looked = look(value);
        self.depth.set(self.depth.get() - 1);
        looked
    }

    /// The number that a value stands for; `None` where it is none, which has been told.
    pub fn number(&self, value: &Value<'d>, found: &Found) -> Option<f64> {
        let text = value.text().trim();
        if let Some(number) = plain_number(text) {
            return Some(number);
        }
        if !value.braced {
            found.report(self.not_a_number(value, text, found));
            return None;
        }
        let expression = self.expression_in(Dialect::SpiceNumber, value, found)?;
        let constant = expression.resolve(|leaf| match leaf {
            Leaf::Name(name) => match self.param(name, found) {
                Some(Some(number)) => Ok(Resolved::Number(number)),
                Some(None) => Err(None),
                None => Err(Some(self.unknown_name(value, name))),
            },
            other => Err(Some(
                Diagnostic::at(value.span(), format!("a value cannot depend on {}", words(other)))
                    .label("is a number, known before the circuit is solved")
                    .help(
                        "only a B source, or E and G with `value={...}`, may depend on the circuit",
                    ),
            )),
        });
        match constant {
            Ok(constant) => self.finite(constant, value, found),
            Err(diagnostic) => {
                diagnostic.into_iter().for_each(|d| found.report(d));
                None
            }
        }
    }

    fn finite(&self, constant: Expression<()>, value: &Value<'d>, found: &Found) -> Option<f64> {
        let number = constant.constant()?;
        if !number.is_finite() {
            found.report(
                Diagnostic::at(value.span(), format!("this is {number}"))
                    .label("not a finite number")
                    .help("is something divided by zero, or a root taken of a negative number?"),
            );
            return None;
        }
        Some(number)
    }

    /// A value as an expression.
    pub fn expression(&self, value: &Value<'d>, found: &Found) -> Option<Expression<Leaf>> {
        self.expression_in(Dialect::Spice, value, found)
    }

    fn expression_in(
        &self,
        dialect: Dialect,
        value: &Value<'d>,
        found: &Found,
    ) -> Option<Expression<Leaf>> {
        let text = value.text();
        let parsed = parse_with(text, dialect, &|name| self.function(name, found));
        match parsed {
            Ok(expression) => Some(expression),
            Err(fault) => {
                let name = text.get(fault.range.clone()).unwrap_or_default();
                let name = name.split('(').next().unwrap_or_default().trim();
                // What is wrong with a function of the deck is told where it is defined.
                if !self.defines(name) || !fault.message.starts_with("there is no function") {
                    found.report(expression_fault(value, fault));
                }
                None
            }
        }
    }

    fn defines(&self, name: &str) -> bool {
        let own = self.block.functions.iter().any(|f| f.name == name);
        own || self.outer.is_some_and(|outer| outer.defines(name))
    }

    /// A function that the deck defines.
    fn function(&self, name: &str, found: &Found) -> Option<Function> {
        let known = self.functions.borrow().get(name).cloned();
        let card = self.block.functions.iter().find(|f| f.name == name);
        match (known, card) {
            (Some(Called::Known(function)), _) => Some(function),
            (Some(Called::Failed), _) => None,
            (Some(Called::Busy), Some(card)) => {
                found.report(
                    Diagnostic::at(
                        card.value.value().span(),
                        format!("function `{name}` calls itself"),
                    )
                    .label("leads back to itself")
                    .help("give it a value that does not need it"),
                );
                None
            }
            (_, None) => self.outer.and_then(|outer| outer.function(name, found)),
            (None, Some(card)) => {
                self.functions.borrow_mut().insert(card.name, Called::Busy);
                let value = card.value.value();
                let value = self.deeper(&value, found, |value| self.expression(value, found));
                let arguments = card.arguments.clone();
                let called = value
                    .map_or(Called::Failed, |value| Called::Known(Function { arguments, value }));
                self.functions.borrow_mut().insert(card.name, called);
                self.function(name, found)
            }
        }
    }

    /// The names of all parameters that can be seen.
    fn names(&self) -> Vec<&'d str> {
        let mut names: Vec<&'d str> = self.params.borrow().keys().copied().collect();
        names.extend(self.outer.iter().flat_map(|outer| outer.names()));
        names.sort_unstable();
        names.dedup();
        names
    }

    pub fn unknown_name(&self, value: &Value<'d>, name: &str) -> Diagnostic {
        Diagnostic::at(word_span(value, name), format!("there is no parameter `{name}`"))
            .label("unknown parameter")
            .help_names(name, "the parameters are", &self.names())
    }

    fn not_a_number(&self, value: &Value<'d>, text: &str, found: &Found) -> Diagnostic {
        let diagnostic = Diagnostic::at(value.span(), format!("`{text}` is not a number"));
        match (self.param(text, found), number(text)) {
            (Some(_), _) => diagnostic
                .label("a parameter without braces")
                .help(format!("write `{{{text}}}`")),
            (None, Some((_, length))) => diagnostic
                .label(format!("`{}` follows the number", &text[length..]))
                .help("write for example 4.7k or 10meg; letters after a suffix are ignored, digits are not"),
            _ => diagnostic.label("not understood").help(
                "write a number such as 4.7k, or an expression in braces such as `{2*r}`",
            ),
        }
    }

    /// The nearest definition of a subcircuit.
    pub fn subcircuit(&self, name: &str) -> Option<&'d Block<'d>> {
        match self.block.inner.get(name) {
            Some(block) => Some(block),
            None => self.outer?.subcircuit(name),
        }
    }

    pub fn subcircuits(&self) -> Vec<&'d str> {
        let mut names: Vec<&'d str> = self.block.inner.keys().copied().collect();
        names.extend(self.outer.iter().flat_map(|outer| outer.subcircuits()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The card of a model, and the instance it is written in.
    pub fn model(&self, name: &str) -> Option<(&'d Card<'d>, &Scope<'d, 'o>)> {
        match self.block.models.get(name) {
            Some(card) => Some((card, self)),
            None => self.outer?.model(name),
        }
    }

    pub fn models(&self) -> Vec<&'d str> {
        let mut names: Vec<&'d str> = self.block.models.keys().copied().collect();
        names.extend(self.outer.iter().flat_map(|outer| outer.models()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether this is an instance of a block, or inside one.
    pub fn is_within(&self, block: &Block) -> bool {
        std::ptr::eq(self.block, block) || self.outer.is_some_and(|outer| outer.is_within(block))
    }
}

/// A number with its sign and suffix, and nothing else.
pub(super) fn plain_number(text: &str) -> Option<f64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    number(rest)
        .filter(|(value, length)| *length == rest.len() && value.is_finite())
        .map(|(v, _)| sign * v)
}

pub(super) fn expression_fault(value: &Value, fault: ExpressionFault) -> Diagnostic {
    let range = value.range.start + fault.range.start..value.range.start + fault.range.end;
    Diagnostic::at(value.card.span(range), fault.message).label("not understood").help(fault.help)
}

/// Where a name stands in a value.
pub(super) fn word_span(value: &Value, name: &str) -> Span {
    let text = value.text();
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '#' | '$');
    let place = text
        .match_indices(name)
        .find(|(at, _)| !text[..*at].ends_with(part) && !text[at + name.len()..].starts_with(part));
    match place {
        Some((at, _)) => {
            let start = value.range.start + at;
            value.card.span(start..start + name.len())
        }
        None => value.span(),
    }
}

fn words(leaf: &Leaf) -> &'static str {
    match leaf {
        Leaf::Voltage(..) => "a voltage",
        Leaf::Current(_) => "a current",
        Leaf::Time => "time",
        Leaf::Temperature => "the temperature",
        Leaf::Name(_) => "a name",
    }
}
