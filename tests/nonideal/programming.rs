//! What a write does.

use eqcircuit::compile::{Programmed, program_cells};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{Deviation, DeviationLaw, NonIdeal, Spacing, Spread, StuckAt, Verify};

use super::{LIMIT, check_moments, moments};

const WINDOW: [f64; 2] = [1e-6, 25e-6];

/// 10,000 cells aimed at one conductance.
pub fn programmed(nonideal: &NonIdeal, g: f64) -> Programmed {
    program_cells(&vec![g; 10_000], WINDOW, nonideal, Seed::new(12))
}

fn erf(x: f64) -> f64 {
    // Maclaurin series; the arguments here are small.
    let mut term = x;
    let mut sum = x;
    for n in 1..60 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    2.0 / std::f64::consts::PI.sqrt() * sum
}

#[test]
fn each_noise_has_its_deviation() {
    let polynomial = |c: &[f64], reference| Deviation {
        reference,
        law: DeviationLaw::Polynomial(c.iter().map(|c| c * 1e-6).collect()),
    };
    let measured = polynomial(&[0.26348, 1.965, -1.1731], Some(25e-6));
    let larger = polynomial(&[0.2, 0.1], Some(50e-6));
    let own = polynomial(&[0.3, 0.5, -0.2], None);
    let saturating =
        Deviation { reference: None, law: DeviationLaw::Saturating { top: 1e-6, scale: 5e-6 } };
    let g = 12e-6f64;
    let x = g / 25e-6;
    let with = |change: &dyn Fn(&mut NonIdeal)| {
        let mut bad = NonIdeal::default();
        change(&mut bad);
        bad
    };
    let cases = [
        (with(&|b| b.programming.sigma = 0.03), 0.03 * 24e-6),
        (with(&|b| b.programming.absolute = 0.4e-6), 0.4e-6),
        (with(&|b| b.programming.proportional = 0.05), 0.05 * g),
        (
            with(&|b| b.programming.measured = Some(measured.clone())),
            (0.26348 + 1.965 * x - 1.1731 * x * x) * 1e-6,
        ),
        (with(&|b| b.programming.measured = Some(larger.clone())), 0.5 * (0.2 + 0.1 * x) * 1e-6),
        (
            with(&|b| b.programming.measured = Some(own.clone())),
            (0.3 + 0.5 * x - 0.2 * x * x) * 1e-6,
        ),
        (
            with(&|b| b.programming.measured = Some(saturating.clone())),
            (1.0 - (-12.0f64 / 5.0).exp()) * 1e-6,
        ),
        (
            with(&|b| {
                b.programming.sigma = 0.02;
                b.programming.absolute = 0.3e-6;
                b.programming.proportional = 0.04;
            }),
            (0.48f64.powi(2) + 0.3f64.powi(2) + 0.48f64.powi(2)).sqrt() * 1e-6,
        ),
    ];
    for (k, (bad, sigma)) in cases.iter().enumerate() {
        let made = programmed(bad, g);
        check_moments(&made.g, g, *sigma, &format!("case {k}"));
        assert!(made.pulses.iter().all(|n| *n == 1));
    }
}

#[test]
fn targets_go_to_the_nearest_level() {
    let mut linear = NonIdeal::default();
    linear.programming.levels = Some(5);
    let mut log = linear.clone();
    log.programming.spacing = Spacing::Log;
    let mut table = NonIdeal::default();
    table.programming.table = vec![2e-6, 3e-6, 11e-6, 20e-6];
    let even: Vec<f64> = (0..5).map(|k| 1e-6 + 6e-6 * f64::from(k)).collect();
    let ratios: Vec<f64> = (0..5).map(|k| 1e-6 * 25f64.powf(0.25 * f64::from(k))).collect();
    let targets: Vec<f64> = (0..=960).map(|k| 1e-6 + 0.025e-6 * f64::from(k)).collect();
    for (bad, levels) in [(&linear, &even), (&log, &ratios), (&table, &table.programming.table)] {
        let made = program_cells(&targets, WINDOW, bad, Seed::new(1)).g;
        for (target, made) in targets.iter().zip(made) {
            let nearest = levels.iter().fold(f64::INFINITY, |d, l| d.min((l - target).abs()));
            assert!((made - target).abs() <= nearest * (1.0 + 1e-9) + 1e-20, "{target} {made}");
            let level = levels.iter().any(|l| (l - made).abs() < 1e-15);
            assert!(level, "{made} is no level");
        }
    }
}

/// The noise that stays is a normal one cut at the tolerance; pulses are geometric, cut at the most.
#[test]
fn verified_cells_keep_the_noise_within_the_tolerance() {
    let (sigma, tolerance, g) = (0.5e-6, 0.3e-6, 10e-6);
    let mut bad = NonIdeal::default();
    bad.programming.absolute = sigma;
    bad.programming.verify = Some(Verify { tolerance, at_most: 1000 });
    let made = programmed(&bad, g);
    let a = tolerance / sigma;
    let hit = erf(a / 2f64.sqrt());
    let density = (-0.5 * a * a).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let sd = sigma * (1.0 - 2.0 * a * density / hit).sqrt();
    check_moments(&made.g, g, sd, "what stays");
    assert!(made.g.iter().all(|made| (made - g).abs() <= tolerance));
    let pulses: Vec<f64> = made.pulses.iter().map(|n| *n as f64).collect();
    check_moments(&pulses, 1.0 / hit, (1.0 - hit).sqrt() / hit, "pulses");

    bad.programming.verify = Some(Verify { tolerance, at_most: 3 });
    let cut = programmed(&bad, g);
    let missed = cut.g.iter().filter(|made| (*made - g).abs() > tolerance).count() as f64;
    let share = (1.0 - hit).powi(3);
    let error = (share * (1.0 - share) * 1e4).sqrt();
    assert!((missed - 1e4 * share).abs() < LIMIT * error, "{missed} of {}", 1e4 * share);
    assert_eq!(cut.pulses.iter().max(), Some(&3));
    // The first pulse is that of one shot.
    bad.programming.verify = None;
    let shot = programmed(&bad, g);
    let first = made.pulses.iter().zip(&made.g).zip(&shot.g).filter(|((n, _), _)| **n == 1);
    assert!(first.into_iter().all(|((_, a), b)| a == b));
}

#[test]
fn verification_takes_out_what_is_fixed_and_gives_up_on_stuck_cells() {
    let mut bad = NonIdeal::default();
    bad.fabrication.spread = 0.2;
    bad.fabrication.g_min = Spread { sigma: 0.2, ..Spread::default() };
    bad.fabrication.stuck_at = vec![StuckAt { rate: 0.1, between: [3e-6; 2] }];
    bad.programming.verify = Some(Verify { tolerance: 0.1e-6, at_most: 7 });
    let made = programmed(&bad, 10e-6);
    for (g, pulses) in made.g.iter().zip(&made.pulses) {
        assert!((*g, *pulses) == (10e-6, 1) || (*g, *pulses) == (3e-6, 7), "{g} {pulses}");
    }
    // Below its own window a cell cannot go.
    let low = programmed(&bad, 1e-6);
    let above: Vec<f64> = low.g.iter().copied().filter(|g| *g > 1e-6 && *g != 3e-6).collect();
    assert!(above.len() > 3_000 && low.g.iter().all(|g| *g >= 1e-6));
}

#[test]
fn limited_cells_stay_in_their_windows() {
    let mut bad = NonIdeal::default();
    bad.programming.sigma = 0.2;
    let (free, g) = (programmed(&bad, 24e-6).g, 24e-6);
    bad.programming.limited = true;
    let limited = programmed(&bad, g).g;
    assert!(free.iter().any(|g| *g > 25e-6) && free.iter().any(|g| *g < 16e-6));
    for (free, limited) in free.iter().zip(&limited) {
        assert_eq!(*limited, free.clamp(1e-6, 25e-6));
    }
    // A clipped normal: cells at the upper end are those beyond it.
    let share = limited.iter().filter(|g| **g == 25e-6).count() as f64 / 1e4;
    let beyond = 0.5 * (1.0 - erf(1.0 / 4.8 / 2f64.sqrt()));
    let (_, sd) = moments(&limited.iter().map(|g| f64::from(*g == 25e-6)).collect::<Vec<_>>());
    assert!((share - beyond).abs() < LIMIT * sd / 100.0, "{share} {beyond}");
}
