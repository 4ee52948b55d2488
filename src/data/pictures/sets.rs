//! The sets of pictures known by name, and where they are looked for.

use std::path::{Path, PathBuf};

use super::archive::last_of;
use super::cifar::{self, Version};
use super::{DataFault, Pictures, imagenet, tree};
use crate::data::idx::{self, Bytes};
use crate::data::registry::{self, Folders};
use crate::data::{Split, digits};
use crate::numerics::conv::Shape;

/// How the pictures of a set are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
    Cifar10,
    /// `train.bin` and `test.bin`.
    Cifar100,
    /// `train_data_batch_1` to `train_data_batch_10` and `val_data`, pickles or `.npz`.
    ImageNet,
    /// `train/CLASS/` and `test/CLASS/`, of JPEG or PNG files.
    Tree,
}

/// A set of pictures that users bring. Its files are judged by what is in them; nobody vouches for
/// their checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    pub name: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub licence: &'static str,
    pub form: Form,
    /// Where it is looked for below the data folders, in order.
    pub folders: &'static [&'static str],
    /// What it is looked for as, if not as plain files.
    pub archives: &'static [&'static str],
}

/// The sets of pictures that users bring. `digits` and `mnist` can be read as pictures, too.
pub const SETS: [Set; 4] = [
    Set {
        name: "cifar10",
        title: "CIFAR-10",
        about: "60,000 pictures of things, 3 x 32 x 32 pixels, 10 classes; 50,000 to learn, \
                10,000 to test; the binary version",
        licence: "no licence stated, A. Krizhevsky 2009 (University of Toronto)",
        form: Form::Cifar10,
        folders: &["cifar10"],
        archives: &["cifar-10-binary.tar.gz", "cifar-10-binary.tar"],
    },
    Set {
        name: "cifar10-jpeg",
        title: "CIFAR-10 (JPEG)",
        about: "CIFAR-10 packed as JPEG, which costs a point or two of accuracy; 50,000 to learn, \
                10,000 to test",
        licence: "no licence stated, A. Krizhevsky 2009 (University of Toronto)",
        form: Form::Tree,
        folders: &["cifar10-jpeg", "cifar10"],
        archives: &["cifar10-jpeg.tar.xz", "cifar10-jpeg.tar.gz", "cifar10-jpeg.tar"],
    },
    Set {
        name: "cifar100",
        title: "CIFAR-100",
        about: "60,000 pictures of things, 3 x 32 x 32 pixels, 100 classes; 50,000 to learn, \
                10,000 to test; the binary version",
        licence: "no licence stated, A. Krizhevsky 2009 (University of Toronto)",
        form: Form::Cifar100,
        folders: &["cifar100"],
        archives: &["cifar-100-binary.tar.gz", "cifar-100-binary.tar"],
    },
    Set {
        name: "imagenet32",
        title: "ImageNet32",
        about: "1,331,167 pictures of things, 3 x 32 x 32 pixels, 1,000 classes; 1,281,167 to \
                learn, 50,000 to test (those for validation)",
        licence: "non-commercial research only, P. Chrabaszcz et al. 2017, of ImageNet",
        form: Form::ImageNet,
        folders: &["imagenet32"],
        archives: &["imagenet32.tar.gz", "imagenet32.tar"],
    },
];

/// Where a set was found: a folder, or an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(pub PathBuf);

/// The set of this name that users bring.
pub fn set(name: &str) -> Option<&'static Set> {
    SETS.iter().find(|set| set.name == name)
}

impl Form {
    /// Whether a file or folder shows that a set of this form is there.
    fn shows(self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = last_of(&name);
        let is_cifar = |version: Version| {
            [Split::Train, Split::Test].iter().any(|&split| version.files(split).contains(&name))
        };
        match self {
            Form::Cifar10 => is_cifar(Version::Ten) && path.is_file(),
            Form::Cifar100 => is_cifar(Version::Hundred) && path.is_file(),
            Form::ImageNet => {
                let mut files =
                    [Split::Train, Split::Test].iter().flat_map(|&split| imagenet::files(split));
                files.any(|file| file == imagenet::stem(name)) && path.is_file()
            }
            Form::Tree => matches!(name, "train" | "test") && path.is_dir(),
        }
    }

    fn read(self, place: &Path, parts: &[(Split, String)]) -> Result<Vec<Pictures>, DataFault> {
        match self {
            Form::Cifar10 => cifar::read(Version::Ten, place, parts),
            Form::Cifar100 => cifar::read(Version::Hundred, place, parts),
            Form::ImageNet => imagenet::read(place, parts),
            Form::Tree => tree::read(place, parts),
        }
    }
}

impl Set {
    /// Where to put it, below a data folder.
    pub fn wanted(&self) -> String {
        let folder = self.folders[0];
        let files = match self.form {
            Form::Cifar10 => "data_batch_1.bin to data_batch_5.bin, test_batch.bin",
            Form::Cifar100 => "train.bin, test.bin",
            Form::ImageNet => "train_data_batch_1 to train_data_batch_10, val_data (or .npz)",
            Form::Tree => "train/CLASS/*.jpg, test/CLASS/*.jpg",
        };
        format!("{folder}/{} or {folder}/ with {files}", self.archives[0])
    }
}

/// Looks for a set; what is in it is not looked at. Plain files come before archives.
pub fn find(set: &Set, folders: &Folders) -> Option<Place> {
    let below = |path: &Path| -> Vec<PathBuf> {
        let entries = path.read_dir().into_iter().flatten();
        entries.flatten().map(|entry| entry.path()).collect()
    };
    for folder in folders.0.iter().flat_map(|root| set.folders.iter().map(|sub| root.join(sub))) {
        let inside = below(&folder);
        let deeper = inside.iter().filter(|path| set.form != Form::Tree && path.is_dir());
        let shown = inside.iter().any(|path| set.form.shows(path))
            || deeper.flat_map(|path| below(path)).any(|path| set.form.shows(&path));
        if shown {
            return Some(Place(folder));
        }
        let archive = set.archives.iter().map(|name| folder.join(name)).find(|path| path.is_file());
        if let Some(archive) = archive {
            return Some(Place(archive));
        }
    }
    None
}

/// Reads one part of a set that is known by name.
///
/// # Errors
/// An unknown name; files that are not found, or are not what they should be.
pub fn load(name: &str, split: Split, folders: &Folders) -> Result<Pictures, DataFault> {
    let [pictures] = load_parts(name, [split], folders)?;
    Ok(pictures)
}

/// Reads the pictures to learn and those to test on, unpacking an archive only once.
///
/// # Errors
/// As [`load`].
pub fn load_both(name: &str, folders: &Folders) -> Result<(Pictures, Pictures), DataFault> {
    let [train, test] = load_parts(name, [Split::Train, Split::Test], folders)?;
    Ok((train, test))
}

fn load_parts<const N: usize>(
    name: &str,
    splits: [Split; N],
    folders: &Folders,
) -> Result<[Pictures; N], DataFault> {
    let title = match name {
        "digits" => "digits",
        "mnist" => "MNIST",
        _ => set(name).map_or(name, |set| set.title),
    };
    let parts = splits.map(|split| (split, format!("{title}, {}", split.name())));
    let read = match (name, set(name)) {
        (_, Some(set)) => {
            let Place(place) = find(set, folders).ok_or_else(|| missing(set, folders))?;
            set.form.read(&place, &parts)?
        }
        ("digits", _) => parts.iter().map(|(split, title)| of_digits(title, *split)).collect(),
        ("mnist", _) => parts
            .iter()
            .map(|(split, title)| of_registry(name, title, *split, folders))
            .collect::<Result<_, _>>()?,
        _ => return Err(unknown(name)),
    };
    // There are as many as were asked for.
    <[Pictures; N]>::try_from(read).map_err(|_| unknown(name))
}

/// The bundled digits, exactly.
fn of_digits(title: &str, split: Split) -> Pictures {
    const WHITE: u8 = 16;
    let set = digits(split);
    Pictures {
        name: title.to_owned(),
        shape: Shape::new(1, 8, 8),
        pixels: set.inputs.as_slice().iter().map(|x| (x * f64::from(WHITE)) as u8).collect(),
        white: WHITE,
        labels: set.labels.unwrap_or_default(),
        classes: set.classes,
    }
}

/// A set of the registry that is kept in IDX files.
fn of_registry(
    name: &str,
    title: &str,
    split: Split,
    folders: &Folders,
) -> Result<Pictures, DataFault> {
    let Some([pictures, labels]) = registry::files(name, split, folders)? else {
        return Err(unknown(name));
    };
    let Bytes { sizes: [_, height, width], pixels, labels } = idx::read_pair(&pictures, &labels)?;
    Ok(Pictures {
        name: title.to_owned(),
        shape: Shape::new(1, height, width),
        pixels,
        white: u8::MAX,
        classes: labels.iter().max().map_or(0, |top| top + 1),
        labels,
    })
}

fn unknown(name: &str) -> DataFault {
    let names: Vec<&str> =
        ["digits", "mnist"].into_iter().chain(SETS.iter().map(|set| set.name)).collect();
    DataFault::whole(
        format!("no pictures named `{name}`"),
        format!("the pictures known by name are: {}", names.join(", ")),
    )
}

fn missing(set: &Set, folders: &Folders) -> DataFault {
    let other = SETS.iter().filter(|other| other.name != set.name);
    let nearby = other
        .filter(|other| other.folders.iter().any(|folder| set.folders.contains(folder)))
        .find(|other| find(other, folders).is_some());
    let nearby = nearby.map(|set| format!("; {} is there, as `{}`", set.title, set.name));
    DataFault::whole(
        format!(
            "{} (`{}`) was not found; looked in: {}{}",
            set.title,
            set.name,
            folders.listed(),
            nearby.unwrap_or_default()
        ),
        format!(
            "put {} into one of these folders, or name another with EQCIRCUIT_DATA",
            set.wanted()
        ),
    )
}
