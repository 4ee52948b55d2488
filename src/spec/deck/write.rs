//! A study as lines of a deck.

use super::settings::FREEZING;
use crate::netlist::text::{spice_devices, spice_nodes};
use crate::netlist::{DeviceId, Netlist, Node};
use crate::numerics::math::log10;
use crate::spec::study::{
    DcSweep, Edge, Event, Level, Measure, Measured, Method, Request, Solving, Statistic, Study,
    Swept, Tran,
};

/// The lines of a deck that ask for a study of a netlist, with the names of
/// [`crate::netlist::text::spice`]. What SPICE cannot ask for is a comment that says so.
pub fn directives(netlist: &Netlist, study: &Study) -> Vec<String> {
    let names = Names { nodes: spice_nodes(netlist), devices: spice_devices(netlist), netlist };
    let mut lines = names.solving(&study.solving);
    let voltages = [(".ic", &study.initial), (".nodeset", &study.guess)];
    for (word, list) in voltages {
        lines.extend(list.iter().map(|(node, v)| format!("{word} v({})={v:e}", names.node(*node))));
    }
    lines.extend(study.analyses.iter().map(|request| names.request(request)));
    lines.extend(study.measures.iter().map(|measure| names.measure(measure)));
    lines
}

struct Names<'a> {
    nodes: Vec<String>,
    devices: Vec<String>,
    netlist: &'a Netlist,
}

impl Names<'_> {
    fn node(&self, node: Node) -> &str {
        &self.nodes[node.0 as usize]
    }

    fn device(&self, id: DeviceId) -> &str {
        &self.devices[id.0]
    }

    fn solving(&self, solving: &Solving) -> Vec<String> {
        let plain = Solving::default();
        let mut options = Vec::new();
        let numbers = [
            ("reltol", solving.relative, plain.relative),
            ("vntol", solving.volts, plain.volts),
            ("abstol", solving.amperes, plain.amperes),
            ("gmin", solving.gmin, plain.gmin),
        ];
        for (key, value, default) in numbers {
            if value != default {
                options.push(format!("{key}={value:e}"));
            }
        }
        if solving.iterations != plain.iterations {
            options.push(format!("itl1={}", solving.iterations));
        }
        match solving.method {
            Method::TrBdf2 => {}
            Method::Trapezoidal => options.push("method=trap".into()),
            Method::Gear => options.push("method=gear".into()),
        }
        let mut lines = Vec::new();
        if solving.temperature != plain.temperature {
            lines.push(format!(".temp {:e}", celsius(solving.temperature)));
        }
        if !options.is_empty() {
            lines.push(format!(".options {}", options.join(" ")));
        }
        lines
    }

    fn request(&self, request: &Request) -> String {
        match request {
            Request::Op => ".op".into(),
            Request::Dc(sweeps) => {
                let parts: Option<Vec<String>> = sweeps.iter().map(|s| self.sweep(s)).collect();
                match parts {
                    Some(parts) if parts.len() <= 2 => format!(".dc {}", parts.join(" ")),
                    _ => "* a dc sweep of uneven steps or many levels, which SPICE does not have"
                        .into(),
                }
            }
            Request::Tran(tran) => transient(tran),
            Request::Ac { frequencies } => match spacing(frequencies) {
                Some(text) => format!(".ac {text}"),
                None => "* an ac analysis at uneven frequencies, which SPICE does not have".into(),
            },
            Request::Noise { output: (a, b), input, frequencies } => match spacing(frequencies) {
                Some(text) => {
                    let output = match *b {
                        Node::GROUND => self.node(*a).to_string(),
                        b => format!("{},{}", self.node(*a), self.node(b)),
                    };
                    format!(".noise v({output}) {} {text}", self.device(*input))
                }
                None => {
                    "* a noise analysis at uneven frequencies, which SPICE does not have".into()
                }
            },
        }
    }

    fn sweep(&self, sweep: &DcSweep) -> Option<String> {
        let name = match sweep.of {
            Swept::Device(id) => self.device(id),
            Swept::Temperature => "temp",
        };
        let offset = if sweep.of == Swept::Temperature { FREEZING } else { 0.0 };
        let values: Vec<f64> = sweep.values.iter().map(|value| value - offset).collect();
        let (start, stop, step) = even(&values)?;
        Some(format!("{name} {start:e} {stop:e} {step:e}"))
    }

    fn measure(&self, measure: &Measure) -> String {
        let what = match &measure.what {
            Measured::Over { statistic, signal, from, to } => {
                let window = [("from", from), ("to", to)];
                let window: String = window
                    .iter()
                    .filter_map(|(key, value)| Some(format!(" {key}={:e}", (**value)?)))
                    .collect();
                Some(format!("{} {}{window}", word(*statistic), self.signal(signal)))
            }
            Measured::At { signal, at } => Some(format!("find {} at={at:e}", self.signal(signal))),
            Measured::FindWhen { signal, event } => {
                self.event(event, true).map(|e| format!("find {} when {e}", self.signal(signal)))
            }
            Measured::When(event) => self.event(event, true).map(|event| format!("when {event}")),
            Measured::Between { trigger, target } => {
                let events = (self.event(trigger, false), self.event(target, false));
                events.0.zip(events.1).map(|(a, b)| format!("trig {a} targ {b}"))
            }
            Measured::RiseTime { .. }
            | Measured::Overshoot { .. }
            | Measured::SettlingTime { .. } => None,
        };
        match what {
            Some(what) => format!(".meas {} {} {what}", measure.analysis, measure.name),
            None => format!("* {}: a measure that SPICE does not have", measure.name),
        }
    }

    fn event(&self, event: &Event, when: bool) -> Option<String> {
        let (signal, level, edge, count, after) = match event {
            Event::At(at) => return (!when).then(|| format!("at={at:e}")),
            Event::Crosses { signal, level, edge, count, after } => {
                (signal, level, edge, count, after)
            }
        };
        let mut text = match (level, when) {
            (Level::Value(value), true) => format!("{}={value:e}", self.signal(signal)),
            (Level::Signal(other), true) => {
                format!("{}={}", self.signal(signal), self.signal(other))
            }
            (Level::Value(value), false) => format!("{} val={value:e}", self.signal(signal)),
            (Level::Signal(_), false) => return None,
        };
        if after.is_finite() {
            text += &format!(" td={after:e}");
        }
        let word = match edge {
            Edge::Rise => "rise",
            Edge::Fall => "fall",
            Edge::Either => "cross",
        };
        let count = count.map_or_else(|| "last".to_string(), |count| count.to_string());
        Some(text + &format!(" {word}={count}"))
    }

    /// A signal with the names of the text.
    fn signal(&self, signal: &str) -> String {
        const PARTS: [(&str, &str); 5] =
            [("db(", "db"), ("mag(", "m"), ("ph(", "p"), ("re(", "r"), ("im(", "i")];
        for (function, letters) in PARTS {
            if let Some(inside) = signal.strip_prefix(function).and_then(|s| s.strip_suffix(')')) {
                let inside = self.signal(inside);
                return format!("{}{letters}{}", &inside[..1], &inside[1..]);
            }
        }
        let Some((kind, names)) = signal.strip_suffix(')').and_then(|s| s.split_once('(')) else {
            return signal.to_string();
        };
        let named = |name: &str| match kind {
            "v" => self.netlist.find_node(name).map(|node| self.node(node).to_string()),
            _ => {
                let place = self.netlist.devices().iter().position(|(n, _)| n == name);
                place.map(|place| self.devices[place].clone())
            }
        };
        let names: Vec<String> = names
            .split(',')
            .map(|name| named(name.trim()).unwrap_or_else(|| name.to_string()))
            .collect();
        format!("{kind}({})", names.join(","))
    }
}

fn word(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Average => "avg",
        Statistic::Rms => "rms",
        Statistic::Integral => "integ",
        Statistic::Minimum => "min",
        Statistic::Maximum => "max",
        Statistic::PeakToPeak => "pp",
        Statistic::MinimumAt => "min_at",
        Statistic::MaximumAt => "max_at",
    }
}

/// A temperature in degrees, such that it reads back as the same.
fn celsius(kelvin: f64) -> f64 {
    let near: f64 = format!("{:.9}", kelvin - FREEZING).parse().unwrap_or(kelvin - FREEZING);
    if near + FREEZING == kelvin { near } else { kelvin - FREEZING }
}

fn transient(tran: &Tran) -> String {
    let span = tran.stop - tran.start;
    let longest = tran.longest.unwrap_or(span / 50.0);
    let step = tran.step.unwrap_or(longest);
    let uic = if tran.uic { " uic" } else { "" };
    format!(".tran {step:e} {:e} {:e} {longest:e}{uic}", tran.stop, tran.start)
}

/// First, last and distance of evenly spaced values.
fn even(values: &[f64]) -> Option<(f64, f64, f64)> {
    let (first, last) = (*values.first()?, *values.last()?);
    let steps = values.len() - 1;
    if steps == 0 {
        return Some((first, first, 1.0));
    }
    let step = (last - first) / steps as f64;
    let near =
        |(k, value): (usize, &f64)| (value - first - k as f64 * step).abs() <= 1e-9 * step.abs();
    (step != 0.0 && values.iter().enumerate().all(near)).then_some((first, last, step))
}

/// `dec 10 1 1e6`, `oct ...` or `lin ...`, where frequencies are spaced like that.
fn spacing(frequencies: &[f64]) -> Option<String> {
    let (first, last) = (*frequencies.first()?, *frequencies.last()?);
    let steps = frequencies.len() - 1;
    let logarithms: Vec<f64> = frequencies.iter().map(|f| log10(*f)).collect();
    let (_, _, step) = match even(&logarithms) {
        Some(spaced) if steps > 0 && first > 0.0 => spaced,
        _ => {
            let (first, last, _) = even(frequencies)?;
            return Some(format!("lin {} {first:e} {last:e}", steps + 1));
        }
    };
    for (word, each) in [("dec", 1.0 / step), ("oct", log10(2.0) / step)] {
        let whole = each.round();
        if (each - whole).abs() < 1e-6 && whole >= 1.0 {
            return Some(format!("{word} {whole} {first:e} {last:e}"));
        }
    }
    None
}
