//! Where a run stands when a process takes it up.

use std::path::PathBuf;

use super::super::lasting::Lasting;
use super::super::record::{CHECKPOINT, RESULTS};
use super::super::{Options, RunError};
use crate::spec::{Spec, Verb};

/// The folder of a run, and where the run stands.
pub(super) struct Opened {
    pub folder: PathBuf,
    /// Of the process that leads, which alone writes.
    pub lasting: Option<Lasting>,
    /// The checkpoint to go on from.
    pub checkpoint: Option<Vec<u8>>,
}

impl Opened {
    /// Opens the folder in the process that leads, and tells the others of it, which wait for one
    /// another from then on.
    pub fn of(spec: &Spec, options: &Options) -> Result<Opened, RunError> {
        let crew = &options.crew;
        let folder = options.folder(spec, Verb::Train);
        if !crew.leads() {
            let checkpoint = crew.tell(&None::<Option<Vec<u8>>>).ok_or(RunError::NotLed)?;
            crew.bind();
            return Ok(Opened { folder, lasting: None, checkpoint });
        }
        let opened = Opened::in_folder(folder, spec, options);
        if !crew.is_alone() {
            crew.tell(&opened.as_ref().ok().map(|opened| opened.checkpoint.clone()));
        }
        if opened.is_ok() {
            crew.bind();
        }
        opened
    }

    fn in_folder(folder: PathBuf, spec: &Spec, options: &Options) -> Result<Opened, RunError> {
        let (lasting, resumes) = Lasting::open(Verb::Train, &folder, options.manner, spec)?;
        let path = lasting.path(CHECKPOINT);
        let mut checkpoint = None;
        if resumes && path.exists() {
            let bytes = std::fs::read(&path).map_err(|source| RunError::Read { path, source })?;
            checkpoint = Some(bytes);
        } else if resumes && lasting.lines(RESULTS)?.len() > 1 {
            let message = "it is gone, but results.jsonl has epochs that it should go on from; \
                           start again with --force"
                .to_string();
            return Err(RunError::Damaged { path, message });
        }
        let folder = lasting.folder().to_path_buf();
        Ok(Opened { folder, lasting: Some(lasting), checkpoint })
    }
}
