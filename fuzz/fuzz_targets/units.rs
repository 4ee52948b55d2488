//! Quantities: what is read can be written exactly and read again.
#![no_main]

use eqcircuit::units::{Range, format_exact, format_short, parse, parse_any};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((value, dimension)) = parse_any(text) else { return };
    let exact = format_exact(value, dimension);
    assert_eq!(parse(&exact, dimension, Range::Any), Ok(value), "{text:?} written as {exact:?}");
    format_short(value, dimension);
});
