//! `plot`: what it lists, draws and prints, where the pictures go, and what it refuses.

use super::*;

/// A transient, an operating point and a frequency response, as ngspice appends them.
const PLOTS: &str = "\
Title: low pass
Date: Sun Nov 22 04:51:13  2026
Plotname: Transient Analysis
Flags: real
No. Variables: 4
No. Points: 4
Variables:
\t0\ttime\ttime
\t1\tv(in)\tvoltage
\t2\tv(out)\tvoltage
\t3\ti(v1)\tcurrent
Values:
0\t0.0
\t1.0
\t0.0
\t-1e-3
1\t1e-3
\t1.0
\t0.5
\t-5e-4
2\t2e-3
\t1.0
\t0.75
\t-2.5e-4
3\t3e-3
\t1.0
\t0.875
\t-1.25e-4

Title: low pass
Plotname: Operating Point
Flags: real
No. Variables: 1
No. Points: 1
Variables:
\t0\tv(out)\tvoltage
Values:
0\t1.25

Title: low pass
Plotname: AC Analysis
Flags: complex
No. Variables: 2
No. Points: 3
Variables:
\t0\tfrequency\tfrequency grid=3
\t1\tv(far)\tvoltage
Values:
0\t1e1,0.0
\t1.0,0.0
1\t1e2,0.0
\t0.5,-0.5
2\t1e3,0.0
\t0.0,-0.01
";

fn with_plots() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("low.raw"), PLOTS).unwrap();
    folder
}

fn texts(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn without_signals_plot_lists_what_there_is() {
    let folder = with_plots();
    let ran = run_in(folder.path(), &["plot", "low.raw"]);
    expect_code(&ran, 0);
    for line in [
        "plot 1: Transient Analysis, 4 points, of low pass (low.raw)",
        "  v(out)  V     0 V    875 mV",
        "  i(v1)   A     -1 mA  -125 uA",
        "plot 2: Operating Point, 1 point, of low pass (low.raw)",
        "  v(far)     V     10 mV  1 V    magnitude",
    ] {
        assert!(ran.stdout.lines().any(|l| l == line), "{line}\nis not in:\n{}", ran.stdout);
    }
    assert_eq!(names(folder.path()), ["low.raw"]);

    let ran = run_in(folder.path(), &["plot", "low.raw", "--plot", "ac", "--json"]);
    expect_code(&ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document.as_array().unwrap().len(), 1);
    assert_eq!((&document[0]["number"], &document[0]["complex"]), (&3.into(), &true.into()));
    assert_eq!(document[0]["signals"][1]["name"], "v(far)");
    assert_eq!(document[0]["signals"][1]["max"], 1.0);
}

#[test]
fn signals_are_drawn_beside_the_file() {
    let folder = with_plots();
    fs::create_dir(folder.path().join("deep")).unwrap();
    fs::rename(folder.path().join("low.raw"), folder.path().join("deep/low.raw")).unwrap();
    let ran = run_in(folder.path(), &["plot", "deep/low.raw", "out", "I(V1)", "v(in,out)"]);
    expect_code(&ran, 0);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("plot 1 of 3: Transient Analysis"), "{}", ran.stderr);
    assert!(ran.stderr.contains("wrote deep/low.svg, deep/low.png"), "{}", ran.stderr);
    let svg = texts(folder.path(), "deep/low.svg");
    for words in ["low pass: Transient Analysis", "time (ms)", "i(v1) (mA)", "voltage (", "v(out)"]
    {
        assert!(svg.contains(words), "{words} is not in the picture");
    }
    assert_eq!(&fs::read(folder.path().join("deep/low.png")).unwrap()[..4], b"\x89PNG");

    // A signal of another plot is found there, and -o writes one picture.
    let ran = run_in(folder.path(), &["plot", "deep", "v(far)", "-o", "bode.svg", "--json"]);
    expect_code(&ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["plot"], &document["points"]), (&"AC Analysis".into(), &3.into()));
    assert_eq!(document["files"], serde_json::json!(["bode.svg"]));
    assert!(texts(folder.path(), "bode.svg").contains("frequency (Hz)"));
    assert_eq!(names(folder.path()), ["bode.svg", "deep"]);
}

#[test]
fn a_signal_is_drawn_over_another() {
    let folder = with_plots();
    let args = ["plot", "low.raw", "i(v1)", "--against", "v(out)", "-o", "loop.svg"];
    expect_code(&run_in(folder.path(), &args), 0);
    let svg = texts(folder.path(), "loop.svg");
    assert!(svg.contains("v(out) (mV)") && !svg.contains("time (ms)"), "{svg}");
    let args = ["plot", "low.raw", "v(far)", "--plot", "3", "--against", "v(far)", "-o", "no.svg"];
    let ran = run_in(folder.path(), &args);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("draw over its magnitude, mag(v(far))"), "{}", ran.stderr);
    let args = ["plot", "low.raw", "i(v1)", "--against", "v(outt)", "-o", "no.svg"];
    let ran = run_in(folder.path(), &args);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("v(out)"), "{}", ran.stderr);
    assert_eq!(names(folder.path()), ["loop.svg", "low.raw"]);
}

#[test]
fn a_table_goes_in_and_out() {
    let folder = with_plots();
    let args = ["plot", "low.raw", "v(out)*2", "--csv", "--from", "1 ms", "--to", "2.5 ms"];
    let ran = run_in(folder.path(), &args);
    expect_code(&ran, 0);
    assert_eq!(ran.stdout, "time_s,v(out)*2_V\n1e-3,1e0\n2e-3,1.5e0\n");
    assert_eq!(names(folder.path()), ["low.raw"]);
    let ran = run_in(folder.path(), &["plot", "low.raw", "--csv", "--plot", "3"]);
    assert_eq!(
        ran.stdout,
        "frequency_Hz,v(far)_V_re,v(far)_V_im\n1e1,1e0,0e0\n1e2,5e-1,-5e-1\n1e3,0e0,-1e-2\n"
    );
    fs::write(folder.path().join("far.csv"), &ran.stdout).unwrap();
    let again = run_in(folder.path(), &["plot", "far.csv", "--csv"]);
    assert_eq!(again.stdout, ran.stdout);
    let ran = run_in(folder.path(), &["plot", "far.csv", "far", "--quiet"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert!(texts(folder.path(), "far.svg").contains("phase of v(far)"));
}

#[test]
fn an_operating_point_is_printed() {
    let folder = with_plots();
    let ran = run_in(folder.path(), &["plot", "low.raw", "out", "out/2", "--plot", "op"]);
    expect_code(&ran, 0);
    assert_eq!(ran.stdout, "  v(out)  1.25 V\n  out/2   625 mV\n");
    let args = ["plot", "low.raw", "out", "--plot", "op", "-o", "x.svg"];
    let ran = run_in(folder.path(), &args);
    expect_code(&ran, 2);
    assert!(ran.stderr.contains("no axis"), "{}", ran.stderr);
    assert_eq!(names(folder.path()), ["low.raw"]);
}

#[test]
fn the_folder_of_a_run_is_plotted_without_touching_its_report() {
    let folder = workplace();
    let args = ["simulate", "small.toml", "--engine", "behavioural", "--out", "run"];
    expect_code(&run_in(folder.path(), &args), 0);
    let run = folder.path().join("run");
    let before = names(&run);
    let ran = run_in(folder.path(), &["plot", "run", "--json"]);
    expect_code(&ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let signal = document[0]["signals"][1]["name"].as_str().unwrap().to_owned();
    expect_code(&run_in(folder.path(), &["plot", "run", &signal]), 0);
    let added: Vec<String> = names(&run).into_iter().filter(|n| !before.contains(n)).collect();
    assert_eq!(added, ["waveforms-plot.png", "waveforms-plot.svg"]);
}

#[test]
fn mistakes_say_what_to_do_instead() {
    let folder = with_plots();
    fs::write(folder.path().join("cut.raw"), &PLOTS[..300]).unwrap();
    fs::write(folder.path().join("other.txt"), "hello\n").unwrap();
    fs::write(folder.path().join("x.parquet"), "PAR1").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let before = names(folder.path());
    for (args, words) in [
        (
            &["low.raw", "v(otu)"][..],
            "did you mean `v(out)`? there are: time, v(in), v(out), i(v1)",
        ),
        (&["low.raw", "db(out"], "cannot be read"),
        (&["low.raw", "out", "--from", "1"], "write --from '1 us'"),
        (&["low.raw", "out", "--from", "1 mV"], "a number of second"),
        (&["low.raw", "out", "--from", "3 ms", "--to", "1 ms"], "at or after"),
        (&["low.raw", "out", "--from", "1 s"], "the axis goes from 0 s to 3 ms"),
        (&["low.raw", "out", "--plot", "noise"], "2  Operating Point (low.raw)"),
        (&["low.raw", "out", "--plot", "7"], "there is no plot `7`"),
        (&["low.raw", "out", "-o", "no/such/x.png"], "cannot write no/such/x.png"),
        (&["low.raw", "out", "-o", "x.pdf"], ".svg or .png"),
        (&["cut.raw"], "line "),
        (&["other.txt"], "line 1: `hello` is no line of a raw file's header"),
        (&["none.raw"], "cannot read `none.raw`"),
        (&["empty"], "holds no waveforms"),
        (
            &["x.parquet"],
            if cfg!(feature = "parquet") { "not readable" } else { "--features parquet" },
        ),
    ] {
        let ran = run_in(folder.path(), &[&["plot"], args].concat());
        expect_code(&ran, 2);
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    assert_eq!(names(folder.path()), before);
}
