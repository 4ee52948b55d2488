use std::path::Path;

use serde::Serialize;

use super::terminal::Terminal;
use super::{DONE, Failure};
use crate::diag::did_you_mean;
use crate::spec::{Library, Part};

#[derive(Serialize)]
struct PartRecord<'a> {
    name: &'a str,
    kind: &'a str,
    about: &'a str,
    origin: &'a str,
    text: &'a str,
}

impl<'a> From<&'a Part> for PartRecord<'a> {
    fn from(part: &'a Part) -> PartRecord<'a> {
        PartRecord {
            name: &part.name,
            kind: part.kind(),
            about: &part.about,
            origin: &part.origin,
            text: &part.text,
        }
    }
}

/// Lists the parts that a file in the current folder sees, or shows one.
pub(super) fn run(name: Option<&str>, terminal: &Terminal) -> Result<u8, Failure> {
    let library = Library::beside(Path::new("file.toml"));
    match name {
        Some(name) => show(name, &library, terminal)?,
        None => list(&library, terminal)?,
    }
    Ok(DONE)
}

fn list(library: &Library, terminal: &Terminal) -> Result<(), Failure> {
    let parts = library.parts();
    if terminal.json {
        return terminal.document(&parts.iter().map(PartRecord::from).collect::<Vec<_>>());
    }
    let width = parts.iter().map(|part| part.name.len()).max().unwrap_or(0);
    let lines: String =
        parts.iter().map(|part| format!("{:width$}  {}\n", part.name, part.about)).collect();
    terminal.data(lines.as_bytes())
}

fn show(name: &str, library: &Library, terminal: &Terminal) -> Result<(), Failure> {
    let Some(part) = library.find(name) else {
        let names = library.names();
        let near = did_you_mean(name, &names).map(|near| format!("did you mean `{near}`? "));
        return Err(Failure::input(format!(
            "no part named `{name}`; {}the parts are: {}",
            near.unwrap_or_default(),
            names.join(", ")
        )));
    };
    if terminal.json {
        return terminal.document(&PartRecord::from(&part));
    }
    terminal.say(&part.origin);
    terminal.data(part.text.as_bytes())
}
