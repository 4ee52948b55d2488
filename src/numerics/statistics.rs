//! Intervals of confidence. All are two-sided, at a confidence between 0 and 1.

use std::f64::consts::PI;

use super::math;

/// Most degrees of freedom for which the distribution is summed.
const SUMMED: usize = 200;
/// Steps of a bisection: each halves what is not known of a double.
const HALVINGS: usize = 64;

/// `z` such that a normal deviate lies within `z` standard deviations with this confidence.
pub fn normal_quantile(confidence: f64) -> f64 {
    let outside = 1.0 - confidence;
    bisect(0.0, 40.0, |z| math::erfc(z * std::f64::consts::FRAC_1_SQRT_2) > outside)
}

/// `t` such that Student's t of so many degrees of freedom lies within `t` with this confidence.
///
/// Up to 200 degrees the distribution is its finite series (Abramowitz and Stegun 26.7.3 and
/// 26.7.4), beyond them the quantile is the expansion in their reciprocal (26.7.5), to 1e-9 of it
/// at a confidence of 0.999.
///
/// # Panics
/// Without a degree of freedom.
pub fn student_t(freedom: usize, confidence: f64) -> f64 {
    assert!(freedom > 0, "Student's t without a degree of freedom");
    if freedom > SUMMED {
        return expansion(normal_quantile(confidence), freedom as f64);
    }
    let angle = bisect(0.0, 0.5 * PI, |angle| within(angle, freedom) < confidence);
    math::sqrt(freedom as f64) * math::tan(angle)
}

/// The probability that `|t| < sqrt(freedom) tan(angle)`.
fn within(angle: f64, freedom: usize) -> f64 {
    let (sine, cosine) = (math::sin(angle), math::cos(angle));
    let square = cosine * cosine;
    let odd = freedom % 2 == 1;
    let (mut term, first) = if odd { (cosine, 3) } else { (1.0, 2) };
    let mut sum = 0.0;
    for k in (first..=freedom).step_by(2) {
        sum += term;
        let k = k as f64;
        term *= square * (k - 1.0) / k;
    }
    if odd { 2.0 / PI * (angle + sine * sum) } else { sine * sum }
}

fn expansion(z: f64, n: f64) -> f64 {
    let z2 = z * z;
    let g1 = (z2 + 1.0) / 4.0;
    let g2 = ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let g3 = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    let g4 = ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92_160.0;
    z * (1.0 + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n)
}

/// Where `below` turns false.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        match below(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

/// Mean of some numbers, and half the width of its confidence interval (Student's t), which is
/// infinite for fewer than two.
///
/// ```
/// let (mean, half) = eqcircuit::numerics::statistics::mean_interval(&[1.0, 2.0, 3.0], 0.95);
/// assert_eq!(mean, 2.0);
/// assert!((half - 4.302653 / 3f64.sqrt()).abs() < 1e-6);
/// ```
pub fn mean_interval(values: &[f64], confidence: f64) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, f64::INFINITY);
    }
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    (mean, student_t(values.len() - 1, confidence) * math::sqrt(variance / n))
}

/// Interval of a fraction seen in so many samples (Wilson 1927).
pub fn wilson(fraction: f64, samples: f64, confidence: f64) -> [f64; 2] {
    let z = normal_quantile(confidence);
    let z2 = z * z / samples;
    let middle = (fraction + 0.5 * z2) / (1.0 + z2);
    let spread = math::sqrt(fraction * (1.0 - fraction) / samples + 0.25 * z2 / samples);
    let half = z / (1.0 + z2) * spread;
    [middle - half, middle + half]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_an_independent_library() {
        // scipy.stats.t.ppf and norm.ppf, version 1.17.
        for (freedom, confidence, t) in [
            (1, 0.95, 12.706204736174694),
            (3, 0.95, 3.1824463052837078),
            (4, 0.95, 2.7764451051977934),
            (10, 0.99, 3.16927267261695),
            (29, 0.9, 1.6991270265334972),
            (30, 0.95, 2.0422724563012378),
            (100, 0.999, 3.390491311164263),
            (200, 0.999, 3.3398354062757107),
            (201, 0.999, 3.339586788905302),
            (1000, 0.5, 0.6747351646070093),
        ] {
            let found = student_t(freedom, confidence);
            assert!((found - t).abs() < 1e-8 * t, "{freedom} at {confidence}: {found} is not {t}");
        }
        for (confidence, z) in
            [(0.5, 0.6744897501960817), (0.95, 1.959963984540054), (0.999, 3.2905267314919255)]
        {
            assert!((normal_quantile(confidence) - z).abs() < 1e-12, "{confidence}");
        }
        // t of one degree is a tangent, of two a root.
        let c: f64 = 0.8;
        assert!((student_t(1, c) - math::tan(0.5 * PI * c)).abs() < 1e-12);
        assert!((student_t(2, c) - c * math::sqrt(2.0 / (1.0 - c * c))).abs() < 1e-12);
    }

    #[test]
    fn intervals_match_the_tables() {
        // Mean 3, standard deviation 1.5811, of 5: 1.9632 either way.
        let (mean, half) = mean_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95);
        assert_eq!(mean, 3.0);
        assert!((half - 1.9632).abs() < 1e-4, "{half}");
        assert_eq!(mean_interval(&[7.0], 0.95), (7.0, f64::INFINITY));
        // The bounds p solve (p - 0.9)^2 = z^2 p (1 - p) / 100.
        let z = normal_quantile(0.95);
        for p in wilson(0.9, 100.0, 0.95) {
            let (left, right) = ((p - 0.9) * (p - 0.9), z * z * p * (1.0 - p) / 100.0);
            assert!((left - right).abs() < 1e-12, "{p}");
        }
        let [_, high] = wilson(1.0, 360.0, 0.95);
        assert!(high <= 1.0 + 1e-12 && wilson(0.0, 360.0, 0.95)[0].abs() < 1e-12);
    }
}
