//! A card read from left to right.

use std::collections::HashSet;
use std::ops::Range;

use super::Found;
use super::files::Card;
use super::words::{Kind, Token};
use crate::diag::{Diagnostic, Span};

/// `key = value`, the value as text of its card.
#[derive(Clone)]
pub(super) struct Pair<'d> {
    pub key: &'d str,
    pub key_span: Span,
    pub card: &'d Card<'d>,
    pub value: Range<usize>,
    /// Whether the value stands in braces or quotes.
    pub braced: bool,
}

impl<'d> Pair<'d> {
    pub fn text(&self) -> &'d str {
        &self.card.text[self.value.clone()]
    }

    pub fn value(&self) -> Value<'d> {
        Value { card: self.card, range: self.value.clone(), braced: self.braced }
    }
}

/// What stands for a number: a plain word, or an expression in braces.
#[derive(Clone)]
pub(super) struct Value<'d> {
    pub card: &'d Card<'d>,
    pub range: Range<usize>,
    pub braced: bool,
}

impl<'d> Value<'d> {
    pub fn text(&self) -> &'d str {
        &self.card.text[self.range.clone()]
    }

    pub fn span(&self) -> Span {
        self.card.span(self.range.clone())
    }
}

impl<'t> Card<'t> {
    /// A word by its place; `None` where there is none or another thing.
    pub fn word(&self, place: usize) -> Option<&str> {
        let token = self.tokens.get(place)?;
        matches!(token.kind, Kind::Word | Kind::Quoted).then(|| &self.text[token.range.clone()])
    }
}

/// A place in a card.
#[derive(Clone)]
pub(super) struct Cursor<'d> {
    pub card: &'d Card<'d>,
    at: usize,
}

impl<'d> Cursor<'d> {
    /// At this token of a card.
    pub fn after(card: &'d Card<'d>, at: usize) -> Cursor<'d> {
        Cursor { card, at }
    }

    pub fn kind(&self) -> Option<Kind> {
        self.card.tokens.get(self.at).map(|t| t.kind)
    }

    fn kind_at(&self, ahead: usize) -> Option<Kind> {
        self.card.tokens.get(self.at + ahead).map(|t| t.kind)
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.card.tokens.len()
    }

    /// Where what is next stands; the end of the card where nothing is.
    pub fn span(&self) -> Span {
        match self.card.tokens.get(self.at) {
            Some(token) => self.card.span(token.range.clone()),
            None => self.card.whole(),
        }
    }

    /// The offset in the card's text of what is next.
    pub fn offset(&self) -> usize {
        self.card.tokens.get(self.at).map_or(self.card.text.len(), |t| t.range.start)
    }

    /// What is next, as text.
    pub fn text(&self) -> &'d str {
        self.card.tokens.get(self.at).map_or("", |t| &self.card.text[t.range.clone()])
    }

    pub fn skip(&mut self) {
        self.at += 1;
    }

    /// Moves past a token of this kind if it is next.
    pub fn take(&mut self, kind: Kind) -> bool {
        let there = self.kind() == Some(kind);
        self.at += usize::from(there);
        there
    }

    /// The next word without moving.
    pub fn peek(&self) -> Option<&'d str> {
        self.card.word(self.at)
    }

    /// Moves past a word if it is next.
    pub fn keyword(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word) && self.kind_at(1) != Some(Kind::Equals);
        self.at += usize::from(there);
        there
    }

    /// The next word.
    pub fn word(&mut self) -> Option<(&'d str, Span)> {
        let word = self.card.word(self.at)?;
        let span = self.span();
        self.at += 1;
        Some((word, span))
    }

    /// The next word that is not the key of a pair; commas and parentheses before it count as
    /// blanks.
    pub fn positional(&mut self) -> Option<(&'d str, Span)> {
        let at = self.at;
        while matches!(self.kind(), Some(Kind::Comma | Kind::Open | Kind::Close)) {
            self.at += 1;
        }
        if self.peek().is_some() && self.kind_at(1) != Some(Kind::Equals) {
            return self.word();
        }
        self.at = at;
        None
    }

    /// All words that are left.
    pub fn words(&mut self) -> Vec<(&'d str, Span)> {
        let mut words = Vec::new();
        while !self.is_done() {
            match self.positional() {
                Some(word) => words.push(word),
                None => self.at += 1,
            }
        }
        words
    }

    /// Whether a `key = value` is next.
    pub fn at_pair(&self) -> bool {
        self.peek().is_some() && self.kind_at(1) == Some(Kind::Equals)
    }

    /// The next value: a word with what is joined to it, or an expression in braces. Commas count
    /// as blanks.
    pub fn value(&mut self) -> Option<Value<'d>> {
        while self.kind() == Some(Kind::Comma) {
            self.at += 1;
        }
        let token = self.card.tokens.get(self.at)?;
        match token.kind {
            Kind::Word if !self.at_pair() => {
                self.at += 1;
                Some(Value { card: self.card, range: token.range.clone(), braced: false })
            }
            Kind::Expression => {
                self.at += 1;
                Some(Value { card: self.card, range: token.range.clone(), braced: true })
            }
            _ => None,
        }
    }

    /// All values that are left up to a closing parenthesis or a pair.
    pub fn values(&mut self) -> Vec<Value<'d>> {
        std::iter::from_fn(|| self.value()).collect()
    }

    /// All `key = value` that are left; anything else is a mistake.
    pub fn pairs(&mut self, found: &Found) -> Vec<Pair<'d>> {
        self.all_pairs(found, Cursor::pair)
    }

    /// The same of a line of parameters, where a value reaches to the next key, so that
    /// `a = 2 * b` needs no braces.
    pub fn params(&mut self, found: &Found) -> Vec<Pair<'d>> {
        self.all_pairs(found, Cursor::param)
    }

    fn all_pairs(
        &mut self,
        found: &Found,
        next: fn(&mut Self) -> Option<Pair<'d>>,
    ) -> Vec<Pair<'d>> {
        let mut pairs = Vec::new();
        while !self.is_done() {
            if self.take(Kind::Comma) || self.keyword("params:") || self.keyword("param:") {
                continue;
            }
            match next(self) {
                Some(pair) => pairs.push(pair),
                None => {
                    found.not_understood(self, "write for example `w=1u`, or `w={2*l}`");
                    self.at += 1;
                }
            }
        }
        latest(pairs, found)
    }

    /// The next `key = value`, the value one word or one expression in braces.
    pub fn pair(&mut self) -> Option<Pair<'d>> {
        let value = self.card.tokens.get(self.at + 2).filter(|_| self.at_pair())?;
        let braced = match value.kind {
            Kind::Word => false,
            Kind::Expression | Kind::Quoted => true,
            _ => return None,
        };
        let (key, key_span) = self.word()?;
        self.at += 2;
        Some(Pair { key, key_span, card: self.card, value: value.range.clone(), braced })
    }

    /// The next `key = value`, the value all up to the next key or a comma.
    fn param(&mut self) -> Option<Pair<'d>> {
        if !self.at_pair() || self.at + 2 >= self.card.tokens.len() {
            return None;
        }
        let (key, key_span) = self.word()?;
        self.at += 1;
        let start = self.at;
        let mut depth = 0;
        while !self.is_done() && (self.at == start || !self.at_pair()) {
            match self.kind() {
                Some(Kind::Open) => depth += 1,
                Some(Kind::Close) => depth -= 1,
                Some(Kind::Comma) if depth <= 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        let tokens = &self.card.tokens[start..self.at];
        let (first, last) = (tokens.first()?, tokens.last()?);
        let marked =
            |token: &Token| usize::from(matches!(token.kind, Kind::Expression | Kind::Quoted));
        let value = match tokens.len() {
            1 => first.range.clone(),
            _ => first.range.start - marked(first)..last.range.end + marked(last),
        };
        Some(Pair { key, key_span, card: self.card, value, braced: true })
    }
}

/// Of each key the last pair, as in SPICE, with a remark where there are more.
pub(super) fn latest<'d>(mut pairs: Vec<Pair<'d>>, found: &Found) -> Vec<Pair<'d>> {
    let mut seen = HashSet::new();
    pairs.reverse();
    pairs.retain(|pair| {
        let fresh = seen.insert(pair.key);
        if !fresh {
            let message = format!("`{}` is given again later, which counts", pair.key);
            found.note(Diagnostic::at(pair.key_span.clone(), message).label("not read"));
        }
        fresh
    });
    pairs.reverse();
    pairs
}
