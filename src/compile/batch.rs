//! Many pulses at once.

use multiversion::multiversion;

use crate::numerics::kernels::exp_of;
use crate::spec::StepLaw;

/// Pulses that a batch has room for.
pub(super) const WIDTH: usize = 32;

/// Pulses for some cells, no cell twice.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub len: usize,
    /// Positions.
    pub w: [f64; WIDTH],
    /// Mean steps, signed.
    pub length: [f64; WIDTH],
    pub low: [f64; WIDTH],
    pub high: [f64; WIDTH],
    pub pulses: [u32; WIDTH],
    /// Standard normal.
    pub z: [f64; WIDTH],
}

impl Default for Batch {
    fn default() -> Batch {
        let none = [0.0; WIDTH];
        // Ends apart, so that what lies idle stays finite.
        Batch {
            len: 0,
            w: none,
            length: none,
            low: [-1.0; WIDTH],
            high: [1.0; WIDTH],
            pulses: [1; WIDTH],
            z: none,
        }
    }
}

impl Batch {
    /// Moves all cells by their pulses, the noise of each together.
    pub fn advance(&mut self, law: &StepLaw, noise: f64) {
        match self.pulses[..self.len].iter().max() {
            Some(1) => advance_by::<false>(law, noise, self),
            Some(_) => advance_by::<true>(law, noise, self),
            None => {}
        }
    }
}

/// The whole width is computed, so that no remainder goes one by one.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn advance_by<const MANY: bool>(law: &StepLaw, noise: f64, batch: &mut Batch) {
    let (first, pulses) = (shapes(law, batch), batch.pulses);
    let mut h = first;
    let most = match MANY {
        true => pulses[..batch.len].iter().copied().max().unwrap_or(0),
        false => 1,
    };
    for pulse in 0..most {
        if pulse > 0 {
            h = shapes(law, batch);
        }
        for k in 0..WIDTH {
            let step = if MANY && pulse >= pulses[k] { 0.0 } else { batch.length[k] * h[k] };
            batch.w[k] = between(batch.w[k] + step, batch.low[k], batch.high[k]);
        }
    }
    if noise > 0.0 {
        for k in 0..WIDTH {
            let root = if MANY { f64::from(pulses[k]).sqrt() } else { 1.0 };
            let off = noise * (batch.length[k] * first[k]) * root * batch.z[k];
            batch.w[k] = between(batch.w[k] + off, batch.low[k], batch.high[k]);
        }
    }
}

#[inline(always)]
fn between(w: f64, low: f64, high: f64) -> f64 {
    let w = if w < low { low } else { w };
    if w > high { high } else { w }
}

/// [`StepLaw::shape`] of all without a branch.
#[inline(always)]
fn shapes(law: &StepLaw, batch: &Batch) -> [f64; WIDTH] {
    let Batch { w, length, low, high, .. } = batch;
    let mut h = [1.0; WIDTH];
    match law {
        StepLaw::Constant => return h,
        StepLaw::Linear { gamma: [rising, falling] } => {
            for k in 0..WIDTH {
                let up = length[k] > 0.0;
                let (gamma, end) = if up { (*rising, high[k]) } else { (*falling, low[k]) };
                h[k] = 1.0 - gamma * w[k] / end;
            }
        }
        StepLaw::SoftBounds => {
            for k in 0..WIDTH {
                let end = if length[k] > 0.0 { high[k] } else { low[k] };
                h[k] = 1.0 - w[k] / end;
            }
        }
        StepLaw::Exponential { gamma: [rising, falling], amplitude, a, b } => {
            for k in 0..WIDTH {
                let up = length[k] > 0.0;
                let (gamma, amplitude) =
                    if up { (*rising, amplitude[0]) } else { (-*falling, amplitude[1]) };
                let at = 2.0 * a * w[k] / (high[k] - low[k]) + b;
                h[k] = 1.0 - amplitude * exp_of(gamma * at);
            }
        }
        StepLaw::Power { .. } => {
            for k in 0..WIDTH {
                h[k] = law.shape(w[k], [low[k], high[k]], length[k] > 0.0);
            }
        }
    }
    for h in &mut h {
        *h = if *h > 0.0 { *h } else { 0.0 };
    }
    h
}
