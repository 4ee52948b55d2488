//! Changes to a document, as a command line or a sweep makes them.

/// A change to a document, made before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit(String);

impl Edit {
    /// An edit as typed: `key.path=value`, the value TOML or else a bare string.
    pub fn new(text: impl Into<String>) -> Edit {
        Edit(text.into())
    }

    /// As typed.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}
