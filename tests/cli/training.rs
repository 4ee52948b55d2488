//! Training from the command line: what a signal, a full disk or a wrong file do to it.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const TRAINING: &str = r#"
title = "learner"
seed = 5

[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 64, activation = "identity" },
  { name = "hidden", size = 24, activation = "tanh" },
  { name = "output", size = 10, activation = "identity" },
]
couplings = [
  { dense = { between = ["input", "hidden"] } },
  { dense = { between = ["hidden", "output"] } },
]
init = { scale = 0.5 }

[nonideal]
fabrication = { spread = 0.1 }
programming = { sigma = 0.005 }

[train]
rule = { equilibrium-propagation = { beta = 0.3 } }
train = { data = "digits", split = "train", first = 600 }
test = { data = "digits", first = 100 }
epochs = 6
batch = 8
optimiser = { adam = { rate = 1e-2 } }

[expect]
test-accuracy = { at-least = 0.6 }
"#;

/// The same bits in every run.
const SAME: [&str; 4] =
    ["results.jsonl", "results.csv", "checkpoint.safetensors", "weights.safetensors"];

fn learner() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("learner.toml"), TRAINING).unwrap();
    folder
}

fn lines(folder: &Path) -> usize {
    fs::read_to_string(folder.join("results.jsonl")).map_or(0, |text| text.lines().count())
}

/// Starts the training and waits until so many lines are recorded.
fn begun(folder: &Path, out: &str, so_many: usize) -> Child {
    let mut program = Process::new(PROGRAM);
    bare(&mut program, folder);
    program.args(["train", "learner.toml", "--out", out, "--quiet"]).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let start = Instant::now();
    while lines(&folder.join(out)) < so_many && start.elapsed() < Duration::from_secs(120) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        thread::sleep(Duration::from_millis(2));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let kill = Process::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

#[track_caller]
fn expect_same(folder: &Path, one: &str, other: &str) {
    for name in SAME {
        let [a, b] = [one, other].map(|out| fs::read(folder.join(out).join(name)).unwrap());
        assert!(a == b, "{name} of {one} and {other}");
    }
}

#[test]
#[cfg(unix)]
fn a_killed_run_goes_on_to_the_same_bits() {
    let folder = learner();
    let path = folder.path();
    expect_code(&run_in(path, &["train", "learner.toml", "--out", "whole"]), 0);

    let mut child = begun(path, "killed", 3);
    signal(&child, "-KILL");
    child.wait().unwrap();
    let ran = run_in(path, &["train", "learner.toml", "--out", "killed", "--resume"]);
    expect_code(&ran, 0);
    expect_same(path, "whole", "killed");

    let mut child = begun(path, "stopped", 2);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(path.join("stopped/index.md").exists(), "what there is so far is drawn");
    let page = fs::read_to_string(path.join("stopped/index.md")).unwrap();
    assert!(page.contains("not finished: go on with --resume"), "{page}");
    let ran = run_in(path, &["train", "learner.toml", "--out", "stopped", "--resume"]);
    expect_code(&ran, 0);
    expect_same(path, "whole", "stopped");
}

#[test]
#[cfg(unix)]
fn a_full_disk_loses_nothing_that_was_finished() {
    let folder = learner();
    let path = folder.path();
    expect_code(&run_in(path, &["train", "learner.toml", "--out", "whole"]), 0);
    let mut child = begun(path, "full", 3);
    signal(&child, "-INT");
    child.wait().unwrap();
    let before = fs::read(path.join("full/checkpoint.safetensors")).unwrap();

    // No file may grow beyond 8 kB: a checkpoint does not fit.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{PROGRAM}' train learner.toml --out full --resume"
    );
    let mut shell = Process::new("bash");
    bare(&mut shell, path);
    let ran = shell.args(["-c", &limited]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("checkpoint.safetensors") && said.contains("--resume"), "{said}");
    assert_eq!(fs::read(path.join("full/checkpoint.safetensors")).unwrap(), before);

    expect_code(&run_in(path, &["train", "learner.toml", "--out", "full", "--resume"]), 0);
    expect_same(path, "whole", "full");
}

#[test]
fn training_speaks_json_and_exits_with_its_expectations() {
    let folder = learner();
    let path = folder.path();
    let edits = ["--set", "train.epochs=1", "--set", "expect.test-accuracy.at-least=0.999"];
    let few = [&["train", "learner.toml"][..], &edits].concat();
    let ran = run_in(path, &[&few[..], &["--json", "--quiet"]].concat());
    expect_code(&ran, 1);
    assert!(ran.stderr.contains("test-accuracy"), "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["epochs"], 1);
    let order = ["test_accuracy", "train_loss", "epochs", "seconds"];
    let places = order.map(|key| ran.stdout.find(&format!("\n  \"{key}\"")).unwrap());
    assert!(places.is_sorted(), "{}", ran.stdout);
    assert!(ran.stdout[places[3]..].lines().count() == 3, "seconds come last");

    // Where `train` writes is where `evaluate` looks.
    let ran = run_in(path, &[&["evaluate", "learner.toml"][..], &edits].concat());
    expect_code(&ran, 1);
    assert!(ran.stderr.contains("learner-train"), "{}", ran.stderr);

    expect_code(&run_in(path, &few), 2);
    expect_code(&run_in(path, &[&few[..], &["--resume"]].concat()), 1);
    expect_code(&run_in(path, &[&few[..], &["--resume", "--force"]].concat()), 2);
    let other = run_in(path, &["simulate", "learner.toml", "--out", "reports/learner-train"]);
    expect_code(&other, 2);
}

#[test]
fn only_networks_with_a_train_table_are_trained() {
    let folder = workplace();
    let ran = run_in(folder.path(), &["train", "small.toml"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("[train]"), "{}", ran.stderr);
    assert!(!folder.path().join("reports").exists(), "nothing is written");
}

#[test]
fn mnist_is_read_where_it_is_and_missed_with_a_cure() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/netlists/mnist-ep.toml");
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(folder.path(), &["check", file]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("data fetch mnist --from"), "{}", ran.stderr);

    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.join("mnist").is_dir() {
        eprintln!("MNIST is absent: there is no {}/mnist to read", data.display());
        return;
    }
    let mut program = Process::new(PROGRAM);
    bare(&mut program, folder.path());
    let ran = program.env("EQCIRCUIT_DATA", data).args(["check", file]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
