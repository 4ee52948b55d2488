//! Mistakes in what a person wrote: collected, pointed at, and shown with the cure.
//!
//! Every text that is read (a file, a file it includes, an edit from the command line) gets its
//! own range in one global space of offsets, so a [`Span`] alone says where something stands.

mod render;
mod source;

pub use source::{Location, SourceMap};

use std::fmt;
use std::ops::Range;

/// A stretch of text, in the offsets of a [`SourceMap`].
pub type Span = Range<usize>;

/// A mistake, where it stands, and how to cure it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub message: String,
    /// The offending text; `None` when there is none to show, as for a missing file.
    pub span: Option<Span>,
    /// What stands under the underlined text.
    pub label: Option<String>,
    /// Other places that have to do with it.
    pub secondary: Vec<(Span, String)>,
    /// Cures, one a line.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A mistake in a place of a text.
    pub fn at(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { span: Some(span), ..Diagnostic::new(message) }
    }

    /// A mistake without a place.
    pub fn new(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            message: message.into(),
            span: None,
            label: None,
            secondary: Vec::new(),
            help: Vec::new(),
        }
    }

    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// Points at another place as well.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.secondary.push((span, label.into()));
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }

    /// Names the nearest of the names that would have been right, and, after an introduction such
    /// as "the layers are", all of them.
    pub fn help_names(self, word: &str, intro: &str, names: &[impl AsRef<str>]) -> Diagnostic {
        if names.is_empty() {
            return self.help(format!("{intro}: none"));
        }
        let list = names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        match did_you_mean(word, names) {
            Some(near) => self.help(format!("did you mean `{near}`? {intro}: {list}")),
            None => self.help(format!("{intro}: {list}")),
        }
    }
}

/// All mistakes found, with the texts they stand in.
#[derive(Debug, Clone, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    sources: SourceMap,
}

impl Report {
    /// Sorts the mistakes by place, those without a place first, and drops repetitions.
    pub fn new(mut diagnostics: Vec<Diagnostic>, sources: SourceMap) -> Report {
        diagnostics.sort_by_key(|d| d.span.as_ref().map(|s| (s.start, s.end)));
        let mut seen: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for d in diagnostics {
            let again = seen.iter().rev().take_while(|s| s.span == d.span).any(|s| *s == d);
            if !again {
                seen.push(d);
            }
        }
        Report { diagnostics: seen, sources }
    }

    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    pub fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// How many mistakes there are.
    pub fn len(&self) -> usize {
        self.diagnostics.len()
    }

    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// All mistakes as text for people: `file:line:column`, the offending text underlined, and
    /// the cures; with ANSI colours when `colour`.
    pub fn render(&self, colour: bool) -> String {
        let each: Vec<String> =
            self.diagnostics.iter().map(|d| render::render(d, &self.sources, colour)).collect();
        each.join("\n\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

/// The candidate that the word was most likely meant to be: the nearest in edits (a swap of
/// neighbours counts one), if it is at most a third of the word away. Case, and `_` for `-`,
/// cost nothing.
pub fn did_you_mean<'a, S: AsRef<str>>(word: &str, candidates: &'a [S]) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace('_', "-");
    let word = plain(word);
    candidates
        .iter()
        .map(AsRef::as_ref)
        .map(|c| (strsim::damerau_levenshtein(&word, &plain(c)), c))
        .filter(|(distance, c)| {
            let long = word.chars().count().max(c.chars().count());
            *distance <= (long / 3).max(1) && 2 * *distance < long
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let names = ["input", "hidden", "output", "g-max"];
        assert_eq!(did_you_mean("hiden", &names), Some("hidden"));
        assert_eq!(did_you_mean("outptu", &names), Some("output"));
        assert_eq!(did_you_mean("G_MAX", &names), Some("g-max"));
        assert_eq!(did_you_mean("epochs", &names), None);
        assert_eq!(did_you_mean("x", &["y"]), None);
    }
}
