//! A signal over its axis.

use crate::numerics::math::sqrt;
use crate::spec::study::Statistic;

/// Columns as they are.
pub(super) struct Plain {
    pub axis: Option<Vec<f64>>,
    pub values: Vec<f64>,
}

/// A signal over an ascending axis; at least one point.
pub(super) struct Series {
    pub axis: Vec<f64>,
    pub values: Vec<f64>,
    /// Whether there is an axis at all; an operating point has none.
    spread: bool,
}

impl Series {
    /// # Errors
    /// An axis that runs to and fro.
    pub fn new(plain: Plain) -> Result<Series, String> {
        let Plain { axis, mut values } = plain;
        let Some(mut axis) = axis else {
            return Ok(Series { axis: vec![0.0; values.len()], values, spread: false });
        };
        if axis.first() > axis.last() {
            axis.reverse();
            values.reverse();
        }
        if axis.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err("the axis runs several times: measure a sweep of one quantity".into());
        }
        Ok(Series { axis, values, spread: true })
    }

    pub fn value(&self, k: usize) -> f64 {
        self.values[k]
    }

    /// Takes something off every value.
    pub fn lower(&mut self, by: impl Fn(usize) -> f64) {
        self.values.iter_mut().enumerate().for_each(|(k, value)| *value -= by(k));
    }

    /// # Errors
    /// A place beyond the axis.
    pub fn at(&self, place: f64) -> Result<f64, String> {
        if !self.spread {
            return Ok(self.values[0]);
        }
        let (first, last) = self.ends();
        let slack = 1e-9 * (last - first);
        if !(first - slack..=last + slack).contains(&place) {
            return Err(format!(
                "{place:e} is beyond the axis, which is from {first:e} to {last:e}"
            ));
        }
        let after = self.axis.partition_point(|x| *x < place).min(self.axis.len() - 1);
        let before = after.saturating_sub(1);
        let width = self.axis[after] - self.axis[before];
        if width == 0.0 || place >= last {
            return Ok(self.values[after]);
        }
        let share = ((place - self.axis[before]) / width).max(0.0);
        Ok(self.values[before] + share * (self.values[after] - self.values[before]))
    }

    fn ends(&self) -> (f64, f64) {
        (self.axis[0], self.axis[self.axis.len() - 1])
    }

    /// The part between two places.
    ///
    /// # Errors
    /// Places beyond the axis or in the wrong order.
    pub fn within(self, from: Option<f64>, to: Option<f64>) -> Result<Series, String> {
        if !self.spread || (from.is_none() && to.is_none()) {
            return Ok(self);
        }
        let (first, last) = self.ends();
        let (from, to) = (from.unwrap_or(first), to.unwrap_or(last));
        if from >= to {
            return Err(format!("the window from {from:e} to {to:e} is empty"));
        }
        let ends = [(from, self.at(from)?), (to, self.at(to)?)];
        let inside = self.axis.iter().zip(&self.values).filter(|(x, _)| **x > from && **x < to);
        let points = std::iter::once(ends[0])
            .chain(inside.map(|(x, v)| (*x, *v)))
            .chain(std::iter::once(ends[1]));
        let (axis, values) = points.unzip();
        Ok(Series { axis, values, spread: true })
    }

    /// # Errors
    /// What needs an axis, of an operating point.
    pub fn statistic(&self, statistic: Statistic) -> Result<f64, String> {
        let (first, last) = self.ends();
        let width = last - first;
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = |sum: f64, one: f64| if width > 0.0 { sum / width } else { one };
        let found = match statistic {
            Statistic::Minimum => least,
            Statistic::Maximum => most,
            Statistic::PeakToPeak => most - least,
            Statistic::Average => mean(self.integral(|a, b| 0.5 * (a + b)), self.values[0]),
            Statistic::Rms => {
                let square = self.integral(|a, b| (a * a + a * b + b * b) / 3.0);
                sqrt(mean(square, self.values[0] * self.values[0]))
            }
            Statistic::Integral if self.spread => self.integral(|a, b| 0.5 * (a + b)),
            Statistic::MinimumAt if self.spread => self.place_of(least),
            Statistic::MaximumAt if self.spread => self.place_of(most),
            Statistic::Integral | Statistic::MinimumAt | Statistic::MaximumAt => {
                return Err("an operating point has no axis".into());
            }
        };
        Ok(found)
    }

    /// The sum of a mean value of every span times its width.
    fn integral(&self, mean: impl Fn(f64, f64) -> f64) -> f64 {
        let spans = self.axis.windows(2).zip(self.values.windows(2));
        spans.map(|(x, v)| (x[1] - x[0]) * mean(v[0], v[1])).sum()
    }

    fn place_of(&self, value: f64) -> f64 {
        self.values.iter().position(|v| *v == value).map_or(f64::NAN, |k| self.axis[k])
    }
}
