//! What is done to one block of word lines or one panel of bit lines: plain loops over sixteen
//! lines, compiled once for each instruction set, products and sums never contracted.

use multiversion::multiversion;

use super::coarse::between;
use super::law::Law;
use super::sides::{Kind, Norms, Side, errors, larger, solve, summed, top, wires};
use super::tiles::{Grid, LANES, Row, ZERO, row, transpose};

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
        for (f, i) in f.as_flattened_mut().iter_mut().zip(tile.as_flattened()) {
            *f = -i;
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
        let out = turned.as_flattened_mut().iter_mut();
        for ((out, i), g) in out.zip(tile.as_flattened()).zip(g.as_flattened()) {
            *out = g * i;
        }
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
        let (r, z) = (r.as_flattened_mut(), z.as_flattened_mut());
        for ((r, z), i) in r.iter_mut().zip(z).zip(tile.as_flattened()) {
            let rest = -(*r + i);
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

/// `p = z + beta p` on a panel of bit lines, with what is added to `z` in every tile; returns the power in wires and ends at `p`.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn direct(
    side: &Side,
    [z, tiles]: [&[Row]; 2],
    taper: &[f64],
    beta: f64,
    p: &mut [Row],
) -> f64 {
    let mut sum = ZERO;
    let mut before = ZERO;
    let mut wire = 0.0;
    let chain = side.kind == Kind::Chain;
    for (k, (z, p)) in z.iter().zip(&mut *p).enumerate().take(side.places()) {
        let ([a, b], share) = between(k);
        let (from, a, b) = (*p, tiles[a], tiles[b.min(tiles.len() - 1)]);
        let taper = taper.get(k).copied().unwrap_or(1.0);
        let here = row(|l| (z[l] + taper * (a[l] + share * (b[l] - a[l]))) + beta * from[l]);
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

/// The residual of a panel of bit lines as seen by the middles of its blocks: the transpose of what
/// [`direct`] adds.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn restrict(grid: Grid, taper: &[f64], r: &[Row], sums: &mut [Row]) {
    sums.fill(ZERO);
    for (k, (r, taper)) in r.iter().zip(taper).enumerate() {
        let ([a, b], share) = between(k);
        let (near, far) = (taper * (1.0 - share), taper * share);
        let (r, to) = (*r, sums[a]);
        sums[a] = row(|l| to[l] + near * r[l]);
        let to = &mut sums[b.min(grid.blocks - 1)];
        let from = *to;
        *to = row(|l| from[l] + far * r[l]);
    }
}

/// `to += by from`
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn step(to: &mut [Row], from: &[Row], by: f64) {
    for (to, from) in to.as_flattened_mut().iter_mut().zip(from.as_flattened()) {
        *to += by * from;
    }
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
        let tile = panel * LANES..(panel + 1) * LANES;
        let (g, f) = (g[tile.clone()].as_flattened(), f[tile.clone()].as_flattened());
        let out = out[tile].as_flattened_mut().iter_mut();
        for (((out, d), g), f) in out.zip(turned.as_flattened()).zip(g).zip(f) {
            *out = g * d - f;
        }
    }
    solve(at.side, pivots, out);
}
