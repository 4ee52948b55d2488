//! Noise that falls with a power of the frequency, as a sum of relaxations.

use std::f64::consts::PI;

use super::math;

/// An Ornstein-Uhlenbeck process: forgets at `rate` \[1/s\], with this variance. Its one-sided
/// spectral density is `4 variance rate / (rate^2 + (2 pi f)^2)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relaxation {
    pub rate: f64,
    pub variance: f64,
}

impl Relaxation {
    /// One-sided \[1/Hz\].
    pub fn density(&self, frequency: f64) -> f64 {
        let omega = 2.0 * PI * frequency;
        4.0 * self.variance * self.rate / (self.rate * self.rate + omega * omega)
    }
}

/// Processes a decade: what is left of a ripple is below 0.1 %.
const A_DECADE: f64 = 2.0;

/// Independent processes whose spectra add up to `(1 Hz / f)^exponent / Hz` between two
/// frequencies, with rates that lie evenly on a logarithmic axis (van der Ziel, *Physica* 16,
/// 1950). Below the band the sum levels out, above it falls as `1 / f^2`; for an exponent of 1 its
/// variance is `ln(to / from)`.
///
/// ```
/// use eqcircuit::numerics::relaxation::{Relaxation, power_law};
/// let noise = power_law(1.0, [1.0, 1e6]);
/// let density: f64 = noise.iter().map(|process| process.density(1e3)).sum();
/// assert!((1e3 * density - 1.0).abs() < 2e-3);
/// ```
///
/// # Panics
/// If the exponent is not between 0 and 2, or the band is empty.
pub fn power_law(exponent: f64, [from, to]: [f64; 2]) -> Vec<Relaxation> {
    assert!(exponent > 0.0 && exponent < 2.0, "an exponent of {exponent}");
    assert!(from > 0.0 && from < to && to.is_finite(), "a band from {from} to {to} Hz");
    let width = math::log(to / from);
    let count = (A_DECADE * width / std::f64::consts::LN_10).ceil().max(1.0);
    let apart = width / count;
    // The integral of s^(1 - a) / (1 + s^2) over all s is pi / 2 / sin(pi a / 2).
    let scale = math::sin(0.5 * PI * exponent) * apart;
    (0..count as usize)
        .map(|k| {
            let corner = from * math::exp((k as f64 + 0.5) * apart);
            let variance = scale * math::pow(corner, 1.0 - exponent);
            Relaxation { rate: 2.0 * PI * corner, variance }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_follows_the_power_law_within_its_band() {
        for exponent in [0.7, 1.0, 1.3] {
            let noise = power_law(exponent, [1e-2, 1e8]);
            for k in 0..=40 {
                let f = math::pow(10.0, 1.0 + 0.1 * f64::from(k));
                let density: f64 = noise.iter().map(|process| process.density(f)).sum();
                let share = density * math::pow(f, exponent);
                assert!((share - 1.0).abs() < 0.012, "f^{exponent} at {f}: {share}");
            }
        }
    }

    #[test]
    fn the_variance_of_one_over_f_is_that_of_its_band() {
        for band in [[1.0, 10.0], [1.0, 2e6], [3.0, 3.1]] {
            let variance: f64 = power_law(1.0, band).iter().map(|p| p.variance).sum();
            assert!((variance - math::log(band[1] / band[0])).abs() < 1e-12);
        }
    }
}
