//! Spectra of samples.

use std::f64::consts::PI;

use super::math;

/// One-sided spectral density of even samples at some frequencies, the mean over segments that
/// overlap by half, each under Hann's window (Welch, *IEEE Trans. Audio and Electroacoustics* 15,
/// 1967). For every frequency also how many segments there were.
///
/// ```
/// use eqcircuit::numerics::spectrum::welch;
/// // A sine of amplitude 1 has the power 1/2, in a line 1.5 / (n dt) wide.
/// let wave: Vec<f64> = (0..4096).map(|k| (0.5 * k as f64).sin()).collect();
/// let (density, segments) = welch(&wave, 1.0, 1024, &[0.5 / std::f64::consts::TAU]);
/// assert!((density[0] * 1.5 / 1024.0 / 0.5 - 1.0).abs() < 0.01 && segments == 7);
/// ```
///
/// # Panics
/// If there are fewer samples than one segment has, or a segment is empty.
pub fn welch(samples: &[f64], step: f64, segment: usize, frequencies: &[f64]) -> (Vec<f64>, usize) {
    assert!(0 < segment && segment <= samples.len(), "{} samples", samples.len());
    let hann = |k: usize| 0.5 - 0.5 * math::cos(2.0 * PI * (k as f64 + 0.5) / segment as f64);
    let window: Vec<f64> = (0..segment).map(hann).collect();
    let power: f64 = window.iter().map(|w| w * w).sum();
    let hop = (segment / 2).max(1);
    let starts: Vec<usize> = (0..=samples.len() - segment).step_by(hop).collect();
    let density = frequencies.iter().map(|frequency| {
        let turn = 2.0 * PI * frequency * step;
        let wave: Vec<[f64; 2]> = (0..segment)
            .map(|k| {
                let angle = turn * k as f64;
                [window[k] * math::cos(angle), window[k] * math::sin(angle)]
            })
            .collect();
        let mut sum = 0.0;
        for &start in &starts {
            let (mut re, mut im) = (0.0, 0.0);
            for (x, [c, s]) in samples[start..start + segment].iter().zip(&wave) {
                re += x * c;
                im += x * s;
            }
            sum += re * re + im * im;
        }
        2.0 * step * sum / (power * starts.len() as f64)
    });
    (density.collect(), starts.len())
}
