//! Signals by expression.

use eqcircuit::data::signal::SignalUnit;
use eqcircuit::numerics::math;

use super::*;

const POINTS: usize = 5;

fn tran() -> Waves {
    let of = |f: fn(f64) -> f64| Values::Real((0..POINTS).map(|i| f(i as f64)).collect());
    Waves {
        title: "t".into(),
        plot: "Transient Analysis".into(),
        columns: vec![
            column("time", ColumnKind::Time, of(|i| i * 1e-3)),
            column("v(in)", ColumnKind::Voltage, of(|i| i - 2.0)),
            column("v(out)", ColumnKind::Voltage, of(|i| i * i + 0.5)),
            column("v(in+)", ColumnKind::Voltage, of(|i| 7.0 + i)),
            column("v(x1.2)", ColumnKind::Voltage, of(|i| 1.0 - i)),
            column("i(v1)", ColumnKind::Current, of(|i| 1e-3 * (i + 1.0))),
            column("i(@r1[i])", ColumnKind::Current, of(|i| 2e-3 * i)),
            column("temp-sweep", ColumnKind::Temperature, of(|i| 25.0 + i)),
        ],
    }
}

fn ac() -> Waves {
    let gain = |i: usize| [1.0 - i as f64, -2.0 * i as f64];
    Waves {
        title: "t".into(),
        plot: "AC Analysis".into(),
        columns: vec![
            column(
                "frequency",
                ColumnKind::Frequency,
                Values::Real(vec![1.0, 10.0, 1e2, 1e3, 1e4]),
            ),
            column("v(in)", ColumnKind::Voltage, Values::Complex(vec![[0.0, 2.0]; POINTS])),
            column("v(out)", ColumnKind::Voltage, Values::Complex((0..POINTS).map(gain).collect())),
        ],
    }
}

/// The values of an expression and the symbol of its unit.
#[track_caller]
fn real(waves: &Waves, text: &str) -> (Vec<f64>, &'static str) {
    let signal = waves.signal(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let Values::Real(values) = signal.values else { panic!("{text} is complex") };
    (values, signal.unit.symbol())
}

#[track_caller]
fn complex(waves: &Waves, text: &str) -> Vec<[f64; 2]> {
    let Values::Complex(values) = waves.signal(text).unwrap().values else {
        panic!("{text} is real")
    };
    values
}

#[test]
fn names_are_those_of_ngspice() {
    let waves = tran();
    for (text, name) in [
        ("v(out)", "v(out)"),
        (" V( OUT ) ", "v(out)"),
        ("out", "v(out)"),
        ("v(in+)", "v(in+)"),
        ("in+", "v(in+)"),
        ("v(x1.2)", "v(x1.2)"),
        ("x1.2", "v(x1.2)"),
        ("i(V1)", "i(v1)"),
        ("v1#branch", "i(v1)"),
        ("i(r1)", "i(@r1[i])"),
        ("time", "time"),
        ("temp-sweep", "temp-sweep"),
    ] {
        let signal = waves.signal(text).unwrap();
        let expected = &waves.column(name).unwrap().values;
        assert_eq!((signal.name.as_str(), &signal.values), (name, expected), "{text}");
    }
}

#[test]
fn expressions_have_values_and_units() {
    let waves = tran();
    let at = |f: fn(f64) -> f64| (0..POINTS).map(|i| f(i as f64)).collect::<Vec<f64>>();
    for (text, expected, unit) in [
        ("v(out,in)", at(|i| i * i + 0.5 - (i - 2.0)), "V"),
        ("v(out,0)", at(|i| i * i + 0.5), "V"),
        ("v(gnd,out)", at(|i| -(i * i + 0.5)), "V"),
        ("out - in*2", at(|i| i * i + 0.5 - (i - 2.0) * 2.0), "V"),
        ("(out-in)*2", at(|i| (i * i + 0.5 - (i - 2.0)) * 2.0), "V"),
        ("out-in-in", at(|i| i * i + 0.5 - (i - 2.0) - (i - 2.0)), "V"),
        ("in/out/2", at(|i| (i - 2.0) / (i * i + 0.5) / 2.0), ""),
        ("-in + -(-1)", at(|i| -(i - 2.0) + 1.0), "V"),
        ("v(in+)+v(in)", at(|i| 7.0 + i + (i - 2.0)), "V"),
        ("v(in)*i(v1)", at(|i| (i - 2.0) * (1e-3 * (i + 1.0))), "W"),
        ("v(in)*i(v1)*time", at(|i| (i - 2.0) * (1e-3 * (i + 1.0)) * (i * 1e-3)), "J"),
        ("v(in)/i(v1)", at(|i| (i - 2.0) / (1e-3 * (i + 1.0))), "\u{3a9}"),
        ("2/time", at(|i| 2.0 / (i * 1e-3)), "Hz"),
        ("1k*i(v1)", at(|i| 1e3 * (1e-3 * (i + 1.0))), "A"),
        ("in*2Meg", at(|i| (i - 2.0) * 2e6), "V"),
        ("in*1.5e-3", at(|i| (i - 2.0) * 1.5e-3), "V"),
        ("mag(in)", at(|i| (i - 2.0).abs()), "V"),
        ("temp-sweep-25", at(|i| 25.0 + i - 25.0), "\u{b0}C"),
        ("v(in)+i(v1)", at(|i| i - 2.0 + 1e-3 * (i + 1.0)), ""),
    ] {
        assert_eq!(real(&waves, text), (expected, unit), "{text}");
    }
    assert_eq!(waves.signal("in/out").unwrap().unit, SignalUnit::ONE);
    assert_eq!(waves.signal("v(in)+i(v1)").unwrap().unit, SignalUnit::Unknown);
    assert_eq!(waves.signal("v(in)*in/in").unwrap().unit, SignalUnit::VOLT);
}

#[test]
fn functions_of_complex_signals_are_right() {
    let waves = ac();
    let out = complex(&waves, "v(out)");
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} is not {b}");
    let (db, ph) = (real(&waves, "db(v(out)/v(in))"), real(&waves, "ph(out)"));
    assert_eq!((db.1, ph.1), ("dB", "\u{b0}"));
    for (i, [re, im]) in out.into_iter().enumerate() {
        near(db.0[i], 10.0 * ((re * re + im * im) / 4.0).log10());
        near(ph.0[i], im.atan2(re).to_degrees());
        near(real(&waves, "vm(out)").0[i], re.hypot(im));
        near(real(&waves, "re(out)").0[i], re);
        near(real(&waves, "vi(out)").0[i], im);
        near(real(&waves, "re(v(out)*v(in))").0[i], -2.0 * im);
        near(real(&waves, "im(out*in)").0[i], 2.0 * re);
        // A quotient undoes a product.
        let back = complex(&waves, "out*in/in")[i];
        near(back[0], re);
        near(back[1], im);
    }
}

#[test]
fn a_continuous_phase_has_no_jumps() {
    let turn = |i: usize| {
        let angle = -100.0f64.to_radians() * i as f64;
        [math::cos(angle), math::sin(angle)]
    };
    let mut waves = ac();
    waves.columns[1].values = Values::Complex((0..POINTS).map(turn).collect());
    for (i, phase) in real(&waves, "cph(in)").0.into_iter().enumerate() {
        assert!((phase + 100.0 * i as f64).abs() < 1e-9, "{phase}");
    }
    assert!(real(&waves, "ph(in)").0[2] > 0.0);
}

#[test]
fn faults_name_what_is_near_and_what_there_is() {
    let waves = tran();
    for (text, message, help) in [
        ("v(otu)", "no signal named `v(otu)`", "did you mean `v(out)`? there are: time, v(in)"),
        ("otu", "no signal named `otu`", "did you mean `v(out)`?"),
        ("1+i(v2)", "no signal named `i(v2)`", "did you mean `i(v1)`?"),
        ("v(in,otu)", "no signal named `v(otu)`", "did you mean"),
        ("sine(in)", "no function named `sine`", "there are: v, i, db"),
        ("v(a,b,c)", "no signal named `v(a)`", "there are"),
        ("v(in,out,in)", "more than two nodes", "v(a,b)"),
        ("1+2", "is a number", "v(out)"),
        ("in+", "", ""),
        ("out+", "the end is not expected", "db("),
        ("out in", "`i` at character 5", "db("),
        ("(out", "the end", "db("),
        ("out)", "`)` at character 4", "db("),
        ("db(out", "the end", "db("),
        ("v(out", "the end", "db("),
        ("", "the end", "db("),
        ("out*/in", "`/` at character 5", "db("),
    ] {
        match waves.signal(text) {
            Ok(_) => assert_eq!(text, "in+", "{text} has a value"),
            Err(fault) => {
                assert!(fault.message.contains(message), "{text}: {fault}");
                assert!(fault.help.contains(help), "{text}: {fault}");
            }
        }
    }
    let deep = "(".repeat(100_000) + "out";
    assert!(waves.signal(&deep).unwrap_err().message.contains("parentheses"));
    let long = "out".to_string() + &"+out".repeat(20_000);
    assert_eq!(real(&waves, &long).0[0], 0.5 * 20_001.0);
}

/// An expression with its value at one point.
#[derive(Debug, Clone)]
enum Tree {
    Out,
    In,
    Number(f64),
    Binary(char, Box<Tree>, Box<Tree>),
    Negative(Box<Tree>),
}

impl Tree {
    /// Text with no more parentheses than precedence needs.
    fn text(&self) -> String {
        match self {
            Tree::Out => "v(out)".into(),
            Tree::In => "in".into(),
            Tree::Number(n) => format!("{n:e}"),
            Tree::Negative(of) if of.level() < 2 => format!("-({})", of.text()),
            Tree::Negative(of) => format!("-{}", of.text()),
            Tree::Binary(sign, left, right) => {
                let level = self.level();
                let around = |tree: &Tree, least: u8| match tree.level() < least {
                    true => format!("({})", tree.text()),
                    false => tree.text(),
                };
                format!("{} {sign}{}", around(left, level), around(right, level + 1))
            }
        }
    }

    fn level(&self) -> u8 {
        match self {
            Tree::Binary('+' | '-', ..) => 0,
            Tree::Binary(..) => 1,
            _ => 2,
        }
    }

    fn value(&self, point: f64) -> f64 {
        match self {
            Tree::Out => point * point + 0.5,
            Tree::In => point - 2.0,
            Tree::Number(n) => *n,
            Tree::Negative(of) => -of.value(point),
            Tree::Binary(sign, left, right) => {
                let (a, b) = (left.value(point), right.value(point));
                match sign {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                }
            }
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Out),
        Just(Tree::In),
        (0.0..1e6f64).prop_map(Tree::Number),
        (1e-9..1e-3f64).prop_map(Tree::Number)
    ];
    leaf.prop_recursive(6, 60, 2, |inner| {
        let sign = prop_oneof![Just('+'), Just('-'), Just('*'), Just('/')];
        prop_oneof![
            (sign, inner.clone(), inner.clone()).prop_map(|(s, a, b)| Tree::Binary(
                s,
                Box::new(a),
                Box::new(b)
            )),
            inner.prop_map(|of| Tree::Negative(Box::new(of))),
        ]
    })
}

proptest! {
    #[test]
    fn precedence_is_that_of_arithmetic(tree in tree()) {
        let text = format!("({}) + 0*v(out)", tree.text());
        let (values, _) = real(&tran(), &text);
        for (i, value) in values.into_iter().enumerate() {
            let expected = tree.value(i as f64);
            let same = value == expected || value.is_nan() && expected.is_nan();
            prop_assert!(same, "{} is {} at {}, not {}", text, value, i, expected);
        }
    }

    #[test]
    fn any_text_has_a_value_or_a_fault(text in "[a-z0-9.+*/(), \u{e9}\"@#-]{0,24}", any in ".{0,12}") {
        for text in [&text, &any] {
            for waves in [tran(), ac()] {
                if let Ok(signal) = waves.signal(text) {
                    prop_assert_eq!(signal.values.len(), POINTS);
                }
            }
        }
    }
}
