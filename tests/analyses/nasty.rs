//! Circuits that are hard to solve, with junctions and transistors.

use eqcircuit::engine::AnalysisRun;
use eqcircuit::netlist::{
    Diode, Inductor, Mosfet, MosfetModel, Netlist, Node, Polarity, Vcvs, VoltageSource, Waveform,
};
use eqcircuit::spec::Study;
use eqcircuit::spec::study::{Method, Request, Solving, Tran};

use super::{GROUND, capacitor, close, column, only, resistor, run, tran, voltage};

fn diode(netlist: &mut Netlist, name: &str, p: Node, n: Node) {
    netlist.add(name, Diode { p, n, ..Default::default() });
}

fn inverter(netlist: &mut Netlist, name: &str, input: Node, output: Node, supply: Node) {
    let model = |polarity, vto| {
        Box::new(MosfetModel { polarity, vto, kp: Some(1e-4), lambda: 0.02, ..Default::default() })
    };
    let (low, high) = (model(Polarity::Nmos, 0.7), model(Polarity::Pmos, -0.7));
    let n = Mosfet { d: output, g: input, s: GROUND, b: GROUND, model: low };
    let p = Mosfet { d: output, g: input, s: supply, b: supply, model: high };
    netlist.add(format!("{name}n"), n);
    netlist.add(format!("{name}p"), p);
}

/// The run has settled, and balances.
fn sound(run: &AnalysisRun) {
    assert!(run.outcome.is_settled(), "{}", run.outcome);
    assert!(run.notes.iter().any(|n| n.contains("law holds to")), "{:?}", run.notes);
}

#[test]
fn a_ladder_of_diodes_at_a_hundred_volts() {
    let mut netlist = Netlist::new();
    let mut from = netlist.node("in");
    voltage(&mut netlist, "v", from, 100.0);
    for k in 0..40 {
        let to = netlist.node(&format!("n{k}"));
        resistor(&mut netlist, &format!("r{k}"), from, to, 10.0);
        diode(&mut netlist, &format!("d{k}"), to, GROUND);
        from = to;
    }
    let found = only(&netlist, Request::Op);
    sound(&found);
    let first = column(&found, "v(n0)")[0];
    assert!((0.7..1.0).contains(&first), "{first}");
    let nodes = (0..40).map(|k| column(&found, &format!("v(n{k})"))[0]);
    assert!(nodes.collect::<Vec<_>>().is_sorted_by(|a, b| a >= b));
}

#[test]
fn a_rectifier_bridge_at_two_hundred_volts() {
    let mut netlist = Netlist::new();
    let [a, b, p, n] = ["a", "b", "p", "n"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", a, 200.0);
    resistor(&mut netlist, "rb", b, GROUND, 1e-3);
    for (name, from, to) in [("d1", a, p), ("d2", b, p), ("d3", n, a), ("d4", n, b)] {
        diode(&mut netlist, name, from, to);
    }
    resistor(&mut netlist, "load", p, n, 100.0);
    let found = only(&netlist, Request::Op);
    sound(&found);
    let [p, n, i] = ["v(p)", "v(n)", "i(v)"].map(|name| column(&found, name)[0]);
    let drop = 0.025_864_8 * ((p - n) / 100.0 / 1e-14f64).ln();
    close(p - n, 200.0 - 2.0 * drop, 5e-3);
    close(-i, (p - n) / 100.0, 1e-9);
}

#[test]
fn cross_coupled_inverters_hold_what_is_guessed() {
    let mut netlist = Netlist::new();
    let [supply, q, r] = ["vdd", "q", "r"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", supply, 5.0);
    inverter(&mut netlist, "a", q, r, supply);
    inverter(&mut netlist, "b", r, q, supply);
    for side in [0.0, 5.0] {
        let asked =
            Study { analyses: vec![Request::Op], guess: vec![(q, side)], ..Study::default() };
        let found = run(&netlist, &asked).results.remove(0);
        sound(&found);
        close(column(&found, "v(q)")[0], side, 1e-3);
        close(column(&found, "v(r)")[0], 5.0 - side, 1e-3);
    }
    sound(&only(&netlist, Request::Op));
}

#[test]
fn an_open_gate_and_a_current_mirror() {
    let mut netlist = Netlist::new();
    let [supply, gate, out, open, drain] =
        ["vdd", "gate", "out", "open", "drain"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", supply, 10.0);
    let model = Box::new(MosfetModel { vto: 1.0, kp: Some(1e-4), ..MosfetModel::default() });
    let mos = |d, g| Mosfet { d, g, s: GROUND, b: GROUND, model: model.clone() };
    resistor(&mut netlist, "ref", supply, gate, 1e4);
    netlist.add("m1", mos(gate, gate));
    netlist.add("m2", mos(out, gate));
    resistor(&mut netlist, "load", supply, out, 1e3);
    netlist.add("m3", mos(drain, open));
    resistor(&mut netlist, "rd", supply, drain, 1e4);
    capacitor(&mut netlist, "c", open, GROUND, 1e-12);
    resistor(&mut netlist, "leak", open, GROUND, 1e12);
    let found = only(&netlist, Request::Op);
    sound(&found);
    let [gate, out, drain] = ["v(gate)", "v(out)", "v(drain)"].map(|name| column(&found, name)[0]);
    // 5e-5 (v - 1)^2 = (10 - v) / 1e4, and the same current in the other.
    close(5e-5 * (gate - 1.0).powi(2), (10.0 - gate) / 1e4, 1e-10);
    close((10.0 - out) / 1e3, (10.0 - gate) / 1e4, 1e-10);
    close(drain, 10.0, 1e-6);
}

#[test]
fn a_chain_of_inverters_with_feedback_needs_and_finds_its_way() {
    // A ring of an odd number: the only operating point has every node at the threshold.
    let mut netlist = Netlist::new();
    let supply = netlist.node("vdd");
    voltage(&mut netlist, "v", supply, 5.0);
    let nodes: Vec<Node> = (0..5).map(|k| netlist.node(&format!("n{k}"))).collect();
    for k in 0..5 {
        inverter(&mut netlist, &format!("x{k}"), nodes[k], nodes[(k + 1) % 5], supply);
        capacitor(&mut netlist, &format!("c{k}"), nodes[k], GROUND, 1e-13);
    }
    let found = only(&netlist, Request::Op);
    sound(&found);
    for k in 0..5 {
        close(column(&found, &format!("v(n{k})"))[0], 2.5, 1e-6);
    }
    // Kicked, it oscillates between the rails.
    let asked = Study {
        analyses: vec![Request::Tran(tran(1e-7))],
        initial: vec![(nodes[0], 0.0)],
        ..Study::default()
    };
    let found = run(&netlist, &asked).results.remove(0);
    assert!(found.outcome.is_settled(), "{}", found.outcome);
    let v = column(&found, "v(n3)");
    let late = &v[v.len() / 2..];
    let most = late.iter().copied().fold(0.0, f64::max);
    let least = late.iter().copied().fold(5.0, f64::min);
    assert!(most > 4.5 && least < 0.5, "{least} to {most}");
}

#[test]
fn a_precision_rectifier_closes_its_loop_through_a_diode() {
    let mut netlist = Netlist::new();
    let [input, inside, out] = ["in", "x", "out"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", input, 0.01);
    netlist.add("e", Vcvs { p: inside, n: GROUND, cp: input, cn: out, gain: 1e6 });
    diode(&mut netlist, "d", inside, out);
    resistor(&mut netlist, "r", out, GROUND, 1e3);
    let found = only(&netlist, Request::Op);
    sound(&found);
    close(column(&found, "v(out)")[0], 0.01, 1e-6);
}

#[test]
fn a_rectifier_charges_its_capacitor_by_every_method() {
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "b"].map(|name| netlist.node(name));
    let wave = Waveform::Sine {
        offset: 0.0,
        amplitude: 10.0,
        frequency: 50.0,
        delay: 0.0,
        damping: 0.0,
        phase: 0.0,
    };
    netlist.add("v", VoltageSource { p: a, n: GROUND, wave: Some(wave), ..Default::default() });
    diode(&mut netlist, "d", a, b);
    capacitor(&mut netlist, "c", b, GROUND, 1e-4);
    resistor(&mut netlist, "r", b, GROUND, 1e3);
    let mut ends = Vec::new();
    for method in [Method::TrBdf2, Method::Trapezoidal, Method::Gear] {
        let solving = Solving { method, ..Solving::default() };
        let request = Request::Tran(Tran { step: Some(1e-3), ..tran(0.1) });
        let asked = Study { analyses: vec![request], solving, ..Study::default() };
        let found = run(&netlist, &asked).results.remove(0);
        assert!(found.outcome.is_settled(), "{}", found.outcome);
        let v = column(&found, "v(b)");
        assert!(v.iter().all(|v| *v < 9.5), "{method:?}");
        ends.push(v);
    }
    for other in &ends[1..] {
        ends[0].iter().zip(other).for_each(|(a, b)| close(*b, *a, 2e-3));
    }
}

#[test]
fn an_inductor_that_is_cut_off_finds_its_diode() {
    // The current of a coil goes on through a diode when its source steps down.
    let mut netlist = Netlist::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| netlist.node(name));
    let wave = Waveform::PiecewiseLinear {
        points: vec![(0.0, 10.0), (1e-3, 10.0), (1.000_001e-3, -10.0)],
    };
    netlist.add("v", VoltageSource { p: a, n: GROUND, wave: Some(wave), ..Default::default() });
    diode(&mut netlist, "feed", a, b);
    diode(&mut netlist, "free", GROUND, b);
    let mut coil = Inductor::default();
    (coil.p, coil.n, coil.l) = (b, c, 1e-3);
    netlist.add("l", coil);
    resistor(&mut netlist, "r", c, GROUND, 10.0);
    let found = only(&netlist, Request::Tran(tran(2e-3)));
    assert!(found.outcome.is_settled(), "{}", found.outcome);
    let times = column(&found, "time");
    let (current, v) = (column(&found, "i(l)"), column(&found, "v(b)"));
    let cut = current[times.iter().position(|t| *t >= 1e-3).unwrap()];
    for k in (0..times.len()).filter(|k| times[*k] > 1.01e-3 && times[*k] < 1.2e-3) {
        assert!((-1.0..-0.6).contains(&v[k]), "{} at {}", v[k], times[k]);
        // L di/dt = -R i - 0.8 V
        let gone = (-(times[k] - 1e-3) / 1e-4f64).exp();
        close(current[k], (cut + 0.08) * gone - 0.08, 5e-3);
    }
}
