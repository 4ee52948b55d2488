use std::path::PathBuf;

use super::{Shard, record};

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cannot use {} as the output folder: {source}; choose another with --out", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(
        "{} holds files but no {}, so it is not a run of ours and is left alone; choose another \
         folder with --out, or empty it",
        path.display(),
        record::RUN
    )]
    NotOurs { path: PathBuf },
    #[error(
        "{} holds a run of `{found}`, which is left alone; choose another folder with --out",
        path.display()
    )]
    OtherVerb { path: PathBuf, found: String },
    #[error("cannot write {}: {source}; {survives}", path.display())]
    Write { path: PathBuf, survives: String, source: std::io::Error },
    #[error(
        "{} holds a run already: go on with it (--resume), start again in its place (--force), or \
         choose another folder (--out)",
        path.display()
    )]
    Exists { path: PathBuf },
    #[error(
        "{} holds another run: {difference}; resume it with its own settings, or choose another \
         folder with --out",
        path.display()
    )]
    AnotherRun { path: PathBuf, difference: String },
    #[error("another process is writing {}", path.display())]
    Busy { path: PathBuf },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is damaged: {message}", path.display())]
    Damaged { path: PathBuf, message: String },
    #[error(
        "{} is of another chip: {difference}; to program its weights into this one, write `--set \
         'model.weights=\"...\"' --untrained` with the weights.safetensors of the training run",
        path.display()
    )]
    AnotherChip { path: PathBuf, difference: String },
    #[error(
        "{file} was not trained yet: there is no run in {}; name one with --checkpoint, or take \
         the file's own weights with --untrained",
        usual.display()
    )]
    Untrained { file: String, usual: PathBuf },
    #[error("{file} has no [sweep], which says what is varied")]
    NoSweep { file: String },
    #[error(
        "all points would be the same: the engine `ideal` has no chip, and nothing else is swept than `{axes}`; take \
         another engine, --engine behavioural or --engine circuit"
    )]
    Idle { axes: String },
    #[error("{file} has no [train], which says what is learned from which data")]
    NoTraining { file: String },
    #[error(
        "{file}: gradcheck holds equilibrium propagation against the true gradient, and [train] rule \
         takes that gradient itself: write `{{ equilibrium-propagation = {{}} }}`"
    )]
    NoNudge { file: String },
    #[error("a network needs samples: name them in [simulate] inputs")]
    NoInputs,
    #[error(
        "nudging pulls toward the labels, but the inputs have none: leave [simulate] nudge out"
    )]
    NoLabels,
    #[error(
        "{} holds a run, which owns its folder: give shard {shard} another one with --out",
        path.display()
    )]
    ShardInRun { path: PathBuf, shard: Shard },
    #[error("cannot merge: {message}")]
    Merge { message: String },
    #[error("cannot start {threads} threads: {message}")]
    Threads { threads: usize, message: String },
    #[error(
        "process {process} of {of} has learned other weights than process 0: processors of \
         different kinds do not round alike; start it again on machines of one kind, and go on \
         with --resume"
    )]
    Unlike { process: usize, of: usize },
    #[error("{at}: {message}; {kept}")]
    Halted { at: String, message: String, kept: String },
    #[error("{file}: {what} is not known of a chain of blocks; {instead}")]
    OfChain { file: String, what: String, instead: String },
    #[error(
        "{file}: numbers are not finite, first in {at}: lower the weights the chain begins with, its \
         slope, or beta"
    )]
    NotFinite { file: String, at: String },
    #[error("process 0 could not begin")]
    NotLed,
    #[error("interrupted; nothing was replaced")]
    Interrupted,
    #[error(
        "interrupted; its state is saved in {}, and --resume goes on from there",
        path.display()
    )]
    Stopped { path: PathBuf },
}

impl RunError {
    /// The exit code of the program: 130 when interrupted, else 2.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::Interrupted | RunError::Stopped { .. } => 130,
            _ => 2,
        }
    }
}
