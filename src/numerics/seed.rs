//! Seeds named by place. Every random draw of the program comes from a stream whose name says
//! where it is used, so neither thread count, nor the order of a sweep, nor an effect switched
//! on elsewhere can change it.

use multiversion::multiversion;
use rand_philox::Philox;

/// A node in the tree of random streams.
///
/// ```
/// use eqcircuit::numerics::seed::Seed;
/// let chip = Seed::new(1).child("chip");
/// let tile = chip.child("input-hidden").index(3);
/// assert_ne!(tile, chip.child("input-hidden").index(4));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The root, from the number in the user's file.
    pub fn new(seed: u64) -> Seed {
        Seed(mix(seed ^ 0x6571_6369_7263_7569))
    }

    /// The stream of a named part.
    pub fn child(self, name: &str) -> Seed {
        // FNV-1a over the name, then mixed with the parent.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        Seed(mix(self.0.rotate_left(17) ^ mix(hash)))
    }

    /// The stream of a numbered part.
    pub fn index(self, i: usize) -> Seed {
        self.numbered(number(i))
    }

    #[inline(always)]
    fn numbered(self, number: u64) -> Seed {
        Seed(mix(self.0.rotate_left(29) ^ number))
    }

    /// A number of this stream, between 0 and 1, where one is all that is needed of it.
    #[inline(always)]
    pub fn uniform(self) -> f64 {
        (mix(self.0) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// The generator of this stream (Philox4x32-10, Salmon et al. 2011).
    pub fn rng(self) -> Philox {
        Philox::from_u64_seed(self.0)
    }
}

/// `seed.index(i).uniform()` of every seed.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn uniforms(seeds: &[Seed], i: usize, out: &mut [f64]) {
    let number = number(i);
    for (out, seed) in out.iter_mut().zip(seeds) {
        *out = seed.numbered(number).uniform();
    }
}

fn number(i: usize) -> u64 {
    mix(i as u64 ^ 0x9e37_79b9_7f4a_7c15)
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
#[inline(always)]
fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_many_streams_are_those_of_each() {
        let seeds: Vec<Seed> = (0..37).map(|k| Seed::new(3).child("read").index(k)).collect();
        let mut out = vec![0.0; seeds.len()];
        for i in [0, 1, 5000] {
            uniforms(&seeds, i, &mut out);
            let each: Vec<f64> = seeds.iter().map(|seed| seed.index(i).uniform()).collect();
            assert_eq!(out, each);
        }
    }
}
