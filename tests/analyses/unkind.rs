//! Circuits, as text, on which a solver that is not careful fails, or ends somewhere else in silence.

use eqcircuit::engine::{AnalysisRun, Outcome, study};
use eqcircuit::spec::{Library, Subject, load};

use super::{close, column};

/// The results of a file of this name, beside which lie others.
fn results(name: &str, text: &str, beside: &[(&str, &str)]) -> Vec<AnalysisRun> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in beside.iter().chain([&(name, text)]) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let spec = load(&folder.path().join(name), &[], &Library::built_in());
    let spec = spec.unwrap_or_else(|report| panic!("{}", report.render(false)));
    let Subject::Devices { netlist, .. } = spec.subject else { panic!("a netlist") };
    study(&netlist, &spec.study.unwrap(), &mut |_| {}).results
}

fn deck(lines: &str) -> AnalysisRun {
    results("deck.cir", &format!("title\n{lines}.end\n"), &[]).remove(0)
}

/// The value of a column at the end.
fn last(run: &AnalysisRun, name: &str) -> f64 {
    *column(run, name).last().unwrap()
}

#[test]
fn a_charge_with_a_slow_leak_begins_where_it_is_said_to() {
    // 1 V after 1 us, by the source alone; the leak takes 1000 s.
    for (line, begin) in [("c1 a 0 1n ic=0\n", " uic"), ("c1 a 0 1n\n.ic v(a)=0\n", "")] {
        let run = deck(&format!("i1 0 a 1m\n{line}r1 a 0 1e12\n.tran 10n 1u{begin}\n"));
        close(column(&run, "v(a)")[0], 0.0, 1e-6);
        close(last(&run, "v(a)"), 1.0, 1e-6);
    }
    // x' = x^2 from 1.
    let run = deck("c1 x 0 1 ic=1\nb1 0 x i=v(x)*v(x)\nr1 x 0 1e9\n.tran 0.01 0.3 uic\n");
    close(last(&run, "v(x)"), 1.0 / 0.7, 1e-5);
}

#[test]
fn wires_of_micro_ohms_are_solved_to_rounding() {
    let (rows, cols) = (6, 6);
    let volts = |i: usize| 0.3 - 0.07 * i as f64;
    let ohms = |i: usize, j: usize| (10_000 + 3000 * ((i * 7 + j * 5) % 11)) as f64;
    let mut lines = String::new();
    for i in 0..rows {
        lines += &format!("v{i} w{i}_0 0 {}\n", volts(i));
        for j in 0..cols {
            lines += &format!("rw{i}_{j} w{i}_{j} w{i}_{} 1u\n", j + 1);
            lines += &format!("rb{i}_{j} b{i}_{j} b{}_{j} 1u\n", i + 1);
            lines += &format!("rc{i}_{j} w{i}_{} b{i}_{j} {}\n", j + 1, ohms(i, j));
        }
    }
    (0..cols).for_each(|j| lines += &format!("rl{j} b{rows}_{j} 0 5k\n"));
    let run = deck(&format!("{lines}.op\n"));
    for j in 0..cols {
        // As with wires of nothing.
        let sum = |f: &dyn Fn(usize) -> f64| (0..rows).map(|i| f(i) / ohms(i, j)).sum::<f64>();
        let want = sum(&volts) / (sum(&|_| 1.0) + 1.0 / 5e3);
        close(last(&run, &format!("v(b{rows}_{j})")), want, 1e-5 * want);
    }
}

#[test]
fn the_current_of_a_capacitor_at_a_source_can_be_sensed() {
    let omega = 2.0 * std::f64::consts::PI * 200e3;
    for sense in ["h1 h 0 v1 75", "b1 h 0 v=75*i(v1)"] {
        let run = deck(&format!("v1 a 0 sin(0 1 200k)\nc1 a 0 10n\n{sense}\n.tran 10n 5u\n"));
        assert!(matches!(run.outcome, Outcome::Finished { .. }), "{:?}", run.outcome);
        for (t, v) in column(&run, "time").iter().zip(column(&run, "v(h)")).skip(1) {
            close(v, -75.0 * 10e-9 * omega * (omega * t).cos(), 1e-4);
        }
    }
    // Where it jumps, up to a corner that rounding keeps apart from the end.
    let pulse = "v1 a 0 pulse(0 1 1u 1u 1u 2u 5u)\nc1 a 0 1n\nr1 a b 2k\nl1 b 0 246u\n";
    let run = deck(&format!("{pulse}b1 h 0 v=75*i(v1)\n.tran 10n 20u\n"));
    assert!(matches!(run.outcome, Outcome::Finished { .. }), "{:?}", run.outcome);
}

#[test]
fn instances_in_parallel_sense_a_current_each() {
    for (sensing, volts) in [("f1 0 o vs 1", 2.0), ("b1 0 o i=i(vs)", 2.0), ("h1 o 0 vs 1k", 1.0)] {
        let part = format!(".subckt s a o\nvs a b 0\nr1 b 0 1k\n{sensing}\n.ends\n");
        let run = deck(&format!("v1 a 0 1\nx1 a o s m=2\nro o 0 1k\n{part}.op\n"));
        close(last(&run, "v(o)"), volts, 1e-9);
    }
}

#[test]
fn what_is_to_blame_is_named() {
    let said = |lines: &str| deck(lines).outcome.to_string();
    let text = said("v1 a 0 1\nr1 a b 1k\nb1 b 0 i=sqrt(-2)\n.op\n");
    assert!(text.contains("`b1` says is not a finite number"), "{text}");
    let text = said("v1 a 0 1\nr1 a 0 1k\ne1 b 0 b 0 1\nr2 b 0 1k\n.op\n");
    assert!(text.contains("do not determine the current of `"), "{text}");
    let growing = "c1 a 0 1n ic=1m\ng1 0 a a 0 1\nr1 a 0 1k\n.tran 1u 1m uic\n";
    let text = said(growing);
    assert!(text.contains("`a` grew beyond all bounds") || text.contains("`v(a)`"), "{text}");
}

#[test]
fn points_are_kept_from_the_very_start_asked_for() {
    let run = deck("v1 a 0 sin(0 1 1k)\nr1 a b 1k\nc1 b 0 10n\n.tran 10u 5m 3m 5u\n");
    close(column(&run, "time")[0], 3e-3, 1e-15);
    let (v, w) = (column(&run, "v(a)")[0], (2.0 * std::f64::consts::PI * 1e3 * 3e-3).sin());
    close(v, w, 1e-5);
}

const ARRAY: &str = "[array.w]\ng = { file = \"g.csv\" }\n\
    word = { first = [\"a\", \"c\"], r-segment = \"1 ohm\" }\n\
    bit = { last = [\"b\", \"d\"], r-segment = \"1 ohm\" }\n\
    [analysis]\nop = {}\n";
const G: (&str, &str) = ("g.csv", "1e-4, 2e-4\n3e-4, 4e-4\n");

fn with_array(devices: &str, before: &str) -> AnalysisRun {
    let drive = "[device]\n\
        v0 = { voltage-source = { p = \"a\", n = \"0\", dc = \"1 V\" } }\n\
        v1 = { voltage-source = { p = \"c\", n = \"0\", dc = \"0.5 V\" } }\n\
        r0 = { resistor = { p = \"b\", n = \"0\", r = \"10 kohm\" } }\n";
    results("array.toml", &format!("{drive}{devices}{before}{ARRAY}"), &[G]).remove(0)
}

#[test]
fn a_switch_beside_an_array_switches() {
    let run = with_array(
        "s1 = { switch = { p = \"d\", n = \"0\", cp = \"a\", cn = \"0\", r-on = \"1 kohm\", \
         r-off = \"1 Mohm\", v-threshold = \"0.5 V\", v-hysteresis = \"0.2 V\" } }\n",
        "",
    );
    let on = last(&run, "v(d)");
    // Of 1 V through 2e-4 S and 0.5 V through 4e-4 S into 1 kohm, wires apart.
    close(on, 4e-4 / (2e-4 + 4e-4 + 1e-3), 1e-3);
}

#[test]
fn what_is_guessed_beside_an_array_is_found() {
    let latch = "r1 = { resistor = { p = \"d\", n = \"0\", r = \"1 kohm\" } }\n\
        b1 = { behavioural-voltage = { p = \"q\", n = \"0\", v = \"tanh(-3*v(p))\" } }\n\
        b2 = { behavioural-voltage = { p = \"p\", n = \"0\", v = \"tanh(-3*v(q))\" } }\n";
    for side in [0.9, -0.9] {
        let guess = format!("[guess]\nq = \"{side} V\"\np = \"{} V\"\n", -side);
        let run = with_array(latch, &guess);
        // x = tanh(3 x)
        close(last(&run, "v(q)"), 0.994_894_f64.copysign(side), 1e-4);
    }
}

#[test]
fn an_array_that_does_not_obey_kirchhoff_is_solved_cell_by_cell() {
    for g in ["1e9", "1e12"] {
        let text = "[device]\n\
            v0 = { voltage-source = { p = \"a\", n = \"0\", dc = \"1 V\" } }\n\
            r0 = { resistor = { p = \"b\", n = \"0\", r = \"1 kohm\" } }\n\
            [array.w]\ng = { file = \"g.csv\" }\n\
            word = { first = [\"a\"], r-segment = \"1 ohm\" }\n\
            bit = { last = [\"b\"], r-segment = \"1 ohm\" }\n[analysis]\nop = {}\n";
        let run = results("array.toml", text, &[("g.csv", g)]).remove(0);
        close(last(&run, "v(b)"), 1000.0 / 1002.0, 1e-6);
    }
}

/// The example of `docs/netlists.md` runs as it stands there.
#[test]
fn the_manual_of_netlists_is_right() {
    let page = include_str!("../../docs/netlists.md");
    let block = |kind: &str| {
        let (_, rest) = page.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let runs = results("divider.toml", block("toml"), &[("g.csv", block("csv"))]);
    assert_eq!(runs.len(), 4);
    for run in &runs {
        assert!(run.outcome.is_settled(), "{}", run.outcome);
    }
}

#[test]
fn an_inductor_over_a_source_begins_with_its_current() {
    let run = deck("v1 a 0 1\nl1 a 0 1m ic=2m\n.tran 0.1u 5u uic\n");
    close(last(&run, "i(l1)"), 2e-3 + 5e-6 / 1e-3, 1e-9);
    // So it is in the home format; an operating point is refused there.
    let home = |analysis: &str| {
        format!(
            "title = \"x\"\n[device]\n\
             v1 = {{ voltage-source = {{ p = \"a\", n = \"0\", dc = \"1 V\" }} }}\n\
             l1 = {{ inductor = {{ p = \"a\", n = \"0\", l = \"1 mH\", initial = \"2 mA\" }} }}\n\
             [analysis]\n{analysis}\n"
        )
    };
    let run = results("a.toml", &home("tran = { stop = \"5 us\", uic = true }"), &[]).remove(0);
    close(last(&run, "i(l1)"), 2e-3 + 5e-6 / 1e-3, 1e-9);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.toml");
    std::fs::write(&file, home("op = {}")).unwrap();
    let report = load(&file, &[], &Library::built_in()).expect_err("a loop");
    assert!(report.render(false).contains("forces a voltage"), "{}", report.render(false));
}

#[test]
fn a_capacitance_and_an_inductance_of_nothing_are_open_and_short() {
    let run = deck("v1 a 0 1\nr1 a b 1k\nc1 b 0 0\nl1 b c 0\nr2 c 0 1k\n.tran 1u 10u\n");
    close(last(&run, "v(b)"), 0.5, 1e-9);
    close(last(&run, "v(c)"), 0.5, 1e-9);
}

#[test]
fn a_sum_of_twenty_thousand_terms_is_written() {
    let terms: Vec<String> = (0..20_000).map(|k| format!("v(n{})", k % 7)).collect();
    let nodes: String = (0..7).map(|k| format!("v{k} n{k} 0 1m\nr{k} n{k} 0 1\n")).collect();
    let text = format!("t\n{nodes}b1 s 0 v={}\nr9 s 0 1\n.op\n.end\n", terms.join("+"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deck.cir");
    std::fs::write(&file, text).unwrap();
    let spec = load(&file, &[], &Library::built_in()).unwrap_or_else(|r| panic!("{r}"));
    let written = spec.resolved_for(folder.path());
    assert!(written.contains("v(n0) + v(n1) + v(n2)"), "{}", &written[..500]);
    let Subject::Devices { netlist, .. } = spec.subject else { panic!("a netlist") };
    let run = study(&netlist, &spec.study.unwrap(), &mut |_| {}).results.remove(0);
    close(last(&run, "v(s)"), 20.0, 1e-9);
}
