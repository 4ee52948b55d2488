use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use crate::spec::document;

/// What is being read of a table, defaults included, in the order asked for.
#[derive(Default)]
pub(in crate::spec) struct Record(RefCell<Vec<(String, Recorded)>>);

pub(super) enum Recorded {
    /// As TOML.
    Value(String),
    Path(PathBuf),
    Table(Rc<Record>),
    Tables(Vec<Rc<Record>>),
}

impl Record {
    pub(super) fn push(&self, key: &str, value: Recorded) {
        self.0.borrow_mut().push((key.to_string(), value));
    }

    /// Records a value that is already TOML.
    pub fn value(&self, key: &str, toml: impl Into<String>) {
        self.push(key, Recorded::Value(toml.into()));
    }

    /// All of it, once reading is over.
    pub fn resolved(&self) -> Resolved {
        let entry = |(key, recorded): &(String, Recorded)| {
            let value = match recorded {
                Recorded::Value(toml) => Value::Toml(toml.clone()),
                Recorded::Path(path) => Value::Path(path.clone()),
                Recorded::Table(table) => Value::Table(table.resolved()),
                Recorded::Tables(tables) => {
                    Value::Tables(tables.iter().map(|t| t.resolved()).collect())
                }
            };
            (key.clone(), value)
        };
        Resolved(self.0.borrow().iter().map(entry).collect())
    }
}

/// A file as understood, every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::spec) struct Resolved(Vec<(String, Value)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Toml(String),
    Path(PathBuf),
    Table(Resolved),
    Tables(Vec<Resolved>),
    /// The lines of a table.
    Lines(String),
}

impl Resolved {
    /// A file of values, the lines of `[device]`, and tables, each a list of keys with their TOML.
    pub fn of(
        values: Vec<(String, String)>,
        devices: String,
        tables: Vec<(&str, Vec<(String, String)>)>,
    ) -> Resolved {
        let lines = |list: Vec<(String, String)>| {
            list.into_iter().map(|(key, toml)| (key, Value::Toml(toml))).collect::<Vec<_>>()
        };
        let mut all = lines(values);
        all.push(("device".to_string(), Value::Lines(devices)));
        for (key, table) in tables {
            all.push((key.to_string(), Value::Table(Resolved(lines(table)))));
        }
        Resolved(all)
    }

    /// As a TOML document in this folder: values first, then a `[table]` each; what is deeper
    /// stands inline, lists of tables with one of them a line.
    pub fn document(&self, folder: &Path) -> String {
        let mut text =
            self.lines(folder, |value| !matches!(value, Value::Table(_) | Value::Lines(_)));
        for (key, value) in &self.0 {
            if let Value::Lines(lines) = value {
                text += &format!("\n[{}]\n{lines}", key_text(key));
            }
            if let Value::Table(table) = value
                && !table.0.is_empty()
            {
                text += &format!("\n[{}]\n{}", key_text(key), table.lines(folder, |_| true));
            }
        }
        text
    }

    fn lines(&self, folder: &Path, keep: impl Fn(&Value) -> bool) -> String {
        let line = |(key, value): &(String, Value)| {
            let text = match value {
                Value::Tables(tables) if !tables.is_empty() => {
                    let rows: String =
                        tables.iter().map(|t| format!("  {},\n", t.inline(folder))).collect();
                    format!("[\n{rows}]")
                }
                other => other.inline(folder),
            };
            format!("{} = {text}\n", key_text(key))
        };
        self.0.iter().filter(|(_, value)| keep(value)).map(line).collect()
    }

    fn inline(&self, folder: &Path) -> String {
        let entry = |(key, value): &(String, Value)| {
            format!("{} = {}", key_text(key), value.inline(folder))
        };
        let inside: Vec<String> = self.0.iter().map(entry).collect();
        if inside.is_empty() { "{}".to_string() } else { format!("{{ {} }}", inside.join(", ")) }
    }
}

impl Value {
    fn inline(&self, folder: &Path) -> String {
        match self {
            Value::Toml(toml) => toml.clone(),
            Value::Path(path) => quote(&seen_from(folder, path).to_string_lossy()),
            Value::Table(table) => table.inline(folder),
            Value::Tables(tables) => {
                let inside: Vec<String> = tables.iter().map(|t| t.inline(folder)).collect();
                format!("[{}]", inside.join(", "))
            }
            // A text has no line breaks in TOML, so each line is an entry.
            Value::Lines(lines) => format!("{{ {} }}", lines.trim_end().replace('\n', ", ")),
        }
    }
}

/// A key as TOML.
pub(in crate::spec) fn key_text(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_string() } else { quote(key) }
}

/// A value as TOML.
pub(in crate::spec) fn value_text(value: &document::Value) -> String {
    use document::Value as Document;
    match value {
        Document::Text(text) => quote(text),
        Document::Integer(value) => value.to_string(),
        Document::Float(value) => format!("{value:?}"),
        Document::Boolean(value) => value.to_string(),
        Document::Date => value.kind().to_string(),
        Document::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| value_text(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Document::Table(table) => {
            let entry = |e: &document::Entry| {
                format!("{} = {}", key_text(&e.key), value_text(&e.item.value))
            };
            let entries: Vec<String> = table.entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// Text as a TOML string.
pub(in crate::spec) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Texts as a TOML list.
pub(super) fn quote_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|t| quote(t)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A path as seen from a folder, by its letters alone; itself, if it is absolute and the folder
/// is not.
pub(crate) fn seen_from(folder: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() && !folder.is_absolute() {
        return path.to_path_buf();
    }
    let whole = |p: &Path| std::path::absolute(p).unwrap_or_else(|_| p.to_path_buf());
    let (folder, path) = match folder.is_absolute() {
        true => (folder.to_path_buf(), whole(path)),
        false => (folder.to_path_buf(), path.to_path_buf()),
    };
    let parts = |p: &Path| -> Vec<PathBuf> {
        let own = |c: &Component| !matches!(c, Component::CurDir);
        p.components().filter(own).map(|c| PathBuf::from(c.as_os_str())).collect()
    };
    let (folder, path) = (parts(&folder), parts(&path));
    let shared = folder.iter().zip(&path).take_while(|(a, b)| a == b).count();
    let up = folder[shared..].iter().map(|_| PathBuf::from(".."));
    up.chain(path[shared..].iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_a_folder() {
        let seen = |folder: &str, path: &str| {
            seen_from(Path::new(folder), Path::new(path)).to_string_lossy().into_owned()
        };
        assert_eq!(seen("netlists", "netlists/a.csv"), "a.csv");
        assert_eq!(seen(".", "./a.csv"), "a.csv");
        assert_eq!(seen("netlists", "netlists/base/a.csv"), "base/a.csv");
        assert_eq!(seen("a/b", "a/c/d.csv"), "../c/d.csv");
        assert_eq!(seen("a/b", "/c/d.csv"), "/c/d.csv");
    }
}
