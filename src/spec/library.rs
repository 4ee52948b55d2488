//! The parts library: neuron circuits, cells, array styles and presets of technologies, by names
//! such as `neuron/tanh`.
//!
//! A `circuits/` folder beside a file, or beside any folder above it, comes before the parts that
//! are built into the program.

use std::path::{Path, PathBuf};

use crate::diag::SourceMap;

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../circuits/", $name, ".toml")))),+]
    };
}

/// Name and text of every part in the program; the same as the files under `circuits/`.
const BUILT_IN: &[(&str, &str)] = built_in![
    "array/differential",
    "array/shared",
    "cell/rram-1t1r",
    "neuron/hard-sigmoid",
    "neuron/identity",
    "neuron/relu",
    "neuron/sigmoid",
    "neuron/softmax",
    "neuron/tanh",
    "preset/capacitor",
    "preset/ecram",
    "preset/ecram-mo",
    "preset/fefet",
    "preset/ideal",
    "preset/pcm-hermes",
    "preset/pcm-mushroom",
    "preset/rram-cmo-hfox",
    "preset/rram-hfox-gong",
    "preset/rram-hfox-milo",
    "preset/rram-hfox-wan",
    "preset/sonos",
    "preset/stt-mram",
    "subcircuit/inverting-amplifier",
    "subcircuit/rc-low-pass",
    "subcircuit/tanh-ota",
    "subcircuit/winner-take-all",
];

/// Where parts are looked for.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// `circuits/` folders, the nearest first.
    folders: Vec<PathBuf>,
}

/// A part of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Such as `neuron/tanh`.
    pub name: String,
    /// One line for people: the part's `about`.
    pub about: String,
    /// Where it comes from: a file, or the program itself.
    pub origin: String,
    /// Its file; `None` where it is part of the program.
    pub file: Option<PathBuf>,
    pub text: String,
}

impl Part {
    /// What it is: the first half of its name.
    pub fn kind(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

impl Library {
    /// Only the parts built into the program.
    pub fn built_in() -> Library {
        Library::default()
    }

    /// The parts that a file sees.
    pub fn beside(path: &Path) -> Library {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let here = std::env::current_dir().unwrap_or_default();
        let folders = absolute
            .ancestors()
            .skip(1)
            .map(|folder| folder.join("circuits"))
            .filter(|folder| folder.is_dir())
            .map(|folder| folder.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(folder))
            .collect();
        Library { folders }
    }

    /// The names of all parts, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| name.to_string()).collect();
        for folder in &self.folders {
            for kind in sorted_names(folder) {
                for file in sorted_names(&folder.join(&kind)) {
                    if let Some(name) = file.strip_suffix(".toml") {
                        names.push(format!("{kind}/{name}"));
                    }
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// A part by its name; `None` if there is none, or it cannot be read as text.
    pub fn find(&self, name: &str) -> Option<Part> {
        let plain = |s: &str| {
            !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        if !name.split('/').all(plain) {
            return None;
        }
        let on_disk = self.folders.iter().find_map(|folder| {
            let file = folder.join(format!("{name}.toml"));
            let text = std::fs::read_to_string(&file).ok()?;
            Some((file.display().to_string(), Some(file), text))
        });
        let (origin, file, text) = on_disk.or_else(|| {
            let (_, text) = BUILT_IN.iter().find(|(n, _)| *n == name)?;
            Some((format!("{name}.toml (built in)"), None, text.to_string()))
        })?;
        Some(Part { name: name.to_string(), about: about(&text), origin, file, text })
    }

    /// A preset by its name, with or without `preset/` before it.
    pub fn preset(&self, name: &str) -> Option<Part> {
        let name = name.strip_prefix("preset/").unwrap_or(name);
        self.find(&format!("preset/{name}"))
    }

    /// All parts, sorted by name.
    pub fn parts(&self) -> Vec<Part> {
        self.names().iter().filter_map(|name| self.find(name)).collect()
    }
}

fn sorted_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn about(text: &str) -> String {
    let mut sources = SourceMap::default();
    let table = super::document::parse_part("part", text, &mut sources, &mut Vec::new());
    match table.as_ref().and_then(|(t, _)| t.get("about")).map(|e| &e.item.value) {
        Some(super::document::Value::Text(about)) => about.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_circuits_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("circuits");
        let on_disk = Library { folders: vec![folder] };
        let built_in: Vec<String> = BUILT_IN.iter().map(|(n, _)| n.to_string()).collect();
        assert_eq!(on_disk.names(), built_in, "the list in this file against circuits/");
        for part in on_disk.parts() {
            assert!(!part.about.is_empty(), "{} says nothing of itself", part.name);
        }
    }

    #[test]
    fn names_cannot_leave_the_library() {
        let library = Library::beside(Path::new("Cargo.toml"));
        assert!(library.find("neuron/tanh").is_some());
        assert!(library.find("../netlists/ham3").is_none());
        assert!(library.find("/etc/passwd").is_none());
    }
}
