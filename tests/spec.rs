//! Reading files that are right, and files that nobody would write.

use std::fs;
use std::path::{Path, PathBuf};

use eqcircuit::compile::{compile, expand, fabricate};
use eqcircuit::model::{Activation, Coupling, Family};
use eqcircuit::netlist::{DeviceId, Node, Resistor, text};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{
    Analysis, ArrayStyle, Chips, Design, Edit, Expect, Fidelity, GradCheck, Library, Precision,
    Simulate, Spec, Subject, Sweep, Train, Verb, load,
};
use proptest::prelude::*;

const NETWORK: &str = "tests/diagnostics/parts/network.toml";

fn read(path: &Path, edits: &[&str]) -> Spec {
    let edits: Vec<Edit> = edits.iter().map(|e| Edit::new(*e)).collect();
    load(path, &edits, &Library::beside(path)).unwrap_or_else(|report| panic!("{report}"))
}

fn message(path: &Path, edits: &[&str]) -> String {
    let edits: Vec<Edit> = edits.iter().map(|e| Edit::new(*e)).collect();
    match load(path, &edits, &Library::beside(path)) {
        Ok(_) => String::new(),
        Err(report) => report.to_string(),
    }
}

/// All files that are meant to be right.
fn right_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir("netlists")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .filter(|path| !needs_outside_data(path))
        .collect();
    files.push(NETWORK.into());
    files.sort();
    files
}

/// Whether a file names data that are not part of the program; `tests/cli` checks those.
fn needs_outside_data(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    ["mnist-", "cifar", "imagenet"].iter().any(|set| name.starts_with(set))
}

/// A `Spec` apart from where it was read.
type Content<'a> = (
    (&'a str, u64, &'a Subject, &'a Simulate),
    (&'a Option<Train>, GradCheck, &'a [Expect], &'a Option<Sweep>),
);

fn content(spec: &Spec) -> Content<'_> {
    let what = (spec.title.as_str(), spec.seed, &spec.subject, &spec.simulate);
    (what, (&spec.train, spec.gradcheck, spec.expect.as_slice(), &spec.sweep))
}

/// Reads a resolved text as a file beside the one it came from.
fn read_resolved(spec: &Spec, name: &str) -> Spec {
    let path = spec.path.with_file_name(name);
    fs::write(&path, &spec.resolved).unwrap();
    let again = load(&path, &[], &Library::beside(&spec.path));
    fs::remove_file(&path).unwrap();
    again.unwrap_or_else(|report| panic!("{report}\n\n{}", spec.resolved))
}

/// A folder with the network, to write into.
fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for part in ["network.toml", "good.csv", "good.safetensors"] {
        fs::copy(Path::new("tests/diagnostics/parts").join(part), folder.path().join(part))
            .unwrap();
    }
    let path = folder.path().join("case.toml");
    (folder, path)
}

#[test]
fn right_files_are_read_without_a_word() {
    let files = right_files();
    assert!(files.len() >= 3, "{files:?}");
    for path in files {
        read(&path, &[]);
    }
}

#[test]
fn the_resolved_text_reads_back_to_the_same_and_resolves_to_itself() {
    let (folder, path) = scratch();
    let everything = "include = \"network.toml\"\ntitle = \"all \\\"of\\\" it\\n\"\nseed = 9223372036854775807\n\
        [model]\nweights = \"good.safetensors\"\n\
        [hardware]\ng-max = \"33.333333333333336 uS\"\nw-max = 2.5\nclip = true\ntile = [3, 5]\n\
        array = \"array/shared\"\n\
        [nonideal]\nfabrication = { spread = 0.1, stuck-on = 1e-300 }\nprogramming = { levels = 16 }\n\
        wire = { r-segment = \"1.1 ohm\" }\n\
        [simulate]\nengine = \"circuit\"\nanalysis = \"tran\"\n\
        inputs = { csv = \"good.csv\", first = 1 }\nnudge = { beta = -0.25 }\n\
        [expect]\nsettling-time = { at-most = \"1.7 us\" }\naccuracy = { at-least = 0.5 }\n\
        [sweep]\nchips = 2\n[sweep.axes]\n\"model.layers.1.size\" = [3]\n";
    fs::write(&path, everything).unwrap();
    let mut specs = vec![read(&path, &[])];
    for file in right_files() {
        let copy = folder.path().join(file.file_name().unwrap());
        fs::copy(&file, &copy).unwrap();
    }
    for file in [
        "hopfield-8-6-4-inputs.csv",
        "ham3.safetensors",
        "digits-chain.safetensors",
        "digits-chain-circuit.safetensors",
    ] {
        let _ = fs::copy(Path::new("netlists").join(file), folder.path().join(file));
    }
    for file in right_files() {
        specs.push(read(&folder.path().join(file.file_name().unwrap()), &[]));
    }
    for spec in &specs {
        let again = read_resolved(spec, "resolved.toml");
        assert_eq!(content(spec), content(&again), "{}", spec.resolved);
        assert_eq!(spec.resolved, again.resolved);
    }
    let Subject::Network { model, hardware, .. } = &specs[0].subject else { panic!() };
    assert_eq!(specs[0].seed, i64::MAX as u64);
    assert_eq!(hardware.g_max, 33.333333333333336e-6);
    assert_eq!(hardware.array, ArrayStyle::Shared);
    assert_eq!(model.couplings[0].values()[7], 0.7);
}

#[test]
fn the_resolved_text_holds_every_default() {
    let spec = read(Path::new(NETWORK), &[]);
    for line in [
        "g-min = \"1 uS\"",
        "g-max = \"25 uS\"",
        "c-node = \"100 fF\"",
        "tile = [64, 64]",
        "engine = \"behavioural\"",
        "analysis = \"tran\"",
        "until = { settled = 1e-9, at-most = \"5 us\", iterations = 10000 }",
        "wire = { r-segment = \"0 ohm\" }",
        "neuron = { identity = \"neuron/identity\", tanh = \"neuron/tanh\" }",
        "init = { scale = 1, bias = 0 }",
        "family = \"ham\"",
    ] {
        assert!(spec.resolved.lines().any(|l| l == line), "{line}\n\n{}", spec.resolved);
    }
}

#[test]
fn a_network_is_read_as_written() {
    let spec = read(Path::new(NETWORK), &[]);
    assert_eq!((spec.title.as_str(), spec.seed), ("network", 1));
    let Subject::Network { model, hardware, nonideal } = &spec.subject else { panic!() };
    assert_eq!(model.family, Family::Ham);
    assert_eq!((model.clamp.0, model.read.0), (0, 2));
    assert_eq!(model.layers[1].activation, Activation::Tanh);
    let Coupling::Dense { pre, post, weight } = &model.couplings[0] else { panic!() };
    assert_eq!((pre.0, post.0, weight.rows(), weight.cols()), (0, 1, 3, 4));
    let reach = (6.0f64 / 7.0).sqrt();
    assert!(weight.as_slice().iter().all(|w| w.abs() <= reach && *w != 0.0));
    assert!(
        weight.as_slice().iter().any(|w| *w < 0.0) && weight.as_slice().iter().any(|w| *w > 0.0)
    );
    assert_eq!(hardware.neurons.len(), 3);
    assert_eq!(hardware.neurons[1].name, "neuron/tanh");
    assert_eq!((hardware.g_min, hardware.g_max), (1e-6, 25e-6));
    assert_eq!(nonideal, &Default::default());
    assert_eq!(spec.simulate.engine, Fidelity::Behavioural);
    assert_eq!(spec.simulate.analysis, Analysis::Tran);
    assert_eq!(spec.simulate.precision, Precision::F64);
}

#[test]
fn initial_weights_follow_the_seed_and_scale_alone() {
    let weights = |edits: &[&str]| {
        let spec = read(Path::new(NETWORK), edits);
        let Subject::Network { model, .. } = spec.subject else { panic!() };
        model.couplings[0].values().to_vec()
    };
    let first = weights(&[]);
    assert_eq!(first, weights(&["title=other", "hardware.g-max=50 uS"]));
    assert_ne!(first, weights(&["seed=2"]));
    let doubled: Vec<f64> = first.iter().map(|w| 2.0 * w).collect();
    let scaled = weights(&["model.init.scale=2"]);
    assert!(doubled.iter().zip(&scaled).all(|(a, b)| (a - b).abs() < 1e-15), "{scaled:?}");
}

#[test]
fn edits_change_values_before_they_are_read() {
    let path = Path::new(NETWORK);
    let edits = [
        "hardware.g-max=40 uS",
        "seed=7",
        "title=\"a title\"",
        "simulate.engine=circuit",
        "hardware.tile=[2, 3]",
        "nonideal.fabrication={ spread = 0.1 }",
        "model.layers.1.size=5",
        "simulate.until.at-most=1 \u{b5}s",
        " simulate.points = 7 ",
    ];
    let spec = read(path, &edits);
    let Subject::Network { model, hardware, nonideal } = &spec.subject else { panic!() };
    assert_eq!((spec.seed, spec.title.as_str()), (7, "a title"));
    assert_eq!((hardware.g_max, hardware.tile), (40e-6, [2, 3]));
    assert_eq!(spec.simulate.engine, Fidelity::Circuit);
    assert_eq!((spec.simulate.at_most, spec.simulate.points), (1e-6, 7));
    assert_eq!(nonideal.fabrication.spread, 0.1);
    assert_eq!(model.layers[1].size, 5);
    assert_eq!(read(path, &["seed=7", "seed=8"]).seed, 8, "the last edit of a key holds");
    assert!(message(path, &["hardware.gmax=1 uS"]).contains("--set hardware.gmax=1 uS:1:10"));
}

#[test]
fn the_including_file_wins_and_paths_stay_with_their_file() {
    let (folder, path) = scratch();
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    fs::copy("tests/diagnostics/parts/good.csv", below.join("near.csv")).unwrap();
    fs::write(
        below.join("base.toml"),
        "include = \"../network.toml\"\ntitle = \"base\"\nseed = 5\n\
         [simulate]\ninputs = { csv = \"near.csv\" }\nuntil.at-most = \"3 us\"\n\
         [nonideal]\nfabrication = { spread = 0.1, stuck-on = 0.1 }\nprogramming.sigma = 0.1\n",
    )
    .unwrap();
    fs::write(
        &path,
        "include = \"below/base.toml\"\ntitle = \"top\"\n\
         [simulate]\nuntil.settled = 1e-6\n\
         [nonideal]\nfabrication = { spread = 0.2 }\nprogramming.levels = 4\n",
    )
    .unwrap();
    let spec = read(&path, &[]);
    assert_eq!((spec.title.as_str(), spec.seed), ("top", 5));
    assert_eq!((spec.simulate.at_most, spec.simulate.settled), (3e-6, 1e-6));
    assert_eq!(spec.simulate.inputs.as_ref().unwrap().inputs.rows(), 2);
    let Subject::Network { nonideal, .. } = &spec.subject else { panic!() };
    assert_eq!(nonideal.programming.sigma, 0.1);
    assert_eq!(nonideal.programming.levels, Some(4));
    assert_eq!(nonideal.fabrication.spread, 0.2);
    assert_eq!(nonideal.fabrication.stuck_on, 0.0, "an inline table replaces the other one");
    assert!(spec.resolved.contains("csv = \"below/near.csv\""), "{}", spec.resolved);
}

#[test]
fn parts_beside_the_file_come_before_those_built_in() {
    let (folder, path) = scratch();
    fs::create_dir_all(folder.path().join("circuits/cell")).unwrap();
    fs::write(
        folder.path().join("circuits/cell/mine.toml"),
        "about = \"Mine.\"\ncite = \"me\"\ng-min = \"2 uS\"\ng-max = \"3 uS\"\n",
    )
    .unwrap();
    fs::write(&path, "include = \"network.toml\"\n[hardware]\ncell = \"cell/mine\"\n").unwrap();
    let Subject::Network { hardware, .. } = read(&path, &[]).subject else { panic!() };
    assert_eq!((hardware.g_min, hardware.g_max), (2e-6, 3e-6));
    let part = Library::beside(&path).find("cell/mine").unwrap();
    assert_eq!((part.kind(), part.about.as_str()), ("cell", "Mine."));
    assert!(Library::built_in().find("cell/mine").is_none());
}

#[test]
fn weights_are_read_in_either_precision() {
    use safetensors::{Dtype, serialize, tensor::TensorView};
    let (folder, path) = scratch();
    let ramp = |n: usize| (0..n).map(|i| i as f32 / 8.0).collect::<Vec<f32>>();
    let bytes = |v: Vec<f32>| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let data = [bytes(ramp(12)), bytes(ramp(6)), bytes(ramp(3))];
    let names = ["input-hidden.weight", "hidden-output.weight", "hidden.bias"];
    let shapes = [vec![3, 4], vec![2, 3], vec![3]];
    let views = (0..3)
        .map(|i| (names[i], TensorView::new(Dtype::F32, shapes[i].clone(), &data[i]).unwrap()));
    fs::write(folder.path().join("w.safetensors"), serialize(views, None).unwrap()).unwrap();
    fs::write(&path, "include = \"network.toml\"\n[model]\nweights = \"w.safetensors\"\n").unwrap();
    let Subject::Network { model, .. } = read(&path, &[]).subject else { panic!() };
    let Coupling::Dense { weight, .. } = &model.couplings[0] else { panic!() };
    assert_eq!(weight[(2, 3)], 11.0 / 8.0);
    assert_eq!(model.couplings[2].values(), [0.0, 0.125, 0.25]);
}

#[test]
fn sweeps_are_handed_on_as_keys_and_toml() {
    let (_folder, path) = scratch();
    fs::write(
        &path,
        "include = \"network.toml\"\n[sweep.axes]\n\"nonideal.wire.r-segment\" = [\"0 ohm\", \"1 ohm\"]\n\
         \"hardware.array\" = [\"array/shared\"]\n[simulate]\nengine = \"circuit\"\n",
    )
    .unwrap();
    let sweep = read(&path, &[]).sweep.unwrap();
    assert_eq!(sweep.axes[0].key, "nonideal.wire.r-segment");
    assert_eq!(sweep.axes[0].values, ["\"0 ohm\"", "\"1 ohm\""]);
    assert_eq!(sweep.axes[1].values, ["\"array/shared\""]);
    assert_eq!(sweep.settings(1), [Some("1 ohm".into()), Some("array/shared".into())]);
    assert_eq!((sweep.design, &sweep.chips), (Design::Grid, &Chips::Count(1)));
    let edit = format!("{}={}", sweep.axes[0].key, sweep.axes[0].values[1]);
    let Subject::Network { nonideal, .. } = read(&path, &[&edit]).subject else { panic!() };
    assert_eq!(nonideal.wire.r_segment, 1.0);
}

#[test]
fn ranges_become_the_values_that_a_person_would_list() {
    let (_folder, path) = scratch();
    let axes = "\"nonideal.wire.r-segment\" = { linear = { from = \"0 ohm\", to = \"5 ohm\", points = 6 } }\n\
        \"nonideal.fabrication.spread\" = { linear = { from = 0.0, to = 0.3, points = 4 } }\n\
        \"hardware.g-max\" = { log = { from = \"30 uS\", to = \"3e3 uS\", points = 3 } }\n\
        \"model.layers.1.size\" = { linear = { from = 9, to = 3, points = 3 } }\n\
        nonideal.fabrication = { stuck-on = { log = { from = 0.001, to = 0.1, points = 3 } } }\n\
        [sweep]\nchips = 3\n";
    let text = format!(
        "include = \"network.toml\"\nseed = 7\n[hardware]\n[simulate]\nengine = \"circuit\"\n[sweep.axes]\n{axes}"
    );
    fs::write(&path, text).unwrap();
    let spec = read(&path, &[]);
    let sweep = spec.sweep.clone().unwrap();
    let values = |i: usize| sweep.axes[i].values.join(" ");
    assert_eq!(values(0), r#""0 ohm" "1 ohm" "2 ohm" "3 ohm" "4 ohm" "5 ohm""#);
    assert_eq!(values(1), "0.0 0.1 0.2 0.3");
    assert_eq!(values(2), r#""30 uS" "300 uS" "3000 uS""#);
    assert_eq!(values(3), "9 6 3");
    assert_eq!(values(4), "0.001 0.01 0.1");
    assert_eq!([0, 1, 2].map(|chip| sweep.chip_seed(2, chip)), [7, 8, 9]);
    assert_eq!(sweep.words(0)[5], "5 ohm");
    assert_eq!(sweep.run, Verb::Simulate);
    // The resolved text lists them.
    assert!(spec.resolved.contains("[9, 6, 3]"), "{}", spec.resolved);
    assert!(spec.resolved.contains("chips = 3"), "{}", spec.resolved);
    assert_eq!(read_resolved(&spec, "resolved.toml").sweep, Some(sweep));
}

#[test]
fn a_point_is_the_file_with_one_value_of_each_axis() {
    let (_folder, path) = scratch();
    let text = "include = \"network.toml\"\n[sweep.axes]\n\
        \"nonideal.fabrication.spread\" = [0.25, 0.5]\n\"hardware.w-max\" = [2.0, 3.0, 4.0]\n\
        [sweep]\nchips = 2\n";
    fs::write(&path, text).unwrap();
    let edits = ["nonideal.programming.sigma=0.125", "seed=4"];
    let sweep = read(&path, &edits).sweep.unwrap();
    // A sweep in progress does not follow the file.
    fs::write(&path, "not a file").unwrap();
    assert_eq!(sweep.points(), 6);
    for (point, chip) in (0..6).flat_map(|point| [(point, 0), (point, 1)]) {
        let spec = sweep.point(point, chip).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!((spec.seed, spec.chip_seed), (4, 4 + chip as u64));
        assert!(spec.sweep.is_none());
        let Subject::Network { nonideal, hardware, .. } = spec.subject else { panic!() };
        assert_eq!(nonideal.fabrication.spread, [0.25, 0.5][point / 3]);
        assert_eq!(hardware.w_max, Some([2.0, 3.0, 4.0][point % 3]));
        assert_eq!(nonideal.programming.sigma, 0.125);
    }
}

/// A file with nearly every key, to be damaged.
fn whole_file() -> String {
    let network = fs::read_to_string(NETWORK).unwrap();
    format!(
        "title = \"x\"\nseed = 3\n{network}init = {{ scale = 0.5 }}\n\
         [hardware]\ncell = \"cell/rram-1t1r\"\ng-max = \"25 \u{b5}S\"\nneuron = {{ tanh = \"neuron/tanh\" }}\n\
         [nonideal]\nfabrication = {{ spread = 0.05 }}\n\
         [simulate]\nengine = \"behavioural\"\nuntil = {{ settled = 1e-9, at-most = \"5 us\" }}\n\
         inputs = {{ csv = \"good.csv\", first = 2 }}\n\
         [expect]\nsettled = {{ at-least = 1.0 }}\n[sweep]\nchips = 2\n[sweep.axes]\nseed = [1, 2]\n"
    )
}

const DEVICES: &str = "[device]\nv1 = { voltage-source = { p = \"in\", n = \"0\", dc = \"1 V\" } }\n\
    r1 = { resistor = { p = \"in\", n = \"out\", r = \"1 kohm\" } }\n\
    r2 = { resistor = { p = \"out\", n = \"0\", g = \"1 mS\" } }\n\
    i1 = { current-source = { p = \"0\", n = \"out\", dc = \"0 A\" } }\n\
    g1 = { vccs = { p = \"0\", n = \"out\", cp = \"out\", cn = \"0\", gm = \"0 S\" } }\n\
    [ports]\nv-unit = \"0.2 V\"\nclamp = { name = \"i\", activation = \"tanh\", sources = [[\"v1\", \"v1\"]] }\n\
    layers = [{ name = \"o\", activation = \"relu\", gain = 2, nodes = [\"out\"] }]\nread = \"o\"\n\
    nudge = [[\"i1\", \"g1\"]]\nnudge-scale = \"1 uS\"\n[expect]\n\"v(out)\" = { at-least = \"0.4 V\" }\n";

/// Reads a damaged file; it may be refused, but with words, and those can be shown.
fn survives(text: &str) {
    let (folder, path) = scratch();
    fs::write(&path, text).unwrap();
    if let Err(report) = load(&path, &[], &Library::built_in()) {
        assert!(!report.is_empty());
        assert!(!report.render(false).is_empty());
    }
    drop(folder);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_files_are_refused_with_words(
        devices: bool,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[ -~\u{b5}\n]{0,6}"), 1..4),
    ) {
        let mut text: Vec<char> =
            if devices { DEVICES.to_string() } else { whole_file() }.chars().collect();
        for (at, length, insert) in cuts {
            let from = at.index(text.len());
            let to = (from + length).min(text.len());
            text.splice(from..to, insert.chars());
        }
        survives(&text.into_iter().collect::<String>());
    }

    #[test]
    fn files_with_words_exchanged_are_refused_with_words(
        devices: bool,
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let text = if devices { DEVICES.to_string() } else { whole_file() };
        let mut words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(words.len()), b.index(words.len()));
            words[a] = words[b];
        }
        survives(&words.concat());
    }
}

#[test]
fn the_files_to_be_damaged_are_right() {
    let (_folder, path) = scratch();
    for text in [whole_file(), DEVICES.to_string()] {
        fs::write(&path, text).unwrap();
        read(&path, &[]);
    }
}

#[test]
fn devices_are_read_as_written() {
    let (_folder, path) = scratch();
    fs::write(&path, DEVICES.replace("1 kohm", "4 kohm")).unwrap();
    let spec = read(&path, &[]);
    let Subject::Devices { netlist, ports } = &spec.subject else { panic!() };
    let (input, output) = (netlist.find_node("in").unwrap(), netlist.find_node("out").unwrap());
    let names: Vec<&str> = netlist.devices().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["v1", "r1", "r2", "i1", "g1"]);
    let between = Resistor { p: input, n: output, g: 250e-6, ..Default::default() };
    assert_eq!(netlist.devices()[1].1, between.into());
    let leak = Resistor { p: output, n: Node::GROUND, g: 1e-3, ..Default::default() };
    assert_eq!(netlist.devices()[2].1, leak.into());
    let ports = ports.as_ref().unwrap();
    assert_eq!((ports.nudge[0].current, ports.nudge[0].pull), (DeviceId(3), DeviceId(4)));
    assert_eq!(spec.simulate.engine, Fidelity::Circuit);
    assert_eq!((spec.expect[0].figure.as_str(), spec.expect[0].at_least), ("v(out)", Some(0.4)));
}

#[test]
fn a_compiled_network_reads_back_to_the_same_devices_and_ports() {
    for wire in ["0 ohm", "3 ohm"] {
        let wire = format!("nonideal.wire.r-segment={wire}");
        let spec = read(Path::new(NETWORK), &[&wire, "simulate.engine=circuit"]);
        let Subject::Network { model, hardware, nonideal } = &spec.subject else { panic!() };
        let chip = fabricate(&compile(model, hardware), nonideal, Seed::new(1));
        let (netlist, ports) = expand(&chip);
        let (_folder, path) = scratch();
        fs::write(&path, text::toml(&netlist, Some(&ports))).unwrap();
        let Subject::Devices { netlist: again, ports: ports_again } = read(&path, &[]).subject
        else {
            panic!()
        };
        assert_eq!(*again, netlist);
        assert_eq!(ports_again.unwrap(), ports);
    }
}

#[test]
fn resolved_files_find_their_files_from_another_folder() {
    let (folder, path) = scratch();
    fs::write(&path, "include = \"network.toml\"\n[simulate]\ninputs = { csv = \"good.csv\" }\n")
        .unwrap();
    let spec = read(&path, &[]);
    assert!(spec.resolved.contains("csv = \"good.csv\""), "{}", spec.resolved);
    let below = folder.path().join("reports/case");
    fs::create_dir_all(&below).unwrap();
    let text = spec.resolved_for(&below);
    assert!(text.contains("csv = \"../../good.csv\""), "{text}");
    fs::write(below.join("resolved.toml"), text).unwrap();
    let again = read(&below.join("resolved.toml"), &[]);
    assert_eq!(content(&spec), content(&again));
}
