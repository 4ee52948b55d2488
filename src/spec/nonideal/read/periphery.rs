//! `[nonideal.periphery]`

use super::{deviation, within};
use crate::diag::Diagnostic;
use crate::spec::nonideal::{Amplifier, Converter, NudgeSource, Periphery, Supply};
use crate::spec::reader::TableReader;
use crate::units::{Dimension, Range};

pub(super) fn read(t: &TableReader) -> Periphery {
    Periphery {
        dac: t.optional_table("dac").map(|t| converter(&t, false)).unwrap_or_default(),
        adc: t.optional_table("adc").map(|t| converter(&t, true)).unwrap_or_default(),
        nudge: t.optional_table("nudge").map(|t| nudge(&t)).unwrap_or_default(),
        amplifier: t.optional_table("amplifier").map(|t| amplifier(&t)).unwrap_or_default(),
        supply: t.optional_table("supply").and_then(|t| supply(&t)),
    }
}

/// The most bits of a converter, and of one of which every step is drawn.
const MOST_BITS: [u64; 2] = [24, 14];

fn converter(t: &TableReader, samples: bool) -> Converter {
    let unipolar = t.flag("unipolar").optional().unwrap_or(false);
    let bits = bits(t, unipolar);
    let why = "a converter of no range tells no two voltages apart: leave it out for an unlimited \
               one";
    let range = within(t, "range", Dimension::Volt, Range::Positive, why);
    if bits.is_some() && !t.has("range") {
        t.report(
            Diagnostic::at(t.span("bits"), format!("{} has `bits` but no `range`", t.title()))
                .label("steps of what?")
                .help("add for example `range = \"0.2 V\"`, the voltage of the largest code"),
        );
    }
    let [inl, dnl] = ["inl", "dnl"].map(|key| deviation(t, key));
    for (key, value) in [("inl", inl), ("dnl", dnl)] {
        check_steps(t, key, value, bits);
    }
    let why = "it is a standard deviation; 0 or leaving it out is none";
    let volts = |key| within(t, key, Dimension::Volt, Range::NonNegative, why).unwrap_or(0.0);
    Converter {
        bits,
        range,
        unipolar,
        inl,
        dnl,
        offset: volts("offset"),
        gain: deviation(t, "gain"),
        noise: if samples { volts("noise") } else { 0.0 },
        shared: t.count("shared", 1..=1 << 20).optional().unwrap_or(1) as usize,
        calibrated: t.flag("calibrated").optional().unwrap_or(false),
    }
}

fn bits(t: &TableReader, unipolar: bool) -> Option<u32> {
    let bits = t.count("bits", 0..=1 << 32).optional()?;
    let least = if unipolar { 1 } else { 2 };
    if (least..=MOST_BITS[0]).contains(&bits) {
        return Some(bits as u32);
    }
    let why = match bits {
        0 => "no bits hold no code: leave `bits` out for a continuous value",
        1 => "of codes symmetric about 0, 1 bit has no code but 0",
        _ => "finer steps than this are below any noise: leave `bits` out for a continuous value",
    };
    t.report(
        Diagnostic::at(t.span("bits"), format!("`bits` must be from {least} to {}", MOST_BITS[0]))
            .label("out of range")
            .help(why),
    );
    None
}

/// What is told in steps needs steps, and few enough to draw them all.
fn check_steps(t: &TableReader, key: &'static str, value: f64, bits: Option<u32>) {
    if value <= 0.0 {
        return;
    }
    let (message, help) = match bits {
        Some(bits) if u64::from(bits) > MOST_BITS[1] => (
            format!("`{key}` is of converters of at most {} bits", MOST_BITS[1]),
            "every step of every converter is drawn and kept",
        ),
        None if !t.has("bits") => {
            (format!("`{key}` is counted in steps"), "a continuous converter has none: add `bits`")
        }
        _ => return,
    };
    t.report(Diagnostic::at(t.span(key), message).label("has no steps").help(help));
}

fn nudge(t: &TableReader) -> NudgeSource {
    let bits = bits(t, false);
    let why = "a source of no range pushes nothing";
    let range = within(t, "range", Dimension::Ampere, Range::Positive, why);
    if t.has("bits") != t.has("range") {
        let blame = if t.has("bits") { "bits" } else { "range" };
        t.report(
            Diagnostic::at(t.span(blame), "`bits` and `range` of a nudge go together")
                .label("one of two")
                .help("for example `bits = 6, range = \"1 uA\"`: 31 steps up to 1 uA, both ways"),
        );
    }
    let why = "the rails are on either side of 0 V, where summing nodes rest";
    let compliance = within(t, "compliance", Dimension::Volt, Range::Positive, why);
    let why = "a source falls off over some voltage, as a transistor below saturation does";
    let knee = match t.has("knee") {
        true => within(t, "knee", Dimension::Volt, Range::Positive, why),
        false => Some(DEFAULT_KNEE),
    };
    if t.has("knee") && !t.has("compliance") {
        t.report(
            Diagnostic::at(t.span("knee"), "`knee` without `compliance`")
                .label("knee of what?")
                .help("add for example `compliance = \"0.5 V\"`, where the current is zero"),
        );
    }
    NudgeSource { codes: bits.zip(range), compliance: compliance.zip(knee) }
}

/// The overdrive of a mirror transistor.
const DEFAULT_KNEE: f64 = 0.1;

fn amplifier(t: &TableReader) -> Amplifier {
    let positive = |key, dimension, why| within(t, key, dimension, Range::Positive, why);
    let why = "an amplifier without gain holds nothing: leave it out for an infinite one";
    let gain = positive("gain", Dimension::One, why);
    let why = "an amplifier without bandwidth never moves: leave it out for one that follows at \
               once";
    let bandwidth = positive("bandwidth", Dimension::Hertz, why);
    let why = "a slope of nothing never gets anywhere: leave it out for an unlimited one";
    let slew = positive("slew", Dimension::VoltPerSecond, why);
    let why = "the limits are on either side of 0 V: leave it out for none";
    let swing = positive("swing", Dimension::Volt, why);
    let why = "an output of no resistance is 0 ohm; none is below";
    let resistance =
        within(t, "output-resistance", Dimension::Ohm, Range::NonNegative, why).unwrap_or(0.0);
    if t.has("slew") && !t.has("bandwidth") {
        t.report(
            Diagnostic::at(t.span("slew"), "`slew` without `bandwidth`")
                .label("steeper than what?")
                .help("add for example `bandwidth = \"100 MHz\"`, at which small signals follow"),
        );
    }
    Amplifier { gain, bandwidth, slew, swing, resistance }
}

fn supply(t: &TableReader) -> Option<Supply> {
    let why = "a supply that holds its voltage droops by 0 ohm; none droops by less";
    let droop = match t.has("droop") {
        true => within(t, "droop", Dimension::Ohm, Range::NonNegative, why),
        false => {
            t.quantity("droop", Dimension::Ohm, Range::NonNegative).needed("droop = \"2 ohm\"")
        }
    };
    let why = "activations are referred to the voltage of their supply";
    let voltage = match t.has("voltage") {
        true => within(t, "voltage", Dimension::Volt, Range::Positive, why),
        false => {
            t.quantity("voltage", Dimension::Volt, Range::Positive).needed("voltage = \"1 V\"")
        }
    };
    droop.zip(voltage).filter(|(r, _)| *r > 0.0).map(|(droop, voltage)| Supply { droop, voltage })
}
