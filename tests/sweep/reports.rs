//! Reports that are kept hold what their files claim.

use std::fs;

use super::*;
use eqcircuit::spec::{Expect, Sweep};

/// Whether a run keeps a promise of its file.
fn keeps(record: &PointRecord, expect: &Expect) -> bool {
    let value = record.figures.get(&expect.figure).copied();
    let above = |v: f64| expect.at_least.is_none_or(|least| v >= least);
    value.is_some_and(|v| above(v) && expect.at_most.is_none_or(|most| v <= most))
}

fn check(name: &str, spec: &Spec, sweep: &Sweep) {
    let lines = fs::read_to_string(Path::new("reports").join(name).join("results.jsonl")).unwrap();
    let mut seen = vec![false; sweep.claims.len()];
    for line in lines.lines() {
        let record: PointRecord = serde_json::from_str(line).unwrap();
        let settings = sweep.axes.iter().zip(sweep.settings(record.point));
        for (axis, setting) in settings {
            assert_eq!(record.edits.get(&axis.key), setting.as_ref(), "{name}: another sweep");
        }
        for claim in sweep.claims_at(record.point) {
            assert!(keeps(&record, &claim.expect), "{name}: {:?} of {}", claim, record.place());
            seen[sweep.claims.iter().position(|known| known == claim).unwrap()] = true;
        }
        for expect in spec.expect.iter().filter(|expect| expect.is_of(sweep.run)) {
            assert!(keeps(&record, expect), "{name}: {expect:?} of {}", record.place());
        }
    }
    assert!(seen.iter().all(|seen| *seen), "{name}: a claim about no run");
}

/// What a kept sweep was held to when it was made.
fn check_verdicts(name: &str, folder: &Path) {
    let expect = record(folder).head.expect;
    assert!(!expect.is_empty(), "{name}: nothing was promised");
    for e in &expect {
        assert!(e.passed, "{name}: {} {} = {:?}", e.figure, e.place(), e.value);
    }
}

#[test]
fn kept_reports_hold_what_their_files_claim() {
    let mut names = Vec::new();
    for entry in fs::read_dir("netlists").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let folder = Path::new("reports").join(&name);
        let is_file = path.extension().is_some_and(|extension| extension == "toml");
        if !folder.join("results.jsonl").exists() || !is_file {
            continue;
        }
        // The data of these are not bundled, without which their files are refused.
        if name.starts_with("mnist") || name.starts_with("cifar") {
            if fs::read_to_string(&path).unwrap().contains("\n[sweep]\n") {
                check_verdicts(&name, &folder);
                names.push(name);
            }
            continue;
        }
        let spec = read(&path, &[]);
        if let Some(sweep) = &spec.sweep {
            check(&name, &spec, sweep);
            names.push(name);
        }
    }
    for known in ["digits-tiles", "mnist-tiles", "cifar-chain-imperfections"] {
        assert!(names.iter().any(|name| name == known), "{names:?}");
    }
}
