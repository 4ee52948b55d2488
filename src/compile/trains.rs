//! What coinciding pulses do to the cells of an array.

use rayon::prelude::*;

use super::coincidences::Coincidences;
use super::pulse::{Batch, Device, Pulser, WIDTH};
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
                trains.of_row(term, i, |columns, raises| {
                    if let Some(up) = sense.up(raises) {
                        row.add(pulser, devices, g, columns, up);
                    }
                });
            }
            row.flush(pulser, g);
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
        || Row::new(cols),
        |row, (i, ((fast, slow), ((devices, of_slow), reference)))| {
            row.begin(pulser, place.index(i));
            let mut draws = Words::new(place.child("transfer").index(i));
            let mut normals = Normals::new(place.child("transfer-noise").index(i));
            for term in 0..trains.terms() {
                trains.of_row(term, i, |columns, raises| {
                    row.add(pulser, devices, fast, columns, raises);
                });
                let samples = before + (term + 1) / per_sample;
                if (term + 1) % per_sample != 0 || samples % every != 0 {
                    continue;
                }
                row.flush(pulser, fast);
                let j = (samples / every - 1) % cols;
                let mut z = [0.0];
                if pulser.is_noisy() {
                    normals.fill(&mut z);
                }
                let change = rate * (fast[j] - reference[j]);
                let pulses = pulser.by_chance(change, draws.uniform());
                slow[j] = pulser.pulsed(&of_slow[j], slow[j], change > 0.0, pulses, z[0]);
                row.moved.pulses += pulses;
                row.moved.cells += usize::from(pulses > 0);
            }
            row.flush(pulser, fast);
            row.moved
        },
    );
    moved.reduce(Moved::default, sum)
}

/// Pulses for the cells of a row, gathered until one of them comes a second time.
struct Row {
    batch: Batch,
    at: [u32; WIDTH],
    /// The batch in which a cell was met last; 0 is none.
    met: Vec<u32>,
    current: u32,
    normals: Option<Normals>,
    moved: Moved,
}

impl Row {
    fn new(cols: usize) -> Row {
        Row {
            batch: Batch::default(),
            at: [0; WIDTH],
            met: vec![0; cols],
            current: 1,
            normals: None,
            moved: Moved::default(),
        }
    }

    fn begin(&mut self, pulser: &Pulser, place: Seed) {
        self.met.fill(0);
        self.current = 1;
        self.moved = Moved::default();
        self.normals = pulser.is_noisy().then(|| Normals::new(place));
    }

    #[inline]
    fn add(
        &mut self,
        pulser: &Pulser,
        devices: &[Device],
        g: &mut [Siemens],
        columns: &[u32],
        up: bool,
    ) {
        for &column in columns {
            let j = column as usize;
            if self.batch.len == WIDTH || self.met[j] == self.current {
                self.flush(pulser, g);
            }
            self.moved.cells += usize::from(self.met[j] == 0);
            self.met[j] = self.current;
            self.at[self.batch.len] = column;
            pulser.gather(&mut self.batch, &devices[j], g[j], up);
        }
        self.moved.pulses += columns.len();
    }

    fn flush(&mut self, pulser: &Pulser, g: &mut [Siemens]) {
        let n = self.batch.len;
        if n == 0 {
            return;
        }
        if let Some(normals) = &mut self.normals {
            normals.fill(&mut self.batch.z[..n]);
        }
        pulser.advance(&mut self.batch);
        for (&j, &w) in self.at[..n].iter().zip(&self.batch.w) {
            g[j as usize] = pulser.conductance(w);
        }
        self.batch.len = 0;
        self.current += 1;
    }
}
