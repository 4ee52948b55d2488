//! `[measure]`: figures taken from the results.

use crate::diag::Diagnostic;
use crate::netlist::Netlist;
use crate::spec::reader::TableReader;
use crate::spec::study::{Edge, Event, Level, Measure, Measured, Request, Statistic};
use crate::units::{Dimension, Range};

const STATISTICS: [(&str, Statistic); 8] = [
    ("average", Statistic::Average),
    ("rms", Statistic::Rms),
    ("integral", Statistic::Integral),
    ("minimum", Statistic::Minimum),
    ("maximum", Statistic::Maximum),
    ("peak-to-peak", Statistic::PeakToPeak),
    ("minimum-at", Statistic::MinimumAt),
    ("maximum-at", Statistic::MaximumAt),
];

const KINDS: &[&str] = &[
    "value",
    "when",
    "find",
    "trigger",
    "rise-time",
    "overshoot",
    "settling-time",
    "average",
    "rms",
    "integral",
    "minimum",
    "maximum",
    "peak-to-peak",
    "minimum-at",
    "maximum-at",
];

pub(super) fn read(
    t: &TableReader,
    analyses: &[Request],
    netlist: Option<&Netlist>,
) -> Vec<Measure> {
    let words: Vec<&str> = analyses.iter().map(Request::word).collect();
    let one = |entry: &super::super::document::Entry| {
        let t = t.named_table(entry);
        let analysis = of(&t, &words);
        let axis = match analysis.as_deref() {
            Some("tran") => Dimension::Second,
            Some("ac" | "noise") => Dimension::Hertz,
            _ => Dimension::One,
        };
        let what = Reader { t: &t, axis, netlist }.what();
        Some(Measure { name: entry.key.clone(), analysis: analysis?, what: what? })
    };
    let read: Vec<Option<Measure>> = t.entries().iter().map(one).collect();
    read.into_iter().flatten().collect()
}

/// The analysis that is measured.
fn of(t: &TableReader, words: &[&str]) -> Option<String> {
    let word = t.text("of").needed("of = \"tran\"")?;
    if !words.contains(&word.as_str()) {
        t.report(
            Diagnostic::at(t.span("of"), format!("[analysis] asks for no `{word}`"))
                .label("unknown analysis")
                .help_names(&word, "the file asks for", words),
        );
        return None;
    }
    Some(word)
}

struct Reader<'t, 'a> {
    t: &'t TableReader<'a>,
    /// What the axis of the analysis measures.
    axis: Dimension,
    netlist: Option<&'t Netlist>,
}

impl<'a> Reader<'_, 'a> {
    fn what(&self) -> Option<Measured> {
        let t = self.t;
        let kind = t.one_of(KINDS, None, "maximum = \"v(out)\"")?;
        match kind {
            "value" => {
                let signal = self.signal(t, "value");
                let at = self.place(t, "at").needed("at = \"1 us\"");
                Some(Measured::At { signal: signal?, at: at? })
            }
            "find" => {
                let signal = self.signal(t, "find");
                let event = self.event(&t.table("at-event"));
                Some(Measured::FindWhen { signal: signal?, event: event? })
            }
            "when" => self.event(&t.table("when")).map(Measured::When),
            "trigger" => {
                let trigger = self.event(&t.table("trigger"));
                let target = self.event(&t.table("target"));
                Some(Measured::Between { trigger: trigger?, target: target? })
            }
            "rise-time" => Some(Measured::RiseTime { signal: self.signal(t, kind)? }),
            "overshoot" => Some(Measured::Overshoot { signal: self.signal(t, kind)? }),
            "settling-time" => {
                let signal = self.signal(t, kind);
                let within = t.number("within", Range::Fraction).or(0.01);
                Some(Measured::SettlingTime { signal: signal?, within })
            }
            _ => {
                let statistic = STATISTICS.iter().find(|(key, _)| *key == kind)?.1;
                let signal = self.signal(t, kind);
                let from = self.place(t, "from").optional();
                let to = self.place(t, "to").optional();
                Some(Measured::Over { statistic, signal: signal?, from, to })
            }
        }
    }

    fn event(&self, t: &TableReader<'a>) -> Option<Event> {
        if t.has("at") {
            t.exclude("at", &["signal", "level", "edge", "count", "after"]);
            return self.place(t, "at").optional().map(Event::At);
        }
        let signal = self.signal(t, "signal");
        let level = match t.has("other") {
            true => {
                t.exclude("other", &["level"]);
                self.signal(t, "other").map(Level::Signal)
            }
            false => t.number("level", Range::Any).needed("level = 0.5").map(Level::Value),
        };
        let edges = [("rise", Edge::Rise), ("fall", Edge::Fall), ("either", Edge::Either)];
        let edge = t.choice("edge", &edges).or(Edge::Either);
        let last = t.flag("last").or(false);
        let count = t.count("count", 1..=1_000_000).or(1) as usize;
        let after = self.place(t, "after").optional().unwrap_or(f64::NEG_INFINITY);
        Some(Event::Crosses {
            signal: signal?,
            level: level?,
            edge,
            count: (!last).then_some(count),
            after,
        })
    }

    /// A place of the axis.
    fn place<'t>(
        &self,
        t: &'t TableReader<'a>,
        key: &'static str,
    ) -> super::super::reader::Ask<'t, 'a, f64> {
        t.quantity(key, self.axis, Range::Any)
    }

    /// A signal, whose nodes and devices exist.
    fn signal(&self, t: &TableReader<'a>, key: &'static str) -> Option<String> {
        let text = t.text(key).needed(&format!("{key} = \"v(out)\""))?;
        let (Some(netlist), span) = (self.netlist, t.span(key)) else { return Some(text) };
        let nodes: Vec<&str> = netlist.node_names().collect();
        let devices: Vec<&str> = netlist.devices().iter().map(|(n, _)| n.as_str()).collect();
        let mut known = true;
        let mut named = 0;
        for (start, _) in text.match_indices('(') {
            let head = text[..start].rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
            let inside = text[start + 1..].split(')').next().unwrap_or("");
            let (names, what, intro) = match head.to_ascii_lowercase().as_str() {
                "v" => (&nodes, "node", "the nodes are"),
                "i" | "p" => (&devices, "device", "the devices are"),
                _ => continue,
            };
            for name in inside.split(',').map(str::trim) {
                named += 1;
                if !names.contains(&name) {
                    known = false;
                    t.report(
                        Diagnostic::at(span.clone(), format!("no {what} named `{name}`"))
                            .label(format!("unknown {what}"))
                            .help_names(name, intro, names),
                    );
                }
            }
        }
        if named == 0 && self.axis != Dimension::Hertz {
            known = false;
            t.report(
                Diagnostic::at(span, format!("`{text}` is no signal"))
                    .label("not a signal")
                    .help("write v(node), v(a, b), i(device) or p(device)"),
            );
        }
        known.then_some(text)
    }
}
