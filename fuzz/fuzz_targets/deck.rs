//! A SPICE deck: refused with mistakes that can be shown and have a place, or read, and then what it
//! was resolved to, in the home format, is read again.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use eqcircuit::spec::{Library, load};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|text: &str| {
    let file = FOLDER.path().join("fuzzed.cir");
    fs::write(&file, text).unwrap();
    let library = Library::built_in();
    match load(&file, &[], &library) {
        Err(report) => {
            assert!(!report.is_empty());
            assert!(!report.render(false).is_empty());
        }
        Ok(spec) => {
            let resolved = FOLDER.path().join("resolved.toml");
            fs::write(&resolved, spec.resolved_for(FOLDER.path())).unwrap();
            let Err(report) = load(&resolved, &[], &library) else { return };
            panic!("what it was resolved to is refused:\n{}", report.render(false));
        }
    }
});
