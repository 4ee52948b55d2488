//! `[analysis]`, `[solving]`, `[initial]`, `[guess]` and `[measure]`: what is asked of devices on
//! nodes.
//!
//! ```toml
//! [analysis]
//! op    = {}
//! dc    = [{ device = "v1", from = "0 V", to = "5 V", step = "0.1 V" }]
//! tran  = { stop = "1 us" }
//! ac    = { decade = 20, from = "1 Hz", to = "1 GHz" }
//! noise = { output = "out", input = "v1", decade = 10, from = "1 Hz", to = "1 GHz" }
//!
//! [measure]
//! t-settle = { of = "tran", settling-time = "v(out)", within = 0.01 }
//! ```

mod measure;

use super::reader::{TableReader, quantity};
use super::study::{
    DcSweep, Method, Request, Solving, Study, Swept, Tran, linear, logarithmic, steps,
};
use crate::diag::{Diagnostic, Span};
use crate::netlist::{Device, DeviceId, Netlist, Node};
use crate::units::{Dimension, Hertz, Range, Volt};

/// Most points of an analysis.
const MOST: usize = 10_000_000;

/// The study of a file; `None` where it asks for none.
pub(super) fn read(t: &TableReader, netlist: Option<&Netlist>) -> Option<Study> {
    const TABLES: [&str; 4] = ["solving", "initial", "guess", "measure"];
    if !t.has("analysis") {
        for key in TABLES {
            if t.has(key) {
                t.optional_table(key).map(|t| t.entries());
                t.report(
                    Diagnostic::at(t.span(key), format!("[{key}] is of no use without [analysis]"))
                        .label("belongs to an analysis")
                        .help("add for example `[analysis]` with `op = {}`"),
                );
            }
        }
        return None;
    }
    let place = Place { netlist };
    let asked = t.table("analysis");
    let mut analyses = Vec::new();
    if asked.optional_table("op").is_some() {
        analyses.push(Request::Op);
    }
    asked.known("dc");
    if asked.has("dc") {
        let sweeps: Vec<Option<DcSweep>> =
            asked.tables("dc").iter().map(|t| place.sweep(t)).collect();
        let sweeps: Option<Vec<DcSweep>> = sweeps.into_iter().collect();
        analyses.extend(sweeps.filter(|s| !s.is_empty()).map(Request::Dc));
    }
    analyses.extend(asked.optional_table("tran").and_then(|t| tran(&t)).map(Request::Tran));
    if let Some(t) = asked.optional_table("ac") {
        analyses.extend(frequencies(&t).map(|frequencies| Request::Ac { frequencies }));
    }
    analyses.extend(asked.optional_table("noise").and_then(|t| place.noise(&t)));
    if !["op", "dc", "tran", "ac", "noise"].iter().any(|word| asked.has(word)) {
        t.report(
            Diagnostic::at(t.span("analysis"), "[analysis] asks for nothing")
                .label("no analysis")
                .help("add `op = {}`, `dc`, `tran`, `ac` or `noise`"),
        );
    }
    drop(asked);
    let solving = solving(&t.table("solving"));
    let initial = t.optional_table("initial").map(|t| place.voltages(&t)).unwrap_or_default();
    let guess = t.optional_table("guess").map(|t| place.voltages(&t)).unwrap_or_default();
    let measures = t
        .optional_table("measure")
        .map(|t| measure::read(&t, &analyses, netlist))
        .unwrap_or_default();
    Some(Study { analyses, measures, solving, initial, guess })
}

/// What the names in a study refer to.
struct Place<'a> {
    netlist: Option<&'a Netlist>,
}

impl Place<'_> {
    fn node(&self, t: &TableReader, name: &str, span: Span) -> Option<Node> {
        let netlist = self.netlist?;
        let found = netlist.find_node(name);
        if found.is_none() {
            let names: Vec<&str> = netlist.node_names().collect();
            t.report(
                Diagnostic::at(span, format!("no node named `{name}`"))
                    .label("unknown node")
                    .help_names(name, "the nodes are", &names),
            );
        }
        found
    }

    fn device(&self, t: &TableReader, key: &'static str, example: &str) -> Option<DeviceId> {
        let name = t.text(key).needed(example)?;
        let netlist = self.netlist?;
        let found = netlist.devices().iter().position(|(n, _)| *n == name);
        if found.is_none() {
            let names: Vec<&str> = netlist.devices().iter().map(|(n, _)| n.as_str()).collect();
            t.report(
                Diagnostic::at(t.span(key), format!("no device named `{name}`"))
                    .label("unknown device")
                    .help_names(&name, "the devices are", &names),
            );
        }
        found.map(DeviceId)
    }

    fn sweep(&self, t: &TableReader) -> Option<DcSweep> {
        if t.flag("temperature").or(false) {
            t.exclude("temperature", &["device"]);
            let values = values(t, Dimension::Kelvin)?;
            return Some(DcSweep { of: Swept::Temperature, values });
        }
        let id = self.device(t, "device", "device = \"v1\"");
        if id.is_none() {
            // Of what nobody knows nobody knows the unit.
            ["values", "from", "to", "step"].iter().for_each(|key| t.known(key));
            return None;
        }
        let dimension = match id.and_then(|id| Some(self.netlist?.device(id))) {
            Some(Device::CurrentSource(_)) => Dimension::Ampere,
            Some(Device::Resistor(_)) => Dimension::Ohm,
            Some(Device::VoltageSource(_)) | None => Dimension::Volt,
            Some(other) => {
                t.report(
                    Diagnostic::at(
                        t.span("device"),
                        format!("a {} cannot be swept", other.key()),
                    )
                    .label("has no value to sweep")
                    .help("sweep a voltage source, a current source, a resistor, or `temperature = true`"),
                );
                Dimension::Volt
            }
        };
        let values = values(t, dimension)?;
        Some(DcSweep { of: Swept::Device(id?), values })
    }

    fn noise(&self, t: &TableReader) -> Option<Request> {
        let output = t.text("output").needed("output = \"out\"");
        let output = output.and_then(|name| self.node(t, &name, t.span("output")));
        let reference = match t.text("reference").optional() {
            Some(name) => self.node(t, &name, t.span("reference")),
            None => Some(Node::GROUND),
        };
        let input = self.device(t, "input", "input = \"v1\"");
        let source = |d: &Device| matches!(d, Device::VoltageSource(_) | Device::CurrentSource(_));
        if let (Some(id), Some(netlist)) = (input, self.netlist)
            && !source(netlist.device(id))
        {
            t.report(
                Diagnostic::at(t.span("input"), "noise is referred to a source")
                    .label("not a source")
                    .help("name a voltage source or a current source"),
            );
            return None;
        }
        let frequencies = frequencies(t)?;
        Some(Request::Noise { output: (output?, reference?), input: input?, frequencies })
    }

    fn voltages(&self, t: &TableReader) -> Vec<(Node, Volt)> {
        let read = |entry: &super::document::Entry| {
            let volts = match quantity(&entry.key, &entry.item, Dimension::Volt, Range::Any) {
                Ok(volts) => volts,
                Err(diagnostic) => {
                    t.report(diagnostic);
                    return None;
                }
            };
            t.record.value(
                &entry.key,
                crate::spec::reader::quote(&crate::units::format_exact(volts, Dimension::Volt)),
            );
            Some((self.node(t, &entry.key, entry.key_span.clone())?, volts))
        };
        t.entries().iter().filter_map(read).collect()
    }
}

/// `values = [...]`, or `from`, `to` and `step`.
fn values(t: &TableReader, dimension: Dimension) -> Option<Vec<f64>> {
    let example = dimension.example();
    if t.has("values") {
        t.exclude("values", &["from", "to", "step"]);
        return t.quantities("values", dimension).optional().filter(|v| !v.is_empty());
    }
    let ask = |key: &'static str| {
        t.quantity(key, dimension, Range::Any).needed(&format!("{key} = \"{example}\""))
    };
    let (from, to, step) = (ask("from"), ask("to"), ask("step"));
    let (from, to, step) = (from?, to?, step?);
    if step == 0.0 || (to - from) * step < 0.0 {
        t.report(
            Diagnostic::at(t.span("step"), "the step does not lead from `from` to `to`")
                .label("zero, or of the wrong sign")
                .help("a sweep upwards has a step above zero, a sweep downwards one below"),
        );
        return None;
    }
    if (to - from) / step > MOST as f64 {
        t.report(
            Diagnostic::at(t.span("step"), "the sweep has too many points")
                .label("too small")
                .help(format!("take at most {MOST} steps")),
        );
        return None;
    }
    Some(steps(from, to, step))
}

fn tran(t: &TableReader) -> Option<Tran> {
    let span = |key| t.quantity(key, Dimension::Second, Range::Positive);
    let stop = span("stop").needed("stop = \"1 us\"");
    let start = t.quantity("start", Dimension::Second, Range::NonNegative).or(0.0);
    let step = span("step").optional();
    let longest = span("longest").optional();
    let uic = t.flag("uic").or(false);
    let stop = stop?;
    if start >= stop {
        t.report(
            Diagnostic::at(t.span("start"), "nothing would be kept: `start` is not before `stop`")
                .label("too late")
                .also(t.span("stop"), "the end"),
        );
        return None;
    }
    if step.is_some_and(|step| stop / step > MOST as f64) {
        t.report(
            Diagnostic::at(t.span("step"), "too many points would be kept")
                .label("too small")
                .help(format!("keep at most {MOST} points, or leave `step` out")),
        );
        return None;
    }
    if longest.is_some_and(|longest| stop / longest > Tran::MOST) {
        t.report(
            Diagnostic::at(t.span("longest"), "more than a billion steps would be taken")
                .label("too small")
                .help("leave `longest` out: steps follow the error that they make"),
        );
        return None;
    }
    Some(Tran { stop, start, step, longest, uic })
}

/// `decade = N`, `octave = N` or `linear = N` with `from` and `to`, or `list = [...]`.
fn frequencies(t: &TableReader) -> Option<Vec<Hertz>> {
    const KINDS: &[&str] = &["decade", "octave", "linear", "list"];
    let given: Vec<&&str> = KINDS.iter().filter(|kind| t.has(kind)).collect();
    if given.len() != 1 {
        for kind in &KINDS[..3] {
            let _ = t.count(kind, 1..=1_000_000).optional();
        }
        let _ = t.quantities("list", Dimension::Hertz).optional();
        for key in ["from", "to"] {
            let _ = t.quantity(key, Dimension::Hertz, Range::Positive).optional();
        }
        t.report(
            Diagnostic::at(
                t.own_span(),
                "which frequencies? one of `decade`, `octave`, `linear`, `list`",
            )
            .label(if given.is_empty() { "not said" } else { "said more than once" })
            .help("write for example `decade = 20, from = \"1 Hz\", to = \"1 GHz\"`"),
        );
        return None;
    }
    if t.has("list") {
        t.exclude("list", &["from", "to"]);
        let list = t.quantities("list", Dimension::Hertz).optional()?;
        if list.is_empty() || list.iter().any(|f| *f <= 0.0) {
            t.report(
                Diagnostic::at(t.span("list"), "frequencies are above zero, and at least one")
                    .label("not frequencies"),
            );
            return None;
        }
        return Some(list);
    }
    let counts = [("decade", 10.0), ("octave", 2.0), ("linear", 0.0)]
        .map(|(key, base)| (t.count(key, 1..=1_000_000).optional(), base));
    let end = |key: &'static str, example: &str| {
        t.quantity(key, Dimension::Hertz, Range::Positive).needed(example)
    };
    let (from, to) = (end("from", "from = \"1 Hz\""), end("to", "to = \"1 GHz\""));
    let (from, to) = (from?, to?);
    if from > to {
        t.report(
            Diagnostic::at(t.span("from"), "`from` is above `to`")
                .label("no frequency lies between")
                .also(t.span("to"), "the upper end")
                .help("swap them"),
        );
        return None;
    }
    let (count, base) = counts.into_iter().find_map(|(count, base)| Some((count?, base)))?;
    Some(match base {
        0.0 => linear(count as usize, from, to),
        base => logarithmic(base, count as usize, from, to),
    })
}

fn solving(t: &TableReader) -> Solving {
    let default = Solving::default();
    let methods =
        [("tr-bdf2", Method::TrBdf2), ("trapezoidal", Method::Trapezoidal), ("gear", Method::Gear)];
    Solving {
        relative: t.number("relative", Range::Positive).or(default.relative),
        volts: t.quantity("volts", Dimension::Volt, Range::Positive).or(default.volts),
        amperes: t.quantity("amperes", Dimension::Ampere, Range::Positive).or(default.amperes),
        gmin: t.quantity("gmin", Dimension::Siemens, Range::NonNegative).or(default.gmin),
        temperature: t
            .quantity("temperature", Dimension::Kelvin, Range::Positive)
            .or(default.temperature),
        iterations: t.count("iterations", 1..=1_000_000).or(default.iterations as u64) as usize,
        method: t.choice("method", &methods).or(default.method),
    }
}
