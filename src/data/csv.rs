//! Samples as comma-separated numbers, one sample a line.
//!
//! A header line is optional. A column named `label` (anywhere) gives each sample's class,
//! counted from 0; all other columns are inputs, in their order. Entries may stand in double
//! quotes. Lines that start with `#` and empty lines are skipped.

use std::path::Path;

use super::{DataFault, DataSet};
use crate::numerics::Mat;

/// No more faults of one file than this are told.
const MOST_FAULTS: usize = 10;

/// Reads a file of samples; its name becomes the name of the data set.
///
/// # Errors
/// Everything that is wrong with it (the first ten faults): not readable, not UTF-8, no samples,
/// lines of different lengths, an entry that is not a finite number, a label that is not a whole
/// number from 0.
pub fn read(path: &Path) -> Result<DataSet, Vec<DataFault>> {
    let text = std::fs::read(path).map_err(|error| {
        vec![DataFault::whole(
            format!("cannot read `{}`: {error}", path.display()),
            "name a file of comma-separated numbers, one sample a line",
        )]
    })?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    parse(&name, &text)
}

/// Reads samples from text; see [`read`].
///
/// # Errors
/// As [`read`].
pub fn parse(name: &str, text: &[u8]) -> Result<DataSet, Vec<DataFault>> {
    let text = std::str::from_utf8(text).map_err(|error| vec![not_utf8(text, error)])?;
    let mut table = Table::default();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if !line.trim().is_empty() && !line.starts_with('#') {
            table.take(number + 1, &fields(line));
        }
    }
    table.finish(name)
}

/// An entry of a line.
struct Field<'a> {
    /// The character at which it starts, from 1.
    column: usize,
    text: &'a str,
}

impl Field<'_> {
    fn is_label(&self) -> bool {
        self.text.eq_ignore_ascii_case("label")
    }

    fn number(&self) -> Option<f64> {
        self.text.parse().ok()
    }

    fn fault(&self, line: usize, message: String, help: &str) -> DataFault {
        DataFault { line: Some(line), column: Some(self.column), message, help: help.into() }
    }
}

/// The entries of a line, without the blanks and quotes around them.
fn fields(line: &str) -> Vec<Field<'_>> {
    let mut quoted = false;
    let mut column = 1;
    line.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(|raw| {
        let blank = raw.chars().take_while(|c| c.is_whitespace()).count();
        let field = Field { column: column + blank, text: raw.trim().trim_matches('"') };
        column += raw.chars().count() + 1;
        field
    })
    .collect()
}

/// What has been read so far.
#[derive(Default)]
struct Table {
    /// The first line's number and columns, which rule the others.
    first: Option<(usize, usize)>,
    label: Option<usize>,
    inputs: Vec<f64>,
    labels: Vec<usize>,
    samples: usize,
    faults: Vec<DataFault>,
}

impl Table {
    fn take(&mut self, line: usize, fields: &[Field]) {
        if self.first.is_none() && is_header(fields) {
            self.first = Some((line, fields.len()));
            self.take_header(line, fields);
            return;
        }
        let (first, width) = *self.first.get_or_insert((line, fields.len()));
        self.samples += 1;
        if fields.len() != width {
            self.faults.push(DataFault {
                line: Some(line),
                column: None,
                message: format!("{} columns, but line {first} has {width}", fields.len()),
                help: "every line needs the same number of columns".into(),
            });
            return;
        }
        for (column, field) in fields.iter().enumerate() {
            match (field.number(), self.label == Some(column)) {
                (Some(value), false) if value.is_finite() => self.inputs.push(value),
                (Some(value), true) if is_class(value) => self.labels.push(value as usize),
                (_, is_label) => self.faults.push(bad_entry(line, field, is_label)),
            }
        }
    }

    fn take_header(&mut self, line: usize, fields: &[Field]) {
        let mut labels = fields.iter().enumerate().filter(|(_, field)| field.is_label());
        self.label = labels.next().map(|(column, _)| column);
        if let Some((_, second)) = labels.next() {
            let help = "keep one of them, and give the others another name";
            self.faults.push(second.fault(line, "a second column named `label`".into(), help));
        }
    }

    fn finish(mut self, name: &str) -> Result<DataSet, Vec<DataFault>> {
        let width = self.first.map_or(0, |(_, width)| width);
        let size = width - usize::from(self.label.is_some());
        if self.samples == 0 {
            self.faults.push(DataFault::whole(
                "the data set is empty",
                "write at least one line of numbers, one sample a line",
            ));
        } else if size == 0 {
            self.faults.push(DataFault::whole(
                "there are labels, but no inputs",
                "every column beside `label` is an input",
            ));
        }
        if !self.faults.is_empty() {
            let more = self.faults.len().saturating_sub(MOST_FAULTS);
            self.faults.truncate(MOST_FAULTS);
            if let (true, Some(last)) = (more > 0, self.faults.last_mut()) {
                last.help += &format!("; this file has {more} more faults");
            }
            return Err(self.faults);
        }
        Ok(DataSet {
            name: name.to_owned(),
            inputs: Mat::from_vec(self.samples, size, self.inputs),
            classes: self.labels.iter().max().map_or(0, |top| top + 1),
            labels: self.label.map(|_| self.labels),
            picture: None,
        })
    }
}

/// A first line is a header if it names the labels, or if nothing in it is a number.
fn is_header(fields: &[Field]) -> bool {
    fields.iter().any(Field::is_label) || fields.iter().all(|field| field.number().is_none())
}

fn is_class(value: f64) -> bool {
    value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value)
}

fn bad_entry(line: usize, field: &Field, is_label: bool) -> DataFault {
    let text = field.text;
    match field.number() {
        Some(_) if is_label => field.fault(
            line,
            format!("the label `{text}` is not a class number"),
            "labels are whole numbers, counted from 0",
        ),
        Some(_) => field.fault(
            line,
            format!("`{text}` is not a finite number"),
            "replace it, or drop the sample",
        ),
        None => field.fault(
            line,
            format!("`{text}` is not a number"),
            "write numbers such as 0.25 or 1e-3, with a point, separated by commas",
        ),
    }
}

fn not_utf8(text: &[u8], error: std::str::Utf8Error) -> DataFault {
    let before = &text[..error.valid_up_to()];
    DataFault {
        line: Some(1 + before.iter().filter(|&&b| b == b'\n').count()),
        column: None,
        message: "this is not UTF-8 text".into(),
        help: "save the file as plain text in UTF-8".into(),
    }
}
