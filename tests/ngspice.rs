//! Compiled networks in ngspice: another simulator, given the SPICE text, finds the same
//! operating points at every node and the same waveforms at the summing nodes.
//!
//! Where ngspice is not installed these tests are skipped, aloud; `EQCIRCUIT_REQUIRE_NGSPICE=1`
//! makes that a failure.

mod common;

use common::compiled::{Case, drive};
use common::{ngspice, normal};
use eqcircuit::compile::{Chip, expand};
use eqcircuit::engine::{
    Behavioural, Circuit, Drive, Engine, Nudge, Save, Settled, Until, analyse,
};
use eqcircuit::model::Activation;
use eqcircuit::netlist::{Netlist, Node, Ports, text};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::{Mat, relative_difference};
use eqcircuit::spec::{Analysis, Precision};

const SMALL: [usize; 3] = [8, 6, 4];
const DIGITS: [usize; 3] = [64, 32, 10];

/// A nudge strong enough to move the outputs by a good part of their swing.
const BETA: f64 = 0.4;

/// One network with its drive, in both worlds.
struct Bench {
    chip: Chip,
    netlist: Netlist,
    ports: Ports,
    drive: Drive,
}

impl Bench {
    fn new(case: Case, beta: f64) -> Bench {
        let chip = case.chip();
        let (mut netlist, ports) = expand(&chip);
        let clamp = normal(Seed::new(8), 1, case.sizes[0], 0.7);
        let target = Mat::from_fn(1, case.sizes[2], |_, j| f64::from(u8::from(j == 1)));
        drive(&mut netlist, &ports, clamp.row(0), target.row(0), beta);
        let nudge = if beta == 0.0 { Nudge::None } else { Nudge::Toward { target, beta } };
        Bench { chip, netlist, ports, drive: Drive { clamp, nudge } }
    }

    fn spice(&self, directives: &[String]) -> ngspice::Plot {
        ngspice::run(&text::spice(&self.netlist, "compiled network", directives))
    }

    /// The summing nodes, layer by layer.
    fn sums(&self) -> Vec<Vec<Node>> {
        self.ports.layers.iter().map(|layer| layer.nodes.clone()).collect()
    }

    /// A state of the network in volts at the summing nodes of sample 0, layer by layer.
    fn volts(&self, state: &[Mat]) -> Vec<Vec<f64>> {
        let free = self.ports.layers.iter().zip(&state[1..]);
        free.map(|(l, x)| x.row(0).iter().map(|x| x * self.ports.v_unit / l.gain).collect())
            .collect()
    }

    fn taus(&self) -> impl Iterator<Item = f64> {
        self.chip.fabric.layers[1..].iter().map(|layer| layer.tau)
    }

    fn is_wired(&self) -> bool {
        self.chip.nonideal.wire.r_segment > 0.0
    }

    fn settle(&self, engine: &mut dyn Engine, at_most: f64, save: &Save) -> Settled {
        let until = Until { settled: 1e-12, at_most, at_most_iterations: 100_000 };
        engine.settle(&self.drive, None, &until, save)
    }
}

/// Asserts that every node has the same voltage in ngspice, to 1e-6 of the larger of itself and
/// 1 mV, and that the engines find the same.
fn operating_points_agree(case: Case, beta: f64) {
    let bench = Bench::new(case, beta);
    let options = ".options reltol=1e-9 vntol=1e-12 abstol=1e-15";
    let plot = bench.spice(&[options.into(), ".op".into()]);
    let until = Until { settled: 0.0, at_most: 0.0, at_most_iterations: 0 };
    let ours = analyse(&bench.netlist, Analysis::Op, &until, 1);
    assert!(ours.outcome.is_settled(), "{}", ours.outcome);
    let names = text::spice_nodes(&bench.netlist);
    let voltage = |node: usize| plot.vector(&format!("v({})", names[node]))[0];
    for (node, name) in names.iter().enumerate().skip(1) {
        let (theirs, ours) = (voltage(node), ours.values[(0, node - 1)]);
        assert!(
            relative_difference(theirs, ours, 1e-3) < 1e-6,
            "{case:?}, beta {beta}, v({name}): ngspice {theirs:e}, ours {ours:e}"
        );
    }
    let mut engines: Vec<Box<dyn Engine>> =
        vec![Box::new(Circuit::from_chip(bench.chip.clone(), Analysis::Op))];
    if !bench.is_wired() {
        engines.push(Box::new(Behavioural::new(bench.chip.clone(), Precision::F64)));
    }
    for (which, engine) in engines.iter_mut().enumerate() {
        let settled = bench.settle(engine.as_mut(), 1e-6, &Save::End);
        let volts = bench.volts(&settled.state);
        for (layer, nodes) in bench.sums().iter().enumerate() {
            for (i, node) in nodes.iter().enumerate() {
                let (theirs, ours) = (voltage(node.0 as usize), volts[layer][i]);
                assert!(
                    relative_difference(theirs, ours, 1e-3) < 1e-6,
                    "engine {which}, {case:?}, beta {beta}: ngspice {theirs:e}, ours {ours:e}"
                );
            }
        }
    }
}

/// Asserts that every summing node moves alike from zero volts, to 1e-3 of its layer's full
/// swing at 50 times. `spans` is how many of the longest time constants are followed, in
/// `fineness` steps to the shortest.
fn waveforms_agree(case: Case, beta: f64, spans: f64, fineness: f64) {
    let bench = Bench::new(case, beta);
    let names = text::spice_nodes(&bench.netlist);
    let sums: Vec<String> =
        bench.sums().concat().iter().map(|n| format!("v({})", names[n.0 as usize])).collect();
    let end = spans * bench.taus().fold(0.0, f64::max);
    let step = bench.taus().fold(f64::INFINITY, f64::min) / fineness;
    let rest: Vec<String> = sums.iter().map(|v| format!("{v}=0")).collect();
    let plot = bench.spice(&[
        ".options reltol=1e-6 vntol=1e-9 abstol=1e-14".into(),
        format!(".ic {}", rest.join(" ")),
        format!(".save {}", sums.join(" ")),
        format!(".tran {step:e} {end:e} 0 {step:e} uic"),
    ]);
    // 50 of ngspice's own moments, so that nothing is interpolated on its side.
    let clock = plot.vector("time");
    let mut moments: Vec<usize> = (1..=50)
        .map(|k| clock.partition_point(|&t| t < end * f64::from(k) / 50.0).min(clock.len() - 1))
        .collect();
    moments.dedup();
    assert_eq!(moments.len(), 50, "ngspice took {} steps", clock.len());
    let times: Vec<f64> = moments.iter().map(|&m| clock[m]).collect();
    let theirs: Vec<Vec<f64>> = sums.iter().map(|v| plot.vector(v)).collect();

    let mut engines: Vec<Box<dyn Engine>> =
        vec![Box::new(Circuit::from_chip(bench.chip.clone(), Analysis::Tran))];
    if !bench.is_wired() {
        engines.push(Box::new(Behavioural::new(bench.chip.clone(), Precision::F64)));
    }
    for (which, engine) in engines.iter_mut().enumerate() {
        let settled = bench.settle(engine.as_mut(), 1.01 * end, &Save::At(times.clone()));
        let trace = settled.trace.expect("a trace was asked for");
        let ways: Vec<Vec<Vec<f64>>> = trace.states.iter().map(|s| bench.volts(s)).collect();
        let mut first = 0;
        for (layer, port) in bench.ports.layers.iter().enumerate() {
            let size = port.nodes.len();
            let swing = (first..first + size)
                .flat_map(|k| &theirs[k])
                .fold([0.0_f64; 2], |[lo, hi], &v| [lo.min(v), hi.max(v)]);
            let swing = swing[1] - swing[0];
            assert!(swing > 1e-3, "the layer hardly moves");
            for (m, &moment) in moments.iter().enumerate() {
                for i in 0..size {
                    let (theirs, ours) = (theirs[first + i][moment], ways[m][layer][i]);
                    assert!(
                        (theirs - ours).abs() < 1e-3 * swing,
                        "engine {which}, {case:?}, beta {beta}, {} at {:e} s: \
                         ngspice {theirs:e}, ours {ours:e}, swing {swing:e}",
                        sums[first + i],
                        times[m]
                    );
                }
            }
            first += size;
        }
    }
}

/// Perfect and with spread, free and nudged both ways.
fn drives(sizes: [usize; 3], r_segment: f64) -> impl Iterator<Item = (Case, f64)> {
    [0.0, 0.2].into_iter().flat_map(move |spread| {
        [0.0, BETA, -BETA].map(|beta| (Case { spread, r_segment, ..Case::new(sizes) }, beta))
    })
}

#[test]
fn small_operating_points() {
    if !ngspice::is_here() {
        return;
    }
    for (case, beta) in drives(SMALL, 0.0).chain(drives(SMALL, 2.0)) {
        operating_points_agree(case, beta);
    }
}

#[test]
fn small_waveforms() {
    if !ngspice::is_here() {
        return;
    }
    for (case, beta) in drives(SMALL, 0.0).chain(drives(SMALL, 2.0)) {
        waveforms_agree(case, beta, 8.0, 50.0);
    }
}

#[test]
fn operating_points_of_every_neuron_circuit() {
    if !ngspice::is_here() {
        return;
    }
    for hidden in Activation::ALL {
        for r_segment in [0.0, 2.0] {
            let case = Case { hidden, spread: 0.2, r_segment, ..Case::new(SMALL) };
            operating_points_agree(case, BETA);
        }
    }
}

#[test]
fn waveforms_of_every_neuron_circuit() {
    if !ngspice::is_here() {
        return;
    }
    for hidden in Activation::ALL {
        waveforms_agree(Case { hidden, spread: 0.2, ..Case::new(SMALL) }, BETA, 8.0, 50.0);
    }
}

#[test]
fn operating_points_of_the_digits_network() {
    if !ngspice::is_here() {
        return;
    }
    for (case, beta) in drives(DIGITS, 0.0) {
        operating_points_agree(case, beta);
    }
}

#[test]
fn waveforms_of_the_digits_network() {
    if !ngspice::is_here() {
        return;
    }
    for (case, beta) in drives(DIGITS, 0.0) {
        waveforms_agree(case, beta, 8.0, 50.0);
    }
}

/// ngspice takes some ten seconds for an operating point of this one, and a minute for a waveform;
/// so not every combination.
#[test]
fn operating_points_of_the_wired_digits_network() {
    if !ngspice::is_here() {
        return;
    }
    for (spread, beta) in [(0.0, 0.0), (0.2, BETA), (0.2, -BETA)] {
        operating_points_agree(Case { spread, r_segment: 2.0, ..Case::new(DIGITS) }, beta);
    }
}

#[test]
fn waveforms_of_the_wired_digits_network() {
    if !ngspice::is_here() {
        return;
    }
    for (spread, beta) in [(0.2, 0.0), (0.0, -BETA)] {
        let case = Case { spread, r_segment: 2.0, ..Case::new(DIGITS) };
        waveforms_agree(case, beta, 3.0, 12.0);
    }
}
