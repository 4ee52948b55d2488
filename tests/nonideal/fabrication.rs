//! What is made once.

use eqcircuit::compile::{Chip, compile, expand, fabricate};
use eqcircuit::engine::{Behavioural, Drive, Engine, Nudge, Save, Until};
use eqcircuit::model::{Activation, LayerId};
use eqcircuit::netlist::Device;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    Along, ArrayStyle, Cluster, Law, NeuronSpread, NonIdeal, Precision, Spread, StuckAt,
};

use super::{LIMIT, big, check_moments, chip, moments};
use crate::common::{hardware, layered, normal};

/// Of each cell of the widest array: what was asked and what was made.
fn cells(chip: &Chip) -> Vec<(f64, f64)> {
    let (made, asked) = (&chip.cells[0], &chip.fabric.arrays[0]);
    let plus = asked.plus.as_slice().iter().zip(made.plus.as_slice());
    let minus = asked.minus.as_slice().iter().zip(made.minus.as_slice());
    plus.chain(minus).map(|(asked, made)| (*asked, *made)).collect()
}

#[test]
fn windows_of_cells_spread_as_told() {
    for law in [Law::Lognormal, Law::Normal] {
        let mut bad = NonIdeal::default();
        bad.fabrication.g_min = Spread { sigma: 0.2, law };
        let factors: Vec<f64> =
            cells(&chip(&bad, 2)).iter().filter(|c| c.0 == 1e-6).map(|c| c.1 / 1e-6).collect();
        assert!(factors.len() >= 4_900, "one cell of each pair rests");
        match law {
            Law::Normal => check_moments(&factors, 1.0, 0.2, "normal g-min"),
            Law::Lognormal => {
                let logs: Vec<f64> = factors.iter().map(|f| f.ln()).collect();
                check_moments(&logs, -0.02, 0.2, "lognormal g-min");
            }
        }
        // A cell goes from end to end of its own window: in the middle half of each end counts.
        let mut bad = NonIdeal::default();
        bad.fabrication.g_max = Spread { sigma: 0.1, law };
        let shares: Vec<f64> = (cells(&chip(&bad, 3)).iter())
            .filter(|c| c.0 > 2e-6)
            .map(|&(asked, made)| {
                let reach = (asked - 1e-6) / 24e-6;
                ((made - 1e-6) / reach + 1e-6) / 25e-6
            })
            .collect();
        let sd = match law {
            Law::Normal => 0.1,
            Law::Lognormal => (0.01f64.exp() - 1.0).sqrt(),
        };
        check_moments(&shares, 1.0, sd, "g-max");
    }
}

#[test]
fn stuck_cells_have_their_rates_with_and_without_clusters() {
    let shapes = [None, Some(Along::Word), Some(Along::Bit), Some(Along::Patch)];
    for along in shapes {
        let mut bad = NonIdeal::default();
        bad.fabrication.stuck_on = 0.04;
        bad.fabrication.stuck_off = 0.06;
        bad.fabrication.stuck_at = vec![
            StuckAt { rate: 0.03, between: [7e-6; 2] },
            StuckAt { rate: 0.05, between: [30e-6, 40e-6] },
        ];
        bad.fabrication.cluster = along.map(|along| Cluster { mean: 6.0, along });
        // Noise tells the cells that are not stuck from those that are.
        bad.programming.sigma = 0.01;
        let mut shares = vec![Vec::new(); 4];
        let mut between = Vec::new();
        for seed in 0..40 {
            let cells = cells(&chip(&bad, seed));
            let share = |is: &dyn Fn(f64) -> bool| {
                cells.iter().filter(|c| is(c.1)).count() as f64 / cells.len() as f64
            };
            shares[0].push(share(&|g| g == 25e-6));
            shares[1].push(share(&|g| g == 1e-6));
            shares[2].push(share(&|g| g == 7e-6));
            shares[3].push(share(&|g| (30e-6..40e-6).contains(&g)));
            between.extend(cells.iter().map(|c| c.1).filter(|g| (30e-6..40e-6).contains(g)));
        }
        for (shares, rate) in shares.iter().zip([0.04, 0.06, 0.03, 0.05]) {
            let (mean, sd) = moments(shares);
            let error = sd / (shares.len() as f64).sqrt();
            assert!((mean - rate).abs() < LIMIT * error, "{along:?}: {mean} of {rate}");
            assert!(error < 0.1 * rate, "{along:?}: too few to tell");
        }
        check_moments(&between, 35e-6, 10e-6 / 12f64.sqrt(), "stuck between");
    }
}

/// Of a Boolean model of segments with geometric lengths, neither of two neighbours is covered
/// with probability `(1 - p)^((m + 1) / m)`; across the segments they are independent.
#[test]
fn clusters_run_along_their_lines() {
    for along in [Along::Word, Along::Bit] {
        let mut bad = NonIdeal::default();
        bad.fabrication.stuck_at = vec![StuckAt { rate: 0.1, between: [90e-6; 2] }];
        bad.fabrication.cluster = Some(Cluster { mean: 5.0, along });
        let mut free = [Vec::new(), Vec::new()];
        for seed in 0..60 {
            let chip = chip(&bad, seed);
            let made = &chip.cells[0].plus;
            let stuck = |i: usize, j: usize| made[(i % 50, j % 100)] == 90e-6;
            let pairs = |di: usize, dj: usize| {
                let all = (0..50).flat_map(|i| (0..100).map(move |j| (i, j)));
                all.filter(|&(i, j)| !stuck(i, j) && !stuck(i + di, j + dj)).count() as f64 / 5e3
            };
            // Outputs are rows: a word line is a column.
            let (word, bit) = (pairs(1, 0), pairs(0, 1));
            let pair = if along == Along::Word { [word, bit] } else { [bit, word] };
            free.iter_mut().zip(pair).for_each(|(all, p)| all.push(p));
        }
        for (shares, wanted) in free.iter().zip([0.9f64.powf(6.0 / 5.0), 0.81]) {
            let (mean, sd) = moments(shares);
            let error = sd / (shares.len() as f64).sqrt();
            // The longest cluster is cut at the array, which moves the mean by 1e-5.
            assert!(
                (mean - wanted).abs() < LIMIT * error + 1e-4,
                "{along:?}: {mean}, not {wanted}"
            );
        }
    }
}

#[test]
fn neurons_and_mirrors_are_off_by_their_deviations() {
    let mut bad = NonIdeal::default();
    bad.fabrication.neuron = NeuronSpread { offset: 2e-3, gain: 0.05, time_constant: 0.1 };
    bad.fabrication.mirror.bias = 0.03;
    bad.fabrication.mirror.nudge = 0.07;
    let model = layered(&[2, 5_000, 5_000], &[Activation::Tanh; 3], 0.0, Seed::new(1));
    let model = {
        let mut model = model;
        // Arrays of 25 million cells are not what is tested.
        model.couplings.retain(|c| c.values().len() <= 10_000);
        model
    };
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let chip = fabricate(&fabric, &bad, Seed::new(6));
    let units = [1, 2].map(|l| chip.units(LayerId(l)).expect("they are off")).concat();
    let of = |f: fn(&eqcircuit::compile::Unit) -> f64| units.iter().map(f).collect::<Vec<_>>();
    check_moments(&of(|u| u.gain), 1.0, 0.05, "gain");
    check_moments(&of(|u| u.offset), 0.0, 2e-3, "offset");
    check_moments(&of(|u| u.capacitance), 1.0, 0.1, "capacitance");
    check_moments(&of(|u| u.bias), 1.0, 0.03, "bias");
    check_moments(&of(|u| u.nudge), 1.0, 0.07, "nudge");
    assert_eq!(chip.units(LayerId(0)), None, "inputs have no neurons");
}

#[test]
fn segments_spread_about_their_resistance() {
    let mut bad = NonIdeal::default();
    bad.wire.r_segment = 3.0;
    bad.wire.spread = 0.3;
    bad.wire.r_driver = 100.0;
    let model = layered(&[60, 40, 10], &[Activation::Tanh; 3], 1.0, Seed::new(3));
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let mut logs = Vec::new();
    for seed in 0..4 {
        let (netlist, _) = expand(&fabricate(&fabric, &bad, Seed::new(seed)));
        // Segments of all word lines of a tile are alike: those of one line tell all.
        let names = netlist.devices().iter().filter(|(name, _)| {
            let of_word = name.contains(".ws.p.") && {
                let pre: usize = name.rsplit('.').next().unwrap().parse().unwrap();
                pre.is_multiple_of(4)
            };
            of_word || name.contains(".bs.")
        });
        for (name, device) in names {
            let Device::Resistor(r) = device else { panic!("{name}") };
            let post: usize = name.split('.').rev().nth(1).unwrap().parse().unwrap();
            let (driven, of_bit) = (post.is_multiple_of(3), name.contains(".bs."));
            if of_bit && !driven {
                continue;
            }
            let ohms = 1.0 / r.g - if driven && !of_bit { 100.0 } else { 0.0 };
            logs.push((ohms / 3.0).ln());
        }
    }
    assert!(logs.len() > 10_000, "{}", logs.len());
    check_moments(&logs, -0.045, 0.3, "segments");
}

/// With symmetric couplings the energy of a chip is flat where it rests.
#[test]
fn the_energy_of_a_chip_with_bad_neurons_is_flat_at_rest() {
    let model = layered(&[5, 6, 4], &[Activation::Tanh; 3], 0.6, Seed::new(4));
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = 0.2;
    bad.fabrication.neuron = NeuronSpread { offset: 10e-3, gain: 0.2, time_constant: 0.2 };
    bad.fabrication.mirror.bias = 0.3;
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Shared));
    let chip = fabricate(&fabric, &bad, Seed::new(5));
    let clamp = normal(Seed::new(6), 1, 5, 1.0);
    let until = Until { settled: 1e-11, at_most: 1e-3, at_most_iterations: 0 };
    let drive = Drive { clamp, nudge: Nudge::None };
    let mut engine = Behavioural::new(chip.clone(), Precision::F64);
    let rest = engine.settle(&drive, None, &until, &Save::End).state;
    let slope = |l: usize, i: usize, away: f64| {
        let at = |h: f64| {
            let mut state = rest.clone();
            state[l][(0, i)] += away + h;
            chip.energy(&state)[0]
        };
        (at(1e-4) - at(-1e-4)) / 2e-4
    };
    for l in [1, 2] {
        for i in 0..rest[l].cols() {
            assert!(slope(l, i, 0.0).abs() < 1e-7, "layer {l}, unit {i}: {}", slope(l, i, 0.0));
            assert!(slope(l, i, 0.3).abs() > 1e-3, "layer {l}, unit {i} has no energy");
        }
    }
}

#[test]
fn one_effect_does_not_change_the_draws_of_another() {
    let all = |spare: usize| {
        let mut bad = NonIdeal::default();
        let fabrication = &mut bad.fabrication;
        let on = |effect: usize| if effect == spare { 0.0 } else { 1.0 };
        fabrication.spread = 0.1 * on(0);
        fabrication.g_min.sigma = 0.1 * on(1);
        fabrication.g_max.sigma = 0.1 * on(2);
        fabrication.stuck_on = 0.1 * on(3);
        fabrication.neuron.gain = 0.1 * on(4);
        fabrication.neuron.offset = 0.1 * on(5);
        fabrication.mirror.nudge = 0.1 * on(6);
        bad.programming.sigma = 0.1 * on(7);
        bad
    };
    let with = chip(&all(usize::MAX), 1);
    let units = |chip: &Chip| chip.units(LayerId(1)).expect("they are off");
    for spare in 0..8 {
        let other = chip(&all(spare), 1);
        let stuck = |chip: &Chip| -> Vec<usize> {
            let cells = cells(chip);
            let high: Vec<usize> = (0..cells.len()).filter(|&k| cells[k].1 > 17e-6).collect();
            high
        };
        if ![0, 2, 3, 7].contains(&spare) {
            assert_eq!(stuck(&with), stuck(&other), "{spare}");
        }
        let (a, b) = (units(&with), units(&other));
        for (a, b) in a.iter().zip(&b) {
            assert!(spare == 4 || a.gain == b.gain, "{spare}");
            assert!(spare == 5 || a.offset == b.offset, "{spare}");
            assert!(spare == 6 || a.nudge == b.nudge, "{spare}");
        }
    }
    assert_ne!(cells(&with), cells(&chip(&all(7), 1)));
    assert_eq!(big(), big());
}
