//! Reports from records whose numbers are known in closed form: sample `s` relaxes with the time
//! constant `tau(s)`, so every number that a figure draws can be said beforehand.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use eqcircuit::report::figure::{Body, Chart, Figure, Label, Role, Shape};
use eqcircuit::report::records::Records;
use eqcircuit::report::{self, ReportError};
use eqcircuit::run::record::{
    self, ExpectRecord, Head, LayerRecord, NetworkRecord, RunRecord, SampleRecord, SubjectRecord,
    Totals, Work,
};
use eqcircuit::run::tensors::{Tensor, to_bytes};

const BATCH: usize = 60;
const MOMENTS: usize = 101;
const OUTPUTS: usize = 10;
const HIDDEN: usize = 6;

/// Time constant of a sample \[s\]: 5 ns to 10.9 ns, in an order of its own.
fn tau(s: usize) -> f64 {
    5e-9 + 0.1e-9 * ((7 * s) % BATCH) as f64
}

fn time(moment: usize) -> f64 {
    200e-9 * moment as f64 / (MOMENTS - 1) as f64
}

/// What output unit `unit` of a sample settles to: its own class wins, but class 3 is taken for 5.
fn output(s: usize, unit: usize) -> f64 {
    let class = if s % OUTPUTS == 3 { 5 } else { s % OUTPUTS };
    let own = if unit == class { 0.9 } else { 0.05 * ((unit + s) % 5) as f64 - 0.1 };
    own + 0.002 * s as f64
}

/// A disc that moves with the sample, 8 x 8.
fn pixel(s: usize, i: usize) -> f64 {
    let (x, y) = ((i % 8) as f64 - 3.5, (i / 8) as f64 - 3.5);
    let (cx, cy) = ((s % 3) as f64 - 1.0, (s % 4) as f64 - 1.5);
    (1.0 - ((x - cx).powi(2) + (y - cy).powi(2)) / 9.0).max(0.0)
}

fn sample(s: usize) -> SampleRecord {
    let outputs: Vec<f64> = (0..OUTPUTS).map(|unit| output(s, unit)).collect();
    let best = (0..OUTPUTS).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b]));
    let settled = s != 7;
    SampleRecord {
        sample: s,
        label: Some(s % OUTPUTS),
        prediction: best,
        outcome: if settled { "settled" } else { "unsettled" }.into(),
        message: if settled { "settled" } else { "still moving at the end" }.into(),
        settling_time: settled.then(|| tau(s) * 1e9f64.ln()),
        iterations: None,
        residual: Some(1e-9),
        outputs: outputs.into_iter().map(Some).collect(),
        energy: BTreeMap::from([
            ("coupling input-hidden".into(), Some(-2.0)),
            ("layer hidden".into(), Some(0.5)),
        ]),
    }
}

fn head() -> Head {
    Head {
        verb: "simulate".into(),
        title: "relaxing".into(),
        engine: "behavioural".into(),
        seed: 7,
        version: "0.0.0".into(),
        command: "eqcircuit simulate relaxing.toml".into(),
        file: "relaxing.toml".into(),
        started: "2026-01-31T12:00:00Z".into(),
        duration: 0.25,
        expect: vec![ExpectRecord {
            figure: "accuracy".into(),
            value: Some(0.9),
            at_least: Some(0.93),
            at_most: None,
            passed: false,
            at: BTreeMap::new(),
        }],
        notes: Vec::new(),
    }
}

fn run() -> RunRecord {
    let layer = |name: &str, size, activation: &str| LayerRecord {
        name: name.into(),
        size,
        activation: activation.into(),
    };
    RunRecord {
        head: head(),
        analysis: "tran".into(),
        clock: Some("s".into()),
        settled: 1e-9,
        nudge: None,
        subject: SubjectRecord::Network(NetworkRecord {
            layers: vec![
                layer("input", 64, "identity"),
                layer("hidden", HIDDEN, "tanh"),
                layer("output", OUTPUTS, "identity"),
            ],
            clamp: 0,
            read: 2,
            data: "discs".into(),
            picture: Some((8, 8)),
        }),
        study: None,
        totals: Totals {
            samples: BATCH,
            settled: BATCH - 1,
            accuracy: Some(0.9),
            settling_time_largest: Some(2.2e-7),
            settling_time_median: Some(1.6e-7),
            residual_largest: Some(1e-9),
            energy: BTreeMap::from([("layer hidden".into(), Some(0.5))]),
            cells: 128,
            clipped: 0,
            pulses: None,
            work: Work { steps: 1200, ..Work::default() },
            wall_time: 0.25,
        },
    }
}

fn trace() -> Vec<Tensor> {
    let moments = || (0..MOMENTS).map(time);
    let states = |size: usize, end: &dyn Fn(usize, usize) -> f64| Tensor {
        name: String::new(),
        shape: vec![4, MOMENTS, size],
        data: (0..4)
            .flat_map(|s| moments().flat_map(move |t| (0..size).map(move |unit| (s, t, unit))))
            .map(|(s, t, unit)| end(s, unit) * (1.0 - (-t / tau(s)).exp()))
            .collect(),
    };
    let per_sample = |name: &str, f: &dyn Fn(f64, usize) -> f64| Tensor {
        name: name.into(),
        shape: vec![MOMENTS, BATCH],
        data: moments()
            .flat_map(|t| (0..BATCH).map(move |s| (t, s)))
            .map(|(t, s)| f(t, s))
            .collect(),
    };
    vec![
        Tensor::vector("times", moments().collect()),
        per_sample("residual", &|t, s| (-t / tau(s)).exp()),
        per_sample("energy", &|t, s| -1.5 - 0.02 * s as f64 + 2.0 * (-2.0 * t / tau(s)).exp()),
        Tensor {
            name: "inputs".into(),
            shape: vec![20, 64],
            data: (0..20).flat_map(|s| (0..64).map(move |i| pixel(s, i))).collect(),
        },
        Tensor { name: "states.output".into(), ..states(OUTPUTS, &output) },
        Tensor {
            name: "states.hidden".into(),
            ..states(HIDDEN, &|s, unit| unit as f64 - 2.5 + 0.1 * s as f64)
        },
    ]
}

fn chip() -> Vec<Tensor> {
    let cells = |name: &str, f: &dyn Fn(usize) -> f64| Tensor {
        name: name.into(),
        shape: vec![HIDDEN, 64],
        data: (0..HIDDEN * 64).map(f).collect(),
    };
    let wave = |i: usize| (i as f64 * 0.7).sin();
    let asked = |i: usize| 1e-7 + 25e-6 * wave(i).max(0.0);
    vec![
        cells("input-hidden.weight", &wave),
        cells("hidden-output.weight", &|i| 0.5 * wave(3 * i) + 0.3 * wave(i)),
        cells("input-hidden.plus.asked", &asked),
        cells("input-hidden.plus.made", &|i| asked(i) * (1.0 + 0.1 * wave(5 * i + 1))),
    ]
}

/// The folder of such a run.
fn write_run(dir: &Path) {
    fs::write(dir.join(record::RUN), serde_json::to_vec_pretty(&run()).unwrap()).unwrap();
    let lines: Vec<String> =
        (0..BATCH).map(|s| serde_json::to_string(&sample(s)).unwrap() + "\n").collect();
    fs::write(dir.join(record::RESULTS), lines.concat()).unwrap();
    fs::write(dir.join(record::TRACE), to_bytes(&trace()).unwrap()).unwrap();
    fs::write(dir.join(record::CHIP), to_bytes(&chip()).unwrap()).unwrap();
}

fn run_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    dir
}

fn figure(figures: &[Figure], name: &str) -> Figure {
    figures.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name}")).clone()
}

fn chart(figures: &[Figure], name: &str) -> Chart {
    match figure(figures, name).body {
        Body::Chart(chart) => chart,
        _ => panic!("{name} is no chart"),
    }
}

fn figures() -> Vec<Figure> {
    report::figures(&Records::load(run_folder().path()).unwrap())
}

/// `exp(-t / tau)` of the sample that is `rank`-th in the order of its time constant.
fn ranked(t: f64, rank: usize) -> f64 {
    (-t / (5e-9 + 0.1e-9 * rank as f64)).exp()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

#[test]
fn the_residual_is_drawn_as_recorded_with_its_quantiles() {
    let chart = chart(&figures(), "residual");
    assert_eq!(chart.x.label_and_factor(), ("time (ns)".into(), 1e9));
    assert_eq!(chart.y.label_and_factor().0, "residual (units of x)");
    assert_eq!(chart.y.range, [1e-12, 1.0]);
    assert_eq!(chart.series.len(), BATCH + 3);
    for (s, series) in chart.series[..BATCH].iter().enumerate() {
        let Shape::Line(points) = &series.shape else { panic!("{series:?}") };
        assert_eq!(points.len(), MOMENTS);
        for (moment, &[t, v]) in points.iter().enumerate() {
            assert!(t == time(moment) && close(v, (-t / tau(s)).exp()));
        }
    }
    let Shape::Band(band) = &chart.series[BATCH].shape else { panic!() };
    let Shape::Line(median) = &chart.series[BATCH + 1].shape else { panic!() };
    assert_eq!(chart.series[BATCH + 1].role, Role::Main);
    for (&[t, low, high], &[_, middle]) in band.iter().zip(median) {
        // Of 60 sorted values the quantiles lie at the places 5.9, 29.5 and 53.1.
        assert!(close(low, 0.1 * ranked(t, 5) + 0.9 * ranked(t, 6)));
        assert!(close(middle, 0.5 * ranked(t, 29) + 0.5 * ranked(t, 30)));
        assert!(close(high, 0.9 * ranked(t, 53) + 0.1 * ranked(t, 54)));
    }
    assert_eq!(chart.series[BATCH + 2].shape, Shape::Level(1e-9));
}

#[test]
fn neurons_are_drawn_as_activations_and_the_winner_stands_out() {
    let chart = chart(&figures(), "waveforms");
    assert_eq!(chart.series.len(), HIDDEN + OUTPUTS);
    let last = |n: usize| match &chart.series[n].shape {
        Shape::Line(points) => points[MOMENTS - 1],
        other => panic!("{other:?}"),
    };
    let relaxed = 1.0 - (-200e-9 / tau(0)).exp();
    for unit in 0..HIDDEN {
        assert!(close(last(unit)[1], ((unit as f64 - 2.5) * relaxed).tanh()));
        assert_eq!(chart.series[unit].role, Role::Many);
    }
    for unit in 0..OUTPUTS {
        let series = &chart.series[HIDDEN + unit];
        assert!(close(last(HIDDEN + unit)[1], output(0, unit) * relaxed));
        assert_eq!(series.label, Label::End(unit.to_string()));
        assert_eq!(series.role, if unit == 0 { Role::Main } else { Role::Some });
    }
}

#[test]
fn histograms_count_every_value_once() {
    let figures = figures();
    let counts = |name: &str, series: usize| match &chart(&figures, name).series[series].shape {
        Shape::Bars { edges, counts } => {
            assert_eq!(edges.len(), counts.len() + 1);
            counts.iter().sum::<f64>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(counts("settling", 0), (BATCH - 1) as f64);
    let cells = (HIDDEN * 64) as f64;
    assert_eq!((counts("weights", 0), counts("weights", 1)), (cells, cells));
    assert_eq!((counts("conductances", 0), counts("conductances", 1)), (cells, cells));
    let conductance = chart(&figures, "conductances").x;
    assert_eq!(conductance.label_and_factor(), ("conductance (µS)".into(), 1e6));
    assert!(figure(&figures, "settling").caption.contains("1 of 60 samples did not settle and is"));
}

#[test]
fn samples_show_their_input_and_what_was_made_of_it() {
    let figures = figures();
    let Body::Gallery(gallery) = figure(&figures, "samples").body else { panic!() };
    assert_eq!(gallery.exhibits.len(), 12);
    for (s, exhibit) in gallery.exhibits.iter().enumerate() {
        assert_eq!((exhibit.picture.len(), exhibit.picture[0].len()), (8, 8));
        let pixels: Vec<f64> = exhibit.picture.concat();
        assert_eq!(pixels, (0..64).map(|i| pixel(s, i)).collect::<Vec<_>>());
        assert_eq!(exhibit.label, Some(s % 10));
        assert_eq!(exhibit.prediction, Some(if s == 3 { 5 } else { s % 10 }));
        assert_eq!(exhibit.outputs[2], Some(output(s, 2)));
        assert_eq!(exhibit.trouble.is_some(), s == 7);
    }
}

/// All texts of a document, having checked that its lines keep off the edge of the page and its
/// texts lie on it.
fn texts(svg: &str, name: &str) -> Vec<String> {
    let document = resvg::usvg::roxmltree::Document::parse(svg).expect(name);
    let root = document.root_element();
    let page: Vec<f64> = root
        .attribute("viewBox")
        .expect("viewBox")
        .split(' ')
        .map(|v| v.parse().expect("a number"))
        .collect();
    let mut texts = Vec::new();
    for node in root.descendants().filter(|n| n.is_element()) {
        if node.has_tag_name("polyline") {
            // A number that is not finite becomes pixel 0; plots keep away from the page's edge.
            let points = node.attribute("points").unwrap();
            let at_the_edge = |p: &str| p.split(',').any(|v| v == "0");
            assert!(!points.split_whitespace().any(at_the_edge), "{name}: {points}");
        }
        if node.has_tag_name("text") {
            let at = |key| node.attribute(key).unwrap().parse::<f64>().unwrap();
            assert!((0.0..=page[2]).contains(&at("x")), "{name}: {node:?}");
            assert!((0.0..=page[3]).contains(&at("y")), "{name}: {node:?}");
            texts.push(node.text().unwrap_or_default().trim().to_string());
        }
    }
    texts
}

#[test]
fn every_figure_is_svg_with_units_on_its_axes_and_becomes_a_png() {
    let figures = figures();
    let names: Vec<&str> = figures.iter().map(|f| f.name).collect();
    assert_eq!(
        names,
        ["samples", "residual", "energy", "waveforms", "settling", "weights", "conductances"]
    );
    for figure in &figures {
        let svg = report::draw::svg(figure);
        let texts = texts(&svg, figure.name);
        assert!(texts.contains(&figure.title), "{texts:?}");
        match &figure.body {
            Body::Chart(chart) => {
                for axis in [&chart.x, &chart.y] {
                    let (label, _) = axis.label_and_factor();
                    assert!(label.contains('(') && texts.contains(&label), "{texts:?}");
                    assert!(axis.ticks().len() >= 2, "{}: {:?}", figure.name, axis.ticks());
                }
            }
            Body::Panels(_) => panic!("{} is of no run", figure.name),
            Body::Gallery(gallery) => {
                assert!(texts.iter().any(|t| t.contains(&gallery.axis)), "{texts:?}");
            }
        }
        let png = report::draw::png(&svg).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert!(png.len() > 5_000, "{} is blank", figure.name);
    }
}

#[test]
fn text_is_drawn_with_the_bundled_font() {
    let chart = |label: &str| Figure {
        name: "a",
        title: label.into(),
        caption: String::new(),
        body: Body::Gallery(eqcircuit::report::figure::Gallery {
            ink: [0.0, 1.0],
            outputs: [0.0, 1.0],
            axis: String::new(),
            exhibits: Vec::new(),
        }),
    };
    let png = |label: &str| report::draw::png(&report::draw::svg(&chart(label))).unwrap();
    assert_ne!(png("µ"), png(""), "the micro sign has no glyph");
    assert_ne!(png("10⁻⁹"), png("10"), "superscripts have no glyph");
}

#[test]
fn a_copied_folder_gives_the_same_report() {
    let (here, there) = (run_folder(), tempfile::tempdir().unwrap());
    for entry in fs::read_dir(here.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), there.path().join(entry.file_name())).unwrap();
    }
    let written = report::write(here.path()).unwrap();
    assert_eq!(written.len(), 2 * 7 + 1);
    let again = report::write(there.path()).unwrap();
    for (a, b) in written.iter().zip(&again) {
        assert_eq!(a.file_name(), b.file_name());
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{} differs", a.display());
    }
    let page = fs::read_to_string(here.path().join(report::INDEX)).unwrap();
    for part in ["eqcircuit simulate relaxing.toml", "| seed | 7 |", "**failed**", "(residual.svg)"]
    {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    // Nothing temporary stays behind.
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), written.len() + 4);
}

fn complaint(damage: impl FnOnce(&Path)) -> (ReportError, String) {
    let dir = run_folder();
    damage(dir.path());
    let error = report::write(dir.path()).unwrap_err();
    let text = error.to_string();
    (error, text)
}

#[test]
fn damaged_records_are_named_with_their_line() {
    let cut = |dir: &Path, name: &str, keep: fn(usize) -> usize| {
        let bytes = fs::read(dir.join(name)).unwrap();
        fs::write(dir.join(name), &bytes[..keep(bytes.len())]).unwrap();
    };
    let (_, text) = complaint(|dir| cut(dir, record::RESULTS, |n| n - 20));
    assert!(text.contains("results.jsonl:60: not a whole record"), "{text}");

    let (_, text) = complaint(|dir| {
        let all = fs::read_to_string(dir.join(record::RESULTS)).unwrap();
        let some: String = all.lines().take(41).flat_map(|line| [line, "\n"]).collect();
        fs::write(dir.join(record::RESULTS), some).unwrap();
    });
    assert!(text.contains("results.jsonl:42: ends after 41 of the run's 60 samples"), "{text}");

    let (_, text) = complaint(|dir| cut(dir, record::RUN, |n| n / 2));
    assert!(text.contains("run.json:"), "{text}");

    let (error, text) = complaint(|dir| cut(dir, record::TRACE, |n| n / 2));
    assert!(matches!(error, ReportError::Tensors { .. }), "{error:?}");
    assert!(text.contains("trace.safetensors"), "{text}");

    let (_, text) = complaint(|dir| {
        fs::write(dir.join(record::WAVEFORMS), "time_s,v(a)_V\n0,0\n1,zero\n").unwrap();
    });
    assert!(text.contains("waveforms.csv:3: `zero` is not a number"), "{text}");

    let (error, _) = complaint(|dir| fs::remove_file(dir.join(record::RUN)).unwrap());
    assert!(matches!(error, ReportError::NotARun { .. }), "{error:?}");
}

#[test]
fn numbers_that_are_not_finite_leave_gaps() {
    let dir = run_folder();
    let mut broken = trace();
    for tensor in &mut broken[1..3] {
        let rows = tensor.shape[0];
        for moment in rows / 2..rows {
            tensor.data[moment * BATCH + 5] = f64::NAN;
        }
    }
    broken[4].data.fill(f64::INFINITY);
    fs::write(dir.path().join(record::TRACE), to_bytes(&broken).unwrap()).unwrap();
    let mut lines: Vec<String> = fs::read_to_string(dir.path().join(record::RESULTS))
        .unwrap()
        .lines()
        .map(String::from)
        .collect();
    let mut diverged = sample(5);
    diverged.outputs.fill(None);
    diverged.prediction = None;
    diverged.outcome = "diverged".into();
    lines[5] = serde_json::to_string(&diverged).unwrap();
    fs::write(dir.path().join(record::RESULTS), lines.join("\n")).unwrap();
    let figures = report::figures(&Records::load(dir.path()).unwrap());
    for figure in &figures {
        texts(&report::draw::svg(figure), figure.name);
    }
    let Shape::Line(median) = &chart(&figures, "residual").series[BATCH + 1].shape else {
        panic!()
    };
    assert!(median.iter().all(|p| p[1].is_finite()));
    report::write(dir.path()).unwrap();
}

#[test]
fn a_run_without_a_clock_counts_iterations() {
    let dir = run_folder();
    let ideal = RunRecord { clock: Some("iterations".into()), ..run() };
    fs::write(dir.path().join(record::RUN), serde_json::to_vec(&ideal).unwrap()).unwrap();
    let lines: Vec<String> = (0..BATCH)
        .map(|s| SampleRecord { settling_time: None, iterations: Some(20 + s % 3), ..sample(s) })
        .map(|sample| serde_json::to_string(&sample).unwrap() + "\n")
        .collect();
    fs::write(dir.path().join(record::RESULTS), lines.concat()).unwrap();
    let figures = report::figures(&Records::load(dir.path()).unwrap());
    assert_eq!(chart(&figures, "residual").x.label_and_factor().0, "iteration (count)");
    let settling = chart(&figures, "settling");
    assert_eq!(settling.x.label_and_factor().0, "iterations to settle (count)");
    let Shape::Bars { counts, .. } = &settling.series[0].shape else { panic!() };
    assert_eq!(counts.iter().sum::<f64>(), BATCH as f64);
}

#[test]
fn the_nodes_of_a_bare_netlist_are_drawn_from_their_waveforms() {
    let dir = tempfile::tempdir().unwrap();
    let devices = RunRecord {
        subject: SubjectRecord::Devices { nodes: 3, devices: 4 },
        totals: Totals { samples: 1, settled: 1, ..Totals::default() },
        ..run()
    };
    fs::write(dir.path().join(record::RUN), serde_json::to_vec(&devices).unwrap()).unwrap();
    fs::write(dir.path().join(record::RESULTS), serde_json::to_string(&sample(0)).unwrap())
        .unwrap();
    let rows: Vec<String> = (0..50)
        .map(|i| f64::from(i) * 1e-7)
        .map(|t| format!("{t},{},{},{}\n", 1.0, 1.0 - (-t / 1e-6).exp(), 1e-3 * (-t / 1e-6).exp()))
        .collect();
    let header = "time_s,v(in)_V,v(out)_V,i(v1)_A\n".to_string();
    fs::write(dir.path().join(record::WAVEFORMS), header + &rows.concat()).unwrap();
    let figures = report::figures(&Records::load(dir.path()).unwrap());
    let chart = chart(&figures, "waveforms");
    let labels: Vec<&Label> = chart.series.iter().map(|s| &s.label).collect();
    assert_eq!(labels, [&Label::End("v(in)".into()), &Label::End("v(out)".into())]);
    let Shape::Line(out) = &chart.series[1].shape else { panic!() };
    assert!(close(out[10][1], 1.0 - (-1.0f64).exp()));
    report::write(dir.path()).unwrap();
}

#[test]
#[ignore = "writes a report for people to look at, where SHOW says"]
fn show() {
    let dir = std::env::var("SHOW").expect("SHOW");
    fs::create_dir_all(&dir).unwrap();
    write_run(Path::new(&dir));
    report::write(Path::new(&dir)).unwrap();
}
