//! `.ac` and `.noise`.

use super::analyses::{Dot, MOST};
use super::words::Kind;
use crate::diag::Diagnostic;
use crate::netlist::Node;
use crate::numerics::math::log10;
use crate::spec::study::{Request, linear, logarithmic};

impl Dot<'_, '_, '_> {
    pub(super) fn ac(&mut self) {
        let usage = ".ac dec 10 1 1meg";
        if let Some(frequencies) = self.frequencies(usage) {
            self.end(usage);
            self.study.analyses.push(Request::Ac { frequencies });
        }
    }

    /// `dec|oct|lin count from to`
    fn frequencies(&mut self, usage: &str) -> Option<Vec<f64>> {
        let at = self.cursor.span();
        let kind = self.cursor.word().map(|(word, _)| word);
        let Some(kind) = kind.filter(|kind| matches!(*kind, "dec" | "oct" | "lin")) else {
            self.usage(at, "the frequencies are spaced by `dec`, `oct` or `lin`", usage);
            return None;
        };
        let count = self.next_number("the number of points", usage)?;
        let from = self.next_number("the first frequency", usage)?;
        let to = self.next_number("the last frequency", usage)?;
        let wants = if kind == "lin" { from >= 0.0 } else { from > 0.0 };
        let decades = if kind == "lin" { 1.0 } else { log10(to / from) };
        let fits = count >= 1.0 && wants && to >= from && count * decades.max(1.0) <= MOST;
        if !fits {
            self.report(
                Diagnostic::at(at, "these are no frequencies")
                    .label(format!("{count} from {from} to {to}"))
                    .help(format!(
                        "write `{usage}`, at least one point, the first frequency above zero"
                    )),
            );
            return None;
        }
        let count = count as usize;
        Some(match kind {
            "lin" => linear(count, from, to),
            "dec" => logarithmic(10.0, count, from, to),
            _ => logarithmic(2.0, count, from, to),
        })
    }

    /// `.noise v(out, ref) source dec 10 1 1meg`
    pub(super) fn noise(&mut self) {
        let usage = ".noise v(out) v1 dec 10 1 1meg";
        let at = self.cursor.span();
        let mut names = Vec::new();
        if self.cursor.keyword("v") && self.cursor.take(Kind::Open) {
            while let Some(word) = self.cursor.word() {
                names.push(word);
                self.cursor.take(Kind::Comma);
            }
        }
        if !(1..=2).contains(&names.len()) || !self.cursor.take(Kind::Close) {
            return self.usage(at, "the output of `.noise` is a voltage", usage);
        }
        let nodes: Vec<Option<Node>> =
            names.into_iter().map(|(name, at)| self.node(name, at)).collect();
        let Some((source, source_at)) = self.cursor.positional() else {
            return self.usage(self.cursor.span(), "the input source is missing", usage);
        };
        let input = self.device(source, source_at.clone());
        let Some(frequencies) = self.frequencies(usage) else { return };
        // The number of points between summaries of each device.
        self.cursor.value();
        self.end(usage);
        let Some(input) = input else { return };
        let key = self.circuit.netlist.devices()[input.0].1.key();
        if !matches!(key, "voltage-source" | "current-source") {
            return self.report(
                Diagnostic::at(source_at, format!("`{source}` is a {key}, no source"))
                    .label("no input")
                    .help("noise is referred to a voltage or current source"),
            );
        }
        if let [Some(out), reference @ ..] = &nodes[..] {
            let reference = reference.first().copied().unwrap_or(Some(Node::GROUND));
            if let Some(reference) = reference {
                let output = (*out, reference);
                self.study.analyses.push(Request::Noise { output, input, frequencies });
            }
        }
    }
}
