//! What every device of the roll must keep.

use eqcircuit::netlist::{
    AcDrive, Arg, Device, DeviceId, Entry, Kind, Netlist, Node, Own, ROLL, Waveform,
};
use eqcircuit::numerics::dae::{Dae, Instant, Pattern, Stamps};
use eqcircuit::units::Range;
use proptest::prelude::*;

/// Draws arguments for an entry; every node is one of its own.
fn draw(entry: &Entry, netlist: &mut Netlist, mut number: impl FnMut() -> f64) -> Vec<Arg> {
    let fresh = |netlist: &mut Netlist| {
        let name = format!("n{}", netlist.node_count());
        netlist.node(&name)
    };
    let mut arg = |kind: Kind| match kind {
        Kind::Node => Arg::Node(fresh(netlist)),
        Kind::Nodes => Arg::Nodes((0..3).map(|_| fresh(netlist)).collect()),
        Kind::Number { range: Range::Any, .. } => Arg::Number(4.0 * number() - 2.0),
        Kind::Number { .. } | Kind::Conductance => Arg::Number(0.1 + 0.9 * number()),
        Kind::Optional { .. } => Arg::Number(0.1 + 0.9 * number()),
        Kind::Branch => Arg::Branch(DeviceId(0)),
        Kind::Waveform { .. } => {
            let forms = &Waveform::FORMS[..3];
            let form = forms[(number() * 3.0) as usize % 3];
            let numbers: Vec<f64> = form.fields.iter().map(|_| 0.1 + 0.9 * number()).collect();
            Arg::Waveform(Waveform::from_numbers(form.key, &numbers).unwrap())
        }
        Kind::AcDrive { .. } => {
            Arg::AcDrive(AcDrive { magnitude: number(), phase: 360.0 * number() })
        }
        Kind::Word { choices } => {
            Arg::Word(choices[(number() * choices.len() as f64) as usize % choices.len()])
        }
    };
    entry.fields.iter().map(|field| arg(field.kind)).collect()
}

/// A netlist of one device, and a point at which to look at it.
fn alone(entry: &Entry, numbers: &[f64]) -> (Netlist, Vec<f64>) {
    let mut numbers = numbers.iter().copied().cycle();
    let mut netlist = Netlist::new();
    let args = draw(entry, &mut netlist, || numbers.next().unwrap());
    netlist.add("d", (entry.build)(args));
    let x = (0..netlist.dim()).map(|_| 2.0 * numbers.next().unwrap() - 1.0).collect();
    (netlist, x)
}

fn only(netlist: &Netlist) -> &Device {
    &netlist.devices()[0].1
}

fn stamps(netlist: &Netlist, x: &[f64]) -> Stamps {
    let mut stamps = Stamps::new(&Pattern::of(netlist));
    stamps.take(netlist, Instant::Rest, x);
    stamps
}

/// `values` in the order of the pattern as a full matrix.
fn full(pattern: &Pattern, values: &[f64]) -> Vec<Vec<f64>> {
    let mut matrix = vec![vec![0.0; pattern.dim()]; pattern.dim()];
    for (col, ends) in pattern.col_starts().windows(2).enumerate() {
        for slot in ends[0]..ends[1] {
            matrix[pattern.row_indices()[slot]][col] += values[slot];
        }
    }
    matrix
}

/// `(above - below) / (2 step)`
fn differences(above: &[f64], below: &[f64], step: f64) -> Vec<f64> {
    above.iter().zip(below).map(|(a, b)| (a - b) / (2.0 * step)).collect()
}

fn numbers() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0.0..1.0, 40)
}

#[test]
fn the_roll_has_every_key_once() {
    let mut keys: Vec<&str> = ROLL.iter().map(|e| e.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), ROLL.len());
    for entry in ROLL {
        assert!(!entry.summary.is_empty() && !entry.fields.is_empty(), "{}", entry.key);
    }
}

proptest! {
    #[test]
    fn arguments_come_back_as_given(numbers in numbers()) {
        for entry in ROLL {
            let mut source = numbers.iter().copied().cycle();
            let args = draw(entry, &mut Netlist::new(), || source.next().unwrap());
            let device = (entry.build)(args.clone());
            prop_assert_eq!(device.key(), entry.key);
            prop_assert_eq!(device.entry().key, entry.key);
            prop_assert_eq!(device.args(), args);
        }
    }

    #[test]
    fn slopes_are_those_of_currents_and_charges(numbers in numbers()) {
        const STEP: f64 = 1e-6;
        for entry in ROLL {
            let (netlist, x) = alone(entry, &numbers);
            let pattern = Pattern::of(&netlist);
            let at = stamps(&netlist, &x);
            let (di, dq) = (full(&pattern, at.current_slopes()), full(&pattern, at.charge_slopes()));
            for col in 0..x.len() {
                let moved = |by: f64| {
                    let mut x = x.clone();
                    x[col] += by;
                    stamps(&netlist, &x)
                };
                let (above, below) = (moved(STEP), moved(-STEP));
                let i = differences(above.currents(), below.currents(), STEP);
                let q = differences(above.charges(), below.charges(), STEP);
                for row in 0..x.len() {
                    let off = (i[row] - di[row][col]).abs().max((q[row] - dq[row][col]).abs());
                    prop_assert!(off < 1e-6, "{}: row {row}, column {col}: {off:e}", entry.key);
                }
            }
        }
    }

    #[test]
    fn currents_and_charges_are_conserved(numbers in numbers()) {
        for entry in ROLL {
            let (netlist, x) = alone(entry, &numbers);
            // Ideal outputs return their currents to ground.
            if only(&netlist).paths().iter().any(|p| p.to == Node::GROUND) {
                continue;
            }
            let at = stamps(&netlist, &x);
            let sum = |of: &[f64]| of[..netlist.potentials()].iter().sum::<f64>();
            prop_assert!(sum(at.currents()).abs() < 1e-12, "{}", entry.key);
            prop_assert!(sum(at.charges()).abs() < 1e-12, "{}", entry.key);
        }
    }

    #[test]
    fn what_forces_a_voltage_does_so_whatever_the_current(numbers in numbers()) {
        for entry in ROLL {
            let (netlist, x) = alone(entry, &numbers);
            let device = only(&netlist);
            let forced: Vec<_> = device.paths().into_iter().filter(|p| p.forces).collect();
            prop_assert_eq!(forced.len(), device.own().iter().filter(|own| **own == Own::Current).count(), "{}", entry.key);
            let mut loaded = x.clone();
            loaded[netlist.potentials()..].iter_mut().for_each(|i| *i += 1.0);
            let (free, loaded) = (stamps(&netlist, &x), stamps(&netlist, &loaded));
            let first = netlist.potentials();
            prop_assert_eq!(&free.currents()[first..], &loaded.currents()[first..]);
            for path in forced {
                let row = netlist.unknown_of(path.from).unwrap();
                let drawn = loaded.currents()[row] - free.currents()[row];
                prop_assert!((drawn - 1.0).abs() < 1e-12, "{}: {drawn}", entry.key);
            }
        }
    }
}
