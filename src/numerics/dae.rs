//! Differential-algebraic equations `I(x) + d/dt Q(x) = 0` with sparse slopes.

mod laid;
mod stamps;

use std::sync::Arc;

use sprs::TriMat;

use stamps::Slopes;
pub use stamps::Stamps;

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

    /// Adds `I`, `Q` and their slopes at `x` to `out`, all but what [`Dae::eval_linear`] adds.
    /// Which slopes are stamped, and in which order, must not depend on `t`, on `x` or on
    /// parameters.
    fn eval(&self, at: Instant, x: &[f64], out: &mut Stamps);

    /// Adds the part whose `I` and `Q` are constant matrices times `x` at every instant but
    /// [`Instant::Start`], so that its slopes need be asked for only once.
    fn eval_linear(&self, _at: Instant, _x: &[f64], _out: &mut Stamps) {}

    /// Unknowns that an equation holds at a value of its own (nodes at sources), each with the
    /// unknown of the same number as that equation (the current of the source): `(node, branch)`.
    /// Those count of which the pattern shows that the equation `branch` has no other unknown, and
    /// that the unknown `branch` is in no equation but `node`.
    fn forced(&self) -> Vec<(usize, usize)> {
        Vec::new()
    }

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
    /// How many of the calls for `dI` and `dQ` are of the linear part.
    linear_calls: (usize, usize),
    /// The places of `dI` and `dQ` that other calls than these add to, ascending.
    other_slots: [Vec<u32>; 2],
    /// The place of each unknown's own slope.
    diagonal: Vec<u32>,
    /// Whether the equation has a charge.
    charged: Vec<bool>,
    /// How many numbers the equations remember.
    memory: usize,
    forced: Vec<Forced>,
}

/// See [`Dae::forced`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    pub node: usize,
    pub branch: usize,
    /// Where the slope of the equation `branch` by the unknown `node` is stored.
    pub own: usize,
    /// Where that of the equation `node` by the unknown `branch` is.
    pub flow: usize,
}

impl Pattern {
    /// Asks the equations for their slopes once and arranges them.
    pub fn of(dae: &dyn Dae) -> Arc<Pattern> {
        Pattern::linked(dae, &[])
    }

    /// With room for more slopes, at `(row, col)` each, that the equations do not stamp.
    pub fn linked(dae: &dyn Dae, links: &[(usize, usize)]) -> Arc<Pattern> {
        let dim = dae.dim();
        let mut recorder = Stamps::recorder(dim, dae.memory());
        let zero = vec![0.0; dim];
        dae.eval_linear(Instant::Rest, &zero, &mut recorder);
        let linear_calls = recorder.recorded();
        dae.eval(Instant::Rest, &zero, &mut recorder);
        let Slopes::Recording { di, dq } = recorder.slopes else { unreachable!() };
        let mut triplets = TriMat::new((dim, dim));
        let diagonal = (0..dim).map(|k| (k, k));
        for (row, col) in di.iter().chain(&dq).chain(links).copied().chain(diagonal) {
            triplets.add_triplet(row, col, 1u32);
        }
        let columns: sprs::CsMat<u32> = triplets.to_csc();
        let slot =
            |&(row, col): &(usize, usize)| columns.nnz_index(row, col).map_or(0, |at| at.0 as u32);
        let mut charged = vec![false; dim];
        dq.iter().for_each(|&(row, _)| charged[row] = true);
        let slots = |calls: &[(usize, usize)]| calls.iter().map(slot).collect::<Vec<u32>>();
        let (di_slots, dq_slots) = (slots(&di), slots(&dq));
        let others = [&di_slots[linear_calls.0..], &dq_slots[linear_calls.1..]];
        let mut pattern = Pattern {
            dim,
            col_starts: columns.indptr().raw_storage().to_vec(),
            row_indices: columns.indices().to_vec(),
            other_slots: others.map(distinct),
            di_slots,
            dq_slots,
            linear_calls,
            diagonal: (0..dim).map(|k| slot(&(k, k))).collect(),
            charged,
            memory: dae.memory(),
            forced: Vec::new(),
        };
        // More slopes may be in any place.
        if links.is_empty() {
            pattern.forced = pattern.alone(&dae.forced());
        }
        Arc::new(pattern)
    }

    /// Those of the pairs that stand alone, each node once.
    fn alone(&self, pairs: &[(usize, usize)]) -> Vec<Forced> {
        let (mut in_row, mut in_col) = (vec![0; self.dim], vec![0; self.dim]);
        let stamped = self.stamped();
        self.each(|slot, row, col| {
            if stamped[slot] {
                in_row[row] += 1;
                in_col[col] += 1;
            }
        });
        let mut taken = vec![false; self.dim];
        let mut found = Vec::new();
        for &(node, branch) in pairs {
            let alone = in_row[branch] == 1 && in_col[branch] == 1;
            if !alone || node == branch || taken[node] || self.charged[branch] {
                continue;
            }
            let slot = |row, col| self.stored(row, col).filter(|&slot| stamped[slot]);
            if let (Some(own), Some(flow)) = (slot(branch, node), slot(node, branch)) {
                taken[node] = true;
                found.push(Forced { node, branch, own, flow });
            }
        }
        found
    }

    /// The pattern among some unknowns, whose place among them `place` tells, and where its slopes
    /// stand in this one.
    pub(super) fn among(&self, free: &[usize], place: &[u32]) -> (Arc<Pattern>, Vec<u32>) {
        let mut pattern = Pattern {
            dim: free.len(),
            col_starts: vec![0],
            row_indices: Vec::new(),
            di_slots: Vec::new(),
            dq_slots: Vec::new(),
            linear_calls: (0, 0),
            other_slots: [Vec::new(), Vec::new()],
            diagonal: vec![0; free.len()],
            charged: free.iter().map(|&k| self.charged[k]).collect(),
            memory: self.memory,
            forced: Vec::new(),
        };
        let stamped = self.stamped();
        let mut slots = Vec::new();
        for &col in free {
            let column = self.col_starts[col]..self.col_starts[col + 1];
            let stored = self.row_indices[column.clone()].iter().zip(&stamped[column.clone()]);
            for (slot, (&row, is_stamped)) in column.zip(stored) {
                let Some(&row) = place.get(row).filter(|&&row| row != u32::MAX) else { continue };
                let here = slots.len() as u32;
                if *is_stamped {
                    pattern.di_slots.push(here);
                }
                if row == place[col] {
                    pattern.diagonal[row as usize] = here;
                }
                pattern.row_indices.push(row as usize);
                slots.push(slot as u32);
            }
            pattern.col_starts.push(slots.len());
        }
        (Arc::new(pattern), slots)
    }

    /// What is forced, where nothing else is in the way.
    pub fn forced(&self) -> &[Forced] {
        &self.forced
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

    /// Every stored slope: its place, row and column.
    pub fn each(&self, mut f: impl FnMut(usize, usize, usize)) {
        for (col, ends) in self.col_starts.windows(2).enumerate() {
            (ends[0]..ends[1]).for_each(|slot| f(slot, self.row_indices[slot], col));
        }
    }

    /// Where a slope is stored.
    ///
    /// # Panics
    /// If there is none at that place.
    pub fn slot(&self, row: usize, col: usize) -> usize {
        self.stored(row, col).expect("a slope of the pattern")
    }

    fn stored(&self, row: usize, col: usize) -> Option<usize> {
        let start = self.col_starts[col];
        let column = &self.row_indices[start..self.col_starts[col + 1]];
        column.binary_search(&row).ok().map(|at| start + at)
    }

    /// The place of each unknown's own slope among the stored ones.
    pub fn diagonal(&self) -> &[u32] {
        &self.diagonal
    }

    /// Whether each stored slope is one that the equations stamp; the others complete the diagonal.
    pub fn stamped(&self) -> Vec<bool> {
        let mut stamped = vec![false; self.len()];
        let slots = self.di_slots.iter().chain(&self.dq_slots);
        slots.for_each(|&slot| stamped[slot as usize] = true);
        stamped
    }

    /// Whether each equation has a charge; the others are algebraic.
    pub fn charged(&self) -> &[bool] {
        &self.charged
    }
}

/// In ascending order, each once.
fn distinct(slots: &[u32]) -> Vec<u32> {
    let mut slots = slots.to_vec();
    slots.sort_unstable();
    slots.dedup();
    slots
}
