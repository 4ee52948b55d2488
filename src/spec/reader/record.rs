use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// What was read of a table, defaults included, in the order asked for.
#[derive(Default)]
pub(in crate::spec) struct Record(RefCell<Vec<(String, Recorded)>>);

pub(super) enum Recorded {
    /// As TOML.
    Value(String),
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

    /// The record as a TOML document: values first, then a `[table]` each; what is deeper stands
    /// inline, one entry a line for lists of tables and for `[device]`.
    pub fn document(&self) -> String {
        let mut text = self.lines(|r| !matches!(r, Recorded::Table(_)));
        for (key, recorded) in self.0.borrow().iter() {
            if let Recorded::Table(table) = recorded
                && !table.0.borrow().is_empty()
            {
                text += &format!("\n[{}]\n{}", key_text(key), table.lines(|_| true));
            }
        }
        text
    }

    fn lines(&self, keep: impl Fn(&Recorded) -> bool) -> String {
        let entries = self.0.borrow();
        entries
            .iter()
            .filter(|(_, recorded)| keep(recorded))
            .map(|(key, recorded)| {
                let value = match recorded {
                    Recorded::Tables(tables) if !tables.is_empty() => {
                        let rows: String =
                            tables.iter().map(|t| format!("  {},\n", t.inline())).collect();
                        format!("[\n{rows}]")
                    }
                    other => other.inline(),
                };
                format!("{} = {value}\n", key_text(key))
            })
            .collect()
    }

    fn inline(&self) -> String {
        let entries = self.0.borrow();
        let inside: Vec<String> =
            entries.iter().map(|(k, r)| format!("{} = {}", key_text(k), r.inline())).collect();
        if inside.is_empty() { "{}".to_string() } else { format!("{{ {} }}", inside.join(", ")) }
    }
}

impl Recorded {
    fn inline(&self) -> String {
        match self {
            Recorded::Value(toml) => toml.clone(),
            Recorded::Table(table) => table.inline(),
            Recorded::Tables(tables) => {
                let inside: Vec<String> = tables.iter().map(|t| t.inline()).collect();
                format!("[{}]", inside.join(", "))
            }
        }
    }
}

/// A key as TOML.
pub(in crate::spec) fn key_text(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_string() } else { quote(key) }
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

/// A path as seen from a folder, by its letters alone.
pub(super) fn seen_from(folder: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() != folder.is_absolute() {
        return path.to_path_buf();
    }
    let parts = |p: &Path| -> Vec<PathBuf> {
        let own = |c: &Component| !matches!(c, Component::CurDir);
        p.components().filter(own).map(|c| PathBuf::from(c.as_os_str())).collect()
    };
    let (folder, path) = (parts(folder), parts(path));
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
