//! Lines of one kind, sixteen at a time: their tridiagonal systems, the currents of their wires,
//! and the errors of Kirchhoff's law on them.

use multiversion::multiversion;

use super::tiles::{Grid, LANES, Row, ZERO, row, transpose};
use super::{End, Lines};

/// All lines of one kind as the passes need them.
#[derive(Debug, Clone)]
pub struct Side {
    pub kind: Kind,
    /// Conductance between a place and the next \[S\], 0 after the last.
    pub along: Vec<f64>,
    /// Conductances to the ports \[S\], 0 at an open end.
    pub ends: [f64; 2],
    /// The last place of a line.
    pub last: usize,
    /// How many lines there are.
    pub lines: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Places joined by segments.
    Chain,
    /// One node: what is kept of it at its places is the same everywhere, and only sums over
    /// the places mean anything where currents are kept.
    Node,
    /// One node at the voltage of the port at this end.
    Pinned(usize),
}

impl Side {
    pub fn new(lines: &Lines, count: usize, cells: usize, padded: usize) -> Side {
        let mut along: Vec<f64> = lines.segments(cells).iter().map(|r| 1.0 / r).collect();
        along.resize(padded, 0.0);
        let pinned = lines.ends.iter().position(|end| *end == End::Tied(0.0));
        let kind = match pinned {
            Some(end) => Kind::Pinned(end),
            None if lines.is_node() => Kind::Node,
            None => Kind::Chain,
        };
        let ends = lines.ends.map(|end| match end {
            End::Open | End::Tied(0.0) => 0.0,
            End::Tied(r) => 1.0 / r,
        });
        Side { kind, along, ends, last: cells - 1, lines: count }
    }

    /// 1 for the lines of a group that do not exist, 0 for the others.
    pub fn padding(&self, group: usize) -> Row {
        std::array::from_fn(|l| if group * LANES + l < self.lines { 0.0 } else { 1.0 })
    }

    pub fn places(&self) -> usize {
        self.last + 1
    }
}

/// Pivots of the tridiagonal systems of a group: `1 / (o_k + e_k)` with `o_k` the segment to the
/// next place and `e_k` what leaks there and before, seen through the segments. Nothing is
/// subtracted, so that small leaks beside large conductances of wires keep all their digits
/// (Grassmann, Taksar and Heyman, *Oper. Res.* 33, 1985).
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn factor(side: &Side, slopes: &[Row], padding: &Row, pivots: &mut [Row]) {
    let chain = side.kind == Kind::Chain;
    let mut leak = *padding;
    pivots.fill(ZERO);
    for (k, slope) in slopes[..side.places()].iter().enumerate() {
        let mut end = if k == 0 { side.ends[0] } else { 0.0 };
        end += if k == side.last { side.ends[1] } else { 0.0 };
        let (o, slope) = (side.along[k], *slope);
        leak = row(|l| leak[l] + (slope[l] + end));
        if chain {
            let pivot = row(|l| 1.0 / (o + leak[l]));
            leak = row(|l| leak[l] * (o * pivot[l]));
            pivots[k] = pivot;
        }
    }
    if side.kind == Kind::Node {
        let total = leak.map(|leak| 1.0 / leak);
        pivots[..side.places()].fill(total);
    }
}

/// The slopes of a panel of bit lines out of those of all word lines.
pub fn panel_of(grid: Grid, words: &[Row], panel: usize, out: &mut [Row]) {
    for block in 0..grid.blocks {
        let tile = &words[block * grid.block() + panel * LANES..][..LANES];
        transpose(tile, &mut out[block * LANES..][..LANES]);
    }
}

/// Replaces currents into the places of a group of lines by the voltages they cause.
#[inline(always)]
pub fn solve(side: &Side, pivots: &[Row], x: &mut [Row]) {
    let n = side.places();
    let (pivots, x, along) = (&pivots[..n], &mut x[..n], &side.along[..n]);
    match side.kind {
        Kind::Chain => {
            let mut y = x[0];
            for k in 1..n {
                let (o, before, b) = (along[k - 1], pivots[k - 1], x[k]);
                y = row(|l| b[l] + (o * before[l]) * y[l]);
                x[k] = y;
            }
            let mut y = ZERO;
            for k in (0..n).rev() {
                let (o, pivot, b) = (along[k], pivots[k], x[k]);
                y = row(|l| b[l] * pivot[l] + (o * pivot[l]) * y[l]);
                x[k] = y;
            }
        }
        Kind::Node => {
            let sum = summed(x);
            x.fill(row(|l| sum[l] * pivots[0][l]));
        }
        Kind::Pinned(_) => x.fill(ZERO),
    }
}

#[inline(always)]
pub fn summed(x: &[Row]) -> Row {
    let mut sum = ZERO;
    for x in x {
        sum = row(|l| sum[l] + x[l]);
    }
    sum
}

/// Adds the currents through the wires and ends of a group of lines to `f`, positive where they
/// leave a place, each segment's once with either sign; of a pinned line, nothing is left.
#[inline(always)]
pub fn wires(side: &Side, x: &[Row], ports: &[Row; 2], f: &mut [Row]) {
    if let Kind::Pinned(_) = side.kind {
        f.fill(ZERO);
        return;
    }
    if side.kind == Kind::Chain {
        let mut before = ZERO;
        let places = x[..side.places()].iter().zip(&mut *f).zip(&side.along).enumerate();
        for (k, ((here, to), o)) in places {
            let (from, next) = (*to, if k == side.last { *here } else { x[k + 1] });
            let after = row(|l| o * (here[l] - next[l]));
            *to = row(|l| from[l] + (after[l] - before[l]));
            before = after;
        }
    }
    for (k, end, port) in [(0, side.ends[0], &ports[0]), (side.last, side.ends[1], &ports[1])] {
        let (x, from) = (x[k], f[k]);
        f[k] = row(|l| from[l] + end * (x[l] - port[l]));
    }
}

/// Measures of a state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Norms {
    /// The largest Kirchhoff error.
    pub kirchhoff: f64,
    /// The sum of their squares.
    pub square: f64,
    /// The largest current of a cell.
    pub cell: f64,
    /// The largest slope of a cell.
    pub slope: f64,
    /// The largest voltage.
    pub voltage: f64,
}

impl Norms {
    pub fn join(self, other: Norms) -> Norms {
        Norms {
            kirchhoff: larger(self.kirchhoff, other.kirchhoff),
            square: self.square + other.square,
            cell: larger(self.cell, other.cell),
            slope: larger(self.slope, other.slope),
            voltage: larger(self.voltage, other.voltage),
        }
    }
}

/// The larger one, NaN if either is.
#[inline(always)]
pub fn larger(a: f64, b: f64) -> f64 {
    if b <= a { a } else { b }
}

#[inline(always)]
pub fn top(most: Row, x: &Row) -> Row {
    row(|l| larger(most[l], x[l].abs()))
}

/// The errors of a group of lines.
#[inline(always)]
pub fn errors(side: &Side, x: &[Row], f: &[Row]) -> Norms {
    let (mut most, mut square, mut volts) = (ZERO, ZERO, ZERO);
    let node = [summed(f)];
    let f = if side.kind == Kind::Chain { f } else { &node };
    for f in f {
        most = top(most, f);
        square = row(|l| square[l] + f[l] * f[l]);
    }
    x.iter().for_each(|x| volts = top(volts, x));
    Norms {
        kirchhoff: most.into_iter().fold(0.0, larger),
        square: square.into_iter().sum(),
        voltage: volts.into_iter().fold(0.0, larger),
        ..Norms::default()
    }
}
