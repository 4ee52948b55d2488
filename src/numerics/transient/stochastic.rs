//! Motion under noise, with steps of one length.

use super::super::dae::{Instant, Quantity};
use super::super::newton::{Failure, Solver, Target};
use crate::units::{Second, Volt};

/// What flows into each equation in a step: the step, the unknowns in the middle of the one before,
/// and where it is written.
pub type Inject<'a> = &'a mut dyn FnMut(usize, &[f64], &mut [f64]);

/// Takes `x` through `steps` of length `h` in place by the implicit midpoint rule, under currents
/// that are constant within a step. `inject` tells them, `watch` is shown the end of every step.
///
/// Of a linear circuit under white noise the stationary variances are exact whatever the step: with
/// `Q = C x` and `I = G x` the rule keeps `G V C + C V G^T`. Unknowns without charge are those of
/// the middle of the step.
///
/// # Errors
/// When a step cannot be solved.
pub fn roam(
    solver: &mut Solver,
    x: &mut [f64],
    (h, steps): (Second, usize),
    tolerance: Volt,
    inject: Inject,
    watch: &mut dyn FnMut(usize, &[f64]),
) -> Result<(), Failure> {
    let mut held = solver.evaluate(Instant::Rest, x).charges().to_vec();
    let charged = solver.pattern().charged().to_vec();
    let weight: Vec<f64> = (0..x.len())
        .map(|k| match solver.dae.quantity(k) {
            Quantity::Potential => tolerance,
            _ => f64::INFINITY,
        })
        .collect();
    let mut currents = vec![0.0; x.len()];
    let mut middle = x.to_vec();
    for step in 1..=steps {
        currents.fill(0.0);
        inject(step, &middle, &mut currents);
        let target = Target {
            alpha: 2.0 / h,
            held: Some(&held),
            offset: Some((&currents, 1.0)),
            ..Target::default()
        };
        solver.stage(&target, &mut middle, &weight, 1.0)?;
        solver.work.steps += 1;
        for (held, q) in held.iter_mut().zip(solver.stamps.charges()) {
            *held = 2.0 * q - *held;
        }
        for ((x, middle), charged) in x.iter_mut().zip(&middle).zip(&charged) {
            *x = if *charged { 2.0 * middle - *x } else { *middle };
        }
        watch(step, x);
    }
    Ok(())
}
