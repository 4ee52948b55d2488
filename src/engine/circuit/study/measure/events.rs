//! Where a signal crosses a level.

use super::series::Series;
use crate::spec::study::Edge;

/// What a signal does at an edge.
pub(super) fn verb(edge: Edge) -> &'static str {
    match edge {
        Edge::Rise => "rises through",
        Edge::Fall => "falls through",
        Edge::Either => "crosses",
    }
}

impl Series {
    /// Where it crosses zero for the `count`-th time after a place, or for the last time.
    ///
    /// # Errors
    /// How often it does, if not so often.
    pub fn crossing(&self, edge: Edge, count: Option<usize>, after: f64) -> Result<f64, usize> {
        let places: Vec<f64> = self.crossings(edge).filter(|place| *place >= after).collect();
        let found = match count {
            Some(count) => count.checked_sub(1).and_then(|k| places.get(k)),
            None => places.last(),
        };
        found.copied().ok_or(places.len())
    }

    fn crossings(&self, edge: Edge) -> impl Iterator<Item = f64> {
        let spans = self.axis.windows(2).zip(self.values.windows(2));
        spans.filter_map(move |(x, v)| {
            let rises = v[0] < 0.0 && v[1] >= 0.0;
            let falls = v[0] > 0.0 && v[1] <= 0.0;
            let counts = match edge {
                Edge::Rise => rises,
                Edge::Fall => falls,
                Edge::Either => rises || falls,
            };
            counts.then(|| x[0] + (x[1] - x[0]) * v[0] / (v[0] - v[1]))
        })
    }

    /// The way from the first to the last value as one from 0 to 1.
    fn step(&self) -> Result<Series, String> {
        let (first, last) = (self.values[0], self.values[self.values.len() - 1]);
        let way = last - first;
        if way == 0.0 {
            return Err("it ends where it began, so that its way has no length".into());
        }
        let plain = super::Plain {
            axis: Some(self.axis.clone()),
            values: self.values.iter().map(|v| (v - first) / way).collect(),
        };
        Series::new(plain)
    }

    /// From 10 % to 90 % of the way, each for the first time.
    ///
    /// # Errors
    /// A signal that ends where it began.
    pub fn rise_time(&self) -> Result<f64, String> {
        let place = |level: f64| {
            let mut step = self.step()?;
            step.lower(|_| level);
            step.crossing(Edge::Rise, Some(1), f64::NEG_INFINITY)
                .map_err(|_| format!("it never gets to {:.0} % of its way", 100.0 * level))
        };
        Ok(place(0.9)? - place(0.1)?)
    }

    /// How far beyond its last value, in ways.
    ///
    /// # Errors
    /// A signal that ends where it began.
    pub fn overshoot(&self) -> Result<f64, String> {
        Ok(self.step()?.values.iter().copied().fold(1.0, f64::max) - 1.0)
    }

    /// Where it enters a band around its last value for the last time.
    ///
    /// # Errors
    /// A signal that ends where it began.
    pub fn settling_time(&self, within: f64) -> Result<f64, String> {
        let mut step = self.step()?;
        step.lower(|_| 1.0);
        step.values.iter_mut().for_each(|v| *v = within - v.abs());
        let entry = step.crossing(Edge::Rise, None, f64::NEG_INFINITY);
        entry.map_err(|_| "it is within the band from the beginning".into())
    }
}
