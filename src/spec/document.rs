//! Text to a tree of values with spans: files, the files they include, and edits.
//!
//! A `[table]` of an including file is merged with the included file's, key by key; any other
//! value, an inline `{ table }` too, replaces what was there.

use std::path::{Path, PathBuf};

use toml::de::{DeArray, DeTable, DeValue};

use super::edit::Edit;
use super::files::{folder_of, read_bytes};
use crate::diag::{Diagnostic, SourceMap, Span};

/// Largest TOML file that is read \[bytes\].
const LARGEST: u64 = 64 << 20;
/// Longest chain of files that include one another.
const DEEPEST: usize = 16;

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub value: Value,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Date,
    Array(Vec<Item>),
    Table(Table),
}

impl Value {
    /// What kind of value it is, in words that follow "is".
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Date => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Keys in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table {
    pub entries: Vec<Entry>,
    inline: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub item: Item,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// Whether it is written `{ like = "this" }`.
    pub fn is_inline(&self) -> bool {
        self.inline
    }

    /// All of it but one key.
    pub fn without(&self, key: &str) -> Table {
        let entries = self.entries.iter().filter(|e| e.key != key).cloned().collect();
        Table { entries, inline: self.inline }
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|e| e.key == key)
    }

    fn merge(&mut self, over: Table) {
        for entry in over.entries {
            let Some(at) = self.position(&entry.key) else {
                self.entries.push(entry);
                continue;
            };
            let old = &mut self.entries[at];
            match (&mut old.item.value, entry.item.value) {
                (Value::Table(old_table), Value::Table(table)) if !table.inline => {
                    old_table.merge(table);
                    old.key_span = entry.key_span;
                    old.item.span = entry.item.span;
                }
                (_, value) => {
                    *old = Entry { item: Item { value, span: entry.item.span }, ..entry };
                }
            }
        }
    }
}

/// One step of a key path.
pub(super) type Key = (String, Span);

/// Reads a file, what it includes, and applies the edits. All mistakes found are collected; the
/// tree is `None` when reading on makes no sense.
pub(super) fn load(
    path: &Path,
    edits: &[Edit],
    sources: &mut SourceMap,
    found: &mut Vec<Diagnostic>,
) -> Option<Table> {
    let mut loader = Loader { sources, found, chain: Vec::new() };
    let root = loader.file(path, None);
    let edits: Vec<_> = edits.iter().filter_map(|edit| loader.edit(edit, path)).collect();
    let mut root = root.filter(|_| loader.found.is_empty())?;
    for (keys, item) in edits {
        if let Err(diagnostic) = set(&mut root, &keys, item) {
            loader.found.push(diagnostic);
        }
    }
    Some(root)
}

/// Reads the text of a part of the library; with the offset at which it starts.
pub(super) fn parse_part(
    name: &str,
    text: &str,
    sources: &mut SourceMap,
    found: &mut Vec<Diagnostic>,
) -> Option<(Table, usize)> {
    let start = sources.add(name.to_string(), PathBuf::from("."), text.to_string());
    let table = Loader { sources, found, chain: Vec::new() }.parse(text, start)?;
    Some((table, start))
}

/// Puts a value at a key path, making tables on the way; a number steps into a list, from 0.
///
/// # Errors
/// If something on the way is neither a table nor a list.
pub(super) fn set(table: &mut Table, keys: &[Key], item: Item) -> Result<(), Diagnostic> {
    let Some(((key, span), rest)) = keys.split_first() else { return Ok(()) };
    let at = table.position(key).unwrap_or_else(|| {
        let value = Value::Table(Table::default());
        let item = Item { value, span: span.clone() };
        table.entries.push(Entry { key: key.clone(), key_span: span.clone(), item });
        table.entries.len() - 1
    });
    if rest.is_empty() {
        let entry = Entry { key: key.clone(), key_span: span.clone(), item };
        table.entries[at] = entry;
        return Ok(());
    }
    set_in(&mut table.entries[at].item, key, rest, item)
}

/// Whether something stands at a key path.
pub(super) fn has(table: &Table, keys: &[Key]) -> bool {
    let Some(((key, _), rest)) = keys.split_first() else { return true };
    match table.get(key).map(|entry| &entry.item.value) {
        None => false,
        Some(Value::Table(below)) => has(below, rest),
        Some(_) => rest.is_empty(),
    }
}

fn set_in(within: &mut Item, name: &str, keys: &[Key], item: Item) -> Result<(), Diagnostic> {
    let (key, span) = &keys[0];
    let kind = within.value.kind();
    match &mut within.value {
        Value::Table(table) => set(table, keys, item),
        Value::Array(items) => {
            let count = items.len();
            let place =
                key.parse().ok().and_then(|i: usize| items.get_mut(i)).ok_or_else(|| {
                    Diagnostic::at(span.clone(), format!("`{name}` has no entry `{key}`"))
                        .label("not an entry of the list")
                        .help(format!("`{name}` has {count} entries, counted from 0"))
                })?;
            if keys.len() == 1 {
                *place = item;
                return Ok(());
            }
            set_in(place, &format!("{name}.{key}"), &keys[1..], item)
        }
        _ => Err(Diagnostic::at(span.clone(), format!("`{name}` has no keys: it is {kind}"))
            .label(format!("not a key of `{name}`"))
            .help(format!("to change it, set `{name}` itself"))),
    }
}

/// The steps of a dotted key such as `a."b.c".d`, with spans from `start` on; `None` if it is
/// not a key.
pub(super) fn key_path(text: &str, start: usize) -> Option<Vec<Key>> {
    let document = format!("{text}=0");
    let parsed = DeTable::parse(&document).ok()?;
    let mut keys = Vec::new();
    let mut table = parsed.get_ref();
    loop {
        let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
        keys.push((key.get_ref().to_string(), shift(key.span(), start)));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(keys),
        }
    }
}

struct Loader<'a> {
    sources: &'a mut SourceMap,
    found: &'a mut Vec<Diagnostic>,
    /// Canonical paths of the files being read, outermost first, with the names shown.
    chain: Vec<(PathBuf, String)>,
}

impl Loader<'_> {
    /// A file with its includes merged in; `from` is where an including file names it.
    fn file(&mut self, path: &Path, from: Option<&Span>) -> Option<Table> {
        let name = path.display().to_string();
        let blame = |diagnostic: Diagnostic| match from {
            Some(span) => Diagnostic { span: Some(span.clone()), ..diagnostic },
            None => diagnostic,
        };
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if let Some(diagnostic) = self.chain_fault(&canonical, &name) {
            self.found.push(blame(diagnostic));
            return None;
        }
        let bytes = match read_bytes(path, LARGEST, "give the path of a TOML file") {
            Ok(bytes) => bytes,
            Err(diagnostic) => {
                self.found.push(blame(diagnostic));
                return None;
            }
        };
        let folder = folder_of(path);
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let diagnostic = self.not_utf8(name, folder, error);
                self.found.push(diagnostic);
                return None;
            }
        };
        let start = self.sources.add(name.clone(), folder.clone(), text.clone());
        self.chain.push((canonical, name));
        let tree = self.parse(&text, start).and_then(|tree| self.included(tree, &folder));
        self.chain.pop();
        tree
    }

    fn chain_fault(&self, canonical: &Path, name: &str) -> Option<Diagnostic> {
        let chain = || {
            let names: Vec<&str> = self.chain.iter().map(|(_, n)| n.as_str()).collect();
            format!("{} -> {name}", names.join(" -> "))
        };
        if self.chain.iter().any(|(file, _)| file == canonical) {
            return Some(
                Diagnostic::new(format!("`{name}` includes itself"))
                    .label("leads back to itself")
                    .help(format!("the chain is {}; drop one of its includes", chain())),
            );
        }
        (self.chain.len() >= DEEPEST).then(|| {
            Diagnostic::new(format!("more than {DEEPEST} files include one another"))
                .label("one include too many")
                .help(format!("the chain is {}; join some of these files", chain()))
        })
    }

    /// Merges a tree over the file that its `include` names, if any.
    fn included(&mut self, mut tree: Table, folder: &Path) -> Option<Table> {
        let Some(at) = tree.position("include") else { return Some(tree) };
        let entry = tree.entries.remove(at);
        let Value::Text(name) = &entry.item.value else {
            let kind = entry.item.value.kind();
            self.found.push(
                Diagnostic::at(entry.item.span, format!("`include` is {kind}, expected a path"))
                    .label("not a path")
                    .help("write for example `include = \"base.toml\"`"),
            );
            return None;
        };
        let mut base = self.file(&folder.join(name), Some(&entry.item.span))?;
        base.merge(tree);
        Some(base)
    }

    fn not_utf8(
        &mut self,
        name: String,
        folder: PathBuf,
        error: std::string::FromUtf8Error,
    ) -> Diagnostic {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[at];
        // The replacement character that stands for the byte is three bytes long.
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let start = self.sources.add(name.clone(), folder, text);
        Diagnostic::at(start + at..start + at + 3, format!("`{name}` is not UTF-8 text"))
            .label(format!("byte {byte:#04x}"))
            .help("save the file as UTF-8; in most editors this is a choice of \"Save as\"")
    }

    /// Parses a text that is already a source; syntax errors are collected.
    fn parse(&mut self, text: &str, start: usize) -> Option<Table> {
        let (tree, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Some(table(tree.get_ref(), text, start, false));
        }
        let tree = table(tree.get_ref(), text, start, false);
        self.found.extend(super::syntax::diagnostics(errors, &tree, text, start));
        None
    }

    /// Key path and value of an edit.
    fn edit(&mut self, edit: &Edit, path: &Path) -> Option<(Vec<Key>, Item)> {
        let text = edit.text();
        let start = self.sources.add(format!("--set {text}"), folder_of(path), text.to_string());
        let whole = start..start + text.len();
        let fault = |what: &str| {
            Diagnostic::at(whole.clone(), format!("this edit {what}"))
                .label("expected `key.path=value`")
                .help("write for example `--set simulate.engine=circuit`")
        };
        let Some(equals) = text.find('=') else {
            self.found.push(fault("has no `=`"));
            return None;
        };
        let Some(keys) = key_path(text[..equals].trim_end(), start) else {
            self.found.push(fault("does not begin with a key"));
            return None;
        };
        let bare = text[equals + 1..].trim();
        let from =
            start + equals + 1 + text[equals + 1..].len() - text[equals + 1..].trim_start().len();
        let span = from..from + bare.len();
        let value = if bare.starts_with(['[', '{', '"', '\'']) {
            self.parse(text, start).and_then(|tree| value_at(tree, &keys))?
        } else {
            match DeTable::parse(text) {
                Ok(tree) => value_at(table(tree.get_ref(), text, start, false), &keys)?,
                Err(_) => Item { value: Value::Text(bare.to_string()), span },
            }
        };
        Some((keys, value))
    }
}

fn value_at(tree: Table, keys: &[Key]) -> Option<Item> {
    let ((key, _), rest) = keys.split_first()?;
    let item = tree.entries.into_iter().find(|e| e.key == *key)?.item;
    match item.value {
        Value::Table(inner) if !rest.is_empty() => value_at(inner, rest),
        _ => Some(item),
    }
}

fn table(tree: &DeTable, text: &str, start: usize, inline: bool) -> Table {
    let mut entries: Vec<Entry> = tree
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: shift(key.span(), start),
            item: item(value.get_ref(), value.span(), text, start),
        })
        .collect();
    entries.sort_by_key(|e| e.key_span.start);
    Table { entries, inline }
}

fn item(value: &DeValue, span: Span, text: &str, start: usize) -> Item {
    let value = match value {
        DeValue::String(s) => Value::Text(s.to_string()),
        DeValue::Integer(i) => i128::from_str_radix(i.as_str(), i.radix())
            .map_or(Value::Float(f64::INFINITY), Value::Integer),
        DeValue::Float(f) => Value::Float(f.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(b) => Value::Boolean(*b),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::Array(array(items, text, start)),
        DeValue::Table(inner) => {
            let inline = text[span.start..].starts_with('{');
            Value::Table(table(inner, text, start, inline))
        }
    };
    Item { value, span: shift(span, start) }
}

fn array(items: &DeArray, text: &str, start: usize) -> Vec<Item> {
    items.iter().map(|i| item(i.get_ref(), i.span(), text, start)).collect()
}

fn shift(span: Span, start: usize) -> Span {
    span.start + start..span.end + start
}
