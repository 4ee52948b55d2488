//! `gradcheck`: what it says, what it writes, how it ends.

use super::*;

const TRAIN: &str = r#"
[train]
rule = { equilibrium-propagation = { beta = 0.01 } }
train = { csv = "inputs.csv" }
test = { csv = "inputs.csv" }

[gradcheck]
entries = 4
"#;

const EXPECT: &str = "gradient-cosine = { at-least = 0.9999 }\n";

/// A workplace with `small.toml`, and `learns.toml`, which has [train] too.
fn school() -> TempDir {
    let folder = workplace();
    let text = format!("{NETWORK}{EXPECT}{TRAIN}").replace("\"small\"", "\"learns\"");
    fs::write(folder.path().join("learns.toml"), text).unwrap();
    folder
}

const BIASED: [&str; 4] = ["--engine", "behavioural", "--set", "nonideal.fabrication.spread=0.5"];

#[test]
fn gradcheck_shows_a_table_and_writes_its_report() {
    let folder = school();
    for engine in ["ideal", "behavioural", "circuit"] {
        let ran = run_in(folder.path(), &["gradcheck", "learns.toml", "--engine", engine]);
        expect_code(&ran, 0);
        assert_eq!(ran.stdout, "");
        for words in [
            "learns: gradient of 2 samples",
            engine,
            "input-hidden.weight",
            "hidden-output.weight",
            "finite differences",
            "2 of 2",
            "pass  gradient-cosine",
            "reports/learns-gradcheck/index.md",
        ] {
            assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        }
        // What `simulate` promises is not judged here.
        assert!(!ran.stderr.contains("pass  settled"), "{}", ran.stderr);
    }
    let run = folder.path().join("reports/learns-gradcheck");
    let written = [
        "gradient-order.png",
        "gradient-order.svg",
        "index.md",
        "resolved.toml",
        "results.csv",
        "results.jsonl",
        "run.json",
    ];
    assert_eq!(names(&run), written);
    let page = fs::read(run.join("index.md")).unwrap();
    fs::remove_file(run.join("index.md")).unwrap();
    expect_code(&run_in(folder.path(), &["report", "reports/learns-gradcheck"]), 0);
    assert_eq!(fs::read(run.join("index.md")).unwrap(), page);
}

#[test]
fn a_biased_gradient_exits_with_one_and_keeps_the_run() {
    let folder = school();
    let ran = run_in(folder.path(), &[&["gradcheck", "learns.toml"], &BIASED[..]].concat());
    expect_code(&ran, 1);
    assert!(ran.stderr.contains("FAIL  gradient-cosine"), "{}", ran.stderr);
    assert!(folder.path().join("reports/learns-gradcheck/index.md").is_file());
    let args = [&["gradcheck", "learns.toml", "--quiet", "--json"], &BIASED[..]].concat();
    let ran = run_in(folder.path(), &args);
    expect_code(&ran, 1);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&document["verb"], &document["truth"]),
        (&"gradcheck".into(), &"implicit differentiation".into())
    );
    let tensors = document["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), 2);
    let cosine = document["cosine"].as_f64().unwrap();
    for tensor in tensors {
        for truth in ["implicit", "finite_differences"] {
            assert!(tensor[truth]["cosine"].as_f64().unwrap() >= cosine);
        }
        assert!(tensor["judges"]["cosine"].as_f64().unwrap() > 1.0 - 1e-8);
    }
    assert!(cosine < 0.9999 && document["betas"].as_array().unwrap().len() == 7);
    assert_eq!(document["expect"][0]["passed"], false);
    assert!(ran.stderr.contains("gradient-cosine") && ran.stderr.lines().count() == 1);
}

#[test]
fn gradcheck_needs_training_and_a_strength() {
    let folder = school();
    let before = names(folder.path());
    let ran = run_in(folder.path(), &["gradcheck", "small.toml"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("small.toml has no [train]"), "{}", ran.stderr);
    let edit = "train.rule.equilibrium-propagation.beta=0";
    let ran = run_in(folder.path(), &["gradcheck", "learns.toml", "--set", edit]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("beta"), "{}", ran.stderr);
    assert_eq!(names(folder.path()), before, "something was written");
}

#[test]
fn gradcheck_leaves_runs_of_other_verbs_alone() {
    let folder = school();
    expect_code(&run_in(folder.path(), &["simulate", "small.toml", "--out", "x"]), 0);
    let ran = run_in(folder.path(), &["gradcheck", "learns.toml", "--out", "x"]);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("`simulate`") && ran.stderr.contains("--out"), "{}", ran.stderr);
    expect_code(&run_in(folder.path(), &["gradcheck", "learns.toml", "--out", "y"]), 0);
    expect_code(&run_in(folder.path(), &["gradcheck", "learns.toml", "--out", "y"]), 0);
    assert_eq!(names(folder.path()), ["inputs.csv", "learns.toml", "small.toml", "x", "y"]);
}

#[test]
fn data_that_is_not_there_is_named_with_its_cure() {
    let folder = school();
    let text = format!("{NETWORK}{TRAIN}").replace(
        "train = { csv = \"inputs.csv\" }\ntest = { csv = \"inputs.csv\" }",
        "data = \"mnist\"",
    );
    fs::write(folder.path().join("mnist.toml"), text).unwrap();
    for verb in ["check", "gradcheck"] {
        let ran = run_in(folder.path(), &[verb, "mnist.toml"]);
        expect_code(&ran, 2);
        let home = folder.path().join(".local/share/eqcircuit");
        for words in
            ["mnist.toml:", "data = \"mnist\"", &home.display().to_string(), "data fetch mnist"]
        {
            assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        }
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    }
}
