//! The pulses of the cells of a row, gathered as they come and paid out many cells at a time: a
//! cell is moved in the order of its pulses, and cells do not know of each other.

use std::hint::black_box;

use multiversion::multiversion;

use super::batch::{Batch, WIDTH};
use super::coincidences::{Coincidences, Line};
use super::meetings::{Column, Meetings};
use super::pulse::{Device, Pulser};
use super::trains::{Moved, Sense};
use crate::numerics::draws::Normals;
use crate::numerics::seed::Seed;
use crate::units::Siemens;

/// Visits of a cell that are gathered, no fewer than the slots of a train.
const DEPTH: usize = 64;

/// No read.
const NONE: u32 = u32::MAX;

/// Visits of the cells of a row, each of some pulses in one direction.
pub(super) struct Visits {
    cols: usize,
    /// Visits gathered of each cell.
    counts: Vec<u8>,
    /// Pulses up, or below zero down, `[DEPTH, cols]`.
    moves: Vec<i16>,
    /// No fewer than the most visits of a cell.
    depth: usize,
    /// What is yet to be gathered, and what of it moves a cell.
    waiting: Meetings,
    ways: [i16; 2],
    /// Room for the cells that were visited, in their order and with most visits first.
    visited: Vec<u32>,
    order: Vec<u32>,
    batches: Vec<Batch>,
    reads: Reads,
    normals: Option<Normals>,
    row: u32,
    /// The row at which each cell was paid last.
    met: Vec<u32>,
    moved: Moved,
}

/// Cells that are read between their visits.
struct Reads {
    /// The cell of each read, and the next read after as many visits.
    cells: Vec<(u32, u32)>,
    /// The last read after so many visits.
    last: [u32; DEPTH + 1],
    /// Where each cell is in the batches.
    places: Vec<u32>,
    /// What was read, in the order asked for.
    found: Vec<Siemens>,
}

impl Visits {
    pub fn new(cols: usize) -> Visits {
        Visits {
            cols,
            counts: vec![0; cols],
            moves: vec![0; DEPTH * cols],
            depth: 0,
            waiting: Meetings::new(),
            ways: Sense::Both.ways(),
            visited: vec![0; cols + 1],
            order: Vec::with_capacity(cols),
            batches: vec![Batch::default(); cols.div_ceil(WIDTH)],
            reads: Reads {
                cells: Vec::new(),
                last: [NONE; DEPTH + 1],
                places: vec![0; cols],
                found: Vec::new(),
            },
            normals: None,
            row: 0,
            met: vec![0; cols],
            moved: Moved::default(),
        }
    }

    /// Starts a block of rows with draws of its own.
    pub fn begin(&mut self, pulser: &Pulser, place: Seed) {
        self.normals = pulser.is_noisy().then(|| Normals::new(place));
        self.moved = Moved::default();
    }

    /// Goes on to a row of such cells.
    pub fn next_row(&mut self, devices: &[Device], g: &[Siemens]) {
        self.row += 1;
        fetch(devices, g);
    }

    /// What the rows since [`Visits::begin`] came to.
    pub fn moved(&self) -> Moved {
        self.moved
    }

    /// Whether so many visits of a cell can be gathered.
    pub fn has_room_for(&mut self, visits: usize) -> bool {
        if self.depth + visits > DEPTH {
            self.gather();
            self.depth = usize::from(self.counts.iter().fold(0, |most, n| most.max(*n)));
        }
        self.depth + visits <= DEPTH
    }

    /// Takes what coincides with a row's line in a term, of a sense that stays the same until the
    /// row is paid; there must be room for all its pulses.
    #[inline]
    pub fn meet(&mut self, trains: &Coincidences, term: usize, line: Line, sense: Sense) {
        debug_assert!(self.waiting.as_slice().is_empty() || self.ways == sense.ways());
        self.ways = sense.ways();
        let Some(trains) = trains.of_row(term, line, &mut self.waiting) else {
            self.depth += line.pulses();
            return;
        };
        self.gather();
        self.moved.pulses +=
            gather_trains(trains, line, self.ways, &mut self.counts, &mut self.moves);
        self.depth += 1;
    }

    /// A visit for each meeting of a cell that moves it.
    fn gather(&mut self) {
        let mut pulses = 0;
        for met in self.waiting.as_slice() {
            let way = self.ways[usize::from(!met.lowers())];
            pulses += visit(met.place(), way, &mut self.counts, &mut self.moves);
        }
        self.waiting.clear();
        self.moved.pulses += pulses;
    }

    /// Gathers pulses of one cell, for a visit of which there must be room; how many it took of
    /// those asked for.
    pub fn visit(&mut self, column: usize, up: bool, pulses: usize) -> usize {
        let pulses = pulses.min(i16::MAX as usize);
        let count = usize::from(self.counts[column]);
        self.moves[count * self.cols + column] = if up { pulses as i16 } else { -(pulses as i16) };
        self.counts[column] += 1;
        self.depth = self.depth.max(count + 1);
        self.moved.pulses += pulses;
        pulses
    }

    /// Reads a cell as it is after the visits so far; [`Visits::found`] has it once they are paid.
    pub fn read(&mut self, column: usize) {
        self.gather();
        let Reads { cells, last, .. } = &mut self.reads;
        let last = &mut last[usize::from(self.counts[column])];
        cells.push((column as u32, *last));
        *last = cells.len() as u32 - 1;
    }

    /// Hands out what was read, in the order asked for.
    pub fn found(&mut self) -> std::vec::Drain<'_, Siemens> {
        self.reads.found.drain(..)
    }

    /// Moves the cells of the row by all that was gathered.
    pub fn pay(&mut self, pulser: &Pulser, (devices, g): (&[Device], &mut [Siemens])) {
        self.gather();
        let first = self.reads.found.len();
        self.reads.found.resize(first + self.reads.cells.len(), 0.0);
        self.reads.answer(0, first, |column, _| g[column]);
        let ends = self.sort();
        for &j in &self.order {
            let met = &mut self.met[j as usize];
            self.moved.cells += usize::from(*met != self.row);
            *met = self.row;
        }
        for (order, batch) in self.order.chunks(WIDTH).zip(&mut self.batches) {
            for (k, &j) in order.iter().enumerate() {
                let j = j as usize;
                batch.put(k, g[j], devices[j]);
            }
            pulser.enter(batch);
        }
        if !self.reads.cells.is_empty() {
            let places = &mut self.reads.places;
            self.order.iter().enumerate().for_each(|(k, j)| places[*j as usize] = k as u32);
        }
        for (visit, &cells) in ends[..self.depth].iter().enumerate() {
            self.advance(pulser, visit, cells);
            let batches = &self.batches;
            self.reads.answer(visit + 1, first, |_, k| {
                pulser.conductance(batches[k / WIDTH].w[k % WIDTH])
            });
        }
        for (order, batch) in self.order.chunks(WIDTH).zip(&mut self.batches) {
            pulser.leave(batch);
            order.iter().zip(&batch.w).for_each(|(j, made)| g[*j as usize] = *made);
        }
        self.reads.cells.clear();
        self.counts.fill(0);
        self.depth = 0;
    }

    /// Sorts the visited cells by how often they were; how many were visited more than so often.
    fn sort(&mut self) -> [usize; DEPTH] {
        const EACH: usize = 8;
        let (mut more, mut count) = ([0; DEPTH], 0);
        let (chunks, rest) = self.counts.as_chunks::<EACH>();
        let visited = &mut self.visited[..];
        let mut look = |j: usize, n: u8| {
            visited[count] = j as u32;
            count += usize::from(n > 0);
        };
        for (chunk, counts) in chunks.iter().enumerate() {
            if *counts != [0; EACH] {
                counts.iter().enumerate().for_each(|(j, n)| look(chunk * EACH + j, *n));
            }
        }
        let first = chunks.len() * EACH;
        rest.iter().enumerate().for_each(|(j, n)| look(first + j, *n));
        let visited = &self.visited[..count];
        self.depth = 0;
        while self.depth < DEPTH {
            let cells = more_than(&self.counts, self.depth as u8);
            if cells == 0 {
                break;
            }
            more[self.depth] = cells;
            self.depth += 1;
        }
        // Those that were visited as often as each other come after those that were more often.
        let mut next = [0; DEPTH + 1];
        next[..DEPTH].copy_from_slice(&more);
        self.order.resize(count, 0);
        for &j in visited {
            let next = &mut next[usize::from(self.counts[j as usize])];
            self.order[*next] = j;
            *next += 1;
        }
        more
    }

    /// Visit number `visit` of as many cells as have one.
    fn advance(&mut self, pulser: &Pulser, visit: usize, cells: usize) {
        let moves = &self.moves[visit * self.cols..(visit + 1) * self.cols];
        let batches = self.order[..cells].chunks(WIDTH).zip(&mut self.batches);
        for (order, batch) in batches {
            for (to, &j) in batch.moves.iter_mut().zip(order) {
                *to = i32::from(moves[j as usize]);
            }
            batch.moves[order.len()..].fill(0);
            if let Some(normals) = &mut self.normals {
                normals.fill(&mut batch.z[..order.len()]);
            }
            pulser.advance(batch);
        }
    }
}

impl Reads {
    /// Answers the reads after so many visits by what `f` makes of a column and its place.
    fn answer(&mut self, visits: usize, first: usize, f: impl Fn(usize, usize) -> Siemens) {
        let mut read = std::mem::replace(&mut self.last[visits], NONE);
        while read != NONE {
            let (column, next) = self.cells[read as usize];
            let column = column as usize;
            self.found[first + read as usize] = f(column, self.places[column] as usize);
            read = next;
        }
    }
}

/// Reads cells in their order, one of each line of the caches, so that they are near by the time
/// they are paid in another: a seventh of the time where half of them are visited.
fn fetch(devices: &[Device], g: &[Siemens]) {
    const LINE: usize = 64;
    let each = devices.iter().step_by(LINE / size_of::<Device>());
    let steps: f32 = each.map(|device| device.steps[0]).sum();
    let conductances: f64 = g.iter().step_by(LINE / size_of::<Siemens>()).sum();
    black_box((steps, conductances));
}

/// A visit that moves a cell by so many pulses, if any; how many.
#[inline(always)]
fn visit(column: usize, way: i16, counts: &mut [u8], moves: &mut [i16]) -> usize {
    let cols = counts.len();
    let count = &mut counts[column];
    moves[usize::from(*count) * cols + column] = way;
    *count += u8::from(way != 0);
    usize::from(way.unsigned_abs())
}

/// A visit for each of the columns whose trains coincide with a row's; how many pulses.
#[multiversion(targets("x86_64+avx2+popcnt", "aarch64+neon"))]
fn gather_trains(
    (columns, trains): (&[Column], &[u64]),
    line: Line,
    ways: [i16; 2],
    counts: &mut [u8],
    moves: &mut [i16],
) -> usize {
    let mut pulses = 0;
    for (column, bits) in columns.iter().zip(trains) {
        let way = ways[usize::from(!column.meets(line).lowers())];
        let times = (bits & line.bits).count_ones() as i16;
        pulses += visit(column.place(), times * way, counts, moves);
    }
    pulses
}

/// How many counts are above `n`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn more_than(counts: &[u8], n: u8) -> usize {
    // Sums of bytes that cannot run over.
    let sum = |chunk: &[u8]| chunk.iter().map(|c| u8::from(*c > n)).sum::<u8>();
    counts.chunks(128).map(|chunk| usize::from(sum(chunk))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{StepLaw, Update};

    #[test]
    fn cells_go_and_are_read_as_if_pulsed_one_after_the_other() {
        const COLS: usize = 45;
        let law = StepLaw::Linear { gamma: [0.7, 0.4] };
        let update = Update { law, step: 0.3e-6, ..Update::default() };
        let pulser = Pulser::new(&update, [1e-6, 25e-6]);
        let devices: Vec<Device> = (0..COLS)
            .map(|j| Device { steps: [1.0, 0.5 + 0.02 * j as f32], ends: [-1.0, 0.9] })
            .collect();
        let mut alone: Vec<Siemens> = (0..COLS).map(|j| 4e-6 + 0.3e-6 * j as f64).collect();
        let mut g = alone.clone();
        let mut visits = Visits::new(COLS);
        visits.begin(&pulser, Seed::new(1));
        visits.next_row(&devices, &g);
        let (mut read, mut pulses, mut payments) = (Vec::new(), 0, 0);
        for k in 0..9000_usize {
            // Some cells come often, and some not at all.
            let j = k * k % COLS;
            let (up, n) = ((k / 5) % 3 != 0, 1 + k % 4);
            if !visits.has_room_for(1) {
                visits.pay(&pulser, (&devices, &mut g));
                payments += 1;
            }
            assert_eq!(visits.visit(j, up, n), n);
            alone[j] = pulser.pulsed(&devices[j], alone[j], up, n, 0.0);
            pulses += n;
            if k % 17 == 0 {
                let j = (k * 3) % COLS;
                visits.read(j);
                read.push(alone[j]);
            }
        }
        visits.pay(&pulser, (&devices, &mut g));
        let found: Vec<Siemens> = visits.found().collect();
        assert!(payments > 3 && found.len() == read.len());
        for (made, alone) in g.iter().chain(&found).zip(alone.iter().chain(&read)) {
            assert!((made - alone).abs() < 1e-12, "{made:e}, not {alone:e}");
        }
        let still = (0..COLS).filter(|&j| g[j] == 4e-6 + 0.3e-6 * j as f64).count();
        let moved = visits.moved();
        assert_eq!([moved.cells, moved.pulses], [COLS - still, pulses]);
        assert!(still > 0);
    }
}
