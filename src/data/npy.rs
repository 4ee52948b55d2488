//! Matrices as NumPy saves them: `.npy`, versions 1 to 3 of the format (NumPy Enhancement Proposal
//! 1 and `numpy.lib.format`), of doubles and singles, rows or columns first, little- or big-endian.

use std::path::Path;

use super::DataFault;
use crate::numerics::Mat;

pub(super) mod header;

use header::{Header, Tail};

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
const SAVE: &str = "save it as numpy.save('x.npy', x.astype('float64'))";
/// The numbers start at a multiple of this.
const ALIGNMENT: usize = 64;

/// A matrix, or a row of numbers that was saved with one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// `[rows, columns]`; one row of an array of one dimension.
    pub values: Mat,
    /// 1 or 2.
    pub dimensions: usize,
}

/// The numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Single precision.
    F4,
    /// Double precision.
    F8,
}

/// Reads a file of one array.
///
/// # Errors
/// When the file cannot be read, or as [`parse`].
pub fn read(path: &Path) -> Result<Array, DataFault> {
    let bytes = std::fs::read(path).map_err(|error| {
        let message = format!("cannot read `{}`: {error}", path.display());
        DataFault::whole(message, format!("name a file of numbers: {SAVE}"))
    })?;
    parse(&bytes)
}

/// Reads an array from the bytes of a file.
///
/// # Errors
/// Bytes that are not of this format, hold other things than doubles or singles, or more than two
/// dimensions, or are not as many as the shape says. No more memory is asked for than a few times
/// the size of the file.
pub fn parse(bytes: &[u8]) -> Result<Array, DataFault> {
    if bytes.starts_with(b"PK") {
        return Err(DataFault::whole("this is an archive of arrays (.npz)", SAVE));
    }
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(DataFault::whole("this is no .npy file: it does not start as one", SAVE));
    };
    let Tail { header, numbers } = Header::read(rest)?;
    let (big, element) = element(&header.descr)?;
    let (rows, columns) = match header.shape[..] {
        [n] => (1, n),
        [rows, columns] => (rows, columns),
        _ => {
            return Err(DataFault::whole(
                format!("the array has {} dimensions: {:?}", header.shape.len(), header.shape),
                "one or two can be read: numpy.save('x.npy', x.reshape(x.shape[0], -1))",
            ));
        }
    };
    let width = match element {
        Element::F4 => 4,
        Element::F8 => 8,
    };
    let size = rows.checked_mul(columns).and_then(|count| count.checked_mul(width));
    if size != Some(numbers.len()) {
        return Err(DataFault::whole(
            format!(
                "{} bytes of numbers follow the header, but its shape {:?} of {width} bytes each \
                 is not as long",
                numbers.len(),
                header.shape
            ),
            "the file was cut short or changed: save it again",
        ));
    }
    let data: Vec<f64> = numbers.chunks_exact(width).map(|bytes| number(bytes, big)).collect();
    let values = match header.columns_first {
        true if !data.is_empty() => Mat::from_vec(columns, rows, data).transposed(),
        _ => Mat::from_vec(rows, columns, data),
    };
    Ok(Array { values, dimensions: header.shape.len() })
}

/// Whether the highest byte comes first, and the kind of number.
fn element(descr: &str) -> Result<(bool, Element), DataFault> {
    Ok(match descr {
        "<f8" => (false, Element::F8),
        "<f4" => (false, Element::F4),
        ">f8" => (true, Element::F8),
        ">f4" => (true, Element::F4),
        other => {
            let message = format!(
                "the array holds `{}`, not floating-point numbers of 4 or 8 bytes",
                other.escape_debug()
            );
            return Err(DataFault::whole(message, SAVE));
        }
    })
}

/// A number of four or eight bytes.
fn number(bytes: &[u8], big: bool) -> f64 {
    let at = |i: usize| bytes[if big { bytes.len() - 1 - i } else { i }];
    match bytes.len() {
        4 => f64::from(f32::from_le_bytes(std::array::from_fn(at))),
        _ => f64::from_le_bytes(std::array::from_fn(at)),
    }
}

/// The bytes of a file that holds an array: version 1.0, little-endian, rows first. Singles are
/// rounded to nearest.
///
/// # Panics
/// If an array of one dimension has more than one row.
pub fn encode(array: &Array, element: Element) -> Vec<u8> {
    let Array { values, dimensions } = array;
    let shape = match dimensions {
        1 => {
            assert_eq!(values.rows(), 1, "an array of one dimension is one row");
            format!("({},)", values.cols())
        }
        _ => format!("({}, {})", values.rows(), values.cols()),
    };
    let descr = match element {
        Element::F4 => "<f4",
        Element::F8 => "<f8",
    };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let before = MAGIC.len() + 4;
    let whole = (before + header.len() + 1).next_multiple_of(ALIGNMENT);
    header += &" ".repeat(whole - before - header.len() - 1);
    header.push('\n');
    let mut bytes = Vec::with_capacity(whole + 8 * values.as_slice().len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    // Two numbers and few words are far shorter than what two bytes count.
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    for value in values.as_slice() {
        match element {
            Element::F4 => bytes.extend_from_slice(&(*value as f32).to_le_bytes()),
            Element::F8 => bytes.extend_from_slice(&value.to_le_bytes()),
        }
    }
    bytes
}
