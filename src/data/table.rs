//! Waveforms as a table: comma-separated numbers under a header, a point a line.
//!
//! A header is the name with its unit, `time_s` and `v(out)_V`; a complex column is two, with
//! `_re` and `_im` at the end. What the circuit and the analysis were called is not in the table:
//! the analysis is told from the axis.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use ::csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};

use super::DataFault;
use super::waves::{Column, ColumnKind, Values, Waves};

/// Columns of real numbers with their headers.
pub(super) type Flat<'a> = Vec<(String, Cow<'a, [f64]>)>;

/// Writes waveforms as a table, in the shortest decimals that read back to the same numbers.
///
/// # Errors
/// When the sink fails.
pub fn write(out: &mut impl Write, waves: &Waves) -> io::Result<()> {
    write_flat(out, &flat(waves))
}

/// Writes columns of one length under their headers.
///
/// # Errors
/// When the sink fails.
pub fn write_flat(out: &mut impl Write, columns: &[(String, Cow<[f64]>)]) -> io::Result<()> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .comment(Some(b'#'))
        .from_writer(out);
    writer.write_record(columns.iter().map(|(header, _)| header))?;
    let points = columns.first().map_or(0, |(_, values)| values.len());
    let mut field = String::new();
    for point in 0..points {
        for (_, values) in columns {
            field.clear();
            std::fmt::Write::write_fmt(&mut field, format_args!("{:e}", values[point]))
                .map_err(io::Error::other)?;
            writer.write_field(&field)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// Reads a table of waveforms; the file's stem becomes the title.
///
/// # Errors
/// A file that cannot be read, has no header, lines of different lengths, or an entry that is not
/// a number, with the line.
pub fn read(path: &Path) -> Result<Waves, DataFault> {
    let bytes = std::fs::read(path).map_err(|error| {
        DataFault::whole(
            format!("cannot read `{}`: {error}", path.display()),
            "name a table of waveforms: comma-separated numbers under a header",
        )
    })?;
    let title = path.file_stem().unwrap_or_default().to_string_lossy();
    parse(&title, &bytes)
}

/// Reads a table of waveforms from its bytes; see [`read`].
///
/// # Errors
/// As [`read`].
pub fn parse(title: &str, bytes: &[u8]) -> Result<Waves, DataFault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new()
        .comment(Some(b'#'))
        .has_headers(false)
        .flexible(true)
        .trim(::csv::Trim::All)
        .from_reader(bytes);
    let mut record = StringRecord::new();
    let mut next = |record: &mut StringRecord| {
        reader.read_record(record).map_err(|error| {
            let line = error.position().map(|p| p.line() as usize);
            let message = match error.kind() {
                ::csv::ErrorKind::Utf8 { .. } => "this is not UTF-8 text".to_string(),
                _ => error.to_string(),
            };
            DataFault { line, ..DataFault::whole(message, "save the file as plain text in UTF-8") }
        })
    };
    if !next(&mut record)? || record.iter().all(|header| header.parse::<f64>().is_ok()) {
        return Err(DataFault::whole(
            "the table has no header",
            "write a first line such as `time_s,v(out)_V`",
        ));
    }
    let mut columns: Vec<(String, Vec<f64>)> =
        record.iter().map(|header| (header.to_owned(), Vec::new())).collect();
    while next(&mut record)? {
        let line = record.position().map(|p| p.line() as usize);
        if record.len() != columns.len() {
            return Err(DataFault {
                line,
                ..DataFault::whole(
                    format!("{} entries under {} headers", record.len(), columns.len()),
                    "every line needs one number a column",
                )
            });
        }
        for ((header, values), field) in columns.iter_mut().zip(&record) {
            values.push(field.parse().map_err(|_| DataFault {
                line,
                ..DataFault::whole(
                    format!("`{}` under `{header}` is not a number", field.escape_debug()),
                    "write numbers such as 0.25 or 1e-3, with a point, separated by commas",
                )
            })?);
        }
    }
    Ok(assemble(title.to_owned(), None, columns))
}

/// The columns of waveforms as real ones with their headers.
pub(super) fn flat(waves: &Waves) -> Flat<'_> {
    waves.columns.iter().flat_map(|c| flat_column(&c.name, c.kind.unit(), &c.values)).collect()
}

/// A column as one or two real ones; its header is its name with the unit.
pub fn flat_column<'a>(
    name: &str,
    unit: &str,
    values: &'a Values,
) -> Vec<(String, Cow<'a, [f64]>)> {
    let header = if unit.is_empty() { name.to_owned() } else { format!("{name}_{unit}") };
    match values {
        Values::Real(values) => vec![(header, Cow::Borrowed(values))],
        Values::Complex(values) => ["re", "im"]
            .iter()
            .enumerate()
            .map(|(i, part)| {
                (format!("{header}_{part}"), values.iter().map(|z| z[i]).collect::<Vec<_>>().into())
            })
            .collect(),
    }
}

/// Waveforms of real columns; the plot is told from the axis where it is not known.
pub(super) fn assemble(
    title: String,
    plot: Option<String>,
    flat: Vec<(String, Vec<f64>)>,
) -> Waves {
    let mut columns: Vec<Column> = Vec::new();
    let mut flat = flat.into_iter().peekable();
    while let Some((header, values)) = flat.next() {
        let partner = header.strip_suffix("_re").and_then(|stem| {
            let (_, im) = flat.next_if(|(next, _)| next.strip_suffix("_im") == Some(stem))?;
            Some((stem, im))
        });
        let (name, kind, values) = match partner {
            None => {
                let (name, kind) = name_and_kind(&header);
                (name, kind, Values::Real(values))
            }
            Some((stem, im)) => {
                let (name, kind) = name_and_kind(stem);
                (name, kind, Values::Complex(values.into_iter().zip(im).map(Into::into).collect()))
            }
        };
        columns.push(Column { name, kind, values });
    }
    let plot = plot.unwrap_or_else(|| guess(&columns).to_owned());
    Waves { title, plot, columns }
}

/// `v(out)_V` is a voltage named `v(out)`.
fn name_and_kind(header: &str) -> (String, ColumnKind) {
    ColumnKind::ALL
        .into_iter()
        .filter(|kind| !kind.unit().is_empty())
        .find_map(|kind| {
            let name = header.strip_suffix(kind.unit())?.strip_suffix('_')?;
            (!name.is_empty()).then(|| (name.to_owned(), kind))
        })
        .unwrap_or_else(|| (header.to_owned(), ColumnKind::Other))
}

/// The analysis that gives such columns.
fn guess(columns: &[Column]) -> &'static str {
    let complex = columns.iter().any(|c| c.values.is_complex());
    let sweep = |c: &Column| c.name.trim_end_matches(')').ends_with("-sweep");
    match columns.first().map(|c| (c.kind, c.values.len())) {
        _ if columns.first().is_some_and(sweep) => "DC transfer characteristic",
        Some((ColumnKind::Time, _)) => "Transient Analysis",
        Some((ColumnKind::Frequency, _)) if complex => "AC Analysis",
        Some((ColumnKind::Frequency, _)) => "Noise Spectral Density Curves",
        Some((_, 0..=1)) => "Operating Point",
        _ => "DC transfer characteristic",
    }
}
