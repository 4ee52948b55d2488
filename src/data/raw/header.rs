//! The text at the start of every plot, and where faults are.

use crate::data::DataFault;
use crate::data::waves::ColumnKind;

/// What a header says.
#[derive(Default)]
pub(super) struct Header {
    pub title: String,
    pub plot: String,
    pub complex: bool,
    pub points: usize,
    /// Name and kind of each column.
    pub columns: Vec<(String, ColumnKind)>,
    pub binary: bool,
}

/// A place in the bytes of a file.
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    /// Whether everything before is text, in which lines can be counted.
    pub in_text: bool,
}

const NOT_RAW: &str = "name a raw file as ngspice writes it: a header with Title:, Plotname:, \
                       Flags:, No. Variables:, No. Points: and Variables:, then Binary: or Values:";

impl<'a> Cursor<'a> {
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// A fault at a byte, said as a line where the file is text until there.
    pub fn fault(&self, at: usize, message: String, help: &str) -> DataFault {
        let before = &self.bytes[..at.min(self.bytes.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        match self.in_text {
            true => DataFault { line: Some(line), column: None, message, help: help.into() },
            false => DataFault::whole(format!("byte {at}: {message}"), help),
        }
    }

    /// Skips blanks and empty lines; `false` at the end of the file.
    pub fn more(&mut self) -> bool {
        self.at += self.rest().iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.at < self.bytes.len()
    }

    /// The next line with the byte it starts at, without its end.
    fn line(&mut self) -> Option<(usize, String)> {
        let rest = self.rest();
        if rest.is_empty() {
            return None;
        }
        let start = self.at;
        let end = rest.iter().position(|b| *b == b'\n');
        self.at += end.map_or(rest.len(), |end| end + 1);
        let line = String::from_utf8_lossy(&rest[..end.unwrap_or(rest.len())]);
        Some((start, line.trim_end().to_owned()))
    }

    fn ended(&self, expected: &str) -> DataFault {
        let help = "the file was cut short: write it again";
        self.fault(self.bytes.len(), format!("the file ends where {expected} should stand"), help)
    }
}

impl Header {
    /// Reads a header up to the first byte of the numbers.
    pub fn read(cursor: &mut Cursor) -> Result<Header, DataFault> {
        let start = cursor.at;
        refuse_wide(cursor)?;
        let mut header = Header::default();
        let (mut flags, mut count, mut points) = (false, None, None);
        loop {
            let Some((at, line)) = cursor.line() else {
                return Err(cursor.ended("`Binary:` or `Values:`"));
            };
            let Some((key, value)) = line.split_once(':').filter(|(k, _)| is_key(k)) else {
                let message = format!("`{}` is no line of a raw file's header", excerpt(&line));
                return Err(cursor.fault(at, message, NOT_RAW));
            };
            let value = value.trim();
            let number = |what: &str| {
                value.parse::<usize>().map_err(|_| {
                    let message = format!("`{}` is no number of {what}", excerpt(value));
                    cursor.fault(at, message, "write a whole number from 0")
                })
            };
            match key.to_ascii_lowercase().as_str() {
                "title" => header.title = value.to_owned(),
                "plotname" => header.plot = value.to_owned(),
                "flags" => {
                    header.complex = flag(cursor, at, value)?;
                    flags = true;
                }
                "no. variables" => count = Some(number("variables")?),
                "no. points" => points = Some(number("points")?),
                "variables" => {
                    let count = count.ok_or_else(|| missing(cursor, at, "No. Variables:"))?;
                    header.columns = columns(cursor, at, count, value)?;
                }
                word @ ("binary" | "values") => {
                    header.binary = word == "binary";
                    header.points = points.ok_or_else(|| missing(cursor, at, "No. Points:"))?;
                    if !flags {
                        return Err(missing(cursor, at, "Flags:"));
                    }
                    if header.columns.is_empty() {
                        let message = "the plot has no variables".to_string();
                        return Err(cursor.fault(start, message, NOT_RAW));
                    }
                    return Ok(header);
                }
                // Date, Command, Option, Dimensions and what other programs add.
                _ => {}
            }
        }
    }
}

/// Header keys are words; numbers in binary are not.
fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.len() < 40 && key.chars().all(plain)
}

fn missing(cursor: &Cursor, at: usize, key: &str) -> DataFault {
    cursor.fault(at, format!("there is no `{key}` line before this one"), NOT_RAW)
}

/// Some programs write the format in two bytes a character, with numbers of four bytes.
fn refuse_wide(cursor: &Cursor) -> Result<(), DataFault> {
    let rest = cursor.rest();
    let start = rest.strip_prefix(&[0xff, 0xfe]).unwrap_or(rest);
    if start.len() > 3 && start[0] != 0 && start[1] == 0 && start[3] == 0 {
        let message = "the header is UTF-16, as LTspice writes it".to_string();
        let help = "export the waveforms as text there, or convert the file to ngspice's format";
        return Err(cursor.fault(cursor.at, message, help));
    }
    Ok(())
}

/// Whether the flags say complex.
fn flag(cursor: &Cursor, at: usize, value: &str) -> Result<bool, DataFault> {
    let mut complex = None;
    for word in value.split_whitespace() {
        match word.to_ascii_lowercase().as_str() {
            "real" => complex = Some(false),
            "complex" => complex = Some(true),
            "padded" => {}
            _ => {
                let message = format!("the flag `{}` is not known", excerpt(word));
                let help = "columns of one length, `real` or `complex`, can be read; in ngspice, \
                            `unset nopadding` makes all vectors of one length";
                return Err(cursor.fault(at, message, help));
            }
        }
    }
    complex.ok_or_else(|| {
        let message = "the flags say neither `real` nor `complex`".to_string();
        cursor.fault(at, message, NOT_RAW)
    })
}

/// The lines `index name kind`; the first may stand beside the key.
fn columns(
    cursor: &mut Cursor,
    at: usize,
    count: usize,
    beside: &str,
) -> Result<Vec<(String, ColumnKind)>, DataFault> {
    let mut columns: Vec<(String, ColumnKind)> = Vec::new();
    let mut next = (!beside.is_empty()).then(|| (at, beside.to_owned()));
    while columns.len() < count {
        let i = columns.len();
        let Some((at, line)) = next.take().or_else(|| cursor.line()) else {
            return Err(cursor.ended(&format!("variable {i} of {count}")));
        };
        let mut words = line.split_whitespace();
        let (index, name, kind) = (words.next(), words.next(), words.next());
        let (Some(name), true) = (name, index.and_then(|w| w.parse().ok()) == Some(i)) else {
            let message = format!(
                "`{}` is not variable {i} of {count}: its number, name, kind",
                excerpt(&line)
            );
            return Err(cursor.fault(at, message, "write a line such as `1 v(out) voltage`"));
        };
        columns.push((name.to_owned(), kind_of(kind.unwrap_or_default())));
    }
    Ok(columns)
}

fn kind_of(word: &str) -> ColumnKind {
    match word.to_ascii_lowercase().as_str() {
        "temperature" => ColumnKind::Temperature,
        "impedance" | "resistance" => ColumnKind::Resistance,
        "conductance" => ColumnKind::Conductance,
        word => ColumnKind::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .unwrap_or(ColumnKind::Other),
    }
}

/// The start of a text that may be anything.
pub(super) fn excerpt(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(40)
        .map(|c| if c.is_control() || c == '\u{fffd}' { '?' } else { c })
        .collect();
    if shown.len() < text.len() { format!("{shown}...") } else { shown }
}
