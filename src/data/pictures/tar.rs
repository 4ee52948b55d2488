//! The files in a tar archive: POSIX.1-1988 (ustar) and POSIX.1-2001 (pax) headers, and the long
//! names of GNU tar.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// Of a name, which is held in memory before it is known to be one.
const LONGEST_NAME: u64 = 64 * 1024;

fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Calls `file` with the name and the content of every regular file, in order; the content need
/// not be read.
///
/// # Errors
/// Of the reading, of `file`, or an archive that is cut short or no archive.
pub(super) fn each(
    archive: &mut dyn Read,
    file: &mut dyn FnMut(String, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut long_name = None;
    let mut block = [0; BLOCK];
    let mut place = 0_u64;
    loop {
        archive.read_exact(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                damaged(format!("the archive is cut short after {place} bytes"))
            }
            _ => error,
        })?;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let size = check(&block, place)?;
        let mut content = (&mut *archive).take(size);
        match block[156] {
            b'L' => long_name = Some(text(&held(&mut content, size)?)),
            b'x' => long_name = pax_path(&held(&mut content, size)?).or(long_name),
            // Global headers say nothing of names.
            b'g' => {}
            b'0' | 0 | b'7' => {
                file(long_name.take().unwrap_or_else(|| name(&block)), &mut content)?;
            }
            _ => long_name = None,
        }
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        let left = content.limit().saturating_add(padding);
        let skipped = io::copy(&mut (&mut *archive).take(left), &mut io::sink())?;
        place = place.saturating_add(size).saturating_add(BLOCK as u64 + padding);
        if skipped < left {
            return Err(damaged(format!("the archive is cut short before byte {place}")));
        }
    }
}

/// The size that a header gives, if its sum is right.
fn check(block: &[u8; BLOCK], place: u64) -> io::Result<u64> {
    let wrong = || damaged(format!("at byte {place} there is no header of a tar archive"));
    // The sum counts its own field as spaces.
    let bytes = block.iter().enumerate();
    let sum: u64 =
        bytes.map(|(i, &b)| u64::from(if (148..156).contains(&i) { b' ' } else { b })).sum();
    if octal(&block[148..156]) != Some(sum) {
        return Err(wrong());
    }
    let field = &block[124..136];
    match field[0] & 0x80 {
        0 => octal(field).ok_or_else(wrong),
        // Sizes of 8 GB and more, in base 256.
        _ => Err(damaged(format!("the file at byte {place} of the archive is too long"))),
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

fn name(block: &[u8; BLOCK]) -> String {
    let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
    match block[257..262] == *b"ustar" && !prefix.is_empty() {
        true => format!("{prefix}/{name}"),
        false => name,
    }
}

/// Up to the first zero.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn held(content: &mut dyn Read, size: u64) -> io::Result<Vec<u8>> {
    if size > LONGEST_NAME {
        return Err(damaged("the name of a file is too long"));
    }
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The `path` of records `LENGTH KEY=VALUE\n`.
fn pax_path(mut records: &[u8]) -> Option<String> {
    loop {
        let space = records.iter().position(|&byte| byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        let record = records.get(space + 1..length)?;
        if let Some(path) = record.strip_prefix(b"path=") {
            return Some(text(path.strip_suffix(b"\n")?));
        }
        records = &records[length..];
    }
}
