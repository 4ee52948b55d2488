//! Expressions are evaluated as they are read: sums of products of signals, numbers, functions and
//! parentheses.

use super::functions::{Function, product, quotient};
use super::{Signal, SignalUnit, names};
use crate::data::DataFault;
use crate::data::waves::{Values, Waves};
use crate::units::number_and_unit;

/// Deepest nesting of parentheses and signs.
const DEEPEST: usize = 64;

/// Powers of ten of the suffixes of SPICE, longer ones first.
const SUFFIXES: [(&str, f64); 9] = [
    ("meg", 1e6),
    ("f", 1e-15),
    ("p", 1e-12),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("g", 1e9),
    ("t", 1e12),
];

/// A number, or one a point.
enum Value {
    Number(f64),
    Signal(SignalUnit, Values),
}

/// The signal of an expression that is more than a name.
pub(super) fn evaluate(waves: &Waves, text: &str) -> Result<Signal, DataFault> {
    let mut reader = Reader { waves, text, at: 0, depth: 0 };
    let value = reader.sum()?;
    reader.skip();
    if reader.at < text.len() {
        return Err(reader.unexpected());
    }
    match value {
        Value::Signal(unit, values) => Ok(Signal { name: text.to_owned(), unit, values }),
        Value::Number(_) => Err(DataFault::whole(
            format!("`{text}` is a number, not a signal"),
            "name a node such as `v(out)`, or a branch such as `i(v1)`",
        )),
    }
}

struct Reader<'a> {
    waves: &'a Waves,
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// The next character that is not blank.
    fn peek(&mut self) -> Option<char> {
        self.skip();
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn unexpected(&self) -> DataFault {
        let place = self.text[..self.at].chars().count() + 1;
        let found = match self.rest().chars().next() {
            Some(c) => format!("`{c}` at character {place}"),
            None => "the end".to_string(),
        };
        DataFault::whole(
            format!("`{}` cannot be read: {found} is not expected", self.text),
            "write signals, numbers, + - * / and parentheses, such as `db(v(out)/v(in))`",
        )
    }

    fn sum(&mut self) -> Result<Value, DataFault> {
        let mut left = self.term()?;
        while let Some(sign @ ('+' | '-')) = self.peek() {
            self.at += 1;
            left = combine(sign, left, self.term()?);
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Value, DataFault> {
        let mut left = self.factor()?;
        while let Some(sign @ ('*' | '/')) = self.peek() {
            self.at += 1;
            left = combine(sign, left, self.factor()?);
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Value, DataFault> {
        let mut negative = false;
        while let Some(sign @ ('+' | '-')) = self.peek() {
            self.at += 1;
            negative ^= sign == '-';
        }
        let value = self.primary()?;
        Ok(if negative { combine('*', Value::Number(-1.0), value) } else { value })
    }

    fn primary(&mut self) -> Result<Value, DataFault> {
        if self.take('(') {
            return self.closed();
        }
        if let Some(column) = names::starting(self.waves, self.rest()) {
            self.at += column.name.len();
            let Signal { unit, values, .. } = Signal::of(column);
            return Ok(Value::Signal(unit, values));
        }
        if let Some((number, length)) = number(self.rest()) {
            self.at += length;
            return Ok(Value::Number(number));
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.unexpected());
        }
        let start = self.at;
        self.at += word.len();
        if self.peek() != Some('(') {
            return self.named(&self.text[start..start + word.len()]);
        }
        let lower = word.to_ascii_lowercase();
        let find = |list: &[(&str, Function)]| {
            list.iter().find(|(name, _)| *name == lower).map(|(_, function)| *function)
        };
        if let Some(function) = find(&Function::ALL) {
            self.at += 1;
            let of = self.closed()?;
            return Ok(apply(function, of));
        }
        if let Some(function) = find(&Function::OF_NODES) {
            return Ok(apply(function, self.voltage()?));
        }
        match lower.as_str() {
            "v" => self.voltage(),
            "i" => {
                let name = self.argument()?;
                self.named(&format!("i({name})"))
            }
            _ => {
                let known: Vec<&str> = Function::ALL.iter().map(|(name, _)| *name).collect();
                Err(DataFault::whole(
                    format!("no function named `{word}` in `{}`", self.text),
                    format!("there are: v, i, {}", known.join(", ")),
                ))
            }
        }
    }

    /// What stands before a closing parenthesis.
    fn closed(&mut self) -> Result<Value, DataFault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(DataFault::whole(
                format!("more than {DEEPEST} parentheses within each other"),
                "write the expression with fewer",
            ));
        }
        let value = self.sum()?;
        self.depth -= 1;
        if self.take(')') { Ok(value) } else { Err(self.unexpected()) }
    }

    fn word(&self) -> &'a str {
        let rest = self.rest();
        let part = |c: char| c.is_alphanumeric() || "_.#@:$[]!".contains(c);
        &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())]
    }

    /// The text in the parentheses that come next, whatever it holds.
    fn argument(&mut self) -> Result<&'a str, DataFault> {
        let start = self.at + 1;
        let mut depth = 0;
        for (i, c) in self.rest().char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let inner = &self.text[start..self.at + i];
                self.at += i + 1;
                return Ok(inner.trim());
            }
        }
        self.at = self.text.len();
        Err(self.unexpected())
    }

    /// `(a)` or `(a,b)`: the voltage of a node against ground or another.
    fn voltage(&mut self) -> Result<Value, DataFault> {
        let argument = self.argument()?;
        let mut nodes = argument.split(',').map(|node| self.node(node.trim()));
        let first = nodes.next().unwrap_or_else(|| Err(self.unexpected()))?;
        let Some(second) = nodes.next() else { return Ok(first) };
        match nodes.next() {
            None => Ok(combine('-', first, second?)),
            Some(_) => Err(DataFault::whole(
                format!("`v({argument})` has more than two nodes"),
                "a voltage lies between two nodes: `v(a,b)`",
            )),
        }
    }

    fn node(&self, node: &str) -> Result<Value, DataFault> {
        if matches!(node.to_ascii_lowercase().as_str(), "0" | "gnd") {
            let zeros = Values::Real(vec![0.0; self.waves.points()]);
            return Ok(Value::Signal(SignalUnit::VOLT, zeros));
        }
        self.named(&format!("v({node})"))
    }

    fn named(&self, name: &str) -> Result<Value, DataFault> {
        let column = names::find(self.waves, name);
        let Signal { unit, values, .. } =
            Signal::of(column.ok_or_else(|| names::unknown(self.waves, name))?);
        Ok(Value::Signal(unit, values))
    }
}

/// A number at the start of a text, with a suffix of SPICE, and its length.
fn number(text: &str) -> Option<(f64, usize)> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    // Exponents hold signs, which end words elsewhere.
    let mut before = ' ';
    let part = |c: char| {
        let exponent = (c == '+' || c == '-') && before.eq_ignore_ascii_case(&'e');
        before = c;
        c.is_alphanumeric() || c == '.' || c == '_' || exponent
    };
    let mut part = part;
    let length = text.find(|c| !part(c)).unwrap_or(text.len());
    let (value, suffix) = number_and_unit(&text[..length])?;
    if suffix.is_empty() {
        return Some((value, length));
    }
    let suffix = suffix.to_ascii_lowercase();
    let (_, factor) = SUFFIXES.iter().find(|(name, _)| *name == suffix)?;
    Some((value * factor, length))
}

fn apply(function: Function, value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(function.real(&Values::Real(vec![number]))[0]),
        Value::Signal(unit, values) => {
            let unit = match function {
                Function::Decibel => SignalUnit::Decibel,
                Function::Phase | Function::ContinuousPhase => SignalUnit::Degree,
                Function::Magnitude | Function::Real | Function::Imaginary => unit,
            };
            Value::Signal(unit, Values::Real(function.real(&values)))
        }
    }
}

fn combine(sign: char, left: Value, right: Value) -> Value {
    let unit = match (&left, &right, sign) {
        (Value::Number(_), Value::Signal(unit, _), '/') => SignalUnit::ONE.times(*unit, -1),
        (Value::Number(_), Value::Signal(unit, _), _)
        | (Value::Signal(unit, _), Value::Number(_), _) => *unit,
        (Value::Signal(a, _), Value::Signal(b, _), '*') => a.times(*b, 1),
        (Value::Signal(a, _), Value::Signal(b, _), '/') => a.times(*b, -1),
        (Value::Signal(a, _), Value::Signal(b, _), _) if a == b => *a,
        _ => SignalUnit::Unknown,
    };
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Value::Number(real(sign, a, b)),
        (Value::Number(a), Value::Signal(_, b)) => {
            Value::Signal(unit, pointwise(sign, &Operand::One(a), &Operand::Each(b)))
        }
        (Value::Signal(_, a), Value::Number(b)) => {
            Value::Signal(unit, pointwise(sign, &Operand::Each(a), &Operand::One(b)))
        }
        (Value::Signal(_, a), Value::Signal(_, b)) => {
            Value::Signal(unit, pointwise(sign, &Operand::Each(a), &Operand::Each(b)))
        }
    }
}

/// One side of an operation on signals.
enum Operand {
    One(f64),
    Each(Values),
}

impl Operand {
    fn at(&self, point: usize) -> [f64; 2] {
        match self {
            Operand::One(number) => [*number, 0.0],
            Operand::Each(values) => values.at(point),
        }
    }

    fn is_complex(&self) -> bool {
        matches!(self, Operand::Each(Values::Complex(_)))
    }

    fn len(&self) -> Option<usize> {
        match self {
            Operand::One(_) => None,
            Operand::Each(values) => Some(values.len()),
        }
    }
}

fn pointwise(sign: char, a: &Operand, b: &Operand) -> Values {
    let points = 0..a.len().or(b.len()).unwrap_or(0);
    if a.is_complex() || b.is_complex() {
        Values::Complex(points.map(|i| complex(sign, a.at(i), b.at(i))).collect())
    } else {
        Values::Real(points.map(|i| real(sign, a.at(i)[0], b.at(i)[0])).collect())
    }
}

fn real(sign: char, a: f64, b: f64) -> f64 {
    match sign {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        _ => a / b,
    }
}

fn complex(sign: char, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    match sign {
        '+' => [a[0] + b[0], a[1] + b[1]],
        '-' => [a[0] - b[0], a[1] - b[1]],
        '*' => product(a, b),
        _ => quotient(a, b),
    }
}
