use super::*;
use proptest::prelude::*;

#[test]
fn quantities_read_as_people_write_them() {
    let cases = [
        ("25 uS", Dimension::Siemens, 25e-6),
        ("25uS", Dimension::Siemens, 25e-6),
        ("25 \u{b5}S", Dimension::Siemens, 25e-6),
        ("25 \u{3bc}S", Dimension::Siemens, 25e-6),
        (" 100 fF ", Dimension::Farad, 100e-15),
        ("2 ohm", Dimension::Ohm, 2.0),
        ("1 kohm", Dimension::Ohm, 1e3),
        ("40 k\u{3a9}", Dimension::Ohm, 40e3),
        ("40 k\u{2126}", Dimension::Ohm, 40e3),
        ("1 Mohm", Dimension::Ohm, 1e6),
        ("1 mohm", Dimension::Ohm, 1e-3),
        ("5 us", Dimension::Second, 5e-6),
        ("1.5e-3 V", Dimension::Volt, 1.5e-3),
        ("1.5E3 mV", Dimension::Volt, 1.5),
        ("-.5 V", Dimension::Volt, -0.5),
        ("300 K", Dimension::Kelvin, 300.0),
        ("1 aJ", Dimension::Joule, 1e-18),
        ("1 GHz", Dimension::Hertz, 1e9),
        ("0.25", Dimension::One, 0.25),
        ("1 um", Dimension::Metre, 1e-6),
        ("2 mm", Dimension::Metre, 2e-3),
        ("3 m", Dimension::Metre, 3.0),
        ("1e-12 m^2", Dimension::SquareMetre, 1e-12),
        ("20 uA/V^2", Dimension::AmperePerSquareVolt, 20e-6),
        ("300 pF/m", Dimension::FaradPerMetre, 300e-12),
        ("10 MV/s", Dimension::VoltPerSecond, 1e7),
        ("2 min", Dimension::Second, 120.0),
        ("1.5 h", Dimension::Second, 5400.0),
        ("1 d", Dimension::Second, 86_400.0),
        ("0.5 eV", Dimension::Joule, 0.5 * ELEMENTARY_CHARGE),
    ];
    for (text, dimension, value) in cases {
        assert_eq!(parse(text, dimension, Range::Any), Ok(value), "{text}");
    }
}

#[test]
fn faults_name_what_is_wrong() {
    let siemens = |text| parse(text, Dimension::Siemens, Range::Positive).unwrap_err();
    assert_eq!(siemens("uS"), UnitFault::NotANumber);
    assert_eq!(siemens("nan S"), UnitFault::NotFinite);
    assert_eq!(siemens("-inf S"), UnitFault::NotFinite);
    assert_eq!(siemens("1e999 S"), UnitFault::NotFinite);
    assert_eq!(siemens("1e99999999999 S"), UnitFault::NotFinite);
    assert_eq!(siemens("1e-99999999999 S"), UnitFault::OutOfRange { range: Range::Positive });
    assert_eq!(siemens("-1 S"), UnitFault::OutOfRange { range: Range::Positive });
    assert_eq!(siemens("25"), UnitFault::MissingUnit { write: "25 uS".into() });
    assert_eq!(siemens("0.000025"), UnitFault::MissingUnit { write: "25 uS".into() });
    assert_eq!(
        siemens("25 u"),
        UnitFault::UnknownUnit { unit: "u".into(), write: Some("25 uS".into()) }
    );
    assert_eq!(siemens("25 xyz"), UnitFault::UnknownUnit { unit: "xyz".into(), write: None });
    assert_eq!(
        siemens("40 kohm"),
        UnitFault::WrongDimension {
            found: Dimension::Ohm,
            expected: Dimension::Siemens,
            write: Some("25 uS".into())
        }
    );
    assert_eq!(
        parse("1 KOHM", Dimension::Ohm, Range::Any),
        Err(UnitFault::UnknownUnit { unit: "KOHM".into(), write: Some("1 kohm".into()) })
    );
}

#[test]
fn a_prefix_alone_is_no_metre_and_a_square_takes_none() {
    assert_eq!(
        parse("5 m", Dimension::Volt, Range::Any),
        Err(UnitFault::UnknownUnit { unit: "m".into(), write: Some("5 mV".into()) })
    );
    assert_eq!(
        parse("1 um^2", Dimension::SquareMetre, Range::Any),
        Err(UnitFault::UnknownUnit { unit: "um^2".into(), write: None })
    );
    assert_eq!(format_exact(1e-12, Dimension::SquareMetre), "1e-12 m^2");
    assert_eq!(format_exact(0.02, Dimension::PerVolt), "0.02 1/V");
}

#[test]
fn values_are_written_with_the_prefix_that_fits() {
    assert_eq!(format_short(25e-6, Dimension::Siemens), "25 uS");
    assert_eq!(format_short(99.96e-15, Dimension::Farad), "99.96 fF");
    assert_eq!(format_short(1234.56, Dimension::Ohm), "1.235 kohm");
    assert_eq!(format_short(999.99, Dimension::Ohm), "1 kohm");
    assert_eq!(format_short(-0.5, Dimension::Volt), "-500 mV");
    assert_eq!(format_short(0.0, Dimension::Volt), "0 V");
    assert_eq!(format_exact(1.5e-30, Dimension::Siemens), "1.5e-30 S");
    assert_eq!(format_exact(0.05, Dimension::One), "0.05");
    assert_eq!(format_exact(1e-9, Dimension::One), "1e-9");
    assert_eq!(format_exact(12345.678, Dimension::One), "12345.678");
}

proptest! {
    #[test]
    fn exact_text_reads_back_to_the_same_bits(bits: u64, which in 0..Dimension::ALL.len()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let dimension = Dimension::ALL[which];
        let text = format_exact(value, dimension);
        let back = parse(&text, dimension, Range::Any).map(f64::to_bits);
        prop_assert_eq!(back, Ok(bits), "{}", text);
    }

    #[test]
    fn exact_text_of_everyday_values_reads_back(value in -1e7f64..1e7, power in -15i32..6) {
        let value = value * 10f64.powi(power);
        for dimension in Dimension::ALL {
            let back = parse(&format_exact(value, dimension), dimension, Range::Any);
            prop_assert_eq!(back.map(f64::to_bits), Ok(value.to_bits()));
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,12}") {
        for dimension in [Dimension::One, Dimension::Ohm] {
            let _ = parse(&text, dimension, Range::Any);
        }
    }
}
