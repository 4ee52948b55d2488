//! Compilation and fabrication: what is made is what was wanted, and defects are drawn once, by
//! place, with the moments they claim.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

mod common;

use common::{hardware, layered, random_network};
use eqcircuit::compile::{Chip, Direction, Learning, compile, fabricate};
use eqcircuit::model::{Activation, Coupling, EnergyModel};
use eqcircuit::numerics::relative_difference;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{ArrayStyle, NonIdeal};

const STYLES: [ArrayStyle; 2] = [ArrayStyle::Twin, ArrayStyle::Shared];

fn weight_of(
    model: &EnergyModel,
    coupling: usize,
    direction: Direction,
    i: usize,
    j: usize,
) -> f64 {
    let Coupling::Dense { weight, .. } = &model.couplings[coupling] else { panic!("not dense") };
    match direction {
        Direction::Forward => weight[(i, j)],
        Direction::Backward => weight[(j, i)],
    }
}

fn big() -> EnergyModel {
    layered(&[100, 50, 10], &[Activation::Tanh; 3], 1.0, Seed::new(3))
}

fn chip(model: &EnergyModel, nonideal: &NonIdeal, seed: u64) -> Chip {
    fabricate(&compile(model, &hardware(model, ArrayStyle::Twin)), nonideal, Seed::new(seed))
}

#[test]
fn a_perfect_chip_makes_the_weights_and_balances_its_rows() {
    for style in STYLES {
        for trial in 0..20 {
            let seed = Seed::new(21).index(trial);
            let model = random_network(&Activation::ALL, 2.0, seed);
            let hardware = hardware(&model, style);
            let fabric = compile(&model, &hardware);
            let chip = fabricate(&fabric, &NonIdeal::default(), seed);
            for (a, array) in fabric.arrays.iter().enumerate() {
                let made = chip.weight(a);
                for i in 0..made.rows() {
                    for j in 0..made.cols() {
                        let w = weight_of(&model, array.coupling, array.direction, i, j);
                        assert!((made[(i, j)] - w).abs() < 1e-12, "{}[{i}, {j}]", array.name);
                        let pair = [array.plus[(i, j)], array.minus[(i, j)]];
                        for g in pair {
                            assert!(g >= hardware.g_min && g <= hardware.g_max * (1.0 + 1e-12));
                        }
                    }
                }
                // Tiles cover the array once.
                let covered: usize = array.tiles.iter().map(|t| t.post.len() * t.pre.len()).sum();
                assert_eq!(covered, made.rows() * made.cols());
                assert!(array.tiles.iter().all(|t| t.pre.len() <= 4 && t.post.len() <= 3));
            }
            for l in model.free_layers() {
                let plan = &fabric.layers[l.0];
                for total in chip.row_totals(l) {
                    assert!(relative_difference(total, plan.total, 0.0) < 1e-12);
                }
                assert!(plan.leak.iter().all(|&g| g >= hardware.g_leak * (1.0 - 1e-9)));
            }
        }
    }
}

#[test]
fn gain_is_at_least_the_largest_absolute_row_sum() {
    let model = big();
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let mut rows = vec![0.0; 50];
    for (_, array) in fabric.arrays_into(eqcircuit::model::LayerId(1)) {
        for (i, sum) in rows.iter_mut().enumerate() {
            for j in 0..array.plus.cols() {
                *sum += weight_of(&model, array.coupling, array.direction, i, j).abs();
            }
        }
    }
    let largest = rows.into_iter().fold(0.0, f64::max);
    assert!(fabric.layers[1].gain >= largest, "{} < {largest}", fabric.layers[1].gain);
}

#[test]
fn zero_non_ideality_changes_nothing_to_the_bit() {
    let model = big();
    for style in STYLES {
        let fabric = compile(&model, &hardware(&model, style));
        let chip = fabricate(&fabric, &NonIdeal::default(), Seed::new(9));
        for (cells, array) in chip.cells.iter().zip(&fabric.arrays) {
            assert_eq!(cells.plus, array.plus);
            assert_eq!(cells.minus, array.minus);
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_chip_and_another_a_different_one() {
    let model = big();
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = 0.2;
    bad.programming.sigma = 0.03;
    assert_eq!(chip(&model, &bad, 4), chip(&model, &bad, 4));
    assert_ne!(chip(&model, &bad, 4).cells, chip(&model, &bad, 5).cells);
}

/// 10,000 cells at mid-window: every weight is `+-w_max`, so half the cells are at `g_max`.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

#[test]
fn spread_is_lognormal_with_mean_one() {
    let model = big();
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = 0.2;
    let chip = chip(&model, &bad, 1);
    let (made, asked) = (&chip.cells[0].plus, &chip.fabric.arrays[0].plus);
    let logs: Vec<f64> =
        made.as_slice().iter().zip(asked.as_slice()).map(|(m, a)| (m / a).ln()).collect();
    let (mean, sd) = moments(&logs);
    // 5,000 cells: five standard errors, 2e-4 of a false alarm over all seeds, none for this one.
    assert!((mean + 0.02).abs() < 5.0 * 0.2 / 5000_f64.sqrt(), "mean {mean}");
    assert!((sd - 0.2).abs() < 5.0 * 0.2 / 10000_f64.sqrt(), "sd {sd}");
    assert_ne!(chip.cells[0].plus.as_slice()[0], chip.cells[0].minus.as_slice()[0]);
}

#[test]
fn programming_error_is_normal_in_the_window() {
    let model = big();
    let mut bad = NonIdeal::default();
    bad.programming.sigma = 0.01;
    let chip = chip(&model, &bad, 1);
    let window = 24e-6;
    let errors: Vec<f64> = (chip.cells[0].plus.as_slice().iter())
        .zip(chip.fabric.arrays[0].plus.as_slice())
        .map(|(m, a)| (m - a) / window)
        .collect();
    let (mean, sd) = moments(&errors);
    assert!(mean.abs() < 5.0 * 0.01 / 5000_f64.sqrt(), "mean {mean}");
    assert!((sd - 0.01).abs() < 5.0 * 0.01 / 10000_f64.sqrt(), "sd {sd}");
}

#[test]
fn stuck_cells_come_at_their_rates_and_stay_through_writes() {
    let model = big();
    let mut bad = NonIdeal::default();
    bad.fabrication.stuck_on = 0.05;
    bad.fabrication.stuck_off = 0.10;
    let mut chip = chip(&model, &bad, 1);
    let stuck = |chip: &Chip, g: f64| -> Vec<usize> {
        let made = chip.cells[0].minus.as_slice();
        let asked = chip.fabric.arrays[0].minus.as_slice();
        (0..made.len()).filter(|&k| made[k] == g && asked[k] != g).collect()
    };
    let on = stuck(&chip, 25e-6);
    // Binomial with n = 5,000: five standard deviations about 250.
    assert!((on.len() as f64 - 250.0).abs() < 5.0 * 15.4, "{} stuck on", on.len());
    // About half the minus cells ask for g_min anyway, so only the others show.
    let off = stuck(&chip, 1e-6);
    assert!((off.len() as f64 - 250.0).abs() < 5.0 * 16.0, "{} stuck off", off.len());

    let mut other = model.clone();
    for coupling in &mut other.couplings {
        coupling.values_mut().iter_mut().for_each(|w| *w *= -0.5);
    }
    let written = chip.write(&other);
    assert!(written.cells > 0 && written.clipped == 0);
    assert!(on.iter().all(|&k| chip.cells[0].minus.as_slice()[k] == 25e-6));
}

#[test]
fn levels_are_evenly_spaced() {
    let model = big();
    let mut bad = NonIdeal::default();
    bad.programming.levels = Some(4);
    let chip = chip(&model, &bad, 1);
    let mut seen = [0; 4];
    for (made, asked) in chip.cells.iter().zip(&chip.fabric.arrays) {
        let pairs = made.plus.as_slice().iter().zip(asked.plus.as_slice());
        for (made, asked) in pairs.chain(made.minus.as_slice().iter().zip(asked.minus.as_slice())) {
            let level = (made - 1e-6) / 8e-6;
            assert!((level - level.round()).abs() < 1e-9, "{made}");
            assert!((made - asked).abs() <= 4e-6 * (1.0 + 1e-9));
            seen[level.round() as usize] += 1;
        }
    }
    assert!(seen.iter().all(|&n| n > 0), "{seen:?}");
}

#[test]
fn shared_arrays_are_one_set_of_cells() {
    let model = big();
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = 0.2;
    bad.programming.sigma = 0.02;
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Shared));
    let chip = fabricate(&fabric, &bad, Seed::new(2));
    let back = fabric.arrays.iter().position(|a| a.shares.is_some()).expect("a backward array");
    let forward = fabric.arrays[back].shares.expect("shared");
    assert_eq!(chip.cells[back].plus, chip.cells[forward].plus.transposed());
    assert_eq!(chip.weight(back), chip.weight(forward).transposed());
}

#[test]
fn a_write_touches_only_what_changed_and_keeps_quirks() {
    let model = big();
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = 0.2;
    bad.programming.sigma = 0.02;
    let mut made = chip(&model, &bad, 8);
    let before = made.clone();
    assert_eq!(made.write(&model).cells, 0);
    assert_eq!(made.cells, before.cells);
    let mut other = model.clone();
    // Not the largest weight of the tensor, so the scale would not move either way.
    other.couplings[0].values_mut()[7] *= 0.5;
    let changed = made.write(&other);
    // One cell of the pair moves; the input is clamped, so there is no backward array.
    assert_eq!(changed.cells, 1);
    let moved = (0..5000)
        .filter(|&k| {
            made.cells[0].plus.as_slice()[k] != before.cells[0].plus.as_slice()[k]
                || made.cells[0].minus.as_slice()[k] != before.cells[0].minus.as_slice()[k]
        })
        .collect::<Vec<_>>();
    assert_eq!(moved, [7]);
}

#[test]
fn a_restored_chip_goes_on_as_the_one_it_was() {
    for style in STYLES {
        let model = big();
        let mut bad = NonIdeal::default();
        bad.fabrication.spread = 0.2;
        bad.fabrication.stuck_on = 0.01;
        bad.programming.sigma = 0.02;
        let made = || fabricate(&compile(&model, &hardware(&model, style)), &bad, Seed::new(4));
        let scaled = |by: f64| {
            let mut model = model.clone();
            for c in &mut model.couplings {
                c.values_mut().iter_mut().for_each(|w| *w *= by);
            }
            model
        };
        let mut old = made();
        old.write(&scaled(0.7));
        // Beyond the window, so that some are clipped; some cells keep their targets.
        let mut second = scaled(1.1);
        let kept = scaled(0.7);
        for (c, kept) in second.couplings.iter_mut().zip(&kept.couplings) {
            c.values_mut()[..20.min(kept.values().len() / 2)]
                .copy_from_slice(&kept.values()[..20.min(kept.values().len() / 2)]);
        }
        assert!(old.write(&second).clipped > 0);
        let mut new = made();
        new.restore(&second, old.cells.clone(), old.writes(), old.learning().clone());
        assert_eq!(new, old);
        let third = scaled(0.9);
        assert_eq!(new.write(&third), old.write(&third));
        assert_eq!(new, old);

        // A chip as fabricated comes back as fabricated.
        let mut fresh = made();
        fresh.restore(&model, made().cells, 0, Learning::default());
        assert_eq!(fresh, made());
    }
}

#[test]
fn weights_beyond_the_window_are_clipped_and_reported() {
    let model = big();
    let mut hardware = hardware(&model, ArrayStyle::Twin);
    hardware.w_max = Some(0.1);
    hardware.clip = true;
    let fabric = compile(&model, &hardware);
    assert!(!fabric.clipped.is_empty());
    assert!(fabric.clipped.iter().all(|c| c.weight.abs() > 0.1 && c.to.abs() == 0.1));
    let summary = fabric.summary();
    assert_eq!(summary.clipped.len(), fabric.clipped.len());
    assert_eq!(summary.conductance.counts.iter().sum::<usize>(), summary.cells);
    assert!(summary.to_string().contains("were clipped"));
}

#[test]
fn the_energy_of_a_perfect_chip_is_the_energy_of_its_model() {
    for trial in 0..10 {
        let seed = Seed::new(31).index(trial);
        let model = random_network(&Activation::ALL, 1.0, seed);
        let state = common::random_state(&model, 3, seed.child("state"));
        let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
        let chip = fabricate(&fabric, &NonIdeal::default(), seed);
        for (made, wanted) in chip.energy_parts(&state).iter().zip(model.energy(&state)) {
            assert_eq!(made.name, wanted.name);
            for (a, b) in made.value.iter().zip(wanted.value) {
                assert!(relative_difference(*a, b, 1.0) < 1e-11, "{}: {a} {b}", made.name);
            }
        }
    }
}
