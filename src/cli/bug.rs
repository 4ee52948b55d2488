//! What happens when the program itself is wrong.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

/// The exit code of a bug (`EX_SOFTWARE` of sysexits.h).
pub(super) const BUG: u8 = 70;

/// Runs a verb; a panic in it, on any thread it waits for, is shown as a bug of the program and
/// becomes exit code 70. What the verb held is dropped first, so unfinished files go away.
pub fn guard(run: impl FnOnce() -> u8) -> u8 {
    panic::set_hook(Box::new(|info| {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(note(info).as_bytes());
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            let _ = write!(stderr, "\n{trace}");
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(BUG)
}

fn note(info: &PanicHookInfo) -> String {
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line()));
    format!(
        "this is a bug in eqcircuit {}: {what}{}\n\
         Nothing you wrote should end like this. Please report these lines to the project, with \
         your command line and the file it names; RUST_BACKTRACE=1 adds where it came from.\n",
        env!("CARGO_PKG_VERSION"),
        place.unwrap_or_default(),
    )
}
