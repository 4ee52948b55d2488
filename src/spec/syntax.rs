//! What the TOML parser has to say, in words that name the cure.

use super::document::{Table, Value};
use crate::diag::{Diagnostic, Span};

/// One diagnostic a mistake: of the errors that follow one another within a broken list or
/// inline table, only the first is told.
pub(super) fn diagnostics(
    errors: Vec<toml::de::Error>,
    tree: &Table,
    text: &str,
    start: usize,
) -> Vec<Diagnostic> {
    let end = start + text.len();
    let mut errors: Vec<(Span, String)> = errors
        .iter()
        .map(|e| {
            let span = e.span().unwrap_or(0..0);
            ((span.start + start).min(end)..(span.end + start).min(end), e.message().to_string())
        })
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    let mut told: Vec<Diagnostic> = Vec::new();
    let mut last: Option<(Span, usize)> = None;
    for (span, message) in errors {
        let container = container(tree, span.start).unwrap_or(span.clone());
        let line = text[..span.start - start].matches('\n').count();
        let follows = last.as_ref().is_some_and(|(c, l)| *c == container || *l == line);
        if !follows {
            told.push(diagnostic(span, &message, tree, text, start));
        }
        last = Some((container, line));
    }
    told
}

fn diagnostic(span: Span, message: &str, tree: &Table, text: &str, start: usize) -> Diagnostic {
    let shown = &text[span.start - start..span.end - start];
    if message.starts_with("duplicate key") {
        let d = Diagnostic::at(span.clone(), format!("`{shown}` is given twice"))
            .label("given again")
            .help("keep one of them");
        let mut before = Vec::new();
        places(tree, shown, &mut before);
        before.retain(|s| s.start < span.start);
        return match before.as_slice() {
            [first] => d.also(first.clone(), "given here first"),
            _ => d,
        };
    }
    let word = shown.chars().next().is_some_and(char::is_alphanumeric);
    if word && (message.starts_with("string values must be quoted") || message.contains("float")) {
        return Diagnostic::at(span, format!("`{shown}` needs quotes"))
            .label("text without quotes")
            .help(format!("write \"{shown}\""));
    }
    let cure = [
        ("missing comma", "put a comma between the entries"),
        ("basic string", "close the text with a `\"` on the same line"),
        ("literal string", "close the text with a `'` on the same line"),
        ("unclosed array", "close the list with `]`"),
        ("unclosed inline table", "close the table with `}`"),
        ("unclosed table", "close the name of the table with `]`"),
        ("key with no value", "give the key a value: `key = value`"),
        ("unquoted key", "put quotes around a key that is more than letters, digits, `-`, `_`"),
    ];
    let diagnostic = Diagnostic::at(span, format!("this is not TOML: {message}"));
    match cure.iter().find(|(part, _)| message.contains(part)) {
        Some((_, help)) => diagnostic.help(*help),
        None => diagnostic.help("https://toml.io shows how TOML is written"),
    }
}

/// The outermost list or inline table that holds an offset.
fn container(tree: &Table, offset: usize) -> Option<Span> {
    tree.entries.iter().find_map(|e| {
        let inside = e.item.span.start <= offset && offset <= e.item.span.end;
        match &e.item.value {
            Value::Array(_) if inside => Some(e.item.span.clone()),
            Value::Table(_) if inside && e.item.span.start > e.key_span.start => {
                Some(e.item.span.clone())
            }
            Value::Table(inner) => container(inner, offset),
            _ => None,
        }
    })
}

/// Where a key of this name stands, anywhere in the tree.
fn places(tree: &Table, key: &str, found: &mut Vec<Span>) {
    for entry in &tree.entries {
        if entry.key == key {
            found.push(entry.key_span.clone());
        }
        if let Value::Table(inner) = &entry.item.value {
            places(inner, key, found);
        }
    }
}
