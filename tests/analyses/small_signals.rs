//! Small signals and noise.

use std::f64::consts::TAU;

use eqcircuit::data::waves::{ColumnKind, Values};
use eqcircuit::engine::AnalysisRun;
use eqcircuit::netlist::{
    AcDrive, Amplifier, CurrentSource, DeviceId, Netlist, Node, ROOM_TEMPERATURE, Vccs,
    VoltageSource,
};
use eqcircuit::numerics::Activation;
use eqcircuit::spec::study::Request;
use eqcircuit::units::BOLTZMANN;

use super::{GROUND, capacitor, close, column, current, only, resistor};

fn drive(netlist: &mut Netlist, p: Node, dc: f64) {
    let ac = Some(AcDrive { magnitude: 1.0, phase: 0.0 });
    netlist.add("v", VoltageSource { p, n: GROUND, dc, ac, ..Default::default() });
}

fn decades(from: f64, decades: usize, points: usize) -> Vec<f64> {
    let count = decades * points;
    (0..=count).map(|k| from * 10f64.powf(k as f64 / points as f64)).collect()
}

/// 1 kohm and 1 nF.
fn low_pass() -> Netlist {
    let mut netlist = Netlist::new();
    let [a, b] = ["in", "out"].map(|name| netlist.node(name));
    drive(&mut netlist, a, 0.0);
    resistor(&mut netlist, "r", a, b, 1e3);
    capacitor(&mut netlist, "c", b, GROUND, 1e-9);
    netlist
}

fn complex(run: &AnalysisRun, name: &str) -> Vec<[f64; 2]> {
    match &run.waves.column(name).unwrap().values {
        Values::Complex(values) => values.clone(),
        Values::Real(_) => panic!("{name} is real"),
    }
}

#[test]
fn a_low_pass_passes_low_frequencies() {
    let frequencies = decades(1e3, 5, 7);
    let run = only(&low_pass(), Request::Ac { frequencies: frequencies.clone() });
    assert_eq!(run.waves.plot, "AC Analysis");
    assert_eq!(column(&run, "frequency"), frequencies);
    let (out, current) = (complex(&run, "v(out)"), complex(&run, "i(v)"));
    for (k, f) in frequencies.iter().enumerate() {
        // 1 / (1 + j w)
        let w = TAU * f * 1e-6;
        let scale = 1.0 / (1.0 + w * w);
        close(out[k][0], scale, 1e-14);
        close(out[k][1], -w * scale, 1e-14);
        // -j w / (1 + j w) / R
        close(current[k][0], -1e-3 * w * w * scale, 1e-17);
        close(current[k][1], -1e-3 * w * scale, 1e-17);
    }
}

/// A resonance of `L = 1 uH`, made of a gyrator and a capacitor, with `C = 1 nF` and a series
/// resistance of 10 ohm.
fn resonance() -> Netlist {
    let mut netlist = Netlist::new();
    let [a, b, m] = ["in", "out", "m"].map(|name| netlist.node(name));
    drive(&mut netlist, a, 0.0);
    let r = netlist.node("r");
    resistor(&mut netlist, "r", a, r, 10.0);
    // The current from r to out is 1 mS v(m), and 1 pF of v(m) is charged by 1 mS v(r, out).
    let gm = 1e-3;
    netlist.add("g1", Vccs { p: r, n: b, cp: m, cn: GROUND, gm });
    netlist.add("g2", Vccs { p: GROUND, n: m, cp: r, cn: b, gm });
    capacitor(&mut netlist, "cm", m, GROUND, 1e-12);
    capacitor(&mut netlist, "c", b, GROUND, 1e-9);
    // So that the current is determined at rest.
    resistor(&mut netlist, "load", b, GROUND, 1e9);
    netlist
}

#[test]
fn a_resonance_has_its_frequency_and_quality() {
    let (l, c, r) = (1e-6, 1e-9, 10.0);
    let centre = 1.0 / (TAU * f64::sqrt(l * c));
    let frequencies: Vec<f64> = (0..40).map(|k| centre * (0.8 + 0.01 * f64::from(k))).collect();
    let run = only(&resonance(), Request::Ac { frequencies: frequencies.clone() });
    let out = complex(&run, "v(out)");
    for (k, f) in frequencies.iter().enumerate() {
        let w = TAU * f;
        // 1 / (1 - w^2 L C + j w R C)
        let (re, im) = (1.0 - w * w * l * c, w * r * c);
        let scale = 1.0 / (re * re + im * im);
        close(out[k][0], re * scale, 1e-6);
        close(out[k][1], -im * scale, 1e-6);
    }
}

#[test]
fn an_amplifier_is_linear_about_its_operating_point() {
    let mut netlist = Netlist::new();
    let [input, output] = ["in", "out"].map(|name| netlist.node(name));
    drive(&mut netlist, input, 0.2);
    let activation = Activation::Tanh;
    netlist.add("x", Amplifier { input, output, activation, gain: 3.0, v_unit: 0.5 });
    resistor(&mut netlist, "r", output, GROUND, 1e3);
    let run = only(&netlist, Request::Ac { frequencies: vec![1.0] });
    let slope = 3.0 / (1.2f64.cosh() * 1.2f64.cosh());
    close(complex(&run, "v(out)")[0][0], slope, 1e-13);
}

#[test]
fn frequencies_do_not_depend_on_threads() {
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let frequencies = decades(1e5, 4, 20);
        pool.install(|| only(&resonance(), Request::Ac { frequencies }).waves)
    };
    assert_eq!(all(1), all(3));
}

fn noise(netlist: &Netlist, output: &str, input: usize, frequencies: Vec<f64>) -> Vec<AnalysisRun> {
    let output = (netlist.find_node(output).unwrap(), GROUND);
    let request = Request::Noise { output, input: DeviceId(input), frequencies };
    let asked = eqcircuit::spec::Study { analyses: vec![request], ..Default::default() };
    super::run(netlist, &asked).results
}

#[test]
fn a_low_pass_holds_k_t_over_c() {
    let frequencies = decades(1.0, 11, 20);
    let runs = noise(&low_pass(), "out", 0, frequencies.clone());
    let thermal = 4.0 * BOLTZMANN * ROOM_TEMPERATURE * 1e3;
    let columns = ["onoise_spectrum", "inoise_spectrum", "onoise_r"];
    let [out, input, part] = columns.map(|name| column(&runs[0], name));
    for (k, f) in frequencies.iter().enumerate() {
        let w = TAU * f * 1e-6;
        let expected = (thermal / (1.0 + w * w)).sqrt();
        close(out[k], expected, 1e-12 * expected);
        close(part[k], expected, 1e-12 * expected);
        close(input[k], thermal.sqrt(), 1e-12 * thermal.sqrt());
    }
    assert_eq!(runs[1].waves.plot, "Integrated Noise");
    let held = (BOLTZMANN * ROOM_TEMPERATURE / 1e-9).sqrt();
    close(column(&runs[1], "onoise_total")[0], held, 2e-3 * held);
}

#[test]
fn a_current_is_what_noise_is_referred_to() {
    // Two resistors in parallel at the output, a current source as input.
    let mut netlist = Netlist::new();
    let a = netlist.node("a");
    netlist.add("i", CurrentSource { p: GROUND, n: a, ..Default::default() });
    resistor(&mut netlist, "r1", a, GROUND, 1e3);
    resistor(&mut netlist, "r2", a, GROUND, 3e3);
    current(&mut netlist, "bias", a, 1e-3);
    let runs = noise(&netlist, "a", 0, vec![1e3, 2e3]);
    let kt4 = 4.0 * BOLTZMANN * ROOM_TEMPERATURE;
    close(column(&runs[0], "onoise_spectrum")[0], (kt4 * 750.0).sqrt(), 1e-20);
    close(column(&runs[0], "inoise_spectrum")[0], (kt4 / 750.0).sqrt(), 1e-23);
    let one = column(&runs[0], "onoise_r1")[0];
    let other = column(&runs[0], "onoise_r2")[0];
    close(one * one / (other * other), 3.0, 1e-12);
    assert_eq!(runs[0].waves.columns[2].kind, ColumnKind::CurrentNoise);
    // White over 1 kHz.
    let total = column(&runs[1], "onoise_total")[0];
    close(total, (kt4 * 750.0 * 1e3).sqrt(), 1e-12 * total);
}
