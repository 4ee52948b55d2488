//! Noise of reads on both engines of a chip: cell by cell, and summed at the nodes.

use eqcircuit::compile::{Chip, compile, expand, fabricate};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Save, Settled, Until, study};
use eqcircuit::model::{Activation, EnergyModel};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::study::{Request, Study};
use eqcircuit::spec::{
    Analysis, ArrayStyle, Flicker, NeuronSpread, NonIdeal, Precision, ReadNoise, Telegraph, Trend,
};

use super::common::{hardware, layered};
use super::read::{drive, settle};
use super::{LIMIT, moments};

pub const INPUT: [f64; 2] = [0.9, -0.6];

fn network() -> EnergyModel {
    layered(&[2, 3, 2], &[Activation::Tanh; 3], 0.6, Seed::new(12))
}

/// With neurons and cells that are not as designed.
fn chip(read: ReadNoise) -> Chip {
    made(NonIdeal { read, ..NonIdeal::default() })
}

/// The same, and what else is not ideal.
pub fn made(mut bad: NonIdeal) -> Chip {
    let model = network();
    bad.fabrication.spread = 0.2;
    bad.fabrication.neuron = NeuronSpread { offset: 3e-3, gain: 0.1, time_constant: 0.2 };
    fabricate(&compile(&model, &hardware(&model, ArrayStyle::Twin)), &bad, Seed::new(6))
}

pub fn tau() -> f64 {
    chip(ReadNoise::default()).fabric.layers.iter().map(|l| l.tau).fold(0.0, f64::max)
}

fn telegraph(dwell: f64) -> Option<Telegraph> {
    Some(Telegraph {
        share: 0.7,
        amplitude: Trend::Constant(0.1),
        amplitude_spread: 0.3,
        up: 3.0 * dwell,
        down: dwell,
        dwell_spread: 0.5,
    })
}

/// Every noise alone.
fn each() -> Vec<(&'static str, ReadNoise)> {
    let hold = Some(10.0 * tau());
    let quiet = ReadNoise { hold, ..ReadNoise::default() };
    let flicker = |band| Some(Flicker { amplitude: Trend::Constant(0.01), exponent: 1.0, band });
    vec![
        ("thermal", ReadNoise { thermal: 300.0, ..quiet.clone() }),
        ("shot", ReadNoise { thermal: 300.0, shot: 1.0, ..quiet.clone() }),
        ("proportional", ReadNoise { proportional: 0.02, ..quiet.clone() }),
        ("slow flicker", ReadNoise { flicker: flicker([1.0, 1e4]), ..quiet.clone() }),
        (
            "fast flicker",
            ReadNoise { flicker: flicker([1e-3 / tau(), 30.0 / tau()]), ..quiet.clone() },
        ),
        ("slow traps", ReadNoise { telegraph: telegraph(1.0), ..quiet.clone() }),
        ("fast traps", ReadNoise { telegraph: telegraph(2.0 * tau()), ..quiet.clone() }),
        ("the mean", ReadNoise { thermal: 300.0, integrate: 3.0 * tau(), ..quiet }),
    ]
}

/// Deviation of each unit of the free layers.
pub fn spreads(found: &Settled) -> Vec<f64> {
    let layers = found.state[1..].iter();
    layers
        .flat_map(|x| {
            (0..x.cols()).map(|i| moments(&x.iter_rows().map(|row| row[i]).collect::<Vec<_>>()).1)
        })
        .collect()
}

#[test]
fn cell_by_cell_is_as_noisy_as_node_by_node() {
    const FEW: usize = 600;
    const MANY: usize = 3000;
    for (what, read) in each() {
        let chip = chip(read);
        let mut mna = Circuit::from_chip(chip.clone(), Analysis::Op);
        let few = spreads(&settle(&mut mna, &drive(FEW, &INPUT)));
        let mut ode = Behavioural::new(chip, Precision::F64);
        let many = spreads(&settle(&mut ode, &drive(MANY, &INPUT)));
        // Of a deviation, half that of a variance; single traps have less.
        let error = LIMIT * (0.5 / FEW as f64 + 0.5 / MANY as f64).sqrt();
        for (a, b) in few.iter().zip(&many) {
            assert!(*b > 1e-5, "{what} does nothing: {many:?}");
            assert!((a / b - 1.0).abs() < error, "{what}: {few:?} cell by cell, {many:?}");
        }
    }
}

/// Small-signal analysis of the expanded chip integrates its noise over frequency: another way to
/// the same variance.
#[test]
fn thermal_noise_is_that_of_small_signals() {
    let read =
        ReadNoise { thermal: 300.15, step: 0.05, hold: Some(12.0 * tau()), ..ReadNoise::default() };
    check_small_signals(&chip(read));
}

pub fn check_small_signals(chip: &Chip) {
    const SAMPLES: usize = 6000;
    let mut ode = Behavioural::new(chip.clone(), Precision::F64);
    let found = spreads(&settle(&mut ode, &drive(SAMPLES, &INPUT)));
    let (mut netlist, ports) = expand(chip);
    // The inputs of the sample.
    for (sources, x) in ports.clamp.sources.iter().zip(INPUT) {
        for (source, sign) in sources.iter().zip([1.0, -1.0]) {
            let volts = sign * f64::tanh(x) * ports.v_unit;
            match netlist.device_mut(*source) {
                eqcircuit::netlist::Device::VoltageSource(source) => source.dc = volts,
                other => panic!("{other:?}"),
            }
        }
    }
    let corner = 1.0 / (2.0 * std::f64::consts::PI * tau());
    let frequencies: Vec<f64> =
        (0..=600).map(|k| corner * 10f64.powf(-3.0 + k as f64 / 100.0)).collect();
    let places = ports.layers.iter().flat_map(|layer| {
        let skew = layer.skew.iter().map(|(factor, _)| factor * layer.gain / ports.v_unit);
        layer.nodes.iter().copied().zip(skew).collect::<Vec<_>>()
    });
    let places: Vec<_> = places.collect();
    assert_eq!(places.len(), found.len(), "nodes that are told apart by their skew");
    for ((node, per_volt), found) in places.into_iter().zip(found) {
        let request = Request::Noise {
            output: (node, eqcircuit::netlist::Node::GROUND),
            input: ports.clamp.sources[0][0],
            frequencies: frequencies.clone(),
        };
        let asked = Study { analyses: vec![request], ..Study::default() };
        let run = study(&netlist, &asked, &mut |_| {});
        let total = run.results[1].waves.column("onoise_total").unwrap();
        let eqcircuit::data::waves::Values::Real(total) = &total.values else { panic!() };
        let wanted = per_volt * total[0];
        let error = LIMIT * (0.5 / SAMPLES as f64).sqrt();
        assert!((found / wanted - 1.0).abs() < error, "{found}, not {wanted}");
    }
}

#[test]
fn a_circuit_reads_the_same_whatever_the_threads_and_follows_writes() {
    let mut read = each().remove(1).1;
    read.telegraph = telegraph(1e-9);
    let chip = chip(read);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut mna = Circuit::from_chip(chip.clone(), Analysis::Tran);
            let until = Until { settled: 1e-7, at_most: 1e-3, at_most_iterations: 0 };
            let drive: Drive = drive(6, &INPUT);
            let first = mna.settle(&drive, None, &until, &Save::Points(20));
            let trace = first.trace.as_ref().expect("a trace");
            assert_eq!(trace.states.last(), Some(&first.state));
            assert_eq!(trace.times.len(), trace.states.len());
            let mut other = network();
            other.couplings[0].values_mut().iter_mut().for_each(|w| *w *= 0.5);
            mna.write(&other);
            let mut anew = Circuit::from_chip(mna.chip().unwrap().clone(), Analysis::Tran);
            let second = mna.settle(&drive, None, &until, &Save::End).state;
            let of_written = anew.settle(&drive, None, &until, &Save::End).state;
            assert_eq!(second, of_written, "noise of cells as they were");
            (first.state.clone(), second)
        })
    };
    let one = run(1);
    assert_eq!(one, run(3));
    assert!((one.0[1][(0, 0)] - one.1[1][(0, 0)]).abs() > 1e-3, "a write is not followed");
    assert_ne!(one.0[1].row(0), one.0[1].row(1));
}

#[test]
fn wires_make_noise_too() {
    let mut noisy = chip(ReadNoise { thermal: 300.0, ..ReadNoise::default() });
    noisy.nonideal.wire.r_segment = 50.0;
    let noisy = fabricate(&noisy.fabric.clone(), &noisy.nonideal.clone(), Seed::new(6));
    let few =
        spreads(&settle(&mut Circuit::from_chip(noisy.clone(), Analysis::Op), &drive(600, &INPUT)));
    let many = spreads(&settle(&mut Behavioural::new(noisy, Precision::F64), &drive(4000, &INPUT)));
    for (a, b) in few.iter().zip(&many) {
        let error = LIMIT * (0.5 / 600.0 + 0.5 / 4000.0f64).sqrt();
        assert!((a / b - 1.0).abs() < error, "{few:?} cell by cell, {many:?}");
    }
}
