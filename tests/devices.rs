//! What every device of the roll must keep.

use eqcircuit::netlist::expression::{Dialect, Expression, Leaf, Probe, Resolved, parse};
use eqcircuit::netlist::{
    AcDrive, Arg, Device, DeviceId, Entry, Inductor, Kind, Netlist, Node, Own, ROLL, Resistor,
    Waveform, text,
};
use eqcircuit::numerics::dae::{Dae, Instant, Pattern, Quantity, Stamps};
use eqcircuit::spec::{Library, Subject, load};
use eqcircuit::units::{Dimension, Range};
use proptest::prelude::*;

/// The devices that others name: two inductors.
const PARTNERS: [DeviceId; 2] = [DeviceId(0), DeviceId(1)];
const SUBJECT: DeviceId = DeviceId(2);

/// A size at which every law of the dimension does something.
fn typical(dimension: Dimension) -> f64 {
    match dimension {
        Dimension::Ampere => 1e-9,
        Dimension::Ohm => 10.0,
        Dimension::Farad => 1e-12,
        Dimension::Second => 1e-9,
        Dimension::Metre => 1e-6,
        Dimension::SquareMetre => 1e-11,
        Dimension::FaradPerMetre => 1e-10,
        Dimension::FaradPerSquareMetre => 1e-4,
        Dimension::AmperePerSquareMetre => 1e-4,
        Dimension::VoltPerSecond => 1e6,
        Dimension::PerVolt => 0.1,
        Dimension::PerKelvin => 1e-3,
        Dimension::PerSquareKelvin => 1e-6,
        _ => 1.0,
    }
}

/// From half to one and a half times the default, or near a typical size.
fn draw_number(dimension: Dimension, range: Range, default: Option<f64>, number: f64) -> f64 {
    let value = match default {
        Some(default) if dimension == Dimension::Kelvin => default * (0.95 + 0.1 * number),
        Some(default) if default != 0.0 => default * (0.5 + number),
        _ if range == Range::Any => typical(dimension) * (4.0 * number - 2.0),
        _ => typical(dimension) * (0.1 + 0.8 * number),
    };
    match range {
        _ if range.contains(value) => value,
        Range::AtLeastOne => 1.0 + number,
        _ => 0.1 + 0.8 * number,
    }
}

fn expression(mut fresh: impl FnMut() -> Node) -> Expression<Probe> {
    let text = "tanh(v(a)) * v(b, c) + 0.5 * i(d)^2 + time * v(a) + temper / 300";
    let found = parse(text, Dialect::Home).unwrap().resolve(|leaf| {
        Ok::<_, ()>(Resolved::Leaf(match leaf {
            Leaf::Voltage(_, None) => Probe::Voltage(fresh(), Node::GROUND),
            Leaf::Voltage(..) => Probe::Voltage(fresh(), fresh()),
            Leaf::Current(_) => Probe::Current(PARTNERS[0]),
            Leaf::Time => Probe::Time,
            _ => Probe::Temperature,
        }))
    });
    found.unwrap()
}

/// Draws arguments for an entry; every node is one of its own.
fn draw(entry: &Entry, netlist: &mut Netlist, mut number: impl FnMut() -> f64) -> Vec<Arg> {
    let fresh = |netlist: &mut Netlist| {
        let name = format!("n{}", netlist.node_count());
        netlist.node(&name)
    };
    let mut partners = PARTNERS.into_iter().cycle();
    let mut arg = |kind: Kind| match kind {
        Kind::Node => Arg::Node(fresh(netlist)),
        Kind::Nodes => Arg::Nodes((0..3).map(|_| fresh(netlist)).collect()),
        Kind::Number { dimension, range, .. } => {
            Arg::Number(draw_number(dimension, range, kind.default(), number()))
        }
        Kind::Conductance => Arg::Number(0.1 + 0.9 * number()),
        Kind::Optional { dimension, range } => {
            Arg::Number(draw_number(dimension, range, None, number()))
        }
        Kind::Branch => Arg::Branch(partners.next().unwrap()),
        Kind::Expression { .. } => Arg::Expression(expression(|| fresh(netlist))),
        Kind::Waveform { .. } => {
            let forms = &Waveform::FORMS[..3];
            let form = forms[(number() * 3.0) as usize % 3];
            let numbers: Vec<f64> = form.fields.iter().map(|_| 0.1 + 0.9 * number()).collect();
            Arg::Waveform(Waveform::from_numbers(form.key, &numbers).unwrap())
        }
        Kind::AcDrive { .. } => {
            Arg::AcDrive(AcDrive { magnitude: 0.1 + number(), phase: 360.0 * number() })
        }
        Kind::Word { choices } | Kind::Choice { choices } => {
            Arg::Word(choices[(number() * choices.len() as f64) as usize % choices.len()])
        }
    };
    entry.fields.iter().map(|field| arg(field.kind)).collect()
}

/// A netlist of one device and its partners, and a point at which to look at it.
fn alone(entry: &Entry, numbers: &[f64]) -> (Netlist, Vec<f64>) {
    let mut numbers = numbers.iter().copied().cycle();
    let mut netlist = Netlist::new();
    netlist.temperature = 320.0;
    for name in ["one", "two"] {
        let [p, n] = ["p", "n"].map(|end| netlist.node(&format!("{name}.{end}")));
        netlist.add(name, Inductor { p, n, l: 0.5, ..Default::default() });
    }
    let args = draw(entry, &mut netlist, || numbers.next().unwrap());
    netlist.add("d", (entry.build)(args));
    let x = (0..netlist.dim()).map(|k| match netlist.quantity(k) {
        Quantity::State => numbers.next().unwrap(),
        _ => 2.0 * numbers.next().unwrap() - 1.0,
    });
    let x = x.collect();
    (netlist, x)
}

fn only(netlist: &Netlist) -> &Device {
    netlist.device(SUBJECT)
}

fn stamps_at(netlist: &Netlist, at: Instant, x: &[f64]) -> Stamps {
    let mut stamps = Stamps::new(&Pattern::of(netlist));
    stamps.take(netlist, at, x);
    stamps
}

fn stamps(netlist: &Netlist, x: &[f64]) -> Stamps {
    stamps_at(netlist, Instant::Rest, x)
}

/// The largest magnitude of a row.
fn largest(row: &[f64]) -> f64 {
    row.iter().fold(0.0, |top: f64, x| top.max(x.abs()))
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

/// How far `slope` lies outside what is found on the two sides of a point: a bound, a threshold or
/// a corner may be there, and the slope is then that of either side or between them.
fn outside(slope: f64, sides: [f64; 2]) -> f64 {
    let [low, high] = [sides[0].min(sides[1]), sides[0].max(sides[1])];
    (low - slope).max(slope - high).max(0.0)
}

fn numbers() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0.0..1.0, 97)
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
        for (entry, at) in ROLL.iter().flat_map(|e| [(e, Instant::Rest), (e, Instant::At(0.3))]) {
            let (netlist, x) = alone(entry, &numbers);
            let pattern = Pattern::of(&netlist);
            let here = stamps_at(&netlist, at, &x);
            let sums = [here.currents(), here.charges()];
            let slopes = [here.current_slopes(), here.charge_slopes()].map(|s| full(&pattern, s));
            for col in 0..x.len() {
                let moved = |by: f64| {
                    let mut x = x.clone();
                    x[col] += by;
                    stamps_at(&netlist, at, &x)
                };
                let sides = [moved(-STEP), moved(STEP)];
                let moved = [sides.each_ref().map(Stamps::currents), sides.each_ref().map(Stamps::charges)];
                for (which, row) in [0, 1].into_iter().flat_map(|w| (0..x.len()).map(move |r| (w, r))) {
                    let [below, above] = moved[which].map(|sums| sums[row]);
                    let found = [(sums[which][row] - below) / STEP, (above - sums[which][row]) / STEP];
                    let off = outside(slopes[which][row][col], found);
                    let most = 1e-5 * largest(&slopes[which][row]) + 1e-9 * sums[which][row].abs();
                    prop_assert!(
                        off <= most,
                        "{} {at:?}: sum {which}, row {row}, column {col}: off by {off:e} of {:e}",
                        entry.key, slopes[which][row][col],
                    );
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
            for at in [Instant::Rest, Instant::Start, Instant::At(0.3)] {
                let at = stamps_at(&netlist, at, &x);
                for of in [at.currents(), at.charges()] {
                    let inner = |k: &usize| netlist.quantity(*k) == Quantity::Potential;
                    let nodes: Vec<f64> = (0..x.len()).filter(inner).map(|k| of[k]).collect();
                    let sum = nodes.iter().sum::<f64>();
                    prop_assert!(sum.abs() <= 1e-14 * largest(&nodes), "{}: {sum:e}", entry.key);
                }
            }
        }
    }

    #[test]
    fn what_forces_a_voltage_does_so_whatever_the_current(numbers in numbers()) {
        for entry in ROLL {
            let (netlist, x) = alone(entry, &numbers);
            let device = only(&netlist);
            let forced: Vec<_> = device.paths().into_iter().filter(|p| p.forces).collect();
            let branches = [Own::Current, Own::Inertia];
            let branches = device.own().iter().filter(|own| branches.contains(own)).count();
            prop_assert_eq!(forced.len(), branches, "{}", entry.key);
            let Some(first) = netlist.branch(SUBJECT) else { continue };
            let rows = first..first + branches;
            let mut loaded = x.clone();
            loaded[rows.clone()].iter_mut().for_each(|i| *i += 1.0);
            let (free, loaded) = (stamps(&netlist, &x), stamps(&netlist, &loaded));
            prop_assert_eq!(&free.currents()[rows.clone()], &loaded.currents()[rows]);
            for path in forced {
                let row = netlist.unknown_of(path.from).unwrap();
                let drawn = loaded.currents()[row] - free.currents()[row];
                prop_assert!((drawn - 1.0).abs() < 1e-12, "{}: {drawn}", entry.key);
            }
        }
    }

    #[test]
    fn a_linear_device_is_a_matrix(numbers in numbers(), factor in 0.1..10.0f64) {
        for entry in ROLL {
            let (netlist, x) = alone(entry, &numbers);
            if !only(&netlist).is_linear() {
                continue;
            }
            let times: Vec<f64> = x.iter().map(|x| factor * x).collect();
            let (one, many) = (stamps(&netlist, &x), stamps_at(&netlist, Instant::At(1.0), &times));
            for (a, b) in [(one.currents(), many.currents()), (one.charges(), many.charges())] {
                let most = 1e-12 * largest(b);
                for (a, b) in a.iter().zip(b) {
                    prop_assert!((factor * a - b).abs() <= most, "{}", entry.key);
                }
            }
        }
    }

    #[test]
    fn noise_and_drives_are_on_equations(numbers in numbers()) {
        for entry in ROLL {
            let (netlist, x) = alone(entry, &numbers);
            let rows = |row: usize| row == Stamps::NOWHERE || row < netlist.dim();
            for (device, noise) in netlist.noise(&x) {
                prop_assert_eq!(device, SUBJECT);
                prop_assert!(rows(noise.from) && rows(noise.to), "{}", entry.key);
                prop_assert!(noise.white >= 0.0 && noise.flicker >= 0.0, "{}", entry.key);
                prop_assert!(noise.white.is_finite() && noise.flicker.is_finite(), "{}", entry.key);
            }
            let driven = netlist.excitation(&x).iter().any(|b| *b != [0.0; 2]);
            let has_drive = entry.fields.iter().any(|f| matches!(f.kind, Kind::AcDrive { .. }));
            prop_assert_eq!(driven, has_drive, "{}", entry.key);
        }
    }

    #[test]
    fn the_home_text_of_a_device_reads_back(numbers in numbers()) {
        for entry in ROLL {
            let (mut netlist, _) = alone(entry, &numbers);
            for k in 1..netlist.node_count() {
                let (p, n) = (Node(k as u32), Node::GROUND);
                for name in ["one", "two"] {
                    let r = Resistor { p, n, g: 1e-6, ..Default::default() };
                    netlist.add(format!("r{k}.{name}"), r);
                }
            }
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("device.toml");
            let written = text::toml(&netlist, None);
            std::fs::write(&file, format!("title = \"device\"\n\n{written}")).unwrap();
            let read = match load(&file, &[], &Library::built_in()) {
                Ok(spec) => spec.subject,
                Err(report) => panic!("{}: {report:?}", entry.key),
            };
            let Subject::Devices { netlist: read, .. } = read else { panic!("{read:?}") };
            prop_assert_eq!(text::toml(&read, None), written);
            prop_assert_eq!(only(&read).own(), only(&netlist).own());
        }
    }
}

#[test]
fn a_device_of_a_netlist_is_small() {
    // A compiled network has a hundred thousand; large sets of parameters are boxed.
    assert!(size_of::<Device>() <= 128, "{}", size_of::<Device>());
}

/// `docs/devices.md`: every device with its keys.
fn manual() -> String {
    let mut out = String::from(
        "# Devices\n\nWhat `[device]` of a file knows, as `name = { kind = { key = value } }`. \
         Equations and sources are in the documentation of the types in `netlist`.\n",
    );
    for entry in ROLL {
        out += &format!("\n## `{}`\n\n{}.\n\n", entry.key, entry.summary);
        out += "| key | is | what | left out |\n|---|---|---|---|\n";
        for field in entry.fields {
            let unit = |d: Dimension| match d {
                Dimension::One => "number".to_string(),
                _ => d.symbol().to_string(),
            };
            let (is, left_out) = match field.kind {
                Kind::Node => ("node".to_string(), "-".to_string()),
                Kind::Nodes => ("list of nodes".into(), "-".into()),
                Kind::Number { dimension, default, .. } => {
                    (unit(dimension), default.unwrap_or("-").to_string())
                }
                Kind::Conductance => ("S, or ohm as `r`".into(), "-".into()),
                Kind::Optional { dimension, .. } => (unit(dimension), "see there".into()),
                Kind::Word { choices } => (choices.join(", "), "-".into()),
                Kind::Choice { choices } => (choices.join(", "), choices[0].to_string()),
                Kind::Branch => ("device".into(), "-".into()),
                Kind::Expression { dimension } => {
                    (format!("expression in {}", unit(dimension)), "-".into())
                }
                Kind::Waveform { dimension } => {
                    (format!("waveform in {}", unit(dimension)), "see there".into())
                }
                Kind::AcDrive { .. } => ("`{ magnitude, phase }`".into(), "see there".into()),
            };
            out += &format!("| `{}` | {is} | {} | {left_out} |\n", field.key, field.about);
        }
    }
    out
}

#[test]
fn the_manual_of_devices_is_that_of_the_roll() {
    let (now, file) = (manual(), "docs/devices.md");
    if std::env::var("EQCIRCUIT_BLESS").is_ok_and(|v| v == "1") {
        std::fs::write(file, &now).unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap_or_default();
    assert!(written == now, "{file} is not up to date; EQCIRCUIT_BLESS=1 writes it anew");
}
