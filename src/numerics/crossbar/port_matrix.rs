use rayon::prelude::*;

use super::{End, Lines, PortVoltages, Report, Settings, Solver};
use crate::numerics::Mat;

/// What a linear crossbar is between word lines that are driven and bit lines that are read: the
/// currents at its ports are linear in their voltages.
///
/// ```text
/// i_bit = transfer v_word - load v_bit        out of the bit lines into their ports
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PortMatrix {
    /// `[cols, rows]` \[S\]
    pub transfer: Mat,
    /// `[cols, cols]` \[S\], symmetric; what is beside its diagonal is current that sneaks from
    /// one bit line to another over the word lines.
    pub load: Mat,
    /// The worst residual of the solves it is made of, as in [`super::Report::residual`].
    pub residual: f64,
    /// Their worst Kirchhoff error \[A\], at 1 V on one bit line.
    pub kirchhoff: f64,
}

impl Solver {
    /// The port matrix between the word lines' `ends[0]` and the bit lines' `ends[1]`, the other
    /// ends at 0 V: one solve a bit line, since what a word line hears from a bit line the bit line
    /// hears from the word line.
    ///
    /// # Panics
    /// If one of the ends is open, or the cells are not linear.
    pub fn port_matrix(&self, ends: [usize; 2], settings: &Settings) -> PortMatrix {
        let crossbar = self.crossbar();
        let (rows, cols) = (crossbar.rows, crossbar.cols);
        assert!(crossbar.law.is_linear(), "currents of such cells are not linear in the voltages");
        let tied = [&crossbar.word, &crossbar.bit].into_iter().zip(ends);
        tied.for_each(|(lines, end)| assert_ne!(lines.ends[end], End::Open, "nothing is there"));
        let at_rest = |lines: &Lines, count: usize| {
            lines.ends.map(|end| vec![0.0; if end == End::Open { 0 } else { count }])
        };
        let rest =
            PortVoltages { word: at_rest(&crossbar.word, rows), bit: at_rest(&crossbar.bit, cols) };
        let columns: Vec<(Vec<f64>, Vec<f64>, Report)> = (0..cols)
            .into_par_iter()
            .map(|col| {
                let mut ports = rest.clone();
                ports.bit[ends[1]][col] = 1.0;
                let found = self.solve(&ports, None, settings).expect("one voltage a port");
                let [word, bit] = [(found.word_current, ends[0]), (found.bit_current, ends[1])]
                    .map(|(mut currents, end)| std::mem::take(&mut currents[end]));
                (word, bit, found.report)
            })
            .collect();
        let worst = |of: fn(&Report) -> f64| columns.iter().map(|c| of(&c.2)).fold(0.0, f64::max);
        PortMatrix {
            transfer: Mat::from_fn(cols, rows, |col, row| -columns[col].0[row]),
            load: Mat::from_fn(cols, cols, |a, b| -0.5 * (columns[a].1[b] + columns[b].1[a])),
            residual: worst(|report| report.residual),
            kirchhoff: worst(|report| report.kirchhoff),
        }
    }
}
