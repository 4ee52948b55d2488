//! The folder of a long run: filled as the run goes, so that it can be taken up where it stopped.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::digests::{Digests, FILES_READ};
use super::output::{LOCK, inhabitant, replace_file};
use super::tensors::{self, Tensor};
use super::{RunError, contents, record};
use crate::spec::{Spec, Verb};

/// What to do with a run that is already in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// Leave it alone: it is an error.
    #[default]
    Fresh,
    /// Go on with it.
    Resume,
    /// Throw it away.
    Force,
}

/// An output folder that is written while the run lasts. One process has it at a time.
pub(super) struct Lasting {
    folder: PathBuf,
    /// Whether what is in it was judged by another `[expect]`; of sweeps only.
    pub judges_anew: bool,
    /// Held as long as the run lasts; the system lets go of it when the process dies.
    _lock: File,
}

impl Lasting {
    /// Opens the folder, and says whether there is a run in it to go on with. A new folder gets a
    /// marker as [`record::RUN`], for the caller to fill, and `resolved.toml`.
    pub fn open(
        verb: Verb,
        folder: &Path,
        manner: Manner,
        spec: &Spec,
    ) -> Result<(Lasting, bool), RunError> {
        let unusable = |source| RunError::Folder { path: folder.to_path_buf(), source };
        let folder = std::path::absolute(folder).map_err(unusable)?;
        let mut there = match inhabitant(&folder)? {
            Some(found) if found != verb.name() => {
                return Err(RunError::OtherVerb { path: folder, found });
            }
            found => found.is_some(),
        };
        if there && manner == Manner::Fresh {
            return Err(RunError::Exists { path: folder });
        }
        fs::create_dir_all(&folder).map_err(unusable)?;
        let lock = File::create(folder.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(RunError::Busy { path: folder }),
            Err(fs::TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let resolved = spec.resolved_for(&folder);
        let files = Digests::of(&spec.files, &folder)?;
        let mut lasting = Lasting { folder, judges_anew: false, _lock: lock };
        if there && manner == Manner::Resume && !lasting.path(record::RESOLVED).exists() {
            lasting.check_begun()?;
            there = false;
        }
        let resumes = there && manner == Manner::Resume;
        if resumes {
            lasting.judges_anew = lasting.check_same(&resolved, &files, verb)?;
            if lasting.judges_anew {
                lasting.replace(record::RESOLVED, resolved.as_bytes())?;
            }
        } else {
            let marker = format!("{{\"verb\": \"{}\"}}\n", verb.name());
            lasting.replace(record::RUN, marker.as_bytes())?;
            lasting.clear()?;
            lasting.replace(FILES_READ, files.text().as_bytes())?;
            lasting.replace(record::RESOLVED, resolved.as_bytes())?;
        }
        Ok((lasting, resumes))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Refuses to go on with a run of other settings or files. Whether a sweep has another
    /// `[expect]`, which makes no difference to its runs.
    fn check_same(&self, resolved: &str, files: &Digests, verb: Verb) -> Result<bool, RunError> {
        let path = self.path(record::RESOLVED);
        let there = fs::read_to_string(&path)
            .map_err(|source| RunError::Read { path: path.clone(), source })?;
        let promises = verb == Verb::Sweep && there != resolved;
        let told = match promises {
            true => difference(&unpromised(&there), &unpromised(resolved)),
            false => difference(&there, resolved),
        };
        let difference = match told {
            // Folders of before there was this record are taken as they are.
            None => Digests::told(&self.folder)?.and_then(|there| there.difference(files)),
            found => found,
        };
        match difference {
            None => Ok(promises),
            Some(difference) => Err(RunError::AnotherRun { path: self.folder.clone(), difference }),
        }
    }

    /// Refuses a folder that a run has no settings in any more, unless it had not begun.
    fn check_begun(&self) -> Result<(), RunError> {
        let unusable = |source| RunError::Folder { path: self.folder.clone(), source };
        match contents::begun(&self.folder).map_err(unusable)? {
            None => Ok(()),
            Some(name) => Err(RunError::Damaged {
                path: self.path(record::RESOLVED),
                message: format!(
                    "it is gone, so that nothing says which settings {name} has; put it back, \
                     start again with --force, or choose another folder with --out"
                ),
            }),
        }
    }

    /// Removes what an earlier run wrote, all but the marker.
    fn clear(&self) -> Result<(), RunError> {
        contents::clear(&self.folder, &[LOCK, record::RUN])
            .map_err(|source| RunError::Folder { path: self.folder.clone(), source })
    }

    /// Adds a line to a file.
    pub fn append(&self, name: &str, line: &str) -> Result<(), RunError> {
        let path = self.path(name);
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|source| self.unwritten(name, source))
    }

    /// Writes a file whole, in place of an earlier one only when it is complete.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        replace_file(&self.path(name), bytes).map_err(|source| self.unwritten(name, source))
    }

    /// Writes tensors as [`Lasting::replace`] writes bytes.
    pub fn tensors(&self, name: &str, tensors: &[Tensor]) -> Result<(), RunError> {
        let bytes = tensors::to_bytes(tensors).map_err(|source| self.unwritten(name, source))?;
        self.replace(name, &bytes)
    }

    /// Keeps the first lines of a file; what follows was not finished. Returns them.
    pub fn keep_lines(&self, name: &str, count: usize) -> Result<Vec<String>, RunError> {
        let lines = self.lines(name)?;
        if lines.len() < count {
            let message = format!("has {} whole lines of {count}", lines.len());
            return Err(RunError::Damaged { path: self.path(name), message });
        }
        let kept: Vec<String> = lines.into_iter().take(count).collect();
        let text: String = kept.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        self.replace(name, text.as_bytes())?;
        Ok(kept)
    }

    /// The whole lines of a file; none if it is not there. One that was cut short is left out.
    pub fn lines(&self, name: &str) -> Result<Vec<String>, RunError> {
        whole_lines(&self.path(name)).map(Option::unwrap_or_default)
    }

    fn unwritten(&self, name: &str, source: io::Error) -> RunError {
        let survives = "what was finished before is safe; free some space, or mend what is wrong \
                        with the disk, and go on with --resume"
            .to_string();
        RunError::Write { path: self.path(name), survives, source }
    }
}

/// The whole lines of a file, without a last one that was cut short, wherever in a letter; `None`
/// if it is not there.
pub(super) fn whole_lines(path: &Path) -> Result<Option<Vec<String>>, RunError> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RunError::Read { path: path.to_path_buf(), source }),
    };
    bytes.truncate(bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1));
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.lines().map(String::from).collect())),
        Err(error) => {
            let before = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..before].iter().filter(|b| **b == b'\n').count();
            Err(damaged_line(path, line, "it is not UTF-8"))
        }
    }
}

/// A line, counted from 1, that no run wrote like this.
pub(super) fn damaged_line(path: &Path, line: usize, what: impl Display) -> RunError {
    RunError::Damaged {
        path: path.to_path_buf(),
        message: format!(
            "line {line}: {what}; mend or remove the line, or start again with --force"
        ),
    }
}

/// A resolved file without its `[expect]`.
fn unpromised(resolved: &str) -> String {
    let mut within = false;
    let lines = resolved.split_inclusive('\n').filter(|line| {
        if line.starts_with('[') {
            within = line.starts_with("[expect]") || line.starts_with("[expect.");
        }
        !within
    });
    lines.collect()
}

/// The first line in which two resolved files differ, with its table.
pub(super) fn difference(there: &str, here: &str) -> Option<String> {
    if there == here {
        return None;
    }
    let mut table = "";
    let mut ours = here.lines();
    for line in there.lines() {
        let now = ours.next();
        if now != Some(line) {
            let now = now.unwrap_or("nothing");
            let within = if table.is_empty() { String::new() } else { format!(" in {table}") };
            return Some(format!("there{within} stands `{line}`, here `{now}`"));
        }
        if line.starts_with('[') {
            table = line;
        }
    }
    Some(format!("here there is also `{}`", ours.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_its_promises_a_file_is_otherwise_the_same() {
        let text = "a = 1\n\n[expect]\nx = [\n  { at-least = 1 },\n]\n\n[sweep]\nb = 2\n";
        assert_eq!(unpromised(text), "a = 1\n\n[sweep]\nb = 2\n");
    }

    #[test]
    fn the_first_difference_is_named_with_its_table() {
        let one = "title = \"a\"\n\n[train]\nepochs = 3\nbatch = 2\n";
        let other = "title = \"a\"\n\n[train]\nepochs = 4\nbatch = 3\n";
        assert_eq!(difference(one, one), None);
        assert_eq!(
            difference(one, other).unwrap(),
            "there in [train] stands `epochs = 3`, here `epochs = 4`"
        );
        assert_eq!(difference(one, &format!("{one}x = 1")).unwrap(), "here there is also `x = 1`");
    }
}
