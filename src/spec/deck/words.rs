//! The words of a card.

use std::ops::Range;

/// What stands at a place of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// `{...}` or `'...'`, without its marks in the range.
    Expression,
    /// `"..."`, without its marks in the range.
    Quoted,
    Equals,
    Open,
    Close,
    Comma,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// A line without the comment at its end: after `;`, `//`, or a `$` that follows a blank.
pub(super) fn uncommented(line: &str) -> &str {
    let bytes = line.as_bytes();
    let mut quoted = false;
    for (k, byte) in bytes.iter().enumerate() {
        let ends = match byte {
            b'"' => {
                quoted = !quoted;
                false
            }
            b';' => true,
            b'/' => bytes.get(k + 1) == Some(&b'/'),
            b'$' => k == 0 || matches!(bytes[k - 1], b' ' | b'\t' | b','),
            _ => false,
        };
        if ends && !quoted {
            return &line[..k];
        }
    }
    line
}

type Unclosed = (Range<usize>, &'static str, &'static str);

/// All words of a card.
///
/// # Errors
/// Where a brace or quote begins that is not closed, or a character stands that nobody can see, what
/// to say of it, and what to write.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Unclosed> {
    let unseen = |c: char| (c.is_control() || c.is_whitespace()) && !c.is_ascii_whitespace();
    if let Some((k, c)) = text.char_indices().find(|(_, c)| unseen(*c)) {
        return Err((
            k..k + c.len_utf8(),
            "a character stands here that cannot be seen",
            "delete it, or put a blank in its place",
        ));
    }
    let bytes = text.as_bytes();
    let mut tokens = Vec::with_capacity(8);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let single = match byte {
            b'=' => Some(Kind::Equals),
            b'(' => Some(Kind::Open),
            b')' => Some(Kind::Close),
            b',' => Some(Kind::Comma),
            _ => None,
        };
        if byte.is_ascii_whitespace() {
            at += 1;
        } else if let Some(kind) = single {
            at += 1;
            tokens.push(Token { kind, range: start..at });
        } else if byte == b'{' {
            at = closing_brace(bytes, start).ok_or((
                start..start + 1,
                "a `{` is not closed",
                "write `{expression}` on one line, or go on with `+` lines",
            ))?;
            tokens.push(Token { kind: Kind::Expression, range: start + 1..at - 1 });
        } else if byte == b'\'' || byte == b'"' {
            let length = bytes[start + 1..].iter().position(|b| *b == byte).ok_or((
                start..start + 1,
                "a quote is not closed",
                "every quote needs its partner",
            ))?;
            at = start + length + 2;
            let kind = if byte == b'"' { Kind::Quoted } else { Kind::Expression };
            tokens.push(Token { kind, range: start + 1..at - 1 });
        } else {
            let ends = |b: &u8| {
                b.is_ascii_whitespace()
                    || matches!(b, b'=' | b'(' | b')' | b',' | b'{' | b'\'' | b'"')
            };
            let length = bytes[start..].iter().position(ends).unwrap_or(bytes.len() - start);
            at = start + length;
            tokens.push(Token { kind: Kind::Word, range: start..at });
        }
    }
    Ok(tokens)
}

/// The place after the brace that closes the one at `start`.
fn closing_brace(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0;
    for (k, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(k + 1);
                }
            }
            _ => {}
        }
    }
    None
}
