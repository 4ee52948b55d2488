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
    pub devices: [Device; WIDTH],
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
            devices: [Device { steps: [0.0; 2], ends: [-1.0, 1.0] }; WIDTH],
            moves: [0; WIDTH],
            z: [0.0; WIDTH],
        }
    }
}

impl Batch {
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
        1 => pulse::<false>(law, steps, batch),
        _ => pulse::<true>(law, steps, batch),
    }
}

/// All places are computed, so that no remainder goes one by one. Steps are in single precision, as
/// devices are; positions are not.
#[inline(always)]
fn pulse<const MANY: bool>(law: &StepLaw, [unit, noise]: [f64; 2], batch: &mut Batch) {
    let mut lanes = Lanes::of(batch, unit as f32);
    let noise = noise as f32;
    match law {
        StepLaw::Constant => straight::<MANY>(&mut lanes, [0.0; 2], noise),
        StepLaw::Linear { gamma } => straight::<MANY>(&mut lanes, gamma.map(|g| g as f32), noise),
        StepLaw::SoftBounds => straight::<MANY>(&mut lanes, [1.0; 2], noise),
        StepLaw::Exponential { gamma, amplitude, a, b } => {
            exponential::<MANY>(&mut lanes, [*gamma, *amplitude], [*a, *b], noise);
        }
        StepLaw::Power { .. } => {
            let [up, low, high] = [lanes.up, lanes.low, lanes.high].map(|v| v.map(f64::from));
            one_by_one::<MANY>(&mut lanes, noise, |k, w| {
                law.shape(w, [low[k], high[k]], up[k] > 0.0) as f32
            });
        }
    }
    batch.w = lanes.w;
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
        let Batch { w, devices, moves, z } = batch;
        let [mut up, mut length, mut low, mut high] = [[0.0; WIDTH]; 4];
        for k in 0..WIDTH {
            let Device { steps: [rising, falling], ends } = devices[k];
            [low[k], high[k]] = ends;
            let step = if moves[k] > 0 { rising } else { -falling };
            up[k] = if moves[k] > 0 { 1.0 } else { 0.0 };
            length[k] = if moves[k] == 0 { 0.0 } else { unit * step };
        }
        let pulses = moves.map(i32::abs);
        Lanes { w: *w, up, length, low, high, pulses, z: *z }
    }

    /// Moves a cell as far as its ends let it.
    #[inline(always)]
    fn step(&mut self, k: usize, by: f32) {
        let w = self.w[k] + f64::from(by);
        let (low, high) = (f64::from(self.low[k]), f64::from(self.high[k]));
        let w = if w < low { low } else { w };
        self.w[k] = if w > high { high } else { w };
    }

    /// The noise of all pulses together, of steps that are `first` times the mean at their start.
    #[inline(always)]
    fn scatter<const MANY: bool>(&mut self, first: &[f32; WIDTH], noise: f32) {
        if noise <= 0.0 {
            return;
        }
        for (k, first) in first.iter().enumerate() {
            let root = if MANY { (self.pulses[k] as f32).sqrt() } else { 1.0 };
            self.step(k, noise * (self.length[k] * first) * root * self.z[k]);
        }
    }
}

/// Shapes `1 - gamma w / end`, of any number of pulses at once: after the first, which may come
/// from beyond an end, a step is `q = 1 - gamma length / end` times the one before, and steps in
/// one direction can be cut off at the end after all of them.
#[inline(always)]
fn straight<const MANY: bool>(lanes: &mut Lanes, gamma: [f32; 2], noise: f32) {
    let [mut slope, mut first] = [[0.0; WIDTH]; 2];
    for k in 0..WIDTH {
        let up = lanes.up[k] > 0.0;
        let (gamma, end) = if up { (gamma[0], lanes.high[k]) } else { (gamma[1], lanes.low[k]) };
        slope[k] = gamma / end;
        first[k] = not_below_zero(1.0 - slope[k] * lanes.w[k] as f32);
        lanes.step(k, lanes.length[k] * first[k]);
    }
    if MANY {
        let (mut q, mut rest) = ([0.0; WIDTH], [0; WIDTH]);
        for k in 0..WIDTH {
            q[k] = not_below_zero(1.0 - slope[k] * lanes.length[k]);
            rest[k] = (lanes.pulses[k] - 1).max(0);
        }
        let sum = geometric(&q, &rest);
        for k in 0..WIDTH {
            let h = not_below_zero(1.0 - slope[k] * lanes.w[k] as f32);
            lanes.step(k, lanes.length[k] * h * sum[k]);
        }
    }
    lanes.scatter::<MANY>(&first, noise);
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

/// Shapes `1 - A exp(d gamma z)`.
#[inline(always)]
fn exponential<const MANY: bool>(
    lanes: &mut Lanes,
    [gamma, amplitude]: [[f64; 2]; 2],
    [a, b]: [f64; 2],
    noise: f32,
) {
    let slopes = [gamma[0] * (2.0 * a), -gamma[1] * (2.0 * a)].map(|s| s as f32);
    let offsets = [gamma[0] * b, -gamma[1] * b].map(|o| o as f32);
    let heights = amplitude.map(|h| h as f32);
    let [mut slope, mut offset, mut height] = [[0.0; WIDTH]; 3];
    for k in 0..WIDTH {
        let up = lanes.up[k] > 0.0;
        let along = if up { slopes[0] } else { slopes[1] };
        slope[k] = along / (lanes.high[k] - lanes.low[k]);
        offset[k] = if up { offsets[0] } else { offsets[1] };
        height[k] = if up { heights[0] } else { heights[1] };
    }
    one_by_one::<MANY>(lanes, noise, |k, w| {
        not_below_zero(1.0 - height[k] * exp_of(slope[k] * w as f32 + offset[k]))
    });
}

/// Pulse after pulse.
#[inline(always)]
fn one_by_one<const MANY: bool>(lanes: &mut Lanes, noise: f32, shape: impl Fn(usize, f64) -> f32) {
    let mut first = [0.0; WIDTH];
    for (k, first) in first.iter_mut().enumerate() {
        *first = shape(k, lanes.w[k]);
        lanes.step(k, lanes.length[k] * *first);
    }
    if MANY {
        let most = lanes.pulses.iter().copied().fold(0, i32::max);
        for pulse in 1..most {
            for k in 0..WIDTH {
                let step = lanes.length[k] * shape(k, lanes.w[k]);
                lanes.step(k, if pulse < lanes.pulses[k] { step } else { 0.0 });
            }
        }
    }
    lanes.scatter::<MANY>(&first, noise);
}

#[inline(always)]
fn not_below_zero(h: f32) -> f32 {
    if h > 0.0 { h } else { 0.0 }
}
