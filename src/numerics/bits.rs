//! Trains of random bits, many at once.

use multiversion::multiversion;

use super::draws::{BLOCK, Words};

impl Words {
    /// `length` bits, 64 at most, for each of some probabilities `p` that any of them is 1.
    ///
    /// Where few are, how many comes first, for all at once: a word is compared with the tails of
    /// the binomial.
    ///
    /// # Panics
    /// If there are not as many trains of bits as probabilities.
    pub fn bernoulli(&mut self, p: &[f64], length: usize, bits: &mut [u64]) {
        assert_eq!(p.len(), bits.len(), "a probability for each train of bits");
        let (mut words, mut counts, mut some) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        let mut padded = [0.0; BLOCK];
        for (p, bits) in p.chunks(BLOCK).zip(bits.chunks_mut(BLOCK)) {
            words[..p.len()].iter_mut().for_each(|word| *word = self.word());
            padded[..p.len()].copy_from_slice(p);
            count_ones(&padded, &words, length, p.len(), &mut counts);
            bits.fill(0);
            let mut with_ones = 0;
            for (k, count) in counts[..p.len()].iter().enumerate() {
                some[with_ones] = k;
                with_ones += usize::from(*count > 0);
            }
            for &k in &some[..with_ones] {
                bits[k] = match counts[k] {
                    UNSURE => self.one_train(p[k], length, words[k]),
                    count => self.scattered(u32::from(count), length),
                };
            }
        }
    }

    /// A train of [`Words::bernoulli`] by itself, of which a word is drawn.
    fn one_train(&mut self, p: f64, length: usize, word: u32) -> u64 {
        if p >= 1.0 || p * length as f64 >= FEW {
            return self.digits(p, length);
        }
        let u = (u64::from(word) << 32 | u64::from(self.word())) >> 11;
        let u = u as f64 * (1.0 / 9_007_199_254_740_992.0);
        self.scattered(tail_above(u, p, length) as u32, length)
    }

    /// So many ones at places of their own.
    #[inline]
    fn scattered(&mut self, ones: u32, length: usize) -> u64 {
        let mut bits: u64 = 0;
        while bits.count_ones() < ones {
            bits |= 1 << ((u64::from(self.word()) * length as u64) >> 32);
        }
        bits
    }

    /// `length` bits, each 1 with probability `p`, exact to `2^-64`.
    ///
    /// All are numbers between 0 and 1 of which a word at a time tells the next binary digit;
    /// those that differ from `p` in a digit are decided. Seven words decide 32 of them on the mean.
    fn digits(&mut self, p: f64, length: usize) -> u64 {
        let all = if length >= 64 { u64::MAX } else { (1 << length) - 1 };
        if p >= 1.0 {
            return all;
        }
        // Its binary digits, the first on top.
        let mut rest = (p * 18_446_744_073_709_551_616.0) as u64;
        let (mut undecided, mut below) = (all, 0);
        while undecided != 0 && rest != 0 {
            // Some at a time, without a branch.
            for _ in 0..DIGITS {
                let mut digits = u64::from(self.word());
                if length > 32 {
                    digits |= u64::from(self.word()) << 32;
                }
                let digit = 0u64.wrapping_sub(rest >> 63);
                below |= undecided & digit & !digits;
                undecided &= !(digits ^ digit);
                rest <<= 1;
            }
        }
        below
    }
}

/// Ones that are placed one by one rather than decided side by side, on the mean.
const FEW: f64 = 2.0;

/// Ones that are counted at once, and a count that takes another look.
const MOST: usize = 8;
const UNSURE: u8 = u8::MAX;

/// Words below which another is drawn, so that no probability is off by more than 5e-7 of itself.
const FINE: u32 = 1 << 20;

/// How many of `length` bits are 1 where the binomial has a tail of more than `u`.
fn tail_above(u: f64, p: f64, length: usize) -> usize {
    let mut exactly = power(1.0 - p, length);
    let mut tail = 1.0 - exactly;
    let mut ones = 0;
    while ones < length && u < tail {
        exactly *= (length - ones) as f64 / (ones + 1) as f64 * (p / (1.0 - p));
        tail -= exactly;
        ones += 1;
    }
    ones
}

#[inline(always)]
fn power(x: f64, n: usize) -> f64 {
    let (mut power, mut square, mut rest) = (1.0, x, n);
    while rest > 0 {
        power = if rest & 1 == 1 { power * square } else { power };
        square *= square;
        rest >>= 1;
    }
    power
}

/// How many of `length` bits are 1, by a word each; [`UNSURE`] where that does not tell.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn count_ones(
    p: &[f64; BLOCK],
    words: &[u32; BLOCK],
    length: usize,
    trains: usize,
    counts: &mut [u8; BLOCK],
) {
    const WIDE: usize = 16;
    let chunks = p.as_chunks::<WIDE>().0.iter().zip(words.as_chunks::<WIDE>().0);
    let chunks = chunks.zip(counts.as_chunks_mut::<WIDE>().0);
    for ((p, words), counts) in chunks.take(trains.div_ceil(WIDE)) {
        let ([mut u, mut odds, mut exactly, mut tail], mut count) = ([[0.0; WIDE]; 4], [0; WIDE]);
        for l in 0..WIDE {
            u[l] = (f64::from(words[l]) + 0.5) * (1.0 / 4_294_967_296.0);
            odds[l] = p[l] / (1.0 - p[l]);
            exactly[l] = power(1.0 - p[l], length);
            tail[l] = 1.0 - exactly[l];
        }
        for ones in 0..MOST.min(length) {
            let mut more = 0;
            let share = (length - ones) as f64 / (ones + 1) as f64;
            for l in 0..WIDE {
                let above = i32::from(u[l] < tail[l]);
                more |= above;
                count[l] += above;
                exactly[l] *= share * odds[l];
                tail[l] -= exactly[l];
            }
            if more == 0 {
                break;
            }
        }
        for (l, to) in counts.iter_mut().enumerate() {
            let few = p[l] * (length as f64) < FEW && count[l] < MOST as i32;
            *to = if few && words[l] >= FINE { count[l] as u8 } else { UNSURE };
        }
    }
}

/// Binary digits of numbers that are compared between looks at whether all are decided.
const DIGITS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::math;
    use crate::numerics::seed::Seed;

    #[test]
    fn bits_are_as_likely_as_they_are_asked_to_be() {
        let mut words = Words::new(Seed::new(9));
        let asked =
            [(0.5, 31), (0.003, 64), (0.06, 31), (0.1, 10), (0.7, 2), (0.77, 10), (1.0 / 3.0, 33)];
        for (p, length) in asked {
            let mut trains = vec![0; 30_000];
            let all = trains.len() as f64;
            words.bernoulli(&vec![p; trains.len()], length, &mut trains);
            let mut each = vec![0u32; length];
            let mut counts = vec![0u32; length + 1];
            for &bits in &trains {
                assert_eq!(bits.checked_shr(length as u32).unwrap_or(0), 0);
                counts[bits.count_ones() as usize] += 1;
                for (k, n) in each.iter_mut().enumerate() {
                    *n += u32::from(bits >> k & 1 == 1);
                }
            }
            let near = |found: u32, p: f64| {
                let off = f64::from(found) - p * all;
                // Six standard errors; of what is rare a few may come all the same.
                off.abs() < 6.0 * math::sqrt(p * (1.0 - p) * all) + 6.0
            };
            for n in each {
                assert!(near(n, p), "{p}: {n} of {all}");
            }
            let mut exactly = math::pow(1.0 - p, length as f64);
            for (k, n) in counts.into_iter().enumerate() {
                assert!(near(n, exactly), "{k} of {length} at {p}: {n} of {all}, not {exactly}");
                exactly *= (length - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
            }
        }
        let mut ends = [5; 3];
        words.bernoulli(&[1.0, 0.0, 1.0], 7, &mut ends);
        assert_eq!(ends, [127, 0, 127]);
        words.bernoulli(&[1.0, 0.0, 0.0], 1, &mut ends);
        assert_eq!(ends, [1, 0, 0]);
    }

    #[test]
    fn a_word_that_does_not_tell_is_looked_at_again() {
        let (p, length) = (1e-12, 32);
        let mut counts = [0; BLOCK];
        count_ones(&[p; BLOCK], &[0; BLOCK], length, BLOCK, &mut counts);
        assert_eq!(counts, [UNSURE; BLOCK]);
        // The least word of all: a share of those that follow it.
        let mut words = Words::new(Seed::new(10));
        let all = 20_000.0;
        let found = (0..20_000).filter(|_| words.one_train(p, length, 0) != 0).count() as f64;
        let share = p * length as f64 * 4_294_967_296.0;
        let deviation = math::sqrt(all * share * (1.0 - share));
        assert!((found - share * all).abs() < 6.0 * deviation, "{found}, not {}", share * all);
    }
}
