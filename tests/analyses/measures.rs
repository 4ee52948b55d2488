//! What is measured of waveforms.

use std::f64::consts::{PI, TAU};

use eqcircuit::data::waves::ColumnKind;
use eqcircuit::netlist::{AcDrive, Netlist, VoltageSource, Waveform};
use eqcircuit::spec::Study;
use eqcircuit::spec::study::{
    DcSweep, Edge, Event, Level, Measure, Measured, Request, Solving, Statistic, Swept, Tran,
};

use super::{GROUND, capacitor, close, resistor, run, tran, voltage};

/// Takes measures of one analysis.
fn measured(netlist: &Netlist, request: Request, asked: Vec<Measured>) -> Vec<Result<f64, String>> {
    let analysis = request.word().to_owned();
    let measures = asked.into_iter().enumerate().map(|(k, what)| Measure {
        name: format!("m{k}"),
        analysis: analysis.clone(),
        what,
    });
    let solving = Solving { relative: 1e-7, volts: 1e-10, ..Solving::default() };
    let asked = Study {
        measures: measures.collect(),
        analyses: vec![request],
        solving,
        ..Study::default()
    };
    run(netlist, &asked).measures.into_iter().map(|(_, value)| value).collect()
}

fn over(statistic: Statistic, signal: &str) -> Measured {
    Measured::Over { statistic, signal: signal.into(), from: None, to: None }
}

fn crosses(signal: &str, level: f64, edge: Edge, count: Option<usize>) -> Event {
    let (signal, level) = (signal.into(), Level::Value(level));
    Event::Crosses { signal, level, edge, count, after: 0.0 }
}

/// 2 V onto 1 kohm and 1 nF, from rest.
fn charging() -> (Netlist, Request) {
    let mut netlist = Netlist::new();
    let [a, b] = ["in", "out"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", a, 2.0);
    resistor(&mut netlist, "r1", a, b, 1e3);
    capacitor(&mut netlist, "c1", b, GROUND, 1e-9);
    (netlist, Request::Tran(Tran { uic: true, ..tran(20e-6) }))
}

#[test]
fn a_power_that_is_measured_is_a_column_in_watts() {
    let (netlist, request) = charging();
    let what = over(Statistic::Maximum, "p(r1)");
    let measure = Measure { name: "most".into(), analysis: request.word().into(), what };
    let asked = Study { measures: vec![measure], analyses: vec![request], ..Study::default() };
    let waves = run(&netlist, &asked).results.remove(0).waves;
    assert_eq!(waves.column("p(r1)").map(|c| c.kind), Some(ColumnKind::Power));
    assert_eq!(waves.signal("p(r1)").unwrap().unit.plain(), "W");
}

#[test]
fn charging_takes_its_time_and_energy() {
    let (netlist, request) = charging();
    let signal = || "v(out)".to_owned();
    let asked = vec![
        Measured::RiseTime { signal: signal() },
        Measured::SettlingTime { signal: signal(), within: 0.01 },
        Measured::Overshoot { signal: signal() },
        Measured::When(crosses("v(out)", 1.0, Edge::Rise, Some(1))),
        Measured::FindWhen {
            signal: "i(v)".into(),
            event: crosses("v(out)", 1.0, Edge::Either, None),
        },
        Measured::At { signal: "v(in,out)".into(), at: 1e-6 },
        over(Statistic::Integral, "p(r1)"),
        over(Statistic::Integral, "p(c1)"),
        over(Statistic::Integral, "p(v)"),
        over(Statistic::Maximum, "p(r1)"),
        over(Statistic::Average, "i(r1)"),
    ];
    let energy = 0.5 * 1e-9 * 4.0;
    let expected = [
        9f64.ln() * 1e-6,
        100f64.ln() * 1e-6,
        0.0,
        2f64.ln() * 1e-6,
        -1e-3,
        2.0 * (-1f64).exp(),
        energy,
        energy,
        -2.0 * energy,
        4e-3,
        2e-9 / 20e-6,
    ];
    let found = measured(&netlist, request, asked);
    assert_eq!(found.len(), expected.len());
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        let found = found.as_ref().unwrap_or_else(|error| panic!("{k}: {error}"));
        let tolerance = 1e-3 * expected.abs() + 1e-12;
        assert!((found - expected).abs() <= tolerance, "{k}: {found} against {expected}");
    }
}

#[test]
fn a_sine_is_measured() {
    let mut netlist = Netlist::new();
    let a = netlist.node("a");
    let wave = Waveform::Sine {
        offset: 0.5,
        amplitude: 2.0,
        frequency: 1e3,
        delay: 0.0,
        damping: 0.0,
        phase: 0.0,
    };
    netlist.add("v", VoltageSource { p: a, n: GROUND, wave: Some(wave), ..Default::default() });
    resistor(&mut netlist, "r", a, GROUND, 50.0);
    let asked = vec![
        over(Statistic::Average, "v(a)"),
        over(Statistic::Rms, "v(a)"),
        over(Statistic::PeakToPeak, "v(a)"),
        over(Statistic::MaximumAt, "v(a)"),
        over(Statistic::Average, "p(r)"),
        Measured::Over {
            statistic: Statistic::Average,
            signal: "v(a)".into(),
            from: Some(0.0),
            to: Some(0.5e-3),
        },
        Measured::Between {
            trigger: crosses("v(a)", 0.5, Edge::Fall, Some(1)),
            target: crosses("v(a)", 0.5, Edge::Fall, Some(2)),
        },
        Measured::When(crosses("v(a)", 1.5, Edge::Either, Some(3))),
    ];
    let request = Request::Tran(Tran { longest: Some(2e-6), ..tran(2e-3) });
    let expected = [
        0.5,
        (0.25f64 + 2.0).sqrt(),
        4.0,
        0.25e-3,
        (0.25 + 2.0) / 50.0,
        0.5 + 4.0 / PI,
        1e-3,
        1e-3 + 0.5f64.asin() / (TAU * 1e3),
    ];
    for (k, (found, expected)) in
        measured(&netlist, request, asked).into_iter().zip(expected).enumerate()
    {
        let found = found.unwrap_or_else(|error| panic!("{k}: {error}"));
        assert!((found / expected - 1.0).abs() < 5e-4, "{k}: {found} against {expected}");
    }
}

#[test]
fn what_cannot_be_measured_says_why() {
    let (netlist, request) = charging();
    let asked = vec![
        Measured::When(crosses("v(out)", 3.0, Edge::Rise, Some(1))),
        Measured::When(crosses("v(out)", 1.0, Edge::Rise, Some(2))),
        Measured::At { signal: "v(out)".into(), at: 1.0 },
        Measured::At { signal: "v(nowhere)".into(), at: 1e-6 },
        Measured::Overshoot { signal: "v(in)".into() },
    ];
    let expected = [
        "`v(out)` rises through 3 nowhere",
        "`v(out)` rises through 1 only once",
        "beyond the axis",
        "nowhere",
        "ends where it began",
    ];
    for (found, expected) in measured(&netlist, request, asked).into_iter().zip(expected) {
        let message = found.unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn sweeps_and_small_signals_are_measured_too() {
    let mut netlist = Netlist::new();
    let [a, b] = ["in", "out"].map(|name| netlist.node(name));
    let ac = Some(AcDrive { magnitude: 1.0, phase: 0.0 });
    netlist.add("v", VoltageSource { p: a, n: GROUND, ac, ..Default::default() });
    resistor(&mut netlist, "r", a, b, 1e3);
    capacitor(&mut netlist, "c", b, GROUND, 1e-9);
    resistor(&mut netlist, "load", b, GROUND, 3e3);
    let values = (0..=10).map(f64::from).rev().collect();
    let sweep = DcSweep { of: Swept::Device(eqcircuit::netlist::DeviceId(0)), values };
    let crossing = Measured::When(crosses("v(out)", 3.0, Edge::Rise, None));
    let found = measured(&netlist, Request::Dc(vec![sweep]), vec![crossing]);
    close(*found[0].as_ref().unwrap(), 4.0, 1e-12);

    let corner = 1.0 / (TAU * 750.0 * 1e-9);
    let asked = vec![
        Measured::At { signal: "db(v(out))".into(), at: corner },
        Measured::At { signal: "ph(v(out))".into(), at: corner },
        Measured::At { signal: "v(out)".into(), at: corner },
    ];
    let frequencies = vec![0.5 * corner, corner, 2.0 * corner];
    let found = measured(&netlist, Request::Ac { frequencies }, asked);
    let level = 0.75 / 2f64.sqrt();
    for (found, expected) in found.iter().zip([20.0 * level.log10(), -45.0, level]) {
        close(*found.as_ref().unwrap(), expected, 1e-9);
    }
}
