//! Random decks, sound and broken, through the program: never a bug (exit code 70 or a signal),
//! never a NaN in a result, Kirchhoff's current law at every node of every operating point, and a
//! mistake or failure that names its line or node.
//!
//! The currents of the elements are computed here from the node voltages, by formulas of this file.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use eqcircuit::data::raw;
use eqcircuit::data::waves::Column;
use eqcircuit::numerics::math;
use proptest::prelude::*;

const PROGRAM: &str = env!("CARGO_BIN_EXE_eqcircuit");

/// k 300.15 K / q
const VT: f64 = 1.380649e-23 / 1.602176634e-19 * 300.15;

/// What every junction has in parallel.
const GMIN: f64 = 1e-12;

/// One of several, by its share of the way from the first to the last.
#[derive(Debug, Clone, Copy)]
struct Pick(u16);

impl Pick {
    fn of(self, count: usize) -> usize {
        usize::from(self.0) * count / (1 << 16)
    }
}

fn pick() -> impl Strategy<Value = Pick> {
    any::<u16>().prop_map(Pick)
}

/// An element between two nodes; the controlled ones look at two more.
#[derive(Debug, Clone)]
enum Part {
    Resistor(f64),
    Capacitor(f64),
    Inductor,
    Diode(f64),
    Current(f64),
    /// In series with a resistor, so that sources never make a loop.
    Voltage(f64, f64),
    /// A cubic conductance.
    Cubic(f64),
    Sinh(f64),
    Vccs(f64, Pick, Pick),
    /// In series with a resistor.
    Vcvs(f64, f64, Pick, Pick),
}

/// A connected circuit: every node but ground (0) hangs on an earlier one by a resistor.
#[derive(Debug, Clone)]
struct Circuit {
    tree: Vec<(Pick, f64)>,
    parts: Vec<(Part, Pick, Pick)>,
}

fn ohms() -> impl Strategy<Value = f64> {
    (0.0..6.0f64).prop_map(|p| 10f64.powf(p))
}

fn passive() -> impl Strategy<Value = Part> {
    prop_oneof![
        ohms().prop_map(Part::Resistor),
        (-12.0..-6.0f64).prop_map(|p| Part::Capacitor(10f64.powf(p))),
        Just(Part::Inductor),
        (-16.0..-10.0f64).prop_map(|p| Part::Diode(10f64.powf(p))),
        (-0.01..0.01f64).prop_map(Part::Current),
        (-10.0..10.0f64, ohms()).prop_map(|(v, r)| Part::Voltage(v, r)),
        (1e-6..1e-3f64).prop_map(Part::Cubic),
        (1e-6..1e-4f64).prop_map(Part::Sinh),
    ]
}

fn active() -> impl Strategy<Value = Part> {
    let look = || (pick(), pick());
    prop_oneof![
        4 => passive(),
        1 => (-1e-3..1e-3f64, look()).prop_map(|(g, (p, n))| Part::Vccs(g, p, n)),
        1 => (-5.0..5.0f64, ohms(), look()).prop_map(|(g, r, (p, n))| Part::Vcvs(g, r, p, n)),
    ]
}

fn circuits<S: Strategy<Value = Part>>(part: S) -> impl Strategy<Value = Circuit> {
    let place = (part, pick(), pick());
    let tree = prop::collection::vec((pick(), ohms()), 1..6);
    (tree, prop::collection::vec(place, 1..12)).prop_map(|(tree, parts)| Circuit { tree, parts })
}

impl Circuit {
    /// Nodes 1 to this, beside ground.
    fn nodes(&self) -> usize {
        self.tree.len()
    }

    fn node(&self, pick: Pick) -> usize {
        pick.of(self.nodes() + 1)
    }

    /// The element lines.
    fn elements(&self) -> String {
        let mut text = String::new();
        for (k, (parent, r)) in self.tree.iter().enumerate() {
            let _ = writeln!(text, "rt{k} {} {} {r:e}", k + 1, parent.of(k + 1));
        }
        for (k, (part, a, b)) in self.parts.iter().enumerate() {
            let (a, b) = (self.node(*a), self.node(*b));
            let _ = match part {
                Part::Resistor(r) => writeln!(text, "r{k} {a} {b} {r:e}"),
                Part::Capacitor(c) => writeln!(text, "c{k} {a} {b} {c:e}"),
                Part::Inductor => writeln!(text, "rl{k} {a} y{k} 10\nl{k} y{k} {b} 1m"),
                Part::Diode(is) => writeln!(text, "d{k} {a} {b} m{k}\n.model m{k} d(is={is:e})"),
                Part::Current(i) => writeln!(text, "i{k} {a} {b} {i:e}"),
                Part::Voltage(v, r) => writeln!(text, "v{k} x{k} {b} {v:e}\nrv{k} {a} x{k} {r:e}"),
                Part::Cubic(g) => {
                    let v = format!("v({a},{b})");
                    writeln!(text, "b{k} {a} {b} i={g:e}*{v}*{v}*{v}")
                }
                Part::Sinh(g) => writeln!(text, "b{k} {a} {b} i={g:e}*sinh(v({a},{b})/2)"),
                Part::Vccs(g, p, n) => {
                    writeln!(text, "g{k} {a} {b} {} {} {g:e}", self.node(*p), self.node(*n))
                }
                Part::Vcvs(g, r, p, n) => {
                    let (p, n) = (self.node(*p), self.node(*n));
                    writeln!(text, "e{k} x{k} {b} {p} {n} {g:e}\nre{k} {a} x{k} {r:e}")
                }
            };
        }
        text
    }

    fn deck(&self, analyses: &str) -> String {
        format!("random\n{}{analyses}\n.end\n", self.elements())
    }

    /// The largest violation of Kirchhoff's current law over the numbered nodes \[A\], and the
    /// largest current of any element.
    fn kirchhoff(&self, op: &HashMap<String, f64>) -> (f64, f64) {
        let volt = |node: usize| match node {
            0 => 0.0,
            k => op[&format!("v({k})")],
        };
        let inner = |k: usize| op[&format!("v(x{k})")];
        let mut into = vec![0.0; self.nodes() + 1];
        let mut largest = 0.0f64;
        let mut flow = |a: usize, b: usize, i: f64| {
            into[a] -= i;
            into[b] += i;
            largest = largest.max(i.abs());
        };
        for (k, (parent, r)) in self.tree.iter().enumerate() {
            let (a, b) = (k + 1, parent.of(k + 1));
            flow(a, b, (volt(a) - volt(b)) / r);
        }
        for (k, (part, a, b)) in self.parts.iter().enumerate() {
            let (a, b) = (self.node(*a), self.node(*b));
            let v = volt(a) - volt(b);
            let i = match part {
                Part::Resistor(r) => v / r,
                Part::Capacitor(_) => 0.0,
                Part::Inductor => op[&format!("i(l{k})")],
                Part::Diode(is) => diode(v, *is),
                Part::Current(i) => *i,
                Part::Voltage(_, r) | Part::Vcvs(_, r, ..) => (volt(a) - inner(k)) / r,
                Part::Cubic(g) => g * v * v * v,
                Part::Sinh(g) => g * math::sinh(v / 2.0),
                Part::Vccs(g, p, n) => g * (volt(self.node(*p)) - volt(self.node(*n))),
            };
            flow(a, b, i);
        }
        (into[1..].iter().fold(0.0, |m, i| i.abs().max(m)), largest)
    }
}

/// Shockley's law, with SPICE's cubic tail in reverse.
fn diode(v: f64, is: f64) -> f64 {
    let cube = 3.0 * VT / (v * std::f64::consts::E);
    let i = match v >= -3.0 * VT {
        true => is * math::expm1(v / VT),
        false => -is * (1.0 + cube * cube * cube),
    };
    i + GMIN * v
}

/// How the program ended.
struct Ended {
    code: Option<i32>,
    said: String,
    /// Every raw file it left: name and columns.
    results: Vec<(String, HashMap<String, Vec<f64>>)>,
}

fn simulate(deck: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("deck.cir"), folder.path().join("out"));
    fs::write(&file, deck).unwrap();
    let job = Command::new(PROGRAM)
        .args(["simulate", "--quiet", "--out"])
        .args([&out, &file])
        .output()
        .unwrap();
    let mut results = Vec::new();
    for entry in fs::read_dir(&out).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "raw") {
            for plot in raw::read(&path).unwrap() {
                let column = |c: &Column| {
                    let values = (0..c.values.len()).flat_map(|k| c.values.at(k)).step_by(2);
                    (c.name.to_lowercase(), values.collect())
                };
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                results.push((name, plot.columns.iter().map(column).collect()));
            }
        }
    }
    let said = String::from_utf8_lossy(&job.stdout) + String::from_utf8_lossy(&job.stderr);
    Ended { code: job.status.code(), said: said.into_owned(), results }
}

impl Ended {
    /// Nothing that a program may not do: a crash, a NaN, a failure without a place.
    fn check(&self, deck: &str) -> Result<(), TestCaseError> {
        let said = &self.said;
        prop_assert!(matches!(self.code, Some(0..=2)), "{:?}\n{said}\n{deck}", self.code);
        for (name, columns) in &self.results {
            for (signal, values) in columns {
                let finite = values.iter().all(|x| x.is_finite());
                prop_assert!(finite, "{signal} of {name} is not finite\n{said}\n{deck}");
            }
        }
        if self.code != Some(0) {
            let names_a_line = said.contains("deck.cir:");
            let names_a_thing = said.contains('`');
            prop_assert!(names_a_line || names_a_thing, "no line and no node:\n{said}\n{deck}");
        }
        Ok(())
    }

    /// The operating point, if it was found.
    fn op(&self) -> Option<HashMap<String, f64>> {
        let (_, columns) = self.results.iter().find(|(name, _)| name == "op")?;
        Some(columns.iter().map(|(name, values)| (name.clone(), values[0])).collect())
    }
}

fn currents_balance(circuit: &Circuit, ended: &Ended, deck: &str) -> Result<(), TestCaseError> {
    let op = ended.op().ok_or_else(|| TestCaseError::fail(format!("no op.raw\n{deck}")))?;
    let (violation, largest) = circuit.kirchhoff(&op);
    let allowed = 1e-6 * largest + 1e-12;
    prop_assert!(violation <= allowed, "{violation:e} A beyond {allowed:e} A\n{op:?}\n{deck}");
    Ok(())
}

/// What is done to a sound deck.
#[derive(Debug, Clone)]
enum Mutation {
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

fn mutations() -> impl Strategy<Value = Mutation> {
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
fn mutate(deck: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<String> = deck.lines().map(str::to_owned).collect();
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Elements that take power whatever the voltage, and sources: there is one solution, and it
    /// is found.
    #[test]
    fn passive_circuits_are_solved(circuit in circuits(passive())) {
        let deck = circuit.deck(".op\n.tran 1u 20u");
        let ended = simulate(&deck);
        ended.check(&deck)?;
        prop_assert_eq!(ended.code, Some(0), "{}\n{}", ended.said, deck);
        currents_balance(&circuit, &ended, &deck)?;
    }

    /// With controlled sources there may be none, or none that is found; what is called a solution
    /// is one.
    #[test]
    fn active_circuits_are_solved_or_refused(circuit in circuits(active())) {
        let deck = circuit.deck(".op");
        let ended = simulate(&deck);
        ended.check(&deck)?;
        if ended.code == Some(0) {
            currents_balance(&circuit, &ended, &deck)?;
        }
    }

    #[test]
    fn broken_decks_are_refused_with_a_place(
        circuit in circuits(active()),
        mutations in prop::collection::vec(mutations(), 1..4),
    ) {
        let sound = circuit.deck(".op\n.dc i1 0 1m 0.5m\n.ac dec 2 1k 1meg\n.tran 1u 5u");
        let deck = mutations.iter().fold(sound, |deck, mutation| mutate(&deck, mutation));
        simulate(&deck).check(&deck)?;
    }
}

/// What the properties rest on: a divider of 2 V is balanced at 1 V and nowhere else.
#[test]
fn a_wrong_voltage_violates_kirchhoffs_law() {
    let source = (Part::Voltage(2.0, 1e3), Pick(u16::MAX), Pick(0));
    let circuit = Circuit { tree: vec![(Pick(0), 1e3)], parts: vec![source] };
    assert!(circuit.elements().contains("v0 x0 0 2e0\nrv0 1 x0 1e3"), "{}", circuit.elements());
    let violation = |v: f64| {
        let op = HashMap::from([("v(1)".to_owned(), v), ("v(x0)".to_owned(), 2.0)]);
        circuit.kirchhoff(&op).0
    };
    assert_eq!(violation(1.0), 0.0);
    assert!((violation(1.001) - 2e-6).abs() < 1e-15);
}
