//! Methods over several steps.

use super::super::newton::{Failure, Solver};
use super::Method;
use super::march::{March, divided};
use crate::units::Second;

impl March {
    /// The trapezoidal rule, or backward differentiation over steps of variable length; the error
    /// is the leading term of the method's own, with the second difference of `dQ/dt`.
    pub(super) fn multistep(
        &mut self,
        solver: &mut Solver,
        time: Second,
        h: Second,
    ) -> Result<(), Failure> {
        let (alpha, constant) = match self.method {
            Method::Gear => {
                let (before, ratio) = (self.h_before, h / self.h_before);
                for (k, held) in self.held.iter_mut().enumerate() {
                    let weights = [(1.0 + ratio) * (1.0 + ratio), ratio * ratio];
                    *held = (weights[0] * self.q[k] - weights[1] * self.q_before[k])
                        / (1.0 + 2.0 * ratio);
                }
                let span = h + before;
                let constant = h * h * span * span / (6.0 * (h + span));
                ((1.0 + 2.0 * ratio) / ((1.0 + ratio) * h), constant)
            }
            Method::Trapezoidal | Method::TrBdf2 => {
                for (k, held) in self.held.iter_mut().enumerate() {
                    *held = self.q[k] + 0.5 * h * self.rate[k];
                }
                (2.0 / h, h * h * h / 12.0)
            }
        };
        for (k, end) in self.x_end.iter_mut().enumerate() {
            *end = self.x[k] + h * (self.slope[k] + h * self.bend[k]);
        }
        self.solve_stage(solver, alpha, time + h, false)?;
        let q_end = solver.stamps.charges();
        let (at, whole) = (self.behind, self.behind + h);
        for (k, error) in self.error.iter_mut().enumerate() {
            self.rate_end[k] = alpha * (q_end[k] - self.held[k]);
            let rates = [self.rate_inner[k], self.rate[k], self.rate_end[k]];
            *error = alpha * constant * 2.0 * divided(rates, at, whole).1;
        }
        Ok(())
    }

    /// Slope and bend at the end of a step, from three moments.
    pub(super) fn turn_after_multistep(&mut self, h: Second) {
        let (at, whole) = (self.behind, self.behind + h);
        for (k, slope) in self.slope.iter_mut().enumerate() {
            let (a, c) = divided([self.x_inner[k], self.x[k], self.x_end[k]], at, whole);
            *slope = a + c * (2.0 * whole - at);
            self.bend[k] = c;
        }
        self.x_inner.copy_from_slice(&self.x);
        self.rate_inner.copy_from_slice(&self.rate);
        self.behind = h;
    }
}
