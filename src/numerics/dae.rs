//! Differential-algebraic equations `I(x) + d/dt Q(x) = 0` with sparse slopes.

use std::sync::Arc;

use sprs::TriMat;

use crate::units::Second;

/// When equations are asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Instant {
    /// At rest: sources at their direct-current values, nothing moving.
    Rest,
    /// At time 0 of a motion that begins without an operating point: charges and fluxes with an
    /// initial value of their own have that, whatever the unknowns are.
    Start,
    /// At this time \[s\] of a motion.
    At(Second),
}

impl Instant {
    /// The time; 0 at rest and at the start.
    pub fn time(self) -> Second {
        match self {
            Instant::Rest | Instant::Start => 0.0,
            Instant::At(time) => time,
        }
    }
}

/// What an unknown measures, which says how its error is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// A voltage; of order 1.
    Potential,
    /// A current; follows from the potentials, so its error is not judged.
    Flow,
    /// A current with a motion of its own, as an inductor's \[A\].
    Inertia,
    /// A device's inner state; of order 1.
    State,
}

/// Equations `I(t, x) + d/dt Q(x) = 0`, as many as unknowns.
pub trait Dae: Sync {
    /// How many unknowns there are.
    fn dim(&self) -> usize;

    /// Adds `I`, `Q` and their slopes at `x` to `out`. Which slopes are stamped, and in which
    /// order, must not depend on `t`, on `x` or on parameters.
    fn eval(&self, at: Instant, x: &[f64], out: &mut Stamps);

    /// What to call an unknown (and the equation of the same number) in messages.
    fn name(&self, unknown: usize) -> String;

    /// How many of the leading unknowns are potentials. Their equations balance flows, so a
    /// small conductance to zero may be added to them; the error of a step is measured on them.
    fn potentials(&self) -> usize {
        self.dim()
    }

    /// What an unknown measures.
    fn quantity(&self, unknown: usize) -> Quantity {
        if unknown < self.potentials() { Quantity::Potential } else { Quantity::Flow }
    }

    /// How many numbers the equations remember from one evaluation to the next; all start at 0.
    fn memory(&self) -> usize {
        0
    }

    /// Called at a point that is accepted (an operating point, the end of a step): updates what is
    /// remembered of discrete things, such as the position of a switch. Says whether any of it
    /// changed, and with it the equations.
    fn remember(&self, _at: Instant, _x: &[f64], _memory: &mut [f64]) -> bool {
        false
    }

    /// The times after 0 and up to `until` at which something bends or jumps, in any order.
    fn corners(&self, _until: Second) -> Vec<Second> {
        Vec::new()
    }
}

/// Which slopes a [`Dae`] has, in compressed columns, and where each stamp goes. Found once,
/// then shared.
#[derive(Debug, PartialEq, Eq)]
pub struct Pattern {
    dim: usize,
    /// `[dim + 1]`
    col_starts: Vec<usize>,
    /// Ascending in each column.
    row_indices: Vec<usize>,
    /// The place of each call of [`Stamps::di`], in order.
    di_slots: Vec<u32>,
    dq_slots: Vec<u32>,
    /// The place of each unknown's own slope.
    diagonal: Vec<u32>,
    /// Whether the equation has a charge.
    charged: Vec<bool>,
    /// How many numbers the equations remember.
    memory: usize,
}

impl Pattern {
    /// Asks the equations for their slopes once and arranges them.
    pub fn of(dae: &dyn Dae) -> Arc<Pattern> {
        let dim = dae.dim();
        let mut recorder = Stamps {
            i: vec![0.0; dim],
            q: vec![0.0; dim],
            memory: vec![0.0; dae.memory()],
            limits: Limits::Off,
            slopes: Slopes::Recording { di: Vec::new(), dq: Vec::new() },
        };
        dae.eval(Instant::Rest, &vec![0.0; dim], &mut recorder);
        let Slopes::Recording { di, dq } = recorder.slopes else { unreachable!() };
        let mut triplets = TriMat::new((dim, dim));
        let diagonal = (0..dim).map(|k| (k, k));
        for (row, col) in di.iter().chain(&dq).copied().chain(diagonal) {
            triplets.add_triplet(row, col, 1u32);
        }
        let columns: sprs::CsMat<u32> = triplets.to_csc();
        let slot =
            |&(row, col): &(usize, usize)| columns.nnz_index(row, col).map_or(0, |at| at.0 as u32);
        let mut charged = vec![false; dim];
        dq.iter().for_each(|&(row, _)| charged[row] = true);
        Arc::new(Pattern {
            dim,
            col_starts: columns.indptr().raw_storage().to_vec(),
            row_indices: columns.indices().to_vec(),
            di_slots: di.iter().map(slot).collect(),
            dq_slots: dq.iter().map(slot).collect(),
            diagonal: (0..dim).map(|k| slot(&(k, k))).collect(),
            charged,
            memory: dae.memory(),
        })
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many slopes are stored.
    pub fn len(&self) -> usize {
        self.row_indices.len()
    }

    pub fn is_empty(&self) -> bool {
        self.row_indices.is_empty()
    }

    /// Where each column starts, `[dim + 1]`.
    pub fn col_starts(&self) -> &[usize] {
        &self.col_starts
    }

    /// The row of each stored slope.
    pub fn row_indices(&self) -> &[usize] {
        &self.row_indices
    }

    /// The place of each unknown's own slope among the stored ones.
    pub fn diagonal(&self) -> &[u32] {
        &self.diagonal
    }

    /// Whether each equation has a charge; the others are algebraic.
    pub fn charged(&self) -> &[bool] {
        &self.charged
    }
}

/// The sums `I`, `Q` and their slopes at one point.
#[derive(Debug, Clone)]
pub struct Stamps {
    i: Vec<f64>,
    q: Vec<f64>,
    /// What the equations remember; see [`Dae::memory`].
    pub memory: Vec<f64>,
    limits: Limits,
    slopes: Slopes,
}

/// Whether strongly bent laws are straightened on the way to a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limits {
    Off,
    /// `reached`: some argument was held back in this evaluation.
    On {
        reached: bool,
    },
}

#[derive(Debug, Clone)]
enum Slopes {
    /// Learns the pattern.
    Recording { di: Vec<(usize, usize)>, dq: Vec<(usize, usize)> },
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
        }
    }

    /// Evaluates the equations at `x`.
    ///
    /// # Panics
    /// If they stamp otherwise than when the pattern was found.
    pub fn take(&mut self, dae: &dyn Dae, at: Instant, x: &[f64]) {
        self.i.fill(0.0);
        self.q.fill(0.0);
        if let Limits::On { reached } = &mut self.limits {
            *reached = false;
        }
        if let Slopes::Adding { di, dq, di_calls, dq_calls, .. } = &mut self.slopes {
            di.fill(0.0);
            dq.fill(0.0);
            (*di_calls, *dq_calls) = (0, 0);
        }
        dae.eval(at, x, self);
        if let Slopes::Adding { pattern, di_calls, dq_calls, .. } = &self.slopes {
            let expected = (pattern.di_slots.len(), pattern.dq_slots.len());
            assert_eq!((*di_calls, *dq_calls), expected, "the pattern of the equations changed");
        }
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
    pub fn i(&mut self, row: usize, value: f64) {
        if row != Stamps::NOWHERE {
            self.i[row] += value;
        }
    }

    /// Adds to `Q` of an equation.
    pub fn q(&mut self, row: usize, value: f64) {
        if row != Stamps::NOWHERE {
            self.q[row] += value;
        }
    }

    /// Adds to `dI_row/dx_col`.
    pub fn di(&mut self, row: usize, col: usize, value: f64) {
        if row == Stamps::NOWHERE || col == Stamps::NOWHERE {
            return;
        }
        match &mut self.slopes {
            Slopes::Recording { di, .. } => di.push((row, col)),
            Slopes::Adding { pattern, di, di_calls, .. } => {
                di[pattern.di_slots[*di_calls] as usize] += value;
                *di_calls += 1;
            }
        }
    }

    /// Adds to `dQ_row/dx_col`.
    pub fn dq(&mut self, row: usize, col: usize, value: f64) {
        if row == Stamps::NOWHERE || col == Stamps::NOWHERE {
            return;
        }
        match &mut self.slopes {
            Slopes::Recording { dq, .. } => dq.push((row, col)),
            Slopes::Adding { pattern, dq, dq_calls, .. } => {
                dq[pattern.dq_slots[*dq_calls] as usize] += value;
                *dq_calls += 1;
            }
        }
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
            Slopes::Recording { .. } => &[],
        }
    }

    /// `dQ/dx` in the order of the pattern.
    pub fn charge_slopes(&self) -> &[f64] {
        match &self.slopes {
            Slopes::Adding { dq, .. } => dq,
            Slopes::Recording { .. } => &[],
        }
    }
}
