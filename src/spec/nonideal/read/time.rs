//! `[nonideal.time]`

use super::programming::{beyond, measured};
use super::{needed, number_or, within};
use crate::diag::Diagnostic;
use crate::spec::nonideal::{Disturb, Drift, Relaxation, Retention, Temperature, Time, Trend};
use crate::spec::reader::TableReader;
use crate::units::{Dimension, Range, Siemens};

pub(super) fn read(t: &TableReader, window: [Siemens; 2]) -> Time {
    let why = "it is the time from writing to reading; 0 or leaving it out reads at once";
    let age = within(t, "age", Dimension::Second, Range::NonNegative, why);
    let why =
        "it is how often cells were read since they were written; 0 or leaving it out is never";
    let reads = within(t, "reads", Dimension::One, Range::NonNegative, why);
    Time {
        age: age.unwrap_or(0.0),
        relaxation: relaxation(t, window),
        drift: t.optional_table("drift").and_then(|t| drift(&t)),
        retention: t.optional_table("retention").and_then(|t| retention(&t, window[0])),
        reads: reads.unwrap_or(0.0),
        disturb: t.optional_table("disturb").and_then(|t| disturb(&t)),
        temperature: t.optional_table("temperature").and_then(|t| temperature(&t)),
        compensate: t.flag("compensate").optional().unwrap_or(false),
    }
}

fn relaxation(t: &TableReader, window: [Siemens; 2]) -> Vec<Relaxation> {
    let tables = t.tables("relaxation");
    let read = |t: &TableReader| {
        let why = "it is the time after writing at which cells were measured";
        let example = ["time = \"1 d\"", why];
        let time = needed(t, "time", Dimension::Second, Range::Positive, example);
        let sigma = measured(t, window);
        Some(Relaxation { time: time?, sigma: sigma? })
    };
    let all: Option<Vec<Relaxation>> = tables.iter().map(read).collect();
    let Some(all) = all else { return Vec::new() };
    if let Some(k) = all.windows(2).position(|pair| pair[0].time >= pair[1].time) {
        t.report(
            Diagnostic::at(tables[k + 1].span("time"), "the times of `relaxation` do not ascend")
                .label("not after the one before")
                .also(tables[k].span("time"), "the one before")
                .help("list them from the earliest to the latest, each once"),
        );
        return Vec::new();
    }
    all
}

fn drift(t: &TableReader) -> Option<Drift> {
    let why = "conductance falls as (t / t0)^-nu: it is the time after writing at which cells were \
               first read";
    let t0 = needed(t, "t0", Dimension::Second, Range::Positive, ["t0 = \"20 s\"", why]);
    let nu = trend(
        t,
        ["nu", "nu-of"],
        Range::Fraction,
        "conductance falls as t^-nu: 0 is no drift, phase-change cells have 0.03 to 0.1, and \
         nothing known falls faster than 1 / t",
    );
    let why = "it is the standard deviation of `nu`, which is itself at most 1";
    let sigma = trend(t, ["sigma", "sigma-of"], Range::Fraction, why);
    if !t.has("nu") && !t.has("nu-of") {
        t.report(
            Diagnostic::at(t.own_span(), "[nonideal.time.drift] needs `nu`")
                .label("`nu` is missing")
                .help(
                    "add for example `nu = 0.05`, or `nu-of = { log = [a, b], clip = [from, to] }`",
                ),
        );
    }
    Some(Drift { t0: t0?, nu: nu?, sigma: sigma.unwrap_or(Trend::Constant(0.0)) })
}

/// A number, or a table that says how it depends on conductance.
pub(super) fn trend(
    t: &TableReader,
    [number, table]: [&'static str; 2],
    range: Range,
    why: &str,
) -> Option<Trend> {
    let Some(of) = t.optional_table(table) else {
        return within(t, number, Dimension::One, range, why).map(Trend::Constant);
    };
    t.exclude(table, &[number]);
    let powers = of.has("power");
    let law = match powers {
        true => pair(&of, "power", "power = [0.0088, -0.65]"),
        false => pair(&of, "log", "log = [-0.0155, 0.0244]"),
    };
    let clip = pair(&of, "clip", "clip = [0.05, 0.1]");
    let fits = |clip: &[f64; 2]| clip[0] <= clip[1] && clip.iter().all(|v| range.contains(*v));
    if clip.is_some_and(|clip| !fits(&clip)) {
        let words = range.words();
        of.report(
            Diagnostic::at(of.span("clip"), format!("`clip` must ascend, {words}"))
                .label("out of range")
                .help(why),
        );
        return None;
    }
    if powers {
        of.exclude("power", &["log", "above", "polynomial"]);
        return Some(Trend::Power { power: law?, clip: clip? });
    }
    let from = of.number("above", Range::Fraction);
    let from = match of.has("polynomial") {
        true => from.needed("above = 0.09"),
        false => from.optional(),
    };
    let above = from.and_then(|from| {
        let c = of.quantities("polynomial", Dimension::One).needed("polynomial = [0.07, -0.01]")?;
        Some((from, c))
    });
    if let Some((from, c)) = &above
        && let Some((x, value)) = beyond(c, [*from, 1.0], range)
    {
        let words = range.words();
        of.report(
            Diagnostic::at(
                of.span("polynomial"),
                format!("`polynomial` is {value:.3} at {x:.3} of the largest conductance"),
            )
            .label(format!("must be {words}"))
            .help(format!("{why}; `clip` bounds the logarithm alone, and not from `above` on")),
        );
        return None;
    }
    Some(Trend::Log { log: law?, clip: clip?, above })
}

fn pair(t: &TableReader, key: &'static str, example: &str) -> Option<[f64; 2]> {
    let values = t.quantities(key, Dimension::One).needed(example)?;
    let found = values.len();
    let pair = values.try_into().ok();
    if pair.is_none() {
        t.report(
            Diagnostic::at(t.span(key), format!("`{key}` is a list of {found}, expected 2"))
                .label("expected 2 entries")
                .help(format!("write for example `{example}`")),
        );
    }
    pair
}

const SHAPE: &str = "it is the power of time in a stretched exponential, 1 in a plain one: at 0 \
                     nothing would ever change";

fn retention(t: &TableReader, g_min: Siemens) -> Option<Retention> {
    let why = "what was written is lost as exp(-(t / tau)^shape): leave `retention` out to keep it";
    let example = ["time-constant = \"1e8 s\"", why];
    let tau = needed(t, "time-constant", Dimension::Second, Range::Positive, example);
    let shape = number_or(t, "shape", Range::Positive, SHAPE, 1.0);
    let why = "a passive cell conducts nothing or more";
    let toward = within(t, "toward", Dimension::Siemens, Range::NonNegative, why);
    Some(Retention { tau: tau?, shape, toward: toward.unwrap_or(g_min) })
}

fn disturb(t: &TableReader) -> Option<Disturb> {
    let why = "it is a number of reads: leave `disturb` out where reading does no harm";
    let after = needed(t, "after", Dimension::One, Range::Positive, ["after = 1e9", why]);
    let shape = number_or(t, "shape", Range::Positive, SHAPE, 1.0);
    let why = "a passive cell conducts nothing or more";
    let toward = within(t, "toward", Dimension::Siemens, Range::NonNegative, why);
    if !t.has("toward") {
        t.report(
            Diagnostic::at(t.own_span(), "[nonideal.time.disturb] needs `toward`")
                .label("`toward` is missing")
                .help("add for example `toward = \"25 uS\"`, where reading takes cells in the end"),
        );
    }
    let voltage = t.optional_table("voltage").and_then(|t| {
        let volts = |key, range, example| needed(&t, key, Dimension::Volt, range, example);
        let why = "it is the size of the voltage of a read";
        let at = volts("at", Range::NonNegative, ["at = \"0.3 V\"", why]);
        let reference = volts("reference", Range::NonNegative, ["reference = \"0.2 V\"", why]);
        let why = "it is the voltage over which reads disturb e times as much";
        let scale = volts("scale", Range::Positive, ["scale = \"50 mV\"", why]);
        Some([at?, reference?, scale?])
    });
    Some(Disturb { after: after?, shape, toward: toward?, voltage })
}

fn temperature(t: &TableReader) -> Option<Temperature> {
    let why = "temperatures are in kelvin, above absolute zero: 27 degrees Celsius are 300 K";
    let kelvin = |key| within(t, key, Dimension::Kelvin, Range::Positive, why);
    let at = kelvin("at");
    let reference = if t.has("reference") { kelvin("reference") } else { Some(300.0) };
    if !t.has("at") {
        t.report(
            Diagnostic::at(t.own_span(), "[nonideal.time.temperature] needs `at`")
                .label("`at` is missing")
                .help("add for example `at = \"358 K\"`"),
        );
    }
    let why = "it is the height of a barrier: at 0 times do not depend on temperature, and none \
               run faster in the cold";
    let example = ["activation = \"1.1 eV\"", why];
    let activation = needed(t, "activation", Dimension::Joule, Range::NonNegative, example);
    Some(Temperature { at: at?, reference: reference?, activation: activation? })
}
