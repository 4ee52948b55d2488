//! NumPy's files of one array: what is read is written so that the same is read again.
#![no_main]

use eqcircuit::data::npy::{Element, encode, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(array) = parse(bytes) else { return };
    let again = parse(&encode(&array, Element::F8)).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(array.dimensions, again.dimensions);
    let bits = |a: &eqcircuit::data::npy::Array| -> Vec<u64> {
        a.values.as_slice().iter().map(|x| x.to_bits()).collect()
    };
    assert_eq!(bits(&array), bits(&again));
});
