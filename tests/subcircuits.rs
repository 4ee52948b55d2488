//! Subcircuits of the library in files.

use std::path::Path;

use eqcircuit::data::waves::Values;
use eqcircuit::engine::study;
use eqcircuit::netlist::text::toml;
use eqcircuit::spec::{Library, Spec, Subject, load};

fn read(text: &str, parts: &[(&str, &str)]) -> Spec {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("circuits/subcircuit")).unwrap();
    for (name, part) in parts {
        std::fs::write(folder.path().join(format!("circuits/subcircuit/{name}.toml")), part)
            .unwrap();
    }
    let path = folder.path().join("file.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, &[], &Library::beside(&path)).unwrap_or_else(|report| panic!("{report}"))
}

fn devices(spec: &Spec) -> Vec<String> {
    let Subject::Devices { netlist, .. } = &spec.subject else { panic!("no devices") };
    toml(netlist, None).lines().skip(1).map(str::to_string).collect()
}

#[test]
fn a_part_becomes_its_devices() {
    let spec = read(
        r#"[device]
v1 = { voltage-source = { p = "a", n = "0", dc = "1 V" } }
x1 = { subcircuit = { part = "subcircuit/rc-low-pass", pins = { in = "a", out = "b" }, r = "2 kohm" } }
"#,
        &[],
    );
    assert_eq!(
        devices(&spec)[1..],
        [
            r#""x1.r1" = { resistor = { p = "a", n = "b", g = "500 uS" } }"#,
            r#""x1.c1" = { capacitor = { p = "b", n = "0", c = "1 nF" } }"#,
        ]
    );
    // The text of the records says the same in full.
    let again = read(&spec.resolved, &[]);
    assert_eq!(again.subject, spec.subject);
}

const OUTER: &str = r#"about = "Two of another, and sources by name and expression."
[subcircuit]
pins = ["p", "q"]
parameters = { w = "3 kohm", k = 2.5 }
[device]
x1 = { subcircuit = { part = "subcircuit/rc-low-pass", pins = { in = "$p", out = "mid" }, r = "$w" } }
x2 = { subcircuit = { part = "subcircuit/rc-low-pass", pins = { in = "mid", out = "$q" } } }
vs = { voltage-source = { p = "s", n = "0", dc = "1 V" } }
f1 = { cccs = { p = "$q", n = "0", control = "vs", gain = "$k" } }
b1 = { behavioural-voltage = { p = "s", n = "e", v = "$k * v($p, mid) + i(vs)" } }
"#;

#[test]
fn parts_nest_and_what_they_name_is_their_own() {
    let text = r#"[device]
v1 = { voltage-source = { p = "a", n = "0", dc = "1 V" } }
x = { subcircuit = { part = "subcircuit/outer", pins = { p = "a", q = "b" } } }
r = { resistor = { p = "x.e", n = "0", r = "1 kohm" } }
"#;
    let spec = read(text, &[("outer", OUTER)]);
    let all = devices(&spec);
    let (_, first) = all[1].split_once(" = ").unwrap();
    assert!(
        all[1].starts_with(r#""x.x1.r1""#) && first.contains(r#"n = "x.mid", g = "333."#),
        "{}",
        all[1]
    );
    assert!(all[3].contains(r#"p = "x.mid", n = "b""#), "{}", all[3]);
    assert_eq!(all[6], r#""x.f1" = { cccs = { p = "b", n = "0", control = "x.vs", gain = 2.5 } }"#);
    assert!(all[7].contains(r#"v = "2.5 * v(a, x.mid) + i(x.vs)""#), "{}", all[7]);
}

/// The operating point of a file, by the names of its unknowns.
fn operating_point(text: &str) -> impl Fn(&str) -> f64 + use<> {
    let spec = read(&format!("{text}\n[analysis]\nop = {{}}\n"), &[]);
    let Subject::Devices { netlist, .. } = &spec.subject else { panic!("no devices") };
    let run = study(netlist, spec.study.as_ref().unwrap(), &mut |_| {});
    let columns = run.results[0].waves.columns.clone();
    move |name| match columns.iter().find(|c| c.name == name).map(|c| &c.values) {
        Some(Values::Real(values)) => values[0],
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn the_inverting_amplifier_has_the_gain_of_its_resistors() {
    let v = operating_point(
        r#"[device]
v1 = { voltage-source = { p = "a", n = "0", dc = "0.1 V" } }
x1 = { subcircuit = { part = "subcircuit/inverting-amplifier", pins = { in = "a", out = "b" }, r-feedback = "20 kohm" } }
r1 = { resistor = { p = "b", n = "0", r = "1 kohm" } }
"#,
    );
    // With a gain of 1e5, 3 parts in 1e5 of -r-feedback / r-in are missing.
    assert!((v("v(b)") + 0.2 / (1.0 + 3e-5)).abs() < 1e-9, "{}", v("v(b)"));
}

#[test]
fn the_largest_current_wins() {
    let cell = |k: usize, i: &str| {
        format!(
            "i{k} = {{ current-source = {{ p = \"vdd\", n = \"in{k}\", dc = \"{i}\" }} }}\n\
             x{k} = {{ subcircuit = {{ part = \"subcircuit/winner-take-all\", pins = {{ in = \"in{k}\", common = \
             \"c\", vdd = \"m{k}\" }} }} }}\n\
             s{k} = {{ voltage-source = {{ p = \"vdd\", n = \"m{k}\", dc = \"0 V\" }} }}\n"
        )
    };
    let text = format!(
        "[device]\nvdd = {{ voltage-source = {{ p = \"vdd\", n = \"0\", dc = \"3 V\" }} }}\n{}{}{}\
         tail = {{ current-source = {{ p = \"c\", n = \"0\", dc = \"10 uA\" }} }}\n",
        cell(1, "10 uA"),
        cell(2, "12 uA"),
        cell(3, "9 uA")
    );
    let v = operating_point(&text);
    let share: Vec<f64> = (1..4).map(|k| v(&format!("i(s{k})")) / 10e-6).collect();
    assert!(share[1] > 0.99 && share[0].abs() < 0.01 && share[2].abs() < 0.01, "{share:?}");
}

#[test]
fn the_ota_gives_its_tail_current_and_no_more() {
    let current = |difference: f64| {
        let v = operating_point(&format!(
            r#"[device]
vdd = {{ voltage-source = {{ p = "vdd", n = "0", dc = "3 V" }} }}
vp = {{ voltage-source = {{ p = "p", n = "0", dc = "{} V" }} }}
vn = {{ voltage-source = {{ p = "n", n = "0", dc = "{} V" }} }}
out = {{ voltage-source = {{ p = "o", n = "0", dc = "1.8 V" }} }}
x1 = {{ subcircuit = {{ part = "subcircuit/tanh-ota", pins = {{ in-p = "p", in-n = "n", out = "o", vdd = "vdd" }} }} }}
"#,
            1.5 + difference / 2.0,
            1.5 - difference / 2.0
        ));
        // What the cell draws from its output.
        -v("i(out)") / 10e-6
    };
    let (low, middle, high) = (current(-0.5), current(0.0), current(0.5));
    assert!((low + high).abs() < 0.1 && (0.9..1.1).contains(&low.abs()), "{low} {middle} {high}");
    assert!(middle.abs() < 0.05 && low * high < 0.0, "{low} {middle} {high}");
}

#[test]
fn every_subcircuit_of_the_library_says_what_it_is() {
    let parts = Library::beside(Path::new("Cargo.toml")).parts();
    let own: Vec<_> = parts.iter().filter(|part| part.kind() == "subcircuit").collect();
    assert!(own.len() >= 4 && own.iter().all(|part| !part.about.is_empty()));
}
