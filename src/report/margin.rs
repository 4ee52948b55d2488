//! The specification sheet of `margin`: how much of each effect the chips of a file bear.

use std::fs;
use std::path::Path;

use super::page::{self, short, table};
use super::{Made, ReportError};
use crate::run::sweep_record::unit;
use crate::run::{Drop, EVALUATIONS, MARGIN, Margin, Margins};
use crate::units::{Dimension, format_short};

const FILES: [(&str, &str); 2] = [
    (MARGIN, "the margins, in SI units"),
    (EVALUATIONS, "every value tried, one JSON object a chip and value"),
];

/// The page of a folder of margins.
pub(super) fn make(dir: &Path) -> Result<Made, ReportError> {
    let path = dir.join(MARGIN);
    let text = fs::read_to_string(&path);
    let text = text.map_err(|source| ReportError::Read { path: path.clone(), source })?;
    let margins = serde_json::from_str(&text).map_err(|error| {
        let message = error.to_string();
        ReportError::Record { path, line: error.line(), message }
    })?;
    Ok(Made { figures: Vec::new(), page: sheet(&margins, dir) })
}

/// `index.md` of margins; `dir` is only asked which records there are.
fn sheet(margins: &Margins, dir: &Path) -> String {
    let (metric, command) = (&margins.metric, &margins.command);
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
    let rows = margins.keys.iter();
    table(&mut page, &head, rows.map(|margin| row(margin, figure(margin.without))));
    page::files(&mut page, &FILES, dir);
    page
}

fn row(margin: &Margin, without: String) -> Vec<String> {
    let text = |value: f64| format_short(value, margin.dimension);
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
