//! Where equations put their sums.

use std::sync::Arc;

use super::laid::Linear;
use super::{Dae, Forced, Instant, Pattern};

/// The sums `I`, `Q` and their slopes at one point.
#[derive(Debug, Clone)]
pub struct Stamps {
    i: Vec<f64>,
    q: Vec<f64>,
    /// What the equations remember; see [`Dae::memory`].
    pub memory: Vec<f64>,
    pub(super) limits: Limits,
    pub(super) slopes: Slopes,
    linear: Option<Linear>,
}

/// Whether strongly bent laws are straightened on the way to a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limits {
    Off,
    /// `reached`: some argument was held back in this evaluation.
    On {
        reached: bool,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Slopes {
    /// Learns the pattern.
    Recording { di: Vec<(usize, usize)>, dq: Vec<(usize, usize)> },
    /// Leaves slopes out.
    Ignoring,
    /// Adds into the places the pattern tells, in the order of the calls.
    Adding { pattern: Arc<Pattern>, di: Vec<f64>, dq: Vec<f64>, di_calls: usize, dq_calls: usize },
}

impl Stamps {
    /// The row or column of something that is no unknown, such as the ground node: what is
    /// stamped there is left out.
    pub const NOWHERE: usize = usize::MAX;

    /// Room for the sums of the equations with this pattern.
    pub fn new(pattern: &Arc<Pattern>) -> Stamps {
        let (dim, len) = (pattern.dim, pattern.len());
        Stamps {
            i: vec![0.0; dim],
            q: vec![0.0; dim],
            memory: vec![0.0; pattern.memory],
            limits: Limits::Off,
            slopes: Slopes::Adding {
                pattern: pattern.clone(),
                di: vec![0.0; len],
                dq: vec![0.0; len],
                di_calls: 0,
                dq_calls: 0,
            },
            linear: None,
        }
    }

    /// Room for the sums alone, of `dim` equations that remember `memory` numbers: slopes are left
    /// out.
    pub fn without_slopes(dim: usize, memory: usize) -> Stamps {
        Stamps::with(Slopes::Ignoring, dim, memory)
    }

    /// Learns which slopes there are.
    pub(super) fn recorder(dim: usize, memory: usize) -> Stamps {
        Stamps::with(Slopes::Recording { di: Vec::new(), dq: Vec::new() }, dim, memory)
    }

    fn with(slopes: Slopes, dim: usize, memory: usize) -> Stamps {
        Stamps {
            i: vec![0.0; dim],
            q: vec![0.0; dim],
            memory: vec![0.0; memory],
            limits: Limits::Off,
            slopes,
            linear: None,
        }
    }

    /// How many slopes a recorder has seen.
    pub(super) fn recorded(&self) -> (usize, usize) {
        match &self.slopes {
            Slopes::Recording { di, dq } => (di.len(), dq.len()),
            Slopes::Ignoring | Slopes::Adding { .. } => (0, 0),
        }
    }

    /// Evaluates the linear part of the equations once for all; they are then the only ones, with
    /// the values that they have now, to be taken.
    pub fn keep_linear(&mut self, dae: &dyn Dae) {
        self.linear = None;
        let Slopes::Adding { pattern, .. } = &self.slopes else { return };
        let pattern = pattern.clone();
        if pattern.linear_calls == (0, 0) {
            return;
        }
        self.clear_sums();
        self.clear_slopes();
        dae.eval_linear(Instant::Rest, &vec![0.0; pattern.dim], self);
        let (di, dq) = (self.current_slopes().to_vec(), self.charge_slopes().to_vec());
        self.linear = Some(Linear::new(&pattern, di, dq));
    }

    /// Evaluates the equations at `x`.
    ///
    /// # Panics
    /// If they stamp otherwise than when the pattern was found.
    pub fn take(&mut self, dae: &dyn Dae, at: Instant, x: &[f64]) {
        self.take_in(dae, at, x, true);
    }

    /// As [`Stamps::take`], but `I` in the balances of forced nodes ([`Pattern::forced`]) may lack
    /// its linear part, which for a crossbar is half of the work.
    pub fn take_unforced(&mut self, dae: &dyn Dae, at: Instant, x: &[f64]) {
        self.take_in(dae, at, x, false);
    }

    fn take_in(&mut self, dae: &dyn Dae, at: Instant, x: &[f64], balances: bool) {
        self.clear_sums();
        if at == Instant::Start || !self.lay_linear(x, balances) {
            self.clear_slopes();
            dae.eval_linear(at, x, self);
        }
        dae.eval(at, x, self);
        if let Slopes::Adding { pattern, di_calls, dq_calls, .. } = &self.slopes {
            let expected = (pattern.di_slots.len(), pattern.dq_slots.len());
            assert_eq!((*di_calls, *dq_calls), expected, "the pattern of the equations changed");
        }
    }

    fn clear_sums(&mut self) {
        self.i.fill(0.0);
        self.q.fill(0.0);
        if let Limits::On { reached } = &mut self.limits {
            *reached = false;
        }
    }

    fn clear_slopes(&mut self) {
        if let Some(linear) = &mut self.linear {
            linear.laid = false;
        }
        if let Slopes::Adding { di, dq, di_calls, dq_calls, .. } = &mut self.slopes {
            di.fill(0.0);
            dq.fill(0.0);
            (*di_calls, *dq_calls) = (0, 0);
        }
    }

    /// Sets the slopes to those of the linear part and adds its sums, if it is kept.
    fn lay_linear(&mut self, x: &[f64], balances: bool) -> bool {
        let (Some(linear), Slopes::Adding { pattern, di, dq, di_calls, dq_calls }) =
            (&mut self.linear, &mut self.slopes)
        else {
            return false;
        };
        if linear.laid {
            let [others_di, others_dq] = &pattern.other_slots;
            others_di.iter().for_each(|&slot| di[slot as usize] = linear.di[slot as usize]);
            others_dq.iter().for_each(|&slot| dq[slot as usize] = linear.dq[slot as usize]);
        } else {
            di.copy_from_slice(&linear.di);
            dq.copy_from_slice(&linear.dq);
            linear.laid = true;
        }
        (*di_calls, *dq_calls) = pattern.linear_calls;
        linear.add(x, &mut self.i, &mut self.q, balances);
        true
    }

    /// From now on a law may hold back its argument with [`Stamps::limit`], or no longer.
    pub fn limit_arguments(&mut self, on: bool) {
        self.limits = if on { Limits::On { reached: false } } else { Limits::Off };
    }

    /// Whether an argument was held back in the last evaluation, so that the sums are those of a
    /// straightened law.
    pub fn limited(&self) -> bool {
        self.limits == Limits::On { reached: true }
    }

    /// The argument at which a strongly bent law is to be linearised: `v` itself, or, where
    /// limiting is on, `held_back(v, before)` with the argument of the evaluation before, which
    /// is kept in the memory slot. A law that gets another argument `a` than it asked for stamps
    /// its value as `f(a) + f'(a) (v - a)` and its slope as `f'(a)`.
    pub fn limit(&mut self, slot: usize, v: f64, held_back: impl FnOnce(f64, f64) -> f64) -> f64 {
        let Limits::On { reached } = &mut self.limits else { return v };
        let used = held_back(v, self.memory[slot]);
        *reached |= (used - v).abs() > 1e-12 * v.abs().max(1.0);
        self.memory[slot] = used;
        used
    }

    /// Adds to `I` of an equation.
    #[inline]
    pub fn i(&mut self, row: usize, value: f64) {
        if row != Stamps::NOWHERE {
            self.i[row] += value;
        }
    }

    /// Adds to `Q` of an equation.
    #[inline]
    pub fn q(&mut self, row: usize, value: f64) {
        if row != Stamps::NOWHERE {
            self.q[row] += value;
        }
    }

    /// Adds to `dI_row/dx_col`.
    #[inline]
    pub fn di(&mut self, row: usize, col: usize, value: f64) {
        if row == Stamps::NOWHERE || col == Stamps::NOWHERE {
            return;
        }
        match &mut self.slopes {
            Slopes::Recording { di, .. } => di.push((row, col)),
            Slopes::Ignoring => {}
            Slopes::Adding { pattern, di, di_calls, .. } => {
                di[pattern.di_slots[*di_calls] as usize] += value;
                *di_calls += 1;
            }
        }
    }

    /// Adds to `dQ_row/dx_col`.
    #[inline]
    pub fn dq(&mut self, row: usize, col: usize, value: f64) {
        if row == Stamps::NOWHERE || col == Stamps::NOWHERE {
            return;
        }
        match &mut self.slopes {
            Slopes::Recording { dq, .. } => dq.push((row, col)),
            Slopes::Ignoring => {}
            Slopes::Adding { pattern, dq, dq_calls, .. } => {
                dq[pattern.dq_slots[*dq_calls] as usize] += value;
                *dq_calls += 1;
            }
        }
    }

    /// The sums `I` and `Q` of one equation, which are zero afterwards.
    pub fn take_row(&mut self, row: usize) -> (f64, f64) {
        (std::mem::take(&mut self.i[row]), std::mem::take(&mut self.q[row]))
    }

    /// The unknown `branch` has moved by this since the sums were taken.
    pub(in crate::numerics) fn shift(&mut self, forced: &Forced, by: f64) {
        self.i[forced.node] += self.current_slopes()[forced.flow] * by;
    }

    /// `I`, one an equation.
    pub fn currents(&self) -> &[f64] {
        &self.i
    }

    /// `Q`, one an equation.
    pub fn charges(&self) -> &[f64] {
        &self.q
    }

    /// `dI/dx` in the order of the pattern.
    pub fn current_slopes(&self) -> &[f64] {
        match &self.slopes {
            Slopes::Adding { di, .. } => di,
            Slopes::Recording { .. } | Slopes::Ignoring => &[],
        }
    }

    /// `dQ/dx` in the order of the pattern.
    pub fn charge_slopes(&self) -> &[f64] {
        match &self.slopes {
            Slopes::Adding { dq, .. } => dq,
            Slopes::Recording { .. } | Slopes::Ignoring => &[],
        }
    }
}
