//! Some unknowns on their way.

use super::Moment;
use crate::units::Second;

/// Some unknowns on their way, as a cubic between each two moments.
#[derive(Debug, Clone, Default)]
pub struct Path {
    unknowns: Vec<usize>,
    times: Vec<Second>,
    /// `[moments, unknowns]`
    values: Vec<f64>,
    slopes: Vec<f64>,
}

impl Path {
    /// An empty record of these unknowns.
    pub fn of(unknowns: Vec<usize>) -> Path {
        Path { unknowns, ..Path::default() }
    }

    /// Appends a moment.
    pub fn record(&mut self, now: &Moment) {
        self.times.push(now.time);
        for &k in &self.unknowns {
            self.values.push(now.x[k]);
            self.slopes.push(now.slope[k]);
        }
    }

    /// The times recorded, ascending.
    pub fn times(&self) -> &[Second] {
        &self.times
    }

    /// The unknowns at a time by cubic Hermite interpolation, in the order of the record; before
    /// the first and after the last moment, the values there.
    ///
    /// # Panics
    /// If nothing was recorded.
    pub fn at(&self, time: Second) -> Vec<f64> {
        let n = self.unknowns.len();
        let after = self.times.partition_point(|&t| t <= time);
        if after == 0 || after == self.times.len() {
            let row = after.saturating_sub(1);
            return self.values[row * n..(row + 1) * n].to_vec();
        }
        let h = self.times[after] - self.times[after - 1];
        let s = (time - self.times[after - 1]) / h;
        let r = 1.0 - s;
        (0..n)
            .map(|k| {
                let (a, b) = ((after - 1) * n + k, after * n + k);
                self.values[a] * r * r * (1.0 + 2.0 * s)
                    + self.values[b] * s * s * (1.0 + 2.0 * r)
                    + h * s * r * (self.slopes[a] * r - self.slopes[b] * s)
            })
            .collect()
    }
}
