//! The page of a run.

use std::fmt::Write;
use std::path::Path;

use super::figure::Figure;
use super::page::{quantity, short, table};
use super::records::Records;
use crate::run::record::{self, RunRecord, SampleRecord, SubjectRecord};
use crate::spec::Verb;

/// Most samples in the table.
const SHOWN: usize = 20;
/// Most classes of the confusion table.
const MOST_CLASSES: usize = 20;
/// Most lines of the operating point of a device netlist.
const VALUES: usize = 40;

/// `index.md`; `dir` is only asked which records there are.
pub fn page(records: &Records, figures: &[Figure], dir: &Path) -> String {
    let run = &records.run;
    let mut page = String::new();
    head(&mut page, run);
    totals(&mut page, run);
    if run.head.verb == Verb::Evaluate.name() {
        confusion(&mut page, records);
    }
    samples(&mut page, records);
    operating_point(&mut page, records);
    super::page::figures(&mut page, figures);
    super::page::files(&mut page, &record::FILES, dir);
    page
}

fn head(page: &mut String, run: &RunRecord) {
    let mut rows = vec![("analysis", run.analysis.clone())];
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
    super::page::head(page, &run.head, rows);
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
    put("pulses a cell", t.pulses.map(|n| format!("{n:.2}")));
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

/// How often which label got which prediction.
fn confusion(page: &mut String, records: &Records) {
    let pairs: Vec<(usize, Option<usize>)> =
        records.samples.iter().filter_map(|s| Some((s.label?, s.prediction))).collect();
    let classes = pairs.iter().map(|(l, p)| 1 + *l.max(&p.unwrap_or(0))).max().unwrap_or(0);
    if !(2..=MOST_CLASSES).contains(&classes) {
        return;
    }
    let count = |l, p| pairs.iter().filter(|pair| **pair == (l, p)).count();
    let head: Vec<String> = (0..classes).map(|p| p.to_string()).collect();
    let head: Vec<&str> = std::iter::once("label").chain(head.iter().map(String::as_str)).collect();
    *page += "## Confusion\n\nSamples by label (row) and prediction (column).\n\n";
    table(
        page,
        &head,
        (0..classes).map(|label| {
            let cell = |p| match count(label, Some(p)) {
                0 => String::new(),
                n if p == label => format!("**{n}**"),
                n => n.to_string(),
            };
            std::iter::once(label.to_string()).chain((0..classes).map(cell)).collect()
        }),
    );
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
