//! What is wrong with cells for the life of a chip, each effect from a stream of its own name.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::faults;
use super::pulse::{Device, Window};
use super::trap::{self, Trap};
use crate::numerics::seed::Seed;
use crate::spec::{NonIdeal, Spread};
use crate::units::Siemens;

/// What is wrong with the cells of one sign of an array, row-major; empty where nothing is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Quirk {
    /// Factor on the programmed conductance.
    pub factor: Vec<f64>,
    /// The least conductance of each cell.
    pub low: Vec<Siemens>,
    /// The largest conductance of each cell.
    pub high: Vec<Siemens>,
    /// The conductance a cell is stuck at, by place, ascending.
    pub stuck: Vec<(usize, Siemens)>,
    /// Standard normal numbers: of the drift exponents, and of relaxation.
    pub drift: Vec<f64>,
    pub relaxation: Vec<f64>,
    /// How each cell answers to pulses; empty where all writes program their targets.
    pub devices: Vec<Device>,
    pub traps: Vec<Trap>,
}

impl Quirk {
    /// `shape` is rows and columns, `window` the least and the largest conductance as designed.
    pub fn draw(
        shape: [usize; 2],
        nonideal: &NonIdeal,
        window: [Siemens; 2],
        place: Seed,
    ) -> Quirk {
        let cells = shape[0] * shape[1];
        let fabrication = &nonideal.fabrication;
        let factors = |spread: Spread, name: &str| -> Vec<f64> {
            if spread.sigma <= 0.0 {
                return Vec::new();
            }
            normals(place.child(name), cells).into_iter().map(|z| spread.factor(z)).collect()
        };
        let around = |g: Siemens, spread, name| -> Vec<Siemens> {
            factors(spread, name).into_iter().map(|f| g * f).collect()
        };
        let numbers = |drawn: bool, name: &str| match drawn {
            true => normals(place.child(name), cells),
            false => Vec::new(),
        };
        let lognormal = Spread { sigma: fabrication.spread, ..Spread::default() };
        let mut quirk = Quirk {
            factor: factors(lognormal, "spread"),
            low: around(window[0], fabrication.g_min, "g-min"),
            high: around(window[1], fabrication.g_max, "g-max"),
            stuck: Vec::new(),
            drift: numbers(nonideal.time.drift.is_some(), "drift"),
            relaxation: numbers(!nonideal.time.relaxation.is_empty(), "relaxation"),
            devices: Vec::new(),
            traps: trap::draw(nonideal.read.telegraph.as_ref(), cells, place),
        };
        if let Some(update) = &nonideal.update {
            let streams = ["step", "asymmetry", "low-end", "high-end"];
            let drawn = streams.map(|name| numbers(true, name));
            let device = |k: usize| {
                let draws = [0, 1, 2, 3].map(|s: usize| drawn[s][k]);
                Device::of(update, Window::of(window), quirk.window(k, window), draws)
            };
            quirk.devices = (0..cells).map(device).collect();
        }
        let stuck = faults::draw(shape, fabrication, place);
        let at = |(k, fault): (usize, faults::Fault)| match fault {
            faults::Fault::On => (k, quirk.window(k, window)[1]),
            faults::Fault::Off => (k, quirk.window(k, window)[0]),
            faults::Fault::At(g) => (k, g),
        };
        quirk.stuck = stuck.into_iter().map(at).collect();
        quirk
    }

    /// The least and the largest conductance of a cell; the largest is never below the least.
    pub fn window(&self, k: usize, design: [Siemens; 2]) -> [Siemens; 2] {
        let low = self.low.get(k).copied().unwrap_or(design[0]);
        let high = self.high.get(k).copied().unwrap_or(design[1]);
        [low, high.max(low)]
    }

    /// Puts stuck cells back.
    pub fn stick(&self, made: &mut [Siemens]) {
        for &(k, g) in &self.stuck {
            made[k] = g;
        }
    }

    /// Whether the cells have windows of their own.
    pub fn has_windows(&self) -> bool {
        !self.low.is_empty() || !self.high.is_empty()
    }
}

/// Standard normal numbers.
pub(super) fn normals(place: Seed, count: usize) -> Vec<f64> {
    let mut rng = place.rng();
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// Numbers between 0 and 1.
pub(super) fn uniforms(place: Seed, count: usize) -> Vec<f64> {
    let mut rng = place.rng();
    (0..count).map(|_| rng.random()).collect()
}
