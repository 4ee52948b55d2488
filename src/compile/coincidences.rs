//! Pulse trains on the lines of an array, and where they coincide.

use crate::model::Outer;
#[cfg(test)]
use crate::numerics::Mat;
use crate::numerics::draws::Words;
use crate::numerics::seed::Seed;
use crate::spec::{TrainKind, Trains};

/// The train of a line: a pulse in each slot whose bit is set.
#[derive(Clone, Copy, Default)]
struct Line {
    bits: u64,
    /// Whether it stands for a number below zero.
    negative: bool,
}

/// The trains of the samples of a batch on all lines of an array.
pub(super) struct Coincidences {
    /// `[terms, rows]`
    lines: Vec<Line>,
    rows: usize,
    pub cols: usize,
    slots: usize,
    /// The columns that have a pulse, by term, slot and sign.
    columns: Vec<u32>,
    /// Where those of a term, slot and sign begin.
    starts: Vec<u32>,
}

impl Coincidences {
    /// Trains whose coincidences are worth `pulses` times the products of `outer`, on the mean.
    /// `post` is on the rows, or else `pre`. The largest numbers of rows and columns are equally
    /// likely, so that both lines saturate together (update management: Gokmen, Onen and Haensch,
    /// *Front. Neurosci.* 11, 2017).
    pub fn draw(
        outer: &Outer,
        post_on_rows: bool,
        trains: Trains,
        pulses: f64,
        place: Seed,
    ) -> Coincidences {
        let (on_rows, on_columns) =
            if post_on_rows { (&outer.post, &outer.pre) } else { (&outer.pre, &outer.post) };
        let (rows, cols, slots) = (on_rows.cols(), on_columns.cols(), trains.length);
        let mut lines = Vec::with_capacity(on_rows.rows() * rows);
        let (mut columns, mut starts) = (Vec::new(), vec![0]);
        let mut lists = vec![Vec::new(); 2 * slots];
        for term in 0..on_rows.rows() {
            let (d, x) = (on_rows.row(term), on_columns.row(term));
            let [top_d, top_x] = [d, x].map(|v| v.iter().fold(0.0_f64, |m, v| m.max(v.abs())));
            let each = (pulses * top_d * top_x / slots as f64).sqrt();
            let place = |of: &str| place.child(of).index(term);
            let share = |top: f64| if top > 0.0 { each / top } else { 0.0 };
            lines.extend(train(d, share(top_d), trains, Spread::Evenly, place("rows")));
            for (j, line) in
                train(x, share(top_x), trains, Spread::First, place("columns")).enumerate()
            {
                let mut bits = line.bits;
                while bits != 0 {
                    let slot = bits.trailing_zeros() as usize;
                    lists[2 * slot + usize::from(line.negative)].push(j as u32);
                    bits &= bits - 1;
                }
            }
            for list in &mut lists {
                columns.append(list);
                starts.push(columns.len() as u32);
            }
        }
        Coincidences { lines, rows, cols, slots, columns, starts }
    }

    pub fn terms(&self) -> usize {
        self.lines.len() / self.rows.max(1)
    }

    /// Calls `f` with the columns that coincide with a row in a slot of a term, and whether they
    /// raise the weight.
    #[inline]
    pub fn of_row(&self, term: usize, row: usize, mut f: impl FnMut(&[u32], bool)) {
        let line = self.lines[term * self.rows + row];
        let mut bits = line.bits;
        while bits != 0 {
            let slot = bits.trailing_zeros() as usize;
            let first = 2 * (term * self.slots + slot);
            for negative in 0..2 {
                let at = self.starts[first + negative]..self.starts[first + negative + 1];
                if !at.is_empty() {
                    let columns = &self.columns[at.start as usize..at.end as usize];
                    f(columns, line.negative == (negative == 1));
                }
            }
            bits &= bits - 1;
        }
    }

    /// How often every cell of the array is met, `[rows, cols]`, those that lower a weight counted
    /// below zero.
    #[cfg(test)]
    pub fn counts(&self) -> Mat {
        let mut counts = Mat::zeros(self.rows, self.cols);
        for (term, row) in (0..self.terms()).flat_map(|t| (0..self.rows).map(move |i| (t, i))) {
            self.of_row(term, row, |columns, raises| {
                for &j in columns {
                    counts[(row, j as usize)] += if raises { 1.0 } else { -1.0 };
                }
            });
        }
        counts
    }
}

/// Where a deterministic train has its pulses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    First,
    Evenly,
}

/// The trains of numbers, `share` of a pulse in each slot for a number of 1.
fn train(
    numbers: &[f64],
    share: f64,
    trains: Trains,
    spread: Spread,
    place: Seed,
) -> impl Iterator<Item = Line> {
    let length = trains.length;
    let mut words = Words::new(place);
    numbers.iter().map(move |number| {
        let p = share * number.abs();
        let bits = match trains.kind {
            _ if p <= 0.0 => 0,
            TrainKind::Stochastic => words.bernoulli(p, length),
            TrainKind::Deterministic => {
                let pulses = ((p * length as f64).round() as usize).min(length);
                (0..length)
                    .filter(|k| is_pulse(*k, pulses, length, spread))
                    .fold(0, |b, k| b | 1 << k)
            }
        };
        Line { bits, negative: *number < 0.0 }
    })
}

fn is_pulse(slot: usize, pulses: usize, length: usize, spread: Spread) -> bool {
    match spread {
        Spread::First => slot < pulses,
        Spread::Evenly => (slot + 1) * pulses / length > slot * pulses / length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer(d: &[f64], x: &[f64], samples: usize) -> Outer {
        Outer {
            post: Mat::from_fn(samples, d.len(), |_, i| d[i]),
            pre: Mat::from_fn(samples, x.len(), |_, j| x[j]),
            per_sample: 1,
        }
    }

    const D: [f64; 3] = [0.5, -0.2, 0.0];
    const X: [f64; 4] = [1.0, 0.3, -0.6, 0.02];

    #[test]
    fn stochastic_trains_coincide_as_binomials() {
        let (samples, length) = (40_000, 31);
        let trains = Trains { length, kind: TrainKind::Stochastic };
        // No number is near enough to the end of a train to be cut off.
        let pulses = 12.0;
        let draw = |k: usize| {
            Coincidences::draw(&outer(&D, &X, 1), true, trains, pulses, Seed::new(4).index(k))
        };
        let mut sums = vec![[0.0; 2]; D.len() * X.len()];
        for k in 0..samples {
            for (sum, n) in sums.iter_mut().zip(draw(k).counts().as_slice()) {
                *sum = [sum[0] + n, sum[1] + n * n];
            }
        }
        let n = samples as f64;
        for (k, [sum, squares]) in sums.into_iter().enumerate() {
            let product = D[k / X.len()] * X[k % X.len()];
            // Gokmen and Vlasov: the mean is the product, the variance that of a binomial.
            let (mean, p) = (pulses * product, (pulses * product / length as f64).abs());
            let variance = length as f64 * p * (1.0 - p);
            let found = sum / n;
            let spread = squares / n - found * found;
            let error = (variance / n).sqrt();
            assert!((found - mean).abs() <= 6.0 * error, "{product}: {found}, not {mean}");
            // The fourth moment of a binomial.
            let fourth = variance * (1.0 + (3.0 * length as f64 - 6.0) * p * (1.0 - p));
            let error = ((fourth - variance * variance) / n).sqrt();
            assert!((spread - variance).abs() <= 6.0 * error, "{product}: {spread} of {variance}");
        }
    }

    #[test]
    fn deterministic_trains_multiply() {
        for (length, pulses) in [(31, 12.0), (64, 30.0), (10, 8.0)] {
            let trains = Trains { length, kind: TrainKind::Deterministic };
            let found =
                Coincidences::draw(&outer(&D, &X, 1), true, trains, pulses, Seed::new(1)).counts();
            let each = (pulses * 0.5 / length as f64).sqrt();
            for (i, d) in D.iter().enumerate() {
                for (j, x) in X.iter().enumerate() {
                    let n = |v: f64| (each * v.abs() * length as f64).round() as usize;
                    let both = (n(d / 0.5) * n(*x) / length) as f64;
                    assert_eq!(found[(i, j)], both * (d * x).signum(), "{d} {x} {length}");
                }
            }
        }
    }

    #[test]
    fn what_lies_on_rows_may_lie_on_columns() {
        let trains = Trains { length: 20, kind: TrainKind::Deterministic };
        let of = |post_on_rows| {
            Coincidences::draw(&outer(&D, &X, 3), post_on_rows, trains, 9.0, Seed::new(1)).counts()
        };
        let (forward, back) = (of(true), of(false));
        assert_eq!([back.rows(), back.cols()], [X.len(), D.len()]);
        for (i, j) in (0..D.len()).flat_map(|i| (0..X.len()).map(move |j| (i, j))) {
            assert!((forward[(i, j)] - back[(j, i)]).abs() <= 3.0);
        }
    }
}
