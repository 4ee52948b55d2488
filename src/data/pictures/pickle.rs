//! Dictionaries of arrays as Python pickles them, protocols 2 to 5 (Python's `pickletools`): plain
//! values and NumPy arrays, nothing else. Nothing of a file is ever run.

use std::borrow::Cow;
use std::collections::HashMap;

use super::array::Array;

mod objects;

/// Where a value is in [`Pickle::values`], so that what is remembered can still grow.
type At = usize;

#[derive(Debug)]
enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Real,
    Bytes(Cow<'a, [u8]>),
    Text(&'a str),
    List(Vec<At>),
    Tuple(Vec<At>),
    Dict(Vec<(At, At)>),
    /// A class or function: its module and name.
    Global(&'a str, &'a str),
    /// The type of an element, such as `u1`, and its byte order, such as `<`.
    Dtype(String, String),
    /// Filled by what follows it.
    Array(Option<Array<'a>>),
}

/// The values of a pickled dictionary.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    entries: Vec<(At, At)>,
}

impl<'a> Pickle<'a> {
    /// Reads a file of one dictionary.
    ///
    /// # Errors
    /// What is wrong with the file, without its name. The bytes of arrays stay where they are; the
    /// rest takes up to about two hundred times its size in memory.
    pub fn read(bytes: &'a [u8]) -> Result<Pickle<'a>, String> {
        let mut machine = Machine {
            bytes,
            place: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let top = machine.run()?;
        match std::mem::replace(&mut machine.values[top], Value::None) {
            Value::Dict(entries) => Ok(Pickle { values: machine.values, entries }),
            _ => Err("the pickle holds no dictionary".into()),
        }
    }

    /// The array of a key, as text or as bytes; `None` if there is none.
    pub fn array(&self, key: &str) -> Option<&Array<'a>> {
        match self.value(key)? {
            Value::Array(array) => array.as_ref(),
            _ => None,
        }
    }

    /// The whole numbers of a key: a list, or an array of one dimension.
    pub fn integers(&self, key: &str) -> Option<Result<Vec<i64>, String>> {
        let number = |&at: &At| match &self.values[at] {
            Value::Int(number) => Ok(*number),
            _ => Err("holds other things than whole numbers".into()),
        };
        match self.value(key)? {
            Value::List(items) | Value::Tuple(items) => Some(items.iter().map(number).collect()),
            Value::Array(Some(array)) => Some(array.integers()),
            _ => Some(Err("is no list of whole numbers".into())),
        }
    }

    fn value(&self, key: &str) -> Option<&Value<'a>> {
        let is_key = |at: At| match &self.values[at] {
            Value::Text(text) => *text == key,
            Value::Bytes(bytes) => **bytes == *key.as_bytes(),
            _ => false,
        };
        self.entries.iter().rev().find(|(at, _)| is_key(*at)).map(|(_, value)| &self.values[*value])
    }
}

/// Follows the instructions of a pickle.
struct Machine<'a> {
    bytes: &'a [u8],
    place: usize,
    values: Vec<Value<'a>>,
    stack: Vec<At>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<usize, At>,
}

impl<'a> Machine<'a> {
    /// Where the value is that the pickle is of.
    fn run(&mut self) -> Result<At, String> {
        loop {
            let place = self.place;
            let code = self.take(1)?[0];
            if code == b'.' {
                return self.pop();
            }
            self.step(code, place)?;
        }
    }

    fn step(&mut self, code: u8, place: usize) -> Result<(), String> {
        match code {
            // The protocol, and the length of a frame.
            0x80 => self.take(1).map(drop)?,
            0x95 => self.take(8).map(drop)?,
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.pop().map(drop)?,
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Bool(code == 0x88)),
            b'K' | b'M' | b'J' | 0x8a => {
                let number = self.integer(code)?;
                self.push(Value::Int(number));
            }
            b'G' => {
                self.take(8)?;
                self.push(Value::Real);
            }
            b'U' | b'C' => self.string(1, false)?,
            b'T' | b'B' => self.string(4, false)?,
            0x8e | 0x96 => self.string(8, false)?,
            0x8c => self.string(1, true)?,
            b'X' => self.string(4, true)?,
            0x8d => self.string(8, true)?,
            b'}' => self.push(Value::Dict(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let items = self.marked()?;
                self.push(Value::Tuple(items));
            }
            0x85..=0x87 => {
                let mut items = vec![0; usize::from(code - 0x84)];
                for item in items.iter_mut().rev() {
                    *item = self.pop()?;
                }
                self.push(Value::Tuple(items));
            }
            b'a' | b'e' | b's' | b'u' => self.append(code)?,
            b'q' | b'r' | 0x94 => {
                let key = match code {
                    b'q' => self.number(1)?,
                    b'r' => self.number(4)?,
                    _ => self.memo.len(),
                };
                let top = *self.stack.last().ok_or_else(empty)?;
                self.memo.insert(key, top);
            }
            b'h' | b'j' => {
                let key = self.number(if code == b'h' { 1 } else { 4 })?;
                let at = *self.memo.get(&key).ok_or("the pickle asks for what it never kept")?;
                self.stack.push(at);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(module, name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(name), Value::Text(module)) =
                    (&self.values[name], &self.values[module])
                else {
                    return Err("the pickle names a class by other things than text".into());
                };
                let (name, module) = (*name, *module);
                self.push(Value::Global(module, name));
            }
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            _ => {
                return Err(format!(
                    "at byte {place} there is `{}` ({code:#04x}), no instruction of a pickle of \
                     plain values and arrays",
                    code.escape_ascii()
                ));
            }
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.place.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| {
            format!("the pickle is cut short: it ends after {} bytes", self.bytes.len())
        })?;
        let taken = &self.bytes[self.place..end];
        self.place = end;
        Ok(taken)
    }

    /// Little-endian.
    fn number(&mut self, width: usize) -> Result<usize, String> {
        Ok(self.take(width)?.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)))
    }

    fn integer(&mut self, code: u8) -> Result<i64, String> {
        let (width, signed) = match code {
            b'K' => (1, false),
            b'M' => (2, false),
            b'J' => (4, true),
            _ => (self.number(1)?, true),
        };
        if width > 8 {
            return Err("the pickle holds a number of more than 64 bits".into());
        }
        let bytes = self.take(width)?;
        let negative = signed && bytes.last().is_some_and(|&top| top >= 0x80);
        let start = if negative { -1 } else { 0 };
        Ok(bytes.iter().rev().fold(start, |n, &byte| n << 8 | i64::from(byte)))
    }

    fn string(&mut self, width: usize, text: bool) -> Result<(), String> {
        let length = self.number(width)?;
        let bytes = self.take(length)?;
        self.push(match text {
            true => Value::Text(
                std::str::from_utf8(bytes)
                    .map_err(|_| "the pickle holds text that is not UTF-8")?,
            ),
            false => Value::Bytes(Cow::Borrowed(bytes)),
        });
        Ok(())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.place..];
        let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        let line = self.take(length + 1)?;
        std::str::from_utf8(&line[..length]).map_err(|_| "the pickle names no class".into())
    }

    fn push(&mut self, value: Value<'a>) {
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
    }

    fn pop(&mut self) -> Result<At, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(empty());
        }
        self.stack.pop().ok_or_else(empty)
    }

    /// What is above the last mark, which goes.
    fn marked(&mut self) -> Result<Vec<At>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len()).ok_or_else(empty)?;
        Ok(self.stack.split_off(mark))
    }

    /// Into a list or a dictionary, one item or all above the mark.
    fn append(&mut self, code: u8) -> Result<(), String> {
        let items = match code {
            b'a' => vec![self.pop()?],
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![key, value]
            }
            _ => self.marked()?,
        };
        let into = *self.stack.last().ok_or_else(empty)?;
        match (&mut self.values[into], code) {
            (Value::List(list), b'a' | b'e') => list.extend(items),
            (Value::Dict(entries), b's' | b'u') if items.len() % 2 == 0 => {
                entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err("the pickle adds to what is no list and no dictionary".into()),
        }
        Ok(())
    }
}

fn empty() -> String {
    "the pickle is damaged: it takes more values than it made".into()
}
