use super::{deck, mistakes, read};
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
