//! Expressions: values, slopes, text, and what is no expression.

use eqcircuit::netlist::expression::{
    Dialect, Expression, FUNCTIONS, Leaf, Resolved, number, parse, parse_with,
};
use proptest::prelude::*;

fn value(text: &str, dialect: Dialect) -> f64 {
    parse(text, dialect).unwrap().constant().unwrap()
}

fn home(text: &str) -> f64 {
    value(text, Dialect::Home)
}

fn spice(text: &str) -> f64 {
    value(text, Dialect::Spice)
}

#[test]
fn values_are_those_of_arithmetic() {
    for (text, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 - 3 - 4", -5.0),
        ("24 / 4 / 3", 2.0),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2^3^2", 512.0),
        ("(-2)^3", -8.0),
        ("1 < 2 && 3 >= 3", 1.0),
        ("1 > 2 || 0", 0.0),
        ("!0 + !5", 1.0),
        ("0 ? 1 : 0 ? 2 : 3", 3.0),
        ("limit(5, -1, 2)", 2.0),
        ("limit(-5, -1, 2)", -1.0),
        ("pwl(0.3, 0, 0, 1, 10)", 3.0),
        ("pwl(7, 0, 0, 1, 10)", 10.0),
        ("table(-1, -2, 4, 0, 8)", 6.0),
        ("max(1, 2) + min(1, 2)", 3.0),
        ("2k * 3m", 6.0),
        ("cos(pi)", -1.0),
        ("if(1 != 1, 4, 5)", 5.0),
        ("atan2(1, -1) * 4 / pi", 3.0),
        ("hypot(3, 4)", 5.0),
    ] {
        assert_eq!(home(text), expected, "{text}");
    }
}

/// Each as ngspice 39 prints it for a behavioural source.
#[test]
fn the_spice_dialect_is_that_of_ngspice() {
    for (text, expected) in [
        ("(-2)^3", 8.0),
        ("(-2)**3", 8.0),
        ("pow(-2, 3)", 8.0),
        ("pwr(-2, 3)", -8.0),
        ("-2^2", -4.0),
        ("{1 + 1}*'2 + 1'", 6.0),
        ("pwl(7, 0, 0, 1, 10)", 70.0),
        ("pwl(-2, -1, -2, 1.5, 3)", -4.0),
        ("pwl(0.25, -1, -2, 1.5, 3)", 0.5),
        ("2^3^2", 64.0),
        ("u(0.3 - 0.3)", 1.0),
        ("log(10)", eqcircuit::numerics::math::log(10.0)),
        ("log10(10)", 1.0),
        ("nint(2.5)", 2.0),
        ("u2(0.3)", 0.3),
        ("uramp(0.3)", 0.3),
        ("1 ? 2 : 3", 2.0),
    ] {
        assert_eq!(spice(text), expected, "{text}");
    }
}

#[test]
fn numbers_have_the_suffixes_of_spice() {
    for (text, expected, length) in [
        ("1", 1.0, 1),
        ("1.5k", 1.5e3, 4),
        ("10kohm", 1e4, 6),
        ("3MEG", 3e6, 4),
        ("3m", 3e-3, 2),
        ("3mV", 3e-3, 3),
        ("2mil", 50.8e-6, 4),
        (".5u", 0.5e-6, 3),
        ("5.", 5.0, 2),
        ("1e-3", 1e-3, 4),
        ("1e3k", 1e6, 4),
        ("1e", 1.0, 2),
        ("0.1u", 0.1e-6, 4),
        ("7F", 7e-15, 2),
        ("1a", 1e-18, 2),
        ("2t+1", 2e12, 2),
        ("5V", 5.0, 2),
    ] {
        assert_eq!(number(text), Some((expected, length)), "{text}");
    }
    for text in ["", ".", "k", "-1", "e5"] {
        assert_eq!(number(text), None, "{text}");
    }
}

#[test]
fn leaves_are_found_and_named_in_the_text() {
    let text = "v(a) * V(b, a) + i(V1) - time / Temper * gain + v(a)";
    let read = parse(text, Dialect::Spice).unwrap();
    let v = |a: &str, b: Option<&str>| Leaf::Voltage(a.into(), b.map(String::from));
    assert_eq!(
        read.leaves(),
        [
            v("a", None),
            v("b", Some("a")),
            Leaf::Current("v1".into()),
            Leaf::Time,
            Leaf::Temperature,
            Leaf::Name("gain".into()),
        ]
    );
    assert_eq!(read.value(&[2.0, 3.0, 5.0, 7.0, 11.0, 13.0]), 6.0 + 5.0 - 7.0 / 11.0 * 13.0 + 2.0);
    let known = read.resolve(|leaf| match leaf {
        Leaf::Name(_) => Ok::<_, ()>(Resolved::Number(13.0)),
        leaf => Ok(Resolved::Leaf(leaf.clone())),
    });
    assert_eq!(known.unwrap().leaves().len(), 5);
}

#[test]
fn a_function_of_the_users_is_put_in_place() {
    let square = |name: &str| {
        (name == "sq").then(|| eqcircuit::netlist::expression::Function {
            arguments: vec!["x".into()],
            value: parse("x * x + off", Dialect::Spice).unwrap(),
        })
    };
    let read = parse_with("1 + sq(v(a) + 1) * 2", Dialect::Spice, &square).unwrap();
    assert_eq!(read.leaves().len(), 2);
    assert_eq!(read.value(&[2.0, 10.0]), 39.0);
    let same = |name: &str| {
        (name == "id").then(|| eqcircuit::netlist::expression::Function {
            arguments: vec!["a".into(), "b".into()],
            value: parse("a", Dialect::Spice).unwrap(),
        })
    };
    assert_eq!(parse_with("id(3, 4)", Dialect::Spice, &same).unwrap().constant(), Some(3.0));
}

#[test]
fn what_is_no_expression_is_pointed_at() {
    for (text, range, words) in [
        ("1 +", 3..3, "a value is missing"),
        ("1 + * 2", 4..5, "`*` cannot stand here"),
        ("(1 + 2", 6..6, "`)` is missing"),
        ("1 2", 2..3, "`2` cannot stand here"),
        ("tahn(1)", 0..7, "no function `tahn`"),
        ("sin(1, 2)", 0..9, "takes 1 argument"),
        ("v()", 0..3, "names no node"),
        ("i(a, b)", 0..7, "names no device"),
        ("1 ? 2", 5..5, "`:` is missing"),
        ("pwl(1, 2)", 0..9, "pairs of plain numbers"),
        ("pwl(1, 2, 3, 2, 4)", 0..18, "must ascend"),
        ("v(a", 0..3, "`)` is missing"),
        ("2 + 1e999", 4..9, "too large to hold"),
    ] {
        let fault = parse(text, Dialect::Home).unwrap_err();
        assert!(fault.message.contains(words), "{text}: {}", fault.message);
        assert_eq!(fault.range, range, "{text}: {}", fault.message);
    }
    let fault = parse("tahn(1)", Dialect::Home).unwrap_err();
    assert!(fault.help.starts_with("did you mean `tan`?"), "{}", fault.help);
    for deep in ["(".repeat(10_000), "-".repeat(10_000), "sin(".repeat(10_000)] {
        assert!(parse(&deep, Dialect::Home).is_err());
    }
}

/// Random expressions of `v(a)` and `v(b)` as text.
fn texts() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("v(a)".to_string()),
        Just("v(b)".to_string()),
        (0.1..3.0).prop_map(|x: f64| format!("{x:?}")),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let unary: Vec<&str> =
            FUNCTIONS.iter().filter(|(_, n)| *n == 1).map(|(name, _)| *name).collect();
        prop_oneof![
            (proptest::sample::select(unary), inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (
                proptest::sample::select(vec!["+", "-", "*", "/", "<", "^"]),
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(f, a, b)| format!("({a}) {f} ({b})")),
            (
                proptest::sample::select(vec!["max", "atan2", "hypot", "pwr", "pow"]),
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("({a}) ? {b} : -{c}")),
        ]
    })
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

fn written(e: &Expression<Leaf>, dialect: Dialect) -> String {
    e.text(dialect, &|leaf| match leaf {
        Leaf::Voltage(a, _) => format!("v({a})"),
        other => panic!("{other:?}"),
    })
}

proptest! {
    #[test]
    fn slopes_are_those_of_the_value(text in texts(), a in -2.0..2.0f64, b in -2.0..2.0f64) {
        let read = parse(&text, Dialect::Home).unwrap();
        let all = [a, b];
        let x: Vec<f64> = read.leaves().iter().map(|leaf| match leaf {
            Leaf::Voltage(name, _) if name == "a" => all[0],
            _ => all[1],
        }).collect();
        let mut slopes = vec![0.0; x.len()];
        let at = read.gradient(&x, &mut slopes);
        prop_assert!(same(at, read.value(&x)));
        for k in 0..x.len() {
            let moved = |by: f64| { let mut x = x.clone(); x[k] += by; read.value(&x) };
            let near = |h: f64| (moved(h) - moved(-h)) / (2.0 * h);
            let (fine, coarse) = (near(1e-6), near(2e-6));
            // Where it bends or jumps the two differ, and nothing can be said.
            let smooth = (fine - coarse).abs() <= 1e-5 * (1.0 + fine.abs());
            if smooth && fine.is_finite() && fine.abs() < 1e4 && slopes[k].is_finite() {
                let jump = (moved(1e-6) - at).abs() > 1e3 * 1e-6 * (1.0 + fine.abs());
                prop_assert!(
                    jump || (fine - slopes[k]).abs() <= 1e-3 * (1.0 + fine.abs()),
                    "{} at {:?}: {} against {}", text, x, slopes[k], fine
                );
            }
        }
    }

    #[test]
    fn text_reads_back_as_the_same_expression(text in texts(), x in -2.0..2.0f64) {
        let read = parse(&text, Dialect::Home).unwrap();
        let again = parse(&written(&read, Dialect::Home), Dialect::Home).unwrap();
        let leaves = vec![x; read.leaves().len()];
        prop_assert!(same(read.value(&leaves), again.value(&leaves)), "{}", written(&read, Dialect::Home));
        prop_assert_eq!(read.leaves(), again.leaves());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+*/^()?:,.!&|<>= a-z0-9]{0,40}") {
        for dialect in [Dialect::Home, Dialect::Spice] {
            if let Err(fault) = parse(&text, dialect) {
                prop_assert!(fault.range.end <= text.len() && fault.range.start <= fault.range.end);
            }
        }
    }
}
