//! The IDX format of the MNIST family: a file of pictures and a file of labels, plain or
//! compressed with gzip.
//!
//! Big-endian: a magic number `00 00 08 <dimensions>` (08: unsigned bytes), one 32-bit size a
//! dimension, then the bytes, last dimension fastest (Y. LeCun, C. Cortes and C. Burges, "The
//! MNIST database of handwritten digits").

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{DataFault, DataSet};
use crate::numerics::Mat;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads pictures `[samples, height, width]` and their labels `[samples]`; pixels are scaled from
/// 0..255 to 0..1.
///
/// # Errors
/// A file that cannot be read, is not IDX of unsigned bytes with the right dimensions, is
/// truncated or too long, or a pair of different lengths; the fault names the file.
pub fn read(name: &str, pictures: &Path, labels: &Path) -> Result<DataSet, DataFault> {
    let Bytes { sizes: [samples, height, width], pixels, labels } = read_pair(pictures, labels)?;
    let inputs = pixels.into_iter().map(|pixel| f64::from(pixel) / 255.0).collect();
    Ok(DataSet {
        name: name.to_owned(),
        inputs: Mat::from_vec(samples, height * width, inputs),
        classes: labels.iter().max().map_or(0, |top| top + 1),
        labels: Some(labels),
        picture: Some((height, width)),
    })
}

/// Pictures `[samples, height, width]` and their labels, as they are in the files.
pub(super) struct Bytes {
    pub sizes: [usize; 3],
    pub pixels: Vec<u8>,
    pub labels: Vec<usize>,
}

/// Reads a pair of files; errors as [`read`].
pub(super) fn read_pair(pictures: &Path, labels: &Path) -> Result<Bytes, DataFault> {
    let (sizes, pixels) = read_bytes::<3>(pictures)?;
    let ([labelled], classes) = read_bytes::<1>(labels)?;
    let [samples, height, width] = sizes;
    if samples != labelled {
        return Err(DataFault::whole(
            format!(
                "`{}` holds {samples} pictures, but `{}` holds {labelled} labels",
                pictures.display(),
                labels.display()
            ),
            "name the two files of one set",
        ));
    }
    if pixels.is_empty() {
        return Err(DataFault::whole(
            format!("`{}` is empty: {samples} x {height} x {width}", pictures.display()),
            "name a file with pictures in it",
        ));
    }
    Ok(Bytes { sizes, pixels, labels: classes.into_iter().map(usize::from).collect() })
}

/// Opens a file, unpacking it on the way if it is compressed with gzip.
pub(super) fn open_unpacked(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut start = Vec::new();
    File::open(path)?.take(GZIP_MAGIC.len() as u64).read_to_end(&mut start)?;
    let file = BufReader::new(File::open(path)?);
    Ok(if start == GZIP_MAGIC { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// The sizes and the bytes of an IDX file of `D` dimensions.
fn read_bytes<const D: usize>(path: &Path) -> Result<([usize; D], Vec<u8>), DataFault> {
    let shown = path.display();
    let unreadable = |error: io::Error| {
        DataFault::whole(
            format!("cannot read `{shown}`: {error}"),
            "name a readable IDX file, plain or compressed with gzip",
        )
    };
    let mut file = open_unpacked(path).map_err(unreadable)?;
    let mut words = vec![0; 4 * (1 + D)];
    let header = read_up_to(&mut file, &mut words).map_err(unreadable)?;
    let magic = [0, 0, 8, D as u8];
    if words[..4] != magic {
        return Err(DataFault::whole(
            format!(
                "`{shown}` starts with {:02x?}, but {} start with {magic:02x?}",
                &words[..header.min(4)],
                if D == 1 { "IDX labels" } else { "IDX pictures" },
            ),
            "name pictures first, then labels, both IDX files of unsigned bytes",
        ));
    }
    let truncated = |held: u64, promised: u64| {
        DataFault::whole(
            format!("`{shown}` is truncated: {held} bytes of {promised}"),
            "fetch the file again",
        )
    };
    if header < words.len() {
        return Err(truncated(header as u64, words.len() as u64));
    }
    let mut sizes = [0; D];
    for (size, word) in sizes.iter_mut().zip(words[4..].chunks_exact(4)) {
        *size = word.iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
    }
    let promised = sizes.iter().try_fold(1_u64, |n, &size| n.checked_mul(size as u64));
    let Some(promised) = promised.filter(|&n| n < isize::MAX as u64) else {
        return Err(DataFault::whole(
            format!("`{shown}` claims to hold {sizes:?} bytes"),
            "fetch the file again",
        ));
    };
    let mut bytes = Vec::new();
    file.take(promised + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let held = bytes.len() as u64;
    if held < promised {
        return Err(truncated(held + words.len() as u64, promised + words.len() as u64));
    }
    if held > promised {
        return Err(DataFault::whole(
            format!("`{shown}` is longer than the {sizes:?} bytes it claims to hold"),
            "fetch the file again",
        ));
    }
    Ok((sizes, bytes))
}

/// Fills the buffer as far as the file goes.
fn read_up_to(file: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}
