//! What is done to one block of word lines or one panel of bit lines: plain loops over sixteen
//! lines, compiled once for each instruction set, products and sums never contracted.

use multiversion::multiversion;

use super::law::Law;
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

    fn places(&self) -> usize {
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
fn solve(side: &Side, pivots: &[Row], x: &mut [Row]) {
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
fn summed(x: &[Row]) -> Row {
    let mut sum = ZERO;
    for x in x {
        sum = row(|l| sum[l] + x[l]);
    }
    sum
}

/// Adds the currents through the wires and ends of a group of lines to `f`, positive where they
/// leave a place, each segment's once with either sign; of a pinned line, nothing is left.
#[inline(always)]
fn wires(side: &Side, x: &[Row], ports: &[Row; 2], f: &mut [Row]) {
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
fn top(most: Row, x: &Row) -> Row {
    row(|l| larger(most[l], x[l].abs()))
}

/// The errors of a group of lines.
#[inline(always)]
fn errors(side: &Side, x: &[Row], f: &[Row]) -> Norms {
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

/// A group of lines where it stands.
pub struct Group<'a> {
    pub side: &'a Side,
    pub grid: Grid,
    /// Which one.
    pub index: usize,
}

/// Kirchhoff's law on a block of word lines: its errors into `f`, the currents of the cells into
/// `cells` (in tiles), their slopes into `slopes`.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn evaluate_words(
    at: &Group,
    law: &Law,
    [g, w, bits]: [&[Row]; 3],
    ports: &[Row; 2],
    [f, cells, slopes]: [&mut [Row]; 3],
) -> Norms {
    let (mut most, mut steepest) = (ZERO, ZERO);
    let (mut b, mut currents) = ([ZERO; LANES], [ZERO; LANES]);
    for panel in 0..at.grid.panels {
        let start = panel * at.grid.panel() + at.index * LANES;
        transpose(&bits[start..start + LANES], &mut b);
        for (l, b) in b.iter().enumerate() {
            let k = panel * LANES + l;
            let w = w[k];
            let v = row(|l| w[l] - b[l]);
            let (i, slope) = law.currents(&g[k], &v);
            (currents[l], f[k]) = (i, i);
            if let Some(to) = slopes.get_mut(k) {
                *to = slope;
            }
            (most, steepest) = (top(most, &i), top(steepest, &slope));
        }
        transpose(&currents, &mut cells[panel * LANES..][..LANES]);
    }
    wires(at.side, w, ports, f);
    let [cell, slope] = [most, steepest].map(|row| row.into_iter().fold(0.0, larger));
    Norms { cell, slope, ..errors(at.side, w, f) }
}

/// Kirchhoff's law on a panel of bit lines, the currents of the cells given in tiles.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn evaluate_bits(
    at: &Group,
    [x, cells]: [&[Row]; 2],
    ports: &[Row; 2],
    f: &mut [Row],
) -> Norms {
    for (block, f) in f.chunks_exact_mut(LANES).enumerate() {
        let tile = &cells[(block * at.grid.panels + at.index) * LANES..][..LANES];
        for (f, i) in f.iter_mut().zip(tile) {
            *f = row(|l| -i[l]);
        }
    }
    wires(at.side, x, ports, f);
    errors(at.side, x, f)
}

/// Gathers what is kept of the current into a node at its first place, where it keeps its digits.
#[inline(always)]
fn gather(side: &Side, r: &mut [Row], z: &mut [Row]) {
    let sum = match side.kind {
        Kind::Chain => return,
        Kind::Node => summed(r),
        Kind::Pinned(_) => ZERO,
    };
    r.fill(ZERO);
    r[0] = sum;
    z.copy_from_slice(r);
}

/// `cells = G D_w^-1 f` of a block of word lines.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn eliminate(at: &Group, [g, pivots, f]: [&[Row]; 3], cells: &mut [Row]) {
    let mut turned = [ZERO; LANES];
    cells.copy_from_slice(f);
    solve(at.side, pivots, cells);
    for (tile, g) in cells.chunks_exact_mut(LANES).zip(g.chunks_exact(LANES)) {
        for (i, g) in tile.iter_mut().zip(g) {
            let from = *i;
            *i = row(|l| g[l] * from[l]);
        }
        turned.copy_from_slice(tile);
        transpose(&turned, tile);
    }
}

/// `r = -(r + cells)` and `z = D_b^-1 r` of a panel of bit lines; returns `r.z`.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn begin(at: &Group, [pivots, cells]: [&[Row]; 2], [r, z]: [&mut [Row]; 2]) -> f64 {
    for (block, (r, z)) in r.chunks_exact_mut(LANES).zip(z.chunks_exact_mut(LANES)).enumerate() {
        let tile = &cells[(block * at.grid.panels + at.index) * LANES..][..LANES];
        for ((r, z), i) in r.iter_mut().zip(z).zip(tile) {
            let from = *r;
            let rest = row(|l| -(from[l] + i[l]));
            (*r, *z) = (rest, rest);
        }
    }
    gather(at.side, r, z);
    solve(at.side, pivots, z);
    product(r, z)
}

#[inline(always)]
fn product(a: &[Row], b: &[Row]) -> f64 {
    let mut sum = ZERO;
    for (a, b) in a.iter().zip(b) {
        sum = row(|l| sum[l] + a[l] * b[l]);
    }
    sum.into_iter().sum()
}

/// `p = z + beta p` on a panel of bit lines; returns the power in wires and ends at `p`.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn direct(side: &Side, z: &[Row], beta: f64, p: &mut [Row]) -> f64 {
    let mut sum = ZERO;
    let mut before = ZERO;
    let mut wire = 0.0;
    let chain = side.kind == Kind::Chain;
    for (k, (z, p)) in z.iter().zip(&mut *p).enumerate() {
        let from = *p;
        let here = row(|l| z[l] + beta * from[l]);
        sum = row(|l| sum[l] + wire * ((here[l] - before[l]) * (here[l] - before[l])));
        (*p, before) = (here, here);
        wire = if chain { side.along[k] } else { 0.0 };
    }
    for (k, end) in [(0, side.ends[0]), (side.last, side.ends[1])] {
        let p = p[k];
        sum = row(|l| sum[l] + end * (p[l] * p[l]));
    }
    sum.into_iter().sum()
}

/// `cells = G (p - D_w^-1 G p)` of a block of word lines; returns `p.cells`.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn apply(at: &Group, [g, pivots, p]: [&[Row]; 3], cells: &mut [Row], volts: &mut [Row]) -> f64 {
    let mut turned = [ZERO; LANES];
    for panel in 0..at.grid.panels {
        let start = panel * at.grid.panel() + at.index * LANES;
        transpose(&p[start..start + LANES], &mut turned);
        for (l, p) in turned.iter().enumerate() {
            let k = panel * LANES + l;
            let g = g[k];
            volts[k] = *p;
            cells[k] = row(|q| g[q] * p[q]);
        }
    }
    solve(at.side, pivots, cells);
    let mut sum = ZERO;
    let rows = volts.chunks_exact(LANES).zip(g.chunks_exact(LANES));
    for (tile, (volts, g)) in cells.chunks_exact_mut(LANES).zip(rows) {
        for (i, (p, g)) in tile.iter_mut().zip(volts.iter().zip(g)) {
            let u = *i;
            let current = row(|l| g[l] * (p[l] - u[l]));
            sum = row(|l| sum[l] + p[l] * current[l]);
            *i = current;
        }
        turned.copy_from_slice(tile);
        transpose(&turned, tile);
    }
    sum.into_iter().sum()
}

/// `x += alpha p`, `r -= alpha S p` and `z = D_b^-1 r` on a panel of bit lines, with the currents
/// of the cells at `p` given in tiles; returns `r.z` and the largest `r`.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn advance(
    at: &Group,
    alpha: f64,
    [pivots, p, cells]: [&[Row]; 3],
    [x, r, z]: [&mut [Row]; 3],
) -> [f64; 2] {
    let side = at.side;
    let chain = side.kind == Kind::Chain;
    let (mut most, mut before) = (ZERO, ZERO);
    for k in 0..side.places() {
        let tile = (k / LANES * at.grid.panels + at.index) * LANES + k % LANES;
        let mut end = if k == 0 { side.ends[0] } else { 0.0 };
        end += if k == side.last { side.ends[1] } else { 0.0 };
        let o = if chain { side.along[k] } else { 0.0 };
        let (here, i) = (p[k], cells[tile]);
        let next = if k == side.last { here } else { p[k + 1] };
        let after = row(|l| o * (here[l] - next[l]));
        let out = row(|l| ((after[l] - before[l]) + end * here[l]) + i[l]);
        before = after;
        let (at, left) = (x[k], r[k]);
        x[k] = row(|l| at[l] + alpha * here[l]);
        let left = row(|l| left[l] - alpha * out[l]);
        (r[k], z[k]) = (left, left);
        most = top(most, &left);
    }
    if !chain {
        gather(side, r, z);
        most = top(ZERO, &r[0]);
    }
    solve(side, pivots, z);
    [product(r, z), most.into_iter().fold(0.0, larger)]
}

/// `out = D_w^-1 (G d - f)` of a block of word lines: how they follow a change `d` of the bit
/// lines.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn follow(at: &Group, [g, pivots, f, d]: [&[Row]; 4], out: &mut [Row]) {
    let mut turned = [ZERO; LANES];
    for panel in 0..at.grid.panels {
        let start = panel * at.grid.panel() + at.index * LANES;
        transpose(&d[start..start + LANES], &mut turned);
        for (l, d) in turned.iter().enumerate() {
            let k = panel * LANES + l;
            let (g, f) = (g[k], f[k]);
            out[k] = row(|q| g[q] * d[q] - f[q]);
        }
    }
    solve(at.side, pivots, out);
}
