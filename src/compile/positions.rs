//! What the kernels of a block cost on arrays: one array that serves all positions in turn, or cells
//! of its own at every position.

use std::fmt;

use crate::model::{DeepHopfield, Synapse};

/// The kernels of one synapse on arrays, both directions together.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KernelCost {
    /// Such as `block1.0`.
    pub name: String,
    /// `[outputs, inputs x kernel x kernel]` of the forward array; the backward one is its transpose.
    pub kernel: [usize; 2],
    /// Places of the kernel on the picture: turns of an array that serves them all.
    pub positions: usize,
    /// Cells of two arrays that serve all positions in turn, two a weight.
    pub in_turn: usize,
    /// Cells of two arrays in which every position has its own.
    pub side_by_side: usize,
}

/// The cost of each synapse of a block of this name.
pub fn kernel_costs(block: &str, model: &DeepHopfield) -> Vec<KernelCost> {
    let of = |(l, synapse): (usize, &Synapse)| {
        let kernel = synapse.matrix();
        let positions = match synapse {
            Synapse::Conv { conv, .. } => conv.output().pixels(),
            Synapse::Dense { .. } => 1,
        };
        let in_turn = 4 * kernel[0] * kernel[1];
        let name = format!("{block}.{l}");
        KernelCost { name, kernel, positions, in_turn, side_by_side: positions * in_turn }
    };
    model.synapses.iter().enumerate().map(of).collect()
}

/// A table of costs, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KernelCosts(pub Vec<KernelCost>);

impl fmt::Display for KernelCosts {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:>14} {:>10} {:>14} {:>18}",
            "synapse", "kernel", "positions", "cells in turn", "cells side by side"
        )?;
        let mut row = |name: &str, kernel: String, positions: String, [turn, side]: [usize; 2]| {
            writeln!(f, "{name:<14} {kernel:>14} {positions:>10} {turn:>14} {side:>18}")
        };
        for KernelCost { name, kernel: [rows, cols], positions, in_turn, side_by_side } in &self.0 {
            let kernel = format!("{rows} x {cols}");
            row(name, kernel, positions.to_string(), [*in_turn, *side_by_side])?;
        }
        let sum = |of: fn(&KernelCost) -> usize| self.0.iter().map(of).sum();
        row("all", String::new(), String::new(), [sum(|k| k.in_turn), sum(|k| k.side_by_side)])?;
        write!(
            f,
            "two cells a weight and an array for each direction; in turn, an array is read once a \
             position, and a kernel is programmed once"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::conv::{Conv, Shape};

    #[test]
    fn a_kernel_at_every_position_has_as_many_times_its_cells() {
        let input = Shape::new(3, 8, 8);
        let conv = Conv { input, channels: 5, kernel: 3, stride: 1, padding: 1 };
        let synapses =
            vec![Synapse::Conv { conv, pool: None }, Synapse::Dense { pre: 320, post: 7 }];
        let layers = vec![input, conv.output(), Shape::flat(7)];
        let model = DeepHopfield { layers, synapses, slope: 1.0, clamp_last: false };
        let costs = kernel_costs("block", &model);
        assert_eq!((costs[0].in_turn, costs[0].side_by_side), (4 * 5 * 27, 64 * 4 * 5 * 27));
        assert_eq!((costs[1].in_turn, costs[1].side_by_side), (4 * 7 * 320, 4 * 7 * 320));
        let text = KernelCosts(costs).to_string();
        assert!(text.contains("block.0") && text.contains("5 x 27"), "{text}");
    }
}
