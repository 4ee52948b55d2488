//! The shards of a sweep as one.

use std::fs;
use std::path::{Path, PathBuf};

use super::Swept;
use super::ledger::{joined, needed, tables};
use super::record::{PointRecord, SweepRecord, TIMING};
use super::shard::Shard;
use crate::run::digests::{Digests, FILES_READ};
use crate::run::lasting::{Manner, difference};
use crate::run::output::{Staging, inhabitant};
use crate::run::record::{RESOLVED, RESULTS, RUN, document};
use crate::run::{Options, RunError};
use crate::spec::{Verb, seen_from};

/// A shard as it lies on the disk.
struct Part {
    folder: PathBuf,
    shard: Shard,
    record: SweepRecord,
    resolved: String,
    /// What it read; `None` where the shard does not tell.
    files: Option<Digests>,
    /// Lines of its table.
    lines: Vec<String>,
    records: Vec<PointRecord>,
}

/// Makes one sweep of its shards, in `options.out`, which is written whole or not at all; the
/// shards stay as they are. Its tables are the same bytes as those of a sweep made in one piece.
/// Folders of trained points stay in the shards.
///
/// # Errors
/// When a folder is no finished shard, when they are not all the shards of one sweep, each once,
/// or when the output folder cannot be used.
pub fn merge(shards: &[PathBuf], options: &Options) -> Result<Swept, RunError> {
    let Some(out) = &options.out else {
        return Err(RunError::Merge { message: "there is no folder to merge into".into() });
    };
    check_target(out, shards, options.manner)?;
    let mut parts: Vec<Part> = shards.iter().map(|shard| load(shard)).collect::<Result<_, _>>()?;
    parts.sort_by_key(|part| part.shard.index);
    check_set(&parts)?;
    let staging = Staging::prepare(Verb::Sweep, out, &options.interrupt)?;
    let (record, records) = joined_record(&parts, options);
    let mut lines: Vec<(usize, usize, &String)> = parts
        .iter()
        .flat_map(|part| part.records.iter().zip(&part.lines))
        .map(|(record, line)| (record.point, record.chip, line))
        .collect();
    lines.sort_unstable();
    let text = joined(lines.iter().map(|(.., line)| *line));
    staging.write(RESULTS, |out| out.write_all(text.as_bytes()))?;
    for (name, bytes) in tables(&record, &records, options)? {
        staging.write(name, |out| out.write_all(&bytes))?;
    }
    let resolved = moved(&parts[0].resolved, &parts[0].folder, staging.target());
    staging.write(RESOLVED, |out| out.write_all(resolved.as_bytes()))?;
    if let Some(files) = &parts[0].files {
        let moved = files.moved(|path| seen(&parts[0].folder, path, staging.target()));
        staging.write(FILES_READ, |out| out.write_all(moved.text().as_bytes()))?;
    }
    staging.write(TIMING, |out| {
        // Of wall times nothing but their lines is known; a shard may have lost some.
        parts.iter().try_for_each(|p| match fs::read(p.folder.join(TIMING)) {
            Ok(bytes) => out.write_all(&bytes),
            Err(_) => Ok(()),
        })
    })?;
    staging.write(RUN, |out| out.write_all(&document(&record)))?;
    let folder = staging.publish()?;
    Ok(Swept { folder, record, points: records })
}

/// Refuses an output folder that holds a run, unless that is to be replaced, or a shard.
fn check_target(out: &Path, shards: &[PathBuf], manner: Manner) -> Result<(), RunError> {
    let unusable = |source| RunError::Folder { path: out.to_path_buf(), source };
    let whole = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    let target = whole(out).map_err(unusable)?;
    for shard in shards {
        let inside = whole(shard).map_err(unusable)?;
        if inside.starts_with(&target) || target.starts_with(&inside) {
            let message = format!(
                "{} would be replaced: choose an output folder that is neither a shard nor around \
                 or within one",
                shard.display()
            );
            return Err(RunError::Merge { message });
        }
    }
    if inhabitant(&target)?.is_some() && manner != Manner::Force {
        let path = out.display();
        let message = format!(
            "{path} holds a run already: choose another output folder, or replace it (--force)"
        );
        return Err(RunError::Merge { message });
    }
    Ok(())
}

/// A finished shard, every line of it.
fn load(folder: &Path) -> Result<Part, RunError> {
    let shown = folder.display();
    let wrong = |message: String| RunError::Merge { message: format!("{shown} {message}") };
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|source| RunError::Read { path, source })
    };
    match inhabitant(folder) {
        Ok(Some(verb)) if verb == Verb::Sweep.name() => {}
        Ok(Some(verb)) => return Err(wrong(format!("holds a run of `{verb}`, not a shard"))),
        Ok(None) => return Err(wrong("is empty or not there".into())),
        Err(_) => return Err(wrong("is not the folder of a shard".into())),
    }
    let damaged =
        |name: &str, message: String| RunError::Damaged { path: folder.join(name), message };
    let record: SweepRecord =
        serde_json::from_str(&read(RUN)?).map_err(|e| damaged(RUN, e.to_string()))?;
    let Some(shard) = record.shard else {
        return Err(wrong("is a whole sweep, not a shard of one".into()));
    };
    if !shard.is_sound() {
        return Err(damaged(RUN, format!("says that it is shard {shard}")));
    }
    if !record.finished {
        return Err(wrong(format!("is not finished: go on with --shard {shard} --resume")));
    }
    let lines: Vec<String> = read(RESULTS)?.lines().map(String::from).collect();
    let records = parsed(&lines, &record, shard).map_err(|message| damaged(RESULTS, message))?;
    let resolved = read(RESOLVED)?;
    let files = Digests::told(folder)?;
    Ok(Part { folder: folder.to_path_buf(), shard, record, resolved, files, lines, records })
}

/// The lines of a shard, which has all its points with all their chips.
fn parsed(
    lines: &[String],
    record: &SweepRecord,
    shard: Shard,
) -> Result<Vec<PointRecord>, String> {
    let records: Vec<PointRecord> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| serde_json::from_str(line).map_err(|e| format!("line {}: {e}", i + 1)))
        .collect::<Result<_, _>>()?;
    let own: Vec<usize> = (0..record.points).filter(|&point| shard.holds(point)).collect();
    let there: Vec<usize> =
        records.chunk_by(|a, b| a.point == b.point).map(|chips| chips[0].point).collect();
    if there != own {
        return Err(format!("has {} points of the shard's {}, in order", there.len(), own.len()));
    }
    let count = records.len();
    let (records, incomplete) = needed(&record.chips, records);
    match incomplete.first() {
        Some(point) => Err(format!("point {point} lacks chips")),
        None if records.len() != count => Err("has more chips than the sweep asks for".into()),
        None => Ok(records),
    }
}

/// Refuses all but the shards of one sweep, each once.
fn check_set(parts: &[Part]) -> Result<(), RunError> {
    let wrong = |message: String| Err(RunError::Merge { message });
    let Some(first) = parts.first() else { return wrong("there are no shards".into()) };
    for part in parts {
        let pair = format!("{} and {}", first.folder.display(), part.folder.display());
        if part.record.head.version != first.record.head.version {
            let [a, b] = [first, part].map(|p| p.record.head.version.clone());
            return wrong(format!("{pair} were made by versions {a} and {b}"));
        }
        let placed = |p: &Part| named_in(&p.resolved, &p.folder);
        if part.resolved != first.resolved
            && let Some(difference) = difference(&placed(first), &placed(part))
        {
            return wrong(format!("{pair} are shards of different sweeps: {difference}"));
        }
        if let (Some(one), Some(other)) = (&first.files, &part.files)
            && let Some(difference) = one.difference(other)
        {
            return wrong(format!("{pair} did not read the same files: {difference}"));
        }
        if part.shard.of != first.shard.of {
            let [a, b] = [first, part].map(|p| p.shard);
            return wrong(format!("{pair} are parts of different kinds: {a} and {b}"));
        }
    }
    for pair in parts.windows(2) {
        if pair[0].shard == pair[1].shard {
            let [a, b] = [&pair[0], &pair[1]].map(|part| part.folder.display().to_string());
            return wrong(format!("shard {} is there twice: {a} and {b}", pair[0].shard));
        }
    }
    let of = first.shard.of;
    let has = |index: &usize| parts.binary_search_by_key(index, |part| part.shard.index).is_ok();
    let missing: Vec<String> =
        (1..=of).filter(|index| !has(index)).map(|index| format!("{index}/{of}")).collect();
    if !missing.is_empty() {
        let more = missing.len().saturating_sub(10);
        let shown = missing[..missing.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return wrong(format!("shards are missing: {shown}{more}"));
    }
    Ok(())
}

/// The record of the whole: counts and times are sums, and it began when the first shard did.
fn joined_record(parts: &[Part], options: &Options) -> (SweepRecord, Vec<PointRecord>) {
    let mut records: Vec<PointRecord> = parts.iter().flat_map(|p| p.records.clone()).collect();
    records.sort_by_key(|record| (record.point, record.chip));
    let mut record = parts[0].record.clone();
    record.shard = None;
    record.head.command = options.command.clone();
    record.head.notes.clear();
    let of = |figure: &dyn Fn(&SweepRecord) -> f64| parts.iter().map(|p| figure(&p.record)).sum();
    record.head.duration = of(&|r| r.head.duration);
    let (offered, worked): (f64, f64) = (
        of(&|r| r.jobs as f64 * r.head.duration),
        of(&|r| r.busy * r.jobs as f64 * r.head.duration),
    );
    record.busy = if offered > 0.0 { worked / offered } else { 0.0 };
    record.jobs = parts.iter().map(|part| part.record.jobs).sum();
    // As text, times in UTC are in order.
    let started = parts.iter().map(|part| &part.record.head.started).min();
    record.head.started = started.cloned().unwrap_or_default();
    for note in parts.iter().flat_map(|part| &part.record.head.notes) {
        if !record.head.notes.contains(note) {
            record.head.notes.push(note.clone());
        }
    }
    record.conclude(&records);
    (record, records)
}

/// A resolved file with every path in it whole, so that folders in different places compare.
fn named_in(resolved: &str, folder: &Path) -> String {
    mapped(resolved, |text| {
        let path = fs::canonicalize(folder.join(text)).ok()?;
        Some(path.to_string_lossy().into_owned())
    })
}

/// A resolved file with the paths in it as seen from another folder.
fn moved(resolved: &str, folder: &Path, to: &Path) -> String {
    mapped(resolved, |text| Some(seen(folder, Path::new(text), to)?.to_string_lossy().into_owned()))
}

/// A file that is named as seen from a folder, as seen from another one; `None` if it is none.
fn seen(folder: &Path, named: &Path, to: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()).join(named);
    (named.is_relative() && path.is_file()).then(|| seen_from(to, &flat(&path)))
}

/// A path without `..`, by its letters alone.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                flat.pop();
            }
            part => flat.push(part),
        }
    }
    flat
}

/// Text with some of what stands in quotes replaced; quotes themselves do not stand in paths.
fn mapped(text: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let lines = text.split('\n').map(|line| {
        let parts = line.split('"').enumerate().map(|(i, part)| match i % 2 {
            1 if !part.is_empty() => replace(part).unwrap_or_else(|| part.to_string()),
            _ => part.to_string(),
        });
        parts.collect::<Vec<_>>().join("\"")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_move_with_the_file_that_names_them() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("shards/one");
        fs::create_dir_all(&folder).unwrap();
        fs::write(place.path().join("w.csv"), "1").unwrap();
        let text = "title = \"one\"\ninputs = { csv = \"../../w.csv\" }\nu = \"../../no.csv\"\n";
        let whole = moved(text, &folder, &place.path().join("whole"));
        assert_eq!(whole, text.replace("../../w.csv", "../w.csv"));
        let near = named_in("\"../w.csv\"", &place.path().join("shards"));
        assert_eq!(near, named_in("\"../../w.csv\"", &folder));
        assert_ne!(near, "\"../w.csv\"");
    }
}
