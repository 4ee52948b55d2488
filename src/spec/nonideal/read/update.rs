//! `[nonideal.update]`

use super::{deviation, within};
use crate::diag::Diagnostic;
use crate::spec::nonideal::{
    Reference, Refresh, Rounding, StepLaw, Time, TrainKind, Trains, Transfer, Update,
};
use crate::spec::reader::TableReader;
use crate::spec::{OptimiserRule, PairStyle};
use crate::units::{Dimension, Range, Siemens};

const LAWS: [(&str, Law); 5] = [
    ("constant", Law::Constant),
    ("linear", Law::Linear),
    ("soft-bounds", Law::SoftBounds),
    ("exponential", Law::Exponential),
    ("power", Law::Power),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Law {
    Constant,
    Linear,
    SoftBounds,
    Exponential,
    Power,
}

const ROUNDINGS: [(&str, Rounding); 2] =
    [("stochastic", Rounding::Stochastic), ("nearest", Rounding::Nearest)];

pub(super) fn read(t: &TableReader, window: [Siemens; 2], pairs: PairStyle) -> Option<Update> {
    let law = law(t);
    let why = "a pulse that changes nothing teaches nothing";
    let step = within(t, "step", Dimension::Siemens, Range::Positive, why);
    if !t.has("step") {
        t.report(
            Diagnostic::at(t.own_span(), "[nonideal.update] needs `step`")
                .label("`step` is missing")
                .help("add for example `step = \"20 nS\"`, the mean change by one pulse"),
        );
    }
    if step.is_some_and(|step| step > window[1] - window[0]) {
        t.report(
            Diagnostic::at(t.span("step"), "one pulse is longer than the whole window")
                .label("too long")
                .help("the window is `g-max` less `g-min` of [hardware]; steps are a share of it"),
        );
    }
    // Whatever is wrong with them, all keys are read.
    let update = Update {
        law: law.unwrap_or(StepLaw::SoftBounds),
        step: step.unwrap_or(0.0),
        step_spread: deviation(t, "step-spread"),
        noise: deviation(t, "noise"),
        asymmetry: t.number("asymmetry", Range::Any).or(0.0),
        asymmetry_spread: deviation(t, "asymmetry-spread"),
        bound_spread: deviation(t, "bound-spread"),
        rounding: t.choice("rounding", &ROUNDINGS).or(Rounding::Stochastic),
        at_most: t.count("at-most", 1..=1 << 20).optional().map(|n| n as usize),
        threshold: threshold(t, step),
        one_way: t.flag("one-way").optional().unwrap_or(false),
        refresh: t.optional_table("refresh").and_then(|t| refresh(&t)),
        reference: t.optional_table("reference").and_then(|t| reference(&t)),
        trains: t.optional_table("trains").map(|t| trains(&t)),
        transfer: t.optional_table("transfer").and_then(|t| transfer(&t)),
    };
    check_pairs(t, &update, pairs);
    check_trains(t, &update, pairs);
    if update.asymmetry.abs() >= 1.0 {
        t.report(
            Diagnostic::at(t.span("asymmetry"), "`asymmetry` must be between -1 and 1")
                .label("out of range")
                .help("it is a share of the step: at 1 steps down would have no length"),
        );
    }
    (law.is_some() && step.is_some()).then_some(update)
}

/// What a cell must be owed.
fn threshold(t: &TableReader, step: Option<Siemens>) -> Option<Siemens> {
    let why = "it is what a cell must be owed before it is pulsed; leave it out to pulse at once";
    let threshold = within(t, "threshold", Dimension::Siemens, Range::Positive, why)?;
    t.exclude("threshold", &["rounding"]);
    if step.is_some_and(|step| threshold < step) {
        t.report(
            Diagnostic::at(t.span("threshold"), "`threshold` is below one `step`")
                .label("less than a pulse gives")
                .also(t.span("step"), "one pulse")
                .help("a cell gets whole steps only: make it `step` or more"),
        );
        return None;
    }
    Some(threshold)
}

fn refresh(t: &TableReader) -> Option<Refresh> {
    t.one_of(&["every", "above"], None, "refresh = { above = 0.8 }")?;
    let every = t.count("every", 1..=1 << 32).optional().map(|n| n as usize);
    let why = "it is a share of the window: at 0 all pairs would be programmed at every write";
    let above = within(t, "above", Dimension::One, Range::Positive, why);
    if above.is_some_and(|share| share > 1.0) {
        t.report(
            Diagnostic::at(t.span("above"), "`above` must be at most 1")
                .label("out of range")
                .help("it is a share of the window, and no cell goes beyond its end"),
        );
        return None;
    }
    (every.is_some() || above.is_some()).then_some(Refresh { every, above })
}

fn reference(t: &TableReader) -> Option<Reference> {
    let pulses = t.count("pulses", 1..=1 << 20).needed("pulses = 1000");
    let why = "it is a standard deviation; 0 or leaving it out is none";
    let error = within(t, "error", Dimension::Siemens, Range::NonNegative, why);
    Some(Reference { pulses: pulses? as usize, error: error.unwrap_or(0.0) })
}

const KINDS: [(&str, TrainKind); 2] =
    [("stochastic", TrainKind::Stochastic), ("deterministic", TrainKind::Deterministic)];

fn trains(t: &TableReader) -> Trains {
    Trains {
        length: t.count("length", 1..=64).or(31) as usize,
        kind: t.choice("kind", &KINDS).or(TrainKind::Stochastic),
    }
}

fn transfer(t: &TableReader) -> Option<Transfer> {
    let every = t.count("every", 1..=1 << 32).needed("every = 1");
    let why = "nothing would come to the network";
    let positive = |key| within(t, key, Dimension::One, Range::Positive, why);
    let rate = if t.has("rate") { positive("rate") } else { Some(0.1) };
    let gain = if t.has("gain") { positive("gain") } else { Some(1.0) };
    Some(Transfer { every: every? as usize, rate: rate?, gain: gain? })
}

/// Reports schemes that do not go with how pairs stand for weights.
fn check_pairs(t: &TableReader, update: &Update, pairs: PairStyle) {
    let at = |key: &'static str, message: &str| {
        Diagnostic::at(t.span(key), message.to_string()).label("does not go with these pairs")
    };
    match pairs {
        PairStyle::OneSided if update.reference.is_some() => {
            t.report(at("reference", "only pairs with a reference cell have one to program").help(
                "write `pair = \"reference\"` in [hardware]: the plus cell then carries the \
                 weight, and the minus cell its zero",
            ))
        }
        PairStyle::Reference if update.one_way => {
            t.report(at("one-way", "a cell with a reference must move both ways").help(
                "its partner holds the zero of the weight: drop `one-way`, or `pair = \
                 \"reference\"` in [hardware]",
            ))
        }
        PairStyle::Reference if update.refresh.is_some() => {
            t.report(at("refresh", "a reference cell stays as it is").help(
                "there is nothing to lower in both cells: drop `refresh`, or `pair = \
                 \"reference\"` in [hardware]",
            ))
        }
        _ => {}
    }
}

/// Reports what goes with trains only, or not with them.
fn check_trains(t: &TableReader, update: &Update, pairs: PairStyle) {
    if update.trains.is_none() {
        if t.has("transfer") {
            t.report(
                Diagnostic::at(t.span("transfer"), "`transfer` needs `trains`")
                    .label("moved by what?")
                    .help("add for example `trains = { length = 31 }`"),
            );
        }
        return;
    }
    t.exclude("trains", &["threshold", "rounding", "at-most"]);
    if pairs == PairStyle::OneSided && !update.one_way {
        t.report(
            Diagnostic::at(t.span("trains"), "trains cannot tell which cell of a pair to move")
                .label("every pulse comes to both")
                .help(
                    "write `pair = \"reference\"` in [hardware] to move the plus cell both ways, \
                     or `one-way = true` here to move either cell up",
                ),
        );
    }
    if update.transfer.is_some() && pairs == PairStyle::OneSided {
        t.report(
            Diagnostic::at(t.span("transfer"), "the arrays of a transfer move both ways")
                .label("needs cells with a reference")
                .help("write `pair = \"reference\"` in [hardware]"),
        );
    }
}

/// Reports optimisers that need more than sums of products of what lines carry.
pub(in crate::spec) fn check_optimiser(
    t: &TableReader,
    update: Option<&Update>,
    optimiser: OptimiserRule,
) {
    let plain = matches!(optimiser, OptimiserRule::Sgd { momentum: 0.0 });
    if plain || update.is_none_or(|update| update.trains.is_none()) {
        return;
    }
    t.report(
        Diagnostic::at(t.span("optimiser"), "pulse trains follow the gradient itself")
            .label("an optimiser with a memory")
            .help(
                "the lines carry activations, and no host holds a moment of each weight: write \
                 `optimiser = { sgd = { rate = 0.1 } }` without momentum, or drop \
                 `nonideal.update.trains`",
            ),
    );
}

/// Reports cells that would move from where they are read instead of from where they were left.
pub(super) fn check_age(t: &TableReader, time: &Time) {
    if time.age > 0.0 {
        t.report(
            Diagnostic::at(t.span("age"), "cells that move by pulses are read at once")
                .label("later than that")
                .help("leave `age` out, or write to targets: drop [nonideal.update]"),
        );
    }
    if time.reads > 0.0 {
        t.report(
            Diagnostic::at(t.span("reads"), "cells that move by pulses are not yet read")
                .label("so many reads before")
                .help("leave `reads` out, or write to targets: drop [nonideal.update]"),
        );
    }
}

fn law(t: &TableReader) -> Option<StepLaw> {
    let law = t.choice("law", &LAWS).or(Law::SoftBounds);
    let shaped = [("gamma", &[Law::Linear, Law::Exponential, Law::Power][..])];
    let own = [("amplitude", &[Law::Exponential][..]), ("a", &[Law::Exponential][..])];
    let all = shaped.into_iter().chain(own).chain([("b", &[Law::Exponential][..])]);
    for (key, laws) in all {
        if t.has(key) && !laws.contains(&law) {
            t.known(key);
            let name = LAWS.iter().find(|(_, l)| *l == law).map_or("", |(name, _)| name);
            t.report(
                Diagnostic::at(t.span(key), format!("law `{name}` has no `{key}`"))
                    .label("not of this law")
                    .help("leave it out, or choose another `law`"),
            );
        }
    }
    Some(match law {
        Law::Constant => StepLaw::Constant,
        Law::SoftBounds => StepLaw::SoftBounds,
        Law::Linear => {
            let why = "a step is 1 - gamma w / b: beyond 1 it would change its sign before the end \
                       of the way, below -1 behind its beginning";
            let gamma = pair(t, "gamma", "gamma = [0.1, 0.5]")?;
            StepLaw::Linear { gamma: gammas(t, gamma, Range::WithinOne, why)? }
        }
        Law::Power => {
            let why = "a step is the share of the way that is left to the power gamma: below 0 it \
                       would grow without bound towards the end";
            let gamma = pair(t, "gamma", "gamma = [1, 1]")?;
            StepLaw::Power { gamma: gammas(t, gamma, Range::NonNegative, why)? }
        }
        Law::Exponential => {
            let gamma = pair(t, "gamma", "gamma = [5, 5]");
            let amplitude = pair(t, "amplitude", "amplitude = [-1.18, -0.08]");
            let a = t.number("a", Range::Any).or(-0.5);
            let b = t.number("b", Range::Any).or(-0.5);
            StepLaw::Exponential { gamma: gamma?, amplitude: amplitude?, a, b }
        }
    })
}

/// What a law takes for `gamma`; a mistake with its reason otherwise.
fn gammas(t: &TableReader, gamma: [f64; 2], range: Range, why: &str) -> Option<[f64; 2]> {
    if gamma.iter().all(|gamma| range.contains(*gamma)) {
        return Some(gamma);
    }
    t.report(
        Diagnostic::at(
            t.span("gamma"),
            format!("both numbers of `gamma` must be {}", range.words()),
        )
        .label("out of range")
        .help(why),
    );
    None
}

/// A number for each direction, up and down.
fn pair(t: &TableReader, key: &'static str, example: &str) -> Option<[f64; 2]> {
    let values = t.quantities(key, Dimension::One).needed(example)?;
    let found = values.len();
    let pair = values.try_into().ok();
    if pair.is_none() {
        t.report(
            Diagnostic::at(t.span(key), format!("`{key}` is a list of {found}, expected 2"))
                .label("one number upward, one downward")
                .help(format!("write for example `{example}`")),
        );
    }
    pair
}
