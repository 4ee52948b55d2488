//! V and I lines: what a source holds at rest, in time and at small signals.

use super::card::Value;
use super::elements::Line;
use super::given::Given;
use super::words::Kind;
use crate::diag::{Diagnostic, Span};
use crate::netlist::{AcDrive, Arg, Waveform};

/// The functions of time, and how they are written.
const FORMS: &[(&str, &str)] = &[
    ("pulse", "pulse(low high delay rise fall width period)"),
    ("sin", "sin(offset amplitude frequency delay damping phase)"),
    ("exp", "exp(low high delay rise_tau fall_delay fall_tau)"),
    ("pwl", "pwl(t1 v1 t2 v2 ...)"),
];

/// Functions of ngspice that are not here.
const ABSENT: &[&str] =
    &["sffm", "am", "trnoise", "trrandom", "external", "distof1", "distof2", "port"];

pub(super) fn lay(line: &mut Line, key: &str) {
    let letter = if key == "voltage-source" { 'v' } else { 'i' };
    let Some(nodes) = line.nodes::<2>(&format!("{letter}1 a 0 1")) else { return };
    let mut given = Given::of(key).nodes(&["p", "n"], &nodes);
    let (mut dc, mut wave, mut ac) = (None, None, None);
    let before = line.circuit.found.count();
    let mut multiplier = line.scope.multiplier;
    while !line.cursor.is_done() && line.circuit.found.count() == before {
        let at = line.cursor.span();
        if line.cursor.take(Kind::Comma) || line.cursor.take(Kind::Close) {
            continue;
        }
        if line.cursor.keyword("dc") || is_pair(line, "dc") {
            match line.cursor.value() {
                Some(value) => dc = line.number(&value),
                None => dc = Some(0.0),
            }
        } else if line.cursor.keyword("ac") || is_pair(line, "ac") {
            ac = Some(drive(line));
        } else if let Some((form, usage)) = form_of(line.cursor.peek()) {
            line.cursor.skip();
            wave = waveform(line, form, usage, at);
        } else if is_pair(line, "m") {
            let value = line.cursor.value();
            multiplier *= value.and_then(|value| line.number(&value)).unwrap_or(1.0);
        } else if let Some(word) = line.cursor.peek().filter(|word| ABSENT.contains(word)) {
            line.report(
                Diagnostic::at(at, format!("`{word}` is not read"))
                    .label("not a function of time here")
                    .help(format!("there are: {}; or write a B source of `time`", forms())),
            );
        } else if let Some(word) =
            line.cursor.peek().filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic()))
        {
            let names: Vec<&str> =
                FORMS.iter().map(|(form, _)| *form).chain(["dc", "ac"]).collect();
            line.report(
                Diagnostic::at(at, format!("a source has no `{word}`"))
                    .label("not understood")
                    .help_names(word, "it has", &names),
            );
        } else if let Some(value) = line.cursor.value() {
            dc = line.number(&value);
        } else {
            line.circuit
                .found
                .not_understood(&line.cursor, "write for example `v1 a 0 dc 1 ac 1 sin(0 1 1k)`");
        }
    }
    // Devices in parallel add up their currents.
    let scale = if letter == 'i' { multiplier } else { 1.0 };
    let first = wave.as_ref().map_or(0.0, |wave: &Waveform| wave.at(0.0));
    given.set("dc", Arg::Number(scale * dc.unwrap_or(first)));
    if let Some(wave) = wave {
        given.set("wave", Arg::Waveform(scaled(wave, scale)));
    }
    if let Some(AcDrive { magnitude, phase }) = ac {
        given.set("ac", Arg::AcDrive(AcDrive { magnitude: scale * magnitude, phase }));
    }
    line.add(given);
}

fn forms() -> String {
    FORMS.iter().map(|(_, usage)| *usage).collect::<Vec<_>>().join(", ")
}

/// Moves past `key=`.
fn is_pair(line: &mut Line, key: &str) -> bool {
    let there = line.cursor.at_pair() && line.cursor.peek() == Some(key);
    if there {
        line.cursor.skip();
        line.cursor.skip();
    }
    there
}

fn form_of(word: Option<&str>) -> Option<(&'static str, &'static str)> {
    let word = match word? {
        "sine" => "sin",
        "pul" => "pulse",
        word => word,
    };
    FORMS.iter().find(|(form, _)| *form == word).copied()
}

/// Magnitude, 1 if left out, and phase; a negative magnitude is a phase of half a turn.
fn drive(line: &mut Line) -> AcDrive {
    let number = |line: &mut Line| {
        let value =
            line.cursor.peek().is_none_or(|w| !w.starts_with(|c: char| c.is_ascii_alphabetic()));
        let value = value.then(|| line.cursor.value()).flatten()?;
        line.number(&value)
    };
    let magnitude = number(line).unwrap_or(1.0);
    let phase = number(line).unwrap_or(0.0);
    match magnitude < 0.0 {
        true => AcDrive { magnitude: -magnitude, phase: phase + 180.0 },
        false => AcDrive { magnitude, phase },
    }
}

/// A function of time from its numbers, in parentheses or not.
fn waveform(line: &mut Line, form: &str, usage: &str, at: Span) -> Option<Waveform> {
    let open = line.cursor.take(Kind::Open);
    let values = arguments(line);
    if open && !line.cursor.take(Kind::Close) {
        line.circuit.found.not_understood(&line.cursor, &format!("write `{usage}`"));
        return None;
    }
    let numbers: Vec<f64> = values.iter().map(|v| line.number(v)).collect::<Option<_>>()?;
    if form == "pwl" {
        return points(line, &values, &numbers, at);
    }
    let (least, most) = if form == "sin" || form == "exp" { (2, 6) } else { (1, 7) };
    if numbers.len() < least || numbers.len() > most {
        line.report(
            Diagnostic::at(
                at,
                format!("`{form}` takes {least} to {most} numbers, not {}", numbers.len()),
            )
            .label(if numbers.len() < least { "too few" } else { "too many" })
            .help(format!("write `{usage}`")),
        );
        return None;
    }
    let wave = line.circuit.timing.waveform(form, &numbers);
    if !is_causal(&wave) {
        line.report(
            Diagnostic::at(at, format!("the times of `{form}` make no sense"))
                .label("a time is below zero")
                .help(format!("write `{usage}` with times of zero or above")),
        );
        return None;
    }
    Some(wave)
}

/// Whether all times of a form are such that it can be followed.
fn is_causal(wave: &Waveform) -> bool {
    let numbers = wave.numbers();
    let mut fields = wave.form().fields.iter().zip(numbers);
    fields.all(|((_, field), number)| field.range().contains(number) || number == f64::INFINITY)
}

/// The numbers of a function; a word of another kind ends those without parentheses.
fn arguments<'d>(line: &mut Line<'_, 'd, '_, '_>) -> Vec<Value<'d>> {
    let mut values = Vec::new();
    loop {
        let word =
            line.cursor.peek().is_some_and(|w| w.starts_with(|c: char| c.is_ascii_alphabetic()));
        if word && line.cursor.kind() == Some(Kind::Word) {
            return values;
        }
        match line.cursor.value() {
            Some(value) => values.push(value),
            None => return values,
        }
    }
}

fn points(line: &mut Line, values: &[Value], numbers: &[f64], at: Span) -> Option<Waveform> {
    let usage = "write `pwl(t1 v1 t2 v2 ...)`, the times ascending";
    if numbers.is_empty() || numbers.len() % 2 == 1 {
        line.report(
            Diagnostic::at(at, "`pwl` takes pairs of time and value")
                .label(format!("{} numbers", numbers.len()))
                .help(usage),
        );
        return None;
    }
    let mut delay = 0.0;
    while line.cursor.at_pair() && matches!(line.cursor.peek(), Some("td" | "r")) {
        let pair = line.cursor.pair()?;
        if pair.key == "r" {
            line.report(
                Diagnostic::at(pair.key_span, "a `pwl` that repeats is not read")
                    .label("repeats")
                    .help("write a `pulse`, or all the points"),
            );
            return None;
        }
        delay = line.number(&pair.value())?;
    }
    let points: Vec<(f64, f64)> = numbers.chunks_exact(2).map(|p| (p[0] + delay, p[1])).collect();
    if let Some(k) = points.windows(2).position(|two| two[1].0 <= two[0].0) {
        line.report(
            Diagnostic::at(values[2 * k + 2].span(), "this time is not after the one before")
                .label("times must ascend")
                .help("sort the points by time, each time once; give a jump a short rise"),
        );
        return None;
    }
    Some(Waveform::PiecewiseLinear { points })
}

fn scaled(wave: Waveform, by: f64) -> Waveform {
    if by == 1.0 {
        return wave;
    }
    match wave {
        Waveform::Pulse { low, high, delay, rise, fall, width, period } => {
            Waveform::Pulse { low: by * low, high: by * high, delay, rise, fall, width, period }
        }
        Waveform::Sine { offset, amplitude, frequency, delay, damping, phase } => {
            let (offset, amplitude) = (by * offset, by * amplitude);
            Waveform::Sine { offset, amplitude, frequency, delay, damping, phase }
        }
        Waveform::Exponential { low, high, delay, rise_tau, fall_delay, fall_tau } => {
            let (low, high) = (by * low, by * high);
            Waveform::Exponential { low, high, delay, rise_tau, fall_delay, fall_tau }
        }
        Waveform::PiecewiseLinear { points } => Waveform::PiecewiseLinear {
            points: points.into_iter().map(|(t, v)| (t, by * v)).collect(),
        },
    }
}
