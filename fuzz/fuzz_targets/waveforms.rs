//! Waveforms as comma-separated values, and expressions of them: the text is a table, a line of
//! dashes, and an expression. What is read is written so that the same is read again.
#![no_main]

use eqcircuit::data::table::{parse, write};
use eqcircuit::data::waves::Waves;
use libfuzzer_sys::fuzz_target;

const APART: &str = "\n---\n";

/// All numbers, column by column; there is one NaN alone.
fn bits(waves: &Waves) -> Vec<[u64; 2]> {
    let bits = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
    let columns = waves.columns.iter().map(|c| &c.values);
    columns.flat_map(|v| (0..v.len()).map(|k| v.at(k).map(bits))).collect()
}

fuzz_target!(|text: &str| {
    let (table, expression) = text.split_once(APART).unwrap_or((text, "v(a)/v(b)"));
    let Ok(waves) = parse("fuzzed", table.as_bytes()) else { return };
    let mut file = Vec::new();
    write(&mut file, &waves).unwrap();
    let again = parse("fuzzed", &file).unwrap_or_else(|e| panic!("what was written: {e:?}"));
    assert_eq!(bits(&waves), bits(&again));
    match waves.signal(expression) {
        Ok(signal) => {
            signal.range();
            assert_eq!(signal.decibels().len(), waves.points());
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
});
