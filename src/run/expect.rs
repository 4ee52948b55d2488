//! Figures over all samples, and `[expect]`: what a file promises about them.

use std::collections::BTreeMap;

use super::Found;
use super::record::{ExpectRecord, SECONDS, Totals};
use crate::spec::{Expect, Verb};

/// Holds every promise against the run.
///
/// `settled` is the fraction of the samples that settled, `accuracy` the fraction of right
/// predictions, `settling-time` the largest \[s\] over the samples that settled, `residual` the
/// largest over all samples. Figures of other verbs are not judged. One that the run should have
/// and has not fails, but where time is not
/// counted in seconds a settling time is not judged, which `notes` then say.
pub(super) fn evaluate(
    expect: &[Expect],
    verb: Verb,
    found: &Found,
    totals: &Totals,
    notes: &mut Vec<String>,
) -> Vec<ExpectRecord> {
    let in_seconds = found.clock.as_deref() == Some(SECONDS);
    let mut judged = Vec::new();
    for e in expect.iter().filter(|e| e.is_of(verb)) {
        let value = match e.figure.as_str() {
            "settled" => {
                (totals.samples > 0).then(|| totals.settled as f64 / totals.samples as f64)
            }
            "accuracy" | "test-accuracy" => totals.accuracy,
            "settling-time" if !in_seconds => {
                notes.push("settling-time was not judged: this analysis has no time".into());
                continue;
            }
            "settling-time" => totals.settling_time_largest,
            "residual" => totals.residual_largest,
            other => node(found, other),
        };
        judged.push(judge(e, value));
    }
    judged
}

/// A measured figure, or the value of `v(node)` of a device netlist: the operating point, or the
/// end of the transient.
fn node(found: &Found, name: &str) -> Option<f64> {
    let measures = found.study.as_ref().map_or(&[][..], |study| &study.measures);
    if let Some(measure) = measures.iter().find(|m| m.name == name) {
        return measure.value;
    }
    if let Some(op) = &found.op {
        return op.iter().find(|v| v.name == name).map(|v| v.value);
    }
    let tran = found.waves.iter().find(|(file, _)| file == "tran.raw");
    if let Some(column) = tran.and_then(|(_, waves)| waves.column(name)) {
        return Some(column.values.at(column.values.len() - 1)[0]);
    }
    let table = found.waveforms.as_ref()?;
    let column = table.header.iter().position(|h| h.strip_suffix("_V") == Some(name))?;
    table.rows.last().map(|row| row[column])
}

/// Holds a promise against what came of it; `None` fails.
pub(super) fn judge(expect: &Expect, value: Option<f64>) -> ExpectRecord {
    let Expect { figure, at_least, at_most } = expect.clone();
    let within =
        |v: f64| at_least.is_none_or(|least| v >= least) && at_most.is_none_or(|most| v <= most);
    let (passed, at) = (value.is_some_and(within), BTreeMap::new());
    ExpectRecord { figure, value, at_least, at_most, passed, at }
}

/// The words of outcomes that came to their end.
const DONE: [&str; 2] = ["settled", "finished"];

/// Figures over all samples.
pub(super) fn totals(found: &Found, wall_time: f64) -> Totals {
    let samples = &found.samples;
    let mut times: Vec<f64> = samples.iter().filter_map(|s| s.settling_time).collect();
    times.sort_by(f64::total_cmp);
    let labelled: Vec<bool> =
        samples.iter().filter_map(|s| s.label.map(|label| s.prediction == Some(label))).collect();
    let parts = samples.first().map(|s| s.energy.keys().cloned().collect::<Vec<_>>());
    let mean_part = |part: &String| {
        let values: Option<Vec<f64>> = samples.iter().map(|s| s.energy[part]).collect();
        values.map(|v| v.iter().sum::<f64>() / v.len() as f64)
    };
    Totals {
        samples: samples.len(),
        settled: samples.iter().filter(|s| DONE.contains(&s.outcome.as_str())).count(),
        accuracy: (!labelled.is_empty()).then(|| {
            labelled.iter().filter(|&&right| right).count() as f64 / labelled.len() as f64
        }),
        settling_time_largest: times.last().copied(),
        settling_time_median: (!times.is_empty())
            .then(|| 0.5 * (times[(times.len() - 1) / 2] + times[times.len() / 2])),
        residual_largest: samples
            .iter()
            .map(|s| s.residual)
            .collect::<Option<Vec<f64>>>()
            .and_then(|r| r.into_iter().reduce(f64::max)),
        energy: parts
            .unwrap_or_default()
            .into_iter()
            .map(|part| (part.clone(), mean_part(&part)))
            .collect(),
        cells: found.cells,
        clipped: found.clipped,
        pulses: found.pulses,
        work: found.work,
        wall_time,
    }
}
