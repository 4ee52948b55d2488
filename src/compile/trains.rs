//! What coinciding pulses do to the cells of an array.

use rayon::prelude::*;

use super::aim::ROWS;
use super::coincidences::{Coincidences, Lines};
use super::pulse::{Device, Pulser};
use super::visits::Visits;
use crate::numerics::Mat;
use crate::numerics::draws::Words;
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
    /// What a coincidence that lowers the weight, and one that raises it, moves a cell by: a pulse
    /// up, one down, or none.
    pub fn ways(self) -> [i16; 2] {
        match self {
            Sense::Both => [-1, 1],
            Sense::Rising => [0, 1],
            Sense::Falling => [1, 0],
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

impl Carried<'_> {
    /// The column that is carried over after each of so many terms.
    fn columns(&self, terms: usize, cols: usize) -> Vec<Option<usize>> {
        let column = |term: usize| {
            let samples = self.before + (term + 1) / self.per_sample;
            let due =
                (term + 1).is_multiple_of(self.per_sample) && samples.is_multiple_of(self.every);
            due.then(|| (samples / self.every - 1) % cols)
        };
        (0..terms).map(column).collect()
    }
}

/// What a batch of trains did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    pub cells: usize,
    pub pulses: usize,
}

fn sum(a: Moved, b: Moved) -> Moved {
    Moved { cells: a.cells + b.cells, pulses: a.pulses + b.pulses }
}

/// Moves the cells of an array `[rows, cols]`. The draws of a block of rows are its own, so that
/// threads change nothing.
pub(super) fn apply(
    trains: &Coincidences,
    sense: Sense,
    pulser: &Pulser,
    devices: &[Device],
    cells: &mut Mat,
    place: Seed,
) -> Moved {
    let cols = trains.cols.max(1);
    let blocks = cells.as_mut_slice().par_chunks_mut(ROWS * cols);
    let each = blocks.zip(devices.par_chunks(ROWS * cols)).enumerate();
    let moved = each.map_init(
        || (Visits::new(cols), Lines::default()),
        |(visits, lines), (block, (g, devices))| {
            trains.lines(block, lines);
            visits.begin(pulser, place.index(block));
            for (i, g) in g.chunks_mut(cols).enumerate() {
                let devices = &devices[i * cols..][..g.len()];
                visits.next_row(devices, g);
                for term in 0..trains.terms() {
                    let line = lines.of(term, i);
                    if line.bits == 0 {
                        continue;
                    }
                    if !visits.has_room_for(line.pulses()) {
                        visits.pay(pulser, (devices, g));
                    }
                    visits.meet(trains, term, line, sense);
                }
                visits.pay(pulser, (devices, g));
            }
            visits.moved()
        },
    );
    moved.reduce(Moved::default, sum)
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
    let block = ROWS * cols;
    let columns = carried.columns(trains.terms(), cols);
    let Carried { cells: fast, reference, slow: of_slow, rate, .. } = carried;
    let cells = fast.as_mut_slice().par_chunks_mut(block);
    let cells = cells.zip(slow.as_mut_slice().par_chunks_mut(block));
    let made = devices.par_chunks(block).zip(of_slow.par_chunks(block));
    let each = cells.zip(made.zip(reference.par_chunks(block))).enumerate();
    let moved = each.map_init(
        || ([(); 2].map(|()| Visits::new(cols)), Lines::default()),
        |([visits, of_slow_row], lines),
         (block, ((fast, slow), ((devices, of_slow), reference)))| {
            let mut draws = Words::new(place.child("transfer").index(block));
            trains.lines(block, lines);
            visits.begin(pulser, place.index(block));
            of_slow_row.begin(pulser, place.child("transfer-noise").index(block));
            for i in 0..fast.len() / cols {
                let row = i * cols..(i + 1) * cols;
                let (fast, slow) = (&mut fast[row.clone()], &mut slow[row.clone()]);
                let (devices, of_slow) = (&devices[row.clone()], &of_slow[row.clone()]);
                visits.next_row(devices, fast);
                of_slow_row.next_row(of_slow, slow);
                for (term, column) in columns.iter().enumerate() {
                    let line = lines.of(term, i);
                    if line.bits != 0 {
                        if !visits.has_room_for(line.pulses()) {
                            visits.pay(pulser, (devices, fast));
                        }
                        visits.meet(trains, term, line, Sense::Both);
                    }
                    column.iter().for_each(|j| visits.read(*j));
                }
                visits.pay(pulser, (devices, fast));
                for (&j, g) in columns.iter().flatten().zip(visits.found()) {
                    let change = rate * (g - reference[row.start + j]);
                    let mut pulses = pulser.by_chance(change, draws.uniform());
                    while pulses > 0 {
                        if !of_slow_row.has_room_for(1) {
                            of_slow_row.pay(pulser, (of_slow, slow));
                        }
                        pulses -= of_slow_row.visit(j, change > 0.0, pulses);
                    }
                }
                of_slow_row.pay(pulser, (of_slow, slow));
            }
            sum(visits.moved(), of_slow_row.moved())
        },
    );
    moved.reduce(Moved::default, sum)
}
