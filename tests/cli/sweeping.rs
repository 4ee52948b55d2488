//! `sweep`: streams and exit codes.

use std::thread;
use std::time::{Duration, Instant};

use super::*;

/// Three chips of the network.
const CHIPS: [&str; 6] =
    ["sweep", "small.toml", "--engine", "behavioural", "--set", "sweep.chips=3"];

#[test]
fn sweep_talks_on_stderr_and_writes_its_report() {
    let folder = workplace();
    let ran = run_in(folder.path(), &CHIPS);
    expect_code(&ran, 0);
    assert_eq!(ran.stdout, "");
    for words in [
        "small: 1 point of simulate",
        "% busy",
        "3 of 3",
        "3 a point",
        "pass",
        "small-sweep/index.md",
    ] {
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
    }
    let run = folder.path().join("reports/small-sweep");
    for name in ["index.md", "resolved.toml", "results.csv", "results.jsonl", "run.json"] {
        assert!(names(&run).contains(&name.to_owned()), "{name} is missing");
    }
    expect_code(&run_in(folder.path(), &CHIPS), 2);

    let json = [&CHIPS[..], &["--force", "--jobs", "2", "--json", "--quiet"]].concat();
    let ran = run_in(folder.path(), &json);
    expect_code(&ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["verb"], &document["jobs"]), (&"sweep".into(), &2.into()));
    assert_eq!(document["results"].as_array().unwrap().len(), 3);
    assert_eq!(document["results"][2]["chip_seed"], 3);
    assert_eq!(ran.stderr, "");

    fs::remove_file(run.join("index.md")).unwrap();
    expect_code(&run_in(folder.path(), &["report", "reports/small-sweep"]), 0);
    assert!(run.join("index.md").is_file());
}

#[test]
fn a_wrong_axis_is_shown_and_nothing_is_written() {
    let folder = workplace();
    let before = names(folder.path());
    for axis in ["sweep.axes.sead=[1]", "sweep.axes.nonideal.wire.r-segment=[\"2 uS\"]"] {
        let ran = run_in(folder.path(), &["sweep", "small.toml", "--set", axis]);
        expect_code(&ran, 2);
        assert!(ran.stderr.contains("--set sweep.axes."), "{}", ran.stderr);
        assert_eq!(names(folder.path()), before);
    }
}

#[test]
fn points_that_fail_or_break_a_promise_are_named_and_exit_with_one() {
    let folder = workplace();
    let promise = [&CHIPS[..], &["--set", "expect.residual.at-most=0"]].concat();
    let ran = run_in(folder.path(), &promise);
    expect_code(&ran, 1);
    for words in ["FAIL", "at worst residual", "point 0 (chip-seed = 1)", "point 0 (chip-seed = 3)"]
    {
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
    }
    let clash = [
        "sweep",
        "small.toml",
        "--quiet",
        "--engine",
        "behavioural",
        "--out",
        "clash",
        "--set",
        "sweep.axes.hardware.g-min=[\"1 uS\", \"20 uS\"]",
        "--set",
        "sweep.axes.hardware.g-max=[\"30 uS\", \"10 uS\"]",
    ];
    let ran = run_in(folder.path(), &clash);
    expect_code(&ran, 1);
    assert!(ran.stderr.contains("point 3") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

#[test]
#[cfg(unix)]
fn an_interrupt_keeps_the_points_that_are_done() {
    // Ctrl-C, and what a scheduler sends when time is up.
    ["-INT", "-TERM"].into_iter().for_each(interrupted_by);
}

#[cfg(unix)]
fn interrupted_by(signal: &str) {
    let folder = workplace();
    // The first point ends at once, the second takes hours: the ideal engine creeps.
    let endless = [
        "sweep",
        "small.toml",
        "--jobs",
        "1",
        "--set",
        "sweep.axes.simulate.until.iterations=[1, 1000000000000]",
        "--set",
        "simulate.until.settled=1e-300",
        "--set",
        "simulate.damping=0.999999999",
    ];
    let mut program = Process::new(PROGRAM);
    bare(&mut program, folder.path());
    let mut child = program.args(endless).stderr(Stdio::piped()).spawn().unwrap();
    let results = folder.path().join("reports/small-sweep/results.jsonl");
    let done = || fs::read_to_string(&results).is_ok_and(|text| text.ends_with('\n'));
    let begun = Instant::now();
    while !done() && begun.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(done(), "the first point has not ended");
    let second = run_in(folder.path(), &[&endless[..], &["--resume"]].concat());
    assert!(second.stderr.contains("another process"), "{}", second.stderr);
    let kill = Process::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let kept = fs::read_to_string(&results).unwrap();
    assert_eq!(kept.lines().count(), 1);
    assert!(kept.starts_with("{\"point\":0,"), "{kept}");
    let run: Value = serde_json::from_slice(
        &fs::read(folder.path().join("reports/small-sweep/run.json")).unwrap(),
    )
    .unwrap();
    assert_eq!((&run["finished"], &run["done"]), (&false.into(), &1.into()));
}

/// Many short runs, in numbers that intervals decide.
const MANY: [&str; 7] = [
    "sweep",
    "small.toml",
    "--engine",
    "behavioural",
    "--set",
    "sweep.axes.nonideal.fabrication.spread={ linear = { from = 0.01, to = 0.4, points = 100 } }",
    "--set",
];
const UNTIL: &str =
    "sweep.until={ metric = \"settling-time\", half-width = \"2 ns\", at-least = 3, at-most = 20 }";

#[test]
#[cfg(unix)]
fn a_sweep_survives_being_killed_over_and_over() {
    let folder = workplace();
    let asked = [&MANY[..], &[UNTIL, "--quiet"]].concat();
    let begun = Instant::now();
    expect_code(&run_in(folder.path(), &[&asked[..], &["--out", "whole"]].concat()), 0);
    // Kills come at moments that mean something on any machine.
    let whole = begun.elapsed();
    for shard in [&[][..], &["--shard", "1/1"]] {
        let out = if shard.is_empty() { "killed" } else { "killed/shard-1-of-1" };
        let at = folder.path().join(out);
        let _ = fs::remove_dir_all(folder.path().join("killed"));
        let args = [&asked[..], &["--out", "killed", "--resume", "--jobs", "3"], shard].concat();
        let mut kills = 0;
        for round in 0.. {
            let mut program = Process::new(PROGRAM);
            bare(&mut program, folder.path());
            let mut child = program.args(&args).stderr(Stdio::null()).spawn().unwrap();
            thread::sleep(whole.mul_f64(0.1 + 0.05 * f64::from(round)));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        assert!(kills >= 2, "it was killed {kills} times alone");
        expect_code(&run_in(folder.path(), &args), 0);
        for name in ["results.jsonl", "results.csv"] {
            let whole = fs::read(folder.path().join("whole").join(name)).unwrap();
            assert!(fs::read(at.join(name)).unwrap() == whole, "{name} after {kills} kills");
        }
        // What a line was written of is not made again.
        let timing = fs::read_to_string(at.join("timing.jsonl")).unwrap();
        let lines: Vec<Value> =
            timing.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut made: Vec<(u64, u64)> = lines
            .iter()
            .map(|line| (line["point"].as_u64().unwrap(), line["chip"].as_u64().unwrap()))
            .collect();
        made.sort_unstable();
        assert!(made.windows(2).all(|pair| pair[0] != pair[1]), "a run was made twice");
    }
}

#[test]
fn shards_are_made_apart_and_merged() {
    let folder = workplace();
    let asked = [&MANY[..], &[UNTIL, "--quiet"]].concat();
    expect_code(&run_in(folder.path(), &[&asked[..], &["--out", "whole"]].concat()), 0);
    for shard in ["1/3", "2/3", "3/3"] {
        let args = [&asked[..], &["--out", "parts", "--shard", shard]].concat();
        expect_code(&run_in(folder.path(), &args), 0);
    }
    let parts = ["parts/shard-1-of-3", "parts/shard-3-of-3", "parts/shard-2-of-3"];
    let merge = [&["merge", "merged"], &parts[..]].concat();
    let ran = run_in(folder.path(), &merge[..4]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("shards are missing: 2/3"), "{}", ran.stderr);
    assert!(!folder.path().join("merged").exists());
    let ran = run_in(folder.path(), &merge);
    expect_code(&ran, 0);
    for words in ["small: 100 points of simulate", "on average", "merged/index.md"] {
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
    }
    for name in ["results.jsonl", "results.csv"] {
        let bytes = |place: &str| fs::read(folder.path().join(place).join(name)).unwrap();
        assert!(bytes("merged") == bytes("whole"), "{name}");
    }
    assert!(folder.path().join("merged/settling-time.svg").is_file());
    expect_code(&run_in(folder.path(), &merge), 2);
    let json = run_in(folder.path(), &[&merge[..], &["--force", "--json", "--quiet"]].concat());
    expect_code(&json, 0);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&document["design"], &document["shard"]), (&"grid".into(), &Value::Null));
    // A shard has a report of its own, which can be made again.
    expect_code(&run_in(folder.path(), &["report", parts[0]]), 0);
    // A table as Parquet has to be built in.
    let also = [&merge[..], &["--force", "--also", "parquet"]].concat();
    let ran = run_in(folder.path(), &also);
    let built_in = cfg!(feature = "parquet");
    expect_code(&ran, if built_in { 0 } else { 2 });
    assert_eq!(folder.path().join("merged/results.parquet").is_file(), built_in);
}

#[test]
#[cfg(not(feature = "mpi"))]
fn one_of_several_processes_does_not_do_the_work_of_all() {
    let folder = workplace();
    let started = |rank: &str, args: &[&str]| {
        let mut program = Process::new(PROGRAM);
        bare(&mut program, folder.path());
        program.env("OMPI_COMM_WORLD_SIZE", "2").env("OMPI_COMM_WORLD_RANK", rank);
        let output = program.args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for verb in ["sweep", "train"] {
        let (code, said) = started("0", &[verb, "small.toml"]);
        assert_eq!(code, Some(2), "{said}");
        for words in ["OMPI_COMM_WORLD_SIZE = 2", "--features mpi", "--shard"] {
            assert!(said.contains(words), "{words} is not in:\n{said}");
        }
        assert_eq!(started("1", &[verb, "small.toml"]), (Some(2), String::new()));
    }
    assert!(!folder.path().join("reports").exists());
    // Parts are a work for each; other verbs are nobody's to share.
    let own = [&CHIPS[..], &["--quiet", "--shard", "1/2"]].concat();
    assert_eq!(started("0", &own), (Some(0), String::new()));
    assert_eq!(started("0", &["check", "--quiet", "small.toml"]), (Some(0), String::new()));
}
