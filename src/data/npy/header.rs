//! The header: a Python dictionary with three keys.

use super::SAVE;
use crate::data::DataFault;

pub(in crate::data) struct Header {
    /// What an element is: `<f8`.
    pub descr: String,
    pub columns_first: bool,
    pub shape: Vec<usize>,
}

/// A header, and the bytes after it.
pub(in crate::data) struct Tail<'a> {
    pub header: Header,
    pub numbers: &'a [u8],
}

const AGAIN: &str = "the file was cut short or changed: save it again";

impl Header {
    /// Reads what follows the magic number.
    pub fn read(rest: &[u8]) -> Result<Tail<'_>, DataFault> {
        let short = || DataFault::whole("the file ends in its header", AGAIN);
        let (version, rest) = rest.split_at_checked(2).ok_or_else(short)?;
        let (length, rest) = match version[0] {
            1 => {
                let (length, rest) = rest.split_at_checked(2).ok_or_else(short)?;
                (usize::from(u16::from_le_bytes(std::array::from_fn(|i| length[i]))), rest)
            }
            2 | 3 => {
                let (length, rest) = rest.split_at_checked(4).ok_or_else(short)?;
                (u32::from_le_bytes(std::array::from_fn(|i| length[i])) as usize, rest)
            }
            other => {
                let message = format!("version {other}.{} of the format is not known", version[1]);
                return Err(DataFault::whole(message, "versions 1 to 3 can be read"));
            }
        };
        let (text, numbers) = rest.split_at_checked(length).ok_or_else(short)?;
        let text = std::str::from_utf8(text)
            .map_err(|_| DataFault::whole("the header is not text", AGAIN))?;
        Ok(Tail { header: dictionary(text)?, numbers })
    }
}

/// A value of the dictionary.
enum Literal {
    Text(String),
    Bool(bool),
    Tuple(Vec<usize>),
}

fn dictionary(text: &str) -> Result<Header, DataFault> {
    let mut reader = Reader { rest: text };
    let (mut descr, mut order, mut shape) = (None, None, None);
    reader.expect('{')?;
    while !reader.take('}') {
        let key = reader.string()?;
        reader.expect(':')?;
        match (key.as_str(), reader.literal()?) {
            ("descr", Literal::Text(text)) => descr = Some(text),
            ("fortran_order", Literal::Bool(bool)) => order = Some(bool),
            ("shape", Literal::Tuple(sizes)) => shape = Some(sizes),
            _ => return Err(reader.wrong(&format!("the value of `{}`", key.escape_debug()))),
        }
        if !reader.take(',') {
            reader.expect('}')?;
            break;
        }
    }
    if !reader.rest.trim().is_empty() {
        return Err(reader.wrong("the end of the header"));
    }
    let missing =
        |key: &str| DataFault::whole(format!("the header has no `{key}`"), AGAIN.to_string());
    Ok(Header {
        descr: descr.ok_or_else(|| missing("descr"))?,
        columns_first: order.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, expected: &str) -> DataFault {
        let found: String = self.rest.chars().take(20).collect();
        let message =
            format!("the header has `{}` where {expected} should stand", found.escape_debug());
        DataFault::whole(message, SAVE)
    }

    fn take(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), DataFault> {
        if self.take(wanted) { Ok(()) } else { Err(self.wrong(&format!("`{wanted}`"))) }
    }

    fn string(&mut self) -> Result<String, DataFault> {
        self.rest = self.rest.trim_start();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let text = quote.and_then(|quote| self.rest[1..].split_once(quote));
        let Some((text, rest)) = text else { return Err(self.wrong("a text in quotes")) };
        self.rest = rest;
        Ok(text.to_owned())
    }

    fn literal(&mut self) -> Result<Literal, DataFault> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(Literal::Bool(value));
            }
        }
        if self.rest.starts_with('[') {
            return Err(DataFault::whole("the array holds records of several fields", SAVE));
        }
        if !self.take('(') {
            return Ok(Literal::Text(self.string()?));
        }
        let mut sizes = Vec::new();
        while !self.take(')') {
            sizes.push(self.size()?);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(Literal::Tuple(sizes))
    }

    /// A whole number; Python 2 ended long ones with an L.
    fn size(&mut self) -> Result<usize, DataFault> {
        self.rest = self.rest.trim_start();
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        let size = digits.parse().map_err(|_| self.wrong("the size of a dimension"))?;
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        Ok(size)
    }
}
