use super::{deck, mistakes};
use eqcircuit::netlist::{Device, VoltageSource, Waveform};

fn source(line: &str) -> VoltageSource {
    let deck = deck(&format!("{line}\nr1 a 0 1\n.tran 1n 100n"));
    match &deck.netlist.devices()[0].1 {
        Device::VoltageSource(source) => source.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_at_rest_and_small_signals_are_read() {
    for line in ["v1 a 0 5", "v1 a 0 dc 5", "v1 a 0 DC=5", "v1 a 0 {2+3}"] {
        assert_eq!(source(line).dc, 5.0, "{line}");
    }
    let ac = |line: &str| source(line).ac.map(|ac| (ac.magnitude, ac.phase));
    assert_eq!(ac("v1 a 0 1 ac"), Some((1.0, 0.0)));
    assert_eq!(ac("v1 a 0 ac 2 90 dc 1"), Some((2.0, 90.0)));
    assert_eq!(ac("v1 a 0 ac -2"), Some((2.0, 180.0)));
    assert_eq!(ac("v1 a 0 1"), None);
}

#[test]
fn functions_of_time_have_the_defaults_of_ngspice() {
    let wave = |line: &str| source(line).wave.unwrap();
    let pulse = Waveform::Pulse {
        low: 0.0,
        high: 1.0,
        delay: 2e-9,
        rise: 1e-9,
        fall: 1e-9,
        width: f64::INFINITY,
        period: f64::INFINITY,
    };
    assert_eq!(wave("v1 a 0 pulse(0 1 2n)"), pulse);
    assert_eq!(wave("v1 a 0 PULSE 0 1 2n 0 0 0 0"), pulse);
    assert_eq!(
        wave("v1 a 0 sin(0 1)"),
        Waveform::Sine {
            offset: 0.0,
            amplitude: 1.0,
            frequency: 1.0 / 100e-9,
            delay: 0.0,
            damping: 0.0,
            phase: 0.0,
        }
    );
    assert_eq!(
        wave("v1 a 0 exp(0 1 1n 5n)"),
        Waveform::Exponential {
            low: 0.0,
            high: 1.0,
            delay: 1e-9,
            rise_tau: 5e-9,
            fall_delay: 2e-9,
            fall_tau: 1e-9,
        }
    );
    assert_eq!(
        wave("v1 a 0 pwl(0 0, 1n 1, 2n 0)"),
        Waveform::PiecewiseLinear { points: vec![(0.0, 0.0), (1e-9, 1.0), (2e-9, 0.0)] }
    );
    assert_eq!(
        wave("v1 a 0 pwl(1 1 2 0) td=0.5"),
        Waveform::PiecewiseLinear { points: vec![(1.5, 1.0), (2.5, 0.0)] }
    );
}

#[test]
fn a_source_without_a_value_rests_where_its_function_begins() {
    assert_eq!(source("v1 a 0 sin(2 1 1meg)").dc, 2.0);
    assert_eq!(source("v1 a 0 dc 0 sin(2 1 1meg)").dc, 0.0);
    assert_eq!(source("v1 a 0").dc, 0.0);
}

#[test]
fn what_a_source_cannot_hold_is_named() {
    let rest = "\nr1 a 0 1";
    let of = |line: &str| mistakes(&format!("{line}{rest}"));
    assert_eq!(of("v1 a 0 puls(0 1)"), ["2: a source has no `puls`"]);
    assert_eq!(of("v1 a 0 sffm(0 1 1)"), ["2: `sffm` is not read"]);
    assert_eq!(of("v1 a 0 pwl(0 0 1n)"), ["2: `pwl` takes pairs of time and value"]);
    assert_eq!(of("v1 a 0 pwl(0 0 0 1)"), ["2: this time is not after the one before"]);
    assert_eq!(of("v1 a 0 sin(1)"), ["2: `sin` takes 2 to 6 numbers, not 1"]);
    assert_eq!(of("v1 a 0 pulse(0 1 -1n 1n 1n)"), ["2: the times of `pulse` make no sense"]);
    assert_eq!(of("v1 a 0 pwl(0 0 1n 1) r=0"), ["2: a `pwl` that repeats is not read"]);
}
