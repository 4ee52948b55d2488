//! A cell written, and what it is when it is read.

use rand_distr::{Distribution, StandardNormal};

use super::ageing::Ageing;
use super::pulse::Pulser;
use super::quirk::{Quirk, normals};
use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::spec::{NonIdeal, Programming, Spacing};
use crate::units::Siemens;

/// How cells take what is asked of them.
pub(super) struct Programmer<'a> {
    programming: &'a Programming,
    /// The least and the largest conductance as designed.
    window: [Siemens; 2],
    ageing: Option<Ageing<'a>>,
}

/// What is drawn for a write of a cell.
#[derive(Clone, Copy)]
pub(super) struct Draws {
    /// Standard normal, of the first pulse; `None` without noise.
    pub first: Option<f64>,
    /// Of further pulses.
    pub more: Seed,
}

impl<'a> Programmer<'a> {
    pub fn new(nonideal: &'a NonIdeal, window: [Siemens; 2]) -> Programmer<'a> {
        let ageing = Ageing::of(&nonideal.time, window[1]);
        Programmer { programming: &nonideal.programming, window, ageing }
    }

    /// Whether writes are noisy.
    pub fn is_noisy(&self) -> bool {
        let p = self.programming;
        [p.sigma, p.absolute, p.proportional].iter().any(|s| *s > 0.0) || p.measured.is_some()
    }

    /// Whether a cell is made as it is asked for (unless it is stuck), in one pulse.
    pub fn is_exact(&self, quirks: &[Quirk]) -> bool {
        let p = self.programming;
        let continuous = p.levels.is_none() && p.table.is_empty();
        let alike = |quirk: &Quirk| quirk.factor.is_empty() && !quirk.has_windows();
        continuous
            && !self.is_noisy()
            && p.verify.is_none()
            && !p.limited
            && self.ageing.is_none()
            && quirks.iter().all(alike)
    }

    /// What cell `k` becomes, and the pulses that took. Stuck cells are put back by
    /// [`Quirk::stick`].
    pub fn cell(&self, quirk: &Quirk, k: usize, draws: Draws, target: Siemens) -> (Siemens, usize) {
        let asked = self.level(target);
        let (written, pulses) = match self.programming.verify {
            Some(_) => self.verified(quirk, k, draws, asked),
            None => (self.in_one_shot(quirk, k, draws.first, asked), 1),
        };
        match &self.ageing {
            Some(ageing) => (ageing.cell(quirk, k, asked, written), pulses),
            None => (written, pulses),
        }
    }

    /// Nothing is read back: the cell's own window and factor show.
    fn in_one_shot(&self, quirk: &Quirk, k: usize, z: Option<f64>, asked: Siemens) -> Siemens {
        let [g_min, g_max] = self.window;
        let window = g_max - g_min;
        let mut g = asked;
        if quirk.has_windows() {
            let [low, high] = quirk.window(k, self.window);
            g = low + (asked - g_min) / window * (high - low);
        }
        if let Some(z) = z {
            g = (g + self.deviation(asked) * z).max(0.0);
        }
        if let Some(factor) = quirk.factor.get(k) {
            g *= factor;
        }
        self.limited(quirk, k, g)
    }

    /// Every pulse writes the cell anew, with its own noise, until what is read is near enough:
    /// the noise that stays is cut at the tolerance, and the number of pulses is geometric. What
    /// is read holds the cell's factor and window, so that the loop takes them out.
    fn verified(&self, quirk: &Quirk, k: usize, draws: Draws, asked: Siemens) -> (Siemens, usize) {
        let Some(verify) = self.programming.verify else { return (asked, 1) };
        let near = |g: Siemens| (g - asked).abs() <= verify.tolerance;
        if let Ok(at) = quirk.stuck.binary_search_by_key(&k, |(place, _)| *place) {
            let g = quirk.stuck[at].1;
            return (g, if near(g) { 1 } else { verify.at_most });
        }
        let own = |g: Siemens| match quirk.has_windows() {
            true => {
                let [low, high] = quirk.window(k, self.window);
                g.clamp(low, high)
            }
            false => self.limited(quirk, k, g),
        };
        let Some(first) = draws.first else {
            let g = own(asked);
            return (g, if near(g) { 1 } else { verify.at_most });
        };
        let deviation = self.deviation(asked);
        let write = |z: f64| own((asked + deviation * z).max(0.0));
        let mut g = write(first);
        let mut pulses = 1;
        let mut rng = draws.more.rng();
        while !near(g) && pulses < verify.at_most {
            g = write(StandardNormal.sample(&mut rng));
            pulses += 1;
        }
        (g, pulses)
    }

    fn limited(&self, quirk: &Quirk, k: usize, g: Siemens) -> Siemens {
        if !self.programming.limited {
            return g;
        }
        let [low, high] = quirk.window(k, self.window);
        g.clamp(low, high)
    }

    /// Standard deviation of the noise of a write.
    fn deviation(&self, asked: Siemens) -> Siemens {
        let (p, [g_min, g_max]) = (self.programming, self.window);
        let mut all = p.sigma * (g_max - g_min);
        let mut add = |sigma: Siemens| {
            if sigma > 0.0 {
                all = if all > 0.0 { math::hypot(all, sigma) } else { sigma };
            }
        };
        add(p.absolute);
        add(p.proportional * asked);
        add(p.measured.as_ref().map_or(0.0, |measured| measured.at(asked, g_max)));
        all
    }

    /// The level nearest to a conductance.
    fn level(&self, target: Siemens) -> Siemens {
        let p = self.programming;
        let [g_min, g_max] = self.window;
        if !p.table.is_empty() {
            let above = p.table.partition_point(|g| *g < target);
            let below = above.saturating_sub(1);
            return nearer(target, p.table[below], p.table[above.min(p.table.len() - 1)]);
        }
        let Some(levels) = p.levels else { return target };
        let steps = (levels - 1) as f64;
        match p.spacing {
            Spacing::Linear => {
                let window = g_max - g_min;
                let step = ((target - g_min) / window * steps).round();
                g_min + step / steps * window
            }
            Spacing::Log => {
                let decades = math::log(g_max / g_min);
                let at = |step: f64| g_min * math::exp(step / steps * decades);
                let place = math::log(target.max(g_min) / g_min) / decades * steps;
                let below = place.floor().clamp(0.0, steps);
                nearer(target, at(below), at((below + 1.0).min(steps)))
            }
        }
    }
}

fn nearer(target: f64, a: f64, b: f64) -> f64 {
    if (target - a).abs() <= (b - target).abs() { a } else { b }
}

/// Loose cells as programmed and read.
#[derive(Debug, Clone, PartialEq)]
pub struct Programmed {
    /// \[S\], one a target.
    pub g: Vec<Siemens>,
    /// One a target.
    pub pulses: Vec<usize>,
}

/// Programs loose cells of a window \[S\], one a target \[S\], each with its own defects, as
/// [`super::fabricate()`] does the cells of an array.
pub fn program_cells(
    targets: &[Siemens],
    window: [Siemens; 2],
    nonideal: &NonIdeal,
    seed: Seed,
) -> Programmed {
    let quirk = Quirk::draw([1, targets.len()], nonideal, window, seed.child("fabrication"));
    let programmer = Programmer::new(nonideal, window);
    let place = seed.child("programming");
    let noise = if programmer.is_noisy() { normals(place, targets.len()) } else { Vec::new() };
    let each = targets.iter().enumerate().map(|(k, &target)| {
        let more = place.child("retries").index(k);
        programmer.cell(&quirk, k, Draws { first: noise.get(k).copied(), more }, target)
    });
    let (mut g, pulses): (Vec<Siemens>, Vec<usize>) = each.unzip();
    quirk.stick(&mut g);
    Programmed { g, pulses }
}

/// Moves loose cells of a window \[S\], each a device of its own, by pulses without writing to a
/// target: `ways` holds so many pulses up, or down where it is below zero. Returns what the cells
/// are after each, pulse noise drawn for every pulse.
///
/// # Panics
/// If there is no [`NonIdeal::update`].
pub fn pulse_cells(
    from: &[Siemens],
    window: [Siemens; 2],
    nonideal: &NonIdeal,
    ways: &[i64],
    seed: Seed,
) -> Vec<Vec<Siemens>> {
    let update = nonideal.update.as_ref().expect("cells that are moved by pulses");
    let quirk = Quirk::draw([1, from.len()], nonideal, window, seed.child("fabrication"));
    let pulser = Pulser::new(update, window);
    let mut g = from.to_vec();
    quirk.stick(&mut g);
    let each = ways.iter().enumerate().map(|(moment, way)| {
        let place = seed.child("pulses").index(moment);
        pulser.train(&quirk.devices, &mut g, way.unsigned_abs() as usize, *way > 0, place);
        quirk.stick(&mut g);
        g.clone()
    });
    each.collect()
}
