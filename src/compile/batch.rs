//! Many pulses at once.

use multiversion::multiversion;

use super::pulse::Device;
use crate::numerics::kernels::exp_of;
use crate::spec::StepLaw;

/// Cells of a batch.
pub(super) const WIDTH: usize = 32;

/// Cells side by side, no cell twice. Places without a cell are moved by no pulse.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// Positions.
    pub w: [f64; WIDTH],
    /// The devices: steps up and down, and the ends.
    rising: [f32; WIDTH],
    falling: [f32; WIDTH],
    low: [f32; WIDTH],
    high: [f32; WIDTH],
    /// Pulses up, or below zero down.
    pub moves: [i32; WIDTH],
    /// Standard normal.
    pub z: [f32; WIDTH],
}

impl Default for Batch {
    fn default() -> Batch {
        // Ends apart, so that what lies idle stays finite.
        Batch {
            w: [0.0; WIDTH],
            rising: [0.0; WIDTH],
            falling: [0.0; WIDTH],
            low: [-1.0; WIDTH],
            high: [1.0; WIDTH],
            moves: [0; WIDTH],
            z: [0.0; WIDTH],
        }
    }
}

impl Batch {
    /// Puts a cell to a place.
    #[inline]
    pub fn put(&mut self, k: usize, w: f64, device: Device) {
        self.w[k] = w;
        [self.rising[k], self.falling[k]] = device.steps;
        [self.low[k], self.high[k]] = device.ends;
    }

    /// Moves all cells by their pulses, the noise of each together; `unit` is the mean step and
    /// `noise` a share of it.
    pub fn advance(&mut self, law: &StepLaw, unit: f64, noise: f64) {
        advance_by(law, [unit, noise], self);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn advance_by(law: &StepLaw, steps: [f64; 2], batch: &mut Batch) {
    let mut most = 0;
    for n in batch.moves {
        most = if n.abs() > most { n.abs() } else { most };
    }
    match most {
        0 => {}
        1 => single(law, steps, batch),
        _ => several(law, steps, batch),
    }
}

/// A cell before a pulse.
struct Cell {
    w: f64,
    up: bool,
    low: f32,
    high: f32,
}

/// At most a pulse a cell. All places are computed, so that no remainder goes one by one. Steps are
/// in single precision, as devices are; positions are not.
#[inline(always)]
fn single(law: &StepLaw, steps: [f64; 2], batch: &mut Batch) {
    match law {
        StepLaw::Constant => pulse(batch, steps, |_| 1.0),
        StepLaw::Linear { gamma } => {
            let line = Line { gamma: gamma.map(|g| g as f32) };
            pulse(batch, steps, |cell| line.shape(&cell));
        }
        StepLaw::SoftBounds => {
            let line = Line { gamma: [1.0; 2] };
            pulse(batch, steps, |cell| line.shape(&cell));
        }
        StepLaw::Exponential { gamma, amplitude, a, b } => {
            let curve = Curve::of([*gamma, *amplitude], [*a, *b]);
            pulse(batch, steps, |cell| curve.shape(&cell));
        }
        StepLaw::Power { .. } => pulse(batch, steps, |cell| power(law, &cell)),
    }
}

#[inline(always)]
fn pulse(batch: &mut Batch, [unit, noise]: [f64; 2], shape: impl Fn(Cell) -> f32) {
    let (unit, noise) = (unit as f32, noise as f32);
    let Batch { w, rising, falling, low, high, moves, z } = batch;
    for k in 0..WIDTH {
        let (up, [low, high]) = (moves[k] > 0, [low[k], high[k]]);
        let length = length(moves[k], [rising[k], falling[k]], unit);
        let by = length * shape(Cell { w: w[k], up, low, high });
        let made = between(w[k] + f64::from(by), low, high);
        w[k] = between(made + f64::from(noise * by * z[k]), low, high);
    }
}

/// The mean step of pulses, signed; 0 of none.
#[inline(always)]
fn length(moves: i32, [rising, falling]: [f32; 2], unit: f32) -> f32 {
    let step = if moves > 0 { rising } else { -falling };
    if moves == 0 { 0.0 } else { unit * step }
}

/// As far as the ends let it.
#[inline(always)]
fn between(w: f64, low: f32, high: f32) -> f64 {
    let (low, high) = (f64::from(low), f64::from(high));
    let w = if w < low { low } else { w };
    if w > high { high } else { w }
}

/// Some pulses for each cell.
#[inline(always)]
fn several(law: &StepLaw, [unit, noise]: [f64; 2], batch: &mut Batch) {
    let mut lanes = Lanes::of(batch, unit as f32);
    let noise = noise as f32;
    match law {
        StepLaw::Constant => straight(&mut lanes, [0.0; 2], noise),
        StepLaw::Linear { gamma } => straight(&mut lanes, gamma.map(|g| g as f32), noise),
        StepLaw::SoftBounds => straight(&mut lanes, [1.0; 2], noise),
        StepLaw::Exponential { gamma, amplitude, a, b } => {
            let curve = Curve::of([*gamma, *amplitude], [*a, *b]);
            one_by_one(&mut lanes, noise, |cell| curve.shape(&cell));
        }
        StepLaw::Power { .. } => one_by_one(&mut lanes, noise, |cell| power(law, &cell)),
    }
    batch.w = lanes.w;
}

/// Shapes `1 - gamma w / end`.
struct Line {
    gamma: [f32; 2],
}

impl Line {
    #[inline(always)]
    fn slope(&self, up: bool, low: f32, high: f32) -> f32 {
        let (gamma, end) = if up { (self.gamma[0], high) } else { (self.gamma[1], low) };
        gamma / end
    }

    #[inline(always)]
    fn shape(&self, cell: &Cell) -> f32 {
        not_below_zero(1.0 - self.slope(cell.up, cell.low, cell.high) * cell.w as f32)
    }
}

/// Shapes `1 - A exp(d gamma z)`, by direction.
struct Curve {
    slopes: [f32; 2],
    offsets: [f32; 2],
    heights: [f32; 2],
}

impl Curve {
    #[inline(always)]
    fn of([gamma, amplitude]: [[f64; 2]; 2], [a, b]: [f64; 2]) -> Curve {
        Curve {
            slopes: [gamma[0] * (2.0 * a), -gamma[1] * (2.0 * a)].map(|s| s as f32),
            offsets: [gamma[0] * b, -gamma[1] * b].map(|o| o as f32),
            heights: amplitude.map(|h| h as f32),
        }
    }

    #[inline(always)]
    fn shape(&self, cell: &Cell) -> f32 {
        let pick = |[up, down]: [f32; 2]| if cell.up { up } else { down };
        let slope = pick(self.slopes) / (cell.high - cell.low);
        let along = slope * cell.w as f32 + pick(self.offsets);
        not_below_zero(1.0 - pick(self.heights) * exp_of(along))
    }
}

#[inline(always)]
fn power(law: &StepLaw, cell: &Cell) -> f32 {
    law.shape(cell.w, [cell.low, cell.high].map(f64::from), cell.up) as f32
}

/// A batch with all that its pulses need.
struct Lanes {
    w: [f64; WIDTH],
    /// 1 where pulses go up, else 0.
    up: [f32; WIDTH],
    /// Mean steps, signed; 0 where there is no pulse.
    length: [f32; WIDTH],
    low: [f32; WIDTH],
    high: [f32; WIDTH],
    pulses: [i32; WIDTH],
    z: [f32; WIDTH],
}

impl Lanes {
    #[inline(always)]
    fn of(batch: &Batch, unit: f32) -> Lanes {
        let Batch { w, rising, falling, low, high, moves, z } = batch;
        let [mut up, mut lengths] = [[0.0; WIDTH]; 2];
        for k in 0..WIDTH {
            up[k] = if moves[k] > 0 { 1.0 } else { 0.0 };
            lengths[k] = length(moves[k], [rising[k], falling[k]], unit);
        }
        let pulses = moves.map(i32::abs);
        Lanes { w: *w, up, length: lengths, low: *low, high: *high, pulses, z: *z }
    }

    #[inline(always)]
    fn cell(&self, k: usize) -> Cell {
        Cell { w: self.w[k], up: self.up[k] > 0.0, low: self.low[k], high: self.high[k] }
    }

    #[inline(always)]
    fn step(&mut self, k: usize, by: f32) {
        self.w[k] = between(self.w[k] + f64::from(by), self.low[k], self.high[k]);
    }

    /// The noise of all pulses together, of steps that are `first` times the mean at their start.
    #[inline(always)]
    fn scatter(&mut self, first: &[f32; WIDTH], noise: f32) {
        if noise <= 0.0 {
            return;
        }
        for (k, first) in first.iter().enumerate() {
            let root = (self.pulses[k] as f32).sqrt();
            self.step(k, noise * (self.length[k] * first) * root * self.z[k]);
        }
    }
}

/// Shapes of lines, of any number of pulses at once: after the first, which may come from beyond
/// an end, a step is `q = 1 - gamma length / end` times the one before, and steps in one direction
/// can be cut off at the end after all of them.
#[inline(always)]
fn straight(lanes: &mut Lanes, gamma: [f32; 2], noise: f32) {
    let line = Line { gamma };
    let [mut slope, mut first, mut q] = [[0.0; WIDTH]; 3];
    let mut rest = [0; WIDTH];
    for k in 0..WIDTH {
        slope[k] = line.slope(lanes.up[k] > 0.0, lanes.low[k], lanes.high[k]);
        first[k] = line.shape(&lanes.cell(k));
        lanes.step(k, lanes.length[k] * first[k]);
        q[k] = not_below_zero(1.0 - slope[k] * lanes.length[k]);
        rest[k] = (lanes.pulses[k] - 1).max(0);
    }
    for (k, sum) in geometric(&q, &rest).into_iter().enumerate() {
        let h = line.shape(&lanes.cell(k));
        lanes.step(k, lanes.length[k] * h * sum);
    }
    lanes.scatter(&first, noise);
}

/// `1 + q + .. + q^(n-1)`, doubled and added to along the binary digits of `n`.
#[inline(always)]
fn geometric(q: &[f32; WIDTH], n: &[i32; WIDTH]) -> [f32; WIDTH] {
    let (mut sum, mut power) = ([0.0; WIDTH], [1.0; WIDTH]);
    let all = n.iter().fold(0, |all, n| all | n);
    for digit in (0..(i32::BITS - all.leading_zeros())).rev() {
        for k in 0..WIDTH {
            let (twice, square) = (sum[k] + power[k] * sum[k], power[k] * power[k]);
            let odd = n[k] >> digit & 1 == 1;
            sum[k] = if odd { 1.0 + q[k] * twice } else { twice };
            power[k] = if odd { q[k] * square } else { square };
        }
    }
    sum
}

/// Pulse after pulse.
#[inline(always)]
fn one_by_one(lanes: &mut Lanes, noise: f32, shape: impl Fn(Cell) -> f32) {
    let mut first = [0.0; WIDTH];
    for (k, first) in first.iter_mut().enumerate() {
        *first = shape(lanes.cell(k));
        lanes.step(k, lanes.length[k] * *first);
    }
    let most = lanes.pulses.iter().copied().fold(0, i32::max);
    for pulse in 1..most {
        for k in 0..WIDTH {
            let step = lanes.length[k] * shape(lanes.cell(k));
            lanes.step(k, if pulse < lanes.pulses[k] { step } else { 0.0 });
        }
    }
    lanes.scatter(&first, noise);
}

#[inline(always)]
fn not_below_zero(h: f32) -> f32 {
    if h > 0.0 { h } else { 0.0 }
}
