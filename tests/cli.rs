//! The command line as a contract: verbs, streams, exit codes, what is written and what is not.

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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
        &["report"],
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
        &["simulate", "small.toml", "--engine", "magic"],
        &["simulate", "small.toml", "--threads", "0"],
        &["simulate", "small.toml", "--seed", "-1"],
        &["compile", "small.toml", "--json"],
        &["compile", "small.toml", "-o", "small.toml"],
        &["report", "."],
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
fn simulate_talks_on_stderr_and_writes_its_report() {
    let folder = workplace();
    let ran = run_in(folder.path(), &["simulate", "small.toml"]);
    expect_code(&ran, 0);
    assert_eq!(ran.stdout, "");
    for words in ["small: 2 samples, ideal engine", "2 of 2", "accuracy", "pass", "small/index.md"]
    {
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
    }
    let run = folder.path().join("reports/small");
    for name in ["index.md", "resolved.toml", "results.csv", "results.jsonl", "run.json"] {
        assert!(names(&run).contains(&name.to_owned()), "{name} is missing");
    }
    assert_eq!(names(&folder.path().join("reports")), ["small"]);

    fs::remove_file(run.join("index.md")).unwrap();
    let ran = run_in(folder.path(), &["report", "reports/small", "--json"]);
    expect_code(&ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(document["files"].as_array().unwrap().iter().any(|f| f == "reports/small/index.md"));
    assert!(run.join("index.md").is_file());
}

#[test]
fn json_is_one_document_and_quiet_is_quiet() {
    let folder = workplace();
    let ran = run_in(folder.path(), &["simulate", "small.toml", "--json", "--out", "x"]);
    expect_code(&ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["title"], &document["engine"]), (&"small".into(), &"ideal".into()));
    assert_eq!(document["command"], "eqcircuit simulate small.toml --json --out x");
    let samples = document["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 2);
    for key in ["outcome", "settling_time", "residual", "prediction"] {
        assert!(samples[0].get(key).is_some(), "samples have no {key}");
    }
    assert!(document["totals"]["wall_time"].as_f64().unwrap() > 0.0);
    assert!(document["totals"]["energy"].is_object());
    assert!(ran.stderr.contains("2 of 2"));

    let ran = run_in(folder.path(), &["simulate", "small.toml", "--quiet", "--out", "x"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn a_failed_expectation_exits_with_one_and_keeps_the_run() {
    let folder = workplace();
    let wrong = ["simulate", "small.toml", "--set", "expect.residual.at-most=0"];
    let ran = run_in(folder.path(), &wrong);
    expect_code(&ran, 1);
    assert!(ran.stderr.contains("FAIL"), "{}", ran.stderr);
    assert!(folder.path().join("reports/small/index.md").is_file());
    let ran = run_in(folder.path(), &[&wrong[..], &["--quiet"]].concat());
    expect_code(&ran, 1);
    assert!(ran.stderr.contains("residual") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

#[test]
fn engine_and_seed_are_edits_of_the_file() {
    let folder = workplace();
    let args = ["simulate", "small.toml", "--json", "--engine", "behavioural", "--seed", "7"];
    let one = run_in(folder.path(), &args);
    expect_code(&one, 0);
    let document: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!((&document["engine"], &document["seed"]), (&"behavioural".into(), &7.into()));
    let resolved = fs::read_to_string(folder.path().join("reports/small/resolved.toml")).unwrap();
    assert!(resolved.contains("seed = 7"), "{resolved}");

    let results = |out: &str| fs::read(folder.path().join(out).join("results.jsonl")).unwrap();
    let same = ["--set", "seed=7", "--set", "simulate.engine=behavioural", "--threads", "1"];
    let args = [&["simulate", "small.toml", "--out", "same"], &same[..]].concat();
    expect_code(&run_in(folder.path(), &args), 0);
    assert_eq!(results("same"), results("reports/small"));
}

#[test]
fn a_wrong_edit_is_shown_and_nothing_is_written() {
    let folder = workplace();
    let before = names(folder.path());
    for edit in ["simulate.engin=ideal", "engine", "nonideal.wire.r-segment=2 uS"] {
        let ran = run_in(folder.path(), &["simulate", "small.toml", "--set", edit]);
        expect_code(&ran, 2);
        assert!(ran.stderr.contains(&format!("--set {edit}:1:")), "{}", ran.stderr);
        assert_eq!(names(folder.path()), before);
    }
}

#[test]
fn an_unusable_output_folder_is_refused_before_the_work() {
    let folder = workplace();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/thesis.tex"), "").unwrap();
    for out in ["file", "file/below", "mine"] {
        let begun = Instant::now();
        let ran = run_in(folder.path(), &[&["simulate", "--out", out], &ENDLESS[..]].concat());
        expect_code(&ran, 2);
        assert!(ran.stderr.contains(out) && ran.stderr.contains("--out"), "{}", ran.stderr);
        assert!(begun.elapsed() < Duration::from_secs(20), "it worked first");
    }
    assert_eq!(names(&folder.path().join("mine")), ["thesis.tex"]);
}

/// A simulation that takes hours: the ideal engine creeps.
const ENDLESS: [&str; 7] = [
    "small.toml",
    "--set",
    "simulate.damping=0.999999999",
    "--set",
    "simulate.until.iterations=1000000000000",
    "--set",
    "simulate.until.settled=1e-300",
];

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_the_earlier_run_as_it_was() {
    let folder = workplace();
    expect_code(&run_in(folder.path(), &["simulate", "small.toml"]), 0);
    let run = folder.path().join("reports/small/run.json");
    let before = fs::read(&run).unwrap();

    let mut program = Process::new(PROGRAM);
    bare(&mut program, folder.path());
    let program = program.arg("simulate").args(ENDLESS).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let staged = || names(&folder.path().join("reports")).len() > 1;
    let begun = Instant::now();
    while !staged() && begun.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(staged(), "the run has not begun");
    let kill = Process::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read(&run).unwrap(), before);
    assert_eq!(names(&folder.path().join("reports")), ["small"]);
}

#[test]
fn a_new_run_replaces_the_earlier_one_whole() {
    let folder = workplace();
    let chip = folder.path().join("reports/small/chip.safetensors");
    let behavioural = ["simulate", "small.toml", "--engine", "behavioural", "--seed", "2"];
    expect_code(&run_in(folder.path(), &behavioural), 0);
    let before = fs::read(&chip).unwrap();
    fs::write(folder.path().join("reports/small/stale"), "").unwrap();
    expect_code(&run_in(folder.path(), &["simulate", "small.toml"]), 0);
    assert!(!folder.path().join("reports/small/stale").exists(), "files of the earlier run stay");
    assert_ne!(fs::read(&chip).unwrap_or_default(), before);
    assert_eq!(names(&folder.path().join("reports")), ["small"]);
}

#[test]
fn a_compiled_network_is_a_file_again() {
    let folder = workplace();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let nonideal = ["--set", "nonideal.fabrication.spread=0.2", "--engine", "circuit"];
    let simulate = [&["simulate", "small.toml", "--json", "--out", "x"], &nonideal[..]].concat();
    let direct: Value = serde_json::from_str(&run_in(folder.path(), &simulate).stdout).unwrap();
    for out in ["compiled.toml", "elsewhere/compiled.toml"] {
        let compile = [&["compile", "small.toml", "-o", out], &nonideal[..]].concat();
        let ran = run_in(folder.path(), &compile);
        expect_code(&ran, 0);
        assert_eq!(ran.stdout, "");
        for words in ["56 cells", "tiles", "gain", "tau", "nothing was clipped"] {
            assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        }
        let ran = run_in(folder.path(), &["simulate", out, "--json", "--out", "y"]);
        expect_code(&ran, 0);
        let again: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(again["title"], "small");
        let outputs = |out: &str| {
            let lines = fs::read_to_string(folder.path().join(out).join("results.jsonl")).unwrap();
            lines
                .lines()
                .flat_map(|l| {
                    serde_json::from_str::<Value>(l).unwrap()["outputs"].as_array().unwrap().clone()
                })
                .map(|v| v.as_f64().unwrap())
                .collect::<Vec<f64>>()
        };
        let (a, b) = (outputs("x"), outputs("y"));
        assert_eq!(a.len(), 4);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?}\n{b:?}");
        assert_eq!(direct["samples"][0]["prediction"], again["samples"][0]["prediction"]);
    }
}

#[test]
fn compile_writes_where_it_is_told() {
    let folder = workplace();
    let ran = run_in(folder.path(), &["compile", "small.toml", "--quiet"]);
    expect_code(&ran, 0);
    assert!(ran.stdout.contains("\n[device]\n") && ran.stdout.contains("\n[ports]\n"));
    assert_eq!(ran.stderr, "");

    let ran = run_in(folder.path(), &["compile", "small.toml", "--json", "-o", "out.toml"]);
    expect_code(&ran, 0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["cells"], 56);
    assert!(fs::read_to_string(folder.path().join("out.toml")).unwrap().contains("[device]"));

    let spice = ["compile", "small.toml", "--format", "spice", "--engine", "circuit"];
    let ran = run_in(folder.path(), &spice);
    expect_code(&ran, 0);
    assert!(ran.stdout.starts_with("* small") && ran.stdout.ends_with(".op\n.end\n"));
    // The first sample is applied: a = 0.1 and b = 0.2, and their negatives.
    let volts = |source: &str| -> f64 {
        let line = ran.stdout.lines().find(|l| l.starts_with(&format!("{source} "))).unwrap();
        line.split(' ').next_back().unwrap().parse().unwrap()
    };
    let (a, b) = (volts("vinput_0_v"), volts("vinput_1_v"));
    assert!(a > 0.0 && (b - 2.0 * a).abs() < 1e-12, "{a} {b}");
    assert_eq!(volts("vinput_1_vn"), -b);

    let ran = run_in(folder.path(), &["compile", "small.toml", "-o", "none/x.toml"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("none/x.toml"), "{}", ran.stderr);
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
    for words in ["digits   bundled", "mnist    missing", &home.display().to_string(), "CC BY 4.0"]
    {
        assert!(ran.stdout.contains(words), "{words} is not in:\n{}", ran.stdout);
    }
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
        for word in ["simulate", "behavioural", "fetch", "data-dir"] {
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
