//! What the pages of all reports have in common, in Markdown.

use std::path::Path;

use super::figure::{Figure, minus, prefix};
use crate::numerics::math;
use crate::run::record::{ExpectRecord, Head};

/// Title, command, the settings of the run with `rows` among them, notes and expectations.
pub fn head(page: &mut String, head: &Head, rows: Vec<(&str, String)>) {
    *page += &format!("# {}\n\n", head.title);
    if !head.command.is_empty() {
        *page += &format!("```sh\n{}\n```\n\n", head.command);
    }
    let first = [("file", format!("`{}`", head.file)), ("engine", head.engine.clone())];
    let last = [
        ("seed", head.seed.to_string()),
        ("version", format!("eqcircuit {}", head.version)),
        ("started", head.started.clone()),
        ("duration", quantity(head.duration, "s")),
    ];
    let rows = first.into_iter().chain(rows).chain(last);
    table(page, &["", ""], rows.map(|(k, v)| vec![k.to_string(), v]));
    for note in &head.notes {
        *page += &format!("> Note: {note}.\n\n");
    }
    expectations(page, head);
}

/// All figures, each with its title and caption.
pub fn figures(page: &mut String, figures: &[Figure]) {
    if !figures.is_empty() {
        *page += "## Figures\n\n";
    }
    for figure in figures {
        let Figure { name, title, caption, .. } = figure;
        *page +=
            &format!("### {title}\n\n![{title}]({name}.svg)\n\n{caption} ([PNG]({name}.png))\n\n");
    }
}

/// The files of a run that are there; `dir` is only asked which.
pub fn files(page: &mut String, files: &[(&str, &str)], dir: &Path) {
    *page += "## Files\n\n| file | what |\n|---|---|\n";
    for (name, what) in files.iter().filter(|(name, _)| dir.join(name).exists()) {
        *page += &format!("| [{name}]({name}) | {what} |\n");
    }
}

fn expectations(page: &mut String, head: &Head) {
    if head.expect.is_empty() {
        return;
    }
    *page += "## Expectations\n\n";
    let bound = |b: Option<f64>| b.map_or_else(String::new, |v| digits(v, 7));
    let placed = head.expect.iter().any(|e| !e.at.is_empty());
    let place = |e: &ExpectRecord| match e.at.is_empty() {
        true => "every point".to_string(),
        false => e.place(),
    };
    let header = ["figure", "at", "value", "at least", "at most", ""];
    let shown = |column: &usize| placed || *column != 1;
    let header: Vec<&str> = (0..header.len()).filter(shown).map(|i| header[i]).collect();
    table(
        page,
        &header,
        head.expect.iter().map(|e| {
            let cells = [
                e.figure.clone(),
                place(e),
                e.value.map_or_else(|| "not in this run".into(), |v| digits(v, 7)),
                bound(e.at_least),
                bound(e.at_most),
                if e.passed { "passed" } else { "**failed**" }.into(),
            ];
            let row = cells.into_iter().enumerate().filter(|(column, _)| shown(column));
            row.map(|(_, cell)| cell).collect()
        }),
    );
}

pub fn table(page: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    *page += &format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        *page += &format!("| {} |\n", cells.join(" | "));
    }
    page.push('\n');
}

/// `123 ns`
pub fn quantity(value: f64, unit: &str) -> String {
    let (prefix, factor) = prefix(value.abs());
    format!("{} {prefix}{unit}", short(value * factor))
}

/// Four significant digits.
pub fn short(value: f64) -> String {
    digits(value, 4)
}

/// A number of significant digits, in plain notation where that is short.
pub fn digits(value: f64, digits: usize) -> String {
    let magnitude = value.abs();
    if value != 0.0 && !(1e-3..1e5).contains(&magnitude) {
        let decimals = if digits > 4 { digits - 1 } else { 2 };
        return minus(&format!("{value:.decimals$e}"));
    }
    let place = if value == 0.0 { 0.0 } else { math::log10(magnitude).floor() };
    let decimals = (digits as f64 - 1.0 - place).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    let zeros = |c| c == '0';
    minus(if decimals > 0 { text.trim_end_matches(zeros).trim_end_matches('.') } else { &text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-0.002_345_6, "−0.002346"),
            (12.345, "12.35"),
            (1234.56, "1235"),
            (80_000.0, "80000"),
            (2.5e-10, "2.50e-10"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(digits(0.213_353_27, 7), "0.2133533");
        assert_eq!(quantity(1.234e-7, "s"), "123.4 ns");
        assert_eq!(quantity(0.0, "V"), "0 V");
    }
}
