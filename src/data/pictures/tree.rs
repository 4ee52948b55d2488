//! Pictures in folders of classes: `train/CLASS/*` and `test/CLASS/*`, JPEG or PNG, in a folder or
//! a tar archive (plain, gzip or xz), whatever folder is above `train` in it.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use super::archive::{self, Entry};
use super::decode::decode;
use super::{DataFault, Pictures};
use crate::data::Split;

const LAYOUT: &str = "put the pictures into train/CLASS/ and test/CLASS/, as .jpg, .jpeg or .png";
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// One part of the pictures in a folder or an archive. Classes are numbered in the order of their
/// names, those of `train` where there is one. The samples are ordered by name, one of every class
/// in turn, so that the first few are of all classes.
///
/// # Errors
/// What cannot be read, decoded or is laid out otherwise; pictures of different shapes.
pub fn load(name: &str, place: &Path, split: Split) -> Result<Pictures, DataFault> {
    let mut read = read(place, &[(split, name.to_owned())])?;
    read.pop().ok_or_else(|| nothing(split, place))
}

fn nothing(split: Split, place: &Path) -> DataFault {
    let message = format!("`{}` holds no pictures in `{}/CLASS/`", place.display(), split.name());
    DataFault::whole(message, LAYOUT)
}

/// What the name of a file says.
enum Role<'a> {
    /// Not in `train` or `test`, hidden, or no picture beside the classes.
    Other,
    /// A picture of this part and class.
    Sample(Split, &'a str),
    Misplaced(&'static str),
}

fn role_of(name: &str) -> Role<'_> {
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let split = |part: &str| [Split::Train, Split::Test].into_iter().find(|s| s.name() == part);
    let found = parts.iter().enumerate().find_map(|(at, part)| Some((at, split(part)?)));
    let Some((at, split)) = found.filter(|_| !parts.iter().any(|part| part.starts_with('.')))
    else {
        return Role::Other;
    };
    let ending = name.rsplit('.').next().map(str::to_ascii_lowercase);
    let is_picture = ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
    match (&parts[at + 1..], is_picture) {
        ([class, _], true) => Role::Sample(split, class),
        ([_, _], false) => Role::Misplaced("is no .jpg, .jpeg or .png"),
        ([_], true) => Role::Misplaced("is in no folder of a class"),
        ([_, _, _, ..], true) => Role::Misplaced("is in a folder within its class"),
        _ => Role::Other,
    }
}

/// The parts asked for, each with its name.
pub(super) fn read(place: &Path, parts: &[(Split, String)]) -> Result<Vec<Pictures>, DataFault> {
    let mut misplaced = None;
    let mut classes = [BTreeSet::new(), BTreeSet::new()];
    let entries = archive::entries(place, 3, &mut |name| match role_of(name) {
        Role::Sample(split, class) => {
            let of_split = &mut classes[usize::from(split == Split::Test)];
            if !of_split.contains(class) {
                of_split.insert(class.to_owned());
            }
            parts.iter().any(|part| part.0 == split)
        }
        Role::Misplaced(why) => {
            misplaced.get_or_insert_with(|| format!("`{name}` in `{}` {why}", place.display()));
            false
        }
        Role::Other => false,
    })?;
    if let Some(message) = misplaced {
        return Err(DataFault::whole(message, LAYOUT));
    }
    let [train, test] = classes;
    if let Some(class) = test.iter().find(|class| !train.is_empty() && !train.contains(*class)) {
        let shown = place.display();
        return Err(DataFault::whole(
            format!("`{shown}` has the class `{class}` in `test`, but not in `train`"),
            LAYOUT,
        ));
    }
    let classes: Vec<String> = if train.is_empty() { test } else { train }.into_iter().collect();
    parts.iter().map(|(split, name)| part(name, *split, &entries, &classes, place)).collect()
}

fn part(
    name: &str,
    split: Split,
    entries: &[Entry],
    classes: &[String],
    place: &Path,
) -> Result<Pictures, DataFault> {
    let samples = in_turn(split, entries, classes);
    let (_, first) = samples.first().ok_or_else(|| nothing(split, place))?;
    let wrong = |entry: &Entry, why: String| {
        DataFault::whole(
            format!("`{}` in `{}` cannot be used: {why}", entry.name, place.display()),
            "all pictures must be grey or RGB, of one size: convert or remove it",
        )
    };
    let decoded = |entry: &Entry| decode(&entry.bytes()?).map_err(|why| wrong(entry, why));
    let (shape, _) = decoded(first)?;
    let mut pixels = vec![0; samples.len() * shape.size()];
    let faults: Vec<Option<DataFault>> = pixels
        .par_chunks_mut(shape.size())
        .zip(&samples)
        .map(|(to, (_, entry))| match decoded(entry) {
            Ok((found, pixels)) if found == shape => {
                to.copy_from_slice(&pixels);
                None
            }
            Ok((found, _)) => {
                let why = format!("it is {found}, but `{}` is {shape}", first.name);
                Some(wrong(entry, why))
            }
            Err(fault) => Some(fault),
        })
        .collect();
    match faults.into_iter().flatten().next() {
        Some(fault) => Err(fault),
        None => Ok(Pictures {
            name: name.to_owned(),
            shape,
            pixels,
            white: u8::MAX,
            labels: samples.into_iter().map(|(class, _)| class).collect(),
            classes: classes.len(),
        }),
    }
}

/// The samples of a part with their classes, one of every class in turn. The entries are sorted.
fn in_turn<'a>(split: Split, entries: &'a [Entry], classes: &[String]) -> Vec<(usize, &'a Entry)> {
    let mut counts = vec![0_usize; classes.len()];
    let mut samples = Vec::new();
    for entry in entries {
        let Role::Sample(of, class) = role_of(&entry.name) else { continue };
        let class = classes.binary_search_by(|known| known.as_str().cmp(class));
        if let (true, Ok(class)) = (of == split, class) {
            samples.push((counts[class], class, entry));
            counts[class] += 1;
        }
    }
    samples.sort_by_key(|&(turn, class, _)| (turn, class));
    samples.into_iter().map(|(_, class, entry)| (class, entry)).collect()
}
