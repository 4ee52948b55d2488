//! Pairs programmed anew, so that cells which only rise have room again.

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::cell::{Draws, Programmer};
use super::fabricate::SIGNS;
use super::{Chip, Written};
use crate::numerics::seed::Seed;
use crate::spec::Refresh;
use crate::units::Siemens;

impl Chip {
    /// Programs the pairs that are due, both cells as low as their difference lets them, as it is
    /// read; `every` counts the writes.
    pub(super) fn refresh_pairs(&mut self) -> Written {
        let update = self.nonideal.update.as_ref();
        let Some(update) = update else { return Written::default() };
        let Some(Refresh { every, above }) = update.refresh else { return Written::default() };
        let all = every.is_some_and(|every| self.writes.is_multiple_of(every));
        let hardware = &self.fabric.hardware;
        let window = [hardware.g_min, hardware.g_max];
        let way = hardware.g_max - hardware.g_min;
        let place = self.place_of_write();
        let programmer = Programmer::new(&self.nonideal, window);
        let due = |plus: Siemens, minus: Siemens| {
            // Where there is less to gain than a step, a pair would be programmed for ever.
            let spare = plus.min(minus) - hardware.g_min;
            let high = plus.max(minus) - hardware.g_min;
            spare > update.step && (all || above.is_some_and(|share| high > share * way))
        };
        let mut written = Written::default();
        for (a, array) in self.fabric.arrays.iter().enumerate() {
            if array.shares.is_some() {
                continue;
            }
            let place = place.child(&array.name).child("refresh");
            let (cells, quirks) = (&mut self.cells[a], &self.quirks[a]);
            let plus = cells.plus.as_mut_slice().par_iter_mut();
            let pairs = plus.zip(cells.minus.as_mut_slice().par_iter_mut()).enumerate();
            let counts = pairs.filter(|(_, (plus, minus))| due(**plus, **minus)).map(
                |(k, (plus, minus))| {
                    let difference = *plus - *minus;
                    let aims = [difference.max(0.0), (-difference).max(0.0)];
                    let mut pulses = 0;
                    for (sign, made) in [plus, minus].into_iter().enumerate() {
                        let draws = draws(&programmer, place.child(SIGNS[sign]).index(k));
                        let aim = hardware.g_min + aims[sign];
                        let (g, took) = programmer.cell(&quirks[sign], k, draws, aim);
                        *made = g;
                        pulses += took;
                    }
                    (2, pulses)
                },
            );
            let sum = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
            let (count, pulses) = counts.reduce(|| (0, 0), sum);
            written.cells += count;
            written.pulses += pulses;
            quirks[0].stick(cells.plus.as_mut_slice());
            quirks[1].stick(cells.minus.as_mut_slice());
        }
        written
    }
}

fn draws(programmer: &Programmer, place: Seed) -> Draws {
    let first = programmer.is_noisy().then(|| StandardNormal.sample(&mut place.rng()));
    Draws { first, more: place.child("retries") }
}
