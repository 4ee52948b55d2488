//! Pictures and labels in IDX files, packed or not.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use eqcircuit::data::idx;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

// The first byte says where the pictures end and the labels begin.
fuzz_target!(|bytes: &[u8]| {
    let Some((&at, rest)) = bytes.split_first() else { return };
    let (pictures, labels) = rest.split_at(rest.len().min(at.into()));
    let paths = ["pictures", "labels"].map(|name| FOLDER.path().join(name));
    fs::write(&paths[0], pictures).unwrap();
    fs::write(&paths[1], labels).unwrap();
    if let Ok(set) = idx::read("fuzzed", &paths[0], &paths[1]) {
        assert_eq!(set.labels.map(|l| l.len()), Some(set.inputs.rows()));
    }
});
