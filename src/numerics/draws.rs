//! Random numbers by the thousand, for kernels: counter-based words, many at once.

use multiversion::multiversion;

use super::seed::Seed;

/// Words that are drawn at a time, and the counters they come of.
pub(super) const BLOCK: usize = 512;
const COUNTERS: usize = BLOCK / 4;

/// Blocks of words of a stream.
#[derive(Debug, Clone)]
struct Blocks {
    key: [u32; 2],
    counter: u64,
}

impl Blocks {
    fn new(seed: Seed) -> Blocks {
        Blocks { key: seed.rng().key(), counter: 0 }
    }

    fn next(&mut self, out: &mut [u32; BLOCK]) {
        philox(self.key, self.counter, out);
        self.counter += COUNTERS as u64;
    }
}

/// The words of so many counters, the first word of all, the second of all, and so on
/// (Philox4x32-10, Salmon et al. 2011).
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn philox(key: [u32; 2], first: u64, out: &mut [u32; BLOCK]) {
    const WIDE: usize = 16;
    let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
    for chunk in 0..COUNTERS / WIDE {
        let [mut a, mut b, mut c, mut d] = [[0u32; WIDE]; 4];
        for (l, (a, b)) in a.iter_mut().zip(&mut b).enumerate() {
            let counter = first + (chunk * WIDE + l) as u64;
            [*a, *b] = [counter as u32, (counter >> 32) as u32];
        }
        let mut key = key;
        for _ in 0..10 {
            for l in 0..WIDE {
                let [p, q] = [product(0xd251_1f53, a[l]), product(0xcd9e_8d57, c[l])];
                a[l] = (q >> 32) as u32 ^ b[l] ^ key[0];
                c[l] = (p >> 32) as u32 ^ d[l] ^ key[1];
                [b[l], d[l]] = [q as u32, p as u32];
            }
            key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
        }
        for (word, of_word) in [a, b, c, d].iter().enumerate() {
            let at = word * COUNTERS + chunk * WIDE;
            out[at..at + WIDE].copy_from_slice(of_word);
        }
    }
}

/// A stream of words.
#[derive(Debug, Clone)]
pub struct Words {
    blocks: Blocks,
    block: Box<[u32; BLOCK]>,
    next: usize,
}

impl Words {
    pub fn new(seed: Seed) -> Words {
        Words { blocks: Blocks::new(seed), block: Box::new([0; BLOCK]), next: BLOCK }
    }

    #[inline]
    pub fn word(&mut self) -> u32 {
        if self.next == BLOCK {
            self.blocks.next(&mut self.block);
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
}

/// A stream of standard normal numbers of 24 bits, within 5.9 (Box and Muller, *Ann. Math. Stat.*
/// 29, 1958).
#[derive(Debug, Clone)]
pub struct Normals {
    blocks: Blocks,
    block: Box<[f32; BLOCK]>,
    next: usize,
}

impl Normals {
    pub fn new(seed: Seed) -> Normals {
        Normals { blocks: Blocks::new(seed), block: Box::new([0.0; BLOCK]), next: BLOCK }
    }

    /// The next of the stream.
    #[inline]
    pub fn fill<T: From<f32>>(&mut self, out: &mut [T]) {
        let mut done = 0;
        while done < out.len() {
            if self.next == BLOCK {
                let mut words = [0; BLOCK];
                self.blocks.next(&mut words);
                box_muller(&words, &mut self.block);
                self.next = 0;
            }
            let n = (out.len() - done).min(BLOCK - self.next);
            let from = &self.block[self.next..self.next + n];
            for (out, z) in out[done..done + n].iter_mut().zip(from) {
                *out = T::from(*z);
            }
            (done, self.next) = (done + n, self.next + n);
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
    fn words_are_those_of_the_published_function() {
        let mut blocks = Blocks { key: [7, 9], counter: (1 << 32) - 3 };
        let mut words = [0; BLOCK];
        for block in 0..2u64 {
            blocks.next(&mut words);
            for l in 0..COUNTERS {
                let counter = (1 << 32) - 3 + block * COUNTERS as u64 + l as u64;
                let one = [counter as u32, (counter >> 32) as u32, 0, 0];
                let one = rand_philox::philox4x32_10(one, [7, 9]);
                assert_eq!([0, 1, 2, 3].map(|w| words[w * COUNTERS + l]), one);
            }
        }
    }

    #[test]
    fn normals_have_the_moments_of_normals() {
        let mut normals = Normals::new(Seed::new(5));
        let mut z = vec![0.0_f64; 400_000];
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
}
