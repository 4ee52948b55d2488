//! What `[expect]` promises of points by name.

use std::fs;

use super::*;

/// An edit that promises of one figure what this TOML says.
fn with(path: &Path, figure: &str, bounds: &str) -> Spec {
    read(path, &[&format!("expect.{figure}={bounds}")])
}

const SIGMA: &str = "\"nonideal.programming.sigma\"";

#[test]
fn a_claim_is_judged_at_its_points_alone() {
    let (folder, path) = workplace(NOISE);
    let out = folder.path().join("out");
    let free = run(&path, &out, 2, Manner::Fresh);
    let times: Vec<f64> = free.points.iter().map(|p| p.figures["settling-time"]).collect();
    // Nothing settles in no time: the middle point breaks this with each of its chips.
    let bounds = format!(
        "[{{ at-most = \"1 s\" }}, {{ at-most = \"1 as\", at = {{ {SIGMA} = 0.05 }} }}, \
         {{ at-least = \"1 as\", at = {{ {SIGMA} = 0.1 }} }}]"
    );
    let spec = with(&path, "settling-time", &bounds);
    let swept = sweep(&spec, &options(&out, 2, Manner::Force)).unwrap();
    let broken: Vec<(usize, usize)> = swept.broken().map(|(p, _)| (p.point, p.chip)).collect();
    assert_eq!(broken, [(1, 0), (1, 1), (1, 2)]);
    for (point, known) in swept.points.iter().zip(&free.points) {
        assert_eq!(point.figures, known.figures, "a claim changes nothing");
    }
    // Of each claim the worst chip is kept, and where it holds.
    let head = swept.record.head.expect;
    let words: Vec<(String, bool)> = head.iter().map(|e| (e.place(), e.passed)).collect();
    let sigma = |value: &str| format!("nonideal.programming.sigma = {value}");
    let expected = [(String::new(), true), (String::new(), true), (sigma("0.05"), false)];
    assert_eq!(words[..3], expected);
    assert_eq!(words[3..], [(sigma("0.1"), true)]);
    let slowest = times[3..6].iter().copied().fold(0.0, f64::max);
    assert_eq!(head[2].value, Some(slowest));
    let page = report::page(&report::Records::load(&out).unwrap(), &[], &out);
    assert!(page.contains("| every point |") && page.contains(&sigma("0.05")), "{page}");
}

#[test]
fn promises_changed_later_are_judged_without_running_again() {
    let (folder, path) = workplace(NOISE);
    let [early, late] = ["early", "late"].map(|name| folder.path().join(name));
    let bounds =
        format!("[{{ at-most = \"1 s\" }}, {{ at-most = \"1 as\", at = {{ {SIGMA} = 0.05 }} }}]");
    let spec = with(&path, "settling-time", &bounds);
    sweep(&spec, &options(&early, 2, Manner::Fresh)).unwrap();
    run(&path, &late, 2, Manner::Fresh);
    let timing = fs::read(late.join("timing.jsonl")).unwrap();
    let swept = sweep(&spec, &options(&late, 2, Manner::Resume)).unwrap();
    assert_eq!(swept.broken().count(), 3);
    assert_eq!(results(&late), results(&early));
    assert_eq!(fs::read(late.join("timing.jsonl")).unwrap(), timing, "runs were run again");
    // A run without the figure is run again.
    let lines = fs::read_to_string(late.join("results.jsonl")).unwrap();
    let mut values: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    values[4]["figures"].as_object_mut().unwrap().remove("accuracy").expect("a figure");
    let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
    fs::write(late.join("results.jsonl"), lines).unwrap();
    let spec = with(&path, "accuracy", "{ at-least = 0.0 }");
    let swept = sweep(&spec, &options(&late, 2, Manner::Resume)).unwrap();
    assert!(swept.points.iter().all(|p| p.expect.iter().any(|e| e.figure == "accuracy")));
    let times = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count();
    assert_eq!(times(&fs::read(late.join("timing.jsonl")).unwrap()), times(&timing) + 1);
}

#[test]
fn a_run_by_itself_is_held_to_what_is_promised_everywhere() {
    let (_folder, path) = workplace(NOISE);
    let bounds = format!("{{ at-most = \"1 as\", at = {{ {SIGMA} = 0.05 }} }}");
    let spec = with(&path, "settling-time", &bounds);
    assert_eq!(spec.expect.len(), 1, "settled alone");
    let sweep = spec.sweep.as_ref().unwrap();
    assert_eq!([0, 1, 2].map(|point| sweep.claims_at(point).count()), [0, 1, 0]);
    assert!(sweep.point(1, 0).unwrap().sweep.is_none());
}

#[test]
fn what_is_understood_is_read_to_the_same_again() {
    let (folder, path) = workplace(
        "[sweep.axes]\n\"hardware.tile\" = [[4, 4], [8, 8]]\n\"hardware.c-node\" = [\"100 fF\", \
         \"1 pF\"]\n",
    );
    let bounds = "[{ at-least = 0.5 }, { at-least = 1.0, at = { hardware.tile = [8, 8], \
                  hardware.c-node = \"100 fF\" } }]";
    let spec = with(&path, "settled", bounds);
    let again = folder.path().join("again.toml");
    fs::write(&again, spec.resolved_for(folder.path())).unwrap();
    let twice = read(&again, &[]);
    assert_eq!(twice.sweep, spec.sweep);
    let claims = &spec.sweep.as_ref().unwrap().claims;
    let at = &claims[0].at;
    assert_eq!(
        (at["hardware.tile"].as_str(), at["hardware.c-node"].as_str()),
        ("[8, 8]", "100 fF")
    );
    let sweep = spec.sweep.as_ref().unwrap();
    assert_eq!([0, 1, 2, 3].map(|point| sweep.claims_at(point).count()), [0, 0, 1, 0]);
}

/// The small network, trained from where it starts.
const LEARNING: &str = "[train]\nrule = { equilibrium-propagation = { beta = 0.3 } }\n\
    train = { csv = \"inputs.csv\" }\ntest = { csv = \"inputs.csv\" }\nepochs = 4\nbatch = 10\n\
    optimiser = { sgd = { rate = 0.3 } }\n\
    [sweep]\nrun = \"train\"\n[sweep.axes]\n\"nonideal.fabrication.spread\" = [0.0, 0.2]\n";

#[test]
fn what_learning_gains_is_a_figure_that_can_be_claimed() {
    let (folder, path) = workplace(LEARNING);
    let out = folder.path().join("out");
    let half = |i: i32| format!("{},{},0.5,-0.5\n", i / 10, 0.2 * f64::from(i) - 2.0);
    let inputs = (0..20).map(half).collect::<String>();
    fs::write(folder.path().join("inputs.csv"), format!("label,a,b,c\n{inputs}")).unwrap();
    let swept = run(&path, &out, 1, Manner::Fresh);
    let mut gains = Vec::new();
    for point in &swept.points {
        let of = |name: &str| point.figures[name];
        gains.push(of("test-accuracy-gain"));
        assert_eq!(gains[point.point], of("test-accuracy") - of("initial-test-accuracy"));
    }
    assert!(gains[1] > 0.0, "nothing was learned: {gains:?}");
    let at = "at = { \"nonideal.fabrication.spread\" = 0.2 }";
    for (least, passed) in [(gains[1] - 1e-9, true), (gains[1] + 1e-9, false)] {
        let spec = with(&path, "test-accuracy-gain", &format!("{{ at-least = {least}, {at} }}"));
        let swept = sweep(&spec, &options(&out, 1, Manner::Force)).unwrap();
        assert_eq!(swept.broken().count(), usize::from(!passed));
    }
}
