//! Runs of small files, and whether two of them left the same.

use std::fs;
use std::path::Path;

use eqcircuit::run::record;
use eqcircuit::run::{Manner, Options, Trained, train};
use eqcircuit::spec::{self, Edit, Library, Spec};

/// What must be the same bits in every training of the same file.
const RESULTS: [&str; 5] =
    [record::RESULTS, record::RESULTS_CSV, record::CHECKPOINT, record::WEIGHTS, record::CHIP];

/// A file without mistakes.
pub fn load(path: &Path, edits: &[&str]) -> Spec {
    let edits: Vec<Edit> = edits.iter().map(|e| Edit::new(*e)).collect();
    match spec::load(path, &edits, &Library::beside(path)) {
        Ok(spec) => spec,
        Err(report) => panic!("{}", report.render(false)),
    }
}

pub fn options(out: &Path, manner: Manner) -> Options {
    Options { out: Some(out.to_path_buf()), quiet: true, manner, ..Options::default() }
}

pub fn trained(spec: &Spec, out: &Path) -> Trained {
    train(spec, &options(out, Manner::Fresh)).unwrap()
}

#[track_caller]
pub fn expect_same_bits(one: &Path, other: &Path) {
    for name in RESULTS {
        let [a, b] = [one, other].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(a == b, "{name} of {} and {}", one.display(), other.display());
    }
}
