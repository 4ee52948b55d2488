//! The circuit solvers against circuits whose answer is known in closed form.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

use std::ops::ControlFlow;

use eqcircuit::engine::{Circuit, Drive, Engine, Nudge, Outcome, Save, Settled, Until, analyse};
use eqcircuit::netlist::{
    Amplifier, Capacitor, ClampPort, CurrentSource, DeviceId, Fault, LayerPort, Netlist, Node,
    NudgePort, Ports, Resistor, SoftmaxAmplifier, Vccs, Vcvs, VoltageSource,
};
use eqcircuit::numerics::dae::{Dae, Pattern};
use eqcircuit::numerics::linear::Elimination;
use eqcircuit::numerics::newton::Solver;
use eqcircuit::numerics::transient::{Control, End, Path, integrate};
use eqcircuit::numerics::{Activation, Mat};
use eqcircuit::spec::Analysis;

const GROUND: Node = Node::GROUND;

fn until(settled: f64, at_most: f64) -> Until {
    Until { settled, at_most, at_most_iterations: 0 }
}

/// The operating point from `start`.
fn operating_point(netlist: &Netlist, start: &[f64]) -> Vec<f64> {
    let elimination = Elimination::of(&Pattern::of(netlist));
    let mut x = vec![0.0; netlist.dim()];
    x[..start.len()].copy_from_slice(start);
    Solver::new(netlist, &elimination).equilibrium(&mut x).unwrap();
    x
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} against {b}");
}

#[test]
fn a_divider_divides() {
    let mut netlist = Netlist::new();
    let (top, mid) = (netlist.node("top"), netlist.node("mid"));
    netlist.add("v", VoltageSource { p: top, n: GROUND, dc: 5.0, ..Default::default() });
    netlist.add("r1", Resistor { p: top, n: mid, g: 1e-3, ..Default::default() });
    netlist.add("r2", Resistor { p: mid, n: GROUND, g: 4e-3, ..Default::default() });
    let run = analyse(&netlist, Analysis::Op, &until(1e-9, 1.0), 2);
    assert_eq!(run.names, ["v(top)", "v(mid)", "i(v)"]);
    assert!(run.outcome.is_settled());
    for (value, expected) in run.values.row(0).iter().zip([5.0, 1.0, -4e-3]) {
        close(*value, expected, 1e-14);
    }
}

#[test]
fn sources_have_the_signs_of_spice() {
    let mut netlist = Netlist::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| netlist.node(name));
    for (name, p) in [("ra", a), ("rb", b), ("rc", c), ("rd", d)] {
        netlist.add(name, Resistor { p, n: GROUND, g: 0.5, ..Default::default() });
    }
    netlist.add("v1", VoltageSource { p: a, n: GROUND, dc: 3.0, ..Default::default() });
    netlist.add("i1", CurrentSource { p: GROUND, n: b, dc: 2.0, ..Default::default() });
    netlist.add("g1", Vccs { p: GROUND, n: c, cp: b, cn: a, gm: 0.25 });
    netlist.add("e1", Vcvs { p: d, n: c, cp: b, cn: a, gain: 5.0 });
    let x = operating_point(&netlist, &[]);
    // 2 A into 2 ohm; then 0.25 A into the two resistors at c and d, which are 5 V apart.
    for (value, expected) in x.iter().zip([3.0, 4.0, -2.25, 2.75, -1.5, -1.375]) {
        close(*value, expected, 1e-13);
    }
}

#[test]
fn an_amplifier_is_its_activation() {
    let (v_unit, gain, input) = (0.4, 3.0, 0.11);
    let mut netlist = Netlist::new();
    let a = netlist.node("a");
    netlist.add("v", VoltageSource { p: a, n: GROUND, dc: input, ..Default::default() });
    let elementwise: Vec<Activation> =
        Activation::ALL.into_iter().filter(|f| f.is_elementwise()).collect();
    for activation in &elementwise {
        let output = netlist.node(activation.name());
        let amplifier = Amplifier { input: a, output, activation: *activation, gain, v_unit };
        netlist.add(activation.name(), amplifier);
        netlist.add("load", Resistor { p: output, n: GROUND, g: 1.0, ..Default::default() });
    }
    let x = operating_point(&netlist, &[]);
    for (k, activation) in elementwise.iter().enumerate() {
        let expected = v_unit * activation.scalar(gain * input / v_unit);
        close(x[1 + k], expected, 1e-15);
    }
}

#[test]
fn a_softmax_amplifier_is_a_softmax() {
    let (v_unit, gain) = (0.5, 2.0);
    let volts = [0.3, -0.2, 0.7];
    let mut netlist = Netlist::new();
    let inputs: Vec<Node> = (0..3).map(|k| netlist.node(&format!("in{k}"))).collect();
    let outputs: Vec<Node> = (0..3).map(|k| netlist.node(&format!("out{k}"))).collect();
    for (k, &p) in inputs.iter().enumerate() {
        netlist.add(
            format!("v{k}"),
            VoltageSource { p, n: GROUND, dc: volts[k], ..Default::default() },
        );
    }
    netlist.add("s", SoftmaxAmplifier { inputs, outputs, gain, v_unit });
    let x = operating_point(&netlist, &[]);
    let mut expected = [0.0; 3];
    Activation::Softmax.row(&volts.map(|v| gain * v / v_unit), &mut expected);
    for k in 0..3 {
        close(x[3 + k], v_unit * expected[k], 1e-15);
    }
}

/// 1 V through a ladder of `n` equal resistors and capacitors; returns the netlist.
fn ladder(n: usize, g: f64, c: f64) -> Netlist {
    let mut netlist = Netlist::new();
    let mut from = netlist.node("in");
    netlist.add("v", VoltageSource { p: from, n: GROUND, dc: 1.0, ..Default::default() });
    for k in 1..=n {
        let to = netlist.node(&format!("n{k}"));
        netlist.add(format!("r{k}"), Resistor { p: from, n: to, g, ..Default::default() });
        netlist.add(format!("c{k}"), Capacitor { p: to, n: GROUND, c, ..Default::default() });
        from = to;
    }
    netlist
}

/// The voltage of node `k` (from 1) of an `n`-stage ladder at time `t`, by its modes
/// `sin((2m - 1) k pi / (2n + 1))` with rates `4 g/c sin^2((2m - 1) pi / (4n + 2))`.
fn ladder_voltage(n: usize, g: f64, c: f64, k: usize, t: f64) -> f64 {
    let unit = std::f64::consts::PI / (2 * n + 1) as f64;
    let mode = |m: usize, k: usize| ((2 * m - 1) as f64 * k as f64 * unit).sin();
    let decay = |m: usize| {
        let norm: f64 = (1..=n).map(|j| mode(m, j).powi(2)).sum();
        let start: f64 = (1..=n).map(|j| mode(m, j)).sum();
        let rate = 4.0 * g / c * ((2 * m - 1) as f64 * unit / 2.0).sin().powi(2);
        start / norm * (-rate * t).exp() * mode(m, k)
    };
    1.0 - (1..=n).map(decay).sum::<f64>()
}

#[test]
fn a_ladder_follows_its_modes() {
    let (n, g, c) = (5, 2e-3, 3e-9);
    let netlist = ladder(n, g, c);
    let run = analyse(&netlist, Analysis::Tran, &until(1e-7, 1e-3), 101);
    let Outcome::Settled { at } = run.outcome else { panic!("{}", run.outcome) };
    assert_eq!(run.times.len(), 101);
    assert_eq!(run.times[0], 0.0);
    for (row, &t) in run.values.iter_rows().zip(&run.times) {
        for (k, &v) in row.iter().enumerate().take(n + 1).skip(1) {
            close(v, ladder_voltage(n, g, c, k, t), 2e-5);
        }
    }
    let slowest = 4.0 * g / c * (std::f64::consts::PI / 22.0).sin().powi(2);
    assert!(at * slowest > 10.0 && at * slowest < 20.0, "settled after {} times", at * slowest);
}

#[test]
fn a_tighter_tolerance_is_nearer() {
    let (g, c) = (1e-3, 1e-9);
    let error = |relative: f64| {
        let netlist = ladder(2, g, c);
        let elimination = Elimination::of(&Pattern::of(&netlist));
        let mut solver = Solver::new(&netlist, &elimination);
        let mut x = vec![0.0; netlist.dim()];
        let control = Control { relative, absolute: 1e-3 * relative, ..Control::default() };
        let mut worst = 0.0_f64;
        integrate(&mut solver, &mut x, 5e-6, &control, &mut |now| {
            worst = worst.max((now.x[2] - ladder_voltage(2, g, c, 2, now.time)).abs());
            ControlFlow::Continue(())
        })
        .unwrap();
        worst
    };
    let errors = [1e-3, 1e-5, 1e-7].map(error);
    assert!(errors[1] < 0.1 * errors[0] && errors[2] < 0.1 * errors[1], "{errors:?}");
    assert!(errors[2] < 1e-5, "{errors:?}");
}

#[test]
fn tr_bdf2_is_of_second_order() {
    let (n, g, c, end) = (3, 1.0, 1.0, 3.0);
    let netlist = ladder(n, g, c);
    let elimination = Elimination::of(&Pattern::of(&netlist));
    let error = |longest: f64| {
        // Loose, so that `longest` alone rules.
        let control = Control { longest, relative: 1.0, absolute: 1.0, ..Control::default() };
        let mut solver = Solver::new(&netlist, &elimination);
        let mut x = vec![0.0; netlist.dim()];
        let done =
            integrate(&mut solver, &mut x, end, &control, &mut |_| ControlFlow::Continue(()));
        assert_eq!(done, Ok(End::Reached));
        (x[n] - ladder_voltage(n, g, c, n, end)).abs()
    };
    let errors = [1.0 / 32.0, 1.0 / 64.0, 1.0 / 128.0].map(error);
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((1.9..2.1).contains(&order), "order {order}, errors {errors:?}");
    }
}

#[test]
fn a_path_is_smooth_between_its_moments() {
    let (g, c) = (1e-3, 1e-9);
    let netlist = ladder(1, g, c);
    let elimination = Elimination::of(&Pattern::of(&netlist));
    let exact = |t: f64| 1.0 - (-t * g / c).exp();
    let (mut path, mut worst) = (Path::of(vec![1]), 0.0_f64);
    let mut x = vec![0.0; netlist.dim()];
    let control = Control::default();
    integrate(&mut Solver::new(&netlist, &elimination), &mut x, 3e-6, &control, &mut |now| {
        path.record(now);
        worst = worst.max((now.x[1] - exact(now.time)).abs());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(worst < 1e-5, "{worst}");
    for k in 0..1000 {
        let t = 3e-9 * f64::from(k);
        close(path.at(t)[0], exact(t), 1.2 * worst);
    }
}

/// Two neurons that excite each other with a loop gain of 2, on one capacitor each.
fn latch() -> Netlist {
    let mut netlist = Netlist::new();
    let [a, b, va, vb] = ["a", "b", "va", "vb"].map(|name| netlist.node(name));
    for (name, u, v, other) in [("a", a, va, vb), ("b", b, vb, va)] {
        netlist
            .add(format!("c{name}"), Capacitor { p: u, n: GROUND, c: 1e-12, ..Default::default() });
        netlist.add(format!("r{name}"), Resistor { p: other, n: u, g: 1e-6, ..Default::default() });
        let activation = Activation::Tanh;
        netlist.add(
            format!("f{name}"),
            Amplifier { input: u, output: v, activation, gain: 2.0, v_unit: 0.5 },
        );
    }
    netlist
}

#[test]
fn a_latch_goes_to_the_side_it_starts_on() {
    let netlist = latch();
    // u = 0.5 tanh(4 u) has the roots 0 and +-0.478...
    let mut root = 0.5_f64;
    for _ in 0..200 {
        root = 0.5 * (4.0 * root).tanh();
    }
    for start in [0.4, 0.1, 1e-2, 1e-4] {
        for side in [1.0, -1.0] {
            let x = operating_point(&netlist, &[side * start, side * start]);
            close(x[0], side * root, 1e-14);
            close(x[1], side * root, 1e-14);
        }
    }
}

#[test]
fn the_work_of_a_reference_point_is_known() {
    let netlist = latch();
    let elimination = Elimination::of(&Pattern::of(&netlist));
    let mut solver = Solver::new(&netlist, &elimination);
    let mut x = vec![0.0; netlist.dim()];
    (x[0], x[1]) = (0.1, 0.1);
    solver.equilibrium(&mut x).unwrap();
    let work = solver.work;
    assert_eq!((work.steps, work.newton, work.factorisations), (9, 28, 12), "{work:?}");
}

#[test]
fn an_undetermined_node_is_named() {
    let mut netlist = Netlist::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| netlist.node(name));
    netlist.add("v", VoltageSource { p: a, n: GROUND, dc: 1.0, ..Default::default() });
    netlist.add("r", Resistor { p: a, n: GROUND, g: 1.0, ..Default::default() });
    netlist.add("island", Resistor { p: b, n: c, g: 0.3, ..Default::default() });
    netlist.add("i", CurrentSource { p: GROUND, n: b, dc: 1.0, ..Default::default() });
    let run = analyse(&netlist, Analysis::Op, &until(1e-9, 1.0), 2);
    let Outcome::Singular { node } = run.outcome else { panic!("{:?}", run.outcome) };
    assert!(node == "b" || node == "c", "{node}");
}

#[test]
fn a_loop_of_sources_is_named() {
    let mut netlist = Netlist::new();
    let a = netlist.node("a");
    netlist.add("v1", VoltageSource { p: a, n: GROUND, dc: 1.0, ..Default::default() });
    netlist.add("v2", VoltageSource { p: a, n: GROUND, dc: 2.0, ..Default::default() });
    let run = analyse(&netlist, Analysis::Op, &until(1e-9, 1.0), 2);
    let devices = ["v2", "v1"].map(str::to_owned).to_vec();
    assert_eq!(run.outcome, Outcome::SourceLoop { devices });
}

#[test]
fn newtons_failure_names_a_node() {
    // u = 1 + 2 relu(u) has no solution.
    let mut netlist = Netlist::new();
    let [ok, u, v] = ["ok", "u", "v"].map(|name| netlist.node(name));
    netlist.add("r", Resistor { p: ok, n: GROUND, g: 1.0, ..Default::default() });
    netlist.add("i", CurrentSource { p: GROUND, n: ok, dc: 0.1, ..Default::default() });
    let activation = Activation::Relu;
    netlist.add("f", Amplifier { input: u, output: v, activation, gain: 2.0, v_unit: 1.0 });
    netlist.add("up", VoltageSource { p: u, n: v, dc: 1.0, ..Default::default() });
    let run = analyse(&netlist, Analysis::Op, &until(1e-9, 1.0), 2);
    let Outcome::NewtonFailed { node, iteration } = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(node == "u" || node == "v", "{node}");
    assert!(iteration > 0);
}

#[test]
fn faults_are_found_before_solving() {
    let mut netlist = Netlist::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| netlist.node(name));
    netlist.add("v1", VoltageSource { p: a, n: GROUND, dc: 1.0, ..Default::default() });
    netlist.add("r1", Resistor { p: a, n: b, g: 1.0, ..Default::default() });
    netlist.add("r2", Resistor { p: b, n: GROUND, g: 1.0, ..Default::default() });
    let activation = Activation::Tanh;
    netlist.add("f", Amplifier { input: b, output: c, activation, gain: 1.0, v_unit: 1.0 });
    assert_eq!(netlist.faults(), []);
    assert_eq!(netlist.forced_nodes(), [true, true, false, true]);
    let [d, e, f] = ["d", "e", "f"].map(|name| netlist.node(name));
    netlist.add("island", Resistor { p: d, n: e, g: 1.0, ..Default::default() });
    netlist.add("plates", Capacitor { p: e, n: GROUND, c: 1.0, ..Default::default() });
    netlist.add("open", Resistor { p: a, n: f, g: 1.0, ..Default::default() });
    let again = netlist.add("v2", Vcvs { p: c, n: a, cp: b, cn: GROUND, gain: 1.0 });
    let expected = [
        Fault::Unconnected { node: d, device: DeviceId(4) },
        Fault::Unconnected { node: f, device: DeviceId(6) },
        Fault::NoPathToGround { nodes: vec![d, e] },
        Fault::ForcedLoop { device: again },
    ];
    assert_eq!(netlist.faults(), expected);
}

/// A network of one clamped and two free units, each free unit one node:
/// `tau dx/dt = -x + W f(x) + w f(x_in) + nudge`, `W` off the diagonal, `tau = C / G`.
struct Cell {
    netlist: Netlist,
    ports: Ports,
}

const COUPLING: f64 = 0.8;
const INPUT: [f64; 2] = [0.7, -0.4];
const TOTAL: f64 = 50e-6;
const SCALE: f64 = 20e-6;
const NODE: f64 = 1e-13;
const V_UNIT: f64 = 0.5;
const GAIN: f64 = TOTAL / SCALE;

/// The cell with `wire` ohm between each node and what drives it.
fn cell(wire: f64) -> Cell {
    let mut netlist = Netlist::new();
    let [plus, minus] = ["in.p", "in.n"].map(|name| netlist.node(name));
    let sources = [("vp", plus), ("vn", minus)].map(|(name, p)| {
        netlist.add(name, VoltageSource { p, n: GROUND, dc: 0.0, ..Default::default() })
    });
    let nodes = [0, 1].map(|i| netlist.node(&format!("u{i}")));
    let outs = [0, 1].map(|i| netlist.node(&format!("v{i}")));
    let mut nudge = Vec::new();
    for i in 0..2 {
        let activation = Activation::Tanh;
        let amplifier =
            Amplifier { input: nodes[i], output: outs[i], activation, gain: GAIN, v_unit: V_UNIT };
        netlist.add(format!("f{i}"), amplifier);
        netlist.add(
            format!("c{i}"),
            Capacitor { p: nodes[i], n: GROUND, c: NODE, ..Default::default() },
        );
        let line = if wire > 0.0 {
            let line = netlist.node(&format!("line{i}"));
            netlist.add(
                format!("w{i}"),
                Resistor { p: nodes[i], n: line, g: 1.0 / wire, ..Default::default() },
            );
            line
        } else {
            nodes[i]
        };
        let from = if INPUT[i] > 0.0 { plus } else { minus };
        let (gi, gw) = (SCALE * INPUT[i].abs(), SCALE * COUPLING);
        netlist.add(format!("gi{i}"), Resistor { p: from, n: line, g: gi, ..Default::default() });
        netlist.add(
            format!("gw{i}"),
            Resistor { p: outs[1 - i], n: line, g: gw, ..Default::default() },
        );
        netlist.add(
            format!("leak{i}"),
            Resistor { p: line, n: GROUND, g: TOTAL - gi - gw, ..Default::default() },
        );
        let current = netlist.add(
            format!("i{i}"),
            CurrentSource { p: GROUND, n: nodes[i], dc: 0.0, ..Default::default() },
        );
        let pull = Vccs { p: nodes[i], n: GROUND, cp: outs[i], cn: GROUND, gm: 0.0 };
        nudge.push(NudgePort { current, pull: netlist.add(format!("g{i}"), pull), mirror: 1.0 });
    }
    let activation = Activation::Identity;
    let clamp = ClampPort { name: "input".into(), activation, sources: vec![sources] };
    let activation = Activation::Tanh;
    let layer = LayerPort {
        name: "free".into(),
        activation,
        gain: GAIN,
        nodes: nodes.to_vec(),
        skew: Vec::new(),
    };
    let ports =
        Ports { v_unit: V_UNIT, clamp, layers: vec![layer], read: 0, nudge, nudge_scale: SCALE };
    Cell { netlist, ports }
}

/// The equilibrium of the ideal cell by iteration.
fn fixed_point(input: f64, force: impl Fn(usize, f64) -> f64) -> [f64; 2] {
    let mut x = [0.0_f64; 2];
    for _ in 0..20_000 {
        for i in 0..2 {
            let new = COUPLING * x[1 - i].tanh() + INPUT[i] * input + force(i, x[i].tanh());
            x[i] += 0.2 * (new - x[i]);
        }
    }
    x
}

const CLAMPS: [f64; 3] = [0.9, -0.3, 2.0];

fn drive(nudge: Nudge) -> Drive {
    Drive { clamp: Mat::from_vec(3, 1, CLAMPS.to_vec()), nudge }
}

fn settle(analysis: Analysis, drive: &Drive, save: &Save) -> Settled {
    let Cell { netlist, ports } = cell(0.0);
    let until = until(1e-10, 1e-6);
    Circuit::from_netlist(netlist, ports, analysis).settle(drive, None, &until, save)
}

#[test]
fn a_cell_settles_in_its_fixed_point_free_and_nudged() {
    let target = [[0.5, -0.5], [1.0, 0.2], [-0.3, 0.3]];
    for analysis in [Analysis::Op, Analysis::Tran] {
        for beta in [0.0, 0.3, -0.3] {
            let targets = Mat::from_vec(3, 2, target.concat());
            let forces = targets.map(|y| beta * y);
            let elastic =
                settle(analysis, &drive(Nudge::Toward { target: targets, beta }), &Save::End);
            let constant = settle(analysis, &drive(Nudge::Force(forces)), &Save::End);
            for (s, &input) in CLAMPS.iter().enumerate() {
                let toward = fixed_point(input, |i, v| beta * (target[s][i] - v));
                let forced = fixed_point(input, |i, _| beta * target[s][i]);
                assert!(elastic.outcome[s].is_settled() && elastic.residual[s] <= 1e-10);
                assert_eq!(elastic.state[0].row(s), [input]);
                for i in 0..2 {
                    close(elastic.state[1][(s, i)], toward[i], 1e-9);
                    close(constant.state[1][(s, i)], forced[i], 1e-9);
                }
            }
        }
    }
}

#[test]
fn a_cell_moves_as_its_equation_says() {
    let tau = NODE / TOTAL;
    let times: Vec<f64> = (0..=20).map(|k| 0.5 * tau * f64::from(k)).collect();
    let settled = settle(Analysis::Tran, &drive(Nudge::None), &Save::At(times.clone()));
    let trace = settled.trace.unwrap();
    assert_eq!(trace.times, times);
    for (s, &input) in CLAMPS.iter().enumerate() {
        let rate =
            |x: [f64; 2]| [0, 1].map(|i| -x[i] + COUPLING * x[1 - i].tanh() + INPUT[i] * input);
        let (mut x, h) = ([0.0; 2], 0.005);
        for (m, state) in trace.states.iter().enumerate() {
            let force = rate(x).map(f64::abs);
            for i in 0..2 {
                close(state[1][(s, i)], x[i], 2e-5);
            }
            let residual = force[0].max(force[1]);
            close(trace.residual[(m, s)], residual, 0.02 * residual + 1e-9);
            // Classical Runge-Kutta to the next moment.
            for _ in 0..100 {
                let at = |k: [f64; 2], by: f64| [x[0] + by * k[0], x[1] + by * k[1]];
                let k1 = rate(x);
                let k2 = rate(at(k1, h / 2.0));
                let k3 = rate(at(k2, h / 2.0));
                let k4 = rate(at(k3, h));
                x = [0, 1].map(|i| x[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
            }
        }
    }
}

#[test]
fn the_force_of_a_wired_cell_is_that_of_its_driving_point() {
    let wire = 300.0;
    let Cell { netlist, ports } = cell(wire);
    let mut circuit = Circuit::from_netlist(netlist, ports, Analysis::Op);
    let until = until(1e-10, 1e-6);
    let start = vec![Mat::from_vec(1, 1, vec![0.0]), Mat::from_vec(1, 2, vec![0.2, -0.1])];
    let none = Drive { clamp: start[0].clone(), nudge: Nudge::None };
    let free = circuit.settle(&none, Some(&start), &until, &Save::End);
    assert!(free.residual[0] < 1e-12, "{}", free.residual[0]);
    // A constant force shifts a node's own force by as much, whatever the wires: the current
    // meets 1/(wire + 1/TOTAL), which is also what the residual divides by.
    let mut tran = Circuit::from_netlist(cell(wire).netlist, cell(wire).ports, Analysis::Tran);
    let force = Drive { nudge: Nudge::Force(Mat::from_vec(1, 2, vec![0.01, 0.0])), ..none };
    let at = Save::At(vec![0.0, 1e-9]);
    let moved = tran.settle(&force, Some(&free.state), &until, &at).trace.unwrap();
    close(moved.residual[(0, 0)], 0.01 * (1.0 + wire * TOTAL), 1e-6);
}

#[test]
fn a_sample_does_not_depend_on_its_batch() {
    let all = settle(Analysis::Tran, &drive(Nudge::None), &Save::Points(5));
    for (s, &input) in CLAMPS.iter().enumerate() {
        let one = Drive { clamp: Mat::from_vec(1, 1, vec![input]), nudge: Nudge::None };
        let alone = settle(Analysis::Tran, &one, &Save::End);
        assert_eq!(alone.state[1].row(0), all.state[1].row(s));
        assert_eq!(alone.outcome[0], all.outcome[s]);
    }
    let trace = all.trace.unwrap();
    assert_eq!((trace.times.len(), trace.times[0]), (5, 0.0));
    let last = all.outcome.iter().filter_map(Outcome::time).fold(0.0, f64::max);
    assert_eq!(trace.times[4], last);
}
