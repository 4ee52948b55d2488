//! Pseudo-transient continuation: following the motion to the equilibrium it settles in.

use super::dae::Instant;
use super::newton::{Failure, Solver, Target};

/// A step's error, in shares of the way gone so far.
const ERROR: f64 = 0.15;
/// A step this small, in shares of the way gone so far, has all but arrived.
const ARRIVED: f64 = 0.01;
/// How far Newton's method may then still go, in the same shares.
const NEAR: f64 = 0.1;

/// Takes `x` to the equilibrium that `d/dt Q = -I` leads to: backward Euler steps, as long as
/// their direction stays that of the motion, then Newton's method.
pub(super) fn relax(solver: &mut Solver, at: Instant, x: &mut [f64]) -> Result<(), Failure> {
    const MOST: usize = 500;
    let tau = solver.hold_charges(at, x, 1.0)?;
    let dim = x.len();
    let (start, unit) = (x.to_vec(), vec![1.0; solver.dae.potentials()]);
    let (mut rate, mut next, mut change) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
    let (mut h, mut swing, mut moving) = (0.1 * tau, 0.0_f64, false);
    let mut worst = 0;
    for _ in 0..MOST {
        let charges = solver.evaluate(at, x).charges().to_vec();
        let target = Target { alpha: 1.0 / h, held: Some(&charges), at, ..Target::default() };
        next.iter_mut().zip(x.iter().zip(&rate)).for_each(|(n, (x, rate))| *n = x + h * rate);
        let tolerance = 0.1 * ERROR * swing.max(1e-6 * solver.size(x).0).max(1e-15);
        match solver.stage(&target, &mut next, &unit, tolerance) {
            Ok(()) => {}
            Err(Failure::NotConverged { unknown, .. }) => {
                (worst, h) = (unknown, 0.2 * h);
                solver.work.rejected += 1;
                continue;
            }
            Err(singular) => return Err(singular),
        }
        let guess = change_of(&mut change, &next, x, h, &rate, solver);
        let motion = change_of(&mut change, &next, x, 0.0, &rate, solver);
        let gone = swing.max(change_of(&mut change, &next, &start, 0.0, &rate, solver));
        let error = if moving { 0.5 * guess / (ERROR * gone).max(f64::MIN_POSITIVE) } else { 0.01 };
        if error > 2.0 {
            h *= 0.3;
            solver.work.rejected += 1;
            continue;
        }
        rate.iter_mut().zip(next.iter().zip(&*x)).for_each(|(r, (n, x))| *r = (n - x) / h);
        x.copy_from_slice(&next);
        solver.work.steps += 1;
        (swing, moving) = (gone, true);
        h *= (0.9 / error.sqrt()).clamp(0.3, 20.0);
        if motion <= ARRIVED * swing {
            next.copy_from_slice(x);
            let found = solver.damped(&Target { at, ..Target::default() }, &mut next);
            let further = change_of(&mut change, &next, x, 0.0, &rate, solver);
            if found.is_ok() && further <= NEAR * swing {
                x.copy_from_slice(&next);
                return Ok(());
            }
        }
    }
    Err(Failure::NotConverged { unknown: worst, iteration: MOST })
}

/// The largest magnitude of `a - b - h rate` among the potentials.
fn change_of(
    change: &mut [f64],
    a: &[f64],
    b: &[f64],
    h: f64,
    rate: &[f64],
    solver: &Solver,
) -> f64 {
    for (c, ((a, b), rate)) in change.iter_mut().zip(a.iter().zip(b).zip(rate)) {
        *c = a - b - h * rate;
    }
    solver.size(change).0
}
