//! X lines: instances of subcircuits.

use std::collections::HashMap;

use super::card::{Cursor, Pair, Value};
use super::circuit::Circuit;
use super::files::Card;
use super::outline::Block;
use super::scope::Scope;
use crate::diag::{Diagnostic, Span};
use crate::netlist::Node;

/// Most instances of one deck.
const MOST: usize = 1_000_000;

impl<'d> Circuit<'d, '_> {
    /// Lays an instance of a subcircuit: `x1 node node ... name params`.
    pub fn instance(&mut self, card: &'d Card<'d>, scope: &Scope<'d, '_>) {
        let mut cursor = Cursor::after(card, 1);
        let mut words = Vec::new();
        while let Some(word) = cursor.positional() {
            words.push(word);
        }
        if words.last().is_some_and(|(word, _)| matches!(*word, "params:" | "param:")) {
            words.pop();
        }
        let pairs = cursor.pairs(self.found);
        let Some((name, at)) = words.pop() else {
            return self.found.report(
                Diagnostic::at(card.head(), "this line names no subcircuit")
                    .label("an instance of what?")
                    .help("write `x1 node1 node2 name`, with the name of a `.subckt`"),
            );
        };
        let Some(block) = self.block(name, at, words.len(), card, scope) else { return };
        let (given, multiplier) = self.parameters(block, &pairs, scope);
        let nodes: Vec<Node> =
            words.iter().map(|(node, at)| self.node(node, at.clone(), scope)).collect();
        let own = card.word(0).unwrap_or_default();
        let prefix = format!("{}{own}.", scope.prefix);
        let mut inner = Scope::new(block, Some(scope), prefix, given, self.found);
        inner.pins = block.pins.iter().map(|(pin, _)| *pin).zip(nodes).collect();
        inner.multiplier = multiplier;
        self.lay(&inner);
    }

    /// The subcircuit of a name, if so many nodes fit its pins.
    fn block(
        &mut self,
        name: &str,
        at: Span,
        nodes: usize,
        card: &Card,
        scope: &Scope<'d, '_>,
    ) -> Option<&'d Block<'d>> {
        let Some(block) = scope.subcircuit(name) else {
            self.found.report(
                Diagnostic::at(at, format!("there is no subcircuit `{name}`"))
                    .label("unknown subcircuit")
                    .help_names(name, "the subcircuits are", &scope.subcircuits()),
            );
            return None;
        };
        if scope.is_within(block) {
            self.found.report(
                Diagnostic::at(at, format!("subcircuit `{name}` contains itself"))
                    .label("leads back to itself")
                    .also(block.place.clone(), "defined here")
                    .help("a subcircuit is made of others, never of itself"),
            );
            return None;
        }
        let pins: Vec<&str> = block.pins.iter().map(|(pin, _)| *pin).collect();
        if nodes != pins.len() {
            let given =
                if nodes == 1 { "1 node is".to_string() } else { format!("{nodes} nodes are") };
            self.found.report(
                Diagnostic::at(
                    card.head(),
                    format!("`{name}` has {} pins, but {given} given", pins.len()),
                )
                .label("one node for each pin")
                .also(block.place.clone(), "defined here")
                .help(format!("its pins are: {}", pins.join(" "))),
            );
            return None;
        }
        self.instances += 1;
        if self.instances == MOST {
            self.found.report(
                Diagnostic::at(at, format!("the deck has more than {MOST} subcircuits"))
                    .label("one too many")
                    .help("do subcircuits hold each other many times over?"),
            );
        }
        (self.instances < MOST).then_some(block)
    }

    /// The parameters that a line gives, and how many instances stand in parallel.
    fn parameters(
        &self,
        block: &'d Block<'d>,
        pairs: &[Pair<'d>],
        scope: &Scope<'d, '_>,
    ) -> (HashMap<&'d str, Option<f64>>, f64) {
        let mut multiplier = scope.multiplier;
        let mut given = HashMap::new();
        for pair in pairs {
            // As in ngspice, an expression needs no braces here.
            let value = Value { braced: true, ..pair.value() };
            let number = scope.number(&value, self.found);
            if block.defaults.iter().any(|p| p.key == pair.key) {
                given.insert(pair.key, number);
            } else if pair.key == "m" {
                if number.is_some_and(|m| m <= 0.0) {
                    self.found.report(
                        Diagnostic::at(value.span(), "`m` must be above zero")
                            .label("instances in parallel")
                            .help("leave it out for a single instance"),
                    );
                }
                multiplier *= number.filter(|m| *m > 0.0).unwrap_or(1.0);
            } else {
                let names: Vec<&str> = block.defaults.iter().map(|p| p.key).collect();
                self.found.report(
                    Diagnostic::at(
                        pair.key_span.clone(),
                        format!("`{}` has no parameter `{}`", block.name, pair.key),
                    )
                    .label("unknown parameter")
                    .also(block.place.clone(), "defined here")
                    .help_names(pair.key, "its parameters are", &names),
                );
            }
        }
        (given, multiplier)
    }
}
