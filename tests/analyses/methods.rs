//! The methods of integration.

use std::ops::ControlFlow;

use eqcircuit::numerics::dae::{Dae, Pattern};
use eqcircuit::numerics::linear::Elimination;
use eqcircuit::numerics::newton::{Solver, Work};
use eqcircuit::numerics::transient::{Begin, Control, End, Method, integrate};

use super::close;
use super::equations::{Riccati, Tank};

const METHODS: [Method; 3] = [Method::TrBdf2, Method::Trapezoidal, Method::Gear];

/// The unknowns at the end, and the work.
fn end_of(dae: &dyn Dae, start: &[f64], span: f64, control: &Control) -> (Vec<f64>, Work) {
    let elimination = Elimination::of(&Pattern::of(dae));
    let mut solver = Solver::new(dae, &elimination);
    let mut x = start.to_vec();
    let end = integrate(&mut solver, &mut x, span, control, &mut |_| ControlFlow::Continue(()));
    assert_eq!(end, Ok(End::Reached));
    (x, solver.work)
}

/// Steps all of one length: their error is always let pass.
fn even(method: Method, h: f64) -> Control {
    let (absolute, amperes) = (1e3, 1e3);
    Control {
        method,
        begin: Begin::Held,
        relative: 1e-9,
        absolute,
        amperes,
        longest: h,
        ..Default::default()
    }
}

fn within(method: Method, relative: f64) -> Control {
    let (absolute, amperes) = (1e-3 * relative, 1e-3 * relative);
    Control { method, begin: Begin::Held, relative, absolute, amperes, ..Default::default() }
}

#[test]
fn every_method_is_of_second_order() {
    for method in METHODS {
        let error = |h: f64| {
            let (x, _) = end_of(&Tank { c: 1.0, l: 1.0 }, &[1.0, 0.0], 2.0, &even(method, h));
            (x[0] - 2f64.cos()).hypot(x[1] - 2f64.sin())
        };
        let order = (error(0.02) / error(0.01)).log2();
        close(order, 2.0, 0.1);
    }
}

#[test]
fn errors_stay_near_the_tolerance_asked_for() {
    for method in METHODS {
        for relative in [1e-4, 1e-6] {
            let (x, work) = end_of(&Riccati, &[1.0, 1.0], 9.0, &within(method, relative));
            let error = (x[0] - 0.1).abs() / 0.1;
            assert!(error < 150.0 * relative, "{method:?}: {error:e} at {relative:e}");
            close(x[1], x[0], 1e-9);
            // The steps of a method of second order grow with the cube root.
            let most = if relative == 1e-4 { 150 } else { 700 };
            assert!(work.steps < most, "{method:?}: {} steps at {relative:e}", work.steps);
        }
    }
}

#[test]
fn the_trapezoidal_rule_keeps_the_energy_of_a_tank() {
    let tank = Tank { c: 2.0, l: 0.5 };
    let energy = |x: &[f64]| 0.5 * tank.c * x[0] * x[0] + 0.5 * tank.l * x[1] * x[1];
    let drift = |method: Method| {
        let periods = 50.0 * std::f64::consts::TAU;
        let (x, _) = end_of(&tank, &[1.0, 0.0], periods, &even(method, 0.05));
        energy(&x) / energy(&[1.0, 0.0]) - 1.0
    };
    // The first step, of another method, costs a little.
    close(drift(Method::Trapezoidal), 0.0, 1e-4);
    assert!(drift(Method::TrBdf2) < -1e-4);
    assert!(drift(Method::Gear) < -1e-2);
}

#[test]
fn a_tank_oscillates_at_its_frequency() {
    let tank = Tank { c: 1e-9, l: 1e-6 };
    let omega = 1.0 / (1e-9f64 * 1e-6).sqrt();
    let span = 20.3 / omega;
    for method in METHODS {
        let (x, _) = end_of(&tank, &[1.0, 0.0], span, &within(method, 1e-7));
        close(x[0], 20.3f64.cos(), 2e-4);
        close(x[1], (1e-9f64 / 1e-6).sqrt() * 20.3f64.sin(), 2e-4 * 0.0317);
    }
}
