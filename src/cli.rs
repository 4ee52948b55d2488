//! The command line: arguments, dispatch, exit codes.
//!
//! Standard output is data, standard error is talk. Exit codes: 0 done, 1 an expectation failed,
//! 2 wrong input, 130 interrupted, 70 a bug.

mod arguments;
mod bug;
mod check;
mod circuits;
mod compile;
mod conductances;
mod crew;
mod data;
mod gradcheck;
mod help;
mod listen;
mod margin;
mod outcome;
mod plot;
mod report;
mod reproduce;
mod simulate;
mod sweep;
mod terminal;
mod train;

pub use bug::guard;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::data::Split;
use crate::diag::Report;
use crate::run::{Crew, Evaluation, Interrupt, Manner, Options, Shard, evaluate};
use arguments::{AlsoTable, Edits, Place, Taking};
use terminal::Terminal;

/// A verb has done what was asked.
const DONE: u8 = 0;
/// An `[expect]` of the file does not hold.
const EXPECTATION_FAILED: u8 = 1;
/// The file, the arguments or their surroundings are wrong.
const WRONG_INPUT: u8 = 2;
/// Ctrl-C, or a request to end.
const INTERRUPTED: u8 = 130;

/// Analog-hardware circuit simulator and co-design tool for energy-based networks.
#[derive(Debug, Parser)]
#[command(
    name = "eqcircuit",
    version,
    long_version = help::VERSION,
    arg_required_else_help = true,
    after_help = help::PROGRAM
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Write one JSON document to standard output; all talk goes to standard error.
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    /// Say nothing but errors.
    #[arg(long, short, global = true, help_heading = "Output")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read files and report every mistake in them.
    #[command(after_help = help::CHECK)]
    Check {
        /// Files to read.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        edits: Edits,
    },
    /// Compile a network to a netlist of devices.
    #[command(after_help = help::COMPILE)]
    Compile {
        /// The network. A file of devices is only put into the other format.
        file: PathBuf,
        /// Where to write the netlist, instead of standard output.
        #[arg(long, short, value_name = "OUT")]
        output: Option<PathBuf>,
        /// The language of the netlist.
        #[arg(long, value_enum, default_value = "toml")]
        format: compile::Format,
        /// Write the conductances of all cells too: into one .safetensors file, or a matrix a file where
        /// it ends in .npy or .csv (g.npy: g.NAME.npy).
        #[arg(long, value_name = "FILE")]
        conductances: Option<PathBuf>,
        #[command(flatten)]
        edits: Edits,
    },
    /// Settle a network or solve a netlist, and write a report.
    #[command(after_help = help::SIMULATE)]
    Simulate {
        /// A network, devices on nodes, or a SPICE deck.
        file: PathBuf,
        /// Write the waveforms of a circuit in this form as well.
        #[arg(long, value_name = "FORM", value_parser = simulate::FORMS)]
        also: Vec<String>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        edits: Edits,
    },
    /// Train a network in place, with a record and a checkpoint an epoch, and write a report.
    #[command(after_help = help::TRAIN)]
    Train {
        /// A network with a [train] table.
        file: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        manner: Taking,
        #[command(flatten)]
        edits: Edits,
    },
    /// Settle the test data on a trained network, its chip as training left it.
    #[command(after_help = help::EVALUATE)]
    Evaluate {
        /// The file that was trained.
        file: PathBuf,
        /// A checkpoint, or the folder of a training run; `reports/<title>-train` if not given.
        #[arg(long, value_name = "PATH")]
        checkpoint: Option<PathBuf>,
        /// Take the file's own weights instead of a checkpoint.
        #[arg(long, conflicts_with = "checkpoint")]
        untrained: bool,
        /// Which part of the data of [train].
        #[arg(long, value_name = "PART", value_parser = ["test", "train"], default_value = "test")]
        split: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        edits: Edits,
    },
    /// Hold the gradient that a file learns with against the true one.
    #[command(after_help = help::GRADCHECK)]
    Gradcheck {
        /// A network with [train].
        file: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        edits: Edits,
    },
    /// Run a file at every point of its [sweep], and write a report.
    #[command(after_help = help::SWEEP)]
    Sweep {
        /// A file with a [sweep].
        file: PathBuf,
        /// The folder of the sweep; `reports/<title>-sweep` if not given.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Make one part of N of the sweep, in a folder `shard-I-of-N` of its own within DIR.
        #[arg(long, value_name = "I/N")]
        shard: Option<Shard>,
        #[command(flatten)]
        also: AlsoTable,
        /// Runs worked on at a time, one a core if not given. Results do not depend on it.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        jobs: Option<u16>,
        #[command(flatten)]
        manner: Taking,
        #[command(flatten)]
        edits: Edits,
    },
    /// Find how much of an effect the chips of a file bear before a figure falls.
    #[command(after_help = help::MARGIN)]
    Margin(margin::Request),
    /// Train and measure what a paper published, and set it beside the published numbers.
    #[command(
        after_help = help::REPRODUCE,
        override_usage = "eqcircuit reproduce <ham|splitting> [OPTIONS]"
    )]
    Reproduce(reproduce::Request),
    /// Make one sweep of its shards.
    #[command(after_help = help::MERGE)]
    Merge {
        /// The folder of the whole, neither around nor within a shard.
        #[arg(value_name = "OUT")]
        out: PathBuf,
        /// The folders of all shards.
        #[arg(required = true, value_name = "SHARD")]
        shards: Vec<PathBuf>,
        #[command(flatten)]
        also: AlsoTable,
        /// Replace the sweep in OUT.
        #[arg(long)]
        force: bool,
    },
    /// Make the report of a run again, from its records alone.
    #[command(after_help = help::REPORT)]
    Report {
        /// The folder of the run.
        dir: PathBuf,
    },
    /// Draw signals of waveforms, or list them.
    #[command(after_help = help::PLOT)]
    Plot(plot::Request),
    /// List the parts library, show one part, or explain and draw a preset.
    #[command(after_help = help::CIRCUITS)]
    Circuits {
        /// A part, such as `neuron/tanh`.
        name: Option<String>,
        /// Draw a preset into this folder.
        #[arg(long, value_name = "DIR", requires = "name")]
        out: Option<PathBuf>,
    },
    /// List the data sets known by name, or fetch one.
    #[command(after_help = help::DATA, args_conflicts_with_subcommands = true)]
    Data {
        #[command(subcommand)]
        action: Option<DataVerb>,
        #[command(flatten)]
        folder: DataFolder,
    },
    /// Print a completion script for a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
enum DataVerb {
    /// List the data sets, where they are looked for, and whether they are intact.
    #[command(after_help = help::DATA)]
    List {
        #[command(flatten)]
        folder: DataFolder,
    },
    /// Bring the files of a data set in, and check them.
    #[command(after_help = help::FETCH)]
    Fetch {
        /// The data set.
        name: String,
        /// An http:// address, a file: address, or a folder, right above the files.
        #[arg(long, value_name = "URL-or-folder")]
        from: String,
        #[command(flatten)]
        folder: DataFolder,
    },
}

#[derive(Debug, Args)]
struct DataFolder {
    /// A folder of data sets to look in first, and to fetch into.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Why a verb did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// Mistakes in a file.
    Mistakes(Report),
    /// Anything else, with its exit code.
    Other { code: u8, message: String },
    /// It was said already, maybe by another process.
    Said { code: u8 },
}

impl Failure {
    fn input(message: impl ToString) -> Failure {
        Failure::Other { code: WRONG_INPUT, message: message.to_string() }
    }

    fn code(&self) -> u8 {
        match self {
            Failure::Mistakes(_) => WRONG_INPUT,
            Failure::Other { code, .. } | Failure::Said { code } => *code,
        }
    }

    fn say(&self, terminal: &Terminal) {
        match self {
            Failure::Mistakes(report) => terminal.mistakes(report),
            Failure::Other { message, .. } => terminal.error(message),
            Failure::Said { .. } => {}
        }
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Failure {
        Failure::Mistakes(report)
    }
}

/// Runs the command line, first word the program's name, and says how it ended. A panic ends as
/// exit code 70, with a note on how to report it.
pub fn main(args: Vec<OsString>) -> ExitCode {
    ExitCode::from(guard(|| run(&args)))
}

fn run(args: &[OsString]) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return error.exit_code() as u8;
        }
    };
    let terminal = Terminal::new(cli.json, cli.quiet);
    let interrupt = listen::listen(&terminal);
    match dispatch(cli.verb, args, interrupt, &terminal) {
        Ok(code) => code,
        Err(failure) => {
            failure.say(&terminal);
            failure.code()
        }
    }
}

fn dispatch(
    verb: Verb,
    args: &[OsString],
    interrupt: Interrupt,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let options = |place: Place, manner| Options {
        also: Vec::new(),
        shard: None,
        out: place.out,
        command: terminal::command_line(args),
        quiet: terminal.quiet,
        manner,
        threads: place.threads.map(usize::from),
        interrupt,
        crew: Crew::default(),
    };
    match verb {
        Verb::Check { files, edits } => check::run(&files, &edits, terminal),
        Verb::Compile { file, output, format, conductances, edits } => {
            let (netlist, conductances) = (output.as_deref(), conductances.as_deref());
            let into = compile::Into { netlist, format, conductances };
            compile::run(&file, into, &edits, terminal)
        }
        Verb::Simulate { file, also, place, edits } => {
            let also = simulate::forms(&also)?;
            let options = Options { also, ..options(place, Manner::Fresh) };
            simulate::run(&file, options, &edits, terminal)
        }
        Verb::Train { file, place, manner, edits } => {
            let options = options(place, manner.manner());
            crew::share(options, terminal, |options| train::run(&file, options, &edits, terminal))
        }
        Verb::Evaluate { file, checkpoint, untrained, split, place, edits } => {
            let split = if split == "train" { Split::Train } else { Split::Test };
            let evaluation = Evaluation { checkpoint, untrained, split: Some(split) };
            let spec = edits.load(&file)?;
            let finished = evaluate(&spec, &options(place, Manner::Fresh), &evaluation)?;
            simulate::finish(&finished, terminal)
        }
        Verb::Gradcheck { file, place, edits } => {
            gradcheck::run(&file, options(place, Manner::Fresh), &edits, terminal)
        }
        Verb::Sweep { file, out, shard, also, jobs, manner, edits } => {
            let also = simulate::forms(&also.also)?;
            let place = Place { out, threads: jobs };
            let options = Options { shard, also, ..options(place, manner.manner()) };
            crew::share(options, terminal, |options| sweep::run(&file, options, &edits, terminal))
        }
        Verb::Margin(request) => margin::run(request, options, terminal),
        Verb::Reproduce(request) => reproduce::run(request, options, terminal),
        Verb::Merge { out, shards, also, force } => {
            let also = simulate::forms(&also.also)?;
            let manner = if force { Manner::Force } else { Manner::Fresh };
            let place = Place { out: Some(out), threads: None };
            sweep::merge(&shards, &Options { also, ..options(place, manner) }, terminal)
        }
        Verb::Report { dir } => report::run(&dir, terminal),
        Verb::Plot(request) => plot::run(&request, terminal),
        Verb::Circuits { name, out } => circuits::run(name.as_deref(), out.as_deref(), terminal),
        Verb::Data { action: Some(DataVerb::Fetch { name, from, folder }), .. } => {
            data::fetch(&name, &from, folder.data_dir.as_deref(), terminal)
        }
        Verb::Data { action: Some(DataVerb::List { folder }), .. }
        | Verb::Data { action: None, folder } => data::list(folder.data_dir.as_deref(), terminal),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "eqcircuit", &mut script);
            terminal.data(&script)?;
            Ok(DONE)
        }
    }
}
