//! How far two simulators are apart on one deck.

#![expect(clippy::neg_cmp_op_on_partial_ord, reason = "what is no number must fail")]

use std::collections::BTreeMap;

use nalgebra::Complex;

use crate::deck::{Check, Deck, Kind};
use crate::simulators::{Plot, Results};

/// Measurements of two simulators agree to this, relative to the larger.
pub const MEASURES: f64 = 1e-3;

/// Below these a difference is of no matter: 1 mV and 1 nA in operating points.
const MILLIVOLT: f64 = 1e-3;
const NANOAMPERE: f64 = 1e-9;

/// What came of a deck.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The worst deviation of each analysis, in the measure of its kind.
    pub worst: BTreeMap<Kind, f64>,
    /// The worst of the measurements.
    pub measures: Option<f64>,
    /// The worst error against a closed form, as a share of its tolerance.
    pub closed: Option<f64>,
    /// Everything that is not as it should be, each with deck, analysis, signal, point and values.
    pub problems: Vec<String>,
}

/// The worst point of one analysis.
struct Worst {
    deviation: f64,
    said: String,
}

impl Worst {
    /// Takes a point that is worse; a NaN is the worst.
    fn take(&mut self, deviation: f64, said: impl FnOnce() -> String) {
        if !(deviation <= self.deviation) {
            let deviation = if deviation.is_nan() { f64::INFINITY } else { deviation };
            *self = Worst { deviation, said: said() };
        }
    }
}

impl Verdict {
    fn problem(&mut self, deck: &Deck, text: impl std::fmt::Display) {
        self.problems.push(format!("{}: {text}", deck.name));
    }
}

/// Compares all that two simulators found of a deck.
pub fn compare(deck: &Deck, ours: &Results, theirs: &Results) -> Verdict {
    let mut verdict = Verdict::default();
    for (&kind, plots) in &theirs.plots {
        let empty = Vec::new();
        let mine = ours.plots.get(&kind).unwrap_or(&empty);
        if mine.len() != plots.len() {
            let (word, mine, theirs) = (kind.word(), mine.len(), plots.len());
            verdict.problem(deck, format!("{mine} {word} analyses, ngspice has {theirs}"));
        }
        for (mine, theirs) in mine.iter().zip(plots) {
            match analysis(deck, kind, mine, theirs) {
                Ok(worst) => {
                    let limit = deck.tolerance(kind);
                    let entry = verdict.worst.entry(kind).or_insert(0.0);
                    *entry = entry.max(worst.deviation);
                    if worst.deviation > limit {
                        let said = format!("{:.2e} beyond {limit:.0e}: ", worst.deviation);
                        verdict.problem(deck, said + &worst.said);
                    }
                }
                Err(e) => verdict.problem(deck, format!("{}: {e}", kind.word())),
            }
        }
    }
    for (name, theirs) in &theirs.measures {
        let Some(ours) = ours.measures.get(name) else {
            verdict.problem(deck, format!("{name} was not measured, ngspice has {theirs:e}"));
            continue;
        };
        let deviation = relative(ours - theirs, ours.abs().max(theirs.abs()));
        verdict.measures = Some(verdict.measures.unwrap_or(0.0).max(deviation));
        if !(deviation <= MEASURES) {
            verdict.problem(deck, format!("{name} is {ours:e}, ngspice has {theirs:e}"));
        }
    }
    verdict
}

/// Holds the closed forms against one simulator's results.
pub fn closed_forms(deck: &Deck, results: &Results, whose: &str, verdict: &mut Verdict) {
    for check in &deck.checks {
        match closed_form(check, results) {
            Ok((share, said)) => {
                verdict.closed = Some(verdict.closed.unwrap_or(0.0).max(share));
                if !(share <= 1.0) {
                    verdict.problem(deck, format!("{whose} misses the closed form {said}"));
                }
            }
            Err(e) => verdict.problem(deck, format!("`{}` of {whose}: {e}", check.text)),
        }
    }
}

fn closed_form(check: &Check, results: &Results) -> Result<(f64, String), String> {
    match check.kind {
        None => check.worst(&results.measures, 1),
        Some(kind) => {
            let plots = results.plots.get(&kind).ok_or("there is no such analysis")?;
            check.worst(&plots[0], plots[0].points())
        }
    }
}

/// The worst point of one analysis.
///
/// # Errors
/// If a signal is missing, the axes differ, or ours has not one point.
fn analysis(deck: &Deck, kind: Kind, ours: &Plot, theirs: &Plot) -> Result<Worst, String> {
    if ours.points() == 0 || theirs.points() == 0 {
        return Err("it has no points".into());
    }
    let mut worst = Worst { deviation: 0.0, said: String::new() };
    for (name, reference) in theirs.signals() {
        if name.contains('#') || deck.leave_out.iter().any(|n| n == name) {
            continue;
        }
        let mine = ours.column(name).ok_or_else(|| format!("{name} is missing"))?;
        if deck.measures_only && kind == Kind::Tran {
            continue;
        }
        let pair = Pair { kind, name, ours, theirs, mine, reference };
        match kind {
            Kind::Tran => pair.in_time(deck.jitter, &mut worst)?,
            _ => pair.pointwise(&mut worst)?,
        }
    }
    Ok(worst)
}

/// One signal in both.
struct Pair<'a> {
    kind: Kind,
    name: &'a str,
    ours: &'a Plot,
    theirs: &'a Plot,
    mine: &'a [Complex<f64>],
    reference: &'a [Complex<f64>],
}

impl Pair<'_> {
    /// The smallest magnitude that deviations are related to.
    fn floor(&self) -> f64 {
        let is_current = self.name.starts_with("i(");
        match self.kind {
            Kind::Op | Kind::Dc | Kind::Tran if is_current => NANOAMPERE,
            Kind::Op | Kind::Dc | Kind::Tran => MILLIVOLT,
            // A billionth of the largest of its like.
            Kind::Ac | Kind::Noise => {
                let like = |name: &str| name.starts_with("i(") == is_current;
                let alike = self.theirs.signals().filter(|(name, _)| like(name));
                1e-9 * alike.flat_map(|(_, c)| c).map(|z| z.norm()).fold(0.0, f64::max)
            }
        }
    }

    fn pointwise(&self, worst: &mut Worst) -> Result<(), String> {
        let (axis, floor) = (self.theirs.axis_values(), self.floor());
        self.same_axis()?;
        for (k, (a, b)) in self.mine.iter().zip(self.reference).enumerate() {
            let scale = a.norm().max(b.norm()).max(floor);
            worst.take(relative((a - b).norm(), scale), || {
                let at = axis.as_ref().map_or(String::new(), |axis| format!(" at {:e}", axis[k]));
                self.said(&at, shown(*a), shown(*b))
            });
        }
        Ok(())
    }

    /// Whether both have the same points, to rounding.
    fn same_axis(&self) -> Result<(), String> {
        let (Some(a), Some(b)) = (self.ours.axis_values(), self.theirs.axis_values()) else {
            return Ok(());
        };
        let reach = b.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        if a.len() != b.len() {
            return Err(format!("{} points, ngspice has {}", a.len(), b.len()));
        }
        match a.iter().zip(&b).find(|(a, b)| !((*a - *b).abs() <= 1e-9 * reach)) {
            Some((a, b)) => Err(format!("its axis has {a:e} where ngspice has {b:e}")),
            None => Ok(()),
        }
    }

    /// At ngspice's times, by straight lines between ours; anything that ours takes within `jitter`
    /// of such a time will do.
    fn in_time(&self, jitter: f64, worst: &mut Worst) -> Result<(), String> {
        let (Some(mine), Some(theirs)) = (self.ours.axis_values(), self.theirs.axis_values())
        else {
            return Err("it has no axis".into());
        };
        let (end, their_end) = (mine[mine.len() - 1], theirs[theirs.len() - 1]);
        if !((end - their_end).abs() <= 1e-6 * their_end) {
            return Err(format!("it ends at {end:e}, ngspice at {their_end:e}"));
        }
        let values: Vec<f64> = self.mine.iter().map(|z| z.re).collect();
        let extreme = |f: fn(f64, f64) -> f64| self.reference.iter().map(|z| z.re).reduce(f);
        let (top, bottom) = (extreme(f64::max).unwrap_or(0.0), extreme(f64::min).unwrap_or(0.0));
        let swing = (top - bottom).max(self.floor());
        for (&t, b) in theirs.iter().zip(self.reference) {
            let (low, high) = range(&mine, &values, t - jitter, t + jitter);
            let off = (low - b.re).max(b.re - high).max(0.0);
            let off = if low.is_finite() && high.is_finite() { off } else { f64::NAN };
            worst.take(off / swing, || {
                let mine = match jitter > 0.0 {
                    true => format!("{low:e} to {high:e}"),
                    false => format!("{low:e}"),
                };
                self.said(&format!(" at {t:e}"), mine, format!("{:e} (swing {swing:e})", b.re))
            });
        }
        Ok(())
    }

    fn said(&self, at: &str, ours: String, theirs: String) -> String {
        format!("{} {}{at} is {ours}, ngspice has {theirs}", self.kind.word(), self.name)
    }
}

/// The least and greatest value of a piecewise straight line between two times.
fn range(times: &[f64], values: &[f64], from: f64, to: f64) -> (f64, f64) {
    let at = |t: f64| {
        let k = times.partition_point(|&x| x < t);
        match k {
            0 => values[0],
            k if k == times.len() => values[k - 1],
            k => {
                let (a, b) = (times[k - 1], times[k]);
                values[k - 1] + (values[k] - values[k - 1]) * ((t - a) / (b - a))
            }
        }
    };
    let mut found = (at(from), at(from));
    let first = times.partition_point(|&x| x < from);
    let last = times.partition_point(|&x| x <= to);
    for &v in values[first..last.max(first)].iter().chain([&at(to)]) {
        if v.is_nan() {
            return (v, v);
        }
        found = (found.0.min(v), found.1.max(v));
    }
    found
}

fn relative(difference: f64, scale: f64) -> f64 {
    match difference == 0.0 {
        true => 0.0,
        false => difference.abs() / scale,
    }
}

fn shown(z: Complex<f64>) -> String {
    match z.im == 0.0 {
        true => format!("{:e}", z.re),
        false => format!("{:e} {:+e}j", z.re, z.im),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const DECK: &str = "title\n* group: g\n* shows: s\n* check: dc v(a) = 2*v(b) +- 1e-9\n.op\n.dc\n\
                        .tran\n.ac\n.noise\n.meas tran m max v(a)\n.end\n";

    fn deck(header: &str) -> Deck {
        let text = DECK.replacen("* shows: s\n", &format!("* shows: s\n{header}"), 1);
        Deck::parse("deck", &text, PathBuf::from("deck.cir")).unwrap()
    }

    /// All analyses of one ramp, with everything in `a` twice what it is in `b`.
    fn results() -> Results {
        let mut results = Results::default();
        let ramp = |slope: f64| (1..=4).map(|k| Complex::from(slope * f64::from(k))).collect();
        for (kind, name) in [
            (Kind::Op, "Operating Point"),
            (Kind::Dc, "DC transfer characteristic"),
            (Kind::Tran, "Transient Analysis"),
            (Kind::Ac, "AC Analysis"),
            (Kind::Noise, "Noise Spectral Density Curves"),
        ] {
            let names = ["axis", "v(a)", "v(b)", "i(c)"].map(String::from).to_vec();
            let columns = vec![ramp(1.0), ramp(2.0), ramp(1.0), ramp(1e-9)];
            results.plots.insert(kind, vec![Plot { name: name.into(), names, columns }]);
        }
        results.measures.insert("m".into(), 8.0);
        results
    }

    /// The problems of a comparison in which one value of ours is changed.
    fn problems(header: &str, kind: Kind, column: usize, by: f64) -> Vec<String> {
        let mut ours = results();
        ours.plots.get_mut(&kind).unwrap()[0].columns[column][2] += by;
        compare(&deck(header), &ours, &results()).problems
    }

    #[test]
    fn equal_results_have_no_problems() {
        let verdict = compare(&deck(""), &results(), &results());
        assert!(verdict.problems.is_empty(), "{:?}", verdict.problems);
        assert_eq!(verdict.worst.len(), 5);
        assert_eq!(verdict.measures, Some(0.0));
    }

    #[test]
    fn a_deviation_is_found_in_every_analysis() {
        for kind in Kind::ALL {
            let step = 6.0 * kind.tolerance();
            assert_eq!(problems("", kind, 1, 1.1 * step).len(), 1, "{kind:?}");
            assert_eq!(problems("", kind, 1, 0.5 * step).len(), 0, "{kind:?}");
            assert_eq!(problems("", kind, 1, f64::NAN).len(), 1, "{kind:?}");
        }
        let said = &problems("", Kind::Dc, 3, 1e-12)[0];
        assert!(said.contains("deck: 3.33e-4 beyond 1e-6: dc i(c) at 3e0 is 3.001"), "{said}");
        assert_eq!(problems("* leave-out: i(c) (why)\n", Kind::Dc, 3, 1e-12).len(), 0);
        assert_eq!(problems("* tolerance: dc 1e-3\n", Kind::Dc, 3, 1e-12).len(), 0);
        assert_eq!(problems("* compare: measures\n", Kind::Tran, 1, 1.0).len(), 0);
    }

    #[test]
    fn a_late_edge_passes_within_the_jitter_alone() {
        let mut ours = results();
        let tran = &mut ours.plots.get_mut(&Kind::Tran).unwrap()[0];
        for axis in &mut tran.columns[0][..3] {
            *axis += 0.2;
        }
        let late = |header: &str| compare(&deck(header), &ours, &results()).problems.len();
        assert_eq!(late("* jitter: 0.25\n"), 0);
        assert_eq!(late("* jitter: 0.1\n"), 1);
    }

    #[test]
    fn what_is_missing_is_a_problem() {
        let against = |ours: &Results| compare(&deck(""), ours, &results()).problems;
        let mut ours = results();
        ours.plots.get_mut(&Kind::Ac).unwrap()[0].names[2] = "v(x)".into();
        assert_eq!(against(&ours), ["deck: ac: v(b) is missing"]);
        let mut ours = results();
        ours.plots.remove(&Kind::Noise);
        assert_eq!(against(&ours), ["deck: 0 noise analyses, ngspice has 1"]);
        let mut ours = results();
        ours.measures.clear();
        assert_eq!(against(&ours), ["deck: m was not measured, ngspice has 8e0"]);
        let mut ours = results();
        ours.plots.get_mut(&Kind::Dc).unwrap()[0].columns[0][1] += 0.1;
        assert_eq!(against(&ours), ["deck: dc: its axis has 2.1e0 where ngspice has 2e0"]);
        let mut ours = results();
        for column in &mut ours.plots.get_mut(&Kind::Tran).unwrap()[0].columns {
            column.truncate(3);
        }
        assert_eq!(against(&ours), ["deck: tran: it ends at 3e0, ngspice at 4e0"]);
    }

    #[test]
    fn closed_forms_are_held_against_results() {
        let mut verdict = Verdict::default();
        closed_forms(&deck(""), &results(), "ours", &mut verdict);
        assert_eq!((verdict.problems.len(), verdict.closed), (0, Some(0.0)));
        for (column, by) in [(1, 2e-9), (2, -2e-9), (1, f64::NAN)] {
            let mut ours = results();
            ours.plots.get_mut(&Kind::Dc).unwrap()[0].columns[column][1] += by;
            let mut verdict = Verdict::default();
            closed_forms(&deck(""), &ours, "ours", &mut verdict);
            assert_eq!(verdict.problems.len(), 1, "column {column} by {by}");
        }
    }

    #[test]
    fn headers_are_strict() {
        let no = |header: &str| {
            let text = DECK.replacen("* shows: s\n", &format!("* shows: s\n{header}\n"), 1);
            Deck::parse("deck", &text, PathBuf::from("deck.cir")).unwrap_err()
        };
        assert!(no("* chekc: op v(a) = 1 +- 1").contains("README"));
        assert!(no("* check: op v(a) = 1").contains("TOLERANCE"));
        assert!(no("* check: opp v(a) = 1 +- 1").contains("ANALYSIS"));
        assert!(no("* check: op v(a) = frob(1) +- 1").contains("frob"));
        assert!(no("* tolerance: opp 1").contains("analysis"));
        assert!(no("* jitter: soon").contains("soon"));
        assert!(no("* leave-out: v(a)").contains("reason"));
        let lost = DECK.replace("* group: g\n", "");
        assert!(Deck::parse("deck", &lost, PathBuf::from("deck.cir")).is_err());
    }
}
