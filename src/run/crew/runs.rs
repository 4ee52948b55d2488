//! Sweeps and training by crews of threads.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use super::Crew;
use super::threads::crew_of;
use crate::run::{Interrupt, Manner, Options, RunError, Swept, assist, sweep, train};
use crate::spec::{Edit, Library, Spec, load};

const FILE: &str = r#"
title = "small"
seed = 3
[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 64, activation = "identity" },
  { name = "hidden", size = 5, activation = "tanh" },
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
[simulate]
inputs = { data = "digits", first = 2 }
[train]
rule = { equilibrium-propagation = { beta = 0.3 } }
train = { data = "digits", split = "train", first = 37 }
test = { data = "digits", first = 11 }
epochs = 2
batch = 16
optimiser = { adam = { rate = 1e-2 } }
[sweep]
run = "simulate"
until = { metric = "settling-time", half-width = "1 ns", at-least = 2, at-most = 6 }
[sweep.axes]
"nonideal.fabrication.spread" = [0.01, 0.1, 0.2, 0.3, 0.4]
"#;

fn read(folder: &Path, edits: &[&str]) -> Spec {
    let path = folder.join("small.toml");
    fs::write(&path, FILE).unwrap();
    let edits: Vec<Edit> = edits.iter().map(|edit| Edit::new(*edit)).collect();
    load(&path, &edits, &Library::built_in()).unwrap_or_else(|report| panic!("{report}"))
}

fn options(out: &Path, crew: Crew) -> Options {
    let out = Some(out.to_path_buf());
    Options { out, quiet: true, threads: Some(1), crew, ..Options::default() }
}

/// What each member of a crew of so many does.
fn together<T: Send>(size: usize, work: impl Fn(Crew) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let members: Vec<_> =
            crew_of(size).into_iter().map(|crew| scope.spawn(|| work(crew))).collect();
        members.into_iter().map(|member| member.join().unwrap()).collect()
    })
}

fn swept(spec: &Spec, options: &Options) -> Result<Option<Swept>, RunError> {
    match options.crew.leads() {
        true => sweep(spec, options).map(Some),
        false => assist(spec, options).map(|()| None),
    }
}

#[track_caller]
fn expect_same(names: &[&str], one: &Path, other: &Path) {
    for name in names {
        let [a, b] = [one, other].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(a == b, "{name} of {} and {}", one.display(), other.display());
    }
}

const TABLES: [&str; 2] = ["results.jsonl", "results.csv"];

#[test]
fn a_sweep_is_the_same_bytes_whoever_shares_it() {
    let folder = tempfile::tempdir().unwrap();
    let spec = read(folder.path(), &[]);
    let out = |size: usize| folder.path().join(size.to_string());
    for size in [1, 2, 5] {
        let ended = together(size, |crew| swept(&spec, &options(&out(size), crew)).unwrap());
        assert_eq!(ended[0].as_ref().unwrap().record.jobs, size);
        expect_same(&TABLES, &out(1), &out(size));
    }
    // A folder that cannot be used is known to all.
    let ended = together(3, |crew| swept(&spec, &options(&out(1), crew)).err());
    assert!(matches!(ended[..], [Some(RunError::Exists { .. }), None, None]), "{ended:?}");
}

#[test]
fn an_interrupt_of_one_stops_all_and_another_number_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let spec = read(folder.path(), &[]);
    let out = |name: &str| -> PathBuf { folder.path().join(name) };
    swept(&spec, &options(&out("plain"), Crew::default())).unwrap();
    for interrupted in [0, 1] {
        let folder = out(&interrupted.to_string());
        let ended = together(2, |crew| {
            let interrupt = Interrupt::default();
            if crew.rank() == interrupted {
                interrupt.trip();
            }
            swept(&spec, &Options { interrupt, ..options(&folder, crew) }).err()
        });
        assert!(matches!(ended[..], [Some(RunError::Stopped { .. }), None]), "{ended:?}");
        let manner = Manner::Resume;
        together(3, |crew| swept(&spec, &Options { manner, ..options(&folder, crew) }).unwrap());
        expect_same(&TABLES, &out("plain"), &folder);
    }
}

#[test]
fn training_is_the_same_bits_whoever_shares_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, edits) in [
        ("f32", &[][..]),
        ("f64", &["train.precision=f64"]),
        ("ideal", &["simulate.engine=ideal", "train.epochs=1"]),
        // Samples that do not settle.
        ("unsettled", &["train.until.at-most=1 ns", "train.epochs=1"]),
    ] {
        let spec = read(folder.path(), edits);
        let out = |size: usize| folder.path().join(format!("{name}-{size}"));
        // A batch of 16, one of 5, and the 11 of the test.
        for size in [1, 2, 3, 7] {
            together(size, |crew| train(&spec, &options(&out(size), crew)).map(|_| ()).unwrap());
            let all =
                ["results.jsonl", "checkpoint.safetensors", "weights.safetensors", "results.csv"];
            expect_same(&all, &out(1), &out(size));
        }
    }
}

#[test]
fn those_who_learn_different_things_do_not_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let specs = [read(folder.path(), &[]), read(folder.path(), &["chip-seed=7"])];
    let ended = together(2, |crew| {
        let spec = &specs[crew.rank()];
        train(spec, &options(&folder.path().join("out"), crew)).err()
    });
    for error in ended {
        assert!(matches!(error, Some(RunError::Unlike { process: 1, of: 2 })), "{error:?}");
    }
}
