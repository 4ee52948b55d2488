//! The values that were tried, on the disk at once.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{EVALUATIONS, MarginAsk, RUNS};
use crate::run::digests::Digests;
use crate::run::lasting::{damaged_line, whole_lines};
use crate::run::{Manner, RunError, contents, replace_file};
use crate::spec::Spec;

/// A value that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Evaluation {
    /// Empty for the file as it is.
    pub key: String,
    pub chip: usize,
    pub value: f64,
    /// Nothing where the run has no such figure: nothing settled, say.
    pub figure: Option<f64>,
}

impl Evaluation {
    fn id(&self) -> Id {
        (self.key.clone(), self.chip, self.value.to_bits())
    }

    fn line(&self) -> String {
        format!("{}\n", serde_json::json!(self))
    }
}

type Id = (String, usize, u64);

/// The file of evaluations.
pub(super) struct Log {
    path: PathBuf,
    known: Mutex<BTreeMap<Id, Option<f64>>>,
    file: Mutex<File>,
}

impl Log {
    /// Opens the folder, with what was tried before where that is to be gone on with.
    pub fn open(
        ask: &MarginAsk,
        spec: &Spec,
        folder: &Path,
        manner: Manner,
    ) -> Result<Log, RunError> {
        let unusable = |source| RunError::Folder { path: folder.to_path_buf(), source };
        let whole = std::path::absolute(folder).map_err(unusable)?;
        let files = Digests::of(&spec.files, &whole)?;
        let head = serde_json::json!({
            "metric": ask.metric, "drop": ask.drop, "chips": ask.chips, "trains": ask.trains,
            "keys": ask.keys, "resolved": spec.resolved, "files": files.text(),
        });
        let path = folder.join(EVALUATIONS);
        let mut tried = Vec::new();
        match (whole_lines(&path)?, manner) {
            (Some(_), Manner::Fresh) => {
                return Err(RunError::Exists { path: folder.to_path_buf() });
            }
            (Some(lines), Manner::Resume) => {
                check_same(&lines, &head, &files).map_err(|difference| RunError::AnotherRun {
                    path: folder.to_path_buf(),
                    difference,
                })?;
                tried = evaluations(&lines, ask, &path)?;
            }
            (Some(_), Manner::Force) => {
                for run in fs::read_dir(folder.join(RUNS)).into_iter().flatten() {
                    contents::remove(&run.map_err(unusable)?.path()).map_err(unusable)?;
                }
            }
            (None, _) if fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some()) => {
                return Err(RunError::NotOurs { path: folder.to_path_buf() });
            }
            (None, _) => {}
        }
        fs::create_dir_all(folder).map_err(unusable)?;
        let lines: String = tried.iter().map(Evaluation::line).collect();
        replace_file(&path, format!("{head}\n{lines}").as_bytes()).map_err(unusable)?;
        let file = Mutex::new(OpenOptions::new().append(true).open(&path).map_err(unusable)?);
        let known = tried.iter().map(|tried| (tried.id(), tried.figure)).collect();
        Ok(Log { path, known: Mutex::new(known), file })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Id, Option<f64>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of a value that was tried before.
    pub fn figure(&self, key: &str, chip: usize, value: f64) -> Option<Option<f64>> {
        self.known().get(&(key.to_string(), chip, value.to_bits())).copied()
    }

    /// Adds what came of a value.
    pub fn enter(&self, evaluation: &Evaluation) -> Result<(), RunError> {
        self.known().insert(evaluation.id(), evaluation.figure);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(evaluation.line().as_bytes()).and_then(|()| file.flush());
        written.map_err(|source| RunError::Write {
            path: self.path.clone(),
            survives: "what stands there is kept".into(),
            source,
        })
    }
}

/// Whether lines are of the search of this head; how not, if they are not.
fn check_same(lines: &[String], head: &serde_json::Value, files: &Digests) -> Result<(), String> {
    let other = || "its file, keys or metric are others".to_string();
    let first = lines.first().ok_or_else(other)?;
    let mut there: serde_json::Value = serde_json::from_str(first).map_err(|_| other())?;
    let told = there.as_object_mut().and_then(|there| there.remove("files"));
    let mut here = head.clone();
    here.as_object_mut().and_then(|here| here.remove("files"));
    if there != here {
        return Err(other());
    }
    // Searches of before there was this record are taken as they are.
    let told = told.as_ref().and_then(|told| Digests::parsed(told.as_str()?));
    told.and_then(|told| told.difference(files)).map_or(Ok(()), Err)
}

fn evaluations(
    lines: &[String],
    ask: &MarginAsk,
    path: &Path,
) -> Result<Vec<Evaluation>, RunError> {
    let mut tried: Vec<Evaluation> = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for (i, line) in lines.iter().enumerate().skip(1) {
        let wrong = |what: String| damaged_line(path, i + 1, what);
        let found: Evaluation = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        let asked = found.key.is_empty() || ask.keys.iter().any(|key| key.key == found.key);
        if !asked || found.chip >= ask.chips {
            let Evaluation { key, chip, .. } = found;
            return Err(wrong(format!("`{key}` of chip {chip} was not asked for")));
        }
        if !ids.insert(found.id()) {
            return Err(wrong("a value stands there twice".to_string()));
        }
        tried.push(found);
    }
    Ok(tried)
}
