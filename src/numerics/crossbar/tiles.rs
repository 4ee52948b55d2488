//! Where numbers lie: sixteen lines side by side in a [`Row`], one row a place along them.
//!
//! Quantities of word lines lie in blocks of sixteen lines, `[block][column]`, quantities of bit
//! lines in panels of sixteen, `[panel][row]`. What passes from one to the other goes in square
//! tiles, `[block][panel]`, sixteen rows of a panel each.

use multiversion::multiversion;

/// How many lines lie side by side.
pub const LANES: usize = 16;

/// One number a line.
pub type Row = [f64; LANES];

pub const ZERO: Row = [0.0; LANES];

/// The shape of a crossbar in blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    pub rows: usize,
    pub cols: usize,
    /// Blocks of word lines.
    pub blocks: usize,
    /// Panels of bit lines.
    pub panels: usize,
}

impl Grid {
    pub fn new(rows: usize, cols: usize) -> Grid {
        Grid { rows, cols, blocks: rows.div_ceil(LANES), panels: cols.div_ceil(LANES) }
    }

    /// The length of a panel: the rows, filled up.
    pub fn panel(&self) -> usize {
        self.blocks * LANES
    }

    /// The length of a block: the columns, filled up.
    pub fn block(&self) -> usize {
        self.panels * LANES
    }

    /// The rows of all blocks.
    pub fn words(&self) -> usize {
        self.blocks * self.block()
    }

    /// The rows of all panels; as many as of all blocks.
    pub fn bits(&self) -> usize {
        self.panels * self.panel()
    }

    pub fn word(&self, words: &[Row], row: usize, col: usize) -> f64 {
        words[row / LANES * self.block() + col][row % LANES]
    }

    pub fn bit(&self, bits: &[Row], row: usize, col: usize) -> f64 {
        bits[col / LANES * self.panel() + row][col % LANES]
    }

    /// Fills a quantity of word lines from a function of row and column.
    pub fn words_from(&self, mut f: impl FnMut(usize, usize) -> f64) -> Vec<Row> {
        let mut words = vec![ZERO; self.words()];
        for row in 0..self.rows {
            let start = row / LANES * self.block();
            for (col, at) in words[start..start + self.cols].iter_mut().enumerate() {
                at[row % LANES] = f(row, col);
            }
        }
        words
    }
}

/// A row of the values of a function. Rows read from slices are best copied before and stored
/// after: then the whole of it is one vector operation.
#[inline(always)]
pub fn row(f: impl Fn(usize) -> f64) -> Row {
    let mut out = ZERO;
    for (l, out) in out.iter_mut().enumerate() {
        *out = f(l);
    }
    out
}

/// One number a line, in rows.
pub fn in_rows(values: &[f64], groups: usize) -> Vec<Row> {
    let mut rows = vec![ZERO; groups];
    for (k, value) in values.iter().enumerate() {
        rows[k / LANES][k % LANES] = *value;
    }
    rows
}

/// The first sixteen rows as columns. By itself, or compilers make gathers and scatters of what is
/// done to the rows next.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn transpose(tile: &[Row], out: &mut [Row]) {
    let out: &mut [Row; LANES] = out.try_into().expect("sixteen rows");
    for (a, row) in tile[..LANES].iter().enumerate() {
        for (b, value) in row.iter().enumerate() {
            out[b][a] = *value;
        }
    }
}
