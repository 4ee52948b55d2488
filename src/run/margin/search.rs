//! The searches along one key: from the outermost value inwards by halves, then between the two
//! sides.

/// Halvings from the largest value down before a key is taken to have no margin.
const HALVINGS: usize = 20;
/// How near the two sides of a margin come to each other.
const NEAR: f64 = 0.05;

/// The values of a key that are tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Values {
    /// 0 where that is no effect; else the smallest value that the key takes, or as good as that.
    pub least: f64,
    pub most: f64,
    /// Whole numbers alone.
    pub whole: bool,
}

impl Values {
    /// The smallest value above 0 of a key that takes none of 0.
    pub fn above_zero(most: f64) -> f64 {
        (0..HALVINGS).fold(most, |value, _| 0.5 * value)
    }

    /// The largest value found that keeps what is asked, and whether that is the largest of all;
    /// `least` is held to keep it.
    pub fn largest<E>(self, keeps: impl Fn(f64) -> Result<bool, E>) -> Result<(f64, bool), E> {
        if keeps(self.most)? {
            return Ok((self.most, true));
        }
        let (mut low, mut high) = (self.least, self.most);
        if !self.whole {
            low = 0.0;
            for _ in 0..HALVINGS {
                let half = 0.5 * high;
                if half <= self.least || keeps(half)? {
                    low = half.max(self.least);
                    break;
                }
                high = half;
            }
        }
        while let Some(middle) = self.between(low, high) {
            if keeps(middle)? { low = middle } else { high = middle }
        }
        Ok((low, false))
    }

    /// The smallest value found that keeps what is asked; `most` is held to keep it, and `least`
    /// not to.
    pub fn smallest<E>(self, keeps: impl Fn(f64) -> Result<bool, E>) -> Result<f64, E> {
        let (mut low, mut high) = (self.least, self.most);
        while !self.whole && 0.5 * high > self.least {
            let half = 0.5 * high;
            if !keeps(half)? {
                low = half;
                break;
            }
            high = half;
        }
        while let Some(middle) = self.between(low, high) {
            if keeps(middle)? { high = middle } else { low = middle }
        }
        Ok(high)
    }

    /// What is tried between two sides, unless they are near enough.
    fn between(self, low: f64, high: f64) -> Option<f64> {
        match self.whole {
            true => (high - low > 1.0).then_some((0.5 * (low + high)).floor()),
            false => (low > 0.0 && high - low > NEAR * high).then_some(0.5 * (low + high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: Values = Values { least: 0.0, most: 1.0, whole: false };
    const WHOLE: Values = Values { least: 2.0, most: 16.0, whole: true };

    #[test]
    fn the_largest_value_that_keeps_is_found() {
        for limit in [0.7, 0.31, 1e-3, 4e-6] {
            let (found, all) = REAL.largest(|v| Ok::<_, ()>(v <= limit)).unwrap();
            assert!(
                found <= limit && limit <= found * (1.0 + 1.1 * NEAR) && !all,
                "{limit} {found}"
            );
        }
        let two = Values { most: 2.0, ..REAL };
        assert_eq!(two.largest(|_| Ok::<_, ()>(true)).unwrap(), (2.0, true));
        assert_eq!(two.largest(|_| Ok::<_, ()>(false)).unwrap(), (0.0, false));
        assert_eq!(two.largest(|_| Err::<bool, _>("no")).unwrap_err(), "no");
        for limit in 2..16 {
            let limit = f64::from(limit);
            let keeps = |v: f64| Ok::<_, ()>(v.fract() == 0.0 && v <= limit);
            assert_eq!(WHOLE.largest(keeps).unwrap(), (limit, false));
        }
    }

    #[test]
    fn the_smallest_value_that_keeps_is_found() {
        for limit in 3..=16 {
            let limit = f64::from(limit);
            let keeps = |v: f64| Ok::<_, ()>(v.fract() == 0.0 && v >= limit);
            assert_eq!(WHOLE.smallest(keeps).unwrap(), limit);
        }
        let gain = Values { least: Values::above_zero(1e4), most: 1e4, whole: false };
        for limit in [9e3, 130.0, 0.02] {
            let found = gain.smallest(|v| Ok::<_, ()>(v >= limit)).unwrap();
            assert!(found >= limit && limit >= found * (1.0 - NEAR), "{limit} {found}");
        }
    }
}
