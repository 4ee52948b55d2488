//! Raw files of waveforms: what is read is written, in both formats, so that the same is read again.
#![no_main]

use eqcircuit::data::raw::{Format, parse, write};
use eqcircuit::data::waves::Waves;
use libfuzzer_sys::fuzz_target;

/// The bits of all numbers, column by column. Text has one NaN alone.
fn bits(waves: &Waves, format: Format) -> Vec<[u64; 2]> {
    let bits = |x: f64| match format == Format::Ascii && x.is_nan() {
        true => f64::NAN.to_bits(),
        false => x.to_bits(),
    };
    let columns = waves.columns.iter().map(|c| &c.values);
    columns.flat_map(|v| (0..v.len()).map(|k| v.at(k).map(bits))).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(plots) = parse(bytes) else { return };
    for format in [Format::Binary, Format::Ascii] {
        let mut file = Vec::new();
        for plot in &plots {
            write(&mut file, plot, format).unwrap();
        }
        let again = parse(&file).unwrap_or_else(|e| panic!("{format:?} is refused: {e:?}"));
        assert_eq!(plots.len(), again.len());
        for (a, b) in plots.iter().zip(&again) {
            assert_eq!(bits(a, format), bits(b, format), "{format:?}");
        }
    }
});
