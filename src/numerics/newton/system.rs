//! The linearised system of a [`Solver`], without what sources force.

use super::super::dae::{Forced, Instant};
use super::super::linear::Singular;
use super::{Failure, Solver, Target};

impl Solver<'_> {
    /// As [`Solver::evaluate`]; the balances of nodes at sources may be incomplete.
    pub(super) fn evaluate_unforced(&mut self, at: Instant, x: &[f64]) {
        self.work.evaluations += 1;
        self.stamps.take_unforced(self.dae, at, x);
    }

    /// As [`Solver::evaluate`], with the current of every source that forces a node such that it
    /// closes the node's balance: nothing else depends on it.
    pub(in crate::numerics) fn evaluate_closed(&mut self, target: &Target, x: &mut [f64]) {
        // From nothing, so that a small current is not the difference of large ones.
        self.pattern.forced().iter().for_each(|forced| x[forced.branch] = 0.0);
        self.evaluate(target.at, x);
        for forced in self.pattern.forced() {
            let flow = self.stamps.current_slopes()[forced.flow];
            x[forced.branch] = -self.residual(target, x, forced.node) / flow;
            self.stamps.shift(forced, x[forced.branch]);
        }
    }

    /// Factorises the slopes at the point last evaluated.
    pub(in crate::numerics) fn factor(&mut self, target: &Target) -> Result<(), Failure> {
        let reduction = self.elimination.reduction();
        let (di, dq) = (self.stamps.current_slopes(), self.stamps.charge_slopes());
        for (value, &slot) in self.values.iter_mut().zip(reduction.slots()) {
            *value = di[slot as usize] + target.alpha * dq[slot as usize];
        }
        let own = self.lu.pattern().diagonal();
        if target.leak > 0.0 {
            let potentials = self.dae.potentials();
            for (&slot, _) in own.iter().zip(reduction.free()).filter(|(_, k)| **k < potentials) {
                self.values[slot as usize] += target.leak;
            }
        }
        for place in target.anchors.iter().filter_map(|&(k, _)| reduction.place(k)) {
            self.values[own[place] as usize] += target.grip;
        }
        self.work.factorisations += 1;
        self.factored = None;
        self.lu.factor(&self.values).map_err(|singular| self.whole(singular))?;
        (self.factored, self.rate) = (Some(target.alpha), 1.0);
        Ok(())
    }

    /// Whether what was just factorised is regular.
    pub(in crate::numerics) fn check(&mut self) -> Result<(), Failure> {
        self.lu.check(&self.values).map_err(|singular| {
            self.factored = None;
            self.whole(singular)
        })
    }

    fn whole(&self, Singular { unknown }: Singular) -> Failure {
        Failure::Singular { unknown: self.elimination.reduction().whole(unknown) }
    }

    /// What is to be zero in an equation, anchors apart, from the stamps at `x`.
    fn residual(&self, target: &Target, x: &[f64], k: usize) -> f64 {
        let (i, q) = (self.stamps.currents()[k], self.stamps.charges()[k]);
        let mut r = i + target.alpha * (q - target.held.map_or(0.0, |held| held[k]));
        if k < self.dae.potentials() {
            r += target.leak * (x[k] - target.centre.map_or(0.0, |centre| centre[k]));
        }
        if let Some((offset, kept)) = target.offset {
            r -= kept * offset[k];
        }
        r
    }

    /// `delta = -J^-1 residual`, from the stamps at `x` and the last factors; zero for currents
    /// that follow, as [`Solver::evaluate_closed`] sets them.
    pub(in crate::numerics) fn correction(&mut self, target: &Target, x: &[f64]) {
        let mut delta = std::mem::take(&mut self.delta);
        for (k, delta) in delta.iter_mut().enumerate() {
            *delta = -self.residual(target, x, k);
        }
        for &(k, value) in target.anchors {
            delta[k] -= target.grip * (x[k] - value);
        }
        self.solve(&mut delta);
        self.delta = delta;
    }

    /// Replaces a right-hand side by the solution with the last factors, but for currents that
    /// follow, which become zero.
    pub(in crate::numerics) fn solve(&mut self, rhs: &mut [f64]) {
        self.work.newton += 1;
        let (di, dq) = (self.stamps.current_slopes(), self.stamps.charge_slopes());
        let alpha = self.factored.unwrap_or(0.0);
        for forced in self.pattern.forced() {
            let moved = rhs[forced.branch] / di[forced.own];
            (rhs[forced.node], rhs[forced.branch]) = (moved, 0.0);
        }
        // Most of what is held by sources no longer moves.
        for &Forced { node, .. } in self.pattern.forced() {
            let moved = rhs[node];
            if moved == 0.0 {
                continue;
            }
            for slot in self.pattern.col_starts()[node]..self.pattern.col_starts()[node + 1] {
                let row = self.pattern.row_indices()[slot];
                if self.elimination.reduction().place(row).is_some() {
                    rhs[row] -= (di[slot] + alpha * dq[slot]) * moved;
                }
            }
        }
        let free = self.elimination.reduction().free();
        self.rhs.iter_mut().zip(free).for_each(|(to, &k)| *to = rhs[k]);
        self.lu.solve(&mut self.rhs);
        self.rhs.iter().zip(free).for_each(|(x, &k)| rhs[k] = *x);
    }
}
