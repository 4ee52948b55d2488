//! The specification sheet of `margin`: how much of each effect the chips of a file bear.

use std::path::Path;

use super::page::{self, short, table};
use crate::run::sweep_record::unit;
use crate::run::{Drop, EVALUATIONS, MARGIN, Margin, Margins};
use crate::units::{Dimension, format_short};

const FILES: [(&str, &str); 2] = [
    (MARGIN, "the margins, in SI units"),
    (EVALUATIONS, "every value tried, one JSON object a chip and value"),
];

/// `index.md` of margins whose keys have these dimensions, in their order; `dir` is only asked which
/// records there are.
pub fn sheet(margins: &Margins, dimensions: &[Dimension], command: &str, dir: &Path) -> String {
    let metric = &margins.metric;
    let figure = |value: f64| match unit(metric) {
        "s" => format_short(value, Dimension::Second),
        _ => short(value),
    };
    let drop = match margins.drop {
        Drop::Share(share) => format!("{} %", short(100.0 * share)),
        Drop::Absolute(drop) => figure(drop),
    };
    let chips = margins.chips;
    let mut page = format!("# Margins of {metric}\n\n");
    if !command.is_empty() {
        page += &format!("```sh\n{command}\n```\n\n");
    }
    page += &format!(
        "How much of each effect, alone, {chips} chips bear before their {metric} is worse by \
         {drop} than that of the same chip without it. The mean over the chips has its 95 % \
         interval (Student's t); a chip that bears the largest value tried counts with that value.\
         \n\n"
    );
    let head = [
        "key",
        "borne, mean",
        "95 % interval",
        "worst chip",
        "each chip",
        "tried up to",
        "without",
    ];
    let rows = margins.keys.iter().zip(dimensions);
    table(&mut page, &head, rows.map(|(m, d)| row(m, *d, figure(m.without))));
    page::files(&mut page, &FILES, dir);
    page
}

fn row(margin: &Margin, dimension: Dimension, without: String) -> Vec<String> {
    let text = |value: f64| format_short(value, dimension);
    let bound = |value: f64| match margin.smallest {
        true => format!("at least {}", text(value)),
        false => text(value),
    };
    let worst = match margin.smallest {
        true => margin.values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        false => margin.values.iter().copied().fold(f64::INFINITY, f64::min),
    };
    let each = margin.values.iter().map(|value| text(*value)).collect::<Vec<_>>().join(", ");
    let most = match margin.unbroken {
        0 => text(margin.most),
        n => format!("{}, kept there by {n}", text(margin.most)),
    };
    vec![
        format!("`{}`", margin.key),
        bound(margin.mean),
        margin.half_width.map_or_else(String::new, |width| format!("± {}", text(width))),
        bound(worst),
        each,
        most,
        without,
    ]
}
