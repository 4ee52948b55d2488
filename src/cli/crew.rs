//! Verbs whose work several processes share.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::arguments::Edits;
use super::bug::BUG;
use super::terminal::Terminal;
use super::{Failure, WRONG_INPUT};
use crate::run::{Crew, Options, launched};
use crate::spec::Spec;

/// Runs a verb together with the processes that `mpirun` or its like started beside this one, or
/// alone. When one of them fails while others wait for it, all end, as MPI jobs do.
pub(super) fn share(
    options: Options,
    terminal: &Terminal,
    verb: impl FnOnce(Options) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    // Without MPI, parts of a sweep are a work for each.
    if options.shard.is_some() && cfg!(not(feature = "mpi")) && launched().is_some() {
        return verb(options);
    }
    let crew = Crew::muster().map_err(|error| match error.speaks() {
        true => Failure::input(error),
        false => Failure::Said { code: WRONG_INPUT },
    })?;
    if crew.is_alone() {
        return verb(options);
    }
    let quiet = options.quiet || !crew.leads();
    let options = Options { crew: crew.clone(), quiet, ..options };
    let Ok(ended) = catch_unwind(AssertUnwindSafe(|| verb(options))) else { crew.abort(BUG) };
    let ended = match ended {
        Err(failure) if crew.is_bound() => {
            let code = failure.code();
            failure.say(terminal);
            crew.abort(code)
        }
        Err(failure) if !crew.leads() => Err(Failure::Said { code: failure.code() }),
        ended => ended,
    };
    crew.leave();
    ended
}

/// Reads a file with the changes made to it; in several processes, makes sure that all read the
/// same. Only one of them says what is wrong.
pub(super) fn load(
    edits: &Edits,
    file: &Path,
    options: &Options,
    terminal: &Terminal,
) -> Result<Spec, Failure> {
    let crew = &options.crew;
    let loaded = edits.load(file).map_err(Failure::from);
    if crew.is_alone() {
        return loaded;
    }
    let all = crew.gather(&loaded.as_ref().ok().map(|spec| digest(spec, options)));
    let Some(speaker) = all.iter().position(|other| other.is_none() || *other != all[0]) else {
        return loaded;
    };
    if speaker == crew.rank() {
        let failure = loaded.err().unwrap_or_else(|| {
            Failure::input(format!(
                "process {speaker} of {} has read another {} or other files that it names, or was \
                 started with other arguments, or is another program, than process 0",
                crew.size(),
                file.display()
            ))
        });
        failure.say(terminal);
    }
    Err(Failure::Said { code: WRONG_INPUT })
}

/// What must be the same in all processes.
fn digest(spec: &Spec, options: &Options) -> [u8; 32] {
    let mut digest = Sha256::new();
    let Options { shard, threads, out, .. } = options;
    let program = env!("CARGO_PKG_VERSION");
    digest.update(format!("{program} {shard:?} {threads:?} {out:?} {}", spec.seed));
    digest.update(spec.resolved_for(Path::new(".")));
    for file in &spec.files {
        // One that went since it was read is found missing by all who need it.
        digest.update(Sha256::digest(fs::read(file).unwrap_or_default()));
    }
    digest.finalize().into()
}
