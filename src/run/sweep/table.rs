//! The records of a sweep as a table, one row a run.

use std::collections::BTreeSet;

use super::record::{AxisRecord, PointRecord, unit};
use crate::run::write::{cell, number};

/// The names of all figures, sorted.
fn figures(records: &[PointRecord]) -> Vec<&str> {
    let names: BTreeSet<&str> =
        records.iter().flat_map(|record| record.figures.keys().map(String::as_str)).collect();
    names.into_iter().collect()
}

/// The name of a column: that of what is in it, with its unit.
fn column(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_string() } else { format!("{name}_{unit}") }
}

/// As CSV; the values of axes as people write them, empty where a point has the file's own.
pub fn csv(axes: &[AxisRecord], records: &[PointRecord]) -> Vec<u8> {
    let figures = figures(records);
    let keys = axes.iter().map(|axis| axis.key.clone());
    let header: Vec<String> = ["point", "chip", "chip-seed"]
        .map(String::from)
        .into_iter()
        .chain(keys)
        .chain(["outcome".to_string()])
        .chain(figures.iter().map(|name| column(name, unit(name))))
        .chain(["message".to_string()])
        .collect();
    let rows = records.iter().map(|record| {
        let values = axes.iter().map(|axis| cell(record.edits.get(&axis.key)));
        let figures =
            figures.iter().map(|name| cell(record.figures.get(*name).copied().map(number)));
        let row: Vec<String> =
            [record.point.to_string(), record.chip.to_string(), record.chip_seed.to_string()]
                .into_iter()
                .chain(values)
                .chain([record.outcome.clone()])
                .chain(figures)
                .chain([record.message.clone().unwrap_or_default()])
                .collect();
        row
    });
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in [header].into_iter().chain(rows) {
        table.write_record(row).expect("all rows are as long as the header");
    }
    table.into_inner().expect("a vector takes everything")
}

/// As Parquet: quantities, those of axes too, as doubles in SI with the unit in the name of the
/// column, everything else as text.
///
/// # Errors
/// When it cannot be encoded.
#[cfg(feature = "parquet")]
pub fn parquet(
    title: &str,
    axes: &[AxisRecord],
    records: &[PointRecord],
) -> Result<Vec<u8>, crate::data::DataFault> {
    use crate::data::parquet::{Cells, write_rows};
    let whole = |name: &str, of: &dyn Fn(&PointRecord) -> u64| {
        (name.to_string(), Cells::Whole(records.iter().map(of).collect()))
    };
    let text = |name: &str, of: &dyn Fn(&PointRecord) -> Option<String>| {
        (name.to_string(), Cells::Text(records.iter().map(of).collect()))
    };
    let mut columns = vec![
        whole("point", &|r| r.point as u64),
        whole("chip", &|r| r.chip as u64),
        whole("chip-seed", &|r| r.chip_seed),
    ];
    for AxisRecord { key, .. } in axes {
        let words: Vec<Option<&String>> = records.iter().map(|r| r.edits.get(key)).collect();
        columns.push(match quantities(&words) {
            Some((values, symbol)) => (column(key, symbol), Cells::Number(values)),
            None => text(key, &|r| r.edits.get(key).cloned()),
        });
    }
    columns.push(text("outcome", &|r| Some(r.outcome.clone())));
    for name in figures(records) {
        let values = records.iter().map(|r| r.figures.get(name).copied()).collect();
        columns.push((column(name, unit(name)), Cells::Number(values)));
    }
    columns.push(text("message", &|r| r.message.clone()));
    let mut bytes = Vec::new();
    write_rows(&mut bytes, title, &columns)?;
    Ok(bytes)
}

/// The words of an axis in SI, and the symbol of their unit; `None` if they are no quantities of
/// one kind.
#[cfg(feature = "parquet")]
fn quantities(words: &[Option<&String>]) -> Option<(Vec<Option<f64>>, &'static str)> {
    use crate::units::{Dimension, parse_any};
    let mut dimension: Option<Dimension> = None;
    let mut values = Vec::with_capacity(words.len());
    for word in words {
        let Some(word) = word else {
            values.push(None);
            continue;
        };
        let (value, found) = parse_any(word)?;
        if *dimension.get_or_insert(found) != found {
            return None;
        }
        values.push(Some(value));
    }
    let symbol = match dimension? {
        Dimension::One => "",
        dimension => dimension.symbol(),
    };
    Some((values, symbol))
}
