use std::path::{Path, PathBuf};

use super::Span;

/// The texts that were read, laid end to end in one space of offsets.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    name: String,
    folder: PathBuf,
    text: String,
    start: usize,
    first_line: usize,
}

/// Where an offset stands, for people: both numbers count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location<'a> {
    pub name: &'a str,
    pub line: usize,
    pub column: usize,
}

impl SourceMap {
    /// Adds a text under the name that people know it by; relative paths in it are relative to
    /// `folder`. Returns the offset of its first byte.
    pub fn add(&mut self, name: String, folder: PathBuf, text: String) -> usize {
        self.add_excerpt(name, folder, text, 1)
    }

    /// Adds a piece of a larger text, which begins with this line of it.
    pub fn add_excerpt(
        &mut self,
        name: String,
        folder: PathBuf,
        text: String,
        first_line: usize,
    ) -> usize {
        // One offset apart, so that the end of a text is not the start of the next.
        let start = self.sources.last().map_or(0, |s| s.start + s.text.len() + 1);
        self.sources.push(Source { name, folder, text, start, first_line });
        start
    }

    /// The folder that a relative path at this offset is relative to.
    pub fn folder(&self, offset: usize) -> &Path {
        &self.find(offset).folder
    }

    /// The name of the text at this offset.
    pub fn name(&self, offset: usize) -> &str {
        &self.find(offset).name
    }

    /// The text of a span, which lies within one source.
    pub fn text(&self, span: &Span) -> &str {
        let source = self.find(span.start);
        &source.text[span.start - source.start..span.end - source.start]
    }

    pub fn locate(&self, offset: usize) -> Location<'_> {
        let source = self.find(offset);
        let before = &source.text[..offset - source.start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Location {
            name: &source.name,
            line: source.first_line + before.matches('\n').count(),
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The whole lines that these spans of one source touch.
    pub(super) fn lines(&self, spans: &[&Span]) -> Lines<'_> {
        let first = spans.iter().map(|s| s.start).min().unwrap_or(0);
        let last = spans.iter().map(|s| s.end).max().unwrap_or(0);
        let source = self.find(first);
        let (first, last) = (first - source.start, (last - source.start).min(source.text.len()));
        let from = source.text[..first].rfind('\n').map_or(0, |i| i + 1);
        let to = source.text[last..].find('\n').map_or(source.text.len(), |i| last + i);
        Lines {
            name: &source.name,
            text: &source.text[from..to],
            start: source.start + from,
            number: source.first_line + source.text[..from].matches('\n').count(),
        }
    }

    /// Whether two offsets stand in the same text.
    pub(super) fn same(&self, a: usize, b: usize) -> bool {
        self.find(a).start == self.find(b).start
    }

    fn find(&self, offset: usize) -> &Source {
        let after = self.sources.partition_point(|s| s.start <= offset);
        &self.sources[after - 1]
    }
}

/// A run of whole lines of one source.
pub(super) struct Lines<'a> {
    pub name: &'a str,
    pub text: &'a str,
    /// Offset of its first byte.
    pub start: usize,
    /// Number of its first line.
    pub number: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_find_their_text_line_and_column() {
        let mut map = SourceMap::default();
        let a = map.add("a".into(), "x".into(), "one\ntwo".into());
        let b = map.add("b".into(), "y".into(), "\u{3a9}3\n\nfour\n".into());
        assert_eq!(map.locate(a + 5), Location { name: "a", line: 2, column: 2 });
        assert_eq!(map.locate(a + 7), Location { name: "a", line: 2, column: 4 });
        assert_eq!(map.locate(b), Location { name: "b", line: 1, column: 1 });
        assert_eq!(map.locate(b + 2), Location { name: "b", line: 1, column: 2 });
        assert_eq!(map.locate(b + 5), Location { name: "b", line: 3, column: 1 });
        assert_eq!(map.text(&(b + 5..b + 9)), "four");
        assert_eq!(map.folder(a), Path::new("x"));
        assert_eq!(map.folder(b), Path::new("y"));
    }
}
