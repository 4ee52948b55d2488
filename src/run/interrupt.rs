//! What Ctrl-C does to a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::RunError;

/// Lets a signal handler end a run without harm: an unfinished output folder is removed, a swap in
/// progress is finished first, and a run that heeds it is left to end by itself. Clones share the
/// run.
///
/// ```
/// let interrupt = eqcircuit::run::Interrupt::default();
/// let in_handler = interrupt.clone();
/// assert!(!in_handler.trip(), "nobody heeds it, so the handler exits");
/// assert!(interrupt.tripped());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    staged: Option<PathBuf>,
    /// How many runs, one inside another, end by themselves.
    heeded: usize,
    tripped: bool,
}

impl Interrupt {
    /// Removes what is unfinished and makes the run stop at its next step with
    /// [`RunError::Interrupted`]. Says whether the run will end by itself, with its state saved;
    /// else, and when called a second time, the handler is to exit with 130.
    pub fn trip(&self) -> bool {
        let mut running = self.lock();
        let first = !running.tripped;
        running.tripped = true;
        if let Some(staged) = running.staged.take() {
            // Nothing better can be done in a handler than to leave the rest behind.
            let _ = fs::remove_dir_all(staged);
        }
        running.heeded > 0 && first
    }

    pub fn tripped(&self) -> bool {
        self.lock().tripped
    }

    /// From here on the run looks at [`Interrupt::tripped`] and ends in good order.
    pub(super) fn heed(&self) {
        self.lock().heeded += 1;
    }

    /// The run is over; what is left can be broken off.
    pub(super) fn unheed(&self) {
        let mut running = self.lock();
        running.heeded = running.heeded.saturating_sub(1);
    }

    /// Names the folder to be removed; refuses when the run has been interrupted.
    pub(super) fn stage(&self, folder: &Path) -> bool {
        let mut running = self.lock();
        if !running.tripped {
            running.staged = Some(folder.to_path_buf());
        }
        !running.tripped
    }

    /// Moves the staged folder with no handler in between.
    pub(super) fn swap<T>(
        &self,
        swap: impl FnOnce() -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        let mut running = self.lock();
        if running.tripped {
            return Err(RunError::Interrupted);
        }
        let swapped = swap();
        running.staged = None;
        swapped
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
