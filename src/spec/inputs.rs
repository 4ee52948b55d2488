//! The samples that `[simulate] inputs` and `[train]` name.

use std::path::Path;
use std::rc::Rc;

use super::reader::TableReader;
use super::simulate::Subject;
use crate::data::registry::{self, Folders};
use crate::data::{self, DataFault, DataSet, Split};
use crate::diag::{Diagnostic, Span};

/// Reads a table of inputs; `split` holds when it names none.
pub(super) fn read(t: &TableReader, subject: &Subject, split: Split) -> Option<DataSet> {
    let key = t.one_of(&["csv", "data", "idx"], None, "inputs = { csv = \"inputs.csv\" }")?;
    let set = match key {
        "csv" => t.path("csv").optional().and_then(|path| csv(t, &path)).map(Rc::new),
        "idx" => idx(&t.table("idx")),
        _ => {
            let splits = [Split::Test, Split::Train].map(|s| (s.name(), s));
            let split = t.choice("split", &splits).or(split);
            let name = t.choice("data", &names()).optional();
            name.and_then(|name| known(t, name, split, &t.span("data")))
        }
    };
    let first = t.count("first", 1..=i64::MAX as u64).optional();
    let set = set?;
    let samples = set.inputs.rows();
    if first.is_some_and(|n| n > samples as u64) {
        t.report(
            Diagnostic::at(t.span("first"), format!("there are only {samples} samples"))
                .label("more than there are")
                .help(format!("write {samples} or less, or leave it out to take all of them")),
        );
        return None;
    }
    check(t, key, &set, subject);
    Some(match first {
        Some(n) => set.select(&set.name, &(0..n as usize).collect::<Vec<_>>()),
        None => Rc::unwrap_or_clone(set),
    })
}

/// Both parts of a data set that `[train] data` names.
pub(super) fn both(t: &TableReader, subject: &Subject) -> Option<[DataSet; 2]> {
    let name = t.choice("data", &names()).optional()?;
    let span = t.span("data");
    let train = known(t, name, Split::Train, &span)?;
    check(t, "data", &train, subject);
    let test = known(t, name, Split::Test, &span)?;
    Some([train, test].map(Rc::unwrap_or_clone))
}

/// The data sets known by name, as choices.
fn names() -> Vec<(&'static str, &'static str)> {
    registry::KNOWN.iter().map(|known| (known.name, known.name)).collect()
}

fn known(t: &TableReader, name: &str, split: Split, span: &Span) -> Option<Rc<DataSet>> {
    let key = format!("{name} ({})", split.name());
    t.reading.set(&key, || {
        registry::load(name, split, &Folders::of(None)).map_err(|fault| {
            Diagnostic::at(span.clone(), fault.message).label("wanted here").help(fault.help)
        })
    })
}

fn idx(t: &TableReader) -> Option<Rc<DataSet>> {
    let example = "idx = { pictures = \"train-images-idx3-ubyte.gz\", labels = \"...\" }";
    let pictures = t.path("pictures").needed(example);
    let labels = t.path("labels").needed(example);
    let (pictures, labels) = (pictures?, labels?);
    let name = pictures.file_name().unwrap_or(pictures.as_os_str()).to_string_lossy().into_owned();
    [&pictures, &labels].into_iter().for_each(|path| t.reading.asks(path));
    t.reading.set(&format!("{} {}", pictures.display(), labels.display()), || {
        data::idx::read(&name, &pictures, &labels).map_err(|fault| {
            Diagnostic::at(t.span("pictures"), fault.message)
                .label("wanted here")
                .also(t.span("labels"), "with these labels")
                .help(fault.help)
        })
    })
}

/// Whether the samples fit the layers.
fn check(t: &TableReader, key: &str, set: &DataSet, subject: &Subject) {
    let span = t.span(key);
    if let Subject::Devices { bare: true, .. } = subject {
        t.report(
            Diagnostic::at(t.own_span(), "a netlist without [ports] takes no samples")
                .label("nothing to feed them to")
                .help("drop `inputs`, or compile the netlist from a network, which writes [ports]"),
        );
        return;
    }
    let Some((name, size)) = subject.clamp() else { return };
    if set.inputs.cols() != size {
        let width = set.inputs.cols();
        t.report(
            Diagnostic::at(
                span.clone(),
                format!(
                    "a sample has {width} numbers, but the clamped layer `{name}` has {size} units"
                ),
            )
            .label(format!("{width} numbers a sample"))
            .help(format!("give `{name}` the size {width}, or take other inputs")),
        );
    }
    let Some((name, size)) = subject.read() else { return };
    let beyond = set.labels.iter().flatten().enumerate().find(|(_, label)| **label >= size);
    if let Some((sample, label)) = beyond {
        t.report(
            Diagnostic::at(
                span,
                format!(
                    "sample {} has the label {label}, but the layer `{name}` that is read has \
                     {size} units",
                    sample + 1
                ),
            )
            .label("a label is out of range")
            .help(format!(
                "labels are counted from 0, so the largest is {}; `{name}` needs a unit for each \
                 class",
                size - 1
            )),
        );
    }
}

fn csv(t: &TableReader, path: &Path) -> Option<DataSet> {
    let bytes = t.reading.bytes(path, &t.span("csv"))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    match data::csv::parse(&name, &bytes) {
        Ok(set) => Some(set),
        Err(faults) => {
            if t.reading.tell(path) {
                faults.into_iter().for_each(|fault| report(t, path, &bytes, fault));
            }
            None
        }
    }
}

/// Shows the line of the data file, where the fault has one.
fn report(t: &TableReader, path: &Path, bytes: &[u8], fault: DataFault) {
    let named_here = t.span("csv");
    let line = fault.line.and_then(|n| Some((n, bytes.split(|b| *b == b'\n').nth(n - 1)?)));
    let diagnostic = match line {
        None => Diagnostic::at(named_here, format!("`{}`: {}", path.display(), fault.message)),
        Some((number, line)) => {
            let text = String::from_utf8_lossy(line).trim_end_matches('\r').to_string();
            let skipped = fault.column.map_or(0, |c| c - 1);
            let from: usize = text.chars().take(skipped).map(char::len_utf8).sum();
            let to = match fault.column {
                Some(_) => text[from..].find(',').map_or(text.len(), |i| from + i),
                None => text.len(),
            };
            let folder = super::files::folder_of(path);
            let start = t.reading.sources.borrow_mut().add_excerpt(
                path.display().to_string(),
                folder,
                text,
                number,
            );
            Diagnostic::at(start + from..start + to, fault.message).also(named_here, "named here")
        }
    };
    t.report(diagnostic.help(fault.help));
}
