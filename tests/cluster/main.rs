//! Sweeps and training shared by the processes of an MPI job, driven as people drive them.
//!
//! Built with the feature `mpi` only. Without an `mpirun` the tests say so and pass, except where
//! the variable `CI` is set.
#![cfg(all(feature = "mpi", unix))]

mod broken;
mod shared;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_eqcircuit");

/// Small enough for many runs a second.
const SWEPT: &str = r#"
title = "small"
seed = 3

[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 3, activation = "identity" },
  { name = "hidden", size = 4, activation = "tanh" },
  { name = "output", size = 2, activation = "identity" },
]
couplings = [
  { dense = { between = ["input", "hidden"] } },
  { dense = { between = ["hidden", "output"] } },
]
init = { scale = 0.5 }

[simulate]
inputs = { csv = "inputs.csv" }
"#;

const INPUTS: &str = "label,a,b,c\n0,0.1,0.2,0.3\n1,-0.5,0.25,1\n";

/// On a chip with every kind of randomness that is drawn when it is made or written.
const TRAINED: &str = r#"
title = "trained"
seed = 3

[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 64, activation = "identity" },
  { name = "hidden", size = 6, activation = "tanh" },
  { name = "output", size = 10, activation = "identity" },
]
couplings = [
  { dense = { between = ["input", "hidden"] } },
  { dense = { between = ["hidden", "output"] } },
  { bias = { on = "hidden" } },
]
init = { scale = 0.5 }

[nonideal]
fabrication = { spread = 0.1, stuck-off = 0.01 }
programming = { sigma = 0.005, levels = 64 }
read = { thermal = "300 K", proportional = 0.02 }
periphery = { adc = { bits = 8, range = "400 mV", noise = "1 mV" } }

[train]
rule = { equilibrium-propagation = { beta = 0.3 } }
train = { data = "digits", split = "train", first = 37 }
test = { data = "digits", first = 11 }
epochs = 3
batch = 16
optimiser = { adam = { rate = 1e-2 } }
"#;

/// A folder to work in, with a network to sweep in `small.toml` and one to train in `trained.toml`.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = [("small.toml", SWEPT), ("inputs.csv", INPUTS), ("trained.toml", TRAINED)];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Whether there is an `mpirun`; where CI runs there has to be one.
fn can_run() -> bool {
    let there = Command::new("mpirun").arg("--version").output().is_ok();
    assert!(there || std::env::var_os("CI").is_none(), "there is no mpirun");
    if !there {
        eprintln!("skipped: there is no mpirun");
    }
    there
}

fn bare(program: &mut Command, folder: &Path) {
    program.current_dir(folder).env("HOME", folder).env_remove("XDG_DATA_HOME");
    program.env_remove("EQCIRCUIT_DATA").env_remove("RUST_BACKTRACE");
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// `mpirun` of so many processes, each of which leaves its number in `pid.RANK`. Without a number
/// the program itself, started plainly.
fn started(folder: &Path, ranks: Option<usize>, args: &[&str]) -> Child {
    let Some(ranks) = ranks else {
        let mut program = Command::new(PROGRAM);
        bare(&mut program, folder);
        return program.args(args).spawn().unwrap();
    };
    let mut mpirun = launcher(folder);
    mpirun.args(["-n", &ranks.to_string(), "sh", "-c"]);
    mpirun.arg(r#"echo $$ > "pid.$OMPI_COMM_WORLD_RANK"; exec "$0" "$@""#);
    mpirun.arg(PROGRAM).args(args).spawn().unwrap()
}

/// Open MPI's, in a container or on a small machine too.
fn launcher(folder: &Path) -> Command {
    let mut mpirun = Command::new("mpirun");
    bare(&mut mpirun, folder);
    mpirun.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    mpirun.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
    mpirun.arg("--oversubscribe");
    mpirun
}

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ended(child: Child) -> Ran {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn run(folder: &Path, ranks: Option<usize>, args: &[&str]) -> Ran {
    ended(started(folder, ranks, args))
}

#[track_caller]
fn expect_code(ran: &Ran, code: i32) {
    let Ran { stdout, stderr, .. } = ran;
    assert_eq!(ran.code, Some(code), "stdout:\n{stdout}\nstderr:\n{stderr}");
}

/// Sends a signal to a process that [`started`] left the number of.
fn signal(folder: &Path, rank: usize, signal: &str) {
    let pid = fs::read_to_string(folder.join(format!("pid.{rank}"))).unwrap();
    assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
}

/// Waits until a file has so many lines.
fn await_lines(path: &Path, count: usize) {
    let lines = || fs::read_to_string(path).map_or(0, |text| text.lines().count());
    let begun = Instant::now();
    while lines() < count {
        assert!(begun.elapsed() < Duration::from_secs(120), "{} stays short", path.display());
        thread::sleep(Duration::from_millis(2));
    }
}

#[track_caller]
fn expect_same(names: &[&str], one: &Path, other: &Path) {
    for name in names {
        let [a, b] = [one, other].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(a == b, "{name} of {} and {}", one.display(), other.display());
    }
}
