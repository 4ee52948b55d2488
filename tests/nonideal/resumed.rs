//! Trainings by pulses that are stopped go on to the same bits: what updates keep is in the
//! checkpoint.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use eqcircuit::run::record::{CHECKPOINT, CHIP, RESULTS, WEIGHTS};
use eqcircuit::run::{Interrupt, Manner, Options, RunError, train};
use eqcircuit::spec::{Edit, Library, Spec, load};

const FILE: &str = r#"
seed = 3

[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 4, activation = "identity" },
  { name = "hidden", size = 6, activation = "tanh" },
  { name = "output", size = 2, activation = "identity" },
]
couplings = [
  { dense = { between = ["input", "hidden"] } },
  { dense = { between = ["hidden", "output"] } },
  { bias = { on = "hidden" } },
]
init = { scale = 0.5 }

[train]
rule = { equilibrium-propagation = { beta = 0.3 } }
train = { csv = "samples.csv" }
test = { csv = "samples.csv" }
epochs = 25
batch = 2
optimiser = { sgd = { rate = 0.05 } }

[nonideal.update]
step = "50 nS"
step-spread = 0.2
noise = 0.5
"#;

fn options(out: &Path, manner: Manner) -> Options {
    let out = Some(out.to_path_buf());
    Options { out, quiet: true, manner, threads: Some(1), ..Options::default() }
}

/// Stops a run once its records have this many lines.
fn stopped(spec: &Spec, out: &Path, lines: usize) {
    let interrupt = Interrupt::default();
    let (handler, results) = (interrupt.clone(), out.join(RESULTS));
    let tripping = thread::spawn(move || {
        while fs::read_to_string(&results).map_or(0, |text| text.lines().count()) < lines {
            thread::sleep(Duration::from_millis(1));
        }
        handler.trip()
    });
    let ended = train(spec, &Options { interrupt, ..options(out, Manner::Fresh) });
    tripping.join().unwrap();
    assert!(matches!(ended, Err(RunError::Stopped { .. })), "it was over before it was stopped");
}

#[test]
fn what_updates_keep_is_in_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.toml");
    fs::write(&path, FILE).unwrap();
    let samples: String = (0..12)
        .map(|k| {
            let x = |j: usize| f64::from(u8::try_from((7 * k + 3 * j) % 10).unwrap()) / 10.0;
            format!("{},{},{},{},{}\n", x(0), x(1), x(2), x(3), k % 2)
        })
        .collect();
    fs::write(dir.path().join("samples.csv"), format!("a,b,c,d,label\n{samples}")).unwrap();
    let trains = "nonideal.update.trains={ length = 20 }";
    let pairs = "hardware.pair=reference";
    let schemes: [&[&str]; 4] = [
        &["nonideal.update.threshold=120 nS"],
        &["nonideal.update.one-way=true", "nonideal.update.refresh={ every = 7 }"],
        &[pairs, trains, "nonideal.update.reference={ pulses = 40 }"],
        &[pairs, trains, "nonideal.update.transfer={ every = 3, rate = 0.5 }"],
    ];
    for (n, edits) in schemes.into_iter().enumerate() {
        let edits: Vec<Edit> = edits.iter().map(|edit| Edit::new(*edit)).collect();
        let spec = load(&path, &edits, &Library::built_in()).unwrap_or_else(|r| panic!("{r}"));
        let [whole, parts] = ["whole", "parts"].map(|name| dir.path().join(format!("{name} {n}")));
        train(&spec, &options(&whole, Manner::Fresh)).unwrap();
        stopped(&spec, &parts, 3);
        train(&spec, &options(&parts, Manner::Resume)).unwrap();
        for name in [RESULTS, CHECKPOINT, WEIGHTS, CHIP] {
            let [a, b] = [&whole, &parts].map(|folder| fs::read(folder.join(name)).unwrap());
            assert!(a == b, "{name} of scheme {n}");
        }
    }
}
