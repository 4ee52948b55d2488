//! The cards of a deck sorted by what they are, subcircuit by subcircuit.

use std::collections::HashMap;

use super::Found;
use super::card::{Cursor, Pair, latest};
use super::files::Card;
use super::words::Kind;
use crate::diag::{Diagnostic, Span};

/// A subcircuit's definition; the deck itself is one without pins.
#[derive(Default)]
pub(super) struct Block<'d> {
    pub name: &'d str,
    /// Where it is defined.
    pub place: Span,
    pub pins: Vec<(&'d str, Span)>,
    /// Parameters that an instance may set.
    pub defaults: Vec<Pair<'d>>,
    pub params: Vec<Pair<'d>>,
    pub functions: Vec<FunctionCard<'d>>,
    pub models: HashMap<&'d str, &'d Card<'d>>,
    pub elements: Vec<&'d Card<'d>>,
    /// `.ic` and `.nodeset`
    pub voltages: Vec<&'d Card<'d>>,
    pub inner: HashMap<&'d str, Block<'d>>,
}

/// `.func name(a, b) {value}`
pub(super) struct FunctionCard<'d> {
    pub name: &'d str,
    pub arguments: Vec<String>,
    pub value: Pair<'d>,
}

/// A whole deck.
pub(super) struct Outline<'d> {
    pub top: Block<'d>,
    pub globals: Vec<&'d str>,
    /// `.title`
    pub title: Option<String>,
    /// All other dot cards and the commands of `.control`, in order.
    pub dots: Vec<&'d Card<'d>>,
}

impl<'d> Outline<'d> {
    pub fn of(cards: &'d [Card<'d>], found: &Found) -> Outline<'d> {
        let mut sorter = Sorter {
            open: vec![Block::default()],
            out: Outline {
                top: Block::default(),
                globals: Vec::new(),
                title: None,
                dots: Vec::new(),
            },
            control: None,
            found,
        };
        for card in cards.iter().filter(|card| !card.tokens.is_empty()) {
            sorter.card(card);
        }
        sorter.finish()
    }
}

struct Sorter<'d, 'f> {
    /// The definitions being read, outermost first.
    open: Vec<Block<'d>>,
    out: Outline<'d>,
    /// Where a `.control` block began.
    control: Option<Span>,
    found: &'f Found,
}

impl<'d> Sorter<'d, '_> {
    fn card(&mut self, card: &'d Card<'d>) {
        let word = card.word(0).unwrap_or_default();
        if self.control.is_some() {
            match word {
                ".endc" => self.control = None,
                _ => self.out.dots.push(card),
            }
            return;
        }
        if !word.starts_with('.') {
            self.block().elements.push(card);
            return;
        }
        match word {
            ".subckt" | ".macro" => self.begin(card),
            ".ends" | ".eom" => self.end(card),
            ".control" => self.control = Some(card.head()),
            ".model" => self.model(card),
            ".param" | ".params" | ".parameter" => {
                let pairs = Cursor::after(card, 1).params(self.found);
                self.block().params.extend(pairs);
            }
            ".func" => self.function(card),
            ".global" => {
                let names = Cursor::after(card, 1).words();
                self.out.globals.extend(names.into_iter().map(|(name, _)| name));
            }
            ".ic" | ".nodeset" => self.block().voltages.push(card),
            ".title" => self.out.title = Some(card.text[word.len()..].trim().to_string()),
            ".end" => {}
            _ if self.open.len() > 1 => self.found.report(
                Diagnostic::at(card.head(), format!("`{word}` cannot stand in a subcircuit"))
                    .label("concerns the whole deck")
                    .also(self.open[self.open.len() - 1].place.clone(), "in this subcircuit")
                    .help("put it after `.ends`"),
            ),
            _ => self.out.dots.push(card),
        }
    }

    fn block(&mut self) -> &mut Block<'d> {
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn begin(&mut self, card: &'d Card<'d>) {
        let mut cursor = Cursor::after(card, 1);
        let Some((name, place)) = cursor.word() else {
            self.found.report(
                Diagnostic::at(card.head(), "`.subckt` has no name")
                    .label("what is it called?")
                    .help("write `.subckt name pin1 pin2 params: r=1k`"),
            );
            self.open.push(Block { name: "", place: card.head(), ..Block::default() });
            return;
        };
        let mut block = Block { name, place, ..Block::default() };
        while let Some((pin, span)) = cursor.positional() {
            if pin == "params:" || pin == "param:" {
                break;
            }
            if let Some((_, first)) = block.pins.iter().find(|(p, _)| *p == pin) {
                self.found.report(
                    Diagnostic::at(span, format!("`{name}` has two pins `{pin}`"))
                        .label("named again")
                        .also(first.clone(), "first named here")
                        .help("give every pin a name of its own"),
                );
                continue;
            }
            block.pins.push((pin, span));
        }
        block.defaults = cursor.params(self.found);
        self.open.push(block);
    }

    fn end(&mut self, card: &'d Card<'d>) {
        if self.open.len() == 1 {
            self.found.report(
                Diagnostic::at(card.head(), "`.ends` ends no subcircuit")
                    .label("there is none to end")
                    .help("drop it, or add the `.subckt` line that it belongs to"),
            );
            return;
        }
        let mut block = self.open.pop().unwrap_or_default();
        block.params = latest(block.params, self.found);
        if let Some((name, span)) = Cursor::after(card, 1).word()
            && name != block.name
        {
            self.found.report(
                Diagnostic::at(span, format!("`.ends {name}` ends `{}`", block.name))
                    .label("another name")
                    .also(block.place.clone(), "begun here")
                    .help(format!("write `.ends {}`; is an `.ends` missing before?", block.name)),
            );
        }
        self.define(block);
    }

    fn define(&mut self, block: Block<'d>) {
        let found = self.found;
        let outer = self.block();
        if let Some(first) = outer.inner.get(block.name) {
            found.report(
                Diagnostic::at(
                    block.place,
                    format!("subcircuit `{}` is defined twice", block.name),
                )
                .label("defined again")
                .also(first.place.clone(), "first defined here")
                .help("give one of them another name"),
            );
            return;
        }
        outer.inner.insert(block.name, block);
    }

    fn model(&mut self, card: &'d Card<'d>) {
        let found = self.found;
        let usage = "write for example `.model d1n d(is=1e-14 rs=1)`";
        let Some((name, span)) = Cursor::after(card, 1).word() else {
            found.report(
                Diagnostic::at(card.head(), "`.model` has no name")
                    .label("what is it called?")
                    .help(usage),
            );
            return;
        };
        let models = &mut self.block().models;
        if let Some(first) = models.get(name) {
            found.report(
                Diagnostic::at(span, format!("model `{name}` is defined twice"))
                    .label("defined again")
                    .also(first.span(first.tokens[1].range.clone()), "first defined here")
                    .help("give one of them another name"),
            );
            return;
        }
        models.insert(name, card);
    }

    /// `.func f(x, y) {value}`, also with `=` before the value.
    fn function(&mut self, card: &'d Card<'d>) {
        let tokens = &card.tokens;
        let close = tokens.iter().position(|t| t.kind == Kind::Close);
        let open = matches!(tokens.get(2), Some(t) if t.kind == Kind::Open);
        let equals = |k: usize| usize::from(tokens.get(k).is_some_and(|t| t.kind == Kind::Equals));
        let parts = card.word(1).zip(close.filter(|_| open)).and_then(|(name, close)| {
            let at = close + 1 + equals(close + 1);
            let value = tokens.get(at)?;
            Some((name, close, at, value))
        });
        let Some((name, close, at, value)) = parts else {
            self.found.report(
                Diagnostic::at(card.whole(), "`.func` does not say what it computes")
                    .label("not a function")
                    .help("write for example `.func square(x) {x*x}`"),
            );
            return;
        };
        // Without braces the rest of the line is the value.
        let range = match value.kind {
            Kind::Expression if at + 1 == tokens.len() => value.range.clone(),
            _ => value.range.start..card.text.trim_end().len(),
        };
        let arguments = (3..close).filter_map(|k| card.word(k)).map(str::to_string).collect();
        let value = Pair { key: name, key_span: card.head(), card, value: range, braced: true };
        self.block().functions.push(FunctionCard { name, arguments, value });
    }

    fn finish(mut self) -> Outline<'d> {
        if let Some(span) = self.control.take() {
            self.found.report(
                Diagnostic::at(span, "`.control` is not ended")
                    .label("begins here")
                    .help("end it with `.endc`"),
            );
        }
        while self.open.len() > 1 {
            let block = self.open.pop().unwrap_or_default();
            self.found.report(
                Diagnostic::at(
                    block.place.clone(),
                    format!("subcircuit `{}` is not ended", block.name),
                )
                .label("begins here")
                .help(format!("end it with `.ends {}`", block.name)),
            );
            self.define(block);
        }
        let mut top = self.open.pop().unwrap_or_default();
        top.params = latest(top.params, self.found);
        self.out.top = top;
        self.out
    }
}
