use super::{devices, mistakes, pointed};

/// The value of the resistor `name` of a deck.
fn ohms(lines: &str, name: &str) -> f64 {
    let deck = super::deck(lines);
    let found = deck.netlist.devices().iter().find(|(n, _)| n == name);
    match found {
        Some((_, eqcircuit::netlist::Device::Resistor(r))) => 1.0 / r.g,
        other => panic!("{name} is {other:?}"),
    }
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} is not {b}");
}

#[test]
fn every_form_of_number_is_read() {
    let forms = [
        ("1", 1.0),
        ("1.5k", 1.5e3),
        ("10KOhm", 1e4),
        ("2meg", 2e6),
        ("3MEGohm", 3e6),
        ("4g", 4e9),
        ("5T", 5e12),
        ("6m", 6e-3),
        ("7u", 7e-6),
        ("8n", 8e-9),
        ("9p", 9e-12),
        ("1f", 1e-15),
        ("1a", 1e-18),
        ("1mil", 25.4e-6),
        ("1e3", 1e3),
        ("1E-3k", 1.0),
        ("+2", 2.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("{1k+500}", 1500.0),
        ("'2*1k'", 2000.0),
        ("1v", 1.0),
    ];
    for (text, value) in forms {
        close(ohms(&format!("r1 a 0 {text}"), "r1"), value);
    }
}

#[test]
fn what_is_no_number_is_named() {
    let (text, help) = pointed("r1 a 0 4k7");
    assert_eq!((text.as_str(), help.starts_with("write for example 4.7k")), ("4k7", true));
    let (text, help) = pointed(".param rl=1k\nr1 a 0 rl");
    assert_eq!((text.as_str(), help.as_str()), ("rl", "write `{rl}`"));
    assert_eq!(mistakes("r1 a 0 abc"), ["2: `abc` is not a number"]);
    assert_eq!(mistakes("r1 a 0 {1/0}"), ["2: this is inf"]);
    assert_eq!(mistakes("r1 a 0 {v(a)}"), ["2: a value cannot depend on a voltage"]);
    assert_eq!(mistakes("r1 a 0 {2*"), ["2: a `{` is not closed"]);
}

#[test]
fn parameters_may_stand_in_any_order() {
    let text = ".param a={2*b} b='c+1'\nr1 n 0 {a}\n.param c = 3 * 2";
    close(ohms(text, "r1"), 14.0);
}

#[test]
fn parameters_that_need_themselves_or_are_unknown_are_named() {
    let found = mistakes(".param a={b} b={a}\nr1 n 0 {a}");
    assert_eq!(found, ["2: parameter `a` depends on itself"]);
    let (text, help) = pointed(".param width=1\nr1 n 0 {2*widht}");
    assert_eq!(text, "widht");
    assert!(help.starts_with("did you mean `width`?"), "{help}");
}

#[test]
fn functions_are_called() {
    let text = ".func twice(x) {2*x}\n.func both(x,y) = {twice(x)+y}\nr1 n 0 {both(3,4)}";
    close(ohms(text, "r1"), 10.0);
    assert_eq!(mistakes(".func f(x) {f(x)}\nr1 n 0 {f(1)}"), ["2: function `f` calls itself"]);
}

const DIVIDER: &str =
    ".subckt div in out params: r=1k ratio=2\nr1 in mid {r}\nr2 mid out {r*ratio}\n.ends div\n";

#[test]
fn instances_have_names_nodes_and_parameters_of_their_own() {
    let text = format!("{DIVIDER}x1 a b div\nx2 b 0 div r=2k ratio={{1+2}}\nv1 a 0 1");
    assert_eq!(
        devices(&text)[..4],
        [
            r#""x1.r1" = { resistor = { p = "a", n = "x1.mid", g = "1 mS" } }"#,
            r#""x1.r2" = { resistor = { p = "x1.mid", n = "b", g = "500 uS" } }"#,
            r#""x2.r1" = { resistor = { p = "b", n = "x2.mid", g = "500 uS" } }"#,
            r#""x2.r2" = { resistor = { p = "x2.mid", n = "0", g = "166.66666666666666 uS" } }"#,
        ]
    );
}

#[test]
fn instances_nest_and_see_what_is_around_them() {
    let text = ".param k=3\n.subckt outer a b w=5\n.param z={k*w}\n.subckt inner p q\nr1 p q {z}\n.ends\n\
                xi a b inner\n.ends\nxo n 0 outer w=7";
    close(ohms(text, "xo.xi.r1"), 21.0);
}

#[test]
fn instances_in_parallel_conduct_more() {
    close(ohms(&format!("{DIVIDER}x1 a 0 div m=4"), "x1.r1"), 250.0);
    for m in ["0", "-1"] {
        let told = mistakes(&format!("{DIVIDER}x1 a 0 div m={m}"));
        assert!(told[0].contains("must be above zero"), "{told:?}");
    }
    assert!(mistakes("r1 a 0 1k noisy=0\n")[0].contains("noisy"));
    assert_eq!(ohms("r1 a 0 1k noisy=1\n", "r1"), 1e3);
}

#[test]
fn global_nodes_are_the_same_everywhere() {
    let text = ".global vdd\n.subckt load a\nr1 a vdd 1k\nr2 a 0 1k\n.ends\nx1 n load\nv1 vdd 0 1";
    assert!(devices(text)[0].contains(r#"n = "vdd""#));
}

#[test]
fn models_of_a_subcircuit_are_its_own() {
    let text = ".subckt a p\nr1 p 0 1k rm\n.model rm r(tc1=1m)\n.ends\nx1 n a\nr2 n 0 1k rm";
    assert_eq!(mistakes(text), ["7: there is no model `rm`"]);
}

#[test]
fn mistakes_of_subcircuits_are_named() {
    assert_eq!(mistakes("x1 a 0 dvi\nr1 a 0 1"), ["2: there is no subcircuit `dvi`"]);
    assert_eq!(
        mistakes(&format!("{DIVIDER}x1 a div\nr1 a 0 1")),
        ["6: `div` has 2 pins, but 1 node is given"]
    );
    assert_eq!(mistakes(&format!("{DIVIDER}x1 a 0 div rr=1")), ["6: `div` has no parameter `rr`"]);
    assert_eq!(
        mistakes(".subckt a p\nx1 p a\n.ends\nx1 n a"),
        ["3: subcircuit `a` contains itself"]
    );
    assert_eq!(mistakes(".subckt a p\nr1 p 0 1"), ["2: subcircuit `a` is not ended"]);
    assert_eq!(mistakes("r1 a 0 1\n.ends"), ["3: `.ends` ends no subcircuit"]);
    assert_eq!(
        mistakes(".subckt a p\nr1 p 0 1\n.op\n.ends\nx1 n a"),
        ["4: `.op` cannot stand in a subcircuit"]
    );
    assert_eq!(mistakes(".subckt a p p\nr1 p 0 1\n.ends\nr1 n 0 1"), ["2: `a` has two pins `p`"]);
}

#[test]
fn powers_of_numbers_keep_their_sign_and_those_of_sources_do_not() {
    close(ohms(".param a={5 + pow(-2,2)} b={5 + pow(-2,1)}\nr1 a 0 {a*b}\n", "r1"), 27.0);
    close(ohms(".param a={pwr(-2,1)}\nr1 a 0 {a}\n", "r1"), 2.0);
    close(ohms(".param a={(-2)^3 + (-2)**3} b={20 - 2^3}\nr1 a 0 {a*b}\n", "r1"), 192.0);
}

#[test]
fn long_chains_of_names_are_followed_or_refused() {
    let chain = |n: usize, line: &dyn Fn(usize) -> String| -> String {
        (1..=n).rev().map(line).collect::<String>()
    };
    let params =
        |n| format!("{}.param p0=1\n", chain(n, &|i| format!(".param p{i}={{p{}+1}}\n", i - 1)));
    close(ohms(&format!("{}r1 a 0 {{p60}}\n", params(60)), "r1"), 61.0);
    let told = |text: &str| mistakes(text).iter().any(|m| m.contains("in a row"));
    assert!(told(&format!("{}r1 a 0 {{p9000}}\n", params(9000))));
    let functions = format!(
        "{}.func f0(x) {{x}}\nr1 a 0 {{f9000(1)}}\n",
        chain(9000, &|i| format!(".func f{i}(x) {{f{}(x)}}\n", i - 1))
    );
    assert!(told(&functions));
}
