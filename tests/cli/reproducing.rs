use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{PROGRAM, Process, bare, expect_code, run_in};

#[test]
fn a_folder_of_something_else_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mine");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.tex"), "years of work").unwrap();
    let ran = run_in(folder.path(), &["reproduce", "ham", "--out", "mine"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("mine"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (args, said) in [
        (&["reproduce", "ham", "--depth", "3", "--seeds", "1"][..], "mnist"),
        (&["reproduce", "ham", "--depth", "9"][..], "3..=7"),
        (&["reproduce", "vae"][..], "ham"),
        (&["reproduce", "ham", "--seeds", "0"][..], "seeds"),
        (&["reproduce", "ham", "--questions", "--depth", "3"][..], "--depth"),
        (&["reproduce", "ham", "--questions"][..], "mnist"),
    ] {
        let ran = run_in(folder.path(), args);
        expect_code(&ran, 2);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
}

/// A damaged record is named with its line, and nothing is trained over it.
#[test]
fn a_damaged_record_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("ham");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("reproduce.json"), "{}").unwrap();
    fs::write(out.join("results.jsonl"), "{\"job\": 3}\n").unwrap();
    let ran = run_in(folder.path(), &["reproduce", "ham", "--out", "ham"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("line 1"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(out.join("results.jsonl")).unwrap(), "{\"job\": 3}\n");
}

/// One epoch of the smallest networks; a second call has nothing left to do, and a line that was
/// cut short is made again.
#[test]
fn a_table_is_made_once() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.join("mnist").is_dir() {
        eprintln!("MNIST is absent: there is no {}/mnist to read", data.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut program = Process::new(PROGRAM);
        bare(&mut program, folder.path());
        let args = ["reproduce", "ham", "--version", "v1", "--depth", "3", "--seeds", "1"];
        program.args(args).args(["--epochs", "1", "--out", "ham"]).env("EQCIRCUIT_DATA", &data);
        let ran = program.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    run();
    let results = folder.path().join("ham/results.jsonl");
    let first = fs::read_to_string(&results).unwrap();
    let parsed = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let lines = parsed(&first);
    assert_eq!(lines.len(), 4);
    for line in &lines {
        assert!(line["accuracy"].as_f64().unwrap() > 0.9, "{line}");
        let of = |name: &str| {
            let all = line["measured"].as_array().unwrap();
            let found = all.iter().find(|m| m["variant"] == name).unwrap();
            found["iterations"][4].as_f64().unwrap()
        };
        // The order that the paper has, on every network.
        let order = ["ham", "ham-deq", "ham-eo", "ham-eo-deq"].map(of);
        assert!(order[0] > order[2] && order[2] > order[3] && order[0] > order[1], "{order:?}");
    }
    let page = folder.path().join("ham/index.md");
    let written = fs::read_to_string(&page).unwrap();
    fs::remove_file(&page).unwrap();
    expect_code(&run_in(folder.path(), &["report", "ham"]), 0);
    assert_eq!(fs::read_to_string(&page).unwrap(), written);
    let cut = first.lines().take(3).map(|l| format!("{l}\n")).collect::<String>() + "{\"job";
    fs::write(&results, cut).unwrap();
    run();
    // The training itself was finished.
    let again = parsed(&fs::read_to_string(&results).unwrap());
    for (again, line) in again.iter().zip(&lines) {
        assert_eq!(again["measured"], line["measured"]);
    }
    assert_eq!(again.len(), 4);
}
