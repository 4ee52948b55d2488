//! Crossbars with wires: `N` word lines over `M` bit lines, a cell where two of them cross, and
//! wire between the cells.
//!
//! A general sparse solver sees `2 N M` anonymous unknowns. Here the word lines are eliminated
//! exactly, each a tridiagonal system, and conjugate gradients solve what is left on the bit lines,
//! `S = D_b - G D_w^-1 G`, with their own tridiagonal part `D_b` as preconditioner: the
//! reduced system of a matrix with two-cyclic blocks (Reid, *SIAM J. Numer. Anal.* 9, 1972). The
//! iterations number some ten for lines with little voltage drop, memory grows as the cells,
//! and nothing fills in. Cells that are not linear keep the structure, so Newton's method goes
//! around it. A line without wire resistance is one node, as a limit and not as a small number.
//!
//! Lines are solved sixteen at a time; sums are taken in the same order whatever the number of
//! threads, so the bits of a result do not depend on it.

mod check;
mod coarse;
mod conductances;
mod currents;
mod gradients;
mod law;
mod passes;
mod port_matrix;
mod sides;
mod solve;
mod tiles;
mod work;

pub use check::Fault;
pub use conductances::PortConductances;
pub use law::Law;
pub use port_matrix::PortMatrix;
pub use solve::{Settings, Solver};

use tiles::{Grid, Row};

/// A crossbar as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossbar {
    /// Word lines.
    pub rows: usize,
    /// Bit lines.
    pub cols: usize,
    /// Conductances of the cells \[S\], `[rows, cols]` row-major; of a cell that is not linear,
    /// the slope at 0 V.
    pub conductance: Vec<f64>,
    pub law: Law,
    pub word: Lines,
    pub bit: Lines,
}

/// What all word lines, or all bit lines, have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    pub wire: Wire,
    /// Both ends of every line: of word lines at the first and the last column, of bit lines at
    /// the first and the last row.
    pub ends: [End; 2],
}

/// The wire between neighbouring cells of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Wire {
    /// Every segment has this resistance \[ohm\]; with 0, a line is one node.
    Uniform(f64),
    /// Resistance of each segment along a line \[ohm\], one fewer than the line has cells, all
    /// above 0.
    Each(Vec<f64>),
}

/// One end of every line of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Open,
    /// Joined to a port through this resistance \[ohm\]: driver or sense resistance and the segment
    /// that leads to the first cell. 0 only on a line without wire resistance, whose voltage is
    /// then the port's.
    Tied(f64),
}

impl Lines {
    /// Lines tied at their first end and open at the other.
    pub fn from_first(segment: f64, end: f64) -> Lines {
        Lines { wire: Wire::Uniform(segment), ends: [End::Tied(end), End::Open] }
    }

    /// Lines tied at their last end and open at the other.
    pub fn from_last(segment: f64, end: f64) -> Lines {
        Lines { wire: Wire::Uniform(segment), ends: [End::Open, End::Tied(end)] }
    }
}

/// Voltages of the ports \[V\], a number a line for every tied end; of an open end, empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PortVoltages {
    /// At the first and the last column, `[rows]` each.
    pub word: [Vec<f64>; 2],
    /// At the first and the last row, `[cols]` each.
    pub bit: [Vec<f64>; 2],
}

/// How good a solution is, and what it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// The worst Kirchhoff error as a share of the largest cell current.
    pub residual: f64,
    /// The largest sum of currents at any place of any line \[A\], computed anew from the voltages
    /// and the equations of the crossbar.
    pub kirchhoff: f64,
    /// Iterations of conjugate gradients.
    pub krylov: usize,
    /// Newton iterations; for linear cells, rounds of refinement.
    pub newton: usize,
    /// Whether the residual is within the tolerance asked for, or at the rounding of the voltages.
    pub converged: bool,
}

/// The state of a crossbar between its ports.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    grid: Grid,
    word: Vec<Row>,
    bit: Vec<Row>,
    /// Currents \[A\] out of the ports into the word lines at the first and the last column,
    /// `[rows]` each; 0 at an open end.
    pub word_current: [Vec<f64>; 2],
    /// Currents \[A\] out of the bit lines into the ports at the first and the last row, `[cols]`
    /// each; 0 at an open end.
    pub bit_current: [Vec<f64>; 2],
    pub report: Report,
}

impl Solution {
    /// Voltage \[V\] of the word line at a cell.
    pub fn word_voltage(&self, row: usize, col: usize) -> f64 {
        self.grid.word(&self.word, row, col)
    }

    /// Voltage \[V\] of the bit line at a cell.
    pub fn bit_voltage(&self, row: usize, col: usize) -> f64 {
        self.grid.bit(&self.bit, row, col)
    }

    /// Voltages across the cells \[V\], word line less bit line, `[rows, cols]` row-major.
    pub fn cell_voltages(&self) -> Vec<f64> {
        let Grid { rows, cols, .. } = self.grid;
        let at = |k: usize| (k / cols, k % cols);
        let across = |(i, j)| self.word_voltage(i, j) - self.bit_voltage(i, j);
        (0..rows * cols).map(|k| across(at(k))).collect()
    }
}
