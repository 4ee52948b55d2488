//! What becomes of a cell between writing and reading.

use eqcircuit::compile::{compile, expand, fabricate};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::model::{Activation, EnergyModel};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    Analysis, ArrayStyle, Deviation, DeviationLaw, Drift, NonIdeal, Precision, Relaxation,
    Retention, Temperature, Trend,
};

use super::check_moments;
use super::programming::programmed;
use crate::common::{hardware, layered, normal};

fn drifting(nu: Trend, sigma: f64, age: f64) -> NonIdeal {
    let mut bad = NonIdeal::default();
    bad.time.age = age;
    bad.time.drift = Some(Drift { t0: 20.0, nu, sigma: Trend::Constant(sigma) });
    bad
}

#[test]
fn drift_exponents_have_their_mean_and_deviation() {
    let (age, g) = (86_400.0f64, 10e-6f64);
    let exponents = |bad: &NonIdeal, g: f64| -> Vec<f64> {
        let made = programmed(bad, g).g;
        made.iter().map(|made| -(made / g).ln() / (age / 20.0).ln()).collect()
    };
    check_moments(&exponents(&drifting(Trend::Constant(0.06), 0.01, age), g), 0.06, 0.01, "nu");
    let trend = Trend::Log {
        log: [-0.0155, 0.0244],
        clip: [0.049, 0.1],
        above: Some((0.8, vec![0.0736, -0.0126, -0.0436])),
    };
    let bad = drifting(trend, 0.01, age);
    let inside = 4e-6f64 / 25e-6;
    check_moments(&exponents(&bad, 4e-6), -0.0155 * inside.ln() + 0.0244, 0.01, "on the log");
    check_moments(&exponents(&bad, 15e-6), 0.049, 0.01, "clipped");
    let x = 22e-6f64 / 25e-6;
    let beyond = 0.0736 - 0.0126 * x - 0.0436 * x * x;
    check_moments(&exponents(&bad, 22e-6), beyond, 0.01, "above");
    // A normal number that is never below zero: mean and deviation of the rectified normal.
    let rectified = exponents(&drifting(Trend::Constant(0.0), 0.02, age), g);
    let mean = 0.02 / (2.0 * std::f64::consts::PI).sqrt();
    check_moments(&rectified, mean, (0.5 * 0.02f64.powi(2) - mean * mean).sqrt(), "rectified");
}

#[test]
fn drift_is_a_power_of_time_from_its_start() {
    let at = |age: f64| programmed(&drifting(Trend::Constant(0.05), 0.0, age), 10e-6).g[0];
    assert_eq!(at(0.0), 10e-6);
    assert_eq!(at(20.0), 10e-6);
    for age in [40.0f64, 1e3, 1e6, 1e9] {
        let wanted = 10e-6 * (age / 20.0).powf(-0.05);
        assert!((at(age) / wanted - 1.0).abs() < 1e-12, "{age}");
    }
}

#[test]
fn retention_is_a_stretched_exponential_faster_when_hot() {
    let mut bad = NonIdeal::default();
    bad.time.age = 1e5;
    bad.time.retention = Some(Retention { tau: 3e5, shape: 0.7, toward: 2e-6 });
    let wanted = |time: f64| 2e-6 + 18e-6 * (-(time / 3e5f64).powf(0.7)).exp();
    assert!((programmed(&bad, 20e-6).g[0] / wanted(1e5) - 1.0).abs() < 1e-12);
    bad.time.temperature =
        Some(Temperature { at: 358.0, reference: 300.0, activation: 0.6 * 1.602176634e-19 });
    let faster = (0.6 / 8.617333262e-5 * (1.0 / 300.0 - 1.0 / 358.0f64)).exp();
    assert!(faster > 10.0);
    let hot = programmed(&bad, 20e-6).g[0];
    assert!((hot / wanted(1e5 * faster) - 1.0).abs() < 1e-8);
}

#[test]
fn relaxation_is_that_of_the_last_time_that_has_come() {
    let law = |c: f64| Deviation { reference: None, law: DeviationLaw::Polynomial(vec![c]) };
    let mut bad = NonIdeal::default();
    bad.time.relaxation = vec![
        Relaxation { time: 1.0, sigma: law(0.3e-6) },
        Relaxation { time: 86_400.0, sigma: law(0.6e-6) },
    ];
    let mut at = |age: f64| {
        bad.time.age = age;
        programmed(&bad, 10e-6).g
    };
    assert!(at(0.5).iter().all(|g| *g == 10e-6));
    check_moments(&at(1.0), 10e-6, 0.3e-6, "after a second");
    assert_eq!(at(1.0), at(86_399.0));
    let day = at(90_000.0);
    check_moments(&day, 10e-6, 0.6e-6, "after a day");
    // A cell keeps its side.
    let second = at(1.0);
    let sides = second.iter().zip(&day);
    assert!(sides.into_iter().all(|(a, b)| ((b - 10e-6) / (a - 10e-6) - 2.0).abs() < 1e-6));
}

fn settled(engine: &mut dyn Engine, drive: &Drive) -> Settled {
    let until = Until { settled: 1e-11, at_most: 1e-3, at_most_iterations: 0 };
    let settled = engine.settle(drive, None, &until, &Save::End);
    assert!(settled.outcome.iter().all(|o| o.is_settled()));
    settled
}

fn apart(model: &EnergyModel, a: &Settled, b: &Settled) -> f64 {
    let pairs = model
        .free_layers()
        .flat_map(|l| a.state[l.0].as_slice().iter().zip(b.state[l.0].as_slice()));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn compensation_makes_up_for_what_all_cells_have_lost() {
    let mut model = layered(&[6, 8, 4], &[Activation::Tanh; 3], 0.6, Seed::new(3));
    model.couplings.retain(|c| matches!(c, eqcircuit::model::Coupling::Dense { .. }));
    let fabric = compile(&model, &hardware(&model, ArrayStyle::Twin));
    let clamp = normal(Seed::new(4), 2, 6, 1.0);
    let drive = Drive { clamp, nudge: Nudge::None };
    let run = |bad: &NonIdeal| {
        let chip = fabricate(&fabric, bad, Seed::new(5));
        let ode = settled(&mut Behavioural::new(chip.clone(), Precision::F64), &drive);
        let mna = settled(&mut Circuit::from_chip(chip, Analysis::Op), &drive);
        assert!(apart(&model, &ode, &mna) < 1e-8, "two engines, one chip");
        ode
    };
    let fresh = run(&NonIdeal::default());
    let mut bad = drifting(Trend::Constant(0.1), 0.0, 1e6);
    let old = apart(&model, &run(&bad), &fresh);
    bad.time.compensate = true;
    let compensated = apart(&model, &run(&bad), &fresh);
    assert!(old > 0.05 && compensated < 0.7 * old, "{old} {compensated}");

    // The gains are what the nodes' answers to one input at a time have lost, and follow a write
    // on both engines.
    let chip = fabricate(&fabric, &bad, Seed::new(5));
    let units = chip.units(eqcircuit::model::LayerId(1)).expect("gains are raised");
    let (mut asked, mut made) = (0.0, 0.0);
    for (a, array) in fabric.arrays_into(eqcircuit::model::LayerId(1)) {
        let totals = chip.row_totals(eqcircuit::model::LayerId(1));
        for (i, total) in totals.iter().enumerate() {
            for j in 0..array.plus.cols() {
                asked += (array.plus[(i, j)] - array.minus[(i, j)]).abs() / fabric.layers[1].total;
                made += (chip.cells[a].plus[(i, j)] - chip.cells[a].minus[(i, j)]).abs() / total;
            }
        }
    }
    assert!(asked > 1.05 * made && (units[0].gain * made / asked - 1.0).abs() < 1e-12);
    bad.time.drift.as_mut().expect("drifts").sigma = Trend::Constant(0.03);
    let chip = fabricate(&fabric, &bad, Seed::new(5));
    let (_, ports) = expand(&chip);
    assert_eq!(ports.layers[0].skew.len(), 8);
    let mut ode = Behavioural::new(chip.clone(), Precision::F64);
    let mut mna = Circuit::from_chip(chip, Analysis::Op);
    let mut other = model.clone();
    for (k, w) in other.couplings[0].values_mut().iter_mut().enumerate() {
        *w *= 1.0 - 0.3 * (k % 3) as f64;
    }
    let before = settled(&mut mna, &drive);
    ode.write(&other);
    mna.write(&other);
    let (a, b) = (settled(&mut ode, &drive), settled(&mut mna, &drive));
    assert!(apart(&model, &a, &b) < 1e-8 && apart(&model, &before, &b) > 1e-3);
}
