//! The analyses of circuits against closed forms.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

mod equations;
mod events;
mod factors;
mod measures;
mod methods;
mod nasty;
mod points;
mod small_signals;
mod sweeps;
mod unkind;
mod waveforms;

use eqcircuit::engine::{AnalysisRun, StudyRun, study};
use eqcircuit::netlist::{Capacitor, CurrentSource, Netlist, Node, Resistor, VoltageSource};
use eqcircuit::spec::Study;
use eqcircuit::spec::study::{Request, Tran};

const GROUND: Node = Node::GROUND;

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} against {b}, {:.1e} apart", (a - b).abs());
}

/// All values of a column.
fn column(run: &AnalysisRun, name: &str) -> Vec<f64> {
    let column = run.waves.column(name);
    let column = column.unwrap_or_else(|| panic!("no column {name} in {:?}", run.outcome));
    (0..column.values.len()).map(|k| column.values.at(k)[0]).collect()
}

fn run(netlist: &Netlist, asked: &Study) -> StudyRun {
    study(netlist, asked, &mut |_| {})
}

/// The only result of one analysis with the usual settings.
fn only(netlist: &Netlist, request: Request) -> AnalysisRun {
    let asked = Study { analyses: vec![request], ..Study::default() };
    run(netlist, &asked).results.remove(0)
}

fn tran(stop: f64) -> Tran {
    Tran { stop, start: 0.0, step: None, longest: None, uic: false }
}

fn resistor(netlist: &mut Netlist, name: &str, p: Node, n: Node, ohms: f64) {
    netlist.add(name, Resistor { p, n, g: 1.0 / ohms, ..Default::default() });
}

fn capacitor(netlist: &mut Netlist, name: &str, p: Node, n: Node, c: f64) {
    let mut capacitor = Capacitor::default();
    (capacitor.p, capacitor.n, capacitor.c) = (p, n, c);
    netlist.add(name, capacitor);
}

fn voltage(netlist: &mut Netlist, name: &str, p: Node, dc: f64) {
    netlist.add(name, VoltageSource { p, n: GROUND, dc, ..Default::default() });
}

fn current(netlist: &mut Netlist, name: &str, n: Node, dc: f64) {
    netlist.add(name, CurrentSource { p: GROUND, n, dc, ..Default::default() });
}
