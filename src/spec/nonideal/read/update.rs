//! `[nonideal.update]`

use super::{deviation, within};
use crate::diag::Diagnostic;
use crate::spec::nonideal::{Rounding, StepLaw, Time, Update};
use crate::spec::reader::TableReader;
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

pub(super) fn read(t: &TableReader, window: [Siemens; 2]) -> Option<Update> {
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
    };
    if update.asymmetry.abs() >= 1.0 {
        t.report(
            Diagnostic::at(t.span("asymmetry"), "`asymmetry` must be between -1 and 1")
                .label("out of range")
                .help("it is a share of the step: at 1 steps down would have no length"),
        );
    }
    (law.is_some() && step.is_some()).then_some(update)
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
        Law::Linear => StepLaw::Linear { gamma: pair(t, "gamma", "gamma = [0.1, 0.5]")? },
        Law::Power => StepLaw::Power { gamma: pair(t, "gamma", "gamma = [1, 1]")? },
        Law::Exponential => {
            let gamma = pair(t, "gamma", "gamma = [5, 5]");
            let amplitude = pair(t, "amplitude", "amplitude = [-1.18, -0.08]");
            let a = t.number("a", Range::Any).or(-0.5);
            let b = t.number("b", Range::Any).or(-0.5);
            StepLaw::Exponential { gamma: gamma?, amplitude: amplitude?, a, b }
        }
    })
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
