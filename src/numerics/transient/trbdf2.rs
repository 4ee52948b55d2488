//! One-step methods with one matrix.
//!
//! TR-BDF2: Bank, Coughran, Fichtner, Grosse, Rose and Smith 1985, as the singly diagonal
//! Runge-Kutta method of Hosea and Shampine 1996: a trapezoidal stage to `GAMMA h`, then a
//! backward differentiation stage to `h`; of second order, L-stable, with an embedded error of
//! third order that is filtered through the same matrix. It begins with the method of Alexander
//! 1977 with the same diagonal, also of second order and L-stable.

use super::super::newton::{Failure, Solver};
use super::march::{D, GAMMA, March};
use crate::units::Second;

/// The weight of the first two stages in the last.
const W: f64 = std::f64::consts::SQRT_2 / 4.0;
/// The weights of the error estimate: method less embedded method.
const ERROR: [f64; 3] = [W - (1.0 - W) / 3.0, W - (3.0 * W + 1.0) / 3.0, D - D / 3.0];

impl March {
    pub(super) fn trbdf2_step(
        &mut self,
        solver: &mut Solver,
        time: Second,
        h: Second,
    ) -> Result<(), Failure> {
        let alpha = 1.0 / (D * h);
        for (k, inner) in self.x_inner.iter_mut().enumerate() {
            *inner = self.x[k] + GAMMA * h * (self.slope[k] + GAMMA * h * self.bend[k]);
            self.held[k] = self.q[k] + D * h * self.rate[k];
        }
        self.solve_stage(solver, alpha, time + GAMMA * h, true)?;
        self.q_inner.copy_from_slice(solver.stamps.charges());
        for (k, end) in self.x_end.iter_mut().enumerate() {
            let bend = self.x_inner[k] - self.x[k] - GAMMA * h * self.slope[k];
            *end = self.x[k] + h * self.slope[k] + bend / (GAMMA * GAMMA);
            self.held[k] = self.q[k] + W / D * (self.q_inner[k] - self.q[k]);
        }
        self.solve_stage(solver, alpha, time + h, false)?;
        let q_end = solver.stamps.charges();
        for (k, error) in self.error.iter_mut().enumerate() {
            let rate_inner = alpha * (self.q_inner[k] - self.q[k]) - self.rate[k];
            self.rate_end[k] = alpha * (q_end[k] - self.held[k]);
            *error = ERROR[0] * self.rate[k] + ERROR[1] * rate_inner + ERROR[2] * self.rate_end[k];
            *error /= D;
        }
        Ok(())
    }

    /// Stages at `D h` and `h`; the error is that of the first stage's rate taken for the whole
    /// step, of second order.
    pub(super) fn diagonal_step(
        &mut self,
        solver: &mut Solver,
        time: Second,
        h: Second,
    ) -> Result<(), Failure> {
        let alpha = 1.0 / (D * h);
        self.x_inner.copy_from_slice(&self.x);
        self.held.copy_from_slice(&self.q);
        self.solve_stage(solver, alpha, time + D * h, true)?;
        self.q_inner.copy_from_slice(solver.stamps.charges());
        for (k, end) in self.x_end.iter_mut().enumerate() {
            *end = self.x_inner[k];
            self.rate_inner[k] = alpha * (self.q_inner[k] - self.q[k]);
            self.held[k] = self.q[k] + (1.0 - D) * h * self.rate_inner[k];
        }
        self.solve_stage(solver, alpha, time + h, false)?;
        let q_end = solver.stamps.charges();
        for (k, error) in self.error.iter_mut().enumerate() {
            self.rate_end[k] = alpha * (q_end[k] - self.held[k]);
            *error = self.rate_end[k] - self.rate_inner[k];
        }
        Ok(())
    }
}
