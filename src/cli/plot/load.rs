//! Which waveforms are meant.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::data::waves::Waves;
use crate::data::{DataFault, raw, table};
use crate::run::record::WAVEFORMS;

/// Waveforms, and where they come from.
pub(super) struct Plot {
    pub file: PathBuf,
    pub waves: Waves,
}

/// All plots of a file, or of the raw files of a folder.
pub(super) fn load(source: &Path) -> Result<Vec<Plot>, Failure> {
    let files = if source.is_dir() { in_folder(source)? } else { vec![source.to_path_buf()] };
    let mut plots = Vec::new();
    for file in files {
        let read =
            read(&file).map_err(|fault| Failure::input(format!("{}: {fault}", file.display())))?;
        plots.extend(read.into_iter().map(|waves| Plot { file: file.clone(), waves }));
    }
    Ok(plots)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let refused = |error| Failure::input(format!("cannot read {}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(refused)?;
    files.retain(|file| is(file, "raw") && file.is_file());
    files.sort();
    let table = folder.join(WAVEFORMS);
    if files.is_empty() && table.is_file() {
        files.push(table);
    }
    if files.is_empty() {
        return Err(Failure::input(format!(
            "{} holds no waveforms: no file that ends in .raw, and no {WAVEFORMS}",
            folder.display()
        )));
    }
    Ok(files)
}

fn is(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending))
}

/// The plots of a file, by its ending.
fn read(file: &Path) -> Result<Vec<Waves>, DataFault> {
    if is(file, "csv") {
        table::read(file).map(|waves| vec![waves])
    } else if is(file, "parquet") {
        parquet(file).map(|waves| vec![waves])
    } else {
        raw::read(file)
    }
}

#[cfg(feature = "parquet")]
fn parquet(file: &Path) -> Result<Waves, DataFault> {
    crate::data::parquet::read(file)
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Path) -> Result<Waves, DataFault> {
    Err(DataFault::whole(
        "Parquet was left out of this build",
        "build with `--features parquet`, as in `cargo install --path . --features parquet`",
    ))
}

/// The plot of that number, name, start of a name, or file stem.
pub(super) fn choose(plots: &[Plot], wanted: &str) -> Result<usize, Failure> {
    let lower = wanted.trim().to_lowercase();
    let stem = |p: &Plot| p.file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let ways: [&dyn Fn(&Plot) -> bool; 4] = [
        &|p| p.waves.plot.to_lowercase() == lower,
        &|p| plots.iter().any(|other| other.file != p.file) && stem(p) == lower,
        &|p| p.waves.plot.to_lowercase().starts_with(&lower),
        &|p| p.waves.plot.to_lowercase().contains(&lower),
    ];
    if let Ok(number) = lower.parse::<usize>()
        && (1..=plots.len()).contains(&number)
    {
        return Ok(number - 1);
    }
    let listed = |numbers: &[usize]| {
        let named = numbers.iter().map(|i| {
            format!("\n  {}  {} ({})", i + 1, plots[*i].waves.plot, plots[*i].file.display())
        });
        named.collect::<String>()
    };
    for way in ways {
        let matching: Vec<usize> = (0..plots.len()).filter(|i| way(&plots[*i])).collect();
        match matching[..] {
            [] => {}
            [one] => return Ok(one),
            _ => {
                return Err(Failure::input(format!(
                    "--plot {wanted} means several plots; name one by its number:{}",
                    listed(&matching)
                )));
            }
        }
    }
    let all: Vec<usize> = (0..plots.len()).collect();
    Err(Failure::input(format!("there is no plot `{wanted}`; there are:{}", listed(&all))))
}
