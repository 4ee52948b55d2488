//! What a cell is when it is read, some time after it was written.

use super::quirk::Quirk;
use crate::numerics::math;
use crate::spec::{Deviation, Drift, Time};
use crate::units::{Second, Siemens};

/// What happens to cells until they are read.
pub(super) struct Ageing<'a> {
    time: &'a Time,
    /// At the reference temperature.
    age: Second,
    relaxed: Option<&'a Deviation>,
    drift: Option<&'a Drift>,
    g_max: Siemens,
}

impl<'a> Ageing<'a> {
    /// `None` where cells are read as they were written.
    pub fn of(time: &'a Time, g_max: Siemens) -> Option<Ageing<'a>> {
        let age = time.effective_age();
        let relaxed = time.relaxed().map(|relaxation| &relaxation.sigma);
        let drift = time.drift.as_ref().filter(|drift| age > drift.t0);
        let ages = relaxed.is_some() || drift.is_some() || time.retention.is_some();
        let disturbed = time.reads > 0.0 && time.disturb.is_some();
        (age > 0.0 && ages || disturbed).then_some(Ageing { time, age, relaxed, drift, g_max })
    }

    /// What cell `k` is, aimed at `asked` and written as `g`.
    pub fn cell(&self, quirk: &Quirk, k: usize, asked: Siemens, g: Siemens) -> Siemens {
        let mut g = g;
        if let (Some(sigma), Some(z)) = (self.relaxed, quirk.relaxation.get(k)) {
            g = (g + sigma.at(asked, self.g_max) * z).max(0.0);
        }
        if let Some(drift) = self.drift {
            let x = asked / self.g_max;
            let z = quirk.drift.get(k).copied().unwrap_or(0.0);
            let nu = (drift.nu.at(x) + drift.sigma.at(x) * z).max(0.0);
            g *= math::exp(-nu * math::log(self.age / drift.t0));
        }
        if let Some(retention) = self.time.retention.filter(|_| self.age > 0.0) {
            let lost = math::pow(self.age / retention.tau, retention.shape);
            g = retention.toward + (g - retention.toward) * math::exp(-lost);
        }
        if let Some(disturb) = self.time.disturb.filter(|_| self.time.reads > 0.0) {
            g = disturb.toward + (g - disturb.toward) * disturb.left(self.time.reads);
        }
        g
    }
}
