//! The wires of a chip as its neurons see them.
//!
//! Wire capacitance settles orders of magnitude faster than neurons do, so a tile is its port
//! matrix: what flows into a summing node is linear in the activations on the word lines and in
//! the voltages of the summing nodes, its own and, over shared word lines, its neighbours'.

use std::ops::Range;

use rand::RngExt;

use crate::compile::{Chip, WiredTile, wired_tiles};
use crate::model::LayerId;
use crate::numerics::Mat;
use crate::numerics::crossbar::{PortMatrix, PortVoltages, Settings, Solver};
use crate::numerics::seed::Seed;
use crate::units::Siemens;

/// The port matrices of all tiles.
#[derive(Debug)]
pub struct Wires {
    tiles: Vec<Tile>,
    /// The error allowed in the currents of a tile after a write, as a share of the largest.
    tolerance: f64,
}

#[derive(Debug)]
struct Tile {
    array: usize,
    post: Range<usize>,
    lines: Vec<(usize, f64)>,
    solver: Solver,
    ports: PortMatrix,
    probe: PortVoltages,
}

/// How far port matrices are solved.
const EXACT: Settings = Settings { tolerance: 1e-12, krylov: 10_000, newton: 200 };
/// The tip and the end of a tile's lines that its ports are at.
const ENDS: [usize; 2] = [0, 1];

impl Wires {
    /// `None` for a chip without wires.
    pub fn of_chip(chip: &Chip, tolerance: f64) -> Option<Wires> {
        let wired = !chip.nonideal.wire.is_ideal();
        wired.then(|| Wires {
            tiles: wired_tiles(chip).map(|tile| Tile::new(chip, tile)).collect(),
            tolerance,
        })
    }

    /// Takes over the conductances of a chip after a write.
    pub fn refresh(&mut self, chip: &Chip) {
        for (tile, new) in self.tiles.iter_mut().zip(wired_tiles(chip)) {
            tile.write(new.crossbar.conductance, self.tolerance);
        }
    }

    /// How good the port matrices are, for people.
    pub fn note(&self) -> String {
        let worst = |of: fn(&PortMatrix) -> f64| {
            self.tiles.iter().map(|tile| of(&tile.ports)).fold(0.0, f64::max)
        };
        format!(
            "wires by port matrices of {} tiles, solved to a residual of {:.1e}, worst Kirchhoff \
             error {:.1e} A at 1 V",
            self.tiles.len(),
            worst(|ports| ports.residual),
            worst(|ports| ports.kirchhoff)
        )
    }

    /// What the nodes of a layer see of the tiles with all else held at 0 V.
    pub fn loads(&self, chip: &Chip, layer: LayerId) -> Vec<Siemens> {
        let mut loads = vec![0.0; chip.fabric.model.layer(layer).size];
        for (tile, _) in self.into(chip, layer) {
            for (k, post) in tile.post.clone().enumerate() {
                loads[post] += tile.ports.load[(k, k)];
            }
        }
        loads
    }

    /// The current into a node for every volt of activation, `[post, pre]` \[S\].
    pub fn transfer(&self, chip: &Chip, array: usize) -> Mat {
        let made = &chip.fabric.arrays[array].plus;
        let mut transfer = Mat::zeros(made.rows(), made.cols());
        for tile in self.tiles.iter().filter(|tile| tile.array == array) {
            for (k, post) in tile.post.clone().enumerate() {
                for (&(pre, sign), g) in tile.lines.iter().zip(tile.ports.transfer.row(k)) {
                    transfer[(post, pre)] += sign * g;
                }
            }
        }
        transfer
    }

    /// Groups of nodes of a layer whose bit lines run side by side, and the current out of one for
    /// every volt on another, 0 on the diagonal \[S\].
    pub fn sneaks(&self, chip: &Chip, layer: LayerId) -> Vec<(Range<usize>, Mat)> {
        let mut groups: Vec<(Range<usize>, Mat)> = Vec::new();
        for (tile, _) in self.into(chip, layer) {
            let n = tile.post.len();
            let place = groups.iter().position(|(nodes, _)| *nodes == tile.post);
            let place = place.unwrap_or_else(|| {
                groups.push((tile.post.clone(), Mat::zeros(n, n)));
                groups.len() - 1
            });
            let sum = &mut groups[place].1;
            for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))).filter(|(a, b)| a != b) {
                sum[(a, b)] += tile.ports.load[(a, b)];
            }
        }
        groups
    }

    fn into<'a>(
        &'a self,
        chip: &'a Chip,
        layer: LayerId,
    ) -> impl Iterator<Item = (&'a Tile, usize)> {
        let of = |tile: &'a Tile| (tile, tile.array);
        self.tiles.iter().map(of).filter(move |(_, a)| chip.fabric.arrays[*a].post == layer)
    }
}

impl Tile {
    fn new(chip: &Chip, tile: WiredTile) -> Tile {
        let array = &chip.fabric.arrays[tile.array];
        let seed = chip.seed.child("probe").child(&array.name).index(tile.tile);
        let (rows, cols) = (tile.crossbar.rows, tile.crossbar.cols);
        let solver = Solver::new(tile.crossbar).expect("a tile of a chip is driven and read");
        Tile {
            array: tile.array,
            post: array.tiles[tile.tile].post.clone(),
            lines: tile.lines,
            ports: solver.port_matrix(ENDS, &EXACT),
            solver,
            probe: probe(seed, rows, cols),
        }
    }

    fn write(&mut self, conductance: Vec<Siemens>, tolerance: f64) {
        let before = self.solver.crossbar().conductance.clone();
        if conductance == before {
            return;
        }
        let corrected = corrected(&self.ports, &before, &conductance);
        self.solver.write(conductance).expect("cells of a chip conduct");
        self.ports = if self.error(&corrected, tolerance) <= tolerance {
            corrected
        } else {
            self.solver.port_matrix(ENDS, &EXACT)
        };
    }

    /// How far the currents at the probe are from those of a solve.
    fn error(&self, ports: &PortMatrix, tolerance: f64) -> f64 {
        if tolerance < 1e-9 {
            return f64::INFINITY;
        }
        let settings = Settings { tolerance: 0.01 * tolerance, ..EXACT };
        let found = self.solver.solve(&self.probe, None, &settings).expect("one voltage a port");
        let (word, bit) = (&self.probe.word[0], &self.probe.bit[1]);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (mut off, mut most) = (0.0_f64, 0.0_f64);
        for (k, current) in found.bit_current[1].iter().enumerate() {
            let guess = dot(ports.transfer.row(k), word) - dot(ports.load.row(k), bit);
            off = off.max((guess - current).abs());
            most = most.max(current.abs());
        }
        off / most
    }
}

/// Voltages between -1 and 1 V.
fn probe(seed: Seed, rows: usize, cols: usize) -> PortVoltages {
    let mut rng = seed.rng();
    let mut volts = |n| (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    PortVoltages { word: [volts(rows), Vec::new()], bit: [Vec::new(), volts(cols)] }
}

/// A port matrix after a change of the cells, by what changes most: the current through a cell
/// itself, as far as its voltage gets there. What sneaks from one bit line to another is kept.
fn corrected(ports: &PortMatrix, before: &[Siemens], after: &[Siemens]) -> PortMatrix {
    let (cols, rows) = (ports.transfer.rows(), ports.transfer.cols());
    let mut new = ports.clone();
    for k in 0..cols {
        let mut change = 0.0;
        for l in 0..rows {
            let (g, to) = (before[l * cols + k], after[l * cols + k]);
            let old = ports.transfer[(k, l)];
            let reached = if g > 0.0 { (old / g).clamp(0.0, 1.0) } else { 1.0 };
            new.transfer[(k, l)] = old + reached * (to - g);
            change += reached * (to - g);
        }
        // No current goes anywhere but between the ports.
        new.load[(k, k)] += change;
    }
    new
}
