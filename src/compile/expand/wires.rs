//! The wires of a tile.
//!
//! Word lines carry the inputs in interleaved order (`+0 -0 +1 -1 ...`) or in blocks
//! (`+0 +1 ... -0 -1 ...`), bit lines gather the currents of one output each. Every `--` and every `!` is one segment; `o` are the places of a
//! cell on its two lines, joined by the cell:
//!
//! ```text
//!             bit 0    bit 1    bit 2
//!   +v_0 -----o--------o--------o        word line +0
//!             !        !        !
//!   -v_0 -----o--------o--------o        word line -0
//!             !        !        !
//!   +v_1 -----o--------o--------o        word line +1
//!             !        !        !
//!   -v_1 -----o--------o--------o        word line -1
//!             !        !        !
//!            u_0      u_1      u_2
//! ```
//!
//! A driver reaches the first cell through one segment, and the last cell of a bit line reaches
//! the summing node through one, so a tile of `P` inputs and `Q` outputs has `2 P Q` cells,
//! `4 P Q` places and `4 P Q` segments. Word lines end open, and so do bit lines at their far end.
//! Every tile of an array starts at the drivers and ends at the summing nodes.

use super::{Cell, Chip, Pins, Sign, cells};
use crate::netlist::{Netlist, Resistor};
use crate::spec::Rows;

/// Lays the wire segments of all tiles.
pub fn lay(chip: &Chip, layers: &[Vec<Pins>], netlist: &mut Netlist) {
    let g = 1.0 / chip.nonideal.wire.r_segment;
    for cell in cells(chip) {
        let block = &cell.array.tiles[cell.tile];
        let (word, bit) = cell.wired_nodes(netlist);
        let before = if cell.post == block.post.start {
            cell.driver(layers)
        } else {
            Cell { post: cell.post - 1, ..cell }.wired_nodes(netlist).0
        };
        netlist.add(cell.name("ws."), Resistor { p: before, n: word, g, ..Default::default() });
        let (rows, inputs) = (chip.fabric.hardware.rows, &block.pre);
        let after = match next_line(rows, cell.sign, cell.pre, inputs) {
            Some((sign, pre)) => Cell { sign, pre, ..cell }.wired_nodes(netlist).1,
            None => layers[cell.array.post.0][cell.post].input,
        };
        netlist.add(cell.name("bs."), Resistor { p: bit, n: after, g, ..Default::default() });
    }
}

/// The word line below this one; `None` below the last.
fn next_line(
    rows: Rows,
    sign: Sign,
    pre: usize,
    inputs: &std::ops::Range<usize>,
) -> Option<(Sign, usize)> {
    let last = pre + 1 == inputs.end;
    match (rows, sign) {
        (Rows::Interleaved, Sign::Plus) => Some((Sign::Minus, pre)),
        (Rows::Interleaved, Sign::Minus) => (!last).then_some((Sign::Plus, pre + 1)),
        (Rows::Block, Sign::Plus) if last => Some((Sign::Minus, inputs.start)),
        (Rows::Block, _) => (!last).then_some((sign, pre + 1)),
    }
}
