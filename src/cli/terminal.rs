//! The two streams: data on standard output, talk on standard error.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::Failure;
use crate::diag::Report;

/// How this call talks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    pub json: bool,
    pub quiet: bool,
    colour: bool,
}

impl Terminal {
    pub fn new(json: bool, quiet: bool) -> Terminal {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let colour = io::stderr().is_terminal() && set("NO_COLOR").is_none() && !dumb;
        Terminal { json, quiet, colour }
    }

    /// Writes data to standard output. A reader that has gone away has had enough.
    pub fn data(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::input(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes the one JSON document of a call.
    pub fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::input(format!("cannot write as JSON: {error}")))?;
        text.push('\n');
        self.data(text.as_bytes())
    }

    /// Says something for people, unless asked to be quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            say_always(text);
        }
    }

    /// Shows mistakes in a file.
    pub fn mistakes(&self, report: &Report) {
        say_always(&report.render(self.colour));
        let count = report.len();
        say_always(&format!("\n{count} mistake{}", if count == 1 { "" } else { "s" }));
    }

    /// Shows what went wrong.
    pub fn error(&self, message: &str) {
        say_always(&format!("{}: {message}", self.paint("1;31", "error")));
    }

    /// The text in an ANSI colour, where colours are shown.
    pub fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn say_always(text: &str) {
    // Without a reader of standard error there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The arguments as one line that a shell reads back.
pub(super) fn command_line(args: &[OsString]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let quoted = args.iter().skip(1).map(|arg| {
        let arg = arg.to_string_lossy();
        if !arg.is_empty() && arg.chars().all(plain) {
            arg.into_owned()
        } else {
            format!("'{}'", arg.replace('\'', r"'\''"))
        }
    });
    std::iter::once("eqcircuit".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_quoted_where_a_shell_needs_it() {
        let args = ["target/x", "simulate", "a b.toml", "--set", "w.r=\"2 ohm\"", "it's", ""];
        let args: Vec<OsString> = args.into_iter().map(OsString::from).collect();
        let line = r#"eqcircuit simulate 'a b.toml' --set 'w.r="2 ohm"' 'it'\''s' ''"#;
        assert_eq!(command_line(&args), line);
    }
}
