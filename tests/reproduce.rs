//! What is made of the trainings of a reproduction, and which folders it leaves alone.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use eqcircuit::report;
use eqcircuit::run::reproduce::{BLOCKS, Cut, CutTrained, cuts};

fn eqcircuit(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eqcircuit"));
    command.args(args).current_dir(folder).env("EQCIRCUIT_DATA", folder).output().unwrap()
}

/// A folder of `reproduce splitting` with these lines of results.
fn folder(of: &str, lines: &[CutTrained]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let marker = format!("{{\"verb\": \"reproduce\", \"of\": \"{of}\"}}\n");
    fs::write(dir.path().join("reproduce.json"), marker).unwrap();
    let lines: Vec<String> = lines.iter().map(|l| serde_json::to_string(l).unwrap()).collect();
    fs::write(dir.path().join("results.jsonl"), lines.join("\n") + "\n").unwrap();
    dir
}

fn trained(cut: Cut, accuracy: f64) -> CutTrained {
    CutTrained {
        samples: 10_000,
        test_samples: 2000,
        by_epoch: vec![0.1, 0.4, accuracy],
        accuracy,
        all_test_samples: 10_000,
        train_accuracy: 0.7,
        iterations: 4.0 + 6.0 / cut.blocks as f64,
        settled: 1.0,
        epoch_seconds: 60.0 / cut.blocks as f64,
        seconds: 200.0 / cut.blocks as f64,
        cut,
    }
}

#[test]
fn the_page_of_the_splitting_has_means_over_seeds() {
    let all = cuts(&BLOCKS, 2, None);
    assert_eq!(all.len(), 8);
    assert_eq!(all[0].name(), "cifar-split-1-seed-1", "every cut once before the next seed");
    let accuracy = |cut: &Cut| 0.6 + 0.01 * cut.seed as f64 + 0.001 * cut.blocks as f64;
    let mut lines: Vec<CutTrained> = all
        .iter()
        .map(|cut| {
            let of = accuracy(cut);
            trained(cut.clone(), of)
        })
        .collect();
    let mut short = lines[0].clone();
    (short.cut.epochs, short.accuracy) = (Some(1), 0.2);
    short.by_epoch.truncate(2);
    lines.push(short);
    let dir = folder("arXiv:2409.03306", &lines);
    report::write(dir.path()).unwrap();
    let page = fs::read_to_string(dir.path().join(report::INDEX)).unwrap();
    assert!(page.contains("| 6 | 1 | 2 | 62.1 % | 0.71 |"), "{page}");
    assert!(page.contains("Spread over the cuts: 0.5 points** of means over 2 seeds"), "{page}");
    assert!(page.contains("1 trainings of fewer epochs are left out"), "{page}");
    for figure in ["time", "accuracy", "learning"] {
        let png = fs::read(dir.path().join(format!("{figure}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"), "{figure}");
    }
}

#[test]
fn a_folder_of_another_paper_is_refused_and_untouched() {
    let dir = folder("arXiv:2311.15673", &[]);
    let before = fs::read(dir.path().join("reproduce.json")).unwrap();
    let out = dir.path().display().to_string();
    let run = eqcircuit(dir.path(), &["reproduce", "splitting", "--out", &out]);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
    assert_eq!(fs::read(dir.path().join("reproduce.json")).unwrap(), before);
    assert!(!dir.path().join("files").exists());
}

#[test]
fn without_the_data_it_says_where_they_are_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let run = eqcircuit(dir.path(), &["reproduce", "splitting", "--blocks", "6", "--out", "here"]);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("cifar10-jpeg") && said.contains("EQCIRCUIT_DATA"), "{said}");
    let run = eqcircuit(dir.path(), &["reproduce", "splitting", "--blocks", "4"]);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("[possible values: 1, 2, 3, 6]"), "{said}");
}
