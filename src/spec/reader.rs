//! A cursor over spanned tables. What is asked for is checked, recorded with its value, and
//! known; what is in a table and was never asked for is a mistake.
//!
//! Each question collects its own mistake and goes on with a harmless value, so that all
//! mistakes of a file are found at once.

mod ask;
mod items;
mod place;
mod record;

pub(super) use ask::Ask;
pub(super) use items::{Names, quantity};
pub(crate) use record::seen_from;
pub(super) use record::{Record, Resolved, key_text, quote, value_text};

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::document::{self, Entry, Item, Table, Value};
use super::{files, library};
use crate::data::DataSet;
use crate::diag::{Diagnostic, SourceMap, Span};
use record::Recorded;

/// Largest file of weights or samples that is read \[bytes\].
const LARGEST: u64 = 4 << 30;

/// What is shared while one document is read.
pub(super) struct Reading {
    pub sources: RefCell<SourceMap>,
    found: RefCell<Vec<Diagnostic>>,
    files: RefCell<HashMap<PathBuf, Rc<Vec<u8>>>>,
    parts: RefCell<HashMap<String, Option<Rc<Part>>>>,
    /// Data sets by name, `None` where there was something wrong.
    sets: RefCell<HashMap<String, Option<Rc<DataSet>>>>,
    /// Data files whose mistakes have been told.
    told: RefCell<HashSet<PathBuf>>,
    /// Where values stand that have to be whole numbers.
    counts: RefCell<HashSet<Span>>,
    /// Files beside the document that were asked for, in that order.
    asked: RefCell<Vec<PathBuf>>,
}

impl Reading {
    pub fn new(sources: SourceMap, found: Vec<Diagnostic>) -> Reading {
        Reading {
            sources: RefCell::new(sources),
            found: RefCell::new(found),
            files: RefCell::default(),
            parts: RefCell::default(),
            sets: RefCell::default(),
            told: RefCell::default(),
            counts: RefCell::default(),
            asked: RefCell::default(),
        }
    }

    /// Notes that what is read depends on this file, beside the document.
    pub fn asks(&self, path: &Path) {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == path) {
            asked.push(path.to_path_buf());
        }
    }

    /// The files that were asked for so far.
    pub fn asked(&self) -> Vec<PathBuf> {
        self.asked.borrow().clone()
    }

    /// Whether what stands here was asked for as a whole number.
    pub fn is_count(&self, span: &Span) -> bool {
        self.counts.borrow().contains(span)
    }

    /// The data set of this name, loaded once; what is wrong with it is reported once.
    pub fn set(
        &self,
        name: &str,
        load: impl FnOnce() -> Result<DataSet, Diagnostic>,
    ) -> Option<Rc<DataSet>> {
        if let Some(set) = self.sets.borrow().get(name) {
            return set.clone();
        }
        let set = load().map(Rc::new).map_err(|diagnostic| self.report(diagnostic)).ok();
        self.sets.borrow_mut().insert(name.to_string(), set.clone());
        set
    }

    pub fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// How many mistakes were found so far.
    pub fn count(&self) -> usize {
        self.found.borrow().len()
    }

    pub fn into_sources(self) -> SourceMap {
        self.sources.into_inner()
    }

    /// The mistakes found since this was last called.
    pub fn take(&self) -> Vec<Diagnostic> {
        self.found.take()
    }

    /// Whether the mistakes of a data file are still to be told; they are, once.
    pub fn tell(&self, path: &Path) -> bool {
        self.told.borrow_mut().insert(path.to_path_buf())
    }

    /// The parsed text of a part of the library; mistakes in it are reported once.
    pub fn part(&self, named: &library::Part) -> Option<Rc<Part>> {
        let library::Part { origin, text, .. } = named;
        if let Some(file) = &named.file {
            self.asks(file);
        }
        if let Some(part) = self.parts.borrow().get(origin) {
            return part.clone();
        }
        let mut found = Vec::new();
        let part = document::parse_part(origin, text, &mut self.sources.borrow_mut(), &mut found)
            .map(|(table, start)| Rc::new(Part { table, start }));
        self.found.borrow_mut().extend(found);
        self.parts.borrow_mut().insert(origin.clone(), part.clone());
        part
    }

    /// A reader of a whole document that starts at this offset.
    pub fn root<'a>(&'a self, table: &'a Table, start: usize) -> TableReader<'a> {
        TableReader {
            reading: self,
            place: String::new(),
            table: Some(table),
            span: start..start,
            quiet: Cell::new(false),
            known: RefCell::default(),
            record: Rc::default(),
        }
    }

    /// The bytes of a file that the text at `span` names; a mistake is reported and gives `None`.
    pub fn bytes(&self, path: &Path, span: &Span) -> Option<Rc<Vec<u8>>> {
        self.asks(path);
        if let Some(bytes) = self.files.borrow().get(path) {
            return Some(Rc::clone(bytes));
        }
        let missing = "paths are relative to the file they are written in";
        match files::read_bytes(path, LARGEST, missing) {
            Ok(bytes) => {
                let bytes = Rc::new(bytes);
                self.files.borrow_mut().insert(path.to_path_buf(), Rc::clone(&bytes));
                Some(bytes)
            }
            Err(diagnostic) => {
                self.report(Diagnostic { span: Some(span.clone()), ..diagnostic });
                None
            }
        }
    }
}

/// A part of the library, parsed.
pub(super) struct Part {
    pub table: Table,
    pub start: usize,
}

/// A table being read. When it is dropped, every key that was not asked for is reported.
pub(super) struct TableReader<'a> {
    pub reading: &'a Reading,
    /// Dotted path from the top of the file; empty for the file itself.
    place: String,
    table: Option<&'a Table>,
    span: Span,
    /// Nothing more is to be said of it: its value was no table, or a mistake explains the rest.
    quiet: Cell<bool>,
    known: RefCell<Vec<&'static str>>,
    pub record: Rc<Record>,
}

impl<'a> TableReader<'a> {
    pub fn report(&self, diagnostic: Diagnostic) {
        self.reading.report(diagnostic);
    }

    /// The value of a key, or else the table itself: where to point for what concerns the key.
    pub fn span(&self, key: &str) -> Span {
        self.table.and_then(|t| t.get(key)).map_or(self.span.clone(), |e| e.item.span.clone())
    }

    /// Where the table stands.
    pub fn own_span(&self) -> Span {
        self.span.clone()
    }

    /// Whether the file gives this key.
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|t| t.get(key).is_some())
    }

    /// Whether nothing more is to be said of it, because of what was already reported.
    pub fn is_quiet(&self) -> bool {
        self.quiet.get()
    }

    /// Reports keys that make no sense beside another one, `with`.
    pub fn exclude(&self, with: &str, keys: &[&'static str]) {
        for key in keys {
            self.known(key);
            if self.has(key) {
                self.report(
                    Diagnostic::at(self.span(key), format!("[{key}] does not go with [{with}]"))
                        .label("not read")
                        .also(self.span(with), "because of this")
                        .help("drop one of them"),
                );
            }
        }
    }

    /// Whether the file has this table at all.
    pub fn is_table(&self) -> bool {
        self.table.is_some()
    }

    /// For people: `[hardware]`, or `this file`.
    pub fn title(&self) -> String {
        if self.place.is_empty() { "this file".to_string() } else { format!("[{}]", self.place) }
    }

    pub(in crate::spec) fn known(&self, key: &'static str) {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
    }

    fn item(&self, key: &'static str) -> Option<&'a Item> {
        self.known(key);
        self.table.and_then(|t| t.get(key)).map(|e| &e.item)
    }

    fn path_to(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_string() } else { format!("{}.{key}", self.place) }
    }

    /// A table of this one; an empty one when the file has none, so that its defaults hold.
    pub fn table(&self, key: &'static str) -> TableReader<'a> {
        let item = self.item(key);
        let child = self.child(key, item);
        self.record.push(key, Recorded::Table(Rc::clone(&child.record)));
        child
    }

    /// A table of this one as it is where a file has none: all defaults, and nothing of it recorded.
    pub fn left_out(&self, key: &'static str) -> TableReader<'a> {
        self.known(key);
        self.child(key, None)
    }

    /// A table of this one, if the file has it.
    pub fn optional_table(&self, key: &'static str) -> Option<TableReader<'a>> {
        self.known(key);
        self.has(key).then(|| self.table(key))
    }

    /// A list of tables of this one.
    pub fn tables(&self, key: &'static str) -> Vec<TableReader<'a>> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let Value::Array(items) = &item.value else {
            self.wrong_kind(key, item, "a list of tables", "[{ ... }, { ... }]");
            self.quiet.set(true);
            return Vec::new();
        };
        let children: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(i, item)| self.child(&format!("{key}.{i}"), Some(item)))
            .collect();
        let records = children.iter().map(|c| Rc::clone(&c.record)).collect();
        self.record.push(key, Recorded::Tables(records));
        children
    }

    /// All entries of a table whose keys are names that people choose; all count as asked for.
    pub fn entries(&self) -> &'a [Entry] {
        self.quiet.set(true);
        self.table.map_or(&[], |t| &t.entries)
    }

    /// The table under a name that people choose.
    pub fn named_table(&self, entry: &'a Entry) -> TableReader<'a> {
        let child = self.child(&entry.key, Some(&entry.item));
        self.record.push(&entry.key, Recorded::Table(Rc::clone(&child.record)));
        child
    }

    /// The table, or the list of tables, under a name that people choose.
    pub fn named_tables(&self, entry: &'a Entry) -> Vec<TableReader<'a>> {
        let Value::Array(items) = &entry.item.value else { return vec![self.named_table(entry)] };
        let child = |(i, item)| self.child(&format!("{}.{i}", entry.key), Some(item));
        let children: Vec<_> = items.iter().enumerate().map(child).collect();
        let records = children.iter().map(|c| Rc::clone(&c.record)).collect();
        self.record.push(&entry.key, Recorded::Tables(records));
        children
    }

    /// The table under a name that people choose, which is written down in other words.
    pub fn unrecorded(&self, entry: &'a Entry) -> TableReader<'a> {
        self.child(&entry.key, Some(&entry.item))
    }

    fn child(&self, key: &str, item: Option<&'a Item>) -> TableReader<'a> {
        let (table, quiet) = match item.map(|i| &i.value) {
            Some(Value::Table(table)) => (Some(table), false),
            None => (None, self.quiet.get()),
            Some(_) => {
                if let Some(item) = item {
                    self.wrong_kind(key, item, "a table", "{ key = value }");
                }
                (None, true)
            }
        };
        TableReader {
            reading: self.reading,
            place: self.path_to(key),
            table,
            span: item.map_or(self.span.clone(), |i| i.span.clone()),
            quiet: Cell::new(quiet),
            known: RefCell::default(),
            record: Rc::default(),
        }
    }

    /// Whether the only entry is none that was asked for.
    fn is_misspelt(&self) -> bool {
        let known = self.known.borrow();
        self.table.is_some_and(
            |t| matches!(t.entries.as_slice(), [one] if !known.contains(&one.key.as_str())),
        )
    }

    fn wrong_kind(&self, key: &str, item: &Item, expected: &str, example: &str) {
        self.report(
            Diagnostic::at(
                item.span.clone(),
                format!("`{key}` is {}, expected {expected}", item.value.kind()),
            )
            .label(format!("expected {expected}"))
            .help(format!("write for example `{example}`")),
        );
    }
}

impl Drop for TableReader<'_> {
    fn drop(&mut self) {
        if self.quiet.get() || std::thread::panicking() {
            return;
        }
        let known = self.known.borrow();
        for entry in self.table.iter().flat_map(|t| &t.entries) {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let title = self.title();
            let intro = match self.place.as_str() {
                "" => "the keys are".to_string(),
                _ => format!("the keys of {title} are"),
            };
            self.report(
                Diagnostic::at(
                    entry.key_span.clone(),
                    format!("{title} has no key `{}`", entry.key),
                )
                .label("unknown key")
                .help_names(&entry.key, &intro, &known),
            );
        }
    }
}
