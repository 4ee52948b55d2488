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

/// What was found, whatever the command.
fn record(folder: &Path) -> Value {
    found(&fs::read(folder.join("margin.json")).unwrap())
}

fn found(record: &[u8]) -> Value {
    let mut record: Value = serde_json::from_slice(record).unwrap();
    let command = record.as_object_mut().unwrap().remove("command").unwrap();
    assert!(command.as_str().unwrap().starts_with("eqcircuit margin "));
    record
}

#[test]
fn a_margin_is_between_a_value_that_keeps_the_metric_and_one_that_does_not() {
    let folder = workplace();
    let ran = run_in(folder.path(), &MARGIN);
    expect_code(&ran, 0);
    let sheet = fs::read_to_string(folder.path().join("reports/small-margin/index.md")).unwrap();
    for words in ["# Margins of ", "eqcircuit margin ", "| `nonideal.", " ± ", "evaluations.jsonl"]
    {
        assert!(sheet.contains(words), "{words} is not in:\n{sheet}");
    }
    let page = folder.path().join("reports/small-margin/index.md");
    fs::remove_file(&page).unwrap();
    expect_code(&run_in(folder.path(), &["report", "reports/small-margin"]), 0);
    assert_eq!(fs::read_to_string(&page).unwrap(), sheet);
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
    let sigma = ["--key", "nonideal.programming.sigma=1", "--engine", "behavioural"];
    for (args, words) in [
        (&["--metric", "beauty"][..], "has no figure `beauty`; it has samples, settled, accuracy"),
        (&["--key", "nonideal.programming.sigma=2"], "`nonideal.programming.sigma` is given twice"),
        (&["--drop", "0"], "allows no loss"),
        (&["--drop", "100%"], "write a share below 100 %"),
        (&["--drop", "1 ns"], "is in second, but `accuracy` has no unit"),
        (&["--key", "nonideal.programming.levels=2.5"], "a whole number"),
        (
            &["--key", "nonideal.programming.levels=9", "--set", "nonideal.programming.levels=4"],
            "`nonideal.programming.levels` cannot be 0, and the file gives it",
        ),
        (&["--engine", "ideal"], "makes no difference on the engine `ideal`"),
    ] {
        let sigma = if args[0] == "--engine" { &sigma[..2] } else { &sigma[..] };
        let ran = run_in(folder.path(), &[&["margin", "small.toml"], sigma, args].concat());
        expect_code(&ran, 2);
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        assert_eq!(names(folder.path()), before);
    }
}

/// The margin of one chip, of this key.
fn of(folder: &Path, metric: &str, key: &str, more: &[&str]) -> (Ran, Value) {
    let asked = ["margin", "small.toml", "--metric", metric, "--chips", "1", "--force"];
    let engine = ["--engine", "behavioural", "--key", key];
    let ran = run_in(folder, &[&asked[..], &engine[..], more].concat());
    let record = fs::read(folder.join("reports/small-margin/margin.json"));
    (ran, record.map_or(Value::Null, |bytes| found(&bytes)))
}

#[test]
fn a_damaged_record_of_margins_is_told() {
    let folder = workplace();
    expect_code(&run_in(folder.path(), &MARGIN), 0);
    let record = folder.path().join("reports/small-margin/margin.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replacen("\"ohm\"", "\"omh\"", 1)).unwrap();
    let ran = run_in(folder.path(), &["report", "reports/small-margin"]);
    expect_code(&ran, 2);
    assert!(
        ran.stderr.contains("margin.json:") && ran.stderr.contains("`omh` is no unit"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_reference_is_without_the_effect_that_a_file_has() {
    let folder = workplace();
    let key = "nonideal.fabrication.spread=0.5";
    let (ran, bare) = of(folder.path(), "settling-time", key, &["--drop", "1 ns"]);
    expect_code(&ran, 0);
    let set = ["--drop", "1 ns", "--set", "nonideal.fabrication.spread=0.3"];
    let (ran, own) = of(folder.path(), "settling-time", key, &set);
    expect_code(&ran, 0);
    assert_eq!(own, bare);
}

#[test]
fn whole_numbers_are_tried_alone_and_the_smallest_is_sought_where_less_is_worse() {
    let folder = workplace();
    let levels = "nonideal.programming.levels=64";
    let (ran, found) = of(folder.path(), "accuracy", levels, &["--seed", "5"]);
    expect_code(&ran, 0);
    let key = &found["keys"][0];
    let value = key["values"][0].as_f64().unwrap();
    assert!(key["smallest"] == true && value.fract() == 0.0 && (2.0..64.0).contains(&value));
    assert!(ran.stderr.contains("at least"), "{}", ran.stderr);
    let out = folder.path().join("reports/small-margin/evaluations.jsonl");
    let tried = fs::read_to_string(out).unwrap();
    let (ran, two) = of(folder.path(), "accuracy", "nonideal.programming.levels=2", &[]);
    expect_code(&ran, 0);
    assert_eq!((&two["keys"][0]["least"], &two["keys"][0]["unbroken"]), (&2.0.into(), &1.into()));
    let tried = tried.as_str();
    let of = |value: f64| {
        let line = format!("\"value\":{value:?}}}");
        let line = tried.lines().find(|l| l.ends_with(&line)).unwrap();
        serde_json::from_str::<Value>(line).unwrap()["figure"].as_f64().unwrap()
    };
    let without = key["without"].as_f64().unwrap();
    assert!(of(value) >= without && of(value - 1.0) < without, "{tried}");
}

#[test]
fn a_chip_without_the_figure_does_not_keep_it() {
    let folder = workplace();
    let short = ["--drop", "50%", "--set", "simulate.until.at-most=\"60 ns\""];
    let (ran, found) = of(folder.path(), "settling-time", "nonideal.fabrication.spread=8", &short);
    expect_code(&ran, 0);
    let out = folder.path().join("reports/small-margin/evaluations.jsonl");
    let tried = fs::read_to_string(out).unwrap();
    assert!(tried.contains("\"figure\":null"), "{tried}");
    assert_eq!(found["keys"][0]["unbroken"], 0);
}

#[test]
fn other_files_and_damaged_lines_are_not_gone_on_with() {
    let folder = workplace();
    expect_code(&run_in(folder.path(), &MARGIN), 0);
    let out = folder.path().join("reports/small-margin/evaluations.jsonl");
    let again = [&MARGIN[..], &["--resume"]].concat();
    let refused = |words: &str| {
        let before = fs::read(&out).unwrap();
        let ran = run_in(folder.path(), &again);
        expect_code(&ran, 2);
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        assert_eq!(fs::read(&out).unwrap(), before);
    };
    let text = fs::read_to_string(&out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (line, words) in [
        (&lines[2][..20], "line 3: EOF"),
        (lines[1], "line 3: a value stands there twice"),
        (&lines[2].replace("\"chip\":", "\"chip\":7"), "line 3: `"),
    ] {
        let damaged = [&lines[..2], &[line], &lines[3..]].concat().join("\n") + "\n";
        fs::write(&out, damaged).unwrap();
        refused(words);
    }
    fs::write(&out, [text.as_bytes(), b"{\"key\":\"\xce"].concat()).unwrap();
    expect_code(&run_in(folder.path(), &again), 0);
    fs::write(folder.path().join("inputs.csv"), INPUTS.replace("0.25", "0.75")).unwrap();
    refused("inputs.csv` was another file there");
}
