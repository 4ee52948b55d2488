//! What is left when the work is broken off, or cannot begin.

use std::collections::BTreeSet;

use super::shared::{TABLES, TRAINED};
use super::*;

/// Many short runs.
const MANY: [&str; 6] = [
    "sweep",
    "small.toml",
    "--set",
    "sweep.axes.nonideal.fabrication.spread={ linear = { from = 0.01, to = 0.4, points = 150 } }",
    "--set",
    "sweep.chips=2",
];

fn lines(folder: &Path, out: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join(out).join("results.jsonl")).unwrap();
    text.lines().map(String::from).collect()
}

#[test]
fn a_sweep_goes_on_with_any_number_of_processes_after_one_was_killed() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    let path = folder.path();
    expect_code(&run(path, None, &[&MANY[..], &["--out", "plain"]].concat()), 0);
    // The last of four, and the one that writes.
    for (victim, ranks, then) in [(3, 4, Some(2)), (0, 2, Some(4)), (1, 3, None)] {
        let out = format!("victim-{victim}");
        let args = [&MANY[..], &["--out", &out]].concat();
        let job = started(path, Some(ranks), &args);
        await_lines(&path.join(&out).join("results.jsonl"), 25);
        signal(path, victim, "-KILL");
        let ran = ended(job);
        assert_ne!(ran.code, Some(0), "the sweep was over before its process was killed");
        let done = lines(path, &out);
        assert!((25..300).contains(&done.len()), "{} of 300 runs", done.len());
        let again = run(path, then, &[&args[..], &["--resume"]].concat());
        expect_code(&again, 0);
        expect_same(&TABLES, &path.join("plain"), &path.join(&out));
        // Nothing is made twice.
        let timing = fs::read_to_string(path.join(&out).join("timing.jsonl")).unwrap();
        let made = timing.lines().count();
        assert!((299..=300).contains(&made), "{made} runs were timed, {} before", done.len());
    }
}

#[test]
fn a_signal_to_any_process_stops_all_in_good_order() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    let path = folder.path();
    expect_code(&run(path, None, &[&MANY[..], &["--out", "plain"]].concat()), 0);
    for (rank, name) in [(0, "-TERM"), (2, "-INT")] {
        let out = format!("signal-{rank}");
        let args = [&MANY[..], &["--out", &out]].concat();
        let job = started(path, Some(3), &args);
        await_lines(&path.join(&out).join("results.jsonl"), 25);
        signal(path, rank, name);
        let ran = ended(job);
        expect_code(&ran, 130);
        assert!(ran.stderr.contains("--resume goes on from there"), "{}", ran.stderr);
        assert!(lines(path, &out).len() < 300);
        expect_code(&run(path, Some(2), &[&args[..], &["--resume"]].concat()), 0);
        expect_same(&TABLES, &path.join("plain"), &path.join(&out));
    }
}

#[test]
fn a_training_goes_on_with_any_number_of_processes() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    let path = folder.path();
    let args = ["train", "trained.toml", "--set", "train.epochs=12", "--out"];
    expect_code(&run(path, None, &[&args[..], &["plain"]].concat()), 0);
    for (signal_name, rank, code) in [("-TERM", 0, Some(130)), ("-KILL", 1, None)] {
        let out = format!("after{signal_name}");
        let args = [&args[..], &[&out]].concat();
        let job = started(path, Some(2), &args);
        await_lines(&path.join(&out).join("results.jsonl"), 4);
        signal(path, rank, signal_name);
        let ran = ended(job);
        assert!(code.map_or(ran.code != Some(0), |code| ran.code == Some(code)), "{}", ran.stderr);
        assert!(lines(path, &out).len() < 13);
        let again = [&args[..], &["--resume"]].concat();
        expect_code(&run(path, if rank == 0 { Some(3) } else { None }, &again), 0);
        expect_same(&TRAINED, &path.join("plain"), &path.join(&out));
    }
}

#[test]
fn what_is_wrong_is_said_once() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    let path = folder.path();
    let axis = |value| format!("sweep.axes.nonideal.fabrication.spread=[{value}]");
    let sweep = ["sweep", "small.toml", "--set"];
    let wrong = run(path, Some(3), &[&sweep[..], &[&axis("-1.0")]].concat());
    expect_code(&wrong, 2);
    assert_eq!(wrong.stderr.matches("--set sweep.axes").count(), 1, "{}", wrong.stderr);

    let right = axis("0.1");
    let args = [&sweep[..], &[&right, "--out", "out"]].concat();
    expect_code(&run(path, Some(2), &args), 0);
    let there = run(path, Some(2), &args);
    expect_code(&there, 2);
    assert_eq!(there.stderr.matches("holds a run already").count(), 1, "{}", there.stderr);

    let promise = [&args[..], &["--force", "--set", "expect.residual.at-most=0"]].concat();
    let broken = run(path, Some(2), &promise);
    expect_code(&broken, 1);
    assert_eq!(broken.stderr.matches("at worst residual").count(), 1, "{}", broken.stderr);
}

#[test]
fn a_run_that_fails_in_any_process_is_recorded_as_failed() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    let args = |out| {
        let edits = [
            "sweep.axes.hardware.g-min=[\"1 uS\", \"20 uS\"]",
            "sweep.axes.hardware.g-max=[\"30 uS\", \"10 uS\"]",
        ];
        let set = edits.map(|edit| ["--set", edit]).concat();
        [&["sweep", "small.toml"][..], &set, &["--out", out]].concat()
    };
    expect_code(&run(folder.path(), None, &args("plain")), 1);
    let ran = run(folder.path(), Some(4), &args("shared"));
    expect_code(&ran, 1);
    assert!(ran.stderr.contains("point 3"), "{}", ran.stderr);
    expect_same(&TABLES, &folder.path().join("plain"), &folder.path().join("shared"));
}

#[test]
fn processes_that_were_asked_for_different_things_do_nothing() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    let part = |seed| ["-n", "1", PROGRAM, "train", "trained.toml", "--seed", seed];
    let mut mpirun = launcher(folder.path());
    mpirun.args(part("1")).arg(":").args(part("2"));
    let ran = ended(mpirun.spawn().unwrap());
    expect_code(&ran, 2);
    let words = "process 1 of 2 has read another trained.toml";
    assert_eq!(ran.stderr.matches(words).count(), 1, "{}", ran.stderr);
    assert!(!folder.path().join("reports").exists());
}

/// Machines whose copies of the inputs differ.
#[test]
fn processes_that_read_other_inputs_do_nothing() {
    if !can_run() {
        return;
    }
    let [one, other] = [workplace(), workplace()];
    fs::write(other.path().join("inputs.csv"), "label,a,b,c\n0,0.1,0.2,0.4\n1,-0.5,0.25,1\n")
        .unwrap();
    let out = one.path().join("out");
    let part = |at: &Path| {
        let at = at.to_str().unwrap().to_string();
        let words = ["-n", "1", "--wdir", &at, PROGRAM, "sweep", "small.toml", "--out"];
        words.map(String::from).into_iter().chain([out.to_str().unwrap().to_string()])
    };
    let mut mpirun = launcher(one.path());
    mpirun.args(part(one.path())).arg(":").args(part(other.path()));
    let ran = ended(mpirun.spawn().unwrap());
    expect_code(&ran, 2);
    let words = "process 1 of 2 has read another small.toml or other files";
    assert_eq!(ran.stderr.matches(words).count(), 1, "{}", ran.stderr);
    assert!(!out.exists());
}
