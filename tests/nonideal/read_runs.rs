//! Keys of `[nonideal.read]` through the program.

use std::fs;
use std::path::Path;

use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::numerics::Mat;
use eqcircuit::run::record::{CHECKPOINT, RESULTS, WEIGHTS};
use eqcircuit::run::{Interrupt, Manner, Options, chip as chip_of, train};
use eqcircuit::spec::{Analysis, Edit, Library, Precision, Spec, Subject, load};

/// Every key: what is written for it to be nothing, and for it to be on.
const ROLL: &[(&str, &str)] = &[
    ("{ thermal = \"0 K\" }", "{ thermal = \"300 K\" }"),
    ("{ thermal = \"0 K\", shot = 0 }", "{ thermal = \"300 K\", shot = 1 }"),
    (
        "{ flicker = { amplitude = 0, from = \"1 Hz\", to = \"1 kHz\" } }",
        "{ flicker = { amplitude = 0.01, from = \"1 Hz\", to = \"1 kHz\" } }",
    ),
    (
        "{ telegraph = { share = 0, amplitude = 0.5, up = \"1 s\", down = \"1 s\" } }",
        "{ telegraph = { share = 0.5, amplitude = 0.5, up = \"1 s\", down = \"1 s\" } }",
    ),
    ("{ telegraph = { share = 1, amplitude = 0, up = \"1 s\", down = \"1 s\" } }", ""),
    ("{ proportional = 0 }", "{ proportional = 0.01 }"),
    ("{ hold = \"1 ns\", integrate = \"1 ns\", step = 0.1 }", ""),
    ("{}", "{ measured = { polynomial = [\"1 uS\"] } }"),
];

fn network(edits: &[String]) -> Spec {
    let path = Path::new("tests/diagnostics/parts/network.toml");
    let edits: Vec<Edit> = edits.iter().map(|edit| Edit::new(edit.clone())).collect();
    load(path, &edits, &Library::built_in()).unwrap_or_else(|report| panic!("{report}"))
}

fn settled(edits: &[String]) -> [Settled; 2] {
    let spec = network(edits);
    let Subject::Network { model, hardware, nonideal } = &spec.subject else { panic!() };
    let chip = chip_of(model, hardware, nonideal, spec.seed);
    let clamp = Mat::from_vec(2, 4, vec![0.3, -0.9, 0.5, 0.7, 0.1, 0.2, -0.4, 0.6]);
    let drive = Drive { clamp, nudge: Nudge::None };
    let until = Until { settled: 1e-9, at_most: 1e-3, at_most_iterations: 0 };
    let mut ode = Behavioural::new(chip.clone(), Precision::F64);
    let mut mna = Circuit::from_chip(chip, Analysis::Tran);
    let engines: [&mut dyn Engine; 2] = [&mut ode, &mut mna];
    engines.map(|engine| engine.settle(&drive, None, &until, &Save::Points(10)))
}

#[test]
fn noise_at_zero_changes_no_bit_and_noise_that_is_on_changes_both_engines() {
    let plain = settled(&[]);
    for (off, on) in ROLL {
        assert!(settled(&[format!("nonideal.read={off}")]) == plain, "{off} changes something");
        if on.is_empty() {
            continue;
        }
        let edit = format!("nonideal.read={on}");
        for (noisy, plain) in settled(std::slice::from_ref(&edit)).iter().zip(&plain) {
            assert!(noisy.state != plain.state, "{on} changes nothing");
            // How it settled is that of the quiet way.
            assert_eq!((&noisy.outcome, &noisy.residual), (&plain.outcome, &plain.residual));
        }
        let spec = network(&[edit]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("again.toml");
        fs::write(&file, &spec.resolved).unwrap();
        for part in ["good.csv", "good.safetensors"] {
            let from = Path::new("tests/diagnostics/parts").join(part);
            fs::copy(from, folder.path().join(part)).unwrap();
        }
        let again = load(&file, &[], &Library::built_in()).unwrap_or_else(|r| panic!("{r}"));
        assert_eq!(again.subject, spec.subject, "{}", spec.resolved);
    }
}

const TRAINING: &str = r#"
seed = 3

[model]
clamp = "input"
read = "output"
layers = [
  { name = "input", size = 64, activation = "identity" },
  { name = "output", size = 10, activation = "identity" },
]
couplings = [{ dense = { between = ["input", "output"] } }]
init = { scale = 0.5 }

[nonideal.read]
thermal = "300 K"
proportional = 0.01
flicker = { amplitude = 0.01, from = "1 Hz", to = "1 MHz" }
telegraph = { share = 0.1, amplitude = 0.1, up = "1 ns", down = "1 ns" }

[train]
rule = { equilibrium-propagation = { beta = 0.3 } }
train = { data = "digits", split = "train", first = 60 }
test = { data = "digits", first = 30 }
epochs = 2
batch = 20
optimiser = { sgd = { rate = 1e-2 } }
"#;

/// The count of reads is part of the state of a training.
#[test]
fn a_noisy_training_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("noisy.toml");
    fs::write(&file, TRAINING).unwrap();
    let spec = load(&file, &[], &Library::built_in()).unwrap_or_else(|r| panic!("{r}"));
    let out = |name: &str| folder.path().join(name);
    let options = |name: &str, manner| Options {
        out: Some(out(name)),
        quiet: true,
        manner,
        ..Options::default()
    };
    train(&spec, &options("whole", Manner::Fresh)).unwrap();
    // Stopped once the untrained network was measured.
    let interrupt = Interrupt::default();
    interrupt.trip();
    let stopped = train(&spec, &Options { interrupt, ..options("parts", Manner::Fresh) });
    assert_eq!(stopped.unwrap_err().exit_code(), 130);
    train(&spec, &options("parts", Manner::Resume)).unwrap();
    for name in [RESULTS, CHECKPOINT, WEIGHTS] {
        let [a, b] = ["whole", "parts"].map(|run| fs::read(out(run).join(name)).unwrap());
        assert!(a == b, "{name} differs");
    }
}
