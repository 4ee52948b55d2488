//! What stands between a network and its host.

use eqcircuit::compile::{Chip, Reading, compile, fabricate};
use eqcircuit::engine::{Behavioural, Drive, Engine, Nudge, Save, Until};
use eqcircuit::learn::{EquilibriumPropagation, Phases};
use eqcircuit::model::{Activation, EnergyModel, State};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{ArrayStyle, Converter, NonIdeal, NudgeSource, Precision};
use rand::RngExt;

use super::{check_moments, moments};
use crate::common::{hardware, layered, normal};

const V_UNIT: f64 = 0.2;
const FREE: Reading = Reading { phase: "free", first: 0 };

/// Inputs that are all driven by themselves, and as many outputs without neurons between.
fn wide(units: usize) -> EnergyModel {
    let mut model = layered(&[units, units], &[Activation::Identity; 2], 0.0, Seed::new(1));
    // Arrays are not what is tested.
    model.couplings.retain(|c| c.values().len() == units);
    model
}

fn with(units: usize, dac: Converter, adc: Converter) -> Chip {
    let model = wide(units);
    let mut nonideal = NonIdeal::default();
    (nonideal.periphery.dac, nonideal.periphery.adc) = (dac, adc);
    fabricate(&compile(&model, &hardware(&model, ArrayStyle::Twin)), &nonideal, Seed::new(6))
}

fn codes(bits: u32, range: f64) -> Converter {
    Converter { bits: Some(bits), range: Some(range), ..Converter::default() }
}

/// The volts that the lines carry for volts asked for.
fn driven(chip: &Chip, volts: &Mat) -> Mat {
    chip.lines(&volts.map(|v| v / V_UNIT)).expect("it converts").map(|x| x * V_UNIT)
}

/// The volts that the host reads of outputs at these volts.
fn read(chip: &Chip, volts: &Mat, reading: Reading) -> Mat {
    let inputs = Mat::zeros(volts.rows(), volts.cols());
    let state: State = vec![inputs, volts.map(|v| v / V_UNIT)];
    chip.read(&state, reading).expect("it converts")[1].map(|x| x * V_UNIT)
}

fn uniform(rows: usize, cols: usize, within: [f64; 2]) -> Mat {
    let mut rng = Seed::new(9).rng();
    Mat::from_fn(rows, cols, |_, _| rng.random_range(within[0]..within[1]))
}

#[test]
fn the_error_of_a_code_is_even_over_a_step() {
    for (unipolar, bits, steps) in [(false, 6, 31.0), (true, 5, 31.0), (false, 12, 2047.0)] {
        let spec = Converter { unipolar, ..codes(bits, 0.31) };
        let chip = with(40, spec, spec);
        let volts = uniform(100, 40, [if unipolar { 0.0 } else { -0.31 }, 0.31]);
        let step = 0.31 / steps;
        for found in [driven(&chip, &volts), read(&chip, &volts, FREE)] {
            let pairs = found.as_slice().iter().zip(volts.as_slice());
            let errors: Vec<f64> = pairs.map(|(to, from)| (to - from) / step).collect();
            assert!(errors.iter().all(|e| e.abs() <= 0.5 + 1e-9));
            check_moments(&errors, 0.0, (1.0f64 / 12.0).sqrt(), "error of a code");
        }
    }
}

#[test]
fn codes_keep_zero_and_end_at_the_range() {
    let chip = with(5, codes(3, 0.3), codes(3, 0.3));
    let volts = Mat::from_vec(1, 5, vec![0.0, 0.049, 0.051, 7.0, -7.0]);
    for found in [driven(&chip, &volts), read(&chip, &volts, FREE)] {
        for (found, wanted) in found.as_slice().iter().zip([0.0, 0.0, 0.1, 0.3, -0.3]) {
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        }
    }
    // One bit from 0 V on tells two voltages apart.
    let chip = with(3, Converter { unipolar: true, ..codes(1, 0.3) }, Converter::default());
    let found = driven(&chip, &Mat::from_vec(1, 3, vec![-1.0, 0.14, 0.16]));
    assert_eq!(found.as_slice(), [0.0, 0.0, 0.3]);
    // Without codes a range only cuts off.
    let chip = with(2, Converter { range: Some(0.3), ..Converter::default() }, codes(3, 0.3));
    assert_eq!(driven(&chip, &Mat::from_vec(1, 2, vec![0.123, 0.5])).as_slice(), [0.123, 0.3]);
}

#[test]
fn steps_of_a_driving_converter_differ_and_add_up() {
    let (units, bits, dnl) = (400, 7, 0.1);
    let chip = with(units, Converter { dnl, ..codes(bits, 0.63) }, Converter::default());
    let step = 0.01;
    let all = Mat::from_fn(127, units, |k, _| step * (k as f64 - 63.0));
    let levels = driven(&chip, &all).map(|v| v / step);
    let of = |k: usize, i: usize| levels[(k, i)] - (k as f64 - 63.0);
    // Fitted at both ends, each step keeps 125 of its 126 parts of variance.
    let steps: Vec<f64> = (0..126)
        .flat_map(|k| (0..units).map(move |i| (k, i)))
        .map(|(k, i)| levels[(k + 1, i)] - levels[(k, i)])
        .collect();
    check_moments(&steps, 1.0, dnl * (125.0f64 / 126.0).sqrt(), "steps");
    assert!(steps.iter().all(|s| *s >= 0.0));
    for end in [0, 126] {
        assert!((0..units).all(|i| of(end, i).abs() < 1e-9));
    }
    // The middle of a bridge.
    let middle: Vec<f64> = (0..units).map(|i| of(63, i)).collect();
    check_moments(&middle, 0.0, dnl * 126.0f64.sqrt() / 2.0, "the middle of the sum");
}

#[test]
fn codes_of_a_reading_converter_begin_where_its_curve_says() {
    let (units, step) = (600, 0.01);
    let spec = Converter { inl: 0.8, ..codes(7, 0.63) };
    let chip = with(units, Converter::default(), spec);
    // Where codes 0 and the highest begin, by bisection.
    let begins = |code: f64| -> Vec<f64> {
        let mut low = vec![-0.7; units];
        let mut high = vec![0.7; units];
        for _ in 0..45 {
            let middle: Vec<f64> = low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect();
            let found = read(&chip, &Mat::from_vec(1, units, middle.clone()), FREE);
            for (i, v) in found.as_slice().iter().enumerate() {
                let end = if *v > step * (code - 0.5) { &mut high } else { &mut low };
                end[i] = middle[i];
            }
        }
        low.iter().map(|v| v / step - (code - 0.5)).collect()
    };
    assert!(begins(63.0).iter().all(|e| e.abs() < 1e-6), "the ends are fitted");
    assert!(begins(-62.0).iter().all(|e| e.abs() < 1e-6), "the ends are fitted");
    // 126 places where codes begin, the bow of 125 steps is highest halfway.
    let height = |k: f64| 4.0 * (k / 125.0) * (1.0 - k / 125.0);
    check_moments(&begins(1.0), 0.0, 0.8 * height(63.0), "the bow");
    let (near, far) = (begins(1.0), begins(-30.0));
    for (near, far) in near.iter().zip(far) {
        assert!((far / near - height(32.0) / height(63.0)).abs() < 1e-6, "{far} {near}");
    }
}

#[test]
fn offset_and_gain_are_drawn_once_and_calibrated_out() {
    let spec = Converter { offset: 3e-3, gain: 0.02, ..Converter::default() };
    let chip = with(2_000, spec, spec);
    let zero = Mat::zeros(1, 2_000);
    let one = zero.map(|_| 0.1);
    let ways: [&dyn Fn(&Mat) -> Mat; 2] = [&|v| driven(&chip, v), &|v| read(&chip, v, FREE)];
    for way in ways {
        let offset = way(&zero);
        check_moments(offset.as_slice(), 0.0, 3e-3, "offset");
        let at = way(&one);
        let gain: Vec<f64> = (at.as_slice().iter().zip(offset.as_slice()))
            .map(|(at, offset)| (at - offset) / 0.1)
            .collect();
        check_moments(&gain, 1.0, 0.02, "gain");
    }
    assert_ne!(driven(&chip, &zero), read(&chip, &zero, FREE), "two kinds, two draws");
    let known = Converter { calibrated: true, ..spec };
    let chip = with(20, known, known);
    assert!(chip.lines(&Mat::zeros(1, 20)).is_none());
    let still = Converter { calibrated: true, ..codes(4, 0.2) };
    let even = with(20, still, Converter::default());
    let bits = Converter { offset: 3e-3, gain: 0.02, ..still };
    let same = with(20, bits, Converter::default());
    let volts = uniform(4, 20, [-0.2, 0.2]);
    assert_eq!(driven(&even, &volts), driven(&same, &volts));
}

#[test]
fn every_sample_has_its_own_noise_whatever_is_read_with_it() {
    let chip = with(50, Converter::default(), Converter { noise: 2e-3, ..Converter::default() });
    let zero = Mat::zeros(200, 50);
    let all = read(&chip, &zero, FREE);
    check_moments(all.as_slice(), 0.0, 2e-3, "noise of samples");
    assert_eq!(read(&chip, &zero, FREE), all);
    let other = read(&chip, &zero, Reading { phase: "high", first: 0 });
    let apart: Vec<f64> = all.as_slice().iter().zip(other.as_slice()).map(|(a, b)| a - b).collect();
    check_moments(&apart, 0.0, 2e-3 * 2.0f64.sqrt(), "two readings");
    let rest = read(&chip, &Mat::zeros(50, 50), Reading { phase: "free", first: 150 });
    assert_eq!(rest.as_slice(), &all.as_slice()[150 * 50..]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| read(&chip, &zero, FREE)), all);
}

#[test]
fn units_that_share_a_converter_are_off_alike() {
    let spec = Converter { offset: 3e-3, shared: 4, ..Converter::default() };
    let chip = with(10, spec, Converter::default());
    let found = driven(&chip, &Mat::zeros(1, 10));
    let v = found.as_slice();
    assert!(v[0] == v[3] && v[4] == v[7] && v[8] == v[9] && v[3] != v[4] && v[7] != v[8]);
}

fn problem() -> (EnergyModel, Mat, Mat) {
    let activations = [Activation::Identity, Activation::Tanh, Activation::Identity];
    let model = layered(&[12, 16, 6], &activations, 0.5, Seed::new(4));
    let clamp = normal(Seed::new(5), 24, 12, 1.0);
    let target = normal(Seed::new(6), 24, 6, 1.0);
    (model, clamp, target)
}

const UNTIL: Until = Until { settled: 1e-11, at_most: 1e-3, at_most_iterations: 100_000 };

fn engine(nonideal: &NonIdeal) -> (EnergyModel, Behavioural) {
    let (model, _, _) = problem();
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let chip = fabricate(&fabric, nonideal, Seed::new(3));
    (model, Behavioural::new(chip, Precision::F64).with_tolerance(1e-8, 1e-10))
}

/// The gradient is a difference of two readings over twice beta: its error falls by half with
/// every bit, and rises as beta falls.
#[test]
fn a_gradient_is_as_good_as_the_converter_that_reads_it() {
    let (_, clamp, target) = problem();
    let gradient = |nonideal: &NonIdeal, beta: f64| -> Vec<f64> {
        let (model, mut engine) = engine(nonideal);
        let rule = EquilibriumPropagation { beta, phases: Phases::Centred };
        let grad = rule.estimate(&mut engine, &model, &clamp, &target, &UNTIL).grad;
        grad.0.iter().flat_map(|m| m.as_slice().to_vec()).collect()
    };
    let error = |adc: Converter, beta: f64| {
        let exact = gradient(&NonIdeal::default(), beta);
        let mut nonideal = NonIdeal::default();
        nonideal.periphery.adc = adc;
        let found = gradient(&nonideal, beta);
        let apart: f64 = found.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
        (apart / exact.iter().map(|g| g * g).sum::<f64>()).sqrt()
    };
    let errors: Vec<f64> = [8, 10, 12, 14].map(|bits| error(codes(bits, 1.0), 0.1)).to_vec();
    for pair in errors.windows(2) {
        assert!((2.5..6.0).contains(&(pair[0] / pair[1])), "{errors:?}");
    }
    let betas: Vec<f64> = [0.4, 0.1, 0.025].map(|beta| error(codes(10, 1.0), beta)).to_vec();
    for pair in betas.windows(2) {
        assert!((2.5..6.0).contains(&(pair[1] / pair[0])), "{betas:?}");
    }
    // An offset is the same in both readings: what it does to products does not rise as beta
    // falls, as noise does.
    let offset = Converter { offset: 5e-3, ..Converter::default() };
    let noise = Converter { noise: 5e-3, ..Converter::default() };
    assert!((0.5..2.0).contains(&(error(offset, 0.025) / error(offset, 0.4))));
    assert!((8.0..32.0).contains(&(error(noise, 0.025) / error(noise, 0.4))));
}

#[test]
fn a_nudge_comes_in_codes() {
    let mut nonideal = NonIdeal::default();
    let (model, clamp, target) = problem();
    let scale = compile(&model, &hardware(&model, ArrayStyle::Twin)).layers[2].scale;
    let step = 0.3 * scale * V_UNIT / 7.0;
    nonideal.periphery.nudge.codes = Some((4, 7.0 * step));
    let (_, mut coded) = engine(&nonideal);
    let (_, mut exact) = engine(&NonIdeal::default());
    let settle = |engine: &mut Behavioural, nudge| {
        let drive = Drive { clamp: clamp.clone(), nudge };
        engine.settle(&drive, None, &UNTIL, &Save::End).state
    };
    // What is asked for, rounded by hand.
    let force = target.map(|v| 0.2 * v);
    let unit = step / (scale * V_UNIT);
    let by_hand = force.map(|f| unit * (f / unit).round().clamp(-7.0, 7.0));
    let a = settle(&mut coded, Nudge::Force(force.clone()));
    let b = settle(&mut exact, Nudge::Force(by_hand));
    let largest = |a: &State, b: &State| {
        let pairs = a.iter().zip(b).flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice()));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert!(largest(&a, &b) < 1e-9);
    let plain = settle(&mut exact, Nudge::Force(force.clone()));
    assert!(largest(&a, &plain) > 1e-3);
    // Of an elastic nudge what is set is the pull of the target.
    let beta = -0.25;
    let rounded = target.map(|t| unit * (beta * t / unit).round().clamp(-7.0, 7.0) / beta);
    let a = settle(&mut coded, Nudge::Toward { target: target.clone(), beta });
    let b = settle(&mut exact, Nudge::Toward { target: rounded, beta });
    assert!(largest(&a, &b) < 1e-9);
}

/// One unit without arrays: its leak carries what the source gives, `G u = I y (2 - y)`.
#[test]
fn a_source_falls_off_near_its_rail() {
    let model = wide(4);
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let plan = &fabric.layers[1];
    let mut nonideal = NonIdeal::default();
    // In units of how far a force of 1 moves a node.
    let far = plan.scale * V_UNIT / plan.total;
    let (limit, knee) = (2.0 * far, 1.5 * far);
    nonideal.periphery.nudge = NudgeSource { codes: None, compliance: Some((limit, knee)) };
    let chip = fabricate(&fabric, &nonideal, Seed::new(1));
    let mut engine = Behavioural::new(chip, Precision::F64);
    let unit = plan.scale * V_UNIT;
    let force = Mat::from_vec(1, 4, vec![0.1, 3.0, -3.0, -0.1]);
    let drive = Drive { clamp: Mat::zeros(1, 4), nudge: Nudge::Force(force.clone()) };
    let state = engine.settle(&drive, None, &UNTIL, &Save::End).state;
    let mut shares = Vec::new();
    for i in 0..4 {
        let u = state[1][(0, i)] * V_UNIT / plan.gain;
        let given = plan.total * u - plan.bias[i];
        let headroom = (limit - u * force[(0, i)].signum()) / knee;
        let y = headroom.clamp(0.0, 1.0);
        let wanted = unit * force[(0, i)] * y * (2.0 - y);
        assert!((given - wanted).abs() < 1e-8 * unit, "{i}: {given} {wanted}");
        shares.push(y);
    }
    assert!(shares.iter().any(|y| *y < 0.5) && shares.contains(&1.0), "{shares:?}");
}

/// A converter's draws do not hang on what else is off, and not on the other layers.
#[test]
fn converters_have_streams_of_their_own() {
    let spec = Converter { offset: 3e-3, ..Converter::default() };
    let alone = with(10, spec, Converter::default());
    let both = with(10, Converter { gain: 0.1, ..spec }, spec);
    let zero = Mat::zeros(1, 10);
    assert_eq!(driven(&alone, &zero), driven(&both, &zero));
    let (mean, sd) = moments(driven(&alone, &zero).as_slice());
    assert!(mean.abs() < 6.0 * sd);
}
