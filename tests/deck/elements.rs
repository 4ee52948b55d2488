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

#[test]
fn devices_of_a_model_are_read() {
    let text = "d1 a b dm 2 m=3\nm1 a b c d nm w=1u l=2u m=2\ns1 a b c d sm on\nd2 a b dm area=6\n\
                .model dm d is=1e-15, n=2 tnom=50\n.model nm nmos(level=1 vto=1 uo=500 rd=4)\n.model sm sw(vt=1 ron=5)\n\
                ra a 0 1\nrb b 0 1\nrc c 0 1\nrd d 0 1";
    let all = devices(text);
    let diode = r#"diode = { p = "a", n = "b", area = 6.0, is = "1 fA", emission = 2.0, "#;
    assert!(all[0].contains(diode) && all[0].contains(r#"tnom = "323.15 K""#), "{}", all[0]);
    assert_eq!(all[0].replace("d1", "d2"), all[3]);
    for part in [
        r#"w = "2 um""#,
        r#"l = "2 um""#,
        r#"vto = "1 V""#,
        r#"mobility = "0.05 m^2/Vs""#,
        r#"rd = "2 ohm""#,
    ] {
        assert!(all[1].contains(part), "{part} is not in {}", all[1]);
    }
    assert!(
        all[2].contains(r#"r-on = "5 ohm""#) && all[2].contains(r#"initial = "on""#),
        "{}",
        all[2]
    );
}

#[test]
fn wrong_models_are_named() {
    let rest = "\n.model dm d(is=1e-15)\n.model nm nmos(level=2 vt=1)\n.model bad d(is=-1 ik=2 ikf=1)\nr1 a 0 1";
    let found = |line: &str| mistakes(&format!("{line}{rest}"));
    assert_eq!(found("d1 a 0 dn"), ["2: there is no model `dn`"]);
    assert_eq!(found("d1 a 0 nm"), ["2: model `nm` is of type `nmos`"]);
    assert_eq!(found("d1 a 0"), ["2: `d1`: the model is missing"]);
    assert_eq!(
        found("m1 a 0 0 0 nm"),
        [
            "4: `level` of a model of type nmos is not modelled",
            "4: a model of type nmos has no `vt`",
        ]
    );
    assert_eq!(
        found("d1 a 0 bad"),
        [
            "5: `is` must be above zero",
            "5: a model of type d has no `ik`",
            "5: `ikf` of a model of type d is not modelled",
        ]
    );
}

#[test]
fn sources_by_expression_are_read_in_every_spelling() {
    let rest = "\n.param k=2\nra a 0 1\nrb b 0 1\nrc c 0 1";
    let value = |line: &str| {
        let text = devices(&format!("{line}{rest}")).remove(0);
        text.split_once(" = { ").map(|(_, device)| device.to_string()).unwrap()
    };
    let voltage = r#"behavioural-voltage = { p = "a", n = "0", v = "2.0 * v(b, c)" } }"#;
    for line in [
        "b1 a 0 v=k*v(b,c)",
        "B1 a 0 V = {2*v(b,c)}",
        "e1 a 0 vol='k*v(b,c)'",
        "e1 a 0 value={2 * V(B, C)}",
    ] {
        assert_eq!(value(line), voltage, "{line}");
    }
    let current = value("g1 a 0 cur='v(b)' m=3");
    assert!(current.contains(r#"i = "3.0 * v(b)""#), "{current}");
    let table = value("e1 a 0 table {v(b)} = (0,0) (1,2)");
    assert!(table.contains("pwl(v(b), 0.0, 0.0, 1.0, 2.0)"), "{table}");
    let wrong = mistakes(&format!("b1 a 0 v=k*v(q)+i(v9)\nb2 a 0 w=1\nb3 a 0 i=kk{rest}"));
    assert_eq!(
        wrong,
        [
            "2: there is no node `q`",
            "2: there is no device `v9`",
            "3: a B source is given as `v = ...` or `i = ...`",
            "4: there is no parameter `kk`",
        ]
    );
}

#[test]
fn devices_are_named_by_others_wherever_they_stand() {
    let text = "f1 a 0 v1 2\nh1 b 0 v1 3\nv1 c 0 1\nra a 0 1\nrb b 0 1\nk1 l1 l2 0.5\nl1 d 0 1\nl2 a 0 1\nrd d 0 1";
    let all = devices(text);
    assert!(
        all[0].contains(r#"cccs = { p = "a", n = "0", control = "v1", gain = 2.0 }"#),
        "{}",
        all[0]
    );
    assert!(all[5].contains(r#"coupling = { l1 = "l1", l2 = "l2", k = 0.5 }"#), "{}", all[5]);
    assert_eq!(
        mistakes("f1 a 0 r1 2\nr1 a 0 1"),
        ["2: `r1` is a resistor, whose current is no unknown"]
    );
}

#[test]
fn devices_of_the_roll_are_reached_by_models_of_their_own_kind() {
    let text = "n1 a 0 mem\n.model mem vteam(r-on=1k window=biolek)\nv1 a 0 1";
    let all = devices(text);
    assert!(all[0].contains(r#"vteam = { p = "a", n = "0", r-on = "1 kohm""#), "{}", all[0]);
    let found = mistakes(
        "n1 a mem\n.model mem vteam(r-on=1k)\nn2 a 0 m2\n.model m2 vteam(window=biolec)\nv1 a 0 1",
    );
    assert_eq!(found, ["2: a vteam has 2 nodes, but 1 are given", "5: `biolec` is no window"]);
}
