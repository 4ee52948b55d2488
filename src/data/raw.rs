//! Raw files, the waveforms of ngspice: a header in text, then the numbers, row by row, in binary
//! or in text; as many plots as were appended (ngspice manual, "write" and "load").
//!
//! Binary numbers are little-endian doubles; complex ones are pairs, the axis too. An axis whose
//! imaginary parts are all zero comes back real, as every other tool sees it; so do frequencies.

mod header;
mod read;

use std::io::{self, Write};

use super::waves::{Values, Waves};

pub use read::{parse, read};

/// How the numbers of a raw file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The bits themselves.
    Binary,
    /// The shortest decimals that read back to the same number.
    Ascii,
}

/// Bytes of rows that are put together before they are written: they stay in the cache meanwhile.
const BLOCK: usize = 1 << 18;

/// Writes one plot. A file holds any number of them, one after another.
///
/// Line ends in the title, and blanks in the name of a column, would break the format and are
/// replaced.
///
/// # Errors
/// When the sink fails.
///
/// # Panics
/// If the columns differ in length.
pub fn write(out: &mut (impl Write + ?Sized), waves: &Waves, format: Format) -> io::Result<()> {
    let points = waves.points();
    assert!(waves.columns.iter().all(|c| c.values.len() == points), "columns of one length");
    let complex = waves.is_complex();
    out.write_all(head(waves, complex, format).as_bytes())?;
    let mut block = Vec::new();
    let at_once = (BLOCK / (16 * waves.columns.len().max(1))).max(1);
    for first in (0..points).step_by(at_once) {
        block.clear();
        let rows = first..points.min(first + at_once);
        match format {
            Format::Binary => binary(waves, complex, rows, &mut block),
            Format::Ascii => ascii(waves, complex, rows, &mut block)?,
        }
        out.write_all(&block)?;
    }
    Ok(())
}

fn head(waves: &Waves, complex: bool, format: Format) -> String {
    let line = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let mut text = format!(
        "Title: {}\nPlotname: {}\nFlags: {}\nNo. Variables: {}\nNo. Points: {}\nVariables:\n",
        line(&waves.title),
        line(&waves.plot),
        if complex { "complex" } else { "real" },
        waves.columns.len(),
        waves.points(),
    );
    for (i, column) in waves.columns.iter().enumerate() {
        let name = column.name.replace(|c: char| c.is_whitespace() || c.is_control(), "_");
        text += &format!("\t{i}\t{name}\t{}\n", column.kind.word());
    }
    text += match format {
        Format::Binary => "Binary:\n",
        Format::Ascii => "Values:\n",
    };
    text
}

fn binary(waves: &Waves, complex: bool, rows: std::ops::Range<usize>, out: &mut Vec<u8>) {
    let width = if complex { 16 } else { 8 };
    let stride = width * waves.columns.len();
    out.resize(stride * rows.len(), 0);
    for (i, column) in waves.columns.iter().enumerate() {
        let places = out.chunks_exact_mut(stride).map(|row| &mut row[i * width..(i + 1) * width]);
        match &column.values {
            Values::Real(values) => {
                for (place, value) in places.zip(&values[rows.clone()]) {
                    place[..8].copy_from_slice(&value.to_le_bytes());
                }
            }
            Values::Complex(values) => {
                for (place, [re, im]) in places.zip(&values[rows.clone()]) {
                    place[..8].copy_from_slice(&re.to_le_bytes());
                    place[8..].copy_from_slice(&im.to_le_bytes());
                }
            }
        }
    }
}

fn ascii(
    waves: &Waves,
    complex: bool,
    rows: std::ops::Range<usize>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    for row in rows {
        write!(out, "{row}")?;
        for column in &waves.columns {
            let [re, im] = column.values.at(row);
            match complex {
                true => writeln!(out, "\t{re:e},{im:e}")?,
                false => writeln!(out, "\t{re:e}")?,
            }
        }
        out.push(b'\n');
    }
    Ok(())
}
