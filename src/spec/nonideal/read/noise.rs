//! `[nonideal.read]`

use super::time::trend;
use super::{deviation, needed, programming, within};
use crate::diag::Diagnostic;
use crate::spec::nonideal::{Flicker, ReadNoise, Telegraph};
use crate::spec::reader::TableReader;
use crate::units::{Dimension, Range, Second, Siemens};

const AMPLITUDES: [&str; 2] = ["amplitude", "amplitude-of"];

pub(super) fn read(t: &TableReader, window: [Siemens; 2]) -> ReadNoise {
    let why = "temperatures are in kelvin, above absolute zero; 0 K or leaving it out is no noise";
    let thermal = within(t, "thermal", Dimension::Kelvin, Range::NonNegative, why);
    let why = "it is a Fano factor: 0 is none, 1/3 a diffusive wire, 1 a barrier that electrons \
               cross one by one";
    let shot = within(t, "shot", Dimension::One, Range::Fraction, why).unwrap_or(0.0);
    if shot > 0.0 && thermal.unwrap_or(0.0) <= 0.0 {
        t.report(
            Diagnostic::at(t.span("shot"), "shot noise needs a temperature")
                .label("`thermal` is missing or zero")
                .help(
                    "below 2 k T / q, 52 mV at 300 K, shot noise goes over into thermal noise: add \
                     for example `thermal = \"300 K\"`",
                ),
        );
    }
    let why = "it is the step in time as a share of the shortest time constant; beyond 1 the \
               noise of a node comes out wrong";
    let step = match t.has("step") {
        true => within(t, "step", Dimension::One, Range::Fraction, why).filter(|step| {
            let fits = *step > 0.0;
            if !fits {
                let zero = Diagnostic::at(t.span("step"), "`step` must be above zero");
                t.report(zero.label("out of range").help(why));
            }
            fits
        }),
        false => None,
    };
    let why = "it is how long the network runs with noise: leave it out for five of its longest \
               time constants";
    let hold = within(t, "hold", Dimension::Second, Range::Positive, why);
    let integrate = integrate(t, hold);
    ReadNoise {
        thermal: thermal.unwrap_or(0.0),
        shot,
        flicker: t.optional_table("flicker").and_then(|t| flicker(&t)),
        telegraph: t.optional_table("telegraph").and_then(|t| telegraph(&t)),
        proportional: deviation(t, "proportional"),
        measured: t.optional_table("measured").and_then(|t| programming::measured(&t, window)),
        hold,
        step: step.unwrap_or(ReadNoise::STEP),
        integrate,
    }
}

fn integrate(t: &TableReader, hold: Option<Second>) -> Second {
    let why = "it is the time over which is averaged; 0 or leaving it out samples the end";
    let integrate = within(t, "integrate", Dimension::Second, Range::NonNegative, why);
    let (Some(hold), Some(time)) = (hold, integrate) else { return integrate.unwrap_or(0.0) };
    if time > hold {
        t.report(
            Diagnostic::at(t.span("integrate"), "`integrate` is longer than `hold`")
                .label("too long")
                .also(t.span("hold"), "the network runs with noise for so long")
                .help("it is the last part of `hold`: raise that, or average over less"),
        );
    }
    time
}

/// Widest band of flicker noise, as the ratio of its ends.
const WIDEST: f64 = 1e30;

fn flicker(t: &TableReader) -> Option<Flicker> {
    let why = "it is a deviation, a share of the conductance at 1 Hz in a band of 1 Hz";
    let amplitude = trend(t, AMPLITUDES, Range::NonNegative, why);
    need_amplitude(t, "[nonideal.read.flicker]");
    let exponent = t.number("exponent", Range::Any).or(1.0);
    let why = "flicker noise from 0 Hz on would have an infinite variance: 1 / (the time since the \
               cells were written) is low enough";
    let end = |key, example| needed(t, key, Dimension::Hertz, Range::Positive, example);
    let from = end("from", ["from = \"1 Hz\"", why]);
    let to = end("to", ["to = \"1 MHz\"", "it is the upper end of the band, above `from`"]);
    if !(exponent > 0.0 && exponent < 2.0) {
        t.report(
            Diagnostic::at(t.span("exponent"), "`exponent` must be above 0 and below 2")
                .label("out of range")
                .help(
                    "the spectrum falls as 1 / f^exponent: 0 is white, 2 the edge of a single trap; \
                     flicker noise has about 1",
                ),
        );
        return None;
    }
    let band = [from?, to?];
    if band[0] >= band[1] {
        t.report(
            Diagnostic::at(t.span("to"), "`to` must be above `from`")
                .label("the upper end")
                .also(t.span("from"), "the lower end")
                .help("flicker noise of no finite band would have an infinite variance"),
        );
        return None;
    }
    if band[1] / band[0] > WIDEST {
        t.report(
            Diagnostic::at(t.span("to"), "a band of more than 30 decades")
                .label("the upper end")
                .also(t.span("from"), "the lower end")
                .help(
                    "30 decades lie between once in the age of the universe, 2e-18 Hz, and the \
                     fastest of circuits, 1e12 Hz: narrow the band to what is seen in a read",
                ),
        );
        return None;
    }
    Some(Flicker { amplitude: amplitude?, exponent, band })
}

fn telegraph(t: &TableReader) -> Option<Telegraph> {
    let why = "it is the fraction of the cells that have a trap";
    let share = within(t, "share", Dimension::One, Range::Fraction, why);
    if !t.has("share") {
        t.report(
            Diagnostic::at(t.own_span(), "[nonideal.read.telegraph] needs `share`")
                .label("`share` is missing")
                .help("add for example `share = 0.1`, the fraction of the cells that have a trap"),
        );
    }
    let why = "it is a share of the mean conductance: 0 is none, 1 all of it";
    let amplitude = trend(t, AMPLITUDES, Range::Fraction, why);
    need_amplitude(t, "[nonideal.read.telegraph]");
    let why = "it is the mean time that a trap stays as it is: one that never does is no trap";
    let time = |key, example| needed(t, key, Dimension::Second, Range::Positive, [example, why]);
    let (up, down) = (time("up", "up = \"1 ms\""), time("down", "down = \"1 ms\""));
    let (amplitude_spread, dwell_spread) =
        (deviation(t, "amplitude-spread"), deviation(t, "dwell-spread"));
    let (share, amplitude, up, down) = (share?, amplitude?, up?, down?);
    Some(Telegraph { share, amplitude, amplitude_spread, up, down, dwell_spread })
}

fn need_amplitude(t: &TableReader, table: &str) {
    if AMPLITUDES.iter().any(|key| t.has(key)) {
        return;
    }
    t.report(
        Diagnostic::at(t.own_span(), format!("{table} needs `amplitude`"))
            .label("`amplitude` is missing")
            .help(
                "add for example `amplitude = 0.01`, or `amplitude-of = { log = [a, b], clip = \
                 [from, to] }`",
            ),
    );
}
