//! Ctrl-C and its kin.

use super::INTERRUPTED;
use super::terminal::Terminal;
use crate::run::Interrupt;

/// Ends the program with 130 at Ctrl-C, with nothing half written: at once, or when the run has
/// saved its state, but at the second Ctrl-C at once in any case. A termination signal, with which
/// schedulers announce that time is up, is the same; one that the terminal is gone is left to end
/// the program, or not, as whoever started it has arranged.
pub(super) fn listen(terminal: &Terminal) -> Interrupt {
    let interrupt = Interrupt::default();
    let in_handler = interrupt.clone();
    let listening = listen_to(move || {
        if !in_handler.trip() {
            std::process::exit(INTERRUPTED.into());
        }
    });
    if let Err(error) = listening {
        terminal.say(&format!("Ctrl-C may leave a partial folder behind: {error}"));
    }
    interrupt
}

#[cfg(unix)]
fn listen_to(mut handler: impl FnMut() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let listener = std::thread::Builder::new().name("signals".to_string());
    listener.spawn(move || signals.forever().for_each(|_| handler()))?;
    Ok(())
}

#[cfg(not(unix))]
fn listen_to(handler: impl FnMut() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(handler)
}
