//! Swept operating points.

use eqcircuit::data::waves::ColumnKind;
use eqcircuit::netlist::{Amplifier, DeviceId, Netlist};
use eqcircuit::numerics::Activation;
use eqcircuit::spec::study::{DcSweep, Request, Swept};

use super::{GROUND, close, column, only, resistor, voltage};

#[test]
fn nested_sweeps_run_the_first_fastest() {
    let mut netlist = Netlist::new();
    let [a, b] = ["a", "b"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", a, 9.0);
    resistor(&mut netlist, "r1", a, b, 1e3);
    resistor(&mut netlist, "r2", b, GROUND, 1e3);
    let volts = DcSweep { of: Swept::Device(DeviceId(0)), values: vec![0.0, 1.0, 2.0] };
    let ohms = DcSweep { of: Swept::Device(DeviceId(2)), values: vec![1e3, 3e3] };
    let run = only(&netlist, Request::Dc(vec![volts, ohms]));
    assert_eq!(run.waves.columns[0].name, "v-sweep");
    assert_eq!(run.waves.columns[0].kind, ColumnKind::Voltage);
    assert_eq!(column(&run, "v-sweep"), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
    for (v, expected) in column(&run, "v(b)").iter().zip([0.0, 0.5, 1.0, 0.0, 0.75, 1.5]) {
        close(*v, expected, 1e-14);
    }
}

#[test]
fn a_transfer_curve_is_the_activation() {
    let mut netlist = Netlist::new();
    let [input, output] = ["in", "out"].map(|name| netlist.node(name));
    voltage(&mut netlist, "v", input, 0.0);
    let activation = Activation::Tanh;
    netlist.add("x", Amplifier { input, output, activation, gain: 30.0, v_unit: 0.5 });
    resistor(&mut netlist, "r", output, GROUND, 1e3);
    let values: Vec<f64> = (-20..=20).map(|k| 0.05 * f64::from(k)).collect();
    let sweep = DcSweep { of: Swept::Device(DeviceId(0)), values: values.clone() };
    let run = only(&netlist, Request::Dc(vec![sweep]));
    for (v, x) in column(&run, "v(out)").iter().zip(values) {
        close(*v, 0.5 * (60.0 * x).tanh(), 1e-14);
    }
}
