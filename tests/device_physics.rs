//! Devices against closed forms and against their published equations integrated by other means.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

#[path = "common/dense.rs"]
mod dense;

use std::f64::consts::TAU;
use std::ops::ControlFlow;

use eqcircuit::netlist::expression::{Dialect, Expression, Leaf, Probe, Resolved, parse};
use eqcircuit::netlist::{
    AcDrive, BehaviouralCurrent, BehaviouralVoltage, Capacitor, Cccs, Ccvs, Coupling,
    CurrentSource, Device, DeviceId, Diode, DiodeModel, Fault, Filament, IdealDiode, Inductor,
    Mosfet, MosfetModel, Netlist, Node, OpAmp, Position, Resistor, Switch, VoltageSource, Vteam,
    Waveform, Window,
};
use eqcircuit::numerics::dae::{Dae, Instant, Pattern, Stamps};
use eqcircuit::numerics::linear::Elimination;
use eqcircuit::numerics::newton::Solver;
use eqcircuit::numerics::transient::{Begin, Control, integrate};
use eqcircuit::units::{BOLTZMANN, ELEMENTARY_CHARGE};

const GROUND: Node = Node::GROUND;

fn close(a: f64, b: f64, relative: f64) {
    assert!((a - b).abs() <= relative * b.abs().max(1e-30), "{a:e} against {b:e}");
}

/// `k T / q` at 27 degrees.
fn vt() -> f64 {
    BOLTZMANN * 300.15 / ELEMENTARY_CHARGE
}

fn source(netlist: &mut Netlist, name: &str, p: Node, dc: f64) -> DeviceId {
    netlist.add(name, VoltageSource { p, n: GROUND, dc, ..Default::default() })
}

fn resistor(netlist: &mut Netlist, name: &str, p: Node, n: Node, ohm: f64) {
    netlist.add(name, Resistor { p, n, g: 1.0 / ohm, ..Default::default() });
}

/// Every accepted moment of a transient from the devices' own initial values: time and unknowns.
fn way(netlist: &Netlist, begin: Begin, span: f64, relative: f64) -> Vec<(f64, Vec<f64>)> {
    let mut x = match begin {
        Begin::Rest => dense::operating_point(netlist),
        _ => vec![0.0; netlist.dim()],
    };
    let elimination = Elimination::of(&Pattern::of(netlist));
    let mut solver = Solver::new(netlist, &elimination);
    let mut corners = netlist.corners(span);
    corners.sort_by(f64::total_cmp);
    let longest = span / 100.0;
    let control = Control { begin, relative, corners, longest, ..Control::default() };
    let mut moments = Vec::new();
    let end = integrate(&mut solver, &mut x, span, &control, &mut |now| {
        moments.push((now.time, now.x.to_vec()));
        ControlFlow::Continue(())
    });
    end.unwrap();
    moments
}

/// `w` with `w + ln w = z`, which is Lambert's W of `exp(z)`.
fn lambert_exp(z: f64) -> f64 {
    let mut w = if z > 1.0 { z - z.ln() } else { z.exp() / (1.0 + z.exp()) };
    for _ in 0..50 {
        w -= (w + w.ln() - z) * w / (1.0 + w);
    }
    w
}

#[test]
fn a_diode_behind_a_resistor_follows_lambert() {
    for (volts, ohm, rs) in [(0.4, 100.0, 0.0), (5.0, 1e3, 20.0), (40.0, 1.0, 0.5)] {
        let (is, emission) = (2e-14, 1.3);
        let mut netlist = Netlist::new();
        netlist.gmin = 0.0;
        let [a, b] = ["a", "b"].map(|name| netlist.node(name));
        let v = source(&mut netlist, "v", a, volts);
        resistor(&mut netlist, "r", a, b, ohm);
        let model = Box::new(DiodeModel { is, emission, rs, ..Default::default() });
        netlist.add("d", Diode { p: b, n: GROUND, model });
        let x = dense::operating_point(&netlist);
        let (unit, all) = (emission * vt(), ohm + rs);
        let z = (is * all / unit).ln() + (volts + is * all) / unit;
        let expected = unit / all * lambert_exp(z) - is;
        close(-x[netlist.branch(v).unwrap()], expected, 1e-11);
    }
}

#[test]
fn limiting_lets_newton_reach_what_it_overshoots_without() {
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "b"].map(|name| netlist.node(name));
    source(&mut netlist, "v", a, 12.0);
    resistor(&mut netlist, "r", a, b, 1.0);
    netlist.add("d", Diode { p: b, n: GROUND, ..Default::default() });
    let count = |limiting| dense::newton(&netlist, &mut vec![0.0; netlist.dim()], limiting);
    assert!(count(true).is_some_and(|n| n < 20), "{:?}", count(true));
    assert!(count(false).is_none_or(|n| n > 40), "{:?}", count(false));
}

#[test]
fn a_transistor_has_three_regions() {
    let (kp, vto, lambda, gamma, phi) = (60e-6, 0.8, 0.04, 0.5, 0.7);
    let model = MosfetModel {
        w: 10e-6,
        l: 2.4e-6,
        ld: 0.2e-6,
        kp: Some(kp),
        vto,
        lambda,
        gamma,
        phi,
        ..Default::default()
    };
    let drain = |vg: f64, vd: f64, vb: f64| {
        let mut netlist = Netlist::new();
        netlist.gmin = 0.0;
        let [d, g, b] = ["d", "g", "b"].map(|name| netlist.node(name));
        let id = source(&mut netlist, "vd", d, vd);
        source(&mut netlist, "vg", g, vg);
        source(&mut netlist, "vb", b, vb);
        netlist.add("m", Mosfet { d, g, s: GROUND, b, model: Box::new(model.clone()) });
        -dense::operating_point(&netlist)[netlist.branch(id).unwrap()]
    };
    let beta = kp * 10e-6 / 2e-6;
    let vth = vto + gamma * ((phi + 1.5f64).sqrt() - phi.sqrt());
    // The bulk junction's 10 fA are in the current too.
    let near = |a: f64, b: f64| assert!((a - b).abs() < 3e-14 + 1e-12 * b.abs(), "{a:e}, {b:e}");
    near(drain(vth - 0.01, 3.0, -1.5), 0.0);
    let saturated = 0.5 * beta * 0.25 * (1.0 + lambda * 3.0);
    near(drain(vth + 0.5, 3.0, -1.5), saturated);
    let linear = beta * 0.2 * (0.5 - 0.1) * (1.0 + lambda * 0.2);
    near(drain(vth + 0.5, 0.2, -1.5), linear);
    // Source and drain exchanged: all voltages are against the end at -0.2 V.
    near(drain(vth + 0.3, -0.2, -1.7), -linear);
}

#[test]
fn an_ideal_diode_is_straight_lines() {
    let run = |volts: f64, smoothing: f64| {
        let mut netlist = Netlist::new();
        let [a, b] = ["a", "b"].map(|name| netlist.node(name));
        source(&mut netlist, "v", a, volts);
        resistor(&mut netlist, "r", a, b, 9.0);
        let diode = IdealDiode {
            p: b,
            n: GROUND,
            r_on: 1.0,
            g_off: 0.0,
            v_forward: 0.5,
            v_reverse: Some(4.0),
            smoothing,
        };
        netlist.add("d", diode);
        let x = dense::operating_point(&netlist);
        (x[0] - x[1]) / 9.0
    };
    for smoothing in [0.0, 0.01] {
        close(run(10.5, smoothing), 1.0, 1e-12);
        close(run(-24.0, smoothing), -2.0, 1e-12);
        assert!(run(0.4, smoothing).abs() < 1e-12);
    }
    // At the corner the rounded one has (u + s)^2 / 4 s with u = -9 i.
    let i = run(0.5, 0.01);
    close(i, (0.01 - 9.0 * i).powi(2) / 0.04, 1e-9);
}

#[test]
fn a_resistor_follows_its_temperature() {
    let mut netlist = Netlist::new();
    netlist.temperature = 310.15;
    let a = netlist.node("a");
    let v = source(&mut netlist, "v", a, 1.0);
    let (tc1, tc2) = (Some(4e-3), Some(-1e-5));
    netlist.add("r", Resistor { p: a, n: GROUND, g: 1e-3, tc1, tc2 });
    let x = dense::operating_point(&netlist);
    close(-x[netlist.branch(v).unwrap()], 1e-3 / (1.0 + 0.04 - 0.001), 1e-14);
}

#[test]
fn controlled_sources_follow_currents() {
    let mut netlist = Netlist::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| netlist.node(name));
    let v = source(&mut netlist, "v", a, 2.0);
    resistor(&mut netlist, "ra", a, GROUND, 4.0); // i(v) = -0.5 A
    netlist.add("f", Cccs { p: GROUND, n: b, control: v, gain: -3.0 }); // 1.5 A into b
    resistor(&mut netlist, "rb", b, GROUND, 2.0);
    netlist.add("h", Ccvs { p: c, n: b, control: v, rm: 10.0 }); // c is 5 V below b
    resistor(&mut netlist, "rc", c, GROUND, 2.0);
    let known = |text: &str| -> Expression<Probe> {
        let found = parse(text, Dialect::Home).unwrap().resolve(|leaf| {
            Ok::<_, ()>(Resolved::Leaf(match leaf {
                Leaf::Voltage(_, None) => Probe::Voltage(a, GROUND),
                Leaf::Voltage(..) => Probe::Voltage(c, b),
                Leaf::Current(_) => Probe::Current(v),
                Leaf::Time => Probe::Time,
                _ => Probe::Temperature,
            }))
        });
        found.unwrap()
    };
    let value = known("v(c, b) + 8 * i(v)^2 + v(a) + time + temper");
    netlist.add("bv", BehaviouralVoltage { p: d, n: GROUND, v: value.clone() });
    let e = netlist.node("e");
    netlist.add("bi", BehaviouralCurrent { p: GROUND, n: e, i: value });
    resistor(&mut netlist, "re", e, GROUND, 2.0);
    let x = dense::operating_point(&netlist);
    // Into b and c, which are 5 V apart, flow 1.5 A in all: vb/2 + (vb - 5)/2 = 1.5.
    for (value, expected) in x[1..4].iter().zip([4.0, -1.0, -5.0 + 2.0 + 2.0 + 27.0]) {
        close(*value, expected, 1e-12);
    }
    close(x[4], 52.0, 1e-12);
}

#[test]
fn initial_values_are_those_of_charges_at_the_start() {
    let (l, c, v0, i0) = (1e-3, 1e-6, 2.0, 0.05);
    let mut netlist = Netlist::new();
    let a = netlist.node("a");
    let inductor = Inductor { p: a, n: GROUND, l, initial: Some(i0) };
    let id = netlist.add("l", inductor);
    netlist.add("c", Capacitor { p: a, n: GROUND, c, initial: Some(v0) });
    let omega = 1.0 / (l * c).sqrt();
    let row = netlist.branch(id).unwrap();
    for (time, x) in way(&netlist, Begin::Own, 3.0 * TAU / omega, 1e-8) {
        // v = v0 cos - i0 z sin, i = i0 cos + v0 / z sin.
        let (z, sin, cos) = ((l / c).sqrt(), (omega * time).sin(), (omega * time).cos());
        assert!((x[0] - (v0 * cos - i0 * z * sin)).abs() < 2e-4, "{time:e}");
        assert!((x[row] - (i0 * cos + v0 / z * sin)).abs() < 2e-4 / z, "{time:e}");
    }
}

#[test]
fn coupled_inductors_share_their_flux() {
    let (l1, l2, k) = (1e-3, 4e-3, 0.9);
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "b"].map(|name| netlist.node(name));
    let ac = Some(AcDrive { magnitude: 1.0, phase: 0.0 });
    netlist.add("v", VoltageSource { p: a, n: GROUND, ac, ..Default::default() });
    let one = netlist.add("l1", Inductor { p: a, n: GROUND, l: l1, ..Default::default() });
    let two = netlist.add("l2", Inductor { p: b, n: GROUND, l: l2, ..Default::default() });
    resistor(&mut netlist, "r", b, GROUND, 50.0);
    netlist.add("k", Coupling { l1: one, l2: two, k });
    // Secondary: v2 = j w (l2 i2 + m i1) = -50 i2, primary: 1 = j w (l1 i1 + m i2).
    let (w, m) = (TAU * 1e4, k * (l1 * l2).sqrt());
    let x = dense::response(&netlist, &vec![0.0; netlist.dim()], 1e4);
    let j = |x: f64| nalgebra::Complex::new(0.0, x);
    let i2 = x[netlist.branch(two).unwrap()];
    let i1 = (1.0 - j(w * m) * i2) / j(w * l1);
    assert!((x[1] - (j(w * l2) * i2 + j(w * m) * i1)).norm() < 1e-12);
    assert!((x[1] + i2 * 50.0).norm() < 1e-12);
    let expected = j(w * m) * 50.0 / (j(w * l1) * (50.0 + j(w * l2)) + w * w * m * m);
    assert!((x[1] - expected).norm() < 1e-12, "{} against {expected}", x[1]);
    let wrong = netlist.add("k2", Coupling { l1: one, l2: one, k });
    assert!(netlist.faults().contains(&Fault::NotInductors { device: wrong }));
}

#[test]
fn faults_know_the_new_devices() {
    let mut netlist = Netlist::new();
    let [a, b, g, d] = ["a", "b", "g", "d"].map(|name| netlist.node(name));
    // A current source into a capacitor has nowhere to go at rest.
    netlist.add("i", CurrentSource { p: GROUND, n: a, dc: 1.0, ..Default::default() });
    netlist.add("c", Capacitor { p: a, n: GROUND, c: 1e-9, ..Default::default() });
    // An inductor across a voltage source.
    source(&mut netlist, "v", b, 1.0);
    let l = netlist.add("l", Inductor { p: b, n: GROUND, l: 1e-3, ..Default::default() });
    // A gate left open.
    resistor(&mut netlist, "r", b, d, 1e3);
    let model = Box::default();
    let m = netlist.add("m", Mosfet { d, g, s: GROUND, b: GROUND, model });
    let expected = [
        Fault::Unconnected { node: g, device: m },
        Fault::NoPathToGround { nodes: vec![a, g] },
        Fault::ForcedLoop { device: l },
    ];
    for fault in expected {
        assert!(
            netlist.faults().iter().any(|f| match (f, &fault) {
                (Fault::NoPathToGround { nodes }, Fault::NoPathToGround { nodes: all }) => {
                    nodes.iter().all(|n| all.contains(n))
                }
                (found, wanted) => found == wanted,
            }),
            "{fault:?} not in {:?}",
            netlist.faults()
        );
    }
}

#[test]
fn a_switch_remembers_between_its_thresholds() {
    let mut netlist = Netlist::new();
    let [a, c] = ["a", "c"].map(|name| netlist.node(name));
    source(&mut netlist, "va", a, 1.0);
    source(&mut netlist, "vc", c, 0.0);
    let (v_threshold, v_hysteresis) = (0.5, 0.2);
    netlist.add(
        "s",
        Switch {
            p: a,
            n: GROUND,
            cp: c,
            cn: GROUND,
            r_on: 2.0,
            r_off: 1e6,
            v_threshold,
            v_hysteresis,
            initial: Position::On,
        },
    );
    let mut stamps = Stamps::new(&Pattern::of(&netlist));
    let mut visit = |control: f64| {
        let x = [1.0, control, 0.0, 0.0];
        let changed = netlist.remember(Instant::Rest, &x, &mut stamps.memory);
        stamps.take(&netlist, Instant::Rest, &x);
        (stamps.currents()[0], changed)
    };
    let (on, off) = (0.5, 1e-6);
    let steps = [
        (0.5, on, false), // as it is at first
        (0.31, on, false),
        (0.29, off, true),
        (0.69, off, false),
        (0.71, on, true),
        (0.31, on, false),
        (0.29, off, true),
        (0.29, off, false),
    ];
    for (control, current, changes) in steps {
        assert_eq!(visit(control), (current, changes), "{control}");
    }
}

/// A voltage follower: the amplifier, its input stepping from 0 to `step` at time 0.
fn follower(amp: OpAmp, step: f64) -> Netlist {
    let mut netlist = Netlist::new();
    let [input, out] = ["in", "out"].map(|name| netlist.node(name));
    let points = vec![(0.0, 0.0), (1e-12, step)];
    let wave = Some(Waveform::PiecewiseLinear { points });
    netlist.add("v", VoltageSource { p: input, n: GROUND, wave, ..Default::default() });
    netlist.add("u", OpAmp { in_p: input, in_n: out, out, ..amp });
    resistor(&mut netlist, "r", out, GROUND, 1e4);
    netlist
}

#[test]
fn an_op_amp_slews_and_then_settles_exponentially() {
    let (gbw, slew) = (1e6, 0.5e6);
    let amp = OpAmp { gbw: Some(gbw), slew_rate: Some(slew), ..Default::default() };
    let netlist = follower(amp, 2.0);
    let w = TAU * gbw;
    let moments = way(&netlist, Begin::Rest, 8e-6, 1e-7);
    assert!(moments.len() > 100);
    for (time, x) in moments.iter().filter(|(time, _)| *time > 1e-11) {
        // sinh(w d / slew) falls exponentially, d the way still to go.
        let (z, decay) = (w * 2.0 / slew, w * time);
        let left = if z - decay > 30.0 { z - decay } else { (z.sinh() * (-decay).exp()).asinh() };
        let expected = 2.0 - slew / w * left;
        assert!((x[1] - expected).abs() < 1e-5, "{time:e}: {} against {expected}", x[1]);
    }
    let linear = OpAmp { slew_rate: None, ..OpAmp { gbw: Some(gbw), ..Default::default() } };
    for (time, x) in way(&follower(linear, 2.0), Begin::Rest, 1e-6, 1e-7) {
        let expected = 2.0 * (1.0 - (-w * time).exp());
        assert!((x[1] - expected).abs() < 2e-5, "{time:e}: {} against {expected}", x[1]);
    }
}

#[test]
fn an_op_amp_at_rest() {
    // An inverting amplifier of -10: out = -(vin / r1 + eps terms), by the gain of the loop.
    let inverting = |amp: OpAmp, vin: f64, load: f64| {
        let mut netlist = Netlist::new();
        let [a, minus, out] = ["a", "minus", "out"].map(|name| netlist.node(name));
        source(&mut netlist, "v", a, vin);
        resistor(&mut netlist, "r1", a, minus, 1e3);
        resistor(&mut netlist, "r2", minus, out, 1e4);
        resistor(&mut netlist, "load", out, GROUND, load);
        netlist.add("u", OpAmp { in_p: GROUND, in_n: minus, out, ..amp });
        dense::operating_point(&netlist)[2]
    };
    for gbw in [None, Some(1e6)] {
        let ideal = OpAmp { gbw, ..Default::default() };
        close(inverting(ideal.clone(), 0.1, 1e3), -1.0, 1e-12);
        // v- = (10 vin + out) / 11, out = -A v-.
        let finite = OpAmp { gain: Some(100.0), ..ideal.clone() };
        close(inverting(finite, 0.1, 1e3), -100.0 * 1.0 / (11.0 + 100.0), 1e-12);
        let offset = OpAmp { offset: 2e-3, ..ideal.clone() };
        close(inverting(offset, 0.0, 1e3), 22e-3, 1e-12);
        let limited = OpAmp { v_min: Some(-4.0), v_max: Some(3.0), ..ideal.clone() };
        close(inverting(limited.clone(), 2.0, 1e3), -4.0, 1e-12);
        close(inverting(limited.clone(), -2.0, 1e3), 3.0, 1e-12);
        close(inverting(limited.clone(), -0.2, 1e3), 2.0, 1e-12);
        // At the limit the output is a source of 3 V behind 100 ohm, under 25 ohm and the 11 k to
        // the input.
        let soft = OpAmp { r_out: 100.0, ..limited };
        let g = 1.0 / 100.0 + 1.0 / 25.0 + 1.0 / 11e3;
        close(inverting(soft, -2.0, 25.0), (3.0 / 100.0 - 2.0 / 11e3) / g, 1e-12);
        // v- r_in to ground: v- = -out / A, and the sum of currents at v-.
        let loaded = OpAmp { r_in: Some(1e3), gain: Some(100.0), ..ideal };
        let out = inverting(loaded, 0.1, 1e3);
        let minus = -out / 100.0;
        close((0.1 - minus) / 1e3 + (out - minus) / 1e4, minus / 1e3, 1e-10);
    }
}

/// A memristor across a sine.
fn driven(device: impl Into<Device>, amplitude: f64, frequency: f64) -> Netlist {
    let mut netlist = Netlist::new();
    let p = netlist.node("a");
    let wave = Some(Waveform::Sine {
        offset: 0.0,
        amplitude,
        frequency,
        delay: 0.0,
        damping: 0.0,
        phase: 0.0,
    });
    netlist.add("v", VoltageSource { p, n: GROUND, wave, ..Default::default() });
    netlist.add("x", device);
    netlist
}

/// Runge and Kutta's method for one state.
fn reference(rate: impl Fn(f64, f64) -> f64, mut s: f64, span: f64, steps: usize) -> f64 {
    let h = span / steps as f64;
    for k in 0..steps {
        let t = k as f64 * h;
        let k1 = rate(t, s);
        let k2 = rate(t + 0.5 * h, s + 0.5 * h * k1);
        let k3 = rate(t + 0.5 * h, s + 0.5 * h * k2);
        let k4 = rate(t + h, s + h * k3);
        s += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
    }
    s
}

#[test]
fn vteam_follows_its_published_equation() {
    let device = Vteam { p: Node(1), window: Window::Biolek, initial: 0.3, ..Default::default() };
    let (amplitude, frequency) = (0.1, 2e5);
    let netlist = driven(device.clone(), amplitude, frequency);
    let rate = |t: f64, s: f64| {
        let v = amplitude * (TAU * frequency * t).sin();
        let off = 5e-4 / 3e-9 * (v / 0.02 - 1.0) * (1.0 - s * s);
        if v > 0.02 { off } else { 0.0 }
    };
    let last = way(&netlist, Begin::Own, 2.5e-6, 1e-8).pop().unwrap();
    let expected = reference(rate, 0.3, 2.5e-6, 200_000);
    assert!(expected > 0.4, "it moves: {expected}");
    close(last.1[2], expected, 1e-5);
    close(last.1[1], -last.1[0] / (50.0 + 950.0 * last.1[2]), 1e-9);
}

#[test]
fn the_filament_follows_its_published_equations() {
    let device = Filament { p: Node(1), initial: 0.9, ..Default::default() };
    let (amplitude, frequency) = (1.1, 1e4);
    let netlist = driven(device, amplitude, frequency);
    let current = |v: f64, g: f64| 1e-3 * (-g / 0.25e-9).exp() * (v / 0.25).sinh();
    let gap = |s: f64| 0.2e-9 + 1.5e-9 * s;
    let rate = |t: f64, s: f64| {
        let (v, g) = (amplitude * (TAU * frequency * t).sin(), gap(s));
        let kelvin = 300.15 + 2100.0 * v * current(v, g);
        let vt = BOLTZMANN * kelvin / ELEMENTARY_CHARGE;
        let gamma = 16.0 - 0.8 * (g / 1e-9).powi(3);
        -10.0 / 1.5e-9 * (-0.6 / vt).exp() * (gamma * 0.25 / 12.0 * v / vt).sinh()
    };
    // The first rise, in which the gap closes ever faster as the filament heats.
    let span = 0.23 / frequency;
    let last = way(&netlist, Begin::Own, span, 1e-8).pop().unwrap();
    let expected = reference(rate, 0.9, span, 400_000);
    assert!((0.05..0.85).contains(&expected), "it moves, and within bounds: {expected}");
    close(last.1[2], expected, 1e-4);
    close(-last.1[1], current(last.1[0], gap(last.1[2])), 1e-9);
}

#[test]
fn memristors_pinch_at_zero_take_power_and_stay_in_bounds() {
    let windows = [Window::Stop, Window::Joglekar, Window::Biolek, Window::Prodromakis];
    let vteam = |window| -> Device {
        // These two are zero at both ends, whichever way the state moves.
        let sticks = matches!(window, Window::Joglekar | Window::Prodromakis);
        let initial = if sticks { 0.5 } else { 1.0 };
        Vteam { p: Node(1), window, initial, window_p: 2.0, ..Default::default() }.into()
    };
    let mut devices: Vec<(Device, f64, f64)> =
        windows.into_iter().map(|window| (vteam(window), 0.5, 1e6)).collect();
    devices.push((Filament { p: Node(1), ..Default::default() }.into(), 2.0, 1e4));
    for (device, amplitude, frequency) in devices {
        let netlist = driven(device.clone(), amplitude, frequency);
        let moments = way(&netlist, Begin::Own, 2.0 / frequency, 1e-5);
        // The current by the law itself: that of the source is an unknown whose error the
        // integration does not judge.
        let mut stamps = Stamps::new(&Pattern::of(&netlist));
        let mut current = |time: f64, x: &[f64]| {
            stamps.take(&netlist, Instant::At(time), &[x[0], 0.0, x[2]]);
            stamps.currents()[0]
        };
        let (mut low, mut high, mut energy) = (1.0f64, 0.0f64, 0.0);
        for two in moments.windows(2) {
            let [(t0, x0), (t1, x1)] = two else { unreachable!() };
            let (v, i, s) = (x1[0], current(*t1, x1), x1[2]);
            energy += 0.5 * (t1 - t0) * (x0[0] * current(*t0, x0) + v * i);
            assert!(v * i >= 0.0, "{device:?} gives power: {v} V, {i} A");
            assert!(i.abs() <= 100.0 * v.abs(), "not pinched: {v} V, {i} A");
            // Beyond by the error of a step, no more; what conducts is held to 0 and 1.
            assert!((-1e-3..=1.0 + 1e-3).contains(&s), "{device:?} at {t1:e}: {s}");
            (low, high) = (low.min(s), high.max(s));
        }
        assert!(energy > 0.0);
        assert!(high - low > 0.5, "{device:?} went from {low} to {high}");
    }
}

#[test]
fn at_rest_a_memristor_keeps_its_state() {
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "b"].map(|name| netlist.node(name));
    source(&mut netlist, "v", a, 1.0);
    resistor(&mut netlist, "r", a, b, 525.0);
    netlist.add("x", Vteam { p: b, n: GROUND, initial: 0.5, ..Default::default() });
    let x = dense::operating_point(&netlist);
    close(x[1], 0.5, 1e-12);
    close(x[3], 0.5, 1e-12);
}
