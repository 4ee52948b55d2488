use std::path::{Path, PathBuf};

use serde::Serialize;

use super::terminal::Terminal;
use super::{DONE, Failure};
use crate::diag::did_you_mean;
use crate::report::preset;
use crate::spec::{Library, Part, Preset, Sourced};

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
pub(super) fn run(
    name: Option<&str>,
    out: Option<&Path>,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let library = Library::beside(Path::new("file.toml"));
    match name {
        Some(name) => show(name, out, &library, terminal)?,
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

fn show(
    name: &str,
    out: Option<&Path>,
    library: &Library,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Some(part) = library.find(name).or_else(|| library.preset(name)) else {
        let names = library.names();
        let near = did_you_mean(name, &names).map(|near| format!("did you mean `{near}`? "));
        return Err(Failure::input(format!(
            "no part named `{name}`; {}the parts are: {}",
            near.unwrap_or_default(),
            names.join(", ")
        )));
    };
    if part.kind() == "preset" {
        return explain(&part, out, terminal);
    }
    if out.is_some() {
        return Err(Failure::input(format!("`{name}` is no preset: there is nothing to draw")));
    }
    if terminal.json {
        return terminal.document(&PartRecord::from(&part));
    }
    terminal.say(&part.origin);
    terminal.data(part.text.as_bytes())
}

#[derive(Serialize)]
struct PresetRecord<'a> {
    #[serde(flatten)]
    part: PartRecord<'a>,
    numbers: Vec<NumberRecord<'a>>,
    /// What was drawn.
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct NumberRecord<'a> {
    key: &'a str,
    /// As TOML.
    value: &'a str,
    confidence: &'a str,
    cite: &'a str,
}

impl<'a> From<&'a Sourced> for NumberRecord<'a> {
    fn from(number: &'a Sourced) -> NumberRecord<'a> {
        NumberRecord {
            key: &number.key,
            value: &number.value,
            confidence: number.confidence.name(),
            cite: &number.cite,
        }
    }
}

/// The numbers of a preset with their sources.
fn explain(part: &Part, out: Option<&Path>, terminal: &Terminal) -> Result<(), Failure> {
    let preset = Preset::read(part)?;
    let files = match out {
        Some(dir) => preset::draw(&preset, dir).map_err(Failure::input)?,
        None => Vec::new(),
    };
    if terminal.json {
        let numbers = preset.numbers.iter().map(NumberRecord::from).collect();
        return terminal.document(&PresetRecord { part: part.into(), numbers, files });
    }
    terminal.say(&part.origin);
    let width = |of: fn(&Sourced) -> &str| {
        preset.numbers.iter().map(|n| of(n).chars().count()).max().unwrap_or(0)
    };
    let (keys, values) = (width(|n| &n.key), width(|n| &n.value).min(VALUE));
    let mut text = format!("{}\n\n", preset.about);
    for Sourced { key, value, cite, confidence } in &preset.numbers {
        let (word, long) = (confidence.name(), value.chars().count() > VALUE);
        let inside = if long { "" } else { value };
        text += &format!("{key:keys$}  {inside:values$}  {word:6}  {cite}\n");
        if long {
            text += &format!("  {value}\n");
        }
    }
    terminal.data(text.as_bytes())?;
    for file in files {
        terminal.say(&format!("wrote {}", file.display()));
    }
    Ok(())
}

/// Characters of a value in its column; a longer one has a line of its own.
const VALUE: usize = 36;
