//! Compiled netlists and their text: names and counts of what is laid, a golden file, and what
//! SPICE gets to see.
//!
//! `EQCIRCUIT_BLESS=1` rewrites the golden file.

mod common;

use std::collections::HashMap;
use std::path::Path;

use common::compiled::{Case, drive};
use eqcircuit::compile::{compile, expand, fabricate, refresh};
use eqcircuit::model::Activation;
use eqcircuit::netlist::{Device, Netlist, Node, text};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    ArrayStyle, Library, MirrorSpread, NeuronCircuit, NeuronSpread, Subject, TemplateArg,
    TemplateDevice, load,
};

const SMALL: [usize; 3] = [8, 6, 4];

fn devices(netlist: &Netlist) -> HashMap<&str, &Device> {
    netlist.devices().iter().map(|(name, device)| (name.as_str(), device)).collect()
}

fn node(netlist: &Netlist, name: &str) -> Node {
    netlist.find_node(name).unwrap_or_else(|| panic!("no node `{name}`"))
}

fn count(netlist: &Netlist, matches: impl Fn(&str) -> bool) -> usize {
    netlist.devices().iter().filter(|(name, _)| matches(name)).count()
}

#[test]
fn the_text_of_a_small_chip_is_as_blessed() {
    let (mut netlist, ports) = expand(&Case::new(SMALL).chip());
    let xhat: Vec<f64> = (0..8).map(|i| 0.25 * f64::from(i) - 1.0).collect();
    drive(&mut netlist, &ports, &xhat, &[1.0, 0.0, 0.0, 0.0], 0.5);
    let text = text::toml(&netlist, Some(&ports));
    let golden = Path::new("tests/goldens/compiled-8-6-4.toml");
    if std::env::var("EQCIRCUIT_BLESS").is_ok_and(|v| v == "1") {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(golden, &text).unwrap();
    }
    let blessed = std::fs::read_to_string(golden).unwrap();
    for (k, (now, then)) in text.lines().zip(blessed.lines()).enumerate() {
        assert_eq!(now, then, "line {}; EQCIRCUIT_BLESS=1 accepts the new text", k + 1);
    }
    assert_eq!(text.lines().count(), blessed.lines().count(), "EQCIRCUIT_BLESS=1 accepts it");
}

#[test]
fn the_text_is_toml_and_holds_every_device_and_port() {
    let (netlist, ports) = expand(&Case::new(SMALL).chip());
    let table: toml::Table = text::toml(&netlist, Some(&ports)).parse().unwrap();
    let device = table["device"].as_table().unwrap();
    assert_eq!(device.len(), netlist.devices().len());
    for (name, made) in netlist.devices() {
        let written = device[name].as_table().unwrap();
        assert_eq!(written.keys().collect::<Vec<_>>(), [made.key()], "{name}");
    }
    let Device::Resistor(cell) = devices(&netlist)["input-hidden.t0.p.3.5"] else {
        panic!("a cell is a resistor")
    };
    let written = device["input-hidden.t0.p.3.5"]["resistor"]["g"].as_str().unwrap();
    let siemens = eqcircuit::units::Dimension::Siemens;
    let read = eqcircuit::units::parse(written, siemens, eqcircuit::units::Range::Any);
    assert_eq!(read.map(f64::to_bits), Ok(cell.g.to_bits()));
    let ports = table["ports"].as_table().unwrap();
    assert_eq!(ports["read"].as_str(), Some("output"));
    assert_eq!(ports["clamp"]["sources"][7][1].as_str(), Some("input.7.vn"));
    assert_eq!(ports["layers"][0]["nodes"][5].as_str(), Some("hidden.5.u"));
    assert_eq!(ports["nudge"][3][1].as_str(), Some("output.3.pull"));
}

#[test]
fn the_text_reads_back_to_the_bit() {
    for (r_segment, gain) in [(0.0, 0.0), (2.0, 0.0), (0.0, 0.1)] {
        let case = Case { spread: 0.2, r_segment, hidden: Activation::Softmax, ..Case::new(SMALL) };
        let mut chip = case.chip();
        if gain > 0.0 {
            let mut bad = chip.nonideal.clone();
            bad.fabrication.neuron = NeuronSpread { gain, offset: 1e-3, time_constant: 0.1 };
            bad.fabrication.mirror = MirrorSpread { bias: 0.1, nudge: 0.1 };
            chip = fabricate(&chip.fabric, &bad, chip.seed);
        }
        let (netlist, ports) = expand(&chip);
        assert_eq!(ports.layers[0].skew.is_empty(), gain == 0.0);
        assert_eq!(ports.nudge[0].mirror == 1.0, gain == 0.0);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("compiled.toml");
        let text = text::toml(&netlist, Some(&ports));
        std::fs::write(&file, format!("title = \"compiled\"\n\n{text}")).unwrap();
        let spec = load(&file, &[], &Library::built_in());
        match spec.unwrap_or_else(|report| panic!("{report:?}")).subject {
            Subject::Devices { netlist: read, ports: read_ports } => {
                assert_eq!(*read, netlist);
                assert_eq!(read_ports, Some(ports));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn names_in_the_text_survive_any_letter() {
    let mut netlist = Netlist::new();
    let p = netlist.node("a \"b\" \\ \u{7f}\n\u{e9}");
    let n = Node::GROUND;
    netlist.add("x\ty", eqcircuit::netlist::Resistor { p, n, g: 1e-3, ..Default::default() });
    let table: toml::Table = text::toml(&netlist, None).parse().unwrap();
    let p = table["device"]["x\ty"]["resistor"]["p"].as_str().unwrap();
    assert_eq!(p, "a \"b\" \\ \u{7f}\n\u{e9}");
}

#[test]
fn nodes_and_devices_are_named_and_counted() {
    let (netlist, ports) = expand(&Case::new(SMALL).chip());
    // Two lines an input; sum, activation and negative a unit; ground.
    assert_eq!(netlist.node_count(), 2 * 8 + 3 * (6 + 4) + 1);
    let cells = 2 * (8 * 6 + 6 * 4 + 4 * 6);
    // A neuron is three devices; leak and bias; two nudges an output; two sources an input.
    assert_eq!(netlist.devices().len(), cells + (6 + 4) * (3 + 2) + 4 * 2 + 8 * 2);
    let named = devices(&netlist);
    assert_eq!(named.len(), netlist.devices().len(), "names are unique");
    let Device::Resistor(cell) = named["input-hidden.t0.n.3.5"] else { panic!() };
    assert_eq!([cell.p, cell.n], [node(&netlist, "input.5.vn"), node(&netlist, "hidden.3.u")]);
    let Device::Resistor(cell) = named["hidden-output.back.t0.p.3.1"] else { panic!() };
    assert_eq!([cell.p, cell.n], [node(&netlist, "output.1.v"), node(&netlist, "hidden.3.u")]);
    let Device::CurrentSource(bias) = named["hidden.2.bias"] else { panic!() };
    assert_eq!([bias.p, bias.n], [Node::GROUND, node(&netlist, "hidden.2.u")]);
    assert_eq!(ports.layers[0].nodes[2], node(&netlist, "hidden.2.u"));
    let Device::Vccs(pull) = netlist.device(ports.nudge[1].pull) else { panic!() };
    assert_eq!(
        [pull.p, pull.n, pull.cp, pull.cn],
        [Node::GROUND, node(&netlist, "output.1.u"), node(&netlist, "output.1.v"), Node::GROUND]
    );
}

#[test]
fn a_wired_tile_has_its_cells_places_and_segments() {
    let case = Case { tile: [5, 4], r_segment: 2.0, ..Case::new(SMALL) };
    let chip = case.chip();
    let (netlist, _) = expand(&chip);
    let (bare, _) = expand(&Case { r_segment: 0.0, ..case }.chip());
    let places: usize = 4 * (8 * 6 + 6 * 4 + 4 * 6);
    assert_eq!(netlist.node_count(), bare.node_count() + places);
    assert_eq!(netlist.devices().len(), bare.devices().len() + places);
    // 8 inputs in tiles of 5 and 3, 6 outputs in tiles of 4 and 2.
    for (tile, cells) in [4 * 5, 4 * 3, 2 * 5, 2 * 3].into_iter().enumerate() {
        let of = |part: &str| format!("input-hidden.t{tile}.{part}");
        let (p, n) = (of("p."), of("n."));
        assert_eq!(count(&netlist, |d| d.starts_with(&p) || d.starts_with(&n)), 2 * cells);
        for part in ["ws.", "bs."] {
            assert_eq!(count(&netlist, |d| d.starts_with(&of(part))), 2 * cells);
        }
    }
    let named = devices(&netlist);
    let joins = |device: &str, p: &str, n: &str, g: f64| {
        let Device::Resistor(segment) = named[device] else { panic!("{device}") };
        assert_eq!([segment.p, segment.n], [node(&netlist, p), node(&netlist, n)], "{device}");
        assert_eq!(segment.g, g, "{device}");
    };
    let wire = 0.5;
    // Tile 3 holds outputs 4 and 5, inputs 5 to 7.
    let at = |rest: &str| format!("input-hidden.t3.{rest}");
    joins(&at("ws.p.4.5"), "input.5.v", &at("w.p.4.5"), wire);
    joins(&at("ws.n.5.7"), &at("w.n.4.7"), &at("w.n.5.7"), wire);
    for post in [4, 5] {
        let places: Vec<String> =
            (5..8).flat_map(|pre| ["p", "n"].map(|s| format!("{s}.{post}.{pre}"))).collect();
        for (k, place) in places.iter().enumerate() {
            let next = places.get(k + 1).map(|next| at(&format!("b.{next}")));
            let next = next.unwrap_or(format!("hidden.{post}.u"));
            joins(&at(&format!("bs.{place}")), &at(&format!("b.{place}")), &next, wire);
        }
    }
    joins(&at("n.5.7"), &at("w.n.5.7"), &at("b.n.5.7"), chip.cells[0].minus[(5, 7)]);
}

#[test]
fn a_shared_array_is_symmetric_and_twins_are_not() {
    for (style, symmetric) in [(ArrayStyle::Shared, true), (ArrayStyle::Twin, false)] {
        let (netlist, _) = expand(&Case { style, spread: 0.2, ..Case::new(SMALL) }.chip());
        let named = devices(&netlist);
        let mut equal = 0;
        for (i, j) in (0..4).flat_map(|i| (0..6).map(move |j| (i, j))) {
            for sign in ["p", "n"] {
                let [there, back] = [
                    format!("hidden-output.t0.{sign}.{i}.{j}"),
                    format!("hidden-output.back.t0.{sign}.{j}.{i}"),
                ]
                .map(|name| match named[name.as_str()] {
                    Device::Resistor(cell) => cell.g,
                    other => panic!("{other:?}"),
                });
                equal += usize::from(there == back);
            }
        }
        assert_eq!(equal, if symmetric { 48 } else { 0 });
    }
}

#[test]
fn refresh_after_a_write_is_expansion_anew() {
    for r_segment in [0.0, 2.0] {
        let mut chip = Case { spread: 0.2, r_segment, ..Case::new(SMALL) }.chip();
        let (mut netlist, _) = expand(&chip);
        let before = netlist.clone();
        let mut model = chip.fabric.model.clone();
        for coupling in &mut model.couplings {
            for w in coupling.values_mut() {
                *w = 0.5 * *w - 0.01;
            }
        }
        chip.write(&model);
        refresh(&chip, &mut netlist);
        assert_ne!(netlist, before);
        assert_eq!(netlist, expand(&chip).0);
    }
}

#[test]
fn the_spice_text_has_every_cell_and_every_node() {
    let case = Case { hidden: Activation::Softmax, r_segment: 2.0, ..Case::new(SMALL) };
    let (netlist, _) = expand(&case.chip());
    let deck = text::spice(&netlist, "every cell", &[".op".into()]);
    let unwrapped = deck.replace("\n+", "");
    let elements: HashMap<&str, Vec<&str>> = unwrapped
        .lines()
        .skip(1)
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|words| (words[0], words[1..].to_vec()))
        .collect();
    let names = text::spice_nodes(&netlist);
    let spice = |node: Node| names[node.0 as usize].as_str();
    let mut cells = 0;
    for (name, device) in netlist.devices() {
        if let Device::Resistor(r) = device {
            let words = &elements[format!("r{}", name.replace('-', "_")).as_str()];
            assert_eq!(words[..2], [spice(r.p), spice(r.n)], "{name}");
            let ohms: f64 = words[2].parse().unwrap();
            assert_eq!(ohms, 1.0 / r.g, "{name}");
            cells += usize::from(name.contains(".t0.p.") || name.contains(".t0.n."));
        }
    }
    assert_eq!(cells, 2 * (8 * 6 + 6 * 4 + 4 * 6));
    assert!(names.iter().all(|n| deck.contains(n.as_str())));
    assert!(deck.lines().all(|line| line.len() < 132), "lines are wrapped");
    assert!(deck.starts_with("* every cell\n") && deck.ends_with("\n.op\n.end\n"));
}

#[test]
fn names_that_fall_together_in_spice_are_told_apart() {
    let mut netlist = Netlist::new();
    for name in ["a.b", "a-b", "A_B", "gnd"] {
        let p = netlist.node(name);
        netlist.add(
            name,
            eqcircuit::netlist::Resistor { p, n: Node::GROUND, g: 1e-3, ..Default::default() },
        );
    }
    assert_eq!(text::spice_nodes(&netlist), ["0", "a.b", "a_b", "a_b_2", "gnd_2"]);
    let deck = text::spice(&netlist, "one\ntwo", &[]);
    let words: Vec<&str> = deck.lines().map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["*", "ra.b", "ra_b", "ra_b_2", "rgnd", ".end"]);
}

#[test]
fn a_cell_of_no_conductance_is_kept_but_not_in_spice() {
    let mut chip = Case::new(SMALL).chip();
    chip.cells[0].plus[(3, 5)] = 0.0;
    let (netlist, _) = expand(&chip);
    assert!(devices(&netlist).contains_key("input-hidden.t0.p.3.5"));
    let deck = text::spice(&netlist, "", &[]);
    assert!(!deck.contains("rinput_hidden.t0.p.3.5 "));
    assert!(deck.contains("rinput_hidden.t0.n.3.5 "));
}

fn circuit(per_unit: Vec<TemplateDevice>, per_layer: Vec<TemplateDevice>) -> NeuronCircuit {
    NeuronCircuit { name: "test".into(), activation: Activation::Tanh, per_unit, per_layer }
}

fn template(name: &str, kind: &str, args: &[(&str, TemplateArg)]) -> TemplateDevice {
    let args = args.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    TemplateDevice { name: name.into(), kind: kind.into(), args }
}

#[test]
fn a_neuron_circuit_that_cannot_be_laid_is_named_with_its_fault() {
    let p = |s: &str| TemplateArg::Parameter(s.into());
    let w = |s: &str| TemplateArg::Word(s.into());
    let x = TemplateArg::Number;
    let r = |args: &[(&str, TemplateArg)]| circuit(vec![template("r1", "resistor", args)], vec![]);
    let cases = [
        (circuit(vec![template("r1", "resitor", &[])], vec![]), "there is no `resitor`"),
        (r(&[("p", p("in")), ("n", w("0"))]), "give either `g` or `r`"),
        (r(&[("p", p("in")), ("g", x(1.0))]), "`n` is missing"),
        (r(&[("p", p("in")), ("n", w("0")), ("g", x(1.0)), ("r", x(1.0))]), "give either"),
        (r(&[("p", p("in")), ("n", w("0")), ("g", x(1.0)), ("q", x(1.0))]), "has no `q`"),
        (r(&[("p", p("inn")), ("n", w("0")), ("g", x(1.0))]), "there is no pin `$inn`"),
        (r(&[("p", p("in")), ("n", w("u")), ("g", x(1.0))]), "the name `u` is not free"),
        (r(&[("p", p("in")), ("n", w("0")), ("g", p("c-node"))]), "`g` is in siemens"),
        (r(&[("p", p("in")), ("n", w("0")), ("g", p("c-nod"))]), "no parameter `$c-nod`"),
        (r(&[("p", p("in")), ("n", w("0")), ("r", x(0.0))]), "`r` must be above zero"),
        (r(&[("p", x(1.0)), ("n", w("0")), ("g", x(1.0))]), "`p` must be a node's name"),
        (circuit(vec![template("leak", "resistor", &[])], vec![]), "the name `leak` is not free"),
        (
            circuit(vec![], vec![template("r1", "resistor", &[("p", p("in"))])]),
            "put the device under [unit.device]",
        ),
        (
            circuit(vec![template("a", "softmax-amplifier", &[("in", p("in"))])], vec![]),
            "put the device under [layer.device]",
        ),
        (
            circuit(
                vec![template(
                    "a",
                    "amplifier",
                    &[("in", p("in")), ("out", p("out")), ("activation", w("step"))],
                )],
                vec![],
            ),
            "`activation` must be one of: identity",
        ),
    ];
    for (circuit, fault) in cases {
        let said = circuit.check().expect_err(fault).to_string();
        assert!(said.contains(fault), "{said}");
        assert!(said.starts_with("device `"), "{said}");
    }
    for activation in Activation::ALL {
        assert_eq!(common::neuron(activation).check(), Ok(()));
    }
}

#[test]
fn local_nodes_and_resistances_of_a_neuron_circuit_are_laid_at_each_unit() {
    let mut chip = Case::new(SMALL).chip();
    let p = TemplateArg::Parameter("in".into());
    let mid = TemplateArg::Word("mid".into());
    let ground = TemplateArg::Word("0".into());
    chip.fabric.hardware.neurons[1].per_unit.extend([
        template(
            "r1",
            "resistor",
            &[("p", p), ("n", mid.clone()), ("r", TemplateArg::Number(4e4))],
        ),
        template("r2", "resistor", &[("p", mid), ("n", ground), ("g", TemplateArg::Number(1e-6))]),
    ]);
    let (netlist, _) = expand(&chip);
    let named = devices(&netlist);
    for i in 0..6 {
        let Device::Resistor(r) = named[format!("hidden.{i}.r1").as_str()] else { panic!() };
        assert_eq!(r.g, 1.0 / 4e4);
        assert_eq!(r.p, node(&netlist, &format!("hidden.{i}.u")));
        assert_eq!(r.n, node(&netlist, &format!("hidden.{i}.mid")));
    }
}

#[test]
fn compilation_gives_the_same_text_every_time() {
    let chip = Case { spread: 0.1, ..Case::new(SMALL) }.chip();
    let again = compile(&chip.fabric.model, &chip.fabric.hardware);
    let again = eqcircuit::compile::fabricate(&again, &chip.nonideal, Seed::new(5));
    let [one, two] = [chip, again].map(|chip| {
        let (netlist, ports) = expand(&chip);
        text::toml(&netlist, Some(&ports))
    });
    assert_eq!(one, two);
}
