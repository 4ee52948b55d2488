//! The roll of all effects: off or at zero none changes a bit; none hangs on threads or on the
//! order of writes.

use eqcircuit::compile::{Cells, Chip, Reading, compile, expand, fabricate};
use eqcircuit::engine::{Behavioural, Drive, Engine, Nudge, Save, Until};
use eqcircuit::model::{LayerId, State};
use eqcircuit::netlist::{Netlist, Ports};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::run::chip as chip_of;
use eqcircuit::spec::{Edit, Library, NonIdeal, Precision, Subject, load};

use super::{big, common, hardware};

/// Every key that can be zero: what is written for it, and what is written for it to be on.
const ROLL: &[(&str, &str, &str)] = &[
    ("fabrication.spread", "0", "0.1"),
    ("fabrication.stuck-on", "0", "0.1"),
    ("fabrication.stuck-off", "0", "0.1"),
    ("fabrication.g-min", "{ spread = 0 }", "{ spread = 0.1 }"),
    ("fabrication.g-max", "{ spread = 0, law = \"normal\" }", "{ spread = 0.1 }"),
    ("fabrication.stuck-at", "[]", "[{ rate = 0.1, g = \"5 uS\" }]"),
    (
        "fabrication.stuck-at",
        "[{ rate = 0, g = \"5 uS\" }]",
        "[{ rate = 0.1, from = \"2 uS\", to = \"3 uS\" }]",
    ),
    ("fabrication.cluster", "{ mean = 4, along = \"patch\" }", ""),
    ("fabrication.neuron", "{ offset = \"0 V\" }", "{ offset = \"1 mV\" }"),
    ("fabrication.neuron", "{ gain = 0 }", "{ gain = 0.1 }"),
    ("fabrication.neuron", "{ time-constant = 0 }", "{ time-constant = 0.1 }"),
    ("fabrication.mirror", "{ bias = 0 }", "{ bias = 0.1 }"),
    ("fabrication.mirror", "{ nudge = 0 }", "{ nudge = 0.1 }"),
    ("programming.sigma", "0", "0.1"),
    ("programming.absolute", "\"0 S\"", "\"1 uS\""),
    ("programming.proportional", "0", "0.1"),
    ("programming.measured", "{ polynomial = [\"0 S\"] }", "{ polynomial = [\"1 uS\"] }"),
    (
        "programming.measured",
        "{ top = \"0 S\", scale = \"1 uS\" }",
        "{ top = \"1 uS\", scale = \"1 uS\" }",
    ),
    ("programming.spacing", "\"log\"", ""),
    ("programming.verify", "{ tolerance = \"1 uS\" }", ""),
    ("programming.limited", "false", ""),
    ("programming.limited", "true", ""),
    (
        "time",
        "{ age = \"0 s\", drift = { t0 = \"1 s\", nu = 0.1 } }",
        "{ age = \"9 s\", drift = { t0 = \"1 s\", nu = 0.1 } }",
    ),
    ("time", "{ age = \"1 d\", drift = { t0 = \"1 s\", nu = 0 } }", ""),
    ("time", "{ age = \"1 d\", compensate = true }", ""),
    ("time", "{ age = \"0 s\", compensate = true, drift = { t0 = \"1 s\", nu = 0.1 } }", ""),
    (
        "time",
        "{ age = \"0 s\", retention = { time-constant = \"1 d\" } }",
        "{ age = \"1 s\", retention = { time-constant = \"1 d\" } }",
    ),
    ("time", "{ temperature = { at = \"400 K\", activation = \"1 eV\" } }", ""),
    (
        "time",
        "{ age = \"1 s\", relaxation = [{ time = \"2 s\", polynomial = [\"1 uS\"] }] }",
        "{ age = \"2 s\", relaxation = [{ time = \"2 s\", polynomial = [\"1 uS\"] }] }",
    ),
    ("time", "{ age = \"2 s\", relaxation = [{ time = \"2 s\", polynomial = [\"0 S\"] }] }", ""),
    // Cells are moved by training only: none of these is seen in a chip that is made.
    ("update", "{ step = \"20 nS\", noise = 1, step-spread = 0.3 }", ""),
    ("update", "{ step = \"20 nS\", threshold = \"30 nS\" }", ""),
    ("update", "{ step = \"20 nS\", one-way = true, refresh = { every = 1 } }", ""),
    ("update", "{ step = \"20 nS\", one-way = true, trains = { length = 31 } }", ""),
    (
        "time",
        "{ reads = 0, disturb = { after = 1e6, toward = \"20 uS\" } }",
        "{ reads = 1e5, disturb = { after = 1e6, toward = \"20 uS\" } }",
    ),
    ("time", "{ reads = 1e5 }", ""),
    ("wire", "{ r-segment = \"0 ohm\", spread = 0.3 }", ""),
    ("wire", "{ r-segment = \"0 ohm\", r-driver = \"0 ohm\" }", "{ r-driver = \"5 ohm\" }"),
    ("wire", "{ c-segment = \"0 F\" }", "{ c-segment = \"1 fF\" }"),
    (
        "periphery.dac",
        "{ offset = \"0 V\", gain = 0, inl = 0, dnl = 0, shared = 3 }",
        "{ bits = 4, range = \"0.2 V\" }",
    ),
    ("periphery.dac", "{ unipolar = true }", "{ range = \"0.1 V\" }"),
    ("periphery.adc", "{ noise = \"0 V\" }", "{ noise = \"1 mV\" }"),
    (
        "periphery.adc",
        "{ offset = \"3 mV\", gain = 0.1, calibrated = true }",
        "{ offset = \"3 mV\", gain = 0.1 }",
    ),
    ("periphery.nudge", "{}", "{ bits = 4, range = \"1 uA\" }"),
    ("periphery.nudge", "{}", "{ compliance = \"0.1 V\" }"),
    ("periphery.amplifier", "{ output-resistance = \"0 ohm\" }", "{ gain = 1000 }"),
    ("periphery.amplifier", "{}", "{ bandwidth = \"1 MHz\", slew = \"1 MV/s\" }"),
    ("periphery.amplifier", "{}", "{ swing = \"0.1 V\" }"),
    ("periphery.amplifier", "{}", "{ output-resistance = \"1 kohm\" }"),
    ("cell", "{ transistor = { r-on = \"0 ohm\" } }", "{ transistor = { r-on = \"1 kohm\" } }"),
    (
        "periphery.supply",
        "{ droop = \"0 ohm\", voltage = \"1 V\" }",
        "{ droop = \"2 ohm\", voltage = \"1 V\" }",
    ),
    ("cell", "{}", "{ sinh = { v0 = \"0.5 V\" } }"),
    ("wire", "{ r-segment = \"0 ohm\", r-sense = \"0 ohm\" }", "{ r-sense = \"5 ohm\" }"),
];

fn loaded(edits: &[String]) -> (Chip, String) {
    let path = std::path::Path::new("tests/diagnostics/parts/network.toml");
    let mut edits: Vec<Edit> = edits.iter().map(|edit| Edit::new(edit.clone())).collect();
    // With biases.
    edits.push(Edit::new("model.weights=good.safetensors"));
    let spec = load(path, &edits, &Library::built_in()).unwrap_or_else(|report| panic!("{report}"));
    let Subject::Network { model, hardware, nonideal } = &spec.subject else { panic!() };
    (chip_of(model, hardware, nonideal, spec.seed), spec.resolved)
}

/// All that an engine reads of a chip, and the host.
fn readable(chip: &Chip) -> (Vec<Cells>, Netlist, Ports, Vec<Mat>, Option<f64>) {
    let (netlist, ports) = expand(chip);
    let model = &chip.fabric.model;
    let state: State = (model.layers.iter().enumerate())
        .map(|(l, layer)| common::normal(Seed::new(8).index(l), 3, layer.size, 1.0))
        .collect();
    let mut seen = chip
        .read(&state, Reading { phase: "free", first: 0 })
        .unwrap_or_else(|| model.activations(&state));
    let lines = chip.lines(&state[model.clamp.0]);
    seen.extend(lines.or_else(|| Some(model.activations(&state)[model.clamp.0].clone())));
    let code = chip.nudge_codes().map(|code| code(3e-7)).filter(|i| *i != 3e-7);
    (chip.cells.clone(), netlist, ports, seen, code)
}

#[test]
fn effects_at_zero_change_no_bit_and_effects_that_are_on_do() {
    let (perfect, _) = loaded(&[]);
    let plain = readable(&perfect);
    for (key, off, on) in ROLL {
        let (chip, _) = loaded(&[format!("nonideal.{key}={off}")]);
        if !off.contains("compensate") {
            assert!(readable(&chip) == plain, "{key} = {off} changes something");
        }
        assert_eq!(chip.cells, perfect.cells, "{key} = {off}");
        if !on.is_empty() {
            let (chip, resolved) = loaded(&[format!("nonideal.{key}={on}")]);
            assert!(readable(&chip) != plain, "{key} = {on} changes nothing");
            assert!(resolved.contains(key.rsplit('.').next().unwrap()), "{resolved}");
        }
    }
}

/// Each effect by itself: what a sample comes to rest at, or is after a microsecond, has not a bit
/// of the samples beside it or of the number of threads.
#[test]
fn a_sample_does_not_hang_on_its_batch_or_on_threads() {
    const SAMPLES: usize = 19;
    let until = Until { settled: 1e-9, at_most: 1e-6, at_most_iterations: 10_000 };
    for (key, _, on) in ROLL.iter().filter(|(.., on)| !on.is_empty()) {
        let (chip, _) = loaded(&[format!("nonideal.{key}={on}")]);
        let model = &chip.fabric.model;
        let of = |seed: u64, layer: LayerId| {
            common::normal(Seed::new(seed), SAMPLES, model.layer(layer).size, 0.5)
        };
        let (clamp, target) = (of(7, model.clamp), of(8, model.read));
        let run = |samples: std::ops::Range<usize>, threads: usize| {
            let rows: Vec<usize> = samples.collect();
            let nudge = Nudge::Toward { target: target.select_rows(&rows), beta: 0.2 };
            let drive = Drive { clamp: clamp.select_rows(&rows), nudge };
            let mut engine = Behavioural::new(chip.clone(), Precision::F64);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| engine.settle(&drive, None, &until, &Save::End))
        };
        let all = run(0..SAMPLES, 1);
        assert_eq!(run(0..SAMPLES, 3), all, "{key} = {on}: three threads");
        let last = run(12..SAMPLES, 2);
        for (all, last) in all.state.iter().zip(&last.state) {
            assert_eq!(last.as_slice(), &all.as_slice()[12 * all.cols()..], "{key} = {on}");
        }
    }
}

fn bad() -> NonIdeal {
    let edits: Vec<String> = [
        "fabrication={ spread = 0.1, g-min = { spread = 0.1 }, stuck-on = 0.02, cluster = { mean = 3, along = \"word\" } }",
        "programming={ proportional = 0.1, levels = 64, verify = { tolerance = \"0.5 uS\" } }",
        "time={ age = \"1 d\", drift = { t0 = \"20 s\", nu = 0.05, sigma = 0.01 }, compensate = true }",
    ]
    .iter()
    .map(|edit| format!("nonideal.{edit}"))
    .collect();
    loaded(&edits).0.nonideal
}

#[test]
fn no_effect_hangs_on_the_number_of_threads() {
    let model = big();
    let fabric = compile(&model, &hardware(&model, eqcircuit::spec::ArrayStyle::Twin));
    let mut other = model.clone();
    other.couplings[0].values_mut().iter_mut().step_by(3).for_each(|w| *w *= 0.5);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut chip = fabricate(&fabric, &bad(), Seed::new(3));
            let written = chip.write(&other);
            (chip, written)
        })
    };
    let (chip, written) = run(1);
    assert!(written.cells > 0 && written.pulses > written.cells, "{written:?}");
    assert_eq!(run(2), (chip.clone(), written));
    assert_eq!(run(7), (chip, written));
}

#[test]
fn what_a_write_makes_of_a_cell_does_not_hang_on_the_others() {
    let model = big();
    let fabric = compile(&model, &hardware(&model, eqcircuit::spec::ArrayStyle::Twin));
    let mut few = model.clone();
    few.couplings[0].values_mut()[7] *= 0.5;
    let mut many = few.clone();
    many.couplings[0].values_mut()[8..].iter_mut().for_each(|w| *w *= 0.7);
    let made = |to| {
        let mut chip = fabricate(&fabric, &bad(), Seed::new(3));
        chip.write(to);
        [chip.cells[0].plus.as_slice()[7], chip.cells[0].minus.as_slice()[7]]
    };
    assert_eq!(made(&few), made(&many));
}
