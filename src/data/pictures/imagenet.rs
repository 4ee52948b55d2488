//! Downsampled ImageNet, 3 x 32 x 32 (P. Chrabaszcz, I. Loshchilov and F. Hutter, "A downsampled
//! variant of ImageNet as an alternative to the CIFAR datasets", arXiv:1707.08819): files of
//! `data`, one picture a row, and `labels` from 1 to 1000, as pickles or as `.npz`.

use std::path::Path;

use super::archive::{self, Entry};
use super::npz;
use super::pickle::Pickle;
use super::{DataFault, Pictures};
use crate::data::Split;
use crate::numerics::conv::Shape;

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const CLASSES: usize = 1000;
const BATCHES: usize = 10;

pub(super) fn files(split: Split) -> Vec<String> {
    match split {
        Split::Train => (1..=BATCHES).map(|batch| format!("train_data_batch_{batch}")).collect(),
        Split::Test => vec!["val_data".into()],
    }
}

/// The name of a file without `.npz`.
pub(super) fn stem(name: &str) -> &str {
    let last = archive::last_of(name);
    last.strip_suffix(".npz").unwrap_or(last)
}

/// The parts asked for, each with its name; the validation pictures are the test.
///
/// # Errors
/// Files that cannot be read, are missing, or are not what the set is made of.
pub(super) fn read(place: &Path, parts: &[(Split, String)]) -> Result<Vec<Pictures>, DataFault> {
    let wanted: Vec<String> = parts.iter().flat_map(|(split, _)| files(*split)).collect();
    let mut entries =
        archive::entries(place, 1, &mut |name| wanted.iter().any(|file| file == stem(name)))?;
    for entry in &mut entries {
        entry.name.truncate(entry.name.len() - if entry.name.ends_with(".npz") { 4 } else { 0 });
    }
    let part = |(split, name): &(Split, String)| {
        let mut pictures = Pictures {
            name: name.clone(),
            shape: SHAPE,
            pixels: Vec::new(),
            white: u8::MAX,
            labels: Vec::new(),
            classes: CLASSES,
        };
        for file in files(*split) {
            let entry = archive::only(&entries, &file, place)?;
            append(entry, place, &mut pictures)?;
        }
        Ok(pictures)
    };
    parts.iter().map(part).collect()
}

fn append(entry: &Entry, place: &Path, pictures: &mut Pictures) -> Result<(), DataFault> {
    let bytes = entry.bytes()?;
    let fault = |what: String| {
        DataFault::whole(
            format!("in `{}` of `{}`: {what}", entry.name, place.display()),
            "fetch the file again: a pickle or an .npz file of downsampled ImageNet, 32 x 32",
        )
    };
    match npz::is(&bytes) {
        true => from_arrays(&bytes, pictures),
        false => from_pickle(&bytes, pictures),
    }
    .map_err(fault)
}

fn from_arrays(bytes: &[u8], pictures: &mut Pictures) -> Result<(), String> {
    let [data, labels] = npz::arrays(bytes, ["data", "labels"])?;
    let data = data.ok_or_else(|| missing("data"))?;
    let labels = labels.ok_or_else(|| missing("labels"))?;
    let rows = data.matrix().map_err(|what| format!("`data` {what}"))?;
    add(rows, &labels.integers().map_err(|what| format!("`labels` {what}"))?, pictures)
}

fn from_pickle(bytes: &[u8], pictures: &mut Pictures) -> Result<(), String> {
    let pickle = Pickle::read(bytes)?;
    let data = pickle.array("data").ok_or_else(|| missing("data"))?;
    let labels = pickle.integers("labels").ok_or_else(|| missing("labels"))?;
    let rows = data.matrix().map_err(|what| format!("`data` {what}"))?;
    add(rows, &labels.map_err(|what| format!("`labels` {what}"))?, pictures)
}

fn missing(key: &str) -> String {
    format!("there is no array `{key}`")
}

fn add(
    (samples, size, data): (usize, usize, &[u8]),
    labels: &[i64],
    pictures: &mut Pictures,
) -> Result<(), String> {
    if size != SHAPE.size() {
        return Err(format!("a picture has {size} numbers, not the {} of {SHAPE}", SHAPE.size()));
    }
    if labels.len() != samples {
        return Err(format!("there are {samples} pictures, but {} labels", labels.len()));
    }
    for &label in labels {
        let class = usize::try_from(label).ok().filter(|class| (1..=CLASSES).contains(class));
        let class = class.ok_or(format!("the label {label} is not from 1 to {CLASSES}"))?;
        pictures.labels.push(class - 1);
    }
    pictures.pixels.extend_from_slice(data);
    Ok(())
}
