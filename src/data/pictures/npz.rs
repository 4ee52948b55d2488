//! Archives of arrays as NumPy saves them (`.npz`): zip files of `.npy` files, stored or deflated
//! (PKWARE APPNOTE 6.3; `numpy.lib.format`).

use std::borrow::Cow;
use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::array::Array;
use crate::data::npy::MAGIC;
use crate::data::npy::header::{Header, Tail};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;

/// Whether a file is a zip file, going by its start.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL)
}

/// The arrays of these names, in order; `None` for one that is not there.
///
/// # Errors
/// What is wrong with the archive, without the name of its file.
pub(super) fn arrays<'a, const N: usize>(
    bytes: &'a [u8],
    names: [&str; N],
) -> Result<[Option<Array<'a>>; N], String> {
    let mut found = [const { None }; N];
    for member in members(bytes)? {
        if let Some(at) = names.iter().position(|name| member.is_array(name)) {
            let content = member.content(bytes)?;
            found[at] = Some(array(names[at], content)?);
        }
    }
    Ok(found)
}

fn array<'a>(name: &str, content: Cow<'a, [u8]>) -> Result<Array<'a>, String> {
    let rest = content.strip_prefix(MAGIC).ok_or(format!("`{name}` is no .npy file"))?;
    let Tail { header, numbers } =
        Header::read(rest).map_err(|fault| format!("in `{name}` {}", fault.message))?;
    let start = content.len() - numbers.len();
    let bytes = match content {
        Cow::Borrowed(content) => Cow::Borrowed(&content[start..]),
        Cow::Owned(mut content) => Cow::Owned(content.split_off(start)),
    };
    let Header { descr, columns_first, shape } = header;
    Ok(Array { shape, descr, columns_first, bytes })
}

/// What the directory says of a file.
struct Member {
    name: String,
    method: usize,
    sum: u32,
    packed: usize,
    size: usize,
    /// Of its local header.
    start: usize,
}

/// A little-endian number; the bytes must be there.
fn number(bytes: &[u8], at: usize, width: usize) -> usize {
    bytes[at..at + width].iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte))
}

fn members(bytes: &[u8]) -> Result<Vec<Member>, String> {
    let cut = || "the archive is cut short or damaged: its directory is not whole".to_owned();
    // A comment of up to 64 KiB may follow.
    let first = bytes.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
    let end = bytes[first..].windows(END_BYTES).rposition(|window| window.starts_with(END));
    let end = first + end.ok_or_else(cut)?;
    let (count, mut at) = (number(bytes, end + 10, 2), number(bytes, end + 16, 4));
    let mut members = Vec::new();
    for _ in 0..count {
        let header = bytes.get(at..).unwrap_or_default();
        if header.len() < CENTRAL_BYTES || !header.starts_with(CENTRAL) {
            return Err(cut());
        }
        let sizes = [20, 24, 42].map(|field| number(header, field, 4));
        if sizes.contains(&(u32::MAX as usize)) {
            return Err("the archive holds a file of 4 GB or more".into());
        }
        let lengths = [28, 30, 32].map(|field| number(header, field, 2));
        let name = header.get(CENTRAL_BYTES..CENTRAL_BYTES + lengths[0]).ok_or_else(cut)?;
        members.push(Member {
            name: String::from_utf8_lossy(name).into_owned(),
            method: number(header, 10, 2),
            sum: number(header, 16, 4) as u32,
            packed: sizes[0],
            size: sizes[1],
            start: sizes[2],
        });
        at += CENTRAL_BYTES + lengths.iter().sum::<usize>();
    }
    Ok(members)
}

impl Member {
    fn is_array(&self, name: &str) -> bool {
        self.name.strip_suffix(".npy") == Some(name)
    }

    fn content<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        let damaged = || format!("`{}` in the archive is cut short or damaged", self.name);
        let header = bytes.get(self.start..).unwrap_or_default();
        if header.len() < LOCAL_BYTES || !header.starts_with(LOCAL) {
            return Err(damaged());
        }
        let start = LOCAL_BYTES + number(header, 26, 2) + number(header, 28, 2);
        let packed = header.get(start..start + self.packed).ok_or_else(damaged)?;
        let content = match self.method {
            0 => Cow::Borrowed(packed),
            8 => {
                let mut content = Vec::new();
                let reader = DeflateDecoder::new(packed).take(self.size as u64 + 1);
                { reader }.read_to_end(&mut content).map_err(|_| damaged())?;
                Cow::Owned(content)
            }
            other => {
                return Err(format!("`{}` is packed in a way ({other}) not known here", self.name));
            }
        };
        let mut sum = Crc::new();
        sum.update(&content);
        match content.len() == self.size && sum.sum() == self.sum {
            true => Ok(content),
            false => Err(damaged()),
        }
    }
}
