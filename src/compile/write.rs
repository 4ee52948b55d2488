//! Cells programmed: as fabricated, and at every write of new parameters.

use multiversion::multiversion;
use rayon::prelude::*;

use super::aim::{Aim, ROWS, Source};
use super::cell::{Draws, Programmer};
use super::fabricate::SIGNS;
use super::pulse::Pulser;
use super::quirk::{Quirk, normals, uniforms};
use super::{Array, Cells, Chip, Clipped, Learning, Written};
use crate::model::EnergyModel;
use crate::numerics::Mat;
use crate::numerics::seed::Seed;
use crate::spec::{Hardware, NonIdeal};
use crate::units::Siemens;

impl Chip {
    /// Programs new parameters into the same cells: quirks of fabrication persist, write noise is
    /// drawn anew, and a cell whose target stays is not touched. With [`NonIdeal::update`] a cell
    /// is not programmed but moved by pulses.
    ///
    /// # Panics
    /// If the model's shape is not the one the chip was made for.
    pub fn write(&mut self, model: &EnergyModel) -> Written {
        self.writes += 1;
        let place = self.place_of_write();
        let mut written = Written::default();
        let (quirks, cells, nonideal) = (&self.quirks, &mut self.cells, &self.nonideal);
        let all_owed = &mut self.learning.owed;
        let mut nothing = [Vec::new(), Vec::new()];
        self.fabric.aim_with(model, |a, array, aim, hardware| {
            if array.shares.is_some() {
                return super::aim::aim(array, model, aim);
            }
            let place = place.child(&array.name);
            let count = array.plus.as_slice().len();
            let writer = Writer::new(nonideal, hardware, &quirks[a], place, count);
            let owed = all_owed.get_mut(a).unwrap_or(&mut nothing);
            let (changed, clipped) = writer.write(array, model, aim, (&mut cells[a], owed));
            written.cells += changed.cells;
            written.pulses += changed.pulses;
            clipped
        });
        let refreshed = self.refresh_pairs();
        self.copy_shared();
        self.compensate();
        Written {
            cells: written.cells + refreshed.cells,
            pulses: written.pulses + refreshed.pulses,
            clipped: self.fabric.clipped.len(),
        }
    }

    /// Makes all cells from their targets.
    pub(super) fn program(&mut self) {
        let place = self.place_of_write();
        for ((array, cells), quirks) in
            self.fabric.arrays.iter().zip(&mut self.cells).zip(&self.quirks)
        {
            if array.shares.is_none() {
                let (hardware, place) = (&self.fabric.hardware, place.child(&array.name));
                let count = array.plus.as_slice().len();
                let writer = Writer::new(&self.nonideal, hardware, quirks, place, count);
                self.programmed.cells += 2 * count;
                self.programmed.pulses +=
                    writer.make(0, array.plus.as_slice(), cells.plus.as_mut_slice())
                        + writer.make(1, array.minus.as_slice(), cells.minus.as_mut_slice());
                writer.stick(cells);
            }
        }
        self.programmed.clipped = self.fabric.clipped.len();
        self.programmed.pulses += self.prepare_learning();
        self.copy_shared();
        self.compensate();
    }

    pub(super) fn place_of_write(&self) -> Seed {
        self.seed.child("programming").index(self.writes)
    }

    /// The two directions of a shared array are the same cells.
    pub(super) fn copy_shared(&mut self) {
        for (a, array) in self.fabric.arrays.iter().enumerate() {
            if let Some(forward) = array.shares {
                let Cells { plus, minus } = &self.cells[forward];
                self.cells[a] = Cells { plus: plus.transposed(), minus: minus.transposed() };
            }
        }
    }

    /// What programming the chip took when it was made.
    pub fn programmed(&self) -> Written {
        self.programmed
    }

    /// How often the chip was written; names the next write's noise.
    pub fn writes(&self) -> usize {
        self.writes
    }

    /// Puts the chip back as it was after `writes` writes of which the last was `model`, with
    /// `cells` as they were then, and what it remembered of its updates. Nothing is programmed.
    ///
    /// # Panics
    /// If something does not have the shape that the chip was made for.
    pub fn restore(
        &mut self,
        model: &EnergyModel,
        cells: Vec<Cells>,
        writes: usize,
        learning: Learning,
    ) {
        let shape = |m: &Mat| [m.rows(), m.cols()];
        let shapes = |cells: &[Cells]| -> Vec<_> {
            cells.iter().map(|c| [shape(&c.plus), shape(&c.minus)]).collect()
        };
        assert_eq!(shapes(&cells), shapes(&self.cells), "the cells are of another chip");
        // A chip that was never written is aimed at its model as it was compiled.
        if self.writes > 0 || writes > 0 || self.fabric.model != *model {
            self.fabric.aim(model);
        }
        let kept = |of: &Learning| (of.owed.len(), of.fast.iter().map(shape).collect::<Vec<_>>());
        assert_eq!(kept(&learning), kept(&self.learning), "the updates are of another chip");
        self.cells = cells;
        self.writes = writes;
        self.learning = learning;
        self.compensate();
    }
}

/// One write of the cells of an array.
struct Writer<'a> {
    programmer: Programmer<'a>,
    pulser: Option<Pulser<'a>>,
    quirks: &'a [Quirk; 2],
    exact: bool,
    place: Seed,
    /// A standard normal number for every cell of each sign, so that a cell's noise does not
    /// hang on which others change; empty without noise.
    noise: [Vec<f64>; 2],
    /// The same of pulses, and numbers between 0 and 1 for how many.
    pulses: [[Vec<f64>; 2]; 2],
}

impl<'a> Writer<'a> {
    fn new(
        nonideal: &'a NonIdeal,
        hardware: &'a Hardware,
        quirks: &'a [Quirk; 2],
        place: Seed,
        cells: usize,
    ) -> Writer<'a> {
        let window = [hardware.g_min, hardware.g_max];
        let programmer = Programmer::new(nonideal, window);
        let pulser = nonideal.update.as_ref().map(|update| Pulser::new(update, window));
        let pulses = SIGNS.map(|sign| {
            let place = place.child("pulses").child(sign);
            let noisy = pulser.as_ref().is_some_and(Pulser::is_noisy);
            let by_chance = pulser.as_ref().is_some_and(Pulser::is_stochastic);
            [
                if noisy { normals(place.child("noise"), cells) } else { Vec::new() },
                if by_chance { uniforms(place.child("rounding"), cells) } else { Vec::new() },
            ]
        });
        let draw = |sign: usize| match programmer.is_noisy() {
            true => normals(place.child(SIGNS[sign]), cells),
            false => Vec::new(),
        };
        let (plus, minus) = rayon::join(|| draw(0), || draw(1));
        let exact = programmer.is_exact(quirks) && pulser.is_none();
        Writer { programmer, pulser, quirks, exact, place, noise: [plus, minus], pulses }
    }

    /// What cell `k` of a sign becomes, and in how many pulses.
    fn cell(&self, sign: usize, k: usize, target: Siemens) -> (Siemens, usize) {
        let more = self.place.child("retries").child(SIGNS[sign]).index(k);
        let draws = Draws { first: self.noise[sign].get(k).copied(), more };
        self.programmer.cell(&self.quirks[sign], k, draws, target)
    }

    /// Makes all cells; in how many pulses.
    fn make(&self, sign: usize, targets: &[Siemens], made: &mut [Siemens]) -> usize {
        let mut all = 0;
        for (k, (made, &target)) in made.iter_mut().zip(targets).enumerate() {
            let (g, pulses) = self.cell(sign, k, target);
            *made = g;
            all += pulses;
        }
        all
    }

    /// Puts stuck cells back.
    fn stick(&self, cells: &mut Cells) {
        for (quirk, made) in self.quirks.iter().zip([&mut cells.plus, &mut cells.minus]) {
            quirk.stick(made.as_mut_slice());
        }
    }

    /// Aims an array at a model and makes the cells whose targets change; how many, and what was
    /// clipped. `owed` is empty where nothing is.
    fn write(
        &self,
        array: &mut Array,
        model: &EnergyModel,
        aim: Aim,
        (cells, owed): (&mut Cells, &mut [Vec<Siemens>; 2]),
    ) -> (Written, Vec<Clipped>) {
        let source = Source::new(array, model, aim);
        let cols = array.plus.cols().max(1);
        let [plus, minus, made_plus, made_minus] =
            [&mut array.plus, &mut array.minus, &mut cells.plus, &mut cells.minus]
                .map(|m| m.as_mut_slice().par_chunks_mut(ROWS * cols));
        let of_none = plus.len();
        let [owed_plus, owed_minus] = owed.each_mut().map(|owed| match owed.is_empty() {
            true => (0..of_none).map(|_| &mut [][..]).collect::<Vec<_>>(),
            false => owed.chunks_mut(ROWS * cols).collect(),
        });
        let owed = owed_plus.into_par_iter().zip(owed_minus);
        let blocks = plus.zip(minus).zip(made_plus.zip(made_minus)).zip(owed).enumerate();
        let each: Vec<(Written, Vec<Clipped>)> = blocks
            .map(|(b, (((plus, minus), (made_plus, made_minus)), (owed_plus, owed_minus)))| {
                let (mut written, mut clipped) = (Written::default(), Vec::new());
                let mut new = [vec![0.0; cols], vec![0.0; cols]];
                for i in 0..plus.len() / cols {
                    let row = b * ROWS + i;
                    let [new_plus, new_minus] = &mut new;
                    source.row(row, [new_plus, new_minus], &mut clipped);
                    let at = i * cols..(i + 1) * cols;
                    let targets = [&mut plus[at.clone()], &mut minus[at.clone()]];
                    let made = [&mut made_plus[at.clone()], &mut made_minus[at.clone()]];
                    let owed = [&mut *owed_plus, &mut *owed_minus]
                        .map(|owed| owed.get_mut(at.clone()).unwrap_or(&mut []));
                    let changed = match &self.pulser {
                        Some(pulser) => {
                            self.pulse_row(pulser, row * cols, &new, targets, (made, owed))
                        }
                        None => self.program_row(row * cols, &new, targets, made),
                    };
                    written.cells += changed.cells;
                    written.pulses += changed.pulses;
                }
                (written, clipped)
            })
            .collect();
        self.stick(cells);
        let written = each.iter().fold(Written::default(), |sum, (written, _)| Written {
            cells: sum.cells + written.cells,
            pulses: sum.pulses + written.pulses,
            ..sum
        });
        (written, each.into_iter().flat_map(|(_, clipped)| clipped).collect())
    }

    /// Programs a row that starts at cell `start`; how many cells changed, in how many pulses.
    fn program_row(
        &self,
        start: usize,
        new: &[Vec<Siemens>; 2],
        targets: [&mut [Siemens]; 2],
        made: [&mut [Siemens]; 2],
    ) -> Written {
        let mut written = Written::default();
        for (sign, (targets, made)) in targets.into_iter().zip(made).enumerate() {
            if self.exact {
                let cells = write_exactly(&new[sign], targets, made);
                written.cells += cells;
                written.pulses += cells;
                continue;
            }
            for (j, ((target, made), &new)) in
                targets.iter_mut().zip(made).zip(&new[sign]).enumerate()
            {
                if *target != new {
                    let (g, pulses) = self.cell(sign, start + j, new);
                    written.cells += 1;
                    written.pulses += pulses;
                    *target = new;
                    *made = g;
                }
            }
        }
        written
    }

    /// Moves a row that starts at cell `start` by pulses; how many cells were asked to, in how many
    /// pulses.
    fn pulse_row(
        &self,
        pulser: &Pulser,
        start: usize,
        new: &[Vec<Siemens>; 2],
        mut targets: [&mut [Siemens]; 2],
        (made, owed): ([&mut [Siemens]; 2], [&mut [Siemens]; 2]),
    ) -> Written {
        let mut written = Written::default();
        for j in 0..new[0].len() {
            let changes = [0, 1].map(|sign| {
                let change = new[sign][j] - targets[sign][j];
                targets[sign][j] = new[sign][j];
                change
            });
            for (sign, change) in pulser.shared(changes).into_iter().enumerate() {
                if change == 0.0 {
                    continue;
                }
                let (k, g) = (start + j, &mut made[sign][j]);
                let device = &self.quirks[sign].devices[k];
                let draws =
                    [0, 1].map(|d: usize| self.pulses[sign][d].get(k).copied().unwrap_or(0.0));
                let (to, pulses) = match owed[sign].get_mut(j) {
                    Some(owed) => pulser.pay(device, *g, change, owed, draws[0]),
                    None => pulser.apply(device, *g, change, draws),
                };
                *g = to;
                written.cells += 1;
                written.pulses += pulses;
            }
        }
        written
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn write_exactly(new: &[f64], targets: &mut [f64], made: &mut [f64]) -> usize {
    let mut written = 0;
    for ((target, made), &new) in targets.iter_mut().zip(made).zip(new) {
        let changes = *target != new;
        written += usize::from(changes);
        *made = if changes { new } else { *made };
        *target = new;
    }
    written
}
