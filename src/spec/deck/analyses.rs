//! `.op`, `.dc`, `.tran`, `.ac`, `.noise` and the rest of the dot lines.

use super::card::{Cursor, Value};
use super::circuit::{Circuit, own_name};
use super::files::Card;
use super::scope::Scope;
use super::timing::Timing;
use super::words::Kind;
use super::{Found, measures, settings};
use crate::diag::{Diagnostic, Span};
use crate::netlist::{DeviceId, Node};
use crate::spec::study::{DcSweep, Request, Solving, Study, Swept, Tran, steps};
use crate::units::Kelvin;

/// What dot lines tell beside the study.
#[derive(Default)]
pub(super) struct Known {
    /// `tnom`
    pub nominal: Option<Kelvin>,
}

/// Dot lines that are read.
const LINES: &[&str] = &[
    ".op", ".dc", ".tran", ".ac", ".noise", ".ic", ".nodeset", ".param", ".func", ".subckt",
    ".ends", ".model", ".include", ".lib", ".global", ".options", ".temp", ".meas", ".save",
    ".print", ".plot", ".probe", ".control", ".endc", ".end", ".title",
];

/// Dot lines of ngspice that are not read, and what to do instead.
const ABSENT: &[(&str, &str)] = &[
    (".tf", "measure the gain by `.ac` at a low frequency"),
    (".pz", "look at the response of `.ac`"),
    (".sens", "sweep the parameter by `.dc`"),
    (".disto", "measure a `.tran`"),
    (".four", "measure a `.tran`"),
    (".pss", "run a long `.tran`"),
    (".sp", "use `.ac`"),
    (".csparam", "use `.param`"),
    (".if", "write the branch that holds"),
    (".elseif", "write the branch that holds"),
    (".else", "write the branch that holds"),
    (".endif", "write the branch that holds"),
];

/// Most values of one axis.
pub(super) const MOST: f64 = 1e7;

/// Reads the dot lines; the devices are all there by now.
pub(super) fn read<'d>(
    circuit: &Circuit<'d, '_>,
    dots: &[&'d Card<'d>],
    scope: &Scope<'d, '_>,
    study: &mut Study,
) {
    for card in dots {
        let mut line = Dot { circuit, card, scope, cursor: Cursor::after(card, 1), study };
        let word = card.word(0).unwrap_or_default();
        // Within `.control` commands stand without a dot.
        match word.strip_prefix('.').unwrap_or(word) {
            "op" => line.op(),
            "dc" => line.dc(),
            "tran" => line.tran(),
            "ac" => line.ac(),
            "noise" => line.noise(),
            "meas" | "measure" => measures::read(&mut line),
            "options" | "option" | "opt" | "opts" | "temp" => {}
            "save" | "print" | "plot" | "probe" | "width" => line.output(word),
            _ if word.starts_with('.') => line.unknown(word),
            command => line.command(command),
        }
    }
}

/// `.options` and `.temp`, which concern the devices too.
pub(super) fn solving<'d>(
    dots: &[&'d Card<'d>],
    scope: &Scope<'d, '_>,
    found: &Found,
) -> (Solving, Known) {
    let (mut out, mut known) = (Solving::default(), Known::default());
    for card in dots {
        match card.word(0) {
            Some(".options" | ".option" | ".opt" | ".opts") => {
                settings::options(card, scope, &mut out, &mut known, found);
            }
            Some(".temp") => settings::temperature(card, scope, &mut out, &mut known, found),
            _ => {}
        }
    }
    (out, known)
}

/// The numbers that functions of time leave out, from the first `.tran`.
pub(super) fn timing<'d>(dots: &[&'d Card<'d>], scope: &Scope<'d, '_>) -> Timing {
    // What is wrong with them is told where the line is read.
    let quiet = Found::default();
    let tran = dots.iter().find(|card| matches!(card.word(0), Some(".tran" | "tran")));
    let numbers = tran.map(|card| {
        let values = Cursor::after(card, 1).values();
        values.iter().take(2).filter_map(|v| scope.number(v, &quiet)).collect::<Vec<f64>>()
    });
    match numbers.as_deref() {
        Some(&[step, stop]) if step > 0.0 && stop > 0.0 => Timing { step, stop },
        _ => Timing::default(),
    }
}

/// A dot line being read.
pub(super) struct Dot<'a, 'd, 'f> {
    pub circuit: &'a Circuit<'d, 'f>,
    pub card: &'d Card<'d>,
    pub scope: &'a Scope<'d, 'a>,
    pub cursor: Cursor<'d>,
    pub study: &'a mut Study,
}

impl<'d> Dot<'_, 'd, '_> {
    pub fn report(&self, diagnostic: Diagnostic) {
        self.circuit.found.report(diagnostic);
    }

    pub fn usage(&self, at: Span, message: &str, usage: &str) {
        self.report(
            Diagnostic::at(at, message).label("not understood").help(format!("write `{usage}`")),
        );
    }

    pub fn number(&self, value: &Value<'d>) -> Option<f64> {
        self.scope.number(value, self.circuit.found)
    }

    /// The next number.
    pub fn next_number(&mut self, what: &str, usage: &str) -> Option<f64> {
        let Some(value) = self.cursor.value() else {
            self.usage(self.cursor.span(), &format!("{what} is missing"), usage);
            return None;
        };
        self.number(&value)
    }

    pub fn end(&self, usage: &str) {
        if !self.cursor.is_done() {
            self.circuit.found.not_understood(&self.cursor, &format!("write `{usage}`"));
        }
    }

    fn op(&mut self) {
        self.end(".op");
        if !self.study.analyses.contains(&Request::Op) {
            self.study.analyses.push(Request::Op);
        }
    }

    fn dc(&mut self) {
        let usage = ".dc v1 0 5 0.1";
        let mut sweeps = Vec::new();
        while !self.cursor.is_done() && sweeps.len() < 2 {
            let Some(sweep) = self.sweep(usage) else { return };
            sweeps.push(sweep);
        }
        self.end(usage);
        if sweeps.is_empty() {
            return self.usage(self.card.whole(), "`.dc` does not say what is swept", usage);
        }
        self.study.analyses.push(Request::Dc(sweeps));
    }

    fn sweep(&mut self, usage: &str) -> Option<DcSweep> {
        let (name, at) = match self.cursor.word() {
            Some(word) => word,
            None => {
                self.usage(self.cursor.span(), "what is swept is missing", usage);
                return None;
            }
        };
        let of = match name {
            "temp" => Swept::Temperature,
            _ => Swept::Device(self.sweepable(name, at.clone())?),
        };
        let start = self.next_number("where the sweep starts", usage)?;
        let stop = self.next_number("where the sweep stops", usage)?;
        let step = self.next_number("the step of the sweep", usage)?;
        let count = (stop - start) / step;
        if !(0.0..MOST).contains(&count) {
            self.report(
                Diagnostic::at(at, "this sweep does not get from its start to its stop")
                    .label(format!("from {start} to {stop} by {step}"))
                    .help("the step must lead from start to stop, in at most 10 million values"),
            );
            return None;
        }
        let offset = if of == Swept::Temperature { settings::FREEZING } else { 0.0 };
        let values = steps(start, stop, step).into_iter().map(|value| value + offset).collect();
        Some(DcSweep { of, values })
    }

    fn sweepable(&self, name: &str, at: Span) -> Option<DeviceId> {
        let id = self.device(name, at.clone())?;
        let (name, device) = &self.circuit.netlist.devices()[id.0];
        if !matches!(device.key(), "voltage-source" | "current-source" | "resistor") {
            self.report(
                Diagnostic::at(
                    at,
                    format!("`{name}` is a {}, which cannot be swept", device.key()),
                )
                .label("has no value to sweep")
                .help("sweep a voltage source, a current source, a resistor, or `temp`"),
            );
            return None;
        }
        Some(id)
    }

    /// A device by name.
    pub fn device(&self, name: &str, at: Span) -> Option<DeviceId> {
        let name = own_name(name);
        match self.circuit.names.get(name) {
            Some(&place) => Some(DeviceId(place)),
            None => {
                self.circuit.unknown_device(name, at);
                None
            }
        }
    }

    fn node_of(&self, name: &str) -> Option<Node> {
        let node = self.circuit.find_node(name, self.scope);
        node.filter(|n| *n == Node::GROUND || self.circuit.nodes.contains_key(n))
    }

    /// A node by name.
    pub fn node(&self, name: &str, at: Span) -> Option<Node> {
        let node = self.node_of(name);
        if node.is_none() {
            self.circuit.unknown_node(name, at);
        }
        node
    }

    /// `.tran step stop [start [longest]] [uic]`
    fn tran(&mut self) {
        let usage = ".tran 1n 1u";
        let Some(step) = self.next_number("the step", usage) else { return };
        let Some(stop) = self.next_number("the stop time", usage) else { return };
        let values = self.cursor.values();
        let mut uic = false;
        let mut numbers = Vec::new();
        for value in &values {
            match value.text() {
                "uic" => uic = true,
                _ => numbers.push(self.number(value)),
            }
        }
        self.end(usage);
        let Some(numbers) = numbers.into_iter().collect::<Option<Vec<f64>>>() else { return };
        let start = numbers.first().copied().unwrap_or(0.0);
        let longest = numbers.get(1).copied();
        let fits = step > 0.0 && stop > start && start >= 0.0 && longest.is_none_or(|l| l > 0.0);
        if !fits || numbers.len() > 2 {
            return self.report(
                Diagnostic::at(self.card.whole(), "these times make no transient analysis")
                    .label("step and longest step above zero, stop after start")
                    .help(format!("write `{usage}`, or `.tran step stop start longest uic`")),
            );
        }
        // As ngspice has it: its waveforms hold every step, at most so long.
        let longest = longest.unwrap_or(step.min((stop - start) / 50.0));
        if stop / longest > Tran::MOST {
            return self.report(
                Diagnostic::at(self.card.whole(), "more than a billion steps would be taken")
                    .label(format!("up to {stop:e} s, {longest:e} s at most each"))
                    .help("let the third and the fourth number, or the step, be larger"),
            );
        }
        self.study.analyses.push(Request::Tran(Tran {
            stop,
            start,
            step: None,
            longest: Some(longest),
            uic,
        }));
    }

    /// All waveforms are kept, so of what to keep only the names are checked.
    fn output(&mut self, word: &str) {
        let remark = |at: Span, what: &str, name: &str| {
            self.circuit.found.note(
                Diagnostic::at(at, format!("`{word}` names {what} `{name}`, which is not there"))
                    .label("not there"),
            );
        };
        let tokens = &self.card.tokens;
        for k in 1..tokens.len() {
            let Some(of) = self.card.word(k).filter(|of| of.starts_with(['v', 'i'])) else {
                continue;
            };
            if tokens.get(k + 1).map(|t| t.kind) != Some(Kind::Open) {
                continue;
            }
            for token in tokens[k + 2..].iter().take_while(|t| t.kind != Kind::Close) {
                let name = &self.card.text[token.range.clone()];
                let at = self.card.span(token.range.clone());
                match token.kind {
                    Kind::Word if of.starts_with('v') && self.node_of(name).is_none() => {
                        remark(at, "a node", name);
                    }
                    Kind::Word
                        if of.starts_with('i')
                            && !self.circuit.names.contains_key(own_name(name)) =>
                    {
                        remark(at, "a device", name);
                    }
                    _ => {}
                }
            }
        }
        self.circuit.found.note(
            Diagnostic::at(
                self.card.head(),
                format!("`{word}` selects nothing: all waveforms are kept"),
            )
            .label("makes no difference"),
        );
    }

    fn unknown(&self, word: &str) {
        if let Some((_, cure)) = ABSENT.iter().find(|(name, _)| *name == word) {
            return self.report(
                Diagnostic::at(self.card.head(), format!("`{word}` is not read"))
                    .label("no such analysis here")
                    .help(*cure),
            );
        }
        self.report(
            Diagnostic::at(self.card.head(), format!("there is no `{word}`"))
                .label("unknown line")
                .help_names(word, "the lines are", LINES),
        );
    }

    /// A command of `.control`.
    fn command(&mut self, word: &str) {
        match word {
            "run" | "quit" | "exit" => {}
            "set" | "unset" | "display" | "echo" | "write" | "wrdata" | "hardcopy" | "gnuplot" => {
                self.circuit.found.note(
                    Diagnostic::at(self.card.head(), format!("`{word}` is not done: records are written by themselves"))
                        .label("makes no difference"),
                );
            }
            _ => self.report(
                Diagnostic::at(self.card.head(), format!("the command `{word}` is not read"))
                    .label("scripts are not run")
                    .help("within `.control` only run, op, dc, tran, ac, noise and meas are; write the rest as dot lines, or drop the block"),
            ),
        }
    }
}
