//! The files of a deck, and the cards in them: lines with their continuations, comments taken off.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::words::{self, Token};
use crate::diag::{Diagnostic, SourceMap, Span};
pub(super) use crate::spec::files::folder_of;
use crate::spec::files::read_bytes;

/// Largest file of a deck that is read \[bytes\].
const LARGEST: u64 = 256 << 20;
/// Longest chain of files that include one another.
const DEEPEST: usize = 16;

/// What was read: every file once more in lower case, with the same offsets.
#[derive(Default)]
pub(super) struct Files {
    pub sources: SourceMap,
    lowered: Vec<(usize, String)>,
    lines: Vec<Line>,
    /// The first line of the deck itself.
    pub title: String,
    /// Where text stands after `.end`.
    pub after_end: Option<Span>,
    chain: Vec<(PathBuf, String)>,
}

/// A line and the lines that continue it, by their offsets without comments.
struct Line {
    file: usize,
    first: Span,
    more: Vec<Span>,
}

/// Which part of a file is read.
#[derive(Clone, Copy, PartialEq)]
enum Part<'a> {
    /// All of it, after a title.
    Deck,
    All,
    /// From `.lib section` to `.endl`.
    Section(&'a str),
}

/// A card in lower case.
pub(super) struct Card<'t> {
    pub text: Cow<'t, str>,
    /// Where the text begins in the sources.
    start: usize,
    /// Where further pieces of the text begin, in it and in the sources.
    pieces: Vec<(usize, usize)>,
    pub tokens: Vec<Token>,
}

impl Card<'_> {
    /// Where a range of the card's text stands.
    pub fn span(&self, range: std::ops::Range<usize>) -> Span {
        let place = |at: usize| {
            let piece = self.pieces.iter().rev().find(|(own, _)| *own <= at);
            piece.map_or(self.start + at, |(own, global)| global + at - own)
        };
        // The end belongs to the piece of what is before it.
        let end =
            place(range.end.saturating_sub(1).max(range.start)) + usize::from(!range.is_empty());
        place(range.start)..end
    }

    /// Where its first word stands.
    pub fn head(&self) -> Span {
        self.tokens.first().map_or_else(|| self.whole(), |t| self.span(t.range.clone()))
    }

    /// Where all of it stands.
    pub fn whole(&self) -> Span {
        self.span(0..self.text.trim_end().len())
    }
}

impl Files {
    /// Reads a deck and what it includes.
    pub fn read(path: &Path, found: &mut Vec<Diagnostic>) -> Files {
        let mut files = Files::default();
        files.file(path, Part::Deck, None, found);
        files
    }

    /// All cards, in the order they are read.
    pub fn cards(&self, found: &mut Vec<Diagnostic>) -> Vec<Card<'_>> {
        self.lines.iter().map(|line| self.card(line, found)).collect()
    }

    fn card(&self, line: &Line, found: &mut Vec<Diagnostic>) -> Card<'_> {
        let (start, text) = &self.lowered[line.file];
        let piece = |span: &Span| &text[span.start - start..span.end - start];
        let mut pieces = Vec::new();
        let text = match line.more.is_empty() {
            true => Cow::Borrowed(piece(&line.first)),
            false => {
                let mut whole = piece(&line.first).to_string();
                for span in &line.more {
                    whole.push(' ');
                    pieces.push((whole.len(), span.start));
                    whole.push_str(piece(span));
                }
                Cow::Owned(whole)
            }
        };
        let mut card = Card { text, start: line.first.start, pieces, tokens: Vec::new() };
        match words::tokens(&card.text) {
            Ok(tokens) => card.tokens = tokens,
            Err((range, message, help)) => {
                let at = card.span(range);
                found.push(Diagnostic::at(at, message).label("begins here").help(help));
            }
        }
        card
    }

    fn file(&mut self, path: &Path, part: Part, from: Option<&Span>, found: &mut Vec<Diagnostic>) {
        let name = path.display().to_string();
        let mut blame = |d: Diagnostic| {
            found.push(match from {
                Some(span) => Diagnostic { span: Some(span.clone()), ..d }.label("read from here"),
                None => d,
            });
        };
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if let Some(diagnostic) = self.chain_fault(&canonical, &name, part) {
            return blame(diagnostic);
        }
        let bytes = match read_bytes(path, LARGEST, "give the path of a SPICE deck") {
            Ok(bytes) => bytes,
            Err(diagnostic) => return blame(diagnostic),
        };
        // Old decks hold Latin-1 in their comments.
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        // As long as it is, so that columns stay what they are.
        let mut lowered = text.to_ascii_lowercase();
        if lowered.starts_with('\u{feff}') {
            lowered.replace_range(..'\u{feff}'.len_utf8(), "   ");
        }
        let folder = folder_of(path);
        if part == Part::Deck {
            let first = text.trim_start_matches('\u{feff}').lines().next();
            self.title = first.unwrap_or_default().trim().to_string();
        }
        let start = self.sources.add(name.clone(), folder.clone(), text);
        self.chain.push((canonical, name));
        self.lines_of(&lowered, start, part, &folder, from, found);
        self.chain.pop();
        self.lowered.push((start, lowered));
    }

    fn chain_fault(&self, canonical: &Path, name: &str, part: Part) -> Option<Diagnostic> {
        // A section of a library may ask for another section of the same file.
        let again = self.chain.iter().any(|(file, _)| file == canonical);
        let section = matches!(part, Part::Section(_));
        let deep = self.chain.len() >= DEEPEST;
        if (!again || section) && !deep {
            return None;
        }
        let names: Vec<&str> = self.chain.iter().map(|(_, n)| n.as_str()).collect();
        let chain = format!("the chain is {} -> {name}", names.join(" -> "));
        Some(match again && !section {
            true => Diagnostic::new(format!("`{name}` includes itself"))
                .help(format!("{chain}; drop one of its includes")),
            false => Diagnostic::new(format!("more than {DEEPEST} files include one another"))
                .help(format!("{chain}; join some of these files")),
        })
    }

    /// Takes up the lines of a file; what it includes stands in their midst.
    fn lines_of(
        &mut self,
        text: &str,
        start: usize,
        part: Part,
        folder: &Path,
        from: Option<&Span>,
        found: &mut Vec<Diagnostic>,
    ) {
        // The place that this file will have among `lowered` is known after its includes only.
        let mut own = Vec::new();
        let mut walk = Walk { part, inside: !matches!(part, Part::Section(_)), seen: false };
        let mut at = start;
        let mut last: Option<usize> = None;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let from = at;
            at += line.len();
            if number == 0 && part == Part::Deck {
                continue;
            }
            let bare = words::uncommented(line);
            let indent = bare.len() - bare.trim_start().len();
            let span = from + indent..from + bare.trim_end().len().max(indent);
            let bare = bare.trim();
            if bare.is_empty() || bare.starts_with('*') || !walk.takes(bare) {
                continue;
            }
            if let Some(rest) = bare.strip_prefix('+') {
                let more = span.end - rest.len()..span.end;
                match last.and_then(|k| self.lines.get_mut(k)) {
                    Some(line) => line.more.push(more),
                    None => found.push(
                        Diagnostic::at(span, "there is no line that this could continue")
                            .label("continues nothing")
                            .help("`+` goes on with the line before it; drop it"),
                    ),
                }
                continue;
            }
            if bare == ".end" && part == Part::Deck {
                self.after_end = first_line(&text[at - start..], at);
                break;
            }
            match self.inclusion(bare, &span, folder, found) {
                true => last = None,
                false => {
                    own.push(self.lines.len());
                    last = Some(self.lines.len());
                    self.lines.push(Line { file: usize::MAX, first: span, more: Vec::new() });
                }
            }
        }
        let place = self.lowered.len();
        own.into_iter().for_each(|k| self.lines[k].file = place);
        if let (Part::Section(name), false) = (part, walk.seen) {
            found.push(Diagnostic { span: from.cloned(), ..no_section(name, text) });
        }
    }

    /// Reads what an `.include` or `.lib` line names; `false` for any other line.
    fn inclusion(
        &mut self,
        line: &str,
        span: &Span,
        folder: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> bool {
        let word = line.split_whitespace().next().unwrap_or_default();
        if !matches!(word, ".include" | ".inc" | ".lib") {
            return false;
        }
        // Names of files keep their case.
        let written = self.sources.text(span)[word.len()..].trim().to_string();
        let (name, rest) = file_name(&written);
        let section = rest.trim().to_ascii_lowercase();
        let usage = match word {
            ".lib" => "write `.lib \"file\" section`",
            _ => "write `.include \"file\"`",
        };
        let fits = !name.is_empty() && (word == ".lib") != section.is_empty();
        if !fits || section.contains(char::is_whitespace) {
            found.push(
                Diagnostic::at(span.clone(), format!("`{word}` does not say what to read"))
                    .label(if name.is_empty() { "no file" } else { "not a file and a section" })
                    .help(usage),
            );
            return true;
        }
        let part = if section.is_empty() { Part::All } else { Part::Section(&section) };
        self.file(&folder.join(name), part, Some(span), found);
        true
    }
}

/// Where the first line of a text stands that is no comment, the text beginning at an offset.
fn first_line(text: &str, start: usize) -> Option<Span> {
    let line = text.lines().find(|l| !l.trim().is_empty() && !l.trim_start().starts_with('*'))?;
    let offset = start + line.as_ptr() as usize - text.as_ptr() as usize;
    Some(offset..offset + line.trim_end().len())
}

fn no_section(name: &str, text: &str) -> Diagnostic {
    let sections: Vec<&str> = text.lines().filter_map(section_start).collect();
    Diagnostic::new(format!("that library has no section `{name}`"))
        .label("unknown section")
        .help_names(name, "its sections are", &sections)
}

/// Where in a file the reading is.
struct Walk<'a> {
    part: Part<'a>,
    inside: bool,
    seen: bool,
}

impl Walk<'_> {
    /// Whether a line is to be taken up; the marks of sections are not.
    fn takes(&mut self, line: &str) -> bool {
        let ends = line.split_whitespace().next().is_some_and(|w| matches!(w, ".endl" | ".endlib"));
        match self.part {
            Part::Section(name) => {
                if let Some(started) = section_start(line) {
                    self.inside = started == name;
                    self.seen |= self.inside;
                    return false;
                }
                if ends {
                    self.inside = false;
                }
                self.inside && !ends
            }
            _ => true,
        }
    }
}

/// The name of the section that a line begins.
fn section_start(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let lib = words.next()?.eq_ignore_ascii_case(".lib");
    let name = words.next()?;
    (lib && words.next().is_none() && !name.starts_with(['"', '\''])).then_some(name)
}

/// A file's name, perhaps in quotes, and what follows it.
fn file_name(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}
