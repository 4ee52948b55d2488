//! Expressions in both dialects: refused with a range of the text, or read, differentiated and
//! written so that the same is read again.
#![no_main]

use eqcircuit::netlist::expression::{Dialect, Leaf, parse};
use libfuzzer_sys::fuzz_target;

fn name(leaf: &Leaf) -> String {
    match leaf {
        Leaf::Voltage(a, None) => format!("v({a})"),
        Leaf::Voltage(a, Some(b)) => format!("v({a}, {b})"),
        Leaf::Current(device) => format!("i({device})"),
        Leaf::Time => "time".into(),
        Leaf::Temperature => "temper".into(),
        Leaf::Name(name) => name.clone(),
    }
}

fuzz_target!(|text: &str| {
    for dialect in [Dialect::Home, Dialect::Spice] {
        let read = match parse(text, dialect) {
            Ok(read) => read,
            Err(fault) => {
                assert!(fault.range.start <= fault.range.end && fault.range.end <= text.len());
                assert!(text.is_char_boundary(fault.range.start));
                assert!(text.is_char_boundary(fault.range.end));
                continue;
            }
        };
        let leaves: Vec<f64> = (0..read.leaves().len()).map(|k| 0.7 - 0.4 * k as f64).collect();
        let mut slopes = vec![0.0; leaves.len()];
        let value = read.gradient(&leaves, &mut slopes);
        let written = read.text(dialect, &name);
        let again = match parse(&written, dialect) {
            Ok(again) => again,
            // Parentheses may nest deeper than the precedence that they stand for.
            Err(e) if e.message.contains("too deep") || e.message.contains("too many") => continue,
            Err(e) => panic!("{text:?} is written {written:?}, which is refused: {e:?}"),
        };
        let second = again.value(&leaves[..again.leaves().len()]);
        let same = value.to_bits() == second.to_bits() || (value.is_nan() && second.is_nan());
        let close = (value - second).abs() <= 1e-12 * value.abs();
        assert!(same || close, "{text:?} is {value}, {written:?} is {second}");
    }
});
