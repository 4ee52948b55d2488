//! `margin`: what it finds, goes on from, and refuses.

use super::*;

/// Two effects on settling, of two chips.
const MARGIN: [&str; 14] = [
    "margin",
    "small.toml",
    "--key",
    "nonideal.fabrication.spread=0.5",
    "--key",
    "nonideal.wire.r-segment=2 kohm",
    "--metric",
    "settling-time",
    "--drop",
    "2%",
    "--chips",
    "2",
    "--engine",
    "behavioural",
];

fn record(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("margin.json")).unwrap()).unwrap()
}

#[test]
fn a_margin_is_between_a_value_that_keeps_the_metric_and_one_that_does_not() {
    let folder = workplace();
    let ran = run_in(folder.path(), &MARGIN);
    expect_code(&ran, 0);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("nonideal.fabrication.spread"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ohm"), "{}", ran.stderr);
    let out = folder.path().join("reports/small-margin");
    let found = record(&out);
    let text = fs::read_to_string(out.join("evaluations.jsonl")).unwrap();
    let tried: Vec<Value> =
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let figure = |key: &str, chip: u64| -> Vec<(f64, f64)> {
        let of = |e: &&Value| e["key"] == key && e["chip"] == chip;
        let pair = |e: &Value| (e["value"].as_f64().unwrap(), e["figure"].as_f64().unwrap());
        tried.iter().filter(of).map(pair).collect()
    };
    for key in found["keys"].as_array().unwrap() {
        let name = key["key"].as_str().unwrap();
        for (chip, value) in (0..).zip(key["values"].as_array().unwrap()) {
            let (value, without) = (value.as_f64().unwrap(), figure("", chip)[0].1);
            let keeps = |figure: f64| figure <= 1.02 * without;
            let all = figure(name, chip);
            assert!(value > 0.0 && all.iter().any(|(v, f)| *v == value && keeps(*f)), "{all:?}");
            if value < key["most"].as_f64().unwrap() {
                let next = all.iter().filter(|(v, _)| *v > value).map(|(v, _)| *v);
                let next = next.fold(f64::INFINITY, f64::min);
                assert!(next - value <= 0.051 * next, "{name}: {value} and then {next}");
                assert!(all.iter().any(|(v, f)| *v == next && !keeps(*f)), "{all:?}");
            }
        }
    }

    // Other threads and a search that was cut off find the same, and nothing is tried twice.
    expect_code(&run_in(folder.path(), &MARGIN), 2);
    let half: Vec<&str> = text.lines().take(6).collect();
    fs::write(out.join("evaluations.jsonl"), format!("{}\n{{\"key", half.join("\n"))).unwrap();
    let again = [&MARGIN[..], &["--resume", "--threads", "1"]].concat();
    expect_code(&run_in(folder.path(), &again), 0);
    assert_eq!(record(&out), found);
    let lines = fs::read_to_string(out.join("evaluations.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), text.lines().count());

    // Another question is not answered from these.
    let other = [&MARGIN[..], &["--resume", "--seed", "9"]].concat();
    let ran = run_in(folder.path(), &other);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("holds another run"), "{}", ran.stderr);
}

#[test]
fn mistakes_in_a_margin_are_told_before_anything_is_written() {
    let folder = workplace();
    let before = names(folder.path());
    let cases: [(&[&str], &str); 5] = [
        (&["--key", "nonideal.programming.sigma"], "has no largest value"),
        (&["--key", "nonideal.programming.sigma=much"], "ends in no number"),
        (&["--key", "nonideal.programming.sigmaa=1"], "did you mean `sigma`?"),
        (&["--key", "nonideal.wire.r-segment=1"], "ohm"),
        (&["--key", "nonideal.programming.sigma=1", "--drop", "lots"], "is no drop"),
    ];
    for (args, words) in cases {
        let ran = run_in(folder.path(), &[&["margin", "small.toml"][..], args].concat());
        expect_code(&ran, 2);
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        assert_eq!(names(folder.path()), before);
    }
    let args =
        ["margin", "small.toml", "--metric", "beauty", "--key", "nonideal.programming.sigma=1"];
    let ran = run_in(folder.path(), &args);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("has no figure `beauty`; it has"), "{}", ran.stderr);
}
