//! `[nonideal.programming]`

use super::{deviation, within};
use crate::diag::Diagnostic;
use crate::spec::nonideal::{Deviation, DeviationLaw, Programming, Spacing, Verify};
use crate::spec::reader::TableReader;
use crate::units::{Dimension, Range, Siemens, format_short};

const ONE_LEVEL: &str =
    "a cell of one level holds nothing: give it two or more, or leave levels out altogether";

pub(super) fn read(t: &TableReader, window: [Siemens; 2]) -> Programming {
    let sigma = t.number("sigma", Range::NonNegative).or(0.0);
    let levels = t.count("levels", 0..=1 << 32).optional().map(|n| n as usize);
    if levels.is_some_and(|levels| levels < 2) {
        t.report(
            Diagnostic::at(t.span("levels"), "`levels` must be at least 2")
                .label("out of range")
                .help(ONE_LEVEL),
        );
    }
    let words = [("linear", Spacing::Linear), ("log", Spacing::Log)];
    let spacing = t.choice("spacing", &words).optional().unwrap_or_default();
    if spacing == Spacing::Log && window[0] <= 0.0 {
        t.report(
            Diagnostic::at(t.span("spacing"), "levels in even ratios cannot begin at 0 S")
                .label("needs `g-min` above zero")
                .help("raise `g-min` in [hardware], or use `spacing = \"linear\"`"),
        );
    }
    let why = "it is a standard deviation; 0 or leaving it out is none";
    let absolute = within(t, "absolute", Dimension::Siemens, Range::NonNegative, why);
    Programming {
        sigma,
        absolute: absolute.unwrap_or(0.0),
        proportional: deviation(t, "proportional"),
        measured: t.optional_table("measured").and_then(|t| measured(&t)),
        levels: levels.filter(|levels| *levels >= 2),
        spacing,
        table: level_table(t, window),
        verify: t.optional_table("verify").and_then(|t| verify(&t)),
        limited: t.flag("limited").optional().unwrap_or(false),
    }
}

/// A standard deviation as a function of conductance.
pub(super) fn measured(t: &TableReader) -> Option<Deviation> {
    let why = "it is the largest conductance of the cells that were measured";
    let reference = within(t, "reference", Dimension::Siemens, Range::Positive, why);
    let example = "polynomial = [\"0.26 uS\", \"2 uS\", \"-1.2 uS\"]";
    let law = match t.one_of(&["polynomial", "top"], None, example)? {
        "polynomial" => {
            t.exclude("polynomial", &["scale"]);
            let c = t.quantities("polynomial", Dimension::Siemens).optional()?;
            if c.is_empty() {
                t.report(
                    Diagnostic::at(t.span("polynomial"), "`polynomial` has no coefficients")
                        .label("empty")
                        .help(format!("write for example `{example}`, the constant first")),
                );
                return None;
            }
            DeviationLaw::Polynomial(c)
        }
        _ => {
            let why = "it is a standard deviation; 0 or leaving the table out is none";
            let top = within(t, "top", Dimension::Siemens, Range::NonNegative, why);
            let scale = t.quantity("scale", Dimension::Siemens, Range::Positive);
            let scale = scale.needed("scale = \"2 uS\"");
            DeviationLaw::Saturating { top: top?, scale: scale? }
        }
    };
    Some(Deviation { reference, law })
}

fn level_table(t: &TableReader, window: [Siemens; 2]) -> Vec<Siemens> {
    let key = "level-table";
    let Some(table) = t.quantities(key, Dimension::Siemens).optional() else { return Vec::new() };
    t.exclude(key, &["levels", "spacing"]);
    let short = |g: &f64| format_short(*g, Dimension::Siemens);
    let [low, high] = window;
    // Text in other units than the hardware's own may round to the other side of an edge.
    let outside = |g: &&f64| **g < low * (1.0 - 1e-12) || **g > high * (1.0 + 1e-12);
    let fault = if table.len() < 2 {
        Some((format!("`{key}` has fewer than 2 levels"), ONE_LEVEL))
    } else if let Some(pair) = table.windows(2).find(|pair| pair[0] >= pair[1]) {
        let message =
            format!("`{key}` is not ascending: {} after {}", short(&pair[1]), short(&pair[0]));
        Some((message, "list every level once, the least conductance first"))
    } else if let Some(g) = table.iter().find(outside) {
        let message =
            format!("`{key}` has {}, outside {} to {}", short(g), short(&low), short(&high));
        Some((
            message,
            "a cell can be set from `g-min` to `g-max` of [hardware]: widen the window there",
        ))
    } else {
        None
    };
    match fault {
        Some((message, help)) => {
            t.report(Diagnostic::at(t.span(key), message).label("no table of levels").help(help));
            Vec::new()
        }
        None => table,
    }
}

fn verify(t: &TableReader) -> Option<Verify> {
    let tolerance =
        t.quantity("tolerance", Dimension::Siemens, Range::Positive).needed("tolerance = \"1 uS\"");
    let at_most = t.count("at-most", 1..=1_000_000).or(30);
    Some(Verify { tolerance: tolerance?, at_most: at_most as usize })
}
