//! Pulse trains on the lines of an array, and where they coincide.

use super::aim::ROWS;
use super::meetings::{Column, Meetings, WIDE};
use crate::model::Outer;
use crate::numerics::Mat;
use crate::numerics::draws::Words;
use crate::numerics::seed::Seed;
use crate::spec::{TrainKind, Trains};

/// The train of a line: a pulse in each slot whose bit is set.
#[derive(Clone, Copy, Default)]
pub(super) struct Line {
    pub bits: u64,
    /// Whether it stands for a number below zero.
    pub negative: bool,
}

impl Line {
    /// How many pulses it has.
    pub fn pulses(self) -> usize {
        self.bits.count_ones() as usize
    }
}

/// The trains of the samples of a batch on all columns of an array, and how to draw those on its
/// rows.
pub(super) struct Coincidences<'a> {
    /// `[terms, rows]`
    on_rows: &'a Mat,
    /// Pulses a slot for a number of 1 on a row, by term.
    shares: Vec<f64>,
    trains: Trains,
    /// Of the draws of rows.
    place: Seed,
    pub cols: usize,
    /// The columns that have a pulse, by term and slot, and some more.
    columns: Vec<Column>,
    /// Where those of a term and slot begin, and the most in a slot of a term.
    starts: Vec<u32>,
    most: Vec<u32>,
    /// The columns that have any and their trains, by term.
    lit: Vec<Column>,
    lit_trains: Vec<u64>,
    lit_starts: Vec<u32>,
}

/// The trains of the rows of a block, and room to draw them.
#[derive(Default)]
pub(super) struct Lines {
    lines: Vec<Line>,
    p: Vec<f64>,
    bits: Vec<u64>,
}

impl Lines {
    /// Of the row that is the `i`th of the block.
    #[inline]
    pub fn of(&self, term: usize, i: usize) -> Line {
        self.lines[term * ROWS + i]
    }
}

impl<'a> Coincidences<'a> {
    /// Trains whose coincidences are worth `pulses` times the products of `outer`, on the mean.
    /// `post` is on the rows, or else `pre`. The largest numbers of rows and columns are equally
    /// likely, so that both lines saturate together (update management: Gokmen, Onen and Haensch,
    /// *Front. Neurosci.* 11, 2017).
    pub fn draw(
        outer: &'a Outer,
        post_on_rows: bool,
        trains: Trains,
        pulses: f64,
        place: Seed,
    ) -> Coincidences<'a> {
        let (on_rows, on_columns) =
            if post_on_rows { (&outer.post, &outer.pre) } else { (&outer.pre, &outer.post) };
        let slots = trains.length;
        let mut met = Coincidences {
            on_rows,
            shares: Vec::with_capacity(on_rows.rows()),
            trains,
            place: place.child("rows"),
            cols: on_columns.cols(),
            columns: Vec::new(),
            starts: vec![0],
            most: Vec::with_capacity(on_rows.rows()),
            lit: Vec::new(),
            lit_trains: Vec::new(),
            lit_starts: vec![0],
        };
        let mut lists = vec![Vec::new(); slots];
        let mut words = Words::new(place.child("columns"));
        let (mut not_zero, mut bits, mut p) = (vec![0; met.cols], vec![0; met.cols], Vec::new());
        for (d, x) in on_rows.iter_rows().zip(on_columns.iter_rows()) {
            let [top_d, top_x] = [d, x].map(top);
            let each = (pulses * top_d * top_x / slots as f64).sqrt();
            let share = |top: f64| if top > 0.0 { each / top } else { 0.0 };
            met.shares.push(share(top_d));
            let mut count = 0;
            for (j, x) in x.iter().enumerate() {
                not_zero[count] = j;
                count += usize::from(*x != 0.0);
            }
            let (not_zero, bits) = (&not_zero[..count], &mut bits[..count]);
            let share = share(top_x);
            p.clear();
            p.extend(not_zero.iter().map(|&j| share * x[j].abs()));
            draw_trains(&p, trains, Spread::First, &mut words, bits);
            for (&j, &bits) in not_zero.iter().zip(&*bits) {
                met.light(j, Line { bits, negative: x[j] < 0.0 }, &mut lists);
            }
            met.most.push(lists.iter().map(|list| list.len() as u32).max().unwrap_or(0));
            for list in &mut lists {
                met.columns.append(list);
                met.starts.push(met.columns.len() as u32);
            }
            met.lit_starts.push(met.lit.len() as u32);
        }
        met.columns.extend([Column::default(); WIDE]);
        met
    }

    /// The trains of the rows of block `block`, `[terms, ROWS]`.
    pub fn lines(&self, block: usize, work: &mut Lines) {
        let rows = block * ROWS..((block + 1) * ROWS).min(self.on_rows.cols());
        let Lines { lines, p, bits } = work;
        // Nothing stays of another block: rows that this one lacks have no pulses.
        p.clear();
        p.resize(self.terms() * ROWS, 0.0);
        lines.clear();
        lines.resize(p.len(), Line::default());
        let each = p.chunks_exact_mut(ROWS).zip(lines.chunks_exact_mut(ROWS));
        for ((d, share), (p, lines)) in self.on_rows.iter_rows().zip(&self.shares).zip(each) {
            for ((d, p), line) in d[rows.clone()].iter().zip(p).zip(lines) {
                *p = share * d.abs();
                line.negative = *d < 0.0;
            }
        }
        bits.resize(p.len(), 0);
        let mut words = Words::new(self.place.index(block));
        draw_trains(p, self.trains, Spread::Evenly, &mut words, bits);
        lines.iter_mut().zip(&*bits).for_each(|(line, bits)| line.bits = *bits);
    }

    fn light(&mut self, column: usize, line: Line, lists: &mut [Vec<Column>]) {
        let mut bits = line.bits;
        let column = Column::new(column, line.negative);
        if bits != 0 {
            self.lit.push(column);
            self.lit_trains.push(bits);
        }
        while bits != 0 {
            lists[bits.trailing_zeros() as usize].push(column);
            bits &= bits - 1;
        }
    }

    pub fn terms(&self) -> usize {
        self.shares.len()
    }

    /// Adds what coincides with a row in a term, slot by slot; or where that is much, the columns
    /// that may coincide and their trains.
    #[inline]
    pub fn of_row(
        &self,
        term: usize,
        line: Line,
        met: &mut Meetings,
    ) -> Option<(&[Column], &[u64])> {
        let first = term * self.trains.length;
        let starts = &self.starts[first..=first + self.trains.length];
        let slots = |mut bits: u64| {
            std::iter::from_fn(move || {
                let slot = bits.trailing_zeros() as usize;
                (bits != 0).then(|| {
                    bits &= bits - 1;
                    [starts[slot] as usize, starts[slot + 1] as usize]
                })
            })
        };
        let lit = self.lit_starts[term] as usize..self.lit_starts[term + 1] as usize;
        let all = || slots(line.bits).map(|[first, end]| end - first).sum::<usize>();
        if line.pulses() * self.most[term] as usize > lit.len() && all() > lit.len() {
            return Some((&self.lit[lit.clone()], &self.lit_trains[lit]));
        }
        for [first, end] in slots(line.bits) {
            met.meet(line, &self.columns, first, end - first);
        }
        None
    }

    /// How often every cell of the array is met, `[rows, cols]`, those that lower a weight counted
    /// below zero.
    #[cfg(test)]
    pub fn counts(&self) -> Mat {
        let rows = self.on_rows.cols();
        let mut counts = Mat::zeros(rows, self.cols);
        let (mut lines, mut met) = (Lines::default(), Meetings::new());
        for (row, term) in (0..rows).flat_map(|i| (0..self.terms()).map(move |t| (i, t))) {
            if term == 0 && row % ROWS == 0 {
                self.lines(row / ROWS, &mut lines);
            }
            met.clear();
            let line = lines.of(term, row % ROWS);
            let mut count = |met: Column, n: u32| {
                counts[(row, met.place())] += if met.lowers() { -1.0 } else { 1.0 } * f64::from(n);
            };
            if let Some((columns, trains)) = self.of_row(term, line, &mut met) {
                for (column, bits) in columns.iter().zip(trains) {
                    count(column.meets(line), (bits & line.bits).count_ones());
                }
            }
            met.as_slice().iter().for_each(|met| count(*met, 1));
        }
        counts
    }
}

/// The largest magnitude, some at a time.
fn top(numbers: &[f64]) -> f64 {
    let larger = |top: f64, x: f64| if x > top { x } else { top };
    let mut tops = [0.0; 8];
    let (chunks, rest) = numbers.as_chunks::<8>();
    for chunk in chunks {
        for (top, x) in tops.iter_mut().zip(chunk) {
            *top = larger(*top, x.abs());
        }
    }
    tops.into_iter().chain(rest.iter().map(|x| x.abs())).fold(0.0, larger)
}

/// Where a deterministic train has its pulses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    First,
    Evenly,
}

/// The trains of numbers, `p` of a pulse in each slot.
fn draw_trains(p: &[f64], trains: Trains, spread: Spread, words: &mut Words, bits: &mut [u64]) {
    let length = trains.length;
    match trains.kind {
        TrainKind::Stochastic => words.bernoulli(p, length, bits),
        TrainKind::Deterministic => {
            for (bits, p) in bits.iter_mut().zip(p) {
                let pulses = ((p * length as f64).round() as usize).min(length);
                let slots = (0..length).filter(|k| is_pulse(*k, pulses, length, spread));
                *bits = slots.fold(0, |bits, slot| bits | 1 << slot);
            }
        }
    }
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
        let one = outer(&D, &X, 1);
        let draw = |k: usize| {
            Coincidences::draw(&one, true, trains, pulses, Seed::new(4).index(k)).counts()
        };
        let mut sums = vec![[0.0; 2]; D.len() * X.len()];
        for k in 0..samples {
            for (sum, n) in sums.iter_mut().zip(draw(k).as_slice()) {
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
