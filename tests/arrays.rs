//! Netlists with crossbars solved by their structure, against every cell as a device.

mod common;

use common::compiled::{Case, drive};
use eqcircuit::compile::{expand, expand_arrays, refresh};
use eqcircuit::engine::{Outcome, Until, analyse};
use eqcircuit::netlist::{Array, Capacitor, Netlist, Node, Resistor, VoltageSource};
use eqcircuit::numerics::crossbar::{Crossbar, End, Law, Lines, Wire};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{Analysis, Rows};
use rand::RngExt;

const UNTIL: Until = Until { settled: 1e-9, at_most: 1e-3, at_most_iterations: 0 };

/// The operating point as values by name.
fn op(netlist: &Netlist) -> Vec<(String, f64)> {
    let run = analyse(netlist, Analysis::Op, &UNTIL, 2);
    assert!(matches!(run.outcome, Outcome::Equilibrium { .. }), "{:?}", run.outcome);
    run.names.into_iter().zip(run.values.row(0).to_vec()).collect()
}

/// How far apart the values of the same names are, as a share of the largest voltage.
fn apart(structured: &[(String, f64)], flat: &[(String, f64)]) -> f64 {
    let volts = |all: &[(String, f64)]| {
        all.iter().filter(|(name, _)| name.starts_with("v(")).cloned().collect::<Vec<_>>()
    };
    let (structured, flat) = (volts(structured), volts(flat));
    let top = flat.iter().fold(0.0, |top: f64, (_, v)| top.max(v.abs()));
    assert!(top > 0.0 && !structured.is_empty());
    let off = structured.iter().map(|(name, v)| {
        let (_, other) = flat.iter().find(|(n, _)| n == name).expect("the same nodes");
        (v - other).abs()
    });
    off.fold(0.0, f64::max) / top
}

#[test]
fn a_chip_with_wires_rests_where_its_cells_say() {
    for (k, rows) in [Rows::Interleaved, Rows::Block].into_iter().enumerate() {
        for (tile, r_segment, r_ends, r_spread) in [
            ([64, 64], 0.5, [0.0, 0.0], 0.0),
            ([3, 4], 20.0, [0.0, 0.0], 0.0),
            ([64, 64], 100.0, [0.0, 0.0], 0.0),
            ([3, 4], 20.0, [100.0, 30.0], 0.4),
            ([64, 64], 50.0, [0.0, 400.0], 1.0),
            ([3, 4], 0.0, [300.0, 0.0], 0.0),
            ([4, 3], 0.0, [0.0, 300.0], 0.0),
            ([3, 3], 0.0, [200.0, 1000.0], 0.4),
        ] {
            let case =
                Case { spread: 0.2, r_segment, r_ends, r_spread, tile, ..Case::new([6, 8, 4]) };
            let mut chip = case.chip();
            chip.fabric.hardware.rows = rows;
            let (mut flat, ports) = expand(&chip);
            let (mut arrays, array_ports) = expand_arrays(&chip);
            let (xhat, target) = ([0.9, -0.4, 0.2, -0.8, 0.5, 0.7], [0.3, -0.3, 0.6, -0.6]);
            for beta in [0.0, 0.4] {
                drive(&mut flat, &ports, &xhat, &target, beta);
                drive(&mut arrays, &array_ports, &xhat, &target, beta);
                let off = apart(&op(&arrays), &op(&flat));
                assert!(off < 1e-10, "{k} {tile:?} {r_segment}: {off:e}");
            }
        }
    }
}

#[test]
fn a_write_reaches_the_arrays() {
    let case = Case { r_segment: 5.0, ..Case::new([6, 8, 4]) };
    let (old, new) = (case.chip(), Case { spread: 0.3, ..case }.chip());
    let (mut refreshed, _) = expand_arrays(&old);
    let (fresh, _) = expand_arrays(&new);
    assert_ne!(refreshed, fresh);
    refresh(&new, &mut refreshed);
    assert_eq!(refreshed, fresh);
}

#[test]
fn the_order_of_the_rows_matters() {
    let case = Case { r_segment: 50.0, ..Case::new([24, 8, 4]) };
    let mut chip = case.chip();
    let volts = [Rows::Interleaved, Rows::Block].map(|rows| {
        chip.fabric.hardware.rows = rows;
        let (mut netlist, ports) = expand_arrays(&chip);
        let xhat: Vec<f64> = (0..24).map(|k| f64::from(k % 5) / 5.0).collect();
        drive(&mut netlist, &ports, &xhat, &[0.0; 4], 0.0);
        op(&netlist)
    });
    assert!(apart(&volts[0], &volts[1]) > 1e-3);
}

/// Nodes `NAME.0`, `NAME.1`, ...
fn nodes(netlist: &mut Netlist, name: &str, count: usize) -> Vec<Node> {
    (0..count).map(|k| netlist.node(&format!("{name}.{k}"))).collect()
}

/// Two arrays in a row with resistors between them: passive, fed at one side, all kinds of ends.
fn passive(seed: u64, nonlinear: bool) -> Netlist {
    let mut rng = Seed::new(seed).rng();
    let mut netlist = Netlist::new();
    let (a, b, c) = (5, 7, 4);
    let input = nodes(&mut netlist, "in", a);
    let far = nodes(&mut netlist, "far", a);
    let hidden = nodes(&mut netlist, "h", b);
    let out = nodes(&mut netlist, "out", c);
    for (k, &p) in input.iter().enumerate() {
        let dc = rng.random_range(-0.3..0.3);
        netlist
            .add(format!("v{k}"), VoltageSource { p, n: Node::GROUND, dc, wave: None, ac: None });
        netlist.add(
            format!("rf{k}"),
            Resistor { p: far[k], n: Node::GROUND, g: 1e-4, ..Default::default() },
        );
    }
    for (name, nodes, g) in [("rh", &hidden, 1e-4), ("ro", &out, 1e-3)] {
        for (k, &p) in nodes.iter().enumerate() {
            netlist.add(
                format!("{name}{k}"),
                Resistor { p, n: Node::GROUND, g, ..Default::default() },
            );
            netlist.add(
                format!("c{name}{k}"),
                Capacitor { p, n: Node::GROUND, c: 1e-12, ..Default::default() },
            );
        }
    }
    let law = if nonlinear { Law::Sinh { v0: 0.1 } } else { Law::Linear };
    let mut cells = |n: usize| (0..n).map(|_| rng.random_range(1e-6..1e-4)).collect();
    let first = Crossbar {
        rows: a,
        cols: b,
        conductance: cells(a * b),
        law,
        word: Lines { wire: Wire::Uniform(3.0), ends: [End::Tied(10.0), End::Tied(2.0)] },
        bit: Lines::from_last(2.0, 5.0),
    };
    let second = Crossbar {
        rows: b,
        cols: c,
        conductance: cells(b * c),
        law,
        word: Lines { wire: Wire::Uniform(0.0), ends: [End::Tied(0.0), End::Open] },
        bit: Lines { wire: Wire::Each(vec![1.0; b - 1]), ends: [End::Tied(4.0), End::Open] },
    };
    let bit = [Vec::new(), hidden.clone()];
    netlist.add_array(Array { name: "a".into(), crossbar: first, word: [input, far], bit });
    let (word, bit) = ([hidden, Vec::new()], [out, Vec::new()]);
    netlist.add_array(Array { name: "b".into(), crossbar: second, word, bit });
    netlist
}

#[test]
fn passive_arrays_rest_where_their_cells_say() {
    for seed in 0..5 {
        let netlist = passive(seed, false);
        assert_eq!(netlist.faults(), Vec::new());
        let off = apart(&op(&netlist), &op(&netlist.flat()));
        assert!(off < 1e-11, "{seed}: {off:e}");
    }
}

#[test]
fn a_transient_of_arrays_ends_at_rest() {
    let netlist = passive(3, false);
    let run = analyse(&netlist, Analysis::Tran, &UNTIL, 5);
    assert!(matches!(run.outcome, Outcome::Settled { .. }), "{:?}", run.outcome);
    let last = run.values.row(4).to_vec();
    let end: Vec<(String, f64)> = run.names.into_iter().zip(last).collect();
    let off = apart(&op(&netlist), &end);
    assert!(off < 1e-6, "{off:e}");
}

#[test]
fn cells_that_are_not_linear_rest_where_their_devices_do() {
    let netlist = passive(1, true);
    let found = op(&netlist);
    let linear = op(&passive(1, false));
    let off = apart(&found, &linear);
    assert!(off > 1e-4, "cells that are not linear carry other currents: {off:e}");
    let off = apart(&found, &op(&netlist.flat()));
    assert!(off < 1e-10, "{off:e}");
}

#[test]
fn a_transient_of_cells_that_are_not_linear_ends_at_rest() {
    let netlist = passive(3, true);
    let run = analyse(&netlist, Analysis::Tran, &UNTIL, 5);
    assert!(matches!(run.outcome, Outcome::Settled { .. }), "{:?}", run.outcome);
    let last = run.values.row(4).to_vec();
    let end: Vec<(String, f64)> = run.names.into_iter().zip(last).collect();
    let off = apart(&op(&netlist), &end);
    assert!(off < 1e-6, "{off:e}");
}

#[test]
fn an_array_alone_is_no_path_to_ground() {
    let mut netlist = passive(0, false);
    let lost = nodes(&mut netlist, "lost", 2);
    let crossbar = Crossbar {
        rows: 1,
        cols: 1,
        conductance: vec![1e-5],
        law: Law::Linear,
        word: Lines::from_first(1.0, 1.0),
        bit: Lines::from_last(1.0, 1.0),
    };
    let (word, bit) = ([vec![lost[0]], vec![]], [vec![], vec![lost[1]]]);
    netlist.add_array(Array { name: "lost".into(), crossbar, word, bit });
    let faults = format!("{:?}", netlist.faults());
    assert!(faults.contains("NoPathToGround"), "{faults}");
}

/// A file in a folder with the matrices of two arrays, and the file's text after an edit.
fn file(edit: &dyn Fn(String) -> String) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let numbers: Vec<u8> =
        [1e-5_f64, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5].iter().flat_map(|g| g.to_le_bytes()).collect();
    let dtype = safetensors::Dtype::F64;
    let view = safetensors::tensor::TensorView::new(dtype, vec![3, 2], &numbers).unwrap();
    let bytes = safetensors::serialize([("g1", view)], None).unwrap();
    std::fs::write(folder.path().join("w.safetensors"), bytes).unwrap();
    std::fs::write(folder.path().join("g.csv"), "1e-4, 2e-4\n3e-4, 4e-4\n").unwrap();
    let text = "[device]\n\
        v0 = { voltage-source = { p = \"in.0\", n = \"0\", dc = \"0.1 V\" } }\n\
        v1 = { voltage-source = { p = \"in.1\", n = \"0\", dc = \"-0.2 V\" } }\n\
        v2 = { voltage-source = { p = \"in.2\", n = \"0\", dc = \"0.3 V\" } }\n\
        r0 = { resistor = { p = \"x\", n = \"0\", r = \"10 kohm\" } }\n\
        r1 = { resistor = { p = \"y\", n = \"0\", r = \"20 kohm\" } }\n\
        [array.first]\n\
        g = { file = \"w.safetensors\", tensor = \"g1\" }\n\
        word = { first = \"in.{}\", r-segment = \"2 ohm\" }\n\
        bit = { last = [\"x\", \"y\"], r-segment = \"1 ohm\", r-last = \"50 ohm\" }\n\
        [array.second]\n\
        g = { file = \"g.csv\" }\n\
        word = { first = [\"x\", \"y\"] }\n\
        bit = { first = [\"0\", \"0\"] }\n\
        [analysis]\n\
        op = {}\n";
    let path = folder.path().join("arrays.toml");
    std::fs::write(&path, edit(text.to_string())).unwrap();
    (folder, path)
}

fn loaded(path: &std::path::Path) -> Result<Netlist, String> {
    use eqcircuit::spec::{Library, Subject, load};
    match load(path, &[], &Library::built_in()) {
        Ok(spec) => match spec.subject {
            Subject::Devices { netlist, .. } => Ok(*netlist),
            Subject::Network { .. } | Subject::Chain(_) => panic!("this is a netlist"),
        },
        Err(report) => Err(report.render(false)),
    }
}

#[test]
fn arrays_are_read_with_their_matrices() {
    let (_folder, path) = file(&|text| text);
    let netlist = loaded(&path).unwrap();
    let [first, second] = netlist.arrays() else { panic!("two arrays") };
    assert_eq!((first.crossbar.rows, first.crossbar.cols), (3, 2));
    assert_eq!(first.crossbar.conductance[3], 4e-5);
    assert_eq!(first.crossbar.word, Lines::from_first(2.0, 2.0));
    assert_eq!(first.crossbar.bit, Lines::from_last(1.0, 50.0));
    assert_eq!(netlist.node_name(first.word[0][2]), "in.2");
    assert_eq!(second.crossbar.bit.ends, [End::Tied(0.0), End::Open]);
    assert_eq!(second.bit[0], vec![Node::GROUND; 2]);
    let off = apart(&op(&netlist), &op(&netlist.flat()));
    assert!(off < 1e-11, "{off:e}");
}

#[test]
fn mistakes_in_arrays_are_told_in_their_place() {
    let cases: [(&str, &str, &[&str]); 7] = [
        ("\"g1\"", "\"g2\"", &["has no tensor `g2`", "the tensors of the file are: g1"]),
        ("[\"x\", \"y\"], r-s", "[\"x\"], r-s", &["1 nodes for 2 lines"]),
        ("\"in.{}\"", "\"in\"", &["names one node for all lines"]),
        ("g.csv", "h.csv", &["there is no file", "g.csv"]),
        ("first = \"in.{}\", ", "", &["names no nodes"]),
        ("r-last = \"50 ohm\"", "r-last = \"50 V\"", &["`r-last` is given in volt"]),
        ("op = {}", "tran = { stop = \"1 us\" }\n[array.second.none]", &["[array.second]"]),
    ];
    for (from, to, said) in cases {
        let (_folder, path) = file(&|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let report = loaded(&path).unwrap_err();
        for said in said {
            assert!(report.contains(said), "{from} -> {to}: {report}");
        }
    }
    let (folder, path) = file(&|text| text);
    std::fs::write(folder.path().join("g.csv"), "1e-4, 2e-4\n3e-4, -4e-4\n").unwrap();
    let report = loaded(&path).unwrap_err();
    assert!(report.contains("the conductance in row 1, column 1 is -0.0004 S"), "{report}");
}
