//! Samples as comma-separated values.
#![no_main]

use eqcircuit::data::csv;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match csv::parse("fuzzed", bytes) {
    Ok(set) => assert!(set.inputs.as_slice().iter().all(|x| x.is_finite())),
    Err(faults) => assert!(!faults.is_empty()),
});
