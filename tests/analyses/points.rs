//! Operating points.

use eqcircuit::engine::Outcome;
use eqcircuit::netlist::{Amplifier, Netlist, Vcvs};
use eqcircuit::numerics::Activation;
use eqcircuit::numerics::dae::{Dae, Instant, Pattern};
use eqcircuit::numerics::linear::Elimination;
use eqcircuit::numerics::newton::Solver;
use eqcircuit::numerics::rest::{Search, Way};
use eqcircuit::spec::Study;
use eqcircuit::spec::study::Request;

use super::equations::Stack;
use super::{GROUND, close, column, current, only, resistor, run, voltage};

fn rest(dae: &dyn Dae) -> (Vec<f64>, Way) {
    let mut solver = Solver::new(dae, &Elimination::of(&Pattern::of(dae)));
    let mut x = vec![0.0; dae.dim()];
    let search = Search { at: Instant::Rest, held: &[], iterations: 100 };
    let found = solver.operating_point(&mut x, &search).unwrap();
    (x, found.way)
}

#[test]
fn stacked_diodes_at_a_hundred_volts_need_no_help() {
    for diodes in [1, 3, 20] {
        for current in [1e-6, 1e-2] {
            let mut stack = Stack { diodes, volts: 0.0, conductance: 1e-3 };
            stack.conductance = current / 100.0;
            stack.volts = stack.volts_at(current);
            let (x, way) = rest(&stack);
            assert_eq!(way, Way::Newton, "{diodes} diodes, {current} A");
            let flowing = stack.conductance * (stack.volts - x[0]);
            // Beside the diodes' own current flows that of their 1 pS.
            close(flowing, current, 1e-9 * current + 1e-11);
        }
    }
}

#[test]
fn an_operational_amplifier_of_a_million_follows() {
    let mut netlist = Netlist::new();
    let [input, output] = ["in", "out"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", input, 0.7);
    netlist.add("e", Vcvs { p: output, n: GROUND, cp: input, cn: output, gain: 1e6 });
    resistor(&mut netlist, "load", output, GROUND, 1e3);
    let found = only(&netlist, Request::Op);
    close(column(&found, "v(out)")[0], 0.7 * 1e6 / (1e6 + 1.0), 1e-15);
    assert!(found.notes[0].starts_with("found by Newton's method"), "{:?}", found.notes);
    assert!(found.notes[1].starts_with("Kirchhoff's current law holds"), "{:?}", found.notes);
}

/// Two inverters in a ring through resistors.
fn latch() -> Netlist {
    let mut netlist = Netlist::new();
    let [a, b, p, q] = ["a", "b", "p", "q"].map(|name| netlist.node(name));
    for (name, input, output, driven) in [("x", a, p, b), ("y", b, q, a)] {
        let activation = Activation::Tanh;
        netlist.add(name, Amplifier { input, output, activation, gain: -4.0, v_unit: 1.0 });
        resistor(&mut netlist, &format!("r{name}"), output, driven, 1e3);
    }
    current(&mut netlist, "kick", a, 0.0);
    netlist
}

#[test]
fn a_latch_is_found_on_the_side_that_is_guessed() {
    let netlist = latch();
    for side in [1.0, -1.0] {
        let guess = vec![(netlist.find_node("a").unwrap(), side)];
        let asked = Study { analyses: vec![Request::Op], guess, ..Study::default() };
        let found = run(&netlist, &asked).results.remove(0);
        assert!(found.outcome.is_settled());
        let [a, b] = ["v(a)", "v(b)"].map(|name| column(&found, name)[0]);
        // v = tanh(4 v) away from zero.
        close(a, side * 0.999_325_0, 1e-5);
        close(b, -a, 1e-12);
        close((4.0 * b).tanh(), b, 1e-12);
    }
}

#[test]
fn a_loop_of_sources_is_named() {
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "b"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v1", a, 1.0);
    netlist.add("e1", Vcvs { p: b, n: a, cp: a, cn: GROUND, gain: 0.5 });
    resistor(&mut netlist, "r", b, GROUND, 1.0);
    voltage(&mut netlist, "v2", b, 1.0);
    let found = only(&netlist, Request::Op);
    let Outcome::SourceLoop { devices } = &found.outcome else { panic!("{}", found.outcome) };
    assert_eq!(devices, &["v2", "v1", "e1"]);
    assert_eq!(found.outcome.word(), "singular");
}

#[test]
fn a_floating_node_is_named() {
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "lost"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v1", a, 1.0);
    super::capacitor(&mut netlist, "c", a, b, 1e-12);
    let found = only(&netlist, Request::Op);
    assert_eq!(found.outcome, Outcome::Singular { node: "lost".into() });
}
