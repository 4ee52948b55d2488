//! Sound decks made wrong.

use proptest::prelude::*;

use crate::circuit::{Pick, pick};

/// What is done to a sound deck.
#[derive(Debug, Clone)]
pub enum Mutation {
    DropWord(Pick, Pick),
    DropLine(Pick),
    Repeat(Pick),
    SwapWords(Pick, Pick, Pick),
    Replace(Pick, Pick, usize),
    /// A node that nothing else is on.
    Float(Pick, Pick),
    /// A source across the first node and ground, twice.
    Loop,
    Cut(Pick),
    Append(usize),
}

/// Words that are no value, or none that makes sense.
const ABSURD: [&str; 16] = [
    "0", "-1", "1e300", "-1e300", "1e-300", "nan", "inf", "abc", "1e999", "", "(", "{1/0}", "=",
    "{x}", "1k1", "\u{3a9}",
];

/// Lines that are wrong, unfinished or strange.
const STRANGE: [&str; 14] = [
    ".tran 1u",
    ".tran 0 0",
    ".tran 1u -1m",
    ".dc nothing 0 1 0.1",
    ".dc v0 0 1 0",
    ".ac dec 0 1 10",
    ".ac dec 10 10 1",
    ".subckt a b c",
    ".ends",
    ".model m9 d(is=0 n=0)",
    ".param a={a}",
    ".noise v(1) nothing dec 1 1 10",
    "x1 1 2 nothing",
    "q1 1 2 3 bipolar",
];

pub fn mutations() -> impl Strategy<Value = Mutation> {
    let i = pick;
    prop_oneof![
        (i(), i()).prop_map(|(l, w)| Mutation::DropWord(l, w)),
        i().prop_map(Mutation::DropLine),
        i().prop_map(Mutation::Repeat),
        (i(), i(), i()).prop_map(|(l, a, b)| Mutation::SwapWords(l, a, b)),
        (i(), i(), 0..ABSURD.len()).prop_map(|(l, w, k)| Mutation::Replace(l, w, k)),
        (i(), i()).prop_map(|(l, w)| Mutation::Float(l, w)),
        Just(Mutation::Loop),
        i().prop_map(Mutation::Cut),
        (0..STRANGE.len()).prop_map(Mutation::Append),
    ]
}

/// The deck after a mutation. The title stays.
pub fn mutate(deck: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<String> = deck.lines().map(str::to_owned).collect();
    if lines.len() < 2 {
        return deck.into();
    }
    let mut edit = |line: Pick, change: &mut dyn FnMut(&mut Vec<String>)| {
        let at = 1 + line.of(lines.len() - 1);
        let mut words: Vec<String> = lines[at].split_whitespace().map(str::to_owned).collect();
        if !words.is_empty() {
            change(&mut words);
        }
        lines[at] = words.join(" ");
    };
    match mutation {
        Mutation::DropWord(line, word) => edit(*line, &mut |w| drop(w.remove(word.of(w.len())))),
        Mutation::SwapWords(line, a, b) => edit(*line, &mut |w| {
            let (a, b) = (a.of(w.len()), b.of(w.len()));
            w.swap(a, b);
        }),
        Mutation::Replace(line, word, k) => edit(*line, &mut |w| {
            let at = word.of(w.len());
            w[at] = ABSURD[*k].into();
        }),
        Mutation::Float(line, word) => edit(*line, &mut |w| {
            let at = word.of(w.len());
            w[at] = "lonely".into();
        }),
        Mutation::DropLine(line) => drop(lines.remove(1 + line.of(lines.len() - 1))),
        Mutation::Repeat(line) => {
            let at = 1 + line.of(lines.len() - 1);
            lines.insert(at, lines[at].clone());
        }
        Mutation::Loop => lines.insert(1, "vl1 1 0 1\nvl2 1 0 2".into()),
        Mutation::Cut(at) => {
            let text = lines.join("\n");
            let mut end = at.of(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            return text[..end].into();
        }
        Mutation::Append(k) => lines.insert(1, STRANGE[*k].into()),
    }
    lines.join("\n") + "\n"
}
