//! The same bytes, however many processes share the work.

use serde_json::Value;

use super::*;

pub const TABLES: [&str; 2] = ["results.jsonl", "results.csv"];
pub const TRAINED: [&str; 5] = [
    "results.jsonl",
    "results.csv",
    "checkpoint.safetensors",
    "weights.safetensors",
    "chip.safetensors",
];

/// Runs in numbers that intervals decide.
pub const UNTIL: [&str; 6] = [
    "sweep",
    "small.toml",
    "--set",
    "sweep.axes.nonideal.fabrication.spread={ linear = { from = 0.01, to = 0.4, points = 10 } }",
    "--set",
    "sweep.until={ metric = \"settling-time\", half-width = \"1 ns\", at-least = 3, at-most = 12 }",
];

/// A sweep into this folder.
fn swept(out: &str) -> Vec<&str> {
    [&UNTIL[..], &["--out", out]].concat()
}

#[test]
fn a_sweep_is_the_same_bytes_with_1_2_and_4_processes() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    expect_code(&run(folder.path(), None, &swept("plain")), 0);
    for ranks in [1, 2, 4] {
        let out = format!("out-{ranks}");
        let ran = run(folder.path(), Some(ranks), &[&swept(&out)[..], &["--jobs", "1"]].concat());
        expect_code(&ran, 0);
        assert_eq!(ran.stderr.matches("10 points of simulate").count(), 1, "{}", ran.stderr);
        expect_same(&TABLES, &folder.path().join("plain"), &folder.path().join(&out));
        let record = fs::read(folder.path().join(&out).join("run.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!((&record["jobs"], &record["finished"]), (&ranks.into(), &true.into()));
    }
    // Taken up when there is nothing left to do.
    let again = [&swept("out-2")[..], &["--resume", "--json", "--quiet"]].concat();
    let ran = run(folder.path(), Some(2), &again);
    expect_code(&ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["finished"], true);
    expect_same(&TABLES, &folder.path().join("plain"), &folder.path().join("out-2"));
}

#[test]
fn training_is_the_same_bits_with_1_2_and_4_processes() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    expect_code(&run(folder.path(), None, &["train", "trained.toml", "--out", "plain"]), 0);
    for ranks in [1, 2, 4] {
        let out = format!("out-{ranks}");
        let ran = run(folder.path(), Some(ranks), &["train", "trained.toml", "--out", &out]);
        expect_code(&ran, 0);
        assert_eq!(ran.stderr.matches("3 epochs of 37 samples").count(), 1, "{}", ran.stderr);
        expect_same(&TRAINED, &folder.path().join("plain"), &folder.path().join(&out));
    }
}

#[test]
fn trainings_at_the_points_of_a_sweep_are_the_same_bytes() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    let args = |out| {
        let axis = "sweep.axes.nonideal.fabrication.spread=[0.0, 0.2]";
        let epochs = "train.epochs=1";
        let run = ["sweep.run=train", "sweep.chips=2"];
        let set = [axis, epochs, run[0], run[1]].map(|edit| ["--set", edit]).concat();
        [&["sweep", "trained.toml"][..], &set, &["--out", out]].concat()
    };
    expect_code(&run(folder.path(), None, &args("plain")), 0);
    expect_code(&run(folder.path(), Some(3), &args("shared")), 0);
    expect_same(&TABLES, &folder.path().join("plain"), &folder.path().join("shared"));
    let point = "points/0001-001";
    let [plain, shared] = ["plain", "shared"].map(|out| folder.path().join(out).join(point));
    expect_same(&TRAINED, &plain, &shared);
}

#[test]
fn shards_are_shared_and_merged_to_the_same_bytes() {
    if !can_run() {
        return;
    }
    let folder = workplace();
    expect_code(&run(folder.path(), None, &swept("plain")), 0);
    for (shard, ranks) in [("1/2", 2), ("2/2", 3)] {
        let shard = [&swept("parts")[..], &["--shard", shard]].concat();
        expect_code(&run(folder.path(), Some(ranks), &shard), 0);
    }
    let merge = ["merge", "whole", "parts/shard-1-of-2", "parts/shard-2-of-2"];
    expect_code(&run(folder.path(), None, &merge), 0);
    expect_same(&TABLES, &folder.path().join("plain"), &folder.path().join("whole"));
}

#[test]
fn the_version_says_that_mpi_is_in() {
    let folder = workplace();
    let ran = run(folder.path(), None, &["--version"]);
    expect_code(&ran, 0);
    assert!(ran.stdout.contains("with mpi"), "{}", ran.stdout);
}
