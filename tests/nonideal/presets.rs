//! Presets: every number has a source, and makes of cells what the source says.

use eqcircuit::compile::program_cells;
use eqcircuit::engine::HeldCell;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::report::preset::{figures, spectrum};
use eqcircuit::spec::{Edit, Library, Preset, ReadNoise, Subject, Telegraph, Trend, load};

use super::check_moments;

const NETWORK: &str = "tests/diagnostics/parts/network.toml";

fn presets() -> Vec<Preset> {
    let library = Library::built_in();
    let names = library.names();
    let parts = names.iter().filter(|n| n.starts_with("preset/")).filter_map(|n| library.find(n));
    parts.map(|part| Preset::read(&part).unwrap_or_else(|report| panic!("{report}"))).collect()
}

fn preset(name: &str) -> Preset {
    let part = Library::built_in().preset(name).unwrap_or_else(|| panic!("no {name}"));
    Preset::read(&part).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn there_are_ten_and_each_says_where_its_numbers_come_from() {
    let all = presets();
    assert!(all.len() >= 10, "{}", all.len());
    for preset in &all {
        assert!(!preset.about.is_empty() && !preset.numbers.is_empty(), "{}", preset.name);
        assert!(preset.window[0] < preset.window[1], "{}", preset.name);
        assert!(preset.numbers.iter().all(|n| n.cite.len() > 10), "{}", preset.name);
    }
}

#[test]
fn a_file_takes_a_preset_and_puts_its_own_keys_over_it() {
    let read = |edits: &[&str]| {
        let edits: Vec<Edit> = edits.iter().map(|e| Edit::new(*e)).collect();
        let library = Library::built_in();
        let spec = load(NETWORK.as_ref(), &edits, &library).unwrap_or_else(|r| panic!("{r}"));
        let Subject::Network { hardware, nonideal, .. } = &spec.subject else { panic!() };
        ([hardware.g_min, hardware.g_max], nonideal.clone(), spec.resolved.clone())
    };
    for preset in presets() {
        let name = preset.name.trim_start_matches("preset/");
        let (window, nonideal, resolved) = read(&[&format!("nonideal.preset={name}")]);
        assert_eq!((window, &nonideal), (preset.window, &preset.nonideal), "{name}");
        // What was read is written down with its numbers, and reads back without the preset.
        assert!(!resolved.contains("preset"), "{resolved}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("again.toml");
        std::fs::write(&file, &resolved).unwrap();
        for part in ["good.csv", "good.safetensors"] {
            let from = std::path::Path::new("tests/diagnostics/parts").join(part);
            std::fs::copy(from, folder.path().join(part)).unwrap();
        }
        let again = load(&file, &[], &Library::built_in()).unwrap_or_else(|r| panic!("{r}"));
        let Subject::Network { nonideal: again, .. } = again.subject else { panic!() };
        assert_eq!(again, nonideal, "{name}: {resolved}");
    }
    let (window, nonideal, _) = read(&[
        "nonideal.preset=pcm-mushroom",
        "nonideal.time={ age = \"1 d\", drift = { nu = 0.02 } }",
        "hardware.g-max=20 uS",
    ]);
    let of_preset = preset("pcm-mushroom").nonideal;
    assert_eq!(window, [0.25e-6, 20e-6]);
    assert_eq!(nonideal.time.age, 86_400.0);
    let (drift, theirs) = (nonideal.time.drift.unwrap(), of_preset.time.drift.unwrap());
    assert_eq!(drift.nu.at(0.3), 0.02);
    assert_eq!((drift.t0, drift.sigma), (theirs.t0, theirs.sigma));
    assert_eq!(nonideal.programming, of_preset.programming);
    let (window, ..) = read(&["nonideal.preset=ecram", "hardware.cell=cell/rram-1t1r"]);
    assert_eq!(window, [1e-6, 25e-6], "a cell that is named comes first");
}

/// Against the published fits, worked out by hand at one conductance.
#[test]
fn cells_of_presets_scatter_as_published() {
    let cells = |preset: &Preset, g: f64| {
        program_cells(&vec![g; 10_000], preset.window, &preset.nonideal, Seed::new(3)).g
    };
    let mut wan = preset("rram-hfox-wan");
    wan.nonideal.programming.levels = None;
    // x = 1/4: 0.348 + 4.0075 - 2.7408 + 0.7093 - 0.0657 = 2.2583 uS.
    check_moments(&cells(&wan, 10e-6), 10e-6, 2.2583e-6, "Wan, 1 s");
    wan.nonideal.time.age = 86_400.0;
    // 0.701 + 5.5215 - 3.1733 + 0.7359 - 0.0643 = 3.7208 uS; some cells would be below zero.
    let day = cells(&wan, 10e-6);
    let median = {
        let mut day = day.clone();
        day.sort_by(f64::total_cmp);
        (day[8413] - day[1587]) / 2.0
    };
    assert!((median / 3.7208e-6 - 1.0).abs() < 0.06, "{median:e}");

    let mut milo = preset("rram-hfox-milo");
    milo.nonideal.programming.levels = None;
    // At 100 uS: 4.782321 - 0.9107 = 3.871621 uS.
    check_moments(&cells(&milo, 100e-6), 100e-6, 3.871621e-6, "Milo");

    let mut pcm = preset("pcm-mushroom");
    // At 10 uS, x = 0.4: 0.26348 + 0.786 - 0.187696 = 0.861784 uS.
    check_moments(&cells(&pcm, 10e-6), 10e-6, 0.861784e-6, "PCM");
    pcm.nonideal.programming.measured = None;
    pcm.nonideal.time.age = 20.0 * 1e4;
    // At 2.5 uS, x = 0.1: nu = 0.06009, sigma = 0.02288.
    let nu: Vec<f64> =
        cells(&pcm, 2.5e-6).iter().map(|g| -(g / 2.5e-6).ln() / 1e4f64.ln()).collect();
    // Below zero in 4 of 1000: the rectified normal.
    let (m, s) = (-0.0155 * 0.1f64.ln() + 0.0244, -0.0125 * 0.1f64.ln() - 0.0059);
    let (mean, sd) = rectified(m, s);
    check_moments(&nu, mean, sd, "PCM drift");

    let mut hermes = preset("pcm-hermes");
    hermes.nonideal.programming.measured = None;
    hermes.nonideal.time.age = 200.0 * 1e4;
    // x = 0.5: nu = 0.0736 - 0.0063 - 0.0109 = 0.0564, sigma = 0.0104 + 0.0058 - 0.004125.
    let nu: Vec<f64> =
        cells(&hermes, 5.175e-6).iter().map(|g| -(g / 5.175e-6).ln() / 1e4f64.ln()).collect();
    check_moments(&nu, 0.0564, 0.012075, "HERMES drift");

    // 100 nA at 0.1 V: 19.88665 (1 - exp(-100 / 176.3115)) = 8.6086 nA.
    let sonos = preset("sonos");
    check_moments(&cells(&sonos, 1e-6), 1e-6, 86.086e-9, "SONOS");
}

/// Mean and deviation of `max(0, N(m, s))`.
fn rectified(m: f64, s: f64) -> (f64, f64) {
    let steps = 200_000;
    let (mut mean, mut square) = (0.0, 0.0);
    for k in 0..steps {
        let z = -8.0 + 16.0 * (f64::from(k) + 0.5) / f64::from(steps);
        let weight =
            (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() * 16.0 / f64::from(steps);
        let v = (m + s * z).max(0.0);
        mean += weight * v;
        square += weight * v * v;
    }
    (mean, (square - mean * mean).sqrt())
}

#[test]
fn every_preset_can_be_drawn() {
    for preset in presets() {
        let names: Vec<&str> = figures(&preset).iter().map(|figure| figure.name).collect();
        let moving = ["pcm-mushroom", "pcm-hermes"].iter().any(|name| preset.name.ends_with(name));
        let noise = moving.then_some("read-noise");
        let pulses = preset.nonideal.update.is_some().then_some("pulse-response");
        let wanted: Vec<&str> =
            ["programmed", "aged"].into_iter().chain(pulses).chain(noise).collect();
        assert_eq!(names, wanted, "{}", preset.name);
    }
}

#[test]
fn read_noise_of_phase_change_memory_is_that_of_its_model() {
    let sigma = |preset: &Preset, x: f64| {
        let flicker = preset.nonideal.read.flicker.clone().expect("flicker noise");
        let [from, to] = flicker.band;
        flicker.amplitude.at(x) * (to / from).ln().sqrt()
    };
    // aihwkit: Q sqrt(ln((t + t_read) / (2 t_read))), t from the first time of drift on.
    let wanted = |q: f64, t: f64, t_read: f64| q * ((t + t_read) / (2.0 * t_read)).ln().sqrt();
    for x in [0.003, 0.05, 0.3, 1.0f64] {
        let q = (0.0088 / x.powf(0.65)).min(0.2);
        let found = sigma(&preset("pcm-mushroom"), x);
        assert!((found / wanted(q, 20.0, 250e-9) - 1.0).abs() < 1e-6, "x = {x}");
        let q = match x < 0.1591 {
            true => (-0.0078 * x.ln() + 0.0038).clamp(0.0179, 0.04),
            false => 0.0664 * x.powi(3) - 0.1352 * x * x + 0.0768 * x + 0.0088,
        };
        let found = sigma(&preset("pcm-hermes"), x);
        assert!((found / wanted(q, 200.0, 512e-9) - 1.0).abs() < 1e-6, "x = {x}");
    }
}

/// The current of a cell in time has the spectrum that its equations say.
#[test]
fn the_spectrum_of_a_cell_is_that_of_its_equations() {
    let base = preset("pcm-mushroom").nonideal.read;
    let telegraph = Telegraph {
        share: 1.0,
        amplitude: Trend::Constant(0.3),
        amplitude_spread: 0.0,
        up: 2e-3,
        down: 1e-3,
        dwell_spread: 0.0,
    };
    let white = ReadNoise { thermal: 300.0, shot: 1.0, ..base.clone() };
    let blinks = ReadNoise { telegraph: Some(telegraph), flicker: None, ..base.clone() };
    for (what, noise) in [("flicker", base), ("white too", white), ("traps", blinks)] {
        let cell = HeldCell { noise: &noise, g: 20e-6, g_max: 25e-6, volts: 0.1 };
        const RUNS: usize = 4;
        let runs = (0..RUNS).map(|run| spectrum(&cell, Seed::new(2).index(run)));
        let runs: Vec<_> = runs.map(|found| found.expect("it moves")).collect();
        let points = runs[0].found.len();
        assert!(points >= 6, "{what}");
        // Means over segments, half of each shared with the next; Hann's window leaves an overlap
        // of 1/6 in amplitude. What is aliased adds 4 % at most.
        let error = |means: usize| 6.0 * (1.06 / (runs[0].segments * means) as f64).sqrt() + 0.04;
        let share = |k: usize| {
            let of_runs = runs.iter().map(|run| run.found[k][1]);
            of_runs.sum::<f64>() / RUNS as f64 / cell.density(runs[0].found[k][0])
        };
        let shares: Vec<f64> = (0..points).map(share).collect();
        let mean = shares.iter().sum::<f64>() / points as f64;
        assert!((mean - 1.0).abs() < error(RUNS * points), "{what}: {mean} of the law");
        for (share, [f, _]) in shares.iter().zip(&runs[0].found) {
            assert!((share - 1.0).abs() < error(RUNS), "{what} at {f} Hz: {share} of the law");
        }
    }
}
