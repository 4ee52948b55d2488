//! The command line: arguments, dispatch, exit codes.
//!
//! Standard output is data, standard error is talk. Exit codes: 0 done, 1 an expectation failed,
//! 2 wrong input, 130 interrupted, 70 a bug.

mod bug;
mod check;
mod circuits;
mod compile;
mod data;
mod help;
mod report;
mod simulate;
mod sweep;
mod terminal;

pub use bug::guard;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::diag::Report;
use crate::run::{Interrupt, Manner, Options};
use crate::spec::{Edit, Library, Spec, load};
use terminal::Terminal;

/// A verb has done what was asked.
const DONE: u8 = 0;
/// An `[expect]` of the file does not hold.
const EXPECTATION_FAILED: u8 = 1;
/// The file, the arguments or their surroundings are wrong.
const WRONG_INPUT: u8 = 2;
/// Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Analog-hardware circuit simulator and co-design tool for energy-based networks.
#[derive(Debug, Parser)]
#[command(
    name = "eqcircuit",
    version,
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
        #[command(flatten)]
        edits: Edits,
    },
    /// Settle a network or solve a netlist, and write a report.
    #[command(after_help = help::SIMULATE)]
    Simulate {
        /// A network, or devices on nodes.
        file: PathBuf,
        /// The folder of the run, `reports/<title>` if not given.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Worker threads, one a core if not given. Results do not depend on it.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        threads: Option<u16>,
        #[command(flatten)]
        edits: Edits,
    },
    /// Run a file at every point of its [sweep], and write a report.
    #[command(after_help = help::SWEEP)]
    Sweep {
        /// A file with a [sweep].
        file: PathBuf,
        /// The folder of the sweep, `reports/<title>-sweep` if not given.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Points worked on at a time, one a core if not given. Results do not depend on it.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        jobs: Option<u16>,
        /// Go on with a sweep that was broken off; points that failed are run again.
        #[arg(long, conflicts_with = "force")]
        resume: bool,
        /// Start anew in place of an earlier sweep.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        edits: Edits,
    },
    /// Make the report of a run again, from its records alone.
    #[command(after_help = help::REPORT)]
    Report {
        /// The folder of the run.
        dir: PathBuf,
    },
    /// List the parts library, or show one part.
    #[command(after_help = help::CIRCUITS)]
    Circuits {
        /// A part, such as `neuron/tanh`.
        name: Option<String>,
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

/// Changes to a file before it is read.
#[derive(Debug, Args)]
struct Edits {
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
    fn list(&self) -> Vec<Edit> {
        let engine = self.engine.iter().map(|engine| format!("simulate.engine={engine}"));
        let seed = self.seed.iter().map(|seed| format!("seed={seed}"));
        self.set.iter().cloned().chain(engine).chain(seed).map(Edit::new).collect()
    }

    /// Reads a file with the changes made to it.
    fn load(&self, file: &Path) -> Result<Spec, Report> {
        load(file, &self.list(), &Library::beside(file))
    }
}

/// Why a verb did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// Mistakes in a file.
    Mistakes(Report),
    /// Anything else, with its exit code.
    Other { code: u8, message: String },
}

impl Failure {
    fn input(message: impl ToString) -> Failure {
        Failure::Other { code: WRONG_INPUT, message: message.to_string() }
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
    let interrupt = listen(&terminal);
    match dispatch(cli.verb, args, interrupt, &terminal) {
        Ok(code) => code,
        Err(Failure::Mistakes(report)) => {
            terminal.mistakes(&report);
            WRONG_INPUT
        }
        Err(Failure::Other { code, message }) => {
            terminal.error(&message);
            code
        }
    }
}

/// Ends the program with 130 at Ctrl-C, with nothing half written: at once, or when the run has
/// saved its state, but at the second Ctrl-C at once in any case.
fn listen(terminal: &Terminal) -> Interrupt {
    let interrupt = Interrupt::default();
    let in_handler = interrupt.clone();
    let listening = ctrlc::set_handler(move || {
        if !in_handler.trip() {
            std::process::exit(INTERRUPTED);
        }
    });
    if let Err(error) = listening {
        terminal.say(&format!("Ctrl-C may leave a partial folder behind: {error}"));
    }
    interrupt
}

fn dispatch(
    verb: Verb,
    args: &[OsString],
    interrupt: Interrupt,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    match verb {
        Verb::Check { files, edits } => check::run(&files, &edits, terminal),
        Verb::Compile { file, output, format, edits } => {
            compile::run(&file, output.as_deref(), format, &edits, terminal)
        }
        Verb::Simulate { file, out, threads, edits } => {
            let options = Options {
                out,
                command: terminal::command_line(args),
                quiet: terminal.quiet,
                manner: Manner::Fresh,
                threads: threads.map(usize::from),
                interrupt,
            };
            simulate::run(&file, options, &edits, terminal)
        }
        Verb::Sweep { file, out, jobs, resume, force, edits } => {
            let options = Options {
                out,
                command: terminal::command_line(args),
                quiet: terminal.quiet,
                manner: match (resume, force) {
                    (true, _) => Manner::Resume,
                    (false, true) => Manner::Force,
                    (false, false) => Manner::Fresh,
                },
                threads: jobs.map(usize::from),
                interrupt,
            };
            sweep::run(&file, options, &edits, terminal)
        }
        Verb::Report { dir } => report::run(&dir, terminal),
        Verb::Circuits { name } => circuits::run(name.as_deref(), terminal),
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
