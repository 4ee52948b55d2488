//! Quantiles and histograms of what was recorded.

/// NaN of none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample's standard deviation; NaN of fewer than two.
pub fn spread(values: &[f64]) -> f64 {
    let middle = mean(values);
    let squares: f64 = values.iter().map(|v| (v - middle) * (v - middle)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

/// The `q`-quantile of numbers sorted in ascending order, linear between neighbours; NaN of none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// `bins + 1` evenly spaced edges over the finite numbers of all sets; `None` when there are none.
/// Equal numbers get a range around them.
pub fn edges(sets: &[&[f64]], bins: usize) -> Option<Vec<f64>> {
    let finite = sets.iter().flat_map(|set| set.iter()).copied().filter(|v| v.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return None;
    }
    let margin = match high - low {
        0.0 if low == 0.0 => 1.0,
        width if width <= 1e-9 * low.abs() => 0.05 * low.abs(),
        _ => 0.0,
    };
    let (low, high) = (low - margin, high + margin);
    Some((0..=bins).map(|i| low + (high - low) * i as f64 / bins as f64).collect())
}

/// Edges half-way between whole numbers, at most `bins` bins of one whole width; `None` of none.
pub fn whole_edges(values: &[f64], bins: usize) -> Option<Vec<f64>> {
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    let width = ((high - low + 1.0) / bins as f64).ceil();
    let bins = ((high - low + 1.0) / width).ceil() as usize;
    Some((0..=bins).map(|i| low - 0.5 + width * i as f64).collect())
}

/// How many numbers fall between each pair of edges; the last bin has both its edges.
pub fn counts(values: &[f64], edges: &[f64]) -> Vec<f64> {
    let bins = edges.len() - 1;
    let (low, high) = (edges[0], edges[bins]);
    let mut counts = vec![0.0; bins];
    for v in values.iter().filter(|v| (low..=high).contains(*v)) {
        let bin = ((v - low) / (high - low) * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1.0;
    }
    counts
}

/// A number of bins that suits a number of values: between 8 and 40, about its square root.
pub fn bins(values: usize) -> usize {
    ((values as f64).sqrt().round() as usize).clamp(8, 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let v = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!(quantile(&v, 0.5), 4.0);
        assert_eq!(quantile(&v, 0.25), 2.0);
        assert!((quantile(&v, 0.1) - 1.4).abs() < 1e-15);
        assert_eq!(quantile(&v, 1.0), 16.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn every_value_lands_in_one_bin() {
        let v = [0.0, 0.1, 0.5, 0.9, 1.0, 1.0];
        let e = edges(&[&v], 4).unwrap();
        assert_eq!(e, [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(counts(&v, &e), [2.0, 0.0, 1.0, 3.0]);
        let same = edges(&[&[3e-7, 3e-7]], 8).unwrap();
        assert_eq!(counts(&[3e-7, 3e-7], &same).iter().sum::<f64>(), 2.0);
        assert!(same[0] < 3e-7 && same[8] > 3e-7);
        assert_eq!(edges(&[&[f64::NAN]], 8), None);
        assert_eq!(whole_edges(&[3.0, 4.0, 7.0], 3), Some(vec![2.5, 4.5, 6.5, 8.5]));
        assert_eq!(whole_edges(&[5.0, 5.0], 8), Some(vec![4.5, 5.5]));
    }
}
