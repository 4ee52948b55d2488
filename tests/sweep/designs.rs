//! Which points and chips a sweep has.

use std::collections::BTreeSet;

use super::*;
use eqcircuit::compile::Chip;
use eqcircuit::numerics::statistics::mean_interval;
use eqcircuit::run::chip;
use eqcircuit::spec::{Chips, Design, Subject};

fn asked(path: &Path) -> eqcircuit::spec::Sweep {
    read(path, &[]).sweep.unwrap()
}

fn number(word: &Option<String>) -> f64 {
    word.as_ref().unwrap().trim_end_matches(" uS").parse().unwrap()
}

#[test]
fn a_hypercube_has_one_point_in_each_stratum_of_each_axis() {
    let (_folder, path) = workplace(CUBE);
    let sweep = asked(&path);
    assert_eq!((sweep.design, sweep.points()), (Design::LatinHypercube, 12));
    let values = |axis: usize| -> Vec<f64> {
        (0..12).map(|point| number(&sweep.settings(point)[axis])).collect()
    };
    // Where a value lies on its axis, by the inverse of its distribution.
    let strata = |axis: usize, place: &dyn Fn(f64) -> f64| -> BTreeSet<usize> {
        values(axis).into_iter().map(|v| (12.0 * place(v)) as usize).collect()
    };
    let all: BTreeSet<usize> = (0..12).collect();
    assert_eq!(strata(0, &|v| v / 0.3), all);
    assert_eq!(strata(1, &|v| (v / 25.0).ln() / 100f64.ln()), all);
    // Whole numbers from 3 to 6 are three strata each.
    let sizes = values(2);
    for size in [3.0, 4.0, 5.0, 6.0] {
        assert_eq!(sizes.iter().filter(|s| **s == size).count(), 3, "{sizes:?}");
    }
    assert!(sweep.settings(0)[1].as_ref().unwrap().ends_with(" uS"));
}

#[test]
fn drawn_values_are_the_same_whatever_else_is_drawn_and_change_with_the_seed() {
    let (_folder, path) = workplace(CUBE);
    let random = |edits: &[&str]| {
        let edits = [&["sweep.design=random"], edits].concat();
        let sweep = read(&path, &edits).sweep.unwrap();
        (0..sweep.points()).map(|point| sweep.settings(point)[0].clone()).collect::<Vec<_>>()
    };
    let twelve = random(&[]);
    assert_eq!(random(&["sweep.points=40"])[..12], twelve);
    assert_ne!(random(&["seed=4"]), twelve);
    assert_eq!(random(&["chip-seed=4"]), twelve);
    assert_eq!(twelve.iter().collect::<BTreeSet<_>>().len(), 12);
}

#[test]
fn lists_are_picked_from_evenly() {
    let axes = "[sweep]\ndesign = \"latin-hypercube\"\npoints = 9\n[sweep.axes]\n\
        \"hardware.array\" = [\"array/differential\", \"array/shared\"]\n\
        \"nonideal.programming.sigma\" = [0.0, 0.1, 0.2]\n";
    let (_folder, path) = workplace(axes);
    let sweep = asked(&path);
    let count = |axis: usize, word: &str| {
        (0..9).filter(|&point| sweep.settings(point)[axis].as_deref() == Some(word)).count()
    };
    assert!((4..=5).contains(&count(0, "array/shared")));
    assert_eq!(["0.0", "0.1", "0.2"].map(|word| count(1, word)), [3, 3, 3]);
}

#[test]
fn one_at_a_time_begins_with_the_file_and_changes_one_key() {
    let axes = "[sweep]\ndesign = \"one-at-a-time\"\n[sweep.axes]\n\
        \"nonideal.programming.sigma\" = [0.1, 0.2]\n\"hardware.g-max\" = [\"40 uS\"]\n";
    let (folder, path) = workplace(axes);
    let out = folder.path().join("out");
    let swept = run(&path, &out, 2, Manner::Fresh);
    let edits: Vec<String> = swept.points.iter().map(|point| point.place()).collect();
    assert_eq!(
        edits,
        [
            "chip-seed = 3",
            "nonideal.programming.sigma = 0.1, chip-seed = 3",
            "nonideal.programming.sigma = 0.2, chip-seed = 3",
            "hardware.g-max = 40 uS, chip-seed = 3",
        ]
    );
    let [_, csv] = results(&out);
    assert!(csv.lines().nth(1).unwrap().starts_with("0,0,3,,,done,"), "{csv}");
}

/// The deviate of each cell, from what spread made of it.
fn deviates(chip: &Chip, sigma: f64) -> Vec<f64> {
    let mut all = Vec::new();
    for (array, cells) in chip.fabric.arrays.iter().zip(&chip.cells) {
        for (target, made) in [(&array.plus, &cells.plus), (&array.minus, &cells.minus)] {
            for i in 0..target.rows() {
                for j in 0..target.cols() {
                    let ratio: f64 = made[(i, j)] / target[(i, j)];
                    all.push((ratio.ln() + 0.5 * sigma * sigma) / sigma);
                }
            }
        }
    }
    all
}

#[test]
fn a_chip_has_the_same_deviates_at_every_point() {
    let axes = "[sweep]\nchips = 3\n[sweep.axes]\n\
        \"nonideal.fabrication.spread\" = [0.05, 0.2]\n\"hardware.g-max\" = [\"25 uS\", \"50 uS\"]\n";
    let (_folder, path) = workplace(axes);
    let sweep = asked(&path);
    let drawn = |point: usize, number: usize| {
        let spec = sweep.point(point, number).unwrap();
        let Subject::Network { model, hardware, nonideal } = &spec.subject else { panic!() };
        let made = chip(model, hardware, nonideal, spec.chip_seed);
        deviates(&made, nonideal.fabrication.spread)
    };
    for number in 0..3 {
        let first = drawn(0, number);
        assert!(first.len() >= 40 && first.iter().any(|z| z.abs() > 1.0));
        for point in 1..4 {
            for (a, b) in first.iter().zip(drawn(point, number)) {
                assert!((a - b).abs() < 1e-9, "point {point}, chip {number}: {a} {b}");
            }
        }
    }
    assert_ne!(drawn(0, 0), drawn(0, 1));
}

#[test]
fn a_chip_changes_the_hardware_alone_and_a_seed_changes_all() {
    let axes = "[sweep]\nchips = 2\n[sweep.axes]\nseed = [5, 6]\n\
        [nonideal]\nfabrication = { spread = 0.1 }\n";
    let (_folder, path) = workplace(axes);
    let sweep = asked(&path);
    let model = |point: usize, chip: usize| match sweep.point(point, chip).unwrap().subject {
        Subject::Network { model, .. } => model,
        other => panic!("{other:?}"),
    };
    assert_eq!([(0, 0), (0, 1), (1, 0)].map(|(p, c)| sweep.chip_seed(p, c)), [5, 6, 6]);
    assert_eq!(model(0, 0), model(0, 1));
    assert_ne!(model(0, 0), model(1, 0));
    // One that is given holds at every point.
    let sweep = read(&path, &["chip-seed=9223372036854775807"]).sweep.unwrap();
    assert_eq!(sweep.chip_seed(0, 0), i64::MAX as u64);
    assert_eq!([0, 1].map(|point| sweep.chip_seed(point, 1)), [0, 0]);
    assert_eq!(sweep.point(1, 1).unwrap().chip_seed, 0);
}

/// Chips until the median settling time is known; a failure of `at-most` chips is among them.
const UNTIL: &str = "[sweep]\n\
    until = { metric = \"settling-time\", half-width = \"3 ns\", at-least = 3, at-most = 12 }\n\
    [sweep.axes]\n\"nonideal.fabrication.spread\" = [0.0, 0.05, 0.2, 0.4]\n";

#[test]
fn chips_are_added_until_the_interval_is_narrow_whoever_does_the_work() {
    let (folder, path) = workplace(UNTIL);
    let out = |jobs: usize| folder.path().join(format!("out-{jobs}"));
    for jobs in [1, 2, 5] {
        run(&path, &out(jobs), jobs, Manner::Fresh);
        assert_eq!(results(&out(jobs)), results(&out(1)), "{jobs} jobs");
    }
    let swept = run(&path, &out(1), 1, Manner::Resume);
    let Chips::Until(until) = &swept.record.chips else { panic!() };
    assert_eq!(until.half_width, 3e-9);
    let mut counts = Vec::new();
    for chips in swept.points.chunk_by(|a, b| a.point == b.point) {
        let values: Vec<f64> = chips.iter().map(|p| p.figures["settling-time"]).collect();
        let narrow = |n: usize| mean_interval(&values[..n], 0.95).1 <= 3e-9;
        let n = values.len();
        assert!(chips.iter().enumerate().all(|(i, chip)| chip.chip == i));
        assert!((3..n).all(|fewer| !narrow(fewer)), "it could have stopped before {n}");
        assert!(n == 12 || narrow(n), "it stopped at {n}");
        counts.push((n, narrow(n)));
    }
    assert_eq!(counts[0], (3, true), "without spread all chips are one");
    assert!(counts.iter().any(|(n, _)| (4..12).contains(n)), "{counts:?}");
    assert!(counts.contains(&(12, false)), "{counts:?}");
    assert_eq!(swept.record.wide, counts.iter().filter(|(_, narrow)| !narrow).count());
    assert_eq!(swept.record.runs, swept.points.len());
}

#[test]
fn an_adaptive_sweep_goes_on_wherever_it_was_cut() {
    let (folder, path) = workplace(UNTIL);
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let total = run(&path, &whole, 2, Manner::Fresh).points.len();
    run(&path, &broken, 2, Manner::Fresh);
    let lines: Vec<String> = results(&whole)[0].lines().map(String::from).collect();
    for cut in [0, 1, 4, total / 2, total - 1] {
        // In the order of chance, and with a gap: chip 1 is there before chip 0.
        let mut kept: Vec<&str> = lines[..cut].iter().map(String::as_str).collect();
        kept.reverse();
        kept.pop();
        let text: String = kept.iter().flat_map(|line| [*line, "\n"]).collect();
        fs::write(broken.join("results.jsonl"), text).unwrap();
        fs::write(broken.join("timing.jsonl"), "").unwrap();
        let unfinished = SweepRecord { finished: false, ..record(&broken) };
        fs::write(broken.join("run.json"), serde_json::to_vec(&unfinished).unwrap()).unwrap();
        run(&path, &broken, 1, Manner::Resume);
        assert_eq!(results(&broken), results(&whole), "cut at {cut}");
        let timing = fs::read_to_string(broken.join("timing.jsonl")).unwrap();
        assert_eq!(timing.lines().count(), total - kept.len(), "runs were repeated or lost");
    }
}

const TRAINED: &str = "[train]\nrule = { equilibrium-propagation = { beta = 0.3 } }\n\
    train = { csv = \"inputs.csv\" }\ntest = { csv = \"inputs.csv\" }\nepochs = 2\nbatch = 10\n\
    [sweep]\nrun = \"train\"\n\
    until = { metric = \"train-loss\", half-width = 1e-3, at-least = 2, at-most = 6 }\n\
    [sweep.axes]\n\"nonideal.fabrication.spread\" = [0.0, 0.2, 0.4]\n";

#[test]
fn trained_chips_have_folders_and_those_of_no_use_are_removed() {
    let (folder, path) = workplace(TRAINED);
    let out = |jobs: usize| folder.path().join(format!("out-{jobs}"));
    for jobs in [1, 4] {
        let swept = run(&path, &out(jobs), jobs, Manner::Fresh);
        assert_eq!(results(&out(jobs)), results(&out(1)), "{jobs} jobs");
        let made: BTreeSet<String> = fs::read_dir(out(jobs).join("points"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let of = |p: &PointRecord| format!("{:04}-{:03}", p.point, p.chip);
        assert_eq!(made, swept.points.iter().map(of).collect(), "{jobs} jobs");
        assert!(swept.points.len() > 6 && swept.record.failed == 0, "{swept:?}");
    }
}

#[test]
fn chips_that_fail_count_but_have_no_figure() {
    // Half of the drawn windows are empty, so all chips of those points fail.
    let axes = "[sweep]\ndesign = \"random\"\npoints = 8\n\
        until = { metric = \"settling-time\", half-width = \"1 us\", at-least = 2, at-most = 3 }\n\
        [sweep.axes]\n\"hardware.g-min\" = { from = \"1 uS\", to = \"24 uS\" }\n\
        \"hardware.g-max\" = { from = \"2 uS\", to = \"25 uS\" }\n\
        [hardware]\ng-max = \"30 uS\"\ng-min = \"1 uS\"\n";
    let (folder, path) = workplace(axes);
    let swept = run(&path, &folder.path().join("out"), 2, Manner::Fresh);
    let failed: BTreeSet<usize> = swept.failed().map(|p| p.point).collect();
    assert!(!failed.is_empty() && failed.len() < 8, "{failed:?}");
    assert_eq!(swept.record.wide, failed.len());
    for chips in swept.points.chunk_by(|a, b| a.point == b.point) {
        let fails = failed.contains(&chips[0].point);
        assert_eq!(chips.len(), if fails { 3 } else { 2 });
        let message = chips[0].message.as_deref().unwrap_or_default();
        assert_eq!(message.contains("must be below `g-max`"), fails, "{message}");
    }
}

#[test]
fn an_axis_of_a_chip_that_is_not_there_is_noted_beside_others() {
    let axes = "[sweep.axes]\n\"model.init.scale\" = [0.4, 0.5]\n\
        \"nonideal.programming.sigma\" = [0.0, 0.1]\n";
    let (folder, path) = workplace(axes);
    let engine = |engine: &str| {
        let spec = read(&path, &[&format!("simulate.engine={engine}")]);
        sweep(&spec, &options(&folder.path().join(engine), 1, Manner::Fresh)).unwrap().record
    };
    let notes = engine("ideal").head.notes;
    let words = "`nonideal.programming.sigma` makes no difference: the engine `ideal` has no chip";
    assert!(notes.iter().any(|note| note.contains(words)), "{notes:?}");
    assert_eq!(engine("behavioural").head.notes, [""; 0]);

    // Of such axes alone all points are the same; of the file by itself nothing is wrong.
    let (folder, path) = workplace(NOISE);
    let (spec, out) = (read(&path, &["simulate.engine=ideal"]), folder.path().join("out"));
    let error = sweep(&spec, &options(&out, 1, Manner::Fresh)).unwrap_err().to_string();
    assert!(error.contains("nothing else is swept than `nonideal.programming.sigma`"), "{error}");
    assert!(error.contains("--engine behavioural") && !out.exists(), "{error}");
    simulate(&spec, &options(&out, 1, Manner::Fresh)).unwrap();
}
