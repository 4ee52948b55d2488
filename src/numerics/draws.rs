//! Random numbers by the thousand, for kernels: counter-based words, many at once.

use multiversion::multiversion;
use rand_philox::Philox;

use super::seed::Seed;

/// Words that are drawn at a time.
const BLOCK: usize = 512;

/// A stream of words.
#[derive(Debug, Clone)]
pub struct Words {
    rng: Philox,
    block: Box<[u32; BLOCK]>,
    next: usize,
}

impl Words {
    pub fn new(seed: Seed) -> Words {
        Words { rng: seed.rng(), block: Box::new([0; BLOCK]), next: BLOCK }
    }

    #[inline]
    pub fn word(&mut self) -> u32 {
        if self.next == BLOCK {
            self.rng.fill_u32(&mut self.block[..]);
            self.next = 0;
        }
        let word = self.block[self.next];
        self.next += 1;
        word
    }

    /// Between 0 and 1, both left out.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        rand_philox::u32_to_unit_f64(self.word())
    }

    /// `length` bits, 64 at most, each 1 with probability `p`, exact to `2^-64`.
    ///
    /// All are numbers between 0 and 1 of which a word at a time tells the next binary digit;
    /// those that differ from `p` in a digit are decided. Seven words decide 32 of them on the mean.
    pub fn bernoulli(&mut self, p: f64, length: usize) -> u64 {
        let all = if length >= 64 { u64::MAX } else { (1 << length) - 1 };
        if p >= 1.0 {
            return all;
        }
        let (mut undecided, mut below, mut rest) = (all, 0, p.max(0.0));
        while undecided != 0 && rest > 0.0 {
            let mut digits = u64::from(self.word());
            if length > 32 {
                digits |= u64::from(self.word()) << 32;
            }
            rest *= 2.0;
            if rest >= 1.0 {
                rest -= 1.0;
                below |= undecided & !digits;
                undecided &= digits;
            } else {
                undecided &= !digits;
            }
        }
        below
    }
}

/// A stream of standard normal numbers of 24 bits, within 5.9 (Box and Muller, *Ann. Math. Stat.*
/// 29, 1958).
#[derive(Debug, Clone)]
pub struct Normals {
    rng: Philox,
    block: Box<[f32; BLOCK]>,
    next: usize,
}

impl Normals {
    pub fn new(seed: Seed) -> Normals {
        Normals { rng: seed.rng(), block: Box::new([0.0; BLOCK]), next: BLOCK }
    }

    /// The next of the stream.
    #[inline]
    pub fn fill(&mut self, out: &mut [f64]) {
        for out in out {
            if self.next == BLOCK {
                let mut words = [0; BLOCK];
                self.rng.fill_u32(&mut words);
                box_muller(&words, &mut self.block);
                self.next = 0;
            }
            *out = f64::from(self.block[self.next]);
            self.next += 1;
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn box_muller(words: &[u32; BLOCK], out: &mut [f32; BLOCK]) {
    const HALF: usize = BLOCK / 2;
    let (radii, angles) = words.split_at(HALF);
    let (first, second) = out.split_at_mut(HALF);
    for i in 0..HALF {
        let u = ((radii[i] >> 8) as i32 as f32 + 0.5) * (1.0 / 16_777_216.0);
        let radius = (-2.0 * log_of(u)).sqrt();
        let [c, s] = turned(angles[i]);
        first[i] = radius * c;
        second[i] = radius * s;
    }
}

/// The logarithm of a normal number: `2 artanh((m - 1) / (m + 1))` of its mantissa.
#[inline(always)]
fn log_of(u: f32) -> f32 {
    // Mantissas from sqrt(1/2) to sqrt(2).
    let shifted = u.to_bits().wrapping_sub(0x3f35_04f3);
    let exponent = ((shifted as i32) >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 2.0 + q * (0.666_666_7 + q * (0.4 + q * (0.285_714_3 + q * 0.222_222_2)));
    exponent * std::f32::consts::LN_2 + s * series
}

/// Cosine and sine of the angle that a word is a share of the circle of: an eighth of it to both
/// sides of the first axis, turned by quarters.
#[inline(always)]
fn turned(word: u32) -> [f32; 2] {
    let quarters = word & 3;
    let share = ((word >> 8) as i32 as f32 + 0.5) * (1.0 / 16_777_216.0) - 0.5;
    let a = share * std::f32::consts::FRAC_PI_2;
    let q = a * a;
    let s = a * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0))));
    let c = 1.0 + q * (-0.5 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q * (1.0 / 40320.0))));
    let (x, y) = if quarters & 1 == 0 { (c, s) } else { (-s, c) };
    if quarters & 2 == 0 { [x, y] } else { [-x, -y] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::math;

    #[test]
    fn normals_have_the_moments_of_normals() {
        let mut normals = Normals::new(Seed::new(5));
        let mut z = vec![0.0; 400_000];
        normals.fill(&mut z);
        let n = z.len() as f64;
        let moment = |k: i32| z.iter().map(|z| z.powi(k)).sum::<f64>() / n;
        // Of a standard normal: 0, 1, 0, 3, 0, 15; variances of the sums from moments twice as high.
        for (k, mean, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10_170.0)]
        {
            let off = moment(k) - mean;
            assert!(off.abs() < 6.0 * math::sqrt(variance / n), "moment {k} is off by {off}");
        }
        // Neighbours, and the two of a pair, do not know of each other.
        for lag in [1, 2, BLOCK / 2] {
            let product = z.iter().zip(&z[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
            assert!(product.abs() < 6.0 / math::sqrt(n), "lag {lag}: {product}");
        }
        // Tails: beyond 2 and 4.
        for (beyond, share) in [(2.0, 0.045_500_264), (4.0, 6.334_248e-5)] {
            let found = z.iter().filter(|z| z.abs() > beyond).count() as f64;
            assert!((found - share * n).abs() < 6.0 * math::sqrt(share * n), "{beyond}: {found}");
        }
    }

    #[test]
    fn logarithm_and_circle_are_right_to_single_precision() {
        for k in 0..100_000u32 {
            let u = ((k * 167) as f32 + 0.5) / 16_777_216.0;
            let off = f64::from(log_of(u)) - math::log(f64::from(u));
            assert!(off.abs() < 4e-7 * (1.0 - math::log(f64::from(u))), "{u}: {off}");
            let [c, s] = turned(k.wrapping_mul(0x9e37_79b9)).map(f64::from);
            assert!((c * c + s * s - 1.0).abs() < 2e-6, "{k}: {c} {s}");
        }
    }

    #[test]
    fn bits_are_as_likely_as_they_are_asked_to_be() {
        let mut words = Words::new(Seed::new(9));
        for (p, length) in [(0.5, 31), (0.003, 64), (0.77, 10), (1.0 / 3.0, 33)] {
            let trains = 30_000;
            let mut each = vec![0u32; length];
            for _ in 0..trains {
                let bits = words.bernoulli(p, length);
                assert_eq!(bits.checked_shr(length as u32).unwrap_or(0), 0);
                for (k, n) in each.iter_mut().enumerate() {
                    *n += u32::from(bits >> k & 1 == 1);
                }
            }
            let deviation = math::sqrt(p * (1.0 - p) * f64::from(trains));
            for n in &each {
                let off = f64::from(*n) - p * f64::from(trains);
                assert!(off.abs() < 6.0 * deviation, "{p}: off by {off}");
            }
        }
        assert_eq!(words.bernoulli(1.0, 7), 127);
        assert_eq!(words.bernoulli(0.0, 64), 0);
    }
}
