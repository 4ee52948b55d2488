//! The page of a run.

use std::fmt::Write;
use std::path::Path;

use super::figure::{Figure, minus, prefix};
use super::records::Records;
use crate::numerics::math;
use crate::run::record::{self, RunRecord, SampleRecord, SubjectRecord};

/// Most samples in the table.
const SHOWN: usize = 20;
/// Most lines of the operating point of a device netlist.
const VALUES: usize = 40;

/// `index.md`; `dir` is only asked which records there are.
pub fn page(records: &Records, figures: &[Figure], dir: &Path) -> String {
    let run = &records.run;
    let mut page = format!("# {}\n\n", run.title);
    head(&mut page, run);
    for note in &run.notes {
        page += &format!("> Note: {note}.\n\n");
    }
    expectations(&mut page, run);
    totals(&mut page, run);
    samples(&mut page, records);
    operating_point(&mut page, records);
    if !figures.is_empty() {
        page += "## Figures\n\n";
    }
    for figure in figures {
        let Figure { name, title, caption, .. } = figure;
        page +=
            &format!("### {title}\n\n![{title}]({name}.svg)\n\n{caption} ([PNG]({name}.png))\n\n");
    }
    page += "## Files\n\n| file | what |\n|---|---|\n";
    for (name, what) in record::FILES.into_iter().filter(|(name, _)| dir.join(name).exists()) {
        page += &format!("| [{name}]({name}) | {what} |\n");
    }
    page
}

fn head(page: &mut String, run: &RunRecord) {
    if !run.command.is_empty() {
        *page += &format!("```sh\n{}\n```\n\n", run.command);
    }
    let mut rows = vec![
        ("file", format!("`{}`", run.file)),
        ("engine", run.engine.clone()),
        ("analysis", run.analysis.clone()),
        ("seed", run.seed.to_string()),
        ("version", format!("eqcircuit {}", run.version)),
        ("started", run.started.clone()),
        ("duration", quantity(run.duration, "s")),
    ];
    if let SubjectRecord::Network(network) = &run.subject {
        let layers: Vec<String> = network
            .layers
            .iter()
            .map(|l| format!("{} {} ({})", l.name, l.size, l.activation))
            .collect();
        rows.push(("layers", layers.join(", ")));
        rows.push(("inputs", network.data.clone()));
    }
    if let SubjectRecord::Devices { nodes, devices } = run.subject {
        rows.push(("netlist", format!("{devices} devices on {nodes} nodes")));
    }
    if let Some(beta) = run.nudge {
        rows.push(("nudged", format!("toward the labels, beta = {beta}")));
    }
    table(page, &["", ""], rows.into_iter().map(|(k, v)| vec![k.to_string(), v]));
}

fn expectations(page: &mut String, run: &RunRecord) {
    if run.expect.is_empty() {
        return;
    }
    *page += "## Expectations\n\n";
    let bound = |b: Option<f64>| b.map_or_else(String::new, |v| digits(v, 7));
    table(
        page,
        &["figure", "value", "at least", "at most", ""],
        run.expect.iter().map(|e| {
            vec![
                e.figure.clone(),
                e.value.map_or_else(|| "not in this run".into(), |v| digits(v, 7)),
                bound(e.at_least),
                bound(e.at_most),
                if e.passed { "passed" } else { "**failed**" }.into(),
            ]
        }),
    );
}

fn totals(page: &mut String, run: &RunRecord) {
    let t = &run.totals;
    let mut rows = vec![("samples", t.samples.to_string()), ("settled", t.settled.to_string())];
    let mut put = |name, value: Option<String>| rows.extend(value.map(|v| (name, v)));
    put("accuracy", t.accuracy.map(|a| format!("{:.2} %", 100.0 * a)));
    put("settling time, median", t.settling_time_median.map(|v| quantity(v, "s")));
    put("settling time, largest", t.settling_time_largest.map(|v| quantity(v, "s")));
    put("residual, largest", t.residual_largest.map(short));
    let counted = |n: usize| (n > 0).then(|| n.to_string());
    put("cells", counted(t.cells));
    put("weights clipped", counted(t.clipped));
    put("steps", counted(t.work.steps));
    put("steps rejected", counted(t.work.rejected));
    put("evaluations", counted(t.work.evaluations));
    put("Newton iterations", counted(t.work.newton));
    put("factorisations", counted(t.work.factorisations));
    *page += "## Totals\n\n";
    table(page, &["", ""], rows.into_iter().map(|(k, v)| vec![k.to_string(), v]));
    if !t.energy.is_empty() {
        *page += "Energy of the model at the end, mean over the samples, by part:\n\n";
        let parts = t.energy.iter().map(|(part, v)| (part.clone(), *v));
        let sum = t.energy.values().copied().sum::<Option<f64>>();
        table(
            page,
            &["part", "energy"],
            parts
                .chain([("sum".to_string(), sum)])
                .map(|(part, v)| vec![part, v.map_or_else(|| "not finite".into(), short)]),
        );
    }
}

fn samples(page: &mut String, records: &Records) {
    if !matches!(records.run.subject, SubjectRecord::Network(_)) {
        if let Some(only) = records.samples.first() {
            *page += &format!("Outcome: {}.\n\n", only.message);
        }
        return;
    }
    let all = &records.samples;
    *page += "## Samples\n\n";
    if all.len() > SHOWN {
        let _ = writeln!(page, "The first {SHOWN} of {}; all are in results.csv.\n", all.len());
    }
    table(
        page,
        &["sample", "label", "prediction", "outcome", "settling", "residual"],
        all.iter().take(SHOWN).map(|s| {
            let place = |p: Option<usize>| p.map_or_else(String::new, |p| p.to_string());
            let residual = s.residual.map_or_else(|| "not finite".into(), short);
            vec![
                s.sample.to_string(),
                place(s.label),
                place(s.prediction),
                s.outcome.clone(),
                settling(s),
                residual,
            ]
        }),
    );
    let mut troubled = all.iter().filter(|s| s.outcome != "settled");
    if let Some(first) = troubled.next() {
        let count = 1 + troubled.count();
        *page += &format!(
            "{count} of {} samples did not settle; the first of them: {}.\n\n",
            all.len(),
            first.message
        );
    }
}

fn settling(sample: &SampleRecord) -> String {
    match (sample.settling_time, sample.iterations) {
        (Some(t), _) => quantity(t, "s"),
        (None, Some(n)) => format!("{n} iterations"),
        (None, None) => String::new(),
    }
}

fn operating_point(page: &mut String, records: &Records) {
    let SubjectRecord::Devices { .. } = records.run.subject else { return };
    if records.operating_point.is_empty() {
        return;
    }
    *page += "## Operating point\n\n";
    let all = &records.operating_point;
    if all.len() > VALUES {
        *page += &format!("The first {VALUES} of {}; all are in op.csv.\n\n", all.len());
    }
    table(
        page,
        &["name", "value"],
        all.iter()
            .take(VALUES)
            .map(|(name, value, unit)| vec![format!("`{name}`"), quantity(*value, unit)]),
    );
}

fn table(page: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    *page += &format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        *page += &format!("| {} |\n", cells.join(" | "));
    }
    page.push('\n');
}

/// `123 ns`
fn quantity(value: f64, unit: &str) -> String {
    let (prefix, factor) = prefix(value.abs());
    format!("{} {prefix}{unit}", short(value * factor))
}

/// Four significant digits.
fn short(value: f64) -> String {
    digits(value, 4)
}

/// A number of significant digits, in plain notation where that is short.
fn digits(value: f64, digits: usize) -> String {
    let magnitude = value.abs();
    if value != 0.0 && !(1e-3..1e5).contains(&magnitude) {
        return minus(&format!("{value:.2e}"));
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
