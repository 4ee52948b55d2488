//! What runs leave in their folders, file by file; nothing else in them is ever removed.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use super::digests::FILES_READ;
use super::gradcheck::STEPS;
use super::output::{LOCK, TEMPORARY};
use super::record::{
    CHECKPOINT, CHIP, INDEX, MEASURES, OPERATING_POINT, RESOLVED, RESULTS, RESULTS_CSV, RUN,
    TIMING, TRACE, WAVEFORMS, WEIGHTS,
};
use super::sweep::record::{POINTS, SWEEP_FILES};

/// Every record of a settled run, with a line for people.
pub const FILES: [(&str, &str); 9] = [
    (RUN, "the run: settings, seeds, version, totals, expectations"),
    (RESOLVED, "the file as understood, every default filled in"),
    (RESULTS, "one JSON object a sample"),
    (RESULTS_CSV, "the same as a table, one row a sample"),
    (OPERATING_POINT, "the operating point: name, value, unit"),
    (WAVEFORMS, "waveforms against time"),
    (MEASURES, "what was measured, by name"),
    (TRACE, "residual, energy and states on the way, and the inputs"),
    (CHIP, "weights, and conductances asked for and made"),
];

/// Every record of a training run, with a line for people.
pub const TRAINING_FILES: [(&str, &str); 9] = [
    (RUN, "the run: settings, seeds, version, expectations"),
    (RESOLVED, "the file as understood, every default filled in"),
    (FILES_READ, "the files it read, with their SHA-256"),
    (RESULTS, "one JSON object an epoch"),
    (RESULTS_CSV, "the same as a table, one row an epoch"),
    (TIMING, "wall time of each epoch"),
    (CHECKPOINT, "parameters, moments of the optimiser and cells as made, to go on from"),
    (WEIGHTS, "the weights learned, as `[model] weights` reads them"),
    (CHIP, "weights, and conductances asked for and made"),
];

/// The files of a run in its folder, figures and waveforms among them by the page that shows them.
struct Own(HashSet<String>);

impl Own {
    fn of(folder: &Path) -> Own {
        let lists = FILES.iter().chain(&TRAINING_FILES).chain(&SWEEP_FILES).map(|(name, _)| *name);
        let mut own: HashSet<String> = lists.chain([STEPS, INDEX]).map(String::from).collect();
        own.remove(POINTS);
        let page = fs::read_to_string(folder.join(INDEX)).unwrap_or_default();
        for line in page.lines() {
            let link = line.strip_prefix("![").or_else(|| line.strip_prefix("| ["));
            let Some((_, rest)) = link.and_then(|link| link.split_once("](")) else { continue };
            let Some((name, _)) = rest.split_once(')').filter(|(n, _)| *n != POINTS) else {
                continue;
            };
            if let Some(stem) = name.strip_suffix(".svg") {
                own.insert(format!("{stem}.png"));
            }
            if let Some(stem) = name.strip_suffix(".raw") {
                own.extend(["ascii.raw", "csv", "parquet"].map(|end| format!("{stem}.{end}")));
            }
            own.insert(name.to_string());
        }
        Own(own)
    }

    fn holds(&self, name: &str) -> bool {
        self.0.contains(name) || name.starts_with(TEMPORARY)
    }
}

/// Removes what a run wrote into a folder, but for some files, and leaves what others did.
pub(super) fn clear(folder: &Path, kept: &[&str]) -> io::Result<()> {
    let own = Own::of(folder);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type()?.is_dir();
        if is_folder && name == POINTS {
            for point in fs::read_dir(entry.path())? {
                let point = point?;
                if point.file_type()?.is_dir() {
                    remove(&point.path())?;
                }
            }
            removed_if_empty(&entry.path())?;
        } else if !is_folder && !kept.contains(&&*name) && own.holds(&name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes the folder of a run; where others wrote into it, only what the run wrote, and it can be
/// begun again beside that.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    clear(folder, &[RUN])?;
    let left: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    if left.iter().any(|entry| ![RUN, LOCK].iter().any(|own| entry.file_name() == *own)) {
        return Ok(());
    }
    left.iter().try_for_each(|entry| fs::remove_file(entry.path()))?;
    fs::remove_dir(folder)
}

/// Something in a folder that a run wrote after its settings.
pub(super) fn begun(folder: &Path) -> io::Result<Option<String>> {
    let own = Own::of(folder);
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let before = [RUN, FILES_READ].contains(&name.as_str()) || name.starts_with(TEMPORARY);
        if name == POINTS || (own.holds(&name) && !before) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn removed_if_empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_run_wrote_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let page = "![Time](time.svg)\n\nIt is short ([PNG](time.png))\n\n| [tran.raw](tran.raw) | \
                    waveforms |\nsee [mine](mine.svg)\n";
        let points = folder.path().join(POINTS);
        for (place, name, text) in [
            (folder.path(), RUN, "{}"),
            (folder.path(), INDEX, page),
            (folder.path(), "time.svg", ""),
            (folder.path(), "time.png", ""),
            (folder.path(), "tran.raw", ""),
            (folder.path(), "tran.csv", ""),
            (folder.path(), "mine.svg", ""),
            (folder.path(), "notes.txt", ""),
            (&points.join("0000-000"), WEIGHTS, ""),
            (&points.join("0001-000"), WEIGHTS, ""),
            (&points.join("0001-000"), RUN, "{}"),
            (&points.join("0001-000"), "notes.txt", ""),
        ] {
            fs::create_dir_all(place).unwrap();
            fs::write(place.join(name), text).unwrap();
        }
        clear(folder.path(), &[RUN]).unwrap();
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap();
            let mut names: Vec<String> =
                entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names(folder.path()), ["mine.svg", "notes.txt", POINTS, RUN]);
        assert_eq!(names(&points), ["0001-000"]);
        assert_eq!(names(&points.join("0001-000")), ["notes.txt", RUN]);
        assert_eq!(begun(&points.join("0001-000")).unwrap(), None);
        assert_eq!(begun(folder.path()).unwrap().as_deref(), Some(POINTS));
    }
}
