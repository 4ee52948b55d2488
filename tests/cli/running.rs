//! `simulate` and `compile`: what they write, where, and what survives.

use std::thread;
use std::time::{Duration, Instant};

use super::*;

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

#[test]
#[cfg(unix)]
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
    fs::write(folder.path().join("reports/small/measures.json"), "").unwrap();
    expect_code(&run_in(folder.path(), &["simulate", "small.toml"]), 0);
    assert!(
        !folder.path().join("reports/small/measures.json").exists(),
        "files of the earlier run stay"
    );
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
    for (out, csv) in
        [("compiled.toml", "inputs.csv"), ("elsewhere/compiled.toml", "../inputs.csv")]
    {
        let compile = [&["compile", "small.toml", "-o", out], &nonideal[..]].concat();
        let ran = run_in(folder.path(), &compile);
        expect_code(&ran, 0);
        assert_eq!(ran.stdout, "");
        let text = fs::read_to_string(folder.path().join(out)).unwrap();
        assert!(text.contains(&format!("csv = \"{csv}\"")), "{text}");
        for words in ["56 cells", "tiles", "gain", "tau", "nothing was clipped"] {
            assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        }
        let ran = run_in(folder.path(), &["simulate", out, "--json", "--out", "y"]);
        expect_code(&ran, 0);
        let again: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(again["title"], "small-compiled");
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
    let (a, b) = (volts("vinput.0.v"), volts("vinput.1.v"));
    assert!(a > 0.0 && (b - 2.0 * a).abs() < 1e-12, "{a} {b}");
    assert_eq!(volts("vinput.1.vn"), -b);

    let ran = run_in(folder.path(), &["compile", "small.toml", "-o", "none/x.toml"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("none/x.toml"), "{}", ran.stderr);
}

#[test]
fn a_chip_seed_makes_another_chip_of_the_same_network() {
    let folder = workplace();
    let compiled = |edits: &[&str]| {
        let spread = ["compile", "small.toml", "--set", "nonideal.fabrication.spread=0.2"];
        let ran = run_in(folder.path(), &[&spread[..], edits].concat());
        expect_code(&ran, 0);
        ran.stdout
    };
    let own = compiled(&[]);
    assert_eq!(compiled(&["--set", "chip-seed=1"]), own, "it is the file's seed if not given");
    assert_ne!(compiled(&["--set", "chip-seed=2"]), own);
    let perfect = |edits: &[&str]| {
        run_in(folder.path(), &[&["compile", "small.toml"][..], edits].concat()).stdout
    };
    assert_eq!(perfect(&["--set", "chip-seed=2"]), perfect(&[]), "the network is the same");
}

#[test]
fn conductances_come_out_in_every_form() {
    let folder = workplace();
    let at = |name: &str| folder.path().join(name);
    for name in ["g.safetensors", "g.npy", "g.csv"] {
        let ran = run_in(folder.path(), &["compile", "small.toml", "--conductances", name]);
        expect_code(&ran, 0);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("conductances in"), "{}", ran.stderr);
    }
    let bytes = fs::read(at("g.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert!(!file.names().is_empty());
    for name in file.names() {
        let tensor = file.tensor(name).unwrap();
        let numbers: Vec<f64> =
            tensor.data().chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
        let npy = fs::read(at(&format!("g.{name}.npy"))).unwrap();
        assert!(npy.ends_with(tensor.data()), "{name}");
        let csv = fs::read_to_string(at(&format!("g.{name}.csv"))).unwrap();
        let rows: Vec<Vec<f64>> =
            csv.lines().map(|l| l.split(',').map(|g| g.parse().unwrap()).collect()).collect();
        assert_eq!([rows.len(), rows[0].len()], tensor.shape()[..]);
        assert_eq!(rows.concat(), numbers, "{name}");
    }
    let ran = run_in(folder.path(), &["compile", "small.toml", "--conductances", "g.txt"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains(".safetensors, .npy or .csv"), "{}", ran.stderr);
    assert!(!at("g.txt").exists());
}

#[test]
fn what_others_put_beside_a_run_stays_when_it_is_replaced() {
    let folder = workplace();
    let simulate = ["simulate", "small.toml", "--out", "run"];
    expect_code(&run_in(folder.path(), &simulate), 0);
    let run = folder.path().join("run");
    let before = names(&run);
    fs::write(run.join("notes.txt"), "mine").unwrap();
    fs::create_dir(run.join("figures")).unwrap();
    fs::write(run.join("figures/mine.svg"), "mine").unwrap();
    expect_code(&run_in(folder.path(), &simulate), 0);
    assert_eq!(fs::read_to_string(run.join("notes.txt")).unwrap(), "mine");
    assert_eq!(names(&run.join("figures")), ["mine.svg"]);
    assert_eq!(names(&run).len(), before.len() + 2);
    assert_eq!(names(folder.path()), ["inputs.csv", "run", "small.toml"]);
}
