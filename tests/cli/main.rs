//! The command line as a contract: verbs, streams, exit codes, what is written and what is not.

mod gradcheck;
mod margins;
mod plotting;
mod reproducing;
mod running;
mod sweeping;
mod training;

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_eqcircuit");

const NETWORK: &str = r#"
title = "small"

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

[hardware]
cell = "cell/rram-1t1r"
array = "array/differential"
tile = [4, 4]

[simulate]
engine = "ideal"
inputs = { csv = "inputs.csv" }

[expect]
settled = { at-least = 1.0 }
"#;

const INPUTS: &str = "label,a,b,c\n0,0.1,0.2,0.3\n1,-0.5,0.25,1\n";

/// A folder to work in, with a network in `small.toml` and its inputs.
fn workplace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), NETWORK).unwrap();
    fs::write(folder.path().join("inputs.csv"), INPUTS).unwrap();
    folder
}

fn bare(program: &mut Process, folder: &Path) {
    program.current_dir(folder).env("HOME", folder).env_remove("XDG_DATA_HOME");
    program.env_remove("EQCIRCUIT_DATA").env_remove("RUST_BACKTRACE");
}

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run_in(folder: &Path, args: &[&str]) -> Ran {
    let mut program = Process::new(PROGRAM);
    bare(&mut program, folder);
    let output = Command::from_std(program).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[track_caller]
fn expect_code(ran: &Ran, code: i32) {
    let Ran { stdout, stderr, .. } = ran;
    assert_eq!(ran.code, Some(code), "stdout:\n{stdout}\nstderr:\n{stderr}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_help_shows_an_example() {
    let folder = workplace();
    let verbs = [
        &["check"][..],
        &["compile"],
        &["simulate"],
        &["train"],
        &["evaluate"],
        &["gradcheck"],
        &["sweep"],
        &["merge"],
        &["reproduce"],
        &["report"],
        &["plot"],
        &["circuits"],
        &["data"],
        &["data", "list"],
        &["data", "fetch"],
        &["completions"],
    ];
    for verb in verbs {
        let ran = run_in(folder.path(), &[verb, &["--help"]].concat());
        expect_code(&ran, 0);
        let line = format!("\n  eqcircuit {}", verb[0]);
        assert!(ran.stdout.contains(&line), "{verb:?} has no example:\n{}", ran.stdout);
        assert!(!ran.stdout.contains("<FILE>  \n"), "an argument without a word:\n{}", ran.stdout);
    }
    let program = run_in(folder.path(), &["--help"]);
    for verb in verbs {
        assert!(program.stdout.contains(&format!("\n  {}  ", verb[0])), "{verb:?} is not listed");
    }
}

#[test]
fn wrong_usage_exits_with_two() {
    let folder = workplace();
    for args in [
        &[][..],
        &["fly"],
        &["simulate"],
        &["gradcheck"],
        &["gradcheck", "small.toml"],
        &["simulate", "small.toml", "--engine", "magic"],
        &["simulate", "small.toml", "--threads", "0"],
        &["simulate", "small.toml", "--seed", "-1"],
        &["sweep"],
        &["sweep", "small.toml"],
        &["sweep", "small.toml", "--jobs", "0"],
        &["sweep", "small.toml", "--resume", "--force"],
        &["sweep", "small.toml", "--shard", "0/3"],
        &["sweep", "small.toml", "--shard", "4/3"],
        &["sweep", "small.toml", "--shard", "3"],
        &["merge"],
        &["merge", "out"],
        &["merge", "out", "small.toml"],
        &["merge", ".", "small.toml"],
        &["compile", "small.toml", "--json"],
        &["compile", "small.toml", "-o", "small.toml"],
        &["report", "."],
        &["plot"],
        &["plot", "."],
        &["plot", "small.toml"],
        &["plot", "inputs.csv", "a", "-o", "a.pdf"],
        &["plot", "inputs.csv", "a", "--csv", "--json"],
        &["circuits", "neuron/than"],
        &["data", "fetch", "minst", "--from", "."],
        &["data", "fetch", "mnist", "--from", "https://example.org"],
        &["data", "fetch", "mnist", "--from", "."],
        &["completions", "dos"],
    ] {
        let ran = run_in(folder.path(), args);
        expect_code(&ran, 2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("small.toml")).unwrap(), NETWORK);
}

#[test]
fn check_lists_right_files_and_shows_all_mistakes_of_all_others() {
    let folder = workplace();
    let ran = run_in(folder.path(), &["check", "small.toml"]);
    expect_code(&ran, 0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("ok: small.toml\n", ""));

    for (name, wrong) in [("a.toml", "tanhh"), ("b.toml", "relux")] {
        let text = NETWORK.replace("tanh", wrong).replace("title", "titel");
        fs::write(folder.path().join(name), text).unwrap();
    }
    let files = ["a.toml", "small.toml", "b.toml"];
    let ran = run_in(folder.path(), &[&["check"], &files[..]].concat());
    expect_code(&ran, 2);
    assert_eq!(ran.stdout, "ok: small.toml\n");
    for words in ["a.toml:2:1", "b.toml:2:1", "tanhh", "relux", "did you mean `title`"] {
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\x1b'), "colours without a terminal");

    let ran = run_in(folder.path(), &[&["check", "--json", "--quiet"], &files[..]].concat());
    expect_code(&ran, 2);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let ok: Vec<bool> =
        document.as_array().unwrap().iter().map(|f| f["ok"].as_bool().unwrap()).collect();
    assert_eq!(ok, [false, true, false]);
    assert_eq!(document[0]["mistakes"].as_array().unwrap().len(), 2);
    assert_eq!(document[0]["mistakes"][0]["place"]["line"], 2);

    let ran = run_in(folder.path(), &["check", "--quiet", "small.toml"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn circuits_explains_presets_and_draws_them() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(folder.path(), &["circuits", "preset/pcm-mushroom", "--out", "pcm"]);
    expect_code(&ran, 0);
    let line =
        ran.stdout.lines().find(|line| line.starts_with("time.drift.t0")).expect("its numbers");
    assert!(line.contains("\"20 s\"") && line.contains("high") && line.contains("ICECS 2019"));
    for file in ["programmed.svg", "programmed.png", "aged.svg", "aged.png"] {
        assert!(folder.path().join("pcm").join(file).is_file(), "{file}");
    }
    let ran = run_in(folder.path(), &["circuits", "pcm-mushroom", "--json", "--quiet"]);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["numbers"][0]["key"], "hardware.g-min");
    assert_eq!(json["numbers"][0]["confidence"], "high");
    let ran = run_in(folder.path(), &["circuits", "neuron/tanh", "--out", "x"]);
    expect_code(&ran, 2);
    assert!(!folder.path().join("x").exists());
}

#[test]
fn circuits_lists_the_library_and_shows_its_parts() {
    let folder = workplace();
    let ran = run_in(folder.path(), &["circuits"]);
    expect_code(&ran, 0);
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("circuits");
    for kind in names(&library) {
        for part in names(&library.join(&kind)) {
            let name = format!("{kind}/{}", part.trim_end_matches(".toml"));
            let about = ran.stdout.lines().find(|l| l.starts_with(&format!("{name} ")));
            assert!(about.is_some_and(|l| l.len() > name.len() + 10), "{name} is not described");
        }
    }
    let ran = run_in(folder.path(), &["circuits", "neuron/tanh"]);
    assert_eq!(ran.stdout, fs::read_to_string(library.join("neuron/tanh.toml")).unwrap());
    let ran = run_in(folder.path(), &["circuits", "neuron/tanh", "--json", "--quiet"]);
    let part: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&part["kind"], ran.stderr.as_str()), (&"neuron".into(), ""));
    let ran = run_in(folder.path(), &["circuits", "neuron/than"]);
    assert!(ran.stderr.contains("did you mean `neuron/tanh`"), "{}", ran.stderr);
}

#[test]
fn data_tells_what_is_where_and_in_which_state() {
    let folder = workplace();
    let ran = run_in(folder.path(), &["data"]);
    expect_code(&ran, 0);
    let home = folder.path().join(".local/share/eqcircuit");
    for words in
        ["digits       bundled", "mnist        missing", &home.display().to_string(), "CC BY 4.0"]
    {
        assert!(ran.stdout.contains(words), "{words} is not in:\n{}", ran.stdout);
    }
    let cure = "put cifar100/cifar-100-binary.tar.gz or cifar100/ with train.bin, test.bin into";
    for words in ["cifar10-jpeg missing", "imagenet32   missing", cure] {
        assert!(ran.stdout.contains(words), "{words} is not in:\n{}", ran.stdout);
    }
    let ran = run_in(folder.path(), &["data", "fetch", "cifar10", "--from", "."]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("CIFAR-10 cannot be fetched: put cifar10/"), "{}", ran.stderr);

    let jpeg = folder.path().join("sets/cifar10/cifar10-jpeg.tar.xz");
    fs::create_dir_all(jpeg.parent().unwrap()).unwrap();
    fs::write(&jpeg, "").unwrap();
    let ran = run_in(folder.path(), &["data", "--data-dir", "sets"]);
    let found = "cifar10-jpeg found in sets/cifar10/cifar10-jpeg.tar.xz";
    assert!(ran.stdout.contains(found), "{}", ran.stdout);
    let damaged = folder.path().join("sets/mnist");
    fs::create_dir_all(&damaged).unwrap();
    fs::write(damaged.join("t10k-labels-idx1-ubyte"), "short").unwrap();
    let ran = run_in(folder.path(), &["data", "list", "--data-dir", "sets", "--json"]);
    expect_code(&ran, 2);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["folders"][0], "sets");
    assert_eq!(document["sets"][1]["state"], "damaged");

    let ran = run_in(folder.path(), &["data", "fetch", "mnist", "--from", "sets/mnist"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("train-images-idx3-ubyte"), "{}", ran.stderr);
}

#[test]
fn completions_know_the_verbs() {
    let folder = workplace();
    for shell in ["bash", "zsh", "fish"] {
        let ran = run_in(folder.path(), &["completions", shell]);
        expect_code(&ran, 0);
        for word in ["simulate", "gradcheck", "behavioural", "fetch", "data-dir"] {
            assert!(ran.stdout.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let folder = workplace();
    for args in [&["circuits"][..], &["completions", "bash"], &["--help"]] {
        let mut program = Process::new(PROGRAM);
        bare(&mut program, folder.path());
        let program = program.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
    }
}

#[test]
fn a_panic_is_shown_as_a_bug_and_ends_with_seventy() {
    if std::env::var_os("EQCIRCUIT_TEST_PANIC").is_some() {
        let code = eqcircuit::cli::guard(|| panic!("the wires are crossed"));
        std::process::exit(code.into());
    }
    // The hook is of the whole process, so another one panics.
    let test = "a_panic_is_shown_as_a_bug_and_ends_with_seventy";
    let output = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("EQCIRCUIT_TEST_PANIC", "1")
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(70));
    let stderr = String::from_utf8(output.stderr).unwrap();
    for words in ["bug in eqcircuit", env!("CARGO_PKG_VERSION"), "the wires are crossed", "report"]
    {
        assert!(stderr.contains(words), "{words} is not in:\n{stderr}");
    }
}
