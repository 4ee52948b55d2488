//! Cells that move by pulses.

use eqcircuit::compile::Chip;
use eqcircuit::model::EnergyModel;
use eqcircuit::spec::{NonIdeal, Rounding, StepLaw, Update};

use super::{LIMIT, big, check_moments, chip, moments};

/// Steps without a flaw, 100 from end to end.
fn even(law: StepLaw) -> Update {
    Update { law, step: 0.24e-6, rounding: Rounding::Nearest, ..Update::default() }
}

/// The weights of the first coupling, times a factor that brings them to one sign of change.
fn moved(by: f64) -> EnergyModel {
    let mut model = big();
    model.couplings[0].values_mut().iter_mut().for_each(|w| *w += by);
    model
}

/// Of all cells of the first array of a chip: from where to where they went, and by how much they
/// were asked to.
struct Way {
    from: f64,
    to: f64,
    asked: f64,
}

fn write(chip: &mut Chip, model: &EnergyModel) -> Vec<Way> {
    let of = |chip: &Chip| {
        let (array, cells) = (&chip.fabric.arrays[0], &chip.cells[0]);
        let all = |a: &[f64], b: &[f64]| [a, b].concat();
        let targets = all(array.plus.as_slice(), array.minus.as_slice());
        (targets, all(cells.plus.as_slice(), cells.minus.as_slice()))
    };
    let (targets, made) = of(chip);
    chip.write(model);
    let (aims, now) = of(chip);
    let ways = made.into_iter().zip(now).zip(targets.into_iter().zip(aims));
    ways.map(|((from, to), (target, aim))| Way { from, to, asked: aim - target }).collect()
}

fn run(update: &Update, by: f64) -> Vec<Way> {
    let bad = NonIdeal { update: Some(update.clone()), ..NonIdeal::default() };
    write(&mut chip(&bad, 5), &moved(by))
}

/// Where the window is -1 and 1.
fn position(g: f64) -> f64 {
    (g - 13e-6) / 12e-6
}

#[test]
fn programming_a_chip_is_no_matter_of_pulses() {
    let bad = NonIdeal { update: Some(even(StepLaw::SoftBounds)), ..NonIdeal::default() };
    assert_eq!(chip(&bad, 5).cells, chip(&NonIdeal::default(), 5).cells);
}

#[test]
fn even_steps_go_as_far_as_they_are_asked_to_half_a_step() {
    let update = even(StepLaw::Constant);
    let ways = run(&update, 0.02);
    let mut most = 0.0_f64;
    for Way { from, to, asked } in ways {
        let pulses = (asked / update.step).round();
        let goal = (from + pulses * update.step).clamp(1e-6, 25e-6);
        assert!((to - goal).abs() < 1e-15, "{from:e} to {to:e}, asked {asked:e}");
        most = most.max(pulses.abs());
    }
    assert!(most >= 2.0, "no cell was moved: {most}");
}

#[test]
fn soft_bounds_close_in_geometrically() {
    let update = even(StepLaw::SoftBounds);
    for by in [0.05, -0.05] {
        for Way { from, to, asked } in run(&update, by) {
            let (n, w) = ((asked / update.step).round(), position(from));
            let left = (1.0 - update.step / 12e-6).powf(n.abs());
            let goal = if n > 0.0 { 1.0 - (1.0 - w) * left } else { (1.0 + w) * left - 1.0 };
            let goal = if n == 0.0 { w } else { goal };
            assert!((position(to) - goal).abs() < 1e-12, "{w} by {n} pulses to {}", position(to));
        }
    }
}

#[test]
fn steps_have_the_shapes_of_their_laws() {
    // Straight from the published equations, ends at -1 and 1.
    let exponential = |w: f64, up: bool| {
        let z = 2.0 * -0.5 * w / 2.0 + -0.5;
        let (a, sign) = if up { (-1.18445, 1.0) } else { (-0.081404, -1.0) };
        (1.0 - a * (sign * 5.0 * z).exp()).max(0.0)
    };
    let power = |w: f64, up: bool| {
        let omega = (1.0 - w) / 2.0;
        if up { omega.powf(1.5) } else { (1.0 - omega).powf(0.7) }
    };
    let linear = |w: f64, up: bool| if up { 1.0 - 0.1 * w } else { 1.0 + 0.5 * w };
    let published = StepLaw::Exponential {
        gamma: [5.0, 5.0],
        amplitude: [-1.18445, -0.081404],
        a: -0.5,
        b: -0.5,
    };
    for k in -9..=9 {
        let w = f64::from(k) / 10.0;
        for up in [true, false] {
            let off = |law: StepLaw, other: f64| (law.shape(w, [-1.0, 1.0], up) - other).abs();
            assert!(off(published, exponential(w, up)) < 1e-12, "{w} {up}");
            assert!(off(StepLaw::Power { gamma: [1.5, 0.7] }, power(w, up)) < 1e-12, "{w} {up}");
            assert!(off(StepLaw::Linear { gamma: [0.1, 0.5] }, linear(w, up)) < 1e-12, "{w} {up}");
        }
    }
}

#[test]
fn each_flaw_of_a_step_has_its_moments() {
    // Far from the ends, so that nothing is cut off.
    let steps = |change: &dyn Fn(&mut Update), by: f64| -> Vec<f64> {
        let mut update = even(StepLaw::Constant);
        change(&mut update);
        let far = |way: &&Way| position(way.from).abs() < 0.5 && way.asked.abs() > update.step;
        let ways = run(&update, by);
        let far: Vec<&Way> = ways.iter().filter(far).collect();
        assert!(far.len() > 300, "{} cells", far.len());
        let steps = |way: &&Way| (way.asked / update.step).round();
        far.iter().map(|way| (way.to - way.from) / update.step / steps(way)).collect()
    };
    check_moments(&steps(&|u| u.step_spread = 0.2, 0.05), 1.0, 0.2, "steps of devices");
    check_moments(&steps(&|u| u.asymmetry_spread = 0.1, 0.05), 1.0, 0.1, "asymmetries");
    // Both signs of a pair are asked for opposite changes: half go up.
    let (mean, sd) = moments(&steps(&|u| u.asymmetry = 0.3, 0.05));
    assert!((mean - 1.0).abs() < 0.1 && (sd - 0.3).abs() < 0.01, "{mean} {sd}");
    let noisy = |u: &mut Update| (u.noise, u.at_most) = (0.4, Some(1));
    let found = {
        let mut update = even(StepLaw::Constant);
        noisy(&mut update);
        let ways = run(&update, 0.05);
        let sure = |way: &&Way| position(way.from).abs() < 0.5 && way.asked.abs() > update.step;
        let all: Vec<f64> = ways
            .iter()
            .filter(sure)
            .map(|way| (way.to - way.from) / update.step * way.asked.signum())
            .collect();
        all
    };
    check_moments(&found, 1.0, 0.4, "noise of one pulse");
}

#[test]
fn ends_of_the_way_are_spread() {
    let mut update = even(StepLaw::Constant);
    // Long steps up, so that cells asked to go most of the way come to their ends.
    (update.bound_spread, update.asymmetry) = (0.05, 0.9);
    let ways = run(&update, 3.0);
    let ends: Vec<f64> =
        ways.iter().filter(|way| way.asked > 18e-6).map(|way| position(way.to)).collect();
    assert!(ends.len() > 300, "{} cells", ends.len());
    check_moments(&ends, 1.0, 0.05, "upper ends");
}

#[test]
fn chance_rounds_to_the_right_mean() {
    let mut update = even(StepLaw::Constant);
    update.rounding = Rounding::Stochastic;
    let ways = run(&update, 0.003);
    let far = |way: &&Way| position(way.from).abs() < 0.9 && way.asked != 0.0;
    let (mut sum, mut variance) = (0.0, 0.0);
    for way in ways.iter().filter(far) {
        let (asked, found) = (way.asked / update.step, (way.to - way.from) / update.step);
        let part = asked.abs().fract();
        sum += found - asked;
        variance += part * (1.0 - part);
        assert!((found - asked).abs() < 1.0);
    }
    assert!(variance > 10.0, "{variance}");
    assert!(sum.abs() < LIMIT * variance.sqrt(), "{sum} with a variance of {variance}");
}

#[test]
fn pulses_of_a_cell_do_not_hang_on_the_others() {
    let mut update = even(StepLaw::SoftBounds);
    (update.noise, update.rounding) = (0.3, Rounding::Stochastic);
    update.step_spread = 0.2;
    let bad = NonIdeal { update: Some(update), ..NonIdeal::default() };
    let made = |others: f64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut model = big();
        model.couplings[0].values_mut()[7] += 0.05;
        model.couplings[0].values_mut()[8..].iter_mut().for_each(|w| *w += others);
        let mut chip = chip(&bad, 5);
        pool.install(|| chip.write(&model));
        [chip.cells[0].plus.as_slice()[7], chip.cells[0].minus.as_slice()[7]]
    };
    let alone = made(0.0, 1);
    assert_eq!(alone, made(0.01, 2));
    assert_ne!(alone, {
        let chip = chip(&bad, 5);
        [chip.cells[0].plus.as_slice()[7], chip.cells[0].minus.as_slice()[7]]
    });
}
