//! The folder a run writes: staged beside its final place and swapped in when it is whole.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::interrupt::Interrupt;
use super::{RunError, contents, record};
use crate::spec::Verb;

/// Held by the one process that writes a folder.
pub(super) const LOCK: &str = ".lock";
/// What the names of files begin with until they are whole.
pub(super) const TEMPORARY: &str = ".tmp";

/// An output folder in the making.
pub(super) struct Staging {
    verb: Verb,
    target: PathBuf,
    staged: TempDir,
    interrupt: Interrupt,
}

impl Staging {
    /// Makes the folder for what will become `target`, and tries to write in it.
    pub fn prepare(verb: Verb, target: &Path, interrupt: &Interrupt) -> Result<Staging, RunError> {
        let unusable = |source| RunError::Folder { path: target.to_path_buf(), source };
        let target = std::path::absolute(target).map_err(unusable)?;
        refuse_foreign(&target, verb)?;
        let parent = target.parent().ok_or_else(|| RunError::NotOurs { path: target.clone() })?;
        fs::create_dir_all(parent).map_err(unusable)?;
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".partial-");
        let staged = open_to_others(0o777).prefix(&name).tempdir_in(parent).map_err(unusable)?;
        let probe = staged.path().join("probe");
        fs::File::create(&probe)
            .and_then(|mut file| file.write_all(b"probe"))
            .and_then(|()| fs::remove_file(&probe))
            .map_err(unusable)?;

        if !interrupt.stage(staged.path()) {
            return Err(RunError::Interrupted);
        }
        Ok(Staging { verb, target, staged, interrupt: interrupt.clone() })
    }

    /// Where the run will be published.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Fails when the run has been interrupted.
    pub fn proceed(&self) -> Result<(), RunError> {
        if self.interrupt.tripped() { Err(RunError::Interrupted) } else { Ok(()) }
    }

    /// Writes one file of the folder through `body`.
    pub fn write(
        &self,
        name: &str,
        body: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), RunError> {
        self.proceed()?;
        let path = self.staged.path().join(name);
        let written = fs::File::create(&path).and_then(|file| {
            let mut out = std::io::BufWriter::new(file);
            body(&mut out)?;
            out.flush()
        });
        written.map_err(|source| self.failed(name, source))
    }

    /// What went wrong with a file, or that the run was interrupted beneath it.
    fn failed(&self, name: &str, source: std::io::Error) -> RunError {
        match self.interrupt.tripped() {
            true => RunError::Interrupted,
            false => self.unwritten(name, source),
        }
    }

    fn unwritten(&self, name: &str, source: std::io::Error) -> RunError {
        let survives = if self.target.join(record::RUN).exists() {
            format!("the earlier run in {} is untouched", self.target.display())
        } else {
            "nothing was left behind".to_string()
        };
        RunError::Write { path: self.target.join(name), survives, source }
    }

    /// Puts the folder in its final place, instead of an earlier run's.
    ///
    /// The earlier folder steps aside by a rename and comes back if the new one cannot take its
    /// place, so at every moment one whole run is on the disk.
    pub fn publish(self) -> Result<PathBuf, RunError> {
        // What is foreign in the earlier folder comes along, with no handler in between.
        let published = self.interrupt.swap(|| {
            refuse_foreign(&self.target, self.verb)?;
            let aside = self.staged.path().with_extension("old");
            let replaces = self.target.exists();
            let swapped = if replaces { fs::rename(&self.target, &aside) } else { Ok(()) }
                .and_then(|()| fs::rename(self.staged.path(), &self.target))
                .inspect_err(|_| {
                    if replaces && !self.target.exists() {
                        let _ = fs::rename(&aside, &self.target);
                    }
                });
            swapped.map_err(|source| self.unwritten("", source))?;
            if replaces {
                // The new run is in its place whatever becomes of the earlier one.
                let _ = hand_over(&aside, &self.target);
            }
            Ok(())
        });
        published?;
        // Gone from its old place, so that dropping the guard must not look for it.
        let _ = self.staged.keep();
        Ok(self.target)
    }
}

/// Removes an earlier run, and moves what others wrote beside it to the new one.
fn hand_over(earlier: &Path, new: &Path) -> std::io::Result<()> {
    contents::clear(earlier, &[])?;
    for entry in fs::read_dir(earlier)? {
        let entry = entry?;
        let to = new.join(entry.file_name());
        if entry.file_name() == LOCK {
            fs::remove_file(entry.path())?;
        } else if !to.exists() {
            fs::rename(entry.path(), to)?;
        }
    }
    fs::remove_dir(earlier)
}

/// Refuses a folder that holds something, but not a run of this verb.
fn refuse_foreign(target: &Path, verb: Verb) -> Result<(), RunError> {
    match inhabitant(target)? {
        None => Ok(()),
        Some(found) if found == verb.name() => Ok(()),
        Some(found) => Err(RunError::OtherVerb { path: target.to_path_buf(), found }),
    }
}

/// The verb of the run that a folder holds; `None` if it is empty or not there.
///
/// # Errors
/// If it holds something else.
pub(super) fn inhabitant(target: &Path) -> Result<Option<String>, RunError> {
    let unusable = |source| RunError::Folder { path: target.to_path_buf(), source };
    match fs::read_dir(target) {
        Ok(entries) => {
            let entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(unusable)?;
            let names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
            // A run that was killed before it had a marker leaves its lock, and what it was about
            // to rename.
            let locked = names.iter().any(|name| name == LOCK);
            let unmade = |name: &OsString| {
                name == LOCK || (locked && name.to_string_lossy().starts_with(TEMPORARY))
            };
            if names.iter().all(unmade) {
                return Ok(None);
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unusable(source)),
    }
    let marker = fs::read(target.join(record::RUN)).ok();
    let marker = marker.and_then(|bytes| serde_json::from_slice::<record::Marker>(&bytes).ok());
    match marker {
        Some(marker) => Ok(Some(marker.verb().to_string())),
        None => Err(RunError::NotOurs { path: target.to_path_buf() }),
    }
}

/// Temporary files and folders are private by default; a report is as open as the umask says.
#[cfg(unix)]
fn open_to_others(mode: u32) -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder.permissions(fs::Permissions::from_mode(mode));
    builder
}

#[cfg(not(unix))]
fn open_to_others(_mode: u32) -> tempfile::Builder<'static, 'static> {
    tempfile::Builder::new()
}

/// Writes a file to a temporary name in its folder, then renames it over the old one.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = open_to_others(0o666).prefix(TEMPORARY).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    const FIRST: &[u8] = br#"{"verb":"simulate"}"#;

    fn staged(dir: &Path) -> Staging {
        Staging::prepare(Verb::Simulate, &dir.join("out"), &Interrupt::default()).unwrap()
    }

    fn first_run(dir: &Path) {
        let staging = staged(dir);
        staging.write(record::RUN, |out| out.write_all(FIRST)).unwrap();
        staging.publish().unwrap();
    }

    #[test]
    fn a_full_disk_is_named_with_what_survived() {
        let dir = tempfile::tempdir().unwrap();
        let full = |_: &mut dyn Write| Err(Error::from(ErrorKind::StorageFull));
        let text = staged(dir.path()).write("results.csv", full).unwrap_err().to_string();
        assert!(text.contains("results.csv") && text.contains("no storage space"), "{text}");
        assert!(text.contains("nothing was left behind"), "{text}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        first_run(dir.path());
        let text = staged(dir.path()).write("results.csv", full).unwrap_err().to_string();
        assert!(text.contains("the earlier run in") && text.contains("untouched"), "{text}");
        assert!(dir.path().join("out").join(record::RUN).exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_signal_removes_what_is_unfinished_and_only_that() {
        let dir = tempfile::tempdir().unwrap();
        first_run(dir.path());
        let interrupt = Interrupt::default();
        let staging =
            Staging::prepare(Verb::Simulate, &dir.path().join("out"), &interrupt).unwrap();
        staging.write(record::RUN, |out| out.write_all(b"new")).unwrap();
        interrupt.trip();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let late = staging.write("late.csv", |out| out.write_all(b"new"));
        assert!(matches!(late, Err(RunError::Interrupted)));
        assert!(matches!(staging.publish(), Err(RunError::Interrupted)));
        assert_eq!(fs::read(dir.path().join("out").join(record::RUN)).unwrap(), FIRST);
    }

    #[test]
    fn a_run_of_another_verb_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        first_run(dir.path());
        let refused =
            Staging::prepare(Verb::Evaluate, &dir.path().join("out"), &Interrupt::default());
        let text = refused.err().unwrap().to_string();
        assert!(text.contains("`simulate`") && text.contains("--out"), "{text}");
    }

    #[test]
    fn a_folder_that_becomes_foreign_while_the_run_lasts_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let staging = staged(dir.path());
        fs::create_dir(dir.path().join("out")).unwrap();
        fs::write(dir.path().join("out/thesis.tex"), "years").unwrap();
        assert!(matches!(staging.publish(), Err(RunError::NotOurs { .. })));
        assert!(dir.path().join("out/thesis.tex").exists());
    }
}
