//! Tables of waveforms.

use eqcircuit::data::table;

use super::*;

proptest! {
    #[test]
    fn what_is_written_is_read(waves in waves()) {
        let mut bytes = Vec::new();
        table::write(&mut bytes, &waves).unwrap();
        let read = table::parse(&waves.title, &bytes).unwrap();
        assert_same(&read, &waves);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = table::parse("x", &bytes);
        let _ = table::parse("x", &[&b"time_s,v(a)_V\n0,1\n"[..], &bytes].concat());
    }
}

#[test]
fn headers_carry_units_and_parts() {
    let waves = Waves {
        title: "t".into(),
        plot: "AC Analysis".into(),
        columns: vec![
            column("frequency", ColumnKind::Frequency, Values::Real(vec![1e3])),
            column("v(a,b)", ColumnKind::Voltage, Values::Complex(vec![[0.5, -0.25]])),
        ],
    };
    let mut bytes = Vec::new();
    table::write(&mut bytes, &waves).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text, "frequency_Hz,\"v(a,b)_V_re\",\"v(a,b)_V_im\"\n1e3,5e-1,-2.5e-1\n");
    assert_eq!(table::parse("t", text.as_bytes()).unwrap(), waves);
}

#[test]
fn faults_say_the_line() {
    for (text, line, words) in [
        ("", None, "no header"),
        ("1,2\n3,4\n", None, "no header"),
        ("time_s,v(a)_V\n0,1\n1\n", Some(3), "1 entries under 2 headers"),
        ("# made by hand\ntime_s,v(a)_V\n0,1\n1,high\n", Some(4), "`high` under `v(a)_V`"),
    ] {
        let fault = table::parse("x", text.as_bytes()).unwrap_err();
        assert!(fault.message.contains(words), "{fault}");
        assert_eq!(fault.line, line, "{fault}");
    }
    let fault = table::parse("x", b"time_s,v(a)_V\n0,\xff\n").unwrap_err();
    assert_eq!((fault.line, fault.message.as_str()), (Some(2), "this is not UTF-8 text"));
}

/// Lines that begin with `#` are remarks.
#[test]
fn a_header_like_a_remark_is_read_again() {
    let waves = Waves {
        title: "t".into(),
        plot: String::new(),
        columns: vec![column("#n", ColumnKind::Other, Values::Real(vec![1.0]))],
    };
    let mut bytes = Vec::new();
    table::write(&mut bytes, &waves).unwrap();
    let read = table::parse("t", &bytes).unwrap();
    assert_eq!(read.columns[0].name, "#n");
}
