//! Waveforms and matrices in and out of files, and signals by expression.

#[path = "../common/ngspice.rs"]
#[allow(dead_code)]
mod ngspice;

mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod pictures;
mod raw;
mod signal;
mod table;

use eqcircuit::data::waves::{Column, ColumnKind, Values, Waves};
use proptest::prelude::*;

fn column(name: &str, kind: ColumnKind, values: Values) -> Column {
    Column { name: name.into(), kind, values }
}

fn bits(values: &Values) -> Vec<[u64; 2]> {
    (0..values.len()).map(|i| values.at(i).map(f64::to_bits)).collect()
}

/// Asserts the same waveforms to the bit.
#[track_caller]
fn assert_same(a: &Waves, b: &Waves) {
    assert_eq!((&a.title, &a.plot), (&b.title, &b.plot));
    assert_eq!(a.columns.len(), b.columns.len());
    for (a, b) in a.columns.iter().zip(&b.columns) {
        assert_eq!((&a.name, a.kind), (&b.name, b.kind));
        assert_eq!(a.values.is_complex(), b.values.is_complex(), "{}", a.name);
        assert_eq!(bits(&a.values), bits(&b.values), "{}", a.name);
    }
}

/// Any numbers but those that are none: their bits have no decimals.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("a number", |v| !v.is_nan()),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::MIN_POSITIVE / 8.0)
    ]
}

/// Waveforms of an analysis, with names and titles as files have them.
fn waves() -> impl Strategy<Value = Waves> {
    let plots = prop_oneof![
        Just(("Transient Analysis", ColumnKind::Time, "time", false)),
        Just(("AC Analysis", ColumnKind::Frequency, "frequency", true)),
        Just(("Noise Spectral Density Curves", ColumnKind::Frequency, "frequency", false)),
        Just(("DC transfer characteristic", ColumnKind::Temperature, "temp-sweep", false)),
    ];
    let names = proptest::collection::vec(("[vi]\\([a-z0-9_.:,+-]{1,8}\\)", 0..10usize), 1..5);
    (plots, names, 0..9usize, "[ -~]{0,20}")
        .prop_flat_map(|(plot, names, points, title)| {
            let count = points * names.len() * 2 + points;
            let numbers = proptest::collection::vec(number(), count);
            (Just((plot, names, points, title)), numbers)
        })
        .prop_map(|(((plot, kind, axis, complex), names, points, title), numbers)| {
            let mut numbers = numbers.into_iter();
            let mut real = || numbers.by_ref().take(points).collect::<Vec<f64>>();
            let mut columns = vec![column(axis, kind, Values::Real(real()))];
            for (name, kind) in names {
                let values = match complex {
                    true => {
                        Values::Complex(real().into_iter().zip(real()).map(Into::into).collect())
                    }
                    false => Values::Real(real()),
                };
                columns.push(column(&name, ColumnKind::ALL[kind], values));
            }
            Waves { title: title.trim().into(), plot: plot.into(), columns }
        })
}
