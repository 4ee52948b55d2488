//! Standard normal numbers in lanes, a stream a lane: what a lane gets does not depend on its
//! neighbours.

use std::f32::consts::{LN_2, PI};

use multiversion::multiversion;
use rand::RngExt;

use super::seed::Seed;

/// Generators, one a lane: xoshiro128++ (Blackman and Vigna, *ACM Trans. Math. Software* 47, 2021),
/// turned normal by Box and Muller 1958. In single precision; no number is beyond 6.6.
#[derive(Debug, Clone)]
pub struct Normals {
    state: [Vec<u32>; 4],
}

impl Normals {
    /// One lane a seed.
    pub fn new(seeds: impl IntoIterator<Item = Seed>) -> Normals {
        let mut state = [const { Vec::new() }; 4];
        for seed in seeds {
            let mut rng = seed.rng();
            state.iter_mut().for_each(|word| word.push(rng.random()));
        }
        Normals { state }
    }

    /// Fills `[rows, lanes]`, two rows at a time.
    ///
    /// # Panics
    /// If there are not as many lanes as seeds.
    pub fn fill(&mut self, rows: &mut [f32]) {
        let lanes = self.state[0].len();
        assert_eq!(rows.len() % lanes.max(1), 0, "rows of other lanes than the seeds'");
        let [a, b, c, d] = &mut self.state;
        let mut spare = vec![0.0; lanes];
        let mut pairs = rows.chunks_exact_mut(2 * lanes.max(1));
        for pair in &mut pairs {
            let (cosine, sine) = pair.split_at_mut(lanes);
            next([a, b, c, d], cosine, sine);
        }
        let odd = pairs.into_remainder();
        if !odd.is_empty() {
            next([a, b, c, d], odd, &mut spare);
        }
    }
}

#[inline(always)]
fn word(a: &mut u32, b: &mut u32, c: &mut u32, d: &mut u32) -> u32 {
    let out = a.wrapping_add(*d).rotate_left(7).wrapping_add(*a);
    let t = *b << 9;
    *c ^= *a;
    *d ^= *b;
    *b ^= *c;
    *a ^= *d;
    *c ^= t;
    *d = d.rotate_left(11);
    out
}

/// `ln u` for normal positive numbers, to 3e-7.
#[inline(always)]
fn ln(u: f32) -> f32 {
    const ROOT_HALF: i32 = 0x3f35_04f3;
    let bits = u.to_bits() as i32 - ROOT_HALF;
    let m = f32::from_bits(((bits & 0x007f_ffff) + ROOT_HALF) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0))));
    (bits >> 23) as f32 * LN_2 + 2.0 * s * series
}

/// Sine and cosine of up to a quarter turn each way, to 1e-7.
#[inline(always)]
fn sine_cosine(x: f32) -> (f32, f32) {
    let q = x * x;
    // Quotients of neighbouring factorials, not divided by: that takes ten times as long.
    let below = |rest: f32, n: f32| 1.0 - q * (1.0 / (n * (n - 1.0))) * rest;
    let sine = [11.0, 9.0, 7.0, 5.0, 3.0].into_iter().fold(1.0, below);
    let cosine = [12.0, 10.0, 8.0, 6.0, 4.0, 2.0].into_iter().fold(1.0, below);
    (x * sine, cosine)
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn next([a, b, c, d]: [&mut [u32]; 4], cosine: &mut [f32], sine: &mut [f32]) {
    let n = cosine.len();
    let (a, b, c, d) = (&mut a[..n], &mut b[..n], &mut c[..n], &mut d[..n]);
    let sine = &mut sine[..n];
    for k in 0..n {
        let first = word(&mut a[k], &mut b[k], &mut c[k], &mut d[k]);
        let second = word(&mut a[k], &mut b[k], &mut c[k], &mut d[k]);
        let u = ((first >> 1) as i32 as f32 + 0.5) * (1.0 / 2_147_483_648.0);
        let radius = (-2.0 * ln(u)).max(0.0).sqrt();
        // Half the angle, within a quarter turn.
        let half = second as i32 as f32 * (PI / 4_294_967_296.0);
        let (s, c) = sine_cosine(half);
        cosine[k] = radius * (1.0 - 2.0 * s * s);
        sine[k] = radius * (2.0 * s * c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::math;

    #[test]
    fn moments_are_those_of_a_normal_number() {
        const LANES: usize = 16;
        const ROWS: usize = 100_000;
        let mut normals = Normals::new((0..LANES).map(|k| Seed::new(3).index(k)));
        let mut rows = vec![0.0; ROWS * LANES];
        normals.fill(&mut rows);
        let n = rows.len() as f64;
        // Six standard errors: 2e-9 of a false alarm each.
        for (power, moment, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10_170.0)]
        {
            let mean = rows.iter().map(|z| f64::from(*z).powi(power)).sum::<f64>() / n;
            let error = math::sqrt(variance / n);
            assert!((mean - moment).abs() < 6.0 * error, "moment {power}: {mean}, not {moment}");
        }
        let beyond = rows.iter().filter(|z| z.abs() > 4.0).count() as f64;
        let share = math::erfc(4.0 / std::f64::consts::SQRT_2);
        assert!((beyond - n * share).abs() < 6.0 * math::sqrt(n * share), "{beyond} beyond 4");
        let follows = rows.chunks_exact(LANES).collect::<Vec<_>>();
        for (what, other) in [("lane", (0, 1)), ("row", (1, 0)), ("pair", (2, 0))] {
            let products =
                follows.windows(3).map(|w| f64::from(w[0][0]) * f64::from(w[other.0][other.1]));
            let count = (ROWS - 2) as f64;
            let mean = products.sum::<f64>() / count;
            assert!(mean.abs() < 6.0 / math::sqrt(count), "{what}: correlation {mean}");
        }
    }

    #[test]
    fn a_lane_does_not_depend_on_its_neighbours() {
        let seed = |k: usize| Seed::new(5).index(k);
        let mut wide = vec![0.0; 7 * 24];
        Normals::new((0..24).map(seed)).fill(&mut wide);
        let mut narrow = vec![0.0; 7 * 3];
        Normals::new([seed(20), seed(4), seed(4)]).fill(&mut narrow);
        for (wide, narrow) in wide.chunks_exact(24).zip(narrow.chunks_exact(3)) {
            assert_eq!(narrow, [wide[20], wide[4], wide[4]]);
        }
    }

    #[test]
    fn elementary_functions_are_near_those_of_libm() {
        for k in 0..20_000_u16 {
            let u = math::exp(-20.0 * f64::from(k) / 20_000.0) as f32;
            assert!((f64::from(ln(u)) - math::log(f64::from(u))).abs() < 2e-6, "ln {u}");
            let x = PI * (f32::from(k) / 20_000.0 - 0.5);
            let (s, c) = sine_cosine(x);
            assert!((f64::from(s) - math::sin(f64::from(x))).abs() < 3e-7, "sin {x}");
            assert!((f64::from(c) - math::cos(f64::from(x))).abs() < 3e-7, "cos {x}");
        }
    }
}
