//! Decks written again: the same netlist, and one that ngspice runs.

use super::{ngspice, read_text};
use eqcircuit::data::waves::Values;
use eqcircuit::engine::study;
use eqcircuit::netlist::text::{spice, toml};
use eqcircuit::spec::{Deck, Library, Spec, Subject, directives, load};
use proptest::prelude::*;

fn written(deck: &Deck) -> String {
    spice(&deck.netlist, &deck.title, &directives(&deck.netlist, &deck.study))
}

/// Devices, nodes and study by their names: what numbers nodes have is not said in a deck.
fn named(deck: &Deck) -> (String, Vec<String>) {
    (toml(&deck.netlist, None), directives(&deck.netlist, &deck.study))
}

/// Every device that SPICE has, with every form of source, in an instance and outside.
const EVERYTHING: &str = "\
.subckt cell in out params: c=1n
r1 in mid 1k tc1=1m tc2=2u
c1 mid out {c} ic=0.5
l1 out tail 1u ic=1m
rt tail 0 50
.ends
v1 a 0 dc 1 ac 2 45 pulse(0 1 1n 2n 3n 10n 30n)
v2 b 0 sin(0.5 0.1 1meg 1n 1k 30)
v3 c 0 exp(0 1 1n 2n 5n 3n)
i1 0 d pwl(0 0 1n 1m 2n 0)
rd d 0 1k
x1 a e cell
x2 b e cell c=3n
re e 0 1k
l2 b f 2u
k1 l2 l.x1.l1 0.5
rf f 0 100
e1 g 0 a b 2
rg g 0 1k
g1 0 h a 0 1m
rh h 0 1k
f1 0 k v1 0.5
rk k 0 1k
h1 m 0 v2 10
rm m 0 1k
b1 n 0 v = 2*v(a)*v(b,c) + tanh(v(e)) + i(v1)*time + (v(a) > 0.5 ? 1 : -v(b))
rn n 0 1k
b2 0 o i = 1m * v(a)^2 + min(v(b), v(c)) / 1k
ro o 0 1k
.model d1n d(is=1e-14 n=1.2 rs=10 cjo=1p vj=0.7 m=0.4 tt=1n bv=50 tnom=30)
d1 a q d1n area=2
rq q 0 1k
.model nm nmos(vto=0.7 kp=1e-4 gamma=0.4 lambda=0.02 tox=20n uo=500 cgso=1e-10)
.model pm pmos(vto=-0.7 uo=200 tox=20n)
m1 s a 0 0 nm w=10u l=1u ad=1p as=2p pd=3u ps=4u
m2 s a b b pm w=20u l=2u m=2
rs s 0 10k
.model sw1 sw(vt=0.5 vh=0.1 ron=10 roff=1meg)
s1 a t b 0 sw1 on
s2 a t 0 c sw1
rt t 0 1k
";

const STUDY: &str = "\
.op
.dc v1 0 1 0.25 temp 0 50 50
.ac dec 10 1 1meg
.ac oct 2 1 8
.ac lin 3 1 5
.noise v(e,a) v1 dec 2 1 1k
.tran 1n 100n 0 1n uic
.options reltol=1e-6 gmin=1e-13 itl1=500 method=gear
.temp 35
.ic v(e)=0.5
.nodeset v(x1.mid)=0.1
.meas tran m1 avg v(e) from=1n to=50n
.meas tran m2 trig v(a) val=0.5 rise=1 targ v(e) val=0.1 td=1n fall=last
.meas tran m3 find i(l.x1.l1) when v(a)=v(b) cross=2
.meas tran m4 when v(x1.mid)=0.3 rise=1
.meas tran m5 find p(x1.r1) at=2n
.meas ac m6 max vdb(e)
";

#[test]
fn what_was_read_reads_back_the_same() {
    let first = super::deck(&format!("{EVERYTHING}{STUDY}"));
    let text = written(&first);
    let again = read_text(&text).unwrap_or_else(|report| panic!("{report}\n{text}"));
    assert_eq!(named(&first), named(&again));
    assert_eq!(first.study.analyses.len(), 7);
    assert_eq!(first.study.measures.len(), 6);
}

fn value() -> impl Strategy<Value = f64> {
    (1.0f64..10.0, -12i32..3).prop_map(|(m, e)| m * 10f64.powi(e))
}

fn node() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["0", "a", "b", "c", "d", "x1.n", "n2"]).prop_map(str::to_string)
}

/// An element without its number.
fn element() -> impl Strategy<Value = (char, String)> {
    let two = (node(), node()).prop_map(|(p, n)| format!("{p} {n}")).boxed();
    let four = [node(), node(), node(), node()].prop_map(|n| n.join(" ")).boxed();
    prop_oneof![
        (two.clone(), value()).prop_map(|(n, v)| ('r', format!("{n} {v:e}"))),
        (two.clone(), value(), value()).prop_map(|(n, v, i)| ('c', format!("{n} {v:e} ic={i:e}"))),
        (two.clone(), value()).prop_map(|(n, v)| ('l', format!("{n} {v:e} m=3"))),
        (two.clone(), value(), value())
            .prop_map(|(n, v, f)| ('v', format!("{n} {v:e} ac {f:e} sin(0 {v:e} {f:e})"))),
        (two.clone(), [value(), value(), value(), value()]).prop_map(|(n, [a, b, c, d])| (
            'i',
            format!("{n} pulse({a:e} -{b:e} {c:e} {d:e} {a:e} {b:e})")
        )),
        (four.clone(), value()).prop_map(|(n, v)| ('e', format!("{n} -{v:e}"))),
        (four.clone(), value()).prop_map(|(n, v)| ('g', format!("{n} {v:e}"))),
        (two.clone(), value()).prop_map(|(n, v)| ('f', format!("{n} vx {v:e}"))),
        (two.clone(), value(), value()).prop_map(|(n, v, w)| (
            'b',
            format!("{n} i = {v:e}*v(vx)^2 - min(v(0,vx), {w:e})/i(vx)")
        )),
        (two.clone(), value()).prop_map(|(n, v)| ('d', format!("{n} dm area={v:e} m=2"))),
        (four.clone(), value(), value())
            .prop_map(|(n, w, l)| ('m', format!("{n} mm w={w:e} l={l:e}"))),
        four.prop_map(|n| ('s', format!("{n} sm"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_netlists_read_back_the_same(
        elements in proptest::collection::vec(element(), 1..12),
        [is, n, vto, uo, ron] in [value(), value(), value(), value(), value()],
        tnom in 0.0f64..100.0,
    ) {
        let mut text = String::from("t\nvx vx 0 1\nrv vx 0 1\n");
        // So that no node floats.
        text += "ra a 0 1\nrb b 0 1\nrc c 0 1\nrd d 0 1\nre x1.n 0 1\nrf n2 0 1\n";
        for (k, (letter, rest)) in elements.iter().enumerate() {
            let name = if k % 3 == 0 { format!("{letter}.x1.{letter}{k}") } else { format!("{letter}{k}") };
            text += &format!("{name} {rest}\n");
        }
        text += &format!(".model dm d(is={is:e} n={n:e} tnom={tnom:e})\n.model mm nmos(vto={vto:e} uo={uo:e})\n");
        text += &format!(".model sm sw(vt={vto:e} ron={ron:e})\n");
        // Loops of sources are a mistake of the netlist, not of the text.
        if let Ok(first) = read_text(&text) {
            let again = read_text(&written(&first)).unwrap_or_else(|report| panic!("{report}"));
            prop_assert_eq!(named(&first), named(&again));
        }
    }
}

fn ours(deck: &Deck, name: &str) -> Vec<f64> {
    let run = study(&deck.netlist, &deck.study, &mut |_| {});
    let waves = run.results[0].waves.clone();
    let column = waves.columns.iter().find(|c| c.name == name);
    match &column.unwrap_or_else(|| panic!("no {name}")).values {
        Values::Real(values) => values.clone(),
        Values::Complex(_) => panic!("{name} is complex"),
    }
}

#[test]
fn ngspice_runs_what_is_written_of_every_device_it_has() {
    if !ngspice::is_here() {
        return;
    }
    let text = format!("a title\n{EVERYTHING}.op\n.end\n");
    let theirs = ngspice::run(&text);
    let again = ngspice::run(&written(&read_text(&text).unwrap()));
    for node in ["a", "e", "x1.mid", "g", "h", "k", "m", "n", "o", "q", "s", "t"] {
        let name = format!("v({node})");
        let (a, b) = (theirs.vector(&name)[0], again.vector(&name)[0]);
        assert!((a - b).abs() <= 1e-9 * a.abs().max(1e-3), "{name}: {a} and {b}");
    }
}

/// Devices that SPICE does not have, written as equations.
const OWN: &str = "\
.model amp op-amp(gain=1e4 gbw=1e6 slew-rate=1e6 v-min=-2 v-max=2 r-out=50 r-in=1e6 offset=1m)
.model ideal ideal-diode(r-on=10 v-forward=0.6 smoothing=0.05 g-off=1n)
.model mem vteam(window=biolek law=exponential initial=0.3 thickness=3n k-on=3u k-off=3u)
.model stop vteam(initial=0.6 k-on=3u k-off=3u)
.model fil filament(initial=0.2)
v1 in 0 sin(0.2 1 10k)
n1 in fb out amp
r1 out fb 10k
r2 fb 0 10k
n2 out rect ideal
r3 rect 0 1k
n3 in low mem
r4 low 0 100
n4 in end stop
r5 end 0 100
n5 in gap fil
r6 gap 0 1k
";

#[test]
fn ngspice_agrees_about_devices_written_as_equations() {
    if !ngspice::is_here() {
        return;
    }
    let op = super::deck(&format!("{OWN}.op"));
    let theirs = ngspice::run(&written(&op));
    for name in ["v(out)", "v(rect)", "v(low)", "v(end)", "v(gap)"] {
        let (a, b) = (ours(&op, name)[0], theirs.vector(name)[0]);
        assert!((a - b).abs() <= 1e-5 * a.abs().max(1e-3), "{name}: {a} and {b} of ngspice");
    }
    let tran = super::deck(&format!("{OWN}.options reltol=1e-5\n.tran 0.2u 200u uic"));
    let theirs = ngspice::run(&written(&tran));
    for name in ["v(out)", "v(rect)", "v(low)", "v(end)", "v(gap)"] {
        let (times, values) = (theirs.vector("time"), theirs.vector(name));
        let (own_times, own) = (ours(&tran, "time"), ours(&tran, name));
        let swing = own.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let worst = own_times.iter().zip(&own).map(|(t, v)| (v - at(&times, &values, *t)).abs());
        let worst = worst.fold(0.0, f64::max) / swing;
        assert!(worst < 5e-3, "{name} is off by {worst} of its swing");
    }
}

/// A waveform between its points.
fn at(times: &[f64], values: &[f64], t: f64) -> f64 {
    let k = times.partition_point(|x| *x < t).clamp(1, times.len() - 1);
    let share = (t - times[k - 1]) / (times[k] - times[k - 1]);
    values[k - 1] + share * (values[k] - values[k - 1])
}

#[test]
fn the_records_of_a_deck_read_back_as_the_same_circuit() {
    let once: Vec<&str> = STUDY
        .lines()
        .filter(|line| !line.starts_with(".ac oct") && !line.starts_with(".ac lin"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deck.cir");
    std::fs::write(&path, format!("a title\n{EVERYTHING}{}\n", once.join("\n"))).unwrap();
    let deck = load(&path, &[], &Library::built_in()).unwrap_or_else(|report| panic!("{report}"));
    let home = folder.path().join("home.toml");
    std::fs::write(&home, &deck.resolved).unwrap();
    let again = load(&home, &[], &Library::built_in()).unwrap_or_else(|report| panic!("{report}"));
    let named = |spec: &Spec| match &spec.subject {
        Subject::Devices { netlist, .. } => {
            // The home format has an order of its own for analyses.
            let mut lines = directives(netlist, spec.study.as_ref().unwrap());
            lines.sort();
            (toml(netlist, None), lines)
        }
        Subject::Network { .. } | Subject::Chain(_) => panic!("no devices"),
    };
    assert_eq!(named(&deck), named(&again));
}

#[test]
fn a_measure_of_what_is_not_asked_for_stays_out_of_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deck.cir");
    let text = "a title\nv1 in 0 1\nr1 in 0 1k\n.op\n.meas tran top max v(in)\n.end\n";
    std::fs::write(&path, text).unwrap();
    let deck = load(&path, &[], &Library::built_in()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(deck.study.as_ref().unwrap().measures.len(), 1);
    let home = folder.path().join("home.toml");
    std::fs::write(&home, &deck.resolved).unwrap();
    let again = load(&home, &[], &Library::built_in()).unwrap_or_else(|report| panic!("{report}"));
    assert!(again.study.unwrap().measures.is_empty());
}

/// The home format takes a node of one device for a misspelt one.
#[test]
fn an_open_pin_is_read_back_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deck.cir");
    std::fs::write(&path, "t\nv1 a 0 1\nr1 a b 1k\nr2 a c 1k\n.op\n").unwrap();
    let deck = load(&path, &[], &Library::built_in()).unwrap_or_else(|report| panic!("{report}"));
    let home = folder.path().join("home.toml");
    std::fs::write(&home, &deck.resolved).unwrap();
    let again = load(&home, &[], &Library::built_in()).unwrap_or_else(|report| panic!("{report}"));
    let Subject::Devices { netlist, .. } = &again.subject else { panic!("a netlist") };
    let names: Vec<&str> = netlist.devices().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["v1", "r1", "r2", "open.b", "open.c"]);
}
