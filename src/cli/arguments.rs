//! Arguments that verbs have in common.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::diag::Report;
use crate::run::Manner;
use crate::spec::{Edit, Library, Spec, load};

/// Where a run goes, and on how many threads.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The folder of the run; `reports/<title>`, or `reports/<title>-<verb>`, if not given.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Worker threads, one a core if not given. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
}

/// The table of a sweep in other forms.
#[derive(Debug, Args)]
pub(super) struct AlsoTable {
    /// Write the table of results in this form as well.
    #[arg(long, value_name = "FORM", value_parser = ["parquet"])]
    pub also: Vec<String>,
}

/// What to do with a run that is already there.
#[derive(Debug, Args)]
pub(super) struct Taking {
    /// Go on with the run in the folder where it stopped; with a new one where there is none.
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Start again, in place of the run in the folder.
    #[arg(long)]
    force: bool,
}

impl Taking {
    pub fn manner(&self) -> Manner {
        match self {
            Taking { resume: true, .. } => Manner::Resume,
            Taking { force: true, .. } => Manner::Force,
            _ => Manner::Fresh,
        }
    }
}

/// Changes to a file before it is read.
#[derive(Debug, Args)]
pub(super) struct Edits {
    /// Change a key of the file before it is read; may be given many times.
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", help_heading = "Edits")]
    set: Vec<String>,
    /// The engine: the same as `--set simulate.engine=ENGINE`.
    #[arg(
        long,
        value_name = "ENGINE",
        value_parser = PossibleValuesParser::new(["ideal", "behavioural", "circuit"]),
        help_heading = "Edits"
    )]
    engine: Option<String>,
    /// The root of all random draws: the same as `--set seed=N`.
    #[arg(long, value_name = "N", help_heading = "Edits")]
    seed: Option<u64>,
}

impl Edits {
    pub fn list(&self) -> Vec<Edit> {
        let engine = self.engine.iter().map(|engine| format!("simulate.engine={engine}"));
        let seed = self.seed.iter().map(|seed| format!("seed={seed}"));
        self.set.iter().cloned().chain(engine).chain(seed).map(Edit::new).collect()
    }

    /// Reads a file with the changes made to it.
    pub fn load(&self, file: &Path) -> Result<Spec, Report> {
        load(file, &self.list(), &Library::beside(file))
    }
}
