use super::{deck, mistakes, read, toml};
use proptest::prelude::*;

#[test]
fn all_mistakes_are_told_at_once() {
    let found = mistakes("r1 a b 1x1\nq1 a b c\n.trn\nv1 a 0 1\n.option foo");
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn a_node_without_a_path_to_ground_is_named() {
    assert_eq!(
        mistakes("r1 a b 1\nv1 c 0 1"),
        ["2: nodes `a`, `b` have no path to ground for a direct current"]
    );
    let notes = deck("r1 a 0 1\nr2 a b 1\n.op").notes;
    assert!(notes[0].ends_with("only one device is on node `b`"), "{notes:?}");
}

/// Nobody sees them, and the home format has no such names.
#[test]
fn unseen_characters_are_pointed_at() {
    for unseen in ['\0', '\u{a0}', '\u{85}'] {
        let found = mistakes(&format!("r1 a{unseen} 0 1\nr2 a 0 1"));
        assert_eq!(found, ["2: a character stands here that cannot be seen"], "{unseen:?}");
    }
}

#[test]
fn a_loop_of_sources_is_named() {
    assert_eq!(
        mistakes("v1 a 0 1\nv2 a 0 2"),
        ["3: `v2` forces a voltage between nodes where others already do"]
    );
}

#[test]
fn at_most_a_hundred_mistakes_are_told() {
    let lines: String = (0..250).map(|k| format!("q{k} a b c\n")).collect();
    let found = mistakes(&lines);
    assert_eq!((found.len(), found[0].as_str()), (101, "150 more mistakes are not shown"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}") {
        drop(read(&text));
    }

    #[test]
    fn no_words_of_decks_make_the_reader_panic(words in proptest::collection::vec(word(), 0..60)) {
        drop(read(&words.concat()));
    }
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "\nr1 ",
        "\nc1 ",
        "\nl1 ",
        "\nk1 l1 l2 ",
        "\nv1 ",
        "\ni1 ",
        "\ne1 ",
        "\ng1 ",
        "\nx1 ",
        "\nn1 ",
        "\n+ ",
        "\n* ",
        "\n.param ",
        "\n.subckt s ",
        "\n.ends\n",
        "\n.model m ",
        "\n.func f(x) ",
        "\n.tran ",
        "\n.dc ",
        "\n.ac dec ",
        "\n.meas tran m ",
        "\n.ic ",
        "\n.options ",
        "\n.control\n",
        "\n.endc\n",
        "\n.noise ",
        "\n.global ",
        "\n.temp ",
        "a ",
        "b ",
        "0 ",
        "gnd ",
        "1k ",
        "1u ",
        "{",
        "}",
        "'",
        "\"",
        "(",
        ")",
        "=",
        ",",
        "v(a) ",
        "i(v1) ",
        "val=1 ",
        "pulse(",
        "sin(0 1 1k) ",
        "pwl(0 0 1 1) ",
        "dc ",
        "ac ",
        "m=2 ",
        "params: ",
        "f(",
        "a=1 ",
        "b={a} ",
        "s ",
        "d(",
        "uic ",
        "avg ",
        "trig ",
        "targ ",
        "when ",
        "table ",
        "poly(1) ",
        "value=",
        "1e999 ",
        "-1 ",
        "$ ",
        "; ",
        "µ ",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_string)
}

#[test]
fn what_is_said_twice_is_told() {
    let twice = |lines: &str, name: &str| {
        let read = deck(&format!("{lines}\nr9 a 0 1\nv9 a 0 1\n.op"));
        let told: Vec<&String> = read.notes.iter().filter(|n| n.contains("again later")).collect();
        assert_eq!(told.len(), 1, "{lines}: {:?}", read.notes);
        assert!(told[0].contains(&format!("`{name}` is given again later, which counts")));
        read.netlist
    };
    let ohms = |lines: &str, name: &str| {
        let text = toml(&twice(lines, name), None);
        let line = text.lines().find(|line| line.starts_with("\"r1\"")).map(str::to_string);
        line.unwrap_or_else(|| panic!("{text}"))
    };
    assert!(ohms("r1 a 0 {x}\n.param x=1 x=2", "x").contains("g = \"500 mS\""));
    assert!(ohms("r1 a 0 {x}\n.param x=1\n.param x=2", "x").contains("g = \"500 mS\""));
    assert!(ohms("r1 a 0 6 m=2 m=3", "m").contains("g = \"500 mS\""));
    assert_eq!(
        mistakes("l1 a 0 1\nl2 a 0 1\nr1 a 0 1\nk1 l1 l2 .5\nk2 l2 l1 .3\n.tran 1 9 uic"),
        ["6: `k2` couples what is already coupled"]
    );
    assert_eq!(
        mistakes("r1 a 0 1\n.op\n.meas tran x max v(a)\n.meas ac x max v(a)"),
        ["5: there already is a measure `x`"]
    );
}

#[test]
fn names_that_are_printed_and_not_there_are_told() {
    let notes =
        deck("v1 a 0 1\nr1 a b 1\nr2 b 0 1\n.op\n.print tran v(zz) v(a,b) i(v1) i(rr)").notes;
    let told: Vec<&str> =
        notes.iter().filter_map(|n| n.split_once("names ").map(|n| n.1)).collect();
    assert_eq!(told, ["a node `zz`, which is not there", "a device `rr`, which is not there"]);
}

#[test]
fn a_tolerance_that_stays_tighter_is_told() {
    let notes = deck("r1 a 0 1\nv1 a 0 1\n.op\n.options reltol=1e-9 vntol=1").notes;
    assert!(notes.len() == 1 && notes[0].contains("`vntol` stays at"), "{notes:?}");
}
