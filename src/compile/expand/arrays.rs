//! A chip with wires as crossbars and neurons: what [`super::expand`] lays cell by cell, kept as
//! matrices.

use super::{Chip, Draft, Pins, Sign, in_order_of_mention, lay};
use crate::compile::{Array, Cells};
use crate::netlist::{self, Netlist, Ports};
use crate::numerics::crossbar::{Crossbar, End, Law, Lines, Wire};
use crate::spec::Rows;

/// As [`super::expand`], with every wired tile as one [`netlist::Array`] of the name of its cells,
/// such as `input-hidden.t0`.
///
/// # Panics
/// If the chip has no wires, or something in series with its cells that is not a conductance, or as [`super::expand`].
pub fn expand_arrays(chip: &Chip) -> (Netlist, Ports) {
    assert!(!chip.nonideal.wire.is_ideal(), "a chip without wires has no lines to solve");
    assert!(chip.nonideal.cell.has_products(), "tiles have cells of one law");
    let chip = &*chip.conducting();
    let mut draft = Netlist::new();
    let mut ports = lay(chip, &mut draft, Draft::Arrays);
    let netlist = in_order_of_mention(&draft, &mut ports);
    (netlist, ports)
}

/// A tile of a chip with its wires.
#[derive(Debug, Clone, PartialEq)]
pub struct WiredTile {
    /// The array it is a block of, by place in [`crate::compile::Fabric::arrays`].
    pub array: usize,
    /// Which tile of it.
    pub tile: usize,
    /// Its word lines in their order: the unit of `pre`, and 1 or -1 as the line carries its
    /// activation or the negative of it.
    pub lines: Vec<(usize, f64)>,
    /// Word lines are driven at their first column, bit lines end in the summing nodes at their
    /// last row.
    pub crossbar: Crossbar,
}

/// The tiles of a chip with wires, in the order of its arrays.
pub fn wired_tiles(chip: &Chip) -> impl Iterator<Item = WiredTile> + '_ {
    let rows = chip.fabric.hardware.rows;
    chip.fabric.arrays.iter().zip(&chip.cells).enumerate().flat_map(move |(a, (array, cells))| {
        array.tiles.iter().enumerate().map(move |(tile, block)| {
            let lines: Vec<(usize, f64)> = lines(rows, array, tile)
                .map(|(pre, sign)| (pre, if sign == Sign::Plus { 1.0 } else { -1.0 }))
                .collect();
            let crossbar = Crossbar {
                rows: lines.len(),
                cols: block.post.len(),
                conductance: conductances(rows, array, cells, tile),
                law: chip.nonideal.cell.v0.map_or(Law::Linear, |v0| Law::Sinh { v0 }),
                word: word_lines(chip, a, tile),
                bit: bit_lines(chip, a, tile),
            };
            WiredTile { array: a, tile, lines, crossbar }
        })
    })
}

/// Word lines: a driver, then a segment before each cell.
fn word_lines(chip: &Chip, array: usize, tile: usize) -> Lines {
    let (wire, segments) = (&chip.nonideal.wire, &chip.segments[array][tile]);
    let cells = chip.fabric.arrays[array].tiles[tile].post.len();
    let first = End::Tied(wire.r_driver + segments.word(0, wire));
    let each = |k| segments.word(k, wire);
    let between = if segments.are_alike() { Vec::new() } else { (1..cells).map(each).collect() };
    Lines { wire: along(wire.r_segment, between), ends: [first, End::Open] }
}

/// Bit lines: a segment after each cell, then what the summing node is sensed through.
fn bit_lines(chip: &Chip, array: usize, tile: usize) -> Lines {
    let (wire, segments) = (&chip.nonideal.wire, &chip.segments[array][tile]);
    let last = 2 * chip.fabric.arrays[array].tiles[tile].pre.len() - 1;
    let end = End::Tied(wire.r_sense + segments.bit(last, wire));
    let each = |k| segments.bit(k, wire);
    let between = if segments.are_alike() { Vec::new() } else { (0..last).map(each).collect() };
    Lines { wire: along(wire.r_segment, between), ends: [End::Open, end] }
}

fn along(segment: f64, each: Vec<f64>) -> Wire {
    if each.is_empty() { Wire::Uniform(segment) } else { Wire::Each(each) }
}

/// Adds the tiles of a chip.
pub(super) fn lay_tiles(chip: &Chip, layers: &[Vec<Pins>], netlist: &mut Netlist) {
    for WiredTile { array, tile, lines, crossbar } in wired_tiles(chip) {
        let array = &chip.fabric.arrays[array];
        let drivers = lines.into_iter().map(|(pre, sign)| {
            let unit = &layers[array.pre.0][pre];
            if sign > 0.0 { unit.output } else { unit.inverse }
        });
        let sums = array.tiles[tile].post.clone().map(|post| layers[array.post.0][post].line);
        netlist.add_array(netlist::Array {
            name: format!("{}.t{tile}", array.name),
            crossbar,
            word: [drivers.collect(), Vec::new()],
            bit: [Vec::new(), sums.collect()],
        });
    }
}

/// Brings the conductances up to date.
pub(super) fn refresh_tiles(chip: &Chip, netlist: &mut Netlist) {
    for (place, tile) in wired_tiles(chip).enumerate() {
        netlist.array_mut(place).crossbar.conductance = tile.crossbar.conductance;
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
