use super::{deck, mistakes, pointed};
use eqcircuit::netlist::{DeviceId, Node};
use eqcircuit::spec::study::*;

const CIRCUIT: &str = "v1 in 0 1\nr1 in out 1k\nc1 out 0 1n\n";

fn study(lines: &str) -> Study {
    deck(&format!("{CIRCUIT}{lines}")).study
}

fn faults(lines: &str) -> Vec<String> {
    mistakes(&format!("{CIRCUIT}{lines}"))
}

#[test]
fn analyses_are_read_in_order() {
    let study =
        study(".op\n.dc v1 0 1 0.25\n.tran 1n 1u\n.ac dec 1 1 100\n.noise v(out) v1 lin 2 1 3");
    assert_eq!(study.analyses[0], Request::Op);
    let sweep = DcSweep { of: Swept::Device(DeviceId(0)), values: vec![0.0, 0.25, 0.5, 0.75, 1.0] };
    assert_eq!(study.analyses[1], Request::Dc(vec![sweep]));
    assert_eq!(
        study.analyses[2],
        Request::Tran(Tran { stop: 1e-6, start: 0.0, step: None, longest: Some(1e-9), uic: false })
    );
    let Request::Ac { frequencies } = &study.analyses[3] else { panic!() };
    assert!(frequencies.len() == 3 && (frequencies[1] - 10.0).abs() < 1e-12);
    assert_eq!(
        study.analyses[4],
        Request::Noise {
            output: (Node(2), Node::GROUND),
            input: DeviceId(0),
            frequencies: vec![1.0, 3.0],
        }
    );
}

#[test]
fn a_transient_has_the_longest_step_of_ngspice() {
    let tran = |line: &str| match &study(line).analyses[0] {
        Request::Tran(tran) => tran.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(tran(".tran 1u 1u").longest, Some(1e-6 / 50.0));
    let all = tran(".tran 1n 1u 500n 2n uic");
    assert_eq!((all.start, all.longest, all.uic), (500e-9, Some(2e-9), true));
}

#[test]
fn nested_sweeps_and_temperatures_are_read() {
    let study = study(".dc temp 0 100 100 r1 1k 2k 1k");
    let temperatures = DcSweep { of: Swept::Temperature, values: vec![273.15, 373.15] };
    let resistances = DcSweep { of: Swept::Device(DeviceId(1)), values: vec![1e3, 2e3] };
    assert_eq!(study.analyses, [Request::Dc(vec![temperatures, resistances])]);
}

#[test]
fn options_and_voltages_are_read() {
    let text = ".options reltol=1e-6 abstol=1 gmin=1e-13 method=gear itl1=200\n.temp 50\n.ic v(out)=0.5\n\
                .nodeset v(in)={1+1}, v(out)=3";
    let study = study(text);
    let solving = &study.solving;
    assert_eq!(
        (solving.relative, solving.amperes, solving.gmin),
        (1e-6, Solving::default().amperes, 1e-13)
    );
    assert_eq!(
        (solving.method, solving.iterations, solving.temperature),
        (Method::Gear, 200, 323.15)
    );
    assert_eq!(study.initial, [(Node(2), 0.5)]);
    assert_eq!(study.guess, [(Node(1), 2.0), (Node(2), 3.0)]);
}

#[test]
fn voltages_may_be_set_within_an_instance() {
    let text = "x1 out cell\n.subckt cell p\nr1 p q 1k\nc1 q 0 1n\n.ic v(q)=0.1 v(p)=0.2\n.ends\n.tran 1n 1u\n.ic v(x1.q)=0.3";
    let deck = deck(&format!("{CIRCUIT}{text}"));
    let name = |node: Node| deck.netlist.node_name(node).to_string();
    let initial: Vec<(String, f64)> =
        deck.study.initial.iter().map(|(n, v)| (name(*n), *v)).collect();
    assert_eq!(initial, [("x1.q".into(), 0.1), ("out".into(), 0.2), ("x1.q".into(), 0.3)]);
}

#[test]
fn options_without_a_meaning_are_noted() {
    let notes =
        deck(&format!("{CIRCUIT}.options trtol=7 acct\n.print tran v(out)\n.tran 1n 1u")).notes;
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains(":5:10: `trtol` is of no use"), "{notes:?}");
    assert!(notes[2].ends_with("`.print` selects nothing: all waveforms are kept"), "{notes:?}");
}

#[test]
fn wrong_options_and_analyses_are_named() {
    assert_eq!(faults(".options retol=1"), ["5: there is no option `retol`"]);
    assert_eq!(faults(".options rshunt=1e9"), ["5: option `rshunt` is not modelled"]);
    assert_eq!(faults(".trna 1n 1u"), ["5: there is no `.trna`"]);
    assert_eq!(faults(".pz in 0 out 0 vol pz"), ["5: `.pz` is not read"]);
    assert_eq!(faults(".tran 1n"), ["5: the stop time is missing"]);
    assert_eq!(faults(".tran 0 1u"), ["5: these times make no transient analysis"]);
    assert_eq!(faults(".dc v1 0 1 -1"), ["5: this sweep does not get from its start to its stop"]);
    assert_eq!(faults(".dc c1 0 1 1"), ["5: `c1` is a capacitor, which cannot be swept"]);
    assert_eq!(faults(".dc v2 0 1 1"), ["5: there is no device `v2`"]);
    assert_eq!(
        faults(".ac log 1 1 10"),
        ["5: the frequencies are spaced by `dec`, `oct` or `lin`"]
    );
    assert_eq!(faults(".ac dec 1 0 10"), ["5: these are no frequencies"]);
    assert_eq!(faults(".noise out v1 dec 1 1 10"), ["5: the output of `.noise` is a voltage"]);
    assert_eq!(faults(".noise v(out) r1 dec 1 1 10"), ["5: `r1` is a resistor, no source"]);
    assert_eq!(faults(".ic v(ou)=1"), ["5: there is no node `ou`"]);
    let (text, help) = pointed(&format!("{CIRCUIT}.trna 1n 1u"));
    assert!(text == ".trna" && help.starts_with("did you mean `.tran`?"), "{help}");
}

fn measured(text: &str) -> Measured {
    let mut study = study(&format!(".tran 1n 1u\n.meas tran m {text}"));
    assert_eq!(
        (study.measures[0].name.as_str(), study.measures[0].analysis.as_str()),
        ("m", "tran")
    );
    study.measures.remove(0).what
}

fn crossing(signal: &str, value: f64, edge: Edge, count: Option<usize>) -> Event {
    let level = Level::Value(value);
    Event::Crosses { signal: signal.into(), level, edge, count, after: f64::NEG_INFINITY }
}

#[test]
fn measures_are_read() {
    let over =
        |statistic, from, to| Measured::Over { statistic, signal: "v(out)".into(), from, to };
    assert_eq!(measured("avg v(out)"), over(Statistic::Average, None, None));
    assert_eq!(
        measured("MAX V(OUT) from=1n to={2n}"),
        over(Statistic::Maximum, Some(1e-9), Some(2e-9))
    );
    assert_eq!(measured("find i(v1) at=5n"), Measured::At { signal: "i(v1)".into(), at: 5e-9 });
    let rising = crossing("v(out)", 0.5, Edge::Rise, Some(2));
    assert_eq!(measured("when v(out)=0.5 rise=2"), Measured::When(rising.clone()));
    assert_eq!(
        measured("find v(in,out) when v(out)=0.5 rise=2"),
        Measured::FindWhen { signal: "v(in,out)".into(), event: rising.clone() }
    );
    assert_eq!(
        measured("trig at=1n targ v(out) val=0.5 fall=last"),
        Measured::Between {
            trigger: Event::At(1e-9),
            target: crossing("v(out)", 0.5, Edge::Fall, None),
        }
    );
    assert_eq!(
        measured("when v(out)=v(in) cross=1"),
        Measured::When(Event::Crosses {
            signal: "v(out)".into(),
            level: Level::Signal("v(in)".into()),
            edge: Edge::Either,
            count: Some(1),
            after: f64::NEG_INFINITY,
        })
    );
    let study = study(".ac dec 1 1 10\n.meas ac g max vdb(out)");
    let Measured::Over { signal, .. } = &study.measures[0].what else { panic!() };
    assert_eq!(signal, "db(v(out))");
}

#[test]
fn wrong_measures_are_named() {
    let of = |text: &str| faults(&format!(".tran 1n 1u\n.meas tran m {text}"));
    assert_eq!(of("averg v(out)"), ["6: `averg` cannot be measured"]);
    assert_eq!(of("avg v(ou)"), ["6: there is no node `ou`"]);
    assert_eq!(of("avg i(v9)"), ["6: there is no device `v9`"]);
    assert_eq!(of("avg out"), ["6: a signal is missing"]);
    assert_eq!(of("when v(out)=0.5 rising=1"), ["6: an event has no `rising`"]);
    assert_eq!(of("deriv v(out) at=1n"), ["6: `deriv` is not measured"]);
}

#[test]
fn control_blocks_are_read_where_they_are_plain() {
    let study = study(".control\nrun\ntran 1n 1u\nmeas tran m avg v(out)\n.endc");
    assert_eq!((study.analyses.len(), study.measures.len()), (1, 1));
    let found = faults(".control\nrun\nforeach x 1 2\nend\n.endc");
    assert_eq!(found[0], "7: the command `foreach` is not read");
    assert_eq!(faults(".control\nrun"), ["5: `.control` is not ended"]);
}

#[test]
fn steps_beyond_a_billion_are_refused() {
    assert_eq!(faults(".tran 1n 1e9"), ["5: more than a billion steps would be taken"]);
    study(".tran 1n 0.9");
}

#[test]
fn noise_is_measured_by_its_spectra() {
    let study = study(".noise v(out) v1 dec 5 1 1k\n.meas noise a find onoise_spectrum at=10");
    let at = Measured::At { signal: "onoise_spectrum".into(), at: 10.0 };
    assert_eq!(study.measures[0].what, at);
}

#[test]
fn signals_of_other_letters_are_refused() {
    for word in ["Ωv(out)", "Ω(out)", "v(out", "vΩ(out)"] {
        assert_eq!(
            faults(&format!(".tran 1n 1u\n.meas tran x when {word}=0.5")).len(),
            1,
            "{word}"
        );
    }
}
