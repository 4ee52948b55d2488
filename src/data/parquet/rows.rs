//! Records, a row each: whole numbers, numbers and text, the last two perhaps missing.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;

use super::{GROUP, TITLE, properties};
use crate::data::DataFault;

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    Whole(Vec<u64>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Cells::Whole(values) => values.len(),
            Cells::Number(values) => values.len(),
            Cells::Text(values) => values.len(),
        }
    }

    /// Whole numbers are 64 bits with sign, which no reader lacks.
    fn field(&self, name: &str) -> Result<Type, ParquetError> {
        let (physical, repetition, logical) = match self {
            Cells::Whole(_) => (PhysicalType::INT64, Repetition::REQUIRED, None),
            Cells::Number(_) => (PhysicalType::DOUBLE, Repetition::OPTIONAL, None),
            Cells::Text(_) => {
                (PhysicalType::BYTE_ARRAY, Repetition::OPTIONAL, Some(LogicalType::String))
            }
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()
    }
}

/// Writes columns of equal length under their names, in rows.
///
/// # Errors
/// When the sink fails.
///
/// # Panics
/// When the columns differ in length.
pub fn write_rows(
    out: impl Write + Send,
    title: &str,
    columns: &[(String, Cells)],
) -> Result<(), DataFault> {
    put(out, title, columns).map_err(|error| {
        DataFault::whole(format!("cannot write Parquet: {error}"), "look at the disk and the names")
    })
}

fn put(
    out: impl Write + Send,
    title: &str,
    columns: &[(String, Cells)],
) -> Result<(), ParquetError> {
    let rows = columns.first().map_or(0, |(_, cells)| cells.len());
    assert!(columns.iter().all(|(_, cells)| cells.len() == rows), "columns differ in length");
    let fields = columns.iter().map(|(name, cells)| cells.field(name).map(Arc::new));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("rows").with_fields(fields).build()?;
    let properties = Arc::new(properties(&[(TITLE, title)]));
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), properties)?;
    for first in (0..rows).step_by(GROUP) {
        let range = first..rows.min(first + GROUP);
        let mut group = writer.next_row_group()?;
        for (_, cells) in columns {
            if let Some(mut column) = group.next_column()? {
                put_cells(column.untyped(), cells, range.clone())?;
                column.close()?;
            }
        }
        group.close()?;
    }
    writer.close().map(drop)
}

fn put_cells(
    column: &mut ColumnWriter,
    cells: &Cells,
    rows: std::ops::Range<usize>,
) -> Result<(), ParquetError> {
    // A cell that is there has definition level 1, a missing one 0 and no value.
    match (column, cells) {
        (ColumnWriter::Int64ColumnWriter(column), Cells::Whole(values)) => {
            let values: Vec<i64> =
                values[rows].iter().map(|&v| i64::try_from(v).unwrap_or(i64::MAX)).collect();
            column.write_batch(&values, None, None)?;
        }
        (ColumnWriter::DoubleColumnWriter(column), Cells::Number(values)) => {
            let levels: Vec<i16> =
                values[rows.clone()].iter().map(|v| v.is_some().into()).collect();
            let there: Vec<f64> = values[rows].iter().flatten().copied().collect();
            column.write_batch(&there, Some(&levels), None)?;
        }
        (ColumnWriter::ByteArrayColumnWriter(column), Cells::Text(values)) => {
            let levels: Vec<i16> =
                values[rows.clone()].iter().map(|v| v.is_some().into()).collect();
            let there: Vec<ByteArray> =
                values[rows].iter().flatten().map(|text| text.as_str().into()).collect();
            column.write_batch(&there, Some(&levels), None)?;
        }
        _ => unreachable!("a column has the type of its cells"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::Field;

    #[test]
    fn another_reader_finds_every_cell() {
        let columns = [
            ("point".to_string(), Cells::Whole(vec![0, 1, 7])),
            ("x_s".to_string(), Cells::Number(vec![Some(1e-9), None, Some(-0.5)])),
            ("why".to_string(), Cells::Text(vec![None, Some("\u{b5}\n\"".into()), None])),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        write_rows(std::fs::File::create(&path).unwrap(), "three", &columns).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let rows: Vec<Vec<(String, Field)>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                row.unwrap().get_column_iter().map(|(n, f)| (n.clone(), f.clone())).collect()
            })
            .collect();
        let row = |point, x, why| {
            [("point", Field::Long(point)), ("x_s", x), ("why", why)]
                .map(|(name, field)| (name.to_string(), field))
                .to_vec()
        };
        assert_eq!(
            rows,
            [
                row(0, Field::Double(1e-9), Field::Null),
                row(1, Field::Null, Field::Str("\u{b5}\n\"".into())),
                row(7, Field::Double(-0.5), Field::Null),
            ]
        );
    }
}
