//! Outputs that are not a function of their own activation: where a supply gives way under all of
//! them, and where amplifiers lag.

use super::{Batch, Network};
use crate::numerics::kernels::{self, Real};
use crate::numerics::ode::in_lanes;

impl<T: Real> Network<T> {
    /// Whether outputs wait for all activations.
    pub(super) fn is_late(&self) -> bool {
        self.lags() || !self.draws.is_empty()
    }

    /// Lowers activations `[dim, lanes]` as the supply does.
    fn sag(&self, xhat: &mut [T], lanes: usize) {
        if self.draws.is_empty() {
            return;
        }
        let mut drawn = vec![T::of(1.0); lanes];
        for (row, &draw) in xhat.chunks_exact(lanes).zip(&self.draws) {
            drawn.iter_mut().zip(row).for_each(|(sum, v)| *sum = *sum + draw * v.abs());
        }
        for row in xhat.chunks_exact_mut(lanes) {
            row.iter_mut().zip(&drawn).for_each(|(v, &by)| *v = *v / by);
        }
    }

    /// Puts outputs that lag, behind the rows of the layers in `x`, where they rest.
    pub(super) fn rest_outputs(&self, x: &mut [T], lanes: usize) {
        let (x, outputs) = x.split_at_mut(self.dim * lanes);
        self.at_rest(x, outputs, lanes);
    }

    /// What amplifiers make of nodes at `x` once they have come to rest, `[dim, lanes]`.
    pub(super) fn at_rest(&self, x: &[T], outputs: &mut [T], lanes: usize) {
        let mut work = vec![T::default(); lanes];
        for f in &self.free {
            let at = in_lanes(f.rows.clone(), lanes);
            kernels::activate(f.activation, &x[at.clone()], &mut outputs[at], &mut work);
        }
        self.sag(outputs, lanes);
        if let Some(amplifiers) = &self.amplifiers {
            amplifiers.rest(outputs);
        }
    }
}

impl<T: Real> Batch<'_, T> {
    /// Finds outputs that are late at `x` and `a`, with the slopes `da/dt` of those that lag, and adds
    /// the nudge that waits for them.
    pub(super) fn come_late(&mut self, [x, a]: [&[T]; 2], [dx, da]: [&mut [T]; 2], lanes: usize) {
        let net = self.net;
        if !net.is_late() {
            return;
        }
        net.sag(&mut self.xhat, lanes);
        match &net.amplifiers {
            Some(amplifiers) if amplifiers.lag() => {
                amplifiers.slopes([&self.xhat, a], [&mut self.outputs, da], &mut self.work);
            }
            Some(amplifiers) => amplifiers.rest(&mut self.xhat),
            None => {}
        }
        if !self.nudged.is_none() {
            let xhat = if net.lags() { &self.outputs } else { &self.xhat };
            let rows = net.free[net.read].rows.clone();
            let at = in_lanes(rows.clone(), lanes);
            let here = [&x[at.clone()], &xhat[at.clone()]];
            self.nudged.add(net, 0..rows.len(), here, &mut dx[at], lanes);
        }
    }
}
