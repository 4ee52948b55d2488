//! Files that a person named.

use std::path::{Path, PathBuf};

use crate::diag::Diagnostic;

/// The folder of a file, `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The bytes of a file that a person named.
///
/// # Errors
/// Missing, a folder, unreadable, or too large, without a place; `missing` says what to do when
/// nothing has a similar name.
pub(super) fn read_bytes(path: &Path, largest: u64, missing: &str) -> Result<Vec<u8>, Diagnostic> {
    let name = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let diagnostic = Diagnostic::new(format!("there is no file `{name}`"));
            match neighbour(path) {
                Some(near) => diagnostic.help(format!("did you mean `{}`?", near.display())),
                None => diagnostic.help(missing),
            }
        }
        _ => Diagnostic::new(format!("cannot read `{name}`: {error}")),
    })?;
    if metadata.is_dir() {
        return Err(Diagnostic::new(format!("`{name}` is a folder, expected a file")).help(missing));
    }
    if metadata.len() > largest {
        return Err(Diagnostic::new(format!(
            "`{name}` is {} MB long; at most {} MB are read",
            metadata.len().div_ceil(1 << 20),
            largest >> 20
        ))
        .help("is it the right file? numbers in bulk belong into CSV or safetensors files"));
    }
    std::fs::read(path).map_err(|error| Diagnostic::new(format!("cannot read `{name}`: {error}")))
}

/// A file beside a missing one that has nearly its name.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let folder = folder_of(path);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let near = crate::diag::did_you_mean(path.file_name()?.to_str()?, &names)?;
    Some(path.with_file_name(near))
}
