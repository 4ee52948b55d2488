//! The data sets known by name, where they are looked for, and whether what was found is what it
//! should be.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{DataFault, DataSet, Split, digits, idx};

/// A data set known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub name: &'static str,
    pub about: &'static str,
    pub licence: &'static str,
    /// Empty when the data set is part of the program. Else, in this order: training pictures and
    /// labels, test pictures and labels.
    pub files: &'static [KnownFile],
}

/// A file of a known data set. On disk it may also be compressed, with `.gz` after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    pub name: &'static str,
    /// Of the unpacked file.
    pub bytes: u64,
    /// Of the unpacked file, in lower-case hexadecimal.
    pub sha256: &'static str,
}

/// All data sets known by name.
pub const KNOWN: [Known; 2] = [
    Known {
        name: "digits",
        about: "1,797 handwritten digits, 8 x 8 pixels, 10 classes; 1,437 to learn, 360 to test",
        licence: "CC BY 4.0, E. Alpaydin and C. Kaynak (UCI Machine Learning Repository)",
        files: &[],
    },
    Known {
        name: "mnist",
        about: "70,000 handwritten digits, 28 x 28 pixels, 10 classes; 60,000 to learn, 10,000 to \
                test",
        licence: "CC BY-SA 3.0, Y. LeCun, C. Cortes and C. Burges",
        files: &[
            KnownFile {
                name: "train-images-idx3-ubyte",
                bytes: 47_040_016,
                sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            },
            KnownFile {
                name: "train-labels-idx1-ubyte",
                bytes: 60_008,
                sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            },
            KnownFile {
                name: "t10k-images-idx3-ubyte",
                bytes: 7_840_016,
                sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            },
            KnownFile {
                name: "t10k-labels-idx1-ubyte",
                bytes: 10_008,
                sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
        ],
    },
];

/// The data set of this name.
///
/// # Errors
/// An unknown name; the help lists the known ones.
pub fn known(name: &str) -> Result<&'static Known, DataFault> {
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
        DataFault::whole(
            format!("no data set named `{name}`"),
            format!("the data sets known by name are: {}", names.join(", ")),
        )
    })
}

/// The folders in which a data set `NAME` is looked for, as `FOLDER/NAME/FILE[.gz]`, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folders(pub Vec<PathBuf>);

impl Folders {
    /// The folder asked for, then `EQCIRCUIT_DATA`, then the user's own data folder
    /// (`XDG_DATA_HOME`, or `~/.local/share`) with `eqcircuit` in it.
    pub fn of(asked: Option<&Path>) -> Folders {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
        let folders = [
            asked.map(Path::to_path_buf),
            set("EQCIRCUIT_DATA"),
            user.map(|folder| folder.join("eqcircuit")),
        ];
        Folders(folders.into_iter().flatten().collect())
    }

    pub(super) fn listed(&self) -> String {
        let shown: Vec<String> = self.0.iter().map(|f| f.display().to_string()).collect();
        if shown.is_empty() { "nowhere".into() } else { shown.join(", ") }
    }
}

/// What became of the search for a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Part of the program.
    Bundled,
    /// All files are there and right; their paths are in the order of [`Known::files`].
    Intact {
        folder: PathBuf,
        files: Vec<PathBuf>,
    },
    /// The first folder that holds any file of it holds it wrongly.
    Damaged {
        folder: PathBuf,
        why: String,
    },
    Missing,
}

/// Looks a data set up and checks the size and checksum of every file. The first folder that
/// holds any file of it decides.
pub fn find(known: &Known, folders: &Folders) -> Found {
    if known.files.is_empty() {
        return Found::Bundled;
    }
    for root in &folders.0 {
        let folder = root.join(known.name);
        let files: Vec<Option<PathBuf>> =
            known.files.iter().map(|file| on_disk(&folder, file)).collect();
        if files.iter().all(Option::is_none) {
            continue;
        }
        let checked: Result<Vec<PathBuf>, String> = known
            .files
            .iter()
            .zip(files)
            .map(|(file, path)| {
                let path = path.ok_or_else(|| format!("`{}` is missing", file.name))?;
                verify(file, &path)?;
                Ok(path)
            })
            .collect();
        return match checked {
            Ok(files) => Found::Intact { folder, files },
            Err(why) => Found::Damaged { folder, why },
        };
    }
    Found::Missing
}

/// Reads one part of a data set that is known by name.
///
/// # Errors
/// An unknown name; files that are not found, or are not what they should be.
pub fn load(name: &str, split: Split, folders: &Folders) -> Result<DataSet, DataFault> {
    match files(name, split, folders)? {
        None => Ok(digits(split)),
        Some([pictures, labels]) => {
            idx::read(&format!("{name} ({})", split.name()), &pictures, &labels)
        }
    }
}

/// The pictures and the labels of one part of a data set that is known by name, checked; `None`
/// where it is part of the program.
///
/// # Errors
/// As [`load`].
pub(super) fn files(
    name: &str,
    split: Split,
    folders: &Folders,
) -> Result<Option<[PathBuf; 2]>, DataFault> {
    let known = known(name)?;
    match find(known, folders) {
        Found::Bundled => Ok(None),
        Found::Intact { mut files, .. } => {
            let first = match split {
                Split::Train => 0,
                Split::Test => 2,
            };
            let labels = files.swap_remove(first + 1);
            Ok(Some([files.swap_remove(first), labels]))
        }
        Found::Damaged { folder, why } => Err(DataFault::whole(
            format!("the data set `{name}` in `{}` is not intact: {why}", folder.display()),
            format!("run `eqcircuit data fetch {name} --from URL-or-folder`"),
        )),
        Found::Missing => Err(DataFault::whole(
            format!("the data set `{name}` was not found; looked in: {}", folders.listed()),
            format!(
                "run `eqcircuit data fetch {name} --from URL-or-folder`, or name the folder that \
                 holds `{name}/` with EQCIRCUIT_DATA"
            ),
        )),
    }
}

/// The file, plain or compressed, if it is there.
pub(super) fn on_disk(folder: &Path, file: &KnownFile) -> Option<PathBuf> {
    [folder.join(file.name), folder.join(format!("{}.gz", file.name))]
        .into_iter()
        .find(|path| path.is_file())
}

/// Checks the unpacked size and SHA-256 of a file.
///
/// # Errors
/// What is wrong, with both sums where they differ.
pub fn verify(file: &KnownFile, path: &Path) -> Result<(), String> {
    let (bytes, sum) =
        measure(path, file.bytes).map_err(|e| format!("cannot read `{}`: {e}", path.display()))?;
    let shown = path.display();
    if sum == file.sha256 {
        Ok(())
    } else if bytes > file.bytes {
        Err(format!("`{shown}` is longer than the {} bytes it should be", file.bytes))
    } else {
        Err(format!(
            "`{shown}` has {bytes} bytes with SHA-256 {sum}, but should have {} bytes with \
             SHA-256 {} (unpacked)",
            file.bytes, file.sha256
        ))
    }
}

/// Unpacked length and SHA-256 of a file; reading stops one byte after `at_most`.
fn measure(path: &Path, at_most: u64) -> io::Result<(u64, String)> {
    let mut file = idx::open_unpacked(path)?.take(at_most + 1);
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut file, &mut hash)?;
    let mut sum = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(sum, "{byte:02x}");
    }
    Ok((bytes, sum))
}
