//! The binary version of CIFAR-10 and CIFAR-100 (A. Krizhevsky, "Learning multiple layers of
//! features from tiny images", 2009): records of one label (CIFAR-100: a coarse and a fine one)
//! and 3 x 32 x 32 pixels.

use std::path::Path;

use super::archive::{self, Entry};
use super::{DataFault, Pictures};
use crate::data::Split;
use crate::numerics::conv::Shape;

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Ten,
    /// The fine labels are read.
    Hundred,
}

impl Version {
    pub fn files(self, split: Split) -> &'static [&'static str] {
        match (self, split) {
            (Version::Ten, Split::Train) => &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
            ],
            (Version::Ten, Split::Test) => &["test_batch.bin"],
            (Version::Hundred, Split::Train) => &["train.bin"],
            (Version::Hundred, Split::Test) => &["test.bin"],
        }
    }

    fn classes(self) -> usize {
        match self {
            Version::Ten => 10,
            Version::Hundred => 100,
        }
    }

    /// Bytes before the pixels; the last is the label.
    fn labels(self) -> usize {
        match self {
            Version::Ten => 1,
            Version::Hundred => 2,
        }
    }
}

/// The parts asked for, each with its name, of a folder or an archive.
///
/// # Errors
/// Files that cannot be read, are missing, or are not of whole records with labels in range.
pub(super) fn read(
    version: Version,
    place: &Path,
    parts: &[(Split, String)],
) -> Result<Vec<Pictures>, DataFault> {
    let wanted: Vec<&str> =
        parts.iter().flat_map(|(split, _)| version.files(*split)).copied().collect();
    let entries = archive::entries(place, 1, &mut |name| wanted.contains(&archive::last_of(name)))?;
    let part = |(split, name): &(Split, String)| {
        let mut pictures = Pictures {
            name: name.clone(),
            shape: SHAPE,
            pixels: Vec::new(),
            white: u8::MAX,
            labels: Vec::new(),
            classes: version.classes(),
        };
        for file in version.files(*split) {
            let entry = archive::only(&entries, file, place)?;
            append(version, entry, place, &mut pictures)?;
        }
        Ok(pictures)
    };
    parts.iter().map(part).collect()
}

fn append(
    version: Version,
    entry: &Entry,
    place: &Path,
    pictures: &mut Pictures,
) -> Result<(), DataFault> {
    let bytes = entry.bytes()?;
    let fault = |what: String| {
        DataFault::whole(
            format!("`{}` in `{}` {what}", entry.name, place.display()),
            "fetch the binary version of the set again",
        )
    };
    let labels = version.labels();
    let record = labels + SHAPE.size();
    if bytes.is_empty() || bytes.len() % record != 0 {
        let size = bytes.len();
        return Err(fault(format!("has {size} bytes, not whole records of {record}: truncated?")));
    }
    pictures.pixels.reserve(bytes.len() / record * SHAPE.size());
    for (at, record) in bytes.chunks_exact(record).enumerate() {
        let (before, pixels) = record.split_at(labels);
        let label = usize::from(before[labels - 1]);
        if label >= version.classes() {
            let classes = version.classes();
            return Err(fault(format!("has the label {label} at picture {at}, of {classes}")));
        }
        pictures.labels.push(label);
        pictures.pixels.extend_from_slice(pixels);
    }
    Ok(())
}
