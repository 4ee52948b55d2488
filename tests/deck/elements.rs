use super::{devices, mistakes};

/// The device of one line, with a resistor beside it so that no node floats.
fn one(line: &str) -> String {
    let rest = "rx a 0 1\nry b 0 1\nrz c 0 1\nrw d 0 1\nvx e 0 1";
    devices(&format!("{line}\n{rest}")).remove(0)
}

#[test]
fn passive_elements_are_read() {
    assert_eq!(one("R1 a b 10k"), r#""r1" = { resistor = { p = "a", n = "b", g = "100 uS" } }"#);
    assert_eq!(one("r1 a b r=1k m=2"), r#""r1" = { resistor = { p = "a", n = "b", g = "2 mS" } }"#);
    assert_eq!(one("C1 a b 1uF"), r#""c1" = { capacitor = { p = "a", n = "b", c = "1 uF" } }"#);
    assert_eq!(
        one("c1 a b c=2p m=3"),
        r#""c1" = { capacitor = { p = "a", n = "b", c = "6 pF" } }"#
    );
}

#[test]
fn nodes_may_stand_between_commas_and_parentheses() {
    let gain = r#""e1" = { vcvs = { p = "a", n = "b", cp = "c", cn = "0", gain = 2.0 } }"#;
    assert_eq!(one("e1 a b c 0 2"), gain);
    assert_eq!(one("E1 (a,b) (c,gnd) 2"), gain);
}

#[test]
fn controlled_sources_are_read() {
    let g = r#""g1" = { vccs = { p = "a", n = "b", cp = "c", cn = "d", gm = "6 mS" } }"#;
    assert_eq!(one("g1 a b c d 2m m=3"), g);
}

#[test]
fn a_resistance_of_zero_or_below_is_refused_with_a_cure() {
    assert_eq!(
        mistakes("r1 a 0 0\nr2 a 0 -1"),
        ["2: a resistance must be above zero", "3: a resistance must be above zero",]
    );
}

#[test]
fn lines_that_are_no_devices_are_named() {
    let found = mistakes("q1 a b c bc547\nt1 a 0 b 0 z0=50\n?1 a b\nw1 a b v1 sw");
    assert_eq!(
        found,
        [
            "2: `q1` is a bipolar transistor, which is not modelled",
            "3: `t1` is a transmission line, which is not modelled",
            "4: `?1` is no device",
            "5: `w1` is a current-controlled switch, which is not modelled",
        ]
    );
}

#[test]
fn incomplete_lines_are_named() {
    let found = mistakes("r1 a\nr2 a b\nc1 a b\ne1 a b c\ng1 a b c d\nx1");
    assert_eq!(
        found,
        [
            "2: `r1`: a node is missing",
            "3: `r2`: the resistance is missing",
            "4: `c1`: the capacitance is missing",
            "5: `e1`: a node is missing",
            "6: `g1`: the gain is missing",
            "7: this line names no subcircuit",
        ]
    );
}

#[test]
fn two_devices_of_a_name_are_a_mistake() {
    assert_eq!(mistakes("r1 a 0 1\nR1 a 0 2"), ["3: there are two devices `r1`"]);
}

#[test]
fn polynomials_are_refused_with_advice() {
    assert_eq!(mistakes("r1 a 0 1\ne1 b 0 poly(1) a 0 0 1"), ["3: `poly` is not read"]);
}
