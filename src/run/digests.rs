//! What the files that a run reads held when it began, so that it is not taken up with others.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::RunError;
use crate::spec::seen_from;

/// Files with their SHA-256, as `sha256sum -c` reads them in the folder of the run.
pub const FILES_READ: &str = "files.sha256";

/// A file as seen from the folder, with its SHA-256.
type Entry = (PathBuf, String);

/// The files that a run reads, in the order it asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Digests(Vec<Entry>);

impl Digests {
    /// Of files as they are now.
    pub fn of(files: &[PathBuf], folder: &Path) -> Result<Digests, RunError> {
        let entry = |path: &PathBuf| match digest(path) {
            Ok(sum) => Ok((seen_from(folder, path), sum)),
            Err(source) => Err(RunError::Read { path: path.clone(), source }),
        };
        files.iter().map(entry).collect::<Result<_, _>>().map(Digests)
    }

    /// Those that a folder tells of; `None` where it does not.
    pub fn told(folder: &Path) -> Result<Option<Digests>, RunError> {
        let path = folder.join(FILES_READ);
        match fs::read_to_string(&path) {
            Ok(text) => match Digests::parsed(&text) {
                Some(digests) => Ok(Some(digests)),
                None => Err(RunError::Damaged {
                    path,
                    message: "a line is not a SHA-256 and a file; start again with --force".into(),
                }),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunError::Read { path, source }),
        }
    }

    pub fn parsed(text: &str) -> Option<Digests> {
        let entry = |line: &str| {
            let (sum, path) = line.split_once("  ")?;
            let sound = sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
            sound.then(|| (PathBuf::from(path), sum.to_string()))
        };
        text.lines().map(entry).collect::<Option<_>>().map(Digests)
    }

    pub fn text(&self) -> String {
        self.0.iter().map(|(path, sum)| format!("{sum}  {}\n", path.display())).collect()
    }

    /// The same with the paths as seen from another folder.
    pub fn moved(&self, see: impl Fn(&Path) -> Option<PathBuf>) -> Digests {
        let entry = |(path, sum): &Entry| (see(path).unwrap_or_else(|| path.clone()), sum.clone());
        Digests(self.0.iter().map(entry).collect())
    }

    /// How others differ from these, if they do. Folders move, and files with them: the names
    /// alone are compared, and what is in the files.
    pub fn difference(&self, other: &Digests) -> Option<String> {
        let name = |entry: &Entry| entry.0.file_name().map(|name| name.to_os_string());
        for (there, here) in self.0.iter().zip(&other.0) {
            if name(there) != name(here) {
                let [there, here] = [there, here].map(|entry| entry.0.display().to_string());
                return Some(format!("there `{there}` is read, here `{here}`"));
            }
            if there.1 != here.1 {
                let short = |entry: &Entry| entry.1[..12].to_string();
                return Some(format!(
                    "`{}` was another file there: its SHA-256 begins with {}, here with {}",
                    here.0.display(),
                    short(there),
                    short(here)
                ));
            }
        }
        let more = |all: &Digests| Some(all.0.get(self.0.len().min(other.0.len()))?.0.clone());
        let there = more(self).map(|path| format!("there `{}` is read too", path.display()));
        there.or_else(|| Some(format!("here `{}` is read too", more(other)?.display())))
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: &[(&str, &str)]) -> Digests {
        let folder = tempfile::tempdir().unwrap();
        let write = |(name, text): &(&str, &str)| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let files: Vec<PathBuf> = all.iter().map(write).collect();
        Digests::of(&files, folder.path()).unwrap()
    }

    #[test]
    fn a_file_that_changed_is_named() {
        let one = of(&[("w.csv", "1\n"), ("x.csv", "2\n")]);
        assert!(one.text().starts_with(
            "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865  w.csv\n"
        ));
        assert_eq!(Digests::parsed(&one.text()), Some(one.clone()));
        assert_eq!(one.difference(&one), None);
        let told = |other: &Digests| one.difference(other).unwrap();
        let changed = told(&of(&[("w.csv", "1\n"), ("x.csv", "3\n")]));
        assert!(changed.starts_with("`x.csv` was another file there"), "{changed}");
        assert_eq!(told(&of(&[("w.csv", "1\n")])), "there `x.csv` is read too");
        let more = of(&[("w.csv", "1\n"), ("x.csv", "2\n"), ("y.csv", "")]);
        assert_eq!(told(&more), "here `y.csv` is read too");
        assert_eq!(told(&of(&[("z.csv", "1\n")])), "there `w.csv` is read, here `z.csv`");
        assert_eq!(Digests::parsed("half a line"), None);
    }
}
