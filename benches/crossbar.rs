//! Crossbars with wires against their targets, and against two rivals in the same run where Python
//! with numpy and SciPy is at hand: a line-elimination solver in numpy and SciPy's SuperLU.
//!
//! `cargo bench --bench crossbar`; `EQCIRCUIT_BASELINES` names the folder of the rivals' scripts
//! (`gen.py`, `xbar_linecg.py`, `xbar_scipy.py`).

mod common;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use common::{peak_memory, pool, shortest};
use eqcircuit::compile::{Chip, compile, expand_arrays, fabricate};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::model::Activation;
use eqcircuit::netlist::Node;
use eqcircuit::netlist::text::toml;
use eqcircuit::numerics::crossbar::{
    Crossbar, Law, Lines, PortVoltages, Settings, Solution, Solver,
};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{Analysis, Library, NonIdeal, Precision, load};
use rand::RngExt;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Cells of 1 to 100 kohm, evenly by conductance, and wires of 1 ohm, driven at the left and
/// grounded at the foot.
fn hard(n: usize, law: Law) -> Crossbar {
    let mut rng = Seed::new(1).rng();
    let conductance = (0..n * n).map(|_| rng.random_range(1e-5..1e-3)).collect();
    let (word, bit) = (Lines::from_first(1.0, 1.0), Lines::from_last(1.0, 1.0));
    Crossbar { rows: n, cols: n, conductance, law, word, bit }
}

fn drive(n: usize, seed: u64) -> PortVoltages {
    let mut rng = Seed::new(seed).rng();
    let volts = (0..n).map(|_| rng.random_range(0.0..0.3)).collect();
    PortVoltages { word: [volts, Vec::new()], bit: [Vec::new(), vec![0.0; n]] }
}

fn solved(solver: &Solver, ports: &PortVoltages, start: Option<&Solution>) -> Solution {
    let found = solver.solve(ports, start, &Settings::default()).expect("sound voltages");
    assert!(found.report.converged, "{:?}", found.report);
    found
}

/// Prints a row of the table: what was asked, and what it took.
fn row(work: &str, what: &str, value: f64, target: f64, unit: &str) {
    let verdict = if value <= target { "met" } else { "MISSED" };
    println!("{work:44} {what:16} {value:10.3} {target:10.3} {unit:3} {verdict}");
}

/// From conductances to currents: factorisation and one solve \[s\].
fn cold(n: usize, law: Law, runs: usize) -> (f64, Solution) {
    let (crossbar, ports) = (hard(n, law), drive(n, 2));
    let mut last = None;
    let time = shortest(runs, || {
        let solver = Solver::new(crossbar.clone()).expect("a sound crossbar");
        last = Some(solved(&solver, &ports, None));
    });
    (time, last.expect("a run"))
}

fn sizes() -> [f64; 2] {
    let targets =
        [(64, f64::INFINITY), (128, 3.0), (512, 100.0), (1024, f64::INFINITY), (2048, 5e3)];
    let mut times = Vec::new();
    for (n, target) in targets {
        let (time, found) = cold(n, Law::Linear, if n > 1000 { 2 } else { 10 });
        row(&format!("{n} x {n}, one right-hand side"), "time", 1e3 * time, target, "ms");
        let r = found.report;
        println!(
            "    residual {:.1e}, worst Kirchhoff error {:.1e} A, {} iterations",
            r.residual, r.kirchhoff, r.krylov
        );
        times.push(time);
    }
    let log = eqcircuit::numerics::math::log;
    let growth = log(times[4] / times[0]) / log(32.0);
    row("growth from 64 to 2048", "power of N", growth, 2.5, "");
    [times[1], times[2]]
}

fn repeated() {
    let solver = Solver::new(hard(128, Law::Linear)).expect("a sound crossbar");
    let before = solved(&solver, &drive(128, 2), None);
    let other = drive(128, 3);
    let time = shortest(20, || _ = black_box(solved(&solver, &other, Some(&before))));
    row("128 x 128, new sources", "time", 1e3 * time, 2.0, "ms");
    let many: Vec<_> = (0..128).map(|k| drive(128, 10 + k)).collect();
    let time = shortest(5, || {
        black_box(solver.solve_each(&many, &Settings::default()).expect("sound voltages"));
    });
    row("128 x 128, 128 right-hand sides", "time each", 1e3 * time / 128.0, 1.0, "ms");
    let (time, found) = cold(128, Law::Sinh { v0: 0.25 }, 10);
    row("128 x 128, sinh cells", "time", 1e3 * time, 15.0, "ms");
    println!("    {} Newton iterations, {} within", found.report.newton, found.report.krylov);
}

/// A network of 784-128-10 units with wires of 1 ohm, one tile a direction: 415,000 unknowns.
fn wired() -> Chip {
    let model = common::network(&[784, 128, 10], Activation::Tanh, 0.4);
    let mut hardware = common::chip(&model, None).fabric.hardware;
    (hardware.tile, hardware.g_max) = ([784, 128], 100e-6);
    hardware.neurons = common::neurons(&model);
    let mut nonideal = NonIdeal::default();
    nonideal.wire.r_segment = 1.0;
    fabricate(&compile(&model, &hardware), &nonideal, Seed::new(1))
}

fn settled(engine: &mut Circuit, seed: usize) -> Settled {
    let all = common::pictures(4, 784);
    let drive = Drive { clamp: all.select_rows(&[seed]), nudge: Nudge::None };
    let until = Until { settled: 1e-6, at_most: 1e-6, at_most_iterations: 0 };
    let settled = engine.settle(&drive, None, &until, &Save::End);
    assert!(settled.outcome.iter().all(|o| o.is_settled()), "{:?}", settled.outcome);
    settled
}

fn hopfield() {
    let chip = wired();
    let mut engine = None;
    let ready = shortest(2, || engine = Some(Circuit::from_chip(chip.clone(), Analysis::Op)));
    let mut engine = engine.expect("made");
    let mut last = None;
    let time = shortest(5, || last = Some(settled(&mut engine, 0)));
    row("784-128-10, 1 ohm wires, equilibrium", "time", 1e3 * time, 100.0, "ms");
    let outcome = &last.expect("a run").outcome[0];
    println!("    {outcome}; made ready before in {:.0} ms", 1e3 * ready);
    match alone("hopfield") {
        Some(peak) => row("784-128-10, 1 ohm wires", "peak memory", peak, 150.0, "MB"),
        None => println!("784-128-10: memory is not known here"),
    }
}

/// The network without wires, from rest to within a thousandth of its equilibrium, time steps to a
/// thousandth as well: what ngspice does with its default tolerances.
fn motion() {
    let mut chip = wired();
    chip.nonideal.wire.r_segment = 0.0;
    let until = Until { settled: 1e-3, at_most: 1e-6, at_most_iterations: 0 };
    let all = common::pictures(4, 784);
    let drive = Drive { clamp: all.select_rows(&[0]), nudge: Nudge::None };
    let engines: [(&str, f64, Box<dyn Engine>); 2] = [
        ("behavioural", 20.0, Box::new(Behavioural::new(chip.clone(), Precision::F64))),
        ("circuit", 500.0, Box::new(Circuit::from_chip(chip, Analysis::Tran).with_tolerance(1e-3))),
    ];
    for (name, target, mut engine) in engines {
        let mut last = None;
        let time = shortest(5, || last = Some(engine.settle(&drive, None, &until, &Save::End)));
        let found = last.expect("a run");
        assert!(found.outcome[0].is_settled(), "{:?}", found.outcome);
        row(&format!("784-128-10, no wires, {name}"), "tran", 1e3 * time, target, "ms");
        println!("    {}, {} steps", found.outcome[0], found.stats.steps);
    }
}

/// The same network as TOML with its conductances in a safetensors file.
fn parsed() {
    let (netlist, _) = expand_arrays(&wired());
    let room = tempfile::tempdir().expect("a folder");
    let mut text = toml(&netlist, None);
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = netlist
        .arrays()
        .iter()
        .map(|array| {
            let (x, names) = (&array.crossbar, |nodes: &[Node]| {
                let names: Vec<&str> = nodes.iter().map(|&n| netlist.node_name(n)).collect();
                format!("{names:?}")
            });
            text.push_str(&format!(
                "[array.{:?}]\ng = {{ file = \"g.safetensors\", tensor = {:?} }}\n\
                 word = {{ first = {}, r-segment = \"1 ohm\" }}\n\
                 bit = {{ last = {}, r-segment = \"1 ohm\" }}\n",
                array.name,
                array.name,
                names(&array.word[0]),
                names(&array.bit[1])
            ));
            let bytes = x.conductance.iter().flat_map(|g| g.to_le_bytes()).collect();
            (array.name.clone(), vec![x.rows, x.cols], bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F64, shape.clone(), bytes).expect("a whole tensor");
        (name.as_str(), view)
    });
    let bytes = safetensors::serialize(views, None).expect("tensors");
    std::fs::write(room.path().join("g.safetensors"), bytes).expect("room on the disk");
    let path = room.path().join("network.toml");
    std::fs::write(&path, text).expect("room on the disk");
    let library = Library::built_in();
    let time = shortest(5, || {
        if let Err(report) = load(&path, &[], &library) {
            panic!("{}", report.render(false));
        }
    });
    row("784-128-10 as TOML with safetensors", "time to read", 1e3 * time, 50.0, "ms");
}

/// Peak memory of a process of its own that does nothing else \[MB\].
fn alone(what: &str) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let out = Command::new(program).args(["--alone", what]).output().ok()?;
    String::from_utf8(out.stdout).ok()?.trim().parse().ok()
}

fn memory() {
    for (n, target) in [(512, 150.0), (2048, 2000.0)] {
        match alone(&n.to_string()) {
            Some(peak) => row(&format!("{n} x {n}"), "peak memory", peak, target, "MB"),
            None => println!("{n} x {n}: memory is not known here"),
        }
    }
}

/// The number that follows `key` in a script's output.
fn after(text: &str, key: &str) -> Option<f64> {
    let rest = &text[text.find(key)? + key.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn python(folder: &Path, script: &str, args: &[&str]) -> Option<String> {
    let out = Command::new("python3").arg(folder.join(script)).args(args).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Times of the rivals on circuits drawn the same way.
fn rivals(ours: [f64; 2]) {
    let Some(folder) = std::env::var_os("EQCIRCUIT_BASELINES") else {
        println!("rivals: not run, EQCIRCUIT_BASELINES names no folder of their scripts");
        return;
    };
    let (folder, room) = (Path::new(&folder), tempfile::tempdir().expect("a folder"));
    for (n, ours) in [128, 512].into_iter().zip(ours) {
        let base = room.path().join(format!("xbar{n}"));
        let base = base.to_string_lossy();
        let data = format!("{base}.npz");
        if python(folder, "gen.py", &["xbar", &format!("{n}x{n}"), &base]).is_none() {
            println!("rivals: not run, python3 with numpy and SciPy is not at hand");
            return;
        }
        let numpy = python(folder, "xbar_linecg.py", &[&data, "1e-10"]);
        let scipy = python(folder, "xbar_scipy.py", &[&data]);
        let times = [
            ("numpy, line elimination", numpy.and_then(|text| after(&text, " time="))),
            ("SciPy, SuperLU", scipy.and_then(|text| after(&text, " total="))),
        ];
        for (rival, time) in times {
            match time {
                Some(time) => println!(
                    "{n} x {n}: {rival} {:.1} ms, {:.1} times as long as here",
                    1e3 * time,
                    time / ours
                ),
                None => println!("{n} x {n}: {rival} did not finish"),
            }
        }
    }
}

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--alone");
    if let Some(what) = args.nth(1) {
        match what.parse() {
            Ok(n) => drop(cold(n, Law::Linear, 1)),
            Err(_) => {
                settled(&mut Circuit::from_chip(wired(), Analysis::Op), 0);
            }
        }
        println!("{}", peak_memory().unwrap_or(f64::NAN));
        return;
    }
    println!("{:44} {:16} {:>10} {:>10}", "", "", "measured", "target");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    pool(threads).install(|| {
        let ours = sizes();
        repeated();
        memory();
        motion();
        hopfield();
        parsed();
        rivals(ours);
    });
    println!("{threads} threads");
}
