//! Transients.

use eqcircuit::netlist::{Netlist, VoltageSource, Waveform};
use eqcircuit::spec::Study;
use eqcircuit::spec::study::{Method, Request, Solving, Tran};

use super::{GROUND, capacitor, close, column, only, resistor, run, tran, voltage};

const METHODS: [Method; 3] = [Method::TrBdf2, Method::Trapezoidal, Method::Gear];

/// A pulse through 1 kohm onto 1 nF.
fn pulsed() -> Netlist {
    let mut netlist = Netlist::new();
    let [a, b] = ["in", "out"].map(|name| netlist.node(name));
    let wave = Waveform::Pulse {
        low: 0.0,
        high: 1.0,
        delay: 1e-6,
        rise: 1e-8,
        fall: 1e-8,
        width: 3e-6,
        period: f64::INFINITY,
    };
    netlist.add("v", VoltageSource { p: a, n: GROUND, wave: Some(wave), ..Default::default() });
    resistor(&mut netlist, "r", a, b, 1e3);
    capacitor(&mut netlist, "c", b, GROUND, 1e-9);
    netlist
}

/// The answer of an RC stage of 1 us to the pulse.
fn answer(t: f64) -> f64 {
    // A ramp of slope 1/rise from 0 on.
    let (tau, rise) = (1e-6, 1e-8);
    let ramp = |t: f64| if t > 0.0 { (t + tau * ((-t / tau).exp_m1())) / rise } else { 0.0 };
    ramp(t - 1e-6) - ramp(t - 1.01e-6) - ramp(t - 4.01e-6) + ramp(t - 4.02e-6)
}

#[test]
fn a_pulse_through_a_low_pass_is_exact_at_every_point() {
    for method in METHODS {
        let solving = Solving { method, ..Solving::default() };
        let asked =
            Study { analyses: vec![Request::Tran(tran(8e-6))], solving, ..Study::default() };
        let found = run(&pulsed(), &asked).results.remove(0);
        assert!(found.outcome.is_settled(), "{}", found.outcome);
        let times = column(&found, "time");
        for corner in [1e-6, 1.01e-6, 4.01e-6, 4.02e-6, 8e-6] {
            let nearest = times.iter().map(|t| (t - corner).abs()).fold(1.0, f64::min);
            assert!(nearest < 1e-17, "{method:?} misses {corner} by {nearest}");
        }
        for (t, v) in times.iter().zip(column(&found, "v(out)")) {
            close(v, answer(*t), 2e-4);
        }
        assert!(found.stats.steps < 700, "{method:?}: {} steps", found.stats.steps);
    }
}

#[test]
fn even_points_lie_on_the_way() {
    let even = Tran { step: Some(1.3e-7), start: 5e-7, ..tran(8e-6) };
    let found = only(&pulsed(), Request::Tran(even));
    let times = column(&found, "time");
    close(times[0], 5e-7, 0.0);
    close(times[1], 6.3e-7, 1e-20);
    assert_eq!(*times.last().unwrap(), 8e-6);
    for (t, v) in times.iter().zip(column(&found, "v(out)")) {
        close(v, answer(*t), 2e-4);
    }
}

#[test]
fn methods_agree_ever_better() {
    let spread = |relative: f64| {
        let at = |method| {
            let volts = 1e-3 * relative;
            let solving = Solving { method, relative, volts, ..Solving::default() };
            let asked = Study {
                analyses: vec![Request::Tran(Tran { step: Some(1e-7), ..tran(8e-6) })],
                solving,
                ..Study::default()
            };
            column(&run(&pulsed(), &asked).results[0], "v(out)")
        };
        let [a, b, c] = METHODS.map(at);
        let pairs = a.iter().zip(&b).zip(&c);
        pairs.map(|((a, b), c)| (a - b).abs().max((a - c).abs())).fold(0.0, f64::max)
    };
    let (coarse, fine) = (spread(1e-4), spread(1e-6));
    assert!(coarse > 0.0 && fine < 0.1 * coarse, "{coarse:e} then {fine:e}");
    assert!(fine < 5e-5, "{fine:e}");
}

#[test]
fn stiff_stages_take_few_steps() {
    // 1 ps and 1 ms in one circuit.
    let mut netlist = Netlist::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", a, 1.0);
    resistor(&mut netlist, "r1", a, b, 1.0);
    capacitor(&mut netlist, "c1", b, GROUND, 1e-12);
    resistor(&mut netlist, "r2", b, c, 1e6);
    capacitor(&mut netlist, "c2", c, GROUND, 1e-9);
    let asked = Tran { uic: true, ..tran(5e-3) };
    let found = only(&netlist, Request::Tran(asked));
    for (t, v) in column(&found, "time").iter().zip(column(&found, "v(c)")) {
        close(v, -(-t / 1e-3).exp_m1(), 5e-5);
    }
    assert!(found.stats.steps < 300, "{} steps", found.stats.steps);
}

#[test]
fn initial_voltages_are_held_and_then_let_go() {
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "b"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", a, 1.0);
    resistor(&mut netlist, "r", a, b, 1e3);
    capacitor(&mut netlist, "c", b, GROUND, 1e-9);
    for uic in [false, true] {
        let asked = Study {
            analyses: vec![Request::Tran(Tran { uic, ..tran(3e-6) })],
            initial: vec![(b, -0.5)],
            ..Study::default()
        };
        let found = run(&netlist, &asked).results.remove(0);
        assert!(found.outcome.is_settled(), "{}", found.outcome);
        for (t, v) in column(&found, "time").iter().zip(column(&found, "v(b)")) {
            close(v, 1.0 - 1.5 * (-t / 1e-6).exp(), 1e-4);
        }
        close(column(&found, "i(v)")[0], -1.5e-3, 1e-8);
    }
}
