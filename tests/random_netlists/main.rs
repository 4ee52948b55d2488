//! Random decks, sound and broken, through the program: never a bug (exit code 70 or a signal),
//! never a NaN in a result, Kirchhoff's current law at every node of every operating point, and a
//! mistake or failure that names its line or node.
//!
//! The currents of the elements are computed here from the node voltages, by formulas of this file.

mod circuit;
mod mutation;

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use eqcircuit::data::raw;
use eqcircuit::data::waves::Column;
use proptest::prelude::*;

use circuit::{Circuit, active, circuits, passive};
use mutation::{mutate, mutations};

const PROGRAM: &str = env!("CARGO_BIN_EXE_eqcircuit");

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

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
