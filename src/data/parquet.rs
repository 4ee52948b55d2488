//! Tables as Parquet: records as [`Cells`]; waveforms with one required column of doubles for each column
//! of [`super::table`], with
//! its header as the name; title and plot in the metadata of the file. Uncompressed.

mod pages;
mod rows;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Repetition, Type as PhysicalType};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::data_type::{DataType, DoubleType};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;

use super::DataFault;
use super::table::{assemble, flat};
use super::waves::Waves;

use pages::{InOrder, is_misplaced};
pub use rows::{Cells, write_rows};

const TITLE: &str = "title";
const PLOT: &str = "plot";
/// Points of a row group.
const GROUP: usize = 1 << 20;

/// Writes waveforms.
///
/// # Errors
/// When the sink fails.
pub fn write(out: impl Write + Send, waves: &Waves) -> Result<(), DataFault> {
    put(out, waves).map_err(|error| {
        DataFault::whole(format!("cannot write Parquet: {error}"), "look at the disk and the names")
    })
}

fn put(out: impl Write + Send, waves: &Waves) -> Result<(), ParquetError> {
    let columns = flat(waves);
    let fields = columns
        .iter()
        .map(|(header, _)| {
            Type::primitive_type_builder(header, PhysicalType::DOUBLE)
                .with_repetition(Repetition::REQUIRED)
                .build()
                .map(Arc::new)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("waves").with_fields(fields).build()?;
    let properties = properties(&[(TITLE, &waves.title), (PLOT, &waves.plot)]);
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    for first in (0..waves.points()).step_by(GROUP) {
        let rows = first..waves.points().min(first + GROUP);
        let mut group = writer.next_row_group()?;
        for (_, values) in &columns {
            if let Some(mut column) = group.next_column()? {
                column.typed::<DoubleType>().write_batch(&values[rows.clone()], None, None)?;
                column.close()?;
            }
        }
        group.close()?;
    }
    writer.close().map(drop)
}

/// How a file is written, with notes in its metadata.
fn properties(notes: &[(&str, &str)]) -> WriterProperties {
    let note = |(key, value): &(&str, &str)| KeyValue::new(key.to_string(), value.to_string());
    WriterProperties::builder()
        .set_created_by(format!("eqcircuit {}", env!("CARGO_PKG_VERSION")))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(notes.iter().map(note).collect()))
        .build()
}

/// Reads waveforms from a Parquet file of numbers, of this program or another one: the headers are
/// as in [`super::table`]. What is missing is not a number. Without metadata the file's stem is the
/// title.
///
/// # Errors
/// A file that cannot be read or is not Parquet, a column that is not of numbers, or a compression
/// other than Snappy.
pub fn read(path: &Path) -> Result<Waves, DataFault> {
    let file = File::open(path).map_err(|error| {
        DataFault::whole(
            format!("cannot read `{}`: {error}", path.display()),
            "name a Parquet file of waveforms",
        )
    })?;
    let title = path.file_stem().unwrap_or_default().to_string_lossy();
    from(file, &title)
}

fn from(file: impl ChunkReader + 'static, title: &str) -> Result<Waves, DataFault> {
    let help =
        "write the waveforms again, as flat columns of doubles, without compression or with Snappy";
    let broken = |error: ParquetError| DataFault::whole(format!("not readable: {error}"), help);
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    let metadata = reader.metadata().file_metadata().clone();
    let note = |key: &str| {
        let notes = metadata.key_value_metadata()?;
        notes.iter().find(|note| note.key == key)?.value.clone()
    };
    let described = metadata.schema_descr().columns();
    let mut columns: Vec<(String, Vec<f64>)> =
        described.iter().map(|c| (c.path().string(), Vec::new())).collect();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(broken)?;
        for (i, (header, values)) in columns.iter_mut().enumerate() {
            if is_misplaced(group.metadata().column(i)) {
                return Err(DataFault::whole(
                    format!("the column `{header}` lies outside the file"),
                    help,
                ));
            }
            let pages = InOrder::new(group.get_column_page_reader(i).map_err(broken)?);
            let column = get_column_reader(described[i].clone(), Box::new(pages));
            let full = described[i].max_def_level();
            if described[i].max_rep_level() > 0 || !numbers(column, full, values).map_err(broken)? {
                let message = format!("the column `{header}` does not hold numbers");
                return Err(DataFault::whole(message, help));
            }
        }
    }
    if columns.windows(2).any(|pair| pair[0].1.len() != pair[1].1.len()) {
        return Err(DataFault::whole("the columns differ in length", help));
    }
    Ok(assemble(note(TITLE).unwrap_or_else(|| title.to_owned()), note(PLOT), columns))
}

/// Appends the values of a column, those present of definition level `full`; `false` where they are
/// no numbers.
fn numbers(column: ColumnReader, full: i16, out: &mut Vec<f64>) -> Result<bool, ParquetError> {
    match column {
        ColumnReader::DoubleColumnReader(column) => take(column, full, out, |v: &f64| *v),
        ColumnReader::FloatColumnReader(column) => take(column, full, out, |v: &f32| f64::from(*v)),
        ColumnReader::Int32ColumnReader(column) => take(column, full, out, |v: &i32| f64::from(*v)),
        ColumnReader::Int64ColumnReader(column) => take(column, full, out, |v: &i64| *v as f64),
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn take<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    full: i16,
    out: &mut Vec<f64>,
    number: impl Fn(&T::T) -> f64,
) -> Result<(), ParquetError> {
    const BATCH: usize = 1 << 16;
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let (records, ..) = column.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Ok(());
        }
        if full == 0 {
            out.extend(values.iter().map(&number));
            continue;
        }
        // Below the highest level a value is missing, and nothing stands for it.
        let mut present = values.iter();
        out.extend(levels.iter().map(|level| {
            let value = (*level == full).then(|| present.next()).flatten();
            value.map_or(f64::NAN, &number)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::waves::{Column, ColumnKind, Values};

    #[test]
    fn what_is_written_is_read() {
        let column = |name: &str, kind, values| Column { name: name.into(), kind, values };
        let points = 100_000;
        let waves = Waves {
            title: "low pass".into(),
            plot: "AC Analysis".into(),
            columns: vec![
                column(
                    "frequency",
                    ColumnKind::Frequency,
                    Values::Real((0..points).map(f64::from).collect()),
                ),
                column(
                    "v(out)",
                    ColumnKind::Voltage,
                    Values::Complex((0..points).map(|i| [f64::from(i).sqrt(), 1.0]).collect()),
                ),
            ],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        write(File::create(&path).unwrap(), &waves).unwrap();
        assert_eq!(read(&path).unwrap(), waves);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 1);
        std::fs::write(&path, bytes).unwrap();
        assert!(read(&path).unwrap_err().message.contains("not readable"));
    }
}
