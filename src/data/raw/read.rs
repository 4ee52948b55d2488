//! Raw files in.

use std::path::Path;

use super::header::{Cursor, Header, excerpt};
use crate::data::DataFault;
use crate::data::waves::{Column, ColumnKind, Values, Waves};

/// Bytes of numbers that are put into columns at a time: they stay in the cache meanwhile.
const BLOCK: usize = 1 << 18;

/// Reads all plots of a raw file.
///
/// # Errors
/// When the file cannot be read, or as [`parse`].
pub fn read(path: &Path) -> Result<Vec<Waves>, DataFault> {
    let bytes = std::fs::read(path).map_err(|error| {
        DataFault::whole(
            format!("cannot read `{}`: {error}", path.display()),
            "name a raw file of ngspice or of this program",
        )
    })?;
    parse(&bytes)
}

/// Reads all plots of a raw file from its bytes.
///
/// # Errors
/// Where the bytes are not what the header says: with the line or byte, and what was expected. No
/// more memory is asked for than a few times the size of the file.
pub fn parse(bytes: &[u8]) -> Result<Vec<Waves>, DataFault> {
    let mut cursor = Cursor { bytes, at: 0, in_text: true };
    let mut plots = Vec::new();
    while cursor.more() {
        let header = Header::read(&mut cursor)?;
        let values = match header.binary {
            true => binary(&mut cursor, &header)?,
            false => ascii(&mut cursor, &header)?,
        };
        let columns = header
            .columns
            .into_iter()
            .zip(values)
            .map(|((name, kind), values)| Column { name, kind, values })
            .collect();
        let mut waves = Waves { title: header.title, plot: header.plot, columns };
        if waves.axis().is_some() {
            plain(&mut waves.columns[0]);
        }
        plots.push(waves);
    }
    if plots.is_empty() {
        return Err(DataFault::whole(
            "the file is empty",
            "a raw file holds at least one plot: write it again",
        ));
    }
    Ok(plots)
}

/// Makes an axis real that was written complex only because the others are. Beside frequencies
/// ngspice 39 leaves whatever its memory held, so their imaginary parts mean nothing.
fn plain(axis: &mut Column) {
    if let Values::Complex(values) = &axis.values
        && (axis.kind == ColumnKind::Frequency || values.iter().all(|[_, im]| im.to_bits() == 0))
    {
        axis.values = Values::Real(values.iter().map(|[re, _]| *re).collect());
    }
}

fn binary(cursor: &mut Cursor, header: &Header) -> Result<Vec<Values>, DataFault> {
    let (start, rest) = (cursor.at, cursor.rest());
    cursor.in_text = false;
    let width = if header.complex { 16 } else { 8 };
    let count = header.columns.len();
    let stride = width * count;
    let size = header.points.checked_mul(stride).filter(|size| *size <= rest.len());
    let Some(size) = size else {
        let message = format!(
            "{} points of {count} variables were announced, of {width} bytes each, but {} bytes \
             follow: {} whole points",
            header.points,
            rest.len(),
            rest.len() / stride
        );
        let help = "the file was cut short or changed: write it again";
        return Err(cursor.fault(start, message, help));
    };
    if header.points == 0 && rest.len() >= stride && !starts_a_plot(rest) {
        let message = format!("no points were announced, but {} bytes follow", rest.len());
        let help = "the program that wrote the file was stopped before it could count its points: \
                    run it again";
        return Err(cursor.fault(start, message, help));
    }
    cursor.at += size;
    let rows = &rest[..size];
    let block = (BLOCK / stride).max(1) * stride;
    if header.complex {
        let mut columns: Vec<_> = (0..count).map(|_| Vec::with_capacity(header.points)).collect();
        for rows in rows.chunks(block) {
            for (i, column) in columns.iter_mut().enumerate() {
                let pairs = rows.chunks_exact(stride).map(|row| {
                    let at = &row[i * 16..];
                    [double(at), double(&at[8..])]
                });
                column.extend(pairs);
            }
        }
        Ok(columns.into_iter().map(Values::Complex).collect())
    } else {
        let mut columns: Vec<_> = (0..count).map(|_| Vec::with_capacity(header.points)).collect();
        for rows in rows.chunks(block) {
            for (i, column) in columns.iter_mut().enumerate() {
                column.extend(rows.chunks_exact(stride).map(|row| double(&row[i * 8..])));
            }
        }
        Ok(columns.into_iter().map(Values::Real).collect())
    }
}

fn starts_a_plot(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"title:"))
}

/// The first eight bytes as a number.
fn double(bytes: &[u8]) -> f64 {
    f64::from_le_bytes(std::array::from_fn(|i| bytes[i]))
}

fn ascii(cursor: &mut Cursor, header: &Header) -> Result<Vec<Values>, DataFault> {
    let count = header.columns.len();
    // A number takes at least a digit and a blank.
    let most = cursor.rest().len() / (2 * count);
    let mut real = vec![Vec::new(); count];
    let mut complex = vec![Vec::new(); count];
    let room = header.points.min(most);
    for i in 0..count {
        match header.complex {
            true => complex[i].reserve_exact(room),
            false => real[i].reserve_exact(room),
        }
    }
    for point in 0..header.points {
        let (at, word) = token(cursor, header, point)?;
        if word.parse() != Ok(point) {
            let message = format!("`{}` should be the number of point {point}", excerpt(word));
            let help = "a point is its number, then one value a variable";
            return Err(cursor.fault(at, message, help));
        }
        for i in 0..count {
            let (at, word) = token(cursor, header, point)?;
            let read = match (header.complex, word.split_once(',')) {
                (false, None) => word.parse().ok().map(|re| real[i].push(re)),
                (true, Some((re, im))) => {
                    let pair = re.parse().ok().zip(im.parse().ok());
                    pair.map(|(re, im)| complex[i].push([re, im]))
                }
                _ => None,
            };
            if read.is_none() {
                let form = if header.complex { "a pair `re,im`" } else { "a number" };
                let message = format!(
                    "`{}` should be {form}, the value of `{}` at point {point}",
                    excerpt(word),
                    header.columns[i].0
                );
                return Err(cursor.fault(at, message, "write it such as 1.5e-3"));
            }
        }
    }
    Ok(match header.complex {
        true => complex.into_iter().map(Values::Complex).collect(),
        false => real.into_iter().map(Values::Real).collect(),
    })
}

/// The next word and where it stands.
fn token<'a>(
    cursor: &mut Cursor<'a>,
    header: &Header,
    point: usize,
) -> Result<(usize, &'a str), DataFault> {
    if !cursor.more() {
        let message = format!("the file ends at point {point} of {}", header.points);
        return Err(cursor.fault(cursor.at, message, "the file was cut short: write it again"));
    }
    let rest = cursor.rest();
    let start = cursor.at;
    let Some(length) = rest.iter().position(u8::is_ascii_whitespace) else {
        let word = excerpt(&String::from_utf8_lossy(rest));
        let message = format!("the file ends in `{word}`, of which digits may be missing");
        let help = "the file was cut short: write it again, or end its last line";
        return Err(cursor.fault(start, message, help));
    };
    cursor.at += length;
    // What is not UTF-8 is no number either.
    Ok((start, std::str::from_utf8(&rest[..length]).unwrap_or("?")))
}
