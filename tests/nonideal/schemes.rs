//! Ways to give cells their pulses: thresholds, one way with refreshing, references, trains on the
//! lines of an array, and two arrays.

use eqcircuit::compile::{Cells, Chip, compile, fabricate};
use eqcircuit::model::{Activation, EnergyModel, Outer};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    ArrayStyle, Fabrication, Hardware, NonIdeal, PairStyle, Reference, Refresh, Rounding, StepLaw,
    TrainKind, Trains, Transfer, Update,
};

use super::{LIMIT, big, check_moments, hardware, layered, moments};

const STEP: f64 = 0.24e-6;
/// Half of the window.
const HALF: f64 = 12e-6;

fn even(law: StepLaw) -> Update {
    Update { law, step: STEP, rounding: Rounding::Nearest, ..Update::default() }
}

fn paired(model: &EnergyModel, pair: PairStyle) -> Hardware {
    Hardware { pair, ..hardware(model, ArrayStyle::Twin) }
}

fn made(model: &EnergyModel, pair: PairStyle, update: &Update, seed: u64) -> Chip {
    let bad = NonIdeal { update: Some(update.clone()), ..NonIdeal::default() };
    fabricate(&compile(model, &paired(model, pair)), &bad, Seed::new(seed))
}

/// Both cells of every pair of the first array.
fn pairs(chip: &Chip) -> Vec<[f64; 2]> {
    let Cells { plus, minus } = &chip.cells[0];
    plus.as_slice().iter().zip(minus.as_slice()).map(|(p, m)| [*p, *m]).collect()
}

fn position(g: f64) -> f64 {
    (g - 13e-6) / HALF
}

/// The first coupling's weights, all moved by so many steps of their cells.
fn moved(chip: &Chip, steps: f64) -> EnergyModel {
    let mut model = chip.fabric.model.clone();
    let array = &chip.fabric.arrays[0];
    let by = steps * STEP / chip.fabric.layers[array.post.0].scale;
    model.couplings[0].values_mut().iter_mut().for_each(|w| *w += by);
    model
}

#[test]
fn what_is_owed_is_paid_in_whole_steps_and_nothing_is_lost() {
    let run = |threshold: Option<f64>, writes: usize| {
        let update = Update { threshold, ..even(StepLaw::Constant) };
        let mut chip = made(&big(), PairStyle::Reference, &update, 5);
        let before = pairs(&chip);
        let pulses: usize = (0..writes)
            .map(|_| {
                let model = moved(&chip, 0.3);
                chip.write(&model).pulses
            })
            .sum();
        let after = pairs(&chip);
        let far = |[p, _]: [f64; 2]| position(p).abs() < 0.5;
        let steps: Vec<f64> = before
            .iter()
            .zip(&after)
            .filter(|(b, _)| far(**b))
            .map(|(b, a)| (a[0] - b[0]) / STEP)
            .collect();
        assert!(steps.len() > 1000);
        (steps, pulses)
    };
    // 0.3 of a step eleven times is 3.3: rounded one by one it is nothing.
    let (lost, none) = run(None, 11);
    assert!(lost.iter().all(|steps| *steps == 0.0) && none == 0);
    for (threshold, paid) in [(1.0, 3.0), (2.0, 2.0), (3.1, 3.0), (4.0, 0.0)] {
        let (steps, _) = run(Some(threshold * STEP), 11);
        assert!(steps.iter().all(|s| (s - paid).abs() < 1e-9), "{threshold}: {:?}", &steps[..4]);
    }
}

#[test]
fn one_way_cells_only_rise_and_their_difference_follows() {
    let update = Update { one_way: true, ..even(StepLaw::Constant) };
    let mut chip = made(&big(), PairStyle::OneSided, &update, 5);
    let first = pairs(&chip);
    for steps in [5.0, -9.0, 2.0] {
        let before = pairs(&chip);
        let model = moved(&chip, steps);
        chip.write(&model);
        let rises = |(b, a): (&[f64; 2], &[f64; 2])| a[0] >= b[0] && a[1] >= b[1];
        assert!(before.iter().zip(&pairs(&chip)).all(rises));
    }
    // 5 + 2 up, 9 down; cells near the top end are cut off.
    let mut seen = 0;
    for (b, a) in first.iter().zip(&pairs(&chip)).filter(|(b, _)| b[0].max(b[1]) < 20e-6) {
        assert!((a[0] - b[0] - 7.0 * STEP).abs() < 1e-15, "{a:?} from {b:?}");
        assert!((a[1] - b[1] - 9.0 * STEP).abs() < 1e-15, "{a:?} from {b:?}");
        seen += 1;
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn a_refresh_lowers_both_cells_and_keeps_their_difference() {
    let run = |refresh: Option<Refresh>| {
        let update = Update { one_way: true, refresh, ..even(StepLaw::Constant) };
        let mut chip = made(&big(), PairStyle::OneSided, &update, 5);
        for steps in [20.0, -20.0] {
            let model = moved(&chip, steps);
            chip.write(&model);
        }
        pairs(&chip)
    };
    let worn = run(None);
    let all = run(Some(Refresh { every: Some(2), above: None }));
    for (w, a) in worn.iter().zip(&all) {
        assert!((a[0].min(a[1]) - 1e-6).abs() < 1e-18, "{a:?}");
        assert!((a[0] - a[1] - (w[0] - w[1])).abs() < 1e-15, "{a:?} of {w:?}");
    }
    // Only after as many writes as were told.
    assert_eq!(run(Some(Refresh { every: Some(3), above: None })), worn);
    let (mut lowered, mut left) = (0, 0);
    for (w, a) in worn.iter().zip(&run(Some(Refresh { every: None, above: Some(0.5) }))) {
        // A pair may have been due after the first write already, when one cell was lower.
        if w == a {
            assert!(w[0].max(w[1]) <= 13e-6 + 1e-12, "{w:?} was due");
            left += 1;
        } else {
            assert!((a[0].min(a[1]) - 1e-6).abs() < 1e-18 || a[0].max(a[1]) <= 13e-6, "{a:?}");
            lowered += 1;
        }
    }
    assert!(lowered > 500 && left > 500, "{lowered} {left}");
}

/// The middle of a pulse up and one down of soft bounds, worked out by hand: up `w + u (1 - w/h)`,
/// then down `w - d (1 - w/l)`.
fn turning_point(u: f64, d: f64, low: f64, high: f64) -> f64 {
    let back = 1.0 + d / low;
    (u * back - d) / (1.0 - (1.0 - u / high) * back)
}

#[test]
fn references_stand_where_a_pulse_up_and_one_down_undo_each_other() {
    let step = STEP / HALF;
    let update = Update {
        asymmetry: 0.2,
        reference: Some(Reference { pulses: 3000, error: 0.0 }),
        ..even(StepLaw::SoftBounds)
    };
    let chip = made(&big(), PairStyle::Reference, &update, 5);
    let point = turning_point(1.2 * step, 0.8 * step, -1.0, 1.0);
    let asked = &chip.fabric.arrays[0];
    for ([plus, minus], target) in pairs(&chip).iter().zip(asked.plus.as_slice()) {
        assert!((position(*minus) - point).abs() < 1e-7, "{} is not {point}", position(*minus));
        // Weights are what they were.
        assert!((plus - minus - (target - 13e-6)).abs() < 1e-15);
    }
    // Devices of their own, and an error of programming.
    let spread = Update { asymmetry: 0.0, asymmetry_spread: 0.1, ..update.clone() };
    let points = |update: &Update| -> Vec<f64> {
        pairs(&made(&big(), PairStyle::Reference, update, 5)).iter().map(|p| p[1]).collect()
    };
    let found = points(&spread);
    let (mean, sd) = moments(&found);
    // To first order w = beta, the asymmetry of the device.
    assert!((position(mean)).abs() < 0.01 && (sd / HALF - 0.1).abs() < 0.005, "{mean:e} {sd:e}");
    let error = Reference { pulses: 3000, error: 0.2e-6 };
    let off: Vec<f64> = points(&Update { reference: Some(error), ..spread.clone() })
        .iter()
        .zip(&found)
        .map(|(with, without)| with - without)
        .collect();
    check_moments(&off, 0.0, 0.2e-6, "errors of references");
}

/// A change of the first coupling's weights worth so many steps of cells a sample.
fn outer(chip: &Chip, steps: f64, samples: usize) -> Vec<Option<Outer>> {
    let array = &chip.fabric.arrays[0];
    let by = steps * STEP / chip.fabric.layers[array.post.0].scale;
    let sign = |k: usize| if k.is_multiple_of(3) { -1.0 } else { 1.0 };
    let of =
        |rows: usize, size: usize, f: &dyn Fn(usize) -> f64| Mat::from_fn(rows, size, |_, k| f(k));
    let post =
        of(samples, array.plus.rows(), &|i| by * sign(i) * (0.2 + 0.8 * (i % 5) as f64 / 4.0));
    let pre = of(samples, array.plus.cols(), &|j| sign(j + 1) * (0.1 + 0.9 * (j % 7) as f64 / 6.0));
    let mut all = vec![None; chip.fabric.model.couplings.len()];
    all[0] = Some(Outer { post, pre, per_sample: 1 });
    all
}

fn trained(kind: TrainKind) -> Update {
    Update { trains: Some(Trains { length: 31, kind }), ..even(StepLaw::Constant) }
}

#[test]
fn trains_move_cells_by_what_they_are_asked_to_on_the_mean() {
    for pair in [PairStyle::Reference, PairStyle::OneSided] {
        let update = Update {
            one_way: pair == PairStyle::OneSided,
            noise: 0.3,
            ..trained(TrainKind::Stochastic)
        };
        let (mut sum, mut variance, mut cells) = (0.0, 0.0, 0);
        let (mut squares, mut of_squares) = (0.0, 0.0);
        for seed in 0..4 {
            let mut chip = made(&big(), pair, &update, seed);
            let by = outer(&chip, 3.0, 1);
            let before = pairs(&chip);
            let model = chip.fabric.model.clone();
            let written = chip.teach(&model, &by);
            assert!(written.pulses > 0 && written.cells > 0);
            let asked = by[0].as_ref().unwrap().sum();
            let scale = chip.fabric.layers[chip.fabric.arrays[0].post.0].scale;
            let all = before.iter().zip(pairs(&chip)).zip(asked.as_slice());
            for ((b, a), asked) in all.filter(|((b, _), _)| b[0].max(b[1]) < 20e-6 && b[0] > 6e-6) {
                let found = (a[0] - b[0] - (a[1] - b[1])) / STEP;
                let mean = asked * scale / STEP;
                // Of a binomial number of noisy pulses.
                let p = mean.abs() / 31.0;
                let of_one = 31.0 * p * (1.0 - p) + 0.3 * 0.3 * mean.abs();
                // In the direction asked for, so that a wrong sign cannot average out.
                sum += (found - mean) * mean.signum();
                variance += of_one;
                squares += (found - mean).powi(2);
                of_squares += of_one;
                cells += 1;
            }
        }
        assert!(cells > 1000, "{cells}");
        // Cells of a line share its train: columns and rows alike tie up to 100 cells together.
        let error = (variance * 20.0).sqrt();
        assert!(sum.abs() < LIMIT * error, "{pair:?}: {sum} with an error of {error}");
        let ratio = squares / of_squares;
        assert!((ratio - 1.0).abs() < 0.15, "{pair:?}: variance is off by {ratio}");
    }
}

#[test]
fn trains_do_not_hang_on_threads_and_rest_where_nothing_is_asked() {
    let update = Update {
        noise: 0.3,
        step_spread: 0.2,
        reference: Some(Reference { pulses: 50, error: 0.0 }),
        transfer: Some(Transfer { every: 3, rate: 0.5, gain: 2.0 }),
        ..trained(TrainKind::Stochastic)
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut chip = made(&big(), PairStyle::Reference, &update, 3);
            let (by, model) = (outer(&chip, 2.0, 20), chip.fabric.model.clone());
            let written = [chip.teach(&model, &by), chip.teach(&model, &by)];
            (chip, written)
        })
    };
    let (chip, written) = run(1);
    assert!(written[0].pulses > 0);
    assert_eq!(chip.learning().samples, 40);
    assert_eq!(run(2), (chip.clone(), written));
    assert_eq!(run(5), (chip, written));

    let mut still = made(&big(), PairStyle::Reference, &trained(TrainKind::Stochastic), 3);
    let (by, model) = (outer(&still, 0.0, 20), still.fabric.model.clone());
    let before = still.cells.clone();
    assert_eq!(still.teach(&model, &by).pulses, 0);
    assert_eq!(still.cells, before);
}

#[test]
fn a_chip_that_is_put_back_learns_on_to_the_same_bits() {
    let of_trains = Update {
        noise: 0.3,
        transfer: Some(Transfer { every: 2, rate: 0.5, gain: 1.0 }),
        ..trained(TrainKind::Stochastic)
    };
    let of_host = Update { threshold: Some(2.5 * STEP), noise: 0.3, ..even(StepLaw::SoftBounds) };
    for update in [of_trains, of_host] {
        let step = |chip: &mut Chip| match chip.learns_by_trains() {
            true => {
                let (by, model) = (outer(chip, 2.0, 5), chip.fabric.model.clone());
                chip.teach(&model, &by)
            }
            false => {
                let model = moved(chip, 0.7);
                chip.write(&model)
            }
        };
        let mut straight = made(&big(), PairStyle::Reference, &update, 3);
        (0..4).for_each(|_| _ = step(&mut straight));
        let mut half = made(&big(), PairStyle::Reference, &update, 3);
        (0..2).for_each(|_| _ = step(&mut half));
        let mut resumed = made(&big(), PairStyle::Reference, &update, 3);
        let model = half.fabric.model.clone();
        resumed.restore(&model, half.cells.clone(), half.writes(), half.learning().clone());
        (0..2).for_each(|_| _ = step(&mut resumed));
        assert_eq!(resumed, straight);
    }
}

/// A layer of one weight a cell, trained toward target weights by noisy single samples.
fn regress(update: &Update, samples: usize) -> (Vec<f64>, Vec<f64>) {
    let model = layered(&[8, 6], &[Activation::Identity; 2], 0.5, Seed::new(3));
    let mut wide = paired(&model, PairStyle::Reference);
    wide.w_max = Some(1.0);
    let fabrication = Fabrication::default();
    let bad = NonIdeal { update: Some(update.clone()), fabrication, ..NonIdeal::default() };
    let mut chip = fabricate(&compile(&model, &wide), &bad, Seed::new(11));
    let target = |i: usize, j: usize| 0.45 * if (i + j).is_multiple_of(2) { 1.0 } else { -1.0 };
    let mut rng = Seed::new(12).rng();
    let mut tail = vec![0.0; 48];
    let rate = 0.02;
    for n in 0..samples {
        use rand::RngExt;
        let weight = chip.weight(0);
        let j = n % 8;
        // One input is lit; labels are noisy, so that pulses never cease.
        let post: Vec<f64> = (0..6)
            .map(|i| {
                let noise: f64 = 2.0 * rng.random::<f64>() - 1.0;
                rate * (target(i, j) - weight[(i, j)] + 0.8 * noise)
            })
            .collect();
        let pre: Vec<f64> = (0..8).map(|k| if k == j { 1.0 } else { 0.0 }).collect();
        let by =
            Outer { post: Mat::from_vec(1, 6, post), pre: Mat::from_vec(1, 8, pre), per_sample: 1 };
        let mut all = vec![None; chip.fabric.model.couplings.len()];
        all[0] = Some(by);
        let same = chip.fabric.model.clone();
        chip.teach(&same, &all);
        if n >= samples / 2 {
            for (sum, w) in tail.iter_mut().zip(chip.weight(0).as_slice()) {
                *sum += w / (samples - samples / 2) as f64;
            }
        }
    }
    let targets = (0..48).map(|k| target(k / 8, k % 8)).collect();
    (tail, targets)
}

#[test]
fn two_arrays_find_the_weights_that_plain_pulses_on_uneven_devices_miss() {
    let plain = Update {
        law: StepLaw::SoftBounds,
        step: STEP,
        trains: Some(Trains { length: 31, kind: TrainKind::Stochastic }),
        ..Update::default()
    };
    let short = |(found, targets): (Vec<f64>, Vec<f64>)| -> f64 {
        // How far from zero, in the direction of the target, as a share of it.
        found.iter().zip(&targets).map(|(w, t)| w / t).sum::<f64>() / found.len() as f64
    };
    let single = short(regress(&plain, 16_000));
    let two = Update { transfer: Some(Transfer { every: 1, rate: 0.2, gain: 1.0 }), ..plain };
    let carried = short(regress(&two, 16_000));
    // Noise pulls devices toward where a pulse up and one down undo each other, here the middle.
    // A pulse up is 1 - w, one down 1 + w: with errors e of mean m and mean size a it rests where
    // m = a w, at a share of the target that the noise sets.
    assert!(single < 0.75, "plain pulses come to {single} of the target");
    assert!((carried - 1.0).abs() < 0.1, "two arrays come to {carried} of the target");
}
