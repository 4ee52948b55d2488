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
    let kill = Process::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
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
