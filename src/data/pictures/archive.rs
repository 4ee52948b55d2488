//! The files of a data set, in a folder or in an archive: tar, plain or compressed with gzip or
//! xz.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::{DataFault, tar};

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = b"\xfd7zXZ\0";

/// A file, and where it is from the top of its folder or archive: `train/cat/0001.jpg`.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Held(Vec<u8>),
    OnDisk(PathBuf),
}

impl Entry {
    /// # Errors
    /// A file that cannot be read.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>, DataFault> {
        match &self.content {
            Content::Held(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::OnDisk(path) => {
                fs::read(path).map(Cow::Owned).map_err(|error| unreadable(path, &error))
            }
        }
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> DataFault {
    DataFault::whole(
        format!("cannot read `{}`: {error}", path.display()),
        "fetch the file again, or name one that can be read",
    )
}

/// The wanted files of a folder (down to `depth` folders below it) or an archive, sorted by name.
/// Those of an archive are held in memory.
///
/// # Errors
/// What cannot be read, or is no archive, or a damaged one.
pub(super) fn entries(
    place: &Path,
    depth: usize,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<Entry>, DataFault> {
    let mut found = Vec::new();
    if place.is_dir() {
        walk(place, "", depth, wanted, &mut found)?;
    } else {
        unpack(place, wanted, &mut found).map_err(|error| unreadable(place, &error))?;
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn walk(
    folder: &Path,
    within: &str,
    depth: usize,
    wanted: &mut dyn FnMut(&str) -> bool,
    found: &mut Vec<Entry>,
) -> Result<(), DataFault> {
    let failed = |error| unreadable(folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(last) = path.file_name() else { continue };
        let name = format!("{within}{}", last.to_string_lossy());
        if path.is_dir() {
            if depth > 0 {
                walk(&path, &format!("{name}/"), depth - 1, wanted, found)?;
            }
        } else if wanted(&name) {
            found.push(Entry { name, content: Content::OnDisk(path) });
        }
    }
    Ok(())
}

fn unpack(
    path: &Path,
    wanted: &mut dyn FnMut(&str) -> bool,
    found: &mut Vec<Entry>,
) -> io::Result<()> {
    let mut start = Vec::new();
    File::open(path)?.take(XZ.len() as u64).read_to_end(&mut start)?;
    let file = BufReader::with_capacity(1 << 18, File::open(path)?);
    let mut archive: Box<dyn Read> = if start.starts_with(GZIP) {
        Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file)))
    } else if start == XZ {
        Box::new(BufReader::with_capacity(1 << 18, XzReader::new(file, true)))
    } else {
        Box::new(file)
    };
    tar::each(&mut archive, &mut |name, content| {
        let name = name.trim_start_matches("./").to_owned();
        if wanted(&name) {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            found.push(Entry { name, content: Content::Held(bytes) });
        }
        Ok(())
    })?;
    // The checksum at the end of what was packed is only looked at when all has been read.
    io::copy(&mut archive, &mut io::sink())?;
    Ok(())
}

/// The name of a file without the folders it is in.
pub(super) fn last_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The one file of this name, whichever folder it is in.
///
/// # Errors
/// There is none, or there are two.
pub(super) fn only<'a>(
    entries: &'a [Entry],
    file: &str,
    place: &Path,
) -> Result<&'a Entry, DataFault> {
    let shown = place.display();
    let mut found = entries.iter().filter(|entry| last_of(&entry.name) == file);
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => Err(DataFault::whole(
            format!("`{file}` is missing in `{shown}`"),
            "fetch the whole set again",
        )),
        (Some(one), Some(other)) => Err(DataFault::whole(
            format!("`{shown}` holds both `{}` and `{}`", one.name, other.name),
            "remove one of them",
        )),
    }
}
