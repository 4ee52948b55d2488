use std::path::{Path, PathBuf};

use clap::builder::TypedValueParser;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::arguments::Place;
use super::outcome::shown;
use super::terminal::Terminal;
use super::{DONE, Failure};
use crate::report;
use crate::run::reproduce::{self, ReproduceError, Version};
use crate::run::{Manner, Options, RunError};
use crate::spec::Library;

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Request {
    #[command(subcommand)]
    paper: Paper,
}

/// What can be reproduced.
#[derive(Debug, Subcommand)]
enum Paper {
    /// Hierarchical associative memories with Anderson acceleration and even-odd splitting
    /// (arXiv:2311.15673).
    Ham(Ham),
    /// A chain of six layers cut into 1, 2, 3 and 6 analog blocks (arXiv:2409.03306).
    Splitting(Splitting),
}

/// Trainings of each row of the paper.
const SEEDS: u16 = 5;
const EPOCHS_OF_QUESTIONS: usize = 2;

#[derive(Debug, Args)]
struct Ham {
    /// Layers of the networks, the inputs among them.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [3, 5, 7],
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(3..=7))]
    depth: Vec<usize>,
    /// The tables: v1 has 784-512-10, v2 the three depths.
    #[arg(long, value_name = "V", value_delimiter = ',', default_values = ["v1", "v2"],
          value_parser = ["v1", "v2"])]
    version: Vec<String>,
    /// Trainings of each row, with the seeds from 1 on; 5 if not given, of questions 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    seeds: Option<u16>,
    /// Train so many epochs, instead of as many as the paper.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Option<u16>,
    /// Ask what the paper leaves open instead: depths from 3 to 21, activations, and starts.
    #[arg(long, conflicts_with_all = ["depth", "version"])]
    questions: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Splitting {
    /// Into how many blocks the network is cut.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = reproduce::BLOCKS,
          value_parser = clap::builder::PossibleValuesParser::new(["1", "2", "3", "6"])
              .try_map(|s| s.parse::<usize>()))]
    blocks: Vec<usize>,
    /// Trainings of each, with the seeds from 1 on.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..))]
    seeds: u16,
    /// Train so many epochs, instead of as many as the files have.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Option<u16>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(
    request: Request,
    options: impl FnOnce(Place, Manner) -> Options,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    match request.paper {
        Paper::Ham(ham) => ham.run(options, terminal),
        Paper::Splitting(splitting) => splitting.run(options, terminal),
    }
}

/// Where the trainings of a paper go.
fn folder(options: &Options, name: &str) -> PathBuf {
    options.out.clone().unwrap_or_else(|| Path::new("reports").join(name))
}

impl Ham {
    fn run(
        self,
        options: impl FnOnce(Place, Manner) -> Options,
        terminal: &Terminal,
    ) -> Result<u8, Failure> {
        let version = |v: &String| if v == "v1" { Version::V1 } else { Version::V2 };
        let versions: Vec<Version> = self.version.iter().map(version).collect();
        let epochs = self.epochs.map(usize::from);
        let options = options(self.place, Manner::Resume);
        let folder = folder(&options, "ham");
        let library = Library::beside(&folder);
        if self.questions {
            let seeds = u64::from(self.seeds.unwrap_or(1));
            let asked = reproduce::asked(seeds, epochs.unwrap_or(EPOCHS_OF_QUESTIONS));
            let count = asked.len();
            let made = reproduce::answer(&asked, &folder, &options, &library, |k, asked| {
                terminal.say(&format!("{} of {count}: {}", k + 1, asked.name()));
            });
            return told(made, count, &folder, terminal);
        }
        let seeds = u64::from(self.seeds.unwrap_or(SEEDS));
        let jobs = reproduce::jobs(&self.depth, &versions, seeds, epochs);
        let count = jobs.len();
        let made = reproduce::reproduce(&jobs, &folder, &options, &library, |k, job| {
            terminal.say(&format!("{} of {count}: {}", k + 1, job.name()));
        });
        told(made, count, &folder, terminal)
    }
}

impl Splitting {
    fn run(
        self,
        options: impl FnOnce(Place, Manner) -> Options,
        terminal: &Terminal,
    ) -> Result<u8, Failure> {
        let options = options(self.place, Manner::Resume);
        let folder = folder(&options, "splitting");
        let epochs = self.epochs.map(usize::from);
        let cuts = reproduce::cuts(&self.blocks, u64::from(self.seeds), epochs);
        let count = cuts.len();
        let library = Library::beside(&folder);
        let made = reproduce::split(&cuts, &folder, &options, &library, |k, cut| {
            terminal.say(&format!("{} of {count}: {}", k + 1, cut.name()));
        });
        told(made, count, &folder, terminal)
    }
}

/// The report, and what is said of it.
fn told<T: Serialize>(
    made: Result<Vec<T>, ReproduceError>,
    count: usize,
    folder: &Path,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    if let Err(ReproduceError::Run(RunError::Stopped { .. })) = made {
        // What there is so far is worth looking at; its absence is no reason to hide the rest.
        if let Err(error) = report::reproduction(folder) {
            terminal.say(&error.to_string());
        }
    }
    let made = made.map_err(|error| match error {
        ReproduceError::File(report) => Failure::from(report),
        ReproduceError::Run(error) => Failure::from(error),
    })?;
    report::reproduction(folder).map_err(Failure::input)?;
    terminal.say(&format!(
        "{} of {count} trainings measured\n  report  {}",
        made.len(),
        shown(&folder.join(report::INDEX))
    ));
    if terminal.json {
        terminal.document(&made)?;
    }
    Ok(DONE)
}
