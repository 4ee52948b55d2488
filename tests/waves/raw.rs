//! Raw files: exact round trips, ngspice on both sides, and files that are broken.

use std::fs;
use std::path::Path;
use std::process::Command;

use eqcircuit::data::raw::{self, Format};

use super::*;
use crate::ngspice;

fn bytes(waves: &Waves, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    raw::write(&mut bytes, waves, format).unwrap();
    bytes
}

proptest! {
    #[test]
    fn what_is_written_is_read(plots in proptest::collection::vec(waves(), 1..4)) {
        for format in [Format::Binary, Format::Ascii] {
            let file: Vec<u8> = plots.iter().flat_map(|p| bytes(p, format)).collect();
            let read = raw::parse(&file).unwrap();
            prop_assert_eq!(read.len(), plots.len());
            for (read, written) in read.iter().zip(&plots) {
                assert_same(read, written);
            }
        }
    }

    #[test]
    fn a_file_cut_short_is_told_or_is_whole(waves in waves(), share in 0.0..1.0) {
        for format in [Format::Binary, Format::Ascii] {
            let file = bytes(&waves, format);
            let cut = &file[..(share * file.len() as f64) as usize];
            match raw::parse(cut) {
                Err(fault) => prop_assert!(!fault.message.is_empty() && !fault.help.is_empty()),
                Ok(read) => assert_same(&read[0], &waves),
            }
        }
    }

    #[test]
    fn a_file_with_wrong_bytes_never_panics(
        waves in waves(),
        wrong in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for format in [Format::Binary, Format::Ascii] {
            let mut file = bytes(&waves, format);
            for (at, byte) in &wrong {
                let at = at.index(file.len());
                file[at] = *byte;
            }
            let _ = raw::parse(&file);
        }
    }

    #[test]
    fn random_bytes_never_panic(
        words in proptest::collection::vec(
            prop_oneof![
                Just("Title: x\n"), Just("Plotname: Operating Point\n"), Just("Flags: real\n"),
                Just("Flags: complex\n"), Just("No. Variables: 2\n"), Just("No. Points: 3\n"),
                Just("No. Points: 18446744073709551615\n"), Just("Variables:\n"),
                Just("\t0\ttime\ttime\n"), Just("\t1\tv(a)\tvoltage\n"), Just("Binary:\n"),
                Just("Values:\n"), Just("0\t1.0\n\t2.0\n"), Just("1,2"), Just("\u{0}"), Just("\n"),
            ],
            0..14,
        ),
        noise in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let file = [words.concat().as_bytes(), &noise].concat();
        let _ = raw::parse(&file);
        let _ = raw::parse(&noise);
    }
}

const HEAD: &str = "Title: t\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 2\n\
                    No. Points: 2\nVariables:\n\t0\ttime\ttime\n\t1\tv(a)\tvoltage\n";

#[test]
fn faults_say_where_and_what() {
    let ascii = format!("{HEAD}Values:\n0\t0.0\n\t1.0\n1\t1.0\n\t2.0\n");
    assert_eq!(raw::parse(ascii.as_bytes()).unwrap()[0].points(), 2);
    let cases = [
        ("", None, "empty"),
        ("time_s,v(out)_V\n0,1\n", Some(1), "no line of a raw file's header"),
        (&ascii.replace("No. Points: 2", "No. Points: two"), Some(5), "`two`"),
        (&ascii.replace("No. Points: 2\n", ""), Some(8), "`No. Points:`"),
        (&ascii.replace("Flags: real\n", ""), Some(8), "`Flags:`"),
        (&ascii.replace("Flags: real", "Flags: real unpadded"), Some(3), "unpadded"),
        (&ascii.replace("\t1\tv(a)", "\t2\tv(a)"), Some(8), "variable 1 of 2"),
        (&ascii.replace("1\t1.0", "7\t1.0"), Some(12), "`7` should be the number of point 1"),
        (&ascii.replace("2.0", "2,0"), Some(13), "the value of `v(a)` at point 1"),
        (&ascii.replace("\t2.0\n", ""), Some(13), "ends at point 1 of 2"),
        (ascii.trim_end(), Some(13), "the file ends in `2.0`, of which digits may be missing"),
        (&ascii.replace("No. Variables: 2", "No. Variables: 99999999999"), Some(9), "variable 2"),
        (&HEAD.replace("No. Variables: 2", "No. Variables: 3"), Some(9), "variable 2 of 3"),
        (&format!("{HEAD}Binary:\n0123456"), None, "byte 129: 2 points of 2 variables"),
        (
            &format!(
                "{}Binary:\n0123456",
                HEAD.replace("Points: 2", "Points: 4611686018427387904")
            ),
            None,
            "0 whole points",
        ),
        (
            &format!("{}Binary:\n{}", HEAD.replace("Points: 2", "Points: 0"), "x".repeat(16)),
            None,
            "no points were announced, but 16 bytes follow",
        ),
    ];
    for (text, line, words) in cases {
        let fault = raw::parse(text.as_bytes()).unwrap_err();
        assert!(fault.message.contains(words), "{words}: {fault}");
        assert_eq!(fault.line, line, "{fault}");
    }
    let wide: Vec<u8> = ascii.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(raw::parse(&wide).unwrap_err().message.contains("LTspice"));
    let fault = raw::read(Path::new("/nowhere.raw")).unwrap_err();
    assert!(fault.message.contains("/nowhere.raw"), "{fault}");
}

/// Runs a deck whose control block writes files into its folder, and returns what ngspice said.
fn ngspice_in(folder: &Path, deck: &str) -> String {
    fs::write(folder.join("deck.cir"), deck).unwrap();
    let job =
        Command::new("ngspice").args(["-b", "deck.cir"]).current_dir(folder).output().unwrap();
    [job.stdout, job.stderr].iter().map(|text| String::from_utf8_lossy(text)).collect()
}

/// An RC low pass with every analysis, written by ngspice in both ways.
const DECK: &str = "rc low pass
v1 in 0 dc 2 ac 1 sin(0 1 1k)
r1 in out 1k
c1 out 0 1u
.control
op
write op.raw
dc v1 -1 1 0.5
write dc.raw
dc temp 0 50 25
write temp.raw
tran 10u 1m
write tran.raw
ac dec 5 10 100k
write ac.raw
noise v(out) v1 dec 5 10 100k
setplot noise2
write noise.raw
set filetype=ascii
write noise_a.raw
setplot ac2
write all.raw
set appendwrite
setplot tran2
write all.raw
quit
.endc
.end
";

#[test]
fn imaginary_parts_of_frequencies_mean_nothing() {
    let column = |name: &str, kind, values: &[[f64; 2]]| Column {
        name: name.into(),
        kind,
        values: Values::Complex(values.to_vec()),
    };
    let waves = Waves {
        title: "left over".into(),
        plot: "AC Analysis".into(),
        columns: vec![
            column("frequency", ColumnKind::Frequency, &[[10.0, 4.7e256], [20.0, -2.8e-240]]),
            column("v(out)", ColumnKind::Voltage, &[[1.0, 0.5], [0.5, 0.25]]),
        ],
    };
    let read = &raw::parse(&bytes(&waves, Format::Binary)).unwrap()[0];
    assert_eq!(read.axis().unwrap().values, Values::Real(vec![10.0, 20.0]));
    assert_eq!(read.columns[1], waves.columns[1]);
}

#[test]
fn files_of_ngspice_are_read() {
    if !ngspice::is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let said = ngspice_in(folder.path(), DECK);
    let read = |name: &str| {
        raw::read(&folder.path().join(name)).unwrap_or_else(|f| panic!("{name}: {f}\n{said}"))
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-6 * b.abs(), "{a:e} is not {b:e}");

    let op = &read("op.raw")[0];
    assert_eq!(op.plot, "Operating Point");
    assert!(op.axis().is_none() && op.points() == 1);
    near(op.column("V(OUT)").unwrap().values.at(0)[0], 2.0);

    let dc = &read("dc.raw")[0];
    assert_eq!(dc.axis().unwrap().values, Values::Real(vec![-1.0, -0.5, 0.0, 0.5, 1.0]));
    assert_eq!(read("temp.raw")[0].axis().unwrap().kind, ColumnKind::Temperature);
    assert_eq!(read("tran.raw")[0].axis().unwrap().kind, ColumnKind::Time);

    // |1 / (1 + j w R C)| and its angle
    for ac in [&read("ac.raw")[0], &read("all.raw")[0]] {
        let Values::Real(frequencies) = &ac.axis().unwrap().values else { panic!("a real axis") };
        let gain = &ac.column("v(out)").unwrap().values;
        for (i, f) in frequencies.iter().enumerate() {
            let w = std::f64::consts::TAU * f * 1e-3;
            near(gain.at(i)[0], 1.0 / (1.0 + w * w));
            near(gain.at(i)[1], -w / (1.0 + w * w));
        }
    }
    let all = read("all.raw");
    assert_eq!(all.len(), 2);
    // ngspice writes 16 digits, which is one too few for some doubles.
    let (a, b) = (&all[1], &read("tran.raw")[0]);
    for (a, b) in a.columns.iter().zip(&b.columns) {
        (0..a.values.len()).for_each(|i| {
            let (a, b) = (a.values.at(i)[0], b.values.at(i)[0]);
            assert!((a - b).abs() <= 1e-15 * b.abs(), "{a:e} is not {b:e}");
        });
    }

    // sqrt(4 k T R) / |1 + j w R C|, at 27 degrees
    for noise in [&read("noise.raw")[0], &read("noise_a.raw")[0]] {
        let density = noise.column("onoise_spectrum").unwrap();
        assert_eq!(density.kind, ColumnKind::VoltageNoise);
        let thermal = (4.0 * 1.380649e-23 * 300.15 * 1e3f64).sqrt();
        for i in 0..noise.points() {
            let w = std::f64::consts::TAU * noise.axis().unwrap().values.at(i)[0] * 1e-3;
            near(density.values.at(i)[0], thermal / (1.0 + w * w).sqrt());
        }
    }
}

#[test]
fn ngspice_loads_our_files() {
    if !ngspice::is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let real = Waves {
        title: "ours".into(),
        plot: "Transient Analysis".into(),
        columns: vec![
            column("time", ColumnKind::Time, Values::Real(vec![0.0, 1e-3, 3e-3])),
            column("v(out)", ColumnKind::Voltage, Values::Real(vec![0.5, -1.25, 1e-7])),
            column("i(v1)", ColumnKind::Current, Values::Real(vec![1e-3, 2e-3, 3e-3])),
        ],
    };
    let complex = Waves {
        title: "ours".into(),
        plot: "AC Analysis".into(),
        columns: vec![
            column("frequency", ColumnKind::Frequency, Values::Real(vec![1e3, 1e4])),
            column("v(out)", ColumnKind::Voltage, Values::Complex(vec![[0.75, -0.25], [0.0, 2.0]])),
        ],
    };
    for format in [Format::Binary, Format::Ascii] {
        let file = [bytes(&real, format), bytes(&complex, format)].concat();
        fs::write(folder.path().join("ours.raw"), file).unwrap();
        let deck = "a deck\nr1 a 0 1\n.control\nload ours.raw\nsetplot\n\
                    setplot tran1\nprint time v(out) i(v1)\nlet half = v(out)[1]\nprint half\n\
                    setplot ac1\nprint v(out)\nquit\n.endc\n.end\n";
        let said = ngspice_in(folder.path(), deck);
        for words in ["-1.25000e+00", "1.000000e-07", "3.000000e-03", "half = -1.25"] {
            assert!(said.contains(words), "{words} is not in:\n{said}");
        }
        assert!(said.contains("7.500000e-01,\t-2.50000e-01"), "{said}");
        assert!(!said.contains("rror"), "{said}");
    }
}
