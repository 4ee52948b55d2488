//! A deck as a file in the home format, for the records of a run.

use super::Deck;
use crate::netlist::Netlist;
use crate::netlist::text::toml;
use crate::spec::reader::{Resolved, quote};
use crate::spec::study::{
    DcSweep, Edge, Event, Level, Measure, Measured, Method, Request, Solving, Statistic, Study,
    Swept,
};
use crate::units::{Dimension, format_exact};

type Lines = Vec<(String, String)>;

/// The deck with all that it says, as far as the home format can: of several analyses of a kind
/// it holds the first.
pub(super) fn resolved(deck: &Deck) -> Resolved {
    let values = vec![("title".into(), quote(&deck.title)), ("seed".into(), "1".to_string())];
    let Deck { netlist, study, .. } = deck;
    let devices = toml(netlist, None);
    let devices = devices.strip_prefix("[device]\n").map(str::to_string).unwrap_or_default();
    let home = Home { netlist };
    let voltages = |list: &[(crate::netlist::Node, f64)]| {
        let mut lines: Lines = Vec::new();
        for (node, value) in list {
            let name = netlist.node_name(*node).to_string();
            lines.retain(|(before, _)| *before != name);
            lines.push((name, quantity(*value, Dimension::Volt)));
        }
        lines
    };
    let tables = vec![
        ("analysis", home.analyses(&study.analyses)),
        ("solving", solving(&study.solving)),
        ("initial", voltages(&study.initial)),
        ("guess", voltages(&study.guess)),
        ("measure", home.measures(study)),
    ];
    Resolved::of(values, devices, tables)
}

/// The words of analyses that a deck asks for more than once.
pub(super) fn repeated(study: &Study) -> Vec<&'static str> {
    let words: Vec<&str> = study.analyses.iter().map(Request::word).collect();
    ["dc", "tran", "ac", "noise"]
        .into_iter()
        .filter(|word| words.iter().filter(|w| *w == word).count() > 1)
        .collect()
}

fn quantity(value: f64, dimension: Dimension) -> String {
    match dimension {
        Dimension::One => format!("{value:?}"),
        _ => quote(&format_exact(value, dimension)),
    }
}

fn inline(lines: &[(&str, String)]) -> String {
    let inside: Vec<String> = lines.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    if inside.is_empty() { "{}".to_string() } else { format!("{{ {} }}", inside.join(", ")) }
}

fn list(values: &[f64], dimension: Dimension) -> String {
    let values: Vec<String> = values.iter().map(|value| quantity(*value, dimension)).collect();
    format!("[{}]", values.join(", "))
}

fn solving(solving: &Solving) -> Lines {
    let method = match solving.method {
        Method::TrBdf2 => "tr-bdf2",
        Method::Trapezoidal => "trapezoidal",
        Method::Gear => "gear",
    };
    vec![
        ("relative".into(), format!("{:?}", solving.relative)),
        ("volts".into(), quantity(solving.volts, Dimension::Volt)),
        ("amperes".into(), quantity(solving.amperes, Dimension::Ampere)),
        ("gmin".into(), quantity(solving.gmin, Dimension::Siemens)),
        ("temperature".into(), quantity(solving.temperature, Dimension::Kelvin)),
        ("iterations".into(), solving.iterations.to_string()),
        ("method".into(), quote(method)),
    ]
}

struct Home<'a> {
    netlist: &'a Netlist,
}

impl Home<'_> {
    fn analyses(&self, requests: &[Request]) -> Lines {
        let mut lines: Lines = Vec::new();
        for request in requests {
            if !lines.iter().any(|(word, _)| word == request.word()) {
                lines.push((request.word().to_string(), self.request(request)));
            }
        }
        lines
    }

    fn request(&self, request: &Request) -> String {
        let second = |value| quantity(value, Dimension::Second);
        match request {
            Request::Op => "{}".to_string(),
            Request::Dc(sweeps) => {
                let sweeps: Vec<String> = sweeps.iter().map(|sweep| self.sweep(sweep)).collect();
                format!("[{}]", sweeps.join(", "))
            }
            Request::Tran(tran) => {
                let mut lines = vec![("stop", second(tran.stop)), ("start", second(tran.start))];
                lines.extend(tran.step.map(|step| ("step", second(step))));
                lines.extend(tran.longest.map(|longest| ("longest", second(longest))));
                lines.push(("uic", tran.uic.to_string()));
                inline(&lines)
            }
            Request::Ac { frequencies } => inline(&[("list", list(frequencies, Dimension::Hertz))]),
            Request::Noise { output: (out, reference), input, frequencies } => inline(&[
                ("output", quote(self.netlist.node_name(*out))),
                ("reference", quote(self.netlist.node_name(*reference))),
                ("input", quote(&self.netlist.devices()[input.0].0)),
                ("list", list(frequencies, Dimension::Hertz)),
            ]),
        }
    }

    fn sweep(&self, sweep: &DcSweep) -> String {
        let (of, dimension) = match sweep.of {
            Swept::Temperature => (("temperature", "true".to_string()), Dimension::Kelvin),
            Swept::Device(id) => {
                let (name, device) = &self.netlist.devices()[id.0];
                let dimension = match device.key() {
                    "current-source" => Dimension::Ampere,
                    "resistor" => Dimension::Ohm,
                    _ => Dimension::Volt,
                };
                (("device", quote(name)), dimension)
            }
        };
        inline(&[of, ("values", list(&sweep.values, dimension))])
    }

    fn measures(&self, study: &Study) -> Lines {
        // What a deck measures of an analysis that it does not ask for is no mistake there.
        let asked = |measure: &&Measure| {
            study.analyses.iter().any(|request| request.word() == measure.analysis)
        };
        let measures = study.measures.iter().filter(asked).map(|measure| {
            let axis = match measure.analysis.as_str() {
                "tran" => Dimension::Second,
                "ac" | "noise" => Dimension::Hertz,
                _ => Dimension::One,
            };
            let mut lines = vec![("of", quote(&measure.analysis))];
            lines.extend(measured(&measure.what, axis));
            (measure.name.clone(), inline(&lines))
        });
        measures.collect()
    }
}

fn measured(what: &Measured, axis: Dimension) -> Vec<(&'static str, String)> {
    let place = |key, value: &f64| (key, quantity(*value, axis));
    match what {
        Measured::Over { statistic, signal, from, to } => {
            let mut lines = vec![(word(*statistic), quote(signal))];
            lines.extend(from.iter().map(|value| place("from", value)));
            lines.extend(to.iter().map(|value| place("to", value)));
            lines
        }
        Measured::At { signal, at } => vec![("value", quote(signal)), place("at", at)],
        Measured::FindWhen { signal, event: at } => {
            vec![("find", quote(signal)), ("at-event", event(at, axis))]
        }
        Measured::When(at) => vec![("when", event(at, axis))],
        Measured::Between { trigger, target } => {
            vec![("trigger", event(trigger, axis)), ("target", event(target, axis))]
        }
        Measured::RiseTime { signal } => vec![("rise-time", quote(signal))],
        Measured::Overshoot { signal } => vec![("overshoot", quote(signal))],
        Measured::SettlingTime { signal, within } => {
            vec![("settling-time", quote(signal)), ("within", format!("{within:?}"))]
        }
    }
}

fn event(event: &Event, axis: Dimension) -> String {
    let (signal, level, edge, count, after) = match event {
        Event::At(at) => return inline(&[("at", quantity(*at, axis))]),
        Event::Crosses { signal, level, edge, count, after } => (signal, level, edge, count, after),
    };
    let mut lines = vec![("signal", quote(signal))];
    lines.push(match level {
        Level::Value(value) => ("level", format!("{value:?}")),
        Level::Signal(other) => ("other", quote(other)),
    });
    let edge = match edge {
        Edge::Rise => "rise",
        Edge::Fall => "fall",
        Edge::Either => "either",
    };
    lines.push(("edge", quote(edge)));
    lines.push(match count {
        Some(count) => ("count", count.to_string()),
        None => ("last", "true".to_string()),
    });
    if after.is_finite() {
        lines.push(("after", quantity(*after, axis)));
    }
    inline(&lines)
}

fn word(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Average => "average",
        Statistic::Rms => "rms",
        Statistic::Integral => "integral",
        Statistic::Minimum => "minimum",
        Statistic::Maximum => "maximum",
        Statistic::PeakToPeak => "peak-to-peak",
        Statistic::MinimumAt => "minimum-at",
        Statistic::MaximumAt => "maximum-at",
    }
}
