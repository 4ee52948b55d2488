//! What moves while the hardware is read.

use eqcircuit::compile::{Chip, compile, fabricate};
use eqcircuit::engine::{Behavioural, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::model::{Activation, EnergyModel};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    ArrayStyle, Deviation, DeviationLaw, Disturb, Flicker, NonIdeal, Precision, ReadNoise,
    Telegraph, Trend,
};
use eqcircuit::units::{BOLTZMANN, ELEMENTARY_CHARGE};

use super::common::{hardware, layered, normal};
use super::{LIMIT, check_moments, moments};

const KT: f64 = BOLTZMANN * 300.0;
pub const INPUT: [f64; 3] = [0.7, -0.4, 0.9];

/// Linear nodes that see clamped inputs only.
pub fn nodes(count: usize) -> EnergyModel {
    layered(&[3, count], &[Activation::Identity; 2], 0.6, Seed::new(8))
}

pub fn made(model: &EnergyModel, read: ReadNoise, seed: u64) -> Chip {
    let fabric = compile(model, &hardware(model, ArrayStyle::Twin));
    fabricate(&fabric, &NonIdeal { read, ..NonIdeal::default() }, Seed::new(seed))
}

pub fn drive(samples: usize, input: &[f64]) -> Drive {
    let clamp = Mat::from_fn(samples, input.len(), |_, j| input[j]);
    Drive { clamp, nudge: Nudge::None }
}

pub fn settle(engine: &mut dyn Engine, drive: &Drive) -> Settled {
    let until = Until { settled: 1e-10, at_most: 1e-3, at_most_iterations: 0 };
    let settled = engine.settle(drive, None, &until, &Save::End);
    assert!(settled.outcome.iter().all(|o| o.is_settled()));
    settled
}

fn behavioural(chip: &Chip) -> Behavioural {
    Behavioural::new(chip.clone(), Precision::F64)
}

fn quiet(chip: &Chip) -> Behavioural {
    let mut chip = chip.clone();
    chip.nonideal.read = ReadNoise::default();
    behavioural(&chip)
}

/// What is read of each node beside where it rests, times `scale` of the node.
pub fn deviations(chip: &Chip, samples: usize, scale: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let rest = settle(&mut quiet(chip), &drive(1, &INPUT)).state;
    let noisy = settle(&mut behavioural(chip), &drive(samples, &INPUT)).state;
    let rows = noisy[1].iter_rows();
    rows.flat_map(|row| row.iter().zip(rest[1].row(0)).map(|(a, b)| a - b).collect::<Vec<_>>())
        .enumerate()
        .map(|(k, d)| {
            let i = k % rest[1].cols();
            d * scale(i, rest[1][(0, i)])
        })
        .collect()
}

/// Of the cells of a node: conductance and voltage \[S, V\], the node being at state `x`.
pub fn cells(chip: &Chip, i: usize, x: f64) -> Vec<(f64, f64)> {
    let (hardware, plan) = (&chip.fabric.hardware, &chip.fabric.layers[1]);
    let u = x * hardware.v_unit / plan.gain;
    let line = |j: usize| hardware.v_unit * INPUT[j];
    let cells = &chip.cells[0];
    (0..3)
        .flat_map(|j| [(cells.plus[(i, j)], line(j) - u), (cells.minus[(i, j)], -line(j) - u)])
        .collect()
}

/// `x` per ampere into a node at rest.
fn per_ampere(chip: &Chip) -> f64 {
    let plan = &chip.fabric.layers[1];
    plan.gain / chip.fabric.hardware.v_unit / plan.total
}

/// `x` per volt of a node.
fn per_volt(chip: &Chip) -> f64 {
    chip.fabric.layers[1].gain / chip.fabric.hardware.v_unit
}

fn fine(read: ReadNoise) -> ReadNoise {
    ReadNoise { step: 0.05, ..read }
}

#[test]
fn a_node_has_kt_over_c_whatever_its_conductance() {
    for (seed, g_leak) in [(1, 1e-6), (2, 200e-6)] {
        let model = nodes(10);
        let mut hardware = hardware(&model, ArrayStyle::Twin);
        hardware.g_leak = g_leak;
        let fabric = compile(&model, &hardware);
        let read = fine(ReadNoise { thermal: 300.0, ..ReadNoise::default() });
        let bad = NonIdeal { read, ..NonIdeal::default() };
        let chip = fabricate(&fabric, &bad, Seed::new(seed));
        let sigma = (KT / hardware.c_node).sqrt();
        let values = deviations(&chip, 4000, |_, _| 1.0 / (sigma * per_volt(&chip)));
        check_moments(&values, 0.0, 1.0, "thermal");
    }
}

#[test]
fn what_is_missing_of_kt_over_c_falls_as_the_square_of_the_step() {
    let model = nodes(40);
    let missing = |step: f64| {
        let chip = made(
            &model,
            ReadNoise { thermal: 300.0, step, hold: Some(1e-6), ..ReadNoise::default() },
            4,
        );
        let tau = chip.fabric.layers[1].tau;
        let hold = Some(8.0 * tau);
        let chip = made(&model, ReadNoise { hold, ..chip.nonideal.read.clone() }, 4);
        let sigma = (KT / chip.fabric.hardware.c_node).sqrt();
        let values = deviations(&chip, 5000, |_, _| 1.0 / (sigma * per_volt(&chip)));
        let (_, sd) = moments(&values);
        (1.0 - sd * sd, LIMIT * (2.0 / values.len() as f64).sqrt())
    };
    // Of a linear node, exactly.
    let law = |h: f64| {
        let (keeps, adds) = (1.0 - h + 0.5 * h * h, 1.0 - 0.5 * h);
        1.0 - 2.0 * h * adds * adds / (1.0 - keeps * keeps)
    };
    let found = [1.0, 0.5].map(|step| {
        let (missing, error) = missing(step);
        assert!((missing - law(step)).abs() < error, "step {step}: {missing}, not {}", law(step));
        missing
    });
    let order = (found[0] / found[1]).log2();
    assert!((1.8..2.4).contains(&order), "order {order} of {found:?}");
    assert!((law(0.02) / law(0.01) - 4.0).abs() < 0.05);
}

#[test]
fn thermal_noise_forgets_with_the_time_constant_of_its_node() {
    let hold = Some(1.0);
    let chip = made(&nodes(10), ReadNoise { thermal: 300.0, hold, ..ReadNoise::default() }, 4);
    let tau = chip.fabric.layers[1].tau;
    let read = ReadNoise { thermal: 300.0, hold: Some(10.0 * tau), ..fine(ReadNoise::default()) };
    let chip = made(&nodes(10), read, 4);
    // 20 of the moments are half a time constant apart.
    let until = Until { settled: 1e-10, at_most: 1e-3, at_most_iterations: 0 };
    let found = behavioural(&chip).settle(&drive(1200, &INPUT), None, &until, &Save::Points(40));
    let rest = settle(&mut quiet(&chip), &drive(1, &INPUT)).state;
    let trace = found.trace.expect("a trace");
    let noisy = &trace.states[trace.states.len() - 20..];
    let apart = trace.times[trace.times.len() - 1] - trace.times[trace.times.len() - 2];
    assert!((apart / tau - 0.5).abs() < 1e-9, "{}", apart / tau);
    assert_eq!(noisy[19], found.state, "the last moment is what is read");
    let sigma2 = KT / chip.fabric.hardware.c_node * per_volt(&chip).powi(2);
    for lag in [0, 1, 2, 4] {
        let pairs = noisy[19][1].as_slice().iter().zip(noisy[19 - lag][1].as_slice());
        let products: Vec<f64> = pairs
            .enumerate()
            .map(|(k, (a, b))| {
                let mean = rest[1].as_slice()[k % 10];
                (a - mean) * (b - mean) / sigma2
            })
            .collect();
        let (mean, sd) = moments(&products);
        let wanted = (-0.5 * lag as f64).exp();
        let error = LIMIT * sd / (products.len() as f64).sqrt();
        assert!((mean - wanted).abs() < error + 1e-3, "lag {lag}: {mean}, not {wanted}");
    }
}

#[test]
fn shot_noise_of_a_barrier_is_2qi_and_thermal_noise_at_zero_volts() {
    let read = fine(ReadNoise { thermal: 300.0, shot: 0.7, ..ReadNoise::default() });
    let chip = made(&nodes(10), read, 4);
    let sigma = |i: usize, x: f64| {
        let excess: f64 = cells(&chip, i, x)
            .iter()
            .map(|(g, v)| {
                let y = ELEMENTARY_CHARGE * v / (2.0 * KT);
                0.7 * g * (y / y.tanh() - 1.0)
            })
            .sum();
        let noise = 1.0 + excess / chip.fabric.layers[1].total;
        assert!(noise > 1.1, "shot noise does nothing: {noise}");
        per_volt(&chip) * (noise * KT / chip.fabric.hardware.c_node).sqrt()
    };
    check_moments(&deviations(&chip, 4000, |i, x| 1.0 / sigma(i, x)), 0.0, 1.0, "shot");
}

fn check_cells(read: ReadNoise, deviation: impl Fn(f64) -> f64, what: &str) {
    let chip = made(&nodes(10), ReadNoise { hold: Some(1.0), ..read.clone() }, 4);
    let hold = Some(12.0 * chip.fabric.layers[1].tau);
    let chip = made(&nodes(10), ReadNoise { hold, ..read }, 4);
    let sigma = |i: usize, x: f64| {
        let sum: f64 = cells(&chip, i, x).iter().map(|(g, v)| (deviation(*g) * v).powi(2)).sum();
        per_ampere(&chip) * sum.sqrt()
    };
    check_moments(&deviations(&chip, 2000, |i, x| 1.0 / sigma(i, x)), 0.0, 1.0, what);
}

#[test]
fn conductances_deviate_from_read_to_read() {
    let proportional = ReadNoise { proportional: 0.03, ..ReadNoise::default() };
    check_cells(proportional, |g| 0.03 * g, "proportional");
    let law = DeviationLaw::Saturating { top: 1e-6, scale: 4e-6 };
    let measured = Some(Deviation { reference: None, law });
    let both = ReadNoise { proportional: 0.03, measured, ..ReadNoise::default() };
    let sigma = |g: f64| ((0.03 * g).powi(2) + (1e-6 * (1.0 - (-g / 4e-6).exp())).powi(2)).sqrt();
    check_cells(both, sigma, "measured");
}

#[test]
fn flicker_noise_slower_than_a_read_has_the_variance_of_its_band() {
    let amplitude = Trend::Power { power: [0.01, -0.65], clip: [0.0, 0.05] };
    let flicker = Some(Flicker { amplitude, exponent: 1.0, band: [1.0, 1e6] });
    let read = ReadNoise { flicker, ..ReadNoise::default() };
    let sigma = |g: f64| {
        let a = (0.01 * (g / 25e-6).powf(-0.65)).min(0.05);
        g * a * 1e6f64.ln().sqrt()
    };
    check_cells(read, sigma, "flicker");
}

/// One process that is neither frozen nor white, through a node's own low pass.
#[test]
fn flicker_noise_as_fast_as_a_node_is_filtered_by_it() {
    let tau =
        made(&nodes(1), ReadNoise { hold: Some(1.0), thermal: 1.0, ..ReadNoise::default() }, 4)
            .fabric
            .layers[1]
            .tau;
    let corner = 0.3 / (2.0 * std::f64::consts::PI * tau);
    // A band so narrow that it is one process of this corner and of variance ln(1.01).
    let band = [corner / 1.01f64.sqrt(), corner * 1.01f64.sqrt()];
    let flicker = Some(Flicker { amplitude: Trend::Constant(0.1), exponent: 1.0, band });
    let read = fine(ReadNoise { flicker, hold: Some(30.0 * tau), ..ReadNoise::default() });
    let chip = made(&nodes(1), read, 4);
    let sigma = |i: usize, x: f64| {
        let sum: f64 = cells(&chip, i, x).iter().map(|(g, v)| (0.1 * g * v).powi(2)).sum();
        // An Ornstein-Uhlenbeck process of rate r through a low pass of rate 1: 1 / (1 + r).
        per_ampere(&chip) * (sum * 1.01f64.ln() / 1.3).sqrt()
    };
    check_moments(&deviations(&chip, 4000, |i, x| 1.0 / sigma(i, x)), 0.0, 1.0, "one process");
}

fn telegraph(up: f64, down: f64) -> Telegraph {
    Telegraph {
        share: 1.0,
        amplitude: Trend::Constant(0.2),
        amplitude_spread: 0.0,
        up,
        down,
        dwell_spread: 0.0,
    }
}

#[test]
fn traps_slower_than_a_read_make_a_cell_one_of_two() {
    let read = ReadNoise { telegraph: Some(telegraph(3.0, 1.0)), ..ReadNoise::default() };
    let tau = made(&nodes(1), read.clone(), 4).fabric.layers[1].tau;
    let chip = made(&nodes(1), ReadNoise { hold: Some(40.0 * tau), ..read }, 4);
    let rest = settle(&mut quiet(&chip), &drive(1, &INPUT)).state[1][(0, 0)];
    let own = cells(&chip, 0, rest);
    // All combinations of the six cells.
    let level = |mask: usize| -> f64 {
        let each = own.iter().enumerate();
        let current: f64 =
            each.map(|(k, (g, v))| 0.2 * g * v * (((mask >> k) & 1) as f64 - 0.75)).sum();
        per_ampere(&chip) * current
    };
    let levels: Vec<f64> = (0..64).map(level).collect();
    let found = deviations(&chip, 6000, |_, _| 1.0);
    let mut up = vec![0.0; 6];
    for d in &found {
        let (mask, off) = levels
            .iter()
            .enumerate()
            .map(|(mask, level)| (mask, (level - d).abs()))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        assert!(off < 1e-9, "{d} is none of the levels: {off}");
        (0..6).filter(|k| (mask >> k) & 1 == 1).for_each(|k| up[k] += 1.0);
    }
    for up in up {
        let (n, p) = (found.len() as f64, 0.75);
        assert!((up - n * p).abs() < LIMIT * (n * p * 0.25).sqrt(), "{up} of {n} are up");
    }
}

/// Telegraph noise is exponentially correlated: through a node's low pass, as flicker's processes.
#[test]
fn traps_as_fast_as_a_node_are_filtered_by_it() {
    let tau = made(&nodes(10), ReadNoise { thermal: 1.0, ..ReadNoise::default() }, 4).fabric.layers
        [1]
    .tau;
    // Forgets at 0.5 / tau, is up a quarter of the time.
    let blinking = telegraph(0.25 / 0.75 * 8.0 / 3.0 * 3.0 * tau, 8.0 * tau);
    let rate = tau * (1.0 / blinking.up + 1.0 / blinking.down);
    let share = blinking.up / (blinking.up + blinking.down);
    let read =
        ReadNoise { telegraph: Some(blinking), hold: Some(20.0 * tau), ..ReadNoise::default() };
    let chip = made(&nodes(10), fine(read), 4);
    let sigma = |i: usize, x: f64| {
        let sum: f64 = cells(&chip, i, x).iter().map(|(g, v)| (0.2 * g * v).powi(2)).sum();
        per_ampere(&chip) * (sum * share * (1.0 - share) / (1.0 + rate)).sqrt()
    };
    check_moments(&deviations(&chip, 3000, |i, x| 1.0 / sigma(i, x)), 0.0, 1.0, "blinking");
}

#[test]
fn as_many_cells_have_traps_as_is_said_and_they_spread() {
    let mut blinking = telegraph(2e-3, 1e-3);
    (blinking.share, blinking.amplitude_spread, blinking.dwell_spread) = (0.2, 0.3, 0.5);
    let read = ReadNoise { telegraph: Some(blinking), ..ReadNoise::default() };
    let bad = NonIdeal { read, ..NonIdeal::default() };
    let chip = super::chip(&bad, 3);
    let all: Vec<_> = [0, 1].iter().flat_map(|sign| chip.traps(0, *sign)).collect();
    let n = 10_000.0;
    let found = all.len() as f64;
    assert!((found - 0.2 * n).abs() < LIMIT * (n * 0.16f64).sqrt(), "{found} traps");
    let of = |f: &dyn Fn(usize) -> f64| (0..all.len()).map(f).collect::<Vec<f64>>();
    check_moments(&of(&|k| all[k].factor.ln()), 0.0, 0.3, "amplitude");
    check_moments(&of(&|k| (all[k].up / 2e-3).ln()), 0.0, 0.5, "up");
    check_moments(&of(&|k| (all[k].down / 1e-3).ln()), 0.0, 0.5, "down");
    assert!(all.windows(2).filter(|w| w[0].place < w[1].place).count() >= all.len() - 2);
}

#[test]
fn phases_of_a_presentation_share_what_is_slower_than_they_are() {
    let free = |read: ReadNoise| {
        let model = nodes(10);
        let chip = made(&model, read, 4);
        let mut engine = behavioural(&chip);
        let drive = drive(800, &INPUT);
        let first = settle(&mut engine, &drive);
        let until = Until { settled: 1e-10, at_most: 1e-3, at_most_iterations: 0 };
        let second = engine.settle(&drive, Some(&first.state), &until, &Save::End);
        let third = settle(&mut engine, &drive);
        let rest = settle(&mut quiet(&chip), &drive).state;
        let of = |found: &Settled| -> Vec<f64> {
            let pairs = found.state[1].as_slice().iter().zip(rest[1].as_slice());
            pairs.map(|(a, b)| a - b).collect()
        };
        [of(&first), of(&second), of(&third)]
    };
    let correlation = |a: &[f64], b: &[f64]| {
        let (sa, sb) = (moments(a).1, moments(b).1);
        a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (a.len() as f64 * sa * sb)
    };
    let error = LIMIT / 8000f64.sqrt();
    let flicker = |band| Some(Flicker { amplitude: Trend::Constant(0.01), exponent: 1.0, band });
    let slow = free(ReadNoise { flicker: flicker([1.0, 1e3]), ..ReadNoise::default() });
    // The second phase settles from elsewhere, to 1e-10.
    assert!(slow[0].iter().zip(&slow[1]).all(|(a, b)| (a - b).abs() < 1e-8));
    assert!(moments(&slow[0]).1 > 1e-4);
    assert!(correlation(&slow[0], &slow[2]).abs() < error);
    let fresh = free(ReadNoise { proportional: 0.01, ..ReadNoise::default() });
    assert!(correlation(&fresh[0], &fresh[1]).abs() < error);
    // Traps that forget 1 / e of where they are over a read of 5 time constants.
    let tau = made(&nodes(10), ReadNoise { thermal: 1.0, ..ReadNoise::default() }, 4).fabric.layers
        [1]
    .tau;
    let blinking = telegraph(10.0 * tau, 10.0 * tau);
    let traps = free(ReadNoise { telegraph: Some(blinking), ..ReadNoise::default() });
    let kept = correlation(&traps[0], &traps[1]);
    // An exponential correlation behind a low pass; what either phase has of its start is below 1 %.
    let (rate, hold) = (0.2f64, 5.0f64);
    let wanted = ((-rate * hold).exp() - rate * (-hold).exp()) / (1.0 - rate);
    assert!((kept - wanted).abs() < error + 0.015, "traps: {kept}, not {wanted}");
    // One process as slow as that.
    let corner = rate / tau / (2.0 * std::f64::consts::PI);
    let band = [corner / 1.01f64.sqrt(), corner * 1.01f64.sqrt()];
    let process = free(ReadNoise { flicker: flicker(band), ..ReadNoise::default() });
    let kept = correlation(&process[0], &process[1]);
    assert!((kept - wanted).abs() < error + 0.015, "a process: {kept}, not {wanted}");
}

#[test]
fn what_is_integrated_is_the_mean() {
    let model = nodes(10);
    let tau =
        made(&model, ReadNoise { thermal: 1.0, ..ReadNoise::default() }, 4).fabric.layers[1].tau;
    let read = ReadNoise {
        thermal: 300.0,
        hold: Some(12.0 * tau),
        integrate: 4.0 * tau,
        ..ReadNoise::default()
    };
    let chip = made(&model, fine(read), 4);
    let share = 2.0 / 4.0 * (1.0 - (1.0 - (-4.0f64).exp()) / 4.0);
    let sigma = (share * KT / chip.fabric.hardware.c_node).sqrt() * per_volt(&chip);
    check_moments(&deviations(&chip, 3000, |_, _| 1.0 / sigma), 0.0, 1.0, "mean over 4 tau");
}

fn everything() -> ReadNoise {
    let flicker = Flicker { amplitude: Trend::Constant(0.02), exponent: 1.1, band: [1e3, 1e9] };
    ReadNoise {
        thermal: 300.0,
        shot: 0.5,
        flicker: Some(flicker),
        telegraph: Some(Telegraph { share: 0.3, ..telegraph(1e-8, 3e-8) }),
        proportional: 0.01,
        ..ReadNoise::default()
    }
}

#[test]
fn noise_does_not_hang_on_threads_or_on_how_a_set_is_cut() {
    let model = layered(&[4, 6, 3], &[Activation::Tanh; 3], 0.6, Seed::new(47));
    let chip = made(&model, everything(), 4);
    let clamp = normal(Seed::new(5), 90, 4, 1.0);
    let part = |rows: std::ops::Range<usize>| Drive {
        clamp: Mat::from_fn(rows.len(), 4, |i, j| clamp[(rows.start + i, j)]),
        nudge: Nudge::None,
    };
    for precision in [Precision::F64, Precision::F32] {
        let until = Until { settled: 1e-4, at_most: 1e-3, at_most_iterations: 0 };
        let run = |engine: &mut Behavioural, rows: std::ops::Range<usize>| {
            let found = engine.settle(&part(rows), None, &until, &Save::End);
            found.state[2].as_slice().to_vec()
        };
        let threads = |n: usize, run: &mut (dyn FnMut() -> Vec<f64> + Send)| {
            rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(run)
        };
        let new = || Behavioural::new(chip.clone(), precision);
        let one = threads(1, &mut || run(&mut new(), 0..90));
        assert_eq!(threads(7, &mut || run(&mut new(), 0..90)), one);
        let mut engine = new();
        let cut = [0..1, 1..40, 40..90].map(|rows| run(&mut engine, rows)).concat();
        assert_eq!(cut, one, "cut in three");
        assert_eq!(engine.chip().unwrap().reads(), 90);
        let mut engine = new();
        engine.pass_reads(40);
        assert_eq!(run(&mut engine, 40..90), one[120..], "the first part elsewhere");
        let again = run(&mut engine, 40..90);
        assert_ne!(again, one[120..], "the next read has the same noise");
    }
}

#[test]
fn single_precision_reads_what_double_precision_does() {
    let model = layered(&[6, 8, 4], &[Activation::Tanh; 3], 0.6, Seed::new(3));
    let chip = made(&model, everything(), 4);
    let drive = Drive { clamp: normal(Seed::new(5), 50, 6, 1.0), nudge: Nudge::None };
    let until = Until { settled: 1e-5, at_most: 1e-3, at_most_iterations: 0 };
    let [a, b] = [Precision::F64, Precision::F32].map(|precision| {
        Behavioural::new(chip.clone(), precision).settle(&drive, None, &until, &Save::End).state
    });
    for (a, b) in a[2].as_slice().iter().zip(b[2].as_slice()) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn reading_takes_cells_along_a_stretched_exponential() {
    let mut bad = NonIdeal::default();
    bad.time.reads = 1e6;
    let disturb = Disturb { after: 3e7, shape: 0.6, toward: 25e-6, voltage: None };
    bad.time.disturb = Some(disturb);
    let read = |bad: &NonIdeal| {
        let window = [1e-6, 25e-6];
        eqcircuit::compile::program_cells(&[5e-6], window, bad, Seed::new(1)).g[0]
    };
    let wanted = |reads: f64| 25e-6 - 20e-6 * (-(reads / 3e7f64).powf(0.6)).exp();
    assert!((read(&bad) / wanted(1e6) - 1.0).abs() < 1e-12);
    bad.time.disturb = Some(Disturb { voltage: Some([0.3, 0.2, 0.05]), ..disturb });
    assert!((read(&bad) / wanted(1e6 * 2f64.exp()) - 1.0).abs() < 1e-12);
    bad.time.reads = 0.0;
    assert_eq!(read(&bad), 5e-6);
}
