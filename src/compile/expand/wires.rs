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
//! A driver reaches the first cell through its own resistance and one segment, and the last cell
//! of a bit line reaches the summing node through one and the resistance of sensing, so a tile of `P` inputs and `Q` outputs has `2 P Q` cells,
//! `4 P Q` places and `4 P Q` segments. Word lines end open, and so do bit lines at their far end.
//! Every tile of an array starts at the drivers and ends at the summing nodes.

use super::{Cell, Chip, Pins, Sign, cells};
use crate::compile::segments::Segments;
use crate::netlist::{Capacitor, Netlist, Node, Resistor};
use crate::spec::Rows;
use crate::units::Ohm;

/// A cell's places on its word line and on its bit line. Where segments have no resistance, all
/// places of a line are one: that of the cell at its end.
pub fn places(
    chip: &Chip,
    cell: &Cell,
    layers: &[Vec<Pins>],
    netlist: &mut Netlist,
) -> (Node, Node) {
    let (wire, block) = (&chip.nonideal.wire, &cell.array.tiles[cell.tile]);
    let apart = wire.r_segment > 0.0;
    let on_word = Cell { post: if apart { cell.post } else { block.post.start }, ..*cell };
    let last = Cell { sign: Sign::Minus, pre: block.pre.end - 1, ..*cell };
    let on_bit = if apart { *cell } else { last };
    let word = match apart || wire.r_driver > 0.0 {
        true => netlist.node(&on_word.name("w.")),
        false => cell.driver(layers),
    };
    let bit = match apart || wire.r_sense > 0.0 {
        true => netlist.node(&on_bit.name("b.")),
        false => layers[cell.array.post.0][cell.post].line,
    };
    (word, bit)
}

/// Lays the wire segments of all tiles, and what is at their ends.
pub fn lay(chip: &Chip, layers: &[Vec<Pins>], netlist: &mut Netlist) {
    let (wire, rows) = (&chip.nonideal.wire, chip.fabric.hardware.rows);
    for cell in cells(chip) {
        let block = &cell.array.tiles[cell.tile];
        let segments: &Segments = &chip.segments[cell.of][cell.tile];
        let (word, bit) = places(chip, &cell, layers, netlist);
        let k = cell.post - block.post.start;
        let (before, r) = match k {
            0 => (cell.driver(layers), wire.r_driver + segments.word(0, wire)),
            k => {
                let before = Cell { post: cell.post - 1, ..cell };
                (places(chip, &before, layers, netlist).0, segments.word(k, wire))
            }
        };
        segment(netlist, cell.name("ws."), [before, word], r);
        let own = segments.bit(line_of(rows, cell.sign, cell.pre, &block.pre), wire);
        let (after, r) = match next_line(rows, cell.sign, cell.pre, &block.pre) {
            Some((sign, pre)) => {
                (places(chip, &Cell { sign, pre, ..cell }, layers, netlist).1, own)
            }
            None => (layers[cell.array.post.0][cell.post].line, wire.r_sense + own),
        };
        segment(netlist, cell.name("bs."), [bit, after], r);
        for (name, p) in [("wc.", word), ("bc.", bit)] {
            if wire.c_segment > 0.0 {
                let c = Capacitor { p, n: Node::GROUND, c: wire.c_segment, ..Default::default() };
                netlist.add(cell.name(name), c);
            }
        }
    }
}

fn segment(netlist: &mut Netlist, name: String, [p, n]: [Node; 2], r: Ohm) {
    if r > 0.0 {
        netlist.add(name, Resistor { p, n, g: 1.0 / r, ..Default::default() });
    }
}

/// The place of a word line in its tile.
fn line_of(rows: Rows, sign: Sign, pre: usize, inputs: &std::ops::Range<usize>) -> usize {
    let (input, second) = (pre - inputs.start, usize::from(sign == Sign::Minus));
    match rows {
        Rows::Interleaved => 2 * input + second,
        Rows::Block => input + second * inputs.len(),
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
