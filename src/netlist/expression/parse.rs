//! Text as an expression: a recursive descent, loosest operators first.

use std::ops::Range;

use super::functions::{Binary, Unary};
use super::number::number;
use super::{Dialect, Expression, Leaf, Op};

/// What is wrong with an expression, by byte range of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionFault {
    pub range: Range<usize>,
    pub message: String,
    pub help: String,
}

/// A function defined by its user: the names of its arguments, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub arguments: Vec<String>,
    pub value: Expression<Leaf>,
}

/// Reads an expression that calls only the functions in [`super::FUNCTIONS`].
///
/// # Errors
/// The first thing that is no expression.
pub fn parse(text: &str, dialect: Dialect) -> Result<Expression<Leaf>, ExpressionFault> {
    parse_with(text, dialect, &|_| None)
}

/// Reads an expression that may call `functions`, by name in lower case, as well.
///
/// # Errors
/// The first thing that is no expression.
pub fn parse_with(
    text: &str,
    dialect: Dialect,
    functions: &dyn Fn(&str) -> Option<Function>,
) -> Result<Expression<Leaf>, ExpressionFault> {
    let out = Expression { leaves: Vec::new(), ops: Vec::new() };
    let mut parser = Parser { text, at: 0, depth: 0, dialect, functions, out };
    let whole = parser.choice()?;
    // A function may give back an argument, which then is not the last operation.
    if whole + 1 < parser.out.ops.len() {
        parser.push(parser.out.ops[whole].clone());
    }
    match parser.peek() {
        None => Ok(parser.out),
        Some(c) => Err(parser.fault(
            parser.at..parser.at + c.len_utf8(),
            format!("`{c}` cannot stand here"),
            "expected an operator or the end of the expression",
        )),
    }
}

/// Deeper nesting than any person writes, and shallower than the stack.
const DEEPEST: usize = 100;

pub(super) struct Parser<'a> {
    pub text: &'a str,
    pub at: usize,
    depth: usize,
    pub dialect: Dialect,
    pub functions: &'a dyn Fn(&str) -> Option<Function>,
    pub out: Expression<Leaf>,
}

/// The place of a value among the operations.
pub(super) type Place = usize;
pub(super) type Parsed = Result<Place, ExpressionFault>;

impl Parser<'_> {
    pub(super) fn choice(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            let here = self.at..self.text.len();
            return Err(self.fault(here, "nested too deep".into(), "write it in several steps"));
        }
        let condition = self.any()?;
        let place = if self.take("?") {
            let a = self.choice()?;
            self.expect(':', "a choice is written `condition ? a : b`")?;
            let b = self.choice()?;
            self.push(Op::Choose(condition, a, b))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(place)
    }

    fn any(&mut self) -> Parsed {
        self.left(&["||", "|"], Self::all)
    }

    fn all(&mut self) -> Parsed {
        self.left(&["&&", "&"], Self::compared)
    }

    fn compared(&mut self) -> Parsed {
        self.left(&["<=", ">=", "==", "!=", "<>", "<", ">"], Self::sum)
    }

    fn sum(&mut self) -> Parsed {
        self.left(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Parsed {
        let mut a = self.signed()?;
        loop {
            // `**` is a power.
            let power = self.rest().starts_with("**");
            let word = ["*", "/"].into_iter().find(|w| !power && self.take(w));
            let Some(word) = word else { return Ok(a) };
            let b = self.signed()?;
            a = self.binary(word, a, b);
        }
    }

    /// Binds looser than a power: `-a^2` is `-(a^2)`.
    fn signed(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            let here = self.at..self.text.len();
            return Err(self.fault(here, "too many signs".into(), "write at most one"));
        }
        let place = if self.take("-") {
            let a = self.signed()?;
            match &mut self.out.ops[a] {
                Op::Number(value) => {
                    *value = -*value;
                    a
                }
                Op::Unary(Unary::Negative, inside) => *inside,
                _ => self.push(Op::Unary(Unary::Negative, a)),
            }
        } else if self.take("+") {
            self.signed()?
        } else if !self.rest().starts_with("!=") && self.take("!") {
            let a = self.signed()?;
            self.push(Op::Unary(Unary::Not, a))
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(place)
    }

    fn power(&mut self) -> Parsed {
        let mut base = self.primary()?;
        loop {
            if !self.take("**") && !self.take("^") {
                return Ok(base);
            }
            match self.dialect {
                Dialect::Home => {
                    let exponent = self.signed()?;
                    return Ok(self.push(Op::Binary(Binary::Power, base, exponent)));
                }
                Dialect::Spice | Dialect::SpiceNumber => {
                    let exponent = match self.take("-") {
                        true => {
                            let a = self.primary()?;
                            self.push(Op::Unary(Unary::Negative, a))
                        }
                        false => self.primary()?,
                    };
                    base = self.push(Op::Binary(Binary::AbsolutePower, base, exponent));
                }
            }
        }
    }

    fn primary(&mut self) -> Parsed {
        self.skip_blanks();
        let start = self.at;
        if self.take("(") {
            let inside = self.choice()?;
            self.expect(')', "every `(` needs its `)`")?;
            return Ok(inside);
        }
        // A deck may put a part in braces or single quotes, as good as parentheses.
        for (open, close) in [("{", '}'), ("'", '\'')] {
            if self.dialect != Dialect::Home && self.take(open) {
                let inside = self.choice()?;
                self.expect(close, "braces and quotes come in pairs")?;
                return Ok(inside);
            }
        }
        if let Some((value, length)) = number(&self.text[start..]) {
            if !value.is_finite() {
                let message = "the number is too large to hold".to_owned();
                return Err(self.fault(start..start + length, message, "at most 1.8e308"));
            }
            self.at += length;
            return Ok(self.push(Op::Number(value)));
        }
        let word = self.word();
        if word.is_empty() {
            let end = self.peek().map_or(start, |c| start + c.len_utf8());
            let found = match &self.text[start..end] {
                "" => "the expression ends where a value is missing".to_string(),
                other => format!("`{other}` cannot stand here"),
            };
            return Err(self.fault(
                start..end,
                found,
                "expected a number, a name, a function, v(node) or i(device)",
            ));
        }
        let span = start..self.at;
        if self.peek() == Some('(') {
            return self.call(&word, span);
        }
        let name = match self.dialect {
            Dialect::Home => word,
            Dialect::Spice | Dialect::SpiceNumber => word.to_ascii_lowercase(),
        };
        Ok(match name.to_ascii_lowercase().as_str() {
            "time" => self.leaf(Leaf::Time),
            "temper" => self.leaf(Leaf::Temperature),
            "pi" => self.push(Op::Number(std::f64::consts::PI)),
            _ => self.leaf(Leaf::Name(name)),
        })
    }

    /// A row of operators of one rank, from the left.
    fn left(&mut self, words: &[&'static str], next: fn(&mut Self) -> Parsed) -> Parsed {
        let mut a = next(self)?;
        loop {
            let Some(word) = words.iter().copied().find(|w| self.take(w)) else { return Ok(a) };
            let b = next(self)?;
            a = self.binary(word, a, b);
        }
    }

    fn binary(&mut self, word: &'static str, a: Place, b: Place) -> Place {
        let word = match word {
            "|" => "||",
            "&" => "&&",
            "<>" => "!=",
            word => word,
        };
        let f = Binary::named(word).unwrap_or_else(|| panic!("no operator {word}"));
        self.push(Op::Binary(f, a, b))
    }

    pub(super) fn push(&mut self, op: Op) -> Place {
        self.out.ops.push(op);
        self.out.ops.len() - 1
    }

    pub(super) fn leaf(&mut self, leaf: Leaf) -> Place {
        let k = self.out.leaf(&leaf);
        self.push(Op::Leaf(k))
    }

    pub(super) fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.rest().chars().next()
    }

    /// Moves past a sign if it is next.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let there = self.rest().starts_with(sign);
        if there {
            self.at += sign.len();
        }
        there
    }

    fn word(&mut self) -> String {
        self.skip_blanks();
        let part = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '.' | '#' | '$');
        let word: String = self.rest().chars().take_while(part).collect();
        self.at += word.len();
        word
    }

    pub(super) fn expect(&mut self, sign: char, help: &str) -> Result<(), ExpressionFault> {
        if self.take(sign.encode_utf8(&mut [0; 4])) {
            return Ok(());
        }
        let end = self.peek().map_or(self.at, |c| self.at + c.len_utf8());
        Err(self.fault(self.at..end, format!("`{sign}` is missing"), help))
    }

    pub(super) fn fault(
        &self,
        range: Range<usize>,
        message: String,
        help: &str,
    ) -> ExpressionFault {
        ExpressionFault { range, message, help: help.to_string() }
    }
}
