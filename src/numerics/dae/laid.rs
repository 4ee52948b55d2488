//! The linear part of equations as matrices.

use super::Pattern;

/// Slopes that never change, and their products with the unknowns.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub di: Vec<f64>,
    pub dq: Vec<f64>,
    /// `(slot, row, col)` where `dq` is not zero.
    charged: Vec<(u32, u32, u32)>,
    /// Whether the slopes are now these, but for what other calls have added.
    pub laid: bool,
    /// Of `di`, what forced unknowns add to balances that are not theirs.
    forced: Columns,
    /// The forced unknowns of the last product with them, and that product.
    last: Option<(Vec<f64>, Vec<f64>)>,
    /// What all unknowns add to the balances of forced nodes.
    balances: Columns,
    /// The rest.
    inner: Columns,
}

/// Columns of a matrix that are not empty.
#[derive(Debug, Clone, Default)]
struct Columns {
    /// The unknown and the end of each.
    ends: Vec<(u32, u32)>,
    entries: Vec<(u32, f64)>,
}

impl Columns {
    fn push(&mut self, row: usize, col: usize, value: f64) {
        self.entries.push((row as u32, value));
        let end = self.entries.len() as u32;
        match self.ends.last_mut() {
            Some((last, at)) if *last == col as u32 => *at = end,
            _ => self.ends.push((col as u32, end)),
        }
    }

    fn add(&self, x: &[f64], to: &mut [f64]) {
        let mut from = 0;
        for &(col, end) in &self.ends {
            let x = x[col as usize];
            for &(row, slope) in &self.entries[from..end as usize] {
                to[row as usize] += slope * x;
            }
            from = end as usize;
        }
    }
}

impl Linear {
    pub fn new(pattern: &Pattern, di: Vec<f64>, dq: Vec<f64>) -> Linear {
        let mut is_forced = vec![false; pattern.dim()];
        pattern.forced().iter().for_each(|forced| is_forced[forced.node] = true);
        let [mut forced, mut balances, mut inner] = [(); 3].map(|()| Columns::default());
        let mut charged = Vec::new();
        pattern.each(|slot, row, col| {
            if dq[slot] != 0.0 {
                charged.push((slot as u32, row as u32, col as u32));
            }
            let part = match (is_forced[row], is_forced[col]) {
                (true, _) => &mut balances,
                (false, true) => &mut forced,
                (false, false) => &mut inner,
            };
            if di[slot] != 0.0 {
                part.push(row, col, di[slot]);
            }
        });
        Linear { di, dq, charged, laid: false, forced, last: None, balances, inner }
    }

    /// Adds `I` and `Q` at `x`; without the balances of forced nodes where those are not asked for.
    pub fn add(&mut self, x: &[f64], i: &mut [f64], q: &mut [f64], balances: bool) {
        self.add_forced(x, i);
        self.inner.add(x, i);
        if balances {
            self.balances.add(x, i);
        }
        for &(slot, row, col) in &self.charged {
            q[row as usize] += self.dq[slot as usize] * x[col as usize];
        }
    }

    /// What forced unknowns add: sources mostly stand still.
    fn add_forced(&mut self, x: &[f64], i: &mut [f64]) {
        if self.forced.ends.is_empty() {
            return;
        }
        let now = || self.forced.ends.iter().map(|&(col, _)| x[col as usize]);
        let stands = |(at, _): &(Vec<f64>, Vec<f64>)| {
            at.iter().zip(now()).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        if !self.last.as_ref().is_some_and(stands) {
            let mut sums = vec![0.0; i.len()];
            self.forced.add(x, &mut sums);
            self.last = Some((now().collect(), sums));
        }
        if let Some((_, sums)) = &self.last {
            i.iter_mut().zip(sums).for_each(|(i, sum)| *i += sum);
        }
    }
}
