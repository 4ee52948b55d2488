use std::path::{Path, PathBuf};

use serde::Serialize;

use super::terminal::Terminal;
use super::{DONE, Failure};
use crate::report;

#[derive(Serialize)]
struct Written<'a> {
    folder: &'a Path,
    files: Vec<PathBuf>,
}

pub(super) fn run(dir: &Path, terminal: &Terminal) -> Result<u8, Failure> {
    let files = report::write(dir).map_err(Failure::input)?;
    terminal.say(&format!("{} files; see {}", files.len(), dir.join(report::INDEX).display()));
    if terminal.json {
        terminal.document(&Written { folder: dir, files })?;
    }
    Ok(DONE)
}
