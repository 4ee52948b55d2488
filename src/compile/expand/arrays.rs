//! A chip with wires as crossbars and neurons: what [`super::expand`] lays cell by cell, kept as
//! matrices.

use super::{Chip, Draft, Pins, Sign, in_order_of_mention, lay};
use crate::compile::{Array, Cells};
use crate::netlist::{self, Netlist, Node, Ports};
use crate::numerics::crossbar::{Crossbar, Law, Lines};
use crate::spec::Rows;

/// As [`super::expand`], with every wired tile as one [`netlist::Array`] of the name of its cells,
/// such as `input-hidden.t0`.
///
/// # Panics
/// If the chip has no wires, or as [`super::expand`].
pub fn expand_arrays(chip: &Chip) -> (Netlist, Ports) {
    assert!(chip.nonideal.wire.r_segment > 0.0, "a chip without wires has no lines to solve");
    let mut draft = Netlist::new();
    let mut ports = lay(chip, &mut draft, Draft::Arrays);
    let netlist = in_order_of_mention(&draft, &mut ports);
    (netlist, ports)
}

/// Adds the tiles of a chip.
pub(super) fn lay_tiles(chip: &Chip, layers: &[Vec<Pins>], netlist: &mut Netlist) {
    let r = chip.nonideal.wire.r_segment;
    for (array, cells) in chip.fabric.arrays.iter().zip(&chip.cells) {
        for (t, block) in array.tiles.iter().enumerate() {
            let drivers = lines(chip.fabric.hardware.rows, array, t).map(|(pre, sign)| {
                let unit = &layers[array.pre.0][pre];
                if sign == Sign::Plus { unit.output } else { unit.inverse }
            });
            let word: Vec<Node> = drivers.collect();
            let sums: Vec<Node> =
                block.post.clone().map(|post| layers[array.post.0][post].input).collect();
            netlist.add_array(netlist::Array {
                name: format!("{}.t{t}", array.name),
                crossbar: Crossbar {
                    rows: word.len(),
                    cols: sums.len(),
                    conductance: conductances(chip.fabric.hardware.rows, array, cells, t),
                    law: Law::Linear,
                    word: Lines::from_first(r, r),
                    bit: Lines::from_last(r, r),
                },
                word: [word, Vec::new()],
                bit: [Vec::new(), sums],
            });
        }
    }
}

/// Brings the conductances up to date.
pub(super) fn refresh_tiles(chip: &Chip, netlist: &mut Netlist) {
    let arrays = chip.fabric.arrays.iter().zip(&chip.cells);
    let tiles = arrays.flat_map(|(array, cells)| {
        (0..array.tiles.len())
            .map(move |t| conductances(chip.fabric.hardware.rows, array, cells, t))
    });
    for (place, conductance) in tiles.enumerate() {
        netlist.array_mut(place).crossbar.conductance = conductance;
    }
}

/// The word lines of a tile in their order: the input and its sign.
fn lines(rows: Rows, array: &Array, tile: usize) -> Box<dyn Iterator<Item = (usize, Sign)> + '_> {
    let pre = array.tiles[tile].pre.clone();
    match rows {
        Rows::Interleaved => Box::new(pre.flat_map(|pre| Sign::BOTH.map(|sign| (pre, sign)))),
        Rows::Block => {
            Box::new(Sign::BOTH.into_iter().flat_map(move |s| pre.clone().map(move |p| (p, s))))
        }
    }
}

fn conductances(rows: Rows, array: &Array, cells: &Cells, tile: usize) -> Vec<f64> {
    let post = &array.tiles[tile].post;
    let of = |(pre, sign): (usize, Sign)| {
        let of = if sign == Sign::Plus { &cells.plus } else { &cells.minus };
        post.clone().map(move |post| of[(post, pre)])
    };
    lines(rows, array, tile).flat_map(of).collect()
}
