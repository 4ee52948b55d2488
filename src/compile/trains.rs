//! What coinciding pulses do to the cells of an array.

use rayon::prelude::*;

use super::batch::{Batch, WIDTH};
use super::coincidences::{Coincidences, Met};
use super::pulse::{Device, Pulser};
use crate::numerics::Mat;
use crate::numerics::draws::{Normals, Words};
use crate::numerics::seed::Seed;
use crate::units::Siemens;

/// Which coincidences move the cells of a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// All, up and down.
    Both,
    /// Those that raise the weight, upward.
    Rising,
    /// Those that lower it, upward.
    Falling,
}

impl Sense {
    /// The direction in which a coincidence moves a cell; `None` if it does not.
    fn up(self, raises: bool) -> Option<bool> {
        match self {
            Sense::Both => Some(raises),
            Sense::Rising => raises.then_some(true),
            Sense::Falling => (!raises).then_some(true),
        }
    }
}

/// The fast array of a transfer and where it stands against the slow one.
pub(super) struct Carried<'a> {
    pub cells: &'a mut Mat,
    /// The fast array as it is at zero.
    pub reference: &'a [Siemens],
    /// How the cells of the slow one answer.
    pub slow: &'a [Device],
    /// Samples between transfers, and those that came before this batch.
    pub every: usize,
    pub before: usize,
    /// Terms a sample.
    pub per_sample: usize,
    pub rate: f64,
}

/// What a batch of trains did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    pub cells: usize,
    pub pulses: usize,
}

/// Moves the cells of an array `[rows, cols]`. The draws of a row are its own, so that threads
/// change nothing.
pub(super) fn apply(
    trains: &Coincidences,
    sense: Sense,
    pulser: &Pulser,
    devices: &[Device],
    cells: &mut Mat,
    place: Seed,
) -> Moved {
    let cols = trains.cols.max(1);
    let each = cells.as_mut_slice().par_chunks_mut(cols).zip(devices.par_chunks(cols)).enumerate();
    let moved = each.map_init(
        || Row::new(cols),
        |row, (i, (g, devices))| {
            row.begin(pulser, place.index(i));
            for term in 0..trains.terms() {
                trains.of_row(term, i, |met| row.meet(pulser, (devices, &*g), met, sense));
            }
            row.store(pulser, g);
            row.moved
        },
    );
    moved.reduce(Moved::default, sum)
}

fn sum(a: Moved, b: Moved) -> Moved {
    Moved { cells: a.cells + b.cells, pulses: a.pulses + b.pulses }
}

/// Moves the cells of the fast array, of `devices`, and carries one column after the other over to
/// the slow one.
pub(super) fn apply_and_carry(
    trains: &Coincidences,
    pulser: &Pulser,
    devices: &[Device],
    carried: Carried,
    slow: &mut Mat,
    place: Seed,
) -> Moved {
    let cols = trains.cols.max(1);
    let Carried { cells: fast, reference, slow: of_slow, every, before, per_sample, rate } =
        carried;
    let each =
        fast.as_mut_slice().par_chunks_mut(cols).zip(slow.as_mut_slice().par_chunks_mut(cols));
    let made = devices.par_chunks(cols).zip(of_slow.par_chunks(cols));
    let each = each.zip(made.zip(reference.par_chunks(cols))).enumerate();
    let moved = each.map_init(
        || [Row::new(cols), Row::new(cols)],
        |[row, slow_row], (i, ((fast, slow), ((devices, of_slow), reference)))| {
            row.begin(pulser, place.index(i));
            slow_row.begin(pulser, place.child("transfer-noise").index(i));
            let mut draws = Words::new(place.child("transfer").index(i));
            for term in 0..trains.terms() {
                trains.of_row(term, i, |met| {
                    row.meet(pulser, (devices, &*fast), met, Sense::Both);
                });
                let samples = before + (term + 1) / per_sample;
                if (term + 1) % per_sample != 0 || samples % every != 0 {
                    continue;
                }
                let j = (samples / every - 1) % cols;
                let change = rate * (row.read(pulser, fast, j) - reference[j]);
                let pulses = pulser.by_chance(change, draws.uniform());
                if pulses > 0 {
                    slow_row.load(pulser, (of_slow, &*slow));
                    slow_row.add(pulser, j as u32, change > 0.0, pulses as u32);
                }
            }
            row.store(pulser, fast);
            slow_row.store(pulser, slow);
            sum(row.moved, slow_row.moved)
        },
    );
    moved.reduce(Moved::default, sum)
}

/// The cells of a row as they move; pulses are gathered until a cell comes a second time.
struct Row {
    cells: Vec<Cell>,
    batch: Batch,
    at: [u32; WIDTH],
    /// The number of the batch that is gathered, from 1 on.
    current: u32,
    /// Whether the cells are those of the row at hand.
    loaded: bool,
    normals: Option<Normals>,
    moved: Moved,
}

/// A cell, as [`Batch`] has it.
#[derive(Clone, Copy, Default)]
struct Cell {
    w: f64,
    /// Steps up and down, these below zero.
    lengths: [f64; 2],
    ends: [f64; 2],
    /// The batch in which it was met last; 0 is none.
    met: u32,
}

impl Row {
    fn new(cols: usize) -> Row {
        Row {
            cells: vec![Cell::default(); cols],
            batch: Batch::default(),
            at: [0; WIDTH],
            current: 1,
            loaded: false,
            normals: None,
            moved: Moved::default(),
        }
    }

    fn begin(&mut self, pulser: &Pulser, place: Seed) {
        self.loaded = false;
        self.moved = Moved::default();
        self.normals = pulser.is_noisy().then(|| Normals::new(place));
    }

    /// All at once: one after the other comes faster from memory than each when it is met.
    fn load(&mut self, pulser: &Pulser, (devices, g): (&[Device], &[Siemens])) {
        if self.loaded {
            return;
        }
        for ((cell, device), g) in self.cells.iter_mut().zip(devices).zip(g) {
            *cell = Cell {
                w: pulser.position(*g),
                lengths: [true, false].map(|up| pulser.length(device, up)),
                ends: device.ends(),
                met: 0,
            };
        }
        self.current = 1;
        self.loaded = true;
    }

    /// What a cell is now.
    fn read(&mut self, pulser: &Pulser, g: &[Siemens], j: usize) -> Siemens {
        if !self.loaded {
            return g[j];
        }
        self.flush(pulser);
        pulser.conductance(self.cells[j].w)
    }

    /// Puts the cells that moved back.
    fn store(&mut self, pulser: &Pulser, g: &mut [Siemens]) {
        if !self.loaded {
            return;
        }
        self.flush(pulser);
        for (cell, g) in self.cells.iter().zip(g).filter(|(cell, _)| cell.met != 0) {
            *g = pulser.conductance(cell.w);
        }
    }

    #[inline]
    fn meet(&mut self, pulser: &Pulser, from: (&[Device], &[Siemens]), met: Met, sense: Sense) {
        self.load(pulser, from);
        match met {
            Met::Slot(columns, raises) => {
                let Some(up) = sense.up(raises) else { return };
                for column in columns {
                    self.add(pulser, *column, up, 1);
                }
            }
            Met::Term(lit, line) => {
                for (column, of_column) in lit {
                    let n = (of_column.bits & line.bits).count_ones();
                    if n > 0
                        && let Some(up) = sense.up(of_column.negative == line.negative)
                    {
                        self.add(pulser, *column, up, n);
                    }
                }
            }
        }
    }

    #[inline]
    fn add(&mut self, pulser: &Pulser, column: u32, up: bool, pulses: u32) {
        let j = column as usize;
        if self.batch.len == WIDTH || self.cells[j].met == self.current {
            self.flush(pulser);
        }
        let cell = &mut self.cells[j];
        self.moved.cells += usize::from(cell.met == 0);
        cell.met = self.current;
        let n = self.batch.len;
        let batch = &mut self.batch;
        self.at[n] = column;
        batch.w[n] = cell.w;
        batch.length[n] = cell.lengths[usize::from(!up)];
        [batch.low[n], batch.high[n]] = cell.ends;
        batch.pulses[n] = pulses;
        batch.len = n + 1;
        self.moved.pulses += pulses as usize;
    }

    fn flush(&mut self, pulser: &Pulser) {
        let n = self.batch.len;
        if n == 0 {
            return;
        }
        if let Some(normals) = &mut self.normals {
            normals.fill(&mut self.batch.z[..n]);
        }
        pulser.advance(&mut self.batch);
        for (&j, &w) in self.at[..n].iter().zip(&self.batch.w) {
            self.cells[j as usize].w = w;
        }
        self.batch.len = 0;
        self.current += 1;
    }
}
