//! `[nonideal.programming]`

use super::{DEVIATION, deviation, needed, number_or, within};
use crate::diag::Diagnostic;
use crate::spec::nonideal::programming::polynomial;
use crate::spec::nonideal::{Deviation, DeviationLaw, Programming, Spacing, Verify};
use crate::spec::reader::TableReader;
use crate::units::{Dimension, Range, Siemens, format_short};

const ONE_LEVEL: &str =
    "a cell of one level holds nothing: give it two or more, or leave levels out altogether";

pub(super) fn read(t: &TableReader, window: [Siemens; 2]) -> Programming {
    let sigma = number_or(t, "sigma", Range::NonNegative, DEVIATION, 0.0);
    let levels = levels(t);
    let words = [("linear", Spacing::Linear), ("log", Spacing::Log)];
    let spacing = t.choice("spacing", &words).optional().unwrap_or_default();
    if spacing == Spacing::Log && window[0] <= 0.0 {
        t.report(
            Diagnostic::at(t.span("spacing"), "levels in even ratios cannot begin at 0 S")
                .label("needs `g-min` above zero")
                .help("raise `g-min` in [hardware], or use `spacing = \"linear\"`"),
        );
    }
    let absolute = within(t, "absolute", Dimension::Siemens, Range::NonNegative, DEVIATION);
    Programming {
        sigma,
        absolute: absolute.unwrap_or(0.0),
        proportional: deviation(t, "proportional"),
        measured: t.optional_table("measured").and_then(|t| measured(&t, window)),
        levels,
        spacing,
        table: level_table(t, window),
        verify: t.optional_table("verify").and_then(|t| verify(&t)),
        limited: t.flag("limited").optional().unwrap_or(false),
    }
}

/// Most levels of a cell.
const MOST_LEVELS: u64 = 1 << 32;

fn levels(t: &TableReader) -> Option<usize> {
    let (message, why) = match t.integer("levels") {
        Some(..=1) => ("`levels` must be at least 2".to_string(), ONE_LEVEL),
        Some(levels) if levels > i128::from(MOST_LEVELS) => (
            format!("`levels` must be at most {MOST_LEVELS}"),
            "finer steps than this are below any noise: leave `levels` out for a continuous cell",
        ),
        _ => return t.whole("levels", 2..=MOST_LEVELS, 16).optional().map(|n| n as usize),
    };
    t.known("levels");
    t.report(Diagnostic::at(t.span("levels"), message).label("out of range").help(why));
    None
}

/// A standard deviation as a function of conductance, of cells of this window.
pub(super) fn measured(t: &TableReader, window: [Siemens; 2]) -> Option<Deviation> {
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
            check_sign(t, &c, window)?;
            DeviationLaw::Polynomial(c)
        }
        _ => {
            let why = "it is a standard deviation; 0 or leaving the table out is none";
            let top = within(t, "top", Dimension::Siemens, Range::NonNegative, why);
            let why = "it is the conductance over which the deviation comes up";
            let example = ["scale = \"2 uS\"", why];
            let scale = needed(t, "scale", Dimension::Siemens, Range::Positive, example);
            DeviationLaw::Saturating { top: top?, scale: scale? }
        }
    };
    Some(Deviation { reference, law })
}

/// Reports a polynomial that is negative at a conductance of the window.
fn check_sign(t: &TableReader, c: &[f64], [low, high]: [Siemens; 2]) -> Option<()> {
    let short = |g: f64| format_short(g, Dimension::Siemens);
    let ends = [low / high, 1.0];
    let Some((x, sigma)) = beyond(c, ends, Range::NonNegative) else { return Some(()) };
    t.report(
        Diagnostic::at(
            t.span("polynomial"),
            format!("`polynomial` is {} at {}", short(sigma), short(x * high)),
        )
        .label("a negative standard deviation")
        .help(format!(
            "it is the standard deviation as c0 + c1 x + c2 x^2 and so on, x being g / g-max, and \
             zero or above from `g-min` to `g-max` of [hardware], {} to {} here",
            short(low),
            short(high)
        )),
    );
    None
}

/// Where between two ends a polynomial is furthest out of a range, and what it is there.
pub(super) fn beyond(c: &[f64], [from, to]: [f64; 2], range: Range) -> Option<(f64, f64)> {
    const STEPS: usize = 1000;
    let size = c.iter().fold(0.0, |size: f64, c| size.max(c.abs()));
    let at = |k: usize| {
        let x = from + (to - from) * (k as f64 / STEPS as f64);
        (x, polynomial(c, x))
    };
    let rounded = |v: f64| if v.abs() < 1e-9 * size { 0.0 } else { v };
    let outside = (0..=STEPS).map(at).filter(|(_, v)| !range.contains(rounded(*v)));
    outside.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
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
    let why = "no pulse ends exactly where it is aimed at: leave `verify` out to write once";
    let example = ["tolerance = \"1 uS\"", why];
    let tolerance = needed(t, "tolerance", Dimension::Siemens, Range::Positive, example);
    let at_most = t.count("at-most", 1..=1_000_000).or(30);
    Some(Verify { tolerance: tolerance?, at_most: at_most as usize })
}
